"""Classifiers of any set: EC57 figures on other people, calibration, novelty, who stands where."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outcome import Command

from ecgsynth.augmentation.baselines import make_training_set
from ecgsynth.augmentation.classifiers import (
    load_classifier,
    prepare_test_set,
    train_classifier,
    train_detector,
)
from ecgsynth.augmentation.novelty import Detector, novelty
from ecgsynth.augmentation.patient_leakage import check_disjoint, count_synthetic, hashed_people
from ecgsynth.classification import report
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.reference_models.instruments import Instrument
from ecgsynth.formats import write
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.spec import Spec
from ecgsynth.simulator.records import Noise, simulate_beats

prepare_test_set.__test__ = False  # type: ignore[attr-defined]  (it is no test)


def crowd(seed: int, count: int = 400) -> Ecg:
    """Beats of four simulated people of their own names."""
    beats = simulate_beats(
        count, patients=4, beats={"N": 0.5, "S": 0.25, "V": 0.25}, noise=Noise(muscle_mv=0.01),
        seed=seed,
    ).with_classes(("N", "S", "V"))  # fmt: skip
    assert beats.patient is not None
    who = np.char.add(f"{seed}-", beats.patient)
    return replace(beats, patient=who, record=who, marks=None)


@pytest.fixture(scope="module")
def sides() -> tuple[Ecg, Ecg]:
    return crowd(1), crowd(2)


@pytest.fixture(scope="module")
def classifier(sides: tuple[Ecg, Ecg]) -> Instrument:
    return train_classifier(sides[0], steps=60)


def by_hand(counts: list[list[int]], classes: tuple[str, ...] = ("N", "S", "V")) -> Any:
    """A test set and answers with this confusion matrix (row: truth), each person 10 items."""
    truth, said = [], []
    for row, line in enumerate(counts):
        for column, count in enumerate(line):
            truth += [row] * count
            said += [column] * count
    spec = Spec(("MLII",), 360, 8, classes)
    who = np.array([f"p{k % 10}" for k in range(len(truth))])
    ecg = Ecg(np.zeros((len(truth), 1, 8)), spec, one_hot(truth, len(classes)), patient=who)
    return ecg, 0.1 + 0.7 * one_hot(said, len(classes))


def test_figures_by_hand() -> None:
    ecg, said = by_hand([[80, 10, 10], [5, 15, 0], [2, 0, 18]])
    found = report.report(ecg, said)
    assert found["confusion"] == [[80, 10, 10], [5, 15, 0], [2, 0, 18]]
    row = found["classes"]["S"]
    assert row["sensitivity"] == pytest.approx(15 / 20)
    assert row["predictivity"] == pytest.approx(15 / 25)
    assert row["f1"]["value"] == pytest.approx(2 * 15 / (20 + 25))
    f1 = [found["classes"][name]["f1"]["value"] for name in "NSV"]
    assert found["macro"]["NSV"]["value"] == pytest.approx(np.mean(f1))
    assert row["f1"]["low"] < row["f1"]["value"] < row["f1"]["high"]


def test_perfect_answers_are_perfect_and_guessing_is_not() -> None:
    ecg, said = by_hand([[50, 0, 0], [0, 30, 0], [0, 0, 20]])
    perfect = report.report(ecg, said)["classes"]
    guessed = report.report(ecg, np.full((100, 3), 1 / 3))["classes"]
    assert [row["auroc"]["value"] for row in perfect.values()] == [1, 1, 1]
    assert [row["auroc"]["value"] for row in guessed.values()] == pytest.approx([0.5] * 3)


def test_calibration_by_hand() -> None:
    # .8 sure each time: right in 80 of 100 is exact, right in all is off by .2.
    ecg, said = by_hand([[80, 20], [0, 0]], ("N", "S"))
    said = said / said.sum(1, keepdims=True)
    sure = float(said.max())
    found = report.calibration(ecg, said)
    assert found["expected_error"] == pytest.approx(abs(sure - 0.8))
    (line,) = found["bins"]
    assert line["items"] == 100 and line["accuracy"] == pytest.approx(0.8)
    assert line["from"] < sure <= line["to"]


def test_a_class_of_one_patient_has_no_interval() -> None:
    ecg, said = by_hand([[80, 0, 0], [0, 20, 0], [0, 0, 20]])
    who = np.where(ecg.labels_str == "V", "213", ecg.patient)
    found = report.report(replace(ecg, patient=who), said)["classes"]["V"]
    assert found["f1"]["note"] == found["auroc"]["note"] == "one patient"
    assert found["f1"]["low"] is None and found["largest_share"] == 1


def test_s_is_told_with_and_without_record_232() -> None:
    ecg, said = by_hand([[50, 0, 0], [10, 30, 0], [0, 0, 20]])
    wrong = said.argmax(1) != ecg.labels_id
    record = np.where(wrong, "232", "100")
    found = report.report(replace(ecg, record=record), said)
    assert found["classes"]["S"]["sensitivity"] == pytest.approx(0.75)
    assert found["without_232"]["S"]["sensitivity"] == 1
    assert "without_232" not in report.report(ecg, said)
    by_record = {one["record"]: one for one in found["records"]}
    assert by_record["232"]["right"] == 0 and by_record["100"]["right"] == 1
    assert by_record["232"]["classes"]["N"]["sensitivity"] is None


def test_veb_and_sveb_by_the_rules_of_ec57() -> None:
    table = [[70, 10, 10, 0, 0], [5, 15, 2, 0, 0], [2, 1, 17, 0, 0], [0, 3, 6, 1, 0],
             [0, 4, 5, 0, 1]]  # fmt: skip
    ecg, said = by_hand(table, tuple("NSVFQ"))
    found = report.report(ecg, said)["ec57"]
    # Fv and Qv are in no figure of VEB; of SVEB Qs is in none, and Fs is a false alarm.
    assert found["VEB"]["counts"] == {"TP": 17, "FN": 3, "FP": 12, "TN": 80 + 20 + 4 + 5}
    assert found["SVEB"]["counts"]["FP"] == 10 + 1 + 3
    assert found["VEB"]["predictivity"]["gross"] == pytest.approx(17 / 29)
    assert found["SVEB"]["predictivity"]["gross"] == pytest.approx(15 / 29)


def test_gross_statistics_count_beats_and_average_ones_count_records() -> None:
    ecg, said = by_hand([[50, 0, 10], [0, 0, 0], [10, 0, 30]])
    right = said.argmax(1) == ecg.labels_id
    record = np.where((ecg.labels_str == "V") & ~right, "233", np.where(right, "100", "101"))
    row = report.ectopic(replace(ecg, record=record), said)["VEB"]
    assert row["sensitivity"] == {"gross": 0.75, "average": 0.5, "records": 2}
    # Record 100 is all right, 101 has false alarms alone, 233 calls no beat V.
    assert row["predictivity"] == {"gross": 0.75, "average": 0.5, "records": 2}
    assert row["false_positive_rate"]["gross"] == pytest.approx(10 / 60)


def test_a_macro_over_a_class_without_items_is_left_out() -> None:
    ecg, said = by_hand([[50, 0, 0, 0], [0, 30, 0, 0], [0, 0, 20, 0], [0] * 4], tuple("NSVF"))
    found = report.report(ecg, said)
    assert found["macro"]["NSV"]["value"] == 1 and "all" not in found["macro"]
    assert found["classes"]["F"]["f1"] is None


def test_a_classifier_learns_and_comes_back_from_its_file(
    sides: tuple[Ecg, Ecg], classifier: Instrument, tmp_path: Path
) -> None:
    test, notes = prepare_test_set(classifier, sides[1])
    assert notes == ["Synthetic items are among those that are tested on."]  # simulated hearts
    classifier.save(tmp_path / "one.safetensors")
    back = load_classifier(tmp_path / "one.safetensors")
    assert isinstance(back, Instrument)
    assert report.report(test, back.predict(test))["macro"]["NSV"]["value"] > 0.6
    np.testing.assert_allclose(back.predict(test), classifier.predict(test), atol=0.02)
    assert back.facts["counts"] == sides[0].counts() and back.facts["people"] == hashed_people(
        sides[0]
    )


def test_a_classifiers_file_names_nobody(classifier: Instrument, tmp_path: Path) -> None:
    classifier.save(tmp_path / "one.safetensors")
    assert len(classifier.facts["people"]) == 4
    assert b"1-000" not in (tmp_path / "one.safetensors").read_bytes()


def test_people_on_both_sides_are_named(sides: tuple[Ecg, Ecg], classifier: Instrument) -> None:
    who = sides[0].patient
    assert who is not None
    some = concatenate([sides[1], sides[0][who == who[0]]])
    with pytest.raises(EcgsynthError, match=f"both sets: {who[0]};"):
        prepare_test_set(classifier, some)
    with pytest.raises(EcgsynthError, match="both sets"):
        train_classifier(sides[0], sides[0], steps=1)


def named(ecg: Ecg, *names: str) -> Ecg:
    return replace(ecg[: len(names)], patient=np.array(names))


def test_201_and_202_are_one_man_where_the_names_are_those_of_mitbih(
    sides: tuple[Ecg, Ecg],
) -> None:
    known = hashed_people(named(sides[0], "101", "201"))
    with pytest.raises(EcgsynthError, match="202 .records 201 and 202 are one man."):
        check_disjoint(known, named(sides[1], "100", "202"))
    check_disjoint(known, named(sides[1], "100", "200"))
    elsewhere = hashed_people(named(sides[0], "x", "201"))
    check_disjoint(elsewhere, named(sides[1], "y", "202"))
    with pytest.raises(EcgsynthError, match="both sets: 202"):  # one name is one name anywhere
        check_disjoint(hashed_people(named(sides[0], "x", "202")), named(sides[1], "202"))


def test_synthetic_people_are_nobody(sides: tuple[Ecg, Ecg], caplog: Any) -> None:
    known = hashed_people(named(sides[0], "a", "GAN_S"))
    check_disjoint(known, named(sides[1], "b", "GAN_S"))
    assert not caplog.text
    check_disjoint(hashed_people(named(sides[0], "GAN_S")), named(sides[1], "b"))
    assert "is not known" in caplog.text
    assert count_synthetic(replace(named(sides[0], "a", "GAN_S"), source="saved.npz")) == 1


def test_looking_at_the_test_side_is_said(
    sides: tuple[Ecg, Ecg], classifier: Instrument, caplog: Any
) -> None:
    tested = replace(sides[1], source="mitbih:test", patient=np.full(len(sides[1]), "100"))
    _, notes = prepare_test_set(classifier, tested)
    assert notes == ["DS2 was looked at: once per shipped version."]
    assert "once per shipped version" in caplog.text


def test_another_rate_is_resampled_and_other_classes_are_left_out(
    sides: tuple[Ecg, Ecg], classifier: Instrument
) -> None:
    from ecgsynth.evaluation.inputs import at_rate

    wide = replace(sides[1].spec, classes=("N", "S", "Q"))
    test, notes = prepare_test_set(classifier, at_rate(replace(sides[1], spec=wide), 720))
    assert test.spec.classes == ("N", "S", "V") and test.spec.fs == 360
    assert "Resampled from 720 to 360 Hz." in notes
    assert f"no such class: {sides[1].counts()['V']} Q." in notes[-2]
    assert "No macro over V" in notes[-1]


@pytest.mark.parametrize("change, said", [
    ({"samples": 200}, "items of samples 256, the test items have 200"),
    ({"unit": "normalised"}, "items of unit mV"), ({"leads": ("V1",)}, "items of leads MLII"),
    ({"classes": ("x", "y", "z")}, "carries one of N, S, V"),
])  # fmt: skip
def test_items_that_a_classifier_cannot_look_at_are_refused(
    sides: tuple[Ecg, Ecg], classifier: Instrument, change: dict[str, Any], said: str
) -> None:
    spec = replace(sides[1].spec, **change)
    signal = sides[1].signal[..., : spec.samples]
    with pytest.raises(EcgsynthError, match=said):
        prepare_test_set(classifier, replace(sides[1], signal=signal, spec=spec))


@pytest.mark.parametrize("spoil, said", [
    (lambda x: x * 1000, "Are they in uV"), (lambda x: x * 0, "are flat"),
    (lambda x: x * np.nan, "no finite item"),
])  # fmt: skip
def test_what_is_no_ecg_is_neither_learned_nor_chosen_by_nor_tested_on(
    sides: tuple[Ecg, Ecg], classifier: Instrument, spoil: Any, said: str
) -> None:
    first, other = (replace(side, signal=spoil(side.signal)) for side in sides)
    with pytest.raises(EcgsynthError, match=said):
        train_classifier(first, steps=1)
    with pytest.raises(EcgsynthError, match=said):
        train_classifier(sides[0], other, steps=1)
    with pytest.raises(EcgsynthError, match=said):
        prepare_test_set(classifier, other)
    with pytest.raises(EcgsynthError, match=said):
        train_detector(first)


@pytest.mark.parametrize("change, said", [
    ({"r_sample": 136}, "with R at sample 96, the validation items have it at 136"),
    ({"leads": ("V1",)}, "of leads MLII"), ({"classes": ("x", "y", "z")}, "no validation item"),
])  # fmt: skip
def test_weights_are_chosen_by_items_that_are_cut_alike(
    sides: tuple[Ecg, Ecg], change: dict[str, Any], said: str
) -> None:
    other = replace(sides[1], spec=replace(sides[1].spec, **change))
    with pytest.raises(EcgsynthError, match=said):
        train_classifier(sides[0], other, steps=1)


def test_what_items_do_not_tell_is_said(
    sides: tuple[Ecg, Ecg], classifier: Instrument, caplog: Any
) -> None:
    bare = replace(sides[1], spec=replace(sides[1].spec, context=(), r_sample=None), context=None)
    test, notes = prepare_test_set(classifier, bare[bare.labels_str != "V"])
    for word in ("sample of R is not stated", "RR intervals are not stated", "No macro over V"):
        assert any(word in note for note in notes)
    detector = train_detector(crowd(1, 1200))
    assert np.isfinite(detector.score(test)).all()  # beats of nobody's pace
    who = np.where(np.arange(len(sides[0])) % 2, "100", "103")
    train_classifier(replace(sides[0], source="mitbih:test", patient=who), steps=1)
    assert "no figure on it will count" in caplog.text


def test_a_class_without_items_cannot_be_learned(sides: tuple[Ecg, Ecg]) -> None:
    with pytest.raises(EcgsynthError, match="class V has no items"):
        train_classifier(sides[0][sides[0].labels_str != "V"], steps=1)
    with pytest.raises(EcgsynthError, match="no arm named 'weigths'. Did you mean 'weights'"):
        train_classifier(sides[0], arm="weigths", steps=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("arm", ["jitter", "smote"])
def test_arms_fill_every_class_up_and_leave_the_real_items_alone(
    sides: tuple[Ecg, Ecg], arm: Any
) -> None:
    if arm == "smote":
        pytest.importorskip("imblearn")
    real = sides[0]
    full, weighted = make_training_set(real, arm, seed=3)
    assert not weighted
    assert set(full.counts().values()) == {max(real.counts().values())}
    np.testing.assert_array_equal(full.signal[: len(real)], real.signal)
    new = full[len(real) :]
    known = {item.tobytes() for item in real.signal}
    assert not any(item.tobytes() in known for item in new.signal)
    assert np.isfinite(new.signal).all() and np.isfinite(np.asarray(new.context)).all()
    for name in "SV":  # of the class: nearer to its mean beat than to that of N
        mean, other = (real.of_class(one).signal.mean(0) for one in (name, "N"))
        part = new.of_class(name).signal
        to = [np.linalg.norm(part - one, axis=(1, 2)) for one in (mean, other)]
        assert name == "S" or (to[0] < to[1]).mean() > 0.8
    np.testing.assert_array_equal(make_training_set(real, arm, seed=3)[0].signal, full.signal)
    assert (
        make_training_set(real, "none") == (real, False) and make_training_set(real, "weights")[1]
    )


def test_smote_lies_between_two_real_beats(sides: tuple[Ecg, Ecg]) -> None:
    pytest.importorskip("imblearn")
    part = sides[0].of_class("V")[:12]
    full, _ = make_training_set(concatenate([sides[0].of_class("N")[:40], part]), "smote")
    one = full[52:].signal[0, 0].astype(float)
    ends = part.signal[:, 0].astype(float)
    ways = []
    for a in ends:
        for b in ends:
            if a is not b:
                along = np.clip((one - a) @ (b - a) / max((b - a) @ (b - a), 1e-12), 0, 1)
                ways.append(np.abs(a + along * (b - a) - one).max())
    assert min(ways) < 1e-4


def test_a_detector_of_normal_beats_finds_the_others(
    sides: tuple[Ecg, Ecg], tmp_path: Path
) -> None:
    detector = Detector.fit(crowd(1, 1200), "N", {"people": ["x"]})
    found = novelty(detector, sides[1])
    assert set(found["classes"]) == {"S", "V"}
    assert found["classes"]["V"]["auroc"]["value"] > 0.8
    detector.save(tmp_path / "one.safetensors")
    back = load_classifier(tmp_path / "one.safetensors")
    assert isinstance(back, Detector)
    np.testing.assert_allclose(back.score(sides[1]), detector.score(sides[1]))
    alone = replace(detector, spec=replace(detector.spec, classes=("N",)))
    assert set(prepare_test_set(alone, sides[1])[0].counts()) == {"N", "S", "V"}
    with pytest.raises(EcgsynthError, match="tested on items of N and of other classes"):
        prepare_test_set(alone, sides[1].of_class("N"))
    with pytest.raises(EcgsynthError, match="a one-class detector needs"):
        Detector.fit(sides[0][:20], "N", {})


def test_the_command_trains_and_tests(
    command: Command, sides: tuple[Ecg, Ecg], tmp_path: Path
) -> None:
    for name, ecg in zip(("learn", "other"), sides, strict=True):
        write(ecg, tmp_path / f"{name}.npz")
    code, out, err = command(
        "classify", "train", "learn.npz", "--steps", 20, "--validation", "other.npz",
        "--to", "c.safetensors",
    )  # fmt: skip
    assert code == 0, err
    assert "c.safetensors was trained on N" in out
    code, out, err = command(
        "classify", "test", "c.safetensors", "--on", "other.npz", "--json", "c.json"
    )
    assert code == 0, err
    for word in ("Se", "+P", "AUROC", "confusion", "calibration error", "records", "macro F1"):
        assert word in out
    told = json.loads(Path("c.json").read_text())
    assert told["classifier"]["steps"] == 20 and len(told["records"]) == 4
    assert np.sum(told["confusion"]) == len(sides[1])
    code, _, err = command("classify", "test", "c.safetensors", "--on", "learn.npz")
    assert code == 2 and "both sets" in err


def test_the_command_makes_a_detector(command: Command, tmp_path: Path) -> None:
    write(crowd(1, 400), tmp_path / "learn.npz")
    write(crowd(2, 60), tmp_path / "other.npz")
    code, _, err = command("classify", "train", "learn.npz", "--one-class", "--to", "d.safetensors")
    assert code == 0, err
    code, out, err = command("classify", "test", "d.safetensors", "--on", "other.npz")
    assert code == 0, err
    assert "separated from class N by a detector trained on it" in out


@pytest.mark.parametrize("words, said", [
    (["train", "mitbih:train", "--to", "c.npz"], "does not end in"),
    (["train", "absent.npz", "--to", "c.safetensors"], "there is no file"),
    (["train", "mitbih:trian", "--to", "c.safetensors"], "Did you mean 'train'"),
    (["test", "c.safetensors", "--on", "mitbih:validation"], "there is no classifier"),
    (["test", "wrong.safetensors", "--on", "mitbih:validation"], "no classifier of ecgsynth"),
    (["test", "c.safetensors", "--on", "x.npz", "--json", "c.txt"], "ends in .json"),
    (["train", "x.npz", "--one-class", "--arm", "smote", "--to", "c.safetensors"], "leave them"),
    (["train", "x.npz", "--to", "wrong.safetensors/c.safetensors"], "could not be written"),
])  # fmt: skip
def test_a_slip_is_one_sentence(command: Command, words: list[str], said: str) -> None:
    Path("wrong.safetensors").write_bytes(b"nothing of the kind")
    code, _, err = command("classify", *words)
    assert code == 2 and said in err
    assert err.count("\n") == 1


def test_the_command_trains_as_long_as_the_classifiers_are_meant_to() -> None:
    from ecgsynth.cli.classify import STEPS
    from ecgsynth.evaluation.reference_models import classifiers

    assert STEPS == classifiers.STEPS
