"""Statements of clinical files as labels: by their codes of SNOMED CT, their names, their words."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgsynth.formats.codes import STATEMENTS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec

log = logging.getLogger("ecgsynth")

SHOWN = 6
"""Most unknown statements that a sentence names."""


class Stated(NamedTuple):
    """A statement of a file: its code of SNOMED CT and its words, each of which may be ""."""

    code: str
    text: str


OTHER_CODES = {"426627000": "SBRAD", "164909002": "CLBBB", "59118001": "CRBBB", "17338001": "PVC"}
"""Codes of the PhysioNet/CinC Challenge 2021 that it scores as those of `STATEMENTS`."""

WORDS = {
    "SR": ("normal sinus rhythm", "sinus"),
    "STACH": ("sinus tach",),
    "SBRAD": ("sinus brady",),
    "SARRH": ("sinus rhythm with sinus arrhythmia", "normal sinus rhythm with sinus arrhythmia"),
    "AFIB": ("atrial fib", "a fib", "afib"),
    "PACE": ("electronic ventricular pacemaker", "ventricular paced rhythm", "paced rhythm",
             "atrial paced rhythm", "electronic atrial pacemaker", "av dual paced rhythm"),
    "1AVB": ("1st degree av block", "1st degree atrioventricular block", "first degree av block"),
    "2AVB": ("2nd degree av block", "second degree av block"),
    "3AVB": ("3rd degree av block", "third degree av block", "complete heart block"),
    "LPR": ("prolonged pr", "long pr interval"),
    "CLBBB": ("left bundle branch block",),
    "CRBBB": ("right bundle branch block",),
    "LAFB": ("left anterior hemiblock", "left anterior fascicular block"),
    "LPFB": ("left posterior hemiblock",),
    "IVCD": ("nonspecific intraventricular block", "intraventricular conduction delay",
             "nonspecific intraventricular conduction block"),
    "WPW": ("wolff parkinson white", "ventricular pre excitation wpw pattern"),
    "PAC": ("premature atrial complexes", "premature atrial complex", "atrial premature complexes",
            "premature supraventricular complexes", "with premature atrial complexes"),
    "PVC": ("premature ventricular complexes", "premature ventricular complex",
            "ventricular premature complexes", "with premature ventricular complexes",
            "with occasional premature ventricular complexes",
            "with frequent premature ventricular complexes"),
    "LNGQT": ("prolonged qt", "long qt interval"),
    "LVOLT": ("low voltage qrs", "low qrs voltage"),
}  # fmt: skip
"""Other words for statements: a device's sentence is one of these as a whole, since parts of others
deny what they name ("atrial fibrillation is no longer present")."""

NAME_OF_CODE = {code: name for name, (code, _) in STATEMENTS.items()} | OTHER_CODES


def _plain(text: str) -> str:
    """Words in lower case, without punctuation."""
    return " ".join(re.sub(r"[^a-z0-9]+", " ", re.sub(r"a-v\b", "av", text.lower())).split())


NAME_OF_WORDS = (
    {_plain(meaning): name for name, (_, meaning) in STATEMENTS.items()}
    | {name.lower(): name for name in STATEMENTS}
    | {_plain(text): name for name, texts in WORDS.items() for text in texts}
)


def with_same_classes(parts: list[Ecg]) -> list[Ecg]:
    """Files of a folder, of which some state nothing: these have the classes of the others."""
    spec = next((part.spec for part in parts if part.spec.classes == tuple(STATEMENTS)), None)
    return parts if spec is None else [with_classes_of(spec, part) for part in parts]


def with_classes_of(spec: Spec, ecg: Ecg) -> Ecg:
    """A file that states nothing with the classes of others that do, none of which it has."""
    if ecg.spec.classes or spec.classes != tuple(STATEMENTS):
        return ecg
    own = replace(ecg.spec, classes=spec.classes, multilabel=True)
    return replace(ecg, spec=own, label=np.zeros((len(ecg), len(spec.classes)), np.float32))


def labels_of(
    stated: Iterable[Stated], file: str
) -> tuple[tuple[str, ...], NDArray[np.float32] | None]:
    """Classes and label row [1, class] of the statements of a file; () and None where it has none
    that is known. The classes are all of `STATEMENTS`, so that files of a folder are alike.

    Statements that are not known are named in the log.
    """
    found, unknown = set(), []
    for one in stated:
        name = NAME_OF_CODE.get(one.code) or NAME_OF_WORDS.get(_plain(one.text))
        if name is not None:
            found.add(name)
        elif words := one.text.strip() or one.code:
            unknown.append(words[:60])
    if unknown:
        named = ", ".join(f"'{words}'" for words in dict.fromkeys(unknown[:SHOWN]))
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        log.warning("%s: no label for the statements %s%s.", file, named, more)
    if not found:
        return (), None
    classes = tuple(STATEMENTS)
    return classes, np.array([[name in found for name in classes]], np.float32)
