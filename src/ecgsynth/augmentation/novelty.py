"""A one-class detector (novelty detection): items unlike its class score high."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.classification.report import auroc, count_people, estimate_json
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.reference_models.classifiers import rr_features
from ecgsynth.evaluation.reference_models.instruments import embed
from ecgsynth.files import atomic_write
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec

KIND = "one-class"

COMPONENTS = 8
"""Normal distributions that the class is made of: normal beats and blocks of either bundle look
different, and so do people."""

FLOOR = 1e-3
"""Added to every variance, of coordinates with variance 1."""


@dataclass(frozen=True)
class Detector:
    """A mixture of normal distributions in the space of the instrument (Bishop 1994; the density as
    a score of novelty), together with the RR features.

    The instrument itself was trained on all classes of real beats; only the density is of one.

    centre, scale: [coordinate], by which they are standardised. weights [component], means
    [component, coordinate], precision [component, coordinate, coordinate]: as scikit-learn keeps
    them, the Cholesky factors of the precisions. spec: of the items. facts: how it was made.
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    precision: NDArray[np.float64]
    spec: Spec
    facts: dict[str, Any]
    hash: str = ""

    @classmethod
    def fit(cls, train: Ecg, label: str, facts: dict[str, Any], seed: int = 0) -> Detector:
        """Fit it on the items of one class, real or synthetic.

        Raises
        ------
        EcgsynthError: the class is unknown or has too few items.
        """
        from sklearn.mixture import GaussianMixture

        part = train.of_class(label)
        part = part[np.isfinite(part.signal).all((1, 2))]
        points = _points(part, train.spec)
        if len(points) < 2 * points.shape[1]:
            raise EcgsynthError(
                f"class {label} has {len(part)} items, and a one-class detector needs "
                f"{2 * points.shape[1]}; give more of them."
            )
        centre, scale = points.mean(0), np.maximum(points.std(0), 1e-6)
        count = min(COMPONENTS, len(points) // points.shape[1])
        mixture = GaussianMixture(count, reg_covar=FLOOR, random_state=seed)
        mixture.fit((points - centre) / scale)
        facts = facts | {"kind": KIND, "label": label, "items": len(part)}
        return cls(
            centre, scale, mixture.weights_, mixture.means_, mixture.precisions_cholesky_,
            train.spec, facts,
        )  # fmt: skip

    def score(self, ecg: Ecg) -> NDArray[np.float64]:
        """[item] minus the log likelihood: the higher, the less like the class."""
        from sklearn.mixture import GaussianMixture

        mixture = GaussianMixture(len(self.weights))
        mixture.weights_, mixture.means_ = self.weights, self.means
        mixture.precisions_cholesky_ = self.precision
        points = (_points(ecg, self.spec) - self.centre) / self.scale
        return -np.asarray(mixture.score_samples(points), np.float64)

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        from safetensors.numpy import save_file

        tensors = {name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}
        facts = json.dumps(self.facts | {"spec": self.spec.to_json()})
        with atomic_write(path) as temporary:
            save_file(tensors, temporary, {"facts": facts})

    @classmethod
    def load(cls, path: Path) -> Detector:
        """Read a detector from its file.

        Raises
        ------
        EcgsynthError: the file is damaged.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        facts = facts_of(path)
        try:
            arrays = load_file(path)
            spec = Spec.from_json(facts["spec"])
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            return cls(**{n: arrays[n] for n in _ARRAYS}, spec=spec, facts=facts, hash=digest)
        except (SafetensorError, OSError, KeyError, TypeError) as problem:
            raise EcgsynthError(f"the detector {path} is damaged ({problem}).") from None


_ARRAYS = ("centre", "scale", "weights", "means", "precision")


def _points(ecg: Ecg, spec: Spec) -> NDArray[np.float64]:
    """[item, coordinate]: where the instrument sees an item, and its RR where items of `spec` have
    one; an item without RR counts as one at the usual rate."""
    points = embed(ecg.quantised())
    if {"rr_before_s", "rr_after_s"} & set(spec.context):
        points = np.concatenate([points, rr_features(ecg)], 1)
    return points.astype(np.float64)


def facts_of(path: Path) -> dict[str, Any]:
    """How a classifier was made, from its file.

    Raises
    ------
    EcgsynthError: the file is damaged or does not state it.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            facts = json.loads(file.metadata()["facts"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as problem:
        raise EcgsynthError(
            f"{path} is no classifier of ecgsynth, or damaged ({problem}); train it again."
        ) from None
    return dict(facts)


def novelty(detector: Detector, test: Ecg) -> dict[str, Any]:
    """AUROC of a one-class detector: its own class against every other, with an interval."""
    score, own = detector.score(test), detector.facts["label"]
    facts, label = test.people_per_class(), np.asarray(test.label)
    found: dict[str, Any] = {
        "source": test.source, "items": len(test), "people": count_people(test), "own": own,
        "classes": {},
    }  # fmt: skip
    normal = label[:, test.spec.class_index(own)] > 0
    for name in test.spec.classes:
        rows = np.flatnonzero(normal | (label[:, test.spec.class_index(name)] > 0))
        if name == own or not (~normal[rows]).any() or not normal[rows].any():
            continue
        estimate = auroc(~normal[rows], score[rows], test[rows], facts[name])
        found["classes"][name] = facts[name] | {"auroc": estimate_json(estimate)}
    return found
