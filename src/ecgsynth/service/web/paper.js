// ECG paper on a canvas, in millimetres; every sheet is marked as synthetic.

const LIGHT = {
  sheet: "#ffffff", paper: "#fffaf6", fine: "#f8dfda", bold: "#ecaea5", edge: "#dcdcd6",
  trace: "#14181c", faint: "rgba(20, 24, 28, .16)", median: "#0f6466", ink: "#22272b",
  soft: "#5d666b", mark: "rgba(150, 40, 30, .085)",
};
const DARK = {
  sheet: "#0e1312", paper: "#0a0f0e", fine: "#14201d", bold: "#20342f", edge: "#2b3a36",
  trace: "#d4f3e1", faint: "rgba(212, 243, 225, .2)", median: "#63d0c4", ink: "#e3ebe7",
  soft: "#98a8a2", mark: "rgba(200, 240, 220, .075)",
};
export const PALETTES = { light: LIGHT, dark: DARK };

export const FONT = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, system-ui, sans-serif';

/** The palette of the page's colour scheme. */
export function palette() {
  const chosen = document.documentElement.dataset.theme;
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  return dark ? DARK : LIGHT;
}

/** The page's size of text, CSS pixels. */
export const em = () => parseFloat(getComputedStyle(document.documentElement).fontSize);

/** Pixels of the screen to a millimetre: whole device pixels, so that every line is sharp. */
export function sharp(px) {
  const dots = window.devicePixelRatio || 1;
  return Math.max(2, Math.round(px * dots)) / dots;
}

/** Draw a sheet (see sheets.js) at `px` CSS pixels to a millimetre. */
export function draw(canvas, sheet, px, colours = palette(), dots = window.devicePixelRatio || 1) {
  const k = px * dots;
  canvas.width = Math.round(sheet.width * k);
  canvas.height = Math.round(sheet.height * k);
  canvas.style.width = `${canvas.width / dots}px`;
  canvas.style.height = `${canvas.height / dots}px`;
  const pen = canvas.getContext("2d");
  pen.fillStyle = colours.sheet;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  for (const paper of sheet.papers) rule(pen, paper, k, dots, sheet.plain, colours);
  watermark(pen, sheet, k, colours);
  for (const pulse of sheet.pulses) calibrate(pen, sheet, pulse, k, dots, colours);
  for (const panel of sheet.panels) {
    trace(pen, sheet, panel, k, dots, colours);
    caption(pen, panel, k, dots, colours);
    beats(pen, sheet, panel, k, dots, colours);
  }
  pen.fillStyle = colours.soft;
  pen.font = `${0.74 * em() * dots}px ${FONT}`;
  pen.textBaseline = "alphabetic";
  sheet.footer.forEach((text, k) => {
    const under = (0.4 + 1.15 * (sheet.footer.length - 1 - k)) * em();
    pen.fillText(text, sheet.margin * px * dots, canvas.height - under * dots);
  });
}

function rule(pen, { x, y, w, h }, k, dots, plain, colours) {
  const [left, top] = [Math.round(x * k), Math.round(y * k)];
  const [wide, tall] = [Math.round(w * k), Math.round(h * k)];
  pen.fillStyle = plain ? colours.sheet : colours.paper;
  pen.fillRect(left, top, wide, tall);
  if (plain) {
    // Without mV there are no squares to count: draw only a frame.
    pen.strokeStyle = colours.edge;
    pen.lineWidth = dots;
    pen.strokeRect(left + dots / 2, top + dots / 2, wide - dots, tall - dots);
    return;
  }
  const line = Math.max(1, Math.floor(dots));
  for (const [step, colour] of [[1, colours.fine], [5, colours.bold]]) {
    pen.fillStyle = colour;
    for (let mm = 0; mm <= w + 1e-6; mm += step) pen.fillRect(left + Math.round(mm * k), top, line, tall + line);
    for (let mm = 0; mm <= h + 1e-6; mm += step) pen.fillRect(left, top + Math.round(mm * k), wide + line, line);
  }
}

function watermark(pen, sheet, k, colours) {
  pen.save();
  pen.beginPath();
  for (const { x, y, w, h } of sheet.papers) pen.rect(x * k, y * k, w * k, h * k);
  pen.clip();
  const size = Math.min(15, Math.max(7, sheet.width / 14));
  pen.font = `700 ${size * k}px ${FONT}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillStyle = colours.mark;
  const [across, down] = [size * 8.2, size * 3.2];
  for (let row = 0, y = down / 2; y < sheet.height + down / 2; y += down, row += 1) {
    for (let x = across / 2 - (row % 2) * (across / 2); x < sheet.width + across / 2; x += across) {
      pen.save();
      pen.translate(x * k, y * k);
      pen.rotate(-0.21);
      pen.fillText("SYNTHETIC", 0, 0);
      pen.restore();
    }
  }
  pen.restore();
}

/** 1 mV high and 200 ms long. */
function calibrate(pen, sheet, { x, zero }, k, dots, colours) {
  const [wide, high] = [0.2 * sheet.speed, sheet.gain];
  const lead = Math.min(2, wide / 3);
  pen.beginPath();
  const path = [[0, 0], [lead, 0], [lead, -high], [lead + wide, -high], [lead + wide, 0], [2 * lead + wide, 0]];
  for (const [across, up] of path) pen.lineTo((x + across) * k, (zero + up) * k);
  pen.strokeStyle = colours.trace;
  pen.lineWidth = Math.max(1.1 * dots, 0.22 * k);
  pen.lineJoin = "miter";
  pen.stroke();
}

function trace(pen, sheet, panel, k, dots, colours) {
  pen.save();
  pen.beginPath();
  pen.rect(panel.x * k, panel.y * k, panel.w * k + dots, panel.h * k + dots);
  pen.clip();
  pen.lineJoin = "round";
  pen.lineCap = "round";
  for (const wave of panel.waves) {
    pen.beginPath();
    const step = (sheet.speed / wave.fs) * k;
    const [left, zero, unit] = [panel.x * k, panel.zero * k, sheet.gain * k];
    for (let n = 0; n < wave.y.length; n += 1) {
      if (Number.isFinite(wave.y[n])) pen.lineTo(left + n * step, zero - wave.y[n] * unit);
    }
    pen.strokeStyle = colours[wave.kind || "trace"];
    pen.lineWidth = Math.max(1.25 * dots, 0.24 * k) * (wave.kind === "faint" ? 0.7 : 1);
    pen.stroke();
  }
  pen.restore();
}

/** The kind of every beat that was asked for, under its R. */
function beats(pen, sheet, panel, k, dots, colours) {
  pen.save();
  pen.textAlign = "center";
  pen.textBaseline = "alphabetic";
  const y = (panel.y + panel.h - 0.6) * k;
  for (const { at, kind } of panel.beats || []) {
    const plain = kind === "N";
    pen.font = `${plain ? 400 : 700} ${0.7 * em() * dots}px ${FONT}`;
    pen.fillStyle = plain ? colours.soft : colours.median;
    pen.fillText(kind, (panel.x + at * sheet.speed) * k, y);
  }
  pen.restore();
}

function caption(pen, panel, k, dots, colours) {
  const size = 0.82 * em() * dots;
  pen.textBaseline = "alphabetic";
  let x = (panel.x + (panel.inside ? 1 : 0)) * k;
  const y = panel.inside ? (panel.y + 1) * k + size : panel.y * k - 0.35 * em() * dots;
  for (const [text, weight, colour] of [[panel.title, 700, colours.ink], [panel.more, 400, colours.soft]]) {
    if (!text) continue;
    pen.font = `${weight} ${size}px ${FONT}`;
    if (panel.inside) {
      pen.strokeStyle = colours.paper;
      pen.lineWidth = 4 * dots;
      pen.lineJoin = "round";
      pen.strokeText(text, x, y);
    }
    pen.fillStyle = colour;
    pen.fillText(text, x, y);
    x += pen.measureText(text).width + 6 * dots;
  }
}
