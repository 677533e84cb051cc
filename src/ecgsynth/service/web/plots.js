// Curves over the examples of a training, drawn as SVG with axes and units.

import { svg } from "./dom.js";

const [WIDE, TALL] = [420, 190];
const [LEFT, RIGHT, TOP, BOTTOM] = [52, 12, 12, 34];

const MOST_POINTS = 400;

/** A curve with no more points than a screen shows: evenly spaced over the examples, first and last
    among them. It may grow to twice as many before that is done again. */
export function thinned(points) {
  if (points.length <= 2 * MOST_POINTS) return points;
  const [first, last] = [points[0][0], points.at(-1)[0]];
  // The step only doubles, so that earlier points stay on the grid.
  const step = 2 ** Math.ceil(Math.log2((last - first) / (MOST_POINTS - 1)));
  let next = first;
  return points.filter(([x], n) => {
    const kept = x >= next || n === points.length - 1;
    if (kept) next = step ? first + step * (Math.floor((x - first) / step) + 1) : Infinity;
    return kept;
  });
}

/** Round steps between two values. */
function ticks(low, high, most) {
  const raw = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((one) => one >= raw);
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-9; value += step) found.push(Number(value.toPrecision(6)));
  return found;
}

const short = (value) => {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return String(Number(value.toPrecision(3)));
};

/** A plot of `curves`, name -> [[examples, value], ...]; unit is the label of the vertical axis. */
export function plot(title, unit, curves) {
  const all = Object.values(curves).flat();
  const most = Math.max(...all.map(([x]) => x), 1);
  let low = Math.min(...all.map(([, y]) => y));
  let high = Math.max(...all.map(([, y]) => y));
  if (low > 0 && low < 0.4 * high) low = 0;
  if (high - low < 1e-9) [low, high] = low < 0 ? [low - 0.5, high + 0.5] : [0, 2 * high || 1];
  const across = (x) => LEFT + (x / most) * (WIDE - LEFT - RIGHT);
  const up = (y) => TALL - BOTTOM - ((y - low) / (high - low)) * (TALL - TOP - BOTTOM);
  const drawn = svg("svg", { viewBox: `0 0 ${WIDE} ${TALL}`, role: "img", class: "plot" });
  const last = Object.entries(curves).map(([name, points]) => `${name} ${short(points.at(-1)[1])}`);
  drawn.setAttribute("aria-label", `${title} over examples; newest: ${last.join(", ")}`);
  for (const y of ticks(low, high, 4)) {
    drawn.append(svg("line", { x1: LEFT, x2: WIDE - RIGHT, y1: up(y), y2: up(y), class: "rule" }),
      svg("text", { x: LEFT - 6, y: up(y) + 4, class: "end" }, short(y)));
  }
  for (const x of ticks(0, most, 4)) {
    drawn.append(svg("text", { x: across(x), y: TALL - BOTTOM + 15, class: "middle" }, short(x)));
  }
  drawn.append(svg("text", { x: (LEFT + WIDE - RIGHT) / 2, y: TALL - 4, class: "middle soft" }, "examples"),
    svg("text", { x: 12, y: (TOP + TALL - BOTTOM) / 2, class: "middle soft", transform: `rotate(-90 12 ${(TOP + TALL - BOTTOM) / 2})` }, unit));
  Object.values(curves).forEach((points, k) => {
    const path = points.map(([x, y], n) => `${n ? "L" : "M"}${across(x).toFixed(1)} ${up(y).toFixed(1)}`).join("");
    drawn.append(svg("path", { d: path, class: `curve c${k % 6}` }));
    if (points.length === 1) drawn.append(svg("circle", { cx: across(points[0][0]), cy: up(points[0][1]), r: 2.5, class: `dot c${k % 6}` }));
  });
  return drawn;
}

/** A curve's newest value, as text for the legend. */
export const newest = (points) => short(points.at(-1)[1]);
