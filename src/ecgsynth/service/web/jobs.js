// Jobs on the server: submit, watch, cancel; restored when the page is reloaded.

import { call, get, pause, upload } from "./api.js";
import { by } from "./dom.js";

const LOOK_MS = 1000;
const still = window.matchMedia("(prefers-reduced-motion: reduce)");
const OPEN = ["queued", "running"];

/** One kind of job and the elements that show it: `judge` has judge-bar, judge-doing, ... */
export class Work {
  /** done: called with a successful job; shows it and returns a sentence about it. */
  constructor(name, path, done) {
    Object.assign(this, { name, path, done, kept: `ecgsynth-${name}` });
    this.cancelButton.addEventListener("click", () => this.cancel());
  }

  get bar() { return by(`${this.name}-bar`); }
  get doing() { return by(`${this.name}-doing`); }
  get problem() { return by(`${this.name}-problem`); }
  get go() { return by(`${this.name}-go`); }
  get card() { return by(`${this.name}-job`); }
  get cancelButton() { return by(`${this.name}-cancel`); }

  /** Send the form and watch the job. */
  async start(form) {
    this.busy(true);
    this.problem.textContent = "";
    this.bar.value = 0;
    this.doing.textContent = "Sending the file…";
    this.bring(this.card);
    try {
      const job = await upload(this.path, form, (share) => {
        this.doing.textContent = `Sending the file, ${Math.round(100 * share)} %…`;
      });
      const idle = await this.watch(job);
      if (idle) this.card.querySelector("h3").focus();
    } catch (problem) {
      this.problem.textContent = problem.message;
      this.doing.textContent = "It failed; the reason is shown next to the form.";
      this.bring(this.problem);
    }
    this.busy(false);
  }

  /** Scroll to an element outside the window, as on a phone. */
  bring(element) {
    const { top } = element.getBoundingClientRect();
    if (top < 0 || top > 0.8 * window.innerHeight) element.scrollIntoView({ behavior: still.matches ? "auto" : "smooth" });
  }

  /** Continue to watch the job that was watched when the page was left. */
  async resume() {
    const id = sessionStorage.getItem(this.kept);
    if (!id) return;
    try {
      const job = await get(`/v1/jobs/${id}`);
      this.busy(OPEN.includes(job.state));
      await this.watch(job);
    } catch (problem) {
      if (problem.status === 404) sessionStorage.removeItem(this.kept);
    }
    this.busy(false);
  }

  /** Wait until the job ends; true if it succeeded and the user did nothing else. */
  async watch(job) {
    this.id = job.id;
    sessionStorage.setItem(this.kept, job.id);
    for (;;) {
      this.announce(job);
      if (!OPEN.includes(job.state)) break;
      await pause(LOOK_MS);
      try {
        job = await get(`/v1/jobs/${job.id}`);
      } catch (problem) {
        if (problem.status) throw problem;  // else the server is lost: wait for it
      }
    }
    if (job.state === "failed") throw new Error(job.problem.detail);
    if (job.state !== "done") return false;
    // Scroll to the result only if the user is still waiting for it.
    const idle = [document.body, this.go, this.cancelButton].includes(document.activeElement);
    this.doing.textContent = this.done(job);
    return idle;
  }

  announce(job) {
    this.bar.value = job.state === "done" ? 1 : job.share;
    // A screen reader announces changes of state, and reads the progress on request.
    this.doing.ariaLive = job.state === "running" ? "off" : "polite";
    this.doing.textContent = {
      queued: "Waiting in the queue…",
      running: `${job.starts > 1 ? "Started again: " : ""}${job.doing || "working"}, ${Math.round(100 * job.share)} %`,
      done: "Loading the result…", failed: "It failed.", cancelled: "Cancelled; the uploaded file is deleted.",
    }[job.state];
    this.cancelButton.disabled = !OPEN.includes(job.state);
  }

  async cancel() {
    this.cancelButton.disabled = true;
    try {
      await call(`/v1/jobs/${this.id}`, { method: "DELETE" });
    } catch (problem) {
      this.problem.textContent = problem.message;
    }
  }

  busy(on) {
    this.go.disabled = on;
    by(`${this.name}-progress`).hidden = !on;
    if (!on) this.cancelButton.disabled = true;
  }
}
