"""A rhythm drawn by the simulator: the truth in the marks is the truth in the signal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray
from outcome import Command

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import read, write
from ecgsynth.rhythm import Rhythm
from ecgsynth.rhythm.compose import make_rhythm
from ecgsynth.rhythm.output import write_rhythm
from ecgsynth.rhythm.replay import replay
from ecgsynth.rhythm.track import Track
from ecgsynth.signals.vocabulary import LEADS_12, limb_leads
from ecgsynth.simulator import drawing
from ecgsynth.simulator.drawing import draw_rhythm

TEXT = (
    "sinus 12 s with pvc every 4 beats; af 10 s; vf 5 s; paced 10 s; wenckebach 12 s; block-3 9 s; "
    "vt 5 s; svt 200 bpm 5 s; asystole 3 s"
)
BEATS = ["N", "S", "V", "F", "/"]


@pytest.fixture(scope="module")
def rhythm() -> Rhythm:
    return make_rhythm(TEXT, seed=3)


@pytest.mark.parametrize("fs", [128.0, 250.0, 1000.0])
def test_every_beat_is_marked_where_it_was_asked(rhythm: Rhythm, fs: float) -> None:
    ecg = draw_rhythm(rhythm, 1, fs)
    assert ecg.marks is not None
    beat = np.isin(ecg.marks.symbol, BEATS)
    np.testing.assert_allclose(ecg.marks.sample[beat] / fs, rhythm.time_s, atol=0.5 / fs + 1e-9)
    assert ecg.marks.symbol[beat].tolist() == rhythm.symbol.tolist()
    changes = np.char.startswith(ecg.marks.symbol, "(")
    assert ecg.marks.symbol[changes].tolist() == [one.code for one in rhythm.episodes]
    assert (np.diff(ecg.marks.sample) >= 0).all()


def test_r_is_the_largest_deflection_near_a_normal_beat() -> None:
    ecg = draw_rhythm(make_rhythm("sinus 60 s"), ["II"], 500.0)
    assert ecg.marks is not None
    wave = np.abs(ecg.signal[0, 0])
    for at in ecg.marks.of(0, "N")[1:-1]:
        peak = at - 40 + int(np.argmax(wave[at - 40 : at + 40]))
        assert abs(peak - at) <= 3


def test_waves_without_a_beat_are_marked_and_drawn() -> None:
    rhythm = make_rhythm("mobitz-2 30 s", seed=2)
    ecg = draw_rhythm(rhythm, ["II"], 500.0, seed=2)
    assert ecg.marks is not None
    p = ecg.marks.of(0, "p_peak")
    assert len(p) == len(rhythm.lone_p_s) + np.isfinite(rhythm.p_s).sum()
    for time in rhythm.lone_p_s:
        at = round(time * 500)
        assert at in p
        around = ecg.signal[0, 0, at - 60 : at + 61]
        assert abs(around[60] - around[0]) > 0.02


def test_there_are_waves_in_fibrillation_and_none_in_asystole() -> None:
    def energy(text: str) -> float:
        return float(draw_rhythm(make_rhythm(text), ["V1"]).signal.std())

    assert energy("vf 10 s") > 0.1
    assert energy("asystole 10 s") == 0
    rhythm = make_rhythm("af 10 s")
    without = Rhythm(rhythm.time_s, rhythm.kind, rhythm.p_s, rhythm.seconds)
    waves = draw_rhythm(rhythm, ["V1"]).signal - draw_rhythm(without, ["V1"]).signal
    assert 0.01 < waves.std() < 0.2


def fiducials(rhythm: Rhythm) -> NDArray[np.float64]:
    """[beat, FIDUCIALS], s from R, of all beats."""
    whole = drawing.Drawing(Track.of(rhythm), 250.0, 1, 0)
    return np.asarray(whole.waves(0, rhythm.seconds).fiducials)


def test_marks_of_waves_are_in_order_within_each_beat(rhythm: Rhythm) -> None:
    points = fiducials(rhythm)
    known = np.where(np.isfinite(points), points, -np.inf)
    assert (np.maximum.accumulate(known, axis=1) == known)[np.isfinite(points)].all()


def test_t_ends_before_the_next_beat() -> None:
    for text in ("svt 220 bpm 20 s", "vt 200 bpm 20 s", "sinus 180 bpm 20 s", "af 150 bpm 20 s"):
        rhythm = make_rhythm(text, seed=1)
        ends = fiducials(rhythm)[:-1, 8]
        assert (ends < np.diff(rhythm.time_s) + 0.01).mean() > 0.95


def test_twelve_leads_obey_einthoven_and_goldberger(rhythm: Rhythm) -> None:
    ecg = draw_rhythm(rhythm, 12, 250.0)
    assert ecg.spec.leads == LEADS_12
    for name, wave in limb_leads(ecg.signal[:, 0], ecg.signal[:, 1]).items():
        at = LEADS_12.index(name)
        np.testing.assert_allclose(ecg.signal[:, at], wave, atol=1e-5)


def test_pieces_fit_together(rhythm: Rhythm, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = draw_rhythm(rhythm, 2)
    monkeypatch.setattr(drawing, "PIECE_S", 7.3)
    np.testing.assert_allclose(draw_rhythm(rhythm, 2).signal, whole.signal, atol=1e-5)


def test_the_same_person_has_the_same_beats_and_another_one_others(rhythm: Rhythm) -> None:
    one, same = draw_rhythm(rhythm, seed=1), draw_rhythm(rhythm, seed=1)
    np.testing.assert_array_equal(one.signal, same.signal)
    assert np.abs(draw_rhythm(rhythm, seed=1, patient=1).signal - one.signal).max() > 0.1


def test_a_recording_is_read_back_with_its_truth(rhythm: Rhythm, tmp_path: Path) -> None:
    ecg = draw_rhythm(rhythm, 2)
    for target in ("x", "x.npz", "x.parquet"):
        found = read(write(ecg, tmp_path / target))
        assert found.marks == ecg.marks
        assert found.synthetic
    notes = wfdb.rdann(str(tmp_path / "x" / "ecg_000000"), "atr")
    codes = [note for one, note in zip(notes.symbol, notes.aux_note, strict=True) if one == "+"]
    assert codes == [one.code for one in rhythm.episodes]


def test_a_file_states_that_its_rhythm_is_a_real_person_s(tmp_path: Path) -> None:
    path = write_rhythm(make_rhythm("sinus 5 s"), tmp_path / "x.atr")
    ecg = draw_rhythm(replay(path))
    write(ecg, tmp_path / "drawn")
    header = wfdb.rdheader(str(tmp_path / "drawn" / "ecg_000000"))
    assert "a real person's, from x.atr" in " ".join(header.comments)
    assert "SYNTHETIC" in header.comments[0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"leads": 5}, "name 5 leads"),
        ({"rhythm": make_rhythm("asystole 3 d"), "leads": 12}, "h at most"),
        ({"seed": -1}, "the seed"),
        ({"leads": ["V9"]}, "no lead 'V9'"),
        ({"leads": []}, "leads is empty"),
        ({"fs": 50}, "100 to 10000 Hz"),
        ({"fs": -1}, "sampling rate"),
        ({"rhythm": "sinus"}, "is a Rhythm"),
    ],
)
def test_what_cannot_be_drawn_is_refused(words, sentence: str) -> None:
    with pytest.raises(EcgsynthError, match=sentence):
        draw_rhythm(**{"rhythm": make_rhythm("sinus 5 s")} | words)


def test_the_command_writes_a_recording(command: Command) -> None:
    done = command("record", "sinus; af 5 s", "--hours", "0.01", "--leads", "II,V5", "--to", "h/")
    assert (done.code, done.err) == (0, "")
    assert "36 s, II, V5" in done.out
    ecg = read("h")
    assert ecg.spec.samples == 9000
    assert command("record", "sinus 5 s", "--to", "h/").code == 2
    for words, sentence in (
        (["sinus 5 s", "--model", "simulatr"], "Did you mean 'simulator'?"),
        (["sinus 5 s", "--leads", "V9"], "no lead 'V9'"),
        (["sinus 5 s", "--to", "x.mp3"], "no format is known for '.mp3'"),
        (["sinus 5 s", "--to", "x.txt"], "x.txt may be CSV; name it x.csv."),
        (["sinis 5 s"], "column 1"),
    ):
        done = command("record", *words)
        assert done.code == 2
        assert sentence in done.err
