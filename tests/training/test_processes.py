"""Several processes come to what one does; what ends one of them ends all, the run stays whole."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny import BATCH, tiny_run

from ecgsynth.condition import Condition
from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.objectives.wgan_gp import WGANGP
from ecgsynth.registry import MODELS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.scaling import fit_scaler
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.data.augment import augment
from ecgsynth.training.data.batches import Batches, style_codes
from ecgsynth.training.data.training_set import TrainingSet
from ecgsynth.training.engine import check_even_shares
from ecgsynth.training.monitoring.tracking import read_metrics

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no fork server on Windows")

STEPS = 8
DISTURBED = 3
"""The step, from 0, within which something happens to the second of two processes."""


def act(recipe: str, words: list[str], rank: int, many: int, port: int, fate: str) -> None:
    """In a process of its own: `ecgsynth train`, as `torchrun` starts it."""
    from ecgsynth.cli import main
    from ecgsynth.objectives.rpgan import RpGAN

    if many > 1:
        os.environ |= {
            "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(many),
            "LOCAL_WORLD_SIZE": str(many), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        }  # fmt: skip
    folder = Path(recipe).parent
    for stream in (sys.stdout, sys.stderr):
        told = os.open(folder / f"told-{rank}.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(told, stream.fileno())
    healthy = RpGAN.generator_loss

    def loss(self: RpGAN, *args: Any, step: int, **more: Any) -> Any:
        if step == DISTURBED and rank == many - 1 and fate:
            if fate == "error":
                raise OSError(5, "Input/output error", "recordings")
            os.kill(os.getpid(), getattr(signal, fate))
        return healthy(self, *args, step=step, **more)

    RpGAN.generator_loss = loss  # type: ignore[method-assign]
    sys.argv = ["ecgsynth", "train", recipe, *words]
    torch.set_num_threads(1)
    main.main()


@pytest.fixture(scope="module")
def start() -> Callable[..., list[int]]:
    """Train with so many processes; their exit codes."""
    context = get_context("forkserver")
    context.set_forkserver_preload([
        "ecgsynth.cli.main", "ecgsynth.training.loop", "ecgsynth.training.monitoring.curves",
        "ecgsynth.models.r3gan", "ecgsynth.objectives.rpgan", "ecgsynth.datasets.simulated",
        "ecgsynth.models.tcwgan", "ecgsynth.objectives.wgan_gp", "torch.utils.tensorboard",
        "matplotlib.figure", "scipy.stats", "pandas", "pyarrow.parquet", "test_processes",
    ])  # fmt: skip

    def run(run: Run, to: Path, many: int, *words: str, fate: str = "") -> list[int]:
        to.parent.mkdir(exist_ok=True)
        recipe = to.parent / f"{to.name}.yaml"
        recipe.write_text(run.to_yaml())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        begun = [
            context.Process(
                target=act, args=(str(recipe), ["--to", str(to), *words], rank, many, port, fate)
            )
            for rank in range(many)
        ]
        for process in begun:
            process.start()
        for process in begun:
            process.join(120)
        return [process.exitcode or 0 for process in begun]

    return run


def wgan_gp() -> Run:
    """As many steps of a Wasserstein critic, which moves twice before the generator does."""
    content = tiny_run(2 * STEPS, critic_steps=2, augment=0.5, sheets=False).to_dict()
    content["model"] = {"name": "tcwgan", **MODELS.get("tcwgan").tiny}
    return Run.from_dict(content | {"objective": {"name": "wgan_gp"}})


RUNS = {
    "r3gan": lambda: tiny_run(STEPS, augment=0.5, balance=0.8, sheets=False),
    "wgan_gp": wgan_gp,
}


@pytest.fixture(scope="module", params=RUNS)
def alone(
    request: pytest.FixtureRequest, start: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, Path]:
    """A run and its folder, trained by one process."""
    run, folder = RUNS[request.param](), tmp_path_factory.mktemp(request.param) / "one"
    assert start(run, folder, 1) == [0]
    return run, folder


def check_same_losses(one: Path, other: Path) -> None:
    """Every step's, within 1e-4 of its largest term.

    Of a Wasserstein critic's offset the gradient is nothing but rounding, and Adam makes a step of
    it: it is seen in the single terms, and is nothing.
    """
    first, second = (read_metrics(folder / "metrics.jsonl") for folder in (one, other))
    assert [line["examples"] for line in first] == [line["examples"] for line in second]
    for mine, theirs in zip(first, second, strict=True):
        terms = {n: v for n, v in mine.items() if n.startswith(("critic/", "generator/"))}
        assert {"critic/adversarial", "generator/adversarial"} < {*terms}
        within = 1e-4 * max(map(abs, terms.values()))
        for name, value in terms.items():
            assert theirs[name] == pytest.approx(value, abs=within)


def test_two_processes_have_the_losses_of_one(
    alone: tuple[Run, Path], start: Any, tmp_path: Path
) -> None:
    run, one = alone
    assert start(run, tmp_path / "run" / "two", 2) == [0, 0]
    check_same_losses(one, tmp_path / "run" / "two")
    assert "try: " in (tmp_path / "run" / "told-0.txt").read_text()
    assert (tmp_path / "run" / "told-1.txt").read_text() == ""


def whole(folder: Path) -> int:
    """Examples that a run has seen whose files are all whole."""
    assert not [*folder.rglob("*.part")]
    assert load_file(folder / "resume.safetensors")
    model = Synthesizer.load(folder)
    assert len(model.generate(3)) == 3
    return model.card.examples_seen


@pytest.mark.parametrize("alone", ["r3gan"], indirect=True)
def test_signal_to_one_process_stops_both_and_one_goes_on(
    alone: tuple[Run, Path], start: Any, tmp_path: Path
) -> None:
    run, one = alone
    folder = tmp_path / "run" / "two"
    assert start(run, folder, 2, fate="SIGTERM") == [130, 130]
    assert whole(folder) == (DISTURBED + 1) * BATCH
    assert start(run, folder, 1, "--resume") == [0]
    check_same_losses(one, folder)


@pytest.mark.parametrize("alone", ["r3gan"], indirect=True)
def test_process_that_is_killed_ends_the_other_and_two_go_on(
    alone: tuple[Run, Path], start: Any, tmp_path: Path
) -> None:
    run, one = alone
    folder = tmp_path / "run" / "two"
    assert start(run, folder, 2, fate="SIGKILL") == [2, -9]
    told = (tmp_path / "run" / "told-0.txt").read_text()
    assert "another process of this training has ended" in told and "Traceback" not in told
    assert whole(folder) == 2 * BATCH  # a snapshot stands there
    assert start(run, folder, 2, "--resume") == [0, 0]
    check_same_losses(one, folder)


def test_error_of_one_process_is_told_by_it_and_ends_all(start: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run" / "two"
    assert start(RUNS["r3gan"](), folder, 2, fate="error") == [2, 2]
    assert "recordings could not be read" in (tmp_path / "run" / "told-1.txt").read_text()
    assert whole(folder) == 2 * BATCH


# What each of them has of a batch.


@pytest.fixture
def as_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Be one of several processes, as far as drawing goes."""

    def be(rank: int, many: int) -> None:
        monkeypatch.setattr("torch.distributed.is_initialized", lambda: many > 1)
        monkeypatch.setattr("torch.distributed.get_world_size", lambda: many)
        monkeypatch.setattr("torch.distributed.get_rank", lambda: rank)

    return be


@pytest.mark.parametrize(("pairs", "window"), [(False, None), (True, None), (False, 100)])
def test_shares_of_three_processes_are_the_batch_of_one(
    simulated_beats: Ecg, as_process: Any, pairs: bool, window: int | None
) -> None:
    settings = tiny_run(1, batch=12).training
    style = style_codes(simulated_beats, settings)[1]
    label = torch.from_numpy(simulated_beats.label)
    condition = Condition(label, torch.from_numpy(simulated_beats.context), torch.from_numpy(style))
    scaler = fit_scaler("global", simulated_beats)
    items = TrainingSet(simulated_beats, scaler, {}, condition, style, window)
    batches = Batches(items, settings, pairs)

    def drawn(rank: int, many: int) -> Any:
        as_process(rank, many)
        return batches.draw(8, torch.Generator().manual_seed(1), torch.device("cpu"))

    one, shares = drawn(0, 1), [drawn(rank, 3) for rank in range(3)]
    assert torch.equal(one.real, torch.cat([share.real for share in shares]))
    assert torch.equal(one.latent, torch.cat([share.latent for share in shares]))
    style = torch.cat([share.condition.style for share in shares])
    assert torch.equal(one.condition.style, style)


def test_shares_are_augmented_as_the_whole_batch_is(as_process: Any) -> None:
    signal = torch.randn(12, 1, 64)

    def altered(rank: int, many: int) -> torch.Tensor:
        as_process(rank, many)
        return augment(signal.chunk(many)[rank], 360, 0.5, torch.Generator().manual_seed(1))

    assert torch.equal(altered(0, 1), torch.cat([altered(0, 2), altered(1, 2)]))


def test_gradient_penalty_stands_where_it_would_in_the_whole_batch(as_process: Any) -> None:
    view = torch.randn(24, 1, 16)

    def critic(seen: torch.Tensor, _condition: Any) -> tuple[torch.Tensor, None]:
        return seen.flatten(1).pow(3).sum(1), None

    def penalty(rank: int, many: int) -> torch.Tensor:
        as_process(rank, many)
        share = torch.cat([half.chunk(many)[rank] for half in view.chunk(2)])
        terms = WGANGP(WGANGP.Settings()).penalty(
            critic, share, share[:, 0, 0], None, progress=0.0, step=5  # type: ignore[arg-type]
        )  # fmt: skip
        return terms["gradient_penalty"]

    assert torch.equal(penalty(0, 1), torch.cat([penalty(0, 2), penalty(1, 2)]))


# What they cannot do together.


def two() -> Any:
    return SimpleNamespace(world_size=2)


def test_batch_statistics_are_refused_by_several_processes() -> None:
    nets = (torch.nn.Sequential(torch.nn.BatchNorm1d(3)),)
    with pytest.raises(EcgsynthError, match="has batch normalisation.*in one process"):
        check_even_shares(two(), tiny_run(1), nets, pairs=False)
    check_even_shares(SimpleNamespace(world_size=1), tiny_run(1), nets, pairs=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(("batch", "pairs", "share"), [(15, False, 2), (14, True, 4)])
def test_batch_that_cannot_be_shared_is_refused(batch: int, pairs: bool, share: int) -> None:
    with pytest.raises(EcgsynthError, match=f"take a multiple of {share}"):
        check_even_shares(two(), tiny_run(1, batch=batch), (), pairs=pairs)
    check_even_shares(two(), tiny_run(1, batch=16), (), pairs=pairs)
