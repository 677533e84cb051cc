"""Recordings completed: what is known stays, what was made is named, in every format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb
from items import TARGETS, beats
from outcome import Command
from tiny import tiny_renderer
from wfdb_files import write_record

import ecgsynth as es
from ecgsynth.completion.beats import BeatSource
from ecgsynth.completion.complete import plan
from ecgsynth.completion.known import KnownPart
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.acquisition import acquisition
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import R
from ecgsynth.signals.rates import at_rate
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.synthetic_parts import mask_of, read_text, stretches_of, text_of
from ecgsynth.signals.vocabulary import LEADS_12, limb_leads
from ecgsynth.synthesizer import Synthesizer

FS = 100.0
SECONDS = 4.0
BEATS = np.arange(40, 380, 80)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A renderer of 4 s at 100 Hz that has learned nothing: its laws are those of a good one."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    return tiny_renderer(SECONDS).save(path)


def recording(fs: float = FS, seconds: float = SECONDS, **more: Any) -> Recording:
    """Twelve leads with a baseline of their own, in steps of 5 uV; annotated at every R."""
    whole = es.simulate_record(max(seconds, 2.0), 500.0, seed=3)
    signal = at_rate(whole, fs).signal[0][:, : round(seconds * fs)].astype(np.float64)
    signal[:2] += 0.2 * np.sin(np.arange(signal.shape[1]) / fs) + 0.3
    signal[:2] = np.round(signal[:2] / 0.005) * 0.005
    limb = limb_leads(signal[0], signal[1])
    signal[2:6] = [limb[lead] for lead in LEADS_12[2:6]]
    signal[6:] = np.round(signal[6:] / 0.005) * 0.005
    at = BEATS[seconds * FS > BEATS] * round(fs) // round(FS)
    given: dict[str, Any] = {
        "annotations": Annotations(at, np.full(len(at), "N")), "name": "100", "source": "mitdb",
    }  # fmt: skip
    return Recording(signal.astype(np.float32), fs, LEADS_12, **(given | more))


def with_gaps(one: Recording, *gaps: tuple[slice, slice]) -> Recording:
    signal = np.array(one.data)
    for leads, time in gaps:
        signal[leads, time] = np.nan
    return replace(one, data=signal)


def assert_known_kept(done: Ecg, one: Recording, leads: tuple[str, ...] = LEADS_12) -> None:
    """Every known sample comes back bit for bit, and every other one is named as made."""
    signal = np.asarray(one.data)
    known = np.zeros(done.signal.shape[1:], bool)
    for lead in leads:
        k = LEADS_12.index(lead)
        known[k, : one.samples] = np.isfinite(signal[one.leads.index(lead)])
        rows = known[k, : one.samples]
        kept = done.signal[0, k, : one.samples][rows]
        assert kept.tobytes() == signal[one.leads.index(lead)][rows].tobytes()
    assert done.synthetic_mask is not None
    np.testing.assert_array_equal(done.synthetic_mask[0], ~known)
    assert np.isfinite(done.signal).all()


# What is made.


def test_two_leads_become_twelve(model: Path) -> None:
    one = recording()
    done = es.complete(one, model, leads=["I", "II"])
    assert done.spec.leads == LEADS_12
    assert_known_kept(done, one, ("I", "II"))
    for lead, wanted in limb_leads(*done.signal[0, :2].astype(np.float64)).items():
        np.testing.assert_allclose(done.signal[0, LEADS_12.index(lead)], wanted, atol=1e-6)
    assert np.ptp(done.signal[0, 6:], axis=1).min() > 0


def test_gaps_are_filled_wherever_they_are(model: Path) -> None:
    one = with_gaps(
        recording(), (slice(None), slice(120, 200)), (slice(6, 9), slice(0, 40)),
        (slice(1, 2), slice(330, 400)),
    )  # fmt: skip
    assert_known_kept(es.complete(one, model), one)


@pytest.mark.parametrize("seconds", [0.5, 1.0, 3.9, 4.0])
def test_a_recording_of_any_length_is_prolonged_to_any_length(model: Path, seconds: float) -> None:
    one = recording(seconds=seconds, annotations=Annotations())
    done = es.complete(one, model, prolong_s=11.3)
    assert done.spec.samples == 1130
    assert_known_kept(done, one)


def test_a_limb_lead_that_is_missing_is_computed_where_two_others_are_known(model: Path) -> None:
    whole = recording()
    one = with_gaps(whole, (slice(0, 1), slice(100, 200)))
    done = es.complete(one, model)
    assert_known_kept(done, one)
    np.testing.assert_allclose(done.signal[0, 0], np.asarray(whole.data)[0], atol=1e-5)


def test_a_lone_limb_lead_agrees_with_the_ones_that_are_made(model: Path) -> None:
    one = recording()
    done = es.complete(one, model, leads=["aVF", "V2"])
    assert_known_kept(done, one, ("aVF", "V2"))
    wanted = limb_leads(*done.signal[0, :2].astype(np.float64))["aVF"]
    np.testing.assert_allclose(done.signal[0, LEADS_12.index("aVF")], wanted, atol=1e-5)


def test_what_is_made_continues_the_baseline_of_what_is_known(model: Path) -> None:
    one = recording()
    shifted = replace(one, data=np.asarray(one.data) + np.float32(1.0))
    gap = (slice(6, 12), slice(150, 250))
    low, high = (es.complete(with_gaps(r, gap), model, leads=["V1", "V2"]) for r in (one, shifted))
    moved = (high.signal - low.signal)[0, 6:8, 150:250]
    np.testing.assert_allclose(moved, 1.0, atol=0.05)


@pytest.mark.parametrize("fs", [80.0, 128.0, 257.0, 360.0, 1000.0])
def test_known_samples_keep_their_own_rate(model: Path, fs: float) -> None:
    one = recording(fs)
    done = es.complete(one, model, leads=["I", "II", "V2"], prolong_s=6.0)
    assert done.spec.fs == fs
    assert_known_kept(done, one, ("I", "II", "V2"))


def test_the_order_and_the_letters_of_the_leads_do_not_matter(model: Path) -> None:
    one = recording()
    order = [11, 1, 7, 0]
    other = replace(
        one, data=np.asarray(one.data)[order], leads=tuple(LEADS_12[k].lower() for k in order)
    )
    np.testing.assert_array_equal(
        es.complete(other, model).signal,
        es.complete(one, model, leads=["V2", "I", "V6", "II"]).signal,
    )


def test_a_lead_stands_for_another_by_name(model: Path) -> None:
    one = recording()
    holter = replace(one, data=np.asarray(one.data)[[1, 10]], leads=("MLII", "V5"))
    done = es.complete(holter, model, leads={"II": "MLII", "V5": "V5"})
    assert done.signal[0, 1].tobytes() == np.asarray(one.data)[1].tobytes()


def test_draws_differ_where_they_are_made_and_the_seed_repeats_them(model: Path) -> None:
    one = recording()
    done = es.complete(one, model, leads=["I", "II"], draws=2, seed=4)
    again = es.complete(one, model, leads=["I", "II"], seed=4)
    np.testing.assert_array_equal(done.signal[0], again.signal[0])
    assert (done.signal[0, :2] == done.signal[1, :2]).all()
    assert (done.signal[0, 6:] != done.signal[1, 6:]).mean() > 0.9


# Beats.


def source_of(one: Recording, seconds: float, **more: Any) -> BeatSource:
    known = KnownPart(one, LEADS_12)
    return BeatSource(known, one.annotations, seconds, **({"seed": 1} | more))


def test_made_beats_go_on_in_the_rhythm_of_the_recording() -> None:
    at = source_of(recording(), 60.0).between(0, 60)[:, R]
    np.testing.assert_allclose(at[: len(BEATS)], BEATS / FS)
    assert np.diff(at) == pytest.approx(0.8, abs=0.1)


def test_a_gap_holds_a_whole_number_of_beats() -> None:
    one = with_gaps(recording(), (slice(None), slice(100, 260)))
    one = replace(one, annotations=one.annotations.select(np.array([0, 3, 4])))
    at = source_of(one, SECONDS).between(0, SECONDS)[:, R]
    np.testing.assert_allclose(at, BEATS / FS, atol=0.08)


def test_a_heart_rate_that_is_asked_for_is_that_of_the_time_that_is_made() -> None:
    at = source_of(recording(), 64.0, heart_rate=120.0).between(SECONDS, 64)[:, R]
    assert 60 / np.diff(at).mean() == pytest.approx(120, rel=0.03)


def test_annotations_past_the_end_are_the_beats_of_what_is_prolonged(model: Path) -> None:
    own = np.array([40, 120, 200, 280, 350, 500, 560, 700])
    done = es.complete(recording(), model, events=Annotations(own, np.full(8, "N")), prolong_s=8.0)
    assert done.marks is not None
    np.testing.assert_array_equal(done.marks.sample, own)


# Files.


@pytest.mark.parametrize("target", TARGETS)
def test_a_file_has_what_was_made_of_it(model: Path, tmp_path: Path, target: str) -> None:
    one = with_gaps(recording(), (slice(0, 3), slice(100, 160)))
    done = es.complete(one, model, leads=["I", "II", "III", "V1"])
    es.write(done, tmp_path / target)
    back = es.read(tmp_path / target)
    assert back.synthetic_mask is not None
    np.testing.assert_array_equal(back.synthetic_mask, done.synthetic_mask)
    assert acquisition(back).mark == "PARTLY SYNTHETIC"
    assert "V2, V3, V4, V5, V6 throughout" in acquisition(back).statement
    assert "from 1 to 1.6 s" in acquisition(back).statement
    assert back.synthetic
    np.testing.assert_array_equal(back.signal[0, 6], np.asarray(one.data)[6])  # 0 may be -0


def test_sets_of_made_and_of_real_items_are_one_set_that_names_both() -> None:
    made = beats(3, synthetic_mask=np.ones((3, 1, 64), bool))
    real = beats(2, source="mitbih")
    joined = es.concatenate([replace(made, source="mitbih"), real])
    assert joined.synthetic_mask is not None
    assert joined.synthetic_mask[:, 0, 0].tolist() == [True] * 3 + [False] * 2
    assert joined[3:].synthetic_mask is not None
    assert not joined[3:].synthetic_mask.any()


def test_stretches_are_written_and_read() -> None:
    mask = np.zeros((3, 50), bool)
    mask[0], mask[1:, 10:20], mask[2, 30:] = True, True, True
    assert text_of(mask) == "0:0-50 1,2:10-20 2:30-50"
    np.testing.assert_array_equal(read_text(text_of(mask), 3, 50), mask)
    np.testing.assert_array_equal(mask_of(stretches_of(mask), 3, 50), mask)


@pytest.mark.parametrize("text", ["0", "0:5-2", "3:0-5", "0:0-51", "0;0-5", "-1:0-5"])
def test_stretches_that_no_item_has_are_damaged(text: str) -> None:
    with pytest.raises(ValueError, match="stretch|written"):
        read_text(text, 3, 50)


GAINS = ("1000(0)/mV", "204.8(17)/mV", "0.2(-300)/uV", "655.36(0)/mV")


@pytest.mark.parametrize("gain", GAINS)
def test_steps_of_a_digital_recording_come_back(
    model: Path, tmp_path: Path, command: Command, gain: str
) -> None:
    random = np.random.default_rng(0)
    rows = [np.cumsum(random.integers(-9, 10, 1000)) for _ in range(2)]
    write_record(tmp_path / "in", "r", rows, gain=gain, leads=("I", "V4"))
    outcome = command(
        "complete", str(tmp_path / "in/r"), "--model", str(model), "--events", "found",
        "--prolong", "6s", "--to", str(tmp_path / "out"),
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    record = wfdb.rdrecord(str(tmp_path / "out/ecg_000000"), physical=False)
    for lead, row in zip(("I", "V4"), rows, strict=True):
        np.testing.assert_array_equal(record.d_signal[: len(row), LEADS_12.index(lead)], row)
    assert "PARTLY SYNTHETIC" in record.comments[0]
    notes = wfdb.rdann(str(tmp_path / "out/ecg_000000"), "atr").aux_note
    assert any("made by a model: I, V4 from 4 to 6 s" in note for note in notes)
    back, real = es.read(tmp_path / "out"), es.read(tmp_path / "in")
    assert back.synthetic_mask is not None
    assert back.signal[0, [0, 9], :1000].tobytes() == real.signal[0].tobytes()
    assert not back.synthetic_mask[0, [0, 9], :1000].any()
    one, two, three = wfdb.rdrecord(str(tmp_path / "out/ecg_000000")).p_signal.T[:3]
    np.testing.assert_allclose(three, two - one, atol=1e-9)


def test_a_long_recording_is_the_same_in_one_piece_and_in_many(model: Path, tmp_path: Path) -> None:
    one = recording()
    (whole,) = plan([one], model, leads=["I", "II"], prolong_s=30.0)
    parts = list(whole.pieces())
    assert len(parts) > 10
    assert max(part.signal.shape[1] for part in parts) <= round(SECONDS * FS)
    np.testing.assert_array_equal(
        np.concatenate([part.signal for part in parts], 1), whole.ecg().signal[0]
    )
    assert whole.head().signal.strides == (0, 0, 0)


def test_what_is_completed_of_a_synthetic_recording_is_synthetic_throughout(
    model: Path, tmp_path: Path, command: Command
) -> None:
    done = es.complete(recording(), model, leads=["I", "II"])
    es.write(done, tmp_path / "once")
    for file in ("once", "once/ecg_000000"):
        asked = ["--model", str(model), "--prolong", "5s", "--force"]
        outcome = command("complete", str(tmp_path / file), *asked, "--to", str(tmp_path / "twice"))
        assert outcome.code == 0, outcome.err
        back = es.read(tmp_path / "twice")
        assert back.synthetic_mask is not None
        assert back.synthetic_mask.all()
        assert acquisition(back).mark == "SYNTHETIC"


# What is refused.


def refused(model: Path, one: Any, **asked: Any) -> str:
    with pytest.raises(EcgsynthError) as caught:
        es.complete(one, model, **asked)
    return str(caught.value)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nothing is missing": ({}, "nothing of 100 is missing"),
    "shorter than it is": ({"prolong_s": 2.0}, "lasts 4 s already"),
    "no length": ({"prolong_s": -3}, "above 0"),
    "more than a day": ({"prolong_s": 90_000.0}, "at most 24 h"),
    "a lead of no model": ({"leads": ["I", "V9"]}, "did you mean|no lead 'V9'"),
    "a lead that is not there": ({"leads": {"II": "MLII"}}, "no lead 'MLII'"),
    "one lead for two": ({"leads": {"I": "V1", "II": "V1"}}, "distinct"),
    "one lead for two by words": ({"leads": ["I=V1", "II=V1"]}, "one and the same"),
    "an unknown statement": ({"leads": ["I"], "label": "AFBI"}, "AFIB"),
    "an unknown context": ({"leads": ["I"], "context": {"agee": 3}}, "age"),
    "no heart rate": ({"leads": ["I"], "context": {"heart_rate": 900}}, "lies between 20"),
    "no draws": ({"leads": ["I"], "draws": 0}, "draws"),
    "no seed": ({"leads": ["I"], "seed": -1}, "seed"),
    "no events": ({"leads": ["I"], "events": "lost"}, "found"),
    "beats past the end": (
        {"leads": ["I"], "events": Annotations([100, 900], ["N", "N"])}, "lies outside",
    ),
    "beats too near": (
        {"leads": ["I"], "events": Annotations([100, 110], ["N", "N"])}, "100 ms apart",
    ),
    "no beat among them": ({"leads": ["I"], "events": Annotations([1], ["+"])}, "hold no beat"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_asked_for_is_refused(model: Path, case: str) -> None:
    asked, why = WRONG[case]
    sentence = refused(model, recording(), **asked)
    assert any(part in sentence for part in why.split("|")), sentence


def changed(change: Any, **more: Any) -> Recording:
    signal = np.array(recording().data)
    signal = change(signal)
    return replace(recording(), data=signal.astype(np.float32), **more)


def swapped(signal: np.ndarray) -> np.ndarray:
    signal[[0, 1]] = signal[[1, 0]]
    return signal


def flat(signal: np.ndarray) -> np.ndarray:
    signal[1] = 0.25
    return signal


def cut(signal: np.ndarray) -> np.ndarray:
    return signal[:, :30]


BROKEN: dict[str, tuple[Any, str]] = {
    "leads are swapped": (swapped, "does not follow from its I and II"),
    "a lead is flat": (flat, "lead II of 100 is flat"),
    "in uV": (lambda x: 1000 * x, "unit of 100 is doubtful"),
    "in V": (lambda x: x / 1000, "unit of 100 is doubtful"),
    "too short": (cut, "at least 0.5 s"),
    "nothing is known": (lambda x: x * np.nan, "nothing of 100 is known"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_recording_is_refused(model: Path, case: str) -> None:
    change, why = BROKEN[case]
    assert why in refused(model, changed(change), prolong_s=9.0)


@pytest.mark.parametrize("fs", [60.0, 4000.0])
def test_a_rate_that_the_model_cannot_make_is_refused(model: Path, fs: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.3, (1, round(2 * fs)))
    one = Recording(noise.astype(np.float32), fs, ("I",))
    assert "resample it" in refused(model, one)


def test_leads_that_no_model_has_are_named(model: Path) -> None:
    one = replace(recording(), data=np.asarray(recording().data)[:1], leads=("ECG1",))
    assert "--leads II=ECG1" in refused(model, one)


@pytest.mark.parametrize("value", [None, 3, "100.dat", [recording]])
def test_what_is_no_recording_at_all_is_refused(model: Path, value: Any) -> None:
    assert "a Recording or an Ecg" in refused(model, value)


def test_swapped_arm_electrodes_are_named(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = recording()
    signal = np.asarray(one.data)[[0, 11]].copy()
    signal[0] = -signal[1]
    es.complete(replace(one, data=signal, leads=("I", "V6")), model)
    assert "swapped arm electrodes" in caplog.text


def test_a_model_without_a_known_part_is_refused() -> None:
    assert "takes no known part" in refused(Path("mitbih-beats"), recording(), leads=["I"])


# The command.


def test_the_command_completes_a_file(model: Path, tmp_path: Path, command: Command) -> None:
    one = recording()
    es.write(
        Ecg(np.asarray(one.data)[None, :2], Spec(("I", "II"), FS, 400), source="mine"),
        tmp_path / "two.npz",
    )
    outcome = command(
        "complete", str(tmp_path / "two.npz"), "--model", str(model), "--draws", "2",
        "--label", "NORM", "--context", "age=60,sex=1", "--to", str(tmp_path / "twelve.parquet"),
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "2 partly synthetic records" in outcome.out
    done = es.read(tmp_path / "twelve.parquet")
    assert done.labels_str.tolist() == ["NORM", "NORM"]
    assert done.signal[1, 1].tobytes() == np.asarray(one.data)[1].tobytes()


@pytest.mark.parametrize("word", ["30 x", "", "-3s", "1e3s", "s"])
def test_a_word_that_is_no_length_is_refused(tmp_path: Path, command: Command, word: str) -> None:
    outcome = command("complete", str(tmp_path / "none"), "--prolong", word or "x")
    assert outcome.code == 2
    assert "is no length" in outcome.err


def test_the_command_refuses_what_is_not_there(
    model: Path, tmp_path: Path, command: Command
) -> None:
    asked = ["--model", str(model), "--to", str(tmp_path / "to.npz")]
    assert "no file or folder" in command("complete", str(tmp_path / "no.npz"), *asked).err
    es.write(beats(2), tmp_path / "beats.npz")
    outcome = command("complete", str(tmp_path / "beats.npz"), *asked)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert not (tmp_path / "to.npz").exists()


def test_a_synthesizer_is_taken_as_well_as_its_name(model: Path) -> None:
    done = es.complete(recording(), Synthesizer.load(model), leads=["I", "II"])
    assert (done.signal == es.complete(recording(), model, leads=["I", "II"]).signal).all()
