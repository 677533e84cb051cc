"""ECG paper measures right, and a synthetic trace is never without its mark."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals import paper
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.paper.clinical import clinical_sheet
from ecgsynth.signals.paper.page import Page
from ecgsynth.signals.paper.sheet import MAJOR, SYNTHETIC_INK, SYNTHETIC_MARK, Sheet, panel_limits
from ecgsynth.signals.paper.strips import strips_sheet
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12

MARKED = re.escape(SYNTHETIC_MARK)


def beats(count: int = 30, source: str = "mitbih:train", **more: object) -> Ecg:
    """A peak of 1.2 mV in a window of 0.72 s."""
    spec = Spec(("MLII",), 250, 180, ("N", "V"), **more)  # type: ignore[arg-type]
    wave = 1.2 * np.exp(-(((np.arange(180) - 60) / 6) ** 2))
    signal = np.tile(wave, (count, 1, 1)).astype(np.float32)
    return Ecg(signal, spec, one_hot(np.arange(count) % 2, 2), source=source)


def strip(seconds: float, leads: tuple[str, ...] = ("II",), source: str = "synthetic:x") -> Ecg:
    samples = int(seconds * 100)
    wave = np.sin(np.arange(samples) / 16)
    return Ecg(np.tile(wave, (1, len(leads), 1)), Spec(leads, 100, samples), source=source)


def drawn(ecg: Ecg | dict[str, Ecg], path: Path, **more: Any) -> Path:
    """The file of a drawing, which gives its figure."""
    draw = paper.draw if isinstance(ecg, Ecg) else paper.beats_sheet
    figure = draw(ecg, path, **more)
    assert figure.get_size_inches().min() > 1
    return path


def svg(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def traces(sheet: Sheet) -> list[np.ndarray]:
    return [np.asarray(line.get_xydata()) for line in sheet.axes.lines]


def test_one_second_is_25_mm_and_one_mv_is_10_mm() -> None:
    sheet = Sheet(100, 50, speed=25, gain=10)
    sheet.trace(10, 20, np.array([0.0, 1.0, 0.0]), fs=2)
    points = traces(sheet)[0]
    np.testing.assert_allclose(points, [[10, 20], [22.5, 30], [35, 20]])
    inches = sheet.figure.get_size_inches()
    np.testing.assert_allclose(inches * 25.4, [100, 50])  # so a mm of the axes is a mm in print
    assert sheet.axes.get_position().bounds == (0, 0, 1, 1)


def test_the_calibration_pulse_is_1_mv_high_at_any_gain() -> None:
    for gain in (5.0, 10.0, 20.0):
        sheet = Sheet(100, 50, speed=25, gain=gain)
        sheet.pulse(10, 20)
        assert np.ptp(traces(sheet)[0][:, 1]) == gain


def test_heavy_lines_of_the_paper_lie_5_mm_apart() -> None:
    from matplotlib.colors import to_hex
    from matplotlib.patches import PathPatch

    sheet = Sheet(100, 50, speed=25, gain=10)
    sheet.paper(10, 5, 30, 20)
    [heavy] = [
        patch
        for patch in sheet.axes.patches
        if isinstance(patch, PathPatch) and to_hex(patch.get_edgecolor()) == MAJOR
    ]
    points = heavy.get_path().vertices
    assert sorted({*points[:14, 0]}) == [10, 15, 20, 25, 30, 35, 40]
    assert sorted({*points[14:, 1]}) == [5, 10, 15, 20, 25]


@pytest.mark.parametrize("suffix", ("svg", "png", "pdf"))
def test_every_kind_of_picture_is_what_its_ending_says(tmp_path: Path, suffix: str) -> None:
    path = drawn(beats(), tmp_path / f"sheet.{suffix}")
    begins = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(begins)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_printed_svg_of_ten_seconds_is_wide_enough_for_250_mm(tmp_path: Path) -> None:
    text = svg(drawn(strip(10), tmp_path / "strip.svg"))
    points = re.search(r'width="([\d.]+)pt"', text)
    assert points is not None
    assert float(points[1]) / 72 * 25.4 == pytest.approx(10 + 250 + 2 + 3 + 20, abs=0.1)


@pytest.mark.parametrize("ecg", (beats(source="synthetic:x"), strip(10), strip(10, LEADS_12)))
def test_a_synthetic_sheet_is_marked_and_a_real_one_is_not(tmp_path: Path, ecg: Ecg) -> None:
    assert re.search(f">{MARKED}<", svg(drawn(ecg, tmp_path / "a.svg")))
    real = replace(ecg, source="mitbih:train")
    assert not re.search(MARKED, svg(drawn(real, tmp_path / "b.svg")))


def test_a_beats_sheet_names_classes_lead_and_scale(tmp_path: Path) -> None:
    text = svg(drawn(beats(), tmp_path / "sheet.svg", title="Costs $5 and $6"))
    for words in ("ventricular ectopic", "lead MLII", "25 mm/s    10 mm/mV", "Costs $5 and $6"):
        assert words in text


def test_normalised_beats_have_neither_paper_nor_mv(tmp_path: Path) -> None:
    text = svg(drawn(beats(unit="normalised"), tmp_path / "sheet.svg"))
    assert "no mV" in text and "mm/mV" not in text and MAJOR not in text
    assert MAJOR in svg(drawn(beats(), tmp_path / "paper.svg"))


def test_real_and_synthetic_rows_stand_in_one_band_on_one_axis(tmp_path: Path) -> None:
    sets = {"real": beats(), "synthetic": beats(12, "synthetic:x")}
    text = svg(drawn(sets, tmp_path / "both.svg"))
    assert text.count("ventricular ectopic") == 1
    assert "real: 15 beats" in text and "synthetic: 6 beats" in text
    assert SYNTHETIC_INK in text and re.search(MARKED, text)


def test_twelve_leads_are_all_named_and_lead_ii_runs_beneath() -> None:
    ecg = strip(10, LEADS_12)
    sheet = clinical_sheet(ecg, 0, "", Page())
    words = [text.get_text() for text in sheet.axes.texts]
    assert [words.count(lead) for lead in LEADS_12] == [1, 2, *[1] * 10]
    assert max(np.ptp(line[:, 0]) for line in traces(sheet)) == pytest.approx(249.75)
    assert (sheet.width, sheet.height) == (297, 210)  # A4


def test_a_long_strip_is_broken_into_rows_of_ten_seconds() -> None:
    ecg = strip(25)
    ecg = replace(ecg, marks=Marks([0, 0], [-1, -1], [150, 2450], ["V", "S"]))  # type: ignore[arg-type]
    sheet = strips_sheet(ecg, [0], "", Page())
    waves = [line for line in traces(sheet) if len(line) > 6]
    assert [len(line) for line in waves] == [1000, 1000, 500]
    assert len({line[0, 0] for line in waves}) == 1
    at = {text.get_text(): text.get_position()[0] for text in sheet.axes.texts}
    assert at["V"] == pytest.approx(waves[0][150, 0])
    assert at["S"] == pytest.approx(waves[2][450, 0])


def test_padding_is_not_drawn() -> None:
    ecg = replace(strip(10), valid=np.array([400]))
    wave = max(traces(strips_sheet(ecg, [0], "", Page())), key=len)
    assert np.isfinite(wave[:, 1]).sum() == 400


def test_same_items_give_the_same_picture(tmp_path: Path) -> None:
    one, two = (drawn(beats(), tmp_path / f"{k}.svg").read_bytes() for k in "ab")
    assert one == two


def test_several_twelve_lead_items_are_pages_of_a_pdf_and_nothing_else(tmp_path: Path) -> None:
    ecg = strip(10, LEADS_12)[[0, 0, 0]]
    path = drawn(ecg, tmp_path / "pages.pdf", items=[0, 2])
    assert len(re.findall(rb"/Type /Page\b", path.read_bytes())) == 2
    with pytest.raises(EcgsynthError, match="a .pdf"):
        drawn(ecg, tmp_path / "pages.png", items=[0, 2])


@pytest.mark.parametrize(
    ("ecg", "name", "items", "reason"),
    [
        (beats(), "sheet.gif", None, "end the name in"),
        (beats()[:0], "sheet.svg", None, "no items"),
        (beats(), "sheet.svg", [99], "no item 99"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    tmp_path: Path, ecg: Ecg, name: str, items: list[int] | None, reason: str
) -> None:
    with pytest.raises(EcgsynthError, match=reason):
        drawn(ecg, tmp_path / name, items=items)
    assert not list(tmp_path.iterdir())


def test_sets_without_a_common_unit_are_not_compared(tmp_path: Path) -> None:
    sets = {"real": beats(), "other": beats(unit="normalised")}
    with pytest.raises(EcgsynthError, match="'other' has MLII in normalised"):
        drawn(sets, tmp_path / "both.svg")


def test_missing_samples_and_flat_lines_can_be_drawn(tmp_path: Path) -> None:
    for unit in ("mV", "normalised"):
        ecg = beats(3, unit=unit)
        for value in (np.nan, 0.0):
            gone = replace(ecg, signal=np.full_like(ecg.signal, value))
            assert drawn(gone, tmp_path / "sheet.svg").is_file()


def test_no_single_beat_is_cut_off_at_the_edge_of_its_paper() -> None:
    ecg = beats(400)
    ecg.signal[2, 0, 100] = -2.2  # the one deep S wave of 400 beats
    low, high = panel_limits([ecg.signal[2], ecg.signal[:, 0]], 10.0)
    assert low <= -22 and high >= 12


def test_beats_of_two_leads_stand_beneath_each_other(tmp_path: Path) -> None:
    count = 20
    wave = np.sin(np.linspace(0, 6, 70)).astype(np.float32)
    signal = np.stack([np.stack([wave, -wave])] * count)
    both = Ecg(signal, Spec(("MLII", "V1"), 100, 70), source="synthetic:x")
    words = drawn(both, tmp_path / "two.svg").read_text()
    assert words.count("MLII: 20 beats") == 1 and words.count("V1: 20 beats") == 1
    assert "item 3" in drawn(both, tmp_path / "one.svg", items=[3]).read_text()


def test_drawing_gives_the_figure_with_a_file_or_without(tmp_path: Path) -> None:
    figure = paper.draw(beats())
    assert figure.axes
    figure.savefig(tmp_path / "later.png")
    assert (tmp_path / "later.png").stat().st_size > 10_000
    assert {path.name for path in tmp_path.iterdir()} == {"later.png"}
    assert figure._repr_png_().startswith(b"\x89PNG")  # what a notebook shows
    assert paper.beats_sheet({"one": beats(), "other": beats()}).axes
    records = strip(10, LEADS_12)[[0, 0]]
    assert paper.draw(records).axes
    with pytest.raises(EcgsynthError, match="a figure holds one 12-lead sheet"):
        paper.draw(records, items=[0, 1])


def test_a_set_shows_a_sheet_in_a_notebook() -> None:
    for ecg in (beats(), strip(10), strip(10, LEADS_12), beats(unit="normalised")):
        shown = ecg._repr_png_()
        assert shown is not None
        assert shown.startswith(b"\x89PNG")
    assert beats()[:0]._repr_png_() is None
