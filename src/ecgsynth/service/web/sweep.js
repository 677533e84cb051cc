// A monitor: the trace is written from left to right over what was written before.

import { em, FONT } from "./paper.js";

const GAP_S = 0.3;
/** Between two items that were not recorded one after another; the gap is marked. */
export const BEHIND_S = 0.25;
/** Empty gap in front of the pen. */
export const COLOURS = { back: "#060a09", fine: "#0e1815", bold: "#15251f", trace: "#c9f7dc", soft: "#8aa79a", mark: "rgba(200, 240, 220, .09)" };
const SHOWN = ["II", "V1", "V5"];

/** A moving trace of items, beat after beat or record after record. */
export class Sweep {
  constructor(canvas) {
    this.canvas = canvas;
    this.time = 0;
    this.running = false;
  }

  /** items: as from the API. chosen: speed, gain, width (CSS pixels), px to a mm. */
  show(items, spec, chosen) {
    const whole = SHOWN.every((lead) => spec.leads.includes(lead));
    this.leads = whole ? SHOWN : spec.leads.slice(0, 3);
    Object.assign(this, { items, spec, chosen, gap: Math.round(GAP_S * spec.fs) });
    const pieces = items.map((item) => item.valid || spec.samples);
    this.starts = pieces.reduce((starts, length) => [...starts, starts.at(-1) + length + this.gap], [0]);
    this.length = this.starts.at(-1);
    this.rows = this.leads.map((lead) => this.row(lead));
    this.gain = spec.unit === "mV" ? chosen.gain : 25 / Math.max(this.high - this.low, 1e-6);
    this.size();
    this.paint();
  }

  row(lead) {
    const row = new Float32Array(this.length).fill(NaN);
    this.items.forEach((item, k) => row.set(item.signal[lead].slice(0, item.valid || undefined), this.starts[k]));
    const known = row.filter(Number.isFinite);
    this.low = Math.min(this.low ?? 0, ...extremes(known));
    this.high = Math.max(this.high ?? 0, ...extremes(known));
    return row;
  }

  size() {
    const dots = window.devicePixelRatio || 1;
    const { px, width } = this.chosen;
    this.k = px * dots;
    // If the monitor fills its container, traces are centred in their rows.
    const least = (24 * em() - 32) / this.rows.length / px;
    this.tall = Math.max((this.high - this.low) * this.gain + 8, least);
    this.above = (this.tall - (this.high - this.low) * this.gain) / 2;
    this.canvas.width = Math.round(width * dots);
    this.canvas.height = Math.round((this.tall * this.rows.length * px + 30) * dots);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${this.canvas.height / dots}px`;
    this.seconds = this.canvas.width / this.k / this.chosen.speed;
  }

  play(on) {
    this.running = on;
    this.before = null;
    if (!on) return;
    const step = (now) => {
      if (!this.running) return;
      // Do not jump after the tab was inactive.
      this.time += Math.min(0.1, (now - (this.before ?? now)) / 1000);
      this.before = now;
      this.paint();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  stop() {
    this.running = false;
    [this.low, this.high] = [undefined, undefined];
  }

  paint() {
    const pen = this.canvas.getContext("2d");
    const dots = window.devicePixelRatio || 1;
    this.ground(pen, dots);
    // When paused, the monitor shows a full screen.
    const time = this.running || this.time ? this.time : this.seconds - BEHIND_S;
    const head = time % this.seconds;
    const round = time - head;
    this.rows.forEach((row, k) => {
      const zero = (this.tall * k + this.above + this.high * this.gain) * this.k;
      this.stroke(pen, row, zero, round, 0, head, dots);
      if (round > 0) this.stroke(pen, row, zero, round - this.seconds, head + BEHIND_S, this.seconds, dots);
      pen.fillStyle = COLOURS.soft;
      pen.font = `600 ${0.8 * em() * dots}px ${FONT}`;
      pen.fillText(this.leads[k], 8 * dots, (this.tall * k) * this.k + 18 * dots);
    });
    this.names(pen, round, 0, head, dots);
    if (round > 0) this.names(pen, round - this.seconds, head + BEHIND_S, this.seconds, dots);
    pen.font = `${0.74 * em() * dots}px ${FONT}`;
    pen.fillStyle = COLOURS.soft;
    pen.fillText(`SYNTHETIC, not for diagnosis · ${this.chosen.about}`, 8 * dots, this.canvas.height - 9 * dots, this.canvas.width - 16 * dots);
  }

  ground(pen, dots) {
    const { width, height } = this.canvas;
    pen.fillStyle = COLOURS.back;
    pen.fillRect(0, 0, width, height);
    if (this.spec.unit === "mV") {
      for (let mm = 0; mm * this.k < width; mm += 5) {
        pen.fillStyle = mm % 25 ? COLOURS.fine : COLOURS.bold;
        pen.fillRect(Math.round(mm * this.k), 0, dots, height);
      }
      for (let mm = 0; mm * this.k < height; mm += 5) {
        pen.fillStyle = COLOURS.fine;
        pen.fillRect(0, Math.round(mm * this.k), width, dots);
      }
    }
    pen.save();
    pen.fillStyle = COLOURS.mark;
    pen.font = `700 ${Math.min(width / 9, height / 3)}px ${FONT}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText("SYNTHETIC", width / 2, height / 2 - 10 * dots);
    pen.restore();
  }

  /** Draw the trace from `from` to `to` s, in a round that started at `round` s. */
  stroke(pen, row, zero, round, from, to, dots) {
    const { fs } = this.spec;
    const unit = this.gain * this.k;
    pen.beginPath();
    let drawn = false;
    for (let n = Math.ceil((round + from) * fs); n < (round + to) * fs; n += 1) {
      const value = row[n % this.length];
      const x = (n / fs - round) * this.chosen.speed * this.k;
      if (Number.isFinite(value)) {
        pen[drawn ? "lineTo" : "moveTo"](x, zero - value * unit);
        drawn = true;
      } else drawn = false;
    }
    pen.strokeStyle = COLOURS.trace;
    pen.lineWidth = 1.7 * dots;
    pen.lineJoin = "round";
    pen.stroke();
  }

  /** In every gap draw a dotted line and the title of the next item. */
  names(pen, round, from, to, dots) {
    const { fs } = this.spec;
    const { speed } = this.chosen;
    pen.font = `600 ${0.8 * em() * dots}px ${FONT}`;
    const first = Math.floor(((round + from) * fs) / this.length) * this.length;
    for (let base = first; base / fs < round + to; base += this.length) {
      this.starts.slice(0, -1).forEach((start, k) => {
        const at = (base + start) / fs - round;
        if (at < from || at > to) return;
        const x = at * speed * this.k;
        pen.fillStyle = COLOURS.soft;
        pen.fillText(this.items[k].label || `#${k + 1}`, x + 3 * dots, this.canvas.height - 26 * dots);
        pen.setLineDash([2 * dots, 4 * dots]);
        pen.strokeStyle = COLOURS.soft;
        pen.lineWidth = dots;
        pen.beginPath();
        pen.moveTo(x - (GAP_S / 2) * speed * this.k, 0);
        pen.lineTo(x - (GAP_S / 2) * speed * this.k, this.canvas.height - 30 * dots);
        pen.stroke();
        pen.setLineDash([]);
      });
    }
  }
}

function extremes(values) {
  let [low, high] = [0, 0];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
