"""Real recordings in: every data set gives an `Ecg`, whatever its files look like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from ecgsynth.arguments import quote
from ecgsynth.errors import DamagedFileError, EcgsynthError, did_you_mean
from ecgsynth.files import describe_read_errors
from ecgsynth.registry import DATASETS
from ecgsynth.settings import Settings as Settings
from ecgsynth.settings import make_settings as make_settings
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec

NOT_STATED = "not stated"
"""In the place of a patient in an `Inventory`, where a set names none."""


@dataclass
class Inventory:
    """What `ecgsynth data check` reports.

    Attributes
    ----------
    records: records found. damaged: name -> what is wrong. left_out: name -> why an intact record
    is not used. missing: names not found.
    counts: (split, patient, class) -> items.
    notes: sentences for the reader.
    """

    records: int = 0
    damaged: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    counts: dict[tuple[str, str, str], int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add_unused(self, record: str, problem: EcgsynthError) -> None:
        """A record that is not used, as damaged or as left out."""
        damaged = isinstance(problem, DamagedFileError)
        (self.damaged if damaged else self.left_out)[record] = str(problem)

    def loaded(
        self, load: Callable[[str], Ecg], splits: Iterable[str]
    ) -> Iterator[tuple[str, Ecg]]:
        """The splits that can be loaded; of another, a note has the reason once."""
        for split in splits:
            try:
                ecg = load(split)
            except EcgsynthError as problem:  # an empty split is a finding, not the end
                if str(problem) not in self.notes:
                    self.notes.append(str(problem))
                continue
            yield split, ecg

    def count(self, split: str, ecg: Ecg) -> None:
        """The items of a split, by person and class."""
        people = [NOT_STATED] * len(ecg) if ecg.patient is None else ecg.patient.tolist()
        pairs = Counter(zip(people, ecg.labels_str.tolist(), strict=True))
        self.counts |= {(split, person, name): items for (person, name), items in pairs.items()}


class Dataset(Protocol):
    """A registered data set: a class with these attributes, never instantiated.

    Attributes
    ----------
    Settings: how to cut and filter; a pydantic model. splits: names, by patient.
    licence, citation: written into every card. public: whether its traces may be drawn.
    people: optional static method, patient -> (age, sex): see `ecgsynth.datasets.demographics`.
    facts: optional static method, settings -> what a card states besides (JSON).
    statements: optional static method, () -> all that may be set as `classes`.
    """

    Settings: type[Settings]
    splits: tuple[str, ...]
    licence: str
    citation: str
    public: bool

    @staticmethod
    def load(split: str, settings: Any) -> Ecg:
        """The items of a split."""
        ...

    @staticmethod
    def check(settings: Any) -> Inventory:
        """What is there, what is damaged, and how many items there are."""
        ...

    @staticmethod
    def settings_like(spec: Spec) -> dict[str, Any]:
        """Settings under which the data set gives items of this spec."""
        ...


def load(name: str, split: str | None = None, **settings: Any) -> Ecg:
    """Load a split of a registered data set.

    Parameters
    ----------
    name: "mitbih", or "mitbih:train" with the split inside.
    split: which part; every split is by patient.
    settings: fields of the data set's `Settings`.

    Raises
    ------
    EcgsynthError: unknown name, split or setting; the recordings are not there.
    """
    if isinstance(name, str) and ":" in name:
        if split is not None:
            raise EcgsynthError(
                f"the split is named twice, in {quote(name)} and as {quote(split)}; leave one out."
            )
        name, split = name.split(":", 1)
    dataset: Dataset = DATASETS.get(name)
    split = dataset.splits[0] if split is None else split
    if not isinstance(split, str) or split not in dataset.splits:
        raise EcgsynthError(
            f"the data set '{name}' has no split {quote(split)}."
            f"{did_you_mean(split, dataset.splits)}"
        )
    made = make_settings(dataset.Settings, settings, f"data set '{name}'")
    with describe_read_errors(f"the data set '{name}'"):
        return dataset.load(split, made)


def unseen_splits(name: str, split: str) -> list[str]:
    """Splits with items that a training on this one has not seen, the better one first.

    `mitbih:train` has `heldout`, of the same people; `ptbxl:train` has `validation`. A test split
    is never among them.
    """
    known = DATASETS.get(name).splits
    usual = (split.replace("train", part) for part in ("heldout", "validation"))
    return [one for one in usual if one in known and one != split]


def is_public(source: str) -> bool:
    """Whether a source (of an `Ecg`) names a registered data set whose signals are public."""
    try:
        return bool(DATASETS.get(source.partition(":")[0]).public)
    except (EcgsynthError, AttributeError):
        return False
