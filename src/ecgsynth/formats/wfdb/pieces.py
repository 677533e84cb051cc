"""Writing WFDB piece by piece: recordings of any length, known samples in their own steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import stream
from ecgsynth.formats.digitise import AUGMENTED
from ecgsynth.formats.stream import InPieces, Steps
from ecgsynth.formats.wfdb.records import NewFolder
from ecgsynth.formats.wfdb.writer import (
    BEATS,
    STEP_MV,
    beat_notes,
    comment_lines,
    made_notes,
    rows_of,
    signal_names,
    write_annotations,
)
from ecgsynth.signals.acquisition import partly_synthetic
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.synthetic_parts import Stretch, stretches_of, text_of_stretches
from ecgsynth.signals.vocabulary import limb_leads


@dataclass
class _Written:
    """What a header has of the samples."""

    first: NDArray[np.int64]
    total: NDArray[np.int64]
    made: list[Stretch]
    samples: int = 0


def write_record_pieces(folder: NewFolder, recording: InPieces) -> None:
    """One partly real record, with its header, annotations and row of items.csv.

    Its own leads keep their steps; others have 1 uV, limb leads those of I and II.

    Raises
    ------
    EcgsynthError: an amplitude is beyond the range.
    """
    head = recording.head
    name = folder.next_name()
    steps = _steps(head.spec.leads, recording.own)
    bits = max(one.bits for one in steps)
    with open(folder.path / f"{name}.dat", "wb") as file:
        written = _samples(recording, steps, bits, file)
    notes = beat_notes(head) + made_notes(written.made, head.spec)
    write_annotations(folder.path / f"{name}.{BEATS}", notes)
    comments = comment_lines(head, partly_synthetic(head, recording.real, written.made))
    lines = [f"{name} {len(steps)} {head.spec.fs:.17g} {written.samples}"]
    for k, lead in enumerate(signal_names(head.spec)):
        one = steps[k]
        checksum = int(written.total[k]) % 65536
        checksum -= 65536 * (checksum > 32767)
        lines.append(
            f"{name}.dat {bits} {one.gain:.17g}({one.baseline})/mV {bits} 0 "
            f"{int(written.first[k])} {checksum} 0 {lead}"
        )
    lines += [f"# {line}" for line in comments]
    (folder.path / f"{name}.hea").write_text("\n".join(lines) + "\n", encoding="utf-8")
    row = rows_of(stream.without(head, ["synthetic_mask"]), name)[1][0]
    folder.table.writerow([*row, text_of_stretches(written.made)])


def heads_of(head: Ecg) -> list[str]:
    """Columns of items.csv."""
    return [*rows_of(stream.without(head, ["synthetic_mask"])[:0], "")[0], "synthetic_mask"]


def _steps(leads: tuple[str, ...], own: Mapping[str, Steps]) -> list[Steps]:
    """Steps of every lead; limb leads have a whole part of those of I and II."""
    usual = Steps(1 / STEP_MV)
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


def _samples(recording: InPieces, steps: list[Steps], bits: int, file: BinaryIO) -> _Written:
    leads, width = recording.head.spec.leads, len(steps)
    written = _Written(np.zeros(width, np.int64), np.zeros(width, np.int64), [])
    gain = np.array([one.gain for one in steps])[:, None]
    zero = np.array([one.baseline for one in steps])[:, None]
    most = (1 << (bits - 1)) - 1
    for signal, made in recording.pieces:
        whole = np.round(signal.astype(np.float64) * gain)
        if {"I", "II"} <= {*leads}:
            pair = [leads.index("I"), leads.index("II")]
            for lead, exact in limb_leads(*(whole[k] / gain[k] for k in pair)).items():
                if lead in leads:
                    k = leads.index(lead)
                    whole[k] = np.where(made[k], np.round(exact * gain[k]), whole[k])
        digital = whole.astype(np.int64) + zero
        if (np.abs(digital) > most).any():
            k = int(np.argmax(np.abs(digital).max(1) > most))
            raise EcgsynthError(
                f"lead {leads[k]} reaches {np.abs(signal[k]).max():.1f} mV, beyond {bits}-bit WFDB "
                "with its steps; write NPZ or Parquet."
            )
        if not written.samples:
            written.first[:] = digital[:, 0]
        written.total += digital.sum(1)
        for number, start, stop in stretches_of(made):
            _extend(written.made, (number, start + written.samples, stop + written.samples))
        written.samples += digital.shape[1]
        file.write(digital.T.astype("<i2" if bits == 16 else "<i4").tobytes())
    written.made.sort()
    return written


def _extend(stretches: list[Stretch], new: Stretch) -> None:
    """Add a stretch; one that goes on from a piece before stays one."""
    for k in range(len(stretches) - 1, -1, -1):
        if stretches[k][0] == new[0]:
            if stretches[k][2] == new[1]:
                stretches[k] = (new[0], stretches[k][1], new[2])
                return
            break
    stretches.append(new)
