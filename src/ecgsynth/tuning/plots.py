"""Pictures of a study: which settings matter, and which values go with which scores."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgsynth.files import atomic_write

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

LEAST = {"importance": 4, "parallel": 2}
"""Whole trials that a picture needs; from fewer than four the weight of a setting is no figure."""

SCALE = "score, log10"


def draw_study(study: Study, folder: Path) -> list[Path]:
    """`importance.png` and `parallel.png` in the folder, those that there are trials enough for."""
    import matplotlib as mpl
    from optuna.trial import TrialState

    whole = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len({one.value for one in whole}) < 2:
        return []
    made = []
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these pictures are experimental, as Optuna has it
        mpl.use("agg")
        from matplotlib import pyplot
        from optuna.visualization import matplotlib as pictures

        titles: dict[str, tuple[str, Callable[..., Any]]] = {
            "importance": ("Which settings matter", pictures.plot_param_importances),
            "parallel": (
                "Values and their scores, lower is better",
                pictures.plot_parallel_coordinate,
            ),
        }
        for name, (title, paint) in titles.items():
            if len(whole) < LEAST[name]:
                continue
            axes = paint(study, target=_log_score, target_name=SCALE)
            axes.set_title("")
            axes.set_title(title, loc="left")  # Optuna has it here or there
            if axes.get_legend():  # it would lie on a bar
                axes.get_legend().remove()
            for lines in axes.collections:  # Optuna's colours end in white, which is invisible
                lines.set_cmap("viridis")
            if name == "parallel":  # whole names; Optuna cuts them short
                axes.set_xticks(axes.get_xticks(), [SCALE, *sorted(whole[0].params)])
            figure = axes.figure
            figure.set_size_inches(10, 5)
            with atomic_write(folder / f"{name}.png") as temporary:
                figure.savefig(temporary, format="png", dpi=110, bbox_inches="tight")
            pyplot.close(figure)
            made.append(folder / f"{name}.png")
    return made


def _log_score(trial: FrozenTrial) -> float:
    """The score by its logarithm: a bad trial is a hundred times as bad as a good one."""
    assert trial.value is not None
    return math.log10(trial.value)
