"""A sampler with the manners of imbalanced-learn: `fit_resample(X, y)`, also in its pipelines."""

# ruff: noqa: N803 (X and y are what scikit-learn calls them)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_X_y

from ecgsynth.augmentation.arrays import DEFAULT_MODEL, Model, augment
from ecgsynth.errors import EcgsynthError


class SyntheticSampler(BaseEstimator):
    """Fills up rare classes with synthetic ECG, as SMOTE does with interpolations.

    Parameters
    ----------
    model: what makes the items; by class of `y` where they differ.
    fs: sampling rate of the rows, Hz. leads: in a row they stand one after another.
    sampling_strategy: which classes are filled up to the largest one: "not majority" ("auto"),
        "minority" (the rarest alone), a list of classes, or {class: items in all}; as in
        imbalanced-learn.
    classes: what the numbers in `y` mean to the model, as in `augment`; so `unit`, `r_sample`
        and `gate`.
    random_state: the seed, a whole number; None = 0. The same seed gives the same items.

    Attributes
    ----------
    sampling_strategy_: class -> synthetic items that were asked for.
    """

    def __init__(
        self,
        model: Model | Mapping[Any, Model] = DEFAULT_MODEL,
        *,
        fs: float = 360.0,
        leads: int = 1,
        sampling_strategy: str | Sequence[Any] | Mapping[Any, int] = "auto",
        classes: Sequence[str] | Mapping[Any, str] | None = None,
        unit: Literal["mV", "normalised"] = "mV",
        r_sample: int | None = None,
        gate: bool | Mapping[str, Any] = True,
        random_state: int | None = None,
    ) -> None:
        self.model = model
        self.fs = fs
        self.leads = leads
        self.sampling_strategy = sampling_strategy
        self.classes = classes
        self.unit = unit
        self.r_sample = r_sample
        self.gate = gate
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> SyntheticSampler:
        """Only look at what would be asked for."""
        self._asked(*self._checked(X, y))
        return self

    def fit_resample(self, X: ArrayLike, y: ArrayLike) -> tuple[NDArray, NDArray]:
        """X [item, leads * samples] and y with synthetic items behind the real ones.

        Raises
        ------
        EcgsynthError: as `augment`; a strategy that asks for fewer items than there are.
        """
        rows, answers = self._checked(X, y)
        wanted = {key: count for key, count in self._asked(rows, answers).items() if count}
        if not wanted:
            return rows, answers
        items = rows if self.leads == 1 else rows.reshape(len(rows), self.leads, -1)
        signal, said = augment(
            items, answers, fs=self.fs, model=self.model, counts=wanted, classes=self.classes,
            unit=self.unit, r_sample=self.r_sample, gate=self.gate, seed=self.random_state or 0,
        )  # fmt: skip
        return signal.reshape(len(signal), -1), said

    def _checked(self, X: ArrayLike, y: ArrayLike) -> tuple[NDArray, NDArray]:
        check_classification_targets(y)
        # NaN is let through: the gate leaves such items out of what it measures.
        rows, answers = check_X_y(X, y, dtype=[np.float64, np.float32], ensure_all_finite=False)
        if not isinstance(self.leads, int) or self.leads < 1 or rows.shape[1] % self.leads:
            raise EcgsynthError(
                f"rows of {rows.shape[1]} numbers do not hold {self.leads!r} leads; set `leads`."
            )
        return rows, answers

    def _asked(self, rows: NDArray, answers: NDArray) -> dict[Any, int]:
        """Class -> synthetic items, by the strategy; kept as `sampling_strategy_`."""
        keys, sizes = np.unique(answers, return_counts=True)
        have = dict(zip(keys.tolist(), sizes.tolist(), strict=True))
        most, strategy = max(have.values()), self.sampling_strategy
        if isinstance(strategy, Mapping):
            targets = dict(strategy)
        elif strategy in ("auto", "not majority"):
            largest = keys[sizes.argmax()].item()
            targets = {key: most for key in have if key != largest}
        elif strategy == "minority":
            targets = {keys[sizes.argmin()].item(): most}
        elif isinstance(strategy, str) or not isinstance(strategy, Sequence | np.ndarray):
            raise EcgsynthError(
                f"sampling_strategy {strategy!r} is not known; take 'auto', 'not majority', "
                "'minority', a list of classes, or {class: items in all}."
            )
        else:
            targets = dict.fromkeys(strategy, most)
        for key, target in targets.items():
            if key not in have:
                raise EcgsynthError(
                    f"no items of class {key!r} are given; there are {', '.join(map(repr, have))}."
                )
            if not isinstance(target, int | np.integer):
                raise EcgsynthError(
                    f"sampling_strategy asks for {target!r} items of class {key!r}; give a whole "
                    "number."
                )
            if target < have[key]:
                raise EcgsynthError(
                    f"class {key!r} has {have[key]} items already, and sampling_strategy asks for "
                    f"{target}; this only adds."
                )
        self.sampling_strategy_ = {key: target - have[key] for key, target in targets.items()}
        self.n_features_in_ = rows.shape[1]
        return self.sampling_strategy_
