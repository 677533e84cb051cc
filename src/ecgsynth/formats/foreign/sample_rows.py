"""Tables of one recording: a row a sample, a column a lead, and time in a column of its own."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.foreign.columns import INDEX, leads_in
from ecgsynth.formats.foreign.items import RATES, TableOptions, no_rate
from ecgsynth.formats.foreign.record import Foreign, item_of
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.leads import STANDARD, lead_rows, standard_lead
from ecgsynth.signals.units import NORMALISED, per_mv, standard_unit

log = logging.getLogger("ecgsynth")

MOST_COLUMNS, LEAST_ROWS = 40, 50
"""A wider or shorter table is none of one recording."""

MOST_LEADS = 15
"""Numbered columns that are leads and not the samples of an item."""

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
WORDS_OF_TIME = {
    "s": "s sec secs second seconds sekunden", "ms": "ms msec milliseconds millis",
    "us": "us µs μs microseconds micros", "ns": "ns nanoseconds",
}  # fmt: skip
UNIT_OF_TIME = {word: unit for unit, words in WORDS_OF_TIME.items() for word in words.split()}

TIME = re.compile(r"(elapsed|rec(ording)?)?[ _]*(time|timestamp|zeit|temps|tiempo|tempo|t|date|"
                  r"datetime|x)([ _]*(stamp|axis|\d*))", re.IGNORECASE)  # fmt: skip
COUNTER = re.compile(r"(sample|row|n|nr|no|number|idx)?[ _]*(#|index|number|no\.?)?", re.IGNORECASE)
LIKE_A_LEAD = re.compile(r"(ecg|ekg|lead|ch|channel|signal|sig|kanal|elektrode)?[ _]*\d*[a-z]?",
                         re.IGNORECASE)  # fmt: skip

ENDING = re.compile(r"(?P<name>.*?)[ _]*(?:[\[(](?P<in>[^\[\]()]*)[\])]|[ _/](?P<after>\S+))", re.S)
"""A name with its unit, as in "II (mV)", "II [uV]" and "ecg_mV"."""

RATE_HZ = (50.0, 5000.0)
"""Rates of an ECG: of s, ms, us and ns only one gives a time column such a rate."""

RATE_WORD = re.compile(r"sampl\w*[ _]*(rate|freq\w*)|abtastrate|frequency|fs", re.IGNORECASE)
UNEVEN = 1.5
"""Steps by which a time may differ from even ones, since clocks are rounded."""


@dataclass
class SampleTable:
    """A table whose rows may be samples.

    names: of the columns, "" of one without. units: as they stand below the names. stated: word
    above the table -> its value. column: its numbers, or None where it holds others; times of a
    clock are in s.
    """

    path: Path
    names: Sequence[str]
    column: Callable[[int], NDArray[np.float64] | None]
    units: Sequence[str] = ()
    stated: dict[str, str] = field(default_factory=dict)


def are_samples(names: Sequence[str], rows: int) -> bool:
    """Whether the rows of a table with these columns are samples, and no items whose samples stand
    in numbered columns; a few numbered columns of many rows are leads."""
    numbered = any(sum(name.startswith(f"{lead}_") for name in names) > MOST_LEADS
                   for lead in leads_in([*names]))  # fmt: skip
    numbered |= sum(name.isdecimal() for name in names) > MOST_LEADS
    return 0 < len(names) <= MOST_COLUMNS and rows >= LEAST_ROWS and not numbered


def read_samples(table: SampleTable, asked: TableOptions | None = None) -> Ecg:
    """The recording as a set of one item, in mV where a voltage is stated or none at all.

    Raises
    ------
    EcgsynthError: no rate is known, no column is an ECG, or times have steps that differ.
    """
    asked, path = asked or TableOptions(), table.path
    parts = [_name_and_unit(name) for name in table.names]
    below = [*table.units, *[""] * len(parts)]
    units = [below[k].strip(" []()'\"") or unit for k, (_, unit) in enumerate(parts)]
    names = [name for name, _ in parts]
    columns = {k: table.column(k) for k in range(len(names))}
    fs, aside = _rate_and_times(names, units, columns, path)
    for key, value in table.stated.items():
        number = re.search(r"\d+(\.\d+)?", value)
        if RATE_WORD.fullmatch(key) and number and fs is None:
            fs = float(number[0])
    fs = fs or asked.fs
    if fs is None:
        raise no_rate(path)
    text = [n for k, n in enumerate(names) if columns[k] is None and standard_lead(n) in STANDARD]
    if text and not asked.leads:
        raise EcgsynthError(
            f"the column '{text[0]}' of {path.name} does not hold numbers alone; correct it, or "
            "choose other leads."
        )
    whole = [k for k, values in columns.items() if k not in aside and values is not None]
    chosen = _leads(names, [*table.names], whole, units, asked, path)
    stated = next((v for key, v in table.stated.items() if key in ("unit", "units", "einheit")), "")
    rows, kinds = [], set()
    for k in chosen:
        unit = standard_unit(asked.unit or units[k] or stated or "mV")
        kinds.add(NORMALISED if per_mv(unit) is None else "mV")
        rows.append(np.asarray(columns[k], np.float64) / (per_mv(unit) or 1.0))
        if per_mv(unit) is None and unit != NORMALISED:
            log.warning("%s: '%s' is no voltage; its amplitudes are in no unit.", path.name, unit)
    if len(kinds) > 1:
        raise EcgsynthError(
            f"some leads of {path.name} are in a voltage and others are not; choose leads of one "
            "kind, as in leads=['II'] (--leads II)."
        )
    left = [name for k, name in enumerate(table.names) if name and k not in {*chosen, *aside}]
    if left:
        log.warning("%s: not read: %s.", path.name, ", ".join(left[:8]))
    leads = [names[k] for k in chosen]
    if leads == [""]:
        leads = [next((v for key, v in table.stated.items() if key == "lead"), "ECG")]
    words = " ".join([*table.stated, *table.stated.values()])
    with np.errstate(over="ignore"):  # beyond 32 bits is infinite, which the reader names
        signal = np.array(rows, np.float32)
    ecg = item_of(
        Foreign(signal, leads, fs, statement=words,
                unit="mV" if kinds == {"mV"} else "normalised"), path,
    )  # fmt: skip
    return replace(ecg, spec=replace(ecg.spec, leads=asked.leads)) if asked.leads else ecg


def _name_and_unit(text: str) -> tuple[str, str]:
    """A column's name, and the unit that stands behind it; "" where there is none."""
    name = text.strip().strip("'\"").strip()
    if (found := ENDING.fullmatch(name)) is not None:
        unit = (found["in"] or found["after"] or "").strip()
        if per_mv(unit) or (unit.casefold() in UNIT_OF_TIME and TIME.fullmatch(found["name"])):
            return found["name"].strip(), unit
    return ("", name) if name.casefold() in ("mv", "uv", "µv") else (name, "")


def _rate_and_times(
    names: Sequence[str],
    units: Sequence[str],
    columns: dict[int, NDArray[np.float64] | None],
    path: Path,
) -> tuple[float | None, set[int]]:
    """The rate that a column of times or of rates gives, and columns that are none of a lead.

    Raises
    ------
    EcgsynthError: times have steps that differ.
    """
    fs: float | None = None
    aside: set[int] = set()
    for k, values in columns.items():
        if values is None:
            continue
        if names[k] in RATES and (values == values[0]).all():
            fs, aside = float(values[0]), aside | {k}
            continue
        unit = UNIT_OF_TIME.get(units[k].casefold(), "")
        named = bool(unit or (names[k] and TIME.fullmatch(names[k])))
        named |= names[k].casefold() in UNIT_OF_TIME or names[k].startswith("__index")
        unit = unit or UNIT_OF_TIME.get(names[k].casefold(), "")
        if not named and k:
            continue
        step = (values[-1] - values[0]) / (len(values) - 1)
        even = values[0] + step * np.arange(len(values))
        off = np.abs(values - even)
        if not step > 0 or not off.max() <= UNEVEN * step:
            if named and len(values) and np.isfinite(step) and step > 0:
                row = int(np.argmax(np.abs(np.diff(values) - step)))
                raise EcgsynthError(
                    f"the times of {path.name} have steps that differ, first by much after row "
                    f"{row + 1}; cut the recording there, or resample it to even steps."
                )
            continue
        aside.add(k)
        if fs is None and (unit or step != 1):
            fs = _rate(step, unit, float(off.max()), len(values), path)
        if not named and COUNTER.fullmatch(names[k]) is None and names[k] not in INDEX:
            log.warning("%s: '%s' is taken for times.", path.name, names[k])
    return fs, aside


def _rate(step: float, unit: str, off: float, count: int, path: Path) -> float | None:
    """Samples a second of a step of time; a whole number where rounded times allow it."""
    low, high = RATE_HZ
    fitting = [name for name, s in SECONDS.items() if low <= 1 / (step * s) <= high]
    if not unit and not fitting:
        return None
    fs = 1 / (step * SECONDS[unit or fitting[0]])
    if not unit and fitting[0] != "s":
        log.warning("%s: its times are taken for %s, so %g Hz.", path.name, fitting[0], fs)
    tolerance = fs * (2 * off / (step * (count - 1)) + 1e-6)
    return float(round(fs)) if abs(fs - round(fs)) <= tolerance else round(fs, 6)


def _leads(
    names: Sequence[str],
    full: Sequence[str],
    numbers: Sequence[int],
    units: Sequence[str],
    asked: TableOptions,
    path: Path,
) -> list[int]:
    """The columns that are leads, in the order of the file, or of those that were asked for.

    Raises
    ------
    EcgsynthError: no name is that of a lead, or one that was asked for is not there.
    """
    own = [names[k] for k in numbers]
    if not numbers:
        raise EcgsynthError(f"no column of {path.name} holds an ECG in numbers; export it again.")
    if asked.leads and not any(own) and len(asked.leads) == len(numbers):
        return [*numbers]
    if asked.leads or asked.signal:
        wanted = [asked.signal] if asked.signal else [*(asked.leads or ())]
        rows = lead_rows([full[k] for k in numbers], wanted)
        rows = [a if a >= 0 else b for a, b in zip(rows, lead_rows(own, wanted), strict=True)]
        if absent := [n for n, row in zip(wanted, rows, strict=True) if row < 0]:
            raise EcgsynthError(
                f"{path.name} has no column {absent[0]}; it has {', '.join(full[:8])}."
            )
        return [numbers[row] for row in rows]
    found = [
        k for k in numbers
        if standard_lead(names[k]) in STANDARD or LIKE_A_LEAD.fullmatch(names[k])
        or per_mv(units[k])
    ]  # fmt: skip
    if found or len(numbers) == 1:
        return found or [*numbers]
    raise EcgsynthError(
        f"no column of {path.name} has the name of a lead ({', '.join(own[:8])}); choose them, as "
        f"in leads=['{own[0]}'] (--leads {own[0]})."
    )
