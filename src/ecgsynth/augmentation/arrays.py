"""The door for arrays: `augment(X, y, fs=360, times={"S": 4})`, and for an `Ecg`."""

# ruff: noqa: N803 (X and y are what scikit-learn calls them)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgsynth.augmentation.applying import augmented
from ecgsynth.augmentation.plan import Gating, Plan
from ecgsynth.datasets import make_settings
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.spec import Spec
from ecgsynth.synthesizer import Synthesizer

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
) -> tuple[NDArray, NDArray]: ...
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
) -> Ecg | tuple[NDArray, NDArray]:
    """Fill up rare classes with synthetic items; the real ones come first and stay as they are.

    Parameters
    ----------
    X: an `Ecg`, or [item, sample] or [item, lead, sample] in mV. y: [item] class of each, names or
        numbers. fs: sampling rate of the arrays, Hz.
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
    An `Ecg` of an `Ecg`, else (X, y) as they were given: shape, order of the axes and dtype.

    Raises
    ------
    EcgsynthError: shapes, classes, rates or windows that do not fit, a unit that is doubtful,
        nothing that the gate lets through.
    """
    if isinstance(X, Ecg):
        labels = {name: name for name in X.spec.classes}
        real, back = X, None
    else:
        given, answers = _checked(X, y, fs)
        labels = _named(answers, classes)
        spec = _spec(given, float(fs or 0), labels, unit, r_sample, model)
        shaped = given.reshape(len(given), len(spec.leads), spec.samples)
        row = {key: k for k, key in enumerate(labels)}
        label = one_hot([row[key] for key in answers.tolist()], len(labels))
        real = Ecg(shaped, spec, label, patient=np.full(len(given), "unknown"), source="arrays")
        back = (given, answers)
    models, plan = _plan(real, labels, model, times, counts, gate, seed)
    whole = augmented(real, plan, models).ecg
    if back is None:
        return whole
    given, answers = back
    new = whole[len(given) :]
    keys = [*labels]
    said = np.array([keys[k] for k in new.labels_id], answers.dtype)
    signal = new.signal.reshape(len(new), *given.shape[1:]).astype(given.dtype)
    return np.concatenate([given, signal]), np.concatenate([answers, said])


def _checked(X: ArrayLike, y: ArrayLike | None, fs: float | None) -> tuple[NDArray, NDArray]:
    given, answers = np.asarray(X), np.asarray(y if y is not None else [])
    if given.ndim not in (2, 3) or not np.issubdtype(given.dtype, np.floating):
        raise EcgsynthError(
            f"X has shape {given.shape} of {given.dtype}; give [item, sample] or [item, lead, "
            "sample] of floating-point mV."
        )
    if not given.size:
        raise EcgsynthError(f"X has shape {given.shape} and holds nothing; give items.")
    if answers.shape != (len(given),) or answers.dtype.kind not in "iuUO":
        raise EcgsynthError(
            f"y has shape {answers.shape} of {answers.dtype} for {len(given)} items; give one name "
            "or whole number an item."
        )
    kinds = {str if isinstance(one, str) else int for one in answers.tolist()}
    odd = [one for one in answers.tolist() if not isinstance(one, str | int)]
    if odd or len(kinds) > 1:
        what = f"holds {odd[0]!r}" if odd else "mixes names and numbers"
        raise EcgsynthError(f"y {what}; give one name or whole number an item.")
    if not isinstance(fs, int | float | np.number) or not 0 < fs < np.inf:
        raise EcgsynthError("arrays do not tell their sampling rate; give it, as in fs=360.")
    return given, answers


def _named(y: NDArray, classes: Sequence[str] | Mapping[Any, str] | None) -> dict[Any, str]:
    """Each value of `y`, in rising order, with the model's name of that class."""
    values = np.unique(y).tolist()
    if isinstance(classes, Mapping):
        names = dict(classes)
    elif classes is not None:
        names = dict(enumerate(classes)) if not isinstance(values[0], str) else {}
        names |= {name: name for name in classes if isinstance(values[0], str)}
    elif isinstance(values[0], str):
        names = {value: value for value in values}
    else:
        raise EcgsynthError(
            "y holds numbers; say which class each is, as in classes=('N', 'S', 'V', 'F')."
        )
    unknown = [value for value in values if value not in names]
    if unknown:
        raise EcgsynthError(
            f"y holds {unknown[0]!r}, which `classes` does not name; it names "
            f"{', '.join(map(repr, names))}."
        )
    return {value: str(names[value]) for value in values}


def _spec(
    given: NDArray, fs: float, labels: Mapping[Any, str], unit: Literal["mV", "normalised"],
    r_sample: int | None, model: Model | Mapping[Any, Model],
) -> Spec:  # fmt: skip
    """What arrays leave unsaid is as the model has it: the leads, and the band."""
    if r_sample is not None and not isinstance(r_sample, int | np.integer):
        raise EcgsynthError(f"r_sample is the number of a sample, as in 96; got {r_sample!r}.")
    first = next(iter(model.values()), None) if isinstance(model, Mapping) else model
    made = _loaded(first).spec
    leads = 1 if given.ndim == 2 else given.shape[1]
    if leads != len(made.leads):
        raise EcgsynthError(
            f"X has {leads} leads, and the model makes {len(made.leads)} "
            f"({', '.join(made.leads)}); give those, or take another model."
        )
    names = tuple(str(key) for key in labels)
    return Spec(
        made.leads, fs, given.shape[-1], names, unit=unit, band=made.band, r_sample=r_sample
    )


def _plan(
    real: Ecg, labels: Mapping[Any, str], model: Model | Mapping[Any, Model],
    times: float | Mapping[Any, float] | None, counts: Mapping[Any, int] | None,
    gate: bool | Mapping[str, Any] | Gating, seed: int,
) -> tuple[dict[str, Synthesizer], Plan]:  # fmt: skip
    """The plan that these arguments mean, with the models under the names that it gives them."""
    if (times is None) == (counts is None):
        raise EcgsynthError("give either times, as in times={'S': 4}, or counts={'S': 500}.")
    if counts is not None and not isinstance(counts, Mapping):
        raise EcgsynthError(f"counts go by class, as in counts={{'S': 500}}; got {counts!r}.")
    if times is not None and not isinstance(times, Mapping):
        if len(labels) < 2:
            raise EcgsynthError(
                "a number of times fills up every class but the largest, and there is one alone; "
                f"say which, as in times={{{next(iter(labels))!r}: {times}}}."
            )
        sizes = real.counts()
        largest = max(sizes, key=lambda name: sizes[name])
        times = {key: times for key in labels if str(key) != largest and sizes[str(key)]}
    asked: Mapping[Any, float] = (times if times is not None else counts) or {}
    models: dict[str, Synthesizer] = {}
    shares: dict[str, Any] = {}
    for key, number in asked.items():
        if key not in labels:
            raise EcgsynthError(
                f"no items of class {key!r} are given; there are "
                f"{', '.join(repr(known) for known in labels)}."
            )
        if isinstance(model, Mapping) and key not in model:
            raise EcgsynthError(f"`model` names no generator for class {key!r}; add one.")
        one = model[key] if isinstance(model, Mapping) else model
        loaded = _loaded(one)
        name = str(one) if not isinstance(one, Synthesizer) else loaded.card.id or loaded.card.name
        models.setdefault(name, loaded)
        what = {"times": number} if times is not None else {"count": number}
        label = labels[key] if labels[key] != str(key) else ""
        shares[str(key)] = {"model": name, "label": label, **what}
    if isinstance(gate, Gating):
        settings = gate
    elif not isinstance(gate, bool | Mapping):
        raise EcgsynthError(
            f"gate is True, False or a mapping, as in {{'adherence': False}}; got {gate!r}."
        )
    else:
        words = {"enabled": gate} if isinstance(gate, bool) else dict(gate)
        settings = make_settings(Gating, words, "the gate")
    content = {"name": "arguments", "seed": seed, "classes": shares, "gate": settings}
    return models, Plan.from_dict(content)


def _loaded(model: Model | None) -> Synthesizer:
    if isinstance(model, Synthesizer):
        return model
    if not isinstance(model, str | Path):
        raise EcgsynthError(
            "model is a shipped model's name, a file, a run or a Synthesizer, by class where they "
            f"differ; got {model!r}."
        )
    return Synthesizer.load(model)
