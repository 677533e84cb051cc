"""The runner of a study: each trial is a job; Optuna chooses its settings and keeps its scores."""

from __future__ import annotations

import logging
import time
from typing import Any

from optuna import Study
from optuna.trial import Trial, TrialState

from ecgsynth.errors import EcgsynthError
from ecgsynth.jobs.runner import Runner
from ecgsynth.jobs.store import MOST_STARTS, OPEN, Store
from ecgsynth.jobs.tables import Job
from ecgsynth.tuning.study import DATABASE, Folder, is_asked

log = logging.getLogger("ecgsynth")

WHY = "why"
"""Note on a trial: what ended it early."""
REAL = "real"
"""Note on a study: the score of real items."""
SLOTS = 1 << 16
"""Trials that run at once, of all commands on a study."""
LEASE_S = 15.0
"""So long after a sign of life a trial is not taken from a command that was killed."""


class TrialRunner(Runner):
    """Asks for trials and runs them until there are enough. The jobs lie in the study's database.

    Parameters
    ----------
    trials: of the whole study. until: time (as `time.time` has it) after which none begins.
    threads: of PyTorch in a process, where the recipe leaves them open; 0 = as it decides.
    """

    module = "ecgsynth.tuning.worker"

    def __init__(
        self, folder: Folder, study: Study, trials: int, until: float | None = None,
        threads: int = 0,
    ) -> None:  # fmt: skip
        store = Store(f"sqlite:///{folder.path / DATABASE}", private=False)
        super().__init__(store, SLOTS, LEASE_S)
        self.folder, self.study, self.trials = folder, study, trials
        self.until, self.threads = until, threads
        self.problem: Exception | None = None

    def finished(self) -> bool:
        """Whether the time is over, or all trials have ended."""
        if self.until is not None and time.time() >= self.until:
            return True
        counts = self.store.counts()
        return self._asked() >= self.trials and not any(counts[state] for state in OPEN)

    def claim(self) -> Job | None:
        """A trial that lost its process, else one that waits, else a new one."""
        with self.folder.lock():
            self._settle()
            job = super().claim()
            if job is None and self._asked() < self.trials:
                self.folder.ask(self.study)
                self._settle()
                job = super().claim()
            return job

    def run_job(self, job: Job) -> None:
        """Train the trial in its process; one worse than the others at a measure is cut short."""
        trial = self._trial(job.asked["trial"])

        def hear(message: dict[str, Any]) -> dict[str, Any] | None:
            trial.report(message["score"], message["measure"])
            why = f"worse than half of the others at measure {message['measure']}"
            return {WHY: why} if trial.should_prune() else None

        order = {
            "folder": str(self.folder.path), "trial": trial.number, "settings": trial.params,
            "threads": self.threads, "real_known": REAL in self.study.user_attrs,
        }  # fmt: skip
        end = self.follow(job, order, hear)
        if end is None:
            return
        if "error" in end:
            raise EcgsynthError(end["error"])
        if not end and job.starts < MOST_STARTS:
            log.warning("trial %d lost its process; it is begun anew.", trial.number)
            self.store.release(job.id, job.owner, counted=True)
            return
        with self.folder.lock():
            if self.store.finish(job.id, job.owner, end, {}):
                self._end(trial, end)

    def failed(self, job: Job | None, problem: Exception) -> None:
        """End the study: every trial would have the same error."""
        self.problem = self.problem or problem
        self.stopping.set()
        if job is not None:
            self.store.release(job.id, job.owner)

    def _trial(self, number: int) -> Trial:
        return Trial(self.study, self.study.get_trials(deepcopy=False)[number]._trial_id)

    def _end(self, trial: Trial, end: dict[str, Any]) -> None:
        if REAL in end:
            self.study.set_user_attr(REAL, end[REAL])
        if "score" in end:
            trial.report(end["score"], self.folder.tune.measures)
            self.study.tell(trial, end["score"])
        else:
            trial.set_user_attr(WHY, end.get(WHY, "its process died again and again"))
            self.study.tell(trial, state=TrialState.PRUNED)

    def _settle(self) -> None:
        """Give every running trial a job; end those whose job has ended."""
        for one in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            name = f"trial-{one.number:04d}"
            job = self.store.get(name)
            if job is None:
                self.store.add("trial", {"trial": one.number}, {}, name=name)
            elif job.state not in OPEN:  # given up, or its command was killed in between
                self._end(self._trial(one.number), job.result or {})

    def _asked(self) -> int:
        return sum(map(is_asked, self.study.get_trials(deepcopy=False)))
