"""The 187-sample parts of the heartbeat CSV: read from the public files, or built from MIT-BIH."""

from __future__ import annotations

from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets import store
from ecgsynth.datasets.mitbih import files
from ecgsynth.datasets.people import DS1, DS2, PACED
from ecgsynth.errors import EcgsynthError
from ecgsynth.progress import byte_bar, recordings
from ecgsynth.signals.filters import resample
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.vocabulary import AAMI_CLASSES, AAMI_OF_SYMBOL

FS = 125.0
SAMPLES = 187
RECORDS = tuple(sorted({*DS1, *DS2, *PACED}))
"""All 48 records: unlike the splits between patients, the mixed one has the paced records too."""

WITHOUT_MLII = {102: "V5", 104: "V5"}
"""Two records have no lead II; their first channel stands in, or they could not be in the set."""

WINDOW_S = 10.0
LENGTH = 1.2
"""Of a part, in median RR intervals."""

TEST_SHARE = 0.2
SPLIT_SEED = 0
"""Of the draw that puts a fifth of every class into `test`; fixed: no setting mixes the two."""

ROUNDING = 1e-3
"""By so much a published number may lie outside of [0, 1]."""

NO_LABEL = "has a label that is none of 0 to 4 (NSVFQ); take the row out, or number the classes so"

Columns = dict[str, NDArray[Any]]


def public_file(split: str) -> Path | None:
    """`mitbih_train.csv` or `mitbih_test.csv` below the data root; None where neither is there.

    Raises
    ------
    EcgsynthError: the other file is there, but not this one.
    """
    name, other = (f"mitbih_{s}.csv" for s in (split, "test" if split == "train" else "train"))
    for marker in (name, other):
        try:
            folder = store.find_folder("heartbeat_csv", marker)
        except EcgsynthError:
            continue
        if marker == name:
            return folder / name
        raise EcgsynthError(
            f"{folder} has {other} but no {name}; put both public files there, or neither, to "
            "have the beats built from the MIT-BIH recordings."
        )
    return None


def read_public(path: Path) -> Columns:
    """`signal` [beat, 187], `label` and `valid` of a public file; from the cache where it is there.

    Raises
    ------
    EcgsynthError: no 188 columns of numbers, a label outside 0..4, amplitudes outside [0, 1].
    """
    key = {"file": str(path.resolve()), "stamp": store.stamp([path])}
    return store.cached_arrays("heartbeat_csv", key, lambda: (_parse_csv(path), {}))[0]


def _parse_csv(path: Path) -> Columns:
    import pandas as pd

    try:
        with byte_bar() as bar, bar.open(path, "rb", description=f"reading {path.name}") as file:
            table = pd.read_csv(file, header=None, dtype=np.float32).to_numpy()
    except (OSError, ValueError) as problem:
        reason = " ".join(str(problem).split())[:160]
        raise EcgsynthError(
            f"{path} is no table of numbers between commas ({reason}); take its first line out if "
            "that is a header, or get the file again."
        ) from None
    if table.shape[1] != SAMPLES + 1:
        raise EcgsynthError(
            f"{path} has {table.shape[1]} columns, not {SAMPLES} samples and a label; get the "
            "file again."
        )
    signal, label = table[:, :-1], table[:, -1]
    if (table[0] == np.arange(SAMPLES + 1)).all():
        raise EcgsynthError(f"{path} begins with a header; take its first line out.")
    outside = np.abs(signal - 0.5).max(1) > 0.5 + ROUNDING
    for wrong, what in (
        (~np.isfinite(table).all(1), "misses numbers or holds infinity; get the file again"),
        (~np.isin(label, range(len(AAMI_CLASSES))), NO_LABEL),
        (outside, "has amplitudes outside of 0 to 1; scale every beat to that range"),
        (~(signal > 0).any(1), "holds no beat; take it out"),
    ):
        if wrong.any():
            raise EcgsynthError(f"row {int(wrong.argmax()) + 1} of {path} {what}.")
    return {
        "signal": signal.clip(0, 1),
        "label": label.astype(np.int8),
        "valid": (SAMPLES - (signal[:, ::-1] > 0).argmax(1)).astype(np.int32),
    }


def build() -> tuple[Columns, dict[str, Any]]:
    """The same, and `record`, `onset_s` and `test` (the draw), from the MIT-BIH recordings.

    Beside them stand the facts: `skipped`, record -> why it could not be read.

    Raises
    ------
    EcgsynthError: the recordings are not there, or none can be read.
    """
    folder = files.find_database()
    key = {
        "folder": str(folder.resolve()),
        "files": store.stamp(f for f in folder.iterdir() if f.name[:3].isdigit()),
    }
    return store.cached_arrays("heartbeat_csv", key, partial(_parse, folder))


def _parse(folder: Path) -> tuple[Columns, dict[str, Any]]:
    parts: list[Columns] = []
    skipped: dict[str, str] = {}
    for record in recordings(RECORDS, len(RECORDS)):
        try:
            found = parts_of(read_record(folder, record))
        except EcgsynthError as problem:
            skipped[str(record)] = str(problem)
            continue
        parts.append(found | {"record": np.full(len(found["label"]), record, np.int16)})
    if not parts:
        raise EcgsynthError(
            f"none of the {len(RECORDS)} records in {folder} can be read; the first error: "
            f"{next(iter(skipped.values()))}"
        )
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return columns | {"test": draw_test_beats(columns["label"])}, {"skipped": skipped}


def read_record(folder: Path, record: int) -> Recording:
    """A recording's one lead, from the folder that `mitbih.files.find_database` gives.

    Raises
    ------
    EcgsynthError: it is damaged, or the lead is not there.
    """
    lead = WITHOUT_MLII.get(record, "MLII")
    return files.read_record(folder, str(record), (lead,))[0]


def parts_of(recording: Recording) -> Columns:
    """The parts of a recording of one lead, from each annotated beat but the last.

    A part begins at R and lasts 1.2 median RR intervals of its 10-s window, or of the whole
    recording where the window holds a single beat. It is scaled to [0, 1] and padded with zeros to
    187.
    """
    beat = np.isin(recording.annotations.symbol, list(AAMI_OF_SYMBOL))
    at, symbol = recording.annotations.sample[beat], recording.annotations.symbol[beat]
    signal = resample(recording.signal, recording.fs, FS)[0]
    start = np.round(at * (FS / recording.fs)).astype(np.int64)
    period = _period_s(at / recording.fs)
    length = np.minimum(np.round(LENGTH * period * FS), SAMPLES).astype(np.int64)
    padded = np.concatenate([signal, np.zeros(SAMPLES, np.float32)])
    views = np.lib.stride_tricks.sliding_window_view(padded, SAMPLES)[start]
    length = np.minimum(length, len(signal) - start)
    inside = np.arange(SAMPLES) < length[:, None]
    low = np.where(inside, views, np.inf).min(1, keepdims=True)
    span = np.where(inside, views, -np.inf).max(1, keepdims=True) - low
    # A part with a gap has no span, and is no beat.
    kept = np.flatnonzero((span[:, 0] > 0) & np.isfinite(span[:, 0]))
    kept = kept[kept < len(at) - 1]
    label = [AAMI_CLASSES.index(AAMI_OF_SYMBOL[str(s)]) for s in symbol[kept]]
    return {
        "signal": np.where(inside, (views - low) / span, 0)[kept].astype(np.float32),
        "label": np.array(label, np.int8),
        "valid": length[kept].astype(np.int32),
        "onset_s": start[kept] / FS,
    }


def _period_s(r_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """[beat]: median RR interval in the 10-s window of the recording that the beat lies in, s."""
    window = (r_s // WINDOW_S).astype(np.int64)
    period = np.full(len(r_s), np.median(np.diff(r_s)) if len(r_s) > 1 else 0.0)
    for number in np.unique(window):
        rows = window == number
        if rows.sum() > 1:
            period[rows] = np.median(np.diff(r_s[rows]))
    return period


def draw_test_beats(label: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Which beats belong to the mixed test split: a fifth of every class, drawn beat by beat."""
    rng = np.random.default_rng(SPLIT_SEED)
    test = np.zeros(len(label), np.bool_)
    for number in range(len(AAMI_CLASSES)):
        rows = rng.permutation(np.flatnonzero(label == number))
        test[rows[: ceil(TEST_SHARE * len(rows))]] = True
    return test
