// The form of a generation: models, conditions, contexts, how many, which seed.

import { get } from "./api.js";
import { choose, chosenContext, contexts } from "./contexts.js";
import { by, figure, make, options } from "./dom.js";

let models = [];
let filled = "";
/** The id of the model that the form is for. */
let words = { text: "", understood: true };
/** The words that were read last, and whether they were understood, or a promise of that. */

/** Set the models to choose from. */
export function offer(known) {
  models = known;
  options(by("model"), models.map((one) => [one.id, titleOf(one)]));
}

const titleOf = (one) =>
  `${one.name} · ${one.leads.length > 1 ? `${one.leads.length} leads` : one.leads[0]}, ${figure(one.seconds, one.seconds < 3 ? 2 : 0)} s` +
  (one.unit === "mV" ? "" : ", a.u.");

/** The model that is chosen. */
export const model = () => models.find((one) => one.id === by("model").value);
const count = () => by("count").valueAsNumber;

/** Fill the form for a model. */
export function pick(one) {
  by("model").value = one.id;
  by("model-about").textContent = [one.description, `${one.fs} Hz.`, one.unit === "mV" ? "" : "Without calibration: amplitudes in a.u."].filter(Boolean).join(" ");
  by("worded").hidden = !one.multilabel;
  if (one.id !== filled) {
    [words, filled] = [{ text: "", understood: true }, one.id];
    by("words-problem").textContent = "";
  }
  by("peopled").hidden = !one.people;
  condition(one);
  contexts(by("contexts"), one.contexts);
  if (one.seconds >= 3 && count() > 4) by("count").value = 1;
  else if (one.seconds < 3 && count() === 1) by("count").value = 12;
}

/** Few classes as buttons, many as a list; where a record has several labels, a list adds them. */
function condition(one) {
  const legend = make("legend", {}, "Condition");
  const place = by("condition");
  if (!one.classes.length) {
    place.replaceChildren(legend, make("p", { class: "hint" }, "This model has no classes."));
  } else if (one.multilabel) {
    const add = make("select", { id: "label-add", "aria-label": "Add a label", onchange: () => addLabel(add.value) });
    place.replaceChildren(legend, make("div", { id: "labels", class: "chips" }), add);
    for (const { name, title } of one.classes) add.append(make("option", { value: name }, title === name ? name : `${name}: ${title}`));
    add.prepend(make("option", { value: "" }));
    addLabel("");
  } else if (one.classes.length > 8) {
    place.replaceChildren(legend, make("select", { id: "label", "aria-label": "Condition" },
      make("option", { value: "" }, `All ${one.classes.length} in turn`),
      ...one.classes.map(({ name, title }) => make("option", { value: name }, title === name ? name : `${name}: ${title}`))));
  } else {
    const choice = (value, name, title) => make("label", { class: "choice" },
      make("input", { type: "radio", name: "label", value, checked: !value }), make("span", {}, make("b", {}, name), ` ${title}`));
    place.replaceChildren(legend, make("div", { class: "choices" }, choice("", "All", "in turn"),
      ...one.classes.map(({ name, title }) => choice(name, name, title === name ? "" : title))));
  }
}

/** Add a label to those of the record; "" adds none. */
function addLabel(name) {
  const [chips, add] = [by("labels"), by("label-add")];
  const there = [...chips.children].some((chip) => chip.dataset.label === name);
  if (name && !there) {
    const remove = (event) => {
      event.currentTarget.remove();
      addLabel("");
      add.focus();
    };
    chips.append(make("button", { type: "button", "data-label": name, "aria-label": `Remove ${name}`, onclick: remove }, `${name} ×`));
  }
  add.value = "";
  add.options[0].textContent = chips.children.length ? "and another label…" : "Any labels; choose one…";
}

function label() {
  if (by("labels")) return [...by("labels").children].map((chip) => chip.dataset.label).join("+");
  const list = by("label");
  return list ? list.value : document.querySelector('input[name="label"]:checked')?.value || "";
}

function setLabel(value) {
  if (by("labels")) {
    by("labels").replaceChildren();
    for (const name of value ? value.split("+") : [""]) addLabel(name);
    return;
  }
  const list = by("label");
  if (list) list.value = value;
  else for (const one of document.querySelectorAll('input[name="label"]')) one.checked = one.value === value;
}

/** The request of the form.

    Throws an Error with a sentence where a number is none. */
export function asked() {
  const wanted = { model: by("model").value, count: count(), seed: by("seed").valueAsNumber };
  if (label()) wanted.label = label();
  const context = chosenContext(by("contexts"));
  if (Object.keys(context).length) wanted.context = context;
  if (!by("peopled").hidden && (by("people").value || by("people").validity.badInput)) {
    wanted.people = by("people").valueAsNumber;
    if (!Number.isInteger(wanted.people) || wanted.people < 1) throw new Error("The number of people must be a whole number, 1 or more.");
  }
  if (!Number.isInteger(wanted.count) || wanted.count < 1) throw new Error("The count must be a whole number, 1 or more.");
  if (!Number.isSafeInteger(wanted.seed) || wanted.seed < 0) throw new Error("The seed must be a whole number from 0 to 9007199254740991.");
  return wanted;
}

/** Fill the form from a link. */
export function follow(one, link) {
  pick(one);
  setLabel(link.get("label") || "");
  by("seed").value = link.get("seed") || "0";
  by("count").value = link.get("count") || "1";
  by("people").value = link.get("people") || "";
  for (const [key, value] of link) {
    if (key.startsWith("context.")) choose(by("contexts"), key.slice(8), Number(value));
  }
}

/** Fill labels and contexts from the words in the box, once; whether they were understood. */
export function readWords() {
  const text = by("words").value.trim();
  if (by("worded").hidden) return true;
  if (text === words.text) return words.understood;
  by("words-problem").textContent = "";
  words = { text, understood: text ? fillIn(text) : true };
  return words.understood;
}

async function fillIn(text) {
  try {
    const { label: asked, context } = await get(`/v1/models/${model().id}/wording?${new URLSearchParams({ text })}`);
    pick(model());
    setLabel(asked || "");
    for (const [name, value] of Object.entries(context)) choose(by("contexts"), name, value);
    return true;
  } catch (problem) {
    by("words-problem").textContent = problem.message;
    return false;
  }
}
