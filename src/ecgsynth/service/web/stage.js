// The stage: an ECG on paper or on a monitor, in the view, speed, gain and size that are chosen.

import { Calipers } from "./calipers.js";
import { by, hand, make } from "./dom.js";
import { PALETTES, draw, sharp } from "./paper.js";
import { isBeat, LEADS_12, sheetOf } from "./sheets.js";
import { Sweep } from "./sweep.js";

const MM = 96 / 25.4;
/** CSS pixels to a millimetre. */
const USUAL = { speed: "25", gain: "10" };

const calipers = new Calipers(by("overlay"));
const sweep = new Sweep(by("canvas"));
const still = matchMedia("(prefers-reduced-motion: reduce)");
let shown = null;
/** The ECG on the sheet: {asked, model, spec, items, id}. */
let item = 0;

/** Show an ECG. */
export function show(ecg) {
  [shown, item] = [ecg, 0];
  render();
}

/** Remove the ECG. */
export function clear() {
  sweep.stop();
  calipers.hide();
  shown = null;
  document.body.classList.add("fresh");
}

/** The views that a model's items can have. */
export function views(one) {
  by("gain").disabled = one.unit !== "mV";
  const beat = isBeat(one);
  const whole = LEADS_12.every((lead) => one.leads.includes(lead));
  const known = beat ? [["cells", "Side by side"], ["overlaid", "Overlaid"]]
    : whole ? [["sheet", "3 × 4"], ["strips", "Strips"]] : [["strips", "Strips"]];
  const before = view();
  by("view").replaceChildren(make("legend", { class: "bare" }, "View"),
    ...[...known, ["sweep", "Sweep"]].map(([value, text]) => make("label", {},
      make("input", { type: "radio", name: "view", value }), make("span", {}, text))));
  setView(before);
}

const view = () => document.querySelector('input[name="view"]:checked')?.value || "";

/** Choose a view; the first if the named one does not exist. */
function setView(value) {
  const all = [...document.querySelectorAll('input[name="view"]')];
  (all.find((one) => one.value === value) || all[0]).checked = true;
}

/** Parameters of a link for view, speed and gain, if they are not the defaults. */
export function words() {
  const parameters = Object.keys(USUAL).filter((name) => by(name).value !== USUAL[name]).map((name) => [name, by(name).value]);
  return ["cells", "sheet"].includes(view()) ? parameters : [...parameters, ["view", view()]];
}

/** Set view, speed and gain from a link. */
export function follow(link) {
  for (const name of Object.keys(USUAL)) if (link.has(name)) by(name).value = link.get(name);
  if (link.has("view")) setView(link.get("view"));
}

const about = () => {
  const { asked: wanted, id } = shown;
  return `${id} · ${wanted.label || "all classes"} · seed ${wanted.seed}`;
};

/** Draw the ECG with the chosen settings. */
export function render() {
  if (!shown || by("part-generate").hidden) return;
  const { items, spec } = shown;
  const moving = view() === "sweep";
  const beat = isBeat(spec);
  sweep.stop();
  by("pager").hidden = beat || moving || items.length < 2;
  by("which").textContent = `${item + 1} of ${items.length}`;
  by("pause").hidden = !moving;
  by("calipers").hidden = moving;
  calipers.turn(by("calipers").getAttribute("aria-pressed") === "true" && !moving);
  const width = by("sheet").clientWidth - 2;
  const chosen = {
    view: view(), item, speed: Number(by("speed").value), gain: Number(by("gain").value), about: about(),
  };
  by("frame").classList.toggle("monitor", moving);
  if (moving) {
    sweep.show(items, spec, { ...chosen, width, px: Math.max(4, zoomed() || (width < 1500 ? 5 : 8)) });
    play(!still.matches);
    by("canvas").setAttribute("aria-label", `Monitor with ${items.length} synthetic ${beat ? "beats, one after another with gaps between" : "records"}.`);
    return;
  }
  const { sheet, px } = fitted(items, spec, chosen, width);
  draw(by("canvas"), sheet, px);
  by("canvas").setAttribute("aria-label", described(sheet));
  calipers.show(sheet, px);
  Object.assign(shown, { sheet, px });
}

/** Chosen pixels per millimetre; 0 if the sheet fills its container. */
const zoomed = () => (by("zoom").value === "fit" ? 0 : Number(by("zoom").value) * MM);

/** The sheet at the largest of some sizes at which it fits. */
function fitted(items, spec, chosen, width) {
  const at = (px) => ({ px, sheet: sheetOf(items, spec, { ...chosen, px, width: width / px }) });
  if (zoomed()) return at(sharp(zoomed()));
  if (!isBeat(spec)) {
    const dots = window.devicePixelRatio || 1;
    const most = Math.min(10, width / at(sharp(4)).sheet.width);
    return at(Math.max(3, Math.floor(most * dots) / dots));
  }
  const tall = Math.max(420, 0.72 * window.innerHeight);
  const sizes = width < 520 ? [3.5] : [10, 9, 8, 7, 6, 5, 4];
  for (const px of sizes.map(sharp)) {
    const found = at(px);
    if (found.sheet.height * px <= tall) return found;
  }
  return at(sharp(sizes.length > 1 ? 5 : sizes[0]));
}

function described(sheet) {
  const { items, spec } = shown;
  const counts = new Map();
  for (const one of items) counts.set(one.label, (counts.get(one.label) || 0) + 1);
  const marked = sheet.panels.reduce((sum, { beats }) => sum + (beats?.length || 0), 0);
  const of = [...counts].map(([name, number]) => `${number} ${name}`.trim()).join(", ");
  return `Synthetic ECG on paper: ${of}; lead${spec.leads.length > 1 ? "s" : ""} ${spec.leads.join(", ")}; ` +
    `${sheet.panels.length} panel${sheet.panels.length > 1 ? "s" : ""}${marked ? `, ${marked} beats marked` : ""}. Figures are in the table below.`;
}

function play(on) {
  sweep.play(on);
  by("pause").textContent = on ? "Pause" : "Play";
  by("pause").setAttribute("aria-pressed", String(!on));
}

/** Save a PNG: the monitor as shown, the sheet on light paper at three times the resolution. */
export function save() {
  if (!shown) return;
  let canvas = by("canvas");
  if (view() !== "sweep") {
    canvas = document.createElement("canvas");
    draw(canvas, shown.sheet, shown.px, PALETTES.light, 3);
  }
  canvas.toBlob((blob) => hand(blob, `${shown.id}-seed${shown.asked.seed}.png`), "image/png");
}

/** Listen to the toolbar; `changed` is called when the link changes. */
export function listen(changed) {
  for (const name of ["speed", "gain", "zoom"]) by(name).addEventListener("change", () => {
    render();
    changed();
  });
  by("view").addEventListener("change", () => {
    render();
    changed();
  });
  by("calipers").addEventListener("click", (event) => {
    const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
    event.currentTarget.setAttribute("aria-pressed", String(on));
    calipers.turn(on);
  });
  by("pause").addEventListener("click", () => play(!sweep.running));
  for (const [name, step] of [["previous", -1], ["next", 1]]) by(name).addEventListener("click", () => {
    item = (item + step + shown.items.length) % shown.items.length;
    render();
  });
  document.addEventListener("colours", render);
  let width = 0;
  new ResizeObserver(([{ contentRect }]) => {
    if (Math.abs(contentRect.width - width) < 2) return;
    width = contentRect.width;
    render();
  }).observe(by("sheet"));
}

/** Called when the part is shown or hidden. */
export function turned(on) {
  if (on) render();
  else sweep.stop();
}
