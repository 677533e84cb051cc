"""Files in and out: one file a format; every writer takes a stream, every reader gives an `Ecg`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from ecgsynth.arguments import (
    check_instance,
    check_names,
    check_path,
    check_rate,
    check_text,
    quote,
)
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import check_whole, check_writable, describe_read_errors
from ecgsynth.formats import contract, stream
from ecgsynth.formats.contract import Format as Format
from ecgsynth.formats.folders import folder_of
from ecgsynth.formats.foreign.items import TableOptions
from ecgsynth.signals.draft import Draft
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.leads import choose_leads
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.units import NORMALISED, scale_problem, standard_unit, unit_problem

log = logging.getLogger("ecgsynth")


def write(ecg: Ecg | Draft | Iterable[Ecg], target: str | Path, format: str | None = None) -> Path:
    """Write an `Ecg`, a stream of them, or a recording that is about to be made, piece by piece
    where its format takes it so; the format follows from the ending.

    What the format does not keep, such as the marks of a CSV, is named in the log.

    Raises
    ------
    EcgsynthError: unknown ending or format; the target cannot be written; the format cannot hold
        such items; a name is no text.
    """
    path = check_path(target, "the target")
    kind = format_for(str(target), format)
    draft = ecg if isinstance(ecg, Draft) and kind.in_pieces else None
    if isinstance(ecg, Draft):
        ecg = ecg.ecg() if draft is None else ecg.head
    first, chunks = stream.begin([ecg] if isinstance(ecg, Ecg) else _each(ecg))
    contract.refuse_place(kind, path.resolve())
    contract.refuse(kind, first.spec, len(first))
    if kind.one_record:
        chunks = _only(first, chunks, kind)
    kind.check(first)
    lost = contract.lost(kind, first)
    for sentence in contract.loss_sentences(lost, path.name):
        log.warning("%s", sentence)
    try:
        if draft is None:
            chunks = stream.check_finite(chunks, path.name)
            kind.write((stream.without(chunk, lost) for chunk in chunks), path)
        else:
            whole = replace(draft, head=stream.without(draft.head, lost))
            kind.write_pieces([stream.InPieces.of(whole)], path)
    except UnicodeEncodeError as problem:  # half of a pair of surrogates, which no file can hold
        raise EcgsynthError(
            f"{path} was not written: {problem.object[:40]!r} holds a character that is no text; "
            "rename it."
        ) from None
    return path


def _each(parts: Iterable[Ecg]) -> Iterator[Ecg]:
    """The parts of a stream, looked at one by one."""
    what = "what is written is an Ecg, or a stream of them"
    try:
        stream = None if isinstance(parts, str | bytes | Mapping) else iter(parts)
    except Exception:  # a 0-d array says that it is iterable
        stream = None
    if stream is None:
        raise EcgsynthError(f"{what}; got {quote(parts)}.")
    return (check_instance(part, Ecg, what) for part in stream)


def _only(first: Ecg, chunks: Iterable[Ecg], kind: type[Format]) -> Iterator[Ecg]:
    """The first item; more are refused as late as they come."""
    for number, chunk in enumerate(chunks):
        contract.refuse(kind, first.spec, number + len(chunk))
        yield chunk


def format_for(target: str, format: str | None = None) -> type[Format]:
    """The format, of this name or else by the ending, in which a set goes to a target.

    A folder whose name has the ending of a format of one record a file, as in people.edf/, holds
    such files.

    Raises
    ------
    EcgsynthError: none is known.
    """
    known, path = contract.by_ending(), Path(target)
    named = contract.kind_of_file(path.name)
    folder = target.endswith("/") or path.is_dir() or not path.suffix
    if format is not None:
        kind = contract.named(format)
    elif folder:
        kind = named if named is not None and named.one_record else known["/"]
    elif named is not None:
        kind = named
    else:
        ending = path.suffix.lower()
        sharing = [kind for kind in contract.every().values() if ending in kind.shared_endings]
        if sharing:
            stem, names = path.name.removesuffix(path.suffix), [k.endings[0] for k in sharing]
            raise EcgsynthError(
                f"{target} may be {contract.listed([kind.title for kind in sharing])}; name it "
                f"{contract.listed([stem + name for name in names])}."
            )
        raise EcgsynthError(
            f"no format is known for '{ending}' ({target}); endings: {', '.join(sorted(known))} "
            f"(a name ending in / is a {known['/'].title} folder)."
        )
    return folder_of(kind) if kind.one_record and folder else kind


def _format_at(path: Path) -> type[Format]:
    """The format of what is there: of a folder, by its files."""
    if (kind := contract.kind_at(path)) is not None:
        return kind
    usual = contract.by_ending()["/"].endings
    with suppress(OSError):
        files = sorted(path.iterdir()) if path.is_dir() else []
        if not any(file.suffix.lower() in usual for file in files):
            for file in files:
                kind = contract.kind_at(file)
                if kind is not None and kind.one_record:
                    return folder_of(kind)
    sharing = [
        k.title for k in contract.every().values() if path.suffix.lower() in k.shared_endings
    ]
    if sharing and path.is_file():
        raise EcgsynthError(
            f"{path} holds no {contract.listed(sharing)} that is known by how it begins; name a "
            "file of ECG."
        )
    return format_for(str(path))


def check_target(target: str | Path, spec: Spec | None = None, count: int | None = None) -> None:
    """Refuse before long work what `write` would refuse after it.

    spec, count: of the items; None where they are not known yet.

    Raises
    ------
    EcgsynthError: unknown ending, a place where nothing can be written, a folder of others; the
        format cannot hold such items.
    """
    path = check_path(target, "the target")
    kind = format_for(str(target))
    contract.refuse_place(kind, path.resolve())
    if spec is not None:
        contract.refuse(kind, spec, count)
    check_writable(path / kind.own_file if kind.container == "folder" else path)


def read(
    path: str | Path, format: str | None = None, *, leads: Sequence[str] | None = None,
    fs: float | None = None, unit: str | None = None,
) -> Ecg:  # fmt: skip
    """Read a file or folder of any registered format.

    A unit that is doubtful, by the amplitudes or in a WFDB header, is named in the log.

    Parameters
    ----------
    leads: those to take, in this order, by any of their names; of a table without names, the names
        of all. fs: rate of a table that states none, Hz. unit: of its numbers: mV, uV or V.

    Raises
    ------
    EcgsynthError: it is not there, of an unknown ending, or damaged; it has no such lead.
    """
    ecg = read_silently(path, format, leads=leads, fs=fs, unit=unit)
    if problem := unit_problem(ecg) or scale_problem(ecg):
        log.warning("THE UNIT IS DOUBTFUL: of %s the %s.", path, problem)
    return ecg


def read_silently(
    path: str | Path, format: str | None = None, *, leads: Sequence[str] | None = None,
    fs: float | None = None, unit: str | None = None,
) -> Ecg:  # fmt: skip
    """As `read`, for a caller who names a doubtful unit himself.

    Raises
    ------
    EcgsynthError: as there.
    """
    fs = None if fs is None else check_rate(fs)
    names = None if leads is None else check_names(leads, "leads")
    if unit is not None:
        unit = standard_unit(check_text(unit, "the unit of a table"))
        if unit not in ("mV", "uV", "V", NORMALISED):
            raise EcgsynthError(f"the unit is mV, uV, V or normalised; got {quote(unit)}.")
    with describe_read_errors(path):
        return _read(path, format, TableOptions(fs=fs, leads=names or None, unit=unit))


def _read(path: str | Path, format: str | None, asked: TableOptions) -> Ecg:
    if not check_path(path).exists():
        header = Path(f"{path}.hea")  # a WFDB record is known by its name without an ending
        if not header.is_file():
            raise EcgsynthError(f"there is no file or folder {path}.")
        path = header
    path = Path(path)
    check_whole(path)
    kind = _format_at(path) if format is None else format_for(str(path), format)
    with naming(path):
        ecg = kind.read(path, asked) if kind.any_layout else kind.read(path)  # type: ignore[call-arg]
        ecg = stream.without_infinity(ecg, path.name)
        return ecg if asked.leads is None else choose_leads(ecg, asked.leads, path.name)


def record_files(path: str | Path) -> list[Path]:
    """The file of one record at a path, or all such in a folder of them, in the order of their
    names; none where it is something else."""
    path = Path(path)
    usual = contract.by_ending()["/"].endings
    with suppress(OSError):
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        if not path.is_dir() or {*usual}.isdisjoint(f.suffix.lower() for f in files):
            kinds = [contract.kind_at(file) for file in files]
            pairs = zip(files, kinds, strict=True)
            return [file for file, kind in pairs if kind is not None and kind.one_record]
    return []


def record_of(path: Path) -> Path | None:
    """The file of one record that a path is, or beside which it lies; None where it is neither."""
    found = contract.kind_of_file(path.name) or contract.kind_at(path)
    if found is not None and found.one_record:
        return path
    for kind in contract.every().values():
        if path.suffix.lower() in kind.companions:
            return next((f for f in map(path.with_suffix, kind.endings) if f.is_file()), None)
    return None


def open_record(path: Path) -> Recording:
    """The recording of a file of one record, whose samples stay on the disk where its format has
    them read piece by piece.

    Raises
    ------
    EcgsynthError: it is damaged, or holds no ECG.
    """
    with describe_read_errors(path), naming(path):
        return _format_at(path).open(path)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Every error of this file names it."""
    try:
        yield
    except EcgsynthError as problem:
        if path.name in str(problem):
            raise
        raise EcgsynthError(f"{path}: {problem}") from None
    except RecursionError:
        raise EcgsynthError(f"{path} has too many folders in each other to look through.") from None
