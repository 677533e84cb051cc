// Training: runs with progress, live curves, samples, alarms, and model versions.

import { follow, get } from "./api.js";
import { by, figure, make, words } from "./dom.js";
import { draw, sharp } from "./paper.js";
import { newest, plot, thinned } from "./plots.js";
import { cells, isBeat, sheetOf } from "./sheets.js";

const LIST_MS = 5000;
const GROUPS = [
  ["Losses of the critic", "loss", (name) => name.startsWith("critic/")],
  ["Losses of the generator", "loss", (name) => name.startsWith("generator/")],
  ["Accuracy of the critic", "share", (name) => name.startsWith("health/accuracy")],
  ["Overfitting of the critic", "share", (name) => ["health/overfitting", "health/augment"].includes(name)],
  ["Amplitude (real items = 1)", "ratio", (name) => name === "health/amplitude"],
  ["Samples at the bounds", "share", (name) => name === "health/at_bounds"],
  ["Gradients", "norm", (name) => name.startsWith("health/gradient")],
  ["Class adherence", "share", (name) => name.startsWith("health/told/")],
  ["Spread within a class (real = 1)", "ratio", (name) => name.startsWith("health/spread/")],
  ["Distance to real (real = 1)", "ratio", (name) => name.startsWith("health/distance/")],
  ["Pace", "examples/s", (name) => name === "examples_per_second"],
];
const STATES = { running: "running", finished: "finished", stopped: "stopped" };

let chosen = "";
let following = null;
let curves = {};
let alarms = [];
let timer = 0;
let painted = 0;
let stale = false;
let samples = null;

export async function begin() {
  document.addEventListener("back", turned);
  document.addEventListener("colours", sheet);
  new ResizeObserver(sheet).observe(by("samples"));
  versions();
  await list();
}

/** While shown, refresh the list and follow the run; while hidden, request nothing. */
export function turned(on = !by("part-training").hidden) {
  clearTimeout(timer);
  following?.abort();
  following = null;
  if (!on) return;
  list();
  if (chosen) watch(chosen);
}

async function list() {
  clearTimeout(timer);
  try {
    const { runs } = await get("/v1/runs");
    by("runs-problem").textContent = "";
    show(runs);
    if (!chosen && runs.length) watch((runs.find((run) => run.examples) || runs[0]).id);
  } catch (problem) {
    by("runs-problem").textContent = problem.message;
  }
  if (!by("part-training").hidden) timer = setTimeout(list, LIST_MS);
}

const shareOf = (run) => (run.of ? Math.min(1, run.examples / run.of) : run.state === "finished" ? 1 : 0);
const grouped = (number) => Math.round(number).toLocaleString("en-US");

function show(runs) {
  const focused = document.activeElement?.dataset?.run;
  if (!runs.length) {
    by("runs").replaceChildren(make("p", { class: "hint" }, ...words("No runs in the server's folder yet. `ecgsynth train mitbih-beats --to runs/mine` writes one; `ecgsynth serve --runs FOLDER` uses another folder.")));
    by("run-state").textContent = "Curves, alarms and samples of a run appear here while it trains.";
    return;
  }
  by("runs").replaceChildren(...runs.map((run) => make("button", {
    type: "button", class: "run", "data-run": run.id, "aria-pressed": String(run.id === chosen),
    onclick: () => watch(run.id),
  }, make("span", { class: "name" }, run.id),
  make("span", { class: `state ${run.state}` }, STATES[run.state]),
  make("progress", { max: 1, value: shareOf(run), "aria-label": `${run.id}: share done`, hidden: !run.of }),
  make("span", { class: "facts" }, `${run.name} · ${grouped(run.examples)}${run.of ? ` of ${grouped(run.of)}` : ""}`),
  run.alarms.length ? make("span", { class: "ring" }, `${run.alarms.length} alarm${run.alarms.length > 1 ? "s" : ""}`) : null)));
  if (focused) by("runs").querySelector(`[data-run="${CSS.escape(focused)}"]`)?.focus();
  const run = runs.find((one) => one.id === chosen);
  if (run) state(run);
}

function state(run) {
  by("run-title").textContent = run.id;
  by("run-bar").value = shareOf(run);
  by("run-bar").hidden = !run.of;
  const left = run.of && run.examples_per_second ? (run.of - run.examples) / run.examples_per_second : 0;
  by("run-state").textContent = run.reason || [
    `${run.name}, ${STATES[run.state]}`,
    `${grouped(run.examples)}${run.of ? ` of ${grouped(run.of)}` : ""} examples`,
    run.examples_per_second ? `${figure(run.examples_per_second)} per second` : "",
    run.state === "running" && left > 1 ? `${span(left)} left` : "",
  ].filter(Boolean).join(" · ");
}

function span(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Follow a run while it is shown. */
async function watch(id) {
  following?.abort();
  following = new AbortController();
  const { signal } = following;
  if (chosen !== id) {
    [curves, alarms, samples] = [{}, [], null];
    by("curves").replaceChildren();
    by("alarms").replaceChildren();
  }
  chosen = id;
  for (const one of by("runs").querySelectorAll("[data-run]")) one.setAttribute("aria-pressed", String(one.dataset.run === id));
  by("run-title").textContent = id;
  newestSamples(id);
  try {
    await follow(`/v1/runs/${encodeURIComponent(id)}/events`, signal, (name, content) => hear(name, content, id));
  } catch (problem) {
    by("run-state").textContent = problem.message;
  }
}

function hear(name, content, id) {
  if (id !== chosen) return;
  if (name === "history") {
    ({ curves } = content);
    ({ alarms } = content.run);
    state(content.run);
    rings();
  } else if (name === "metrics") {
    for (const [figureName, value] of Object.entries(content.values)) {
      (curves[figureName] ??= []).push([content.examples, value]);
      curves[figureName] = thinned(curves[figureName]);
    }
    if (content.alarm) {
      alarms = [...alarms, content.alarm];
      rings();
    }
    stale = true;
  } else if (name === "state") {
    state(content);
  }
  clearTimeout(painted);
  painted = setTimeout(paint, 60);
}

function paint() {
  if (stale) newestSamples(chosen);
  stale = false;
  const shown = GROUPS.map(([title, unit, belongs]) => {
    const members = Object.entries(curves).filter(([name, points]) => belongs(name) && points.length);
    return members.length ? panel(title, unit, Object.fromEntries(members)) : null;
  }).filter(Boolean);
  by("curves").replaceChildren(...(shown.length ? shown : [make("p", { class: "hint" }, "No figures yet; the first ones appear after some steps.")]));
}

function panel(title, unit, members) {
  const legend = make("ul", { class: "legend" }, ...Object.entries(members).map(([name, points], k) =>
    make("li", {}, make("span", { class: `key c${k % 6}` }), ` ${name.split("/").slice(1).join(" ").replaceAll("_", " ").replace("spread ", "").replace("told ", "").replace("distance ", "") || name.replaceAll("_", " ")} `, make("b", {}, newest(points)))));
  return make("figure", {}, make("figcaption", {}, title), plot(title, unit, members), legend);
}

function rings() {
  by("alarms").replaceChildren(...alarms.map((one) => make("div", { class: "alarm" },
    make("strong", {}, one.alarm.replaceAll("-", " ")),
    make("span", { class: "when" }, ` after ${grouped(one.back_from ?? one.examples)} examples${one.back_from ? `; went back to ${grouped(one.examples)}` : ""}`),
    one.saw ? make("p", {}, `${one.saw}.`) : null,
    one.try ? make("p", { class: "advice" }, one.try.replace(/^./, (c) => c.toUpperCase()), ".") : null)));
}

async function newestSamples(id) {
  try {
    const found = await get(`/v1/runs/${encodeURIComponent(id)}/samples`);
    if (id !== chosen) return;
    samples = found;
  } catch {
    samples = null;
  }
  sheet();
}

/** The newest samples on paper, with rate and unit if the run has them. */
function sheet() {
  const canvas = by("samples-canvas");
  if (!samples?.items.length || by("part-training").hidden) {
    canvas.hidden = !samples?.items.length;
    by("samples-about").textContent = "Samples appear here when a run writes them.";
    return;
  }
  canvas.hidden = false;
  const { leads, items } = samples;
  const fs = samples.fs || 100;
  const spec = { leads, fs, samples: items[0].signal[0].length, unit: samples.unit || "normalised" };
  const made = items.map((one, k) => ({
    item: k, label: one.label, signal: Object.fromEntries(leads.map((lead, n) => [lead, one.signal[n]])),
  }));
  const width = by("samples").clientWidth - 2;
  const px = sharp(width < 520 ? 4 : 5);
  const about = `${chosen} after ${grouped(samples.examples)} examples`;
  const chosenNow = { speed: 25, gain: 10, px, width: width / px, about, item: 0, view: isBeat(spec) ? "cells" : "sheet" };
  const drawn = isBeat(spec) ? cells(made, spec, chosenNow) : sheetOf(made, spec, chosenNow);
  draw(canvas, drawn, px);
  canvas.setAttribute("aria-label", `${items.length} newest synthetic samples of ${chosen}: ${items.map((one) => one.label).filter(Boolean).join(", ")}`);
  by("samples-about").textContent = `After ${grouped(samples.examples)} examples.` +
    (spec.unit === "mV" ? "" : samples.unit ? " Scaled output of the network, amplitude in a.u."
      : " Rate and scale of the run are not known yet: drawn at 100 Hz, amplitude in a.u.");
}

async function versions() {
  const content = await get("/v1/versions").catch((problem) => ({ versions: [], reason: problem.message }));
  if (!content.versions.length) {
    by("versions").replaceChildren(make("p", { class: "hint" }, ...words((content.reason || "No versions yet.").replace(/^./, (c) => c.toUpperCase()))));
    return;
  }
  by("versions").replaceChildren(make("table", {},
    make("thead", {}, make("tr", {}, ...["Model", "Version", "Aliases", "Created", "Score", "Run"].map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, ...content.versions.map((one) => make("tr", {}, make("th", { scope: "row" }, one.model),
      make("td", {}, String(one.version)),
      make("td", {}, ...one.aliases.map((alias) => make("span", { class: "tag" }, alias))),
      make("td", {}, one.created ? new Date(one.created).toLocaleDateString("en-GB") : "–"), make("td", {}, figure(one.score, 2)),
      make("td", {}, one.run || "–"))))));
}
