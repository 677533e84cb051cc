"""Two-sample tests: by people, against trained beats, and with label and RR beside the beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ecgsynth.datasets import load
from ecgsynth.evaluation import Estimate, NotApplicable, Trial
from ecgsynth.evaluation.baselines.controls import CONTROLS, mean_beat, narrow_band
from ecgsynth.evaluation.baselines.samplers import class_gaussian
from ecgsynth.evaluation.intervals import ITEMS_PER_BLOCK
from ecgsynth.evaluation.metrics.fidelity import c2st
from ecgsynth.evaluation.metrics.fidelity.c2st import condition_features, shape_features
from ecgsynth.evaluation.metrics.fidelity.folds import (
    FOLDS,
    nearest,
    split_by_blocks,
    two_sample_sets,
)
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.simulator.records import Noise, simulate_beats


def measured(name: str, trial: Trial) -> Estimate:
    return METRICS.get(name).measure(trial)["all"]


def bare(ecg: Ecg) -> Ecg:
    """As a generator gives them: nobody's."""
    return replace(ecg, patient=None, record=None, onset_s=None, marks=None)


@pytest.fixture(scope="module")
def trial() -> Trial:
    """Three exchangeable parts of the beats of 16 simulated people: made, held out, trained."""
    crowd = simulate_beats(
        2700, patients=16, beats={"N": 0.6, "V": 0.4}, noise=Noise(muscle_mv=0.01), seed=5
    ).with_classes(("N", "V"))
    order = np.random.default_rng(0).permutation(len(crowd))
    made, test, train = (crowd[np.sort(part)] for part in np.array_split(order, 3))
    return Trial(bare(made), test, train, quick=True)


def shuffled_rr(ecg: Ecg, seed: int = 0) -> Ecg:
    """RR of other beats of the set."""
    assert ecg.context is not None
    return replace(ecg, context=ecg.context[np.random.default_rng(seed).permutation(len(ecg))])


def select_classes(ecg: Ecg, share: float = 0.2, seed: int = 0) -> Ecg:
    """Another label for so many of the beats."""
    random, label = np.random.default_rng(seed), ecg.labels_id.copy()
    rows, classes = random.random(len(ecg)) < share, len(ecg.spec.classes)
    label[rows] = (label[rows] + random.integers(1, classes, rows.sum())) % classes
    return replace(ecg, label=one_hot(label, classes))


# ---- folds ---------------------------------------------------------------------------------


def test_a_person_stands_in_one_fold_with_equally_many_of_each_class_on_both_sides(
    trial: Trial,
) -> None:
    assert trial.test is not None
    found = two_sample_sets(trial.synthetic, trial.test, np.random.default_rng(0))
    assert found.people
    who = np.concatenate([found.real.patient, found.synthetic.patient])
    for name in np.unique(who):
        assert len(np.unique(found.fold[who == name])) == 1
    for fold in range(FOLDS):
        for label in "NV":
            here = (found.fold == fold) & (found.label == label)
            assert (found.truth[here] == 0).sum() == (found.truth[here] == 1).sum() > 0
    assert len(found.real) > 0.8 * len(trial.test)
    some = found.some(200, np.random.default_rng(0))
    assert len(some.real) == len(some.synthetic) == pytest.approx(200, abs=2)
    assert some.real.counts() == some.synthetic.counts()


def test_a_synthetic_beat_stands_with_the_people_whom_it_is_like(trial: Trial) -> None:
    assert trial.test is not None and trial.train is not None
    assert trial.test.patient is not None and trial.train.patient is not None
    near = nearest(bare(trial.train), trial.test)
    assert (trial.test.patient[near] == trial.train.patient).mean() > 0.8


def test_dealt_out_at_random_beats_of_the_same_people_would_be_told_apart_by_whose_they_are(
    trial: Trial,
) -> None:
    """What folds by person of the real side alone would do, and why they are not used."""
    assert trial.test is not None
    found = two_sample_sets(trial.synthetic, trial.test, np.random.default_rng(0))
    fold, made = found.fold.copy(), found.truth == 1
    fold[made] = np.random.default_rng(1).integers(FOLDS, size=made.sum())
    wrong = replace(trial)
    wrong.know(c2st.heldout_sets, replace(found, fold=fold))
    assert measured("c2st", wrong).value < 0.4
    assert measured("c2st", trial).value > 0.45


def test_where_folds_cannot_be_by_person_they_are_by_time_and_the_note_says_why(
    trial: Trial,
) -> None:
    assert trial.test is not None and trial.test.patient is not None
    three = np.isin(trial.test.patient, np.unique(trial.test.patient)[:3])
    for test, why in (
        (replace(trial.test, patient=None), "do not name their people"),
        (trial.test[three], "of 3 people, and 4 are needed"),
    ):
        one = replace(trial, test=test)
        assert why in measured("c2st", one).note
        with pytest.raises(NotApplicable, match=why):
            METRICS.get("c2st_minutes").measure(one)
    collapsed = mean_beat(trial)
    found = measured("c2st", collapsed)
    assert found.value > 0.99
    assert "have a partner in the same fold" in found.note
    assert "folds by person" in measured("c2st", trial).note


# ---- what is found, and what is not --------------------------------------------------------


@pytest.mark.parametrize("name", ["c2st", "c2st_minutes", "c2st_trained", "c2st_conditional"])
def test_beats_of_the_same_people_cannot_be_told_apart(trial: Trial, name: str) -> None:
    found = measured(name, trial)
    assert found.low is not None and found.high is not None
    assert found.value == pytest.approx(0.5, abs=0.06)
    assert found.low < 0.52 and found.high > 0.48


@pytest.mark.parametrize("make", [class_gaussian, narrow_band])
def test_crude_sets_are_found_by_people(trial: Trial, make: Callable[[Trial], Trial]) -> None:
    crude = make(trial)
    for name in ("c2st", "c2st_trained"):
        assert measured(name, crude).value > 0.9


@pytest.mark.parametrize("spoil", [shuffled_rr, select_classes])
def test_only_the_conditional_one_sees_labels_and_rr_that_belong_to_other_beats(
    trial: Trial, spoil: Callable[[Ecg], Ecg]
) -> None:
    wrong = trial.with_synthetic(spoil(trial.synthetic))
    blind, seeing = measured("c2st_trained", wrong), measured("c2st_conditional", wrong)
    assert blind.value < 0.56
    assert seeing.low is not None
    assert seeing.low > 0.52 and seeing.value > measured("c2st_conditional", trial).value + 0.06


def test_rr_that_few_have_is_not_looked_at_and_without_classes_nothing_is_left(
    trial: Trial,
) -> None:
    assert trial.synthetic.context is not None
    shape = shape_features(c2st.trained_sets(trial))
    whole = condition_features(c2st.trained_sets(trial), shape).shape[1]
    context = trial.synthetic.context.copy()
    context[::2, trial.synthetic.spec.context.index("rr_mean_s")] = np.nan
    context[1, :] = np.nan
    few = replace(trial, synthetic=replace(trial.synthetic, context=context))
    fewer = condition_features(c2st.trained_sets(few), shape_features(c2st.trained_sets(few)))
    assert fewer.shape[1] == whole - 2  # before to after alone is left of three ratios
    assert np.isfinite(fewer).all()

    def plain(ecg: Ecg | None) -> Ecg:
        assert ecg is not None
        return replace(
            ecg, spec=replace(ecg.spec, classes=(), context=()), label=None, context=None
        )

    nameless = Trial(plain(trial.synthetic), plain(trial.test), plain(trial.train), quick=True)
    assert measured("c2st_trained", nameless).value == pytest.approx(0.5, abs=0.06)
    with pytest.raises(NotApplicable, match="needs two classes or RR"):
        METRICS.get("c2st_conditional").measure(nameless)


def test_too_few_items_or_blocks_give_their_reason(trial: Trial) -> None:
    assert trial.test is not None
    for name in ("c2st", "c2st_trained", "c2st_conditional"):
        found = measured(name, trial.with_synthetic(trial.synthetic[:40]))
        assert np.isnan(found.value) and "items per set; 50 are needed" in found.note
    one = split_by_blocks(
        trial.synthetic, replace(trial.test, onset_s=None), np.random.default_rng(0)
    )
    units = one.unit[one.truth == 0]
    assert np.bincount(units).max() <= ITEMS_PER_BLOCK
    assert one.real.patient is not None
    assert len({*zip(units.tolist(), one.real.patient.tolist(), strict=True)}) == len({*units})


def test_the_stronger_of_boosting_and_network_counts_and_both_are_told(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(c2st, "network_scores", lambda found, _: found.truth * 0.9)
    found = METRICS.get("c2st").measure(replace(trial, quick=False))
    assert set(found) == {"all", "boosting", "network"}
    assert found["all"].value == found["network"].value == 1.0
    assert found["boosting"].value < 0.6
    assert "network 1.000" in found["all"].note and "boosting 0." in found["all"].note


# ---- real recordings -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded() -> Trial:
    """Real trained beats of other minutes in the place of the set."""
    train, test = (load("mitbih", split, classes=tuple("NSVF")) for split in ("train", "heldout"))
    random = np.random.default_rng(0)
    rows = [random.permutation(np.flatnonzero(train.labels_str == n))[:2000] for n in "NSVF"]
    asked = train[np.concatenate(rows)]
    return CONTROLS["real"](Trial(asked, test, train, quick=True))


@pytest.mark.data
def test_on_real_recordings_other_minutes_are_not_found_by_people_and_are_by_minutes(
    recorded: Trial,
) -> None:
    for name in ("c2st", "c2st_trained", "c2st_conditional"):
        assert measured(name, recorded).value == pytest.approx(0.5, abs=0.05)
    assert measured("c2st_minutes", recorded).value > 0.7


@pytest.mark.data
def test_on_real_recordings_crude_sets_are_found_by_people(recorded: Trial) -> None:
    assert measured("c2st", class_gaussian(recorded)).value > 0.85
    assert measured("c2st", narrow_band(recorded)).value > 0.98
    gaussian = measured("c2st", CONTROLS["gaussian"](recorded)).value
    assert measured("c2st", recorded).value + 0.05 < gaussian < 0.8


@pytest.mark.data
@pytest.mark.parametrize("spoil", [shuffled_rr, select_classes])
def test_on_real_recordings_labels_and_rr_of_other_beats_are_found(
    recorded: Trial, spoil: Callable[[Ecg], Ecg]
) -> None:
    real = measured("c2st_conditional", recorded)
    found = measured("c2st_conditional", recorded.with_synthetic(spoil(recorded.synthetic)))
    assert found.low is not None and real.high is not None
    assert found.low > real.high
