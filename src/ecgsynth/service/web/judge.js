// Evaluate an uploaded set and show its report; augment rare classes of a real set.

import { call, get } from "./api.js";
import { by, figure, hand, make, options } from "./dom.js";
import { Work } from "./jobs.js";

const QUESTIONS = { match: "Is it like real ECG?", utility: "Does it help with new patients?", privacy: "Does it protect patients?" };
let file = null;
let models = [];
let judging = null;
let augmenting = null;
let filled = null;
let accepted = "";

export async function begin() {
  judging = new Work("judge", "/v1/evaluations", verdict);
  augmenting = new Work("augment", "/v1/augmentations", augmented);
  listen();
  document.addEventListener("back", () => (by("against").options.length ? null : (filled = fill())));
  filled = fill();
  await filled;
  judging.resume();
  augmenting.resume();
}

async function fill() {
  try {
    const [{ datasets }, known, { plans }, found] = await Promise.all(
      ["/v1/datasets", "/v1/formats", "/v1/plans", "/v1/models"].map((path) => get(path)));
    sources(datasets);
    options(by("augment-format"), known.formats.map((one) => [one.name, one.title]));
    by("augment-format").value = known.usual;
    accept(known);
    options(by("plan"), [...plans.map((one) => [one.name, `${one.name}: ${gets(one.classes)}`]), ["", "Own factors"]]);
    models = found.models.filter((one) => one.classes.length);
    options(by("plan-model"), models.map((one) => [one.id, one.name]));
    const usual = models.find((one) => one.name === "mitbih-beats");
    if (usual) by("plan-model").value = usual.id;
    factors();
  } catch (problem) {
    by("judge-problem").textContent = problem.message;
  }
}

/** What may be sent in, in the words of the server. */
function accept(known) {
  accepted = `: ${known.accept_text}`;
  for (const input of [by("file"), by("real")]) input.accept = known.accept.join(",");
  for (const text of document.querySelectorAll(".accepted")) text.textContent = accepted;
}

const gets = (classes) => Object.entries(classes).map(([name, { times, count }]) => (times ? `${name} × ${times}` : `${name} + ${count}`)).join(", ");

/** Data sets of the server; missing ones are listed but cannot be chosen. */
function sources(datasets) {
  const group = (one) => make("optgroup", { label: one.here ? one.name : `${one.name}: not on this server`, disabled: !one.here },
    ...one.splits.map((split) => make("option", { value: `${one.name}:${split}` }, `${one.name}:${split}`)));
  const order = [...datasets].sort((a, b) => b.here - a.here);
  by("against").replaceChildren(...order.map(group));
  by("train").replaceChildren(make("option", { value: "" }, "the one named in the file's card"), make("option", { value: "none" }, "none: no privacy metrics"), ...order.map(group));
  const here = [...by("against").options].filter((one) => !one.parentElement.disabled);
  const wanted = here.find((one) => one.value === "mitbih:heldout") || here[0];
  if (wanted) wanted.selected = true;
}

function pick(chosen) {
  file = chosen || null;
  by("chosen").textContent = file ? `${file.name}, ${size(file.size)}` : "No file yet";
  by("drop").classList.toggle("full", Boolean(file));
}

const size = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

async function judge(event) {
  event.preventDefault();
  if (!file) {
    by("judge-problem").textContent = `Choose a file first${accepted}.`;
    by("file").focus();
    return;
  }
  await filled; // the lists must be loaded before the form is read
  const form = new FormData();
  form.append("file", file);
  form.append("against", by("against").value);
  form.append("train", by("train").value);
  form.append("quick", by("depth").value);
  form.append("seed", by("judge-seed").value || "0");
  if (by("verdict").querySelector("table")) by("verdict").replaceChildren();
  judging.start(form);
}

/** The table of a report, and the report itself. */
function verdict({ report, result }) {
  const groups = new Map();
  for (const row of result.rows) groups.set(row.question, [...(groups.get(row.question) || []), row]);
  const table = make("table", { class: "verdict" }, make("caption", {}, make("span", {}, `${result.synthetic} against ${result.against}; ${Object.entries(result.counts).map(([name, number]) => `${number.toLocaleString("en-US")} ${name}`).join(", ")}`)),
    make("thead", {}, make("tr", {}, ...["Figure", "Of", "Value", "95 %", "Floor", "Ceiling", "On the way"].map((text) => make("th", { scope: "col" }, text)))),
    ...[...groups].map(([question, rows]) => make("tbody", {},
      make("tr", {}, make("th", { colspan: "7", scope: "colgroup", class: "question" }, QUESTIONS[question] || question)),
      ...figures(rows))));
  const absent = left(result.left_out);
  by("verdict").replaceChildren(
    make("div", { class: "scroll tall", role: "region", "aria-label": "Verdict", tabindex: "0" }, table),
    make("p", { class: "hint" }, "Floor: a Gaussian of the same classes. Ceiling: real beats evaluated in the same way. The bar shows how far the set is from floor to ceiling; a dash means that the two are too close together. Of every figure the worst class is shown; the button beside it opens the others."),
    ...[...result.notes, ...(result.warnings || [])].map((text) => make("p", { class: "hint" }, text)),
    ...(absent.length ? [make("details", {}, make("summary", {}, "Metrics left out, and why"), ...absent.map((text) => make("p", { class: "hint" }, text)))] : []),
    // If the server needs a key, the address has a token: a browser sends no key with a frame.
    make("div", { class: "row" }, make("a", { class: "button", href: report, target: "_blank", rel: "noopener noreferrer" }, "Full report in a new tab"),
      make("button", { type: "button", onclick: () => keep(report, "report.html", "judge") }, "Save the report")),
    make("iframe", { class: "report", sandbox: "allow-scripts", src: report, title: "Full report", loading: "lazy" }),
  );
  const rows = new Set(result.rows.map((row) => row.metric)).size;
  return `Done: ${rows} figure${rows === 1 ? "" : "s"} in a table, with the full report below.`;
}

/** Metrics left out, one line for each reason. */
function left(leftOut) {
  const reasons = new Map();
  for (const [name, why] of Object.entries(leftOut)) reasons.set(why, [...(reasons.get(why) || []), name]);
  return [...reasons].map(([why, names]) => `${names.join(", ")}: ${why}.`);
}

/** A figure in its worst class, the other classes behind a button. */
function figures(rows) {
  const metrics = new Map();
  for (const row of rows) metrics.set(row.metric, [...(metrics.get(row.metric) || []), row]);
  return [...metrics.values()].flatMap((each) => {
    const [worst, ...others] = [...each].sort((a, b) => (a.score ?? 9) - (b.score ?? 9));
    const shown = line(worst);
    const more = others.map((row) => Object.assign(line(row, true), { hidden: true }));
    if (more.length) {
      const open = make("button", { type: "button", class: "small", "aria-expanded": "false", title: `${more.length} more classes`, "aria-label": `Other classes of ${worst.title}` }, `+${more.length}`);
      open.addEventListener("click", () => {
        const on = open.getAttribute("aria-expanded") !== "true";
        open.setAttribute("aria-expanded", String(on));
        open.textContent = on ? "–" : `+${more.length}`;
        for (const one of more) one.hidden = !on;
      });
      shown.children[1].append(" ", open);
    }
    return [shown, ...more];
  });
}

function line(row, again = false) {
  const decimals = (value) => (value === null || value === undefined ? 0 : Math.abs(value) >= 10 ? 1 : 3);
  const shown = (value) => figure(value, decimals(value));
  const share = row.score === null ? null : Math.max(0, Math.min(1, row.score));
  return make("tr", { title: row.note || "" }, make("th", { scope: "row" }, ...(again ? [make("span", { class: "bare" }, row.title)] : [row.title, make("small", {}, [row.metric, row.unit === "1" ? "" : row.unit].filter(Boolean).join(", "))])),
    make("td", {}, row.group), make("td", { class: "value" }, shown(row.value)),
    make("td", {}, row.low === null || row.high === null ? "–" : `${shown(row.low)} to ${shown(row.high)}`),
    make("td", {}, shown(row.controls.gaussian)), make("td", {}, shown(row.controls.real)),
    make("td", {}, share === null ? "–" : make("meter", { min: 0, max: 1, value: share, "aria-label": `${Math.round(100 * share)} %` }), share === null ? "" : make("small", {}, `${Math.round(100 * row.score)} %`)));
}

async function keep(address, name, where) {
  try {
    const answer = await call(address);
    const named = (answer.headers.get("Content-Disposition") || "").match(/filename="([^"]+)"/);
    hand(await answer.blob(), named ? named[1] : name);
  } catch (problem) {
    by(`${where}-problem`).textContent = problem.message;
  }
}

// Augmentation.

function factors() {
  by("factors").hidden = Boolean(by("plan").value);
  const one = models.find(({ id }) => id === by("plan-model").value);
  by("times").replaceChildren(...(one?.classes || []).map(({ name, title }) => make("label", { title }, make("b", {}, name), " × ",
    make("input", { type: "number", min: "1", max: "1000", step: "0.5", value: "1", "data-class": name, inputmode: "decimal" }))));
}

function plan() {
  if (by("plan").value) return by("plan").value;
  const model = by("plan-model").value;
  const classes = {};
  for (const one of by("times").querySelectorAll("input")) {
    const times = one.valueAsNumber;
    if (!(times >= 1)) throw new Error(`The factor of ${one.dataset.class} must be a number, 1 or more.`);
    if (times > 1) classes[one.dataset.class] = { model, times };
  }
  if (!Object.keys(classes).length) throw new Error("Give at least one class a factor above 1.");
  return JSON.stringify({ name: "page", classes });
}

async function augment(event) {
  event.preventDefault();
  await filled;
  const [chosen] = by("real").files;
  const form = new FormData();
  try {
    if (!chosen) throw new Error(`Choose a real set first${accepted}.`);
    form.append("file", chosen);
    form.append("plan", plan());
    form.append("format", by("augment-format").value);
  } catch (problem) {
    by("augment-problem").textContent = problem.message;
    return;
  }
  if (by("augmented").querySelector("table")) by("augmented").replaceChildren();
  augmenting.start(form);
}

function augmented({ id, result }) {
  const manifest = result.manifest || result;
  const classes = manifest.classes || {};
  const acceptance = manifest.acceptance || result.acceptance || {};
  by("augmented").replaceChildren(
    make("div", { class: "scroll", role: "region", "aria-label": "Counts", tabindex: "0" }, make("table", {},
      make("thead", {}, make("tr", {}, ...["Class", "Real", "Synthetic", "Passed the gate"].map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...Object.entries(classes).map(([name, found]) => make("tr", {}, make("th", { scope: "row" }, name),
        make("td", {}, found.real.toLocaleString("en-US")), make("td", {}, found.synthetic.toLocaleString("en-US")),
        make("td", {}, acceptance[name] ? `${Math.round(100 * acceptance[name].rate)} %` : "–")))))),
    ...[...(manifest.notes || []), ...(result.warnings || [])].map((text) => make("p", { class: "hint" }, text)),
    make("button", { type: "button", class: "primary", onclick: () => keep(`/v1/jobs/${id}/result`, "augmented", "augment") }, "Download the set"));
  return `Done: ${result.items.toLocaleString("en-US")} items, ${result.synthetic.toLocaleString("en-US")} of them synthetic.`;
}

function listen() {
  by("file").addEventListener("change", (event) => pick(event.target.files[0]));
  by("judging").addEventListener("submit", judge);
  by("augmenting").addEventListener("submit", augment);
  by("plan").addEventListener("change", factors);
  by("plan-model").addEventListener("change", factors);
  const drop = by("drop");
  for (const name of ["dragover", "dragenter"]) drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    pick(event.dataTransfer.files[0]);
  });
}
