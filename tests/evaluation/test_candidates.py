"""Which labels of a set a generator can learn: by people, and by what is in the signal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ecgsynth as es
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.candidates import Candidates, _folds
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec


def labelled(people: int = 40, each: int = 4) -> Ecg:
    """Items with a label that is a bump in the signal, one of chance, and one of two people."""
    random = np.random.default_rng(0)
    person = np.repeat(np.arange(people), each)
    label = np.zeros((len(person), 3), np.float32)
    label[:, 0] = person % 2
    label[:, 1] = person % 3 == 0
    label[:, 2] = person < 2
    signal = random.normal(0, 0.1, (len(person), 1, 64)).astype(np.float32)
    signal[label[:, 0] > 0, 0, 20:30] += 1
    spec = Spec(("II",), 100.0, 64, ("BUMP", "CHANCE", "RARE"), True)
    return Ecg(signal, spec, label, patient=person.astype(str), source="bumps:train")


@pytest.fixture(scope="module")
def found() -> Candidates:
    return es.candidates(labelled(), folds=2, steps=40)


def test_verdicts_follow_people_and_signal(found: Candidates) -> None:
    rows = {row.name: row for row in found.rows}
    assert rows["BUMP"].verdict == "can be made" and rows["BUMP"].auroc > 0.95
    assert rows["CHANCE"].verdict != "can be made"
    assert rows["RARE"].verdict == "too few people" and rows["RARE"].auroc is None
    assert (rows["RARE"].people, rows["RARE"].records) == (2, 8)
    assert found.rows[0].name == "BUMP"


def test_a_second_call_is_the_same(found: Candidates) -> None:
    assert es.candidates(labelled(), folds=2, steps=40) == found


def test_the_table_is_kept_as_json(found: Candidates, tmp_path: Path) -> None:
    found.save(tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text())["rows"][0]["name"] == "BUMP"


def test_folds_are_by_person_and_each_label_is_spread() -> None:
    data = labelled()
    assert data.patient is not None
    person = data.patient.astype(int)
    label = np.asarray(data.label) > 0
    fold = _folds(label, person, 2, seed=1)
    assert all(len(np.unique(fold[person == one])) == 1 for one in np.unique(person))
    for column in label.T:
        people = [len(np.unique(person[column & (fold == k)])) for k in range(2)]
        assert max(people) - min(people) <= 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda e: replace(e, patient=None), "no people"),
        (lambda e: replace(e, spec=replace(e.spec, classes=()), label=None), "no labels"),
        (lambda e: e[np.flatnonzero(e.patient == "1")], "people, which are no"),
    ],
)
def test_sets_without_people_or_labels_are_refused(change: object, why: str) -> None:
    with pytest.raises(EcgsynthError, match=why):
        es.candidates(change(labelled()), folds=2, steps=1)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["ptbxl:test", "ptbxl:fold-10", "ptbxl:all"])
def test_nothing_is_chosen_by_test_people(name: str) -> None:
    with pytest.raises(EcgsynthError, match="models are tested"):
        es.candidates(name)
