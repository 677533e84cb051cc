// Layout of a sheet in millimetres: beats in cells or overlaid, 3 x 4 leads, strips.
//
// A sheet: width, height, margin, speed (mm/s), gain (mm per unit), plain (no mV), footer (lines),
// papers [{x, y, w, h}], pulses [{x, zero}] and panels [{x, y, w, h, zero, t0 (s), lead, item,
// title, more, waves: [{y (one number a sample), fs, kind}], beats: [{at (s), kind}]}].

import { em } from "./paper.js";

export const LEADS_12 = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];

const LONGEST_S = 10;
const PLAIN_MM = 25;
/** Height between minimum and maximum of signals without mV, mm. */

export const isBeat = (spec) => spec.samples / spec.fs < 3;

const up5 = (mm) => Math.ceil(mm / 5 - 1e-9) * 5;

/** Lowest and highest value; extreme spikes are cut off. */
function reach(waves) {
  let [low, high] = [0, 0];
  for (const wave of waves) {
    for (const value of wave) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return [Math.max(low, -5), Math.min(high, 5)];
}

/** Space over and under the zero line, mm: whole large squares with a margin. */
function room(waves, gain, plain, pulse = 0) {
  const [low, high] = reach(waves);
  return plain
    ? { over: high * gain + 3, under: -low * gain + 3 }
    : { over: up5(Math.max(high, pulse) * gain + 2), under: up5(-low * gain + 2) };
}

/** mm per unit: as chosen, or to fill PLAIN_MM if there is no mV. */
function gainOf(items, spec, chosen) {
  if (spec.unit === "mV") return chosen;
  const [low, high] = reach(items.flatMap((item) => Object.values(item.signal)));
  return PLAIN_MM / Math.max(high - low, 1e-6);
}

const cutOff = (item, lead) => (item.valid ? item.signal[lead].slice(0, item.valid) : item.signal[lead]);

/** The beats of a record within some seconds, as times from the first of them. */
const beatsIn = (item, from, seconds) => (item.beats || [])
  .filter(({ time_s: at }) => at >= from && at < from + seconds)
  .map(({ time_s: at, kind }) => ({ at: at - from, kind }));

const footerOf = (spec, speed, gain, about) =>
  `SYNTHETIC, not for diagnosis · ${about} · ${speed} mm/s · ` +
  (spec.unit === "mV" ? `${gain} mm/mV` : "amplitude in a.u.");

/** An empty sheet with the chosen settings. */
function blank(items, spec, chosen) {
  const plain = spec.unit !== "mV";
  return {
    margin: 2.5, speed: chosen.speed, gain: gainOf(items, spec, chosen.gain), plain,
    footer: footerOf(spec, chosen.speed, chosen.gain, chosen.about), papers: [], pulses: [], panels: [],
    unit: plain ? "a.u." : "mV", foot: (1.7 * em()) / chosen.px, line: (1.15 * em()) / chosen.px, px: chosen.px, above: (1.35 * em()) / chosen.px,
  };
}

/** The parts of a text in rows of limited length. */
const packed = (text, between, letters) => (text.length <= letters ? [text] : text.split(between).reduce((rows, part) => {
  const longer = [rows.at(-1), part].filter(Boolean).join(between);
  return longer.length <= letters ? [...rows.slice(0, -1), longer] : [...rows, part].filter(Boolean);
}, [""]));

/** The sheet with its size and its footer. */
function closed(sheet, width, y) {
  sheet.width = width;
  const letters = Math.floor(((width - 2 * sheet.margin) * sheet.px) / (0.37 * em()));
  sheet.footer = packed(sheet.footer, " · ", letters).flatMap((row) => packed(row, " ", letters));
  sheet.height = y + sheet.foot + (sheet.footer.length - 1) * sheet.line;
  return sheet;
}

/** Beats side by side, each on a paper of its own; several leads of a beat stand together.
    all: whose highest and lowest value every row has room for; its own beats' when left out. */
export function cells(items, spec, chosen, all = null) {
  const sheet = blank(all || items, spec, chosen);
  const gap = 3;
  const wide = up5((spec.samples / spec.fs) * sheet.speed);
  const front = sheet.plain ? 0 : up5(0.2 * sheet.speed + 3) + gap;
  const cell = items.flatMap((item) => spec.leads.map((lead) => ({ item, lead })));
  const fit = Math.floor((chosen.width - 2 * sheet.margin - front + gap) / (wide + gap));
  // As many in every row, so that the last one is not the only short one.
  const columns = Math.max(1, Math.ceil(cell.length / Math.ceil(cell.length / Math.max(1, fit))));
  let y = sheet.margin;
  for (let first = 0; first < cell.length; first += columns) {
    const row = cell.slice(first, first + columns);
    const waves = all ? all.map((item) => cutOff(item, spec.leads[0])) : row.map(({ item, lead }) => cutOff(item, lead));
    const { over, under } = room(waves, sheet.gain, sheet.plain, 1);
    y += sheet.above;
    if (!sheet.plain) {
      sheet.papers.push({ x: sheet.margin, y, w: front - gap, h: over + under });
      sheet.pulses.push({ x: sheet.margin + 0.5, zero: y + over });
    }
    row.forEach(({ item, lead }, column) => {
      const place = { x: sheet.margin + front + column * (wide + gap), y, w: wide, h: over + under };
      sheet.papers.push(place);
      sheet.panels.push({
        ...place, zero: y + over, t0: 0, lead, item: item.item,
        title: item.label, more: spec.leads.length > 1 ? lead : `#${item.item + 1}`,
        waves: [{ y: cutOff(item, lead), fs: spec.fs }],
      });
    });
    y += over + under + gap;
  }
  return closed(sheet, 2 * sheet.margin + front + columns * (wide + gap) - gap, y);
}

/** All beats of a class over each other with their median; a panel for each class. */
export function overlaid(items, spec, chosen) {
  const lead = spec.leads[0];
  const groups = new Map();
  for (const item of items) groups.set(item.label, [...(groups.get(item.label) || []), item]);
  const members = [...groups].map(([label, group]) => ({ label, group }));
  const sheet = cells(members.map(({ group }) => group[0]), { ...spec, leads: [lead] }, chosen, items);
  return { ...sheet, panels: sheet.panels.map((panel, k) => overlay(panel, members[k], spec, lead)) };
}

function overlay(panel, { label, group }, spec, lead) {
  const waves = group.map((item) => cutOff(item, lead));
  return {
    ...panel, title: label || "all", more: `${group.length} beat${group.length > 1 ? "s" : ""}`,
    waves: [
      ...waves.map((y) => ({ y, fs: spec.fs, kind: "faint" })),
      { y: median(waves), fs: spec.fs, kind: "median" },
    ],
  };
}

function median(waves) {
  const length = Math.max(...waves.map((wave) => wave.length));
  return Array.from({ length }, (_, n) => {
    const there = waves.map((wave) => wave[n]).filter((value) => value !== undefined).sort((a, b) => a - b);
    const middle = there.length >> 1;
    return there.length % 2 ? there[middle] : (there[middle - 1] + there[middle]) / 2;
  });
}

/** The 3 x 4 sheet of a 12-lead record with lead II beneath. */
export function twelveLeads(item, spec, chosen) {
  const sheet = blank([item], spec, chosen);
  const seconds = Math.min(spec.samples / spec.fs, LONGEST_S);
  const front = sheet.plain ? 0 : up5(0.2 * sheet.speed + 3);
  const column = seconds / 4;
  const rows = [
    ["I", "aVR", "V1", "V4"], ["II", "aVL", "V2", "V5"], ["III", "aVF", "V3", "V6"], ["II"],
  ];
  let y = sheet.margin + 1;
  const top = y;
  for (const leads of rows) {
    const each = leads.length > 1 ? column : seconds;
    const parts = leads.map((lead, k) => part(item.signal[lead], spec.fs, k * each, each));
    const { over, under } = room(parts, sheet.gain, sheet.plain, 1);
    const high = Math.max(over, 15);
    const low = Math.max(under, 5);
    if (!sheet.plain) sheet.pulses.push({ x: sheet.margin + 0.5, zero: y + high });
    leads.forEach((lead, k) => {
      sheet.panels.push({
        x: sheet.margin + front + k * each * sheet.speed, y, w: each * sheet.speed, h: high + low,
        zero: y + high, t0: k * each, lead, item: item.item, title: lead, inside: true,
        more: leads.length > 1 ? "" : `rhythm · ${item.label || `record ${item.item + 1}`}`,
        beats: leads.length > 1 ? [] : beatsIn(item, 0, seconds),
        waves: [{ y: parts[k], fs: spec.fs }],
      });
    });
    y += high + low;
  }
  const wide = up5(front + seconds * sheet.speed);
  sheet.papers.push({ x: sheet.margin, y: top, w: wide, h: y - top });
  return closed(sheet, wide + 2 * sheet.margin, y);
}

/** Each lead of a record as rows of up to 10 s. */
export function strips(item, spec, chosen) {
  const sheet = blank([item], spec, chosen);
  const seconds = spec.samples / spec.fs;
  const each = Math.min(seconds, LONGEST_S);
  const front = sheet.plain ? 0 : up5(0.2 * sheet.speed + 3);
  const wide = up5(front + each * sheet.speed);
  let y = sheet.margin + 1;
  const top = y;
  for (const lead of spec.leads) {
    for (let t0 = 0; t0 < seconds - 1e-9; t0 += each) {
      const wave = part(item.signal[lead], spec.fs, t0, each);
      const { over, under } = room([wave], sheet.gain, sheet.plain, 1);
      if (!sheet.plain) sheet.pulses.push({ x: sheet.margin + 0.5, zero: y + over });
      sheet.panels.push({
        x: sheet.margin + front, y, w: each * sheet.speed, h: over + under, zero: y + over, t0, lead,
        item: item.item, title: lead, more: t0 ? `from ${t0} s` : item.label, inside: true,
        beats: lead === spec.leads[0] ? beatsIn(item, t0, each) : [],
        waves: [{ y: wave, fs: spec.fs }],
      });
      y += over + under;
    }
  }
  sheet.papers.push({ x: sheet.margin, y: top, w: wide, h: y - top });
  return closed(sheet, wide + 2 * sheet.margin, y);
}

const part = (wave, fs, from, seconds) => wave.slice(Math.round(from * fs), Math.round((from + seconds) * fs) + 1);

/** The sheet of these items in the chosen view. */
export function sheetOf(items, spec, chosen) {
  if (isBeat(spec)) return (chosen.view === "overlaid" ? overlaid : cells)(items, spec, chosen);
  const item = items[Math.min(chosen.item, items.length - 1)];
  const whole = LEADS_12.every((lead) => spec.leads.includes(lead));
  return (whole && chosen.view !== "strips" ? twelveLeads : strips)(item, spec, chosen);
}
