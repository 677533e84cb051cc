"""A training that stops early: where items that it does not learn from are matched no better."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ecgsynth.config import Run
from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError
from ecgsynth.registry import DATASETS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.data.checks import collect_warnings

log = logging.getLogger("ecgsynth")

LOOKS = 4
"""Looks within `training.stop_after` examples."""

ITEMS, FEWEST = 200, 20
"""Most held-out items of a class that are looked at, and fewest that count."""

BEST = "best.safetensors"
"""The best model so far, in the run folder."""


def load_unseen(run: Run, like: Ecg) -> tuple[Ecg, str] | None:
    """Items by which a training is stopped, and whose they are: of people who are left out of it
    (`validation`), or where there are none the last minutes of those whom it learns from.

    like: the training set.
    """
    known = DATASETS.get(run.data.name).splits
    for split, whose in (("validation", "of people left out"), ("heldout", "of the last minutes")):
        if split not in known or split == run.data.split:
            continue
        try:
            with collect_warnings():
                data = load(run.data.name, split, **run.data.settings)
        except EcgsynthError as problem:
            log.info("no items %s: %s", whose, problem)
            continue
        if len(data) >= FEWEST and data.spec.leads == like.spec.leads:
            return data, whose
    return None


class EarlyStop:
    """Looks now and then at the average model, keeps the best, and knows when there is none better.

    Parameters
    ----------
    run: the training. data: its set, as the run loads it; None = another one, of which nothing is
        known besides. per_step: examples of a step. state: as a snapshot has it.
    folder: the run folder; None keeps the best in memory alone.

    Attributes
    ----------
    best, best_at: lowest figure so far, and examples after which it was reached. over: whether the
    model has become no better for `training.stop_after` examples.
    """

    def __init__(
        self,
        run: Run,
        data: Ecg | None,
        per_step: int,
        state: Mapping[str, float],
        folder: Path | None,
    ) -> None:
        self._after = run.training.stop_after
        self._every = max(1, self._after // LOOKS // per_step)
        self._folder = folder
        self._weights: dict[str, Tensor] | None = None
        self._groups: list[tuple[str, NDArray[np.float64]]] = []
        self.whose = ""
        found = load_unseen(run, data) if self._after and data is not None else None
        if data is not None and found is not None:
            unseen, self.whose = found
            self._groups = _groups(unseen, data)
        if self._after and not self._groups:
            log.warning(
                "%s has no items that the training does not learn from, so that it cannot be "
                "stopped early; it runs to its end.", run.data.name,
            )  # fmt: skip
        self.best, self.best_at = state.get("best", np.inf), int(state.get("best_at", 0))
        self.over = bool(state.get("over", False)) and bool(self._groups)

    @property
    def state(self) -> dict[str, float]:
        """What a snapshot keeps of it."""
        if not self._groups:
            return {}
        return {"best": self.best, "best_at": self.best_at, "over": float(self.over)}

    @property
    def facts(self) -> dict[str, Any]:
        """What the card states of it."""
        return {
            "distance": round(self.best, 4), "examples": self.best_at, "of": f"items {self.whose}",
        }  # fmt: skip

    def is_due(self, step: int) -> bool:
        """Whether a look is due after this step; 0 is before the first."""
        return bool(self._groups) and step % self._every == 0

    def look(self, examples: int, model: Synthesizer, writes: bool) -> float:
        """The figure of the model now; the best is kept. writes: whether this process may."""
        figure = float(np.mean([self._figure(model, *group) for group in self._groups]))
        if figure < self.best:
            self.best, self.best_at = figure, examples
            self._weights = {n: value.clone() for n, value in model.weights().items()}
            if self._folder and writes:
                card = deepcopy(model.card)
                Synthesizer(model.generator, card).save(self._folder / BEST)
        self.over = examples - self.best_at >= self._after
        return figure

    def best_weights(self) -> dict[str, Tensor] | None:
        """The weights of the best model; None where the last one is."""
        if not self._groups:
            return None
        if self._weights is None and self._folder:
            return Synthesizer.load(self._folder / BEST).weights()
        return self._weights

    @staticmethod
    def _figure(model: Synthesizer, name: str, real: NDArray[np.float64]) -> float:
        """How far real items of a class are from the nearest of as many synthetic ones, as a share
        of how far they are from each other."""
        label: Any = name or None
        made = _features(model.generate(len(real), label, seed=0))
        return float(_distances(real, made).min(1).mean() / _distances(real, real).mean())


def _groups(unseen: Ecg, data: Ecg) -> list[tuple[str, NDArray[np.float64]]]:
    """Class -> features of some of its items; all in one where items may carry several classes or
    no class has enough."""
    random = np.random.default_rng(0)
    names = (
        [] if unseen.spec.multilabel else [n for n in unseen.spec.classes if n in data.spec.classes]
    )
    found = []
    for name in names:
        rows = random.permutation(np.flatnonzero(unseen.labels_str == name))[:ITEMS]
        if len(rows) >= FEWEST:
            found.append((name, _features(unseen[np.sort(rows)])))
    if found or names:
        return found
    rows = np.sort(random.permutation(len(unseen))[:ITEMS])
    return [("", _features(unseen[rows]))]


def _features(ecg: Ecg) -> NDArray[np.float64]:
    """[item, number] the samples of beats, the magnitudes of the spectrum of other items."""
    signal = np.asarray(ecg.signal, np.float64)
    if ecg.spec.r_sample is None:
        signal = np.abs(np.fft.rfft(signal))
    return signal.reshape(len(signal), -1)


def _distances(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(one, other))
