"""Where sets share items, nothing tells what was trained from what is new, and that is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ecgsynth as es
from ecgsynth.evaluation.overlap import shared_items
from ecgsynth.formats import read, write
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate

COMPARE = sorted(
    name for name in METRICS.names()
    if METRICS.get(name).question == "privacy" and "train" in METRICS.get(name).needs
)  # fmt: skip
OF_HELDOUT = [name for name in COMPARE if "test" in METRICS.get(name).needs]
TAKE_OUT = "training items cannot be distinguished from new ones; remove them from it"


@pytest.fixture(scope="module")
def parts() -> dict[str, Ecg]:
    """Trained, held-out and other beats of simulated people, and copies with 5 uV of noise."""
    sets = {
        name: es.load(f"simulated:{split}", beats=400, muscle_mv=0.02, classes=("N", "V"))
        for name, split in (("train", "train"), ("heldout", "heldout"), ("others", "test"))
    }
    random = np.random.default_rng(0)
    trained = sets["train"][np.sort(random.permutation(len(sets["train"]))[:400])]
    noise = random.normal(0, 0.005, trained.signal.shape).astype(np.float32)
    sets["copies"] = replace(
        trained, signal=trained.signal + noise, source="synthetic:copies", card=None
    )
    return sets


def judged(synthetic: Ecg, against: Ecg, train: Ecg | str, others: Ecg | None = None) -> es.Report:
    return es.evaluate(
        synthetic, against, train, others, metrics=COMPARE, quick=True, controls=False
    )


def test_copies_are_found_where_the_sets_share_nothing(parts: dict[str, Ecg]) -> None:
    report = judged(parts["copies"], parts["heldout"], parts["train"], parts["others"])
    assert report["memorisation", "N"].value > 0.95
    assert not [note for note in report.notes if "SOME PRIVACY METRICS ARE INVALID" in note]


@pytest.mark.parametrize("share", [1.0, 0.5, 0.05])
def test_heldout_items_that_were_trained_on_leave_the_figures_out(
    parts: dict[str, Ecg], share: float
) -> None:
    train, heldout = parts["train"], parts["heldout"]
    shared = train[: round(share * len(heldout))]
    against = concatenate([shared, heldout[len(shared) :]]) if share < 1 else train
    report = judged(parts["copies"], against, train)
    for name in OF_HELDOUT:
        assert not [row for row in report.rows if row.metric == name and row.value is not None]
        assert TAKE_OUT in report.left_out[name]
    count = len(shared) if share < 1 else len(train)
    words = f"{count} of {len(against)} held-out items are in the training set too"
    assert any(
        words in note and "SOME PRIVACY METRICS ARE INVALID" in note for note in report.notes
    )


def test_trained_people_under_other_names_are_no_new_patients(parts: dict[str, Ecg]) -> None:
    heldout = parts["heldout"]
    assert heldout.patient is not None
    renamed = replace(heldout, patient=np.char.add("X", heldout.patient))
    report = judged(parts["copies"], heldout, parts["train"], renamed)
    for name in set(COMPARE) - set(OF_HELDOUT):
        assert "so these patients are not new; remove them" in report.left_out[name]
    assert report["memorisation", "N"].value is not None
    honest = judged(parts["copies"], heldout, parts["train"], parts["others"])
    assert not any("are not new" in reason for reason in honest.left_out.values())


def test_new_patients_with_names_of_trained_people_are_doubted(parts: dict[str, Ecg]) -> None:
    def doubts(others: Ecg) -> list[str]:
        report = es.evaluate(
            parts["copies"], parts["heldout"], parts["train"], others, metrics=["spread"],
            quick=True, controls=False,
        )  # fmt: skip
        return [note for note in report.notes if "NEW PATIENTS MAY NOT BE NEW" in note]

    assert not doubts(parts["others"])
    assert doubts(parts["heldout"])
    one = parts["others"].patient
    assert one is not None and parts["train"].patient is not None
    mixed = replace(
        parts["others"], patient=np.where(one == one[0], parts["train"].patient[0], one)
    )
    assert f"1 of {len({*one})} have names of trained people" in doubts(mixed)[0]


def test_one_item_of_a_hundred_and_fewer_is_no_overlap(parts: dict[str, Ecg]) -> None:
    against = concatenate([parts["train"][:8], parts["heldout"]])
    assert judged(parts["copies"], against, parts["train"])["memorisation", "N"].value > 0.9


def test_class_that_is_not_shared_keeps_its_figure(parts: dict[str, Ecg]) -> None:
    train = parts["train"]
    against = concatenate([train.of_class("N")[:500], parts["heldout"].of_class("V")])
    report = judged(parts["copies"], against, train)
    assert report["memorisation", "N"].value is None
    assert TAKE_OUT in report["memorisation", "N"].note
    assert report["memorisation", "V"].value > 0.8


def test_class_that_is_shared_is_left_out_alone(parts: dict[str, Ecg]) -> None:
    train = parts["train"]
    against = concatenate([parts["heldout"], train.of_class("V")[:3]])
    assert 0.01 * min(len(against), len(train)) > 3
    report = judged(parts["copies"], against, train)
    assert report["memorisation", "N"].value is not None
    assert report["memorisation", "V"].value is None
    assert "3 of" in report["memorisation", "V"].note
    assert "held-out items of class V are in the training set" in report["memorisation", "V"].note


@pytest.mark.parametrize("ending", ["npz", "csv", "parquet", "wfdb"])
def test_items_are_known_again_behind_every_format(
    parts: dict[str, Ecg], tmp_path: Path, ending: str
) -> None:
    shared = parts["train"][100:160]
    target = tmp_path / ("records" if ending == "wfdb" else f"set.{ending}")
    again = read(write(shared, target))
    assert shared_items(again, parts["train"]).all()
    assert shared_items(again.quantised(), parts["train"]).all()
    assert not shared_items(again, parts["heldout"]).any()


def test_other_items_and_flat_lines_are_not_the_same(parts: dict[str, Ecg]) -> None:
    train = parts["train"]
    assert not shared_items(parts["copies"], train).any()
    flat = replace(train, signal=np.zeros_like(train.signal))
    assert not shared_items(flat, flat).any()
    assert not len(shared_items(train[:0], train))
    assert not shared_items(train, train[:0]).any()


def test_judged_set_as_its_own_training_set_is_said(parts: dict[str, Ecg]) -> None:
    made = parts["copies"]
    for train in (made, replace(made, source="mine.npz")):
        report = judged(made, parts["heldout"], train, parts["others"])
        for name in COMPARE:
            assert "the training set is the evaluated set itself" in report.left_out[name]


def test_synthetic_items_that_are_heldout_ones_leave_the_figures_out(
    parts: dict[str, Ecg],
) -> None:
    made = concatenate([parts["copies"], parts["heldout"][:20]])
    made = replace(made, source="synthetic:mixed", card=None)
    report = judged(made, parts["heldout"], parts["train"])
    for name in OF_HELDOUT:
        assert "20 of 420 synthetic items are in the held-out set too" in report.left_out[name]


def test_copies_of_trained_items_to_the_last_digit_are_still_found(parts: dict[str, Ecg]) -> None:
    exact = replace(parts["train"][::20], source="synthetic:exact", card=None)
    assert judged(exact, parts["heldout"], parts["train"])["memorisation", "N"].value > 0.95


def test_new_patients_whose_items_were_trained_on_are_no_new_patients(
    parts: dict[str, Ecg],
) -> None:
    hidden = parts["train"][:100]
    hidden = replace(hidden, patient=np.array([f"other {k % 9}" for k in range(100)]))
    report = judged(parts["copies"], parts["heldout"], parts["train"], hidden)
    assert "new patients' items are in the training set" in report.left_out["patient_membership"]
    assert report["memorisation", "N"].value > 0.95
