"""Load real sets by name: a file or folder, or a split of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecgsynth.datasets import Dataset, load, unseen_splits
from ecgsynth.datasets.beats import LONGEST_S
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import read_silently
from ecgsynth.registry import DATASETS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec

NONE = "none"
"""The name for no set."""


def training_source(card: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]] | str:
    """The data set that a model was trained on and its settings, or why there is none.

    A model joined from several has one if all of them were trained on the same set.
    """
    if not card:
        return "the set has no card of its generator"
    found: list[tuple[str, dict[str, Any]]] = []
    try:
        for one in (card.get("members") or {"": card}).values():
            data = dict(one["run"]["data"])
            data.pop("classes", None)  # of one member; the classes of the items are loaded
            found.append((f"{data.pop('name')}:{data.pop('split', 'train')}", data))
    except (KeyError, TypeError, ValueError, AttributeError):
        return "the set's own card names none"
    if any(one != found[0] for one in found):
        names = ", ".join(sorted({source for source, _ in found}))
        return f"the models in the set's own card were trained on different ones ({names})"
    return found[0]


def heldout_source(card: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]] | str:
    """The held-out items that belong to the training set of a card, or why there are none.

    They are of a split that the training did not see, such as `mitbih:heldout` of `mitbih:train`.
    A set that has people on both sides, as published, has only its test split.
    """
    found = training_source(card)
    if isinstance(found, str):
        return found
    source, settings = found
    name, _, split = source.partition(":")
    if name not in DATASETS.names():
        return f"the set's own card names {source}, which is no data set here"
    last = split.replace("train", "test")
    known = [last] if last != split and last in DATASETS.get(name).splits else []
    for unseen in unseen_splits(name, split) or known:
        return f"{name}:{unseen}", settings
    return f"{source} of the set's own card has no held-out split"


def check_heldout(card: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """As `heldout_source`.

    Raises
    ------
    EcgsynthError: there are none.
    """
    found = heldout_source(card)
    if isinstance(found, str):
        raise EcgsynthError(
            f"no real items were named and {found}; name some, as in --against mitbih:heldout."
        )
    return found


def load_real(source: str, spec: Spec, settings: Mapping[str, Any] | None = None) -> Ecg:
    """Load a real set by name: a file or folder, or a split as in `load_like`.

    Raises
    ------
    EcgsynthError: there is no such file, folder or set, or it cannot be cut that way.
    """
    if source.partition(":")[0] not in DATASETS.names():
        if Path(source).exists():
            return read_silently(source)  # `evaluate` warns of a doubtful unit
        if Path(source).suffix or "/" in source:
            raise EcgsynthError(f"there is no file or folder {source} to read real items from.")
    return load_like(source, spec, settings)


def load_like(source: str, spec: Spec, settings: Mapping[str, Any] | None = None) -> Ecg:
    """A split of a registered data set, cut according to `spec`; settings: others of that set.

    Raises
    ------
    EcgsynthError: no such set or split, or it cannot be cut that way.
    """
    name, _, split = source.partition(":")
    dataset: Dataset = DATASETS.get(name)
    if spec.seconds > LONGEST_S:
        raise EcgsynthError(
            f"the items last {spec.seconds:.0f} s, but {source} gives beats; cut yours into beats "
            "first, as in `ecgsynth data save folder:all path=records/ --to beats.npz`."
        )
    unnamed = [lead for lead in spec.leads if lead.removeprefix("lead").isdigit()]
    if unnamed:
        raise EcgsynthError(
            f"the set does not name its leads, and {source} has none called {unnamed[0]}; save "
            "the names with the signals, as in leads=['MLII'], or compare with items of your own: "
            "--against FILE --train FILE."
        )
    ecg = load(name, split or None, **dict(settings or {}) | dataset.settings_like(spec))
    shared = [name for name in spec.classes if name in ecg.spec.classes]
    if not shared or not sum(ecg.counts()[name] for name in shared):
        return ecg
    return ecg.with_classes(shared)
