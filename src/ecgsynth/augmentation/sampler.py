"""A sampler with the manners of imbalanced-learn: `fit_resample(X, y)`, also in its pipelines."""

# ruff: noqa: N803 (X and y are what scikit-learn calls them)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator

from ecgsynth.arguments import as_list, check_integer, is_count, quote
from ecgsynth.augmentation.array_types import LabelledArrays, find_label
from ecgsynth.augmentation.arrays import DEFAULT_MODEL, AugmentRequest, Model, augment_arrays
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.synthesizer.request import check_seed


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
    sampling_strategy_: class -> synthetic items that were asked for. n_features_in_,
    feature_names_in_: as every estimator of scikit-learn has them.
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

    def set_params(self, **params: Any) -> SyntheticSampler:
        """Set parameters by name, as scikit-learn does.

        Raises
        ------
        EcgsynthError: there is no such parameter.
        """
        known = self.get_params()
        for name in params:
            if name not in known:
                raise EcgsynthError(
                    f"SyntheticSampler has no parameter '{name}'.{did_you_mean(name, known)}"
                )
        super().set_params(**params)
        return self

    def fit(self, X: Any, y: Any) -> SyntheticSampler:
        """Only look at what would be asked for."""
        self._items_to_add(self._read_arrays(X, y))
        return self

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """X and y with synthetic items behind the real ones, of pandas where they were.

        X: [item, leads * sample]. y: [item], as in `augment`.

        Raises
        ------
        EcgsynthError: as `augment`; a strategy that asks for fewer items than there are.
        """
        arrays = self._read_arrays(X, y)
        wanted = {key: count for key, count in self._items_to_add(arrays).items() if count}
        if not wanted:
            return arrays.append(arrays.X[:0], arrays.number[:0])
        asked = AugmentRequest(self.model, None, wanted, self.gate, self._seed())
        return augment_arrays(
            arrays, asked, fs=self.fs, leads=self.leads, classes=self.classes, unit=self.unit,
            r_sample=self.r_sample,
        )  # fmt: skip

    def _seed(self) -> int:
        return 0 if self.random_state is None else check_seed(self.random_state)

    def _read_arrays(self, X: Any, y: Any) -> LabelledArrays:
        """The items, and what a scikit-learn estimator keeps of them."""
        leads, arrays = check_integer(self.leads, "leads", 1), LabelledArrays.of(X, y, whole=True)
        if arrays.X.ndim != 2 or arrays.X.shape[1] % leads:
            raise EcgsynthError(
                f"X has shape {arrays.X.shape}, and rows of {leads} leads one after another are "
                "wanted; set `leads`, or take augment for [item, lead, sample]."
            )
        self.n_features_in_ = arrays.X.shape[1]
        columns = getattr(X, "columns", ())
        if len(columns) and all(isinstance(name, str) for name in columns):
            self.feature_names_in_ = np.array(columns, object)
        return arrays

    def _items_to_add(self, arrays: LabelledArrays) -> dict[Any, int]:
        """Class -> synthetic items, by the strategy; kept as `sampling_strategy_`."""
        sizes = np.bincount(arrays.number)
        have = dict(zip(arrays.keys, sizes.tolist(), strict=True))
        most, strategy = max(have.values()), self.sampling_strategy
        if isinstance(strategy, Mapping):
            targets = {find_label(key, have): target for key, target in strategy.items()}
        elif isinstance(strategy, str) and strategy in ("auto", "not majority"):
            targets = {key: most for key in have if key != arrays.keys[sizes.argmax()]}
        elif isinstance(strategy, str) and strategy == "minority":
            targets = {arrays.keys[sizes.argmin()]: most}
        elif (chosen := as_list(strategy)) is not None:
            targets = {find_label(key, have): most for key in chosen}
        else:
            raise EcgsynthError(
                f"sampling_strategy {quote(strategy)} is not known; take 'auto', 'not majority', "
                "'minority', a list of classes, or {class: items in all}."
            )
        for key, target in targets.items():
            if not is_count(target):
                raise EcgsynthError(
                    f"sampling_strategy asks for {quote(target)} items of class {key!r}; give a "
                    "whole number."
                )
            if target < have[key]:
                raise EcgsynthError(
                    f"class {key!r} has {have[key]} items already, and sampling_strategy asks for "
                    f"{target}; this only adds."
                )
        self.sampling_strategy_ = {key: int(target) - have[key] for key, target in targets.items()}
        return self.sampling_strategy_
