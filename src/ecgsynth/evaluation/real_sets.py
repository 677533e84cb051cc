"""Load real sets by name: a file or folder, or a split of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecgsynth.datasets import Dataset, load
from ecgsynth.datasets.beats import LONGEST_S
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import read_silently
from ecgsynth.registry import DATASETS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec


def load_real(source: str, spec: Spec) -> Ecg:
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
    return load_like(source, spec)


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
