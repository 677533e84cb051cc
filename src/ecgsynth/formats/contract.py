"""What a format declares of itself; commands, service and page read it and name no format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.breaking import Broken, Files, usual_faults
from ecgsynth.registry import FORMATS

if TYPE_CHECKING:
    from ecgsynth.formats.stream import InPieces
    from ecgsynth.signals.ecg import Ecg
    from ecgsynth.signals.recording import Recording
    from ecgsynth.signals.spec import Spec

USUAL = "npz"
"""The format of a result for which none is asked."""

HEAD = 1 << 16
"""Bytes of a file by which its format is known where its ending is that of several."""

KEEPABLE = {
    "label": "labels",
    "context": "contexts",
    "patient": "people",
    "record": "names of recordings",
    "valid": "lengths before padding",
    "onset_s": "times in the recording",
    "start": "start times of recordings",
    "marks": "marks",
    "synthetic_mask": "mask of what a model made of partly real items",
}
"""Attributes of an `Ecg` beside its signal, and what a sentence calls them."""


class Format(Protocol):
    """A registered format: a subclass, never instantiated. What is usual need not be declared.

    title: what a sentence calls it, "NPZ".
    endings: of its files, the first one of those that it writes; "/" is for the one format that a
        name without an ending, or one that ends in /, means.
    shared_endings: of files that are read, where several formats have them; `recognises` decides.
    media_type: of its file, by IANA; of a folder, that of the zip in which it travels.
    container: whether a set is a file or a folder.
    units: of `Spec.unit`, those that it can hold.
    bits: of one sample; None for floating point and text.
    step_mv: the finest step of an amplitude, mV; None where it keeps every digit.
    leads: names of the leads that it can hold; None for any.
    keeps: attributes of an `Ecg` (of `KEEPABLE`) that come back when the file is read.
    one_record: whether a file holds one item. Several are a folder of such files, which
        `formats/folders.py` writes and reads.
    streams: whether a set is written in bounded memory, however many items it has.
    in_pieces: whether an item is, however long it is.
    compressed: whether a file is sent as it is, since a zip would make it no smaller.
    uploads: whether the service reads it: a file as it is, a folder as a zip.
    own_file: of a folder, the file by which one that ecgsynth wrote is known.
    companions: endings of further files of one record, as of annotations.
    on_disk: whether `open` leaves the samples on the disk.
    any_layout: whether a file of others may leave open what a caller states; `read` then takes
        `TableOptions` too.
    """

    title: str
    endings: tuple[str, ...]
    media_type: str
    shared_endings: tuple[str, ...] = ()
    container: Literal["file", "folder"] = "file"
    units: tuple[str, ...] = ("mV", "normalised")
    bits: int | None = None
    step_mv: float | None = None
    leads: tuple[str, ...] | None = None
    keeps: frozenset[str] = frozenset(KEEPABLE)
    one_record: bool = False
    streams: bool = True
    in_pieces: bool = False
    compressed: bool = False
    uploads: bool = False
    own_file: str = ""
    companions: tuple[str, ...] = ()
    on_disk: bool = False
    any_layout: bool = False

    @staticmethod
    def write(chunks: Iterable[Ecg], target: Path) -> None:
        """Write chunks of one spec as they come; nothing is left behind on an error
        (`ecgsynth.files.atomic_write`). What is not kept has been taken off them."""
        ...

    @staticmethod
    def write_pieces(recordings: Iterable[InPieces], target: Path) -> None:
        """Write partly real recordings of one spec piece by piece, in bounded memory; only of a
        format with `in_pieces`."""
        raise NotImplementedError

    @staticmethod
    def read(path: Path) -> Ecg:
        """Read what `write` wrote, and files of others in the same layout as far as they go."""
        ...

    @classmethod
    def open(cls, path: Path) -> Recording:
        """The recording of a file of one record; its samples may stay on the disk."""
        from ecgsynth.formats.item_facts import recording_of

        return recording_of(cls.read(path))

    @staticmethod
    def facts(_: Path) -> str:
        """What ecgsynth wrote of the items of a file that `open` leaves on the disk, as JSON of
        `stream.facts`; "" of files of others."""
        return ""

    @staticmethod
    def recognises(head: bytes) -> bool:
        """Whether a file that begins so, of up to `HEAD` bytes, is of this format."""
        return bool(head)

    @staticmethod
    def check(ecg: Ecg) -> None:
        """Refuse what the declaration does not: called with the first items before any is written.

        Raises
        ------
        EcgsynthError: the format cannot hold them.
        """

    @staticmethod
    def broken(files: Files) -> Iterator[Broken]:
        """Files of one record, of ecgsynth, with one fault each that a reader must refuse."""
        return usual_faults(files)

    @staticmethod
    def check_upload(file: BinaryIO, most_bytes: int, most_files: int) -> None:
        """Refuse a stranger's file by its first bytes or its table, before it is read.

        most_bytes, most_files: of what an archive may unpack to.

        Raises
        ------
        EcgsynthError: it is none of this format, is cut short, or speaks of more than it holds.
        """

    @staticmethod
    def check_folder(folder: Path, most_bytes: int) -> None:
        """The same for a stranger's folder: no file of it may lead to a place outside.

        most_bytes: of the files together.

        Raises
        ------
        EcgsynthError: as in `check_upload`.
        """


DECLARED = ("title", "endings", "media_type", "container", "keeps", "read", "write")
"""Of these a registered class must have all; a subclass of `Format` gets the others."""


def named(name: str) -> type[Format]:
    """The format that is registered under a name.

    Raises
    ------
    EcgsynthError: there is none, or it does not declare what a format must.
    """
    kind: type[Format] = FORMATS.get(name)
    if missing := [one for one in DECLARED if not hasattr(kind, one)]:
        raise EcgsynthError(
            f"the format '{name}' does not declare {', '.join(missing)}; derive its class from "
            "ecgsynth.formats.Format and declare what is missing."
        )
    return kind


def every() -> dict[str, type[Format]]:
    """Name -> format, of all that are registered."""
    return {name: named(name) for name in FORMATS.names()}


def by_ending() -> dict[str, type[Format]]:
    """Ending -> format."""
    return {ending: kind for kind in every().values() for ending in kind.endings}


def kind_of_file(name: str, head: Callable[[], bytes] = bytes) -> type[Format] | None:
    """The format of a file by its name, and by how it begins where several have its ending; None
    where none is known.

    head: gives the first `HEAD` bytes.
    """
    name, kinds = name.lower(), every().values()
    found = {
        ending: kind for kind in kinds for ending in kind.endings
        if name.endswith(ending) and ending not in ("/", name)
    }  # fmt: skip
    if found:
        return found[max(found, key=len)]
    sharing = [kind for kind in kinds if name.endswith(kind.shared_endings or "/")]
    first = head() if sharing else b""
    return next((kind for kind in sharing if kind.recognises(first)), None)


def kind_at(path: Path) -> type[Format] | None:
    """The same of a file that is there."""

    def head() -> bytes:
        with open(path, "rb") as file:
            return file.read(HEAD)

    return kind_of_file(path.name, head) if path.is_file() else None


def titles(holds: Callable[[type[Format]], bool], last: str = "or") -> str:
    """The titles of all formats of which something holds, as in "CSV, NPZ or Parquet"."""
    return listed([kind.title for kind in every().values() if holds(kind)], last)


def listed(words: list[str], last: str = "or") -> str:
    """Words in one sentence: "a, b or c"."""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def usual_ending() -> str:
    """The ending of a file whose format nobody chose."""
    return named(USUAL).endings[0]


def in_folder(kind: type[Format]) -> bool:
    """Whether a set of many items is a folder."""
    return kind.one_record or kind.container == "folder"


def zipped(kind: type[Format]) -> bool:
    """Whether a set leaves the service as a zip."""
    return not kind.compressed or in_folder(kind)


def refuse(kind: type[Format], spec: Spec, count: int | None = None) -> None:
    """Refuse signals that the format, by its declaration, cannot hold.

    count: of the items; None where it is not known yet.

    Raises
    ------
    EcgsynthError: the unit or a lead is none of its own, or a file would hold several records.
    """
    if spec.unit not in kind.units:
        others = titles(lambda other: spec.unit in other.units)
        raise EcgsynthError(
            f"{spec.unit} signals have no {kind.units[0]}, which {kind.title} needs; write them "
            f"as {others}."
        )
    strange = [lead for lead in spec.leads if kind.leads is not None and lead not in kind.leads]
    if strange:
        others = titles(lambda other: other.leads is None)
        raise EcgsynthError(
            f"{kind.title} knows no lead '{strange[0]}'; its leads are "
            f"{', '.join(kind.leads or ())}, so leave that lead out, or write {others}."
        )
    if kind.one_record and (count or 0) > 1:
        raise EcgsynthError(
            f"a file of {kind.title} holds one record, and here are {count:,} items; name a "
            f"folder for them, such as set{kind.endings[0]}/."
        )


def refuse_place(kind: type[Format], target: Path) -> None:
    """Refuse a place where a set of this format cannot be written, whatever its items are.

    Raises
    ------
    EcgsynthError: one file of what is a folder, or a folder that holds files of others.
    """
    if kind.container == "file":
        return
    if target.suffix.lower() in kind.endings:
        raise EcgsynthError(
            f"{target.name} names one record; {kind.title} is written as a folder, such as "
            f"{target.with_suffix('').name}/."
        )
    if target.is_dir() and any(target.iterdir()) and not (target / kind.own_file).is_file():
        raise EcgsynthError(
            f"{target} holds files that are not from ecgsynth; name a new folder or an empty one."
        )


def lost(kind: type[Format], ecg: Ecg) -> list[str]:
    """Attributes that the items have and the format does not keep."""
    there = {name: getattr(ecg, name) is not None for name in KEEPABLE}
    there |= {"label": bool(ecg.spec.classes), "context": bool(ecg.spec.context)}
    return [name for name in KEEPABLE if there[name] and name not in kind.keeps]


def loss_sentences(names: list[str], file: str) -> Iterator[str]:
    """A sentence for each attribute that a file does not keep, with the formats that keep it."""
    for name in names:
        others = titles(lambda other, name=name: name in other.keeps, "and")  # type: ignore[misc]
        keep = f"; {others} keep them" if others else ""
        yield f"{file} has no {KEEPABLE[name]}{keep}."
