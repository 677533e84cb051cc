"""Recordings by a model: of any length, without seams, with what its people show and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from outcome import Command
from tiny import tiny_renderer

import ecgsynth as es
from ecgsynth.completion.record import _Labels, draft
from ecgsynth.errors import EcgsynthError
from ecgsynth.rhythm import Episode, Rhythm
from ecgsynth.rhythm.track import Track
from ecgsynth.signals.draft import Draft, Piece, no_marks
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.vocabulary import limb_leads
from ecgsynth.synthesizer import Synthesizer

SECONDS = 200.0
"""Longer than a block of windows."""


@pytest.fixture(scope="module")
def model() -> Synthesizer:
    return tiny_renderer(4.0)


@pytest.fixture(scope="module")
def rhythm() -> Rhythm:
    return es.make_rhythm("sinus with pvc every 8 beats", SECONDS, 1)


@pytest.fixture(scope="module")
def recording(model: Synthesizer, rhythm: Rhythm) -> Ecg:
    return es.record(rhythm, model, fs=125, leads=["I", "II", "V5"], seed=2)


@pytest.fixture(scope="module")
def strip() -> Ecg:
    return es.simulate_record(8.0, 360.0, leads=("II", "V1"), heart_rate=80, seed=4)


def test_a_recording_has_the_length_and_the_beats_of_its_rhythm(
    recording: Ecg, rhythm: Rhythm
) -> None:
    assert recording.signal.shape == (1, 3, round(SECONDS * 125))
    assert np.isfinite(recording.signal).all()
    beats = recording.marks.sample[np.isin(recording.marks.symbol, ["N", "V"])]
    np.testing.assert_allclose(beats / 125, rhythm.time_s, atol=0.0041)
    assert recording.synthetic


def test_pieces_are_the_whole_byte_by_byte(
    model: Synthesizer, rhythm: Rhythm, recording: Ecg
) -> None:
    made = draft(rhythm, model, fs=125, leads=["I", "II", "V5"], seed=2).pieces()
    pieces = [piece.signal for piece in made]
    assert len(pieces) > 1
    np.testing.assert_array_equal(np.concatenate(pieces, 1), recording.signal[0])
    other = next(draft(rhythm, model, fs=125, leads=["I", "II", "V5"], seed=3).pieces())
    assert (other.signal != pieces[0]).any()


def test_the_network_always_sees_blocks_of_one_size(
    model: Synthesizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler, sizes = model.sampler, set[int]()
    real = type(sampler).scaled

    def counted(self, inputs):
        sizes.add(len(inputs))
        return real(self, inputs)

    monkeypatch.setattr(type(sampler), "scaled", counted)
    for seconds in (3.0, 60.0):
        es.record(es.make_rhythm("sinus", seconds), model)
    assert sizes == {sampler.size}


def test_what_comes_late_changes_nothing_that_was_handed_out(
    model: Synthesizer, rhythm: Rhythm, recording: Ecg
) -> None:
    early = rhythm.time_s < 120
    shorter = Rhythm(rhythm.time_s[early], rhythm.kind[early], rhythm.p_s[early], 150.0)
    made = es.record(shorter, model, fs=125, leads=["I", "II", "V5"], seed=2)
    same = slice(0, 110 * 125)
    np.testing.assert_allclose(made.signal[..., same], recording.signal[..., same], atol=0.3)
    assert (made.signal[..., : 60 * 125] != 0).any()


def test_no_step_is_higher_where_windows_meet(model: Synthesizer, recording: Ecg) -> None:
    recorder = draft(es.make_rhythm("sinus", SECONDS), model, fs=125).recorder
    steps = np.abs(np.diff(recording.signal[0], axis=1))
    at = np.arange(0, steps.shape[1], recorder.period)[1:] - 1
    at = np.concatenate([at, at + recorder.alone])
    assert steps[:, at[at < steps.shape[1]]].mean() < 1.5 * steps.mean()


def test_limb_leads_follow_from_i_and_ii(model: Synthesizer) -> None:
    made = es.record(es.make_rhythm("sinus", 10), model)
    leads = dict(zip(made.spec.leads, made.signal[0], strict=True))
    for name, values in limb_leads(leads["I"], leads["II"]).items():
        np.testing.assert_allclose(leads[name], values, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("sinus 10 s; flutter 10 s", "atrial flutter: none of the people"),
        ("vf 10 s", "ventricular fibrillation"),
        ("asystole 10 s", "asystole"),
        ("paced 20 s", "paced"),
        ("mobitz-2 20 s", "second-degree AV block"),
        ("sinus 20 s with fusion every 5 beats", "fusion"),
    ],
)
def test_what_fewer_than_five_people_show_is_refused(
    model: Synthesizer, text: str, what: str
) -> None:
    with pytest.raises(EcgsynthError, match=f"{what}.*5 are needed.*--model simulator"):
        draft(es.make_rhythm(text), model)


def test_a_card_that_counts_people_decides_by_their_number(model: Synthesizer) -> None:
    rhythm = es.make_rhythm("sinus 20 s with pvc every 5 beats")
    counted = Synthesizer(model.generator, model.card.model_copy(deep=True))
    counted.card.data["people_of_kind"] = {"N": 18, "V": 4}
    with pytest.raises(EcgsynthError, match="ventricular ectopic: 4 of the people"):
        draft(rhythm, counted)
    counted.card.data["people_of_kind"]["V"] = 5
    assert draft(rhythm, counted).head.synthetic


def test_fibrillation_is_the_label_of_the_windows_that_it_fills(model: Synthesizer) -> None:
    rhythm = es.make_rhythm("sinus 20 s; af 20 s")
    labels = _Labels(model.spec, np.array([1, 1], np.float32), Track.of(rhythm))
    afib = [labels.at(a, a + 4)[1] for a in (0.0, 10.0, 17.0, 19.0, 30.0)]
    assert afib == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"leads": ["V5", "Frank x"]}, "has no lead 'Frank x'"),
        ({"leads": 13}, "13 leads are asked for"),
        ({"fs": 50}, "80 Hz or more"),
        ({"fs": 5000}, "at most"),
        ({"label": "nothing"}, "no class named 'nothing'"),
        ({"context": {"heart_rate": 60}}, "the rhythm has the heart rate"),
        ({"like": 3}, "like is a Recording"),
        ({"seed": -1}, "seed"),
    ],
)
def test_odd_arguments_are_one_sentence(model: Synthesizer, words: dict, message: str) -> None:
    with pytest.raises(EcgsynthError, match=message):
        es.record(es.make_rhythm("sinus", 10), model, **words)


def test_a_model_of_beats_draws_no_recording() -> None:
    with pytest.raises(EcgsynthError, match="takes no known part"):
        es.record(es.make_rhythm("sinus", 10), "mitbih-beats")


def test_the_strip_of_a_person_is_known_to_every_window_and_not_in_the_result(
    model: Synthesizer, strip: Ecg
) -> None:
    one = draft(es.make_rhythm("sinus", 30), model, like=strip)
    own = one.recorder.strip
    assert own is not None
    assert len(own.beats) >= 3
    assert own.signal.shape[1] / 250 <= 0.45 * 4
    assert np.isfinite(own.signal).any(1).tolist() == [name in ("II", "V1") for name in
        ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]  # fmt: skip
    assert "in the manner of" in one.head.source
    plain = draft(es.make_rhythm("sinus", 30), model).ecg()
    assert (one.ecg().signal != plain.signal).any()


@pytest.mark.parametrize("kind", ["short", "flat", "inverted", "ectopic", "unit"])
def test_a_strip_that_shows_no_normal_beats_is_refused(
    model: Synthesizer, strip: Ecg, kind: str
) -> None:
    changed = {
        "short": lambda: es.simulate_record(1.2, 360.0, leads=("II", "V1"), heart_rate=80),
        "flat": lambda: replace(strip, signal=0 * strip.signal),
        "inverted": lambda: replace(strip, signal=-strip.signal),
        "ectopic": lambda: es.simulate_record(8.0, 360.0, leads=("II", "V1"), beats=("N", "V")),
        "unit": lambda: replace(strip, spec=replace(strip.spec, unit="normalised")),
    }[kind]()
    message = {"short": "lasts 1.2 s", "flat": "flat", "inverted": "upside down",
               "ectopic": "normal beats in a row", "unit": "in mV"}[kind]  # fmt: skip
    with pytest.raises(EcgsynthError, match=message):
        draft(es.make_rhythm("sinus", 10), model, like=changed)


@pytest.mark.parametrize("target", ["h/", "h.edf"])
def test_files_are_written_piece_by_piece_and_state_that_they_are_synthetic(
    model: Synthesizer, tmp_path: Path, target: str
) -> None:
    rhythm = es.make_rhythm("sinus", 60)
    one = draft(rhythm, model, leads=["II", "V1"], seed=5)
    es.write(one, f"{tmp_path}/{target}")
    back = es.read(f"{tmp_path}/{target}")
    np.testing.assert_allclose(back.signal, one.ecg().signal, atol=1.1e-3)
    assert back.marks == one.ecg().marks
    assert back.synthetic
    assert back.synthetic_mask is None
    if target == "h/":
        header = (tmp_path / "h" / "ecg_000000.hea").read_text()
        assert "SYNTHETIC ECG made by" in header
        assert "PARTLY" not in header


def test_a_disk_that_fills_leaves_nothing_under_the_final_name(
    model: Synthesizer, tmp_path: Path
) -> None:
    one = draft(es.make_rhythm("sinus", 60), model)

    def full() -> Iterator[Piece]:
        yield Piece(np.zeros((12, 250), np.float32), no_marks())
        raise OSError(28, "No space left on device")

    with pytest.raises((EcgsynthError, OSError), match="space"):
        es.write(Draft(one.head, full), str(tmp_path / "h") + "/")
    assert not (tmp_path / "h").exists()


def test_the_command_makes_a_recording_by_a_model(
    command: Command, model: Synthesizer, strip: Ecg, tmp_path: Path
) -> None:
    model.save("m.safetensors")
    es.write(strip, "me.npz")
    done = command("record", "sinus 20 s; af 20 s", "--model", "m.safetensors", "--leads", "II,V1",
                   "--like", "me.npz", "--to", "h/")  # fmt: skip
    assert done.code == 0, done.err
    assert "40 s, II, V1" in done.out
    assert es.read("h/").signal.shape == (1, 2, 10_000)
    for words, message in (
        (["sinus 9 s", "--model", "missing"], "no model named 'missing'"),
        (["sinus 9 s", "--like", "me.npz"], "are for a model"),
        (["vf 9 s", "--model", "m.safetensors"], "--model simulator"),
    ):
        failed = command("record", *words, "--to", "x/")
        assert failed.code == 2
        assert message in failed.err


def test_noise_is_added_to_what_a_model_makes(command: Command, model: Synthesizer) -> None:
    model.save("m.safetensors")
    done = command("record", "sinus 20 s", "--model", "m.safetensors", "--leads", "II", "--snr",
                   "12", "--to", "n.npz", "--clean", "c.npz")  # fmt: skip
    assert done.code == 0, done.err
    assert (es.read("n.npz").signal != es.read("c.npz").signal).any()


def test_episodes_that_overlap_are_refused_before() -> None:
    with pytest.raises(EcgsynthError, match="one rhythm at a time"):
        Rhythm([1.0], [0], [np.nan], 9.0, (Episode(0, 5, "(N"), Episode(4, 9, "(AFIB")))


def test_at_twice_the_model_s_band_nothing_is_left_to_limit(model: Synthesizer) -> None:
    low, high = model.spec.band
    assert high is not None
    made = es.record(es.make_rhythm("sinus 10 s"), model, fs=2 * high, leads=["II"], seed=1)
    assert (made.spec.fs, made.spec.band) == (2 * high, (low, None))
    with pytest.raises(EcgsynthError, match="needs a rate of"):
        es.record(es.make_rhythm("sinus 10 s"), model, fs=2 * high - 1, leads=["II"], seed=1)
