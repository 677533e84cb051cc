"""Monitor: a stream with its beats and its heart rate, until it is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_a_stream_is_drawn_with_its_heart_rate_and_stops(page: Page) -> None:
    page.goto("/#monitor")
    page.locator("#stream-rhythm").fill("sinus 75 bpm 60 s with pvc every 4 beats")
    empty = page.locator("#stream-canvas").evaluate("(canvas) => canvas.toDataURL()")
    page.locator("#stream-go").click()
    page.locator("#stream-rate", has_text="7").wait_for()
    assert 60 < int(page.locator("#stream-rate").inner_text()) < 95
    assert page.locator("#stream-canvas").evaluate("(canvas) => canvas.toDataURL()") != empty
    assert "sinus 75 bpm" in page.locator("#stream-about").inner_text()
    page.locator("#stream-beat", has_text="V").wait_for()
    page.locator("#stream-go").click()
    assert "Stopped after" in page.locator("#stream-about").inner_text()
    page.locator("#stream-rhythm").fill("sinis")
    page.locator("#stream-go").click()
    page.locator("#stream-problem", has_text="column 1").wait_for()
    assert page.locator("#stream-go").inner_text() == "Start"
