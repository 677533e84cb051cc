"""What all formats share: the stream of chunks, and the facts that a file states of itself."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError, reason_of
from ecgsynth.formats.cells import one_line
from ecgsynth.signals.acquisition import acquisition
from ecgsynth.signals.draft import Draft
from ecgsynth.signals.ecg import COLUMNS, SYNTHETIC, Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import SYMBOL_OF_AAMI

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger("ecgsynth")

FILE_SCHEMA = 1
"""Version of what our files state; a file of a newer one is refused."""

ITEM_COLUMNS = tuple(COLUMNS)
"""Columns of an `Ecg` that may be absent."""

OPTIONAL = (*ITEM_COLUMNS, "marks", "synthetic_mask")
"""Everything that may be absent."""


class Steps(NamedTuple):
    """How a lead is digitised: steps per mV, the step of 0 mV, bits of a sample."""

    gain: float
    baseline: int = 0
    bits: int = 16


class Stretch(NamedTuple):
    """A piece of a recording: signal [lead, sample], mV, what of it was made, and its marks from
    its own start; None where the head of the recording has them all."""

    signal: NDArray[np.float32]
    made: NDArray[np.bool_]
    marks: Marks | None = None


@dataclass(frozen=True)
class InPieces:
    """A synthetic or partly real recording that is written piece by piece.

    head: the one item without its samples: signal and synthetic mask are placeholders; without a
    mask all of it is synthetic. real: what its known samples are from; "" where these are synthetic
    too. pieces: along time. own: steps of the leads of a digital recording.
    """

    head: Ecg
    real: str
    pieces: Iterable[Stretch]
    own: Mapping[str, Steps]

    @classmethod
    def of(cls, draft: Draft) -> InPieces:
        """A synthetic recording that is about to be made."""
        pieces = (
            Stretch(piece.signal, np.broadcast_to(np.True_, piece.signal.shape), piece.marks)
            for piece in draft.pieces()
        )
        return cls(draft.head, "", pieces, {})


def begin(chunks: Iterable[Ecg]) -> tuple[Ecg, Iterator[Ecg]]:
    """The first chunk that holds items, and an iterator over all such chunks, that one included.

    Columns that the first chunk lacks are left out of the later ones too.

    Raises
    ------
    EcgsynthError: no items at all; later, a chunk whose spec or source differs from the first's
        or that lacks one of its columns: a file has one header for all of them.
    """
    stream = (chunk for chunk in chunks if len(chunk))
    first = next(stream, None)
    if first is None:
        raise EcgsynthError("there is nothing to write: the stream holds no items; ask for some.")
    return first, _alike(first, stream)


def _alike(first: Ecg, rest: Iterator[Ecg]) -> Iterator[Ecg]:
    yield first
    for chunk in rest:
        for name in ("spec", "source"):
            if getattr(chunk, name) != getattr(first, name):
                raise EcgsynthError(
                    f"one file cannot hold items of different {name} ({getattr(first, name)} and "
                    f"{getattr(chunk, name)}); write them to files of their own."
                )
        absent: list[str] = []
        for name in OPTIONAL:
            if getattr(first, name) is None:
                absent.append(name)
            elif getattr(chunk, name) is None:
                raise EcgsynthError(
                    f"a part of the stream lacks '{name}', which its first part has; give it to "
                    "all parts or to none."
                )
        yield without(chunk, absent)


def without(ecg: Ecg, names: Sequence[str]) -> Ecg:
    """The items without these attributes."""
    spec = ecg.spec
    if "label" in names:
        spec = replace(spec, classes=(), multilabel=False)
    if "context" in names:
        spec = replace(spec, context=())
    gone: dict[str, Any] = {name: None for name in names if getattr(ecg, name) is not None}
    return replace(ecg, spec=spec, **gone) if gone else ecg


NUMBERS = {"signal": "sample", "context": "context", "onset_s": "time"}
"""Columns of numbers in which NaN means unknown, and what a sentence calls one."""


def check_finite(chunks: Iterable[Ecg], name: str) -> Iterator[Ecg]:
    """The chunks as they come; an infinite number ends them.

    name: of the file, for the sentence.

    Raises
    ------
    EcgsynthError: a sample, a context or a time is infinite.
    """
    before = 0
    for chunk in chunks:
        for column, what in NUMBERS.items():
            values = getattr(chunk, column)
            if values is not None and np.isinf(values).any():
                item = before + int(np.argwhere(np.isinf(values))[0, 0])
                raise EcgsynthError(
                    f"{name} was not written: a {what} of item {item} is infinite; give NaN for "
                    "what is unknown."
                )
        before += len(chunk)
        yield chunk


def without_infinity(ecg: Ecg, name: str) -> Ecg:
    """The items of a file with NaN, unknown, for every infinite number; a warning counts them."""
    found: dict[str, Any] = {}
    for column, what in NUMBERS.items():
        values = getattr(ecg, column)
        infinite = None if values is None else np.isinf(values)
        if infinite is not None and infinite.any():
            found[column] = np.where(infinite, np.nan, values).astype(values.dtype)
            log.warning(
                "%s: %s infinite, or larger than numbers of 32 bits can be; read as unknown (NaN).",
                name, f"{infinite.sum():,} {what}s are" if infinite.sum() > 1 else f"a {what} is",
            )  # fmt: skip
    return replace(ecg, **found) if found else ecg


def regroup(chunks: Iterable[Ecg], size: int) -> Iterator[Ecg]:
    """The same items in chunks of exactly `size`, the last one excepted."""
    waiting: list[Ecg] = []
    count = 0
    for chunk in chunks:
        waiting.append(chunk)
        count += len(chunk)
        if count < size:
            continue
        whole = concatenate(waiting)
        full = count // size * size
        for start in range(0, full, size):
            yield whole[start : start + size]
        waiting = [whole[full:]] if full < count else []
        count -= full
    if waiting:
        yield concatenate(waiting)


def marks_of(ecg: Ecg) -> Marks | None:
    """The marks; of aligned beats without any, a beat at R, with the symbol of the item's class."""
    spec = ecg.spec
    if ecg.marks is not None or spec.r_sample is None or spec.multilabel:
        return ecg.marks
    items, unknown = np.arange(len(ecg)), "Q" if spec.classes else "N"
    symbols = [SYMBOL_OF_AAMI.get(label, unknown) for label in ecg.labels_str.tolist()]
    every_lead, at_r = np.full(len(ecg), -1), np.full(len(ecg), spec.r_sample)
    return Marks(items, every_lead, at_r, np.array(symbols, np.str_))


def statement(ecg: Ecg) -> str:
    """One sentence for people, in one line: what the file holds, first whether it is synthetic."""
    return one_line(acquisition(ecg).statement)


def facts(ecg: Ecg) -> dict[str, Any]:
    """What a program must know to read the file back; JSON-able."""
    return {
        "ecgsynth": FILE_SCHEMA,
        "synthetic": ecg.synthetic,
        "source": ecg.source,
        "spec": ecg.spec.to_json(),
        "columns": [n for n in OPTIONAL if getattr(ecg, n) is not None],
    }


def read_facts(text: str, path: Path) -> tuple[Spec, str, list[str]]:
    """Spec, source and names of the optional columns, from what `facts` wrote as JSON.

    Raises
    ------
    EcgsynthError: not JSON, incomplete, or of a newer version.
    """
    try:
        stated = json.loads(text)
        version = int(stated["ecgsynth"])
        if version > FILE_SCHEMA:
            raise EcgsynthError(
                f"{path} was written by a newer ecgsynth (file version {version}, this one reads "
                f"up to {FILE_SCHEMA}); run `pip install -U ecgsynth`."
            )
        spec = Spec.from_json(stated["spec"])
        source, columns = str(stated["source"]), [str(name) for name in stated["columns"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise damaged(path, "its header states no spec that can be understood") from None
    if stated.get("synthetic") and not source.startswith(SYNTHETIC):
        source = SYNTHETIC + source  # the flag outweighs the name
    return spec, source, columns


def read_card(text: str, path: Path) -> dict[str, Any] | None:
    """The card from its JSON text; None where the file has none."""
    try:
        card = json.loads(text or "null")
    except (ValueError, RecursionError):
        raise damaged(path, "its card is not JSON") from None
    return card if isinstance(card, dict) else None


def card_json(ecg: Ecg) -> str:
    """The card as one line of JSON, `null` where there is none."""
    return json.dumps(ecg.card, default=str)


def arrow(column: NDArray) -> pa.Array:
    """A column of items as Arrow's type for it, also where it is empty."""
    import pyarrow as pa

    if column.dtype.kind == "U":
        return pa.array(column.tolist(), pa.string())
    return pa.array(column)


def damaged(path: Path, reason: object) -> EcgsynthError:
    """The error of a file that cannot be read to its end."""
    text = reason_of(reason)
    return EcgsynthError(f"{path} is damaged or cut short ({text}); copy or make it again.")
