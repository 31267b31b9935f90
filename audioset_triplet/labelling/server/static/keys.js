// Keys -> actions. They do nothing in text fields and while a dialog is open, and never scroll the page.

import { post } from "./api.js";

const NAMES = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Backspace: "⌫" };
const TYPED_INTO = "input:not([type=checkbox]), textarea, select";
const NEVER = ["Tab", "Escape", "Shift", "Control", "Alt", "Meta", "CapsLock", "Unidentified", "Dead", "Process"];

export const shown = (key) => NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
const normal = (key) => (key.length === 1 ? key.toLowerCase() : key);

export class Keys {
  constructor(bindings, run) {
    this.bindings = bindings;
    this.run = run;
    this.waiting = null; // the button of the action that gets the next key
    this.dialog = document.getElementById("settings");
    document.addEventListener("keydown", (event) => this.pressed(event));
    for (const button of this.dialog.querySelectorAll("button.bind")) {
      button.addEventListener("click", () => this.waitFor(button));
    }
    document.getElementById("default-keys").addEventListener("click", () => this.keep({}));
    document.getElementById("close-settings").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.waitFor(null));
    this.show();
  }

  pressed(event) {
    if (this.waiting) {
      if (event.key !== "Tab") event.preventDefault();
      if (event.key === "Escape") this.waitFor(null);
      else if (!NEVER.includes(event.key)) this.bind(this.waiting.closest("tr").dataset.of, normal(event.key));
      return;
    }
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || this.dialog.open) return;
    if (event.target.matches(TYPED_INTO)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    // A button that has the focus is pressed by these, as everywhere.
    if (event.target.closest("button, summary, a") && [" ", "Enter"].includes(event.key)) return;
    const action = this.actionOf(normal(event.key));
    if (!action) return;
    event.preventDefault();
    if (!event.repeat || ["back", "forward"].includes(action)) this.run(action);
  }

  actionOf(key) {
    return Object.keys(this.bindings).find((action) => this.bindings[action].includes(key));
  }

  waitFor(button) {
    if (this.waiting) this.waiting.textContent = "Change";
    this.waiting = button;
    if (button) button.textContent = "Press a key";
  }

  bind(action, key) {
    const bindings = Object.fromEntries(
      Object.entries(this.bindings).map(([other, keys]) => [other, keys.filter((one) => one !== key)]),
    );
    bindings[action] = [key];
    this.keep(bindings);
  }

  async keep(bindings) {
    this.waitFor(null);
    const message = document.getElementById("keys-message");
    message.hidden = true;
    try {
      this.bindings = (await post("/api/keys", bindings)).keys;
    } catch (error) {
      message.textContent = `Not kept: ${error.message}`;
      message.hidden = false;
    }
    this.show();
  }

  // Writes the keys into the dialog and onto the buttons.
  show() {
    for (const row of this.dialog.querySelectorAll("tr[data-of]")) {
      row.querySelector(".keys").replaceChildren(...this.bindings[row.dataset.of].map(hint));
    }
    for (const button of document.querySelectorAll("[data-action]")) this.mark(button, button.dataset.action);
  }

  mark(button, action) {
    for (const old of button.querySelectorAll("kbd")) old.remove();
    if (this.bindings[action][0]) {
      button.append(hint(this.bindings[action][0]));
      button.setAttribute("aria-keyshortcuts", this.bindings[action].map(shown).join(" "));
    }
  }
}

function hint(key) {
  const mark = document.createElement("kbd");
  mark.textContent = shown(key);
  return mark;
}
