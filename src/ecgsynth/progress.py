"""Progress on standard error: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Item = TypeVar("Item")

Advance = Callable[[str, float], None]
"""Called with (what is being done, share of all from 0 to 1)."""

FIRST_S, LATEST_S = 5.0, 60.0
"""Seconds between two lines where there is no terminal: at first, and after hours."""

_SHOWN: list[Progress] = []
"""What is in progress without a terminal, the outermost first; only the last one writes lines."""


class Steps:
    """Progress through parts whose cost is known beforehand, in any unit; it never goes back.

    Parameters
    ----------
    advance: called when a part begins. total: cost of all parts. done: cost of finished parts.
    """

    def __init__(self, advance: Advance, total: float, done: float = 0.0) -> None:
        self.advance, self.total, self.done = advance, total, done

    def begin(self, what: str, cost: float) -> None:
        """Begin a part; the ones before it are finished."""
        self.advance(what, min(self.done / self.total, 1.0))
        self.done += cost

    def skip(self, cost: float) -> None:
        """Skip a part that is not needed."""
        self.done += cost


def stderr_console() -> Console:
    """Standard error: results that may be piped go to standard output."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


@contextmanager
def share_bar(what: str) -> Iterator[Advance]:
    """Progress by share, with time spent and left."""
    from rich.progress import (
        BarColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with bar(*columns) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda now, share: progress.update(task, description=now, completed=share)


@contextmanager
def count_bar(unit: str, hidden: bool = False) -> Iterator[Progress]:
    """Progress by count, with rate and time left; hidden: show nothing.

    A task's field `since` = (count, `time.monotonic()`) is where its own work began: what an
    earlier command had done already is no part of the speed of this one.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(f"{task.speed:,.0f} {unit}/s" if task.speed else f"- {unit}/s")

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with bar(*columns, unit=unit, hidden=hidden) as progress:
        yield progress


@contextmanager
def byte_bar(console: Console | None = None) -> Iterator[Progress]:
    """Progress through a file, with its size and the rate."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with bar(*columns, console=console) as progress:
        yield progress


def recordings(items: Iterable[Item], total: int) -> Iterator[Item]:
    """The recordings as they are read, with their progress."""
    with count_bar("recordings") as progress:
        task = progress.add_task("reading recordings", total=total)
        for item in items:  # Progress.track counts nothing where no bar is drawn
            yield item
            progress.advance(task)


@contextmanager
def bar(
    *columns: Any, unit: str = "", hidden: bool = False, console: Console | None = None
) -> Iterator[Progress]:
    """A bar of these columns on a terminal, lines elsewhere.

    unit: what is counted; "" where the share is enough. hidden: show nothing.
    """
    from rich.progress import Progress

    console = console or stderr_console()
    draws = not hidden and (console.is_terminal or console.is_jupyter)
    with Progress(*columns, console=console, transient=True, disable=not draws) as progress:
        if draws or hidden:
            yield progress
            return
        end = threading.Event()
        writer = threading.Thread(target=_write_lines, args=(progress, unit, end), daemon=True)
        _SHOWN.append(progress)
        writer.start()
        try:
            yield progress
        finally:
            _SHOWN.remove(progress)
            end.set()
            writer.join()


def _write_lines(progress: Progress, unit: str, end: threading.Event) -> None:
    """Write a line at growing intervals, also while a single step takes long."""
    began, before = time.monotonic(), 0.0
    while not end.wait(line_interval(time.monotonic() - began)):
        if progress is not _SHOWN[-1] or not progress.tasks:
            continue
        task = progress.tasks[-1]
        now = time.monotonic()
        counted, since = task.fields.get("since", (0, began))
        speed = (task.completed - counted) / (now - since) if task.completed > before else 0.0
        before = task.completed
        line = progress_line(task.description, task.completed, task.total, unit, now - began, speed)
        try:
            print(line, file=sys.stderr, flush=True)
        except (OSError, ValueError):  # nobody reads it, or the stream is closed
            return


def line_interval(seconds: float) -> float:
    """Seconds until the next line, so long after the beginning: hours do not fill a log."""
    return min(max(FIRST_S, seconds / 12), LATEST_S)


def progress_line(
    what: str, done: float, total: float | None, unit: str, seconds: float, speed: float
) -> str:
    """One line of progress, such as "training: 6,400 of 12,800 examples, 50 %, 40 s, 40 s left".

    unit: what is counted; "" where the share is enough. seconds: since the beginning.
    speed: units a second; 0 within a long step, where nothing is known of the time left.
    """
    parts = []
    if unit and (done or total):
        parts.append(f"{done:,.0f}{f' of {total:,.0f}' if total else ''} {unit}")
    if total:
        parts.append(f"{100 * done / total:.0f} %")
    parts.append(f"{seconds:.0f} s")
    if total and speed > 0 and done < total:
        parts.append(f"{(total - done) / speed:.0f} s left")
    return f"{what or 'working'}: {', '.join(parts)}"
