"""What stands as a doubt in the card of a model that learned from a bad set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny import tiny_run

from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.recipes import shipped
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.data.checks import training_set_warnings
from ecgsynth.training.loop import train


@pytest.fixture(scope="module")
def beats(simulated_beats: Ecg) -> Ecg:
    """As many of every class: 40 a class of 8 people."""
    random, label = np.random.default_rng(0), simulated_beats.labels_str
    kept = [random.choice(np.flatnonzero(label == n), 40, replace=False) for n in ("N", "V")]
    return simulated_beats[np.concatenate(kept)].with_classes(("N", "V"))


def said(data: Ecg, run: Run | None = None) -> str:
    return "\n".join(training_set_warnings(run or tiny_run(), data))


def test_of_a_sound_set_nothing_is_said(beats: Ecg) -> None:
    assert said(beats) == ""


def test_a_class_of_three_beats(beats: Ecg) -> None:
    few = concatenate([beats.of_class("N"), beats.of_class("V")[:3]])
    assert "class 'V' has only 3 items; expect copies of them." in said(few)


def test_a_batch_far_larger_than_the_set_is_refused(beats: Ecg) -> None:
    with pytest.raises(EcgsynthError, match="more than the 80 items .* at most 1,024"):
        train(tiny_run(1, batch=1_000_000), data=beats)


def test_one_person(beats: Ecg) -> None:
    alone = replace(beats, patient=np.full(len(beats), "one"))
    assert said(alone).startswith("all training items are of one person")
    people = np.where(beats.labels_str == "V", "one", np.asarray(beats.patient))
    assert said(replace(beats, patient=people)) == (
        "more than nine in ten items of class 'V' are of one person."
    )


def test_copies_are_counted(beats: Ecg) -> None:
    assert "40 of the 120 training items are exact copies" in said(
        concatenate([beats, beats.of_class("V")])
    )


@pytest.mark.parametrize("factor, unit", [(1000, "uV"), (0.001, "V")])
def test_another_unit(beats: Ecg, factor: float, unit: str) -> None:
    scaled = replace(beats, signal=beats.signal * np.float32(factor))
    assert said(scaled).startswith("THE UNIT IS DOUBTFUL: the training signals span")
    assert f"Are they in {unit}?" in said(scaled)


def test_a_beat_that_is_far_higher_than_the_others(beats: Ecg) -> None:
    signal = beats.signal.copy()
    signal[5] *= 100
    assert "1 of the 80 training items is more than 20 times as high" in said(
        replace(beats, signal=signal)
    )


def test_an_offset(beats: Ecg) -> None:
    assert "stand at 5e+03 mV" in said(replace(beats, signal=beats.signal + np.float32(5000)))


def test_items_far_from_the_others_level(beats: Ecg) -> None:
    signal = beats.signal.copy()
    signal[:3] += 5000
    assert "3 of the 80 training items are more than 20 times as high, or as far" in said(
        replace(beats, signal=signal)
    )


def test_a_lead_in_another_unit(beats: Ecg) -> None:
    signal = np.concatenate([beats.signal, beats.signal / 1000], 1)
    two = replace(beats, signal=signal, spec=replace(beats.spec, leads=("MLII", "V1")), marks=None)
    assert "the lead V1 of the training items is less than a hundredth as high" in said(two)


def test_items_without_a_label(beats: Ecg) -> None:
    label = np.array(beats.label)
    label[:40] = 0
    assert "40 of the 80 training items have no label" in said(replace(beats, label=label))


def test_a_model_of_a_model(beats: Ecg) -> None:
    assert "the training items are synthetic (synthetic:mine)" in said(
        replace(beats, source="synthetic:mine")
    )


def test_signals_below_the_step_of_what_is_generated_are_refused(beats: Ecg) -> None:
    with pytest.raises(EcgsynthError, match="steps of 0.001 mV: nothing would be left"):
        train(tiny_run(1), data=replace(beats, signal=beats.signal * np.float32(1e-6)))


def test_what_is_warned_of_while_reading_stands_in_the_card(beats: Ecg, tmp_path) -> None:
    signal = beats.signal.copy()
    signal[4] = np.nan
    np.savez(tmp_path / "own.npz", data=signal, labels_str=beats.labels_str, fs=360.0)
    content = tiny_run(1).to_dict()
    content["data"] = {"name": "folder", "split": "all", "path": str(tmp_path / "own.npz")}
    card = train(Run.from_dict(content)).card
    assert card.doubts[0] == "1 of 80 rows of own.npz hold missing numbers; dropped."
    assert "own.npz names no people" in card.doubts[1]


def test_reasons_of_a_recipe_hold_for_its_own_data_alone(beats: Ecg, tmp_path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, data=beats.signal, labels_str=beats.labels_str, fs=360.0, pid=beats.patient)
    own = {"data": {"name": "folder", "split": "all", "path": str(path)}}
    few = {"training": tiny_run(1).to_dict()["training"], "model": tiny_run(1).to_dict()["model"]}
    shipped = Run.read("mitbih-beats").to_dict()
    assert shipped["left_out"]
    assert train(Run.from_dict(shipped | few | own)).card.left_out == {}


@pytest.mark.parametrize("fs, samples", [(100.0, 256), (1000.0, 256), (360.0, 100), (360.0, 600)])
def test_rate_or_length_far_from_the_recipe(beats: Ecg, fs: float, samples: int) -> None:
    long = np.resize(beats.signal, (len(beats), 1, samples))
    spec = replace(beats.spec, fs=fs, samples=samples, r_sample=None)
    words = f"these items have {samples} at {fs:g} Hz"
    assert words in said(replace(beats, signal=long, spec=spec))
    shipped = Run.read("mitbih-beats", "data.name=folder", "data.path=mine.csv")
    other = said(replace(beats, signal=long, spec=spec), shipped)
    assert "the recipe mitbih-beats was made for 256 samples at 360 Hz" in other


@pytest.mark.data("mitbih", "svdb", "qtdb", "ludb", "ptbxl")
@pytest.mark.parametrize("recipe", [name for name in shipped() if "biosgan" not in name])
def test_of_the_sets_of_shipped_recipes_only_few_items_are_said(recipe: str) -> None:
    from ecgsynth.datasets import load

    run = Run.read(recipe)
    data = load(run.data.name, run.data.split, **run.data.settings)
    for sentence in training_set_warnings(run, data):
        assert "only" in sentence or "of one person" in sentence


def test_doubts_stand_in_the_card_of_the_file(beats: Ecg, tmp_path, caplog) -> None:
    made = train(tiny_run(1), data=concatenate([beats.of_class("N"), beats.of_class("V")[:3]]))
    read = Synthesizer.load(made.save(tmp_path / "model.safetensors"))
    assert read.card.doubts == [
        "class 'V' has only 3 items; expect copies of them.",
        "fewer than 5 people have items of class 'V': their contexts were made coarse, and their "
        "shapes are those people's.",
    ]
    assert "class 'V' has only 3 items" in caplog.text


def test_an_empty_class_is_refused(beats: Ecg) -> None:
    with pytest.raises(EcgsynthError, match="class 'V' has no item .* leave it out of"):
        train(tiny_run(1), data=beats.of_class("N"))
