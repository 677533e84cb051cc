"""Laws of the central types: selecting, joining, labelling, marking."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec

COLUMNS = ("signal", "label", "context", "patient", "record", "valid", "onset_s")
SPEC = Spec(("I", "II"), 100, 6, ("N", "S", "V"), context=("rr_before_s",))


def make(count: int, seed: int = 0, marks: int = 20) -> Ecg:
    """Items that can be told apart, some without a label, with marks in disorder."""
    rng = np.random.default_rng(seed)
    number = np.arange(count)
    item = rng.integers(0, count, marks if count else 0)
    return Ecg(
        signal=rng.normal(size=(count, 2, 6)),
        spec=SPEC,
        label=one_hot(rng.integers(-1, 3, count), 3),
        context=rng.normal(size=(count, 1)),
        patient=(number % 3).astype(str),
        record=number.astype(str),
        valid=rng.integers(1, 7, count),
        onset_s=number * 1.5,
        marks=Marks(item, item * 0 - 1, rng.integers(0, 6, len(item)), np.array(["N"] * len(item))),
        source="somewhere:train",
    )


def assert_same(first: Ecg, second: Ecg) -> None:
    assert first.spec == second.spec
    assert first.source == second.source
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert (first.marks is None) == (second.marks is None)
    if first.marks is not None and second.marks is not None:
        for name in ("item", "lead", "sample", "symbol"):
            np.testing.assert_array_equal(getattr(first.marks, name), getattr(second.marks, name))


@given(st.integers(1, 12), st.data())
@settings(deadline=None)
def test_selecting_twice_is_selecting_once(count: int, data: st.DataObject) -> None:
    ecg = make(count)
    first = data.draw(st.lists(st.integers(-count, count - 1), min_size=1))
    second = data.draw(st.lists(st.integers(0, len(first) - 1)))
    assert_same(ecg[first][second], ecg[np.arange(count)[first][np.array(second, int)]])


@given(st.integers(1, 12), st.data())
@settings(deadline=None)
def test_every_item_takes_its_own_columns_and_marks_along(count: int, data: st.DataObject) -> None:
    ecg = make(count)
    rows = data.draw(st.lists(st.integers(0, count - 1)))
    chosen = ecg[rows]
    assert len(chosen) == len(rows)
    assert ecg.marks is not None
    assert chosen.marks is not None
    for new, old in enumerate(rows):
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(chosen, name)[new], getattr(ecg, name)[old])
        np.testing.assert_array_equal(chosen.marks.of(new), ecg.marks.of(old))
    assert len(chosen.marks) == sum(len(ecg.marks.of(old)) for old in rows)


@given(st.integers(0, 12), st.integers(0, 12))
@settings(deadline=None)
def test_cutting_and_joining_gives_the_whole_again(count: int, at: int) -> None:
    ecg = make(count)[:]  # a selection brings the marks in order
    assert_same(concatenate([ecg[:at], ecg[at:]]), ecg)


@given(st.lists(st.integers(0, 5), min_size=3, max_size=3))
@settings(deadline=None)
def test_joining_does_not_care_about_brackets(sizes: list[int]) -> None:
    a, b, c = (make(size, seed) for seed, size in enumerate(sizes))
    assert_same(concatenate([concatenate([a, b]), c]), concatenate([a, concatenate([b, c])]))


def test_selection_by_slice_mask_number_and_list_agree() -> None:
    ecg = make(5)
    for index in (slice(2, 3), np.arange(5) == 2, 2, [2], np.int64(2), -3):
        assert_same(ecg[index], ecg[[2]])
    assert len(ecg[[]]) == 0
    with pytest.raises(IndexError):
        ecg[5]


def test_joining_drops_a_column_that_a_part_lacks() -> None:
    bare = replace(make(3), patient=None, marks=None)
    joined = concatenate([make(2), bare])
    assert joined.patient is None
    assert joined.marks is None
    assert joined.record is not None


@pytest.mark.parametrize("index", [5, -6, True, "N", 1.0, [0.5], [True], [9], None, (1, 2)])
def test_an_index_of_no_item_is_one_sentence_and_ends_a_loop(index: Any) -> None:
    with pytest.raises(EcgsynthError, match="the set holds 5, numbered from 0"):
        make(5)[index]
    assert len([*make(5)]) == 5


def test_two_sets_are_equal_where_every_column_is() -> None:
    ecg = make(4)
    assert ecg == replace(make(4), card={"id": "another"})
    assert Ecg(ecg.signal, SPEC) == Ecg(ecg.signal, SPEC)  # unknown contexts are alike
    changed = np.array(ecg.signal)
    changed[2, 1, 3] += 1
    for other in (
        replace(ecg, signal=changed), replace(ecg, patient=None), replace(ecg, source="elsewhere"),
        replace(ecg, marks=make(4, seed=2).marks), replace(ecg, spec=replace(SPEC, fs=200)),
        ecg[:3], None, ecg.signal.tolist(),
    ):  # fmt: skip
        assert ecg != other


@pytest.mark.parametrize("ids", [[3], [-2], [0, 1.5], [np.nan], ["N"], [None], [[0, 1]], 2])
def test_a_number_of_no_class_is_refused(ids: Any) -> None:
    with pytest.raises(EcgsynthError, match="labels_id"):
        one_hot(ids, 3)


def test_joining_nothing_or_different_specs_is_refused() -> None:
    with pytest.raises(EcgsynthError, match="nothing to concatenate"):
        concatenate([])
    other = replace(make(2), spec=replace(SPEC, fs=200))
    with pytest.raises(EcgsynthError, match="different specs"):
        concatenate([make(2), other])
    with pytest.raises(EcgsynthError, match="fs is 100.0 in one and 200.0 in another"):
        concatenate([make(2), other])
    with pytest.raises(EcgsynthError, match="what is joined is a list of ECGs"):
        concatenate(make(2))  # type: ignore[arg-type]


def test_one_synthetic_part_makes_the_whole_synthetic() -> None:
    real, made = make(2), replace(make(2), source="synthetic:card")
    assert concatenate([real, made]).synthetic
    assert concatenate([made, real]).synthetic
    assert concatenate([made, made]).source == "synthetic:card"
    assert concatenate([real, replace(real, source="elsewhere")]).source == "several"
    assert not concatenate([real, real]).synthetic


def test_labels_read_as_numbers_names_and_counts() -> None:
    ecg = Ecg(np.zeros((4, 2, 6)), SPEC, one_hot([2, -1, 0, 2], 3))
    assert ecg.labels_id.tolist() == [2, -1, 0, 2]
    assert ecg.labels_str.tolist() == ["V", "", "N", "V"]
    assert ecg.counts() == {"N": 1, "S": 0, "V": 2}
    assert len(ecg.of_class("V")) == 2
    with pytest.raises(EcgsynthError, match="no class named 'v'"):
        ecg.of_class("v")


def test_several_labels_of_an_item_are_joined_with_a_bar() -> None:
    spec = replace(SPEC, multilabel=True)
    ecg = Ecg(np.zeros((3, 2, 6)), spec, [[1, 0, 1], [0, 0, 0], [0, 1, 0]])
    assert ecg.labels_str.tolist() == ["N|V", "", "S"]
    assert ecg.counts() == {"N": 1, "S": 1, "V": 1}


def test_ecg_without_classes_has_no_labels() -> None:
    ecg = Ecg(np.zeros((2, 2, 6)), replace(SPEC, classes=()))
    assert ecg.labels_id.tolist() == [-1, -1]
    assert ecg.labels_str.tolist() == ["", ""]


@given(st.permutations(["N", "S", "V"]), st.integers(1, 3))
@settings(deadline=None)
def test_choosing_classes_keeps_names_and_drops_the_others(order: list[str], size: int) -> None:
    ecg, classes = make(30), tuple(order[:size])
    chosen = ecg.with_classes(classes)
    assert chosen.spec.classes == classes
    if classes == SPEC.classes:
        assert_same(chosen, ecg)
    else:
        kept = np.isin(ecg.labels_str, classes)
        assert chosen.labels_str.tolist() == ecg.labels_str[kept].tolist()
        np.testing.assert_array_equal(chosen.signal, ecg.signal[kept])


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ((), "classes is empty"), (("N", "N"), "classes must be distinct"),
        ("NS", "is a list of names"), (("N", "X"), "no class named 'X'"), ((0,), "0 is none"),
    ],
)  # fmt: skip
def test_classes_that_cannot_be_chosen_are_refused(classes: Any, words: str) -> None:
    with pytest.raises(EcgsynthError, match=words):
        make(5).with_classes(classes)


@pytest.mark.parametrize("step", [0, -1, np.nan, np.inf, "1", None, True])
def test_a_converter_has_a_step_above_nought(step: Any) -> None:
    with pytest.raises(EcgsynthError, match="must be a number above 0"):
        make(2).quantised(step)


def test_quantised_signal_lies_on_the_grid_and_within_half_a_step() -> None:
    ecg = make(10)
    out = ecg.quantised(0.005).signal
    np.testing.assert_allclose(out / 0.005, np.round(out / 0.005), atol=1e-3)
    assert np.abs(out - ecg.signal).max() <= 0.0025 + 1e-6
    np.testing.assert_array_equal(ecg.quantised().quantised().signal, ecg.quantised().signal)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"signal": np.zeros((2, 3, 6))}, "2 leads, 6 samples"),
        ({"signal": np.zeros((2, 6))}, "has shape"),
        ({"label": np.zeros((2, 2))}, "'label' has shape"),
        ({"context": np.zeros((1, 1))}, "'context' has shape"),
        ({"patient": np.array(["a"])}, "'patient' has 1 entries for 2 items"),
        ({"marks": Marks([2], [-1], [0], ["N"])}, "an item that is not there"),
        ({"marks": Marks([-1], [-1], [0], ["N"])}, "an item that is not there"),
        ({"marks": Marks([0], [2], [0], ["N"])}, "a lead that is not there"),
        ({"marks": [0]}, "marks are a Marks"),
        ({"label": [[0, np.nan, 0], [1, 0, 0]]}, "'label' holds nan for item 0 and class S"),
        ({"label": [[0, 0, 0], [1, 0, -1]]}, "'label' holds -1 for item 1 and class V"),
        ({"label": [[0, 0, 0.5], [1, 0, 0]]}, "a label is 1 where the item carries the class"),
        ({"label": [[0, 0, 0], [1, 0, 1]]}, "item 1 carries 2 classes"),
        ({"label": [["a", "b", "c"]] * 2}, "'label' is an array of real numbers"),
        ({"signal": np.zeros((2, 2, 6), complex)}, "the signal is an array of real numbers"),
        ({"signal": [["1.0"]]}, "the signal is an array of real numbers"),
        ({"signal": [[1, 2], [3]]}, "the signal is an array of real numbers"),
        ({"valid": [1, 2.7]}, "valid is an array of whole numbers; 2.7 is none"),
        ({"valid": [1, np.nan]}, "valid is an array of whole numbers; nan is none"),
        ({"valid": [1, 7]}, "an item has 0 to 6"),
        ({"patient": ["a", None]}, "patient holds None, which is no name"),
        ({"patient": [1.5, 2.5]}, "patient is a list of names"),
        ({"patient": "ab"}, "'patient' has shape"),
        ({"spec": SPEC.to_json()}, "spec is a Spec"),
        ({"source": None}, "the source is a text"),
    ],
)
def test_ecg_whose_parts_do_not_fit_is_refused(wrong: dict, words: str) -> None:
    with pytest.raises(EcgsynthError, match=words):
        Ecg(**({"signal": np.zeros((2, 2, 6)), "spec": SPEC} | wrong))


def test_marks_of_different_lengths_are_refused() -> None:
    with pytest.raises(EcgsynthError, match="differ in length"):
        Marks([0, 1], [-1], [0], ["N"])


def test_marks_are_found_by_item_and_symbol() -> None:
    marks = Marks([0, 1, 0], [-1, -1, 0], [5, 6, 7], ["N", "N", "r_peak"])
    assert marks.of(0).tolist() == [5, 7]
    assert marks.of(0, "r_peak").tolist() == [7]
    assert marks.of(1, "V").tolist() == []


def test_unknown_context_is_nan_and_unknown_label_is_empty() -> None:
    ecg = Ecg(np.zeros((2, 2, 6)), SPEC)
    assert np.isnan(ecg.context).all()
    assert not ecg.label.any()


NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=4).filter(
    str.strip
)


@given(
    leads=st.lists(NAMES, min_size=1, max_size=4, unique=True),
    fs=st.floats(200, 5000), samples=st.integers(4, 9999),
    classes=st.lists(NAMES, max_size=4, unique=True),
    band=st.tuples(st.none() | st.floats(0, 1), st.none() | st.floats(2, 99)),
)  # fmt: skip
def test_spec_survives_json(
    leads: list[str], fs: float, samples: int, classes: list[str], band: tuple
) -> None:
    spec = Spec(tuple(leads), fs, samples, tuple(classes), band=band, r_sample=3)
    assert Spec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"leads": ()}, "at least one"),
        ({"leads": ("I", "I")}, "distinct"),
        ({"fs": 0}, "positive number of Hz"),
        ({"fs": float("inf")}, "positive number of Hz"),
        ({"samples": 0}, "at least one sample"),
        ({"classes": ("N", "N")}, "classes must be distinct"),
        ({"unit": "uV"}, "'mV' or 'normalised'"),
        ({"unit": np.zeros(3)}, "'mV' or 'normalised'"),
        ({"fs": 1 / 360}, "the seconds between two samples. Then give 360"),
        ({"fs": 1 / 128}, "the seconds between two samples. Then give 128"),
        ({"fs": 0.5}, "Are these kHz. Then give 500"),
        ({"fs": 360 + 0j}, "positive number of Hz"),
        ({"fs": True}, "positive number of Hz"),
        ({"fs": "360"}, "positive number of Hz"),
        ({"fs": 1e9}, "from 1 to 100,000"),
        ({"samples": 5.0}, "must be a whole number"),
        ({"samples": True}, "must be a whole number"),
        ({"leads": "V1"}, "leads is a list of names"),
        ({"leads": {"I", "II"}}, "leads is a list of names"),
        ({"classes": (1, 2)}, "1 is none"),
        ({"context": ("age", "age")}, "context must be distinct"),
        ({"multilabel": 1}, "multilabel is True or False"),
        ({"band": (40, 0.5)}, "begins at 40 Hz and ends at 0.5 Hz"),
        ({"band": (0.5,)}, "a low and a high edge"),
        ({"r_sample": 2.0}, "must be a whole number"),
        ({"r_sample": -1}, "r_sample"),
        ({"r_sample": 5}, "numbered from 0 to 4"),
        ({"r_sample": 10**9}, "lies outside of the item"),
        ({"band": (0.5, 50)}, "an edge at 50 Hz, and signals of 100 Hz end at 50 Hz"),
        ({"band": (None, 150)}, "an edge at 150 Hz"),
        ({"band": (60, None)}, "an edge at 60 Hz"),
        ({"band": (0.5, float("inf"))}, "an edge of the band"),
    ],
)
def test_impossible_spec_is_refused(wrong: dict, words: str) -> None:
    with pytest.raises(EcgsynthError, match=words):
        Spec(**({"leads": ("I",), "fs": 100, "samples": 5} | wrong))


def test_a_set_introduces_itself_in_one_line() -> None:
    assert repr(make(5)).startswith("Ecg(somewhere:train: 5 items, I/II, 6 samples at 100 Hz, mV; ")
    assert len(repr(make(5000))) < 120


def test_sets_without_mv_know_no_converter_step() -> None:
    spec = Spec(("I",), 125.0, 4, unit="normalised")
    ecg = Ecg(np.array([[[0.0, 0.0012, 0.5, 1.0]]], np.float32), spec)
    np.testing.assert_array_equal(ecg.quantised().signal, ecg.signal)
