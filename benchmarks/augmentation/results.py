"""What the study found on one side: figures of every arm at its chosen ratio, and the curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.augmentation import cells
from benchmarks.augmentation.cells import Cell, Side
from benchmarks.augmentation.figures import Figures
from benchmarks.augmentation.options import Option
from ecgsynth.classification.report import LARGE_RECORD
from ecgsynth.signals.ecg import Ecg

if TYPE_CHECKING:
    from benchmarks.augmentation.study import Study

Point = tuple[str, int]
"""(arm, n); n = 0: all real beats."""


@dataclass(frozen=True)
class Results:
    """Arms and points whose cells are all there; side: whose answers are read.

    Reading "test" is a look at the test side.
    """

    study: Study
    side: Side

    @property
    def own(self) -> NDArray[np.bool_]:
        real = self.study.recordings
        return real.own if self.side == "test" else np.ones(len(real.validation), bool)

    @property
    def whole(self) -> Ecg:
        """The side with everybody in it, record 202 of DS2 included."""
        real = self.study.recordings
        return real.test if self.side == "test" else real.validation

    @cached_property
    def chosen(self) -> Mapping[Point, str]:
        """The option that validation chose, of every point that is complete."""
        found = {}
        for arm, n in cells.points(self.study):
            best = cells.chosen(self.study, arm, n)
            if best is not None and self._complete(cells.full(self.study, arm, n, best)):
                found[arm, n] = best.word
        return found

    def _complete(self, needed: list[Cell]) -> bool:
        return all(cells.facts_of(self.study, cell) is not None for cell in needed)

    @cached_property
    def _predictions(self) -> dict[Point, list[list[NDArray[np.float32]]]]:
        """Point -> [generator or subset][classifier] probabilities of the whole side."""
        found: dict[Point, list[list[NDArray[np.float32]]]] = {}
        for (arm, n), word in self.chosen.items():
            groups: dict[int, list[NDArray[np.float32]]] = {}
            for cell in cells.full(self.study, arm, n, Option.of(word)):
                predicted = cells.load(self.study, cell, self.side)
                assert predicted is not None
                groups.setdefault(cell.subset if n else cell.generator, []).append(predicted)
            found[arm, n] = [*groups.values()]
        return found

    def _figures(self, rows: NDArray[np.bool_]) -> dict[Point, Figures]:
        test = self.whole[rows]
        return {
            point: Figures.of(test, [[one[rows] for one in each] for each in predicted])
            for point, predicted in self._predictions.items()
        }

    @cached_property
    def figures(self) -> dict[Point, Figures]:
        """Of people who are on no other side."""
        return self._figures(self.own)

    @cached_property
    def literature(self) -> dict[Point, Figures]:
        """With record 202, as others count."""
        return self._figures(np.ones(len(self.whole), bool))

    @cached_property
    def without_largest(self) -> dict[Point, Figures]:
        """Without record 232, which gives three quarters of the S beats; {} where it is not."""
        record = self.whole.record
        if record is None or LARGE_RECORD not in record:
            return {}
        return self._figures(self.own & (record != LARGE_RECORD))

    @property
    def arms(self) -> list[str]:
        """Those with all real beats that are complete."""
        return [arm for arm, n in self.chosen if not n]

    @property
    def ns(self) -> list[int]:
        """Of the curve, as far as the class-weighted loss is complete there."""
        return [n for arm, n in self.chosen if n and arm == "weights"]
