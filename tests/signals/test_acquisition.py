"""The header of a set: synthetic ECG is marked, and a person is described by what all items say."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from items import BEAT, TARGETS, beats

import ecgsynth as es
from ecgsynth.augmentation.matching import add_columns
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.wfdb.reader import read_recording
from ecgsynth.signals.acquisition import acquisition, comments_of_person, person_of_comments
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.recording import Recording

MIXED = {"synthetic": 3, "items": 9, "by": ["one-1", "two-2"], "patient": "GAN_V", "real": "a:b"}


@pytest.mark.parametrize(
    ("change", "mark", "device"),
    [
        ({}, "SYNTHETIC", "demo-1a2b3c4d"),
        ({"source": "mitbih:train", "card": None}, "", "mitbih:train"),
        ({"card": {"mixed": MIXED}}, "PARTLY SYNTHETIC", "one-1 and two-2"),
        ({"card": {"mixed": ["of", "others"]}}, "SYNTHETIC", "demo-1a2b3c4d"),
    ],
)
def test_whatever_is_synthetic_is_marked_and_says_who_made_it(
    change: dict[str, object], mark: str, device: str
) -> None:
    found = acquisition(replace(beats(), **change))
    assert (found.mark, found.device, found.start) == (mark, device, None)
    assert found.statement.startswith(f"{mark} ECG".lstrip())
    assert device in found.statement and "not for diagnosis" in found.statement


def test_a_recording_says_when_it_began_and_a_synthetic_one_never_which_device_it_is_like() -> None:
    began = datetime(2026, 1, 2, 3, 4, 5)
    real = Recording(np.zeros((1, 9)), 360, ("II",), source="mine", device="Cart", start=began)
    for recording, mark, device in (
        (real, "", "Cart"),
        (replace(real, source="synthetic:demo-1"), "SYNTHETIC", "demo-1"),
    ):
        found = acquisition(recording)
        assert (found.mark, found.device, found.start) == (mark, device, began)


@pytest.mark.parametrize(
    ("age", "sex", "said"),
    [
        ([60, 60], [1, 1], (60.0, "F")),
        ([60, 60], [0, 0], (60.0, "M")),
        ([60, 61], [0, 1], (None, None)),
        ([np.nan, np.nan], [np.nan, 0], (None, None)),
        ([60, np.nan], [2, 2], (None, None)),
    ],
)
def test_age_and_sex_are_those_that_all_items_have(
    age: list[float], sex: list[float], said: tuple[float | None, str | None]
) -> None:
    spec = replace(BEAT, context=("age", "sex"))
    ecg = Ecg(beats(2).signal, spec, context=np.array([age, sex], np.float32).T)
    found = acquisition(ecg)
    assert (found.age_years, found.sex) == said


@pytest.mark.parametrize(
    ("comment", "person"),
    [
        ("69 M 1085 1629 x1 \nAldomet, Inderal", (69.0, "M")),
        ("-1 M 742 654 x1", (None, "M")),
        ("<age>: 51 \n<sex>: F \n<diagnoses>:", (51.0, "F")),
        ("age: 81 \nsex: female", (81.0, "F")),
        ("Age: 300 Sex: male", (None, "M")),
        ("age: n/a, sex: n/a", (None, None)),
        ("The PVCs are uniform", (None, None)),
        ("", (None, None)),
    ],
)
def test_comments_of_headers_have_age_and_sex(
    comment: str, person: tuple[float | None, str | None]
) -> None:
    assert person_of_comments(comment) == person


RECORD = replace(BEAT, samples=4 * 360, r_sample=None, classes=(), context=("age", "sex"))


def record(age: float, sex: float, start: str, **more: object) -> Ecg:
    """One record of 4 s of a person."""
    ecg = beats(1, RECORD, start=[start], onset_s=[0.0])
    return replace(ecg, context=np.array([[age, sex]], np.float32), **more)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("age", "sex", "start"),
    [(63, 1, "2026-01-31T08:15:00"), (0.5, 0, "1999-12-31T23:59:59"), (np.nan, np.nan, "")],
)
def test_start_age_and_sex_come_back_from_every_format(
    tmp_path: Path, target: str, age: float, sex: float, start: str
) -> None:
    ecg = record(age, sex, start)
    es.write(ecg, f"{tmp_path}/{target}")
    found, expected = (acquisition(each) for each in (es.read(tmp_path / target), ecg))
    assert (found.start, found.age_years, found.sex) == (
        expected.start, expected.age_years, expected.sex
    )  # fmt: skip
    assert (found.start is None) == (start == "") and (found.sex is None) == np.isnan(sex)


@pytest.mark.parametrize(("onset_s", "began"), [(0.0, "08:15:00"), (90.0, "08:16:30")])
def test_a_wfdb_record_states_when_it_began_and_of_whom_it_is(
    tmp_path: Path, onset_s: float, began: str
) -> None:
    ecg = record(63, 1, "2026-01-31T08:15:00", onset_s=np.array([onset_s]))
    es.write(ecg, tmp_path / "set")
    found = read_recording(tmp_path / "set" / "ecg_000000")
    assert found.start == datetime.fromisoformat(f"2026-01-31T{began}")
    about = acquisition(found)
    assert (about.age_years, about.sex) == (63.0, "F")
    header = (tmp_path / "set" / "ecg_000000.hea").read_text()
    assert "# Age: 63\n# Sex: Female\n" in header and "SYNTHETIC" in header
    assert comments_of_person(about) == ["Age: 63", "Sex: Female"]


def test_a_record_of_beats_of_several_people_states_neither_age_nor_time(tmp_path: Path) -> None:
    spec = replace(BEAT, context=("age", "sex"))
    context = np.array([[60, 61], [0, 1]], np.float32).T
    es.write(beats(2, spec, context=context), tmp_path / "set")
    header = (tmp_path / "set" / "ecg_000000.hea").read_text()
    assert header.splitlines()[0].split()[4:] == [] and "Age" not in header


@pytest.mark.parametrize(
    ("words", "began"),
    [
        ("10:05:00 24/12/2001", datetime(2001, 12, 24, 10, 5)),
        ("10:05:00.500 24/12/2001", datetime(2001, 12, 24, 10, 5, 0, 500_000)),
        ("10:05:00", None),
        ("10:05:00 00/00/0000", None),
        ("25:61:00 24/12/2001", None),
        ("", None),
    ],
)
def test_records_of_others_state_when_they_began_or_nothing(
    tmp_path: Path, words: str, began: datetime | None
) -> None:
    line = "x.dat 16 200/mV 16 0 0 0 0 II"
    (tmp_path / "x.hea").write_text(f"x 1 250 10 {words}\n{line}\n# Age: 70 Sex: Male\n")
    np.zeros(10, "<i2").tofile(tmp_path / "x.dat")
    found = read_recording(tmp_path / "x")
    assert (found.start, acquisition(found).age_years, acquisition(found).sex) == (began, 70, "M")
    ecg = es.read(tmp_path / "x.hea")
    assert acquisition(ecg).start == began and (ecg.start is None) == (began is None)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "08:15"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(EcgsynthError, match=r"'start' holds .* which is no time"):
        beats(2, start=["", text])


def test_windows_know_when_their_recording_began_and_recordings_when_a_window_did() -> None:
    began = datetime(2026, 1, 2, 3, 4, 5)
    whole = Recording(np.zeros((1, 900)), 360, ("II",), start=began)
    windows = whole.windows([0, 360], 300)
    assert acquisition(windows).start == began
    assert Recording.of(windows, 1).start == datetime(2026, 1, 2, 3, 4, 6)
    assert Recording.of(beats(), 0).start is None


def test_synthetic_items_among_real_ones_have_no_start_and_the_real_ones_keep_theirs() -> None:
    real = beats(4, source="mine", card=None)
    added = add_columns(real, beats(2, start=None), "V")
    both = concatenate([real, added])
    assert both.start is not None and real.start is not None
    assert both.start.tolist() == [*real.start.tolist(), "", ""]
    assert acquisition(both).start is None
