"""A recording of any length from its beats: windows that stand alone, and others that join them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgsynth.completion.pieces import DECIMALS, EDGE_S
from ecgsynth.completion.windows import beats_from, draw_windows, drawn_leads, normal_noise
from ecgsynth.signals.events import R
from ecgsynth.signals.vocabulary import LEADS_12, twelve_leads

if TYPE_CHECKING:
    from ecgsynth.synthesizer.sampler import NetworkSampler

JOIN_S = 2.5
"""So much on both sides is known to a window that joins two others, s; it makes what is between,
half of its length, as models learn to fill gaps."""

APART_S = 0.4
"""A beat that is nearer than this, s, to the last beat of a strip is not asked for."""

ALONE, JOINED, PERSON = 1 << 65, 1 << 66, 1 << 67
"""Added to a seed for the noise of windows that stand alone, of those that join them, and of the
person, which all windows have in common."""


@dataclass(frozen=True)
class Strip:
    """A person's own strip, which all windows that stand alone begin with.

    signal: [drawn lead, sample] mV, in the model's band, NaN in leads that are not known.
    beats: [beat, EVENT], s from its start.
    """

    signal: NDArray[np.float32]
    beats: NDArray[np.float64]


class Recorder:
    """Makes a recording from its beats.

    Windows that stand alone are apart by less than a window; others are made between them, which
    know the end of the one and the beginning of the next. So no window waits for all before it, the
    person stays the same over days, and memory does not grow. The network always runs on blocks of
    `sampler.size` windows: the same windows come of the same numbers.

    sampler: at the rate of the recording, of a family that takes a known part. beats: [beat,
    EVENT] from one time to another, s, in order, in double precision. samples: of the recording.
    label_at: label [class] of a window from one time to another, s. context: [number], NaN =
    unknown. seed: of the noise. strip: in whose manner it is.
    """

    def __init__(
        self, sampler: NetworkSampler, beats: Callable[[float, float], NDArray[np.float64]],
        samples: int, *,
        label_at: Callable[[float, float], NDArray[np.float32]], context: NDArray[np.float64],
        seed: int, strip: Strip | None = None,
    ) -> None:  # fmt: skip
        self.sampler, self.beats, self.samples = sampler, beats, samples
        self.label_at, self.context, self.seed, self.strip = label_at, context, seed, strip
        self.fs, self.width = sampler.spec.fs, sampler.spec.samples
        self.drawn, self.size = drawn_leads(sampler.spec.leads), sampler.size
        seconds = sampler.spec.seconds
        edge = round(min(EDGE_S, seconds / 20) * self.fs)
        known = 0 if strip is None else strip.signal.shape[1]
        self.first = known + edge  # of a window that stands alone, what is taken begins here
        self.alone = self.width - self.first - edge
        self.join = round(min(JOIN_S, seconds / 4, self.alone / self.fs) * self.fs)
        self.gap = self.width - 2 * self.join
        self.period = self.alone + self.gap
        generator = sampler.generator
        own = int(generator.leads * generator.frames)  # type: ignore[operator]
        self.person = normal_noise(seed + PERSON, 0, 1, generator)[:, own:]

    def pieces(self) -> Iterator[NDArray[np.float32]]:
        """[lead, sample] mV of all leads, block by block along time."""
        count = -(-self.samples // self.period)
        ahead: NDArray[np.float32] | None = self._alone(0)
        for block in range(0, count, self.size):
            assert ahead is not None
            own, ahead = ahead, None
            if block + self.size < count:
                ahead = self._alone(block + self.size)
            between = self._joined(block, own, ahead)
            whole = np.concatenate([own, between], 2).transpose(1, 0, 2)
            whole = whole.reshape(len(self.drawn), -1)[:, : self.samples - block * self.period]
            whole = np.round(whole, DECIMALS)
            if self.sampler.spec.leads == LEADS_12:
                whole = twelve_leads(whole)
            yield whole.astype(np.float32)

    def _alone(self, number: int) -> NDArray[np.float32]:
        """[window, drawn lead, alone] mV of the windows from a number on that stand alone."""
        clean = np.zeros((self.size, len(self.drawn), self.width), np.float32)
        there = np.zeros(clean.shape, bool)
        if self.strip is not None:
            part = slice(0, self.strip.signal.shape[1])
            there[:, :, part] = np.isfinite(self.strip.signal)
            clean[:, :, part] = np.nan_to_num(self.strip.signal)
        starts = (number + np.arange(self.size)) * self.period - self.first
        made = self._draw(starts, clean, there, number, ALONE)
        return made[:, :, self.first : self.first + self.alone]

    def _joined(
        self, number: int, own: NDArray[np.float32], ahead: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """[window, drawn lead, gap] mV of what lies behind each of these windows."""
        clean = np.zeros((self.size, len(self.drawn), self.width), np.float32)
        there = np.zeros(clean.shape, bool)
        clean[:, :, : self.join] = own[:, :, -self.join :]
        there[:, :, : self.join] = True
        behind = slice(self.width - self.join, self.width)
        clean[:-1, :, behind] = own[1:, :, : self.join]
        there[:-1, :, behind] = True
        if ahead is not None:
            clean[-1, :, behind], there[-1, :, behind] = ahead[0, :, : self.join], True
        starts = (number + np.arange(self.size)) * self.period + self.alone - self.join
        made = self._draw(starts, clean, there, number, JOINED)
        return made[:, :, self.join : self.join + self.gap]

    def _draw(
        self, starts: NDArray[np.int64], clean: NDArray[np.float32], there: NDArray[np.bool_],
        number: int, kind: int,
    ) -> NDArray[np.float32]:  # fmt: skip
        """[window, drawn lead, sample] mV of windows that begin at these samples."""
        noise = normal_noise(self.seed + kind, number, self.size, self.sampler.generator)
        noise[:, noise.shape[1] - self.person.shape[1] :] = self.person
        times = [(at / self.fs, (at + self.width) / self.fs) for at in starts.tolist()]
        label = np.stack([self.label_at(*one) for one in times]).astype(np.float32)
        beats = [self._beats(*one, with_strip=kind == ALONE) for one in times]
        context = np.tile(self.context, (self.size, 1))
        return draw_windows(self.sampler, self.drawn, clean, there, beats, label, context, noise)

    def _beats(self, start: float, stop: float, with_strip: bool) -> NDArray[np.float64]:
        """The beats of a window, from its start; those of the strip come first."""
        beats = beats_from(self.beats(start, stop), start)
        if self.strip is None or not with_strip:
            return beats
        own, length = self.strip.beats, self.strip.signal.shape[1] / self.fs
        last = own[-1, R] if len(own) else -np.inf
        after = beats[(beats[:, R] >= length) & (beats[:, R] >= last + APART_S)]
        return np.concatenate([own, after])
