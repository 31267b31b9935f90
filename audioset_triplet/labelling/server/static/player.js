// The clip: plays it, shows its waveform and spectrogram with their axes and a cursor, and fetches the next ones.

import { address, get } from "./api.js";

const MOST_HELD = 6; // clips
const SPEEDS = ["speed", "context", "range"]; // selects whose values are kept

const element = (id) => document.getElementById(id);

export class Player {
  constructor(tellError) {
    this.held = new Map(); // address of the audio -> what was fetched
    this.current = null;
    this.tellError = tellError;
    for (const id of SPEEDS) {
      element(id).value = localStorage.getItem(id) ?? element(id).value;
      if (element(id).selectedIndex < 0) element(id).selectedIndex = id === "speed" ? 3 : 0;
      element(id).addEventListener("change", () => {
        localStorage.setItem(id, element(id).value);
        if (id === "speed") this.applySpeed();
        else if (this.current) this.show(this.current.number, this.current.question);
      });
    }
    element("plot").addEventListener("click", (event) => this.seekTo(event));
    element("tap").addEventListener("click", () => this.play());
    element("cursor").append(document.createElement("i"));
  }

  get view() {
    const [low, high] = element("range").value.split("-");
    return { context: element("context").value, low, high };
  }

  // Begins to fetch what a question needs, so that it plays at once when it is its turn.
  fetch(number) {
    const source = address("audio", number, this.view);
    if (!this.held.has(source)) {
      const audio = new Audio();
      audio.preload = "auto";
      audio.src = source;
      const images = ["image", "waveform"].map((kind) => {
        const image = new Image();
        image.src = address(kind, number, this.view);
        return image;
      });
      const clip = get(`/api/clip/${number}`, this.view);
      clip.catch(() => {});
      this.held.set(source, { number, audio, images, clip });
      this.forget();
    }
    return this.held.get(source);
  }

  forget() {
    for (const [source, { audio }] of this.held) {
      if (this.held.size <= MOST_HELD) break;
      if (audio === this.current?.audio) continue;
      audio.removeAttribute("src");
      audio.load();
      this.held.delete(source);
    }
  }

  async show(number, question) {
    this.stop();
    const media = this.fetch(number);
    this.current = media;
    media.question = question;
    media.audio.currentTime = 0;
    this.applySpeed();
    this.setLoop(element("loop").getAttribute("aria-pressed") === "true");
    for (const name of ["play", "pause", "ended", "seeked"]) media.audio[`on${name}`] = () => this.showState();
    media.audio.onerror = () => this.explain(media);
    element("tap").hidden = true;
    if (element("by-itself").checked) this.play();
    this.showState();
    element("spectrogram").firstElementChild.src = media.images[0].src;
    element("spectrogram").firstElementChild.alt = `Mel spectrogram of ${question.clip_id}`;
    element("waveform").style.setProperty("--image", `url("${media.images[1].src}")`);
    element("context-of").hidden = !question.segment;
    for (const id of ["frequencies", "seconds", "outside", "peak"]) element(id).textContent = "";
    await this.explain(media);
  }

  // Writes the axes of a clip; the reason where it cannot be read.
  async explain(media) {
    try {
      const clip = await media.clip;
      if (media !== this.current) return;
      place(element("frequencies"), clip.frequency_ticks, "bottom");
      place(element("seconds"), clip.time_ticks, "left");
      element("peak").textContent = clip.peak_decibels === null ? "silence" : `peak ${clip.peak_decibels} dB`;
      if (clip.segment && element("context").value !== "0") {
        const edges = document.createDocumentFragment();
        const [start, end] = clip.segment.map((seconds) => Math.min(1, Math.max(0, seconds / clip.seconds)));
        for (const width of [start, 1 - end]) {
          const shade = document.createElement("i");
          shade.style.width = `${100 * width}%`;
          edges.append(shade);
        }
        element("outside").replaceChildren(edges);
      }
    } catch (error) {
      if (media === this.current) this.tellError(`This clip cannot be played: ${error.message}. You can skip it.`);
    }
  }

  play() {
    const { audio } = this.current ?? {};
    if (!audio) return;
    element("tap").hidden = true;
    audio.play().catch((error) => {
      // Browsers play nothing by itself before the first key or click on a page.
      if (error.name === "NotAllowedError" && audio === this.current?.audio) element("tap").hidden = false;
    });
  }

  toggle() {
    if (this.current?.audio.paused) this.play();
    else this.stop();
  }

  replay() {
    if (!this.current) return;
    this.current.audio.currentTime = 0;
    this.play();
  }

  stop() {
    this.current?.audio.pause();
  }

  move(seconds) {
    const { audio } = this.current ?? {};
    if (audio) audio.currentTime = Math.min(audio.duration || 0, Math.max(0, audio.currentTime + seconds));
  }

  seekTo(event) {
    const box = element("spectrogram").getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    const { audio } = this.current ?? {};
    if (!audio?.duration || share < 0 || share > 1 || event.target.id === "tap") return;
    audio.currentTime = share * audio.duration;
    this.play();
  }

  setLoop(isOn) {
    element("loop").setAttribute("aria-pressed", isOn);
    if (this.current) this.current.audio.loop = isOn;
  }

  toggleLoop() {
    this.setLoop(element("loop").getAttribute("aria-pressed") !== "true");
  }

  applySpeed() {
    if (this.current) this.current.audio.playbackRate = Number(element("speed").value);
  }

  // Chooses the next value of a select, around its end where `turns`.
  choose(id, by, turns = false) {
    const select = element(id);
    const last = select.options.length - 1;
    const next = select.selectedIndex + by;
    select.selectedIndex = turns && next > last ? 0 : Math.min(last, Math.max(0, next));
    select.dispatchEvent(new Event("change"));
  }

  showState() {
    const isPaused = this.current?.audio.paused ?? true;
    element("play").firstChild.textContent = isPaused ? "Play" : "Pause";
    cancelAnimationFrame(this.nextFrame);
    this.moveCursor();
  }

  // Follows the audio while it plays.
  moveCursor() {
    const { audio } = this.current ?? {};
    const share = audio?.duration ? audio.currentTime / audio.duration : 0;
    element("cursor").firstElementChild.style.left = `${100 * share}%`;
    if (audio && !audio.paused) this.nextFrame = requestAnimationFrame(() => this.moveCursor());
  }
}

function place(axis, ticks, side) {
  axis.replaceChildren(
    ...ticks.map(({ text, place: share }) => {
      const mark = document.createElement("span");
      mark.textContent = text;
      mark.style[side] = `${100 * share}%`;
      return mark;
    }),
  );
}
