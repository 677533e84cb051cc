"""The classifier of beats: its trees, its features, the shipped files, and bad recordings."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray
from outcome import Command
from sklearn.ensemble import HistGradientBoostingClassifier

import ecgsynth as es
from ecgsynth.classification.calibration import (
    best_offset,
    calibration_error,
    fit_calibration,
    softmax,
)
from ecgsynth.classification.classifier import CLASSES, SHIPPED, BeatClassifier, load_classifier
from ecgsynth.classification.features import feature_table, fibrillation
from ecgsynth.classification.recordings import (
    DETECTED,
    BeatTable,
    choose_leads,
    classify_recording,
    confusion,
    detect_beats,
    recordings_at,
)
from ecgsynth.classification.rhythm import intervals, local, quantile, rank, rhythm
from ecgsynth.classification.trees import Trees
from ecgsynth.classification.windows import prepare
from ecgsynth.datasets import store
from ecgsynth.errors import DamagedFileError, EcgsynthError
from ecgsynth.formats import write
from ecgsynth.scoring.figures import ectopic_of
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.vocabulary import AAMI_CLASSES
from ecgsynth.simulator.records import Noise, simulate_record

FS = 250.0


@pytest.fixture(scope="module")
def recording() -> Recording:
    """A minute of a simulated person with a few V beats, in two leads; `truth` in the notes."""
    shares = {"N": 0.88, "V": 0.12}
    ecg = simulate_record(
        60, FS, heart_rate=70, leads=("II", "V1"), beats=shares, noise=Noise(muscle_mv=0.01), seed=3
    )
    whole = Recording.of(ecg)
    beats = np.isin(whole.annotations.symbol, list(CLASSES))
    return replace(whole, annotations=whole.annotations.select(beats))


@pytest.fixture(scope="module")
def shipped() -> BeatClassifier:
    return load_classifier()


def probability(one: Recording, classifier: BeatClassifier) -> NDArray[np.float64]:
    return classifier.probability(one.signal, one.fs, one.annotations.sample)


def small_trees(classes: int = 3) -> tuple[HistGradientBoostingClassifier, NDArray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(600, 5)).astype(np.float32)
    x[random.random(x.shape) < 0.1] = np.nan
    y = np.nan_to_num(x[:, 0] + x[:, 1] > 0).astype(int) + (random.random(600) < 0.2)
    return HistGradientBoostingClassifier(max_iter=8, max_leaf_nodes=6).fit(x, y % classes), x


# ---- trees ---------------------------------------------------------------------------------


def test_trees_give_what_scikit_learn_gives_also_for_unknown_values() -> None:
    fitted, x = small_trees()
    assert np.abs(Trees.of_scikit(fitted).logits(x) - fitted._raw_predict(x)).max() < 1e-5
    rows = np.repeat(x, 8, 0)  # more rows than are looked at at once
    assert np.array_equal(
        Trees.of_scikit(fitted).logits(rows)[::8], Trees.of_scikit(fitted).logits(x)
    )


def test_a_mean_of_trees_gives_the_mean_of_their_logits() -> None:
    fitted, x = small_trees()
    one = Trees.of_scikit(fitted)
    label = np.digitize(np.nan_to_num(x[:, 2]), (-0.5, 0.5))
    other = Trees.of_scikit(HistGradientBoostingClassifier(max_iter=5).fit(x, label))
    mean = Trees.mean([one, other]).logits(x)
    assert np.abs(mean - (one.logits(x) + other.logits(x)) / 2).max() < 1e-5


@pytest.mark.parametrize(
    ("name", "value"),
    [("left", 0), ("right", 9999), ("value", None), ("start", np.zeros(7, np.float32))],
)
def test_trees_whose_branches_lead_nowhere_are_refused(name: str, value: object) -> None:
    arrays = Trees.of_scikit(small_trees()[0]).arrays()
    if isinstance(value, int):
        arrays[name] = np.where(arrays["feature"] >= 0, value, arrays[name]).astype(np.int16)
    elif value is None:
        arrays[name] = arrays[name][:, :2]
    else:
        arrays[name] = value
    with pytest.raises(ValueError, match="trees"):
        Trees.of_arrays(arrays)


# ---- features ------------------------------------------------------------------------------


def test_the_quantile_of_known_values_is_that_of_numpy() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 9))
    rows[rows > 1] = np.nan
    rows[:, 0] = 0.0
    for share in (0.25, 0.5, 0.9):
        assert np.allclose(quantile(rows, share), np.nanquantile(rows, share, axis=1))


def test_local_medians_know_the_beat_itself_and_its_neighbours_alone() -> None:
    values = np.arange(20.0)
    assert local(values, 2, 2)[10] == 10
    assert local(values, 2, 0)[10] == 9
    assert rank(values, 3)[10] == pytest.approx(3 / 7)


def test_intervals_over_gaps_and_at_one_time_are_unknown() -> None:
    rr = intervals(np.array([0.0, 0.8, 0.8, 1.6, 60.0]))
    assert rr == pytest.approx([np.nan, 0.8, np.nan, 0.8, np.nan], nan_ok=True)


def test_a_premature_beat_is_early_by_every_measure_and_a_fast_rhythm_is_not() -> None:
    steady = np.full(80, 0.8)
    early = steady.copy()
    early[40], early[41] = 0.5, 1.1
    found = rhythm(early, np.ones(80, bool))
    for name in ("rr/20", "rr/record", "rr/track", "rr/10before"):
        assert found[name][40] == pytest.approx(0.625, abs=0.02)
    slowly = rhythm(np.linspace(0.9, 0.5, 200), np.ones(200, bool))
    assert slowly["run"][20:].min() > 0.95


def test_the_beats_of_a_run_are_fast_against_the_rhythm_before_it() -> None:
    rr = np.full(120, 0.8)
    rr[50:80] = 0.45
    found = rhythm(rr, np.ones(120, bool))
    assert (found["rr/track"][50:80] < 0.75).all()
    assert (found["run"][50:65] < 0.6).all()


def test_irregular_beats_without_p_waves_are_fibrillation_and_irregular_ones_with_them_not() -> (
    None
):
    columns = {
        "irregular60": np.array([0.25, 0.25, 0.02]),
        "corr_p_near": np.array([0.0, 0.9, 0.0]),
    }
    assert fibrillation(columns) == pytest.approx([1, 0, 0])


@pytest.mark.parametrize("change", ["gain", "upside down", "leads swapped", "offset"])
def test_features_do_not_change_with(change: str, recording: Recording) -> None:
    signal = {
        "gain": recording.signal * 3, "upside down": -recording.signal,
        "leads swapped": recording.signal[::-1], "offset": recording.signal + 2,
    }[change]  # fmt: skip
    at_s = recording.annotations.sample / FS
    before = feature_table(prepare(recording.signal, FS), at_s)
    after = feature_table(prepare(signal, FS), at_s)
    turned = ("max", "min", "mean", "level", "before", "first", "second", "third")
    for name, values in before.items():
        if change != "upside down" or not any(word in name for word in turned):
            assert np.allclose(values, after[name], atol=2e-2, equal_nan=True), name


def test_another_rate_gives_the_same_classes(recording: Recording, shipped: BeatClassifier) -> None:
    twice = replace(
        recording, data=np.repeat(recording.signal, 2, 1), fs=2 * FS,
        annotations=replace(recording.annotations, sample=2 * recording.annotations.sample),
    )  # fmt: skip
    same = shipped.classes(probability(recording, shipped))
    assert (same == shipped.classes(probability(twice, shipped))).mean() > 0.97


# ---- calibration ---------------------------------------------------------------------------


def test_calibration_finds_how_far_scores_were_off() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(20_000, 4)) * 2
    label = (softmax(logits).cumsum(1) < random.random((20_000, 1))).sum(1)
    found = fit_calibration(logits * 3 + [1, 0, 0, 0], np.zeros(20_000), label, np.ones(20_000))
    after = found.probability(logits * 3 + [1, 0, 0, 0], np.zeros(20_000))
    assert np.abs(after - softmax(logits)).mean() < 0.01
    called = after.argmax(1)
    assert calibration_error(after.max(1), called == label) < 0.02


def test_scores_of_s_in_fibrillation_are_lowered_where_that_is_right() -> None:
    random = np.random.default_rng(1)
    fib = (random.random(4000) < 0.5).astype(float)
    label = np.where((fib == 0) & (random.random(4000) < 0.2), 1, 0)
    label[:100] = 2
    scores = np.full((4000, 4), -4.0)
    scores[:, 0] = 0
    scores[:, 1] = np.where((label == 1) | ((fib == 1) & (random.random(4000) < 0.3)), 2.0, -3.0)
    scores[:100, 2] = 4
    assert fit_calibration(scores, fib, label, np.ones(4000)).pull > 0
    assert fit_calibration(scores, 0 * fib, label, np.ones(4000)).pull == 0


def test_the_threshold_of_a_class_is_half_of_its_f1() -> None:
    label = np.arange(400) % 3
    sure = np.eye(4)[label] * 0.96 + 0.01
    assert best_offset(sure, label) == pytest.approx([0, 0, 0, 0])
    half = np.where(np.arange(400) % 2, label, 0)  # half of S and of V are called N
    f1 = 2 * 0.5 / 1.5
    offset = np.log((1 - f1 / 2) / (f1 / 2))
    found = best_offset(np.eye(4)[half] * 0.96 + 0.01, label)
    assert found == pytest.approx([0, offset, offset, 0], abs=0.03)


def test_calibration_error_is_the_gap_between_confidence_and_truth() -> None:
    right = np.arange(1500) % 10 < 8
    assert calibration_error(np.full(1500, 0.9), right) == pytest.approx(0.1, abs=0.01)
    assert np.isnan(calibration_error(np.zeros(0), np.zeros(0, bool)))


# ---- the shipped classifiers ---------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_classifier_knows_v_beats_of_a_person_whom_nobody_trained_on(
    name: str, recording: Recording
) -> None:
    classifier = load_classifier(name)
    share = probability(recording, classifier)
    assert share.sum(1) == pytest.approx(1)
    called, truth = classifier.classes(share), recording.annotations.symbol
    assert (called == truth)[truth == "V"].mean() > 0.8
    assert (called == truth)[truth == "N"].mean() > 0.95


def test_nobody_of_ds2_is_among_the_people_of_a_shipped_classifier() -> None:
    from ecgsynth.datasets.people import may_train

    for name in SHIPPED:
        people = load_classifier(name).facts["people"]
        assert len(people) >= 21
        assert all(may_train(one) for one in people)


def test_a_classifier_is_the_same_after_saving_and_loading(
    tmp_path: Path, recording: Recording, shipped: BeatClassifier
) -> None:
    shipped.save(tmp_path / "copy.safetensors")
    copy = load_classifier(str(tmp_path / "copy.safetensors"))
    assert np.array_equal(probability(recording, copy), probability(recording, shipped))


@pytest.mark.parametrize("content", [b"", b"no classifier", b"\x08" + bytes(40)])
def test_a_damaged_classifier_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="no classifier of beats"):
        load_classifier(str(path))
    with pytest.raises(EcgsynthError, match="name one of beats, ds1"):
        load_classifier("nobody")


@pytest.mark.data
def test_the_beats_of_a_real_record_are_named_also_upside_down_and_where_r_was_detected(
    shipped: BeatClassifier,
) -> None:
    """Record 119, of DS1, has 444 V beats; the classifier was trained with it."""
    folder = store.find_folder("mitbih", "119.hea")
    whole = next(recordings_at(folder / "119"))
    assert isinstance(whole, Recording)
    table = classify_recording(whole, shipped)
    assert table.truth is not None
    called, truth = table.label == "V", table.truth == "V"
    assert (called & truth).sum() > 0.95 * truth.sum()
    assert (called & ~truth).sum() < 20
    upside_down = classify_recording(replace(whole, data=-whole.signal), shipped)
    assert (upside_down.label == table.label).mean() > 0.97
    detected = classify_recording(whole, shipped, DETECTED)
    assert detected.truth is None
    assert (detected.label == "V").sum() == pytest.approx(444, abs=30)


# ---- recordings ----------------------------------------------------------------------------


def test_the_order_of_annotations_does_not_matter(
    recording: Recording, shipped: BeatClassifier
) -> None:
    at = recording.annotations.sample
    turn = np.random.default_rng(0).permutation(len(at))
    share = shipped.probability(recording.signal, FS, at[turn])
    assert np.allclose(share, probability(recording, shipped)[turn])


def test_one_lead_of_an_unknown_name_will_do(recording: Recording, shipped: BeatClassifier) -> None:
    truth = recording.annotations.symbol
    one = replace(recording, data=recording.signal[:1], leads=("signal 0",))
    table = classify_recording(one, shipped)
    assert (table.label == truth).mean() > 0.9


def test_a_flat_or_missing_lead_is_left_out(recording: Recording, shipped: BeatClassifier) -> None:
    expected = classify_recording(
        replace(recording, data=recording.signal[:1], leads=("II",)), shipped
    )
    for other in (0.0, np.nan):
        data = recording.signal.copy()
        data[1] = other
        found = classify_recording(replace(recording, data=data), shipped)
        assert np.allclose(found.probability, expected.probability)
    flat = replace(recording, data=np.zeros_like(recording.signal))
    with pytest.raises(EcgsynthError, match="no lead with a signal"):
        classify_recording(flat, shipped)


def test_a_gap_changes_only_beats_near_it(recording: Recording, shipped: BeatClassifier) -> None:
    data = recording.signal.copy()
    data[:, 2000:3000] = np.nan
    share = shipped.probability(data, FS, recording.annotations.sample)
    assert np.isfinite(share).all()
    far = np.abs(recording.annotations.sample - 2500) > 2500
    same = share.argmax(1) == probability(recording, shipped).argmax(1)
    assert same[far].mean() > 0.97


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_beats_are_refused_in_a_sentence(
    count: int, recording: Recording, shipped: BeatClassifier
) -> None:
    few = replace(recording, annotations=recording.annotations.select(np.arange(count)))
    if count:
        with pytest.raises(EcgsynthError, match=f"{count} beats show neither"):
            classify_recording(few, shipped)
    with pytest.raises(EcgsynthError, match="beats show neither"):
        shipped.probability(recording.signal, FS, recording.annotations.sample[:count])


@pytest.mark.parametrize("count", [3, 4, 11])
def test_a_few_beats_are_named(count: int, recording: Recording, shipped: BeatClassifier) -> None:
    at = recording.annotations.sample[:count]
    share = shipped.probability(recording.signal[:, : at[-1] + 200], FS, at)
    assert share.shape == (count, 4)
    assert np.isfinite(share).all()


def test_a_person_without_normal_beats_gets_classes_all_the_same(
    recording: Recording, shipped: BeatClassifier
) -> None:
    only = recording.annotations.select(recording.annotations.symbol == "V")
    share = shipped.probability(recording.signal, FS, only.sample)
    assert np.isfinite(share).all()


def test_beats_at_one_time_and_at_the_ends_are_named(
    recording: Recording, shipped: BeatClassifier
) -> None:
    at = np.concatenate([[0, 0], recording.annotations.sample, [recording.samples - 1]])
    assert np.isfinite(shipped.probability(recording.signal, FS, at)).all()


def test_two_leads_are_looked_at_of_twelve() -> None:
    twelve = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
    assert [twelve[k] for k in choose_leads(twelve)] == ["II", "V1"]
    assert choose_leads(("V5", "MLII")) == [1, 0]
    assert choose_leads(("ECG1", "ECG2")) == [0, 1]
    assert choose_leads(("V1",)) == [0]


def test_r_is_detected_where_the_beats_are(recording: Recording) -> None:
    found, truth = detect_beats(recording.signal, FS), recording.annotations.sample
    nearest = np.abs(found[:, None] - truth).min(1)
    assert (nearest < 0.1 * FS).mean() > 0.95
    assert len(found) == pytest.approx(len(truth), abs=3)
    assert (np.diff(found) > 0).all()


# ---- the command ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, recording: Recording) -> Path:
    """Two records as other programs write them, with annotations in the first."""
    place = tmp_path_factory.mktemp("records")
    for name in ("a1", "b2"):
        wfdb.wrsamp(
            name, fs=FS, units=["mV", "mV"], sig_name=["MLII", "V1"],
            p_signal=recording.signal.T.astype(np.float64), fmt=["16", "16"], write_dir=str(place),
        )  # fmt: skip
    notes = recording.annotations
    wfdb.wrann("a1", "atr", notes.sample, notes.symbol.tolist(), write_dir=str(place))
    return place


def test_the_command_writes_a_table_and_an_ec57_report(
    command: Command, folder: Path, tmp_path: Path, recording: Recording
) -> None:
    target = tmp_path / "beats.csv"
    done = command("classify", "run", str(folder / "a1"), "--to", str(target))
    assert (done.code, done.err) == (0, "")
    assert "VEB" in done.out
    rows = list(csv.DictReader(target.open()))
    assert list(rows[0]) == ["sample", "time_s", "label", "p_N", "p_S", "p_V", "p_F"]
    assert [int(row["sample"]) for row in rows] == recording.annotations.sample.tolist()
    assert float(rows[3]["time_s"]) == pytest.approx(int(rows[3]["sample"]) / FS, abs=1e-3)


def test_the_command_annotates_a_folder_and_detects_beats_where_none_are_annotated(
    command: Command, folder: Path, tmp_path: Path, recording: Recording
) -> None:
    target = f"{tmp_path}/classified/"
    done = command("classify", "run", str(folder), "--to", target, "--json", f"{tmp_path}/f.json")
    assert done.code == 0
    assert "detected" in done.out
    one = wfdb.rdann(f"{target}a1", "aami")
    assert one.sample.tolist() == recording.annotations.sample.tolist()
    assert {*one.symbol} <= {*AAMI_CLASSES}
    assert one.aux_note[0].startswith("N ")
    assert len(wfdb.rdann(f"{target}b2", "aami").sample) > 50
    again = command("classify", "run", str(folder), "--to", target)
    assert again.code == 2
    assert "--force" in again.err


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nothing"], "there is no file or folder"),
        (["{folder}/b2", "--beats", "atr"], "has no annotations .atr"),
        (["{folder}/a1", "--to", "x.txt"], "neither a table nor a folder"),
        (["{folder}/a1", "--classifier", "best"], "there is no classifier 'best'"),
        (["{folder}/a1", "--json", "x.txt"], "ends in .json"),
    ],
)
def test_the_command_refuses_in_a_sentence(
    words: list[str], error: str, command: Command, folder: Path
) -> None:
    done = command("classify", "run", *(word.format(folder=folder) for word in words))
    assert done.code == 2
    assert error in done.err
    assert done.err.count("\n") == 1


def test_a_damaged_record_does_not_stop_the_others(
    command: Command, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "b2.dat").write_bytes(b"short")
    done = command("classify", "run", str(tmp_path))
    assert done.code == 0
    assert "1 of 2 recordings were left out" in caplog.text


def test_synthetic_recordings_are_named_so_and_windows_of_beats_are_refused(
    command: Command, tmp_path: Path
) -> None:
    write(simulate_record(20, FS, heart_rate=70, leads=("II",), seed=5), tmp_path / "own.npz")
    target = tmp_path / "beats.csv"
    assert command("classify", "run", f"{tmp_path}/own.npz", "--to", str(target)).code == 0
    assert target.read_text().startswith("# Of synthetic recordings")
    from ecgsynth.simulator.records import simulate_beats

    write(simulate_beats(8, seed=1), tmp_path / "windows.npz")
    done = command("classify", "run", f"{tmp_path}/windows.npz")
    assert done.code == 2
    assert "in which a beat has neighbours" in done.err


def test_recordings_of_an_own_folder_are_named_as_its_files(tmp_path: Path) -> None:
    one = simulate_record(5, FS, heart_rate=70, leads=("II",), seed=5)
    same_name = replace(one, record=np.array(["r"]))
    write(es.concatenate([same_name, same_name]), f"{tmp_path}/own/")
    names = [recording.name for recording in recordings_at(tmp_path / "own")]
    assert names == [path.stem for path in sorted((tmp_path / "own").glob("*.atr"))]
    assert len(set(names)) == 2
    write(es.concatenate([same_name, same_name]), f"{tmp_path}/own.npz")
    assert [recording.name for recording in recordings_at(tmp_path / "own.npz")] == ["r", "r"]


def test_ec57_of_confusion_matrices_leaves_out_what_the_rules_leave_out() -> None:
    truth, label = np.array(list("NNSVFQVV")), np.array(list("NSSVVSNV"))
    table = BeatTable("a", FS, np.arange(8), label, np.zeros((8, 4)), truth)
    found = ectopic_of(list(confusion([table]).values()), AAMI_CLASSES)
    assert found["VEB"]["counts"] == {"TP": 2, "FN": 1, "FP": 0, "TN": 4}
    assert found["SVEB"]["counts"] == {"TP": 1, "FN": 0, "FP": 1, "TN": 5}


def test_annotations_that_are_no_beats_are_passed_over(
    recording: Recording, shipped: BeatClassifier
) -> None:
    notes = recording.annotations
    more = Annotations(np.append(notes.sample, [5, 700]), np.append(notes.symbol, ["+", "~"]))
    assert len(classify_recording(replace(recording, annotations=more), shipped)) == len(notes)
