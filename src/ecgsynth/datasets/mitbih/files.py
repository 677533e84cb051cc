"""The files of the MIT-BIH Arrhythmia Database, as PhysioNet or as Kaggle hands them out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ecgsynth.datasets import store
from ecgsynth.datasets.leads import choose_leads, read_annotated
from ecgsynth.errors import DamagedFileError, EcgsynthError
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.recording import Recording

FS = 360.0


def find_database() -> Path:
    """Where the recordings lie, in the layout of PhysioNet or of Kaggle."""
    try:
        return store.find_folder("mitbih", "100.hea")
    except EcgsynthError:
        try:
            return store.find_folder("mitbih", "100.csv")
        except EcgsynthError:
            pass
        raise


def read_record(
    folder: Path, record: str, leads: tuple[str, ...]
) -> tuple[Recording, tuple[str, ...]]:
    """One record's leads and annotations, in either layout, and the leads' own names.

    Raises
    ------
    EcgsynthError: a file is missing or damaged, or a lead is not there.
    """
    if (folder / "100.hea").is_file():
        return read_annotated(folder / record, leads)
    return _read_kaggle(folder, record, leads)


def _read_kaggle(
    folder: Path, record: str, leads: tuple[str, ...]
) -> tuple[Recording, tuple[str, ...]]:
    """One record of the Kaggle layout: ADC units, 200 per mV, zero at 1024, 360 Hz."""
    import pandas as pd

    table, notes = folder / f"{record}.csv", folder / f"{record}annotations.txt"
    try:
        frame = pd.read_csv(table, quotechar="'", skipinitialspace=True)
        lines = notes.read_text().splitlines()[1:]
    except (OSError, ValueError) as problem:
        raise DamagedFileError(f"{table.name} or {notes.name} cannot be read: {problem}.") from None
    frame.columns = [str(name).strip(" '\"") for name in frame.columns]
    names = tuple(frame.columns[1:])
    own = tuple(names[k] for k in choose_leads(table.name, names, leads))
    rows = [line.split() for line in lines if line.strip()]
    try:
        sample = np.array([int(row[1]) for row in rows], np.int64)
        symbol = np.array([row[2] for row in rows], np.str_)
        subtype = np.array([int(row[3]) for row in rows], np.int64)
        note = np.array([" ".join(row[6:]) for row in rows], np.str_)
        adc = frame[list(own)].to_numpy(np.float32).T
    except (IndexError, ValueError) as problem:
        raise DamagedFileError(f"{record} is not in the Kaggle layout: {problem}.") from None
    inside = (sample >= 0) & (sample < adc.shape[1])
    signal = ((adc - 1024) / 200).astype(np.float32)
    annotations = Annotations(
        sample[inside], symbol[inside], subtype=subtype[inside], note=tuple(note[inside].tolist())
    )
    return Recording(signal, FS, leads, annotations, name=record, source="mitbih"), own
