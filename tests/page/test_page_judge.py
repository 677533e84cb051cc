"""Judge: a set from file to report, a rare class filled up, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from browsing import opened
from playwright.sync_api import expect
from serving import served

import ecgsynth as es
from ecgsynth.formats import read
from ecgsynth.jobs.store import Store
from ecgsynth.service.settings import Settings
from ecgsynth.signals.joining import concatenate

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

KEY = "a key of these tests"


def test_a_report_stands_in_its_frame_though_a_key_is_asked_for(
    browser: Browser, tmp_path: Path
) -> None:
    settings = Settings(jobs_db=f"sqlite:///{tmp_path / 'jobs.sqlite'}", jobs=0)
    keep = Store(settings.jobs_db)
    name = keep.add("evaluation", {}, {})
    assert keep.claim("me", 1, 60)
    verdict = {"synthetic": "a", "against": "b", "counts": {}, "rows": [], "notes": [],
               "left_out": {}}  # fmt: skip
    assert keep.finish(name, "me", verdict, {"report.html": iter([b"<h1>A verdict</h1>"])})
    with served(settings, KEY) as service, opened(browser, service) as page:
        page.goto("/")
        page.evaluate(
            f"sessionStorage.setItem('ecgsynth-key', '{KEY}');"
            f"sessionStorage.setItem('ecgsynth-judge', '{name}')"
        )
        page.goto("/?again#judge")
        heading = page.frame_locator("iframe.report").locator("h1")
        assert heading.inner_text() == "A verdict"


@pytest.mark.data("mitbih")
def test_a_set_is_judged_from_file_to_report(
    page: Page, service: httpx.Client, tmp_path: Path
) -> None:
    beats = es.Synthesizer.load("mitbih-beats").generate(200, label="V", seed=2)
    es.write(beats, tmp_path / "pvc.npz")

    def one_figure(route: Any) -> None:
        """The same question to the same service, of one figure: the test takes seconds."""
        form = {"against": "mitbih:heldout", "train": "mitbih:train", "metrics": "amplitude_w1"}
        files = {"file": ("pvc.npz", (tmp_path / "pvc.npz").read_bytes())}
        answer = service.post("/v1/evaluations", data=form, files=files)
        route.fulfill(status=answer.status_code, json=answer.json())

    page.route("**/v1/evaluations", one_figure)
    page.goto("/#judge")
    page.locator("#judge-go").click()
    page.locator("#judge-problem", has_text="Choose a file first").wait_for()
    page.locator("#file").set_input_files(tmp_path / "pvc.npz")
    expect(page.locator("#against")).to_have_value("mitbih:heldout")
    page.locator("#judge-go").click()
    page.locator("#judge-doing", has_text="%").wait_for()
    page.locator("#verdict table tbody tr").nth(1).wait_for(timeout=900_000)
    assert "amplitude_w1" in page.locator("#verdict table").inner_text()
    told = page.locator("#judge-doing", has_text="Done: 1 figure in a table")
    assert told.get_attribute("role") == "status"
    assert page.evaluate("() => document.activeElement.textContent") == "Verdict"
    order = page.locator("#verdict > *").evaluate_all("(all) => all.map((one) => one.className)")
    assert order[0] == "scroll tall"  # the table stands before the report
    assert order[-1] == "report"
    assert page.locator("iframe.report").get_attribute("sandbox") == "allow-scripts"
    report = page.frame_locator("iframe.report").locator("h1")
    assert "Evaluation of synthetic ECG" in report.inner_text()
    page.reload()  # the job is found again
    page.locator("#verdict table tbody tr").nth(1).wait_for()


def test_the_page_takes_the_formats_that_the_server_names(page: Page) -> None:
    known = page.request.get("/v1/formats").json()
    page.goto("/#judge")
    page.locator("#drop .accepted", has_text=f": {known['accept_text']}").wait_for()
    for name in ("file", "real"):
        assert page.locator(f"#{name}").get_attribute("accept") == ",".join(known["accept"])
    assert page.locator("#augment-format").input_value() == known["usual"]
    titles = page.locator("#augment-format option").all_inner_texts()
    assert titles == [one["title"] for one in known["formats"]]
    page.locator("#judge-go").click()
    said = f"Choose a file first: {known['accept_text']}."
    page.locator("#judge-problem", has_text=said).wait_for()


def test_a_job_can_be_cancelled_and_a_refused_file_says_why(page: Page, tmp_path: Path) -> None:
    page.goto("/#judge")
    files = page.locator("#file")
    files.set_input_files({"name": "beats.npz", "mimeType": "", "buffer": b"no archive"})
    page.locator("#judge-go").click()
    page.locator("#judge-problem", has_text="not a whole archive").wait_for()
    es.write(es.Synthesizer.load("mitbih-beats").generate(40, seed=2), tmp_path / "beats.npz")
    files.set_input_files(tmp_path / "beats.npz")
    for name, split in (("against", "simulated:test"), ("train", "simulated:train")):
        page.locator(f"#{name}").select_option(split)
    page.locator("#judge-go").click()
    page.locator("#judge-cancel:enabled").click()
    page.locator("#judge-doing", has_text="Cancelled").wait_for()


@pytest.mark.data("mitbih")
def test_a_rare_class_is_filled_up_and_handed_back(page: Page, tmp_path: Path) -> None:
    real = es.load("mitbih", classes=("N", "S"), leads=["MLII"], band=(None, 40.0))
    some = concatenate([real.of_class("N")[:200], real.of_class("S")[:200]])
    es.write(some, tmp_path / "real.npz")
    page.goto("/#judge")
    page.locator("#real").set_input_files(tmp_path / "real.npz")
    page.locator("#plan").select_option(label="Own factors")
    page.locator("#augment-go").click()
    page.locator("#augment-problem", has_text="at least one class a factor above 1").wait_for()
    page.locator('#times input[data-class="S"]').fill("1.5")
    page.locator("#augment-go").click()
    row = page.locator("#augmented tbody tr", has_text="S")
    row.wait_for(timeout=900_000)
    assert row.locator("td").all_inner_texts()[:2] == ["200", "100"]
    with page.expect_download() as given:
        page.locator("#augmented").get_by_role("button", name="Download the set").click()
    given.value.save_as(tmp_path / "mixed.npz")
    assert read(tmp_path / "mixed.npz").counts() == {"N": 200, "S": 300}
