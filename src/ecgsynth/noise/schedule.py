"""Signal-to-noise ratio over time: one number, stretches in turn, or the noise-stress protocol."""

from __future__ import annotations

import re
from typing import NamedTuple

from ecgsynth.arguments import as_real_number, quote
from ecgsynth.errors import EcgsynthError

LOWEST_DB, HIGHEST_DB = -20.0, 60.0

CLEAN_S, TURN_S = 300.0, 120.0
"""Of the noise-stress protocol: clean at first, then noisy and clean in turn (Moody et al.,
Computers in Cardiology 11:381, 1984)."""

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


def parse_schedule(snr: str | float, seconds: float) -> list[Span]:
    """The stretches of a recording of so many seconds.

    Raises
    ------
    EcgsynthError: it has a fault, of which the column is named, or a ratio beyond the limits.
    """
    real = as_real_number(snr)
    if real is not None:
        return [Span(0.0, seconds, _ratio(float(real), 1))]
    if not isinstance(snr, str) or len(snr) > MOST_LETTERS:
        raise EcgsynthError(f"a ratio of signal to noise is {EXAMPLE}; got {quote(snr)}.")
    text = snr.strip()
    if found := NUMBER.fullmatch(text):
        return [Span(0.0, seconds, _ratio(float(found[1]), 1))]
    if found := STRESS.fullmatch(text):
        ratio = _ratio(float(found[1]), 1)
        turns: list[tuple[float, float | None]] = [(TURN_S, ratio), (TURN_S, None)]
        first = Span(0.0, min(CLEAN_S, seconds), None)
        return [first, *_repeat(turns, CLEAN_S, seconds)]
    turns, column = [], 1
    for part in snr.split(";"):
        if part.strip() or not turns:
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
            turns.append((length, None if found[1] else _ratio(float(found[2]), at)))
        column += len(part) + 1
    return _repeat(turns, 0.0, seconds)


def name_schedule(snr: str | float) -> str:
    """A schedule as a file states it: "12 dB", or the text in one line."""
    text = " ".join(str(snr).split())
    found = NUMBER.fullmatch(text)
    return f"{float(found[1]):g} dB" if found else text


def _repeat(turns: list[tuple[float, float | None]], start: float, seconds: float) -> list[Span]:
    spans: list[Span] = []
    while start < seconds - 1e-9:
        length, ratio = turns[len(spans) % len(turns)]
        spans.append(Span(start, min(start + length, seconds), ratio))
        start += length
        if len(spans) > MOST_SPANS:
            raise EcgsynthError(
                f"the schedule of noise has more than {MOST_SPANS:,} stretches; take longer ones."
            )
    return spans


def _ratio(value: float, column: int) -> float:
    if not LOWEST_DB <= value <= HIGHEST_DB:
        raise EcgsynthError(
            f"the schedule of noise has a fault in column {column}: a ratio lies between "
            f"{LOWEST_DB:g} and {HIGHEST_DB:g} dB; got {value:g}."
        )
    return value
