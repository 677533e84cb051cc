"""Sets without a generator: Gaussians of each person, SMOTE and mixup, and what they never do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgsynth.evaluation import NotApplicable, Trial
from ecgsynth.evaluation.baselines.samplers import (
    PERSON_ITEMS,
    class_gaussian,
    describe_gaussian,
    gaussian,
    mixup,
    smote,
)
from ecgsynth.evaluation.judge import evaluate
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.spec import Spec

SPEC = Spec(("MLII",), 100.0, 40, ("N", "V"), context=("rr_mean_s",))
PEOPLE = {"a": (300, 100), "b": (200, 5), "c": (0, 60), "d": (0, 1)}
"""Items of N and of V; "b" and "d" have few of V."""

HEIGHT = {"a": 0.0, "b": 10.0, "c": 20.0, "d": 30.0}
SPREAD = {"a": 1.0, "b": 0.1, "c": 0.3, "d": 0.0}


def real(seed: int = 0) -> Ecg:
    """Items around a height of each person; the context is that height."""
    random, parts = np.random.default_rng(seed), []
    for name, counts in PEOPLE.items():
        for k, count in enumerate(counts):
            wave = HEIGHT[name] + SPREAD[name] * random.standard_normal((count, 1, SPEC.samples))
            parts += [(item, k, name) for item in wave]
    signal, label, who = zip(*parts, strict=True)
    height = np.array([[HEIGHT[name]] for name in who])
    return Ecg(np.stack(signal), SPEC, one_hot(label, 2), height, patient=np.array(who))


def trial(train: Ecg | None = None, count: int = 3000) -> Trial:
    """One that asks for so many items of either class."""
    train = real() if train is None else train
    asked = [train.of_class(name)[np.zeros(count, np.int64)] for name in "NV"]
    signal = np.concatenate([ecg.signal for ecg in asked])
    return Trial(Ecg(signal, SPEC, one_hot(np.repeat([0, 1], count), 2)), train=train)


def of_person(ecg: Ecg, name: str, label: str) -> NDArray[np.float64]:
    """[item, sample] of those whose context is that of the person."""
    part = ecg.of_class(label)
    assert part.context is not None
    return part.signal[part.context[:, 0] == HEIGHT[name], 0].astype(np.float64)


@pytest.mark.parametrize(("name", "label"), [("a", "N"), ("b", "N"), ("a", "V"), ("c", "V")])
def test_a_gaussian_has_the_mean_and_the_spread_of_each_person(name: str, label: str) -> None:
    found = of_person(gaussian(trial()).synthetic, name, label)
    share = PEOPLE[name]["NV".index(label)] / real().counts()[label]
    assert len(found) == pytest.approx(3000 * share, rel=0.2)
    assert found.mean() == pytest.approx(HEIGHT[name], abs=0.05)
    assert found.std() == pytest.approx(SPREAD[name], rel=0.1)


@pytest.mark.parametrize("name", ["b", "d"])
def test_whoever_has_few_items_takes_the_spread_of_the_class_around_his_own_mean(name: str) -> None:
    assert PEOPLE[name][1] < PERSON_ITEMS
    whole = real().of_class("V").signal.std(0).mean()
    found = of_person(gaussian(trial()).synthetic, name, "V")
    assert len(found) > 3
    assert abs(np.median(found.mean(1)) - HEIGHT[name]) < whole
    away = np.abs(found - HEIGHT[name]).mean()
    assert away > 0.3 * whole  # his own beats lie within .1 of his mean


@pytest.mark.parametrize("make", [gaussian, class_gaussian])
def test_no_gaussian_gives_an_item_back(make: object) -> None:
    train = real()
    made = make(trial(train)).synthetic  # type: ignore[operator]
    for label in "NV":
        far = np.linalg.norm(
            made.of_class(label).signal[:500] - train.of_class(label).signal.transpose(1, 0, 2),
            axis=2,
        )
        assert far.min() > 0.1


def test_the_gaussian_of_a_class_knows_no_person() -> None:
    made = class_gaussian(trial()).synthetic.of_class("V")
    heights = made.signal.mean((1, 2))
    between = (heights > 4) & (heights < 7)  # where nobody's beats are
    assert between.mean() > 0.05
    ours = gaussian(trial()).synthetic.of_class("N").signal.mean((1, 2))
    assert not ((ours > 4) & (ours < 7)).any()


@pytest.mark.parametrize("make", [smote, mixup])
@pytest.mark.parametrize("label", ["N", "V"])
def test_between_two_items_means_between_two_of_one_person_whose_context_is_kept(
    make: object, label: str
) -> None:
    train = real()
    made = make(trial(train, 200)).synthetic.of_class(label)  # type: ignore[operator]
    pool = train.of_class(label)
    assert pool.patient is not None and made.context is not None
    for item, (height,) in zip(made.signal[:20, 0], made.context[:20], strict=True):
        own = pool.signal[pool.patient == next(n for n in "abcd" if HEIGHT[n] == height), 0]
        if len(own) < 10:  # the neighbours of a lonely item are other people's
            continue
        one, other = own[:, None], own[None] - own[:, None]
        share = ((item - one) * other).sum(2) / np.maximum((other**2).sum(2), 1e-12)
        off = np.abs(one + share[..., None] * other - item).max(2)
        assert off[(share >= 0) & (share <= 1)].min() < 1e-4


def test_whoever_has_one_item_is_not_mixed_with_others() -> None:
    made = mixup(trial()).synthetic
    assert not len(of_person(made, "d", "V"))
    with pytest.raises(NotApplicable, match="no person has two"):
        mixup(replace(trial(), train=real()[[0, 305, 500, 605]]))  # an N and a V of "a" and of "b"


def test_where_nobody_is_named_the_gaussian_is_that_of_the_class_and_the_report_says_so() -> None:
    bare = replace(real(), patient=None)
    one, other = (make(trial(bare, 500)).synthetic for make in (gaussian, class_gaussian))
    for label in "NV":
        sd = [ecg.of_class(label).signal.std() for ecg in (one, other)]
        assert sd[0] == pytest.approx(sd[1], rel=0.05)
    with pytest.raises(NotApplicable, match="the person of each item"):
        mixup(trial(bare))
    assert describe_gaussian(trial()) == ""
    asked = replace(trial(bare, 60).synthetic, source="synthetic:x")
    report = evaluate(asked, bare, bare, metrics=["coverage_signal"], quick=True)
    assert describe_gaussian(trial(bare)) in report.notes
    assert {"gaussian", "smote"} <= report["coverage_signal", "N"].controls.keys()
    assert "mixup" not in report["coverage_signal", "N"].controls


def test_a_class_with_one_training_item_has_no_baseline_and_the_others_have() -> None:
    few = real()
    rows = np.flatnonzero(few.labels_str == "N")
    few = few[np.append(rows, np.flatnonzero(few.labels_str == "V")[:1])]
    for make in (gaussian, class_gaussian, smote, mixup):
        assert make(trial(few, 50)).synthetic.counts() == {"N": 50, "V": 0}
    with pytest.raises(NotApplicable, match="two training items"):
        gaussian(replace(trial(), train=few[-1:]))
