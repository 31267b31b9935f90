// The panel of the loop: the state of the training, the quality of each class, and offers of the next clips.

import { get, post } from "./api.js";
import { histogram, precisionCurve } from "./charts.js";

const COUNT = 20; // of an offer
const BUSY_MILLISECONDS = 500;
const IDLE_MILLISECONDS = 3000;
const OFFERS = { top: "Top", uncertain: "Uncertain", random: "Random" };

const element = (id) => document.getElementById(id);
const shown = (number) => number.toFixed(2);

export class LoopPanel {
  // `offered` is called with the number of clips that come next.
  constructor({ tell, offered }) {
    this.tell = tell;
    this.offered = offered;
    this.opened = new Set(); // names of the classes whose charts are shown
    this.timer = null;
    this.last = "";
    this.isBusy = false; // an offer is on its way
    element("train").addEventListener("click", () => this.train());
  }

  open() {
    this.last = "";
    this.refresh();
  }

  close() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  get isOpen() {
    return !element("head").hidden;
  }

  async refresh() {
    clearTimeout(this.timer);
    let wait = IDLE_MILLISECONDS;
    try {
      const state = await get("/api/loop");
      if (state.phase !== "idle") wait = BUSY_MILLISECONDS;
      this.show(state);
    } catch (error) {
      this.tell(error.message);
    }
    clearTimeout(this.timer);
    if (this.isOpen) this.timer = setTimeout(() => this.refresh(), wait);
  }

  async train() {
    try {
      this.show(await post("/api/loop/train", {}));
      this.refresh();
    } catch (error) {
      this.tell(error.message);
    }
  }

  async offer(label, source) {
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      const { added } = await post("/api/loop/offer", { label, source, count: COUNT });
      this.offered(added);
    } catch (error) {
      this.tell(error.message);
    } finally {
      this.isBusy = false;
    }
  }

  show(state) {
    const text = JSON.stringify({ ...state, progress: 0 });
    element("loop-state").textContent = stateInWords(state);
    element("loop-error").textContent = state.error;
    element("loop-error").hidden = !state.error;
    element("train").disabled = state.phase === "training" || !hasRatings(state);
    if (text === this.last) return; // what a rater is about to press stays where it is
    this.last = text;
    element("legend").hidden = !state.classes.some((one) => one.charts);
    element("classes").replaceChildren(...state.classes.map((one) => this.row(one, state)));
  }

  row(one, state) {
    const row = document.createElement("details");
    row.className = "card class";
    row.open = this.opened.has(one.name) || state.classes.length === 1;
    row.addEventListener("toggle", () => this.opened[row.open ? "add" : "delete"](one.name));
    row.append(summary(one), ...facts(one, state));
    if (one.charts) {
      const charts = document.createElement("div");
      charts.className = "charts";
      charts.append(histogram(one.charts, one.threshold), precisionCurve(one.charts.curve, state.precision));
      row.append(charts);
    }
    row.append(this.offers(one, state));
    return row;
  }

  offers(one, state) {
    const group = document.createElement("div");
    group.className = "controls";
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", `Next clips for ${one.name}`);
    const text = document.createElement("span");
    text.className = "soft";
    text.textContent = `Next ${COUNT} clips:`;
    group.append(text);
    for (const [source, title] of Object.entries(OFFERS)) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = title;
      button.dataset.offer = source;
      button.disabled = !state.is_scored || (source !== "random" && !one.has_head);
      button.addEventListener("click", () => this.offer(one.name, source));
      group.append(button);
    }
    return group;
  }
}

const hasRatings = (state) => state.classes.length > 0 || state.num_new > 0;

function stateInWords(state) {
  if (state.phase === "training") return "Training …";
  if (!hasRatings(state)) return "Rate some clips first: present ones, and ones that are not.";
  const learned = state.num_ratings ? `Trained on ${number(state.num_ratings, "rating")}` : "Not trained yet";
  const fresh = state.num_new ? `, ${number(state.num_new, "answer")} since` : "";
  const scoring = state.phase === "scoring" ? `; scoring the archive, ${Math.round(100 * state.progress)} %` : "";
  const next = state.train_every ? ` It trains by itself after every ${number(state.train_every, "answer")}.` : "";
  return `${learned}${fresh}${scoring}.${next}`;
}


const number = (value, what) => `${value.toLocaleString("en")} ${what}${value === 1 ? "" : "s"}`;
const estimate = ({ precision, low, high }) => `${shown(precision)} (${shown(low)} to ${shown(high)})`;

function summary(one) {
  const node = document.createElement("summary");
  const name = document.createElement("strong");
  name.textContent = one.name;
  const counts = document.createElement("span");
  counts.className = "soft";
  counts.textContent = `${one.num_present} present, ${one.num_absent} not`;
  const quality = document.createElement("span");
  quality.className = "quality";
  quality.textContent = one.average_precision === null ? "–" : `AP ${shown(one.average_precision)}`;
  quality.title = "Average precision, cross-validated over recordings";
  node.append(name, counts, quality);
  return node;
}

function facts(one, state) {
  const texts = [];
  if (one.problem) texts.push(`${one.problem[0].toUpperCase()}${one.problem.slice(1)}.`);
  if (one.threshold) {
    const { score, events, windows } = one.threshold;
    const found = one.num_events === null ? "" : `; the archive has ${number(one.num_events, "event")} of ${number(one.num_windows, "window")}`;
    texts.push(`From a score of ${shown(score)} on, the precision of events is ${estimate(events)}, that of windows ${estimate(windows)}${found}.`);
  }
  if (one.charts) {
    const how = state.is_scored ? "weighed by the scores of the archive" : "of the ratings alone";
    texts.push(`Precision ${how}; ${number(one.num_random, "rating")} at random.`);
  }
  return texts.map((text) => {
    const node = document.createElement("p");
    node.className = "soft";
    node.textContent = text;
    return node;
  });
}
