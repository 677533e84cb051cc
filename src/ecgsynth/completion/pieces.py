"""What is not known of a recording, made piece by piece: each knows the end of the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgsynth.completion.baseline import Baseline
from ecgsynth.completion.beats import BeatSource
from ecgsynth.completion.known import OF_PAIR, KnownPart, derive_limb_leads
from ecgsynth.completion.windows import beats_from, bridged, draw_windows, drawn_leads, normal_noise
from ecgsynth.signals.filters import bandpass
from ecgsynth.signals.vocabulary import LEADS_12, limb_leads

if TYPE_CHECKING:
    from ecgsynth.synthesizer.sampler import NetworkSampler

OVERLAP_S = 2.0
"""So much of what was made is known to the next piece, s: two beats or so."""

EDGE_S = 0.5
"""So much at the end of a window is made anew by the next one, s: recordings that a model learned
from begin and end with the edges of their filters."""

AROUND_S = 5.0
"""So much around a piece is filtered with it, s."""

DECIMALS = 3
"""What is made is rounded to 1 uV."""

DRAWS, WINDOWS = 2**20, 2**24
"""More draws of a recording, and pieces of a draw, than there are: each has its own noise."""


@dataclass(frozen=True)
class Piece:
    """A stretch of a completed recording.

    signal: [lead, sample], mV. synthetic_mask: [lead, sample], True where a model made the sample
    or it follows from other leads.
    """

    signal: NDArray[np.float32]
    synthetic_mask: NDArray[np.bool_]


class Completer:
    """Completes one recording.

    sampler: at the rate of the recording, its family takes a known part. samples: of the whole.
    label: [class] asked for, zeros = unknown. context: [number], NaN = unknown. seed, number: of
    the noise; the same give the same.
    """

    def __init__(
        self, sampler: NetworkSampler, known: KnownPart, beats: BeatSource, samples: int, *,
        label: NDArray[np.float32], context: NDArray[np.float64], seed: int, number: int = 0,
    ) -> None:  # fmt: skip
        self.sampler, self.known, self.beats, self.samples = sampler, known, beats, samples
        self.label, self.context, self.seed, self.number = label, context, seed, number
        self.fs, self.leads = known.fs, known.leads
        self.width = sampler.spec.samples
        seconds = sampler.spec.seconds
        self.overlap = round(min(OVERLAP_S, seconds / 4) * self.fs)
        self.edge = round(min(EDGE_S, seconds / 20) * self.fs)
        self.drawn = drawn_leads(self.leads)

    def pieces(self, draw: int = 0) -> Iterator[Piece]:
        """The whole recording, stretch by stretch."""
        position, window = 0, 0
        earlier = np.full((len(self.drawn), 0), np.nan, np.float32)  # made before `position`
        baseline = Baseline(len(self.drawn), self.fs)
        while position < self.samples:
            start, stop, first = self._next(position)
            if first is None:  # nothing to make up to `stop`
                piece, clean = self._kept(position, stop, baseline)
                yield piece
            else:
                piece, clean = self._window(
                    start, position, stop, earlier, baseline, (draw, window)
                )
                window += 1
                yield piece
            earlier = np.concatenate([earlier, clean], 1)[:, -self.width :]
            position = stop

    def _next(self, position: int) -> tuple[int, int, int | None]:
        """Start of the window, end of the stretch, and the first sample to make, if there is one.

        The window lies around what is missing, with more than the overlap before it where there
        is time to spare.
        """
        ahead = min(position + 2 * self.width, max(self.samples, position + self.width))
        gone = np.asarray(np.isnan(self._independent(position, ahead)).any(0))
        gone[self.samples - position :] = False
        if not gone.any():
            return position, min(ahead, self.samples), None
        first = int(gone.argmax())
        rest = gone[first : first + self.width - self.overlap]
        length = len(rest) if rest.all() else int((~rest).argmax())
        lead_in = max(self.overlap, (self.width - length) // 2)
        start = min(position + first - lead_in, self.samples - self.width)
        start = max(start, 0)
        if start > position:  # all before the window is known
            return position, start, None
        end = start + self.width
        return start, end - self.edge if end < self.samples else self.samples, position + first

    def _independent(self, start: int, stop: int) -> NDArray[np.float32]:
        """[drawn lead, sample] mV as known, NaN elsewhere."""
        return derive_limb_leads(self.known.read(start, stop), self.leads)[self.drawn]

    def _clean(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """As the model knows signals: of its band, without NaN."""
        filled = np.array([bridged(row) for row in raw])
        short = max(0, self.width - filled.shape[1])
        wide = np.pad(filled, [(0, 0), (short, short)], mode="edge")
        band = self.sampler.spec.band
        high = band[1] if band[1] is not None and band[1] < self.fs / 2 else None
        return bandpass(wide, self.fs, band[0], high)[:, short : short + filled.shape[1]]

    def _kept(self, start: int, stop: int, baseline: Baseline) -> tuple[Piece, NDArray[np.float32]]:
        """A stretch in which all independent leads are known."""
        raw, clean = self._filtered(start, stop)
        baseline.see(raw, clean, start)
        signal = self.known.read(start, stop)
        made = np.isnan(signal)
        return self._assembled(signal, raw, made), clean

    def _filtered(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Known samples [drawn lead, sample] as recorded and in the model's band."""
        margin = round(AROUND_S * self.fs)
        first, last = max(0, start - margin), min(max(stop, self.known.samples), stop + margin)
        wide = self._independent(first, last)
        clean = self._clean(wide)
        rows = slice(start - first, stop - first)
        return wide[:, rows], clean[:, rows]

    def _window(
        self, start: int, position: int, stop: int, earlier: NDArray[np.float32],
        baseline: Baseline, at: tuple[int, int],
    ) -> tuple[Piece, NDArray[np.float32]]:  # fmt: skip
        """Make a window that begins at `start`; give what lies from `position` to `stop`."""
        end = start + self.width
        raw, clean = self._filtered(start, end)
        there = np.isfinite(raw)
        before = position - start  # what was made, or known, up to here is known now
        if before > 0:
            clean[:, :before] = earlier[:, earlier.shape[1] - before :]
            there[:, :before] = True
        made = self._draw(clean, there, start, at)
        clean = np.where(there, clean, made)
        part = slice(max(before, 0), stop - start)
        lines = baseline.lines(raw, clean, start)
        whole = np.where(
            np.isfinite(raw), raw, np.round(clean + lines, DECIMALS).astype(np.float32)
        )
        baseline.see(raw[:, part], clean[:, part], start + part.start)
        signal = self.known.read(start + part.start, start + part.stop)
        return self._assembled(signal, whole[:, part], np.isnan(signal)), clean[:, part]

    def _draw(
        self, clean: NDArray[np.float32], there: NDArray[np.bool_], start: int,
        at: tuple[int, int],
    ) -> NDArray[np.float32]:  # fmt: skip
        """[drawn lead, sample] mV of one window as the model makes it."""
        beats = beats_from(self.beats.between(start / self.fs, (start + self.width) / self.fs),
                           start / self.fs)  # fmt: skip
        draw, window = at
        counter = (self.number * DRAWS + draw) * WINDOWS + window
        noise = normal_noise(self.seed, counter, 1, self.sampler.generator)
        made = draw_windows(
            self.sampler, self.drawn, clean[None], there[None], [beats], self.label[None],
            self.context[None], noise,
        )  # fmt: skip
        return made[0]

    def _assembled(
        self, signal: NDArray[np.float32], independent: NDArray[np.float32],
        mask: NDArray[np.bool_],
    ) -> Piece:  # fmt: skip
        """All leads: known samples as they are, the others made or derived from what is there."""
        whole = signal.copy()
        if self.leads != LEADS_12:
            whole[mask] = independent[mask]
            return Piece(whole, mask)
        pair = _agreeing(independent[:2].astype(np.float64), signal[:6])
        every = np.empty_like(whole)
        every[self.drawn] = independent
        every[:2] = pair
        for lead, values in limb_leads(*pair).items():
            every[LEADS_12.index(lead)] = values
        whole[mask] = every[mask]
        return Piece(whole, mask)


def _agreeing(pair: NDArray[np.float64], limb: NDArray[np.float32]) -> NDArray[np.float64]:
    """I and II that agree with a limb lead that alone is known; [2, sample] and [6, sample]."""
    there = np.isfinite(limb)
    alone = there.sum(0) == 1
    for k in range(2, len(limb)):
        rows = alone & there[k]
        if rows.any():
            a = OF_PAIR[k]
            error = limb[k, rows] - a @ pair[:, rows]
            pair[:, rows] += np.round(np.outer(a, error) / (a @ a), 6)
    return pair
