"""Files that are broken on purpose, by which the authors of a reader test its errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

EMPTY, OTHER, CUT, WRONG, NO_ECG, HARMFUL = (
    "empty", "other format", "cut short", "contradiction", "no ECG", "harmful",
)  # fmt: skip
KINDS = {
    EMPTY: "the file has no bytes",
    OTHER: "the content is of another kind than the name",
    CUT: "the end is missing",
    WRONG: "a field has an impossible value, or contradicts another",
    NO_ECG: "the file is whole and holds no ECG in a voltage",
    HARMFUL: "the file reaches out, or grows when it is read",
}
"""Kind of a fault -> what it is."""

Files = Mapping[str, bytes]
"""Name -> content of the files of one record, its main file first."""


class Broken(NamedTuple):
    """A record with one fault.

    name: of the fault, in the form of a file's name. files: the record with it. kind: of `KINDS`.
    reason: what a reader should state.
    """

    name: str
    files: Files
    kind: str
    reason: str


def with_main(files: Files, content: bytes) -> Files:
    """The same record with another main file."""
    return {**files, next(iter(files)): content}


def main_of(files: Files) -> bytes:
    """The content of the main file."""
    return next(iter(files.values()))


def changed(files: Files, old: bytes, new: bytes) -> Files:
    """The same record with something in its main file changed wherever it stands.

    Raises
    ------
    ValueError: it stands nowhere.
    """
    if old not in (content := main_of(files)):
        raise ValueError(f"{old!r} is not in the file")
    return with_main(files, content.replace(old, new))


def put(files: Files, place: int, value: bytes) -> Files:
    """The same record with other bytes at a place of its main file."""
    content = main_of(files)
    return with_main(files, content[:place] + value + content[place + len(value) :])


def usual_faults(files: Files) -> Iterator[Broken]:
    """What happens to files of every format."""
    content = main_of(files)
    picture = b"\x89PNG\r\n\x1a\n" + bytes(600)
    yield Broken("empty", with_main(files, b""), EMPTY, "the file is empty")
    yield Broken("picture", with_main(files, picture), OTHER, "the file is a PNG picture")
    cut = with_main(files, content[:40])
    yield Broken("cut-in-header", cut, CUT, "the file ends within its header")
    cut = with_main(files, content[: len(content) * 6 // 10])
    yield Broken("cut-in-samples", cut, CUT, "the file ends before its samples do")


BOMB = """<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><{0}>&c;</{0}>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<{0}>&x;</{0}>"""


def xml_faults(files: Files, root: str) -> Iterator[Broken]:
    """What happens to files of XML; root: the name of the outermost element."""
    bomb, outside = (with_main(files, text.format(root).encode()) for text in (BOMB, OUTSIDE))
    yield Broken("entities", bomb, HARMFUL, "entities that stand for each other are refused")
    yield Broken("entity-outside", outside, HARMFUL, "an entity outside of the file is refused")
    bare = with_main(files, f"<{root}/>".encode())
    yield Broken("no-waveform", bare, NO_ECG, "the file holds no ECG")
    other = with_main(files, b"<html><body/></html>")
    yield Broken("web-page", other, OTHER, "the file is a page of the web")
    deep = with_main(files, f"<{root}>".encode() * 5000)
    yield Broken("deep", deep, HARMFUL, "elements lie too deep in each other, and none is closed")
