"""Beats of several databases in one set; what differs between these is a context of each beat."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ecgsynth.datasets import Inventory, mitbih, people, qtdb, svdb
from ecgsynth.datasets.beat_records import BeatDatabase, BeatSettings, beats_like
from ecgsynth.datasets.choices import Distinct, Places
from ecgsynth.datasets.fetching.checksums import first_names
from ecgsynth.datasets.leads import MAIN, SECOND
from ecgsynth.errors import EcgsynthError, MissingRecordingsError
from ecgsynth.registry import DATASETS
from ecgsynth.signals.anonymity import PEOPLE
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.spec import Spec

log = logging.getLogger("ecgsynth")

SPLITS = ("train", "heldout", "heldout-people", "validation", "test")

DATABASES: dict[str, BeatDatabase] = {
    "mitbih": replace(mitbih.DATABASE, person_of=lambda record: people.person_of("mitbih", record)),
    "svdb": svdb.DATABASE,
    "qtdb": qtdb.DATABASE,
}

FS = {"mitbih": mitbih.files.FS, "svdb": svdb.FS, "qtdb": qtdb.files.FS}
"""Hz, of the recordings."""

Facts = dict[str, dict[str, str]]
"""Record -> what it is, by kind: its database, lead, and whether its gain is stated."""


@DATASETS.register("beats")
class Beats:
    """Beats of MIT-BIH, SVDB and QTDB in one set: 112 people, one rate, band, unit and lead rule.

    Splits, between people: `train` (95 people: 18 of MIT-BIH, 33 of SVDB, 44 of QTDB; the first
    90 % of each recording), `heldout` (their last 10 %), `heldout-people` (a tenth of the people of
    each database, 2, 4 and 5), `validation` (2 of each) and `test` (DS2 without 202, and the people
    of SVDB's other half where they are there). No person of DS2 is trained on; QTDB gives only
    people who are in neither other database.

    The lead is the main one of each record. What differs is a context of 0 or 1: `database:svdb`,
    `lead:CM5`, `gain:unset`, where five training people or more have it, and five have it not.
    Leads of fewer people have no context. ECG1 is a lead without a name.

    References: those of `mitbih`, `svdb` and `qtdb`.
    """

    splits = SPLITS
    licence = "ODC-By 1.0"
    citation = "; ".join(part.citation for part in (mitbih.MitBih, svdb.Svdb, qtdb.Qtdb))
    public = True

    class Settings(BeatSettings):
        """How beats are cut from the recordings, and of whom.

        databases: out of mitbih, svdb and qtdb. people: train with so many people, in equal shares
        of the databases; the first ones of a fixed order, so that fewer are a part of more.
        leads: ECG1, the main lead of each record, or ECG1 and ECG2.
        The rest is that of every cutting: see `ecgsynth.datasets.beat_records`.
        """

        leads: Places = (MAIN,)
        databases: Annotated[tuple[Literal["mitbih", "svdb", "qtdb"], ...], Distinct] = (
            "mitbih", "svdb", "qtdb",
        )  # fmt: skip
        people: int | None = Field(None, ge=1)

    @staticmethod
    def load(split: str, settings: Settings) -> Ecg:
        """Beats of a split, with RR, database, lead and gain as contexts.

        Raises
        ------
        EcgsynthError: the recordings of a database are not there, or no beat is left.
        """
        facts: dict[str, Facts] = {name: _facts(name, settings) for name in settings.databases}
        columns = _columns(settings, facts)
        parts = []
        for name in settings.databases:
            records = records_of(name, split, settings.databases, settings.people)
            there = [record for record in records if record in facts[name]]
            if absent := [record for record in records if record not in there]:
                log.warning(
                    "beats:%s is without %d of %d records of %s, which are not on this machine or "
                    "cannot be read: %s", split, len(absent), len(records), name,
                    first_names(absent),
                )  # fmt: skip
            if not there:
                continue
            database = replace(DATABASES[name], splits={split: tuple(there)})
            try:
                ecg = database.load(split, _settings_of(name, settings))
            except MissingRecordingsError:
                raise
            except EcgsynthError as problem:  # a class that this database lacks
                log.warning("%s", problem)
                continue
            parts.append(_with_contexts(ecg, facts[name], columns, settings, f"beats:{split}"))
        if not parts:
            raise EcgsynthError(
                f"no beats of class {', '.join(settings.classes)} in beats:{split} of "
                f"{', '.join(settings.databases)}; see `ecgsynth data check beats`."
            )
        return concatenate(parts)

    @staticmethod
    def check(settings: Settings) -> Inventory:
        """What is there of each database; beats per split, person and class."""
        inventory = Inventory()
        for name in settings.databases:
            part = DATABASES[name].check(_settings_of(name, settings))
            inventory.records += part.records
            inventory.missing += [f"{name} {record}" for record in part.missing]
            inventory.damaged |= {f"{name} {record}": why for record, why in part.damaged.items()}
            inventory.left_out |= {f"{name} {record}": why for record, why in part.left_out.items()}
            inventory.notes += [note for note in part.notes if "no beats of class" not in note]
        for split, ecg in inventory.loaded(lambda split: Beats.load(split, settings), SPLITS):
            inventory.count(split, ecg)
        return inventory

    @staticmethod
    def facts(settings: Settings) -> dict[str, Any]:
        """What differs between the databases, for the card of a model."""
        facts: dict[str, Facts] = {name: _facts(name, settings) for name in settings.databases}
        owners, everybody = _owners(settings, facts)
        kinds: dict[str, dict[str, int]] = {}
        for kind, value in _columns(settings, facts):
            kinds.setdefault(kind, {})[value] = len(owners[kind, value])
        return {
            "people": len(everybody),
            "people_of": kinds,
            "databases": {
                name: {
                    "fs": FS[name],
                    "licence": DATASETS.get(name).licence,
                    "citation": DATASETS.get(name).citation,
                }
                for name in settings.databases
            },
        }

    @staticmethod
    def settings_like(spec: Spec) -> dict[str, Any]:
        """Settings under which these recordings give beats of this spec, by the place of leads."""
        return beats_like(spec) | {"leads": (MAIN, SECOND)[: len(spec.leads)]}


def _settings_of(name: str, settings: Beats.Settings) -> BeatSettings:
    """Those of one database. MLII is the main lead of every record of MIT-BIH that is used; under
    this name its beats are in the cache of the data set `mitbih`."""
    own = {key: getattr(settings, key) for key in BeatSettings.model_fields}
    if name == "mitbih" and settings.leads == (MAIN,):
        own["leads"] = ("MLII",)
    return BeatSettings(**own | {"noise": (), "noise_seed": 0})


def records_of(
    name: str, split: str, databases: tuple[str, ...], count: int | None = None
) -> tuple[str, ...]:
    """The records of a database in a split; count: of the people of all databases to train with."""
    database = DATABASES[name]
    if split == "test":
        return database.splits.get("test", ())
    wanted = (
        people.nested(databases, count)
        if split in ("train", "heldout")
        else people.GIVEN[name][split]
    )
    never = {str(record) for record in people.DS2} if name == "mitbih" else set()
    given = people.QTDB_NEW if name == "qtdb" else database.records
    return tuple(r for r in given if r not in never and database.person_of(r) in set(wanted))


def _facts(name: str, settings: Beats.Settings) -> Facts:
    """What each readable record of a database is."""
    _, facts = DATABASES[name].beats(_settings_of(name, settings))
    guessed = set(facts["guessed"])
    return {
        record: {
            "database": name,
            "lead": "+".join(leads),
            "gain": "unset" if record in guessed else "stated",
        }
        for record, leads in facts["leads"].items()
    }


def _columns(settings: Beats.Settings, facts: dict[str, Facts]) -> list[tuple[str, str]]:
    """The kinds and values that are contexts: at least PEOPLE training people have each, and as
    many have it not."""
    owners, everybody = _owners(settings, facts)
    order = {kind: number for number, kind in enumerate(("database", "lead", "gain"))}
    return sorted(
        (key for key, who in owners.items() if PEOPLE <= len(who) <= len(everybody) - PEOPLE),
        key=lambda key: (order[key[0]], -len(owners[key]), key[1]),
    )


def _owners(
    settings: Beats.Settings, facts: dict[str, Facts]
) -> tuple[dict[tuple[str, str], set[str]], set[str]]:
    """The training people whose recordings have each kind and value, and all of them."""
    owners: dict[tuple[str, str], set[str]] = {}
    everybody: set[str] = set()
    for name, known in facts.items():
        records = records_of(name, "train", settings.databases, settings.people)
        for record in set(records) & set(known):
            person = DATABASES[name].person_of(record)
            everybody.add(person)
            for key in known[record].items():
                owners.setdefault(key, set()).add(person)
    return owners, everybody


def _with_contexts(
    ecg: Ecg, facts: Facts, columns: list[tuple[str, str]], settings: Beats.Settings, source: str
) -> Ecg:
    """The beats with a context of 0 or 1 for each of these kinds."""
    assert ecg.record is not None and ecg.context is not None
    names, place = np.unique(ecg.record, return_inverse=True)
    table = np.array(
        [[facts[record][kind] == value for kind, value in columns] for record in names.tolist()],
        np.float32,
    ).reshape(len(names), len(columns))
    context: NDArray[np.float32] = np.concatenate([ecg.context, table[place]], 1)
    spec = replace(
        ecg.spec,
        leads=settings.leads,
        context=(*ecg.spec.context, *(f"{kind}:{value}" for kind, value in columns)),
    )
    return replace(ecg, spec=spec, context=context, source=source)
