// Monitor: a stream of the service, written from left to right over what was written before.

import { follow, get } from "./api.js";
import { by, make } from "./dom.js";
import { em, FONT } from "./paper.js";
import { BEHIND_S, COLOURS } from "./sweep.js";

const MM_S = 25;
const MM_MV = 10;
const ROW_MM = 32;
const RATE_BEATS = 6;
/** Beats by which the heart rate is known. */
const KEPT_S = 60;

let following = null;
let trace = null;

export async function begin() {
  by("streaming").addEventListener("submit", (event) => {
    event.preventDefault();
    if (following) stop();
    else start();
  });
  blank();
  try {
    const { models } = await get("/v1/models");
    const whole = models.filter((one) => one.completes ?? /flow|strips/.test(one.name));
    by("stream-model").append(...whole.map((one) => make("option", { value: one.id }, one.name)));
  } catch (problem) {
    by("stream-problem").textContent = problem.message;
  }
}

/** A hidden monitor needs no stream. */
export function turned(on) {
  if (!on) stop();
}

async function start() {
  following = new AbortController();
  const { signal } = following;
  by("stream-problem").textContent = "";
  by("stream-go").textContent = "Stop";
  by("stream-about").textContent = "Waiting for the first beats…";
  const asked = new URLSearchParams({
    rhythm: by("stream-rhythm").value, model: by("stream-model").value, seed: by("stream-seed").value, snr: by("stream-snr").value,
  });
  requestAnimationFrame(step);
  try {
    await follow(`/v1/stream?${asked}`, signal, hear);
  } catch (problem) {
    by("stream-problem").textContent = problem.message;
    stop();
  }
}

function stop() {
  following?.abort();
  following = null;
  by("stream-go").textContent = "Start";
  if (trace) by("stream-about").textContent = `Stopped after ${Math.floor(trace.read)} s.`;
}

function hear(name, line) {
  if (name === "header") {
    trace = { ...line, rows: line.leads.map(() => new Float32Array(KEPT_S * line.fs)), read: 0, beats: [], begun: null };
    by("stream-about").textContent = `${line.model} · ${line.rhythm} · seed ${line.seed}`;
    by("stream-canvas").setAttribute("aria-label", `Monitor with a synthetic recording: ${line.rhythm}; leads ${line.leads.join(", ")}.`);
  } else if (name === "piece") {
    const first = Math.round(line.time_s * trace.fs);
    trace.leads.forEach((lead, k) => line.signal[lead].forEach((value, n) => {
      trace.rows[k][(first + n) % trace.rows[k].length] = value;
    }));
    trace.read = line.time_s + line.signal[trace.leads[0]].length / trace.fs;
    trace.beats = [...trace.beats, ...line.beats].filter((beat) => beat.time_s > trace.read - KEPT_S / 2);
    trace.begun ??= performance.now() / 1000 - line.time_s;
    rate(line.beats.at(-1));
  } else stop();
}

function rate(last) {
  const times = trace.beats.slice(-RATE_BEATS).map((beat) => beat.time_s);
  const mean = (times.at(-1) - times[0]) / (times.length - 1);
  const silent = !times.length || trace.read - times.at(-1) > 3;
  by("stream-rate").textContent = silent || !(mean > 0) ? "–" : String(Math.round(60 / mean));
  if (last) by("stream-beat").textContent = last.kind;
}

function step() {
  if (!following) return;
  if (trace) paint(Math.min(trace.read, Math.max(0, performance.now() / 1000 - trace.begun)));
  requestAnimationFrame(step);
}

function sized() {
  const canvas = by("stream-canvas");
  const dots = window.devicePixelRatio || 1;
  const width = by("stream-sheet").clientWidth - 2;
  const rows = trace?.leads.length || 2;
  const px = width < 520 ? 4 : 5;
  const tall = ROW_MM * Math.min(rows, 3) * px + 30;
  if (canvas.width !== Math.round(width * dots) || canvas.height !== Math.round(tall * dots)) {
    [canvas.width, canvas.height] = [Math.round(width * dots), Math.round(tall * dots)];
    [canvas.style.width, canvas.style.height] = [`${width}px`, `${tall}px`];
  }
  return { canvas, pen: canvas.getContext("2d"), dots, k: px * dots };
}

function blank() {
  const { canvas, pen, dots } = sized();
  pen.fillStyle = COLOURS.back;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = COLOURS.mark;
  pen.font = `700 ${Math.min(canvas.width / 9, canvas.height / 3)}px ${FONT}`;
  pen.textAlign = "center";
  pen.fillText("SYNTHETIC", canvas.width / 2, canvas.height / 2);
  pen.textAlign = "left";
  pen.font = `${0.74 * em() * dots}px ${FONT}`;
  pen.fillStyle = COLOURS.soft;
  pen.fillText("SYNTHETIC, not for diagnosis · 25 mm/s, 10 mm/mV", 8 * dots, canvas.height - 9 * dots);
}

/** Draw the last screen of the stream up to a time, s. */
function paint(time) {
  blank();
  const { canvas, pen, dots, k } = sized();
  const long = canvas.width / k / MM_S;
  const head = time % long;
  const x = (at) => (((at % long) + long) % long) * MM_S * k;
  const from = Math.max(0, time - long + BEHIND_S);
  trace.leads.slice(0, 3).forEach((lead, row) => {
    const zero = (ROW_MM * row + 0.62 * ROW_MM) * k;
    pen.beginPath();
    let before = Infinity;
    for (let n = Math.ceil(from * trace.fs); n < time * trace.fs; n += 1) {
      const at = x(n / trace.fs);
      pen[at < before ? "moveTo" : "lineTo"](at, zero - trace.rows[row][n % trace.rows[row].length] * MM_MV * k);
      before = at;
    }
    pen.strokeStyle = COLOURS.trace;
    pen.lineWidth = 1.7 * dots;
    pen.lineJoin = "round";
    pen.stroke();
    pen.fillStyle = COLOURS.soft;
    pen.font = `600 ${0.8 * em() * dots}px ${FONT}`;
    pen.fillText(lead, 8 * dots, ROW_MM * row * k + 18 * dots);
  });
  pen.font = `600 ${0.8 * em() * dots}px ${FONT}`;
  for (const beat of trace.beats) {
    if (beat.time_s < from || beat.time_s > time) continue;
    pen.fillStyle = beat.kind === "N" ? COLOURS.soft : "#ffd166";
    pen.fillText(beat.kind, x(beat.time_s) - 4 * dots, 36 * dots);
  }
  pen.fillStyle = COLOURS.soft;
  pen.fillRect(head * MM_S * k, 0, dots, canvas.height - 30 * dots);
}
