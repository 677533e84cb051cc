"""XML of clinical formats: read without entities and within bounds, written as UTF-8."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.cells import one_line
from ecgsynth.formats.stream import damaged

DEEPEST, MOST_ELEMENTS = 64, 2_000_000
"""Elements in one another, and in a file; an element takes some 100 bytes of memory."""

FACTS = "ecgsynth: "
"""Beginning of the comment that has the facts of the item."""


def parse(path: Path) -> tuple[ET.Element, str]:
    """The root of a file, names without their namespaces, and the facts in a comment or "".

    No entity is ever declared or fetched, so that a file can neither grow nor reach out.

    Raises
    ------
    EcgsynthError: it is no XML, declares entities, or is deeper or larger than any ECG.
    """
    builder = ET.TreeBuilder()
    depth = count = 0
    facts = ""

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > DEEPEST or count > MOST_ELEMENTS:
            raise EcgsynthError(
                f"{path.name} has more than {DEEPEST} elements in one another, or more than "
                f"{MOST_ELEMENTS:,} in all, as no ECG has; it is not read."
            )
        builder.start(_local(name), {_local(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_local(name))

    def comment(text: str) -> None:
        nonlocal facts
        if text.strip().startswith(FACTS):
            facts = text.strip().removeprefix(FACTS)

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.CommentHandler = builder.data, comment
    parser.EntityDeclHandler = _refuse_entity(path)
    parser.ExternalEntityRefHandler = _refuse_entity(path)
    try:
        with open(path, "rb") as file:
            parser.ParseFile(file)
        return builder.close(), facts
    except (expat.ExpatError, ValueError, AssertionError, LookupError) as problem:
        raise damaged(path, f"it is no whole XML: {problem}") from None


def _refuse_entity(path: Path) -> Callable[..., NoReturn]:
    def refuse(*_: object) -> NoReturn:
        raise EcgsynthError(
            f"{path.name} declares an entity of its own, as harmful files do and no ECG needs; it "
            "is not read."
        )

    return refuse


def _local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition(" ")[2]


def add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
    """A new child; of a name in capitals xsi_type, the attribute xsi:type."""
    named = {key.replace("xsi_", "xsi:"): one_line(value) for key, value in attributes.items()}
    child = ET.SubElement(parent, name, named)
    child.text = text or None
    return child


def child_text(element: ET.Element | None, path: str) -> str:
    """The text at a path below an element, without blanks around it; "" where there is none."""
    found = None if element is None else element.find(path)
    return "" if found is None else (found.text or "").strip()


def to_bytes(root: ET.Element, facts: str, head: Sequence[str] = ()) -> bytes:
    """A document with the facts of the item in a comment.

    head: lines behind the declaration.
    """
    # In JSON a hyphen may be an escape; in a comment of XML two of them may not stand together.
    comment = facts.replace("--", "\\u002d\\u002d").replace("--", "\\u002d\\u002d")
    comment = comment[:-1] + "\\u002d" if comment.endswith("-") else comment
    ET.indent(root, " ")
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', *head, f"<!-- {FACTS}{comment} -->"]
    return ("\n".join([*lines, ET.tostring(root, encoding="unicode")]) + "\n").encode()
