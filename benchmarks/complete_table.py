"""The table of completed leads in the docs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def completed(content: Mapping[str, Any]) -> list[str]:
    """Error and spectrum of each way, and the joints below."""
    lines = [
        f"I and II to V1-V6, {content['records']} records of fold 9, {content['draws']} draws,",
        f"by `{content['id']}`; mean and 95 % over the records:",
        "",
        "| V1-V6 by | RMSE, mV | distance of the spectrum, dB |",
        "|---|---|---|",
    ]
    for name, error in content["rmse_mv"].items():
        lines.append(f"| {name} | {_interval(error)} | {_interval(content['spectrum_db'][name])} |")
    lines += [
        "",
        "Steps at the joints, medians over records and leads:",
        "",
        "| uV | known to made | the real record there | made to made | made elsewhere |",
        "|---|---|---|---|---|",
    ]
    places = ("known to made", "real there", "made to made", "made elsewhere")
    for name, sizes in content["joints"].items():
        row = " | ".join(f"{sizes[place]:g}" for place in places)
        lines.append(f"| {name.removesuffix(', uV')} | {row} |")
    return lines


def _interval(row: Mapping[str, float]) -> str:
    digits = 3 if row["mean"] < 1 else 1
    mean, low, high = (f"{row[key]:.{digits}f}".lstrip("0") for key in ("mean", "low", "high"))
    return f"{mean} ({low}-{high})"
