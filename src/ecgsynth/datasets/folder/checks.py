"""The contents of the user's own recordings, and the checks that all kinds of files share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.vocabulary import AAMI_CLASSES

LARGEST_MV = 50.0
"""No ECG has such a peak-to-peak; uV taken for mV have it."""


@dataclass
class FolderContents:
    """All that a path holds.

    ecg: every usable item; split: [item]; damaged, left_out: record -> reason, of those that
    cannot be read and of those that the settings have no use for.
    """

    ecg: Ecg
    split: NDArray[np.str_]
    records: int
    damaged: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def people_of_items(ecg: Ecg) -> NDArray[np.str_]:
    """The person of each item."""
    assert ecg.patient is not None
    return ecg.patient


def check_microvolts(ecg: Ecg, path: Path) -> None:
    """Refuse amplitudes that are in uV and stated as mV.

    Raises
    ------
    EcgsynthError: the median peak-to-peak amplitude of a lead is larger than any heart gives.
    """
    if ecg.spec.unit != "mV":
        return
    some = ecg.signal[:: max(1, len(ecg) // 1000)]
    with np.errstate(all="ignore"):
        each = np.nanmedian(np.nanmax(some, axis=2) - np.nanmin(some, axis=2), axis=0)
    high = [
        f"{lead} {h:.4g}" for lead, h in zip(ecg.spec.leads, each, strict=True) if h > LARGEST_MV
    ]
    if not high:
        return
    fact = f"the signals of {path.name} are {np.nanmax(each):.4g} mV high"
    if np.nanmin(each) < LARGEST_MV / 10:  # so that lead is in mV
        raise EcgsynthError(
            f"{fact} in some leads only ({', '.join(high)}; median peak-to-peak), which no heart "
            "makes; bring those leads to mV."
        )
    raise EcgsynthError(
        f"{fact} (median peak-to-peak), which no heart makes; if the numbers are uV, set "
        "data.unit=uV (in WFDB, mend the headers); if they are a converter's steps, divide them by "
        "its gain (steps per mV)."
    )


def assign_people(
    record: NDArray[np.str_], patients: dict[str, str], notes: list[str]
) -> NDArray[np.str_]:
    """[record] the person of each record, by the setting `patients`.

    Raises
    ------
    EcgsynthError: it names a record that is not there.
    """
    unknown = [name for name in patients if name not in set(record.tolist())]
    if unknown:
        known = sorted(set(record.tolist()))
        raise EcgsynthError(
            f"data.patients names the record '{unknown[0]}', which is not there or not usable."
            f"{did_you_mean(unknown[0], known[:50])}"
        )
    alone = len({str(name) for name in record} - set(patients))
    if alone > 1:
        notes.append(
            f"{alone} records count as a person each; where one person gave several, set "
            "data.patients={record: person}."
        )
    return np.array([patients.get(str(name), str(name)) for name in record], np.str_)


def select_classes(ecg: Ecg, classes: tuple[str, ...] | None, path: Path) -> Ecg:
    """The items of these classes; None for all.

    Raises
    ------
    EcgsynthError: a class has no item.
    """
    if classes is None:
        return ecg
    counts = ecg.counts()
    empty = [name for name in classes if not counts.get(name)]
    if empty:
        there = ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "none"
        raise EcgsynthError(
            f"{path.name} has no item of class {', '.join(empty)} (it has: {there}); choose "
            "others or mend data.label_map."
        )
    return ecg.with_classes(classes)


def order_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Distinct, in AAMI order where all are AAMI classes, else as they come."""
    distinct = tuple(dict.fromkeys(names))
    if set(distinct) <= set(AAMI_CLASSES):
        return tuple(name for name in AAMI_CLASSES if name in distinct)
    return distinct
