"""`kill -9` at any moment leaves nothing half-written, and a training goes on from it."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import patience
import pytest
import torch
import yaml
from safetensors.torch import load_file
from tiny import BATCH, tiny_run, tiny_synthesizer

from ecgsynth.formats import read, write
from ecgsynth.signals.ecg import Ecg
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.loop import train

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 on Windows")

KILLS = 10
STEPS = 120
COUNT = 12_000


def act(folder: str, words: list[str]) -> None:
    """In a process of its own: `ecgsynth ...`, silently."""
    from ecgsynth.cli import main

    os.chdir(folder)
    sys.argv = ["ecgsynth", *words]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    torch.set_num_threads(1)
    main.main()


@pytest.fixture(scope="module")
def start() -> Callable[..., BaseProcess]:
    """Start the command in a process that has its imports behind it."""
    # A server that has imported all is forked: a start takes no seconds, but is a true start.
    context = get_context("forkserver")
    context.set_forkserver_preload([
        "ecgsynth.cli.main", "ecgsynth.training.loop", "ecgsynth.training.monitoring.curves",
        "ecgsynth.models.r3gan", "ecgsynth.objectives.rpgan", "ecgsynth.datasets.simulated",
        "torch.utils.tensorboard", "matplotlib.figure", "scipy.stats", "pandas", "pyarrow.parquet",
        "test_kill",
    ])  # fmt: skip

    def run(folder: Path, *words: object) -> BaseProcess:
        process = context.Process(target=act, args=(str(folder), [str(word) for word in words]))
        process.start()
        return process

    return run


def wait_for(process: BaseProcess, sign: Callable[[], bool]) -> None:
    """Until the sign is seen or the process has ended."""
    patience.wait_for(lambda: sign() or not process.is_alive(), every=0.01)


def changed(path: Path) -> int:
    """When, in ns; 0 where it is not there."""
    return path.stat().st_mtime_ns if path.exists() else 0


def ended_well(process: BaseProcess) -> bool:
    process.join(120)
    return process.exitcode == 0


def check_run_folder(folder: Path) -> None:
    """Whatever has its final name is whole."""
    for path in folder.rglob("*"):
        if path.name.endswith(".part"):
            continue
        if path.suffix == ".safetensors":
            assert load_file(path)
        elif path.suffix == ".png":
            assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
        elif path.name == "run.yaml":
            assert yaml.safe_load(path.read_text())["name"] == "tiny"
    if (folder / "model.safetensors").exists():
        assert len(Synthesizer.load(folder).generate(3)) == 3


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[set[str]]:
    """Files below `tmp_path` that this process opens for writing, by Python's own audit."""
    seen: set[str] = set()
    active = [True]

    def note(event: str, details: tuple[Any, ...]) -> None:
        if event == "open" and active[0] and isinstance(details[0], str | os.PathLike):
            path = Path(details[0])
            if details[2] & (os.O_WRONLY | os.O_RDWR) and path.is_relative_to(tmp_path):
                seen.add(str(path.relative_to(tmp_path)))

    sys.addaudithook(note)  # cannot be taken away again, only put to sleep
    yield seen
    active[0] = False


def test_what_takes_a_final_name_is_never_open_under_it(
    tmp_path: Path, opened: set[str], simulated_beats: Ecg
) -> None:
    """Then a kill cannot meet it half-written, however quick the disk is."""
    run = tiny_run(3, snapshot_every=BATCH, keep_every=BATCH)
    synthesizer = train(run, tmp_path / "run", data=simulated_beats)
    for target in ("set.npz", "set.csv", "set.parquet", "records/"):
        write(synthesizer.stream(600), f"{tmp_path}/{target}")
    streamed = ("run/metrics.jsonl", "run/tensorboard/")  # line by line; a cut line is left out
    whole = {name for name in opened if not name.startswith(streamed)}
    assert len(whole) > 8
    hidden = {name for name in whole if any(part.startswith(".") for part in Path(name).parts)}
    assert whole == hidden


def test_training_that_is_killed_ten_times_ends_like_one_that_never_was(
    tmp_path: Path, start: Callable[..., BaseProcess]
) -> None:
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(tiny_run(STEPS, snapshot_every=2 * BATCH, threads=1).to_yaml())
    rare = f"training.snapshot_every={1000 * BATCH}"
    calm = start(tmp_path, "train", recipe, rare, "--to", "calm")
    chance, killed = random.Random(1), 0
    folder = tmp_path / "run"
    log = folder / "metrics.jsonl"
    assert ended_well(calm)
    for attempt in range(KILLS):
        begun = (folder / "resume.safetensors").exists()
        before = changed(log)
        process = start(tmp_path, "train", recipe, "--to", folder, *["--resume"] * begun)
        if attempt % 3:  # every third one dies while it starts
            wait_for(process, lambda before=before: changed(log) > before)
        if attempt == KILLS - 1:  # on a busy machine none of them may have come so far
            wait_for(process, (folder / "resume.safetensors").exists)
        time.sleep(chance.uniform(0, 0.6))
        process.kill()
        process.join()
        killed += process.exitcode == -9
        check_run_folder(folder)
    assert killed == KILLS
    assert ended_well(start(tmp_path, "train", recipe, rare, "--to", folder, "--resume"))
    check_run_folder(folder)
    whole, ours = (
        load_file(tmp_path / "calm" / "resume.safetensors"),
        load_file(folder / "resume.safetensors"),
    )
    assert whole.keys() == ours.keys()
    assert all(torch.equal(whole[name], ours[name]) for name in whole)
    assert not [*folder.rglob("*.part")]


def test_generating_that_is_killed_leaves_the_old_file_or_the_new_one(
    tmp_path: Path, start: Callable[..., BaseProcess], simulated_beats: Ecg
) -> None:
    model = tiny_synthesizer(simulated_beats).save(tmp_path / "tiny.safetensors")
    (tmp_path / "out").mkdir()
    targets = ["new.npz", "old.npz", "new.csv", "old.parquet", "records"]
    for name in ("old.npz", "old.parquet"):
        assert ended_well(start(tmp_path, "generate", model, "--count", 7, "--to", f"out/{name}"))
    chance, killed = random.Random(2), 0
    for attempt in range(KILLS):
        target = tmp_path / "out" / targets[attempt % len(targets)]
        process = start(tmp_path, "generate", model, "--count", COUNT, "--to", target, "--force")
        if attempt % 3:
            hidden = f".{target.name}.*"
            wait_for(process, lambda target=target, hidden=hidden: any(target.parent.glob(hidden)))
        time.sleep(chance.uniform(0, 0.4))
        process.kill()
        process.join()
        killed += process.exitcode == -9
        if target.exists():
            assert len(read(target)) in (7, COUNT)
        else:
            assert not target.name.startswith("old")
        names = {path.name for path in (tmp_path / "out").iterdir()}
        assert {name for name in names if not name.startswith(".")} <= {*targets}
    assert killed > KILLS / 2
    last = tmp_path / "out" / "old.npz"
    assert ended_well(start(tmp_path, "generate", model, "--count", COUNT, "--to", last, "--force"))
    assert len(read(last)) == COUNT
