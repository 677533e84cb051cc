"""Libraries take as many threads as cores are free, wait without spinning, and obey the user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

import ecgsynth as es
from ecgsynth import threads
from ecgsynth.signals.ecg import Ecg


@pytest.fixture
def unnamed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The user says no number, and four threads are what the libraries would take."""
    monkeypatch.delenv(threads.COUNT, raising=False)
    monkeypatch.delenv(threads.OURS, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def counts() -> list[int]:
    return [torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())]


@pytest.mark.parametrize("free", [1, 3])
def test_threads_are_those_of_free_cores_and_afterwards_as_before(
    unnamed: None, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    import sklearn.ensemble  # noqa: F401

    monkeypatch.setattr(threads, "idle_cores", lambda: free)
    before = counts()
    with threads.limit_threads():
        assert max(counts()) <= free
    assert counts() == before


def test_fewer_threads_than_are_free_are_not_raised(
    unnamed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "idle_cores", lambda: 8)
    with threadpool_limits(2):  # of every library, whatever other tests loaded
        torch.set_num_threads(2)
        with threads.limit_threads():
            assert torch.get_num_threads() == 2


def test_a_number_of_the_users_stays(unnamed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(threads.COUNT, "4")
    monkeypatch.setattr(threads, "idle_cores", lambda: 1)
    with threads.limit_threads():
        assert torch.get_num_threads() == 4


@pytest.mark.parametrize("text", ["", " ", "0", "-2", "2.5", "two", "2,"])
def test_text_that_is_no_number_of_threads_counts_as_none(
    unnamed: None, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(threads.COUNT, text)
    assert not threads.user_set_count()
    monkeypatch.setenv(threads.COUNT, "4")
    monkeypatch.setenv(threads.OURS, text)
    assert threads.user_set_count()


def test_judging_from_python_leaves_the_threads_of_the_caller(
    unnamed: None, monkeypatch: pytest.MonkeyPatch, simulated_beats: Ecg
) -> None:
    from ecgsynth.evaluation import judge

    monkeypatch.setattr(threads, "idle_cores", lambda: 1)
    seen: list[int] = []
    look = judge.align_sets
    monkeypatch.setattr(
        judge, "align_sets", lambda *given: seen.append(max(counts())) or look(*given)
    )
    es.evaluate(simulated_beats[:60], simulated_beats[60:120], metrics=["smoothness"])
    assert seen == [1]
    assert torch.get_num_threads() == 4


@pytest.mark.parametrize(("idle", "expected"), [(0.0, 1), (0.9, 1), (1.2, 1), (1.9, 2), (3.9, 4)])
def test_cores_count_as_free_by_what_was_idle_of_them(
    monkeypatch: pytest.MonkeyPatch, idle: float, expected: int
) -> None:
    clock = [0.0]
    looks = iter([{"cpu0": 100, "cpu1": 0}, {"cpu0": 100 + round(100 * idle), "cpu1": 0}])
    monkeypatch.setattr(threads, "_idle_ticks", lambda: next(looks))
    monkeypatch.setattr(threads, "available_cores", lambda: 4)
    monkeypatch.setattr(threads.os, "sysconf", lambda _name: 100)
    monkeypatch.setattr(threads.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(threads.time, "sleep", lambda _s: clock.__setitem__(0, 1.0))
    assert threads.idle_cores() == expected


def test_where_idle_time_is_not_known_the_load_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_idle_ticks", lambda: None)
    monkeypatch.setattr(threads, "available_cores", lambda: 4)
    for load, expected in ((0.1, 4), (2.6, 1), (9.0, 1)):
        monkeypatch.setattr(threads.os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        assert threads.idle_cores() == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu.max": "max 100000"}, float("inf")),
        ({"cpu.max": "20000 100000"}, 1.0),
        ({"cpu.cfs_quota_us": "300000", "cpu.cfs_period_us": "100000"}, 3.0),
        ({"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, float("inf")),
        ({}, float("inf")),
    ],
)
def test_quota_of_a_container_is_read(
    tmp_path: Path, files: dict[str, str], expected: float
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text + "\n")
    assert threads._group_quota(tmp_path) == expected


SAYS = """
import os, sys
sys.argv = ["ecgsynth", "list", "formats"]
from ecgsynth.cli import main as cli
loaded = [name for name in ("numpy", "torch", "sklearn") if name in sys.modules]
try:
    cli.main()
except SystemExit:
    pass
import json
names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "KMP_BLOCKTIME", "OPENBLAS_THREAD_TIMEOUT")
print(json.dumps([loaded, {name: os.environ.get(name) for name in names}]))
"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"OMP_NUM_THREADS": str(threads.available_cores()), "OMP_WAIT_POLICY": "passive"}),
        ({"OMP_NUM_THREADS": "3"}, {"OMP_NUM_THREADS": "3", "KMP_BLOCKTIME": "0"}),
        ({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}),
        ({"OMP_NUM_THREADS": "4,2"}, {"OMP_NUM_THREADS": "4,2"}),
        ({"OMP_NUM_THREADS": "3", "ECGSYNTH_THREADS": "many"}, {"OMP_NUM_THREADS": "3"}),
        *(
            ({"OMP_NUM_THREADS": text}, {"OMP_NUM_THREADS": str(threads.available_cores())})
            for text in ("", "0", "-1", "1e3", "all", "9" * 21)
        ),
    ],
)
def test_command_settles_how_libraries_wait_before_they_are_loaded(
    given: dict[str, str], expected: dict[str, str]
) -> None:
    clean = {k: v for k, v in os.environ.items() if k not in (*threads.CALM, threads.COUNT)}
    clean.pop(threads.OURS, None)
    done = subprocess.run(
        [sys.executable, "-c", SAYS], env=clean | given, capture_output=True, text=True, check=True
    )
    loaded, found = json.loads(done.stdout.splitlines()[-1])
    assert not loaded
    assert expected.items() <= found.items()
