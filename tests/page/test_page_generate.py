"""Generate: what is drawn, measured, handed out and made again by a link."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import wfdb
from browsing import answered, drag, drawn, figure, ink, opened, peaks, picture, pixels, settled
from serving import wait_for

from ecgsynth.formats import read
from ecgsynth.simulator.records import simulate_record

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def test_the_page_opens_with_synthetic_beats_on_paper(page: Page) -> None:
    items = drawn(page)
    assert [item["label"] for item in items[:4]] == ["N", "S", "V", "F"]
    assert ink(page).sum() > 1000
    assert "SYNTHETIC" in page.locator(".badge").inner_text()
    assert "not for diagnosis" in page.locator(".badge").inner_text()
    assert page.title() == "ecgsynth: synthetic ECG"
    row = page.locator("#measures tbody tr").first.locator("td").all_inner_texts()
    assert float(row[1]) == pytest.approx(60 / items[0]["context"]["rr_before_s"], abs=0.51)
    assert float(row[4]) == pytest.approx(items[0]["measured"]["qrs_ms"], abs=0.51)


def test_calipers_read_a_known_ecg_by_its_pixels(page: Page) -> None:
    known = simulate_record(10, 500, heart_rate=64, leads=("II",), hrv=0.1, seed=4)
    assert known.marks is not None
    signal, r, t = known.signal[0, 0], known.marks.of(0, "r_peak"), known.marks.of(0, "t_peak")
    t = t[t > r[0]]
    page.route("**/v1/ecgs", answered(known, "mitbih-beats-phantom"))
    drawn(page)
    page.locator("#zoom").select_option("3")
    page.locator("#calipers").click()
    px = 3 * 96 / 25.4  # to a millimetre
    dark = ink(page)
    dark[:, : int(14 * px)] = False  # the calibration pulse
    dark[: int(6 * px), : int(24 * px)] = False  # the name of the lead
    (one, top), (two, _) = sorted(peaks(dark, int(8 * px))[: len(r)])[:2]
    drag(page, "t1", one, top)
    drag(page, "t2", two, top)
    assert figure(page, "dt") == pytest.approx((r[1] - r[0]) * 2, abs=10)
    assert figure(page, "bpm") == pytest.approx(60 * 500 / (r[1] - r[0]), abs=1)
    after = int(one + 4 * px)
    column, low = peaks(dark[:, after : after + int(8 * px)], int(8 * px))[0]
    drag(page, "t2", after + column, low)
    assert figure(page, "dt") == pytest.approx((t[0] - r[0]) * 2, abs=10)
    drag(page, "v1", one, low)
    drag(page, "v2", one, top)
    assert figure(page, "dv") == pytest.approx(signal[r[0]] - signal[t[0]], abs=0.05)


def test_a_context_that_was_never_learned_is_doubted_on_the_page(page: Page) -> None:
    drawn(page, "#model=mitbih-beats&label=V&seed=7&count=2&context.rr_before_s=3")
    warning = page.locator("#warning")
    assert "rr_before_s=3 lies outside what was learned" in warning.inner_text()
    assert warning.get_attribute("role") == "alert"
    drawn(page, "?again#model=mitbih-beats&label=V&seed=7&count=2&context.rr_before_s=0.6")
    assert not page.locator("#warning").is_visible()


def downloaded(page: Page, format: str, folder: Path) -> Path:
    """The file, or what is in its archive."""
    page.locator("#format").select_option(format)
    with page.expect_download() as given:
        page.locator("#download").click()
    path = folder / given.value.suggested_filename
    given.value.save_as(path)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder / format)
        path = next((folder / format).iterdir())
    return path


def test_what_is_downloaded_is_what_is_drawn(page: Page, tmp_path: Path) -> None:
    items = drawn(page, "#model=mitbih-beats&label=V&seed=7&count=5")
    shown = np.array([item["signal"]["MLII"] for item in items])
    for format in ("npz", "csv", "parquet", "wfdb"):
        path = downloaded(page, format, tmp_path)
        np.testing.assert_allclose(read(path, format).signal[:, 0], shown, atol=5e-4)
    record = next((tmp_path / "wfdb").rglob("*.hea")).with_suffix("")
    assert wfdb.rdrecord(str(record)).units == ["mV"]


@pytest.mark.parametrize("people", [2, 9])
def test_beats_of_synthetic_people_are_drawn_and_handed_out_alike(
    page: Page, tmp_path: Path, people: int
) -> None:
    items = drawn(page, f"#model=mitbih-beats&label=V&seed=7&count=40&people={people}")
    assert page.locator("#people").input_value() == str(people)
    whole = read(downloaded(page, "npz", tmp_path), "npz")
    assert whole.patient is not None and len(set(whole.patient)) == people
    shown = np.array([item["signal"]["MLII"] for item in items])
    np.testing.assert_allclose(whole.signal[: len(items), 0], shown, atol=5e-4)
    page.goto("/#model=inception-ptbxl")
    page.locator("#people").wait_for(state="hidden")


def test_a_link_makes_the_same_picture_again(page: Page, browser: Browser, service: Any) -> None:
    drawn(page)
    page.locator('#condition input[value="V"]').check()
    page.locator("#context-rr_before_s").fill("0.6")
    page.locator("#count").fill("6")
    with page.expect_response("**/v1/ecgs"):
        page.locator("#dice").click()
    settled(page)
    assert page.locator("#measures tbody tr").count() == 6
    page.locator("#speed").select_option("50")
    link = page.url.partition("#")[2]
    assert "label=V" in link
    assert "context.rr_before_s=0.6" in link
    with opened(browser, service) as other:
        items = drawn(other, f"#{link}")
        assert {(item["label"], item["context"]["rr_before_s"]) for item in items} == {("V", 0.6)}
        assert picture(other) == picture(page)


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("#model=mitbih-beats-00000000&seed=1&count=3", "another version of it (mitbih-beats-"),
        ("#model=nobody-12345678&seed=1&count=3", "which this server does not have"),
        ("#seed=1&count=3", "names no model"),
        ("#model=mitbih-beats&label=Q&seed=1&count=3", "the class Q, which mitbih-beats does not"),
        ("#model=mitbih-beats&seed=1&count=3&context.rr_before_s=-1", "is a time: above 0 s"),
    ],
)
def test_a_link_that_cannot_be_met_says_why_and_draws_nothing(
    page: Page, link: str, words: str
) -> None:
    page.goto(f"/{link}")
    said = page.locator("#make-problem", has_text=words)
    said.wait_for()
    assert said.get_attribute("role") == "alert"
    assert page.locator("#measures tbody tr").count() == 0
    assert not page.locator("#canvas").is_visible()


def test_twelve_leads_stand_three_by_four_over_a_rhythm_strip(page: Page) -> None:
    items = drawn(page, "#model=twelve&seed=1&count=2")
    assert "13 panels" in str(page.locator("#canvas").get_attribute("aria-label"))
    page.locator("#calipers").click()
    names = page.locator("#measured-panel option").all_inner_texts()
    assert names[:4] == ["I", "aVR", "V1", "V4"]
    assert names[12].startswith("II rhythm")
    first = picture(page)
    page.locator("#next").click()
    assert page.locator("#which").inner_text() == f"2 of {len(items)}"
    assert picture(page) != first


def test_words_fill_in_labels_and_rate_and_the_asked_beats_are_drawn(page: Page) -> None:
    drawn(page, "#model=records&seed=1&count=1")
    page.locator("#words").fill("woman with a normal ECG, 75 bpm")
    page.locator("#words").press("Enter")
    wait_for(lambda: "heart_rate" in page.evaluate("location.hash"))
    link = page.evaluate("location.hash")
    assert "label=NORM" in link
    assert "context.sex=1" in link
    assert "context.heart_rate=75" in link
    assert page.locator("#labels button").all_inner_texts() == ["NORM ×"]
    marked = re.search(r"(\d+) beats marked", page.locator("#canvas").get_attribute("aria-label"))
    assert marked and 11 <= int(marked[1]) <= 14
    page.locator("#label-add").select_option("AFIB")
    assert page.locator("#labels button").all_inner_texts() == ["NORM ×", "AFIB ×"]
    page.locator("#labels button").first.click()
    assert page.locator("#labels button").all_inner_texts() == ["AFIB ×"]
    page.locator("#words").fill("normal ECG with hiccups")
    page.locator("#words").press("Enter")
    page.locator("#words-problem", has_text="'hiccups'").wait_for()
    assert page.evaluate("location.hash") == link


def test_signals_without_mv_get_no_paper(page: Page) -> None:
    drawn(page, "#model=heartbeat-beats&seed=1&count=4")
    assert page.locator("#gain").is_disabled()
    page.locator("#calipers").click()
    assert page.locator("#dv").inner_text().endswith("a.u.")
    why = page.locator("#unmeasured").inner_text()
    assert "No QRS, QT, QTc: 0 ms before R; 80 are needed." in why
    seen = pixels(page)
    assert not ((seen[..., 0] - seen[..., 2]) > 40).any()  # neither 5-mm lines nor 1-mm ones


def moves(page: Page) -> bool:
    """Whether the picture changes, however long a frame takes."""
    before = picture(page)
    wait_for(lambda: picture(page) != before)
    return True


def rests(page: Page) -> bool:
    page.wait_for_timeout(300)
    before = picture(page)
    page.wait_for_timeout(300)
    return picture(page) == before


def test_the_sweep_moves_and_rests_where_motion_is_unwanted(browser: Browser, service: Any) -> None:
    for motion, first, then, word in (
        ("no-preference", moves, rests, "Pause"),
        ("reduce", rests, moves, "Play"),
    ):
        with opened(browser, service, reduced_motion=motion) as page:
            drawn(page, "#model=mitbih-beats&seed=1&count=4&view=sweep")
            assert first(page)
            assert page.locator("#pause").inner_text() == word
            page.locator("#pause").click()
            assert then(page)
