"""A training under a time limit is queued again and ends like one that had none."""

from __future__ import annotations

import builtins
import os
import signal
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import patience
import pytest
from tiny import BATCH, tiny_run

from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.monitoring.tracking import read_metrics

DEPLOY = Path(__file__).parents[1] / "deploy"
STEPS = 400


@pytest.fixture
def submit(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], Any]:
    """`deploy/slurm_train.py`, which jobs find too."""
    path = os.pathsep.join([str(DEPLOY), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.syspath_prepend(str(DEPLOY))
    from slurm_train import submit  # type: ignore[import-not-found]

    return submit


def wait_for(sign: Callable[[], Any]) -> Any:
    found: list[Any] = []
    patience.wait_for(lambda: found.append(sign()) or found[-1])
    return found[-1]


def child_of(process: int) -> int:
    """The first child of a process, once it has one."""
    tasks = Path(f"/proc/{process}/task/{process}/children")
    return int(wait_for(lambda: tasks.read_text().split())[0])


@pytest.mark.skipif(find_spec("submitit") is None, reason="submitit is not here: pip install it")
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds processes in /proc")
def test_time_limit_makes_a_snapshot_and_the_job_goes_on(submit: Any, tmp_path: Path) -> None:
    folder, recipe = tmp_path / "run", tmp_path / "tiny.yaml"
    run = tiny_run(STEPS, snapshot_every=10 * STEPS * BATCH, threads=1, sheets=False)
    recipe.write_text(run.to_yaml())  # no snapshot but those of a signal and of the end
    job = submit([str(recipe), "--to", str(folder), "--cluster", "local", "--hours", "0.5"])
    log = folder / "metrics.jsonl"
    wait_for(lambda: log.is_file() and len(log.read_text()) > 1000)
    os.kill(child_of(job._process.pid), signal.SIGUSR2)  # as SLURM before the time limit
    wait_for((folder / "card.json").is_file)  # written after the snapshot and the model
    assert Synthesizer.load(folder).card.examples_seen < STEPS * BATCH
    assert job.results() == [None]
    assert Synthesizer.load(folder).card.examples_seen == STEPS * BATCH
    assert [line["examples"] // BATCH for line in read_metrics(log)] == [*range(1, STEPS + 1)]
    assert "Requeued job" in job.stdout()


def test_without_submitit_the_sentence_says_what_to_install(
    submit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    healthy = builtins.__import__

    def absent(name: str, *args: Any) -> Any:
        if name == "submitit":
            raise ImportError(name)
        return healthy(name, *args)

    monkeypatch.delitem(sys.modules, "submitit", raising=False)
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(SystemExit) as end:
        submit(["simulated-beats", "--to", str(tmp_path)])
    assert end.value.code == 2
    assert "pip install submitit" in capsys.readouterr().err
