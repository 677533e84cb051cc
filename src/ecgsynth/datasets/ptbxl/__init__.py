"""PTB-XL: 21,799 twelve-lead records of 10 s with SCP-ECG statements, age and sex."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from ecgsynth.datasets import Inventory
from ecgsynth.datasets import Settings as BaseSettings
from ecgsynth.datasets.demographics import Person
from ecgsynth.datasets.ptbxl import files
from ecgsynth.datasets.ptbxl.files import RECORDS, SECONDS
from ecgsynth.datasets.ptbxl.statements import NOT_STATED, SUPERCLASSES, Vocabulary
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.registry import DATASETS
from ecgsynth.settings import Rate
from ecgsynth.signals import filters
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12

log = logging.getLogger("ecgsynth")

FOLDS: dict[str, tuple[int, ...]] = {
    "train": tuple(range(1, 9)),
    "validation": (9,),
    "test": (10,),
    "all": tuple(range(1, 11)),
} | {f"fold-{k}": (k,) for k in range(1, 11)}
"""The database's own stratified folds; all records of a patient are in one fold."""


@DATASETS.register("ptbxl")
class PtbXl:
    """PTB-XL: 21,799 twelve-lead records of 10 s with SCP-ECG statements, age and sex.

    Splits, between people: `train` (folds 1-8), `validation` (9), `test` (10), `all`, and
    `fold-1` ... `fold-10`. Whatever part of the records is there is used. Labels are multi-hot: a
    record carries a statement when it is stated with a likelihood of at least `min_likelihood`, or
    with likelihood 0, which means "not stated" and never "absent". Context: age in years (90 = 90
    or over) and sex (0 male, 1 female), NaN where unknown.

    At 100 Hz the official `records100` are read where they are; they are no plain resampling of
    `records500`. Records of which only the other rate is here are resampled.

    Reference: Wagner et al., Scientific Data 7:154 (2020).
    """

    splits = tuple(FOLDS)
    licence = "CC BY 4.0"
    citation = "Wagner et al. 2020, PTB-XL 1.0.3, PhysioNet"
    public = True

    class Settings(BaseSettings):
        """How the records are given.

        classes: superclasses (NORM, MI, STTC, CD, HYP) and statements (AFIB, CLBBB, ...), in
        order. min_likelihood: percent, below which a stated likelihood does not count.
        labelled_only: leave out records that carry none of the classes.
        leads: names, in order. fs: Hz. band: edges in Hz, None = open: low by a 4th-order
        Butterworth high-pass, high by a steep FIR low-pass, both without phase shift.
        """

        classes: tuple[str, ...] = tuple(SUPERCLASSES)
        min_likelihood: float = Field(0.0, ge=0, le=100)
        labelled_only: bool = False
        leads: tuple[str, ...] = LEADS_12
        fs: Rate = 100.0
        band: tuple[float | None, float | None] = (None, None)

        @field_validator("leads")
        @classmethod
        def _known(cls, leads: tuple[str, ...]) -> tuple[str, ...]:
            if not leads or any(lead not in LEADS_12 for lead in leads):
                raise ValueError(f"takes leads out of {', '.join(LEADS_12)}")
            return leads

        @property
        def spec(self) -> Spec:
            """What the records under these settings are."""
            return Spec(
                leads=self.leads,
                fs=self.fs,
                samples=round(SECONDS * self.fs),
                classes=self.classes,
                multilabel=True,
                context=("age", "sex"),
                band=self.band,
            )

    @staticmethod
    def statements() -> tuple[str, ...]:
        """All that a record may state: superclasses and statements."""
        return tuple(vocabulary().names)

    @staticmethod
    def load(split: str, settings: Settings) -> Ecg:
        """Records of a split in mV; what was parsed is cached as memory-mapped arrays."""
        folder, words = files.find_database(), vocabulary()
        for name in settings.classes:
            if name not in words.names:
                raise EcgsynthError(
                    f"PTB-XL has no statement '{name}'.{did_you_mean(name, words.names)}"
                )
        table = files.table(folder)
        rows = [row for row in table if row.fold in FOLDS[split]]
        arrays, facts = files.arrays(folder, table, settings.fs)
        place = {int(number): k for k, number in enumerate(arrays["ecg_id"])}
        skipped = [row for row in rows if str(row.ecg_id) in facts["skipped"]]
        if skipped:
            log.warning(
                "%d records of ptbxl:%s are left out; record %d: %s",
                len(skipped), split, skipped[0].ecg_id, facts["skipped"][str(skipped[0].ecg_id)],
            )  # fmt: skip
        kept = [row for row in rows if row.ecg_id in place]
        absent = sum(not row.files for row in rows)
        if absent:
            log.warning(
                "%d of the %d records of ptbxl:%s in the table are not here; %d are used.",
                absent, len(rows), split, len(kept),
            )  # fmt: skip
        stated = [words.likelihoods(row.stated) for row in kept]
        label = np.array(
            [
                [_counts(one.get(c), settings.min_likelihood) for c in settings.classes]
                for one in stated
            ],
            np.float32,
        ).reshape(len(kept), len(settings.classes))
        if settings.labelled_only:
            some = np.flatnonzero(label.any(1))
            kept, label = [kept[k] for k in some], label[some]
        if not kept:
            raise EcgsynthError(
                f"no record of ptbxl:{split} fits ({len(rows)} of the split are in the table, "
                f"{len(place)} of all could be read); see `ecgsynth data check ptbxl`."
            )
        leads = np.array([LEADS_12.index(lead) for lead in settings.leads])
        at = np.array([place[row.ecg_id] for row in kept])
        signal = np.asarray(arrays["signal"])[at[:, None], leads] / np.float32(1000)
        low, high = settings.band
        if low is not None:
            signal = filters.bandpass(signal, settings.fs, low, None)
        if high is not None:
            signal = filters.lowpass(signal, settings.fs, high)
        return Ecg(
            signal=signal,
            spec=settings.spec,
            label=label,
            context=np.array([[row.age, row.sex] for row in kept], np.float32),
            patient=np.array([row.patient for row in kept]),
            record=np.array([f"{row.ecg_id:05d}" for row in kept]),
            source=f"ptbxl:{split}",
        )

    @staticmethod
    def check(settings: Settings) -> Inventory:
        """Reads every record: how many of the database are there, damaged ones, classes."""
        folder = files.find_database()
        rows = files.table(folder)
        _, facts = files.arrays(folder, rows, settings.fs)
        inventory = Inventory(records=len([row for row in rows if row.files]))
        for row in rows:
            if str(row.ecg_id) in facts["skipped"]:
                try:
                    files.read_row(row, settings.fs)
                except EcgsynthError as problem:
                    inventory.add_unused(f"{row.ecg_id:05d}", problem)
        inventory.missing = [f"{row.ecg_id:05d}" for row in rows if not row.files]
        inventory.notes.append(
            f"{inventory.records:,} of the {RECORDS:,} records of PTB-XL are here; "
            f"{facts['resampled']:,} were resampled to {settings.fs:g} Hz"
        )
        splits = ("train", "validation", "test")
        for split, ecg in inventory.loaded(lambda split: PtbXl.load(split, settings), splits):
            assert ecg.patient is not None
            counts = " ".join(f"{name} {count}" for name, count in ecg.counts().items())
            people = len(set(ecg.patient.tolist()))
            inventory.notes.append(f"{split}: {len(ecg):,} records of {people:,} people: {counts}")
            per = Counter[tuple[str, str, str]]()
            for k, name in enumerate(ecg.spec.classes):
                who = ecg.patient[np.asarray(ecg.label)[:, k] > 0]
                per.update((split, str(patient), name) for patient in who)
            inventory.counts |= per
        return inventory

    @staticmethod
    def people() -> dict[str, Person]:
        """Patient -> (age, sex)."""
        sexes = {0.0: "M", 1.0: "F"}
        return {
            row.patient: (None if np.isnan(row.age) else row.age, sexes.get(row.sex))
            for row in files.table(files.find_database())
        }

    @staticmethod
    def settings_like(spec: Spec) -> dict[str, Any]:
        """Settings under which the records have this spec's leads, rate, band and statements."""
        leads = tuple(dict.fromkeys(lead for lead in spec.leads if lead in LEADS_12))
        known = vocabulary().names
        classes = tuple(name for name in spec.classes if name in known)
        return {
            "leads": leads or LEADS_12,
            "fs": spec.fs,
            "band": spec.band,
            "classes": classes or tuple(SUPERCLASSES),
        }


def vocabulary() -> Vocabulary:
    """The statements and superclasses that this database uses."""
    return Vocabulary.read(files.find_database() / "scp_statements.csv")


def likelihoods(ecg: Ecg) -> NDArray[np.float32]:
    """[item, class] likelihood in percent; 0 = stated without likelihood, NaN = not stated.

    ecg: records of `ptbxl`, in any selection.
    """
    words = vocabulary()
    stated = {
        f"{row.ecg_id:05d}": words.likelihoods(row.stated)
        for row in files.table(files.find_database())
    }
    assert ecg.record is not None
    return np.array(
        [[stated[str(name)].get(c, np.nan) for c in ecg.spec.classes] for name in ecg.record],
        np.float32,
    )


def _counts(percent: float | None, least: float) -> bool:
    """Whether a statement with this likelihood (None: no statement) makes a label."""
    return percent is not None and (percent == NOT_STATED or percent >= least)
