"""How far the rare classes of an arm are filled, and whether the loss is class-weighted on top."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchmarks.augmentation.generators import PLAIN
from benchmarks.augmentation.settings import Settings
from ecgsynth.errors import EcgsynthError

WEIGHTED = "+w"


@dataclass(frozen=True)
class Option:
    """ratio: "x4" = to four times the real beats, "0.1N" = to a tenth of the largest class's, "" =
    nothing is added. weighted: class-weighted loss, by the counts after filling."""

    ratio: str
    weighted: bool = False

    @classmethod
    def of(cls, word: str) -> Option:
        """From "x4" or "0.1N+w".

        Raises
        ------
        EcgsynthError: not a ratio.
        """
        option = cls(word.removesuffix(WEIGHTED), word.endswith(WEIGHTED))
        option.wanted(1, 1)
        return option

    @property
    def word(self) -> str:
        return self.ratio + WEIGHTED * self.weighted

    @property
    def balances(self) -> bool:
        """Whether every class ends as large as the largest, so that all weights are 1."""
        return self.ratio == "1N"

    def wanted(self, real: int, largest: int) -> int:
        """Beats to add to a class with so many real ones."""
        if not self.ratio:
            return 0
        found = re.fullmatch(r"x(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)N", self.ratio)
        if found is None:
            raise EcgsynthError(
                f"'{self.ratio}' is no ratio; write x4 for four times the real beats, or 0.1N for "
                "a tenth of those of the largest class."
            )
        times, share = found.groups()
        goal = float(times) * real if times else float(share) * largest
        return max(0, round(goal) - real)


def options(arm: str, settings: Settings, n: int) -> list[Option]:
    """What is tried for an arm, the least first; n: of the curve, 0 for the whole set."""
    if arm in PLAIN:
        return [Option("", arm == "weights")]
    if n:
        return [Option(ratio) for ratio in settings.curve_ratios]
    both = (False, True) if settings.weighted else (False,)
    each = [Option(ratio, weighted) for ratio in settings.ratios for weighted in both]
    return [one for one in each if not (one.weighted and one.balances)]
