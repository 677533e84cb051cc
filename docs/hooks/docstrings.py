"""Sections of docstrings (Parameters, Attributes, Raises, ...) as Markdown lists.

The package writes `name: text` in its sections, which no parser of docstrings knows. mkdocstrings
shows a docstring without a parser as Markdown, so this makes the Markdown.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

SECTION = re.compile(r"^([A-Z]\w+)\n-{3,}\n", re.MULTILINE)
ENTRY = re.compile(r"^([\w*, .|]+?): ?(.*)$")


class Sections(Extension):
    """Rewrite each docstring as it is read."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """The docstring with a bold title and a list for each section."""
    before, *parts = SECTION.split(text)
    pieces = [before.rstrip()]
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        pieces += [f"**{title}**", "\n".join(entries(body))]
    return "\n\n".join(piece for piece in pieces if piece) + "\n"


def entries(body: str) -> list[str]:
    """A list item for each entry, which begins at the left edge; the rest is its text."""
    lines: list[str] = []
    for line in body.strip("\n").split("\n"):
        found = ENTRY.match(line)
        if found:
            lines.append(f"- `{found[1]}`: {found[2]}")
        elif line.strip():
            lines.append(("    " if lines else "") + line.strip())
        else:
            lines.append("")
    return lines
