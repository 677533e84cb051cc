"""How samples are laid out in records of EDF: their length, and ranges that eight characters hold
exactly."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from ecgsynth.formats.edf.header import number_text

LONGEST_S = 10
"""Of a record, unless a single sample lasts longer."""

USUAL_S = 1
MOST_BYTES = 61_440
"""Of the samples of a record, as the specification recommends."""


class Layout(NamedTuple):
    """samples: of a lead in a record. seconds: of a record, as it is written. records: their
    number; the last one may be longer than what is left. fs: the rate that the file states, Hz."""

    samples: int
    seconds: str
    records: int

    @property
    def fs(self) -> float:
        return self.samples / float(self.seconds)


def layout_of(fs: float, samples: int, bytes_per_sample: int) -> Layout:
    """Records of about a second whose length is exact and which the samples fill, where there are
    such; else the last record is filled up.

    bytes_per_sample: of all leads together.
    """
    rate = Fraction(fs).limit_denominator(1_000_000)
    unit = next((n for n in range(1, _most(rate) + 1) if _exact(n / rate)), None)
    if unit is None:  # no length is exact: the rate is as near as eight characters allow
        unit = max(1, round(fs))
        return Layout(unit, number_text(float(unit / rate)), -(-samples // unit))
    units = -(-samples // unit)
    most = max(1, min(int(USUAL_S * rate), MOST_BYTES // bytes_per_sample) // unit)
    fitting = [n for n in range(most, 0, -1) if _exact(n * unit / rate)]
    whole = next((n for n in fitting if units % n == 0), 1)
    if units > most and whole < most / 4:
        whole = fitting[0]
    return Layout(
        whole * unit, number_text(float(whole * unit / rate)), -(-units // whole)
    )  # fmt: skip


def _most(rate: Fraction) -> int:
    """Samples that a record may hold."""
    return max(1, min(int(LONGEST_S * rate), 20_000))


def _exact(seconds: Fraction) -> bool:
    """Whether eight characters hold a time."""
    text = number_text(float(seconds))
    return len(text) <= 8 and Fraction(Decimal(text)) == seconds


def range_of(
    step_uv: float, zero: int, most: int, highest: int
) -> tuple[tuple[float, float], tuple[int, int]]:
    """Physical range, uV, and digital range of steps of this size.

    zero: the step of 0 uV. most: the largest step, in either direction, that occurs. highest: that
    the format has. A wide range is taken whose ends eight characters hold exactly, else one whose
    ends they hold as integers or rounded.
    """
    step = Fraction(step_uv).limit_denominator(1_000_000)
    near: list[tuple[tuple[float, float], tuple[int, int]]] = []
    for low, high in _ranges(most, highest):
        ends = (low - zero) * step, (high - zero) * step
        texts = [number_text(float(end)) for end in ends]
        if all(len(text) <= 8 for text in texts):
            near.append(((float(texts[0]), float(texts[1])), (low, high)))
            if all(map(_exact, ends)):
                return near[-1]
    return near[0]


def _ranges(most: int, highest: int) -> Iterator[tuple[int, int]]:
    """Digital ranges that hold all steps, the widest first."""
    yield -highest - 1, highest
    for part in range(16):
        for grain in (1, 10, 100, 1000, 10_000, 100_000, 1_000_000):
            high = (highest >> part) // grain * grain
            if high >= max(most, 1):
                yield -high, high
