"""An alarm rings for its own illness, once, and not for a healthy training; what answers it."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny import BATCH, stop_after, tiny_run

from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.objectives.rpgan import RpGAN
from ecgsynth.registry import MODELS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.loop import train
from ecgsynth.training.monitoring import alarms, monitor
from ecgsynth.training.monitoring.alarm_rules import LOOKS, RULES, Rule
from ecgsynth.training.monitoring.alarms import Alarms
from ecgsynth.training.monitoring.health import Health
from ecgsynth.training.monitoring.tracking import Tracker, read_metrics

SNAPSHOT = "resume.safetensors"
SHARES = {"N": 0.6, "S": 0.2, "V": 0.2}
Illness = dict[str, float] | list[dict[str, float]]
"""Figures of every look, or of one look after another."""
CHANCE = math.log(2)
"""What a relativistic critic loses that says the same of every item."""


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tracker, "samples", lambda *_: None)


@pytest.fixture(scope="module")
def beats(simulated_beats: Ecg) -> Ecg:
    return simulated_beats[:200]


def look(number: int, **more: Any) -> dict[str, Any]:
    """A healthy look, some way into a training, with these figures changed."""
    figures = {
        "examples": 20_000 * number, "critic/adversarial": 0.4, "generator/adversarial": 1.5,
        "health/accuracy": 0.9, "health/accuracy_heldout": 0.88, "health/overfitting": 0.1,
        "health/amplitude": 0.9, "health/at_bounds": 0.0,
    }  # fmt: skip
    for kind, value in (("told", 0.9), ("spread", 0.7), ("distance", 3.0 / number)):
        figures |= {f"health/{kind}/{name}": value for name in SHARES}
    return figures | {name.replace("__", "/"): value for name, value in more.items()}


def rung(looks: list[dict[str, Any]]) -> list[str]:
    watch = Alarms(SHARES, CHANCE)
    return [alarm.name for each in looks for alarm in watch.see(each)]


def classes(kind: str, *values: float) -> dict[str, float]:
    return {
        f"health__{kind}__{name}": value for name, value in zip(SHARES, values, strict=True)
    }  # fmt: skip


def rising(name: str, first: float) -> list[dict[str, float]]:
    """Figures of every class that grow from look to look."""
    return [classes(name, *3 * [first * 1.15**n]) for n in range(7)]


ILLNESSES: dict[str, list[Illness]] = {
    "divergence": [{"critic__adversarial": 5e4}, {"health__amplitude": 40.0}],
    "dominating-critic": [
        {"health__accuracy": 1.0, "critic__adversarial": 1e-4},
    ],
    "lost-critic": [
        {"critic__adversarial": 1.1 * CHANCE},
        {"health__accuracy": 0.47, **classes("spread", 0.4, 0.5, 0.5)},
    ],
    "moving-away": [rising("distance", 3.0)],
    "idle-generator": [classes("distance", 2.0, 2.1, 1.9)],
    "mode-collapse": [classes("spread", 0.02, 0.03, 0.01)],
    "overfitting-critic": [{"health__overfitting": 0.8}],
    "dead-class": [classes("told", 0.9, 0.8, 0.01), classes("spread", 0.7, 0.5, 0.001)],
    "saturation": [{"health__at_bounds": 0.2}],
}


def test_every_rule_is_tried_here() -> None:
    assert {*ILLNESSES} == {*RULES}


def test_a_healthy_training_raises_none() -> None:
    assert rung([look(n) for n in range(1, 20)]) == []


@pytest.mark.parametrize(
    ("name", "illness"), [(name, ill) for name, ills in ILLNESSES.items() for ill in ills]
)
def test_each_illness_rings_its_own_alarm_once(name: str, illness: Illness) -> None:
    course = illness if isinstance(illness, list) else 7 * [illness]
    assert rung([look(n, **ill) for n, ill in enumerate(course, 1)]) == [name]


@pytest.mark.parametrize("name", [name for name in ILLNESSES if name != "divergence"])
def test_one_look_alone_may_be_chance(name: str) -> None:
    looks = [look(n) for n in range(1, 8)]
    ill = ILLNESSES[name][0]
    looks[3] = look(4, **(ill[3] if isinstance(ill, list) else ill))
    assert rung(looks) == []


def test_an_alarm_rings_again_when_the_illness_comes_back() -> None:
    ill = {"health__at_bounds": 0.2}
    sick, well = [look(n, **ill) for n in (4, 5, 6)], [look(n) for n in (7, 8)]
    assert rung([look(1), *sick, *well, *sick]) == ["saturation", "saturation"]


def test_a_wasserstein_critic_that_is_always_right_does_not_dominate() -> None:
    """So begins every training with a Wasserstein distance."""
    right = {"health__accuracy": 1.0, "critic__adversarial": -30.0}
    assert rung([look(n, **right) for n in range(1, 20)]) == []


def test_a_critic_that_cannot_tell_good_items_is_not_lost() -> None:
    """So ends a training that has come to its aim."""
    fair = {"health__accuracy": 0.5, "critic__adversarial": CHANCE, **classes("spread", 1, 1, 0.9)}
    near = [classes("distance", 1.2 - n / 50, 1.1, 1) for n in range(8)]
    assert rung([look(n + 1, **fair, **good) for n, good in enumerate(near)]) == []


def test_items_that_are_small_yet_are_not_collapsed() -> None:
    small = {"health__amplitude": 0.1, **classes("spread", 0.05, 0.05, 0.05)}
    assert rung([look(n, **small) for n in range(1, 8)]) == []


def test_generator_that_had_no_time_to_move_is_not_idle() -> None:
    ill = classes("distance", 2.0, 2.1, 1.9)
    assert rung([look(n, **ill) | {"examples": 100 * n} for n in range(1, 6)]) == []


def test_a_class_that_was_hardly_drawn_yet_is_not_dead() -> None:
    ill = classes("told", 0.9, 0.8, 0.01) | {"examples": 1000}
    assert rung([look(n, **ill) for n in range(1, 8)]) == []


def test_no_class_is_dead_while_none_is_told() -> None:
    assert rung([look(n, **classes("told", 0, 0, 0)) for n in range(1, 8)]) == []


def test_items_that_come_nearer_in_waves_do_not_move_away() -> None:
    waves = [classes("distance", *3 * [6 / n * (1 + 0.1 * (n % 4))]) for n in range(1, 12)]
    assert rung([look(n, **wave) for n, wave in enumerate(waves, 1)]) == []


def test_an_alarm_says_what_it_saw_and_what_to_try() -> None:
    watch = Alarms(SHARES)
    (alarm,) = [a for n in range(1, 5) for a in watch.see(look(n, health__at_bounds=0.2))]
    assert "20% more of the samples stand at the bounds" in str(alarm)
    assert "try model.bounded=false" in str(alarm)
    assert alarm.examples == LOOKS * 20_000


# What the training does about it.


@pytest.fixture
def ringing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Examples at which the only rule there is speaks."""
    at: list[int] = []

    def saw(past: Any) -> str:
        return "a test" if past[-1]["examples"] in at else ""

    monkeypatch.setattr(alarms, "RULES", {"test": Rule(saw, "try nothing", 1)})
    return at


def told(folder: Path) -> list[dict[str, Any]]:
    return [line for line in read_metrics(folder / "metrics.jsonl") if "alarm" in line]


def test_alarms_are_logged_counted_and_kept_in_the_card(
    beats: Ecg, tmp_path: Path, ringing: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    ringing += [3 * BATCH, 4 * BATCH]
    with caplog.at_level(logging.WARNING, "ecgsynth"):
        train(tiny_run(6, health_every=1), tmp_path / "run", data=beats)
    line = {"examples": 3 * BATCH, "alarm": "test", "saw": "a test", "try": "try nothing"}
    assert told(tmp_path / "run") == [line]
    assert Synthesizer.load(tmp_path / "run").card.alarms == [line]
    assert [r.message for r in caplog.records if "a test" in r.message] == [
        f"test after {3 * BATCH} examples: a test; try nothing"
    ]


def test_every_look_has_the_losses_that_rules_ask_for(beats: Ecg, tmp_path: Path) -> None:
    train(tiny_run(6, health_every=2, log_every=5), tmp_path / "run", data=beats)
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [line["examples"] // BATCH for line in lines] == [2, 4, 5, 6]
    looks = [line for line in lines if "health/accuracy" in line]
    assert len(looks) == 3
    assert all("critic/adversarial" in line for line in looks)


def test_card_that_knows_no_alarms_still_loads(beats: Ecg, tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    train(tiny_run(1), tmp_path / "run", data=beats)
    path = tmp_path / "run" / "model.safetensors"
    with safe_open(path, "pt") as file:
        card = json.loads(file.metadata()["card"])
    del card["alarms"]
    save_file(load_file(path), path, {"card": json.dumps(card)})
    assert Synthesizer.load(path).card.alarms == []


def test_alarm_stops_a_training_that_is_asked_to_and_leaves_the_last_snapshot(
    beats: Ecg, tmp_path: Path, ringing: list[int]
) -> None:
    ringing.append(5 * BATCH)
    run = tiny_run(8, health_every=1, on_alarm="stop")
    with pytest.raises(EcgsynthError, match=r"stopped by the alarm test after 80 .*stays whole"):
        train(run, tmp_path / "run", data=beats)
    assert Synthesizer.load(tmp_path / "run").card.examples_seen == 4 * BATCH
    assert [line["alarm"] for line in told(tmp_path / "run")] == ["test"]


def test_training_goes_back_at_half_rates_and_too_often_is_stopped(
    beats: Ecg, tmp_path: Path, ringing: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ringing.append(3 * BATCH)
    healthy, rates = torch.optim.Adam.step, []

    def step(self: Any, *args: Any, **more: Any) -> Any:
        rates.append(self.param_groups[0]["lr"])
        return healthy(self, *args, **more)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    run = tiny_run(6, health_every=1, on_alarm="restore", rate_end=1.0)
    with pytest.raises(EcgsynthError, match="stopped after 3 returns by the alarm test"):
        train(run, tmp_path / "run", data=beats)
    assert rates == [3e-4] * 6 + [1.5e-4] * 2 + [7.5e-5] * 2 + [3.75e-5] * 2
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [line["examples"] for line in lines] == sorted(line["examples"] for line in lines)
    assert [(line["examples"], line.get("back_from")) for line in told(tmp_path / "run")] == [
        *[(2 * BATCH, 3 * BATCH)] * 3, (3 * BATCH, None),
    ]  # fmt: skip


def test_a_loss_of_nan_sends_back_too_and_resuming_then_equals_not_stopping(
    beats: Ecg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = RpGAN.generator_loss
    sick_steps = [2]

    def sick(self: RpGAN, *args: Any, step: int, **more: Any) -> dict[str, torch.Tensor]:
        terms = healthy(self, *args, step=step, **more)
        if step in sick_steps:
            sick_steps.remove(step)
            return {name: term * float("nan") for name, term in terms.items()}
        return terms

    monkeypatch.setattr(RpGAN, "generator_loss", sick)
    run = tiny_run(6, on_alarm="restore")
    train(run, tmp_path / "whole", data=beats)
    assert [line["alarm"] for line in told(tmp_path / "whole")] == ["divergence"]
    sick_steps.append(2)

    with pytest.raises(KeyboardInterrupt):
        train(run, tmp_path / "run", data=beats, report=stop_after(5))
    assert Synthesizer.load(train(run, tmp_path / "run", data=beats, resume=True).save(
        tmp_path / "made.safetensors"
    ))  # fmt: skip
    one, other = (load_file(tmp_path / name / SNAPSHOT) for name in ("run", "whole"))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("family", "objective"),
    [
        ("r3gan", "rpgan"), ("vanilla", "bce"), ("tcwgan", "wgan_gp"), ("inception", "bce"),
        ("biosgan", "wgan_gp"), ("bilstm", "bce"),
    ],
)  # fmt: skip
def test_a_healthy_training_of_every_family_raises_none(
    family: str, objective: str, simulated_beats: Ecg, tmp_path: Path
) -> None:
    content = tiny_run(20, health_every=4, styles=False).to_dict()
    content |= {"model": {"name": family, **MODELS.get(family).tiny}, "objective": objective}
    train(Run.from_dict(content), tmp_path / "run", data=simulated_beats)
    assert told(tmp_path / "run") == []


def test_going_back_needs_a_folder(beats: Ecg) -> None:
    with pytest.raises(EcgsynthError, match="name a run folder"):
        train(tiny_run(2, on_alarm="restore"), data=beats)


# Augmentation that follows the critic.


def overfitting(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    healthy = Health.look
    monkeypatch.setattr(
        Health, "look", lambda *a: {**healthy(*a), "health/overfitting": value}
    )  # fmt: skip


def chances(folder: Path) -> list[float]:
    lines = read_metrics(folder / "metrics.jsonl")
    return [line["health/augment"] for line in lines if "health/augment" in line]


def test_augmentation_rises_while_the_critic_overfits_and_falls_when_it_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "AUGMENT_WITHIN", 0.5)
    run = tiny_run(8, health_every=1, augment="auto")
    overfitting(monkeypatch, 0.9)
    train(run, tmp_path / "rises", data=None)
    assert chances(tmp_path / "rises") == pytest.approx([0, 0.25, 0.5, 0.75, 0.8, 0.8, 0.8, 0.8])
    monkeypatch.undo()
    monkeypatch.setattr(Tracker, "samples", lambda *_: None)
    overfitting(monkeypatch, 0.1)
    train(run, tmp_path / "stays")
    assert chances(tmp_path / "stays") == [0.0] * 8


def test_a_resumed_training_augments_as_if_it_had_not_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overfitting(monkeypatch, 0.9)
    run = tiny_run(6, health_every=1, augment="auto")

    train(run, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(run, tmp_path / "run", report=stop_after(3))
    train(run, tmp_path / "run", resume=True)
    assert chances(tmp_path / "run") == chances(tmp_path / "whole")
    one, other = (load_file(tmp_path / name / SNAPSHOT) for name in ("run", "whole"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_automatic_augmentation_needs_held_out_items(beats: Ecg) -> None:
    with pytest.raises(EcgsynthError, match=r"augment=auto needs looks at held-out items"):
        train(tiny_run(2, augment="auto"), data=beats)


@pytest.mark.parametrize("value", ["often", 1.5, -0.1])
def test_augmentation_is_a_chance_or_auto(value: Any) -> None:
    content = tiny_run().to_dict()
    content["training"]["augment"] = value
    with pytest.raises(EcgsynthError, match=r"augment. is a chance from 0 to 1, or auto"):
        Run.from_dict(content)
