"""Strips of MIT-BIH, SVDB, QTDB and PTB-XL: two leads, every beat annotated."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ecgsynth.datasets import Inventory, ptbxl, store
from ecgsynth.datasets import Settings as BaseSettings
from ecgsynth.datasets.beat_records import has_no_gain
from ecgsynth.datasets.choices import Distinct, Places
from ecgsynth.datasets.fetching.checksums import first_names
from ecgsynth.datasets.joined_beats import DATABASES, records_of
from ecgsynth.datasets.leads import MAIN, SECOND
from ecgsynth.datasets.ptbxl.files import SECONDS
from ecgsynth.datasets.strips.counts import (
    AFIB,
    label_owners,
    people_of_kinds,
    people_of_rhythms,
)
from ecgsynth.datasets.strips.cutting import Cut, cut_strips
from ecgsynth.errors import EcgsynthError
from ecgsynth.progress import recordings
from ecgsynth.registry import DATASETS
from ecgsynth.settings import Rate
from ecgsynth.signals.anonymity import PEOPLE
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec

log = logging.getLogger("ecgsynth")

SPLITS = ("train", "heldout", "heldout-people", "validation", "test")

LEADS_OF_PTBXL = {MAIN: "II", SECOND: "V1"}
SPLIT_OF_PTBXL = {"train": "train", "validation": "validation", "test": "test"}


@DATASETS.register("strips")
class Strips:
    """Strips of 10 s of MIT-BIH, SVDB and QTDB in two leads, with every beat, and AF of PTB-XL.

    Splits, between people: `train` (95 people of three databases; the first 90 % of each recording,
    and folds 1-8 of PTB-XL), `heldout` (the last 10 %), `heldout-people`, `validation` (fold 9) and
    `test` (DS2 without 202, SVDB's other half, fold 10), as in `beats`.
    No person of DS2 is trained on.

    PTB-XL gives its records in atrial fibrillation, which two people of DS1 alone have, and as many
    in sinus rhythm; its beats are not annotated. Labels are what differs: `AFIB`, `database:svdb`,
    `ECG1:MLII`, `ECG2:V1`, `gain:unset`, where five training people or more have it, and five have
    it not. Marks are the reference beats.

    Strips with missing samples, a flat lead or beats that are not annotated are left out.

    References: those of `mitbih`, `svdb`, `qtdb` and `ptbxl`.
    """

    splits = SPLITS
    licence = "ODC-By 1.0; CC BY 4.0 (ptbxl)"
    citation = "; ".join(
        DATASETS.get(name).citation for name in ("mitbih", "svdb", "qtdb", "ptbxl")
    )
    public = True

    class Settings(BaseSettings):
        """How strips are cut from the recordings.

        leads: ECG1, the main lead of each record (MLII or II where there is one), ECG2, the next,
        or both. databases: out of mitbih, svdb, qtdb and ptbxl. fs: Hz. band: edges in Hz,
        None = open. seconds: of a strip. step_s: from strip to strip of a recording.
        """

        leads: Places = (MAIN, SECOND)
        databases: Annotated[tuple[Literal["mitbih", "svdb", "qtdb", "ptbxl"], ...], Distinct] = (
            "mitbih", "svdb", "qtdb", "ptbxl",
        )  # fmt: skip
        fs: Rate = 100.0
        band: tuple[float | None, float | None] = (0.5, 40.0)
        seconds: float = Field(10.0, ge=2, le=SECONDS)
        step_s: float = Field(10.0, ge=1)

    @staticmethod
    def load(split: str, settings: Settings) -> Ecg:
        """Strips of a split in mV; what was parsed is cached as memory-mapped arrays.

        Raises
        ------
        EcgsynthError: the recordings of a database are not there, or no strip is left.
        """
        arrays, facts = _strips(split, settings)
        _warn(split, facts)
        spec = replace(_spec(settings), classes=_classes(settings))
        records = facts["records"]
        stated = np.array(
            [[name in one["labels"] for name in spec.classes] for one in records], np.float32
        ).reshape(len(records), len(spec.classes))
        place = np.asarray(arrays["record"])
        label = stated[place]
        if AFIB in spec.classes:
            label[:, spec.classes.index(AFIB)] = arrays["fibrillates"]
        item = np.asarray(arrays["item"])
        return Ecg(
            signal=arrays["signal"],
            spec=spec,
            label=label,
            patient=np.array([one["person"] for one in records])[place],
            record=np.array([one["name"] for one in records])[place],
            onset_s=np.asarray(arrays["start_s"]),
            marks=Marks(item, np.full(len(item), -1), arrays["sample"], arrays["symbol"]),
            source=f"strips:{split}",
        )

    @staticmethod
    def check(settings: Settings) -> Inventory:
        """Reads every record: what is there, what is left out, strips per split and person."""
        inventory = Inventory()
        for split in SPLITS:
            try:
                ecg = Strips.load(split, settings)
            except EcgsynthError as problem:
                inventory.notes.append(str(problem))
                continue
            _, facts = _strips(split, settings)
            if split != "heldout":  # records of `train` again
                inventory.records += len(facts["records"])
            inventory.left_out |= facts["unread"]
            inventory.missing += facts["missing"]
            inventory.notes.append(f"{split}: {len(ecg):,} strips of {_people(ecg)} people")
            inventory.count(split, ecg)
        return inventory

    @staticmethod
    def facts(settings: Settings) -> dict[str, Any]:
        """How many people show each label, kind of beat and annotated rhythm."""
        arrays, facts = _strips("train", settings)
        owners, everybody = label_owners(arrays, facts)
        return {
            "people": len(everybody),
            "people_of": {name: len(who) for name, who in owners.items() if len(who) >= PEOPLE},
            "people_of_kind": people_of_kinds(arrays, facts),
            "people_of_rhythm": people_of_rhythms(facts),
        }

    @staticmethod
    def settings_like(spec: Spec) -> dict[str, Any]:
        """Settings under which these recordings give strips of this spec, by the place of leads."""
        return {
            "leads": (MAIN, SECOND)[: len(spec.leads)],
            "fs": spec.fs,
            "band": spec.band,
            "seconds": spec.seconds,
        }


def _spec(settings: Strips.Settings) -> Spec:
    return Spec(
        leads=settings.leads, fs=settings.fs, samples=round(settings.seconds * settings.fs),
        multilabel=True, band=settings.band,
    )  # fmt: skip


def _strips(split: str, settings: Strips.Settings) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """The strips of a split, from the cache where they are there.

    Returns
    -------
    signal [strip, lead, sample], record [strip], place in the facts' `records`, start_s,
    fibrillates; item, sample and symbol [beat]. Facts: `records`, name, person and labels of each;
    `left_out`, reason -> strips; `unread`, record -> why nothing of it is used; `missing`.
    """
    own = tuple(name for name in settings.databases if name in DATABASES)
    wanted: dict[str, tuple[str, ...]] = {name: records_of(name, split, own) for name in own}
    folders = {name: DATABASES[name].find() for name in own}
    files = {
        name: store.stamp(f for f in folder.iterdir() if f.name.partition(".")[0] in wanted[name])
        for name, folder in folders.items()
    }
    if "ptbxl" in settings.databases:
        files["ptbxl"] = store.stamp([ptbxl.files.find_database() / ptbxl.files.TABLE])
    key = settings.model_dump() | {
        "split": split, "files": files, "folders": {k: str(v) for k, v in folders.items()},
    }  # fmt: skip
    return store.cached_arrays("strips", key, lambda: _parse(split, settings, wanted))


@dataclass(frozen=True)
class _Record:
    """name, person, labels: of a record; cut: its strips."""

    name: str
    person: str
    labels: list[str]
    cut: Cut


def _parse(
    split: str, settings: Strips.Settings, wanted: dict[str, tuple[str, ...]]
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Read and cut every recording; what `_strips` gives."""
    every = [(name, record) for name, records in wanted.items() for record in records]
    parts, left_out, unread, missing = [], Counter[str](), dict[str, str](), list[str]()
    for name, record in recordings(every, len(every)):
        paths = [DATABASES[name].find() / f"{record}{end}" for end in (".hea", ".csv")]
        if not any(path.is_file() for path in paths):
            missing.append(f"{name} {record}")
            continue
        try:
            one = _read(name, record, split, settings)
        except EcgsynthError as problem:
            unread[f"{name} {record}"] = str(problem)
            continue
        left_out.update(one.cut.left_out)
        if len(one.cut.signal):
            parts.append(one)
        else:
            why = ", ".join(f"{reason} in {n}" for reason, n in one.cut.left_out.items())
            unread[f"{name} {record}"] = f"no strip of it is usable: {why or 'it is too short'}"
    if "ptbxl" in settings.databases and split in SPLIT_OF_PTBXL:
        parts += _of_ptbxl(SPLIT_OF_PTBXL[split], settings)
    if not parts:
        raise EcgsynthError(
            f"no strip is left of strips:{split} of {', '.join(settings.databases)}; "
            f"{len(missing)} records are not on this machine, and {len(unread)} were left out: see "
            "`ecgsynth data check strips`."
        )
    cuts = [one.cut for one in parts]
    sizes = [len(cut.signal) for cut in cuts]
    first = np.cumsum([0, *sizes[:-1]])
    arrays = {
        name: np.concatenate([getattr(cut, name) for cut in cuts])
        for name in ("signal", "start_s", "fibrillates", "sample", "symbol")
    }
    arrays["item"] = np.concatenate([cut.item + at for cut, at in zip(cuts, first, strict=True)])
    arrays["record"] = np.repeat(np.arange(len(cuts)), sizes)
    facts = {
        "records": [
            {"name": o.name, "person": o.person, "labels": o.labels, "rhythms": o.cut.rhythms}
            for o in parts
        ],
        "left_out": dict(left_out), "unread": unread, "missing": missing,
    }  # fmt: skip
    return arrays, facts


def _read(name: str, record: str, split: str, settings: Strips.Settings) -> _Record:
    """One record of an annotated database."""
    database = DATABASES[name]
    recording, own = database.read(database.find(), record, settings.leads)
    cut = cut_strips(
        recording, settings.fs, settings.band, settings.seconds, settings.step_s, split
    )
    labels = [f"database:{name}", *(f"{k}:{v}" for k, v in zip(settings.leads, own, strict=True))]
    labels += ["gain:unset"] * has_no_gain(recording)
    return _Record(record, database.person_of(record), labels, cut)


def _of_ptbxl(split: str, settings: Strips.Settings) -> list[_Record]:
    """Records of PTB-XL in atrial fibrillation, and as many in sinus rhythm."""
    leads = tuple(LEADS_OF_PTBXL[lead] for lead in settings.leads)
    made = ptbxl.PtbXl.Settings(
        classes=(AFIB, "SR"), labelled_only=True, leads=leads, fs=settings.fs, band=settings.band
    )
    ecg = ptbxl.PtbXl.load(split, made)
    afib, sinus = (np.asarray(ecg.label)[:, k] > 0 for k in (0, 1))
    rows = np.flatnonzero(afib)
    rows = np.r_[rows, np.flatnonzero(sinus & ~afib)[: len(rows)]]
    samples, labels = round(settings.seconds * settings.fs), ["database:ptbxl"]
    labels += [f"{own}:{lead}" for own, lead in zip(settings.leads, leads, strict=True)]
    nothing = np.zeros(0, np.int64)
    assert ecg.patient is not None and ecg.record is not None
    return [
        _Record(
            str(ecg.record[k]), f"ptbxl-{ecg.patient[k]}", labels,
            Cut(
                ecg.signal[k : k + 1, :, :samples], np.zeros(1), afib[k : k + 1], nothing, nothing,
                nothing.astype("<U1"), [], {},
            ),
        )
        for k in rows.tolist()
    ]  # fmt: skip


def _classes(settings: Strips.Settings) -> tuple[str, ...]:
    """The labels that at least PEOPLE training people have, and as many have not."""
    owners, everybody = label_owners(*_strips("train", settings))
    order = {kind: k for k, kind in enumerate((AFIB, "database", MAIN, SECOND, "gain"))}
    return tuple(sorted(
        (name for name, who in owners.items() if PEOPLE <= len(who) <= len(everybody) - PEOPLE),
        key=lambda name: (order[name.partition(":")[0]], -len(owners[name]), name),
    ))  # fmt: skip


def _people(ecg: Ecg) -> int:
    return len(np.unique(ecg.patient)) if ecg.patient is not None else 0


def _warn(split: str, facts: dict[str, Any]) -> None:
    """Name what is not used."""
    if facts["missing"]:
        log.warning(
            "strips:%s is without %d records, which are not on this machine: %s",
            split, len(facts["missing"]), first_names(facts["missing"]),
        )  # fmt: skip
    for record, why in facts["unread"].items():
        log.warning("record %s is left out: %s", record, why)
    if facts["left_out"]:
        reasons = ", ".join(f"{count:,} for {name}" for name, count in facts["left_out"].items())
        log.warning("strips:%s is without strips of its records: %s", split, reasons)
