"""Reading WFDB: one recording with its annotations, in mV."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError, reason_of

PER_MV = {"mv": 1.0, "uv": 1e3, "µv": 1e3, "v": 1e-3}
"""How many of a unit make one mV."""


@dataclass(frozen=True)
class Recording:
    """One recording as read from a file.

    signal: [lead, sample], mV; fs: Hz; sample, symbol: [annotation]; comments: header lines;
    channel, subtype: [annotation], index of the lead in the file, and WFDB's free number;
    note: [annotation], free text.
    """

    signal: NDArray[np.float32]
    fs: float
    leads: tuple[str, ...]
    sample: NDArray[np.int64]
    symbol: NDArray[np.str_]
    comments: tuple[str, ...] = ()
    channel: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    subtype: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    note: tuple[str, ...] = ()


def read_recording(
    path: Path, leads: tuple[str, ...] | None = None, annotations: str | None = None
) -> Recording:
    """Read `path`.hea, .dat and, where named, the annotation file.

    Raises
    ------
    EcgsynthError: a file is missing, cut short or corrupt (by the header's checksum), a lead is
        not there, or the unit is not a voltage. Annotations past the end are left out.
    """
    import wfdb

    path = Path(path)
    try:
        record = wfdb.rdrecord(str(path), physical=False)
    except FileNotFoundError as problem:
        raise EcgsynthError(f"{Path(problem.filename or path).name} is missing.") from None
    except Exception as problem:  # wfdb raises whatever numpy and its parser raise
        raise EcgsynthError(
            f"{path.name}.hea or its signal file is damaged or cut short "
            f"({reason_of(problem)}); copy or make it again."
        ) from None
    digital = record.d_signal
    if digital is None or record.sig_name is None:
        raise EcgsynthError(f"{path.name} holds no signal.")
    if record.checksum and any(c is not None for c in record.checksum):
        for name, stated, wave in zip(record.sig_name, record.checksum, digital.T, strict=True):
            if stated is not None and (int(wave.sum(dtype=np.int64)) - int(stated)) % 65536:
                raise EcgsynthError(
                    f"{path.name}.dat is damaged: lead {name} does not match its checksum."
                )
    names = tuple(record.sig_name)
    wanted = leads or names
    absent = [lead for lead in wanted if lead not in names]
    if absent:
        raise EcgsynthError(
            f"{path.name} has no lead {', '.join(absent)}; it has {', '.join(names)}."
        )
    signal = np.empty((len(wanted), len(digital)), np.float32)
    for row, lead in enumerate(wanted):
        k = names.index(lead)
        unit = record.units[k] or "mV"
        if unit.lower() not in PER_MV:
            raise EcgsynthError(f"{path.name}: lead {lead} is in '{unit}', not in mV, uV or V.")
        wave = (digital[:, k] - record.baseline[k]) / (record.adc_gain[k] * PER_MV[unit.lower()])
        invalid = digital[:, k] == -(1 << (_bits(record.fmt[k]) - 1))
        signal[row] = np.where(invalid, np.nan, wave) if invalid.any() else wave
    sample, symbol = np.zeros(0, np.int64), np.zeros(0, "<U1")
    channel, subtype, note = sample, sample, symbol
    if annotations:
        try:
            marks = wfdb.rdann(str(path), annotations)
        except FileNotFoundError:
            raise EcgsynthError(f"{path.name}.{annotations} is missing.") from None
        except Exception as problem:
            raise EcgsynthError(
                f"{path.name}.{annotations} is damaged ({reason_of(problem)}); copy or make it "
                "again."
            ) from None
        inside = (marks.sample >= 0) & (marks.sample < len(digital))
        sample = np.asarray(marks.sample, np.int64)[inside]
        symbol = np.asarray(marks.symbol, np.str_)[inside]
        channel = np.asarray(marks.chan, np.int64)[inside]
        subtype = np.asarray(marks.subtype, np.int64)[inside]
        note = np.asarray([text.rstrip("\0") for text in marks.aux_note], np.str_)[inside]
    return Recording(
        signal,
        float(record.fs),
        wanted,
        sample,
        symbol,
        tuple(record.comments or ()),
        channel,
        subtype,
        tuple(note.tolist()),
    )


def _bits(fmt: str) -> int:
    return {"212": 12, "310": 10, "311": 10, "80": 8, "24": 24, "32": 32}.get(str(fmt), 16)
