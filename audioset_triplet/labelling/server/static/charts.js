// Charts of the loop as SVG. Colours and text sizes are those of rating.css.

const NAMESPACE = "http://www.w3.org/2000/svg";
const WIDTH = 420;
const HEIGHT = 180;
const BOTTOM = 140; // of the axes

function made(name, attributes, text = "") {
  const node = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text && name === "rect") node.append(made("title", {}, text));
  else node.textContent = text;
  return node;
}

function frame(label, left, title) {
  const svg = made("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label, class: "chart" });
  const x = (share) => left + share * (WIDTH - 12 - left);
  for (const tick of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    svg.append(made("text", { x: x(tick), y: BOTTOM + 16, "text-anchor": "middle" }, String(tick)));
  }
  svg.append(made("text", { x: x(0.5), y: HEIGHT - 4, "text-anchor": "middle" }, title));
  return { svg, x };
}

// Counts of bins from 0 to 1: present above the line, not present below it, on one scale.
export function histogram({ present, absent }, threshold) {
  const { svg, x } = frame("Scores of ratings: present above, not present below", 12, "score, out of fold");
  const highest = Math.max(...present, ...absent);
  const middle = (BOTTOM + 8) / 2;
  for (const [kind, counts, words] of [["present", present, "present"], ["absent", absent, "not present"]]) {
    counts.forEach((count, bin) => {
      if (!count) return;
      const height = ((middle - 8) * count) / highest;
      const [low, high] = [bin / counts.length, (bin + 1) / counts.length];
      const box = { x: x(low) + 1, width: x(high) - x(low) - 2, y: kind === "present" ? middle - height : middle, height };
      svg.append(made("rect", { ...box, class: kind }, `${count} ${words}, score ${low.toFixed(2)} to ${high.toFixed(2)}`));
    });
  }
  svg.append(made("line", { x1: x(0), x2: x(1), y1: middle, y2: middle }));
  if (threshold) {
    const place = x(threshold.score);
    svg.append(made("line", { x1: place, x2: place, y1: 8, y2: BOTTOM, class: "threshold" }));
  }
  return svg;
}

// Points of [threshold, precision, lower end] of events.
export function precisionCurve(points, asked) {
  const { svg, x } = frame("Precision of events against the threshold", 40, "threshold");
  const y = (share) => BOTTOM - share * (BOTTOM - 8);
  for (const tick of [0, 0.5, 1]) {
    svg.append(made("line", { x1: x(0), x2: x(1), y1: y(tick), y2: y(tick) }));
    svg.append(made("text", { x: x(0) - 6, y: y(tick) + 4, "text-anchor": "end" }, String(tick)));
  }
  svg.append(made("line", { x1: x(0), x2: x(1), y1: y(asked), y2: y(asked), class: "threshold" }));
  for (const [column, kind] of [[2, "low"], [1, "precision"]]) {
    const line = points.map((point) => `${x(point[0]).toFixed(1)},${y(point[column]).toFixed(1)}`).join(" ");
    svg.append(made("polyline", { points: line, class: kind }));
  }
  return svg;
}
