"""What the generator under judgement learned from: as it is named, else by the set's own card."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ecgsynth.datasets import Dataset
from ecgsynth.errors import EcgsynthError, MissingRecordingsError
from ecgsynth.evaluation.inputs import same_shape
from ecgsynth.evaluation.real_sets import load_like, load_real
from ecgsynth.registry import DATASETS
from ecgsynth.signals.ecg import Ecg

NONE = "none"
"""What a caller writes who wants no training set."""


@dataclass(frozen=True)
class TrainingSet:
    """The training set of an evaluation.

    Attributes
    ----------
    items: None where there is none, or its recordings are not here.
    source: as it was named. usual: whether it is the whole split under the usual settings.
    why: a sentence that says which one it is, and why this one.
    """

    items: Ecg | None
    source: str | None
    why: str
    usual: bool = True


def training_set(
    synthetic: Ecg, named: Ecg | str | None, may_open: Collection[str] | None = None
) -> TrainingSet:
    """The training set that is named, else the one of the set's card, else none.

    named: an `Ecg`, `NAME:SPLIT` or a file; "none" for none at all; None or "" leaves it to the
    card. may_open: data sets that a card may name; all when left out.

    Raises
    ------
    EcgsynthError: what is named cannot be read. What a card names is then left out.
    """
    if isinstance(named, Ecg):
        return TrainingSet(named, named.source, f"Training set: {named.source}, as it was given.")
    if named and named.strip().lower() == NONE:
        return TrainingSet(None, None, "Training set: none, as was asked.")
    if named:
        try:
            items = load_real(named, synthetic.spec)
        except MissingRecordingsError as problem:
            return TrainingSet(None, named, f"Training set: {named} was named, but {problem}")
        return TrainingSet(items, named, f"Training set: {named}, as it was named.")
    found = _of_card(synthetic.card or {})
    if isinstance(found, str):
        return TrainingSet(None, None, f"Training set: none, since none was named and {found}.")
    source, settings = found
    says = f"Training set: none; the set's own card names {source}"
    if may_open is not None and source.partition(":")[0] not in may_open:
        return TrainingSet(None, source, f"{says}, which only its owner can open.")
    try:
        items = load_like(source, synthetic.spec, settings)
        same_shape(synthetic, items, "train")
    except EcgsynthError as problem:
        return TrainingSet(None, source, f"{says}, but {problem}")
    dataset: Dataset = DATASETS.get(source.partition(":")[0])
    usual = not settings.keys() - dataset.settings_like(synthetic.spec).keys()
    why = f"Training set: {source}, which the set's own card names."
    return TrainingSet(items, source, why, usual)


def _of_card(card: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | str:
    """The data set that a model learned from with its settings, or why there is none to name.

    A model that was joined of several has one where all of these learned from the same.
    """
    if not card:
        return "the set has no card of its generator"
    found: list[tuple[str, dict[str, Any]]] = []
    try:
        for one in (card.get("members") or {"": card}).values():
            data = dict(one["run"]["data"])
            data.pop("classes", None)  # of a member; the classes of the items are loaded
            found.append((f"{data.pop('name')}:{data.pop('split', 'train')}", data))
    except (KeyError, TypeError, ValueError, AttributeError):
        return "the set's own card names none"
    if any(one != found[0] for one in found):
        names = ", ".join(sorted({source for source, _ in found}))
        return f"the models of the set's own card learned from different ones ({names})"
    return found[0]
