// The field for labels: completes names of classes while one types, and lists what was added.

import { get } from "./api.js";

const WAIT_MILLISECONDS = 60;

export class LabelField {
  // `submit` is called by Enter in the empty field, `unknown` by a question mark.
  constructor({ submit, unknown }) {
    this.added = [];
    this.found = [];
    this.selected = -1;
    this.input = document.getElementById("label");
    this.list = document.getElementById("completions");
    this.chips = document.getElementById("added");
    this.actions = { submit, unknown };
    this.input.addEventListener("input", () => this.search());
    this.input.addEventListener("keydown", (event) => this.pressed(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 150)); // after a click on the list
  }

  set(labels) {
    this.added = [...labels];
    this.input.value = "";
    this.close();
    this.show();
  }

  // What stands in the field counts as well.
  takeTyped() {
    if (this.input.value.trim()) this.add(this.input.value);
  }

  add(text) {
    const label = text.trim();
    if (label && !this.added.includes(label)) this.added.push(label);
    this.input.value = "";
    this.close();
    this.show();
  }

  search() {
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      const text = this.input.value;
      const { labels } = text.trim() ? await get("/api/labels", { text }).catch(() => ({ labels: [] })) : { labels: [] };
      if (text !== this.input.value) return;
      this.found = labels;
      const isPrefix = labels.length && labels[0].name.toLowerCase().startsWith(text.trim().toLowerCase());
      this.selected = isPrefix ? 0 : -1;
      this.showFound();
    }, WAIT_MILLISECONDS);
  }

  pressed(event) {
    const isOpen = !this.list.hidden;
    if (isOpen && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      const by = event.key === "ArrowDown" ? 1 : -1;
      this.selected = Math.min(this.found.length - 1, Math.max(-1, this.selected + by));
      this.showFound();
      event.preventDefault();
    } else if (event.key === "Escape" && isOpen) {
      this.close();
      event.preventDefault();
    } else if (event.key === "Enter" && !event.repeat) {
      event.preventDefault();
      const text = this.input.value.trim();
      if (/^[?？]+$/.test(text)) this.actions.unknown();
      else if (text) this.add(isOpen && this.selected >= 0 ? this.found[this.selected].name : text);
      else this.actions.submit();
    }
  }

  close() {
    clearTimeout(this.timer);
    this.found = [];
    this.selected = -1;
    this.showFound();
  }

  showFound() {
    this.list.replaceChildren(
      ...this.found.map(({ name, description }, index) => {
        const item = document.createElement("li");
        item.id = `completion-${index}`;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", index === this.selected);
        item.textContent = name;
        if (description) {
          const text = document.createElement("small");
          text.textContent = description;
          item.append(text);
        }
        item.addEventListener("mousedown", (event) => {
          event.preventDefault(); // the field keeps the focus
          this.add(name);
        });
        return item;
      }),
    );
    this.list.hidden = !this.found.length;
    this.input.setAttribute("aria-expanded", this.found.length > 0);
    if (this.selected >= 0) this.input.setAttribute("aria-activedescendant", `completion-${this.selected}`);
    else this.input.removeAttribute("aria-activedescendant");
    this.list.children[this.selected]?.scrollIntoView({ block: "nearest" });
  }

  show() {
    this.chips.replaceChildren(
      ...this.added.map((label) => {
        const chip = document.createElement("button");
        chip.type = "button";
        chip.setAttribute("aria-label", `Remove ${label}`);
        chip.textContent = `${label} ×`;
        chip.addEventListener("click", () => {
          this.added = this.added.filter((one) => one !== label);
          this.show();
        });
        return chip;
      }),
    );
  }
}
