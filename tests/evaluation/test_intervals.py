"""Intervals over people cover the truth as often as they say, where blocks of time do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import t as student

from ecgsynth.evaluation import Estimate, Trial
from ecgsynth.evaluation.auc import auc, auc_over
from ecgsynth.evaluation.intervals import (
    MOST_UNITS,
    Units,
    blocks,
    interval,
    joint,
    leave_one_out_seeds,
    mean_against_real,
    mean_over,
    units,
)
from ecgsynth.evaluation.metrics.diversity.coverage import coverage_by_person
from ecgsynth.evaluation.scores import f1, scores
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.spec import Spec

SPEC = Spec(("MLII",), 360.0, 32, ("N", "V"))
ITEMS, ROUNDS = 300, 150


def crowd(who: NDArray | None, count: int = 0, seed: int = 0, **more: object) -> Ecg:
    """Items of these people, or so many of nobody who is named."""
    count = count if who is None else len(who)
    signal = np.random.default_rng(seed).standard_normal((count, 1, 32)).astype(np.float32)
    label = one_hot(np.zeros(count, int), 2)
    return Ecg(signal, SPEC, label, patient=who, **more)


def shared_out(people: int, half: bool) -> NDArray[np.int64]:
    """[item] its person; `half`: the first of them gives half of the items."""
    sizes = np.full(people, ITEMS // people)
    if half:
        sizes = np.full(people, ITEMS // 2 // (people - 1))
        sizes[0] = ITEMS // 2
    return np.repeat(np.arange(people), sizes)


def names(of: NDArray) -> NDArray[np.str_]:
    return np.char.add("p", of.astype(str))


# ---- how often the truth is covered --------------------------------------------------------

Drawn = tuple[NDArray, NDArray]
"""[item] what is true, and what is measured."""


def means(of: NDArray, random: np.random.Generator) -> Drawn:
    """Every person has a mean of its own."""
    own, noise = random.standard_normal(of.max() + 1), random.standard_normal(len(of))
    return np.zeros(len(of)), 10 + own[of] + noise


def shares(of: NDArray, random: np.random.Generator) -> Drawn:
    """Of most people nearly all items are covered, of some few or none."""
    own = random.beta(2, 0.7, of.max() + 1)
    return np.zeros(len(of)), random.random(len(of)) < own[of]


def answers(of: NDArray, random: np.random.Generator) -> Drawn:
    """A classifier that knows some people better than others."""
    shift, gap = random.standard_normal((2, of.max() + 1))
    truth = random.random(len(of)) < 0.3
    score = 0.4 * shift[of] + (1.2 + 0.5 * gap[of]) * truth
    return truth, score + random.standard_normal(len(of))


def f1_of(truth: NDArray, score: NDArray) -> float:
    cells = np.bincount(2 * truth + (score > 0.8), minlength=4).reshape(2, 2)
    return float(f1(cells)[1])


def f1_over(test: Ecg, truth: NDArray, score: NDArray) -> Estimate:
    said = one_hot(1 * (score > 0.8), 2)[None]
    return scores(replace(test, label=one_hot(1 * truth, 2)), said)["V"]


FIGURES: dict[str, tuple[Callable, Callable, Callable]] = {
    "mean": (means, lambda _, x: x.mean(), lambda e, _, x: mean_over(x, units(e))),
    "share": (shares, lambda _, x: x.mean(), lambda e, _, x: mean_over(x, units(e), share=True)),
    "AUC": (answers, auc, lambda e, truth, x: auc_over(truth, [x], [units(e)])),
    "F1": (answers, f1_of, f1_over),
}


def split_by_blocks(
    of: NDArray, values: NDArray, random: np.random.Generator
) -> tuple[float, float]:
    """The percentile interval of resampled blocks of ten items of a person."""
    block = np.unique(1000 * of + np.arange(len(of)) // 10, return_inverse=True)[1]
    count = int(block.max()) + 1
    weight = random.multinomial(count, np.full(count, 1 / count), 200)
    drawn = weight @ np.bincount(block, values) / (weight @ np.bincount(block))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


@pytest.mark.parametrize("name", FIGURES)
def test_intervals_of_95_percent_cover_the_truth_where_one_person_gives_half_of_the_items(
    name: str,
) -> None:
    draw, figure, over = FIGURES[name]
    truth = figure(*draw(np.repeat(np.arange(4000), 10), np.random.default_rng(0)))
    for people in (4, 12, 22):
        for half in (True, False):
            of, hits, blocks = shared_out(people, half), [], []
            test = crowd(names(of))
            for k in range(ROUNDS):
                random = np.random.default_rng(k)
                drawn = draw(of, random)
                found = over(test, *drawn)
                hits.append(found.low <= truth <= found.high)
                if half and name in ("mean", "share"):
                    low, high = split_by_blocks(of, drawn[1], random)
                    blocks.append(low <= truth <= high)
            assert np.mean(hits) >= 0.9, (people, half)
            if blocks:  # of resampled blocks of time this would be said
                assert np.mean(blocks) < 0.5, people


def test_one_person_more_or_less_of_many_changes_little() -> None:
    """Of normal effects of equal people the interval is Student's."""
    of = np.repeat(np.arange(12), 20)
    values = means(of, np.random.default_rng(0))[1]
    each = values.reshape(12, 20).mean(1)
    half = student.ppf(0.975, 11) * each.std(ddof=1) / np.sqrt(12)
    found = mean_over(values, units(crowd(names(of))))
    assert found.value == pytest.approx(each.mean())
    assert found.high - found.value == pytest.approx(half, rel=1e-3)
    without = [np.delete(each, k).mean() for k in range(12)]
    assert found.without_one == pytest.approx((min(without), max(without)))
    assert found.over == "12 people"


# ---- what varies ---------------------------------------------------------------------------


def test_people_vary_before_their_records_blocks_and_beats() -> None:
    record = np.repeat(["a", "b", "c"], 20)
    at = np.tile(np.arange(20.0) * 6, 3)
    told = {"record": record, "onset_s": at}
    assert units(crowd(np.repeat(["x", "y", "y"], 20), **told)).words == "2 people"
    alone = units(crowd(np.repeat("x", 60), **told))
    assert alone.words == "12 time blocks of one person alone"
    assert len(alone) == 12
    assert units(crowd(np.repeat("x", 60))).words == "60 items of one person alone"
    assert units(crowd(None, 60, **told)).words == "3 records"
    one = {"record": np.repeat("a", 20), "onset_s": at[:20]}
    assert units(crowd(None, 20, **one)).words == "4 time blocks of one record alone"
    assert units(crowd(None, 60)).words == "60 items"


def test_beats_of_a_person_without_times_stand_in_blocks_of_thirty_in_a_row() -> None:
    who = np.array(["x", "y"] * 70)
    block = blocks(crowd(who))
    for person in ("x", "y"):
        assert np.bincount(block[who == person]).tolist()[-3:] == [30, 30, 10]
        assert {0, 1} == {*(block[who == person] % 2).tolist()}  # in either half
    assert not set(block[who == "x"]) & set(block[who == "y"])
    assert len(set(blocks(crowd(None, 60)))) == 60


def test_where_nobody_is_named_the_interval_says_so() -> None:
    nameless, named = crowd(None, 60), crowd(names(np.arange(60) // 6))
    made = replace(nameless, source="synthetic:x")
    over = [mean_over(np.arange(60), units(one)).over for one in (nameless, named, made)]
    assert over == ["60 items, no people named", "10 people", "60 items"]


def test_who_gives_nine_tenths_of_a_class_speaks_for_himself_alone() -> None:
    who = np.repeat(["x", "y"], [54, 6])
    test = crowd(who, record=who, onset_s=np.arange(60.0) * 10)
    assert units(test).words == "20 time blocks of one person alone (90% of the items)"
    assert units(test, np.arange(30, 60)).words == "2 people"  # among these he gives 4 of 5
    assert units(test, np.arange(54)).words == "18 time blocks of one person alone"


def test_items_without_a_name_among_named_ones_are_nobody_elses() -> None:
    some = crowd(np.array(["x", "x", "y", "", "", ""]))
    assert units(some).words == "5 people"
    assert units(crowd(np.array([""] * 6))).words == "6 items"
    assert len(joint(some, some)[0]) == 2 + 3 + 3


def test_many_people_are_left_out_in_groups() -> None:
    many = units(crowd(names(np.arange(400))))
    assert (len(many), many.words) == (MOST_UNITS, "400 people")
    assert many.sizes.tolist() == [8] * MOST_UNITS
    random = np.random.default_rng(0)
    hits = [
        found.low < 9 < found.high
        for found in (mean_over(9 + random.standard_normal(400), many) for _ in range(300))
    ]
    assert 0.92 <= np.mean(hits) <= 0.98


def test_a_person_in_two_sets_is_one_and_the_same() -> None:
    one, other = crowd(names(np.arange(6).repeat(5))), crowd(names(np.arange(3, 9).repeat(5)))
    (both,) = joint(one, other)
    assert (len(both), both.words) == (9, "9 people")
    assert both.of[:30][one.patient == "p4"][0] == both.of[30:][other.patient == "p4"][0]
    apart = joint(one, crowd(None, 10))
    assert [sample.words for sample in apart] == ["6 people", "10 items"]
    assert (apart[0].of[30:] == -1).all() and (apart[1].of[:30] == -1).all()
    # The same people under other names cannot be known: they count as others.
    renamed = replace(one, patient=np.char.add("other ", one.patient))
    assert joint(one, renamed)[0].words == "12 people"


def test_a_figure_that_rests_on_one_person_has_no_interval() -> None:
    test = crowd(names(np.repeat(np.arange(4), 10)))
    truth = np.arange(40) < 10
    found = auc_over(truth, [np.random.default_rng(0).random(40)], [units(test)])
    assert found.low is None
    assert found.note == "it depends on one of 4 people alone"
    single = mean_over(np.ones(1), units(crowd(names(np.zeros(1, int)))))
    assert (single.low, single.over) == (None, "")


def test_no_share_is_certain_and_none_leaves_its_range() -> None:
    test = units(crowd(names(np.repeat(np.arange(10), 4))))
    for value in (0.0, 1.0):
        found = mean_over(np.full(40, value), test, share=True)
        assert 0 <= found.low <= value <= found.high <= 1
        assert found.high - found.low > 0.05
    uneven = mean_over(np.arange(40) < 39, test, share=True)
    assert 0.5 < uneven.low < uneven.value < uneven.high < 1
    assert mean_over(np.r_[np.zeros(36), np.ones(4)], test).low == 0  # a distance


def test_what_stands_beside_real_items_is_as_unsure_as_they_are() -> None:
    """However many synthetic items there are."""
    of = np.repeat(np.arange(8), 25)
    real = crowd(names(of))
    theirs = 2 + 0.5 * np.random.default_rng(0).standard_normal(8)[of]
    widths = []
    for count in (200, 20_000):
        ours = 2 + np.random.default_rng(1).standard_normal(count)
        samples = joint(real, crowd(None, count))
        found = mean_against_real(ours, theirs, samples, share=False)
        assert found.over == f"8 people and {count:,} items"
        widths.append(found.high - found.low)
    assert widths[1] > 0.8 * widths[0]
    assert widths[1] > 2 * 0.5 / np.sqrt(8)


def test_seeds_widen_the_interval_as_their_own_sample() -> None:
    of = np.repeat(np.arange(20), 30)
    truth, score = answers(of, np.random.default_rng(0))
    people = [units(crowd(names(of)))]
    other = -score
    same, apart = (auc_over(truth, [score, one], people) for one in (score, other))
    assert same.over == "20 people and 2 seeds"
    assert apart.value == pytest.approx((auc(truth, score) + auc(truth, other)) / 2)
    assert apart.high - apart.low > 3 * (same.high - same.low)
    alone = interval(3.0, [leave_one_out_seeds(np.array([1.0, 3.0, 5.0]))])
    assert alone.high == pytest.approx(3 + student.ppf(0.975, 2) * 2 / np.sqrt(3))


def test_a_single_owner_of_all_votes_has_one_degree_of_freedom() -> None:
    assert Units(np.repeat([0, 1], [1, 999]), "").freedom() == 1
    assert Units(np.arange(12), "").freedom() == pytest.approx(11)
    half = Units(shared_out(22, half=True), "").freedom()
    assert 6 < half < 9  # in simulation of normal effects 6.6


# ---- figures of the judge ------------------------------------------------------------------


def on_real(name: str, trial: Trial) -> Estimate:
    return METRICS.get(name).measure(trial)["N"]


@pytest.mark.parametrize(
    "name", ["density", "rmse_nearest", "rmse_random", "prd_nearest", "dtw", "coverage"]
)
def test_figures_of_pairs_are_over_the_people_of_the_real_items(name: str) -> None:
    of = np.repeat(np.arange(6), 20)
    real, made = crowd(names(of)), crowd(None, 120, seed=1)
    found = on_real(name, Trial(made, real, quick=True))
    assert found.over == "6 people" or (name == "dtw" and found.over.endswith("people"))
    low, high = found.without_one
    assert found.low <= low <= high <= found.high


def test_the_person_who_is_covered_least_is_not_hidden_by_the_mean() -> None:
    of = np.repeat(np.arange(5), [30, 30, 30, 30, 12])
    test = crowd(names(of))
    strange = test.signal + np.where(of == 4, 50, 0)[:, None, None].astype(np.float32)
    test = replace(test, signal=strange, record=names(of), source="mitbih:heldout")
    made = crowd(None, 132, seed=1)
    trial = Trial(made, test, quick=True)
    mean, worst = on_real("coverage", trial), on_real("coverage_worst_person", trial)
    assert worst.value == 0 < mean.value
    assert "the lowest of 5 people" in worst.note
    assert worst.note.endswith("record p4")
    private = Trial(made, replace(test, source="ward"), quick=True)
    assert "p4" not in on_real("coverage_worst_person", private).note
    few = Trial(made, crowd(names(np.arange(132) // 3)), quick=True)
    assert "no person has 10" in on_real("coverage_worst_person", few).note
    for one, named in ((trial, True), (private, False)):
        people = coverage_by_person(one)["N"]
        assert [each.coverage for each in people] == sorted(each.coverage for each in people)
        assert sum(each.items for each in people) == len(one.test)
        assert people[0].coverage == pytest.approx(worst.value)
        assert all(bool(each.person) == named for each in people)
    assert coverage_by_person(replace(trial, test=replace(trial.test, patient=None))) == {}


@pytest.mark.parametrize("kind", ["one person", "ten items", "nobody named", "other names"])
def test_sets_that_tell_little_of_their_people_are_judged_all_the_same(kind: str) -> None:
    of = np.repeat(np.arange(5), 12)
    who = {"one person": names(0 * of), "ten items": names(of[::6])}.get(kind, names(of))
    test = crowd(None, 60) if kind == "nobody named" else crowd(who)
    train = replace(test, signal=crowd(None, len(test), seed=2).signal)
    if kind == "other names":
        train = replace(train, patient=np.char.add("other ", who))
    trial = Trial(crowd(None, len(test), seed=1), test, train, quick=True)
    for name in ("coverage", "density", "memorisation", "nn_membership", "authenticity", "c2st",
                 "nn_distance_ratio", "rmse_nearest", "smoothness", "saturation", "collapse",
                 "alpha_precision", "beta_recall", "frechet_ratio"):  # fmt: skip
        for one in METRICS.get(name).measure(trial).values():
            assert np.isfinite(one.value) or one.note
            assert one.low is None or one.low <= one.value <= one.high
            assert (one.low is None) == (one.over == "")
