"""Files in, files out: recordings to complete, and completed ones in any format."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from ecgsynth.classification.recordings import recordings_at
from ecgsynth.completion.complete import Completion
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import contract, format_for, stream, write
from ecgsynth.formats.stream import InPieces, Steps
from ecgsynth.formats.wfdb.annotations import read_annotations
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.ecg import SYNTHETIC
from ecgsynth.signals.recording import Recording

log = logging.getLogger("ecgsynth")


def recordings_of(path: str | Path) -> Iterator[Recording]:
    """The recordings of a file or folder.

    Raises
    ------
    EcgsynthError: there is none, or one cannot be read.
    """
    for one in recordings_at(path, shortest_s=0.0):
        if isinstance(one, EcgsynthError):
            raise one
        for warning in one.assumptions:
            log.warning("record %s: %s", one.name, warning)
        stated = any("SYNTHETIC" in comment for comment in one.comments)
        yield replace(one, source=SYNTHETIC + one.name) if stated and not one.synthetic else one


def annotations_at(path: str | Path, fs: float) -> Annotations:
    """The annotations of a WFDB file, at the samples of a recording of `fs` Hz; all of them.

    Raises
    ------
    EcgsynthError: it is missing or damaged.
    """
    file = Path(path)
    if not file.is_file():
        raise EcgsynthError(
            f"there is no annotation file {path}; name one, or have them found: --events found."
        )
    marks = read_annotations(file)
    return Annotations(marks.samples_at(fs, fs), marks.symbol)


def write_completed(completions: Iterable[Completion], draws: int, target: str) -> int:
    """Write what is completed, each recording with all its draws; the number of items.

    Raises
    ------
    EcgsynthError: the format cannot hold it, or it is too long for a format that is not written
        piece by piece.
    """
    kind = format_for(target)
    every = ((one, draw) for one in completions for draw in range(draws))
    first = next(every, None)
    if first is None:
        raise EcgsynthError("there is no recording to complete; name a file that has one.")
    count = 0

    def counted() -> Iterator[tuple[Completion, int]]:
        nonlocal count
        for pair in chain([first], every):
            count += 1
            yield pair

    contract.refuse(kind, first[0].head().spec, None)
    if kind.in_pieces:
        kind.write_pieces((in_pieces(one, draw) for one, draw in counted()), Path(target))
        return count
    _warn_of_steps(first[0], kind, target)
    write((one.ecg(draw) for one, draw in counted()), target)
    return count


def in_pieces(one: Completion, draw: int) -> InPieces:
    """A completion as a stream along time."""
    pieces = (stream.Stretch(piece.signal, piece.synthetic_mask) for piece in one.pieces(draw))
    return InPieces(one.head(), one.card["completed"]["real"], pieces, own_steps(one))


def own_steps(one: Completion) -> dict[str, Steps]:
    """The steps of the known leads of a digital recording, by lead."""
    digitised = getattr(one.known.recording.data, "digitised", None)
    if digitised is None:
        return {}
    found = digitised()
    return {
        one.known.leads[row]: steps
        for row, own in one.known.rows
        if (steps := found[own]) is not None
    }


def _warn_of_steps(one: Completion, kind: type[contract.Format], target: str) -> None:
    """Name a format whose steps known samples do not have."""
    if kind.step_mv is None:
        return
    part = one.known.read(0, min(one.known.samples, round(60 * one.known.fs)))
    steps = part[np.isfinite(part)].astype(np.float64) / kind.step_mv
    if (np.abs(steps - np.round(steps)) > 1e-3 * np.maximum(1, np.abs(steps) * 1e-3)).any():
        exact = contract.titles(lambda other: other.step_mv is None or other.in_pieces, "and")
        log.warning("%s rounds known samples to %g mV; %s keep them.", target, kind.step_mv, exact)
