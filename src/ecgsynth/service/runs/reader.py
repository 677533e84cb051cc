"""Run folders of trainings, which may still be running, for the service."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

import numpy as np
from pydantic import BaseModel

from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.service.api.json_text import json_safe
from ecgsynth.training.monitoring.tracking import read_metrics

MOST_LOG = 64 << 20
"""Most bytes of a metrics.jsonl (a week of training has far less), and of all that are cached in
memory."""

MOST_POINTS = 400
"""Most points of a curve; a screen shows no more."""

Line = dict[str, Any]
State = Literal["running", "finished", "stopped"]


class NoSuchRunError(EcgsynthError):
    """The folder of runs has no run of that name."""


class RunView(BaseModel):
    """A run: id is its folder, name that of its recipe, `of` its total number of examples.

    started: when its training started or was last resumed.
    reason: why it cannot be read.
    """

    id: str
    name: str
    state: State
    examples: int
    of: int | None
    examples_per_second: float | None
    started: datetime | None
    alarms: list[dict[str, Any]]
    reason: str | None = None


@dataclass(frozen=True)
class Log:
    """The state of a run; lines: of its metrics, without values that cannot be shown."""

    view: RunView
    lines: Sequence[Line] = field(default=(), repr=False)

    def mark(self, count: int) -> str:
        """A mark for the position after `count` lines, which depends on their content."""
        last = repr(sorted(self.lines[count - 1].items())) if count else ""
        return f"{count}.{crc32(last.encode()):08x}"

    def after(self, mark: str) -> int | None:
        """Number of lines up to a mark; None if the lines have changed."""
        count = mark.partition(".")[0]
        known = count.isdecimal() and len(count) < 12 and int(count) <= len(self.lines)
        return int(count) if known and self.mark(int(count)) == mark else None

    def curves(self) -> dict[str, list[list[float]]]:
        """Name -> [examples, value] of every figure, evenly thinned, with first and last."""
        series: dict[str, list[list[float]]] = {}
        for line in self.lines:
            for name, value in figures(line).items():
                series.setdefault(name, []).append([line["examples"], value])
        return {name: thin(points) for name, points in series.items()}

    def last(self) -> dict[str, float]:
        """The last value of every figure."""
        return {name: value for line in self.lines for name, value in figures(line).items()}


class Runs:
    """The runs of a folder; reads only changed files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: OrderedDict[Path, tuple[tuple[int, int, int], tuple[Line, ...]]] = OrderedDict()
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Folders with a run, the last written first; links out of the folder are ignored."""
        try:
            root = self.folder.resolve()
            found = [one for one in self.folder.iterdir() if one.resolve().parent == root]
        except (OSError, RuntimeError):
            return []
        written = {one.name: _written(one) for one in found if json_safe(one.name) == one.name}
        return sorted((n for n, at in written.items() if at), key=lambda n: (-written[n], n))

    def folder_of(self, id: str) -> Path:
        """The folder of a run.

        Raises
        ------
        NoSuchRunError: there is none of that name.
        """
        names = self.names()
        if id not in names:
            raise NoSuchRunError(f"there is no run '{id[:80]}'.{did_you_mean(id[:80], names)}")
        return self.folder / id

    def log(self, id: str) -> Log:
        """A run with its lines.

        Raises
        ------
        NoSuchRunError: there is none of that name.
        """
        folder = self.folder_of(id)
        lines: tuple[Line, ...] = ()
        reason = None
        try:
            lines = self._lines(folder / "metrics.jsonl")
        except EcgsynthError as problem:
            reason = str(problem)
        return Log(_view(folder, lines, reason), lines)

    def _lines(self, path: Path) -> tuple[Line, ...]:
        if not is_inside(path, path.parent):
            return ()
        status = path.stat()
        if status.st_size > MOST_LOG:
            raise EcgsynthError(
                f"metrics.jsonl is larger than {MOST_LOG >> 20} MiB; it is not read."
            )
        stamp = (status.st_size, status.st_mtime_ns, status.st_ino)
        with self._lock:
            kept = self._read.get(path)
            if kept is None or kept[0] != stamp:
                kept = (stamp, _clean(path))
                self._read[path] = kept
            self._read.move_to_end(path)
            while len(self._read) > 1 and sum(s[0] for s, _ in self._read.values()) > MOST_LOG:
                self._read.popitem(last=False)
        return kept[1]


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path is a file in a folder, and not a link out of it."""
    try:
        return path.is_file() and path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # RuntimeError: links in a circle
        return False


def figures(line: Line) -> dict[str, float]:
    """The figures of a line by name."""
    return {
        name: float(value)
        for name, value in line.items()
        if isinstance(value, int | float) and name not in ("examples", "back_from")
    }


def alarm(line: Line) -> dict[str, Any] | None:
    """The alarm of a line: examples, alarm, saw, try; missing texts are empty."""
    if "alarm" not in line:
        return None
    facts = {name: line[name] for name in ("examples", "back_from") if name in line}
    return facts | {name: str(line.get(name, "")) for name in ("alarm", "saw", "try")}


def thin(points: list[list[float]]) -> list[list[float]]:
    """At most MOST_POINTS points, evenly spaced."""
    if len(points) <= MOST_POINTS:
        return points
    rows = np.linspace(0, len(points) - 1, MOST_POINTS).round().astype(int)
    return [points[row] for row in rows]


def _clean(path: Path) -> tuple[Line, ...]:
    """The lines with a number as position, and of their values finite numbers and text."""
    try:
        return tuple(
            {
                json_safe(name): json_safe(value)
                for name, value in line.items()
                if _is_shown(value) or name == "samples"
            }
            for line in read_metrics(path)
            if isinstance(line["examples"], int) and _is_shown(line["examples"])
        )
    except (OSError, ValueError, RecursionError):  # bytes that are no text, nesting too deep
        raise EcgsynthError(
            "metrics.jsonl cannot be read; it is damaged or not a metrics file."
        ) from None


def _is_shown(value: Any) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return abs(value) < 1e300 and math.isfinite(value)
    return isinstance(value, str)


def _view(folder: Path, lines: Sequence[Line], reason: str | None) -> RunView:
    name, of = _recipe(folder)
    examples = max((line["examples"] for line in lines), default=0)
    paced = next((line for line in reversed(lines) if "examples_per_second" in line), {})
    rate, left = (figures(paced).get(key) for key in ("examples_per_second", "seconds_left"))
    if of is None and rate is not None and left is not None and math.isfinite(rate * left):
        of = round(paced["examples"] + rate * left)
    begun = folder / "run.yaml"
    started = _written(folder) if not begun.is_file() else begun.stat().st_mtime
    state: State = "stopped"
    if is_running(folder):
        state = "running"
    elif of is not None and lines and examples >= of:
        state = "finished"
    return RunView(
        id=folder.name, name=name, state=state, examples=examples, of=of,
        examples_per_second=rate, started=moment(started),
        alarms=[one for line in lines if (one := alarm(line))], reason=reason,
    )  # fmt: skip


def moment(seconds: float) -> datetime | None:
    """A time in seconds since 1970; None if out of range."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _recipe(folder: Path) -> tuple[str, int | None]:
    """Name of the recipe and, if given, its number of examples."""
    from ecgsynth.config import Run

    path = folder / "run.yaml"
    try:
        if is_inside(path, folder) and path.stat().st_size < 1 << 20:
            run = Run.read(path)
            return json_safe(run.name), None if run.training.epochs else run.training.examples
    except (EcgsynthError, OSError, ValueError, RecursionError):
        pass
    return folder.name, None


def is_running(folder: Path) -> bool:
    """Whether a training has the lock of a run folder, which ends with its process."""
    path = folder / ".lock"
    if not is_inside(path, folder):
        return False
    try:
        import fcntl
    except ImportError:  # no flock here: a run written within the last minute counts as running
        return datetime.now(UTC).timestamp() - _written(folder) < 60
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _written(folder: Path) -> float:
    """When a run was last written, s since 1970; 0 if it is no run."""
    times = []
    for name in ("metrics.jsonl", "run.yaml"):
        try:
            times.append((folder / name).stat().st_mtime)
        except OSError:
            continue
    return max(times, default=0.0)
