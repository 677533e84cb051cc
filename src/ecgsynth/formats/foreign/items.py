"""Items from foreign tables: what is needed and not stated is an error, never a guess."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.formats.foreign.labels import KEYS as LABELS
from ecgsynth.formats.foreign.labels import Labels, check_agreement, labels_of
from ecgsynth.formats.foreign.text import as_words
from ecgsynth.formats.stream import damaged
from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.leads import standard_leads
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.units import NORMALISED, in_mv, per_mv, standard_unit

log = logging.getLogger("ecgsynth")

PATIENTS = ("patient", "pid", "patient_id", "subject", "subject_id")
RECORDS = ("record", "record_id")
RATES = ("fs", "Fs", "sampling_rate", "sample_rate", "sampling_frequency")
UNITS = ("unit", "units")
"""Names that are looked for, in this order; for labels see `ecgsynth.formats.foreign.labels`."""

LIKE_LABELS = ("label", "class", "target", "symbol", "diagnos", "rhythm")
"""What stands in the names of labels that are not looked for."""

CONSTANTS = (*RATES, *UNITS, "r_sample", "synthetic")
"""Names of what is the same for all items."""

LISTED = 8
"""Most columns that a warning names."""

SHORTEST_S = 0.1
"""No item is shorter; what is taken for one is a sample of several leads, or its rate is wrong."""


@dataclass(frozen=True)
class TableOptions:
    """How the caller describes a table, as in `Folder.Settings`; the rest is searched for.

    fs: rate of a table that states none, Hz. leads: those to take of a table that names its own,
    else their names. signal, label, patient: where they are. unit: of the numbers.
    """

    fs: float | None = None
    leads: tuple[str, ...] | None = None
    signal: str | None = None
    label: str | None = None
    patient: str | None = None
    unit: str | None = None


class Table(Protocol):
    """Arrays or columns of others by name."""

    path: Path

    def __contains__(self, name: str) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...

    def values(self, name: str) -> NDArray:
        """An array, or a column, [item]."""
        ...

    def distinct_texts(self, name: str) -> list[str]:
        """The words that stand there, each once."""
        ...

    def classes(self) -> tuple[str, ...]:
        """Names of the classes that numbers count, () where there are none."""
        ...

    def band(self) -> tuple[float | None, float | None]:
        """Low and high edge, Hz; None where it is open or not stated."""
        ...

    def signal(
        self, asked: TableOptions, aside: Sequence[str], fs: float
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """[item, lead, sample] and names of the leads.

        aside: what is no signal, since labels, persons or recordings are in it.
        """
        ...

    def unread(self, used: Collection[str]) -> list[str]:
        """Columns of items that are neither used nor part of the signal."""
        ...


def read_items(table: Table, asked: TableOptions | None = None) -> Ecg:
    """All items of a table at the rate that it states, in mV where its unit is a voltage.

    Raises
    ------
    EcgsynthError: something that is needed is neither in the table nor asked, cannot be
        understood, or contradicts something else.
    """
    try:
        return _items(table, asked or TableOptions())
    except UnicodeError as problem:  # bytes for names, in another code
        raise damaged(table.path, problem) from None


def _items(table: Table, asked: TableOptions) -> Ecg:
    path = table.path
    fs = _constant_number(table, RATES)
    fs = asked.fs if fs is None else fs
    if fs is None:
        raise no_rate(path)
    if not 0 < fs < float("inf"):
        raise EcgsynthError(
            f"{path.name}: the sampling rate must be a positive number of Hz; got {fs:g}."
        )
    places = {
        "label": _names_present(table, asked.label, LABELS, "label", asked.leads or ()),
        "patient": _names_present(table, asked.patient, PATIENTS, "patient", ())[:1],
        "record": _names_present(table, None, RECORDS, "record", ())[:1],
    }
    signal, leads = table.signal(asked, [name for names in places.values() for name in names], fs)
    seconds = signal.shape[-1] / fs
    if seconds < SHORTEST_S:
        raise EcgsynthError(
            f"the items of {path.name} would last {seconds:.2g} s ({signal.shape[-1]} samples at "
            f"{fs:g} Hz), which holds no beat; the axes are [item, lead, sample]: mend them, or "
            "the rate."
        )
    if not len(signal):
        raise EcgsynthError(f"{path.name} holds no rows; export it again.")
    labels = _labels(table, places["label"], len(signal), named=asked.label is not None)
    unlabelled = "" if places["label"] else _warn_no_labels(table)
    used = [*CONSTANTS, unlabelled, *(name for names in places.values() for name in names)]
    _warn_unread(table, table.unread(used))
    columns = {what: _column(table, places[what], len(signal)) for what in ("patient", "record")}
    unit = _unit(table, asked.unit)
    r_sample = _constant_number(table, ("r_sample",))
    if r_sample is not None and not (r_sample.is_integer() and 0 <= r_sample < signal.shape[-1]):
        raise EcgsynthError(
            f"'r_sample' of {path.name} must be a sample between 0 and {signal.shape[-1] - 1}."
        )
    marked = table.distinct_texts("synthetic") if "synthetic" in table else []
    synthetic = bool({word.casefold() for word in marked} & {"true", "1"})
    spec = Spec(
        leads=asked.leads or standard_leads(leads),
        fs=fs,
        samples=signal.shape[-1],
        classes=labels.classes,
        multilabel=labels.multilabel,
        unit="normalised" if unit == NORMALISED else "mV",
        band=table.band(),
        r_sample=None if r_sample is None else int(r_sample),
    )
    return Ecg(
        signal=in_mv(signal, unit),
        spec=spec,
        label=labels.row,
        patient=columns["patient"],
        record=columns["record"],
        source=(SYNTHETIC if synthetic else "") + path.name,
    )


def no_rate(path: Path) -> EcgsynthError:
    """The error for a table that states no rate."""
    return EcgsynthError(
        f"{path.name} states no sampling rate; name it, in Hz, as in --fs 360, "
        "es.read(FILE, fs=360) or data.fs=360, or save it with the signals as 'fs'."
    )


def _names_present(
    table: Table, asked: str | None, usual: Sequence[str], what: str, leads: Sequence[str]
) -> list[str]:
    """Names in the table under which something is; leads may be called x, y and z."""
    if asked is None:
        return [name for name in usual if name in table and name not in leads]
    if asked not in table:
        raise missing_name_error(table, asked, what)
    return [asked]


def missing_name_error(table: Table, name: str, what: str) -> EcgsynthError:
    """The error for a name that the table lacks; it names the nearest one."""
    names = [n for n in table if n]
    shown = names if len(names) <= 20 else [n for n in names if not n[-1:].isdigit()][:20]
    return EcgsynthError(
        f"{table.path.name} has no '{name}' to take the {what} from."
        f"{did_you_mean(name, shown)} Name it, as in data.{what}=NAME."
    )


def _labels(table: Table, places: Sequence[str], count: int, named: bool) -> Labels:
    classes = () if named else table.classes()
    found = {p: labels_of(p, table.values(p), classes, count, table.path) for p in places}
    if not found:
        return Labels((), np.zeros((count, 0), np.float32))
    first, *others = found.items()
    for other in others:
        check_agreement(first, other, table.path)
    return first[1]


def _warn_no_labels(table: Table) -> str:
    """Warn where labels have another name than those that are searched for; returns it."""
    like = (n for n in table if n != "classes" and any(w in n.casefold() for w in LIKE_LABELS))
    if name := next(like, ""):
        log.warning(
            "%s: no labels are read. If those of '%s' are, name them, as in data.label=%s.",
            table.path.name, name, name,
        )  # fmt: skip
    return name


def _warn_unread(table: Table, names: Sequence[str]) -> None:
    """Name columns that are passed over, such as contexts, or one of 0 and 1 for each class."""
    if names:
        more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
        log.warning(
            "%s: not read: %s%s. Labels are one column of names (data.label=NAME); contexts are "
            "read from files that ecgsynth wrote.",
            table.path.name, ", ".join(names[:LISTED]), more,
        )  # fmt: skip


def _column(table: Table, places: Sequence[str], count: int) -> NDArray[np.str_] | None:
    """Names of persons or recordings; "" where there is none."""
    if not places:
        return None
    values = table.values(places[0])
    if values.size != count or len(values) != count:
        raise EcgsynthError(
            f"'{places[0]}' of {table.path.name} is {list(values.shape)} for {count} items; one "
            "name an item is needed."
        )
    return as_words(values.reshape(count))


def _constant_text(table: Table, names: Sequence[str]) -> str:
    """The one word that the table states under these names for all of its items, or ""."""
    there = [name for name in names if name in table]
    texts = [*dict.fromkeys(word for name in there for word in table.distinct_texts(name))]
    if len(texts) > 1:
        raise EcgsynthError(
            f"'{there[0]}' of {table.path.name} is not the same for all items and wherever it "
            f"stands ({', '.join(texts[:5])}); save a file for each."
        )
    return texts[0] if texts else ""


def _constant_number(table: Table, names: Sequence[str]) -> float | None:
    """The one number that the table states under these names."""
    texts = _constant_text(table, names)
    try:
        return float(texts) if texts else None
    except ValueError:
        raise EcgsynthError(
            f"'{names[0]}' of {table.path.name} is '{texts[:40]}', which is no number; mend it."
        ) from None


def _unit(table: Table, asked: str | None) -> str:
    """The unit of the numbers, as `spelled`."""
    unit = standard_unit(asked or _constant_text(table, UNITS) or "mV")
    if unit != NORMALISED and per_mv(unit) is None:
        raise EcgsynthError(
            f"{table.path.name} states the unit '{unit[:40]}'; known are mV, uV, V and normalised."
        )
    return unit
