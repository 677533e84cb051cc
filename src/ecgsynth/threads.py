"""How many threads the numerical libraries take: as many as cores are free, none of which spins.

A thread that waits for others by spinning takes a core from them. Where another program keeps a
core busy, one OpenMP thread has no core, and the others spin for it at every step of a loop. A fit
of seconds then takes a quarter of an hour.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CALM = {"OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0", "OPENBLAS_THREAD_TIMEOUT": "4"}
"""How OpenMP (of GNU and of LLVM and Intel) and OpenBLAS are asked to wait without spinning."""

COUNT = "OMP_NUM_THREADS"
"""The variable with which a user sets the number."""

OURS = "ECGSYNTH_THREADS"
"""Set to the same as `COUNT` where the number is not the user's."""

_LIST = re.compile(r"\s*[1-9]\d{0,8}\s*(,\s*[1-9]\d{0,8}\s*)*", re.ASCII)
"""What OpenMP takes for a number of threads: one, or one for every level."""

LOOK_S = 0.1
"""For so long is looked which cores are busy."""


def set_thread_environment() -> None:
    """Set the environment from which libraries read how they wait and how many threads they take.

    Before the first of them is imported. What the user has set stays.
    """
    for name, value in CALM.items():
        os.environ.setdefault(name, value)
    if not user_set_count():
        os.environ[COUNT] = os.environ[OURS] = str(available_cores())


def user_set_count() -> bool:
    """Whether the user has set the number of threads; text that is no number counts as none."""
    count = os.environ.get(COUNT, "")
    return _LIST.fullmatch(count) is not None and os.environ.get(OURS) != count


@contextmanager
def limit_threads() -> Iterator[None]:
    """Within it PyTorch, scikit-learn and NumPy take no more threads than cores are free now.

    A number that the user has set stays, and none is raised. It holds in the thread that enters.
    """
    if user_set_count():
        yield
        return
    import sklearn.ensemble  # noqa: F401  (only libraries that are loaded are counted)
    import torch
    from threadpoolctl import ThreadpoolController

    count, pools, before = idle_cores(), ThreadpoolController(), torch.get_num_threads()
    limits = {
        kind: min([count, *(one["num_threads"] for one in pools.select(user_api=kind).info())])
        for kind in ("openmp", "blas")
    }
    torch.set_num_threads(min(count, before))
    try:
        with pools.limit(limits=limits):
            yield
    finally:
        torch.set_num_threads(before)


def available_cores() -> int:
    """Cores that this process may use, by its affinity and the quota of its container."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(max(1, min(count or 1, _cgroup_quota())))


def idle_cores() -> int:
    """Cores that this process may use and that are idle now; at least one."""
    first, seen = _idle_ticks(), time.monotonic()
    if first is None:
        busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        return max(1, min(available_cores(), round(available_cores() - busy)))
    time.sleep(LOOK_S)
    last, ticks = _idle_ticks(), (time.monotonic() - seen) * os.sysconf("SC_CLK_TCK")
    idle = sum((last or first)[name] - first[name] for name in first) / ticks
    return max(1, min(available_cores(), round(idle)))


def _idle_ticks() -> Mapping[str, int] | None:
    """Ticks in which each core that we may use had nothing to do; None where that is not known."""
    try:
        own = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        lines = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
        idle = {line[0]: int(line[4]) + int(line[5]) for line in lines if line[0] in own}
    except (AttributeError, OSError, ValueError, IndexError):
        return None
    return idle or None


def _cgroup_quota() -> float:
    """Cores' worth of time that the control groups of this process have; infinite without one."""
    least = float("inf")
    try:
        own = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return least
    for line in own:
        _, kinds, place = line.split(":", 2)
        if kinds and "cpu" not in kinds.split(","):
            continue
        root = Path("/sys/fs/cgroup") / ("" if not kinds else "cpu")
        for folder in (root / place.strip("/"), *(root / place.strip("/")).parents):
            if folder.is_relative_to(root):
                least = min(least, _group_quota(folder))
    return least


def _group_quota(folder: Path) -> float:
    """The quota of one control group, of version 2 or 1."""
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        return max(1.0, int(quota) / int(period)) if int(quota) > 0 else float("inf")
    except (OSError, ValueError):  # "max"
        return float("inf")
