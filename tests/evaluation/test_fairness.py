"""Figures by sex and age: who belongs where, and what each group's coverage is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecgsynth.cli.evaluate import show
from ecgsynth.datasets.demographics import people, people_of_headers
from ecgsynth.datasets.people import DS1, DS2
from ecgsynth.evaluation import Estimate, NotApplicable, Trial
from ecgsynth.evaluation.judge import evaluate
from ecgsynth.evaluation.metrics import fairness
from ecgsynth.evaluation.metrics.fairness import groups
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.spec import Spec

SPEC = Spec(("MLII",), 360.0, 32, ("N", "V"))
PEOPLE = {
    "a": (30.0, "F"), "b": (50.0, "F"), "c": (50.0, "M"), "d": (80.0, "M"), "e": (None, "M"),
    "f": (70.0, None),
}  # fmt: skip


def beats(names: str, each: int = 40, seed: int = 0, far: str = "") -> Ecg:
    """Beats of some people; those of `far` lie where no other's do."""
    patient = np.repeat(list(names), each)
    signal = np.random.default_rng(seed).standard_normal((len(patient), 1, 32))
    signal[np.isin(patient, list(far))] += 20
    label = one_hot(np.arange(len(patient)) % 2, 2)
    return Ecg(signal.astype(np.float32), SPEC, label, patient=patient, source="ward:heldout")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fairness, "people", lambda _: PEOPLE)


def measure(trial: Trial) -> dict[str, Estimate]:
    return METRICS.get("fairness_coverage").measure(trial)


@pytest.mark.usefixtures("known")
def test_people_whom_the_set_forgot_are_seen() -> None:
    test = beats("abcdef", far="d")
    found = measure(Trial(beats("abcef", 60, seed=1), test))
    assert found["women"].value > 0.9
    assert found["men"].value == pytest.approx(2 / 3, abs=0.1)  # d is not covered, c and e are
    assert found[">65"].value == pytest.approx(1 / 2, abs=0.1)  # f is, and has no sex
    assert found["<40"].value > 0.9
    whole = measure(Trial(beats("abcdef", 60, seed=1, far="d"), test))
    assert all(estimate.value > 0.9 for estimate in whole.values())


@pytest.mark.usefixtures("known")
def test_each_group_tells_its_people_and_that_it_is_no_verdict() -> None:
    found = measure(Trial(beats("abcdef", seed=1), beats("abcdef")))
    assert found["men"].note == "3 people; a description of these, no verdict"
    assert found["<40"].note.startswith("1 person")
    assert found["<40"].low is None
    assert found["men"].low is not None
    empty = measure(Trial(beats("cd", seed=1), beats("cd")))
    assert np.isnan(empty["women"].value)
    assert empty["women"].note == "0 people"


@pytest.mark.usefixtures("known")
def test_everybody_counts_alike_however_many_beats_he_gave() -> None:
    few, many = beats("d", 20, far="d"), beats("c", 200, seed=2)
    test = Ecg(
        np.concatenate([few.signal, many.signal]), SPEC, np.concatenate([few.label, many.label]),
        patient=np.concatenate([few.patient, many.patient]),
    )  # fmt: skip
    found = measure(Trial(beats("c", 220, seed=1), test))
    assert found["men"].value == pytest.approx(0.5, abs=0.06)


@pytest.mark.usefixtures("known")
def test_the_order_of_items_changes_nothing() -> None:
    test, made = beats("abcdef"), beats("abcdef", seed=1)
    order = np.random.default_rng(0).permutation(len(test))
    one, other = measure(Trial(made, test)), measure(Trial(made[order], test[order]))
    assert {n: e.value for n, e in one.items()} == pytest.approx(
        {n: e.value for n, e in other.items()}
    )


@pytest.mark.usefixtures("known")
def test_noise_covers_nobody() -> None:
    made = beats("abcdef", seed=1)
    noise = Ecg(10 * made.signal, SPEC, made.label)
    found = measure(Trial(noise, beats("abcdef")))
    assert all(estimate.value < 0.2 for estimate in found.values())


def test_sets_without_known_people_are_left_out_with_the_reason() -> None:
    test = beats("ab")
    with pytest.raises(NotApplicable, match="of ward:heldout are not known"):
        measure(Trial(test, test))
    nameless = Ecg(test.signal, SPEC, test.label)
    with pytest.raises(NotApplicable, match="the person of each item"):
        measure(Trial(test, nameless))


@pytest.mark.usefixtures("known")
def test_too_few_items_leave_it_out() -> None:
    with pytest.raises(NotApplicable, match="no class has 10 items"):
        measure(Trial(beats("a", 6), beats("a", 6)))


@pytest.mark.usefixtures("known")
def test_groups_of_people_stand_in_a_table_of_their_own(capsys: pytest.CaptureFixture) -> None:
    report = evaluate(
        beats("abcdef", seed=1), beats("abcdef"), controls=False,
        metrics=["coverage", "fairness_coverage"],
    )  # fmt: skip
    assert report["fairness_coverage", "women"].question == "fairness"
    show(report, Path("report.html"))
    said = capsys.readouterr().out
    first, _, second = said.partition("by sex and age")
    assert "women" not in first
    assert "fairness_coverage" not in first
    assert "women" in second
    assert "40-65" in second


def test_ages_at_the_edges_belong_to_the_middle() -> None:
    found = groups([(39.9, "F"), (40.0, "M"), (65.0, None), (65.1, "F"), (None, None)])
    assert {name: np.flatnonzero(who).tolist() for name, who in found.items()} == {
        "women": [0, 3], "men": [1], "<40": [0], "40-65": [1, 2], ">65": [3],
    }  # fmt: skip


def test_headers_that_are_missing_or_broken_tell_nothing(tmp_path: Path) -> None:
    (tmp_path / "one.hea").write_text("one 1 360 10\none.dat 16 200 16 0 0 0 0 II\n# 40 F 1 1 x1\n")
    (tmp_path / "bad.hea").write_text("\x00\x01 nonsense")
    found = people_of_headers(tmp_path, {"one": "p1", "bad": "p2", "gone": "p3"})
    assert found == {"p1": (40.0, "F")}


def test_sets_that_tell_nothing_of_their_people_have_none() -> None:
    assert people("simulated:heldout") == people("nowhere:train") == people("") == {}


@pytest.mark.data
def test_the_people_of_mitbih_are_as_its_headers_say() -> None:
    known = people("mitbih:heldout")
    assert known["100"] == (69.0, "M")
    assert known["103"] == (None, "M")  # his age is not told
    assert "202" not in known  # the man of record 201
    assert {str(record) for record in (*DS1, *DS2)} - {"202"} == {*known}
    assert sum(sex == "F" for _, sex in known.values()) == 20
