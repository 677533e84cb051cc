// Generate: choose, see on paper, measure, take along; a link makes the same ECG again.

import { call, get, lines, post } from "./api.js";
import { by, figure, hand, make, options } from "./dom.js";
import * as form from "./form.js";
import { isBeat } from "./sheets.js";
import * as stage from "./stage.js";

export { turned } from "./stage.js";

const DRAWN = { beat: 60, record: 12 };
/** Items that are drawn at most; a file holds all. */
let models = [];
let formats = [];
let shown = null;
/** What is on the sheet: {asked, model, spec, items, id}. */
let making = null;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export async function begin() {
  listen();
  await load();
}

/** What can be asked for; then the ECG of the address, or a first one. */
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
  const said = location.hash.slice(1);
  if (said.includes("=")) {
    byLink(said);
    return;
  }
  pick(models.find((one) => one.name === "mitbih-beats") || models[0]);
  generate();
}

function pick(one) {
  form.pick(one);
  stage.views(one);
}

/** Ask the API and draw what it answers; what is there stays until then. */
async function generate() {
  making?.abort();
  making = new AbortController();
  const { signal } = making;
  by("make-problem").textContent = "";
  try {
    const wanted = form.asked();
    const one = form.model();
    const fewer = Math.min(wanted.count, DRAWN[isBeat(one) ? "beat" : "record"]);
    by("frame").classList.add("busy");
    by("said").textContent = "Generating…";
    const answer = await post("/v1/ecgs", { ...wanted, count: fewer, measure: true }, { signal });
    const { set, items } = lines(await answer.text());
    shown = { asked: wanted, model: one, spec: set.spec, items, id: set.model, warnings: set.warnings || [] };
    by("waiting").hidden = true;
    history.replaceState(null, "", address());
    tell();
    document.body.classList.remove("fresh");
    stage.show(shown);
    measured();
  } catch (problem) {
    if (problem.name === "AbortError") return;
    by("make-problem").textContent = problem.message;
    by("said").textContent = shown ? "The sheet still shows the ECG before." : "";
    if (!shown) by("waiting").textContent = "No ECG yet.";
  }
  by("frame").classList.remove("busy");
}

/** The address that makes this ECG again. */
export function address() {
  if (!shown) return "#generate";
  const { asked: wanted, id } = shown;
  const said = new URLSearchParams({ model: id });
  if (wanted.label) said.set("label", wanted.label);
  said.set("seed", wanted.seed);
  said.set("count", wanted.count);
  for (const [name, value] of Object.entries(wanted.context || {})) said.set(`context.${name}`, value);
  for (const [name, value] of stage.words()) said.set(name, value);
  return `#${said}`;
}

/** Make what a link asks for, or say why not. */
export function byLink(said) {
  if (!models.length) return;
  const link = new URLSearchParams(said);
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
    const wanted = link.get("label") || "";
    if (!wanted || (exact || other).classes.some((one) => one.name === wanted)) generate();
    else nothing(`This link asks for the class ${wanted}, which ${id} does not make.`);
    return;
  }
  fill(other || models[0]);
  nothing(other
    ? `This link is of the model ${id}; this server has another version of it (${other.id}), whose ECG would not be the same.`
    : id ? `This link is of the model ${id}, which this server does not have.` : "This link names no model; copy it again, whole.");
}

/** Draw nothing rather than something else than was asked for. */
function nothing(why) {
  making?.abort();
  shown = null;
  stage.clear();
  by("measures").tBodies[0].replaceChildren();
  for (const id of ["said", "provenance", "doubt"]) by(id).textContent = "";
  by("make-problem").textContent = why;
  by("waiting").hidden = false;
  by("waiting").textContent = `${why} So nothing is drawn.`;
}

function tell() {
  const { items, asked: wanted, id, spec } = shown;
  const kind = isBeat(spec) ? "beat" : "record";
  const few = items.length < wanted.count ? ` The first ${items.length} are drawn; a file holds all.` : "";
  by("said").textContent = `${wanted.count} synthetic ${kind}${wanted.count > 1 ? "s" : ""}.${few}`;
  by("doubt").textContent = shown.warnings.join(" ");
  by("provenance").textContent = `${id} · seed ${wanted.seed}`;
}

/** The table of what was measured beside what was asked. */
function measured() {
  const title = Object.fromEntries(shown.model.classes.map((one) => [one.name, one.title]));
  const rows = shown.items.map((one) => {
    const rr = one.context.rr_before_s;
    const rate = one.context.heart_rate ?? (rr ? 60 / rr : null);
    const found = one.measured || {};
    return make("tr", {}, make("th", { scope: "row" }, `${one.item + 1}`),
      make("td", { title: title[one.label] || "" }, one.label || "–"), make("td", {}, figure(rate)),
      ...["heart_rate_bpm", "pr_ms", "qrs_ms", "qt_ms", "qtc_ms"].map((name) => make("td", {}, figure(found[name]))));
  });
  by("measures").tBodies[0].replaceChildren(...rows);
  by("unmeasured").textContent = unmeasured(shown.model);
}

const FIGURES = { heart_rate_bpm: "heart rate", pr_ms: "PR", qrs_ms: "QRS", qt_ms: "QT", qtc_ms: "QTc" };

/** Why whole columns hold dashes, a reason at a time. */
function unmeasured(one) {
  const reasons = new Map();
  for (const [name, why] of Object.entries(one.unmeasured || {})) reasons.set(why, [...(reasons.get(why) || []), FIGURES[name] || name]);
  return [...reasons].map(([why, names]) => `No ${names.join(", ")}: ${why}.`).join(" ");
}

function aboutFormat() {
  const one = formats.find(({ name }) => name === by("format").value);
  by("format-about").textContent = one ? one.about : "A line of JSON an item: its signal as numbers, its label and what it was asked to be.";
}

/** The same ECG, all of it, as a file. */
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
    by("taken").textContent = `${shown.asked.count} items as ${format}; every file says that it is synthetic.`;
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
    by("taken").textContent = "The link is in the clipboard; it makes this very ECG.";
  } catch {
    by("taken").textContent = link;
  }
}

function listen() {
  by("wanted").addEventListener("submit", (event) => {
    event.preventDefault();
    // On a phone the sheet lies below: who pressed Generate wants to see it.
    generate().then(() => {
      if (by("sheet").getBoundingClientRect().top > 0.8 * window.innerHeight) by("view").scrollIntoView({ behavior: still.matches ? "auto" : "smooth" });
    });
  });
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
