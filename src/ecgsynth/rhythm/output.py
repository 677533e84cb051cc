"""A rhythm as a file: a table of its beats, or annotations of WFDB; and its figures."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_path, check_rate
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.formats.wfdb.annotation_writer import encode_annotations
from ecgsynth.rhythm import CODES, Rhythm
from ecgsynth.rhythm.variability import VARIABILITY, WINDOW_S, measure_variability
from ecgsynth.signals.ecg import SYNTHETIC
from ecgsynth.signals.vocabulary import AAMI_CLASSES

TABLES = (".csv",)
COLUMNS = ("time_s", "kind", "rr_s", "p_s", "rhythm")

FS = 1000.0
"""Ticks a second of annotations without a record."""

MARK = "SYNTHETIC: not from a patient and not for diagnosis"


def statement(rhythm: Rhythm) -> str:
    """One sentence on where a rhythm is from."""
    if rhythm.source:
        return f"The rhythm is {rhythm.source}; not for diagnosis."
    return f"{MARK}."


def rhythm_at(rhythm: Rhythm) -> NDArray[np.str_]:
    """[beat] the code of the rhythm that each beat belongs to; "" outside of all."""
    starts = np.array([one.start_s for one in rhythm.episodes])
    at = np.searchsorted(starts, rhythm.time_s, side="right") - 1
    names = np.array(["", *(one.code for one in rhythm.episodes)])
    stops = np.array([0.0, *(one.stop_s for one in rhythm.episodes)])
    return np.where(rhythm.time_s < stops[at + 1], names[at + 1], "")


def changes(rhythm: Rhythm) -> list[tuple[float, str, str]]:
    """Annotations of the rhythms: time in s, symbol of WFDB and note."""
    found = []
    for one in rhythm.episodes:
        found.append((one.start_s, "+", one.code))
        if one.code in ("(VF", "(VFL"):
            found += [(one.start_s, "[", ""), (one.stop_s - 0.001, "]", "")]
    return found


def check_table(target: str | Path) -> Path:
    """The path of a file of beats.

    Raises
    ------
    EcgsynthError: its ending is neither .csv nor one of an annotator.
    """
    path = check_path(target, "the file of beats")
    ending = path.suffix[1:]
    if not ending.isalpha() or len(ending) > 8 or ending in ("hea", "dat", "npz", "parquet"):
        raise EcgsynthError(
            f"{path} has no ending of a file of beats; end the name in .csv, or in .atr for "
            "annotations of WFDB."
        )
    return path


def write_rhythm(rhythm: Rhythm, target: str | Path, fs: float = FS) -> Path:
    """Write the beats as a table (.csv) or as WFDB annotations (.atr, or another annotator).

    fs: ticks a second of annotations, which state it.

    Raises
    ------
    EcgsynthError: another ending, or the file cannot be written.
    """
    path, fs = check_table(target), check_rate(fs)
    with atomic_write(path) as temporary:
        if path.suffix.lower() in TABLES:
            with open(temporary, "w", newline="", encoding="utf-8") as file:
                file.write(f"# {statement(rhythm)}\n")
                csv.writer(file).writerows(_rows(rhythm))
        else:
            temporary.write_bytes(annotation_bytes(rhythm, fs))
    return path


def annotation_bytes(rhythm: Rhythm, fs: float) -> bytes:
    """Beats and rhythms as an annotation file of WFDB, the statement as its first note."""
    other = [(1 / fs, '"', statement(rhythm)), *changes(rhythm)]  # readers drop it at 0
    time = np.concatenate([[one[0] for one in other], rhythm.time_s])
    symbol = np.concatenate([[one[1] for one in other], rhythm.symbol])
    note = [*(one[2] for one in other), *[""] * len(rhythm)]
    return encode_annotations(np.round(time * fs), symbol, note=note, rate=fs)


def _rows(rhythm: Rhythm) -> Any:
    yield COLUMNS
    rr = np.diff(rhythm.time_s, prepend=np.nan)
    columns = zip(
        rhythm.time_s.tolist(), rhythm.kind.tolist(), rr.tolist(), rhythm.p_s.tolist(),
        rhythm_at(rhythm).tolist(), strict=True,
    )  # fmt: skip
    for time, kind, interval, p, code in columns:
        yield f"{time:.3f}", AAMI_CLASSES[kind], _seconds(interval), _seconds(p), code[1:]


def _seconds(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


def summarise(rhythm: Rhythm) -> list[tuple[str, str]]:
    """What a rhythm is like, as pairs of a name and a figure."""
    found = [("length", f"{rhythm.seconds:,.0f} s"), ("beats", f"{len(rhythm):,}")]
    for kind, name in enumerate(("N", "S", "V", "F", "paced")):
        if count := int((rhythm.kind == kind).sum()):
            found.append((name, f"{count:,}"))
    rr = np.diff(rhythm.time_s)
    if len(rr):
        found.append(("heart rate", f"{60 / rr.mean():.0f} bpm (RR {rr.min():.2f} to "
                      f"{rr.max():.2f} s)"))  # fmt: skip
    windows = measure_variability(rhythm.time_s, rhythm.kind == 0)
    if len(windows):
        row = dict(zip(VARIABILITY, np.median(windows, axis=0), strict=True))
        found.append((
            f"in {WINDOW_S / 60:.0f} min", f"SDNN {1000 * row['sdnn_s']:.0f} ms, RMSSD "
            f"{1000 * row['rmssd_s']:.0f} ms, pNN50 {row['pnn50']:.0%}, LF/HF {row['lf_hf']:.1f}",
        ))  # fmt: skip
    share: dict[str, float] = {}
    for one in rhythm.episodes:
        share[one.code] = share.get(one.code, 0.0) + one.stop_s - one.start_s
    for code, spent in share.items():
        count = sum(one.code == code for one in rhythm.episodes)
        text = f"{spent / rhythm.seconds:.1%} of the time, {count:,} episode{'s' * (count > 1)}"
        found.append((CODES.get(code, code), text))
    return found


def source_of(rhythm: str, maker: str) -> str:
    """The source of a recording that is drawn from a rhythm; rhythm: whose it is, "" of nobody."""
    return f"{SYNTHETIC}{maker}" + (f" (the rhythm is {rhythm})" if rhythm else "")
