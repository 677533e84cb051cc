"""Progress bars on the terminal: by share of the work, and by count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Item = TypeVar("Item")

Advance = Callable[[str, float], None]
"""Called with (what is being done, share of all from 0 to 1)."""


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
    """A bar with time spent and left on standard error; nothing where that is no terminal."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=stderr_console(), transient=True) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda now, share: progress.update(task, description=now, completed=share)


def count_bar(unit: str) -> Progress:
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
        TimeRemainingColumn(), console=stderr_console(), transient=True,
    )  # fmt: skip


def recordings(items: Iterable[Item], total: int) -> Iterator[Item]:
    """The recordings as they are read, with a bar."""
    with count_bar("recordings") as progress:
        yield from progress.track(items, total, description="reading recordings")
