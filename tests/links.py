"""What a page links to; shared by several test files."""

from __future__ import annotations

from html.parser import HTMLParser


class Links(HTMLParser):
    """Everything that a browser would fetch, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href", "srcset")]
