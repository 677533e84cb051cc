"""Progress bars and tables on the terminal, the same for every command."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from ecgsynth.signals.ecg import Ecg


def console() -> Console:
    """Standard error: results that may be piped go to standard output."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def progress(unit: str) -> Progress:
    """A bar with count, rate and time left."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(f"{task.speed:,.0f} {unit}/s" if task.speed else f"- {unit}/s")

    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(),
        TimeRemainingColumn(), console=console(), transient=True,
    )  # fmt: skip


def counted(chunks: Iterable[Ecg], total: int, what: str) -> Iterator[Ecg]:
    """The chunks as they come, with a bar of items."""
    with progress("items") as bar:
        task = bar.add_task(what, total=total)
        for chunk in chunks:
            yield chunk
            bar.advance(task, len(chunk))


def table(title: str, columns: list[str], rows: Iterable[Iterable[str]]) -> None:
    """A table on standard output."""
    from rich.console import Console
    from rich.table import Table

    # A pipe has no width: a row stays a line there, so that it can be searched.
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 400)
    if title:  # as a title of the table it would be broken at the table's width
        console.print(title)
    grid = Table(box=None, pad_edge=False)
    for k, column in enumerate(columns):
        grid.add_column(column, overflow="fold", no_wrap=k == 0)
    for row in rows:
        grid.add_row(*row)
    console.print(grid)
