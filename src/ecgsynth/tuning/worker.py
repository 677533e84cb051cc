"""One process of a study: it takes a trial, trains it, scores it, and takes the next."""

from __future__ import annotations

import time
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgsynth.errors import EcgsynthError, is_out_of_memory
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.loop import train
from ecgsynth.tuning.score import Scorer
from ecgsynth.tuning.space import trial_run
from ecgsynth.tuning.study import Folder

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import Trial

WHY = "why"
"""Note on a trial: what ended it early."""


def run_trials(path: Path, trials: int, until: float | None = None, threads: int = 0) -> None:
    """Train trials of the study in this folder until so many were made.

    Several processes may do so at once.

    Parameters
    ----------
    until: time (as `time.time` has it) after which no trial begins. threads: of PyTorch, where
        the recipe leaves them open; 0 = as it decides.

    Raises
    ------
    EcgsynthError: the recordings are not here, or no figure can be measured of them.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    folder = Folder.read(path)
    study = folder.open()
    scorer = Scorer(folder.run, folder.tune)
    if "real" not in study.user_attrs:
        study.set_user_attr("real", scorer.real)
    while until is None or time.time() < until:
        with folder.next(study, trials) as trial:
            if trial is None:
                return
            run_trial(folder, study, scorer, trial)


def run_trial(folder: Folder, study: Study, scorer: Scorer, trial: Trial) -> None:
    """Train one trial, scored at intervals; cut short where the others were better by then."""
    from optuna.trial import TrialState

    tune = folder.tune
    run = trial_run(folder.run, tune, {k: tune.space[k].value(v) for k, v in trial.params.items()})
    target = folder.trial(trial.number)
    every = run.training.snapshot_every
    seen = _stamp(target)

    def watch(_examples: int, _total: int, _values: dict[str, float]) -> None:
        """Score the model whenever the training has written a new one."""
        nonlocal seen
        mother = parent_process()
        if mother is not None and not mother.is_alive():
            raise KeyboardInterrupt  # whoever wanted the study is gone
        if _stamp(target) == seen:
            return
        seen = _stamp(target)
        model = Synthesizer.load(target)
        measure = model.card.examples_seen // every
        if measure < tune.measures:  # the last one is the value of the trial
            trial.report(scorer.of(model), measure)
            if trial.should_prune():
                raise _PrunedError(f"worse than half of the others at measure {measure}")

    try:
        score = scorer.of(train(run, target, report=watch))
        trial.report(score, tune.measures)
    except (_PrunedError, EcgsynthError) as reason:  # it diverged, or cannot be trained at all
        trial.set_user_attr(WHY, str(reason))
        study.tell(trial, state=TrialState.PRUNED)
    except (MemoryError, RuntimeError) as reason:
        if not is_out_of_memory(reason):
            raise
        trial.set_user_attr(WHY, "not enough memory for these settings")
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, score)


class _PrunedError(Exception):
    """The trial is cut short."""


def _stamp(target: Path) -> Any:
    """What changes when a new model takes its name."""
    model = target / "model.safetensors"
    if not model.is_file():
        return None
    found = model.stat()
    return found.st_ino, found.st_mtime_ns
