"""One recording of another program as an item: its leads, marks, person and start."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.statements import Stated, labels_of
from ecgsynth.formats.stream import damaged
from ecgsynth.signals.acquisition import OLDEST
from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.leads import standard_leads
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec, band_below

log = logging.getLogger("ecgsynth")

PERSON = ("age", "sex")
"""Contexts of an item of a clinical file, NaN where it does not state them."""


@dataclass
class Foreign:
    """What a clinical file states of one recording.

    signal: [lead, sample] in the unit. leads: as the file names them. marks: (lead or -1, sample,
    symbol). statement: any text of the file that may state that it is synthetic. stated: what the
    device or a reader states of the ECG.
    """

    signal: NDArray[np.float32]
    leads: Sequence[str]
    fs: float
    marks: Sequence[tuple[int, int, str]] = ()
    person: str = ""
    start: datetime | None = None
    age_years: float | None = None
    sex: str = ""
    statement: str = ""
    stated: Sequence[Stated] = ()
    unit: Literal["mV", "normalised"] = "mV"
    band: tuple[float | None, float | None] = (None, None)


def item_of(record: Foreign, path: Path) -> Ecg:
    """A recording of others as a set of one item.

    Raises
    ------
    EcgsynthError: it holds no sample, or a rate or band that no signal has.
    """
    signal = np.asarray(record.signal, np.float32)
    samples = signal.shape[1] if signal.ndim == 2 else 0
    if not samples or not len(signal):
        raise EcgsynthError(f"{path.name} holds no sample of an ECG; export it again.")
    age = record.age_years
    age = age if age is not None and 0 <= age < OLDEST else np.nan
    sex = {"M": 0.0, "F": 1.0}.get(record.sex[:1].upper(), np.nan)
    kept = [mark for mark in record.marks if 0 <= mark[1] < samples]
    if outside := len(record.marks) - len(kept):
        log.warning("%s: %d annotations lie outside the signal; left out.", path.name, outside)
    band = low, high = band_below(record.band, record.fs)
    band = band if low is None or high is None or low < high else (None, None)
    classes, label = labels_of(record.stated, path.name)
    return Ecg(
        signal[None],
        Spec(standard_leads(record.leads), record.fs, samples, unit=record.unit, context=PERSON,
             band=band, classes=classes, multilabel=bool(classes)),
        label=label,
        context=np.array([[age, sex]], np.float32),
        patient=np.array([record.person]) if record.person else None,
        record=np.array([path.stem]),
        start=np.array([record.start.isoformat()]) if record.start else None,
        marks=marks_table(kept) if kept else None,
        source=(SYNTHETIC if "SYNTHETIC" in record.statement.upper() else "") + path.name,
    )  # fmt: skip


def marks_table(marks: Sequence[tuple[int, int, str]]) -> Marks:
    """Marks of one item, in order of time."""
    ordered = sorted(marks, key=lambda mark: mark[1])
    lead, sample, symbol = zip(*ordered, strict=True) if ordered else ((), (), ())
    return Marks(
        np.zeros(len(ordered), np.int64), np.array(lead, np.int64), np.array(sample, np.int64),
        np.array(symbol, np.str_),
    )  # fmt: skip


@contextmanager
def errors_as_damage(path: Path) -> Iterator[None]:
    """Whatever a library raises over a stranger's file becomes the error of a damaged one."""
    try:
        yield
    except (EcgsynthError, OSError, MemoryError):
        raise
    except RecursionError:
        raise damaged(path, "its parts lie in too many others") from None
    except Exception as problem:  # libraries raise many kinds over damaged files
        raise damaged(path, problem) from None
