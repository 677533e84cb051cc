"""Models of single classes become one, which makes of each class what its model made."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny import tiny_run

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.loop import train

Maker = Callable[[str], Synthesizer]


def trained(data: Ecg, label: str, **training: Any) -> Synthesizer:
    """A model that makes one class, untrained but for one step."""
    run = tiny_run(1, **training)
    run.name, run.seed = f"tiny-{label.lower()}", ord(label)
    made = train(run, data=data.with_classes([label]))
    made.card.left_out = {"Q": "too few", "SV".replace(label, ""): "has a model of its own"}
    return made


@pytest.fixture(scope="module")
def models(simulated_beats: Ecg) -> dict[str, Synthesizer]:
    return {label: trained(simulated_beats, label, scaler="beat") for label in "SV"}


@pytest.fixture(scope="module")
def joined(models: dict[str, Synthesizer]) -> Synthesizer:
    return Synthesizer.join(models, "both")


@pytest.fixture(scope="module")
def file(joined: Synthesizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return joined.save(tmp_path_factory.mktemp("models") / "both.safetensors")


def test_joined_model_makes_the_beats_that_the_model_of_the_class_makes(
    joined: Synthesizer, models: dict[str, Synthesizer]
) -> None:
    for label, model in models.items():
        made = joined.generate(300, label=label, seed=7)
        alone = model.generate(300, seed=7)
        np.testing.assert_array_equal(made.signal, alone.signal)
        np.testing.assert_array_equal(made.context, alone.context)
        assert set(made.labels_str) == {label}


def test_classes_take_turns_and_an_item_does_not_depend_on_its_neighbours(
    joined: Synthesizer,
) -> None:
    mixed = joined.generate(9, seed=3)
    assert mixed.labels_str.tolist() == [*"SVSVSVSVS"]
    assert mixed.spec.classes == ("S", "V")
    alone = joined.generate(9, label="V", seed=3)
    np.testing.assert_array_equal(mixed.signal[1::2], alone.signal[1::2])


def test_counts_chunks_and_slices_are_as_of_any_model(joined: Synthesizer) -> None:
    whole = joined.generate({"V": 300, "S": 100}, seed=5)
    assert whole.counts() == {"S": 100, "V": 300}
    parts = [*joined.stream({"V": 300, "S": 100}, seed=5, chunk=256)]
    np.testing.assert_array_equal(concatenate(parts).signal, whole.signal)
    (part,) = joined.stream({"V": 300, "S": 100}, seed=5, start=290, stop=310)
    np.testing.assert_array_equal(part.signal, whole.signal[290:310])


def test_context_is_respected(joined: Synthesizer) -> None:
    made = joined.generate(6, context={"rr_before_s": 0.5})
    assert (np.asarray(made.context)[:, made.spec.context.index("rr_before_s")] == 0.5).all()
    with pytest.raises(EcgsynthError, match="both knows no context 'age'"):
        joined.generate(6, context={"age": 5})


def test_one_file_is_enough(joined: Synthesizer, file: Path) -> None:
    again = Synthesizer.load(file)
    assert again.card == joined.card
    made, expected = again.generate(30, seed=2), joined.generate(30, seed=2)
    np.testing.assert_array_equal(made.signal, expected.signal)
    assert made.source == f"synthetic:{joined.card.id}"
    assert made.card is not None and made.card["id"] == joined.card.id
    assert all(name[:2] in ("S/", "V/") for name in load_file(file))


def test_half_precision_file_loads_too(joined: Synthesizer, file: Path, tmp_path: Path) -> None:
    half = Synthesizer.join({"S": joined.members["S"]}, "half")  # type: ignore[attr-defined]
    path = half.save(tmp_path / "half.safetensors", half=True)
    assert len(Synthesizer.load(path).generate(3)) == 3


def test_card_lists_the_members_and_what_they_learned_from(
    joined: Synthesizer, models: dict[str, Synthesizer]
) -> None:
    card = joined.card
    assert {label: member["name"] for label, member in card.members.items()} == {
        "S": "tiny-s", "V": "tiny-v",
    }  # fmt: skip
    assert card.data["classes"]["V"] == models["V"].card.data["classes"]["V"]
    assert card.examples_seen == sum(model.card.examples_seen for model in models.values())
    assert card.data["licence"]
    assert card.left_out == {"Q": "too few"}  # V is made, whatever the model of S says of it


def test_class_that_no_member_makes_is_told_with_those_there_are(joined: Synthesizer) -> None:
    with pytest.raises(EcgsynthError, match=r"both knows no class 'N'. Known: S, V"):
        joined.generate(3, label="N")
    with pytest.raises(EcgsynthError, match=r"does not make class 'Q': too few. It makes S, V"):
        joined.generate(3, label="Q")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"leads": ("V5",)}, r"their leads differ \(\('MLII',\) and \('V5',\)\)"),
        ({"fs": 250.0}, r"their fs differ \(360.0 and 250.0\)"),
        ({"unit": "normalised"}, r"their unit differ \(mV and normalised\)"),
    ],
)
def test_models_of_different_signals_are_not_joined(
    models: dict[str, Synthesizer], simulated_beats: Ecg, change: dict[str, Any], sentence: str
) -> None:
    spec = replace(simulated_beats.spec, **change)
    other = trained(replace(simulated_beats, spec=spec), "V")
    with pytest.raises(EcgsynthError, match=f"tiny-s and tiny-v cannot be joined: {sentence}"):
        Synthesizer.join({"S": models["S"], "V": other})


def test_model_is_joined_for_the_one_class_it_makes(
    models: dict[str, Synthesizer], joined: Synthesizer
) -> None:
    for wrong in ({"V": models["S"]}, {"S": joined}, {"N": models["S"]}):
        with pytest.raises(EcgsynthError, match="join models that make one class each"):
            Synthesizer.join(wrong)
    with pytest.raises(EcgsynthError, match="nothing to join"):
        Synthesizer.join({})


def rewritten(file: Path, target: Path, keep: Callable[[str], bool]) -> Path:
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    save_file({n: t for n, t in load_file(file).items() if keep(n)}, target, metadata)
    return target


def test_member_that_was_cut_out_of_the_file_is_named(file: Path, tmp_path: Path) -> None:
    path = rewritten(file, tmp_path / "cut.safetensors", lambda name: name[0] != "V")
    with pytest.raises(EcgsynthError, match="weights of class 'V' are missing from both; join it"):
        Synthesizer.load(path)
    first = next(name for name in load_file(file) if name.startswith("S/"))
    path = rewritten(file, tmp_path / "torn.safetensors", lambda name: name != first)
    with pytest.raises(EcgsynthError, match="do not fit together"):
        Synthesizer.load(path)


@pytest.mark.parametrize("members", [{"S": {}}, {"S": "text"}, {"X": {"name": "x"}}, "text"])
def test_card_whose_members_are_damaged_is_told(file: Path, tmp_path: Path, members: Any) -> None:
    with safe_open(file, "pt") as opened:
        card = json.loads(opened.metadata()["card"]) | {"members": members}
    weights = {n.replace("S/", "X/") if "X" in members else n: t
               for n, t in load_file(file).items()}  # fmt: skip
    save_file(weights, tmp_path / "odd.safetensors", {"card": json.dumps(card)})
    with pytest.raises(EcgsynthError, match="do not fit together"):
        Synthesizer.load(tmp_path / "odd.safetensors")


def test_command_joins_runs_and_generates_from_them(
    models: dict[str, Synthesizer], joined: Synthesizer, tmp_path: Path
) -> None:
    from typer.testing import CliRunner

    from ecgsynth.cli.main import app
    from ecgsynth.formats import read

    for label, model in models.items():
        model.save(tmp_path / label / "model.safetensors")
    words = [
        "join",
        str(tmp_path / "S"),
        str(tmp_path / "V"),
        "--to",
        str(tmp_path / "both.safetensors"),
    ]
    done = CliRunner().invoke(app, words)
    assert "generates S, V" in done.output
    beats = str(tmp_path / "pvc.npz")
    CliRunner().invoke(app, ["generate", words[-1], "--label", "V", "--count", "5", "--to", beats])
    np.testing.assert_array_equal(read(beats).signal, joined.generate(5, label="V").signal)
    again = CliRunner().invoke(app, words)
    assert "would be overwritten; add --force" in str(again.exception)
    assert CliRunner().invoke(app, [*words, "--force"]).exit_code == 0
    alone = CliRunner().invoke(app, ["join", words[1], *words[3:], "--force"])
    assert "name two models or more" in str(alone.exception)
    twice = CliRunner().invoke(app, ["join", words[1], words[1], *words[3:], "--force"])
    assert "both generate class 'S'" in str(twice.exception)
    ending = CliRunner().invoke(app, [*words[:-1], "both.pt"])
    assert "does not end in" in str(ending.exception)
