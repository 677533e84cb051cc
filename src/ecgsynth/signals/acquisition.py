"""When, with what and of whom a set of ECG was recorded or made: what headers of files hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np

from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.own_use import SENTENCE, is_for_own_use
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.synthetic_parts import Stretch, describe, stretches_of

OLDEST = 150.0
"""Years; what is above is no age (PTB-XL writes 300 for 90 and over; its reader corrects that)."""

Sex = Literal["F", "M"]

MIXED = ("synthetic", "items", "by", "patient", "real")
"""The entry `mixed` in the card of real items with synthetic ones among them."""


@dataclass(frozen=True)
class Acquisition:
    """The header of a set of ECG, whatever the format.

    Attributes
    ----------
    made_by: what made the synthetic items: ids of models, or the simulator; () where all are real.
    recorded_in: where the real items are from, such as "mitbih:train"; "" where none is real.
    items, made: items in all, and synthetic ones.
    parts: of partly real items what was made of each, in words; "" elsewhere.
    patient: of synthetic items among real ones; "" elsewhere.
    recorder: the device that recorded real ones; "" where unknown.
    start: when the recording began, where all items agree; None where unknown.
    age_years, sex: of the person, "F" or "M", where all items agree; None where unknown.
    """

    made_by: tuple[str, ...]
    recorded_in: str
    items: int
    made: int
    patient: str = ""
    recorder: str = ""
    start: datetime | None = None
    age_years: float | None = None
    sex: Sex | None = None
    parts: str = ""

    @property
    def mark(self) -> str:
        """The text of every field for a patient, a device or a comment, for synthetic ECG."""
        if not self.made_by:
            return ""
        return "PARTLY SYNTHETIC" if self.recorded_in else "SYNTHETIC"

    @property
    def device(self) -> str:
        """What the signals come from, for the field of a device: a model is one."""
        return self.maker or self.recorder or self.recorded_in

    @property
    def maker(self) -> str:
        """What made the synthetic items."""
        return " and ".join(self.made_by)

    @property
    def statement(self) -> str:
        """For people: what the set holds, first whether it is synthetic, last whether it must not
        be shared."""
        return f"{self._origin} {SENTENCE}" if is_for_own_use(self.made_by) else self._origin

    @property
    def _origin(self) -> str:
        if self.mark == "SYNTHETIC":
            return f"SYNTHETIC ECG made by {self.maker}: not from a patient and not for diagnosis."
        if self.parts:
            return (
                f"PARTLY SYNTHETIC ECG: made by {self.maker}: {self.parts}. All else is from "
                f"{self.recorded_in}; not for diagnosis."
            )
        if self.mark:
            return (
                f"PARTLY SYNTHETIC ECG: {self.made} of {self.items} items were made by "
                f"{self.maker} (patient {self.patient}), the others are from {self.recorded_in}; "
                "not for diagnosis."
            )
        return f"ECG from {self.recorded_in}; not for diagnosis."


def acquisition(ecg: Ecg | Recording) -> Acquisition:
    """What a set states of its acquisition, in its source, its card, its contexts and its times; of
    a recording also what its comments state of the person, and with which device it was recorded.
    """
    if isinstance(ecg, Recording):
        age, sex = person_of_comments(" \n".join(ecg.comments))
        person: dict[str, Any] = {"age_years": age, "sex": sex, "start": ecg.start}
        if ecg.synthetic:
            return Acquisition((ecg.source.removeprefix(SYNTHETIC),), "", 1, 1, **person)
        return Acquisition((), ecg.source, 1, 0, recorder=ecg.device, **person)
    sexes: dict[float | None, Sex] = {0.0: "M", 1.0: "F"}
    person = {
        "age_years": _agreed(ecg, "age"),
        "sex": sexes.get(_agreed(ecg, "sex")),
        "start": _agreed_start(ecg),
    }
    mixed = (ecg.card or {}).get("mixed")
    if isinstance(mixed, Mapping) and {*MIXED} <= {*mixed}:
        made_by, patient = tuple(mixed["by"]), mixed["patient"]
        return Acquisition(
            made_by, mixed["real"], mixed["items"], mixed["synthetic"], patient, **person
        )
    if ecg.synthetic:
        maker, real = (ecg.source.removeprefix(SYNTHETIC),), _completed(ecg)
        return Acquisition(
            maker, real, len(ecg), len(ecg), **person, parts=_parts(ecg) if real else ""
        )
    return Acquisition((), ecg.source, len(ecg), 0, **person)


def partly_synthetic(ecg: Ecg, real: str, stretches: Sequence[Stretch]) -> Acquisition:
    """That of an item of which a model made some stretches; real: what all else is from."""
    header = acquisition(replace(ecg, synthetic_mask=None))
    return replace(header, recorded_in=real, parts=describe(stretches, ecg.spec) if real else "")


def _completed(ecg: Ecg) -> str:
    """What a partly real set was recorded in; "" where nothing of it is real."""
    if ecg.synthetic_mask is None or ecg.synthetic_mask.all():
        return ""
    completed = (ecg.card or {}).get("completed")
    real = completed.get("real") if isinstance(completed, Mapping) else None
    return "a recording" if real is None else str(real)


def _parts(ecg: Ecg) -> str:
    """What was made of the items, in words."""
    assert ecg.synthetic_mask is not None
    if (ecg.synthetic_mask == ecg.synthetic_mask[:1]).all():
        return describe(stretches_of(ecg.synthetic_mask[0]), ecg.spec)
    return "what the synthetic_mask of each item names"


def _agreed(ecg: Ecg, name: str) -> float | None:
    """The value of a context that all items have; None where they differ or it is unknown."""
    if name not in ecg.spec.context or ecg.context is None or not len(ecg):
        return None
    values = np.unique(ecg.context[:, ecg.spec.context.index(name)])
    return float(values[0]) if len(values) == 1 and np.isfinite(values[0]) else None


def _agreed_start(ecg: Ecg) -> datetime | None:
    """When the recording of all items began; None where they differ or it is unknown."""
    times = [] if ecg.start is None else np.unique(ecg.start).tolist()
    return datetime.fromisoformat(times[0]) if len(times) == 1 and times[0] else None


def comments_of_person(about: Acquisition) -> list[str]:
    """Age and sex as the comments of a header, which `person_of_comments` reads."""
    names = {"F": "Female", "M": "Male"}
    age = [] if about.age_years is None else [f"Age: {about.age_years:g}"]
    return age + ([] if about.sex is None else [f"Sex: {names[about.sex]}"])


def person_of_comments(text: str) -> tuple[float | None, Sex | None]:
    """Age and sex from header comments: "69 M 1085 1629 x1", "<age>: 51", "Sex: female"."""
    sexes: dict[str, Sex] = {"F": "F", "M": "M"}
    short = re.match(r"\s*(-?\d+)\s+([MF])\b", text)
    if short:
        return _age(short[1]), sexes[short[2]]
    age = re.search(r"\bage\b\W*?(\d+(?:\.\d+)?)", text, re.IGNORECASE)
    sex = re.search(r"\bsex\b\W*([MF])", text, re.IGNORECASE)
    return _age(age[1]) if age else None, sexes[sex[1].upper()] if sex else None


def _age(text: str) -> float | None:
    age = float(text)
    return age if 0 < age < OLDEST else None
