"""The blind reading kit: one HTML page on which a reader classifies ECG strips as real or
synthetic."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from ecgsynth.datasets import is_public
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.blind_reading.drawing import drawings
from ecgsynth.evaluation.blind_reading.key import encode_key
from ecgsynth.evaluation.blind_reading.scoring import chance, interval
from ecgsynth.evaluation.blind_reading.strips import check_count, choose_strips
from ecgsynth.registry import DATASETS
from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.paper import LONG_S
from ecgsynth.signals.paper.sheet import heading_of

__all__ = ["check_count", "reading_page"]

SCRIPTS = ("statistics.js", "reading.js")


def reading_page(
    synthetic: Ecg,
    real: Ecg,
    count: int = 40,
    classes: Sequence[str] = (),
    seed: int = 0,
    show_real: bool = False,
) -> str:
    """One self-contained page of strips in random order, half of them synthetic, in every class.

    The reader answers strip by strip. At the end the page shows sensitivity, specificity and
    accuracy with exact intervals, and offers the answers as a file. The page contains the key in
    encoded form: a kit for honest readers.

    Parameters
    ----------
    synthetic, real: sets of one shape and unit.
    count: strips, real and synthetic together.
    classes: names; by default those with items in both sets.
    show_real: draw real strips of a source that is not registered as public.

    Raises
    ------
    EcgsynthError: the real source is private, a real set is given as synthetic or the reverse,
    shapes differ,
        a class has too few items, a count that is odd or out of range.
    """
    from jinja2 import Environment, StrictUndefined

    _allowed(synthetic, real, show_real)
    strips = choose_strips(synthetic, real, count, classes, seed)
    pictures = drawings(strips.ecg, strips.ids)
    named = [n for n in strips.ecg.spec.classes or ("",) if n in strips.groups]
    key = encode_key(strips.synthetic, seed)
    content = "".join([key, *(svg for svg, _ in pictures)])
    kit = {
        "kit": hashlib.sha256(content.encode()).hexdigest()[:12],
        "key": key,
        "items": [
            {"id": i, "group": g} for i, g in zip(strips.ids, strips.groups, strict=True)
        ],
        "groups": [group for group in named if group],
        **_tables(strips.groups),
    }  # fmt: skip
    here = files("ecgsynth.evaluation.blind_reading")
    script = "\n".join((here / name).read_text(encoding="utf-8") for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    looks = [files("ecgsynth.evaluation.report.html") / "page.css", here / "reading.css"]
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((here / "reading.html").read_text(encoding="utf-8"))
    # A "<" inside JSON could end the element that holds it.
    return template.render(
        kit=kit["kit"],
        content=Markup(json.dumps(kit).replace("<", "\\u003c")),
        script=Markup(script),
        digest=digest,
        style=Markup("\n".join(look.read_text(encoding="utf-8") for look in looks)),
        strips=list(zip(strips.ids, strips.groups, pictures, strict=True)),
        headings={group: heading_of(group) for group in named},
        counts={group: strips.groups.count(group) for group in named},
        sources=(synthetic.source, real.source),
        spec=strips.ecg.spec,
        long=strips.ecg.spec.seconds >= LONG_S,
    )


def _allowed(synthetic: Ecg, real: Ecg, show_real: bool) -> None:
    """Check that the sets are synthetic and real, and that the real one may be shown.

    Raises
    ------
    EcgsynthError: a real set is given as synthetic or the reverse, or the real source is private.
    """
    if real.synthetic:
        raise EcgsynthError(
            f"the set given as real is synthetic ({real.source}); give real items, such as "
            "--against mitbih:heldout."
        )
    registered = synthetic.source.partition(":")[0] in DATASETS.names()
    if registered or synthetic.source == f"{SYNTHETIC}mixed":
        raise EcgsynthError(
            f"the set given as synthetic contains real items ({synthetic.source}); give the "
            "output of a generator."
        )
    if not show_real and not is_public(real.source):
        raise EcgsynthError(
            f"'{real.source}' is not registered as a public source, and the page would show its "
            "traces; add --show-real if you may show them to every reader."
        )


def _tables(groups: list[str]) -> dict[str, Any]:
    """Exact bounds for every possible count, so that the page needs no statistics library."""
    halves = {groups.count(group) // 2 for group in groups} | {len(groups) // 2}
    both = {2 * n for n in halves}
    return {
        "bounds": {
            n: [[round(end, 6) for end in interval(k, n)] for k in range(n + 1)]
            for n in sorted(halves | both)
        },
        "chance": {n: [float(f"{chance(k, n):.6g}") for k in range(n + 1)] for n in sorted(both)},
    }
