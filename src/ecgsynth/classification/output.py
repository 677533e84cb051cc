"""Classified beats as a table (CSV) or as annotations (WFDB) beside nothing else."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ecgsynth.classification.classifier import CLASSES
from ecgsynth.classification.recordings import BeatTable
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.formats.cells import guarded
from ecgsynth.signals.vocabulary import SYMBOL_OF_AAMI

ANNOTATOR = "aami"
"""Ending of the annotation files that are written."""

COLUMNS = ("sample", "time_s", "label", *(f"p_{name}" for name in CLASSES))

SYNTHETIC = "# Of synthetic recordings; not from a patient."


def check_target(target: str) -> None:
    """Refuse a target that is neither a CSV file nor a folder.

    Raises
    ------
    EcgsynthError: it is neither.
    """
    if not target.endswith((".csv", "/")) and not Path(target).is_dir():
        raise EcgsynthError(
            f"{target} is neither a table nor a folder; name a .csv, or a folder with a / at its "
            "end for WFDB annotations."
        )


def write_tables(tables: Sequence[BeatTable], target: str) -> None:
    """Write a CSV file, or a folder of WFDB annotations `RECORD.aami`, by the target's ending.

    A table of several recordings has `record` as its first column. An annotation has the class as
    its symbol, and the probabilities as its note.

    Raises
    ------
    EcgsynthError: it cannot be written, or two recordings have the same name.
    """
    check_target(target)
    if target.endswith(".csv"):
        _write_csv(tables, Path(target))
    else:
        _write_annotations(tables, Path(target))


def _write_csv(tables: Sequence[BeatTable], path: Path) -> None:
    several = len(tables) > 1
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        if any(one.synthetic for one in tables):
            file.write(SYNTHETIC + "\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("record", *COLUMNS) if several else COLUMNS)
        for one in tables:
            first = [guarded(one.record)] if several else []
            for sample, label, share in zip(one.sample, one.label, one.probability, strict=True):
                numbers = [f"{value:.4f}" for value in share]
                writer.writerow([*first, int(sample), f"{sample / one.fs:.3f}", label, *numbers])


def _write_annotations(tables: Sequence[BeatTable], folder: Path) -> None:
    import wfdb

    names = [Path(one.record).name.replace(".", "_") or "record" for one in tables]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise EcgsynthError(
            f"{names.count(twice)} recordings are called {twice}, and a folder holds one; write a "
            "table, as in --to beats.csv."
        )
    with atomic_write(folder) as temporary:
        temporary.mkdir()
        for name, one in zip(names, tables, strict=True):
            if not len(one):
                continue
            notes = [
                " ".join(f"{c} {p:.3f}" for c, p in zip(CLASSES, share, strict=True))
                for share in one.probability
            ]
            if one.synthetic:
                notes[0] += "; synthetic, not from a patient"
            wfdb.wrann(
                name, ANNOTATOR, one.sample, [SYMBOL_OF_AAMI[label] for label in one.label],
                fs=one.fs, aux_note=notes, chan=np.zeros(len(one), np.int64),
                write_dir=str(temporary),
            )  # fmt: skip
