"""PTB-XL: 21,799 twelve-lead records of 10 s with SCP-ECG statements, age and sex."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from ecgsynth.datasets import Inventory, store
from ecgsynth.datasets import Settings as BaseSettings
from ecgsynth.datasets.people import Person
from ecgsynth.datasets.statements import (
    NOT_STATED,
    SUPERCLASSES,
    Vocabulary,
    parse,
    read_table,
)
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.formats.wfdb import read_recording
from ecgsynth.registry import DATASETS
from ecgsynth.signals import filters
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12

log = logging.getLogger("ecgsynth")

SECONDS = 10
TABLE = "ptbxl_database.csv"
RECORDS = 21_799
"""In the whole database; any part of it can be read."""

COLUMNS = (
    "ecg_id", "patient_id", "age", "sex", "scp_codes", "strat_fold", "filename_lr", "filename_hr",
)  # fmt: skip

FOLDS: dict[str, tuple[int, ...]] = {
    "train": tuple(range(1, 9)),
    "validation": (9,),
    "test": (10,),
    "all": tuple(range(1, 11)),
} | {f"fold-{k}": (k,) for k in range(1, 11)}
"""The database's own stratified folds; all records of a patient are in one fold."""

OLDEST = 90.0
"""Years: "90 or over", which the database writes as 300."""


class Row(NamedTuple):
    """What the table says of a record; age (years, NaN unknown), sex (0 male, 1 female, NaN)."""

    ecg_id: int
    patient: str
    age: float
    sex: float
    fold: int
    said: dict[str, float]
    files: dict[float, Path]


@DATASETS.register("ptbxl")
class PtbXl:
    """PTB-XL: 21,799 twelve-lead records of 10 s with SCP-ECG statements, age and sex.

    Splits, between people: `train` (folds 1-8), `validation` (9), `test` (10), `all`, and
    `fold-1` ... `fold-10`. Whatever part of the records is there is used. Labels are multi-hot: a
    record carries a statement when it is said with a likelihood of at least `min_likelihood`, or
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
        fs: float = Field(100.0, gt=0, le=100_000)
        band: tuple[float | None, float | None] = (None, None)

        @field_validator("leads")
        @classmethod
        def _known(cls, leads: tuple[str, ...]) -> tuple[str, ...]:
            if not leads or any(lead not in LEADS_12 for lead in leads):
                raise ValueError(f"takes leads out of {', '.join(LEADS_12)}")
            return leads

        @property
        def spec(self) -> Spec:
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
    def load(split: str, settings: Settings) -> Ecg:
        """Records of a split in mV; what was parsed is cached as memory-mapped arrays."""
        folder, words = _folder(), vocabulary()
        for name in settings.classes:
            if name not in words.names:
                raise EcgsynthError(
                    f"PTB-XL has no statement '{name}'.{did_you_mean(name, words.names)}"
                )
        table = _table(folder)
        rows = [row for row in table if row.fold in FOLDS[split]]
        arrays, facts = _arrays(folder, table, settings.fs)
        place = {int(number): k for k, number in enumerate(arrays["ecg_id"])}
        skipped = [row for row in rows if str(row.ecg_id) in facts["skipped"]]
        if skipped:
            log.warning(
                "%d records of ptbxl:%s are left out; record %d: %s",
                len(skipped), split, skipped[0].ecg_id, facts["skipped"][str(skipped[0].ecg_id)],
            )  # fmt: skip
        kept = [row for row in rows if row.ecg_id in place]
        said = [words.likelihoods(row.said) for row in kept]
        label = np.array(
            [
                [_counts(one.get(c), settings.min_likelihood) for c in settings.classes]
                for one in said
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
        folder = _folder()
        rows = _table(folder)
        _, facts = _arrays(folder, rows, settings.fs)
        inventory = Inventory(
            records=len([row for row in rows if row.files]), damaged=facts["skipped"]
        )
        inventory.missing = [f"{row.ecg_id:05d}" for row in rows if not row.files]
        inventory.notes.append(
            f"{inventory.records:,} of the {RECORDS:,} records of PTB-XL are here; "
            f"{facts['resampled']:,} were resampled to {settings.fs:g} Hz"
        )
        for split in ("train", "validation", "test"):
            try:
                ecg = PtbXl.load(split, settings)
            except EcgsynthError as problem:  # an empty split is a finding, not the end
                inventory.notes.append(str(problem))
                continue
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
            for row in _table(_folder())
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
    return Vocabulary.read(_folder() / "scp_statements.csv")


def likelihoods(ecg: Ecg) -> NDArray[np.float32]:
    """[item, class] percent with which each class is said; 0 not stated, NaN not said.

    ecg: records of `ptbxl`, in any selection.
    """
    words = vocabulary()
    said = {f"{row.ecg_id:05d}": words.likelihoods(row.said) for row in _table(_folder())}
    assert ecg.record is not None
    return np.array(
        [[said[str(name)].get(c, np.nan) for c in ecg.spec.classes] for name in ecg.record],
        np.float32,
    )


def _counts(percent: float | None, least: float) -> bool:
    """Whether a statement said with this likelihood (None: not said) makes a label."""
    return percent is not None and (percent == NOT_STATED or percent >= least)


def _folder() -> Path:
    return store.find_folder("ptbxl", TABLE)


def _table(folder: Path) -> list[Row]:
    """The records that the table names, in its order; `files` are those that are here.

    Raises
    ------
    EcgsynthError: the table is not PTB-XL's, or a row of it cannot be understood.
    """
    rows = []
    for row in read_table(folder / TABLE, COLUMNS):
        try:
            age = float(row["age"] or "nan")
            sex = float(row["sex"] or "nan")
            number, fold = int(row["ecg_id"]), int(float(row["strat_fold"]))
            patient = f"{float(row['patient_id']):.0f}"
            said = parse(row["scp_codes"])
        except (ValueError, TypeError) as problem:
            raise EcgsynthError(
                f"{folder / TABLE}: the row of record {row['ecg_id']} cannot be read ({problem})."
            ) from None
        files = {
            fs: folder / row[column]
            for fs, column in ((100.0, "filename_lr"), (500.0, "filename_hr"))
            if (folder / f"{row[column]}.hea").is_file()
        }
        rows.append(Row(number, patient, min(age, OLDEST), sex, fold, said, files))
    return rows


def _arrays(folder: Path, rows: list[Row], fs: float) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Every record of the table at `fs` in uV, from the cache where they were parsed before."""
    paths = [file.with_suffix(".dat") for row in rows for file in row.files.values()]
    key = {
        "folder": str(folder.resolve()),
        "fs": fs,
        "files": store.stamp(path for path in paths if path.is_file()),
    }
    return store.cached_arrays("ptbxl", key, partial(_parse, folder, rows, fs))


def _parse(folder: Path, rows: list[Row], fs: float) -> tuple[dict[str, NDArray], dict[str, Any]]:
    from rich.console import Console
    from rich.progress import track

    here = [row for row in rows if row.files]
    signal = np.zeros((len(here), len(LEADS_12), round(SECONDS * fs)), np.int16)
    read: list[int] = []
    skipped: dict[str, str] = {}
    resampled = 0
    console = Console(stderr=True)
    for row in track(here, "reading recordings", transient=True, console=console):
        native = fs if fs in row.files else max(row.files)
        try:
            signal[len(read)] = _read(row.files[native], fs)
        except EcgsynthError as problem:
            skipped[str(row.ecg_id)] = str(problem)
            continue
        resampled += native != fs
        read.append(row.ecg_id)
    if not read:
        raise EcgsynthError(
            f"none of the {len(rows):,} records that {folder / TABLE} names can be read"
            + (f"; the first says: {next(iter(skipped.values()))}" if skipped else "")
            + " Get them with `ecgsynth data fetch ptbxl`."
        )
    arrays: dict[str, NDArray] = {"signal": signal[: len(read)], "ecg_id": np.array(read)}
    return arrays, {"skipped": skipped, "resampled": resampled}


def _read(path: Path, fs: float) -> NDArray[np.int16]:
    """[12, sample] uV at `fs`; 1 uV is the database's own step."""
    recording = read_recording(path, leads=tuple(lead.upper() for lead in LEADS_12))
    if recording.signal.shape[1] != round(SECONDS * recording.fs):
        raise EcgsynthError(f"{path.name} does not last {SECONDS} s; fetch ptbxl again.")
    if not np.isfinite(recording.signal).all():
        raise EcgsynthError(f"{path.name} has samples that are marked as missing.")
    signal = filters.resample(recording.signal, recording.fs, fs)[:, : round(SECONDS * fs)]
    return np.clip(np.round(1000 * signal), -32767, 32767).astype(np.int16)
