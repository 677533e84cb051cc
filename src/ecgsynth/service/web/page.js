// The page: tabs, colours, and code shared by its four parts.

import { get } from "./api.js";
import { by } from "./dom.js";
import * as generate from "./generate.js";
import * as judge from "./judge.js";
import * as monitor from "./monitor.js";
import * as training from "./training.js";

const PARTS = { generate, judge, monitor, training };
const THEME = "ecgsynth-theme";
const tabs = [...document.querySelectorAll('[role="tab"]')];
const begun = new Set();

/** Show a part; it starts when it is first shown. */
function show(name, focus = false) {
  for (const tab of tabs) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    if (chosen && focus) tab.focus();
  }
  for (const [part, { turned }] of Object.entries(PARTS)) {
    by(`part-${part}`).hidden = part !== name;
    if (begun.has(part)) turned?.(part === name);
  }
  if (!begun.has(name)) {
    begun.add(name);
    PARTS[name].begin();
  }
}

function byAddress() {
  const hash = location.hash.slice(1);
  if (hash === "main") return;
  show(hash in PARTS ? hash : "generate");
  if (hash.includes("=")) generate.byLink(hash);
}

for (const [k, tab] of tabs.entries()) {
  const name = tab.id.replace("tab-", "");
  tab.addEventListener("click", () => {
    history.replaceState(null, "", name === "generate" ? generate.address() : `#${name}`);
    show(name);
  });
  tab.addEventListener("keydown", (event) => {
    const to = { ArrowRight: k + 1, ArrowLeft: k - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs[(to + tabs.length) % tabs.length];
    next.click();
    next.focus();
  });
}

/** Colours of the system, or as chosen. */
function colour(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  document.dispatchEvent(new Event("colours"));
}

by("theme").value = localStorage.getItem(THEME) || "";
colour(by("theme").value);
by("theme").addEventListener("change", (event) => {
  localStorage.setItem(THEME, event.target.value);
  colour(event.target.value);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => colour(by("theme").value));
window.addEventListener("hashchange", byAddress);
byAddress();

get("/openapi.json").then((hash) => {
  by("server").textContent = `ecgsynth ${hash.info.version}`;
}).catch(() => {});
