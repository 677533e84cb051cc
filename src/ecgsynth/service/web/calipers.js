// Calipers: two lines in time and two in amplitude over a panel; by mouse, touch and keyboard.

import { by, make, options } from "./dom.js";

const AXES = {
  t1: { upright: true, name: "Time line 1" },
  t2: { upright: true, name: "Time line 2" },
  v1: { upright: false, name: "Amplitude line 1" },
  v2: { upright: false, name: "Amplitude line 2" },
};

/** Calipers on a sheet; `at` has seconds and mV within a panel. */
export class Calipers {
  constructor(overlay) {
    this.overlay = overlay;
    this.on = false;
    this.panel = 0;
    this.lines = Object.fromEntries(Object.keys(AXES).map((name) => [name, this.line(name)]));
    overlay.addEventListener("pointerdown", (event) => this.choose(event));
    by("measured-panel").addEventListener("change", (event) => {
      this.panel = Number(event.target.value);
      this.place();
    });
  }

  /** Lay the calipers over a sheet drawn at `px` pixels to a millimetre. */
  show(sheet, px) {
    const same = this.sheet && sheet.panels.length === this.sheet.panels.length
      && sheet.panels[0]?.w / sheet.speed === this.sheet.panels[0]?.w / this.sheet.speed;
    Object.assign(this, { sheet, px });
    if (!same || !this.at) this.reset();
    options(by("measured-panel"), sheet.panels.map((panel, k) =>
      [String(k), [panel.title, panel.more].filter(Boolean).join(" ")]));
    by("measured-panel").value = String(this.panel);
    this.place();
  }

  hide() {
    this.overlay.replaceChildren();
  }

  turn(on) {
    this.on = on;
    by("reading").hidden = !on;
    if (!on) this.hide();
    else if (this.sheet) {
      const [from, to] = this.seen();
      if (this.at.t1 < from || this.at.t1 > to) this.reset(this.panel);
      this.place();
    }
  }

  /** The seconds of the panel that are in view: a large sheet is scrolled. */
  seen() {
    const place = this.overlay.closest(".sheet");
    const panel = this.sheet.panels[this.panel];
    const left = this.overlay.getBoundingClientRect().left - place.getBoundingClientRect().left;
    const seconds = (x) => ((x - left) / this.px - panel.x) / this.sheet.speed;
    const [low, high] = this.ends("t1");
    const [from, to] = [Math.max(low, seconds(0)), Math.min(high, seconds(place.clientWidth))];
    return from < to ? [from, to] : [low, high];
  }

  reset(panel = 0) {
    this.panel = panel;
    const [from, to] = this.seen();
    const [, highest] = this.ends("v1");
    this.at = {
      t1: from + 0.3 * (to - from), t2: from + 0.6 * (to - from), v1: 0, v2: Math.min(1, 0.8 * highest),
    };
  }

  /** Lowest and highest place of a line. */
  ends(name) {
    const panel = this.sheet.panels[this.panel];
    const { speed, gain } = this.sheet;
    return AXES[name].upright
      ? [0, panel.w / speed]
      : [(panel.zero - panel.y - panel.h) / gain, (panel.zero - panel.y) / gain];
  }

  line(name) {
    const { upright, name: label } = AXES[name];
    const line = make("div", {
      class: `caliper ${upright ? "upright" : "level"}`, role: "slider", "aria-label": label,
      "aria-orientation": upright ? "horizontal" : "vertical", id: `caliper-${name}`, tabindex: "0",
    }, make("span"));
    line.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      event.preventDefault();
      line.focus();
      line.setPointerCapture(event.pointerId);
      line.onpointermove = (move) => this.drag(name, move);
      line.onpointerup = line.onpointercancel = () => (line.onpointermove = null);
    });
    line.addEventListener("keydown", (event) => this.key(name, event));
    return line;
  }

  drag(name, event) {
    const box = this.overlay.getBoundingClientRect();
    const panel = this.sheet.panels[this.panel];
    const mm = AXES[name].upright
      ? (event.clientX - box.left) / this.px - panel.x
      : panel.zero - (event.clientY - box.top) / this.px;
    this.move(name, mm / (AXES[name].upright ? this.sheet.speed : this.sheet.gain));
  }

  key(name, event) {
    const step = (AXES[name].upright ? 0.002 : this.sheet.plain ? 0.005 : 0.01) * (event.shiftKey ? 10 : 1);
    const [low, high] = this.ends(name);
    const to = {
      ArrowRight: this.at[name] + step, ArrowUp: this.at[name] + step,
      ArrowLeft: this.at[name] - step, ArrowDown: this.at[name] - step, Home: low, End: high,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.move(name, to);
  }

  move(name, to) {
    const [low, high] = this.ends(name);
    this.at[name] = Math.min(high, Math.max(low, to));
    this.place();
  }

  /** A press on another panel moves the calipers there. */
  choose(event) {
    if (!this.on || !this.sheet) return;
    const box = this.overlay.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / this.px, (event.clientY - box.top) / this.px];
    const found = this.sheet.panels.findIndex((p) => x >= p.x && x <= p.x + p.w && y >= p.y && y <= p.y + p.h);
    if (found < 0) return;
    this.panel = found;
    by("measured-panel").value = String(found);
    this.place();
  }

  place() {
    if (!this.on || !this.sheet) return;
    const panel = this.sheet.panels[this.panel];
    const { speed, gain, unit } = this.sheet;
    for (const [name, line] of Object.entries(this.lines)) {
      const [low, high] = this.ends(name);
      this.at[name] = Math.min(high, Math.max(low, this.at[name]));
      const value = this.at[name];
      const { upright } = AXES[name];
      const [x, y] = upright ? [panel.x + value * speed, panel.y] : [panel.x, panel.zero - value * gain];
      line.style.transform = `translate(${x * this.px}px, ${y * this.px}px)`;
      line.style[upright ? "height" : "width"] = `${(upright ? panel.h : panel.w) * this.px}px`;
      const [from, to, now] = upright ? [low * 1000, high * 1000, value * 1000] : [low, high, value];
      line.setAttribute("aria-valuemin", from.toFixed(upright ? 0 : 2));
      line.setAttribute("aria-valuemax", to.toFixed(upright ? 0 : 2));
      line.setAttribute("aria-valuenow", now.toFixed(upright ? 0 : 2));
    }
    if (!this.overlay.childElementCount) this.overlay.append(...Object.values(this.lines));
    this.read(unit);
  }

  read(unit) {
    const ms = Math.abs(this.at.t2 - this.at.t1) * 1000;
    const height = this.at.v2 - this.at.v1;
    by("dt").textContent = `${ms.toFixed(0)} ms`;
    by("bpm").textContent = ms >= 1 ? `${(60000 / ms).toFixed(0)} /min` : "–";
    by("dv").textContent = `${height.toFixed(2)} ${unit}`;
    for (const [name, line] of Object.entries(this.lines)) {
      const label = AXES[name].upright
        ? `${(this.at[name] * 1000).toFixed(0)} ms; between the lines ${ms.toFixed(0)} ms`
        : `${this.at[name].toFixed(2)} ${unit}; between the lines ${height.toFixed(2)} ${unit}`;
      line.setAttribute("aria-valuetext", label);
    }
  }
}
