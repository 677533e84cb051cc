"""Tuning: the settings of a recipe searched in trials, by several processes on one study."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.progress import Advance
from ecgsynth.threads import available_cores

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from ecgsynth.tuning.runner import TrialRunner
    from ecgsynth.tuning.study import Folder

LOOK_S = 0.5
"""Between looks at how far the trials are."""


@dataclass(frozen=True)
class TuningResult:
    """What a study found.

    best: the recipe with the best trial's settings, to be trained in full; also in `best.yaml`.
    score, real, own: its score, that of training items, that of the recipe as it stood (None where
    it was not tried); lower is better. trials: ranked, best first. pictures: PNG files.
    """

    best: Run
    score: float
    real: float
    own: float | None
    trials: Sequence[FrozenTrial]
    pictures: list[Path]


def tune(
    run: Run,
    to: str | Path,
    trials: int = 30,
    *,
    processes: int = 1,
    seconds: float = 0.0,
    resume: bool = False,
    advance: Advance | None = None,
) -> TuningResult:
    """Search the settings that the recipe's section `tune` names.

    Parameters
    ----------
    run: the recipe. to: the study's folder. trials: of the whole study, those before included.
    processes: that train at once. seconds: after which no trial begins; 0 = no limit.
    resume: go on with a study, whatever ended it; trials that ran go on from their snapshots.
    advance: called with (what is done, share).

    Raises
    ------
    EcgsynthError: Optuna is not here; nothing to search, or a setting that cannot be; a folder in
        use without `resume`; another search; no trial came to its end.
    KeyboardInterrupt: on Ctrl-C, when all processes have ended.
    """
    check_optuna()
    from ecgsynth.tuning.runner import TrialRunner
    from ecgsynth.tuning.score import scoring_split
    from ecgsynth.tuning.study import Folder

    for name, value in (("trials", trials), ("processes", processes)):
        if value < 1:
            raise EcgsynthError(f"the {name} must be 1 or more; got {value}.")
    folder = Folder.create(Path(to), run, resume)
    scoring_split(run, folder.tune)
    study = folder.open()
    until = time.time() + seconds if seconds else None
    threads = max(1, available_cores() // processes) if processes > 1 else 0
    runner = TrialRunner(folder, study, trials, until, threads)
    _run_trials(runner, processes, advance)
    return best_result(folder, study)


def check_optuna() -> None:
    """Check that Optuna can be imported.

    Raises
    ------
    EcgsynthError: Optuna is not installed.
    """
    from importlib.util import find_spec

    if find_spec("optuna") is None:
        raise EcgsynthError("tuning needs Optuna; run `pip install 'ecgsynth[tune]'`.")


def _run_trials(runner: TrialRunner, processes: int, advance: Advance | None) -> None:
    """Run trials in processes until the study is done.

    Raises
    ------
    EcgsynthError: a trial cannot be scored, or the database cannot be used.
    """
    runner.start(processes)
    try:
        while runner.is_running():
            if advance:
                advance(*_progress(runner.folder, runner.study, runner.trials))
            time.sleep(LOOK_S)
    finally:
        runner.stop()
        runner.store.engine.dispose()
    if runner.problem is not None:
        raise runner.problem


def _progress(folder: Folder, study: Study, trials: int) -> tuple[str, float]:
    """What is done, and its share of the whole study."""
    from ecgsynth.tuning.study import is_asked

    asked_trials = [one for one in study.get_trials(deepcopy=False) if is_asked(one)]
    ended = [one for one in asked_trials if one.state.is_finished()]
    running = [one for one in asked_trials if not one.state.is_finished()]
    part = sum(len(one.intermediate_values) / folder.tune.measures for one in running)
    scores = [one.value for one in ended if one.value is not None and one.state.name == "COMPLETE"]
    words = f"trial {min(len(ended) + 1, trials)} of {trials}"
    if scores:
        words += f", best {min(scores):.3g}"
    return words, (len(ended) + part) / trials


def best_result(folder: Folder, study: Study) -> TuningResult:
    """The best trial as a recipe, and the pictures, in the study's folder.

    Raises
    ------
    EcgsynthError: no trial came to its end.
    """
    from ecgsynth.tuning.plots import draw_study
    from ecgsynth.tuning.runner import REAL, WHY
    from ecgsynth.tuning.space import recipe_settings, with_settings
    from ecgsynth.tuning.study import is_asked

    trials = study.get_trials(deepcopy=False)
    whole = [one for one in trials if one.state.name == "COMPLETE" and one.value is not None]
    if not whole:
        reasons = [one.user_attrs[WHY] for one in trials if WHY in one.user_attrs]
        raise EcgsynthError(
            f"no trial of {folder.path} came to its end"
            + (f"; the last one ended so: {reasons[-1]}" if reasons else "; go on with --resume.")
        )
    ranked = sorted(whole, key=lambda one: one.value or 0.0)
    first, real = ranked[0], float(study.user_attrs[REAL])
    before = recipe_settings(folder.run, folder.tune)
    own = next((one.value for one in ranked if one.params == before), None)
    settings = {key: folder.tune.space[key].value(v) for key, v in first.params.items()}
    best = with_settings(folder.run, settings)
    best.name = f"{folder.run.name}-best"
    figures = " and ".join(folder.tune.score)
    best.description = (
        f"settings of trial {first.number} of {folder.run.name}, the best of "
        f"{sum(map(is_asked, trials))} (score {first.value:.3g} of {figures} after "
        f"{folder.tune.examples:,} examples; "
        + (f"the recipe itself {own:.3g}, " if own is not None else "")
        + f"real items {real:.3g})."
    )
    with atomic_write(folder.path / "best.yaml") as temporary:
        temporary.write_text(best.to_yaml())
    return TuningResult(best, first.value or 0.0, real, own, ranked, draw_study(study, folder.path))
