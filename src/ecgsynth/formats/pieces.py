"""Recordings of any length as whole steps, piece by piece: known samples in their own steps, and
limb leads that follow from I and II."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.digitise import AUGMENTED
from ecgsynth.formats.stream import InPieces, Steps
from ecgsynth.signals.draft import moved
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.synthetic_parts import Stretch, stretches_of
from ecgsynth.signals.vocabulary import limb_leads


@dataclass
class Written:
    """What a header has of the samples.

    first, total, largest: [lead], steps: the first one, their sum, and the largest without its
    sign. made: stretches that a model made. missing: those without a value. samples: of each lead.
    """

    first: NDArray[np.int64]
    total: NDArray[np.int64]
    largest: NDArray[np.int64]
    made: list[Stretch]
    missing: list[Stretch]
    samples: int = 0


def steps_of(leads: tuple[str, ...], own: Mapping[str, Steps], step_mv: float) -> list[Steps]:
    """Steps of every lead; limb leads have a whole part of those of I and II."""
    usual = Steps(1 / step_mv)
    known = [own[lead].gain for lead in ("I", "II") if lead in own]
    fine = Steps(max(known) * ceil(usual.gain / max(known)) if known else usual.gain)
    found = []
    for lead in leads:
        if lead in ("III", *AUGMENTED):
            found.append(own.get(lead, Steps((2 if lead in AUGMENTED else 1) * fine.gain)))
        elif lead in ("I", "II") and lead not in own:
            found.append(fine)
        else:
            found.append(own.get(lead, usual))
    return found


def write_steps(
    recording: InPieces, steps: list[Steps], bits: int, file: BinaryIO, title: str,
    annotate: Callable[[Marks], None],
) -> Written:  # fmt: skip
    """Write the samples [sample, lead], of 16 or 32 bits each; what a header has of them.

    A sample without a value is the lowest number.

    bits: within which they must lie. title: of the format, for sentences. annotate: takes the marks
    of the pieces, at their samples in the recording.

    Raises
    ------
    EcgsynthError: an amplitude is beyond the range.
    """
    leads, width = recording.head.spec.leads, len(steps)
    first, total, largest = np.zeros((3, width), np.int64)
    written = Written(first, total, largest, [], [])
    gain = np.array([one.gain for one in steps])[:, None]
    zero = np.array([one.baseline for one in steps])[:, None]
    most = (1 << (bits - 1)) - 1
    partly = recording.head.synthetic_mask is not None
    for signal, made, marks in recording.pieces:
        whole = signal.astype(np.float64)
        whole *= gain
        np.round(whole, out=whole)
        if {"I", "II"} <= {*leads}:
            pair = [leads.index("I"), leads.index("II")]
            for lead, exact in limb_leads(*(whole[k] / gain[k] for k in pair)).items():
                if lead in leads:
                    k = leads.index(lead)
                    exact *= gain[k]
                    np.copyto(whole[k], np.round(exact), where=made[k])
        gone = np.isnan(whole)
        has_gaps = bool(gone.any())
        whole += zero
        whole[gone] = 0
        peak = np.maximum(whole.max(1, initial=0), -whole.min(1, initial=0))
        if (peak > most).any():
            k = int(np.argmax(peak > most))
            raise EcgsynthError(
                f"lead {leads[k]} reaches {np.nanmax(np.abs(signal[k])):.1f} mV, beyond {bits}-bit "
                f"{title} with its steps; write NPZ or Parquet."
            )
        if has_gaps:
            whole[gone] = -most - 1
            for number, start, stop in stretches_of(gone):
                _extend(written.missing, (number, start + written.samples, stop + written.samples))
        if not written.samples:
            written.first[:] = whole[:, 0]
        written.total += whole.sum(1).astype(np.int64)
        written.largest[:] = np.maximum(written.largest, peak)
        for number, start, stop in stretches_of(made) if partly else ():
            _extend(written.made, (number, start + written.samples, stop + written.samples))
        if marks is not None:
            annotate(moved(marks, written.samples))
        written.samples += whole.shape[1]
        file.write(np.ascontiguousarray(whole.astype(stored(bits)).T).data)
    written.made.sort()
    written.missing.sort()
    return written


def stored(bits: int) -> str:
    """The kind of number in which samples of so many bits are written."""
    return "<i2" if bits <= 16 else "<i4"


def _extend(stretches: list[Stretch], new: Stretch) -> None:
    """Add a stretch; one that goes on from a piece before stays one."""
    for k in range(len(stretches) - 1, -1, -1):
        if stretches[k][0] == new[0]:
            if stretches[k][2] == new[1]:
                stretches[k] = (new[0], stretches[k][1], new[2])
                return
            break
    stretches.append(new)
