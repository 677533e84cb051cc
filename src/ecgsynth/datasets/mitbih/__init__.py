"""MIT-BIH Arrhythmia Database: beats of 47 people with AAMI classes, split between patients."""

from __future__ import annotations

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from ecgsynth.datasets import Inventory, store
from ecgsynth.datasets.beats import Cutting, cut_beats, settings_like
from ecgsynth.datasets.demographics import Person, people_of_headers
from ecgsynth.datasets.mitbih import files
from ecgsynth.datasets.mitbih.files import FS
from ecgsynth.errors import EcgsynthError
from ecgsynth.progress import recordings
from ecgsynth.registry import DATASETS
from ecgsynth.settings import Rate
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.noise import Kind, add_noise
from ecgsynth.signals.segments import RR, with_partial_mean
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import AAMI_CLASSES, AAMI_OF_SYMBOL

log = logging.getLogger("ecgsynth")

# de Chazal et al. 2004; the paced records 102, 104, 107 and 217 are in neither set.
DS1 = (101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122,
       124, 201, 203, 205, 207, 208, 209, 215, 220, 223, 230)  # fmt: skip
DS2 = (100, 103, 105, 111, 113, 117, 121, 123, 200, 202, 210,
       212, 213, 214, 219, 221, 222, 228, 231, 232, 233, 234)  # fmt: skip
VALIDATION = (124, 207, 220, 223)
SAME_PERSON = {202: 201}  # one man gave both records, and one is in DS1, the other in DS2
HELDOUT_FROM = 0.9
"""The last tenth of every training record is held out."""
PARTS = ("train", "heldout")
"""Splits that are a part of each recording; their beats have the mean RR of this part."""

RECORDS: dict[str, tuple[int, ...]] = {
    "train": tuple(r for r in DS1 if r not in VALIDATION),
    "heldout": tuple(r for r in DS1 if r not in VALIDATION),
    "validation": VALIDATION,
    "test": tuple(r for r in DS2 if r not in SAME_PERSON),
    "test-literature": DS2,
    "ds1": DS1,
    "ds2": DS2,
}

_LABEL_OF = {symbol: AAMI_CLASSES.index(name) for symbol, name in AAMI_OF_SYMBOL.items()}


@DATASETS.register("mitbih")
class MitBih:
    """MIT-BIH Arrhythmia Database: beats of 47 people with AAMI classes, split between patients.

    Splits: `train` (first 90 % of 18 DS1 records), `heldout` (their last 10 %; the mean RR is
    that of the split's own part of a recording), `validation`
    (DS1 records 124, 207, 220, 223), `test` (DS2 without record 202, whose owner is in DS1),
    `test-literature` (DS2 with it), and `ds1`, `ds2` as published.
    Reads the PhysioNet (WFDB) layout and the Kaggle layout (`100.csv`, `100annotations.txt`).

    References: Moody & Mark, IEEE EMB 20:45 (2001); de Chazal et al., IEEE TBME 51:1196 (2004).
    """

    splits = tuple(RECORDS)
    licence = "ODC-By 1.0"
    citation = "Moody & Mark 2001, MIT-BIH Arrhythmia Database 1.0.0, PhysioNet"
    public = True

    class Settings(Cutting):
        """How beats are cut from the recordings.

        leads: lead names; a record that lacks one is left out and named.
        classes: AAMI classes to keep. fs: sampling rate of the beats, Hz.
        noise: kinds out of low, high and white that are added to every beat when it is loaded
        (see `ecgsynth.signals.noise`); to train with, not to judge by. noise_seed: of this noise.
        The rest is that of every cutting: see `ecgsynth.datasets.beats.Cutting`.
        """

        leads: tuple[str, ...] = ("MLII",)
        classes: tuple[str, ...] = AAMI_CLASSES
        fs: Rate = FS
        noise: tuple[Kind, ...] = ()
        noise_seed: int = Field(0, ge=0)

        @field_validator("classes")
        @classmethod
        def _known(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
            unknown = [name for name in classes if name not in AAMI_CLASSES]
            if unknown or not classes:
                raise ValueError(f"takes AAMI classes out of {', '.join(AAMI_CLASSES)}")
            return classes

        @property
        def span(self) -> tuple[int, int]:
            """Samples before and after R at `fs`."""
            return self.span_at(self.fs)

        @property
        def spec(self) -> Spec:
            pre, post = self.span
            samples = self.samples or pre + post
            stretch = (samples - 1) / (pre + post - 1)
            return Spec(
                leads=self.leads,
                fs=self.fs * stretch,
                samples=samples,
                classes=self.classes,
                context=RR,
                band=(None, None) if self.noise else self.band,
                r_sample=round(pre * stretch),
            )

    @staticmethod
    def load(split: str, settings: Settings) -> Ecg:
        """Beats of a split; the parsed recordings are cached as memory-mapped arrays."""
        beats, facts = _beats(settings)
        for name, reason in facts["skipped"].items():
            if int(name) in RECORDS[split]:
                log.warning("record %s is left out: %s", name, reason)
        rows = np.isin(beats["record"], RECORDS[split])
        if split == "train":
            rows &= beats["end"] <= HELDOUT_FROM
        elif split == "heldout":
            rows &= beats["start"] >= HELDOUT_FROM
        part = np.flatnonzero(rows)
        wanted = [AAMI_CLASSES.index(name) for name in settings.classes]
        kept = np.isin(beats["label"][part], wanted)
        chosen = part[kept]
        if not len(chosen):
            raise EcgsynthError(
                f"no beats of class {', '.join(settings.classes)} in mitbih:{split}; "
                f"{len(facts['skipped'])} records were left out. See `ecgsynth data check mitbih`."
            )
        if len(chosen) == chosen[-1] - chosen[0] + 1:  # contiguous rows stay on the disk map
            chosen = slice(chosen[0], chosen[-1] + 1)  # type: ignore[assignment]
        column = {AAMI_CLASSES.index(name): k for k, name in enumerate(settings.classes)}
        record = np.asarray(beats["record"][chosen])
        rr = np.asarray(beats["rr"][part])
        if split in PARTS:
            rr = with_partial_mean(rr, np.asarray(beats["record"][part]))
        ids = np.array([column.get(k, -1) for k in range(len(AAMI_CLASSES))])
        ecg = Ecg(
            signal=beats["signal"][chosen],
            spec=settings.spec,
            label=one_hot(ids[beats["label"][chosen]], len(settings.classes)),
            context=rr[kept],
            patient=person_of(record),
            record=record.astype(np.str_),
            onset_s=np.asarray(beats["onset_s"][chosen]),
            source=f"mitbih:{split}",
        )
        return add_noise(ecg, settings.noise, settings.noise_seed)

    @staticmethod
    def check(settings: Settings) -> Inventory:
        """Reads every record: what is there, what is damaged, beats per split, patient, class."""
        folder, kaggle = files.find_database()
        inventory = Inventory()
        annotated: Counter[tuple[str, str]] = Counter()
        for record in sorted({*DS1, *DS2}):
            if not (folder / (f"{record}.csv" if kaggle else f"{record}.hea")).is_file():
                inventory.missing.append(str(record))
                continue
            inventory.records += 1
            try:
                beats = files.read_record(folder, kaggle, record, settings.leads)
            except EcgsynthError as problem:
                inventory.add_unused(str(record), problem)
                continue
            names = [AAMI_OF_SYMBOL[s] for s in beats.annotations.symbol if s in AAMI_OF_SYMBOL]
            for part in ("ds1", "ds2"):
                if record in RECORDS[part]:
                    annotated.update((part, name) for name in names)
        for part in ("ds1", "ds2"):
            per_class = " ".join(f"{name} {annotated[part, name]}" for name in AAMI_CLASSES)
            inventory.notes.append(
                f"{part.upper()} as annotated, before edge beats drop: {per_class}"
            )
        for split in ("train", "heldout", "validation", "test"):
            try:
                ecg = MitBih.load(split, settings.model_copy(update={"classes": AAMI_CLASSES}))
            except EcgsynthError as problem:  # an empty split is a finding, not the end
                if str(problem) not in inventory.notes:
                    inventory.notes.append(str(problem))
                continue
            assert ecg.patient is not None
            for (patient, name), total in Counter(
                zip(ecg.patient.tolist(), ecg.labels_str.tolist(), strict=True)
            ).items():
                inventory.counts[split, patient, name] = total
        return inventory

    @staticmethod
    def people() -> dict[str, Person]:
        """Patient -> (age, sex); the Kaggle layout has no headers, and so no ages."""
        folder, _ = files.find_database()
        records = sorted({*DS1, *DS2} - {*SAME_PERSON})
        return people_of_headers(folder, {str(record): str(record) for record in records})

    @staticmethod
    def settings_like(spec: Spec) -> dict[str, Any]:
        """Settings under which these recordings give beats of this spec."""
        kept = tuple(name for name in spec.classes if name in AAMI_CLASSES)
        return settings_like(spec) | {"classes": kept or AAMI_CLASSES}


def person_of(record: NDArray) -> NDArray[np.str_]:
    """The person behind each record's number."""
    person = record.copy()
    for second, first in SAME_PERSON.items():
        person[person == second] = first
    return person.astype(np.str_)


def _beats(settings: MitBih.Settings) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Every beat of DS1 and DS2 under these settings, from the cache where it is there."""
    folder, kaggle = files.find_database()
    key = settings.model_dump(exclude={"classes", "noise", "noise_seed"}) | {
        "folder": str(folder.resolve()),
        "files": store.stamp(f for f in folder.iterdir() if f.name[:3].isdigit()),
    }
    return store.cached_arrays("mitbih", key, partial(_parse, folder, kaggle, settings))


def _parse(
    folder: Path, kaggle: bool, settings: MitBih.Settings
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    records = sorted(DS1) + sorted(DS2)  # DS1 and DS2 contiguous: a whole set is a disk map
    with ThreadPoolExecutor(2) as pool:
        work = pool.map(partial(_parse_record, folder, kaggle, settings), records)
        parsed = list(recordings(work, len(records)))
    columns = [beats for beats in parsed if isinstance(beats, dict)]
    skipped = {
        str(record): problem
        for record, problem in zip(records, parsed, strict=True)
        if isinstance(problem, str)
    }
    if not columns:
        raise EcgsynthError(
            f"none of the {len(records)} records in {folder} can be read; the first error: "
            f"{next(iter(skipped.values()))}"
        )
    return {n: np.concatenate([c[n] for c in columns]) for n in columns[0]}, {"skipped": skipped}


def _parse_record(
    folder: Path, kaggle: bool, settings: MitBih.Settings, record: int
) -> dict[str, NDArray] | str:
    """The beats of one record as columns, or the reason why it cannot be read."""
    try:
        recording = files.read_record(folder, kaggle, record, settings.leads)
        beats = cut_beats(recording, _LABEL_OF, settings.fs, settings, record)
    except EcgsynthError as problem:
        return str(problem)
    return beats | {"record": np.full(len(beats["label"]), record, np.int16)}
