"""A transplanted model gives its rare beats to everybody, at everybody's own pace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from outcome import Command
from tiny import tiny_run

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.simulator.records import simulate_beats
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.loop import train

PACES = np.linspace(0.6, 1.15, 12)
"""Mean RR of the people, s; only the slower half have V beats."""


@pytest.fixture(scope="module")
def model() -> Synthesizer:
    drawn = simulate_beats(400, patients=1, seed=1)
    at = [drawn.spec.context.index(n) for n in ("rr_before_s", "rr_after_s", "rr_mean_s")]
    parts = []
    for who, pace in enumerate(PACES):
        for name in ("N", "V") if pace > PACES.mean() else ("N",):
            beats = drawn.of_class(name)[:40]
            context = np.array(beats.context)
            early = np.random.default_rng(who).normal(1.0 if name == "N" else 0.6, 0.03, len(beats))
            context[:, at] = pace * np.column_stack([early, 2 - early, np.ones(len(beats))])
            person = np.full(len(beats), f"p{who:02d}")
            parts.append(replace(beats, context=context, patient=person, record=person))
    return train(tiny_run(1), data=concatenate(parts).with_classes(["N", "V"]))


def pace_of(ecg: Ecg, name: str = "rr_mean_s") -> np.ndarray:
    assert ecg.context is not None
    return ecg.context[:, ecg.spec.context.index(name)]


def test_rare_beats_are_of_everybody_alike(model: Synthesizer) -> None:
    own, given = (m.prior.classes["V"] for m in (model, model.transplanted()))
    assert set(own.styles) == set(range(6, 12))
    assert set(given.styles) == set(range(12))
    by_style = np.bincount(given.styles, given.shares)
    np.testing.assert_allclose(by_style, 1 / 12, rtol=1e-3)
    slow, all_of_them = (
        pace_of(m.generate(2000, "V", seed=1)) for m in (model, model.transplanted())
    )
    middle = float(np.median(PACES))
    # The mean of the paces is kept in steps of a tenth of their SD, and the SD likewise.
    assert np.mean(slow < middle) < 0.15
    assert np.mean(all_of_them < middle) == pytest.approx(0.5, abs=0.08)


def test_an_early_beat_is_as_early_for_its_new_heart(model: Synthesizer) -> None:
    own, others = (m.generate(4000, "V", seed=2) for m in (model, model.transplanted()))
    early = [pace_of(e, "rr_before_s") / pace_of(e) for e in (own, others)]
    np.testing.assert_allclose(*(np.quantile(e, [0.1, 0.5, 0.9]) for e in early), atol=0.02)


def test_the_class_that_most_people_have_stays_and_so_do_the_weights(model: Synthesizer) -> None:
    other = model.transplanted()
    np.testing.assert_array_equal(
        other.generate(300, "N", seed=3).signal, model.generate(300, "N", seed=3).signal
    )
    assert other.weights().keys() == model.weights().keys()
    assert model.card.name == "tiny"
    assert other.card.name == "tiny-transplanted"


def test_in_a_file_it_makes_the_same_beats(
    model: Synthesizer, command: Command, tmp_path: Path
) -> None:
    model.save(tmp_path / "model.safetensors", half=True)
    done = command("transplant", "model.safetensors", "--to", "all.safetensors")
    assert done.code == 0, done.err
    again = Synthesizer.load(tmp_path / "all.safetensors")
    before = Synthesizer.load(tmp_path / "model.safetensors")
    assert again.card.id == before.card.id.replace("tiny-", "all-")  # the weights are the same
    here = before.transplanted()
    np.testing.assert_allclose(
        again.generate(50, "V").signal, here.generate(50, "V").signal, atol=0.002
    )
    twice = command("transplant", "model.safetensors", "--to", "all.safetensors")
    assert twice.code == 2
    assert "--force" in twice.err


def test_a_model_that_knows_no_people_or_only_everybody_is_refused(
    model: Synthesizer, simulated_beats: Ecg
) -> None:
    with pytest.raises(EcgsynthError, match="everybody's already"):
        model.transplanted().transplanted()
    alone = train(tiny_run(1, styles=False), data=simulated_beats)
    with pytest.raises(EcgsynthError, match="no codes of people"):
        alone.transplanted()
    single = train(tiny_run(1), data=simulated_beats.with_classes(["S"]))
    with pytest.raises(EcgsynthError, match="no codes of people"):
        Synthesizer.join({"S": single}).transplanted()
