"""Progress bars and tables on the terminal, for all commands."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecgsynth.signals.ecg import Ecg


def with_progress(chunks: Iterable[Ecg], total: int, what: str) -> Iterator[Ecg]:
    """Yield the chunks with a progress bar of items."""
    from ecgsynth.progress import count_bar

    with count_bar("items") as bar:
        task = bar.add_task(what, total=total)
        for chunk in chunks:
            yield chunk
            bar.advance(task, len(chunk))


def table(title: str, columns: list[str], rows: Iterable[Iterable[str]]) -> None:
    """A table on standard output."""
    from rich.console import Console
    from rich.table import Table

    # In a pipe, every row stays on one line, so that it can be searched.
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 400)
    if title:  # a title of the table would be wrapped at the table's width
        console.print(title)
    grid = Table(box=None, pad_edge=False)
    for k, column in enumerate(columns):
        grid.add_column(column, overflow="fold", no_wrap=k == 0)
    for row in rows:
        grid.add_row(*row)
    console.print(grid)
