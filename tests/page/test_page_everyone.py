"""The page for eye, ear and keyboard, on every size, with a key and without a server."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browsing import CONTRAST, SIZES, TABS, drawn, figure, nameless, opened, settled
from serving import served

from ecgsynth.service.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

KEY = "a key of these tests"


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
        page.locator("#status", has_text="12 synthetic beats").wait_for()


def test_a_key_is_asked_for_and_kept(browser: Browser, tmp_path: Path) -> None:
    settings = Settings(jobs_db=f"sqlite:///{tmp_path / 'jobs.sqlite'}", jobs=0)
    with served(settings, KEY) as service, opened(browser, service) as page:
        page.goto("/")
        page.locator("#key").fill("wrong")
        page.keyboard.press("Enter")
        page.locator("#key-status", has_text="This key is wrong").wait_for()
        page.locator("#key").fill(KEY)
        page.keyboard.press("Enter")
        page.locator("#measures tbody tr").first.wait_for()
        page.reload()
        page.locator("#measures tbody tr").first.wait_for()
        assert not page.locator("#key-dialog").is_visible()


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
