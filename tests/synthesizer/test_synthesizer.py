"""Same seed, same beats, however they are handed out; a damaged file is told, never believed."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Mapping
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from patience import PATIENCE_S
from safetensors.torch import load_file, save_file
from tiny import tiny_run, tiny_synthesizer

from ecgsynth.errors import EcgsynthError
from ecgsynth.registry import MODELS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.synthesizer.find import find_model
from ecgsynth.synthesizer.inputs import counter_uniform
from ecgsynth.synthesizer.synthesizer import CHUNK
from ecgsynth.training.loop import train


@pytest.fixture(scope="module")
def model(simulated_beats: Ecg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model that knows why it does not make Q."""
    synthesizer = tiny_synthesizer(simulated_beats)
    synthesizer.card.left_out = {"Q": "8 training beats are too few to learn from"}
    return synthesizer.save(tmp_path_factory.mktemp("models") / "tiny.safetensors")


@pytest.fixture(scope="module")
def synthesizer(model: Path) -> Synthesizer:
    return Synthesizer.load(model)


def same(one: Ecg, other: Ecg) -> bool:
    """Equal to the last bit: items are rounded to 1 uV."""
    pairs = ((one.signal, other.signal), (one.label, other.label), (one.context, other.context))
    return one.spec == other.spec and all(np.array_equal(a, b) for a, b in pairs)


# What is asked for is what is made.


def test_beats_are_finite_labelled_in_mv_and_say_that_they_are_synthetic(
    synthesizer: Synthesizer,
) -> None:
    made = synthesizer.generate(40)
    assert made.signal.shape == (40, 1, 256)
    assert made.signal.dtype == np.float32
    assert np.isfinite(made.signal).all()
    assert np.isfinite(np.asarray(made.context)).all()
    assert made.spec.unit == "mV"
    assert made.synthetic
    assert made.source == f"synthetic:{synthesizer.card.id}"
    assert made.card is not None
    assert made.card["id"] == synthesizer.card.id


def test_signals_lie_on_a_grid_of_one_microvolt(synthesizer: Synthesizer) -> None:
    microvolts = synthesizer.generate(40).signal.astype(np.float64) * 1000
    assert np.abs(microvolts - microvolts.round()).max() < 1e-2  # float32


def test_classes_take_turns_when_left_out(synthesizer: Synthesizer) -> None:
    assert synthesizer.generate(9).labels_str.tolist() == [*"NSVFNSVFN"]


def test_named_classes_take_turns_in_the_order_named(synthesizer: Synthesizer) -> None:
    assert synthesizer.generate(5, label=["V", "N"]).labels_str.tolist() == [*"VNVNV"]
    assert set(synthesizer.generate(5, label="S").labels_str) == {"S"}


def test_counts_per_class_are_kept_in_the_order_named(synthesizer: Synthesizer) -> None:
    made = synthesizer.generate({"V": 3, "S": 0, "N": 300, "F": 2})
    assert made.labels_str.tolist() == ["V"] * 3 + ["N"] * 300 + ["F"] * 2


def test_fixed_context_is_respected_and_the_rest_is_drawn(synthesizer: Synthesizer) -> None:
    made = synthesizer.generate(60, label="N", context={"rr_before_s": 0.5})
    context = np.asarray(made.context)
    column = made.spec.context.index("rr_before_s")
    assert (context[:, column] == 0.5).all()
    assert len(np.unique(context[:, 1 - column])) > 30


def test_context_changes_the_beat(synthesizer: Synthesizer) -> None:
    short = synthesizer.generate(20, label="N", context={"rr_before_s": 0.4, "rr_after_s": 0.4})
    long = synthesizer.generate(20, label="N", context={"rr_before_s": 1.4, "rr_after_s": 1.4})
    assert not np.array_equal(short.signal, long.signal)


# Same seed, same beats.


def test_same_seed_makes_the_same_beats_and_another_seed_others(synthesizer: Synthesizer) -> None:
    assert same(synthesizer.generate(50, seed=7), synthesizer.generate(50, seed=7))
    assert not np.array_equal(
        synthesizer.generate(50, seed=7).signal, synthesizer.generate(50, seed=8).signal
    )


def test_all_beats_of_a_set_differ(synthesizer: Synthesizer) -> None:
    made = synthesizer.generate(600, label="N").signal[:, 0]
    assert len(np.unique(made, axis=0)) == 600


@pytest.mark.parametrize("count", [1, 255, 256, 257, 511])
def test_how_many_are_asked_for_does_not_change_the_first(
    synthesizer: Synthesizer, count: int
) -> None:
    assert same(synthesizer.generate(count, seed=2), synthesizer.generate(600, seed=2)[:count])


@pytest.mark.parametrize("chunk", [1, 256, 300, 512, 10_000])
@pytest.mark.parametrize("count", [700, {"N": 500, "V": 200}], ids=["turns", "counts"])
def test_generate_is_the_stream_joined_whatever_the_chunk(
    synthesizer: Synthesizer, chunk: int, count: int | Mapping[str, int]
) -> None:
    whole = synthesizer.generate(count, seed=5)
    parts = list(synthesizer.stream(count, seed=5, chunk=chunk))
    assert max(len(part) for part in parts) <= max(256, chunk)
    assert same(concatenate(parts), whole)


@pytest.mark.parametrize("count", [700, {"N": 500, "V": 200}], ids=["turns", "counts"])
@pytest.mark.parametrize("cut", [1, 256, 333, 699])
def test_two_slices_make_the_whole(
    synthesizer: Synthesizer, count: int | Mapping[str, int], cut: int
) -> None:
    first = synthesizer.stream(count, seed=5, stop=cut, chunk=256)
    second = synthesizer.stream(count, seed=5, start=cut, chunk=256)
    assert same(concatenate([*first, *second]), synthesizer.generate(count, seed=5))


def half_of_it(model: str, start: int, stop: int) -> Ecg:
    torch.set_num_threads(1)
    return concatenate(list(Synthesizer.load(model).stream(600, seed=3, start=start, stop=stop)))


def test_two_processes_that_share_a_set_make_what_one_makes(
    synthesizer: Synthesizer, model: Path
) -> None:
    with get_context("spawn").Pool(
        1, maxtasksperchild=1
    ) as pool:  # each slice a process of its own
        halves = pool.starmap(half_of_it, [(str(model), 0, 300), (str(model), 300, 600)], 1)
    assert same(concatenate(halves), synthesizer.generate(600, seed=3))


def test_threads_do_not_change_the_beats(synthesizer: Synthesizer) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = synthesizer.generate(300)
        torch.set_num_threads(3)
        assert np.abs(one.signal - synthesizer.generate(300).signal).max() <= 0.0011
    finally:
        torch.set_num_threads(before)


def test_global_random_state_is_neither_used_nor_touched(synthesizer: Synthesizer) -> None:
    torch.manual_seed(0)
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = synthesizer.generate(10)
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == numpy_state).all()
    torch.manual_seed(1)
    assert same(first, synthesizer.generate(10))


def test_counted_numbers_are_uniform_and_depend_on_seed_and_item_alone() -> None:
    numbers = counter_uniform(1, 0, 4000, 5)
    assert ((numbers > 0) & (numbers < 1)).all()
    assert numbers.mean() == pytest.approx(0.5, abs=0.01)
    assert numbers.var() == pytest.approx(1 / 12, abs=0.002)
    assert abs(np.corrcoef(numbers.T) - np.eye(5)).max() < 0.06
    assert np.array_equal(counter_uniform(1, 123, 50, 5), numbers[123:173])
    assert not np.array_equal(counter_uniform(2, 0, 50, 5), numbers[:50])


# What cannot be made is told.


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"count": 5, "label": "Q"}, "does not make class 'Q': 8 training beats are too few"),
        ({"count": {"N": 1, "Q": 1}}, "does not make class 'Q'"),
        ({"count": 5, "label": "n"}, "knows no class 'n'"),
        ({"count": 5, "label": ["N", "W"]}, "knows no class 'W'"),
        ({"count": 5, "label": ""}, "has classes; choose from"),
        ({"count": {"X": 1}}, "knows no class 'X'"),
        ({"count": {"N": 1}, "label": "N"}, "counts per class or a label, not both"),
        ({"count": 0}, "whole number of at least 1; got 0"),
        ({"count": -1}, "whole number of at least 1; got -1"),
        ({"count": 2.5}, "whole number of at least 1; got 2.5"),
        ({"count": True}, "whole number of at least 1; got True"),
        ({"count": "5"}, "whole number of at least 1; got '5'"),
        ({"count": {}}, "counts must be whole numbers"),
        ({"count": {"N": 0}}, "counts must be whole numbers"),
        ({"count": {"N": -1, "V": 5}}, "counts must be whole numbers"),
        ({"count": {"N": float("nan")}}, "counts must be whole numbers"),
        ({"count": 5, "seed": -1}, "seed must be a whole number between 0 and 2^63 - 1; got -1"),
        ({"count": 5, "seed": 2**63}, "seed must be a whole number"),
        ({"count": 5, "seed": 1.5}, "seed must be a whole number"),
        ({"count": 5, "context": {"rr_befor_s": 1.0}}, "Did you mean 'rr_before_s'"),
        ({"count": 5, "context": {"age": 1.0}}, "knows no context 'age'"),
        ({"count": 5, "context": {"rr_after_s": float("nan")}}, "must be a finite number; got nan"),
        ({"count": 5, "context": {"rr_after_s": float("inf")}}, "must be a finite number; got inf"),
        ({"count": 5, "context": {"rr_after_s": -0.5}}, "is a time: above 0 s; got -0.5"),
        ({"count": 5, "context": {"rr_after_s": "1"}}, "must be a finite number; got '1'"),
        ({"count": 5, "context": {"rr_after_s": True}}, "must be a finite number; got True"),
        ({"count": 5, "context": {"rr_after_s": 1j}}, "must be a finite number; got 1j"),
        ({"count": 5, "context": {0: 1.0}}, "knows no context 0"),
        ({"count": 5, "context": [("rr_after_s", 1.0)]}, "context is a mapping"),
        ({"count": 5, "seed": True}, "seed must be a whole number"),
        ({"count": 2**63}, "whole number of at least 1"),
        ({"count": {"N": True}}, "counts must be whole numbers"),
        ({"count": {1: 5}}, "knows no class 1; a class is named by a text"),
        ({"count": 5, "label": 2}, "label is a class, or several that take turns"),
        ({"count": 5, "label": True}, "label is a class, or several that take turns"),
        ({"count": 5, "label": []}, "label is a class, or several that take turns"),
        ({"count": 5, "label": {"N": 5}}, "label is a class, or several that take turns"),
        ({"count": 5, "label": b"N"}, "label is a class, or several that take turns"),
        ({"count": 5, "label": ["N", 2]}, "knows no class 2"),
        ({"count": 5, "label": np.array([0, 1])}, "knows no class 0"),
        ({"count": 5, "chunk": 0}, "chunk must be a whole number between 1"),
        ({"count": 5, "chunk": 2.5}, "chunk must be a whole number between 1"),
    ],
)
def test_impossible_wish_is_refused_at_once_in_one_sentence(
    synthesizer: Synthesizer, asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(EcgsynthError) as caught:
        synthesizer.stream(**asked)  # not yet asked for a first chunk
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "label", [["N", "V"], ("N", "V"), np.array(["N", "V"]), pd.Series(["N", "V"]), iter(["N", "V"])]
)
def test_classes_take_turns_however_they_are_listed(synthesizer: Synthesizer, label: Any) -> None:
    assert synthesizer.generate(4, label).labels_str.tolist() == ["N", "V", "N", "V"]
    assert synthesizer.generate(2, np.array("V")).labels_str.tolist() == ["V", "V"]


def test_what_no_memory_holds_is_streamed(synthesizer: Synthesizer) -> None:
    with pytest.raises(EcgsynthError, match="GB of signals.*take them as `stream`"):
        synthesizer.generate(10**12)
    assert len(next(synthesizer.stream(10**12))) == CHUNK


@pytest.mark.parametrize("change, said", [
    ({"classes": ["N", "S"]}, "its prior makes class"),
    ({"classes": []}, "its prior makes class"),
    ({"classes": ["a", "b", "c", "d"]}, "its prior makes class"),
])  # fmt: skip
def test_a_card_whose_prior_makes_other_classes_is_refused(
    synthesizer: Synthesizer, change: dict[str, Any], said: str
) -> None:
    spec = synthesizer.card.spec | change
    with pytest.raises(EcgsynthError, match=said):
        Synthesizer(synthesizer.generator, synthesizer.card.model_copy(update={"spec": spec}))


@pytest.mark.parametrize("model", ["", b"mitbih-beats", 3, None, "a\0b", "x" * 300, "\ud800"])
def test_what_is_no_name_of_a_model_is_refused(model: Any) -> None:
    with pytest.raises(EcgsynthError, match="a model"):
        Synthesizer.load(model)


@pytest.mark.parametrize(
    ("start", "stop"),
    [(1.5, 5), (True, 5), (None, 5), (0, "5"), (-1, 5), (5, 5), (6, 5), (0, 11), (10, None)],
)
def test_slice_outside_the_set_is_refused(
    synthesizer: Synthesizer, start: int, stop: int | None
) -> None:
    with pytest.raises(EcgsynthError, match="a slice must lie within the 10 items"):
        synthesizer.stream(10, start=start, stop=stop)


def test_largest_seed_and_numpy_numbers_are_welcome(synthesizer: Synthesizer) -> None:
    assert len(synthesizer.generate(np.int64(3), seed=2**63 - 1)) == 3
    assert len(synthesizer.generate({"N": np.int32(3)}, seed=np.uint8(7))) == 3
    made = synthesizer.generate(2, context={"rr_after_s": np.float32(0.5)})
    assert (np.asarray(made.context)[:, made.spec.context.index("rr_after_s")] == 0.5).all()


def test_context_far_outside_of_what_was_learned_still_gives_finite_beats(
    synthesizer: Synthesizer,
) -> None:
    made = synthesizer.generate(20, context={"rr_before_s": 1e30, "rr_after_s": 1e-30})
    assert np.isfinite(made.signal).all()


# Saving and loading.


def test_loaded_model_makes_what_the_saved_one_made(
    synthesizer: Synthesizer, tmp_path: Path
) -> None:
    path = synthesizer.save(tmp_path / "again.safetensors")
    again = Synthesizer.load(path)
    assert again.card == synthesizer.card
    assert same(again.generate(30), synthesizer.generate(30))


def test_shipped_model_makes_the_beats_it_always_made() -> None:
    """Whatever is added to cards and settings: these were made when it was shipped."""
    shipped = Synthesizer.load("mitbih-beats")
    beat = shipped.generate(3, seed=7)[2]
    expected = [-0.066, -0.028, 0.375, 0.982, 1.992, 0.746, -0.426, -0.392]
    np.testing.assert_allclose(beat.signal[0, 0, 64:128:8], expected, atol=0.0011)
    np.testing.assert_allclose(beat.context[0], [0.540223, 1.2002555, 0.8333527], atol=1e-6)
    early = shipped.generate(2, label="V", seed=3, context={"rr_before_s": 0.5})[1]
    expected = [-0.047, 0.083, 0.401, 1.471, 2.693, 0.417, -0.574, -0.556]
    np.testing.assert_allclose(early.signal[0, 0, 64:128:8], expected, atol=0.0011)


def test_half_precision_file_is_half_as_large_and_makes_nearly_the_same(
    synthesizer: Synthesizer, tmp_path: Path
) -> None:
    full = synthesizer.save(tmp_path / "full.safetensors")
    expected = synthesizer.generate(30).signal
    half = synthesizer.save(tmp_path / "half.safetensors", half=True)
    weights = sum(v.numel() for v in synthesizer.generator.state_dict().values())
    assert full.stat().st_size - half.stat().st_size == pytest.approx(2 * weights, abs=2000)
    again = Synthesizer.load(half)
    assert next(again.generator.parameters()).dtype == torch.float32
    assert (
        np.abs(again.generate(30).signal - expected).max() < 0.02 * np.abs(expected).max() + 0.002
    )


def test_batches_counted_stay_whole_numbers_in_half_precision(
    simulated_beats: Ecg, tmp_path: Path
) -> None:
    """100,000 of them are more than 16 bits can hold."""
    run = tiny_run(1)
    run.model = type(run.model)(name="vanilla", **MODELS.get("vanilla").tiny)
    synthesizer = train(run, data=simulated_beats)
    counts = [b for n, b in synthesizer.generator.named_buffers() if n.endswith("batches_tracked")]
    assert counts
    for count in counts:
        count.fill_(100_000)
    again = Synthesizer.load(synthesizer.save(tmp_path / "half.safetensors", half=True))
    counts = [b for n, b in again.generator.named_buffers() if n.endswith("batches_tracked")]
    assert {int(count) for count in counts} == {100_000}


def test_identity_of_a_model_follows_from_its_weights(model: Path, tmp_path: Path) -> None:
    first, second = Synthesizer.load(model), Synthesizer.load(model)
    first.save(tmp_path / "a.safetensors")
    with torch.no_grad():
        next(second.generator.parameters()).add_(0.1)
    second.save(tmp_path / "b.safetensors")
    assert Synthesizer.load(tmp_path / "a.safetensors").card.id == first.card.id
    assert first.card.id != second.card.id


@pytest.mark.parametrize("change", ["weight", "id", "name"])
def test_card_of_other_weights_is_refused(model: Path, tmp_path: Path, change: str) -> None:
    path = tmp_path / "odd.safetensors"
    if change == "weight":
        from safetensors import safe_open

        with safe_open(model, "pt") as file:
            metadata = file.metadata()
        weights = load_file(model)
        next(iter(weights.values())).flatten()[0] += 1
        save_file(weights, path, metadata)
    else:
        rewritten(model, path, **{change: "mitbih-beats-97ede185"})
    assert "states the weights" in refusal(path)


def test_card_without_an_id_gets_that_of_its_weights(model: Path, tmp_path: Path) -> None:
    bare = Synthesizer.load(rewritten(model, tmp_path / "bare.safetensors", id=""))
    assert bare.card.id == Synthesizer.load(model).card.id
    assert bare.generate(1).source == f"synthetic:{bare.card.id}"


def test_run_folder_stands_for_its_model(model: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(model.read_bytes())
    assert find_model(tmp_path) == tmp_path / "model.safetensors"
    assert len(Synthesizer.load(tmp_path).generate(1)) == 1


def rewritten(model: Path, target: Path, **changes: Any) -> Path:
    """The model's file with changes in its card."""
    from safetensors import safe_open

    with safe_open(model, "pt") as file:
        card = json.loads(file.metadata()["card"])
    save_file(load_file(model), target, {"card": json.dumps(card | changes)})
    return target


def refusal(path: Path | str) -> str:
    with pytest.raises(EcgsynthError) as caught:
        Synthesizer.load(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    return str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.05, 0.5, 0.999])
def test_truncated_file_is_told(model: Path, tmp_path: Path, share: float) -> None:
    content = model.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[: int(share * len(content))])
    assert "is not a whole safetensors file" in refusal(tmp_path / "cut.safetensors")


def test_random_bytes_are_told(tmp_path: Path) -> None:
    for size in (1, 8, 9, 1000):
        noise = np.random.default_rng(size).bytes(size)
        (tmp_path / "noise.safetensors").write_bytes(noise)
        assert "is not a whole safetensors file" in refusal(tmp_path / "noise.safetensors")


class Trap:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "caught")


@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_pickle_in_disguise_is_refused_and_never_run(tmp_path: Path, writer: str) -> None:
    path, trap = tmp_path / "nice.safetensors", tmp_path / "trap"
    if writer == "pickle":
        path.write_bytes(pickle.dumps(Trap(trap)))
    else:
        torch.save({"w": Trap(trap)}, path)
    assert "is not a whole safetensors file" in refusal(path)
    assert not trap.exists()


def test_file_without_a_card_is_told(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "bare.safetensors")
    assert "carries no card, so it is not a model of ecgsynth" in refusal(
        tmp_path / "bare.safetensors"
    )


@pytest.mark.parametrize("card", ["{", "[]", "null", "7", "{}", '{"name": "x"}'])
def test_card_that_is_no_card_is_told(tmp_path: Path, card: str) -> None:
    path = tmp_path / "odd.safetensors"
    save_file({"weight": torch.zeros(3)}, path, {"card": card})
    assert "do not fit together" in refusal(path)


def test_newer_schema_is_told_with_the_mend(model: Path, tmp_path: Path) -> None:
    newer = rewritten(model, tmp_path / "newer.safetensors", schema_version=99)
    assert "newer ecgsynth (schema 99" in refusal(newer)
    assert "pip install -U ecgsynth" in refusal(newer)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema_version": "new"},
        {"spec": {}},
        {"spec": {"leads": ["II"], "fs": 360, "samples": 256, "mood": 1}},
        {"styles": 77},
        {"prior": {}},
        {"scaler": {}},
        {"scaler": {"kind": "global"}},
        {"run": {}},
    ],
    ids=str,
)
def test_card_that_does_not_fit_the_weights_is_told(
    model: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    assert refusal(rewritten(model, tmp_path / "odd.safetensors", **changes))


@pytest.mark.parametrize(
    ("part", "key", "value", "reason"),
    [
        ("scaler", "scale", 0.0, "its scale is 0"),
        ("scaler", "scale", -5.0, "its scale is -5"),
        ("scaler", "kind", "range", "its scaler cannot be read"),
        ("prior", "sd", [0, 0, 0], "a mean or an SD that no contexts have"),
    ],
)
def test_card_with_numbers_that_no_model_has_is_told(
    model: Path, tmp_path: Path, part: str, key: str, value: Any, reason: str
) -> None:
    card = Synthesizer.load(model).card.model_dump(mode="json")
    path = rewritten(model, tmp_path / "odd.safetensors", **{part: card[part] | {key: value}})
    assert reason in refusal(path)


def test_scaler_that_needs_what_the_prior_does_not_draw_is_told(
    model: Path, tmp_path: Path
) -> None:
    path = rewritten(model, tmp_path / "odd.safetensors", scaler={"kind": "beat"})
    assert "no offset, which its scaler needs" in refusal(path)


@pytest.mark.parametrize("code", [-5, 10**6])
def test_style_that_the_generator_has_not_is_told(model: Path, tmp_path: Path, code: int) -> None:
    prior = copy.deepcopy(Synthesizer.load(model).card.prior)
    law = next(iter(prior["classes"].values()))
    law["styles"] = [code] * len(law["styles"])
    path = rewritten(model, tmp_path / "odd.safetensors", prior=prior)
    assert f"its prior has style {code} of" in refusal(path)


@pytest.mark.parametrize("quantile", [800.0, 1e308])
def test_signals_and_contexts_without_end_are_never_handed_out(
    model: Path, tmp_path: Path, quantile: float
) -> None:
    card = Synthesizer.load(model).card
    prior = copy.deepcopy(card.prior)
    for law in prior["classes"].values():
        law["people"]["quantiles"] = [row and [quantile] * 21 for row in law["people"]["quantiles"]]
    loud = {"scaler": {"kind": "global", "scale": 1e300}}
    for name, changes in (("slow", {"prior": prior}), ("loud", loud)):
        odd = Synthesizer.load(rewritten(model, tmp_path / f"{name}.safetensors", **changes))
        with pytest.raises(EcgsynthError, match="makes numbers that no ECG has"):
            odd.generate(3)


def test_older_card_without_the_later_fields_loads(model: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    with safe_open(model, "pt") as file:
        card = json.loads(file.metadata()["card"])
    needed = ("schema_version", "name", "run", "spec", "scaler", "prior", "styles")
    path = tmp_path / "older.safetensors"
    save_file(load_file(model), path, {"card": json.dumps({k: card[k] for k in needed})})
    assert len(Synthesizer.load(path).generate(2)) == 2


def test_weights_with_nan_are_told(model: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    with safe_open(model, "pt") as file:
        metadata = file.metadata()
    weights = load_file(model)
    next(iter(weights.values())).flatten()[0] = float("nan")
    save_file(weights, tmp_path / "sick.safetensors", metadata)
    assert "hold NaN or infinity" in refusal(tmp_path / "sick.safetensors")


def test_absent_model_is_told(tmp_path: Path) -> None:
    assert "there is no model file" in refusal(tmp_path / "absent.safetensors")
    assert "no model named 'mitbih-beat'" in refusal("mitbih-beat")
    assert "has no model yet" in refusal(tmp_path)


# Memory.

STREAM = """
import sys
from pathlib import Path
from ecgsynth import Synthesizer
# Not getrusage, whose peak a child inherits from the process that started it.
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
synthesizer = Synthesizer.load(sys.argv[1])
next(synthesizer.stream(300))
before = peak()
total = sum(len(chunk) for chunk in synthesizer.stream(int(sys.argv[2]), chunk=1024))
print(total, peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_stream_of_a_hundred_thousand_beats_needs_no_more_memory_than_a_few_chunks(
    model: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STREAM, str(model), "100000"],
        capture_output=True, text=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    total, kilobytes = (int(word) for word in done.stdout.split()[-2:])
    assert total == 100_000
    assert kilobytes < 30_000  # the whole set would hold 102 MB of signal


def test_stream_hands_out_the_first_beats_without_making_the_rest(synthesizer: Synthesizer) -> None:
    endless = synthesizer.stream(10**12, chunk=256)
    assert [len(chunk) for chunk in islice(endless, 2)] == [256, 256]
