// Requests to the API: shows a problem as one sentence, asks for a key, reports a lost server.

import { by } from "./dom.js";

const KEY = "ecgsynth-key";
const RETRY_S = [1, 2, 4, 8, 15];

/** A problem answer of the API: its status and its sentence. */
export class Problem extends Error {
  constructor(status, detail, document = {}) {
    super(detail);
    this.status = status;
    this.document = document;
  }
}

const GONE = "The server does not answer. Is `ecgsynth serve` still running?";

function authorised(headers = {}) {
  const key = sessionStorage.getItem(KEY);
  return key ? { ...headers, Authorization: `Bearer ${key}` } : headers;
}

/** The answer to a request; throws a Problem if it is no success. */
export async function call(path, { headers, ...rest } = {}) {
  for (;;) {
    let answer;
    try {
      answer = await fetch(path, { ...rest, headers: authorised(headers) });
    } catch (problem) {
      if (problem.name === "AbortError") throw problem;
      lost();
      throw new Problem(0, GONE);
    }
    if (answer.ok) return answer;
    const problem = await problemOf(answer);
    if (answer.status !== 401) throw problem;
    await keyGiven(problem);
  }
}

async function problemOf(answer) {
  const text = await answer.text();
  try {
    const content = JSON.parse(text);
    return new Problem(answer.status, content.detail || content.title, content);
  } catch {
    return new Problem(answer.status, `The server answered ${answer.status} ${answer.statusText}.`);
  }
}

export const get = async (path, more) => (await call(path, more)).json();

export const post = (path, body, more = {}) =>
  call(path, {
    method: "POST", body: JSON.stringify(body), ...more,
    headers: { "Content-Type": "application/json" },
  });

/** Lines of JSON; the last one has their number, which shows whether the body is complete. */
export function lines(text) {
  const content = text.trim().split("\n").map((line) => JSON.parse(line));
  const items = content.slice(1, -1);
  if (content[content.length - 1].items !== items.length) {
    throw new Problem(0, "The answer is incomplete; try again.");
  }
  return { set: content[0], items };
}

/** Send a form; `advance` is called with the share sent, from 0 to 1. */
export async function upload(path, form, advance) {
  for (;;) {
    const answer = await sent(path, form, advance);
    const content = JSON.parse(answer.responseText || "{}");
    if (answer.status < 300) return content;
    const problem = new Problem(answer.status, content.detail || answer.statusText, content);
    if (answer.status !== 401) throw problem;
    await keyGiven(problem);
  }
}

function sent(path, form, advance) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(authorised())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => advance(event.loaded / event.total);
    request.onload = () => resolve(request);
    request.onerror = () => {
      lost();
      reject(new Problem(0, GONE));
    };
    request.send(form);
  });
}

/** Follow the events of a text/event-stream, with reconnects, until `signal` aborts. */
export async function follow(path, signal, hear) {
  let last = "";
  for (let tries = 0; !signal.aborted; tries += 1) {
    try {
      const headers = { Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) };
      const answer = await call(path, { headers, signal });
      tries = 0;
      for await (const event of events(answer.body)) {
        if (event.id) last = event.id;
        if (event.data) hear(event.name, JSON.parse(event.data));
      }
    } catch (problem) {
      if (signal.aborted) return;
      if (problem.status >= 400) throw problem;
    }
    await pause(RETRY_S[Math.min(tries, RETRY_S.length - 1)] * 1000);
  }
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (kept + value).split(/\r?\n\r?\n/);
    kept = blocks.pop();
    for (const block of blocks) {
      const event = { name: "message", data: "", id: "" };
      for (const line of block.split(/\r?\n/)) {
        const [, field, text] = line.match(/^(\w+): ?(.*)$/) || [];
        if (field === "event") event.name = text;
        else if (field === "data") event.data += text;
        else if (field === "id") event.id = text;
      }
      yield event;
    }
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A server that does not answer.

let waiting = false;

/** Report that the server is lost and retry until it answers; then dispatch `back`. */
async function lost() {
  if (waiting) return;
  waiting = true;
  for (let tries = 0; ; tries += 1) {
    const seconds = RETRY_S[Math.min(tries, RETRY_S.length - 1)];
    by("gone").textContent = `The server does not answer; trying again every ${seconds} s.`;
    await pause(seconds * 1000);
    const answer = await fetch("/v1/health").catch(() => null);
    if (answer?.ok) break;
  }
  waiting = false;
  by("gone").textContent = "";
  document.dispatchEvent(new Event("back"));
}

// The key.

let asking = null;

/** Wait for a key from the user; throws a Problem if none is given. */
function keyGiven(problem) {
  asking ??= new Promise((resolve, reject) => {
    const dialog = by("key-dialog");
    by("key-status").textContent = sessionStorage.getItem(KEY) ? "This key is wrong; try again." : "";
    by("key").value = "";
    dialog.returnValue = "";
    dialog.onclose = () => {
      asking = null;
      const key = by("key").value.trim();
      if (dialog.returnValue !== "ok" || !key) {
        reject(problem);
        return;
      }
      sessionStorage.setItem(KEY, key);
      resolve();
    };
    dialog.showModal();
  });
  return asking;
}
