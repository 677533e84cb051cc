"""Signal-to-noise ratio over time: one number, stretches in turn, or the noise-stress protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import as_real_number, quote
from ecgsynth.errors import EcgsynthError

LOWEST_DB, HIGHEST_DB = -20.0, 60.0

CLEAN_S, TURN_S = 300.0, 120.0
"""Of the noise-stress protocol: clean at first, then noisy and clean in turn (Moody et al.,
Computers in Cardiology 11:381, 1984)."""

EDGE_S = 0.05
"""Within which noise begins and ends."""

Wave = NDArray[np.float32]

UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0}

STRETCH = re.compile(r"(?:(clean)|(-?\d+(?:\.\d+)?)\s*dB)\s+(\d+(?:\.\d+)?)\s*(s|min|h)", re.I)
STRESS = re.compile(r"stress\s+(-?\d+(?:\.\d+)?)(?:\s*dB)?", re.I)
NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)(?:\s*dB)?", re.I)

EXAMPLE = "'12', 'stress 12' or '24 dB 2 min; clean 2 min; 6 dB 30 s'"
MOST_LETTERS, MOST_SPANS = 2000, 100_000


class Span(NamedTuple):
    """A stretch of the recording, s, and its signal-to-noise ratio, dB; None where it is clean."""

    start_s: float
    stop_s: float
    snr_db: float | None


@dataclass(frozen=True)
class Schedule:
    """A ratio over time: a clean beginning of so many seconds, then turns that come again and
    again, each with its length and its ratio, dB; None where it is clean."""

    turns: tuple[tuple[float, float | None], ...]
    clean_s: float = 0.0

    @classmethod
    def parse(cls, snr: str | float) -> Schedule:
        """The schedule of a number or a text.

        Raises
        ------
        EcgsynthError: it has a fault, of which the column is named, or a ratio beyond the limits.
        """
        real = as_real_number(snr)
        if real is None and (not isinstance(snr, str) or len(snr) > MOST_LETTERS):
            raise EcgsynthError(f"a ratio of signal to noise is {EXAMPLE}; got {quote(snr)}.")
        text = str(snr).strip()
        if real is None and (number := NUMBER.fullmatch(text)):
            real = float(number[1])
        if real is not None:
            return cls(((np.inf, _ratio(real, 1)),))
        if found := STRESS.fullmatch(text):
            return cls(((TURN_S, _ratio(float(found[1]), 1)), (TURN_S, None)), CLEAN_S)
        return cls(tuple(_turns(str(snr))))

    def between(self, start: float, stop: float) -> list[Span]:
        """The stretches from one time up to another, s, with their own ends.

        Raises
        ------
        EcgsynthError: there are too many of them.
        """
        spans = [Span(0.0, self.clean_s, None)] if start < self.clean_s else []
        cycle = sum(length for length, _ in self.turns)
        done = max(0, int((start - self.clean_s) // cycle)) if np.isfinite(cycle) else 0
        begin = self.clean_s + (done * cycle if done else 0.0)
        number = 0
        while begin < stop - 1e-9:
            length, ratio = self.turns[number % len(self.turns)]
            if begin + length > start:
                spans.append(Span(begin, begin + length, ratio))
            begin += length
            number += 1
            if len(spans) > MOST_SPANS:
                raise EcgsynthError(
                    f"the schedule of noise has more than {MOST_SPANS:,} stretches; take longer "
                    "ones."
                )
        return spans

    def level(self, start: int, stop: int, fs: float, samples: int) -> Wave:
        """[stop - start] by which noise of the size of the signal is multiplied, in a recording of
        so many samples; it goes from one stretch to the next within EDGE_S."""
        width = max(1, round(EDGE_S * fs))
        first, last = start - width, stop + width
        at = np.zeros(last - first, np.float32)
        for span in self.between(max(first, 0) / fs, min(last, samples) / fs):
            if span.snr_db is not None:
                rows = [min(max(round(min(edge, samples / fs) * fs) - first, 0), len(at))
                        for edge in span[:2]]  # fmt: skip
                at[slice(*rows)] = 10 ** (-span.snr_db / 20)
        known = at[max(0, -first) : len(at) - max(0, last - samples)]
        at = np.pad(known, (max(0, -first), max(0, last - samples)), mode="edge")
        if np.ptp(at) == 0:
            return at[width:-width]
        return np.convolve(at, np.ones(width, np.float32) / width, "same")[width:-width]


def _turns(text: str) -> Iterator[tuple[float, float | None]]:
    """The stretches of a text with ; between."""
    column, count = 1, 0
    for part in text.split(";"):
        if part.strip() or not count:
            found = STRETCH.fullmatch(part.strip())
            at = column + len(part) - len(part.lstrip())
            if found is None:
                raise EcgsynthError(
                    f"the schedule of noise has a fault in column {at}: {quote(part.strip())} "
                    f"stands where a ratio and a length are expected, as in {EXAMPLE}."
                )
            length = float(found[3]) * UNITS_S[found[4].lower()]
            if not length >= 1:
                raise EcgsynthError(
                    f"the schedule of noise has a fault in column {at}: a stretch lasts a second "
                    "at least."
                )
            yield length, None if found[1] else _ratio(float(found[2]), at)
            count += 1
        column += len(part) + 1


def name_schedule(snr: str | float) -> str:
    """A schedule as a file states it: "12 dB", or the text in one line."""
    text = " ".join(str(snr).split())
    found = NUMBER.fullmatch(text)
    return f"{float(found[1]):g} dB" if found else text


def _ratio(value: float, column: int) -> float:
    if not LOWEST_DB <= value <= HIGHEST_DB:
        raise EcgsynthError(
            f"the schedule of noise has a fault in column {column}: a ratio lies between "
            f"{LOWEST_DB:g} and {HIGHEST_DB:g} dB; got {quote(value)}."
        )
    return float(value)
