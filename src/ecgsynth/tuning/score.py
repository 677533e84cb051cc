"""The score of a trial: a few of the judge's figures on held-out items, in a second or two."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from ecgsynth.config import Run
from ecgsynth.datasets import load, unseen_splits
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.evaluation import MIN_ITEMS, Trial, members, pick
from ecgsynth.registry import DATASETS, METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.tuning.space import Tune

LEAST = 0.01
"""A figure of 0, such as the coverage of a collapsed generator, counts as this."""


class Scorer:
    """Scores sets of one shape; lower is better, and 1 would be perfect.

    The geometric mean over figures and classes, a figure that is to be high counting as its
    inverse. The Frechet ratio measures the mean and the spread of a class, but not a gap in it.
    Coverage measures the gap, but not how far off a set is that covers nothing. Both have no unit,
    so that classes of small and of large spread weigh alike, and a rare class as much as a common
    one.

    Raises
    ------
    EcgsynthError: there are no unseen items to score on, or a figure cannot be measured of them.
    """

    def __init__(self, run: Run, tune: Tune) -> None:
        self.tune, self.seed = tune, run.seed
        source = f"{run.data.name}:{scoring_split(run, tune)}"
        test = load(source, **run.data.settings)
        train = load(run.data.name, run.data.split, **run.data.settings)
        random = np.random.default_rng(run.seed)
        self._test = sample_per_class(test, tune.items, random)
        self._train = sample_per_class(train, tune.items, random)
        self._real = sample_per_class(train, tune.items, random)
        self.groups = [
            name for name in train.spec.classes or ("",) if len(members(test, name)) >= MIN_ITEMS
        ]
        if not self.groups:
            raise EcgsynthError(
                f"{source} has no class with {MIN_ITEMS} items to score on; name another split in "
                "tune.against."
            )

    @cached_property
    def real(self) -> float:
        """The score of training items, as if they were synthetic; "as good as real" is that."""
        return self(self._real)

    def of(self, synthesizer: Synthesizer) -> float:
        """The score of as many items of every class as there are real ones."""
        count = self.tune.items * max(1, len(synthesizer.prior.classes))
        return self(synthesizer.generate(count, seed=self.seed))

    def __call__(self, synthetic: Ecg) -> float:
        """The score of a set."""
        trial = Trial(synthetic, self._test, self._train, seed=self.seed, quick=True)
        logs = []
        for name in self.tune.score:
            metric = METRICS.get(name)
            missing = [need for need in metric.needs if not trial.has(need)]
            if missing:
                raise EcgsynthError(
                    f"tune.score: '{name}' needs {', '.join(missing)}, which a trial has not; "
                    "take frechet_ratio, coverage or mmd."
                )
            sign = 1 if metric.goal == "lower" else -1
            figures = metric.measure(trial)
            wanted = [
                figures[group or "all"] for group in self.groups if (group or "all") in figures
            ]
            values = [one.value for one in wanted or figures.values() if math.isfinite(one.value)]
            if not values:
                why = next((one.note for one in figures.values() if one.note), "no value")
                raise EcgsynthError(f"tune.score: '{name}' cannot be measured here ({why}).")
            logs.append(np.mean([sign * math.log(max(value, LEAST)) for value in values]))
        return float(np.exp(np.mean(logs)))


def scoring_split(run: Run, tune: Tune) -> str:
    """The split to score on.

    Raises
    ------
    EcgsynthError: there is none, or it is the one that is trained on, or a test split.
    """
    known = DATASETS.get(run.data.name).splits
    usual = unseen_splits(run.data.name, run.data.split)
    if tune.against:
        if tune.against not in known:
            raise EcgsynthError(
                f"tune.against: {run.data.name} has no split '{tune.against}'."
                f"{did_you_mean(tune.against, known)}"
            )
        if tune.against == run.data.split or tune.against.startswith("test"):
            raise EcgsynthError(
                f"tune.against={tune.against}: a study chooses by what it scores on, so that it "
                f"takes neither training nor test items; take one of {', '.join(usual or known)}."
            )
        return tune.against
    if usual:
        return usual[0]
    raise EcgsynthError(
        f"{run.data.name}:{run.data.split} has no held-out or validation split to score on; name "
        f"one of {', '.join(known)} in tune.against."
    )


def sample_per_class(ecg: Ecg, count: int, random: np.random.Generator) -> Ecg:
    """At most so many items of every class."""
    if not ecg.spec.classes:
        return pick(ecg, count, random)
    rows = [random.permutation(members(ecg, name))[:count] for name in ecg.spec.classes]
    return ecg[np.unique(np.concatenate(rows))]
