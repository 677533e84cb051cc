"""Beats of annotated databases: read once, cached, and given out by split, person and class."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from ecgsynth.datasets import Inventory, store
from ecgsynth.datasets.beats import Cutting, cut_beats, settings_like
from ecgsynth.datasets.fetching.checksums import first_names
from ecgsynth.datasets.leads import MAIN, SECOND, read_annotated
from ecgsynth.errors import EcgsynthError
from ecgsynth.progress import recordings
from ecgsynth.settings import Rate
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.noise import Kind, add_noise
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.rr import RR, with_partial_mean
from ecgsynth.signals.spec import Spec, band_below
from ecgsynth.signals.vocabulary import AAMI_CLASSES, AAMI_OF_SYMBOL

log = logging.getLogger("ecgsynth")

HELDOUT_FROM = 0.9
"""The last tenth of every training record is held out."""
PARTS = ("train", "heldout")
"""Splits that are a part of each recording; their beats have the mean RR of this part."""

LABEL_OF = {symbol: AAMI_CLASSES.index(name) for symbol, name in AAMI_OF_SYMBOL.items()}


class BeatSettings(Cutting):
    """How beats are cut from the recordings.

    leads: lead names; a record that lacks one is left out and named. ECG1 is the main lead of any
    record: MLII or II where there is one, else its first signal; ECG2 is the next.
    classes: AAMI classes to keep. fs: sampling rate of the beats, Hz.
    noise: kinds out of low, high and white that are added to every beat when it is loaded
    (see `ecgsynth.signals.noise`); to train with, not to judge by. noise_seed: of this noise.
    The rest is that of every cutting: see `ecgsynth.datasets.beats.Cutting`.
    """

    leads: tuple[str, ...] = (MAIN,)
    classes: tuple[str, ...] = AAMI_CLASSES
    fs: Rate = 360.0
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
        """What the beats under these settings are."""
        pre, post = self.span
        samples = self.samples or pre + post
        stretch = (samples - 1) / (pre + post - 1)
        return Spec(
            leads=self.leads,
            fs=self.fs * stretch,
            samples=samples,
            classes=self.classes,
            context=RR,
            band=(None, None) if self.noise else band_below(self.band, self.fs * stretch),
            r_sample=round(pre * stretch),
        )


def beats_like(spec: Spec) -> dict[str, Any]:
    """Settings under which annotated recordings give beats of this spec."""
    kept = tuple(name for name in spec.classes if name in AAMI_CLASSES)
    return settings_like(spec) | {"classes": kept or AAMI_CLASSES}


Read = Callable[[Path, str, tuple[str, ...]], tuple[Recording, tuple[str, ...]]]
"""Folder, record and wanted leads -> the recording, and the leads' own names."""


def _read_wfdb(
    folder: Path, record: str, leads: tuple[str, ...]
) -> tuple[Recording, tuple[str, ...]]:
    return read_annotated(folder / record, leads)


@dataclass(frozen=True)
class BeatDatabase:
    """A database of recordings whose beats are annotated.

    Attributes
    ----------
    name: of the data set. records: all that are used, in the order in which they are stored.
    splits: name -> records; those of `PARTS` hold the first nine tenths of each record, and the
    last one. person_of: record -> the person who gave it.
    find: the folder of the recordings. read: one of them. as_annotated: splits whose annotations
    are counted by `check`.
    """

    name: str
    records: tuple[str, ...]
    splits: Mapping[str, tuple[str, ...]]
    person_of: Callable[[str], str]
    find: Callable[[], Path]
    read: Read = _read_wfdb
    as_annotated: tuple[str, ...] = ("all",)

    def beats(self, settings: BeatSettings) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """Every beat under these settings, from the cache where it is there.

        Returns
        -------
        Columns as `beats.cut_beats` gives them, with `record`: [beat], place in `records`. Facts:
        `missing`, records that are not on this machine; `skipped`, record -> why it is left out;
        `leads`, record -> its leads' own names; `guessed`, records whose headers state no gain.
        """
        folder = self.find()
        own = set(self.records)
        key = settings.model_dump(exclude={"classes", "noise", "noise_seed"}) | {
            "folder": str(folder.resolve()),
            "records": self.records,
            "files": store.stamp(f for f in folder.iterdir() if _record_of(f) in own),
        }
        return store.cached_arrays(f"{self.name}-beats", key, lambda: self.parse(folder, settings))

    def parse(
        self, folder: Path, settings: BeatSettings
    ) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """Read and cut every recording; what `beats` gives."""
        there = _records_in(folder)
        own = [record for record in self.records if record in there]
        with ThreadPoolExecutor(2) as pool:
            work = pool.map(lambda record: self._parse_record(folder, record, settings), own)
            parsed = dict(zip(own, recordings(work, len(own)), strict=True))
        skipped = {record: one for record, one in parsed.items() if isinstance(one, str)}
        whole = {record: one for record, one in parsed.items() if not isinstance(one, str)}
        if not whole:
            raise EcgsynthError(
                f"none of the {len(own)} records in {folder} can be read; the first error: "
                f"{next(iter(skipped.values()), 'none is there')}"
            )
        columns = [beats for beats, _, _ in whole.values()]
        facts = {
            "missing": [record for record in self.records if record not in there],
            "skipped": skipped,
            "leads": {record: leads for record, (_, leads, _) in whole.items()},
            "guessed": [record for record, (_, _, guessed) in whole.items() if guessed],
        }
        return {n: np.concatenate([c[n] for c in columns]) for n in columns[0]}, facts

    def _parse_record(
        self, folder: Path, record: str, settings: BeatSettings
    ) -> tuple[dict[str, NDArray], tuple[str, ...], bool] | str:
        """Beats, leads and whether the gain is a guess, or the reason why it cannot be read."""
        try:
            recording, names = self.read(folder, record, settings.leads)
            beats = cut_beats(recording, LABEL_OF, settings.fs, settings, record)
        except EcgsynthError as problem:
            return str(problem)
        place = np.full(len(beats["label"]), self.records.index(record), np.int16)
        return beats | {"record": place}, names, has_no_gain(recording)

    def load(self, split: str, settings: BeatSettings) -> Ecg:
        """Beats of a split; the parsed recordings are cached as memory-mapped arrays.

        Raises
        ------
        EcgsynthError: no recording, or no beat of these classes is there.
        """
        beats, facts = self.beats(settings)
        wanted = self.splits[split]
        missing = [record for record in wanted if record in facts["missing"]]
        if missing:
            log.warning(
                "%d of %d records of %s:%s are not on this machine: %s",
                len(missing), len(wanted), self.name, split, first_names(missing),
            )  # fmt: skip
        for record in wanted:
            if record in facts["skipped"]:
                log.warning("record %s is left out: %s", record, facts["skipped"][record])
        rows = np.isin(beats["record"], [self.records.index(record) for record in wanted])
        if split == "train":
            rows &= beats["end"] <= HELDOUT_FROM
        elif split == "heldout":
            rows &= beats["start"] >= HELDOUT_FROM
        part = np.flatnonzero(rows)
        kept = np.isin(
            beats["label"][part], [AAMI_CLASSES.index(name) for name in settings.classes]
        )
        chosen = part[kept]
        if not len(chosen):
            raise EcgsynthError(
                f"no beats of class {', '.join(settings.classes)} in {self.name}:{split}; "
                f"{len(missing)} of its {len(wanted)} records are not on this machine, and "
                f"{sum(record in facts['skipped'] for record in wanted)} were left out. See "
                f"`ecgsynth data check {self.name}`."
            )
        if len(chosen) == chosen[-1] - chosen[0] + 1:  # contiguous rows stay on the disk map
            chosen = slice(chosen[0], chosen[-1] + 1)  # type: ignore[assignment]
        column = {AAMI_CLASSES.index(name): k for k, name in enumerate(settings.classes)}
        place = np.asarray(beats["record"][chosen])
        rr = np.asarray(beats["rr"][part])
        if split in PARTS:
            rr = with_partial_mean(rr, np.asarray(beats["record"][part]))
        ids = np.array([column.get(k, -1) for k in range(len(AAMI_CLASSES))])
        ecg = Ecg(
            signal=beats["signal"][chosen],
            spec=settings.spec,
            label=one_hot(ids[beats["label"][chosen]], len(settings.classes)),
            context=rr[kept],
            patient=np.array([self.person_of(record) for record in self.records])[place],
            record=np.array(self.records)[place],
            onset_s=np.asarray(beats["onset_s"][chosen]),
            source=f"{self.name}:{split}",
        )
        return add_noise(ecg, settings.noise, settings.noise_seed)

    def check(self, settings: BeatSettings) -> Inventory:
        """Reads every record: what is there, what is damaged, beats per split, person, class."""
        folder = self.find()
        inventory = Inventory()
        annotated: Counter[tuple[str, str]] = Counter()
        there = _records_in(folder)
        guessed = []
        for record in sorted(self.records):
            if record not in there:
                inventory.missing.append(record)
                continue
            inventory.records += 1
            try:
                recording, _ = self.read(folder, record, settings.leads)
            except EcgsynthError as problem:
                inventory.add_unused(record, problem)
                continue
            guessed += [record] * has_no_gain(recording)
            symbols = recording.annotations.symbol
            names = [AAMI_OF_SYMBOL[s] for s in symbols if s in AAMI_OF_SYMBOL]
            for part in self.as_annotated:
                if record in self.splits[part]:
                    annotated.update((part, name) for name in names)
        for part in self.as_annotated:
            per_class = " ".join(f"{name} {annotated[part, name]}" for name in AAMI_CLASSES)
            title = part.upper() if len(self.as_annotated) > 1 else self.name
            inventory.notes.append(f"{title} as annotated, before edge beats drop: {per_class}")
        if guessed:
            inventory.notes.append(
                f"no gain is stated for {len(guessed)} records, whose amplitudes, at 200 steps "
                f"per mV, are a guess: {', '.join(guessed)}"
            )
        every = settings.model_copy(update={"classes": AAMI_CLASSES})
        counted = [s for s in self.splits if s not in self.as_annotated and "literature" not in s]
        for split, ecg in inventory.loaded(lambda split: self.load(split, every), counted):
            inventory.count(split, ecg)
        return inventory


class AnnotatedBeats:
    """What the data sets share that are the beats of one database of PhysioNet.

    Attributes
    ----------
    database: what is read. splits: its splits.
    """

    database: BeatDatabase
    splits: tuple[str, ...]
    licence = "ODC-By 1.0"
    public = True
    Settings: type[BeatSettings] = BeatSettings

    def __init_subclass__(cls) -> None:
        cls.splits = tuple(cls.database.splits)

    @classmethod
    def load(cls, split: str, settings: BeatSettings) -> Ecg:
        """Beats of a split; the parsed recordings are cached as memory-mapped arrays."""
        return cls.database.load(split, settings)

    @classmethod
    def check(cls, settings: BeatSettings) -> Inventory:
        """Reads every record: what is there, what is damaged, beats per split, person, class."""
        return cls.database.check(settings)

    @staticmethod
    def settings_like(spec: Spec) -> dict[str, Any]:
        """Settings under which these recordings give beats of this spec, by the place of leads."""
        return beats_like(spec) | {"leads": (MAIN, SECOND)[: len(spec.leads)]}


def has_no_gain(recording: Recording) -> bool:
    """Whether a header states no gain, so that the amplitudes are a guess."""
    return any(text.startswith("no gain is stated") for text in recording.assumptions)


def _records_in(folder: Path) -> set[str]:
    """The records of which a folder has the header, or the table of the Kaggle layout."""
    return {file.stem for file in folder.iterdir() if file.suffix in (".hea", ".csv")}


def _record_of(file: Path) -> str:
    """The record that a file of a database belongs to."""
    return file.name.partition(".")[0].removesuffix("annotations")
