// The rating page: shows a question, takes the answer, and goes on when the server has it on disk.

import { begin, get, newKey, post } from "./api.js";
import { Keys } from "./keys.js";
import { LabelField } from "./labels.js";
import { LoopPanel } from "./loop.js";
import { Player } from "./player.js";

const RATINGS = { present: "PRESENT", not_present: "NOT_PRESENT", unsure: "UNSURE", not_acoustic: "NOT_ACOUSTIC" };
const TITLES = { present: "Present", not_present: "Not present", unsure: "Unsure", not_acoustic: "Not acoustic" };
const CHECKS = ["at-once", "by-itself"];

const element = (id) => document.getElementById(id);
const screens = ["loading", "start", "finished", "question", "head"].map(element);

let rater = "";
let question = null; // the one on the screen
let ratings = {}; // label -> rating
let current = 0; // the candidate that the next key rates
let key = ""; // of the answer to it
let shownAt = 0;
let isBusy = false; // a request that changes something is on its way
let player, keys, field, panel; // the panel of the loop, if the server has one

function tell(text) {
  element("message").textContent = text;
  element("message").hidden = !text;
}

function showScreen(name) {
  for (const screen of screens) screen.hidden = screen.id !== name;
}

function showProgress({ answered, total, per_hour: perHour }) {
  const minutes = perHour ? Math.ceil((60 * (total - answered)) / perHour) : 0;
  const left = minutes >= 90 ? `${Math.round(minutes / 60)} h` : `${minutes} min`;
  element("count").textContent = `${answered} of ${total}`;
  element("rate").textContent = perHour ? `${perHour} an hour, ${left} left` : "";
  element("progress").setAttribute("aria-valuenow", answered);
  element("progress").setAttribute("aria-valuemax", total);
  element("progress").firstElementChild.style.width = `${(100 * answered) / Math.max(1, total)}%`;
}

const isAboutLabels = () => question.candidates.length > 0;

function show({ question: next, following, progress, undone }) {
  showProgress(progress);
  question = next;
  element("reasons").hidden = true;
  if (!question) {
    player.stop();
    showScreen("finished");
    element("status").textContent = "All questions have your answer.";
    return;
  }
  ratings = { ...(undone?.ratings ?? {}) };
  current = 0;
  key = newKey();
  shownAt = performance.now();
  field.set(undone?.added ?? []);
  element("comment").value = undone?.comment ?? "";
  element("reason").value = "";
  showScreen("question");
  player.show(question.number, question);
  for (const number of following) player.fetch(number);
  showQuestion();
}

function showQuestion() {
  const { clip_id: clip, segment, candidates } = question;
  element("clip").textContent = clip;
  element("times").textContent = segment ? `${segment[0]}–${segment[1]} s` : "";
  element("asks").textContent = isAboutLabels() ? `Is it in this ${segment ? "segment" : "clip"}?` : "What is it?";
  element("label-of").textContent = isAboutLabels() ? "What else is in it?" : "Labels";
  element("unknown").hidden = isAboutLabels();
  const help = isAboutLabels() ? "" : " Enter in the empty field submits; “?” means that you do not know.";
  element("label-help").textContent = `Enter adds a label.${help}`;
  element("candidates").replaceChildren(...candidates.map(candidateRow));
  showRatings();
  element("status").textContent = `Next: ${candidates.map(({ name }) => name).join(", ") || "what is it?"}`;
  const typesAtOnce = !isAboutLabels() && !matchMedia("(pointer: coarse)").matches;
  if (typesAtOnce) element("label").focus();
  else if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
}

function candidateRow({ name, description, examples }, index) {
  const row = document.createElement("div");
  row.className = "candidate";
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", name);
  const title = document.createElement("div");
  title.className = "name";
  title.textContent = name;
  row.append(title);
  if (description) {
    const more = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = "What is that?";
    const text = document.createElement("p");
    text.className = "soft";
    text.textContent = description + (examples.length ? ` Examples: ${examples.slice(0, 3).join(", ")}` : "");
    more.append(summary, text);
    row.append(more);
  }
  const answers = document.createElement("div");
  answers.className = "answers";
  for (const action of Object.keys(RATINGS)) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = TITLES[action];
    button.dataset.rating = RATINGS[action];
    keys.mark(button, action);
    button.addEventListener("click", () => {
      current = index;
      rate(action);
    });
    answers.append(button);
  }
  row.append(answers);
  return row;
}

function showRatings() {
  [...element("candidates").children].forEach((row, index) => {
    row.classList.toggle("current", index === current && question.candidates.length > 1);
    for (const button of row.querySelectorAll("button")) {
      const isChosen = ratings[question.candidates[index].name] === button.dataset.rating;
      button.setAttribute("aria-pressed", isChosen);
    }
  });
}

function rate(action) {
  if (!isAboutLabels()) {
    if (action === "unsure") send({ unknown: true });
    return;
  }
  ratings[question.candidates[current].name] = RATINGS[action];
  const next = question.candidates.findIndex(({ name }) => !ratings[name]);
  if (next >= 0) current = next;
  showRatings();
  if (next < 0 && element("at-once").checked) submit();
}

function moveTo(index) {
  current = Math.min(question.candidates.length - 1, Math.max(0, index));
  showRatings();
  element("candidates").children[current]?.scrollIntoView({ block: "nearest" });
}

function submit() {
  field.takeTyped();
  const missing = question.candidates.find(({ name }) => !ratings[name]);
  if (missing) tell(`Rate “${missing.name}” too, or skip the clip.`);
  else if (!isAboutLabels() && !field.added.length) tell("Type a label, or say that you do not know.");
  else send({ ratings, added: field.added });
}

function askForReason() {
  element("reasons").hidden = !element("reasons").hidden;
  if (!element("reasons").hidden) element("reasons").querySelector("button").focus();
}

// Sends a request until the server has it on disk; what is on the screen stays there until then.
async function change(path, values) {
  if (isBusy) return;
  isBusy = true;
  element("question").setAttribute("aria-busy", "true");
  try {
    const next = await post(path, { rater, ...values }, () => tell("Not kept yet: the server does not answer. Trying again …"));
    tell("");
    show(next);
  } catch (error) {
    if (error.status === 409) {
      show(await get("/api/next", { rater }));
      tell(`${error.message}.`);
    } else if (path === "/api/undo" && error.status === 400) tell("There is nothing to undo.");
    else tell(`Not kept: ${error.message}`);
  } finally {
    isBusy = false;
    element("question").removeAttribute("aria-busy");
  }
}

function send(answer) {
  const seconds = (performance.now() - shownAt) / 1000;
  change("/api/answer", { question: question.number, key, seconds, comment: element("comment").value, ...answer });
}

const ACTIONS = {
  submit,
  skip: askForReason,
  play: () => player.toggle(),
  replay: () => player.replay(),
  loop: () => player.toggleLoop(),
  slower: () => player.choose("speed", -1),
  faster: () => player.choose("speed", 1),
  context: () => question.segment && player.choose("context", 1, true),
  back: () => player.move(-1),
  forward: () => player.move(1),
  previous_label: () => moveTo(current - 1),
  next_label: () => moveTo(current + 1),
  add_label: () => element("label").focus(),
  comment: () => element("comment").focus(),
  ...Object.fromEntries(Object.keys(RATINGS).map((action) => [action, () => rate(action)])),
};

function openPanel() {
  if (!panel) tell("Start the server with --embeddings to train a head here.");
  else if (panel.isOpen) goOn();
  else if (rater) {
    player.stop();
    tell("");
    showScreen("head");
    panel.open();
  }
}

// From the panel to the question that comes next.
async function goOn() {
  panel.close();
  try {
    show(await get("/api/next", { rater }));
  } catch (error) {
    tell(error.message);
  }
}

function run(action) {
  if (action === "head") openPanel();
  else if (action === "undo") {
    if (rater && !panel?.isOpen) change("/api/undo", { key: newKey() });
  } else if (action === "settings") element("settings").showModal();
  else if (!element("question").hidden && !isBusy) ACTIONS[action]();
}

function listen() {
  for (const button of document.querySelectorAll("[data-action]")) {
    button.addEventListener("click", () => run(button.dataset.action));
  }
  // After a click the next key is not for the button any more.
  document.addEventListener("click", (event) => event.detail && event.target.closest("button")?.blur());
  for (const select of document.querySelectorAll(".controls select")) {
    select.addEventListener("change", () => select.blur());
  }
  for (const button of document.querySelectorAll(".reason")) {
    button.addEventListener("click", () => send({ skip: button.textContent }));
  }
  element("reasons").addEventListener("keydown", (event) => {
    const chosen = event.target.id !== "reason" && element("reasons").querySelectorAll(".reason")[Number(event.key) - 1];
    if (event.key === "Escape") askForReason();
    else if (event.key === "Enter" && event.target.value?.trim()) send({ skip: event.target.value.trim() });
    else if (chosen) send({ skip: chosen.textContent });
    else return;
    event.preventDefault();
  });
  element("comment").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    element("comment").blur();
  });
  for (const id of CHECKS) {
    element(id).checked = localStorage.getItem(id) !== "false";
    element(id).addEventListener("change", () => localStorage.setItem(id, element(id).checked));
  }
  element("start-form").addEventListener("submit", (event) => {
    event.preventDefault();
    enter(element("name").value.trim());
  });
}

async function enter(name) {
  try {
    const next = await get("/api/next", { rater: name });
    rater = name;
    element("rater").textContent = name;
    history.replaceState(null, "", `/?${new URLSearchParams({ rater: name })}`);
    tell("");
    show(next);
  } catch (error) {
    tell(error.message);
  }
}

async function main() {
  const session = await begin();
  listen();
  keys = new Keys(session.keys, run);
  if (session.has_loop) {
    const offered = async (added) => {
      await goOn();
      element("status").textContent = `${added} clips come next.`;
    };
    panel = new LoopPanel({ tell, offered });
    for (const button of document.querySelectorAll("[data-action=head]")) button.hidden = false;
  }
  field = new LabelField({ submit, unknown: () => rate("unsure") });
  player = new Player(tell);
  const name = new URLSearchParams(location.search).get("rater") || session.rater;
  if (name) await enter(name);
  if (!rater) {
    showScreen("start");
    element("name").focus();
  }
}

main().catch((error) => {
  showScreen("none");
  tell(error.message);
});
