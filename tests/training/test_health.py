"""Looking at a training's health changes nothing, and what it says is so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import stop_after, tiny_run, tiny_synthesizer
from torch import Tensor, nn

from ecgsynth.config import Run
from ecgsynth.datasets import load
from ecgsynth.models import Condition, OneStep
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior import ContextPrior
from ecgsynth.signals.scaling import fit_scaler, measure_hidden
from ecgsynth.training.data.batches import style_codes
from ecgsynth.training.data.training_set import TrainingSet, load_heldout
from ecgsynth.training.loop import train
from ecgsynth.training.monitoring import measures
from ecgsynth.training.monitoring.health import Health
from ecgsynth.training.monitoring.tracking import Tracker, read_metrics

CLOCK = ("examples_per_second", "seconds_left", "memory_gb")


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tracker, "samples", lambda *_: None)


def prepared(data: Ecg, run: Run) -> tuple[TrainingSet, ContextPrior]:
    style = style_codes(data, run.training)[1]
    scaler = fit_scaler(run.training.scaler, data)
    hidden = measure_hidden(scaler, data)
    prior = ContextPrior.fit(data, style, hidden)
    return TrainingSet.of(data, style, scaler, prior, hidden), prior


def scaled(items: TrainingSet) -> torch.Tensor:
    """All of them, as the model sees them."""
    return items.signal(torch.arange(len(items)))


class Copyist(nn.Module):
    """A generator that gives what it is told to, whatever the noise."""

    latent = 4

    def __init__(self, made: Any) -> None:
        super().__init__()
        self.made, self.weight = made, nn.Parameter(torch.ones(1))

    def forward(self, latent: Tensor, condition: Condition) -> Tensor:
        return self.made(latent)


class Judge(nn.Module):
    """A critic whose logit is a function of the signal."""

    def __init__(self, logit: Any) -> None:
        super().__init__()
        self.logit, self.weight = logit, nn.Parameter(torch.ones(1))

    def view(self, signal: Tensor) -> Tensor:
        return signal

    def forward(self, view: Tensor, condition: Condition) -> tuple[Tensor, None]:
        return self.logit(view), None


def looked(data: Ecg, made: Any, logit: Any, heldout: Any = None) -> dict[str, float]:
    run = tiny_run()
    seen = prepared(data, run)[0]
    nets = Copyist(made), Judge(logit)
    for net in nets:
        net.weight.grad = torch.full((1,), 3.0)
    return Health(seen, heldout, run.training, 4, OneStep.sample, 0).look(*nets)


def columns(folder: Path) -> list[dict[str, Any]]:
    lines = read_metrics(folder / "metrics.jsonl")
    return [{k: v for k, v in line.items() if k not in CLOCK} for line in lines]


def test_looking_changes_nothing_that_is_learned(simulated_beats: Ecg) -> None:
    weights = [
        train(tiny_run(6, health_every=every), data=simulated_beats[:200]).weights()
        for every in (0, 1)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("family", ["vanilla", "bilstm"])  # batch normalisation, dropout
def test_looking_leaves_no_trace_in_nets_that_keep_averages(family: str, beats: Ecg) -> None:
    weights = []
    for every in (0, 1):
        content = tiny_run(3, health_every=every).to_dict()
        content |= {"model": family, "objective": "bce"}
        weights.append(train(Run.from_dict(content), data=beats).weights())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.fixture(scope="module")
def beats(simulated_beats: Ecg) -> Ecg:
    return simulated_beats[:200]


def test_a_resumed_training_sees_the_same_health(tmp_path: Path) -> None:
    run = tiny_run(6, health_every=1)

    train(run, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(run, tmp_path / "run", report=stop_after(3))
    train(run, tmp_path / "run", resume=True)
    assert columns(tmp_path / "run") == columns(tmp_path / "whole")
    assert {"health/accuracy", "health/accuracy_heldout", "health/told/V"} <= {
        *columns(tmp_path / "run")[0]
    }


def test_real_items_are_as_healthy_as_real_items(beats: Ecg) -> None:
    seen = prepared(beats, tiny_run())[0]
    rows = np.argsort(beats.labels_id, kind="stable")[-128:]
    real = seen.signal(torch.from_numpy(rows))
    asked = torch.from_numpy(np.asarray(beats.label)[rows] > 0)
    asked = asked[:, asked.any(0)]
    reference = measures.RealReference(real, asked, aligned=True)
    found = reference.compare(real)
    assert all(value == pytest.approx(1) for value in found["spread"].values())
    assert all(0.9 <= value <= 1 / measures.LEAST_ADHERENCE for value in found["told"].values())
    assert all(value == pytest.approx(0, abs=0.05) for value in found["distance"].values())
    assert measures.share_at_bounds(real) == reference.at_bounds


@pytest.mark.parametrize("kind", ["constant", "noise", "one class for all"])
def test_a_generator_that_ignores_the_label_is_found(beats: Ecg, kind: str) -> None:
    normal = scaled(prepared(beats.of_class("N"), tiny_run())[0])
    shape = beats.signal.shape[1:]
    made = {
        "constant": lambda z: normal[:1].expand(len(z), -1, -1),
        "noise": lambda z: torch.randn(len(z), *shape),
        "one class for all": lambda z: normal[torch.arange(len(z)) % len(normal)],
    }[kind]
    found = looked(beats, made, lambda x: x.flatten(1).sum(1))
    told = [v for name, v in found.items() if name.startswith("health/told")]
    spread = [v for name, v in found.items() if name.startswith("health/spread")]
    assert len(told) >= 2
    assert max(told) < 0.3
    assert (max(spread) < 1e-3) == (kind == "constant")


def test_distance_of_noise_is_far_and_of_scaled_beats_between(beats: Ecg) -> None:
    shape = beats.signal.shape[1:]
    found = looked(beats, lambda z: 3 * torch.randn(len(z), *shape), lambda x: x.sum((1, 2)))
    assert min(v for name, v in found.items() if name.startswith("health/distance")) > 2
    assert found["health/amplitude"] > 2


def test_gradients_are_measured_as_the_step_left_them(beats: Ecg) -> None:
    found = looked(beats, lambda z: torch.randn(len(z), 1, 256), lambda x: x.sum((1, 2)))
    assert found["health/gradient_critic"] == pytest.approx(3.0)
    assert found["health/gradient_generator"] == pytest.approx(3.0)


def test_shifted_records_are_alike_where_nothing_is_aligned() -> None:
    random = torch.Generator().manual_seed(0)
    real = torch.randn(16, 2, 100, generator=random)
    asked = torch.ones(16, 1) > 0
    free = measures.RealReference(real, asked, aligned=False).compare(real.roll(7, 2))
    fixed = measures.RealReference(real, asked, aligned=True).compare(real.roll(7, 2))
    assert free["distance"][0] == pytest.approx(0, abs=0.05)
    assert fixed["distance"][0] > 0.5
    assert free["told"] == {}  # of one class alone nothing can be told


def test_clipped_samples_stand_at_the_bounds() -> None:
    wave = torch.linspace(-3, 3, 1000).sin()[None, None]
    assert measures.share_at_bounds(wave.clamp(-0.5, 0.5)) > 0.5
    assert measures.share_at_bounds(torch.randn(1, 1, 1000)) < 0.05
    assert measures.share_at_bounds(torch.zeros(1, 1, 10)) == 0


def test_a_critic_that_knows_its_items_by_heart_overfits_and_one_that_knows_hearts_does_not(
    beats: Ecg,
) -> None:
    run = tiny_run()
    half, rest = prepared(beats[:100], run)[0], prepared(beats[100:], run)[0]
    known = {item.tobytes() for item in scaled(half).numpy()}

    def by_heart(x: Tensor) -> Tensor:
        return torch.tensor([float(item.tobytes() in known) for item in x.numpy()])

    def silent(z: Tensor) -> Tensor:
        return torch.zeros(len(z), 1, 256)

    found = looked(beats[:100], silent, by_heart, lambda: rest)
    assert found["health/accuracy"] == 1
    assert found["health/accuracy_heldout"] == 0.5
    assert found["health/overfitting"] == pytest.approx(1)
    found = looked(beats[:100], silent, lambda x: (x != 0).any(2).any(1).float(), lambda: rest)
    assert found["health/overfitting"] == pytest.approx(0)


def test_held_out_items_are_of_the_same_people_and_not_of_the_training_set() -> None:
    run = tiny_run()
    data = load("simulated", "train", patients=5, beats=40)
    seen, prior = prepared(data, run)
    part = load_heldout(run, seen, prior)
    assert part is not None
    assert part.data.source.endswith("heldout")
    assert data.patient is not None
    assert part.data.patient is not None
    code = dict(zip(data.patient.tolist(), seen.style.tolist(), strict=True))
    assert [code[name] for name in part.data.patient] == part.style.tolist()
    assert not {*map(bytes, part.data.signal)} & {*map(bytes, data.signal)}


@pytest.mark.parametrize("split", ["test", "heldout"])
def test_nothing_is_held_out_where_the_split_has_no_such_other(split: str) -> None:
    run = tiny_run()
    run.data.split = split
    seen, prior = prepared(load("simulated", split, patients=5, beats=40), run)
    assert load_heldout(run, seen, prior) is None


def test_of_a_set_that_was_handed_in_nothing_is_held_out(beats: Ecg, tmp_path: Path) -> None:
    train(tiny_run(2, health_every=1), tmp_path / "run", data=beats)
    lines = columns(tmp_path / "run")
    assert "health/accuracy" in lines[0]
    assert not {"health/accuracy_heldout", "health/overfitting"} & {*lines[0]}


def test_records_of_twelve_leads_with_several_statements_are_looked_at(
    simulated_record: Ecg,
) -> None:
    random = np.random.default_rng(0)
    spec = replace(
        simulated_record.spec, samples=500, classes=("A", "B", "C"), multilabel=True, r_sample=None
    )
    signal = simulated_record.signal[:, :, :500] + 0.1 * random.standard_normal((60, 12, 500))
    label = (random.random((60, 3)) < 0.4).astype(np.float32)
    found = looked(
        Ecg(signal.astype(np.float32), spec, label=label, source="twelve"),
        lambda z: torch.randn(len(z), 12, 500),
        lambda x: x.sum((1, 2)),
    )
    assert all(np.isfinite(value) for value in found.values())
    assert {"health/spread/A", "health/spread/B", "health/spread/C"} <= {*found}


def test_a_set_without_classes_is_looked_at_as_one(beats: Ecg) -> None:
    bare = Ecg(beats.signal, replace(beats.spec, classes=(), context=()), source="bare")
    found = looked(bare, lambda z: torch.randn(len(z), 1, 256), lambda x: x.sum((1, 2)))
    assert "health/spread/all" in found


def test_padding_is_neither_spread_nor_bound(beats: Ecg) -> None:
    padded = replace(beats, valid=np.full(len(beats), 180))
    found = looked(padded, lambda z: torch.randn(len(z), 1, 256), lambda x: x.sum((1, 2)))
    assert found["health/at_bounds"] < 0.05


def test_a_sample_of_every_class_is_kept_for_the_terminal(beats: Ecg, tmp_path: Path) -> None:
    train(tiny_run(2, health_every=1), tmp_path / "run", data=beats)
    samples = columns(tmp_path / "run")[-1]["samples"]
    assert {*samples} == {*tiny_synthesizer(beats).spec.classes}
    assert {len(points) for points in samples.values()} == {48}
