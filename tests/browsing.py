"""A browser on the page of a service, and how its paper, its sliders and its names are read."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from ecgsynth.service.api.responses import ndjson_bytes
from ecgsynth.signals.ecg import Ecg

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

SIZES = {"phone": (360, 780), "laptop": (1280, 800), "wall": (2560, 1440)}
TABS = ("generate", "judge", "monitor", "training")
NAMES = ("chromium", "chromium-browser", "google-chrome")

CONTRAST = """() => {
  const colour = (text) => {
    const pen = new OffscreenCanvas(1, 1).getContext("2d");
    pen.fillStyle = text; pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4))
    .reduce((sum, v, k) => sum + v * [.2126, .7152, .0722][k], 0);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const found = colour(getComputedStyle(at).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const said = (one) => [...one.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  return [...document.querySelectorAll("body *")]
    .filter((one) => said(one) && one.checkVisibility() && !one.closest(":disabled, .bare, option"))
    .map((one) => {
      const [a, b] = [light(colour(getComputedStyle(one).color)), light(behind(one))];
      return [one.textContent.trim().slice(0, 40), (Math.max(a, b) + .05) / (Math.min(a, b) + .05)];
    }).filter(([, ratio]) => ratio < 4.5);
}"""
"""Texts whose contrast with what is behind them is below 4.5 (WCAG 2.2, 1.4.3)."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of this machine; a skip with its reason where there is none."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
    )
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    sandbox = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=sandbox)
        yield browser
        browser.close()


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
        page.set_default_timeout(300_000)  # a busy machine takes its time
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


def answered(ecg: Ecg, id: str, measured: dict[str, float] | None = None) -> Any:
    """A route that answers `POST /v1/ecgs` with this ECG, as the service would."""

    def route(asked: Route) -> None:
        lines = ndjson_bytes(iter([ecg]), {"model": id, "seed": 1}).decode().splitlines()
        if measured:
            items = [json.dumps(json.loads(x) | {"measured": measured}) for x in lines[1:-1]]
            lines = [lines[0], *items, lines[-1]]
        text = "".join(f"{line}\n" for line in lines)
        asked.fulfill(status=200, body=text, content_type="application/x-ndjson")

    return route


def pixels(page: Page) -> NDArray[np.int_]:
    """[row, column, colour] of the sheet."""
    from PIL import Image

    url = page.locator("#canvas").evaluate("(canvas) => canvas.toDataURL()")
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def picture(page: Page) -> str:
    url: str = page.locator("#canvas").evaluate("(canvas) => canvas.toDataURL()")
    return hashlib.sha256(url.encode()).hexdigest()


def ink(page: Page) -> NDArray[np.bool_]:
    """[row, column], what of the sheet is trace: near black; all else is lighter."""
    return pixels(page).sum(2) < 200


def peaks(dark: NDArray[np.bool_], far: int) -> list[tuple[float, int]]:
    """(column, row) of the highest points of a trace that are no nearer than `far` columns."""
    top = np.where(dark.any(0), dark.argmax(0), dark.shape[0])
    found: list[tuple[float, int]] = []
    while top.min() < dark.shape[0]:
        row = int(top.min())
        at = np.flatnonzero(top == row)
        column = float(at[at - at[0] < far].mean())
        found.append((column, row))
        top[max(0, round(column) - far) : round(column) + far] = dark.shape[0]
    return found


def drag(page: Page, line: str, x: float, y: float) -> None:
    """Take a caliper near a pixel of the canvas and bring it there."""
    canvas = page.locator("#canvas").bounding_box()
    handle = page.locator(f"#caliper-{line}").bounding_box()
    assert canvas
    assert handle
    to = canvas["x"] + x, canvas["y"] + y
    upright = line.startswith("t")
    middle = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(middle[0] if upright else to[0], to[1] if upright else middle[1])
    page.mouse.down()
    page.mouse.move(*to, steps=3)
    page.mouse.up()


def figure(page: Page, name: str) -> float:
    """A figure of the calipers."""
    return float(page.locator(f"#{name}").inner_text().split()[0])


def nameless(page: Page) -> list[str]:
    """Controls that a screen reader could not name, of those that can be reached now."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    roles = ("button", "link", "textbox", "spinbutton", "combobox", "slider", "radio", "tab",
             "checkbox", "image", "img", "progressbar", "meter", "tabpanel")  # fmt: skip
    return [
        node["role"]["value"]
        for node in tree["nodes"]
        if not node.get("ignored")
        and node["role"]["value"] in roles
        and not node.get("name", {}).get("value")
    ]
