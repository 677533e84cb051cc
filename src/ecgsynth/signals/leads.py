"""One name for each lead that has many, and one order for sets of the same leads.

Standard names are those of the standard twelve leads, V7 to V9, V2R to V9R, the orthogonal X, Y and
Z, and MLI, MLII and MLIII of Holter recorders. Other names stay as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ecgsynth.arguments import check_mapping
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.vocabulary import LEADS_12

RIGHT_AND_BACK = ("V7", "V8", "V9", *(f"V{k}R" for k in range(2, 10)))

STANDARD = (*LEADS_12, *RIGHT_AND_BACK, "X", "Y", "Z", "MLI", "MLII", "MLIII")
"""Names that a lead has here, whatever a file calls it."""

SAME = (
    {name.casefold(): name for name in STANDARD}
    # D of derivation, derivación, derivação: I, II and III in many languages.
    | {f"d{word}": name for words, name in (("i 1", "I"), ("ii 2", "II"), ("iii 3", "III"))
       for word in words.split()}
    | {f"c{k}": f"V{k}" for k in range(1, 7)}  # chest leads
    | {f"v{letter}": letter.upper() for letter in "xyz"}  # Frank's, as the PTB database has them
)  # fmt: skip
"""A name in small letters without words around it -> the standard name."""

AROUND = re.compile(
    r"^(mdc|ecg|ekg|ecg lead|lead|ableitung|dérivation|derivation|derivación|derivacion|derivação|"
    r"derivacao|derivazione|afleiding|avledning|odprowadzenie|отведение|экг|第)[ _.:-]*|"
    r"[ _.:-]*(lead|ecg|ekg|导联|導聯|導程|誘導|유도)$"
)
"""Words for a lead before or after its name, in many languages."""

SEPARATOR = re.compile(r"(?<=[a-z])[ _.]+(?=[a-z0-9])")
"""Between the parts of a name, as in "a VR" or "V 1"."""


def standard_lead(name: str) -> str:
    """The standard name of a lead: aVR of "AVR", "Lead aVR" and "MDC_ECG_LEAD_AVR".

    A name that is none of a standard lead stays as it is, as "ECG", "-aVR" and "lead1" do.
    """
    word = unicodedata.normalize("NFKC", name).strip().casefold()
    word = re.split(r"\s*[,(]", word, maxsplit=1)[0]  # "aVR, augmented voltage, right"
    shorter = AROUND.sub("", word)
    while shorter != word:
        word, shorter = shorter, AROUND.sub("", shorter)
    return SAME.get(SEPARATOR.sub("", word), name)


def standard_leads(
    names: Sequence[str], rename: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Distinct standard names of the leads of a file.

    A lead without a name is called by its place, lead1; of several of one name, the later ones
    have a number: II, II_2.

    rename: name in the file -> name here, for those that are called something else.

    Raises
    ------
    EcgsynthError: a name to change is not there.
    """
    wanted = dict(check_mapping(rename or {}, "rename", "rename={'ECG1': 'MLII'}"))
    if absent := [name for name in wanted if name not in names]:
        raise EcgsynthError(
            f"there is no lead '{absent[0]}' to rename; the leads are {', '.join(names)}."
            f"{did_you_mean(absent[0], names)}"
        )
    return distinct_names(
        [
            wanted.get(name) or standard_lead(" ".join(name.split())) or f"lead{place}"
            for place, name in enumerate(names, 1)
        ]
    )


def distinct_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names, those that come again with a number: II, II_2, II_3."""
    found: dict[str, None] = {}
    for name in names:
        count, free = 1, name
        while free in found:
            count += 1
            free = f"{name}_{count}"
        found[free] = None
    return tuple(found)


def rename_leads(ecg: Ecg, rename: Mapping[str, str] | None = None) -> Ecg:
    """A set with standard names of its leads; rename: as in `standard_leads`."""
    leads = standard_leads(ecg.spec.leads, rename)
    return ecg if leads == ecg.spec.leads else replace(ecg, spec=replace(ecg.spec, leads=leads))


def lead_rows(own: Sequence[str], leads: Sequence[str]) -> list[int]:
    """Row of each lead among a set's own, by any of its names; -1 where it is not there."""
    by_standard = {standard_lead(name): k for k, name in reversed([*enumerate(own)])}
    return [
        own.index(name) if name in own else by_standard.get(standard_lead(name), -1)
        for name in leads
    ]


def choose_leads(ecg: Ecg, leads: Sequence[str], where: str = "the set") -> Ecg:
    """These leads of a set, in this order, by any of their names, with the marks that are on them.

    where: what the set is called in a sentence.

    Raises
    ------
    EcgsynthError: a lead is not there.
    """
    own = ecg.spec.leads
    rows = lead_rows(own, leads)
    if absent := [name for name, row in zip(leads, rows, strict=True) if row < 0]:
        raise EcgsynthError(f"{where} has no lead {', '.join(absent)}; it has {', '.join(own)}.")
    spec = replace(ecg.spec, leads=tuple(leads))
    if rows == [*range(len(own))]:
        return ecg if spec == ecg.spec else replace(ecg, spec=spec)
    mask = ecg.synthetic_mask
    return replace(
        ecg, signal=ecg.signal[:, rows], spec=spec, marks=_marks_on(ecg.marks, rows, len(own)),
        synthetic_mask=None if mask is None else mask[:, rows],
    )  # fmt: skip


def in_order_of(ecg: Ecg, leads: Sequence[str]) -> Ecg:
    """A set of the same leads, however called, in this order and under these names; a set of other
    leads as it is."""
    return choose_leads(ecg, leads) if are_same_leads(ecg.spec.leads, leads) else ecg


def are_same_leads(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two lists name the same leads, in any order and by any of their names."""
    return sorted(map(standard_lead, one)) == sorted(map(standard_lead, other))


def _marks_on(marks: Marks | None, rows: Sequence[int], count: int) -> Marks | None:
    """The marks of chosen leads, and those of all leads, renumbered."""
    if marks is None:
        return None
    place = np.full(count + 1, -2)  # the last: marks of all leads
    place[[*rows, -1]] = [*range(len(rows)), -1]
    kept = np.flatnonzero(place[marks.lead] > -2)
    return Marks(marks.item[kept], place[marks.lead[kept]], marks.sample[kept], marks.symbol[kept])
