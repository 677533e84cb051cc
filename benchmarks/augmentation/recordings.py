"""The real beats of the study: of whom is learned, who chooses, who is tested once."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ecgsynth as es
from benchmarks.augmentation.settings import Settings
from ecgsynth.augmentation.patient_leakage import check_disjoint, hashed_people
from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError

LITERATURE = "test-literature"
"""The split of DS2 that keeps record 202, whose owner is in DS1: for one row of the tables."""


@dataclass(frozen=True)
class Recordings:
    """Real beats: of those who are learned from, who choose, who are tested once."""

    train: es.Ecg
    validation: es.Ecg
    test: es.Ecg

    @classmethod
    def load(cls, settings: Settings) -> Recordings:
        """The recordings that the study needs.

        Raises
        ------
        EcgsynthError: not there, cut in different ways, people on both sides.
        """
        cut = Run.read(*shlex.split(settings.recipe)).data.settings
        sources = (settings.train, settings.validation, settings.test)
        found = cls(*(_loaded(source, cut) for source in sources))
        found.check()
        return found

    def check(self) -> None:
        """Refuse sets that cannot be compared, and people on both sides."""
        for part in (self.validation, self.test):
            if part.spec != self.train.spec:
                raise EcgsynthError(
                    f"{part.source} is not cut or labelled like {self.train.source} "
                    f"({part.spec} against {self.train.spec}); load all three alike."
                )
        empty = [name for name, count in self.train.counts().items() if not count]
        if empty or len(self.train.spec.classes) < 2:
            raise EcgsynthError(
                f"{self.train.source} has no beats of class {', '.join(empty) or 'but one'}; the "
                "study needs a large class and rare ones."
            )
        learned = hashed_people(self.train)
        check_disjoint(learned, self.validation)
        check_disjoint(learned, self.own_test)
        check_disjoint(hashed_people(self.validation), self.test)

    @cached_property
    def own(self) -> NDArray[np.bool_]:
        """[test item] whether it counts for our own figures: in DS2 all but those of the man who
        stands on both sides."""
        if not self.test.source.endswith(LITERATURE) or self.test.patient is None:
            return np.ones(len(self.test), bool)
        learned = self.train.patient
        assert learned is not None
        return ~np.isin(self.test.patient, np.unique(learned))

    @property
    def own_test(self) -> es.Ecg:
        return self.test[self.own]

    @cached_property
    def largest(self) -> str:
        """The class that is not filled up."""
        counts = self.train.counts()
        return max(counts, key=lambda name: counts[name])

    @property
    def rare(self) -> tuple[str, ...]:
        return tuple(name for name in self.train.spec.classes if name != self.largest)


def _loaded(source: str, cut: Mapping[str, Any]) -> es.Ecg:
    if Path(source).suffix:
        return es.read(source).quantised()
    name, _, split = source.partition(":")
    return es.load(name, split, **cut).quantised()
