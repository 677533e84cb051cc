"""A training that begins with the weights of another model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import tiny_run

from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.loop import train


@pytest.fixture(scope="module")
def data() -> Ecg:
    return load("simulated", patients=5, beats=40)


def begun(folder: Path, data: Ecg, **training: object) -> Synthesizer:
    """A run whose rates are so small that its weights stay."""
    still = {"rate_generator": 1e-12, "rate_critic": 1e-12, "ema_half_life": 0}
    return train(tiny_run(2, **still, **training), folder, data=data)


def test_a_training_begins_with_the_weights_of_another(tmp_path: Path, data: Ecg) -> None:
    first = train(tiny_run(2), tmp_path / "first", data=data)
    second = begun(tmp_path / "second", data, start=str(tmp_path / "first"))
    for name, value in first.weights().items():
        torch.testing.assert_close(second.weights()[name], value, atol=1e-6, rtol=1e-4)


def test_examples_of_the_first_training_count(tmp_path: Path, data: Ecg) -> None:
    first = train(tiny_run(2), tmp_path / "first", data=data)
    second = begun(tmp_path / "second", data, start=str(tmp_path / "first"))
    assert second.card.examples_seen == 2 * first.card.examples_seen
    assert second.card.started_from["id"] == Synthesizer.load(tmp_path / "first").card.id
    assert first.card.started_from == {}


def test_a_run_is_resumed_when_the_model_that_it_began_with_is_gone(
    tmp_path: Path, data: Ecg
) -> None:
    train(tiny_run(2), None, data=data).save(tmp_path / "first.safetensors")
    run = tiny_run(4, start=str(tmp_path / "first.safetensors"))
    whole = train(run, tmp_path / "second", data=data)
    (tmp_path / "first.safetensors").unlink()
    again = train(run, tmp_path / "second", data=data, resume=True)
    assert again.card.examples_seen == whole.card.examples_seen
    assert again.card.started_from == whole.card.started_from


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"width": 16}, "its weights do not fit"), ({"latent": 3}, "its weights do not fit")],
)
def test_weights_of_another_shape_are_refused(
    tmp_path: Path, data: Ecg, changes: dict[str, int], why: str
) -> None:
    train(tiny_run(2), tmp_path / "first", data=data)
    run = tiny_run(2, start=str(tmp_path / "first"))
    for name, value in changes.items():
        setattr(run.model, name, value)
    with pytest.raises(EcgsynthError, match=why):
        train(run, tmp_path / "second", data=data)


def test_a_model_that_is_not_there_is_named(tmp_path: Path, data: Ecg) -> None:
    with pytest.raises(EcgsynthError, match="nowhere"):
        train(tiny_run(2, start="nowhere"), tmp_path / "second", data=data)
