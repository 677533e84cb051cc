"""Training: a run while it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from playwright.sync_api import Page


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
    page.locator("#versions :is(p, table)").wait_for()
    assert "No model is registered yet" in page.locator("#versions").inner_text()


def test_a_curve_of_days_stays_bounded_and_even_with_its_ends(page: Page) -> None:
    page.goto("/#training")
    kept = page.evaluate("""async () => {
        const { thinned } = await import("/static/plots.js");
        let curve = [], most = 0;
        for (let k = 0; k <= 100_000; k += 1) {
            curve.push([64 * k, Math.sin(k)]);
            curve = thinned(curve);
            most = Math.max(most, curve.length);
        }
        return { curve, most, twice: thinned(Array(2000).fill([5, 1])).length };
    }""")
    examples = [x for x, _ in kept["curve"]]
    assert kept["most"] <= 800
    assert len(examples) >= 200
    assert (examples[0], examples[-1]) == (0, 6_400_000)
    gaps = np.diff(examples)
    assert (gaps > 0).all()
    assert gaps.max() <= 4 * 6_400_000 / 399  # the step doubles, and a point may be a step late
    assert kept["twice"] == 2  # of equal positions the first and the last
