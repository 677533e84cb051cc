"""Augmentation of arrays, `augment(X, y, fs=360, times={"S": 4})`, and of an `Ecg`."""

# ruff: noqa: N803 (X and y are what scikit-learn calls them)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from ecgsynth.arguments import check_integer, check_names, check_number, quote
from ecgsynth.augmentation.array_types import LabelledArrays, find_label
from ecgsynth.augmentation.augmenter import augment_set
from ecgsynth.augmentation.plan import Gating, Plan
from ecgsynth.datasets import make_settings
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.spec import Spec, band_below
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.synthesizer.request import check_seed

Model = Synthesizer | str | Path

DEFAULT_MODEL = "mitbih-beats"


@overload
def augment(
    X: Ecg,
    y: None = None,
    *,
    model: Model | Mapping[Any, Model] = ...,
    times: Any = ...,
    counts: Any = ...,
    gate: Any = ...,
    seed: int = ...,
) -> Ecg: ...
@overload
def augment(
    X: ArrayLike,
    y: ArrayLike,
    *,
    fs: float,
    model: Model | Mapping[Any, Model] = ...,
    times: Any = ...,
    counts: Any = ...,
    classes: Any = ...,
    unit: Any = ...,
    r_sample: int | None = ...,
    gate: Any = ...,
    seed: int = ...,
) -> tuple[Any, Any]: ...
def augment(
    X: Ecg | ArrayLike,
    y: ArrayLike | None = None,
    *,
    fs: float | None = None,
    model: Model | Mapping[Any, Model] = DEFAULT_MODEL,
    times: float | Mapping[Any, float] | None = None,
    counts: Mapping[Any, int] | None = None,
    classes: Sequence[str] | Mapping[Any, str] | None = None,
    unit: Literal["mV", "normalised"] = "mV",
    r_sample: int | None = None,
    gate: bool | Mapping[str, Any] | Gating = True,
    seed: int = 0,
) -> Ecg | tuple[Any, Any]:
    """Fill up rare classes with synthetic items; the real ones come first and stay as they are.

    Parameters
    ----------
    X: an `Ecg`, or [item, sample] or [item, lead, sample] in mV, also a DataFrame.
    y: [item] class of each: names, whole numbers, or True and False, in an array or of pandas.
    fs: sampling rate of the arrays, Hz.
    model: what makes the items: a shipped model's name, a file, a run, a `Synthesizer`; by class
        where they differ.
    times: by class how many times its real items there will be in all; a number alone means every
        class but the largest. counts: by class how many synthetic items, instead.
    classes: what the numbers in `y` mean to the model, ("N", "S", "V", "F") or {0: "N", ...}; of
        names where the model's differ.
    unit: of the arrays. r_sample: where R lies in every item of the arrays, so that a window
        inside the model's is found; without it both windows must be equally long.
    gate: False lets every item pass; a mapping sets criteria, as in {"adherence": False}.
    seed: same seed, same items.

    Returns
    -------
    An `Ecg` of an `Ecg`, else (X, y) as they were given: shape, order of the axes and dtype; of
    pandas, if they are.

    Raises
    ------
    EcgsynthError: shapes, classes, rates or windows that do not fit, a unit that is doubtful,
        nothing that the gate lets through.
    """
    asked = AugmentRequest(model, times, counts, gate, seed)
    if not isinstance(X, Ecg):
        arrays = LabelledArrays.of(X, y)
        return augment_arrays(arrays, asked, fs=fs, classes=classes, unit=unit, r_sample=r_sample)
    arguments = {"y": y, "fs": fs, "classes": classes, "r_sample": r_sample}
    for name in [name for name, value in arguments.items() if value is not None] + ["unit"] * (
        unit != "mV"
    ):
        raise EcgsynthError(f"an Ecg has classes, rate, unit and R of its own; leave {name} out.")
    if not len(X):
        raise EcgsynthError("the real set is empty; give one with items.")
    models, plan = asked.plan(X, {name: name for name in X.spec.classes})
    return augment_set(X, plan, models).ecg


def augment_arrays(
    arrays: LabelledArrays,
    asked: AugmentRequest,
    *,
    fs: float | None,
    leads: int = 1,
    classes: Sequence[str] | Mapping[Any, str] | None = None,
    unit: Literal["mV", "normalised"] = "mV",
    r_sample: int | None = None,
) -> tuple[Any, Any]:
    """X and y with synthetic items behind them, in the kind that they had; see `augment`.

    leads: of two-dimensional rows, in which they stand one after another.
    """
    if fs is None:
        raise EcgsynthError("arrays have no sampling rate; give it, as in fs=360.")
    shaped = arrays.X if arrays.X.ndim == 3 else arrays.X.reshape(len(arrays.X), leads, -1)
    labels = _model_labels(arrays.keys, classes)
    spec = _spec(shaped.shape, fs, labels, unit, r_sample, asked.model)
    label = one_hot(arrays.number, len(labels))
    real = Ecg(shaped, spec, label, patient=np.full(len(shaped), "unknown"), source="arrays")
    models, plan = asked.plan(real, labels)
    new = augment_set(real, plan, models).ecg[len(real) :]
    return arrays.append(new.signal, new.labels_id)


def _model_labels(
    keys: Sequence[Any], classes: Sequence[str] | Mapping[Any, str] | None
) -> dict[Any, str]:
    """Each class of `y`, in rising order, with the model's name of it."""
    words = isinstance(keys[0], str)
    if isinstance(classes, Mapping):
        known = dict(classes)
    elif classes is not None:
        known = {
            name if words else k: name for k, name in enumerate(check_names(classes, "classes"))
        }
    elif words:
        known = {key: key for key in keys}
    else:
        raise EcgsynthError(
            "y holds numbers; name the class of each, as in classes=('N', 'S', 'V', 'F')."
        )
    for key in keys:
        if key not in known:
            raise EcgsynthError(
                f"y holds {key!r}, which `classes` does not name; it names "
                f"{', '.join(map(quote, known))}."
            )
        if not isinstance(known[key], str):
            raise EcgsynthError(
                f"`classes` gives {key!r} the name {quote(known[key])}; give a text."
            )
    return {key: known[key] for key in keys}


def _spec(
    shape: Sequence[int], fs: float, labels: Mapping[Any, str],
    unit: Literal["mV", "normalised"], r_sample: int | None, model: Model | Mapping[Any, Model],
) -> Spec:  # fmt: skip
    """What arrays leave unsaid is as the model has it: the leads, and the band."""
    made = _load_model(
        next(iter(model.values()), None) if isinstance(model, Mapping) else model
    ).spec
    if shape[1] != len(made.leads):
        raise EcgsynthError(
            f"X has {shape[1]} leads, and the model makes {len(made.leads)} "
            f"({', '.join(made.leads)}); give those, or take another model."
        )
    own = tuple(str(key) for key in labels)
    band = band_below(made.band, fs)
    return Spec(made.leads, fs, shape[2], own, unit=unit, band=band, r_sample=r_sample)


@dataclass(frozen=True)
class AugmentRequest:
    """The synthetic items that a caller asks for: the arguments of `augment`."""

    model: Model | Mapping[Any, Model]
    times: float | Mapping[Any, float] | None
    counts: Mapping[Any, int] | None
    gate: bool | Mapping[str, Any] | Gating
    seed: int

    def plan(self, real: Ecg, labels: Mapping[Any, str]) -> tuple[dict[str, Synthesizer], Plan]:
        """The plan that this means, with the models under the names that it gives them.

        labels: each class of the real items, as its owner calls it, with the model's name of it.
        """
        models: dict[str, Synthesizer] = {}
        shares: dict[str, Any] = {}
        for key, what in self._numbers(real, labels).items():
            if isinstance(self.model, Mapping) and key not in self.model:
                raise EcgsynthError(f"`model` names no generator for class {key!r}; add one.")
            one = self.model[key] if isinstance(self.model, Mapping) else self.model
            loaded = _load_model(one)
            made = isinstance(one, Synthesizer)
            name = loaded.card.id or loaded.card.name if made else str(one)
            models.setdefault(name, loaded)
            label = labels[key] if labels[key] != str(key) else ""
            shares[str(key)] = {"model": name, "label": label, **what}
        content = {
            "name": "arguments", "seed": check_seed(self.seed), "classes": shares,
            "gate": self._gate(),
        }  # fmt: skip
        return models, Plan.from_dict(content)

    def _numbers(self, real: Ecg, labels: Mapping[Any, str]) -> dict[Any, dict[str, float]]:
        """Class -> its `times` or `count`."""
        times = self.times
        if (times is None) == (self.counts is None):
            raise EcgsynthError("give either times, as in times={'S': 4}, or counts={'S': 500}.")
        if times is not None and not isinstance(times, Mapping):
            if len(labels) < 2:
                raise EcgsynthError(
                    "a number of times fills up every class but the largest, and there is one "
                    f"alone; name it, as in times={{{next(iter(labels), '')!r}: {quote(times)}}}."
                )
            sizes = real.counts()
            largest = max(sizes, key=lambda name: sizes[name])
            times = {key: times for key in labels if str(key) != largest and sizes[str(key)]}
        if times is None and not isinstance(self.counts, Mapping):
            raise EcgsynthError(
                f"counts go by class, as in counts={{'S': 500}}; got {quote(self.counts)}."
            )
        asked: dict[Any, dict[str, float]] = {}
        for asked_class, number_of in (times if times is not None else self.counts or {}).items():
            key = find_label(asked_class, labels)
            if times is None:
                asked[key] = {"count": check_integer(number_of, f"the count of class {key!r}")}
            else:
                asked[key] = {"times": check_number(number_of, f"times of class {key!r}")}
        return asked

    def _gate(self) -> Gating:
        if isinstance(self.gate, Gating):
            return self.gate
        if not isinstance(self.gate, bool | Mapping):
            raise EcgsynthError(
                "gate is True, False or a mapping, as in {'adherence': False}; got "
                f"{quote(self.gate)}."
            )
        words = {"enabled": self.gate} if isinstance(self.gate, bool) else dict(self.gate)
        gate: Gating = make_settings(Gating, words, "the gate")
        return gate


def _load_model(model: Model | None) -> Synthesizer:
    if isinstance(model, Synthesizer):
        return model
    if not isinstance(model, str | Path):
        raise EcgsynthError(
            "model is a shipped model's name, a file, a run or a Synthesizer, by class where they "
            f"differ; got {quote(model)}."
        )
    return Synthesizer.load(model)
