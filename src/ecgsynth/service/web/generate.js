// Generate: choose, draw on paper, measure, save; a link generates the same ECG again.

import { call, get, lines, post } from "./api.js";
import { by, figure, hand, make, options } from "./dom.js";
import * as form from "./form.js";
import { isBeat } from "./sheets.js";
import * as stage from "./stage.js";

export { turned } from "./stage.js";

const DEFAULTS = ["mitbih-beats", "ptbxl-12lead"];
/** The first of these that is served is shown first. */
const DRAWN = { beat: 60, record: 12 };
/** Most items that are drawn; a file contains all. */
let models = [];
let formats = [];
let shown = null;
/** The ECG on the sheet: {asked, model, spec, items, id}. */
let making = null;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export async function begin() {
  listen();
  await load();
}

/** Load the models; then the ECG of the address, or a first one. */
async function load() {
  try {
    ({ models } = await get("/v1/models"));
    ({ formats } = await get("/v1/formats"));
  } catch (problem) {
    by("make-problem").textContent = problem.message;
    by("waiting").textContent = "No ECG yet.";
    return;
  }
  by("make-problem").textContent = "";
  form.offer(models);
  options(by("format"), [
    ["ndjson", "JSON lines"], ...formats.map((one) => [one.name, `${one.title} (${one.suffix === "/" ? "folder" : one.suffix})`]),
  ]);
  aboutFormat();
  if (!models.length) {
    by("waiting").textContent = "This server serves no models; see --model-dir.";
    return;
  }
  const parameters = location.hash.slice(1);
  if (parameters.includes("=")) {
    byLink(parameters);
    return;
  }
  pick(DEFAULTS.map((name) => models.find((one) => one.name === name)).find(Boolean) || models[0]);
  generate();
}

function pick(one) {
  form.pick(one);
  stage.views(one);
}

/** Request ECG from the API and draw it; the current sheet stays until then. */
async function generate() {
  making?.abort();
  making = new AbortController();
  const { signal } = making;
  by("make-problem").textContent = "";
  try {
    if (!(await form.readWords())) return;
    const wanted = form.asked();
    const one = form.model();
    const fewer = Math.min(wanted.count, DRAWN[isBeat(one) ? "beat" : "record"]);
    by("frame").classList.add("busy");
    by("status").textContent = "Generating…";
    const drawn = { ...wanted, count: fewer, measure: true };
    // Each person has an item of a class; the first people are the same however many follow.
    if (wanted.people) drawn.people = Math.min(wanted.people, Math.ceil(fewer / (wanted.label ? 1 : one.classes.length || 1)));
    const answer = await post("/v1/ecgs", drawn, { signal });
    const { set, items } = lines(await answer.text());
    shown = { asked: wanted, model: one, spec: set.spec, items, id: set.model, warnings: set.warnings || [] };
    by("waiting").hidden = true;
    history.replaceState(null, "", address());
    describe();
    document.body.classList.remove("fresh");
    stage.show(shown);
    measured();
  } catch (problem) {
    if (problem.name === "AbortError") return;
    by("make-problem").textContent = problem.message;
    by("status").textContent = shown ? "The sheet still shows the previous ECG." : "";
    if (!shown) by("waiting").textContent = "No ECG yet.";
  }
  by("frame").classList.remove("busy");
}

/** The address that generates this ECG again. */
export function address() {
  if (!shown) return "#generate";
  const { asked: wanted, id } = shown;
  const parameters = new URLSearchParams({ model: id });
  if (wanted.label) parameters.set("label", wanted.label);
  parameters.set("seed", wanted.seed);
  parameters.set("count", wanted.count);
  if (wanted.people) parameters.set("people", wanted.people);
  for (const [name, value] of Object.entries(wanted.context || {})) parameters.set(`context.${name}`, value);
  for (const [name, value] of stage.words()) parameters.set(name, value);
  return `#${parameters}`;
}

/** Generate the ECG of a link, or show why not. */
export function byLink(text) {
  if (!models.length) return;
  const link = new URLSearchParams(text);
  const id = link.get("model") || "";
  const exact = models.find((one) => one.id === id);
  const name = id.replace(/-[0-9a-f]{8}$/, "");
  const other = models.find((one) => one.name === name || one.name === id);
  const fill = (one) => {
    form.follow(one, link);
    stage.views(one);
    stage.follow(link);
  };
  if (exact || other?.name === id) {
    if (shown && address() === `#${link}`) return;
    fill(exact || other);
    const known = (exact || other).classes.map((one) => one.name);
    const wanted = link.get("label") || "";
    const names = wanted && !known.includes(wanted) && (exact || other).multilabel ? wanted.split("+") : [wanted];
    const lacking = names.filter((name) => name && !known.includes(name));
    if (!lacking.length) generate();
    else nothing(`This link needs the class ${lacking.join(", ")}, which ${id} does not generate.`);
    return;
  }
  fill(other || models[0]);
  nothing(other
    ? `This link needs the model ${id}; this server has another version of it (${other.id}), whose ECG is not the same.`
    : id ? `This link needs the model ${id}, which this server does not have.` : "This link names no model; copy the complete link again.");
}

/** Draw nothing, since the requested ECG is not available. */
function nothing(why) {
  making?.abort();
  shown = null;
  stage.clear();
  by("measures").tBodies[0].replaceChildren();
  for (const id of ["status", "provenance", "warning"]) by(id).textContent = "";
  by("make-problem").textContent = why;
  by("waiting").hidden = false;
  by("waiting").textContent = `${why} Nothing is drawn.`;
}

function describe() {
  const { items, asked: wanted, id, spec } = shown;
  const kind = isBeat(spec) ? "beat" : "record";
  const few = items.length < wanted.count ? ` The first ${items.length} are drawn; a file holds all.` : "";
  by("status").textContent = `${wanted.count} synthetic ${kind}${wanted.count > 1 ? "s" : ""}.${few}`;
  by("warning").textContent = shown.warnings.join(" ");
  by("provenance").textContent = `${id} · seed ${wanted.seed}`;
}

/** The table of measured and requested values. */
function measured() {
  const title = Object.fromEntries(shown.model.classes.map((one) => [one.name, one.title]));
  const rows = shown.items.map((one) => {
    const rr = one.context.rr_before_s;
    const rate = one.context.heart_rate ?? shown.asked.context?.heart_rate ?? (rr ? 60 / rr : null);
    const found = one.measured || {};
    return make("tr", {}, make("th", { scope: "row" }, `${one.item + 1}`),
      make("td", { title: title[one.label] || "" }, one.label || "–"), make("td", {}, figure(rate)),
      ...["heart_rate_bpm", "pr_ms", "qrs_ms", "qt_ms", "qtc_ms"].map((name) => make("td", {}, figure(found[name]))));
  });
  by("measures").tBodies[0].replaceChildren(...rows);
  by("unmeasured").textContent = unmeasured(shown.model);
}

const FIGURES = { heart_rate_bpm: "heart rate", pr_ms: "PR", qrs_ms: "QRS", qt_ms: "QT", qtc_ms: "QTc" };

/** Why columns have only dashes, one line for each reason. */
function unmeasured(one) {
  const reasons = new Map();
  for (const [name, why] of Object.entries(one.unmeasured || {})) reasons.set(why, [...(reasons.get(why) || []), FIGURES[name] || name]);
  return [...reasons].map(([why, names]) => `No ${names.join(", ")}: ${why}.`).join(" ");
}

function aboutFormat() {
  const one = formats.find(({ name }) => name === by("format").value);
  by("format-about").textContent = one ? one.about : "One line of JSON per item: its signal as numbers, its label and its context.";
}

/** Save the same ECG, with all items, as a file. */
async function download() {
  by("take-problem").textContent = "";
  if (!shown) return;
  const format = by("format").value;
  by("download").disabled = true;
  by("taken").textContent = "Writing…";
  try {
    const answer = await call("/v1/ecgs", {
      method: "POST", body: JSON.stringify({ ...shown.asked, model: shown.id, format }),
      headers: { "Content-Type": "application/json" },
    });
    const named = (answer.headers.get("Content-Disposition") || "").match(/filename="([^"]+)"/);
    hand(await answer.blob(), named ? named[1] : `${shown.id}-seed${shown.asked.seed}.ndjson`);
    by("taken").textContent = `${shown.asked.count} items as ${format}; the file is marked as synthetic.`;
  } catch (problem) {
    by("take-problem").textContent = problem.message;
    by("taken").textContent = "";
  }
  by("download").disabled = false;
}

async function copyLink() {
  const link = new URL(address(), location.href).href;
  try {
    await navigator.clipboard.writeText(link);
    by("taken").textContent = "The link is in the clipboard; it generates exactly this ECG.";
  } catch {
    by("taken").textContent = link;
  }
}

function listen() {
  by("wanted").addEventListener("submit", (event) => {
    event.preventDefault();
    // On a phone the sheet is below the form: scroll to it.
    generate().then(() => {
      if (by("sheet").getBoundingClientRect().top > 0.8 * window.innerHeight) by("view").scrollIntoView({ behavior: still.matches ? "auto" : "smooth" });
    });
  });
  by("words").addEventListener("change", form.readWords);
  by("model").addEventListener("change", () => pick(form.model()));
  by("dice").addEventListener("click", () => {
    by("seed").value = crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000;
    generate();
  });
  stage.listen(() => history.replaceState(null, "", address()));
  by("format").addEventListener("change", aboutFormat);
  by("download").addEventListener("click", download);
  by("save").addEventListener("click", stage.save);
  by("link").addEventListener("click", copyLink);
  document.addEventListener("back", () => (models.length ? null : load()));
}
