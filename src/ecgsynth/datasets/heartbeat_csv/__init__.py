"""The heartbeat CSV (Kachuee et al. 2018): MIT-BIH beats of 187 samples at 125 Hz in [0, 1]."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from ecgsynth.datasets import Inventory
from ecgsynth.datasets import Settings as BaseSettings
from ecgsynth.datasets.heartbeat_csv import parts
from ecgsynth.datasets.heartbeat_csv.parts import FS, RECORDS, SAMPLES, WITHOUT_MLII, Columns
from ecgsynth.datasets.mitbih import RECORDS as BETWEEN_PATIENTS
from ecgsynth.datasets.mitbih import MitBih, files, person_of
from ecgsynth.errors import EcgsynthError
from ecgsynth.registry import DATASETS
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import AAMI_CLASSES

log = logging.getLogger("ecgsynth")

MIXED = ("train", "test")
INTERPATIENT = "-interpatient"
SPLITS = (*MIXED, *(part + INTERPATIENT for part in ("train", "validation", "test")))

PUBLISHED = {
    "train": {"N": 72_471, "S": 2_223, "V": 5_788, "F": 641, "Q": 6_431},
    "test": {"N": 18_118, "S": 556, "V": 1_448, "F": 162, "Q": 1_608},
}
"""Beats in the public files."""


@DATASETS.register("heartbeat_csv")
class HeartbeatCsv:
    """Heartbeat CSV (Kachuee 2018): MIT-BIH beats as 187 samples at 125 Hz, scaled to [0, 1].

    Reads the public files `mitbih_train.csv` and `mitbih_test.csv` where they lie in the folder
    `heartbeat_csv` below the data root, and otherwise builds the same beats from the MIT-BIH
    recordings. Column 187 of the files numbers the classes in AAMI order: N, S, V, F, Q.

    Splits: `train` and `test`, about 80 to 20 within every class, are those of the published
    figures and NOT by patient: everyone's beats are in both, so that a figure on `test`
    does not hold for a new patient. For that there are `train-interpatient`,
    `validation-interpatient` and `test-interpatient`: the people of `train`, `validation` and
    `test` of the data set `mitbih`, always built from the recordings, without class Q, which
    few but the paced have.

    How a beat is made: lead II at 125 Hz; from an R peak on, 1.2 times the median RR interval of
    its 10-s window, scaled so that it spans 0 to 1, then zeros (`valid` counts what is before
    them). The paper scales the whole window and takes as R what exceeds 0.9 of it. The public
    files show otherwise: they hold all annotated beats of the 48 records but the last of each,
    109,446, whatever their height. So ours begin at the annotations, whose class they need
    anyway, and every part is scaled by itself. Records 102 and 104 have no lead II: V5 stands in.

    Reference: Kachuee, Fazeli & Sarrafzadeh, IEEE ICHI 2018, arXiv:1805.00794.
    """

    splits = SPLITS
    licence = "ODC-By 1.0"
    citation = "Kachuee et al. 2018, from Moody & Mark 2001, MIT-BIH Arrhythmia Database 1.0.0"
    public = True

    class Settings(BaseSettings):
        """Which beats are given.

        classes: AAMI classes to keep, in this order. per_class: so many beats of each class in
        `train` and `train-interpatient`, without repeats where there are enough, with repeats
        where not. Other splits stay as they are. seed: of this drawing.
        """

        classes: tuple[str, ...] = AAMI_CLASSES
        per_class: int | None = Field(None, ge=1, le=1_000_000)
        seed: int = Field(0, ge=0)

        @field_validator("classes")
        @classmethod
        def _known(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
            if not classes or any(name not in AAMI_CLASSES for name in classes):
                raise ValueError(f"takes AAMI classes out of {', '.join(AAMI_CLASSES)}")
            return classes

        @property
        def spec(self) -> Spec:
            """What the beats under these settings are."""
            # The part begins at R: there is nothing before sample 0.
            return Spec(("MLII",), FS, SAMPLES, self.classes, unit="normalised", r_sample=0)

    @staticmethod
    def load(split: str, settings: Settings) -> Ecg:
        """Beats of a split in [0, 1]; what was parsed is cached as memory-mapped arrays."""
        file = parts.public_file(split) if split in MIXED else None
        columns, rows = _beats_of_recordings(split) if file is None else _every_beat(file)
        classes = settings.classes
        if split not in MIXED and "Q" in classes:
            if "classes" in settings.model_fields_set:
                log.warning("heartbeat_csv:%s has no class Q, which is left out.", split)
            classes = tuple(name for name in classes if name != "Q")
        column = np.array([classes.index(c) if c in classes else -1 for c in AAMI_CLASSES])
        label = column[columns["label"][rows]]
        rows, label = rows[label >= 0], label[label >= 0]
        if settings.per_class and split.startswith("train"):
            drawn = _balance(label, settings.per_class, settings.seed)
            rows, label = rows[drawn], label[drawn]
        if not len(rows):
            raise EcgsynthError(
                f"no beats of class {', '.join(settings.classes)} in heartbeat_csv:{split}; name "
                "others, or see `ecgsynth data check heartbeat_csv`."
            )
        record = columns["record"][rows] if "record" in columns else None
        return Ecg(
            signal=columns["signal"][rows][:, None],
            spec=replace(settings.spec, classes=classes),
            label=one_hot(label, len(classes)),
            patient=None if record is None else person_of(record),
            record=None if record is None else record.astype(np.str_),
            valid=columns["valid"][rows],
            onset_s=columns["onset_s"][rows] if "onset_s" in columns else None,
            source=f"heartbeat_csv:{split}",
        )

    @staticmethod
    def check(settings: Settings) -> Inventory:
        """Where the beats come from, and how many there are, compared with the public files."""
        inventory = Inventory()
        file = parts.public_file("train")
        if file is None:
            skipped = parts.build()[1]["skipped"]
            inventory.records = len(RECORDS) - len(skipped)
            for name in skipped:
                try:
                    parts.read_record(files.find_database(), int(name))
                except EcgsynthError as problem:
                    inventory.add_unused(name, problem)
            without = ", ".join(map(str, WITHOUT_MLII))
            inventory.notes.append(
                f"built from the MIT-BIH recordings; no MLII in {without}: V5 stands in."
            )
        else:
            inventory.notes.append(f"{' and '.join(MIXED)} are the public files in {file.parent}.")
        whole = type(settings)()
        for split in SPLITS:
            try:
                ecg = HeartbeatCsv.load(split, whole)
            except EcgsynthError as problem:  # an empty split is a finding, not the end
                if file is not None and split in MIXED:
                    inventory.damaged[f"mitbih_{split}.csv"] = str(problem)
                else:
                    inventory.notes.append(str(problem))
                continue
            if split in PUBLISHED:
                inventory.notes.append(
                    f"{split}: {_format_counts(ecg.counts())} (the public file: "
                    f"{_format_counts(PUBLISHED[split])})"
                )
            inventory.count(split, ecg)
        return inventory

    people = MitBih.people

    @staticmethod
    def settings_like(spec: Spec) -> dict[str, Any]:
        """Settings under which the beats have the classes of this spec."""
        kept = tuple(name for name in spec.classes if name in AAMI_CLASSES)
        return {"classes": kept or AAMI_CLASSES}


def _every_beat(file: Path) -> tuple[Columns, NDArray[np.int64]]:
    columns = parts.read_public(file)
    return columns, np.arange(len(columns["label"]))


def _beats_of_recordings(split: str) -> tuple[Columns, NDArray[np.int64]]:
    """The columns built from the recordings, and which of their rows are of this split."""
    columns, facts = parts.build()
    records = RECORDS if split in MIXED else BETWEEN_PATIENTS[split.removesuffix(INTERPATIENT)]
    for name, reason in facts["skipped"].items():
        if int(name) in records:
            log.warning("record %s is left out: %s", name, reason)
    rows = np.isin(columns["record"], records)
    if split in MIXED:
        rows &= columns["test"] == (split == "test")
    return columns, np.flatnonzero(rows)


def _balance(label: NDArray[np.int64], per_class: int, seed: int) -> NDArray[np.int64]:
    """Rows that hold so many of every class, in random order."""
    rng = np.random.default_rng(seed)
    drawn = [
        rng.choice(rows, per_class, replace=len(rows) < per_class)
        for rows in (np.flatnonzero(label == number) for number in np.unique(label))
    ]
    return rng.permutation(np.concatenate(drawn or [label]))


def _format_counts(counts: dict[str, int]) -> str:
    return " ".join(f"{name} {total:,}" for name, total in counts.items())
