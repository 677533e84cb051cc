"""What a file of one record keeps of its item beside the signal: one line of JSON for programs."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.formats import cells, stream
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.synthetic_parts import text_of
from ecgsynth.signals.vocabulary import is_rhythm

log = logging.getLogger("ecgsynth")

OF_CARD = ("completed", "mixed")
"""Entries of the card that state what is real in the item; the others stay in the card."""


def item_facts(ecg: Ecg, synthetic_parts: str | None = None, missing: str = "") -> str:
    """The facts of one item as one line of JSON, of ASCII alone.

    synthetic_parts: the stretches that a model made, where the mask of the item is not whole yet;
    missing: those without a value then.
    """
    assert ecg.context is not None
    item: dict[str, Any] = {"label": cells.label_texts(ecg)[0]}
    item["context"] = [None if np.isnan(v) else float(v) for v in ecg.context[0]]
    for name in stream.ITEM_COLUMNS:
        column = getattr(ecg, name)
        if column is not None:
            value = column[0].item()
            item[name] = None if isinstance(value, float) and isnan(value) else value
    if ecg.synthetic_mask is not None:
        parts = synthetic_parts
        item["synthetic_mask"] = text_of(ecg.synthetic_mask[0]) if parts is None else parts
    if synthetic_parts is None and (gaps := np.isnan(ecg.signal[0])).any():
        missing = text_of(gaps)
    if missing:
        item["missing"] = missing  # no whole step means that there is no value
    card = {name: ecg.card[name] for name in OF_CARD if name in (ecg.card or {})}  # type: ignore[index]
    facts = stream.facts(ecg) | {"item": item} | ({"card": card} if card else {})
    return json.dumps(facts, separators=(",", ":"), default=str)


def read_item(
    text: str, path: Path, signal: Callable[[int], NDArray[np.float32]], marks: Marks | None
) -> Ecg:
    """The item back from its facts.

    signal: of a number of samples, gives [lead, sample] in mV. marks: of the file.

    Raises
    ------
    EcgsynthError: the facts are damaged, or do not fit the signal.
    """
    spec, source, columns = stream.read_facts(text, path)
    try:
        stated = json.loads(text)
        item, card = stated["item"], stated.get("card")
        context = [np.nan if value is None else float(value) for value in item["context"]]
        others = {name: _column(item[name]) for name in columns if name in stream.ITEM_COLUMNS}
        wave = signal(spec.samples)
        if wave.shape != (len(spec.leads), spec.samples):
            raise stream.damaged(path, "its facts do not fit its signal")
        if "missing" in item:
            gaps = cells.read_masks([str(item["missing"])], spec)[0]
            wave = np.where(gaps, np.float32(np.nan), wave)
        if "synthetic_mask" in columns:
            others["synthetic_mask"] = cells.read_masks([str(item["synthetic_mask"])], spec)
        return Ecg(
            wave[None],
            spec,
            label=cells.label_rows([str(item["label"])], spec),
            context=np.array([context], np.float32),
            marks=marks if "marks" in columns else None,
            source=source,
            card=card if isinstance(card, dict) else None,
            **others,
        )
    except (KeyError, ValueError, TypeError) as problem:
        raise stream.damaged(path, problem) from None


def _column(value: Any) -> NDArray:
    if isinstance(value, str):
        return np.array([value])
    return np.array([np.nan if value is None else value], None if value is None else type(value))


def recording_of(ecg: Ecg) -> Recording:
    """The first item as a recording, with its rhythms as WFDB has them."""
    found, marks = Recording.of(ecg), ecg[0].marks
    return found if marks is None else replace(found, annotations=annotations_of(marks))


def marks_inside(ecg: Ecg) -> Marks | None:
    """The marks of one item, or its beat at R; the log counts those outside of it."""
    marks = stream.marks_of(ecg)
    if marks is None:
        return None
    inside = (marks.sample >= 0) & (marks.sample < ecg.spec.samples)
    if outside := int((~inside).sum()):
        log.warning("%d marks outside of their items are left out.", outside)
    return Marks(marks.item[inside], marks.lead[inside], marks.sample[inside], marks.symbol[inside])


def annotations_of(marks: Marks) -> Annotations:
    """The marks of one item as annotations of WFDB: a rhythm is a "+" with its name as a note."""
    order = np.argsort(marks.sample, kind="stable")
    symbol = marks.symbol[order].tolist()
    rhythm = [is_rhythm(one) for one in symbol]
    return Annotations(
        marks.sample[order],
        np.array(["+" if r else s for s, r in zip(symbol, rhythm, strict=True)], np.str_),
        np.maximum(marks.lead[order], 0),
        subtype=(marks.lead[order] >= 0).astype(np.int64),
        note=tuple(s if r else "" for s, r in zip(symbol, rhythm, strict=True)) if any(rhythm)
        else (),
    )  # fmt: skip
