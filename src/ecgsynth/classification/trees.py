"""Boosted trees as plain arrays: read from scikit-learn once, then NumPy alone uses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS_AT_ONCE = 2048
KEYS = ("feature", "threshold", "left", "right", "nan_left", "value")


@dataclass(frozen=True)
class Trees:
    """A boosted ensemble of several classes.

    feature: [tree, node] number of the column that is compared, -1 at a leaf. threshold: the
    left branch is taken up to it. left, right: numbers of nodes. nan_left: whether an unknown value
    goes left. value: of leaves. start: [class] logits without a tree; tree k is of class k modulo
    the number of classes.
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    left: NDArray[np.int16]
    right: NDArray[np.int16]
    nan_left: NDArray[np.bool_]
    value: NDArray[np.float32]
    start: NDArray[np.float32]

    def logits(self, x: NDArray) -> NDArray[np.float64]:
        """[row, class]. x: [row, column], NaN where unknown."""
        x = np.asarray(x, np.float32)
        parts = [self._logits(x[k : k + ROWS_AT_ONCE]) for k in range(0, len(x), ROWS_AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.start)))

    def _logits(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        row, tree = np.arange(len(x))[:, None], np.arange(len(self.feature))[None]
        node = np.zeros((len(x), len(self.feature)), np.int16)
        while True:
            column = self.feature[tree, node]
            if (column < 0).all():
                break
            value = x[row, column]
            goes_left = np.where(
                np.isnan(value), self.nan_left[tree, node], value <= self.threshold[tree, node]
            )
            below = np.where(goes_left, self.left[tree, node], self.right[tree, node])
            node = np.where(column < 0, node, below)
        leaf = self.value[tree, node].astype(np.float64)
        return self.start + leaf.reshape(len(x), -1, len(self.start)).sum(1)

    @classmethod
    def mean(cls, parts: Sequence[Trees]) -> Trees:
        """The mean of the logits of several ensembles, as one."""
        most = max(one.feature.shape[1] for one in parts)

        def joined(name: str, empty: Any) -> NDArray:
            wide = [(0, 0), (0, most)]
            return np.concatenate(
                [np.pad(getattr(one, name), wide, constant_values=empty)[:, :most] for one in parts]
            )

        rows = {name: joined(name, -1 if name == "feature" else 0) for name in KEYS}
        rows["value"] = (rows["value"] / len(parts)).astype(np.float32)
        return cls(**rows, start=np.mean([one.start for one in parts], 0).astype(np.float32))

    def arrays(self) -> dict[str, NDArray]:
        """Name -> array, for a file."""
        return {name: getattr(self, name) for name in (*KEYS, "start")}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray]) -> Trees:
        """From `arrays`.

        Raises
        ------
        KeyError, ValueError: an array is missing, or its numbers name no node.
        """
        found = cls(**{name: np.asarray(arrays[name]) for name in (*KEYS, "start")})
        shape = found.feature.shape
        if any(getattr(found, name).shape != shape for name in KEYS) or len(shape) != 2:
            raise ValueError("the arrays of its trees differ in shape")
        inner = found.feature >= 0
        own = np.broadcast_to(np.arange(shape[1]), shape)
        for below in (found.left, found.right):  # children follow their parent: no endless walk
            if (inner & ((below <= own) | (below >= shape[1]))).any():
                raise ValueError("a branch of its trees leads nowhere")
        if not len(found.start) or shape[0] % len(found.start):
            raise ValueError("its trees are not as many for every class")
        return found

    @classmethod
    def of_scikit(cls, fitted: Any) -> Trees:
        """From a fitted `HistGradientBoostingClassifier` of three classes or more.

        A threshold is rounded down to 32 bits, which changes no comparison with a number of 32
        bits.
        """
        nodes = [one.nodes for step in fitted._predictors for one in step]
        most = max(len(one) for one in nodes)

        def stack(name: str, kind: Any, empty: Any) -> NDArray:
            rows = np.full((len(nodes), most), empty, kind)
            for k, one in enumerate(nodes):
                rows[k, : len(one)] = one[name]
            return rows

        leaf = stack("is_leaf", bool, True)
        exact = stack("num_threshold", np.float64, 0.0)
        threshold = exact.astype(np.float32)
        threshold = np.where(
            threshold > exact, np.nextafter(threshold, np.float32(-np.inf)), threshold
        )
        return cls(
            np.where(leaf, -1, stack("feature_idx", np.int64, -1)).astype(np.int16), threshold,
            stack("left", np.int16, 0), stack("right", np.int16, 0),
            stack("missing_go_to_left", bool, False), stack("value", np.float32, 0.0),
            np.asarray(fitted._baseline_prediction, np.float32).ravel(),
        )  # fmt: skip
