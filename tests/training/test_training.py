"""Resuming equals not stopping; what cannot go well is refused; what was reached is kept."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from patience import PATIENCE_S
from safetensors.torch import load_file
from tiny import BATCH, stop_after, tiny_run

from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.objectives.rpgan import RpGAN
from ecgsynth.registry import MODELS
from ecgsynth.signals.anonymity import round_coarse
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.scaling import measure_hidden, zero_padding
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.synthesizer.sampler import NetworkSampler
from ecgsynth.training import snapshots
from ecgsynth.training.data.batches import Batches, Partners, cumulative_weights, style_codes
from ecgsynth.training.loop import train
from ecgsynth.training.monitoring.tracking import Tracker, read_metrics
from ecgsynth.training.optimisers import make_optimiser, rate_factor
from ecgsynth.training.trainers import Trainer

SNAPSHOT = "resume.safetensors"


@pytest.fixture(scope="module")
def beats(simulated_beats: Ecg) -> Ecg:
    return simulated_beats[:200]


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sample sheets take longer than the trainings here; the run `finished` alone has them."""
    monkeypatch.setattr(Tracker, "samples", lambda *_: None)


@pytest.fixture(scope="module")
def finished(beats: Ecg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of six steps that nothing disturbed."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train(tiny_run(6), folder, data=beats)
    return folder


def stopped(
    folder: Path, data: Ecg, step: int, run: Run | None = None, resume: bool = False
) -> Path:
    with pytest.raises(KeyboardInterrupt):
        train(run or tiny_run(6), folder, data=data, resume=resume, report=stop_after(step))
    return folder


def test_core_seconds_of_all_sittings_are_counted(
    beats: Ecg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step takes a minute here."""
    healthy, minutes = Trainer.step, [0]

    def slow(learner: Trainer, *args: Any, **more: Any) -> dict[str, float]:
        minutes[0] += 1
        return healthy(learner, *args, **more)

    monkeypatch.setattr(Trainer, "step", slow)
    monkeypatch.setattr(time, "process_time", lambda: 60.0 * minutes[0])
    folder = stopped(tmp_path / "run", beats, 3)
    assert Synthesizer.load(folder).card.core_seconds == 3 * 60
    train(tiny_run(6), folder, data=beats, resume=True)
    assert Synthesizer.load(folder).card.core_seconds == 6 * 60


def same_weights(one: Path, other: Path) -> bool:
    first, second = load_file(one), load_file(other)
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


def columns(folder: Path) -> list[dict[str, float]]:
    """The lines of metrics.jsonl without what depends on the clock."""
    lines = read_metrics(folder / "metrics.jsonl")
    clock = ("examples_per_second", "seconds_left", "memory_gb")
    return [{k: v for k, v in line.items() if k not in clock} for line in lines]


@pytest.mark.parametrize("step", [1, 3, 5])
def test_resuming_equals_not_stopping(
    finished: Path, beats: Ecg, tmp_path: Path, step: int
) -> None:
    stopped(tmp_path / "run", beats, step)
    train(tiny_run(6), tmp_path / "run", data=beats, resume=True)
    assert same_weights(tmp_path / "run" / "model.safetensors", finished / "model.safetensors")
    assert same_weights(tmp_path / "run" / SNAPSHOT, finished / SNAPSHOT)  # optimisers too
    assert columns(tmp_path / "run") == columns(finished)


def test_an_augmented_training_is_another_one_and_resumes_alike(
    finished: Path, beats: Ecg, tmp_path: Path
) -> None:
    run = tiny_run(6, augment=0.5)
    train(run, tmp_path / "whole", data=beats)
    assert not same_weights(tmp_path / "whole" / SNAPSHOT, finished / SNAPSHOT)
    folder = stopped(tmp_path / "run", beats, 3, run)
    train(run, folder, data=beats, resume=True)
    assert same_weights(folder / SNAPSHOT, tmp_path / "whole" / SNAPSHOT)


def test_resuming_twice_and_losing_steps_equals_not_stopping(
    finished: Path, beats: Ecg, tmp_path: Path
) -> None:
    folder = stopped(tmp_path / "run", beats, 2)
    kept = (folder / SNAPSHOT).read_bytes()
    stopped(folder, beats, 5, resume=True)
    (folder / SNAPSHOT).write_bytes(kept)  # as if the power had gone before the later snapshot
    train(tiny_run(6), folder, data=beats, resume=True)
    assert same_weights(folder / SNAPSHOT, finished / SNAPSHOT)
    assert columns(folder) == columns(finished)


def test_same_seed_trains_the_same_model_and_another_seed_another(
    finished: Path, beats: Ecg, tmp_path: Path
) -> None:
    train(tiny_run(6), tmp_path / "same", data=beats)
    assert same_weights(tmp_path / "same" / SNAPSHOT, finished / SNAPSHOT)
    train(tiny_run(6).model_copy(update={"seed": 4}), tmp_path / "other", data=beats)
    assert not same_weights(tmp_path / "other" / SNAPSHOT, finished / SNAPSHOT)


def test_where_snapshots_are_taken_changes_nothing_that_is_learned(
    finished: Path, beats: Ecg, tmp_path: Path
) -> None:
    run = tiny_run(6, snapshot_every=1, keep_every=2 * BATCH, log_every=4)
    train(run, tmp_path / "run", data=beats)
    assert same_weights(tmp_path / "run" / SNAPSHOT, finished / SNAPSHOT)
    kept = sorted(file.name for file in (tmp_path / "run" / "kept").iterdir())
    assert kept == ["000000032.safetensors", "000000064.safetensors", "000000096.safetensors"]


def test_ctrl_c_leaves_a_usable_model_that_says_how_far_it_came(beats: Ecg, tmp_path: Path) -> None:
    folder = stopped(tmp_path / "run", beats, 3)
    synthesizer = Synthesizer.load(folder)
    assert synthesizer.card.examples_seen == 3 * BATCH
    assert len(synthesizer.generate(10)) == 10
    assert json.loads((folder / "card.json").read_text())["examples_seen"] == 3 * BATCH


def test_finished_run_leaves_what_it_promises_and_nothing_half_written(finished: Path) -> None:
    names = {str(path.relative_to(finished)) for path in finished.rglob("*") if path.is_file()}
    assert {"run.yaml", "metrics.jsonl", "model.safetensors", "card.json", SNAPSHOT} <= names
    assert "samples/000000096.png" in names
    assert any(name.startswith("tensorboard/") for name in names)
    assert not [name for name in names if name.endswith(".part")]


def test_card_tells_of_run_data_and_purpose(finished: Path, beats: Ecg) -> None:
    card = Synthesizer.load(finished).card
    assert Run.from_dict(card.run) == tiny_run(6)
    assert card.examples_seen == 96
    assert card.data["items"] == round_coarse(len(beats))
    assert set(card.data["classes"]) == set(beats.spec.classes)
    assert "torch" in card.versions
    assert "not for diagnosis" in card.warning


def test_every_line_of_metrics_names_its_terms_and_is_finite(finished: Path) -> None:
    lines = read_metrics(finished / "metrics.jsonl")
    assert [line["examples"] for line in lines] == [BATCH * step for step in range(1, 7)]
    for line in lines:
        assert {"critic/adversarial", "critic/r1", "critic/r2", "generator/adversarial"} <= {*line}
        assert all(math.isfinite(value) for value in line.values())


def test_finished_run_can_be_resumed_and_stays_as_it_is(
    finished: Path, beats: Ecg, tmp_path: Path
) -> None:
    train(tiny_run(6), tmp_path / "run", data=beats)
    train(tiny_run(6), tmp_path / "run", data=beats, resume=True)
    assert same_weights(tmp_path / "run" / SNAPSHOT, finished / SNAPSHOT)


def test_every_step_draws_other_items_and_other_noise(
    beats: Ecg, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy, drawn = Batches.draw, []

    def spy(*args: Any) -> Any:
        drawn.append(healthy(*args))
        return drawn[-1]

    monkeypatch.setattr(Batches, "draw", spy)
    train(tiny_run(4), data=beats)
    for part in (lambda batch: batch.real, lambda batch: batch.latent):
        assert len({part(draw).numpy().tobytes() for draw in drawn}) == 4


def interrupting(monkeypatch: pytest.MonkeyPatch, at: int, interrupt: Any) -> None:
    """Within that step, between critic and generator."""
    healthy = RpGAN.generator_loss

    def loss(self: RpGAN, *args: Any, step: int, **more: Any) -> Any:
        if step == at:
            interrupt()
        return healthy(self, *args, step=step, **more)

    monkeypatch.setattr(RpGAN, "generator_loss", loss)


def test_ctrl_c_within_a_step_waits_for_its_end(
    finished: Path, beats: Ecg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A suite that runs in the background was started with Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            interrupting(patch, 2, lambda: os.kill(os.getpid(), signal.SIGINT))
            with pytest.raises(KeyboardInterrupt):
                train(tiny_run(6), tmp_path / "run", data=beats)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert Synthesizer.load(tmp_path / "run").card.examples_seen == 3 * BATCH
    train(tiny_run(6), tmp_path / "run", data=beats, resume=True)
    assert same_weights(tmp_path / "run" / SNAPSHOT, finished / SNAPSHOT)


def test_second_ctrl_c_stops_at_once_and_the_last_snapshot_stays(
    finished: Path, beats: Ecg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A suite that runs in the background was started with Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)  # two at once may reach Python as one
        os.kill(os.getpid(), signal.SIGINT)

    try:
        with monkeypatch.context() as patch:
            interrupting(patch, 2, twice)
            with pytest.raises(KeyboardInterrupt):
                train(tiny_run(6), tmp_path / "run", data=beats)
    finally:
        signal.signal(signal.SIGINT, before)
    assert Synthesizer.load(tmp_path / "run").card.examples_seen == 2 * BATCH
    train(tiny_run(6), tmp_path / "run", data=beats, resume=True)
    assert same_weights(tmp_path / "run" / SNAPSHOT, finished / SNAPSHOT)


def test_nan_stops_the_training_and_the_last_snapshot_stays_whole(
    beats: Ecg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = RpGAN.generator_loss

    def sick(self: RpGAN, *args: Any, step: int, **more: Any) -> dict[str, torch.Tensor]:
        terms = healthy(self, *args, step=step, **more)
        return {n: t * (float("nan") if step == 4 else 1.0) for n, t in terms.items()}

    monkeypatch.setattr(RpGAN, "generator_loss", sick)
    folder = tmp_path / "run"
    with pytest.raises(EcgsynthError, match=r"diverged after 80 examples.*lower rates"):
        train(tiny_run(8), folder, data=beats)
    assert Synthesizer.load(folder).card.examples_seen == 4 * BATCH  # snapshots at 2 and 4
    assert all(t.isfinite().all() for t in load_file(folder / SNAPSHOT).values())
    assert [line["examples"] for line in read_metrics(folder / "metrics.jsonl")][-1] == 4 * BATCH


def test_weights_that_are_not_finite_never_become_a_snapshot(
    beats: Ecg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A last gradient of NaN shows in no loss of its own step."""
    healthy = Trainer.follow

    def poison(learner: Trainer, examples: int) -> None:
        healthy(learner, examples)
        if examples == 4 * BATCH:
            next(learner.generator.parameters()).data.fill_(float("nan"))

    monkeypatch.setattr(Trainer, "follow", poison)
    with pytest.raises(EcgsynthError, match="diverged after 64 examples"):
        train(tiny_run(8), tmp_path / "run", data=beats)
    assert Synthesizer.load(tmp_path / "run").card.examples_seen == 2 * BATCH


def test_used_folder_is_refused_and_left_alone(finished: Path, beats: Ecg) -> None:
    before = {p: p.stat().st_mtime_ns for p in finished.rglob("*")}
    with pytest.raises(EcgsynthError, match="already holds a run; go on with --resume"):
        train(tiny_run(6), finished, data=beats)
    assert {p: p.stat().st_mtime_ns for p in finished.rglob("*")} == before


def test_two_trainings_do_not_share_a_folder(finished: Path, beats: Ecg, tmp_path: Path) -> None:
    folder = stopped(tmp_path / "run", beats, 2)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder / ".lock")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(EcgsynthError, match="another training writes into"):
            train(tiny_run(6), folder, data=beats, resume=True)
    finally:
        holder.kill()
        holder.wait()
    train(tiny_run(6), folder, data=beats, resume=True)  # the hold died with its process
    assert same_weights(folder / SNAPSHOT, finished / SNAPSHOT)
    assert not (folder / ".lock").exists()


def test_a_run_that_another_process_made_meanwhile_is_left_alone(
    finished: Path, beats: Ecg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both begin in an empty folder; this one reads its recordings until the other has ended."""
    folder = tmp_path / "run"
    check = snapshots.check_folder

    def passed(*words: object) -> None:
        check(*words)
        if not folder.exists():
            shutil.copytree(finished, folder)

    monkeypatch.setattr(snapshots, "check_folder", passed)
    with pytest.raises(EcgsynthError, match="already holds a run"):
        train(tiny_run(2), folder, data=beats)
    assert same_weights(folder / SNAPSHOT, finished / SNAPSHOT)


HOLD = """
import sys, time
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(3600)
"""


@pytest.mark.parametrize("resume", [False, True])
def test_model_whose_snapshot_is_gone_is_not_written_over(
    beats: Ecg, tmp_path: Path, resume: bool
) -> None:
    train(tiny_run(2), tmp_path / "run", data=beats)
    (tmp_path / "run" / SNAPSHOT).unlink()
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    with pytest.raises(EcgsynthError, match="holds a trained model but no snapshot"):
        train(tiny_run(4), tmp_path / "run", data=beats, resume=resume)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before


def test_reason_of_the_recipe_is_dropped_for_a_class_that_the_data_have(beats: Ecg) -> None:
    run = Run.from_dict(tiny_run(1).to_dict() | {"left_out": {"N": "too few", "Q": "none"}})
    model = train(run, data=beats)
    assert model.card.left_out == {"Q": "none"}
    assert len(model.generate(3, label="N")) == 3


def test_nothing_to_resume_is_told(beats: Ecg, tmp_path: Path) -> None:
    with pytest.raises(EcgsynthError, match="holds no snapshot to resume; leave out --resume"):
        train(tiny_run(6), tmp_path / "new", data=beats, resume=True)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"training": {"rate_critic": 1e-5}}, "training.rate_critic: 0.0003 -> 1e-05"),
        ({"model": {"width": 16}}, "model.width: 8 -> 16"),
        ({"seed": 4}, "seed: 3 -> 4"),
        ({"data": {"split": "test"}}, 'data.split: "train" -> "test"'),
    ],
)
def test_another_recipe_is_refused_on_resume_with_the_difference(
    finished: Path, beats: Ecg, change: dict[str, Any], difference: str
) -> None:
    content = tiny_run(6).to_dict()
    for key, value in change.items():
        content[key] = content[key] | value if isinstance(value, dict) else value
    before = (finished / "run.yaml").read_bytes()
    with pytest.raises(EcgsynthError) as caught:
        train(Run.from_dict(content), finished, data=beats, resume=True)
    assert difference in str(caught.value)
    assert (finished / "run.yaml").read_bytes() == before


def test_a_finished_run_goes_on_when_it_is_asked_for_more(beats: Ecg, tmp_path: Path) -> None:
    train(tiny_run(3), tmp_path / "run", data=beats)
    assert train(tiny_run(5), tmp_path / "run", data=beats, resume=True).card.examples_seen == 80


# Epochs, optimisers, rates.


@pytest.mark.parametrize(
    "settings",
    [
        {"optimiser": "adamw", "weight_decay": 0.01, "betas": (0.5, 0.9)},
        {"optimiser": "rmsprop", "rate_generator": 5e-5},
        {"clip_gradient": 0.1, "rate_halved_every": 0.25},
        {"scaler": "beat"},
        {"scaler": "range"},
    ],
    ids=lambda settings: next(iter(settings.values())),
)
def test_resuming_equals_not_stopping_whatever_is_set(
    finished: Path, beats: Ecg, tmp_path: Path, settings: dict[str, Any]
) -> None:
    run = tiny_run(6, **settings)
    train(run, tmp_path / "whole", data=beats)
    folder = stopped(tmp_path / "run", beats, 3, run)
    train(run, folder, data=beats, resume=True)
    assert same_weights(folder / SNAPSHOT, tmp_path / "whole" / SNAPSHOT)
    assert not same_weights(folder / "model.safetensors", finished / "model.safetensors")


def test_resuming_equals_not_stopping_where_a_layer_draws_numbers_of_its_own(
    beats: Ecg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As dropout does, from the global state."""
    healthy = RpGAN.generator_loss

    def loss(self: RpGAN, *args: Any, **more: Any) -> dict[str, torch.Tensor]:
        return {n: t * torch.rand(len(t)) for n, t in healthy(self, *args, **more).items()}

    monkeypatch.setattr(RpGAN, "generator_loss", loss)
    train(tiny_run(6), tmp_path / "whole", data=beats)
    torch.manual_seed(99)
    folder = stopped(tmp_path / "run", beats, 3)
    torch.rand(7)
    train(tiny_run(6), folder, data=beats, resume=True)
    assert same_weights(folder / SNAPSHOT, tmp_path / "whole" / SNAPSHOT)


def test_an_epoch_is_as_many_examples_as_the_set_holds(beats: Ecg, tmp_path: Path) -> None:
    run = tiny_epochs(0.5)
    seen: list[tuple[int, int]] = []
    made = train(
        run, tmp_path / "run", data=beats, report=lambda at, total, _: seen.append((at, total))
    )
    assert seen[-1] == (112, 100)  # 7 steps of 16 hold the half of 200 items
    assert made.card.examples_seen == 112
    assert "examples" not in made.card.run["training"]
    assert Run.read(tmp_path / "run") == run
    assert (
        train(tiny_epochs(0.6), tmp_path / "run", data=beats, resume=True).card.examples_seen > 112
    )


def test_every_real_item_that_the_critic_sees_is_an_example(
    beats: Ecg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy, drawn = Batches.draw, []

    def spy(*args: Any) -> Any:
        drawn.append(healthy(*args))
        return drawn[-1]

    monkeypatch.setattr(Batches, "draw", spy)
    run = tiny_run(10, critic_steps=5)
    train(run, tmp_path / "whole", data=beats)
    assert len(drawn) == 10  # two steps of the generator
    assert Synthesizer.load(tmp_path / "whole").card.examples_seen == 10 * BATCH
    folder = stopped(tmp_path / "run", beats, 5, run)
    train(run, folder, data=beats, resume=True)
    assert same_weights(folder / SNAPSHOT, tmp_path / "whole" / SNAPSHOT)
    assert columns(folder) == columns(tmp_path / "whole")


def tiny_epochs(epochs: float, **training: Any) -> Run:
    content = tiny_run(1, epochs=0, **training).to_dict()
    del content["training"]["examples"]
    content["training"]["epochs"] = epochs
    return Run.from_dict(content)


def test_steps_asked_on_the_command_line_win_over_the_epochs_of_the_recipe(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from ecgsynth.cli.main import app

    (tmp_path / "mine.yaml").write_text(tiny_epochs(7).to_yaml())
    words = ["train", str(tmp_path / "mine.yaml"), "--steps", "5", "--dry-run"]
    shown = yaml.safe_load(CliRunner().invoke(app, words).output)
    assert (shown["training"]["epochs"], shown["training"]["examples"]) == (0, 5 * BATCH)


def test_rates_follow_a_cosine_or_halve_by_the_epoch() -> None:
    cosine = tiny_run(1, rate_end=0.1).training
    assert rate_factor(cosine, 0.0, 0) == 1
    assert rate_factor(cosine, 0.5, 7) == pytest.approx(0.55)
    assert rate_factor(cosine, 1.0, 7) == pytest.approx(0.1)
    halves = tiny_run(1, rate_end=0.1, rate_halved_every=20).training
    shares = [rate_factor(halves, 0.5, epoch) for epoch in (0, 19.9, 20, 45, 99)]
    assert shares == [1, 1, 0.5, 0.25, 0.0625]


def test_optimiser_gets_the_rate_of_its_step(beats: Ecg, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    healthy = Trainer._descend

    def spy(learner: Trainer, net: Any, optimiser: Any, terms: Any) -> None:
        rates.append(optimiser.param_groups[0]["lr"])
        healthy(learner, net, optimiser, terms)

    monkeypatch.setattr(Trainer, "_descend", spy)
    run = tiny_run(4, rate_critic=4e-4, rate_generator=1e-4, rate_halved_every=2 * BATCH / 200)
    train(run, data=beats)
    assert rates == pytest.approx([4e-4, 1e-4, 4e-4, 1e-4, 2e-4, 5e-5, 2e-4, 5e-5])


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("rmsprop", torch.optim.RMSprop)],
)
def test_optimiser_is_the_one_named_with_its_settings(name: str, kind: type) -> None:
    settings = tiny_run(1, optimiser=name, weight_decay=0.02, betas=[0.5, 0.9]).training
    made = make_optimiser(settings, [torch.nn.Parameter(torch.zeros(2))], 1e-4)
    group = made.param_groups[0]
    assert type(made) is kind
    assert (group["lr"], group["weight_decay"]) == (1e-4, 0.02)
    assert group.get("betas", (0.5, 0.9)) == (0.5, 0.9)


def test_clipped_gradient_is_no_longer_than_asked(
    beats: Ecg, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[float] = []
    healthy = torch.optim.Adam.step

    def step(self: torch.optim.Adam, *args: Any) -> Any:
        gradients = [p.grad.norm() for p in self.param_groups[0]["params"] if p.grad is not None]
        lengths.append(float(torch.stack(gradients).norm()))
        return healthy(self, *args)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    train(tiny_run(2), data=beats)
    free, lengths = lengths, []
    train(tiny_run(2, clip_gradient=1e-3), data=beats)
    assert min(free) > 1e-3
    assert lengths == pytest.approx([1e-3] * 4, rel=1e-3)


def test_critic_is_constrained_after_every_step_of_its_own(
    beats: Ecg, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest: list[float] = []

    def clip(self: RpGAN, critic: torch.nn.Module) -> None:
        with torch.no_grad():
            for weight in critic.parameters():
                weight.clamp_(-0.01, 0.01)

    healthy = RpGAN.generator_loss

    def watch(self: RpGAN, critic: Any, *args: Any, **more: Any) -> Any:
        largest.append(max(float(weight.abs().max()) for weight in critic.parameters()))
        return healthy(self, critic, *args, **more)

    monkeypatch.setattr(RpGAN, "constrain", clip)
    monkeypatch.setattr(RpGAN, "generator_loss", watch)
    train(tiny_run(6, critic_steps=2), data=beats)
    assert largest == pytest.approx([0.01] * 3)


# Samples after every epoch.


def test_samples_are_drawn_after_every_epoch_from_the_same_noise(
    beats: Ecg, tmp_path: Path
) -> None:
    train(tiny_epochs(2.2, samples=4, snapshot_every=10**6), tmp_path / "run", data=beats)
    folders = sorted((tmp_path / "run" / "samples").iterdir())
    assert [folder.name for folder in folders] == ["epoch_0001", "epoch_0002"]
    for folder in folders:
        names = sorted(file.name for file in folder.iterdir())
        assert names == [f"sample_0{k}.{end}" for k in (1, 2, 3, 4) for end in ("npy", "png")]
    first, second = (np.load(folder / "sample_01.npy") for folder in folders)
    assert first.shape == (1, 256) and first.dtype == np.float32
    assert 0 < np.abs(first - second).max() < 1  # the model has learned, the noise is the same


def test_a_training_shorter_than_an_epoch_shows_what_it_makes(beats: Ecg, tmp_path: Path) -> None:
    train(tiny_epochs(0.3, samples=2, snapshot_every=10**6), tmp_path / "run", data=beats)
    folder = tmp_path / "run" / "samples" / "epoch_0001"
    assert [file.name for file in sorted(folder.glob("*.npy"))] == [
        "sample_01.npy",
        "sample_02.npy",
    ]


def test_resumed_run_keeps_the_samples_it_has(beats: Ecg, tmp_path: Path) -> None:
    run = tiny_epochs(1.5, samples=1, snapshot_every=10**6)
    folder = stopped(tmp_path / "run", beats, 8, run)
    kept = (folder / SNAPSHOT).read_bytes()
    stopped(folder, beats, 14, run, resume=True)
    (folder / SNAPSHOT).write_bytes(kept)  # as if the power had gone before the later snapshot
    left = folder / "samples" / ".epoch_0002.0123abcd.part"
    left.mkdir()
    files = sorted((folder / "samples" / "epoch_0001").iterdir())
    before = [(file.stat().st_mtime_ns, file.read_bytes()) for file in files]
    train(run, folder, data=beats, resume=True)
    assert [(file.stat().st_mtime_ns, file.read_bytes()) for file in files] == before
    assert not left.exists()


def test_run_without_samples_draws_none(finished: Path) -> None:
    assert not [*finished.glob("samples/epoch_*")]


# What is trained on.


@pytest.mark.parametrize("kind", ["global", "range", "beat"])
def test_beats_of_every_scaler_are_as_high_in_mv_as_the_real_ones(beats: Ecg, kind: str) -> None:
    """Of a generator that hands out real beats, as it would see them."""
    made = train(tiny_run(1, scaler=kind), data=beats)
    assert isinstance(made.sampler, NetworkSampler)
    scaler = made.sampler.scaler
    hidden = measure_hidden(scaler, beats)
    scaled = torch.from_numpy(scaler.forward(beats.signal, hidden))
    rows = torch.arange(256) % len(beats)
    made.generator.forward = lambda *_: scaled[rows]  # type: ignore[method-assign]
    out = made.generate(256, label="N")
    assert out.spec.unit == "mV"
    for level in (0.1, 0.5, 0.9):
        real = np.quantile(np.ptp(beats.signal, axis=2), level)
        assert np.quantile(np.ptp(out.signal, axis=2), level) == pytest.approx(real, rel=0.3)


@pytest.fixture(scope="module")
def padded(beats: Ecg) -> Ecg:
    """Every N ends after 150 samples, the others after 236 to 255, shortly before the window."""
    valid = np.where(beats.labels_str == "N", 150, 236 + np.arange(len(beats)) % 20)
    valid = valid.astype(np.int32)
    people = (np.arange(len(beats)) % 6).astype(np.str_)
    return replace(beats, signal=zero_padding(beats.signal, valid), valid=valid, patient=people)


@pytest.mark.parametrize("scaler", ["global", "range", "beat"])
def test_padding_is_zero_and_its_begin_is_that_of_the_class(padded: Ecg, scaler: str) -> None:
    made = train(tiny_run(2, scaler=scaler), data=padded).generate(60)
    assert made.valid is not None
    assert (made.valid[made.labels_str == "N"] == 150).all()
    others = made.valid[made.labels_str != "N"]
    assert 240 < np.median(others) < 255
    assert 200 < others.min() < others.max() <= 256  # few beats are summarised by mean and SD
    for item, end in enumerate(made.valid):
        assert not made.signal[item, :, end:].any()
        assert made.signal[item, :, end - 20 : end].any()
    assert made.spec.context == padded.spec.context


def test_synthetic_beats_end_where_the_real_ones_beside_them_do(
    padded: Ecg, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy, pairs = RpGAN.critic_loss, []

    def watch(self: RpGAN, critic: Any, real: Any, synthetic: Any, *args: Any, **more: Any) -> Any:
        pairs.append((real, synthetic))
        return healthy(self, critic, real, synthetic, *args, **more)

    monkeypatch.setattr(RpGAN, "critic_loss", watch)
    train(tiny_run(2, scaler="beat"), data=padded)
    for real, synthetic in pairs:
        ends = [int(item.any(0).nonzero().max()) for item in real]
        assert ends == [int(item.any(0).nonzero().max()) for item in synthetic]
        assert min(ends) == 149


def test_one_class_alone_trains_and_is_all_that_is_made(beats: Ecg) -> None:
    made = train(tiny_run(2), data=beats.with_classes(["S"]))
    assert set(made.generate(5).labels_str) == {"S"}
    with pytest.raises(EcgsynthError, match="knows no class 'V'. Known: S"):
        made.generate(5, label="V")


def test_stretches_of_a_recording_get_codes_of_their_own(beats: Ecg) -> None:
    onset = np.arange(len(beats)) * 9.0  # 200 beats in half an hour
    data = replace(beats, record=beats.patient, onset_s=onset)
    people, _ = style_codes(data, tiny_run(1).training)
    assert people == len(np.unique(beats.patient))
    codes, style = style_codes(data, tiny_run(1, style_minutes=10).training)
    assert codes == len(np.unique(style)) > people
    for code in range(codes):
        rows = style == code
        assert len(set(np.asarray(data.record)[rows])) == 1
        assert len(set(onset[rows] // 600)) == 1
    assert (
        style_codes(replace(data, onset_s=None), tiny_run(1, style_minutes=10).training)[0]
        == people
    )
    assert style_codes(data, tiny_run(1, styles=False, style_minutes=10).training)[0] == 0


@pytest.mark.parametrize(
    "family", [name for name in MODELS.names() if "events" not in MODELS.get(name).takes]
)
def test_average_holds_the_buffers_of_every_family_too(family: str, beats: Ecg) -> None:
    """Running statistics of a batch norm are averaged, batches counted are taken over."""
    run = tiny_run(3)
    run.model = type(run.model)(name=family, **MODELS.get(family).tiny)
    if not MODELS.get(family).adversarial:
        run.objective = type(run.objective)(name="flow")
    made = train(run, data=beats.with_classes(["S"]))
    assert not made.generator.training
    first = made.generate(3, seed=1).signal
    np.testing.assert_array_equal(first, made.generate(3, seed=1).signal)  # nor any dropout
    for name, value in made.generator.named_buffers():
        if name.endswith("num_batches_tracked"):
            assert value == 3  # one pass a step, for the critic and for itself
        elif name.endswith("running_mean"):
            assert value.abs().max() > 0


# Runs of before these settings.


def test_run_that_was_begun_before_a_setting_was_there_is_resumed(
    finished: Path, beats: Ecg, tmp_path: Path
) -> None:
    folder = stopped(tmp_path / "run", beats, 3)
    content = yaml.safe_load((folder / "run.yaml").read_text())
    for name in ("epochs", "optimiser", "rate_halved_every", "weight_decay", "clip_gradient",
                 "scaler", "samples", "style_minutes"):  # fmt: skip
        del content["training"][name]
    (folder / "run.yaml").write_text(yaml.safe_dump(content))
    train(tiny_run(6), folder, data=beats, resume=True)
    assert same_weights(folder / SNAPSHOT, finished / SNAPSHOT)


def test_partners_are_of_one_class_and_person(beats: Ecg) -> None:
    _, style = np.unique(beats.patient, return_inverse=True)
    rows = torch.arange(len(beats))
    beside = Partners(beats, style, 2).with_partners(
        rows, torch.rand(len(beats), dtype=torch.float64)
    )
    first, second = beside[0::2].numpy(), beside[1::2].numpy()
    assert (first == rows.numpy()).all()
    assert (beats.labels_id[first] == beats.labels_id[second]).all()
    assert (beats.patient[first] == beats.patient[second]).all()
    assert (first != second).mean() > 0.5


def test_an_odd_batch_cannot_be_made_of_pairs(beats: Ecg) -> None:
    run = tiny_run(2, batch=15)
    run.model = type(run.model)(**{**run.model.model_dump(), "pairs": True})
    with pytest.raises(EcgsynthError, match="is even"):
        train(run, data=beats)


def test_how_often_to_log_and_save_may_change_on_resume(beats: Ecg, tmp_path: Path) -> None:
    folder = stopped(tmp_path / "run", beats, 3)
    run = tiny_run(6, snapshot_every=48, log_every=3, threads=1)
    assert train(run, folder, data=beats, resume=True).card.examples_seen == 96


def test_class_without_items_is_refused_before_anything_is_written(
    beats: Ecg, tmp_path: Path
) -> None:
    spec = replace(beats.spec, classes=(*beats.spec.classes, "Q"))
    label = np.pad(np.asarray(beats.label), [(0, 0), (0, 1)])
    with pytest.raises(EcgsynthError, match=r"class 'Q' has no item in .*leave it out"):
        train(tiny_run(6), tmp_path / "run", data=replace(beats, spec=spec, label=label))
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_signals_that_are_not_finite_are_refused(beats: Ecg, tmp_path: Path, value: float) -> None:
    signal = beats.signal.copy()
    signal[3, 0, 5] = value
    with pytest.raises(EcgsynthError, match="hold NaN or infinity"):
        train(tiny_run(6), tmp_path / "run", data=replace(beats, signal=signal))
    assert not [*tmp_path.iterdir()]


def test_flat_signals_are_refused(beats: Ecg, tmp_path: Path) -> None:
    with pytest.raises(EcgsynthError, match="are flat; there is nothing to learn"):
        train(tiny_run(6), tmp_path / "run", data=replace(beats, signal=beats.signal * 0))
    assert not [*tmp_path.iterdir()]


def test_context_that_is_partly_unknown_is_no_hindrance(beats: Ecg) -> None:
    context = np.asarray(beats.context).copy()
    context[::3, 0] = np.nan
    made = train(tiny_run(2), data=replace(beats, context=context)).generate(20)
    assert np.isfinite(made.signal).all()
    assert np.isfinite(np.asarray(made.context)).all()


def test_data_without_classes_context_or_patients_trains(beats: Ecg) -> None:
    spec = replace(beats.spec, classes=(), context=())
    bare = Ecg(beats.signal, spec, source="bare")
    made = train(tiny_run(2), data=bare).generate(5)
    assert made.spec == spec
    assert len(made) == 5


def test_missing_device_is_told_in_one_sentence(beats: Ecg, tmp_path: Path) -> None:
    wanted = "mps" if torch.cuda.is_available() or not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(EcgsynthError, match=f"cannot train with training.accelerator={wanted}"):
        train(tiny_run(6, accelerator=wanted), tmp_path / "run", data=beats)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("tail", ['{"examples": 99', "5\n", '"text"\n', "\n\n", "{}\n"])
def test_metrics_cut_short_are_mended_on_resume(
    finished: Path, beats: Ecg, tmp_path: Path, tail: str
) -> None:
    folder = stopped(tmp_path / "run", beats, 3)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(tail)
    train(tiny_run(6), folder, data=beats, resume=True)
    assert columns(folder) == columns(finished)
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 6


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "other"])
def test_damaged_snapshot_is_told(beats: Ecg, tmp_path: Path, damage: str) -> None:
    folder = stopped(tmp_path / "run", beats, 3)
    path = folder / SNAPSHOT
    content = path.read_bytes()
    other = (folder / "model.safetensors").read_bytes()  # a whole file, but no snapshot
    path.write_bytes(
        {"cut": content[:-100], "noise": bytes(range(256)) * 9, "empty": b"", "other": other}[
            damage
        ]
    )
    with pytest.raises(EcgsynthError, match=r"the snapshot in .* is damaged") as caught:
        train(tiny_run(6), folder, data=beats, resume=True)
    assert "\n" not in str(caught.value)


def test_what_a_killed_process_left_is_cleared_away(beats: Ecg, tmp_path: Path) -> None:
    folder = stopped(tmp_path / "run", beats, 3)
    (folder / ".model.safetensors.0123abcd.part").write_text("half")
    train(tiny_run(6), folder, data=beats, resume=True)
    assert not [*folder.rglob("*.part")]


def test_average_of_the_weights_lags_behind_the_weights(finished: Path) -> None:
    tensors = load_file(finished / SNAPSHOT)
    names = [n.removeprefix("average/") for n in tensors if n.startswith("average/")]
    different = [
        name
        for name in names
        if not torch.equal(tensors[f"average/{name}"], tensors[f"generator/{name}"])
    ]
    assert len(different) > len(names) / 2


def test_model_that_is_saved_is_the_average(finished: Path) -> None:
    tensors, saved = load_file(finished / SNAPSHOT), load_file(finished / "model.safetensors")
    assert all(torch.equal(saved[name], tensors[f"average/{name}"]) for name in saved)


def test_average_without_half_life_is_the_weights_themselves(beats: Ecg, tmp_path: Path) -> None:
    train(tiny_run(3, ema_half_life=0), tmp_path / "run", data=beats)
    tensors = load_file(tmp_path / "run" / SNAPSHOT)
    for name, value in tensors.items():
        if name.startswith("average/"):
            raw = tensors[name.replace("average/", "generator/")]
            assert torch.allclose(value, raw, atol=1e-7)


@pytest.mark.parametrize("balance", [0.0, 0.6, 1.0])
def test_class_of_n_items_is_drawn_n_to_the_one_minus_balance_as_often(
    beats: Ecg, balance: float
) -> None:
    edges = cumulative_weights(beats, balance)
    assert float(edges[-1]) == pytest.approx(1.0)
    at = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    rows = torch.searchsorted(edges, at).numpy()
    drawn = Counter(beats.labels_str[rows].tolist())
    expected = {name: count ** (1 - balance) for name, count in beats.counts().items()}
    for name, weight in expected.items():
        share = weight / sum(expected.values())
        assert drawn[name] / len(at) == pytest.approx(share, abs=2e-4)


def test_items_of_one_class_are_drawn_alike(beats: Ecg) -> None:
    chance = np.diff(cumulative_weights(beats, 0.6).numpy(), prepend=0.0)
    for name in beats.spec.classes:
        mine = chance[beats.labels_str == name]
        assert mine.max() == pytest.approx(mine.min(), rel=1e-9)


SHORT_TRAINING = """
from ecgsynth import Run, train
run = Run.read("simulated-beats", "data.patients=8", "data.beats=60", "training.examples=384",
               "training.accelerator=cpu", "training.threads=1")
train(run)
status = open("/proc/self/status").read()  # ru_maxrss would begin with that of the suite
print(next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1e6)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/status is Linux' own")
def test_short_training_stays_below_one_and_a_half_gigabytes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHORT_TRAINING], capture_output=True, text=True, check=True,
        timeout=PATIENCE_S,
    )  # fmt: skip
    assert float(done.stdout.split()[-1]) < 1.5


def test_products_are_rounded_in_the_training_alone(beats: Ecg) -> None:
    before = torch.get_float32_matmul_precision()
    seen: list[str] = []

    def report(examples: int, total: int, values: dict[str, float]) -> None:
        seen.append(torch.get_float32_matmul_precision())

    train(tiny_run(6, matmul="medium"), data=beats, report=report)
    assert set(seen) == {"medium"}
    assert torch.get_float32_matmul_precision() == before


def test_a_training_does_not_go_on_with_other_data(simulated_beats: Ecg, tmp_path) -> None:
    before, after = simulated_beats[:120], simulated_beats[120:240]
    train(tiny_run(2), tmp_path / "run", data=before)
    card = (tmp_path / "run" / "card.json").read_bytes()
    with pytest.raises(EcgsynthError, match="is not the one that .*run was begun with"):
        train(tiny_run(3), tmp_path / "run", data=after, resume=True)
    assert (tmp_path / "run" / "card.json").read_bytes() == card
    assert train(tiny_run(3), tmp_path / "run", data=before, resume=True).card.examples_seen
