"""How a sheet is laid out, as it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ecgsynth.arguments import check_choice, check_number, check_text
from ecgsynth.errors import EcgsynthError

if TYPE_CHECKING:
    from ecgsynth.signals.ecg import Ecg

COLUMNS = {"3x4": 4, "6x2": 2, "12x1": 1}
"""Columns of leads in each layout of a clinical sheet."""

FULL = "full"
"""The layout of long recordings: lines of one lead beneath each other."""

LAYOUTS = (*COLUMNS, FULL)
ANNOTATIONS = ("none", "beats", "all")

LONG_S = 3.0
"""From this length on, s, an item is drawn as a strip and no longer as a beat."""

DISCLOSED_S = 60.0
"""A recording of more than this, s, is drawn in lines where no layout was chosen."""

WIDE_MM = 250.0
"""Of a trace on A4: 10 s at 25 mm/s, 5 s at 50 mm/s."""

LINE_MM = 240.0
"""Of a line for which no speed was chosen: 60 s at 4 mm/s."""

GRID_SPEED = 10.0
"""Below this paper speed, mm/s, lines stand on seconds and not on millimetres."""


@dataclass(frozen=True)
class Page:
    """What was asked for; None and "" are what usually suits.

    Attributes
    ----------
    layout: one of `LAYOUTS`; "" = by the length and leads of the items.
    speed: mm/s. gain: mm per mV. start_s: where the drawing begins, s.
    seconds: how many are drawn [as many as fit on A4; all in lines].
    line_s: seconds of a line of full disclosure.
    lead: of the rhythm strip and of full disclosure.
    annotations: of `ANNOTATIONS`: none, the symbols of beats, or rhythms, waves and all others too.
    measure: gives the line of measurements of one item.
    """

    layout: str = ""
    speed: float | None = None
    gain: float | None = None
    start_s: float = 0.0
    seconds: float | None = None
    line_s: float | None = None
    lead: str = ""
    annotations: str = "beats"
    measure: Callable[[Ecg], str] | None = None

    @property
    def of_lines(self) -> tuple[float, float, float]:
        """Speed, gain and seconds a line of full disclosure."""
        line, speed = self.line_s, self.speed
        if line is None:
            line = 60.0 if speed is None else max(1.0, WIDE_MM // speed)
        speed = LINE_MM / line if speed is None else speed
        usual = 10.0 if speed >= GRID_SPEED else 5.0
        return speed, self.gain or usual, line

    @property
    def of_strips(self) -> tuple[float, float]:
        """Speed and gain of all other sheets."""
        return self.speed or 25.0, self.gain or 10.0

    def measured(self, ecg: Ecg) -> str:
        """The line of measurements of an item; "" where none is wanted."""
        return "" if self.measure is None else self.measure(ecg)


def check_page(page: Page) -> Page:
    """The page, whose values are possible.

    Raises
    ------
    EcgsynthError: one is not.
    """
    found: dict[str, Any] = {
        "layout": check_layout(page.layout),
        "start_s": check_number(page.start_s, "the start of the drawing, in s,", 0),
        "lead": check_text(page.lead, "the lead"),
        "annotations": check_choice(page.annotations, "the annotations", ANNOTATIONS),
    }
    for name, what, least, most in (
        ("speed", "the paper's speed, in mm/s,", 1, 200),
        ("gain", "the gain, in mm/mV,", 1, 100),
        ("seconds", "the seconds that are drawn", 0.1, float("inf")),
        ("line_s", "the seconds of a line", 1, 3600),
    ):
        value = getattr(page, name)
        found[name] = None if value is None else check_number(value, what, least, most)
    if found["line_s"] is not None and found["layout"] not in ("", FULL):
        raise EcgsynthError(
            f"the sheet {found['layout']} has no lines of so many seconds; leave the seconds of a "
            f"line out, or choose the layout {FULL}."
        )
    return replace(page, **found)


def check_layout(layout: str) -> str:
    """The name of a layout, also of one written as in "3 x 4".

    Raises
    ------
    EcgsynthError: there is no such layout.
    """
    name = "".join(check_text(layout, "the layout").lower().replace("\u00d7", "x").split())
    return name and check_choice(name, "the layout", LAYOUTS)
