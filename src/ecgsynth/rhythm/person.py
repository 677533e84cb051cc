"""The figures of a rhythm, drawn anew for every synthetic person."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_integer
from ecgsynth.errors import EcgsynthError, did_you_mean

FARTHEST = 2.0
"""A person lies within so many spreads of the typical one."""

VARIABILITY = ("sinus_rr_s", "sdnn_s", "rmssd_s", "lf_hf")
"""Figures that are drawn together, as they depend on each other."""


@dataclass(frozen=True)
class Figure:
    """One row of the tables: how a number is distributed over people.

    typical: median. spread: SD, of the logarithm where log. people: whose recordings it was fitted
    on; 0 where it is published, or the project's own choice. source: where it is from.
    """

    name: str
    typical: float
    spread: float
    log: bool
    unit: str
    people: int
    source: str

    def at(self, score: float) -> float:
        """The number of a person with this normal score."""
        score = float(np.clip(score, -FARTHEST, FARTHEST))
        if self.log:
            return float(self.typical * np.exp(self.spread * score))
        return self.typical + self.spread * score

    def score(self, value: float) -> float:
        """The normal score of a number."""
        if not self.spread:
            return 0.0
        gap = np.log(value / self.typical) if self.log else value - self.typical
        return float(np.clip(gap / self.spread, -FARTHEST, FARTHEST))


@cache
def _content(name: str) -> dict[str, Any]:
    import yaml

    text = (files("ecgsynth.rhythm") / f"{name}.yaml").read_text("utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


@cache
def figures() -> dict[str, Figure]:
    """Name -> figure, of all that were fitted or published."""
    rows = _content("fitted")["figures"] | _content("published")
    return {
        name: Figure(
            name, float(row["typical"]), float(row["spread"]), row.get("scale") == "log",
            row["unit"], int(row.get("people", 0)), row["source"],
        )
        for name, row in rows.items()
    }  # fmt: skip


@cache
def _correlation() -> NDArray[np.float64]:
    """[figure, figure] of the scores of VARIABILITY."""
    return np.array(_content("fitted")["correlation"])


class Person:
    """A synthetic person: every figure of his rhythms, the same whichever of them is asked first.

    seed, patient: which crowd, and which person of it.
    """

    def __init__(self, seed: int, patient: int = 0) -> None:
        self.seed = check_integer(seed, "the seed")
        self.patient = check_integer(patient, "the number of a patient")

    def random(self, *numbers: int) -> np.random.Generator:
        """A stream of random numbers of his own, by the numbers that name it."""
        return np.random.default_rng([self.seed, self.patient, *numbers])

    def __getitem__(self, name: str) -> float:
        """The person's figure of this name."""
        known = figures()
        if name not in known:
            raise EcgsynthError(f"no figure is named '{name}'.{did_you_mean(name, known)}")
        if name in VARIABILITY:
            return self.variability()[name]
        return known[name].at(self._score(name))

    def _score(self, name: str) -> float:
        return float(self.random(zlib.crc32(name.encode())).standard_normal())

    def variability(self, rate: float | None = None) -> dict[str, float]:
        """The figures of VARIABILITY at a heart rate, 1/min; None: at his own.

        The others follow the rate as they do from person to person.
        """
        own = np.linalg.cholesky(_correlation()) @ np.array(
            [self._score(name) for name in VARIABILITY]
        )
        if rate is not None:
            moved = figures()["sinus_rr_s"].score(60 / rate) - own[0]
            own = own + moved * _correlation()[:, 0]
        found = {
            name: figures()[name].at(score) for name, score in zip(VARIABILITY, own, strict=True)
        }
        return found | ({} if rate is None else {"sinus_rr_s": 60 / rate})
