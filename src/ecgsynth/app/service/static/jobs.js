// Long work on the server: sent, watched, cancelled; found again when the page is loaded anew.

import { call, get, pause, upload } from "./api.js";
import { by } from "./dom.js";

const LOOK_MS = 1000;
const OPEN = ["queued", "running"];

/** One kind of job and the elements that show it: `judge` has judge-bar, judge-doing, ... */
export class Work {
  /** done: called with the job that has ended well. */
  constructor(name, path, done) {
    Object.assign(this, { name, path, done, kept: `ecgsynth-${name}` });
    this.cancelButton.addEventListener("click", () => this.cancel());
  }

  get bar() { return by(`${this.name}-bar`); }
  get doing() { return by(`${this.name}-doing`); }
  get problem() { return by(`${this.name}-problem`); }
  get go() { return by(`${this.name}-go`); }
  get cancelButton() { return by(`${this.name}-cancel`); }

  /** Send the form and watch the job. */
  async start(form) {
    this.busy(true);
    this.problem.textContent = "";
    this.bar.value = 0;
    this.doing.textContent = "Sending the file…";
    try {
      const job = await upload(this.path, form, (share) => {
        this.doing.textContent = `Sending the file, ${Math.round(100 * share)} %…`;
      });
      await this.watch(job);
    } catch (problem) {
      this.problem.textContent = problem.message;
      this.doing.textContent = "Nothing came of it; the reason stands beside the form.";
    }
    this.busy(false);
  }

  /** Go on with what was watched when the page was left. */
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

  async watch(job) {
    this.id = job.id;
    sessionStorage.setItem(this.kept, job.id);
    for (;;) {
      this.tell(job);
      if (!OPEN.includes(job.state)) break;
      await pause(LOOK_MS);
      try {
        job = await get(`/v1/jobs/${job.id}`);
      } catch (problem) {
        if (problem.status) throw problem;  // else the server is gone, and is waited for
      }
    }
    if (job.state === "failed") throw new Error(job.problem.detail);
    if (job.state === "done") this.done(job);
  }

  tell(job) {
    this.bar.value = job.state === "done" ? 1 : job.share;
    this.doing.textContent = {
      queued: "Waiting for its turn…",
      running: `${job.doing || "working"}, ${Math.round(100 * job.share)} %`,
      done: "Done.", failed: "It failed.", cancelled: "Cancelled; what was uploaded is deleted.",
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
