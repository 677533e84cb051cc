"""What is compared, and how: the settings of ANSI/AAMI EC57 and the classes of beats."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ecgsynth.arguments import check_flag, check_number, check_text
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.annotations import Annotations

CLASSES = "NSVFQOX"
"""Rows of a table of beats; its columns are the same letters, small. O: no beat in the other file.
X: no beat there, in a shutdown."""

N, S, V, F, Q, O, X = range(7)  # noqa: E741

BEATS = (N, S, V, F, Q)
"""Classes of beats."""

CLASS_OF_SYMBOL = {
    **dict.fromkeys("NLRB", N), **dict.fromkeys("AaJSejn", S), **dict.fromkeys("VrE", V), "F": F,
    **dict.fromkeys("Q/f?", Q),
}  # fmt: skip
"""Class of every beat symbol, by WFDB's ecgmap.h. All other symbols are no beats."""

ESCAPE = "ejn"
"""Supraventricular escape beats: S in EC57 and in WFDB, N in many papers."""

FLUTTER_WAVE = "!"
"""Within [ and ] it is skipped; elsewhere WFDB's bxb takes it for a beat without a class."""

ENDLESS = 1 << 60
"""The time of what never comes, in samples."""

LATEST_S = 1e9
"""Latest time of a setting, s, thirty years: before ENDLESS at every rate."""


@dataclass(frozen=True)
class Rules:
    """Settings of a comparison; others than the default ones are not those of EC57.

    Attributes
    ----------
    start_s: where the test period begins, s; what lies before is for learning. stop_s: where it
        ends, s; None: at the end of the record, or of the truth where the length is unknown.
    window_s: beats this close may be the same, s. escape: the class of supraventricular escape
        beats (e, j, n), "S" or "N".
    quirks: whether WFDB's own programs are followed where they differ from what they mean to do.

    Raises
    ------
    EcgsynthError: a value is not possible.
    """

    start_s: float = 300.0
    stop_s: float | None = None
    window_s: float = 0.15
    escape: str = "S"
    quirks: bool = True

    def __post_init__(self) -> None:
        start = check_number(self.start_s, "the start of the test period, in s,", 0, LATEST_S)
        window = check_number(self.window_s, "the match window, in s,", 0, LATEST_S)
        object.__setattr__(self, "start_s", start)
        object.__setattr__(self, "window_s", window)
        if self.stop_s is not None:
            stop = check_number(self.stop_s, "the end of the test period, in s,", 0, LATEST_S)
            object.__setattr__(self, "stop_s", stop)
            if stop <= start:
                raise EcgsynthError(
                    f"the test period ends at {stop:g} s and begins at {start:g} s; choose a later "
                    "end."
                )
        if check_text(self.escape, "the class of escape beats") not in ("S", "N"):
            raise EcgsynthError(
                f"escape beats are of class 'S' or 'N'; got {self.escape!r}, choose one of them."
            )
        object.__setattr__(self, "quirks", check_flag(self.quirks, "quirks"))

    def classes(self) -> dict[str, int]:
        """Symbol -> number of its class in `CLASSES`."""
        found = dict(CLASS_OF_SYMBOL)
        if self.escape == "N":
            found |= dict.fromkeys(ESCAPE, N)
        return found | ({FLUTTER_WAVE: O} if self.quirks else {})


@dataclass(frozen=True)
class Period:
    """The test period of a record, in samples, both ends included.

    fs: Hz. end: `ENDLESS` where the record has no length. window: the match window.
    """

    fs: float
    start: int
    end: int
    window: int

    @classmethod
    def of(cls, rules: Rules, fs: float, length: int) -> Period:
        """length: samples of the record, 0 where it is unknown."""

        def samples(seconds: float) -> int:
            return math.floor(seconds * fs + 0.5)

        end = samples(rules.stop_s) if rules.stop_s is not None else (length or ENDLESS)
        return cls(fs, samples(rules.start_s), end, samples(rules.window_s))


def in_order(notes: Annotations) -> Annotations:
    """The annotations by time; those of one time stay as they were."""
    return notes.select(np.argsort(notes.sample, kind="stable"))
