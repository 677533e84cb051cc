"""Clinical sheets and full disclosure: true to the millimetre, marked, and read page by page."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.reference_models.measurements import measurement_line
from ecgsynth.formats import contract, read, write
from ecgsynth.formats.long_recordings import long_recording
from ecgsynth.registry import FORMATS
from ecgsynth.signals import paper
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.paper.clinical import clinical_sheet, rows_of
from ecgsynth.signals.paper.full import Disclosure, disclosure, envelope
from ecgsynth.signals.paper.page import Page
from ecgsynth.signals.paper.sheet import PARTLY_MARK, SYNTHETIC_MARK, Sheet
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12

FS = 100
SCALES = [(25.0, 10.0), (50.0, 20.0), (12.5, 5.0), (33.0, 8.0)]


def spikes(seconds: float, leads: tuple[str, ...] = ("II",), source: str = "synthetic:x") -> Ecg:
    """1 mV for one sample at every full second."""
    wave = np.zeros(int(seconds * FS), np.float32)
    wave[FS::FS] = 1.0
    return Ecg(np.tile(wave, (1, len(leads), 1)), Spec(leads, FS, len(wave)), source=source)


def words(sheet: Sheet) -> list[str]:
    return [text.get_text() for text in sheet.axes.texts]


def paths(file: Path) -> list[np.ndarray]:
    """The paths of a picture, [point, 2] in mm of its page, upwards."""
    if file.suffix == ".pdf":
        streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", file.read_bytes(), re.DOTALL)
        texts = []
        for stream in streams:
            try:
                texts.append(zlib.decompress(stream).decode("latin-1"))
            except zlib.error:
                continue
        whole, pattern = "\n".join(texts), r"^(-?[\d.]+) (-?[\d.]+) ([ml])$"
        points = re.findall(pattern, whole, re.MULTILINE)
        points = [(float(x), float(y), kind == "m") for x, y, kind in points]
    else:
        pattern = r"([ML]) (-?[\d.]+) (-?[\d.]+)"
        found = re.findall(pattern, file.read_text())
        points = [(float(x), -float(y), kind == "M") for kind, x, y in found]
    table = np.array(points)
    starts = np.flatnonzero(table[:, 2])
    return np.split(table[:, :2] * 25.4 / 72, starts[1:])


def second_and_mv(file: Path) -> tuple[float, float]:
    """mm of a second and of a millivolt in a picture of spikes: from the longest trace."""
    trace = max(paths(file), key=lambda path: len(path) * (np.ptp(path[:, 0]) > 50))
    zero = np.median(trace[:, 1])
    tops = trace[trace[:, 1] > trace[:, 1].max() - 0.2]
    gaps = np.diff(tops[:, 0])
    assert len(tops) >= 2
    np.testing.assert_allclose(gaps, gaps[0], atol=0.1)
    return float(gaps.mean()), float(tops[:, 1].mean() - zero)


@pytest.mark.parametrize("ending", ["pdf", "svg"])
@pytest.mark.parametrize(("speed", "gain"), SCALES)
@pytest.mark.parametrize("layout", ["12x1", "full"])
def test_a_second_and_a_millivolt_measure_true_in_the_file(
    tmp_path: Path, ending: str, speed: float, gain: float, layout: str
) -> None:
    file = tmp_path / f"sheet.{ending}"
    assert paper.draw(spikes(5), file, layout=layout, speed=speed, gain=gain)
    assert second_and_mv(file) == (pytest.approx(speed, abs=0.1), pytest.approx(gain, abs=0.1))


def test_a_png_states_its_true_size(tmp_path: Path) -> None:
    from PIL import Image

    paper.draw(spikes(10, LEADS_12), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        sizes = [n / dpi * 25.4 for n, dpi in zip(image.size, image.info["dpi"], strict=True)]
    assert sizes == [pytest.approx(297, abs=0.2), pytest.approx(210, abs=0.2)]


def test_each_layout_has_every_lead_in_its_place() -> None:
    def names(layout: str) -> list[list[str]]:
        return [[LEADS_12[k] for k in row] for row in rows_of(LEADS_12, layout)]

    assert names("3x4")[0] == ["I", "aVR", "V1", "V4"] and names("3x4")[3] == ["II"]
    assert names("6x2")[0] == ["I", "V1"] and names("6x2")[5] == ["aVF", "V6"]
    assert names("12x1") == [[lead] for lead in LEADS_12]
    assert rows_of(("X", "V1", "I"), "12x1") == [[2], [1], [0]]
    assert rows_of(LEADS_12, "3x4", "V1")[3] == [6]


@pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1"])
def test_at_50_mm_s_a_sheet_keeps_its_width_and_shows_half_the_time(layout: str) -> None:
    slow, fast = (
        clinical_sheet(spikes(10, LEADS_12), 0, "", Page(layout, speed)) for speed in (25.0, 50.0)
    )
    assert slow.width == fast.width == 297
    assert "seconds 0 to 5" in " ".join(words(fast))
    longer = clinical_sheet(spikes(10, LEADS_12), 0, "", Page(layout, 50.0, seconds=10))
    assert longer.width > 520


def test_the_sheet_of_twelve_rows_is_a4_at_half_the_gain() -> None:
    sheet = clinical_sheet(spikes(10, LEADS_12), 0, "", Page("12x1", gain=5))
    assert (sheet.width, sheet.height) == (297, 210)


def hour(source: str = "synthetic:x", **more: Any) -> Recording:
    beats = np.arange(50, 3600 * FS, 75)
    symbol = np.where(np.arange(len(beats)) % 40 == 5, "V", "N")
    signal = np.tile(spikes(60).signal[0], (1, 60))
    return Recording(signal, FS, ("II",), Annotations(beats, symbol), source=source, **more)


def lines(recording: Recording, **more: Any) -> Disclosure:
    return disclosure(recording, "", Page("full", **more))


@pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1"])
def test_every_sheet_of_synthetic_ecg_states_it(layout: str) -> None:
    made = spikes(10, LEADS_12)
    mask = np.zeros(made.signal.shape, bool)
    mask[0, 3] = True
    for ecg, mark in (
        (made, [SYNTHETIC_MARK]), (replace(made, source="ptbxl:train"), []),
        (replace(made, synthetic_mask=mask), [PARTLY_MARK]),
    ):  # fmt: skip
        found = words(clinical_sheet(ecg, 0, "", Page(layout)))
        assert [word for word in found if "SYNTHETIC" in word] == mark


def test_every_page_of_full_disclosure_states_it() -> None:
    for recording, mark in (
        (hour(), [SYNTHETIC_MARK]), (hour("mitdb"), []),
        (hour("x", comments=("PARTLY SYNTHETIC ECG",)), [PARTLY_MARK]),
    ):  # fmt: skip
        pages = [words(sheet) for sheet in lines(recording, seconds=1000).sheets()]
        assert len(pages) == 2
        assert all([w for w in page if "SYNTHETIC" in w] == mark for page in pages)


def test_a_page_has_lines_of_a_minute_with_times_rates_and_ectopic_beats() -> None:
    first = words(next(lines(hour()).sheets()))
    assert "0:14:00" in first and "0:15:00" not in first
    assert first.count("80/min") == 15
    assert first.count("V") == sum(1 for k in range(1200) if k % 40 == 5)
    assert "V" not in words(next(lines(hour(), annotations="none").sheets()))


def test_the_speed_sets_the_line_and_the_line_the_speed() -> None:
    asked = [Page(speed=25), Page(speed=50), Page(line_s=30), Page(), Page(speed=25, line_s=20)]
    assert [page.of_lines[::2] for page in asked] == [
        (25, 10), (50, 5), (8, 30), (4, 60), (25, 20)
    ]  # fmt: skip


class Disk:
    """A signal that remembers how much of it was read at once."""

    def __init__(self, samples: int) -> None:
        self.shape, self.most = (1, samples), 0

    def __getitem__(self, at: Any) -> np.ndarray:
        count = at[1].stop - at[1].start
        self.most = max(self.most, count)
        return np.zeros((1, count), np.float32)


@pytest.mark.parametrize(("layout", "most_s"), [("", 900), ("full", 900), ("12x1", 10)])
def test_a_long_recording_is_not_read_whole(tmp_path: Path, layout: str, most_s: int) -> None:
    disk = Disk(24 * 3600 * FS)
    recording = Recording(disk, FS, ("II",), source="synthetic:x")
    paper.draw(recording, tmp_path / "a.png", layout=layout, start_s=7200)
    assert 0 < disk.most <= most_s * FS


def test_thinning_keeps_extremes_and_gaps() -> None:
    wave = np.random.default_rng(0).normal(size=1003)
    wave[[300, 301, 302]] = np.nan
    rows = envelope(wave, 10)
    assert len(rows) < 250 and (np.diff(rows) > 0).all()
    assert np.nanmax(wave[rows]) == np.nanmax(wave) and np.nanmin(wave[rows]) == np.nanmin(wave)
    assert np.isnan(wave[rows]).any()


@pytest.mark.parametrize("name", FORMATS.names())
def test_every_format_is_drawn(tmp_path: Path, name: str) -> None:
    ending = contract.named(name).endings[0]
    target = f"{tmp_path}/a{ending}"
    ecg = spikes(70, ("I", "II"))
    write(ecg, target)
    found = long_recording(Path(target), 60) or read(target)
    assert found.synthetic
    for layout in ("12x1", "full"):
        assert paper.draw(found, layout=layout, start_s=30, annotations="all").axes


def test_records_of_many_beats_are_no_long_recording(tmp_path: Path) -> None:
    ecg = Ecg(np.zeros((300, 1, 80), np.float32), Spec(("II",), FS, 80), source="synthetic:x")
    write(ecg, f"{tmp_path}/beats/")
    assert long_recording(tmp_path / "beats", 60) is None
    write(spikes(70), f"{tmp_path}/one/")
    found = long_recording(tmp_path / "one", 60)
    assert found is not None and found.synthetic and found.seconds == 70


def test_measurements_are_those_of_the_record(simulated_record: Ecg) -> None:
    line = measurement_line(simulated_record)
    assert re.match(r"rate \d+/min    PR (\d+ ms|-)    QRS \d+ ms    QT \d+ ms    QTc", line)
    sheet = clinical_sheet(simulated_record, 0, "", Page("12x1", measure=measurement_line))
    assert line in words(sheet)
    flat = replace(simulated_record, signal=np.zeros_like(simulated_record.signal))
    assert measurement_line(flat) == "no beat was detected, so nothing is measured"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"layout": "4x3"}, "the layout"),
        ({"layout": 7}, "the layout"),
        ({"layout": "3x4"}, "choose 12x1 or full"),
        ({"layout": "12x1", "start_s": 10.0}, "choose an earlier start"),
        ({"layout": "12x1", "start_s": -1}, "the start of the drawing"),
        ({"layout": "12x1", "line_s": 30}, "has no lines"),
        ({"layout": "full", "lead": "V9"}, "there is no lead 'V9'; choose one of II"),
        ({"layout": "full", "line_s": 600, "speed": 50}, "choose at most 40 s"),
        ({"speed": float("nan")}, "speed"),
        ({"gain": 0}, "gain"),
        ({"seconds": "all"}, "seconds"),
        ({"annotations": "some"}, "annotations"),
        ({"start_s": 2}, "choose a layout"),
    ],
)
def test_bad_values_are_one_sentence(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(EcgsynthError, match=reason):
        paper.draw(spikes(10), **more)


def test_what_does_not_suit_beats_or_pages_is_one_sentence() -> None:
    beats = spikes(2)
    for more in ({"layout": "12x1"}, {"layout": "full"}, {"measure": measurement_line}):
        with pytest.raises(EcgsynthError, match=r"beats.* leave it out"):
            paper.draw(beats, **more)  # type: ignore[arg-type]
    with pytest.raises(EcgsynthError, match="pages of"):
        lines(Recording(Disk(24 * 3600 * FS), FS, ("II",)), speed=25.0)
