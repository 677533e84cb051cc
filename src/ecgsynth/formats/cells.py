"""Text in the cells and headers of tables: what is written is read back, and runs in no program."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.synthetic_parts import SyntheticMask, read_text, text_of

FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r\n]")
"""How a cell begins that a spreadsheet would run, one that already has apostrophes included."""

NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
"""What may begin with a sign and yet is no formula."""

FIXED = (
    "label", "labels_id", "label_row", "patient", "record", "valid", "onset_s", "start", "marks",
    "synthetic_mask", "wfdb_record", "item",
)  # fmt: skip
"""Columns of our tables that are no lead and no context."""


def guarded(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe stands before such a one."""
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def bare(text: str) -> str:
    """What `guarded` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def one_line(text: str) -> str:
    """A sentence as a comment line of a table: without line breaks, and without a separator right
    before anything, so that a spreadsheet that splits the line finds no formula in it."""
    return re.sub(r"([,;])(?=\S)", r"\1 ", " ".join(text.split()))


def json_line(text: str) -> str:
    """The same for JSON as `json.dumps` writes it, which then means what it meant."""
    return re.sub(r"(?<=[,;])[=+\-@]", lambda match: f"\\u{ord(match[0]):04x}", text)


def column_names(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Names of columns that differ from those that are taken and from each other: an underscore
    is added to one that does not."""
    used, free = set(taken), []
    for name in names:
        while name in used:
            name += "_"
        used.add(name)
        free.append(name)
    return free


def label_texts(ecg: Ecg) -> list[str]:
    """The class of each item, "" where it has none; several are joined by "|".

    Where an item may have several, a "|" or a backslash within a name has a backslash before it.
    """
    if not ecg.spec.multilabel:
        return ecg.labels_str.tolist()
    assert ecg.label is not None
    names = [re.sub(r"([\\|])", r"\\\1", name) for name in ecg.spec.classes]
    return ["|".join(names[k] for k in np.flatnonzero(row > 0)) for row in ecg.label]


def label_rows(texts: Sequence[str], spec: Spec) -> NDArray[np.float32]:
    """[item, class] from what `label_texts` gave.

    Raises
    ------
    EcgsynthError: a name is not one of the spec's classes.
    """
    rows: dict[str, NDArray[np.float32]] = {}
    for text in set(texts):
        row = np.zeros(len(spec.classes), np.float32)
        for name in _classes_of(text, spec):
            row[spec.class_index(name)] = 1
        rows[text] = row
    return np.array([rows[text] for text in texts], np.float32).reshape(
        len(texts), len(spec.classes)
    )


def mask_texts(ecg: Ecg) -> list[str]:
    """What was made of each item, as stretches; see `signals.made.text_of`."""
    assert ecg.synthetic_mask is not None
    return [text_of(one) for one in ecg.synthetic_mask]


def read_masks(texts: Sequence[str], spec: Spec) -> SyntheticMask:
    """[item, lead, sample] from what `mask_texts` gave.

    Raises
    ------
    ValueError: a text is damaged.
    """
    leads = len(spec.leads)
    rows = [read_text(text, leads, spec.samples) for text in texts]
    return np.array(rows, bool).reshape(len(texts), leads, spec.samples)


def _classes_of(text: str, spec: Spec) -> list[str]:
    if not text or not spec.classes:
        return []
    if not spec.multilabel:
        return [text]
    parts = re.findall(r"(?:\\.|[^\\|])+", text)
    return [re.sub(r"\\(.)", r"\1", part) for part in parts]
