"""Metrics against their definitions, against other libraries and against known truths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from ecgsynth.evaluation import Estimate, Trial, match_counts
from ecgsynth.evaluation.baselines.statistics import Reference
from ecgsynth.evaluation.intervals import Units, blocks, group_units
from ecgsynth.evaluation.metrics import utility
from ecgsynth.evaluation.metrics.diversity.coverage import within
from ecgsynth.evaluation.metrics.fidelity.folds import folds
from ecgsynth.evaluation.metrics.privacy.memorisation import nearest, share_at_equal_sizes
from ecgsynth.evaluation.scores import f1, scores
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.spec import Spec
from ecgsynth.simulator.records import simulate_beats

SPEC = Spec(("MLII",), 360.0, 32, ("N", "V"))


def ecg(signal: NDArray, labels: NDArray | int = 0, **more: object) -> Ecg:
    labels = np.broadcast_to(labels, len(signal))
    return Ecg(signal[:, None], SPEC, one_hot(labels, 2), **more)


def normal(count: int, seed: int, mean: float = 0.0) -> NDArray:
    return mean + np.random.default_rng(seed).standard_normal((count, 32))


def test_coverage_and_density_equal_those_of_prdc() -> None:
    prdc = pytest.importorskip("prdc")
    real, other = normal(300, 0)[:, :6], normal(300, 1, mean=0.3)[:, :6]
    theirs = prdc.compute_prdc(real, other, nearest_k=5)
    near = within(real, other)
    assert near.any(1).mean() == pytest.approx(theirs["coverage"])
    assert near.sum(0).mean() / 5 == pytest.approx(theirs["density"])


def test_coverage_of_equal_distributions_is_known() -> None:
    found = [within(normal(400, k), normal(400, 100 + k)).any(1).mean() for k in range(10)]
    assert np.mean(found) == pytest.approx(1 - 2**-5, abs=0.008)


def test_mmd_is_unbiased_around_nothing_for_equal_distributions() -> None:
    found = []
    for k in range(40):
        trial = Trial(ecg(normal(60, k)), ecg(normal(60, 1000 + k)))
        found.append(METRICS.get("mmd").measure(trial)["N"].value)
    assert min(found) < 0 < max(found)
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    far = Trial(ecg(normal(60, 1)), ecg(normal(60, 2, mean=0.5)))
    assert METRICS.get("mmd").measure(far)["N"].value > 5 * np.std(found)


def test_frechet_is_nothing_from_itself_and_the_same_both_ways() -> None:
    one, other = ecg(normal(4000, 0)), ecg(1.5 * normal(4000, 1, mean=0.2))

    def distance(a: Ecg, b: Ecg) -> float:
        return METRICS.get("frechet").measure(Trial(a, reference=Reference.measure(b)))["N"].value

    assert distance(one, one) == pytest.approx(0, abs=1e-4)
    assert distance(one, other) == pytest.approx(distance(other, one), rel=1e-6)
    # Between N(0, I) and N(m, s^2 I) it is |m|^2 + d (1 - s)^2, d = 32.
    assert distance(one, other) == pytest.approx(32 * (0.3**2 + 0.5**2), rel=0.05)


def test_amplitude_distance_is_the_shift_between_two_sets() -> None:
    wave = np.sin(np.linspace(0, 2 * np.pi, 32, endpoint=False))
    height = np.random.default_rng(0).uniform(0.5, 1.5, (500, 1))
    one, other = ecg(height * wave), ecg((height + 0.25) * wave)
    trial = Trial(other, reference=Reference.measure(one))
    assert METRICS.get("amplitude_w1").measure(trial)["N"].value == pytest.approx(0.5, abs=0.02)


def test_prd_of_a_doubled_beat_is_a_hundred_percent() -> None:
    beat = np.sin(np.linspace(0, 6, 32))
    trial = Trial(ecg(np.tile(2 * beat, (20, 1))), ecg(np.tile(beat, (20, 1))))
    assert METRICS.get("prd_random").measure(trial)["N"].value == pytest.approx(100, rel=0.01)
    rmse = np.sqrt((beat**2).mean())
    assert METRICS.get("rmse_nearest").measure(trial)["N"].value == pytest.approx(rmse, rel=0.01)


def test_f1_equals_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth, said = random.integers(4, size=500), random.integers(4, size=500)
    confusion = np.zeros((4, 4), int)
    np.add.at(confusion, (truth, said), 1)
    np.testing.assert_allclose(f1(confusion), f1_score(truth, said, average=None))


def test_utility_names_the_class_that_one_patient_dominates() -> None:
    labels = np.array([0] * 100 + [1] * 50)
    patient = np.array([f"p{k % 10}" for k in range(100)] + ["p0"] * 45 + ["p1"] * 5)
    said = labels ^ (np.random.default_rng(0).random(150) < 0.2)
    beats = ecg(normal(150, 0), labels, patient=patient)
    found = scores(beats, np.eye(2)[said][None])
    assert found["all"].value == pytest.approx(f1_score(labels, said, average="macro"))
    assert found["N"].low is not None
    assert found["N"].low < found["N"].value < found["N"].high
    assert found["V"].low is None
    assert found["V"].note == "one patient"
    perfect = scores(beats, np.eye(2)[np.stack([said, labels])])
    for name in ("all", "N"):  # the mean of two networks, one of which is always right
        assert perfect[name].value == pytest.approx((found[name].value + 1) / 2)
        assert perfect[name].low <= perfect[name].value <= perfect[name].high <= 1


def test_no_time_block_stands_on_both_sides_of_a_split() -> None:
    random = np.random.default_rng(0)
    unit = np.concatenate([random.integers(40, size=600), 40 + random.integers(9, size=300)])
    truth = np.repeat([0, 1], [600, 300])
    held_before: list[int] = []
    for fit, held in folds(unit, truth, 5, seed=1):
        assert not {*unit[fit]} & {*unit[held]}
        assert {*truth[fit]} == {0, 1}
        held_before += held.tolist()
    assert sorted(held_before) == list(range(900))


def test_blocks_are_half_minutes_of_a_record() -> None:
    at = np.array([0.0, 29.9, 30.1, 31.0, 0.0])
    whole = ecg(normal(5, 0), record=np.array(list("aaaab")), onset_s=at)
    number = blocks(whole)
    assert number[0] == number[1] != number[2] == number[3]
    assert len({*number}) == 3
    people = ecg(normal(4, 0), patient=np.array(list("ppqq")))
    assert blocks(people).tolist() == [0, 0, 1, 1]
    assert blocks(ecg(normal(4, 0))).tolist() == [0, 1, 2, 3]


def test_sets_are_matched_class_by_class() -> None:
    one = ecg(normal(50, 0), np.repeat([0, 1], [40, 10]))
    other = ecg(normal(50, 1), np.repeat([0, 1], [20, 30]))
    a, b = match_counts(one, other, np.random.default_rng(0))
    assert a.counts() == b.counts() == {"N": 20, "V": 10}


@pytest.mark.parametrize("dimensions", [4, 30])
def test_an_exact_sampler_gets_half_whatever_the_sizes(dimensions: int) -> None:
    found = []
    for k in range(30):
        points = normal(1500, k)
        points[:, 1 + dimensions :] = 0  # the outermost samples do not count
        parts = [ecg(part) for part in np.split(points, [900, 1000])]
        trial = Trial(parts[2], parts[1], parts[0], seed=k)
        found.append(METRICS.get("memorisation").measure(trial)["N"])
    assert np.mean([e.value for e in found]) == pytest.approx(0.5, abs=0.04)
    assert np.mean([e.low < 0.5 < e.high for e in found]) > 0.85


def test_a_copy_moved_by_one_sample_is_found_beside_its_original() -> None:
    real = np.cumsum(normal(100, 0), axis=1)[:, None]
    moved = np.roll(real, 1, axis=2)
    distance, row = nearest(moved, real, shift=1)
    assert distance.max() < 1e-6
    assert row.tolist() == list(range(100))


def test_few_votes_never_print_certainty() -> None:
    def won_by(winner: NDArray, train: int, test: int) -> Estimate:
        items = np.arange(train + test)
        samples = [Units(group_units(len(items))[items], "items")]
        return share_at_equal_sizes(np.ones(len(winner)), winner, items, samples, train)

    sure = won_by(np.arange(2000), 9000, 1000)
    assert sure.value > 0.99
    assert sure.low > 0.9
    few = won_by(np.arange(16), 144, 16)
    assert few.value < 1
    assert few.low < 0.5
    hub = won_by(np.zeros(2000, int), 9000, 1000)
    assert hub.low < 0.1
    assert hub.high > 0.9
    assert 0.4 < hub.value < 0.8


@pytest.mark.parametrize("shuffled", [False, True])
def test_training_on_wrong_labels_is_no_help_to_new_patients(
    shuffled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utility, "QUICK_STEPS", 30)
    crowd = simulate_beats(400, 360.0, (32, 32), beats={"N": 0.5, "V": 0.5}, seed=1)
    crowd = crowd.with_classes(("N", "V"))
    rows = np.random.default_rng(0).permutation(len(crowd))
    made, real = crowd[rows[:200]], crowd[rows[200:]]
    if shuffled:
        made = replace(made, label=1 - made.label)
    trial = Trial(made, train=real, new_patients=real, quick=True)
    value = METRICS.get("tstr").measure(trial)["all"].value
    assert value < 0.3 if shuffled else value > 0.7
    ratio = METRICS.get("tstr_ratio").measure(trial)["all"]
    assert ratio.value == pytest.approx(value / METRICS.get("trtr").measure(trial)["all"].value)
    assert ratio.low is not None
    assert ratio.low <= ratio.value <= ratio.high
