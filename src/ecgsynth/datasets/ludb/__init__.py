"""Lobachevsky University Database: 200 people, 12 leads, 10 s, every wave marked by hand."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from ecgsynth.datasets import Inventory
from ecgsynth.datasets import Settings as BaseSettings
from ecgsynth.datasets.demographics import Person, people_of_headers
from ecgsynth.datasets.ludb import files
from ecgsynth.datasets.ludb.files import FS, RECORDS, SAMPLES
from ecgsynth.datasets.ludb.windows import windows
from ecgsynth.errors import EcgsynthError
from ecgsynth.registry import DATASETS
from ecgsynth.settings import Rate
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.filters import resample
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import FIDUCIALS, LEADS_12

log = logging.getLogger("ecgsynth")

SPLITS: dict[str, tuple[int, ...]] = {
    "train": tuple(r for r in RECORDS if r % 5 not in (0, 4)),
    "validation": tuple(r for r in RECORDS if r % 5 == 4),
    "test": tuple(r for r in RECORDS if r % 5 == 0),
    "all": tuple(RECORDS),
}
"""By the record's number modulo 5: every record is of another person, in no order of disease."""


@DATASETS.register("ludb")
class Ludb:
    """Lobachevsky University Database: 200 people, 12 leads, 10 s, every wave marked by hand.

    Splits, between people: `train` (120: the record's number modulo 5 is 1, 2 or 3), `validation`
    (40: it is 4), `test` (40: it is 0) and `all`.
    Marks are symbols of `vocabulary.FIDUCIALS`, lead by lead. The annotators left the first and
    the last beats of a record unmarked: within `marked_range` a wave without a mark is absent.
    Items are whole records, or with the setting `window` windows around marked R peaks.

    Reference: Kalyakulina et al., IEEE Access 8:186181 (2020).
    """

    splits = tuple(SPLITS)
    licence = "ODC-By 1.0"
    citation = "Kalyakulina et al. 2020, Lobachevsky University Database 1.0.1, PhysioNet"
    public = True

    class Settings(BaseSettings):
        """How the records are given.

        leads: names, in order; all twelve, or II where `window` is set. fs: sampling rate, Hz.
        window: give windows of so many samples. step: samples between their beginnings.
        peak_between: first and last sample of a window where its R peak may be, as marked in the
        first lead. All three are counted at 500 Hz.
        quality: drop windows that are noisy, drift or are flat, by the rule of
        `ecgsynth.datasets.ludb.windows`.
        """

        leads: tuple[str, ...] = LEADS_12
        fs: Rate = FS
        window: int | None = Field(None, ge=8, le=SAMPLES)
        step: int = Field(100, ge=1)
        peak_between: tuple[int, int] = (125, 250)
        quality: bool = True

        @model_validator(mode="before")
        @classmethod
        def _one_lead(cls, value: Any) -> Any:
            if isinstance(value, dict) and value.get("window") and "leads" not in value:
                return value | {"leads": ("II",)}
            return value

        @field_validator("leads")
        @classmethod
        def _known(cls, leads: tuple[str, ...]) -> tuple[str, ...]:
            if not leads or any(lead not in LEADS_12 for lead in leads):
                raise ValueError(f"takes leads out of {', '.join(LEADS_12)}")
            return leads

        @model_validator(mode="after")
        def _peak_inside(self) -> Ludb.Settings:
            first, last = self.peak_between
            if self.window and not 0 <= first <= last < self.window:
                raise ValueError(f"peak_between must be two samples of a window of {self.window}")
            return self

        @property
        def spec(self) -> Spec:
            """What the records or windows under these settings are."""
            samples = round((self.window or SAMPLES) * self.fs / FS)
            return Spec(leads=self.leads, fs=self.fs, samples=samples)

    @staticmethod
    def load(split: str, settings: Settings) -> Ecg:
        """Records or windows of a split in mV; parsed records are cached, memory-mapped."""
        ecg = Ludb._records(split, settings)
        if not settings.window:
            return ecg
        ecg, summary = _windows(ecg, settings)
        log.warning("%s: %s", ecg.source, summary)
        if not len(ecg):
            raise EcgsynthError(
                f"no window of {ecg.source} is left ({summary}); widen peak_between or set "
                "quality=false."
            )
        return ecg

    @staticmethod
    def _records(split: str, settings: Settings) -> Ecg:
        arrays, facts = files.arrays()
        skipped = [name for name in facts["skipped"] if int(name) in SPLITS[split]]
        if skipped:
            log.warning(
                "%d of %d records of ludb:%s are left out; record %s: %s",
                len(skipped), len(SPLITS[split]), split, skipped[0], facts["skipped"][skipped[0]],
            )  # fmt: skip
        rows = np.flatnonzero(np.isin(arrays["record"], SPLITS[split]))
        if not len(rows):
            raise EcgsynthError(
                f"no record of ludb:{split} can be read; {len(skipped)} were left out. "
                "See `ecgsynth data check ludb`."
            )
        leads = np.array([LEADS_12.index(lead) for lead in settings.leads])
        signal = resample(np.asarray(arrays["signal"])[np.ix_(rows, leads)], FS, settings.fs)
        record = arrays["record"][rows].astype(np.str_)
        spec = settings.model_copy(update={"window": None}).spec
        return Ecg(
            signal=signal[..., : spec.samples],
            spec=spec,
            patient=np.char.add("ludb-", record),
            record=record,
            marks=_select_marks(arrays, rows, leads, settings.fs),
            source=f"ludb:{split}",
        )

    @staticmethod
    def check(settings: Settings) -> Inventory:
        """Reads every record: what is there, what is damaged, marked waves per split."""
        folder = files.find_database()
        inventory = Inventory()
        for record in RECORDS:
            if not (folder / f"{record}.hea").is_file():
                inventory.missing.append(str(record))
                continue
            inventory.records += 1
            try:
                files.read(folder, record)
            except EcgsynthError as problem:
                inventory.add_unused(str(record), problem)
        splits = ("train", "validation", "test")
        for split, ecg in inventory.loaded(lambda split: Ludb._records(split, settings), splits):
            assert ecg.marks is not None
            peaks = {n: int((ecg.marks.symbol == n).sum()) for n in ("p_peak", "r_peak", "t_peak")}
            inventory.notes.append(
                f"{split}: {len(ecg)} people; marked in {len(settings.leads)} leads: "
                f"P {peaks['p_peak']:,}, QRS {peaks['r_peak']:,}, T {peaks['t_peak']:,}"
            )
            if settings.window:
                inventory.notes.append(f"{split}: {_windows(ecg, settings)[1]}")
        return inventory

    @staticmethod
    def people() -> dict[str, Person]:
        """Patient -> (age, sex)."""
        folder = files.find_database()
        return people_of_headers(folder, {str(record): f"ludb-{record}" for record in RECORDS})

    @staticmethod
    def settings_like(spec: Spec) -> dict[str, Any]:
        """Settings under which the records have these leads (MLII is II here) and this rate.

        Items that are shorter than a record are windows, with R at its default place."""
        named = ["II" if lead == "MLII" else lead for lead in spec.leads]
        known = tuple(dict.fromkeys(lead for lead in named if lead in LEADS_12))
        window = round(spec.seconds * FS)
        cut = {"window": window} if window < SAMPLES else {}
        return {"leads": known or LEADS_12, "fs": spec.fs} | cut


def _windows(ecg: Ecg, settings: Ludb.Settings) -> tuple[Ecg, str]:
    """The windows of these records, and how many were dropped and why."""
    assert settings.window is not None
    scale = settings.fs / FS
    first, last = settings.peak_between
    cut, dropped = windows(
        ecg,
        round(settings.window * scale),
        max(1, round(settings.step * scale)),
        (round(first * scale), round(last * scale)),
        settings.quality,
    )
    reasons = ", ".join(f"{count:,} {name}" for name, count in dropped.items() if count)
    return cut, f"{len(cut):,} windows; dropped: {reasons or 'none'}"


def marked_range(ecg: Ecg) -> NDArray[np.int64]:
    """[item, lead, 2]: first and last marked sample; both -1 where a lead has no mark.

    A wave that is found outside of it is neither right nor wrong: it was not annotated.
    """
    first = np.full((len(ecg), len(ecg.spec.leads)), np.iinfo(np.int64).max)
    last = np.full(first.shape, -1)
    if ecg.marks is not None:
        where = (ecg.marks.item, ecg.marks.lead)
        np.minimum.at(first, where, ecg.marks.sample)
        np.maximum.at(last, where, ecg.marks.sample)
    return np.stack([np.where(last < 0, -1, first), last], -1)


def _select_marks(
    arrays: dict[str, NDArray], rows: NDArray[np.int64], leads: NDArray[np.int64], fs: float
) -> Marks:
    """The marks of these records and leads, numbered as in the `Ecg` that is given out."""
    item_of = np.full(len(arrays["record"]), -1)
    item_of[rows] = np.arange(len(rows))
    lead_of = np.full(len(LEADS_12), -1)
    lead_of[leads] = np.arange(len(leads))
    item, lead = item_of[arrays["item"]], lead_of[arrays["lead"]]
    sample = np.round(np.asarray(arrays["sample"]) * fs / FS).astype(np.int64)
    kept = np.flatnonzero((item >= 0) & (lead >= 0))
    kept = kept[np.lexsort((sample[kept], item[kept]))]
    symbol = np.array(FIDUCIALS)[arrays["symbol"][kept]]
    return Marks(item[kept], lead[kept].astype(np.int16), sample[kept], symbol)
