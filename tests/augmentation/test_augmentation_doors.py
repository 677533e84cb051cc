"""Doors for habits: arrays, a PyTorch data set, an imbalanced-learn pipeline."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from phantoms import Phantoms, halves
from torch.utils.data import DataLoader

import ecgsynth as es
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg

OFF = {"adherence": False}


@pytest.fixture(scope="module")
def crowd() -> tuple[Ecg, Ecg]:
    return halves(800)


@pytest.fixture(scope="module")
def model(crowd: tuple[Ecg, Ecg]) -> Phantoms:
    return Phantoms(crowd[1])


def test_arrays_come_back_as_they_were_given_with_more_behind(
    crowd: tuple[Ecg, Ecg], model: Phantoms
) -> None:
    real = crowd[0]
    X, y = real.signal[:, 0].astype(np.float64), real.labels_str
    new_x, new_y = es.augment(X, y, fs=360, model=model, times={"S": 2}, gate=OFF)
    added = real.counts()["S"]
    assert new_x.dtype == X.dtype and new_x.shape == (len(X) + added, 256)
    np.testing.assert_array_equal(new_x[: len(X)], X)
    assert new_y[len(X) :].tolist() == ["S"] * added


def test_numbers_and_leads_keep_their_form(crowd: tuple[Ecg, Ecg], model: Phantoms) -> None:
    real = crowd[0]
    y = real.labels_id.astype(np.int32)
    new_x, new_y = es.augment(
        real.signal, y, fs=360, model=model, counts={2: 7, 1: 5}, classes=("N", "S", "V"), gate=OFF
    )
    assert new_x.shape[1:] == (1, 256) and new_x.dtype == np.float32
    assert new_y.dtype == np.int32
    assert sorted(new_y[len(y) :].tolist()) == [1] * 5 + [2] * 7


def test_other_names_of_classes_are_mapped(crowd: tuple[Ecg, Ecg], model: Phantoms) -> None:
    mine = {"normal": "N", "sveb": "S", "veb": "V"}
    names = np.array([*mine])[crowd[0].labels_id]
    asked = es.augment(
        crowd[0].signal, names, fs=360, model=model, counts={"veb": 6}, classes=mine, gate=OFF
    )
    same = es.augment(crowd[0], model=model, counts={"V": 6}, gate=OFF)
    assert asked[1][-6:].tolist() == ["veb"] * 6
    # The seed of a class goes by its name, so the beats differ; the kind of beat does not.
    assert np.abs(np.diff(asked[0][-6:, 0])).max() < 3 * np.abs(np.diff(same.signal[-6:, 0])).max()


def test_an_ecg_gives_an_ecg_and_one_factor_spares_the_largest_class(
    crowd: tuple[Ecg, Ecg], model: Phantoms
) -> None:
    more = es.augment(crowd[0], model={"S": model, "V": model}, times=2, gate=OFF)
    before, after = crowd[0].counts(), more.counts()
    assert after == {"N": before["N"], "S": 2 * before["S"], "V": 2 * before["V"]}
    assert more.card is not None and more.card["mixed"]["by"] == ["phantoms-1a2b3c4d"]


@pytest.mark.parametrize(
    "change, said",
    [
        ({"fs": None}, "sampling rate"), ({"times": {"X": 2}}, "no items of class 'X'"),
        ({"times": None}, "either times"), ({"counts": {"S": 3}}, "either times"),
        ({"times": {"S": 0.5}}, "greater than or equal to 1"), ({"y": [1, 2]}, "y has shape"),
        ({"model": {"V": "mitbih-beats"}}, "no generator for class 'S'"),
        ({"fs": 500}, "does not lie within"), ({"unit": "normalised"}, "in normalised"),
        ({"gate": {"adherance": True}}, "Did you mean 'adherence'"), ({"scale": 1000}, "in uV"),
        ({"numbers": True}, "name the class of each"), ({"model": "mitbih-beat"}, "no model named"),
        ({"fs": "360"}, "sampling rate"), ({"times": None, "counts": 5}, "counts go by class"),
        ({"gate": None}, "gate is True, False or"), ({"r_sample": 96.0}, "number of a sample"),
        ({"model": None}, "model is a shipped"), ({"model": {}}, "model is a shipped"),
        ({"scale": np.nan}, "in every item"), ({"scale": 0}, "are flat"),
        ({"times": {"S": 1e9}}, "at most 5,000,000"), ({"only": "S", "times": 2}, "one alone"),
        ({"odd": None}, "y holds None"), ({"odd": 3}, "mixes names and numbers"),
        ({"only": "none of them"}, "holds nothing"),
    ],
)  # fmt: skip
def test_what_arrays_lack_is_one_sentence(
    crowd: tuple[Ecg, Ecg], model: Phantoms, change: dict[str, Any], said: str
) -> None:
    real = crowd[0]
    words: dict[str, Any] = {"fs": 360, "model": model, "times": {"S": 2}, "gate": OFF} | change
    y = words.pop("y", real.labels_id if words.pop("numbers", False) else real.labels_str)
    X = real.signal[:, 0] * np.float32(words.pop("scale", 1))
    if "odd" in words:
        y = np.array([words.pop("odd"), *y[1:]], object)
    if "only" in words:
        X, y = (column[y == words["only"]] for column in (X, y))
        del words["only"]
    with pytest.raises(EcgsynthError, match=said):
        es.augment(X, y, **words)


def test_a_mixed_set_has_the_ratio_and_the_real_items_in_their_places(
    crowd: tuple[Ecg, Ecg], model: Phantoms
) -> None:
    real = crowd[0]
    mixed = es.MixedDataset(real, model, ratio=0.3, seed=2)
    assert len(mixed) == len(real)
    assert mixed.synthetic.mean() == pytest.approx(0.3, abs=0.08)
    for k in np.flatnonzero(~mixed.synthetic)[:20]:
        signal, label = mixed[int(k)]
        np.testing.assert_array_equal(signal.numpy(), real.signal[k])
        assert int(label) == real.labels_id[k]
    k = int(np.flatnonzero(mixed.synthetic)[0])
    assert (np.abs(real.signal - mixed[k][0].numpy()).max((1, 2)) > 1e-3).all()


def test_workers_and_order_change_no_item(crowd: tuple[Ecg, Ecg], model: Phantoms) -> None:
    mixed = es.MixedDataset(crowd[0][:90], model, ratio=0.5, label=["S", "V"], seed=2)
    alone = [mixed[k] for k in range(len(mixed))]
    backwards = es.MixedDataset(crowd[0][:90], model, ratio=0.5, label=["S", "V"], seed=2)
    for k in reversed(range(len(mixed))):
        assert torch.equal(backwards[k][0], alone[k][0]) and backwards[k][1] == alone[k][1]
    batches = list(DataLoader(mixed, 16, num_workers=2))
    assert torch.equal(torch.cat([one for one, _ in batches]), torch.stack([s for s, _ in alone]))
    made = [int(label) for k, (_, label) in enumerate(alone) if mixed.synthetic[k]]
    assert set(made) == {1, 2}  # N is not asked for


def test_an_epoch_brings_other_synthetic_items(crowd: tuple[Ecg, Ecg], model: Phantoms) -> None:
    mixed = es.MixedDataset(crowd[0][:60], model, ratio=1)
    first = [mixed[k][0] for k in range(60)]
    mixed.set_epoch(1)
    assert not any(torch.equal(mixed[k][0], first[k]) for k in range(60))
    mixed.set_epoch(0)
    assert torch.equal(mixed[7][0], first[7])
    loader = DataLoader(mixed, 60, num_workers=1, persistent_workers=True)
    for epoch in (0, 1, 0):  # workers that live on hear of it, too
        mixed.set_epoch(epoch)
        (signal, _) = next(iter(loader))
        assert torch.equal(signal, torch.stack(first)) == (epoch == 0)


def test_accepted_items_can_be_drawn_from(crowd: tuple[Ecg, Ecg]) -> None:
    ready = crowd[1].of_class("V")[:8]
    mixed = es.MixedDataset(crowd[0][:80], ready, ratio=0.5, label="V")
    known = {item.tobytes() for item in ready.signal}
    made = [mixed[int(k)] for k in np.flatnonzero(mixed.synthetic)]
    assert made and all(one.numpy().tobytes() in known for one, _ in made)
    assert {int(label) for _, label in made} == {2}


@pytest.mark.parametrize(
    "words, said",
    [
        ({"ratio": 1.5}, "0 to 1"),
        ({"label": "X"}, "no class named"),
        ({"label": "Q"}, "Q"),
        ({"ratio": "a"}, "0 to 1"),
        ({"seed": -1}, "a seed is"),
        ({"scale": 1000}, "in uV"),
        ({"bare": True}, "1 of the 400 real items hold NaN or no label"),
    ],
)
def test_a_mixture_that_cannot_be_is_refused(
    crowd: tuple[Ecg, Ecg], model: Phantoms, words: dict[str, Any], said: str
) -> None:
    real = replace(crowd[0], signal=crowd[0].signal * np.float32(words.pop("scale", 1)))
    if words.pop("bare", False):
        label = np.array(real.label)
        label[7] = 0
        real = replace(real, label=label)
    with pytest.raises(EcgsynthError, match=said):
        es.MixedDataset(real, model, **words)
    with pytest.raises(EcgsynthError, match="is an Ecg"):
        es.MixedDataset(real.signal, model)  # type: ignore[arg-type]
    with pytest.raises(EcgsynthError, match="counted from 0"):
        es.MixedDataset(crowd[0], model).set_epoch(-1)


def test_the_sampler_fills_up_like_those_of_imbalanced_learn(
    crowd: tuple[Ecg, Ecg], model: Phantoms
) -> None:
    real = crowd[0]
    X, y = real.signal[:, 0], real.labels_str
    most = max(real.counts().values())
    sampler = es.SyntheticSampler(model, gate=OFF)
    new_x, new_y = sampler.fit_resample(X, y)
    assert {name: int((new_y == name).sum()) for name in "NSV"} == dict.fromkeys("NSV", most)
    assert sampler.sampling_strategy_ == {n: most - real.counts()[n] for n in "SV"}
    np.testing.assert_array_equal(new_x[: len(X)], X)
    rarest = min(real.counts(), key=lambda name: real.counts()[name])
    few = es.SyntheticSampler(model, sampling_strategy="minority", gate=OFF).fit(X, y)
    assert [*few.sampling_strategy_] == [rarest]


def test_the_sampler_has_the_manners_of_scikit_learn(model: Phantoms) -> None:
    from sklearn.base import clone

    sampler = es.SyntheticSampler("mitbih-beats", sampling_strategy={"S": 90}, random_state=3)
    twin = clone(sampler).set_params(random_state=4)
    assert twin.get_params() == sampler.get_params() | {"random_state": 4}


@pytest.mark.parametrize(
    "strategy, said",
    [
        ("most", "is not known"),
        ({"S": 1}, "only adds"),
        (["X"], "no items of class 'X'"),
        (0.5, "is not known"),
        (None, "is not known"),
        ({"S": "300"}, "asks for '300'"),
    ],
)
def test_a_strategy_that_cannot_be_is_refused(
    crowd: tuple[Ecg, Ecg], model: Phantoms, strategy: Any, said: str
) -> None:
    sampler = es.SyntheticSampler(model, sampling_strategy=strategy)
    with pytest.raises(EcgsynthError, match=said):
        sampler.fit_resample(crowd[0].signal[:, 0], crowd[0].labels_str)


def test_the_sampler_works_in_a_pipeline(crowd: tuple[Ecg, Ecg], model: Phantoms) -> None:
    pipeline = pytest.importorskip("imblearn.pipeline")
    from sklearn.linear_model import LogisticRegression

    X, y = crowd[0].signal[:, 0, ::4], crowd[0].labels_str
    every = pipeline.Pipeline([
        ("fill", es.SyntheticSampler(model, fs=90, gate=OFF, sampling_strategy=["S"])),
        ("tell", LogisticRegression(max_iter=300)),
    ])  # fmt: skip
    every.fit(X, y)
    assert every.score(crowd[1].signal[:, 0, ::4], crowd[1].labels_str) > 0.7


@pytest.mark.parametrize("words", [["augment"], ["classify", "train"], ["classify", "test"]])
def test_help_has_an_example_and_loads_nothing_heavy(words: list[str]) -> None:
    call = f"app({[*words, '--help']}, standalone_mode=False)"
    code = f"import sys; from ecgsynth.cli.main import app; {call}; print('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    out, _, loaded = done.stdout.rpartition("LOADED")
    assert "Example: ecgsynth" in out
    assert not set(loaded.split()) & {"torch", "sklearn", "scipy", "pandas"}


def test_importing_the_package_loads_neither_torch_nor_sklearn() -> None:
    code = "import sys, ecgsynth, ecgsynth.augmentation.plan; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "ecgsynth.augmentation.plan" in loaded
    assert not loaded & {"torch", "sklearn", "scipy", "pandas"}
