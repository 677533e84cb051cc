"""The shipped classifiers of beats: N, S, V and F, with calibrated probabilities."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.classification.calibration import Calibration
from ecgsynth.classification.features import feature_table, fibrillation, matrix
from ecgsynth.classification.trees import Trees
from ecgsynth.classification.windows import prepare
from ecgsynth.errors import DamagedFileError, EcgsynthError
from ecgsynth.files import atomic_write

CLASSES = ("N", "S", "V", "F")
"""AAMI classes that are called; Q (paced, unclassifiable) is none of them."""

SHIPPED = {
    "beats": "trained on all given people of MIT-BIH DS1, SVDB and QTDB",
    "ds1": "trained on MIT-BIH DS1 alone, as the published inter-patient protocol has it",
}
"""Name of a shipped classifier -> what it was trained on."""

FOLDER = Path(str(files("ecgsynth"))) / "pretrained" / "classifiers"

FEWEST = 3
"""Beats of a recording below which there is neither a rhythm nor a normal beat."""


@dataclass(frozen=True)
class BeatClassifier:
    """Boosted trees of the features of a beat.

    trees: of the logits. columns: their features by name. calibration: of the logits.
    facts: people, databases and settings of the training.
    """

    trees: Trees
    columns: tuple[str, ...]
    calibration: Calibration
    facts: dict[str, Any]

    def probability(self, signal: NDArray, fs: float, at: NDArray) -> NDArray[np.float64]:
        """[beat, class of `CLASSES`], in the order of `at`.

        signal: [lead, sample], any unit, NaN where missing. fs: Hz. at: [beat] R, samples, in any
        order.

        Raises
        ------
        EcgsynthError: fewer than `FEWEST` beats, or no lead has a signal.
        """
        at = np.asarray(at, np.float64)
        signal = np.atleast_2d(np.asarray(signal, np.float32))
        live = usable_leads(signal)
        if not live.any():
            raise EcgsynthError(
                "no lead has a signal: all are flat or missing; choose another recording."
            )
        order = np.argsort(at, kind="stable")
        found = np.empty((len(at), len(CLASSES)))
        found[order] = self.of_prepared(prepare(signal[live], fs), at[order] / fs)
        return found

    def of_prepared(self, wave: NDArray[np.float32], at_s: NDArray) -> NDArray[np.float64]:
        """[beat, class]. wave: of `windows.prepare`. at_s: [beat] R, s, in order of time.

        Raises
        ------
        EcgsynthError: fewer than `FEWEST` beats.
        """
        if len(at_s) < FEWEST:
            raise EcgsynthError(
                f"{len(at_s)} beats show neither a rhythm nor a normal beat; give a recording of "
                f"{FEWEST} beats or more."
            )
        columns = feature_table(wave, at_s)
        scores = self.trees.logits(matrix(columns, self.columns))
        return self.calibration.probability(scores, fibrillation(columns))

    def classes(self, probability: NDArray[np.floating]) -> NDArray[np.str_]:
        """[beat] AAMI class that a beat is called."""
        return np.array(CLASSES)[self.calibration.classes(probability)]

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        from safetensors.numpy import save_file

        tensors = {f"calibration/{name}": value for name, value in vars(self.calibration).items()}
        tensors |= {f"trees/{name}": value for name, value in self.trees.arrays().items()}
        facts = json.dumps({"facts": self.facts, "columns": self.columns}, sort_keys=True)
        with atomic_write(path) as temporary:
            save_file({n: np.ascontiguousarray(v) for n, v in tensors.items()}, temporary,
                      {"classifier": facts})  # fmt: skip

    @classmethod
    def load(cls, path: Path) -> BeatClassifier:
        """Read a classifier from its file.

        Raises
        ------
        EcgsynthError: the file is missing, damaged or no classifier of beats.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "numpy") as file:
                content = json.loads(file.metadata()["classifier"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return cls._of(content, tensors)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as problem:
            raise DamagedFileError(
                f"{path} is no classifier of beats, or it is damaged; name one of "
                f"{', '.join(SHIPPED)}, or a file of `python -m benchmarks.classifier.train`."
            ) from problem

    @classmethod
    def _of(cls, content: Mapping[str, Any], tensors: Mapping[str, NDArray]) -> BeatClassifier:
        columns = tuple(map(str, content["columns"]))
        own = {n.partition("/")[2]: v for n, v in tensors.items() if n.startswith("trees/")}
        trees = Trees.of_arrays(own)
        if trees.feature.max() >= len(columns) or len(trees.start) != len(CLASSES):
            raise ValueError("its trees use a column that it does not have")
        numbers = {f.name: tensors[f"calibration/{f.name}"] for f in fields(Calibration)}
        if any(value.size not in (1, len(CLASSES)) for value in numbers.values()):
            raise ValueError("its calibration is not of four classes")
        return cls(trees, columns, Calibration(**numbers), dict(content["facts"]))


def usable_leads(signal: NDArray[np.float32]) -> NDArray[np.bool_]:
    """[lead] whether it has a signal that varies."""
    known = np.isfinite(signal)
    high = np.where(known, signal, -np.inf).max(1, initial=-np.inf)
    low = np.where(known, signal, np.inf).min(1, initial=np.inf)
    return high > low


@lru_cache(maxsize=4)
def load_classifier(name: str = "beats") -> BeatClassifier:
    """A shipped classifier by name (`SHIPPED`), or one from a file.

    Raises
    ------
    EcgsynthError: there is none of that name.
    """
    path = FOLDER / f"{name}.safetensors" if name in SHIPPED else Path(name)
    if not path.is_file():
        raise EcgsynthError(
            f"there is no classifier '{name}'; name one of {', '.join(SHIPPED)}, or a file of "
            "`python -m benchmarks.classifier.train`."
        )
    return BeatClassifier.load(path)
