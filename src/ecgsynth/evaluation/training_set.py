"""The training set of the evaluated generator: the named one, else that of the set's card."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ecgsynth.datasets import Dataset
from ecgsynth.errors import EcgsynthError, MissingRecordingsError
from ecgsynth.evaluation.inputs import check_same_shape
from ecgsynth.evaluation.real_sets import NONE, load_like, load_real, training_source
from ecgsynth.registry import DATASETS
from ecgsynth.signals.ecg import Ecg


@dataclass(frozen=True)
class TrainingSet:
    """The training set of an evaluation.

    Attributes
    ----------
    items: None if there is none, or its recordings are absent.
    source: its name.
    usual: whether it is the whole split with default settings.
    why: a sentence that names the set and how it was found.
    """

    items: Ecg | None
    source: str | None
    why: str
    usual: bool = True


def training_set(
    synthetic: Ecg, named: Ecg | str | None, may_open: Collection[str] | None = None
) -> TrainingSet:
    """The named training set, else that of the set's card, else none.

    named: an `Ecg`, `NAME:SPLIT` or a file; "none" for no training set; None or "" uses the card.
    may_open: data sets that a card may name; all by default.

    Raises
    ------
    EcgsynthError: the named set cannot be read. One that a card names is left out instead.
    """
    if isinstance(named, Ecg):
        return TrainingSet(named, named.source, f"Training set: {named.source}, as it was given.")
    if named and named.strip().lower() == NONE:
        return TrainingSet(None, None, "Training set: none, as requested.")
    if named:
        try:
            items = load_real(named, synthetic.spec)
        except MissingRecordingsError as problem:
            return TrainingSet(None, named, f"Training set: {named} was named, but {problem}")
        return TrainingSet(items, named, f"Training set: {named}, as it was named.")
    found = training_source(synthetic.card)
    if isinstance(found, str):
        return TrainingSet(None, None, f"Training set: none, since none was named and {found}.")
    source, settings = found
    reason = f"Training set: none; the set's own card names {source}"
    if may_open is not None and source.partition(":")[0] not in may_open:
        return TrainingSet(None, source, f"{reason}, which only its owner can open.")
    try:
        items = load_like(source, synthetic.spec, settings)
        check_same_shape(synthetic, items, "train")
    except EcgsynthError as problem:
        return TrainingSet(None, source, f"{reason}, but {problem}")
    dataset: Dataset = DATASETS.get(source.partition(":")[0])
    usual = not settings.keys() - dataset.settings_like(synthetic.spec).keys()
    why = f"Training set: {source}, which the set's own card names."
    return TrainingSet(items, source, why, usual)
