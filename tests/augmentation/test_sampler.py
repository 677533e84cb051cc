"""The sampler takes what scikit-learn takes, and gives it back as it was, with more behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from phantoms import Phantoms, halves

import ecgsynth as es
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg

CLASSES = ("N", "S", "V")


@pytest.fixture(scope="module")
def crowd() -> tuple[Ecg, Ecg]:
    return halves(800)


@pytest.fixture(scope="module")
def model(crowd: tuple[Ecg, Ecg]) -> Phantoms:
    return Phantoms(crowd[1])


def sampler(model: Phantoms, **words: Any) -> es.SyntheticSampler:
    return es.SyntheticSampler(model, gate=False, **words)


KINDS: dict[str, Callable[[Any], Any]] = {
    "an array of text": np.asarray,
    "an array of objects": lambda y: y.astype(object),
    "an array of text as NumPy has it": lambda y: np.array([np.str_(one) for one in y], object),
    "a series of text": pd.Series,
    "a series of objects": lambda y: pd.Series(y, dtype=object, name="beat"),
    "a series of pandas strings": lambda y: pd.Series(y, dtype="string"),
    "categories": lambda y: pd.Series(y, dtype=pd.CategoricalDtype(["V", "Q", "S", "N"])),
    "categories without a series": pd.Categorical,
    "an index": lambda y: pd.Index(y, name="beat"),
    "a frame of one column": lambda y: pd.DataFrame({"beat": y}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_names_come_back_in_the_kind_that_they_had(
    crowd: tuple[Ecg, Ecg], model: Phantoms, kind: str
) -> None:
    y = KINDS[kind](crowd[0].labels_str)
    _, after = sampler(model, sampling_strategy=["S"]).fit_resample(crowd[0].signal[:, 0], y)
    assert type(after) is type(y)
    names, before = np.asarray(after).ravel(), np.asarray(y).ravel()
    assert names[: len(before)].tolist() == before.tolist()
    counts = crowd[0].counts()
    assert names[len(before) :].tolist() == ["S"] * (counts["N"] - counts["S"])
    if isinstance(y, pd.DataFrame):
        assert after.columns.tolist() == ["beat"] and after.dtypes.tolist() == y.dtypes.tolist()
    else:
        assert after.dtype == y.dtype and getattr(after, "name", 0) == getattr(y, "name", 0)


NUMBERS: dict[str, tuple[Callable[[Any], Any], Any, list[Any]]] = {
    "from 3": (lambda k: np.array([3, 8, 11])[k], {3: "N", 8: "S", 11: "V"}, [8]),
    "below 0": (lambda k: k.astype(np.int8) - 1, {-1: "N", 0: "S", 1: "V"}, [0]),
    "as 0.0, 1.0, 2.0": (lambda k: k.astype(float), CLASSES, [1.0]),
    "True and False": (lambda k: k == 1, ("N", "S"), [True]),
    "of pandas": (lambda k: pd.Series(k, dtype="Int64"), CLASSES, [1]),
    "True and False of pandas": (lambda k: pd.Series(k == 1, dtype="boolean"), ("N", "S"), [True]),
    "as objects": (lambda k: k.astype(object), CLASSES, [np.int64(1)]),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_come_back_in_the_kind_that_they_had(
    crowd: tuple[Ecg, Ecg], model: Phantoms, kind: str
) -> None:
    make, classes, asked = NUMBERS[kind]
    y = make(crowd[0].labels_id)
    one = sampler(model, classes=classes, sampling_strategy=asked)
    X, after = one.fit_resample(crowd[0].signal[:, 0], y)
    assert type(after) is type(y) and after.dtype == y.dtype and len(X) == len(after)
    assert set(np.asarray(after)[len(y) :].tolist()) == {asked[0]}
    assert one.sampling_strategy_ == {asked[0]: len(after) - len(y)}


def test_a_frame_comes_back_with_its_columns_and_their_types(
    crowd: tuple[Ecg, Ecg], model: Phantoms
) -> None:
    names = [f"sample {k}" for k in range(256)]
    X = pd.DataFrame(crowd[0].signal[:, 0].astype(np.float64), columns=names)
    X = X.astype({"sample 3": np.float32, "sample 4": "Float64"}).set_index(np.arange(len(X)) + 50)
    one = sampler(model)
    after, y = one.fit_resample(X, pd.Series(crowd[0].labels_str, index=X.index))
    assert after.dtypes.equals(X.dtypes) and after.columns.tolist() == names
    pd.testing.assert_frame_equal(after[: len(X)], X.reset_index(drop=True))
    assert after.index.tolist() == y.index.tolist() == [*range(len(y))]
    assert one.feature_names_in_.tolist() == names and one.n_features_in_ == 256
    twins = pd.DataFrame(X.to_numpy(np.float32), columns=["a", "a"] * 128)
    assert sampler(model).fit_resample(twins, crowd[0].labels_str)[0].shape == after.shape


def test_a_balanced_set_comes_back_as_it_was(crowd: tuple[Ecg, Ecg], model: Phantoms) -> None:
    rows = np.concatenate([np.flatnonzero(crowd[0].labels_str == name)[:9] for name in CLASSES])
    X = pd.DataFrame(crowd[0].signal[rows, 0])
    after, y = sampler(model).fit_resample(X, pd.Series(crowd[0].labels_str[rows]))
    pd.testing.assert_frame_equal(after, X)
    assert len(y) == 27


def test_arrays_of_pandas_come_back_from_augment_too(
    crowd: tuple[Ecg, Ecg], model: Phantoms
) -> None:
    X, y = pd.DataFrame(crowd[0].signal[:, 0]), pd.Series(crowd[0].labels_str, name="beat")
    after, said = es.augment(X, y, fs=360, model=model, counts={"V": 4}, gate=False)
    assert isinstance(after, pd.DataFrame) and len(after) == len(X) + 4
    assert said.name == "beat" and said[-4:].tolist() == ["V"] * 4


def test_the_sampler_goes_through_scikit_learn(crowd: tuple[Ecg, Ecg], model: Phantoms) -> None:
    pipeline = pytest.importorskip("imblearn.pipeline")
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, cross_val_score

    X, y = pd.DataFrame(crowd[0].signal[:, 0, ::4]), pd.Series(crowd[0].labels_str)
    fill = sampler(model, fs=90, sampling_strategy="minority")
    every = pipeline.make_pipeline(fill, LogisticRegression(max_iter=300))
    assert cross_val_score(every, X, y, cv=2).min() > 0.7
    grid = GridSearchCV(every, {"syntheticsampler__random_state": [None, 1]}, cv=2).fit(X, y)
    assert grid.best_score_ > 0.7
    assert clone(fill).get_params().keys() == fill.get_params().keys()
    assert fill.set_params(sampling_strategy=["S"]).sampling_strategy == ["S"]


@pytest.mark.parametrize(
    "words, said",
    [
        ({"y": [1.5]}, "y holds 1.5; give one name or whole number"),
        ({"y": [float("nan")]}, "y holds nan"),
        ({"y": [None]}, "y holds None"),
        ({"y": [True]}, "mixes names and numbers"),
        ({"y": [b"N"]}, "y holds b'N'"),
        ({"y": [" "]}, "y holds ' '"),
        ({"y": ["a\nb"]}, "visible characters"),
        ({"X": "text"}, "X is no array|X has shape"),
        ({"X": [[1, 2], [3]]}, "X is no array"),
        ({"random_state": 1.0}, "seed must be a whole number"),
        ({"random_state": True}, "seed must be a whole number"),
        ({"leads": 2.0}, "leads must be a whole number"),
        ({"leads": 3}, "rows of 3 leads"),
        ({"fs": 1 / 360}, "seconds between two samples. Then give 360"),
        ({"fs": 0.36}, "Are these kHz. Then give 360"),
        ({"fs": 360 + 0j}, "positive number of Hz"),
        ({"classes": "NSV"}, "classes is a list of names"),
        ({"sampling_strategy": {True: 900}}, "no items of class True"),
        ({"sampling_strategy": {"S": True}}, "asks for True items"),
        ({"sampling_strategy": {"S": 900.5}}, "asks for 900.5 items"),
        ({"sampling_strategy": np.array([1])}, "no items of class 1"),
    ],
)  # fmt: skip
def test_what_the_sampler_cannot_read_is_one_sentence(
    crowd: tuple[Ecg, Ecg], model: Phantoms, words: dict[str, Any], said: str
) -> None:
    X, y = crowd[0].signal[:, 0], crowd[0].labels_str
    odd = words.pop("y", None) if "y" in words else None
    if odd is not None:
        y = np.array([*odd, *y[1:]], object)
    X = words.pop("X") if "X" in words else X
    with pytest.raises(EcgsynthError, match=said):
        sampler(model, **words).fit_resample(X, y)


def test_a_misspelt_parameter_is_answered_with_the_nearest() -> None:
    with pytest.raises(EcgsynthError, match="no parameter 'modle'. Did you mean 'model'"):
        es.SyntheticSampler().set_params(modle="mitbih-beats")


@pytest.mark.parametrize("word", ["y", "fs", "classes", "unit", "r_sample"])
def test_what_an_ecg_says_itself_is_not_said_again(
    crowd: tuple[Ecg, Ecg], model: Phantoms, word: str
) -> None:
    given = {"y": crowd[0].labels_str, "fs": 360, "classes": CLASSES, "unit": "normalised"}
    words = {word: given.get(word, 96)}
    with pytest.raises(EcgsynthError, match=f"leave {word} out"):
        es.augment(crowd[0], model=model, times={"S": 2}, **words)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "words, said",
    [
        ({"counts": {1: 5}}, "no items of class 1 are given; there are 'N'"),
        ({"counts": {"S": 2.7}}, "count of class 'S' must be a whole number"),
        ({"counts": {"S": True}}, "count of class 'S' must be a whole number"),
        ({"counts": {"S": "5"}}, "count of class 'S' must be a whole number"),
        ({"times": {"S": "3"}}, "times of class 'S' must be a finite number"),
        ({"times": True}, "must be a finite number"),
        ({"times": 2, "seed": 2.5}, "seed must be a whole number"),
        ({"times": 2, "gate": {"adherance": False}}, "Did you mean 'adherence'"),
        ({"times": 2, "gate": {3: False}}, "the gate"),
        ({"times": 2, "gate": {"most": True}}, "most"),
    ],
)  # fmt: skip
def test_numbers_are_not_made_of_what_is_none(
    crowd: tuple[Ecg, Ecg], model: Phantoms, words: dict[str, Any], said: str
) -> None:
    with pytest.raises(EcgsynthError, match=said):
        es.augment(crowd[0], model=model, **words)
