"""What real samples reach: no item comes twice, people vary, and a real set lies in the range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from ecgsynth.evaluation import Trial
from ecgsynth.evaluation.baselines.calibration import Calibration, from_json, to_json
from ecgsynth.evaluation.baselines.real_samples import (
    FAMILIES,
    draw,
    has_real_samples,
    real_ranges,
    sampled_rows,
)
from ecgsynth.evaluation.intervals import blocks
from ecgsynth.evaluation.report.html.readers import READERS
from ecgsynth.evaluation.report.html.verdicts import COPIED
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.simulator.records import Noise, simulate_beats

UNDRAWN = {"tstr", "patient_membership", *COPIED}
"""Figures of questions that are marked otherwise."""


@pytest.fixture(scope="module")
def people() -> Ecg:
    beats = simulate_beats(3000, patients=12, noise=Noise(muscle_mv=0.01), seed=5)
    return replace(beats.with_classes(("N", "V")), marks=None)


@pytest.fixture(scope="module")
def trial(people: Ecg) -> Trial:
    late = blocks(people) % 5 == 0
    fresh = blocks(people) % 5 == 1
    return Trial(people[fresh], people[late], people[~late & ~fresh], quick=True)


def sampled(ecg: Ecg, normal: int, seed: int, *, people_vary: bool) -> NDArray[np.int64]:
    counts = {"N": normal, "V": 20}
    return sampled_rows(ecg, counts, np.random.default_rng(seed), people_vary=people_vary)


@pytest.mark.parametrize("people_vary", [True, False])
def test_a_sample_has_the_sizes_that_are_wanted_and_no_item_twice(
    people: Ecg, people_vary: bool
) -> None:
    rows = sampled(people, 200, 0, people_vary=people_vary)
    assert len(set(rows.tolist())) == len(rows) == 220
    assert people[rows].counts() == {"N": 200, "V": 20}


def test_people_are_redrawn_where_they_vary(people: Ecg) -> None:
    assert people.patient is not None

    def there(seed: int, people_vary: bool) -> frozenset[str]:
        rows = sampled(people, 1100, seed, people_vary=people_vary)
        return frozenset(people.patient[rows].tolist())  # type: ignore[index]

    varied = [there(k, True) for k in range(20)]
    assert len(set(varied)) > 15
    assert max(len(who) for who in varied) < 12
    assert np.mean([len(there(k, False)) for k in range(20)]) > 11


def test_a_sample_holds_whole_blocks_of_its_people(people: Ecg) -> None:
    rows = sampled(people, 300, 1, people_vary=True)
    taken = np.isin(np.arange(len(people)), rows)
    normal = people.labels_str == "N"
    unit = blocks(people)
    shares = [taken[normal & (unit == k)].mean() for k in np.unique(unit[rows[:300]])]
    assert np.mean(np.array(shares) == 1) > 0.8  # all but the last one


def test_the_range_holds_real_samples_and_not_what_is_off() -> None:
    random = np.random.default_rng(0)
    names = ("memorisation", "nn_membership", "domias")
    many = {n: {"N": list(random.normal(0.6, 0.05, 500)), "V": list(random.normal(5, 1, 500))}
            for n in names}  # fmt: skip
    found = real_ranges(many, ("N", "V"))
    inside = [
        all(found[n, g].holds(random.normal(*(0.6, 0.05) if g == "N" else (5, 1)))
            for n in names for g in "NV")
        for _ in range(1000)
    ]  # fmt: skip
    assert np.mean(inside) >= 0.975
    assert not found["domias", "N"].holds(0.85)
    assert not found["domias", "N"].holds(0.35)


def test_fewer_draws_give_a_wider_range_and_more_figures_too() -> None:
    values = list(norm.ppf((np.arange(20) + 0.5) / 20))

    def width(times: int, metrics: int) -> float:
        one = {f"{k}_w1": {"N": values * times} for k in range(metrics)}
        reach = real_ranges(one, ("N",))["0_w1", "N"]
        return reach.high - reach.low

    assert width(1, 1) > width(25, 1)
    assert width(1, 12) > width(1, 1)


def test_a_class_without_marks_does_not_widen_the_others() -> None:
    random = np.random.default_rng(0)
    given = {"coverage": {g: list(random.normal(0.5, 0.1, 500)) for g in "NSVF"}}
    assert ("coverage", "S") not in real_ranges(given, ("N", "V"))
    assert (
        real_ranges(given, ("N",))["coverage", "N"].high
        < real_ranges(given, "NSVF")["coverage", "N"].high
    )


def test_every_figure_that_a_question_stands_on_is_drawn_in_one_family() -> None:
    asked = {name for reader in READERS for q in reader.questions
             for name in (*q.metrics, *(metric for metric, _ in q.instead))}  # fmt: skip
    assert asked - UNDRAWN == {name for family in FAMILIES for name in family}


def test_real_samples_of_people_are_measured_like_any_set(trial: Trial) -> None:
    metrics = [METRICS.get(n) for n in ("coverage", "memorisation", "qrs_w1", "nn_membership")]
    assert all(has_real_samples(metric, quick=True) for metric in metrics)
    found = draw(trial, metrics, 12)
    assert {len(values) for row in found.values() for values in row.values()} == {12}
    assert np.isfinite(found["coverage"]["N"]).all()
    assert len(set(found["coverage"]["N"])) > 3
    own = METRICS.get("coverage").measure(trial)["N"].value
    assert real_ranges(found, ("N",))["coverage", "N"].holds(own)
    again = draw(trial, metrics, 12)
    assert again == found


def test_draws_are_kept_with_the_calibration() -> None:
    one = Calibration({"N": 10}, True, {}, {"coverage": {"N": [0.5, float("nan"), 0.7]}})
    back = from_json(to_json([one]))[0]
    np.testing.assert_array_equal(back.draws["coverage"]["N"], one.draws["coverage"]["N"])
    assert from_json([{"counts": {"N": 10}, "quick": True, "figures": {}}])[0].draws == {}
