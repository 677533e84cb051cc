"""The page in a browser: what it draws, measures, hands out and says, for eye, ear and keyboard."""

from __future__ import annotations

import hashlib
import itertools
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
import wfdb
from browsing import CONTRAST, answered, chromium, drag, figure, ink, nameless, peaks, pixels
from serving import served
from tiny import tiny_run

import ecgsynth as es
from ecgsynth.app.service.settings import Settings
from ecgsynth.app.service.store import Store
from ecgsynth.formats import read
from ecgsynth.signals.ecg import Ecg, concatenate
from ecgsynth.signals.simulator import simulate_record
from ecgsynth.training.loop import train

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

KEY = "a key of these tests"
SIZES = {"phone": (360, 780), "laptop": (1280, 800), "wall": (2560, 1440)}
TABS = ("generate", "judge", "training")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def twelve() -> Ecg:
    """Eight people of the simulator: 12 leads, 10 s at 100 Hz."""
    people = [simulate_record(10, 100, seed=1, patient=k) for k in range(8)]
    return concatenate([replace(one, marks=None) for one in people])


@pytest.fixture(scope="module")
def runs(simulated_beats: Ecg, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of six steps."""
    folder = tmp_path_factory.mktemp("runs")
    train(tiny_run(6, health_every=2), folder / "mine", data=simulated_beats[:80])
    return folder


@pytest.fixture(scope="module")
def service(
    runs: Path, twelve: Ecg, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Shipped models and one of 12 leads, without training."""
    models = tmp_path_factory.mktemp("models")
    train(tiny_run(1), data=twelve).save(models / "twelve.safetensors")
    jobs = f"sqlite:///{tmp_path_factory.mktemp('jobs') / 'jobs.sqlite'}"
    with served(Settings(jobs_db=jobs, runs=runs, model_dir=models)) as client:
        yield client


@pytest.fixture
def page(browser: Browser, service: httpx.Client) -> Iterator[Page]:
    with opened(browser, service) as page:
        yield page


class opened:  # noqa: N801
    """A page of the service. In the end no error stands in the console, and nothing was asked of
    another host."""

    def __init__(
        self, browser: Browser, service: httpx.Client, size: str = "laptop", **more: Any
    ) -> None:
        self.home = str(service.base_url).rstrip("/")
        width, height = SIZES[size]
        touch = {"is_mobile": size == "phone", "has_touch": size == "phone"}
        self.context = browser.new_context(
            base_url=self.home, viewport={"width": width, "height": height}, **touch, **more
        )
        self.errors: list[str] = []
        self.asked: list[str] = []

    def __enter__(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda said: self.hear(said.type, said.text))
        return page

    def hear(self, kind: str, text: str) -> None:
        # That an answer was no success is told by the browser and shown by the page.
        if kind in ("error", "warning") and "Failed to load resource" not in text:
            self.errors.append(text)

    def __exit__(self, *problem: object) -> None:
        self.context.close()
        if problem[0] is None:
            assert self.errors == []
            foreign = [u for u in self.asked if not u.startswith((self.home, "blob:" + self.home))]
            assert foreign == []


def drawn(page: Page, link: str = "") -> list[dict[str, Any]]:
    """Open the page, by a link or as it is; the items that the API answered."""
    with page.expect_response("**/v1/ecgs") as asked:
        page.goto(f"/{link}")
    settled(page)
    return [json.loads(text) for text in asked.value.text().splitlines()[1:-1]]


def settled(page: Page) -> None:
    """What was asked for last is on the sheet: its answer comes before it is drawn."""
    page.locator("#frame:not(.busy)").wait_for()
    page.locator("#measures tbody tr").first.wait_for()


def picture(page: Page) -> str:
    url: str = page.locator("#canvas").evaluate("(canvas) => canvas.toDataURL()")
    return hashlib.sha256(url.encode()).hexdigest()


# Generate.


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


def test_what_is_downloaded_is_what_is_drawn(page: Page, tmp_path: Path) -> None:
    items = drawn(page, "#model=mitbih-beats&label=V&seed=7&count=5")
    shown = np.array([item["signal"]["MLII"] for item in items])
    for format in ("npz", "csv", "parquet", "wfdb"):
        page.locator("#format").select_option(format)
        with page.expect_download() as given:
            page.locator("#download").click()
        path = tmp_path / given.value.suggested_filename
        given.value.save_as(path)
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                archive.extractall(tmp_path / format)
            path = next((tmp_path / format).iterdir())
        np.testing.assert_allclose(read(path, format).signal[:, 0], shown, atol=5e-4)
    record = next((tmp_path / "wfdb").rglob("*.hea")).with_suffix("")
    assert wfdb.rdrecord(str(record)).units == ["mV"]


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


def test_a_server_that_goes_is_missed_and_welcomed_back(browser: Browser, service: Any) -> None:
    view = opened(browser, service)
    with view as page:
        drawn(page)
        page.route("**/v1/**", lambda route: route.abort())
        page.locator("#make").click()
        page.locator("#gone", has_text="does not answer").wait_for()
        page.unroute("**/v1/**")
        page.locator("#gone:empty").wait_for(state="attached")
        with page.expect_response("**/v1/ecgs"):
            page.locator("#make").click()
        page.locator("#said", has_text="12 synthetic beats").wait_for()


def test_a_key_is_asked_for_and_kept(browser: Browser, tmp_path: Path) -> None:
    settings = Settings(jobs_db=f"sqlite:///{tmp_path / 'jobs.sqlite'}", jobs=0)
    with served(settings, KEY) as service, opened(browser, service) as page:
        page.goto("/")
        for given in ("wrong", KEY):
            page.locator("#key").fill(given)
            page.keyboard.press("Enter")
            page.wait_for_timeout(200)
        page.locator("#measures tbody tr").first.wait_for()
        page.reload()
        page.locator("#measures tbody tr").first.wait_for()
        assert not page.locator("#key-dialog").is_visible()


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


def test_signals_without_mv_get_no_paper(page: Page) -> None:
    drawn(page, "#model=heartbeat-beats&seed=1&count=4")
    assert page.locator("#gain").is_disabled()
    page.locator("#calipers").click()
    assert page.locator("#dv").inner_text().endswith("a.u.")
    seen = pixels(page)
    assert not ((seen[..., 0] - seen[..., 2]) > 40).any()  # neither 5-mm lines nor 1-mm ones


def test_the_sweep_moves_and_rests_where_motion_is_unwanted(browser: Browser, service: Any) -> None:
    for motion, moves in (("no-preference", True), ("reduce", False)):
        with opened(browser, service, reduced_motion=motion) as page:
            drawn(page, "#model=mitbih-beats&seed=1&count=4&view=sweep")
            before = picture(page)
            page.wait_for_timeout(400)
            assert (picture(page) != before) == moves
            assert page.locator("#pause").inner_text() == ("Pause" if moves else "Play")
            page.locator("#pause").click()
            page.wait_for_timeout(300)
            before = picture(page)
            page.wait_for_timeout(300)
            assert (picture(page) != before) != moves


# For everyone.


def test_the_keyboard_alone_makes_an_ecg_and_measures_it(page: Page) -> None:
    drawn(page)

    def tab_to(id: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("() => document.activeElement.id") == id:
                return
        raise AssertionError(f"{id} cannot be reached by Tab")

    tab_to("tab-generate")
    tab_to("make")
    with page.expect_response("**/v1/ecgs"):
        page.keyboard.press("Enter")
    settled(page)
    tab_to("calipers")
    page.keyboard.press("Space")
    tab_to("caliper-t1")
    before = figure(page, "dt")
    for key, moved in (("ArrowLeft", 2), ("Shift+ArrowLeft", 22)):
        page.keyboard.press(key)
        assert figure(page, "dt") == pytest.approx(before + moved, abs=1)
    said = str(page.locator("#caliper-t1").get_attribute("aria-valuetext"))
    assert f"between the lines {figure(page, 'dt'):.0f} ms" in said
    tab_to("caliper-v2")
    page.keyboard.press("ArrowUp")
    page.locator("#tab-generate").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => document.activeElement.id") == "tab-judge"
    assert page.locator("#part-judge").is_visible()


@pytest.mark.parametrize("tab", TABS)
def test_the_page_can_be_heard_and_read(page: Page, tab: str) -> None:
    drawn(page)
    page.locator(f"#tab-{tab}").click()
    page.wait_for_timeout(600)
    assert nameless(page) == []
    assert page.locator("html").get_attribute("lang") == "en"
    levels = page.locator("h1, h2, h3").evaluate_all(
        "(all) => all.filter((h) => h.checkVisibility()).map((h) => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    for scheme in ("light", "dark"):
        page.locator("#theme").select_option(scheme)
        assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("size", ["phone", "wall"])
def test_no_size_scrolls_sideways(browser: Browser, service: Any, size: str) -> None:
    with opened(browser, service, size) as page:
        drawn(page)
        for tab in TABS:
            page.locator(f"#tab-{tab}").click()
            page.wait_for_timeout(300)
            wide = page.evaluate("() => document.documentElement.scrollWidth")
            assert wide <= SIZES[size][0]


@pytest.mark.parametrize("size", [*SIZES])
def test_nothing_jumps_while_the_page_fills(browser: Browser, service: Any, size: str) -> None:
    with opened(browser, service, size) as page:
        page.add_init_script("""window.jumps = 0; new PerformanceObserver((list) => {
            for (const one of list.getEntries()) window.jumps += one.value;
        }).observe({ type: "layout-shift", buffered: true });""")
        drawn(page)
        page.wait_for_timeout(300)
        assert page.evaluate("() => window.jumps") < 0.05  # .1 is called good (web.dev/cls)


# Judge.


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
    assert page.locator("#against").input_value() == "mitbih:heldout"
    page.locator("#judge-go").click()
    page.locator("#judge-doing", has_text="%").wait_for()
    page.locator("#verdict table tbody tr").nth(1).wait_for(timeout=120_000)
    assert "amplitude_w1" in page.locator("#verdict table").inner_text()
    assert page.locator("iframe.report").get_attribute("sandbox") == "allow-scripts"
    report = page.frame_locator("iframe.report").locator("h1")
    assert "Synthetic ECG" in report.inner_text()
    page.reload()  # the job is found again
    page.locator("#verdict table tbody tr").nth(1).wait_for()


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
    row.wait_for(timeout=120_000)
    assert row.locator("td").all_inner_texts()[:2] == ["200", "100"]
    with page.expect_download() as given:
        page.locator("#augmented").get_by_role("button", name="Download the set").click()
    given.value.save_as(tmp_path / "mixed.npz")
    assert read(tmp_path / "mixed.npz").counts() == {"N": 200, "S": 300}


# Training.


def test_a_run_is_watched_while_it_is_written(page: Page, runs: Path) -> None:
    page.goto("/#training")
    page.locator("#run-title", has_text="mine").wait_for()
    page.locator("#curves figure").first.wait_for()
    assert "96 of 96" in page.locator("#run-state").inner_text()
    page.locator("#samples canvas").wait_for()
    more = {"examples": 112, "critic/adversarial": 0.87712, "generator/adversarial": 1.5}
    rings = {"examples": 112, "alarm": "mode-collapse", "saw": "one beat again and again",
             "try": "try more training.critic_steps"}  # fmt: skip
    with open(runs / "mine" / "metrics.jsonl", "a") as file:
        file.writelines(json.dumps(line) + "\n" for line in (more, rings))
    page.locator("#curves", has_text="0.877").wait_for()
    alarm = page.locator(".alarm")
    assert "mode collapse" in alarm.inner_text().lower()
    assert "Try more training.critic_steps" in alarm.inner_text()
    page.locator("#versions").get_by_text("registered").wait_for()
