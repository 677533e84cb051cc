// One reading: strip by strip, stored in this browser, scored after the last strip.

const kit = JSON.parse(document.getElementById("kit").textContent);
const at = (id) => document.getElementById(id);
const place = `ecgsynth-reading-${kit.kit}`;
const state = kept() || { begun: false, solved: false, round: 1, reader: "", answers: [] };

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(place));
    const whole = Array.isArray(found.answers) && found.answers.length <= kit.items.length &&
      found.answers.every((a) => ["real", "synthetic"].includes(a.answer));
    return whole ? found : null;
  } catch { return null; } // nothing is stored, or the browser has no storage
}

function keep() {
  try { localStorage.setItem(place, JSON.stringify(state)); } catch { /* reading goes on */ }
}

const figure = (k) => at(`strip-${kit.items[k].id}`);
const confidence = () => document.querySelector("input[name=confidence]:checked");

function choose(value) {
  for (const input of document.getElementsByName("confidence")) input.checked = input.value === String(value);
}

function show() {
  const done = state.answers.length, total = kit.items.length, finished = done === total;
  at("start").hidden = state.begun;
  at("reading").hidden = !state.begun || finished;
  at("done").hidden = !state.begun || !finished || state.solved;
  at("result").hidden = !state.begun || !finished || !state.solved;
  document.body.classList.toggle("busy", state.begun && !finished);
  kit.items.forEach((_, k) => {
    at("strips").append(figure(k));
    figure(k).hidden = k !== done;
    figure(k).className = "";
    figure(k).querySelector(".said")?.remove();
  });
  at("bar").value = done;
  at("undo").disabled = !done;
  at("reader").value = state.reader;
  if (!at("result").hidden) result();
  if (!finished) at("where").textContent = `Strip ${done + 1} of ${total}`;
}

function answer(word) {
  if (!state.begun || state.answers.length === kit.items.length) return;
  state.answers.push({ answer: word, confidence: confidence() ? Number(confidence().value) : null });
  choose(null);
  keep();
  show();
  if (state.answers.length === kit.items.length) at("reveal").focus();
}

function reveal() {
  state.solved = true;
  keep();
  show();
  at("h-result").focus();
}

function undo() {
  if (!state.begun || state.solved || !state.answers.length) return;
  choose(state.answers.pop().confidence);
  keep();
  show();
}

function begin() {
  state.begun = true;
  state.reader = at("reader").value.trim();
  keep();
  show();
  scrollTo({ top: 0, behavior: "instant" });
  at("strips").focus({ preventScroll: true });
}

function trueSize() {
  if (!at("size")) return;
  at("size").setAttribute("aria-pressed", at("strips").classList.toggle("true"));
}

const percent = (x) => `${Math.round(100 * x)} %`;
const words = (s) => [`${s.hits} of ${s.total}`, `${percent(s.low)} to ${percent(s.high)}`];
const digits = (p) => (p < 0.001 ? "< 0.001" : p.toFixed(3));

function result() {
  const rows = scored(kit, state.answers), all = rows[rows.length - 1], accuracy = all.accuracy;
  const than = 2 * accuracy.hits > accuracy.total ? "better" : "worse";
  at("words").textContent =
    (state.round > 1 ? `Reading ${state.round}, with the solution known. ` : "") +
    `${state.reader ? state.reader + ": " : ""}${accuracy.hits} of ${accuracy.total} strips answered correctly ` +
    `(${percent(accuracy.hits / accuracy.total)}; 95 % interval ${words(accuracy)[1]}). ` +
    (all.p < 0.05 ? `That is ${than} than guessing (p ${all.p < 0.001 ? "" : "= "}${digits(all.p)}).`
      : `That could be guessing (p = ${digits(all.p)}); more strips may give a clear result.`);
  at("scores").tBodies[0].replaceChildren(...rows.map((row) => {
    const line = document.createElement("tr");
    if (row.group === "all") line.className = "all";
    const head = line.appendChild(document.createElement("th"));
    head.scope = "row";
    head.textContent = row.group;
    for (const cell of [row.sensitivity, row.specificity, row.accuracy, digits(row.p), row.auc.toFixed(2)]) {
      const box = line.insertCell(), [first, second] = typeof cell === "string" ? [cell] : words(cell);
      box.textContent = first;
      if (second) box.appendChild(document.createElement("small")).textContent = second;
    }
    return line;
  }));
  unsealed(kit.key).forEach((made, k) => {
    const { answer: given, confidence: sure } = state.answers[k], truth = made ? "synthetic" : "real";
    figure(k).hidden = false;
    figure(k).className = `${made ? "made" : ""} ${given === truth ? "" : "wrong"}`;
    const line = document.createElement("span");
    line.className = "said";
    line.textContent = `${k + 1}: ${truth.toUpperCase()}; ${given === truth ? "correct" : "your answer: " + given}` +
      (sure ? ` (confidence: ${sure})` : "");
    figure(k).querySelector("figcaption").prepend(line);
    at("gallery").append(figure(k));
  });
}

const asJson = () => JSON.stringify({
  kit: kit.kit, reader: state.reader, round: state.round, finished: new Date().toISOString(),
  answers: kit.items.map((item, k) => ({ id: item.id, ...state.answers[k] })),
}, null, 1);

function asCsv() {
  const head = ["kit", "reader", "strip", "id", "class", "truth", "answer", "confidence"];
  const lines = unsealed(kit.key).map((made, k) => [kit.kit, state.reader, k + 1, kit.items[k].id,
    kit.items[k].group, made ? "synthetic" : "real", state.answers[k].answer, state.answers[k].confidence ?? ""]);
  // A spreadsheet would run a cell that begins like a formula.
  const cell = (value) => `"${String(value).replace(/^[=+@\t\r-]/, "'$&").replaceAll('"', '""')}"`;
  return [head, ...lines].map((line) => line.map(cell).join(",")).join("\r\n") + "\r\n";
}

function download(text, kind) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: kind === "csv" ? "text/csv" : "application/json" }));
  link.download = `reading-${[kit.kit, state.reader.replace(/\W+/g, "-")].filter(Boolean).join("-")}.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

const clicks = {
  begin, reveal, undo, "undo-last": undo, size: trueSize, print: () => window.print(),
  real: () => answer("real"), synthetic: () => answer("synthetic"),
  json: () => download(asJson(), "json"), csv: () => download(asCsv(), "csv"),
  again: () => {
    if (!confirm("Delete all answers and start again?")) return;
    Object.assign(state, { begun: false, solved: false, round: state.round + 1, answers: [] });
    keep();
    show();
  },
};
for (const [id, act] of Object.entries(clicks)) at(id)?.addEventListener("click", act);

document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  // A key that is held down answers only one strip; keys typed into the name field are letters.
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || at("reading").hidden) return;
  const act = { r: clicks.real, s: clicks.synthetic, u: undo, backspace: undo, z: trueSize }[key];
  if (act) act();
  else if ("12345".includes(key)) choose(key);
  else return;
  event.preventDefault();
});
at("reader").addEventListener("keydown", (event) => { if (event.key === "Enter") begin(); });

show();
