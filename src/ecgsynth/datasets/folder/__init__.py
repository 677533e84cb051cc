"""Your own recordings: a WFDB folder, or an NPZ, CSV or Parquet file."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from ecgsynth.arguments import check_path
from ecgsynth.datasets import Inventory
from ecgsynth.datasets.beats import Cutting, settings_like
from ecgsynth.datasets.folder import splits as people
from ecgsynth.datasets.folder.checks import FolderContents, people_of_items
from ecgsynth.datasets.folder.label_file import mapping_of
from ecgsynth.datasets.folder.records import read_records
from ecgsynth.datasets.folder.rows import read_rows
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import expand_home
from ecgsynth.formats import record_files
from ecgsynth.formats.contract import every, kind_at
from ecgsynth.formats.foreign.text import as_words
from ecgsynth.registry import DATASETS
from ecgsynth.settings import Rate
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.units import standard_unit

log = logging.getLogger("ecgsynth")


def _as_name(value: Any) -> Any:
    """A name that YAML took for a number is the name all the same."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return as_words([value])[0] if number else value


Word = Annotated[str, BeforeValidator(_as_name)]
Unit = Annotated[
    Literal["mV", "uV", "V", "normalised"],
    BeforeValidator(lambda value: standard_unit(value) if isinstance(value, str) else value),
]


@DATASETS.register("folder")
class Folder:
    """Your own recordings: a WFDB folder, or an NPZ, CSV or Parquet file.

    Annotated WFDB records give beats, others one item each; every row of a table is an item.
    Splits are by person: `train`, `heldout` (the last tenth of every training person's
    recording or rows), `validation` and `test` (drawn by name and `seed`), and `all`.
    """

    splits = (*people.SPLITS, "all")
    licence = "the owner's"
    citation = "recordings of the user"
    public = False

    class Settings(Cutting):
        """Where the recordings are and what is what in them.

        path: folder, record (.hea), table, or file or folder of another registered format. kind:
        of the files; auto = by the ending. fs: rate of the items, Hz; by default that of the
        recordings, and of a table that states none its own. leads: by default those that most
        records have.
        rename: name of a lead in the files -> the lead that it is, as in {ECG1: MLII}; usual other
        names of the standard leads (AVR, Lead II, MDC_ECG_LEAD_II) are known.
        classes: which to keep, in this order; by
        default all that occur. label_map: annotation symbol or label -> class, or a CSV of the
        two, or a YAML or JSON file of them; what is not in it
        is dropped (default for WFDB: AAMI; RR is taken between all beats). annotations: ending of
        the WFDB annotations.
        patients: record -> person, where one gave several records. label, patient: their columns
        or keys in a table. signal: NPZ key, or beginning of the signal's columns, with {lead} for
        the lead's name. unit: of a table's numbers (default mV). heldout, validation, test:
        shares. seed: draws people anew.

        Filters (`baseline`, `band`) touch a table's rows only where they are set: the rows of
        most tables are too short for them. A `window` set for a table gives the place of R.
        `samples` stretches beats and rows; records without annotations are cut to it.
        """

        path: Path
        kind: Literal["auto", "wfdb", "npz", "csv", "parquet"] = "auto"
        fs: Rate | None = None
        leads: tuple[Word, ...] | None = None
        rename: dict[Word, Word] = Field(default_factory=dict)
        classes: tuple[Word, ...] | None = None
        label_map: Annotated[dict[Word, Word] | None, BeforeValidator(mapping_of)] = None
        annotations: str = "atr"
        patients: dict[Word, Word] = Field(default_factory=dict)
        label: Word | None = None
        patient: Word | None = None
        signal: Word | None = None
        unit: Unit | None = None
        heldout: float = Field(0.1, ge=0, lt=1)
        validation: float = Field(0.15, ge=0, lt=1)
        test: float = Field(0.15, ge=0, lt=1)
        seed: int = 0

        @model_validator(mode="after")
        def _some_train(self) -> Folder.Settings:
            if self.validation + self.test >= 1:
                raise ValueError("validation and test together must leave people for train")
            return self

    @staticmethod
    def load(split: str, settings: Settings) -> Ecg:
        """The items of a split; parsed WFDB records are cached as memory-mapped arrays.

        Raises
        ------
        EcgsynthError: nothing there, no usable item, a setting that the data need is missing or
            names what they have not, uV taken for mV, or a split without people.
        """
        found = _find(settings)
        for name, reason in (found.damaged | found.left_out).items():
            log.warning("record %s is left out: %s", name, reason)
        if found.missing:
            count, first = len(found.missing), found.missing[0]
            log.warning("%d records of the file RECORDS are not there, such as %s.", count, first)
        for note in found.notes:
            log.warning("%s", note)
        ecg = found.ecg
        if split != "all":
            ecg = ecg[np.flatnonzero(found.split == split)]
            if not len(ecg):
                total = len(np.unique(people_of_items(found.ecg)))
                raise EcgsynthError(
                    f"none of the {total} people (or no item) fell into folder:{split}; raise its "
                    "share, try another seed, or use the split 'all'."
                )
        empty = [name for name, count in ecg.counts().items() if not count]
        if empty:
            log.warning("folder:%s has no item of class %s.", split, ", ".join(empty))
        source = f"folder:{split}"
        return replace(ecg, source=found.ecg.source if found.ecg.synthetic else source)

    @staticmethod
    def check(settings: Settings) -> Inventory:
        """Reads everything: what is there, what is damaged, items per split, person, class."""
        found = _find(settings)
        inventory = Inventory(
            records=found.records,
            damaged=found.damaged,
            left_out=found.left_out,
            missing=found.missing,
            notes=found.notes,
        )
        rows = zip(
            found.split.tolist(),
            people_of_items(found.ecg).tolist(),
            found.ecg.labels_str.tolist(),
            strict=True,
        )
        inventory.counts = dict(Counter(row for row in rows if row[0] != people.GAP))
        return inventory

    @staticmethod
    def settings_like(spec: Spec) -> dict[str, Any]:
        """Settings (but for `path`) under which recordings give items of this spec."""
        return settings_like(spec) | {"classes": spec.classes or None}


def _find(settings: Folder.Settings) -> FolderContents:
    path = check_path(expand_home(settings.path), "data.path")
    if not path.exists() and not path.with_suffix(".hea").is_file():
        raise EcgsynthError(f"there is no file or folder {path}; check data.path.")
    kind: str = settings.kind
    if kind == "auto":
        kinds = {end: name for name, format in every().items() for end in format.endings}
        ending = "/" if path.is_dir() or not path.suffix else path.suffix.lower()
        files = record_files(path) if path.is_dir() or ending not in kinds else []
        if (known := kind_at(files[0] if files else path)) is not None:
            ending = known.endings[0]
        if ending not in kinds:
            raise EcgsynthError(
                f"'{path.suffix}' ({path.name}) is no ending of recordings; known are a folder, "
                f"{', '.join(sorted(kinds.keys() - {'/'}))}, or set data.kind."
            )
        kind = kinds[ending]
    return read_records(path, settings) if kind == "wfdb" else read_rows(path, kind, settings)
