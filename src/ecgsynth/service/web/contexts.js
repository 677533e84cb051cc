// Sliders for the contexts of a model: drawn from its prior until the user moves one.

import { figure, make } from "./dom.js";

const SAID = {
  rr_before_s: "RR before", rr_after_s: "RR after", rr_mean_s: "Mean RR", heart_rate: "Heart rate",
  age: "Age", sex: "Sex", database: "Database", lead: "Lead", gain: "Gain in the header",
};
const SEXES = [["0", "male"], ["1", "female"]];

const titleOf = (name) => SAID[name] || name.replace(/_s$/, "").replaceAll("_", " ");

/** A value as text; a time between beats also as a rate. */
function valueText({ name, unit }, value) {
  if (unit !== "s") return `${figure(value, value % 1 ? 1 : 0)}${unit ? ` ${unit.replace("1/min", "/min")}` : ""}`;
  const rate = name.startsWith("rr_") ? ` · ${figure(60 / value)} /min` : "";
  return `${figure(value, 2)} s${rate}`;
}

/** Kind -> its values, of contexts such as `lead:V4`. */
function kindsOf(known) {
  const kinds = {};
  for (const { name } of known.filter((one) => one.name.includes(":"))) {
    const [kind, value] = name.split(":");
    (kinds[kind] ||= []).push([value, value]);
  }
  return kinds;
}

/** Fill `place`, a fieldset, with a row for each context, and one for each kind. */
export function contexts(place, known) {
  const legend = place.querySelector("legend");
  const rows = known.filter((one) => !one.name.includes(":"))
    .map((one) => (one.name === "sex" ? list("sex", SEXES) : slider(one)));
  for (const [kind, values] of Object.entries(kindsOf(known))) rows.push(list(kind, values, { "data-kind": kind }));
  place.replaceChildren(legend, ...(rows.length ? rows
    : [make("p", { class: "hint" }, "This model has no context besides the class.")]));
}

function list(name, values, more = {}) {
  return make("div", { class: "context" }, make("label", { for: `context-${name}` }, titleOf(name)),
    make("select", { id: `context-${name}`, "data-context": name, ...more },
      ...[["", "drawn from the prior"], ...values].map(([value, text]) => make("option", { value }, text))));
}

function slider(one) {
  const id = `context-${one.name}`;
  const step = one.unit === "s" ? 0.01 : one.high - one.low > 20 ? 1 : 0.1;
  const round = (value) => Math.round(value / step) * step;
  const range = make("input", {
    id, type: "range", min: String(round(one.low)), max: String(round(one.high)), step: String(step),
    value: String(round(one.median)), "data-context": one.name, "data-drawn": "true",
  });
  const output = make("output", { for: id, class: "value" });
  const again = make("button", { type: "button", class: "small", "aria-label": `Draw ${titleOf(one.name)} from the prior` }, "Draw");
  const show = () => {
    const drawn = range.dataset.drawn === "true";
    output.textContent = drawn ? "drawn from the prior" : valueText(one, range.valueAsNumber);
    range.setAttribute("aria-valuetext", output.textContent);
    again.hidden = drawn;
  };
  range.addEventListener("input", () => {
    range.dataset.drawn = "false";
    show();
  });
  again.addEventListener("click", () => {
    range.value = String(round(one.median));
    range.dataset.drawn = "true";
    show();
    range.focus();
  });
  show();
  return make("div", { class: "context" }, make("label", { for: id }, titleOf(one.name)), output, range, again);
}

/** The contexts that are held fixed. */
export function chosenContext(place) {
  const fixed = [...place.querySelectorAll("[data-context]")].filter((one) =>
    one.tagName === "SELECT" ? one.value : one.dataset.drawn === "false");
  return Object.fromEntries(fixed.map((one) => (one.dataset.kind
    ? [`${one.dataset.kind}:${one.value}`, 1] : [one.dataset.context, Number(one.value)])));
}

/** Hold a context fixed, as in a link; extends the slider if the value is outside. */
export function choose(place, name, value) {
  const [kind, chosen] = name.split(":");
  const input = place.querySelector(`[data-context="${CSS.escape(kind)}"]`);
  if (!input || !Number.isFinite(value)) return;
  if (chosen) {
    if (value) input.value = chosen;
    return;
  }
  if (input.type === "range") {
    input.min = String(Math.min(Number(input.min), value));
    input.max = String(Math.max(Number(input.max), value));
    input.step = "any";
  }
  input.value = String(value);
  input.dispatchEvent(new Event("input"));
}
