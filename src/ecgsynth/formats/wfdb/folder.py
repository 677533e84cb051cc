"""Which WFDB records a folder holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.wfdb.header import GAP, read_header


def record_names(folder: Path) -> tuple[list[str], list[str]]:
    """Names of the records in a folder, and those that it lists but has not.

    Those of the file RECORDS where it names any, else every header in the folder or below it. A
    segment of a record of several segments is part of that record and no record of its own.
    """
    listed: list[str] = []
    if (folder / "RECORDS").is_file():
        text = (folder / "RECORDS").read_text(encoding="utf-8-sig", errors="replace")
        listed = list(dict.fromkeys(line.strip() for line in text.split("\n") if line.strip()))
    listed = [name for name in listed if not name.endswith("/")]  # of folders with their own lists
    there = [name for name in listed if (folder / f"{name}.hea").is_file()]
    missing = [name for name in listed if name not in there]
    if not there:
        files = sorted(folder.rglob("*.hea"))
        there = [file.relative_to(folder).as_posix().removesuffix(".hea") for file in files]
    parts = {part for name in there for part in _segments(folder, name)}
    return [name for name in there if name not in parts], missing


def _segments(folder: Path, name: str) -> list[str]:
    """The names, as `record_names` gives them, of the segments of a record."""
    try:
        segments = read_header(folder / name).segments
    except EcgsynthError:  # whoever reads the record hears what is wrong
        return []
    return [
        (PurePosixPath(name).parent / segment).as_posix()
        for segment, _ in segments
        if segment not in (GAP, PurePosixPath(name).name)
    ]


def files_of(folder: Path, name: str, annotations: str) -> Iterator[Path]:
    """The files that make a record, as far as its headers can be read; they need not be there."""
    yield folder / f"{name}.{annotations}"
    for part in (name, *_segments(folder, name)):
        yield folder / f"{part}.hea"
        try:
            signals = read_header(folder / part).signals
        except EcgsynthError:
            continue
        yield from ((folder / part).parent / signal.file for signal in signals)


def summarise(warnings: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The warnings about records, each once with the records that it is about."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, sentences in warnings.items():
        for sentence in sentences:
            names[sentence].append(name)
    for sentence, of in names.items():
        more = f" and {len(of) - 1} more" if len(of) > 1 else ""
        yield f"record {of[0]}{more}: {sentence}"
