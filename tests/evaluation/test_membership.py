"""Attacks on membership: copies are found, an exact sampler is not, and people are counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from ecgsynth.datasets import load
from ecgsynth.evaluation import Estimate, NotApplicable, Trial
from ecgsynth.evaluation.auc import auc
from ecgsynth.evaluation.baselines.controls import CONTROLS
from ecgsynth.evaluation.intervals import ITEMS_PER_BLOCK
from ecgsynth.evaluation.metrics.privacy.authenticity import distance_to_others
from ecgsynth.evaluation.metrics.privacy.membership import attack
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.spec import Spec
from ecgsynth.simulator.records import Noise, simulate_beats

SPEC = Spec(("MLII",), 360.0, 32, ("N",))
ATTACKS = ("nn_membership", "domias")
FALLING = ("nn_distance_ratio", "authenticity")
ITEMWISE = (*ATTACKS, *FALLING)


def ecg(signal: NDArray, **more: object) -> Ecg:
    return Ecg(signal[:, None], SPEC, one_hot(np.zeros(len(signal), int), 1), **more)


def points(count: int, seed: int, mean: float = 0.0, dimensions: int = 6) -> NDArray:
    """Items that vary in a few of 32 samples; the outermost ones do not count."""
    random = np.random.default_rng(seed)
    signal = np.zeros((count, 32))
    signal[:, 4 : 4 + dimensions] = mean + random.standard_normal((count, dimensions))
    return signal


def measure(name: str, trial: Trial, group: str = "N") -> Estimate:
    return METRICS.get(name).measure(trial)[group]


@pytest.fixture(scope="module")
def crowd() -> Trial:
    """Exchangeable parts of one crowd's beats: synthetic, held out, and twice as many trained."""
    beats = simulate_beats(2000, patients=12, noise=Noise(muscle_mv=0.01), seed=3)
    beats = replace(beats.with_classes(("N",)), record=None, onset_s=None, patient=None, marks=None)
    order = np.random.default_rng(0).permutation(len(beats))[:1600]
    parts = [beats[rows] for rows in np.split(order, [400, 800])]
    return Trial(*parts, quick=True)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_exact_sampler_hides_its_members(name: str) -> None:
    found = [
        measure(name, Trial(ecg(points(300, k)), ecg(points(200, 100 + k)),
                            ecg(points(600, 200 + k)), seed=k))
        for k in range(20)
    ]  # fmt: skip
    assert np.mean([e.value for e in found]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([e.low <= 0.5 <= e.high for e in found]) >= 0.85


def test_an_exact_sampler_is_as_near_to_either_whatever_the_sizes() -> None:
    for train, test in ((900, 150), (300, 300), (150, 900)):
        found = [
            measure("nn_distance_ratio", Trial(ecg(points(400, k)), ecg(points(test, 100 + k)),
                                               ecg(points(train, 200 + k)), seed=k)).value
            for k in range(8)
        ]  # fmt: skip
        assert np.mean(found) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", ITEMWISE)
def test_copies_are_found_and_real_beats_are_not(crowd: Trial, name: str) -> None:
    assert crowd.train is not None
    copies, real = measure(name, CONTROLS["copy"](crowd)), measure(name, crowd)
    half = measure(name, CONTROLS["real"](crowd))
    if name in ATTACKS:
        assert copies.value > 0.9
        assert copies.low > max(real.high, half.high)
        assert real.low < 0.5 < real.high
    else:
        assert copies.value < 0.5 * min(real.value, half.value)
        assert copies.high < min(real.low, half.low)


def test_a_set_that_copies_a_tenth_of_the_training_items_is_found_out() -> None:
    train = ecg(points(4000, 1))
    copied = train[np.arange(0, 4000, 10)]
    found = measure("nn_membership", Trial(copied, ecg(points(800, 2)), train))
    assert found.value > 0.95
    assert found.note == "400 training against 80 held-out items"


@pytest.mark.parametrize("name", ITEMWISE)
def test_noise_gives_nobody_away(crowd: Trial, name: str) -> None:
    real, noise = measure(name, crowd), measure(name, CONTROLS["noise"](crowd))
    if name in ATTACKS:
        assert noise.value < 0.65
    else:
        assert noise.value >= real.value - 0.05


@pytest.mark.parametrize("name", ITEMWISE)
def test_the_order_of_items_changes_nothing(crowd: Trial, name: str) -> None:
    assert crowd.test is not None
    assert crowd.train is not None
    random = np.random.default_rng(1)

    # Time blocks that stay with their items: which of them are attacked must not change.
    def timed(ecg: Ecg) -> Ecg:
        return replace(ecg, record=np.array(["a"] * len(ecg)), onset_s=np.arange(len(ecg)) * 7.0)

    one = replace(crowd, test=timed(crowd.test), train=timed(crowd.train))
    assert one.test is not None
    assert one.train is not None
    mixed = Trial(
        one.synthetic[random.permutation(len(one.synthetic))],
        one.test[random.permutation(len(one.test))],
        one.train[random.permutation(len(one.train))],
        quick=True,
    )
    assert measure(name, mixed).value == pytest.approx(measure(name, one).value, rel=0.03)


def test_authenticity_of_three_points_by_hand() -> None:
    """Trained at 0, 1 and 5; the synthetic 0.4, 1.2 and 9 are nearest to 0, 1 and 5.

    Their distances .4, .2 and 4 against 1, 1 and 4 from these to their nearest others: none is
    further. At 10 it is 5 against 4: authentic. An index that runs over synthetic items instead
    of their nearest trained ones would compare .2 with 4.
    """

    def at(places: list[float]) -> Ecg:
        signal = np.zeros((len(places), 32))
        signal[:, 16] = places
        return ecg(signal)

    others = [100.0 + 10 * k for k in range(10)]  # each its own synthetic copy, 10 apart
    train = at([0, 1, 5, *others])
    for far, expected in ((9.0, 0 / 13), (10.0, 1 / 13)):
        trial = Trial(at([0.4, 1.2, far, *others]), at([*range(200, 210)]), train)
        assert measure("authenticity", trial).value == pytest.approx(expected)


def test_an_item_is_not_its_own_neighbour_however_it_is_moved() -> None:
    real = np.cumsum(np.random.default_rng(0).standard_normal((20, 1, 32)), axis=2)
    rows = np.arange(20)
    best = np.full(20, np.inf)
    for move in (-1, 0, 1):
        gap = real[:, None, 0, 1 + move : 31 + move] - real[None, :, 0, 1:31]
        far = np.linalg.norm(gap, axis=-1)
        np.fill_diagonal(far, np.inf)
        best = np.minimum(best, far.min(1))
    np.testing.assert_allclose(distance_to_others(real, rows, 1), best, rtol=1e-6)
    twice = np.concatenate([real, real])
    np.testing.assert_allclose(distance_to_others(twice, rows, 1), 0, atol=1e-6)


def test_auc_equals_that_of_scikit_learn_and_takes_the_top_of_either_side() -> None:
    random = np.random.default_rng(0)
    truth, score = random.integers(2, size=400), random.integers(30, size=400)
    weight = random.integers(4, size=400)
    assert auc(truth, score) == pytest.approx(roc_auc_score(truth, score))
    assert auc(truth, score, weight=weight) == pytest.approx(
        roc_auc_score(truth, score, sample_weight=weight)
    )
    truth, score = np.repeat([1, 0], [40, 20]), random.permutation(60)
    top = np.r_[np.sort(score[:40])[-10:], np.sort(score[40:])[-5:]]
    assert auc(truth, score, 0.25) == pytest.approx(roc_auc_score([1] * 10 + [0] * 5, top))


def test_an_attack_on_one_person_alone_has_no_interval() -> None:
    one = ecg(points(40, 0), patient=np.repeat("a", 40))
    two = ecg(points(40, 0), patient=np.repeat(["b", "c"], 20))
    scores = np.random.default_rng(0).random(40), np.random.default_rng(1).random(40)
    found = attack(scores, (one, two), 1.0)
    assert found.low is None
    assert "depends on one of 3 people" in found.note


# ---- people --------------------------------------------------------------------------------


def of_people(count: int, seed: int, first: int = 0) -> Ecg:
    """20 beats of each of some people, who lie further apart than their own beats do."""
    centre = points(count, seed)
    signal = np.repeat(centre, 20, 0) + 0.2 * points(20 * count, seed + 1000)
    patient = np.repeat([f"p{first + k:03d}" for k in range(count)], 20)
    return ecg(signal, patient=patient)


def test_a_set_of_few_people_gives_them_away_and_says_that_it_has_no_target() -> None:
    train, new = of_people(22, 1), of_people(22, 2, first=22)
    made = ecg(train.signal[:, 0] + 0.1 * points(len(train), 5))
    found = measure("patient_membership", Trial(made, train=train, new_patients=new), "all")
    assert found.value > 0.9
    assert "22 people against 22" in found.note
    assert "without a target" in found.note


def test_people_are_hidden_by_a_set_that_is_of_neither_side() -> None:
    found = [
        measure(
            "patient_membership",
            Trial(of_people(22, 10 + k), train=of_people(22, 30 + k),
                  new_patients=of_people(22, 50 + k, first=22)),
            "all",
        )
        for k in range(10)
    ]  # fmt: skip
    assert np.mean([e.value for e in found]) == pytest.approx(0.5, abs=0.1)
    assert np.mean([e.low <= 0.5 <= e.high for e in found]) >= 0.8


def test_many_people_have_a_target() -> None:
    train, new = of_people(100, 1), of_people(100, 2, first=100)
    trial = Trial(of_people(50, 3), train=train, new_patients=new)
    found = measure("patient_membership", trial, "all")
    assert found.note == "100 people against 100"


def test_who_stands_on_both_sides_does_not_count() -> None:
    train, new = of_people(22, 1), of_people(22, 2, first=10)
    found = measure("patient_membership", Trial(train, train=train, new_patients=new), "all")
    assert found.note.startswith("10 people against 10")


def test_sets_without_names_of_people_are_left_out() -> None:
    nameless = ecg(points(40, 0))
    trial = Trial(nameless, train=nameless, new_patients=of_people(2, 1))
    with pytest.raises(NotApplicable, match="the person of each item"):
        METRICS.get("patient_membership").measure(trial)
    one = of_people(3, 1)
    with pytest.raises(NotApplicable, match="all people of one set"):
        METRICS.get("patient_membership").measure(Trial(nameless, train=one, new_patients=one))


# ---- bad input -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ITEMWISE, "memorisation"])
def test_too_few_items_give_their_number(crowd: Trial, name: str) -> None:
    assert crowd.test is not None
    found = measure(name, replace(crowd, test=crowd.test[:6]))
    assert np.isnan(found.value)
    assert found.note == "6 items; at least 10 are needed"


@pytest.mark.parametrize("name", ITEMWISE)
def test_constant_signals_are_measured_and_not_crashed_on(crowd: Trial, name: str) -> None:
    flat = replace(crowd.synthetic, signal=np.zeros_like(crowd.synthetic.signal))
    assert np.isfinite(measure(name, crowd.with_synthetic(flat)).value)
    nothing = Trial(flat, flat, flat, quick=True)
    found = measure(name, nothing).value
    assert found == pytest.approx({"nn_distance_ratio": 1, "authenticity": 0}.get(name, 0.5))


def test_single_blocks_are_too_few_for_a_reference(crowd: Trial) -> None:
    assert crowd.test is not None
    alone = replace(crowd.test[:ITEMS_PER_BLOCK], patient=np.repeat("a", ITEMS_PER_BLOCK))
    found = measure("domias", replace(crowd, test=alone))
    assert np.isnan(found.value)
    assert "every second block" in found.note


@pytest.fixture(scope="module")
def mitbih() -> dict[str, Trial]:
    sets = {part: load("mitbih", part, classes=("S", "V")) for part in ("train", "heldout")}
    trial = Trial(sets["train"][::2], sets["heldout"], sets["train"], quick=True)
    return {name: CONTROLS[name](trial) for name in ("copy", "real")}


@pytest.mark.data
@pytest.mark.parametrize("name", ITEMWISE)
def test_copies_of_real_recordings_are_found_beside_the_real_control(
    mitbih: dict[str, Trial], name: str
) -> None:
    copies, real = (METRICS.get(name).measure(mitbih[control]) for control in ("copy", "real"))
    for group in ("S", "V"):
        if name in ATTACKS:
            assert copies[group].value > max(0.85, real[group].value)
        else:
            assert copies[group].high < real[group].low
