"""A stream: a recording that comes in short pieces, as from a patient's monitor."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ecgsynth.arguments import check_instance, check_number
from ecgsynth.completion.drafts import SIMULATOR, add_faults, draft_by
from ecgsynth.errors import EcgsynthError
from ecgsynth.rhythm import Rhythm
from ecgsynth.rhythm.compose import endless_rhythm, make_rhythm
from ecgsynth.rhythm.track import ENDLESS_S, Track
from ecgsynth.signals.acquisition import acquisition
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.draft import Draft, Piece, in_pieces_of
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, is_rhythm

if TYPE_CHECKING:
    from ecgsynth.synthesizer import Synthesizer

PIECE_S = 0.2
"""Usual length of a piece."""

LONGEST_PIECE_S = 60.0

LATE_S = 1.0
"""What is later than this stays late: a stream does not hurry after a reader that paused."""


def stream(
    rhythm: str | Rhythm,
    model: Synthesizer | str | Path = SIMULATOR,
    *,
    seconds: float | None = None,
    leads: Sequence[str] | int | None = None,
    fs: float = 250.0,
    piece_s: float = PIECE_S,
    noise: Sequence[str] = (),
    snr: str | float = "",
    like: Recording | Ecg | None = None,
    label: str = "",
    context: Mapping[str, float | str] | None = None,
    seed: int = 0,
) -> Iterator[Recording]:
    """A recording with known beats that comes in short pieces, one after another, without an end.

    Nothing is made before it is asked for, and memory does not grow. The pieces are those that
    `record` and `draw_rhythm` give as a whole.

    Parameters
    ----------
    rhythm: as text, which comes again and again, or a `Rhythm`, which ends. seconds: length; None:
        without an end. model: "simulator", or as in `record`. piece_s: length of a piece, s.
    noise, snr: kinds and ratio of noise, as in `noise.add_recording_noise`. The others are as in
        `record`.

    Returns
    -------
    Pieces with their beats and changes of rhythm as annotations, from the start of each piece.

    Raises
    ------
    EcgsynthError: a fault in the rhythm; others as in `record` and `draw_rhythm`.
    """
    draft = add_faults(
        draft_by(
            model, track_of(rhythm, seconds, seed), leads=leads, fs=fs, like=like, label=label,
            context=context, seed=seed,
        ),
        noise=noise, snr=snr, seed=seed,
    )  # fmt: skip
    head, size = draft.head, piece_samples(piece_s, draft.head.spec.fs)
    name = SIMULATOR if head.record is None else str(head.record[0])
    return (
        Recording(
            piece.signal, head.spec.fs, head.spec.leads,
            Annotations(piece.marks.sample, piece.marks.symbol), name=name, band=head.spec.band,
            source=head.source,
        )
        for piece in in_pieces_of(draft.pieces(), size)
    )  # fmt: skip


def track_of(rhythm: str | Rhythm, seconds: float | None, seed: int) -> Track:
    """The beats of a stream: of a text without seconds they have no end.

    Raises
    ------
    EcgsynthError: the text has a fault, or a rhythm is given a length.
    """
    if isinstance(rhythm, str):
        if seconds is None:
            return endless_rhythm(rhythm, seed)
        return Track.of(make_rhythm(rhythm, seconds, seed))
    check_instance(rhythm, Rhythm, "what is streamed is a text or a Rhythm, as in 'sinus 60 s'")
    if seconds is not None:
        raise EcgsynthError("a Rhythm has a length of its own; leave seconds out.")
    return Track.of(rhythm)


def piece_samples(piece_s: float, fs: float) -> int:
    """Samples of a piece.

    Raises
    ------
    EcgsynthError: the length is none, or beyond its limits.
    """
    return max(1, round(check_number(piece_s, "the length of a piece, in s,", 0.02,
                                     LONGEST_PIECE_S) * fs))  # fmt: skip


def header_of(draft: Draft, rhythm: str, model: str, seed: int) -> dict[str, Any]:
    """The first line of a stream."""
    head, about = draft.head, acquisition(draft.head)
    endless = head.spec.seconds >= ENDLESS_S / 2
    return {
        "statement": about.statement, "synthetic": True, "model": model, "source": head.source,
        "rhythm": rhythm, "seed": seed, "fs": head.spec.fs, "leads": [*head.spec.leads],
        "unit": "mV", "seconds": None if endless else head.spec.seconds,
    }  # fmt: skip


def line_of(piece: Piece, start: int, fs: float, leads: Sequence[str]) -> dict[str, Any]:
    """A further line: start, samples in mV, the beats that fall in it, and changes of rhythm; all
    times are from the start of the stream."""
    # Rounded to 1 uV in double precision, so that a number has three decimals.
    signal = np.round(piece.signal.astype(np.float64), 3) + 0.0
    times = np.round((start + piece.marks.sample) / fs, 4).tolist()
    marks = [*zip(times, piece.marks.symbol.tolist(), strict=True)]
    line: dict[str, Any] = {
        "time_s": round(start / fs, 4),
        "signal": dict(zip(leads, signal.tolist(), strict=True)),
        "beats": [{"time_s": at, "kind": AAMI_OF_SYMBOL[symbol]} for at, symbol in marks
                  if symbol in AAMI_OF_SYMBOL],
    }  # fmt: skip
    changes = [{"time_s": at, "rhythm": symbol} for at, symbol in marks if is_rhythm(symbol)]
    return line | ({"rhythms": changes} if changes else {})


def lines_of(pieces: Iterable[Piece], draft: Draft, size: int) -> Iterator[dict[str, Any]]:
    """The lines of a recording after the first, with pieces of so many samples; the last one has
    the number of samples, which shows that the stream is whole."""
    spec, start = draft.head.spec, 0
    for piece in in_pieces_of(pieces, size):
        yield line_of(piece, start, spec.fs, spec.leads)
        start += piece.signal.shape[1]
    yield {"samples": start}


def encode(line: Mapping[str, Any]) -> str:
    """A line of JSON."""
    return json.dumps(line, allow_nan=False, separators=(",", ":"))


def paced(
    lines: Iterable[dict[str, Any]], seconds: float, speed: float,
    sleep: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.monotonic,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The lines as they would be recorded: each when its seconds are over, so many times faster."""
    due = now()
    for line in lines:
        due += seconds / speed
        left = due - now()
        if left > 0:
            sleep(left)
        elif left < -LATE_S:
            due = now()
        yield line


def made_ahead(
    pieces: Iterator[Piece], submit: Callable[..., Future[Piece | None]] | None = None
) -> Iterator[Piece]:
    """The pieces, of which the next one is made while one is read.

    submit: starts a call elsewhere, as that of an executor; by default in a thread that does not
    keep the program from its end.
    """
    start = submit or _in_thread
    coming = start(next, pieces, None)
    while (piece := coming.result()) is not None:
        coming = start(next, pieces, None)
        yield piece


def _in_thread(call: Callable[..., Piece | None], *words: Any) -> Future[Piece | None]:
    future: Future[Piece | None] = Future()

    def work() -> None:
        try:
            future.set_result(call(*words))
        except BaseException as problem:
            future.set_exception(problem)

    threading.Thread(target=work, name="ecgsynth-stream", daemon=True).start()
    return future
