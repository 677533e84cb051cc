"""Synthetic items cut, resampled and named like the real items that they join."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.rates import at_rate
from ecgsynth.signals.spec import Spec

PERSON = "GAN_"
"""The patient of a synthetic item is this and its class: never one of the real ones."""


def check_match(spec: Spec, real: Spec, model: str) -> list[str]:
    """What will be done to items of `made` to stand among items of `real`, in sentences.

    model: what the generator is called.

    Raises
    ------
    EcgsynthError: unit, leads or window cannot be matched.
    """
    if spec.unit != real.unit:
        raise EcgsynthError(
            f"{model} makes signals in {spec.unit}, the real set is in {real.unit}; take a set and "
            "a model of one unit."
        )
    absent = [lead for lead in real.leads if lead not in spec.leads]
    if absent:
        raise EcgsynthError(
            f"{model} makes {', '.join(spec.leads)}, not lead {absent[0]} of the real set; take a "
            "model of the same leads."
        )
    first = _window_start(spec, real)
    if first is None:
        raise EcgsynthError(
            f"the window of the real set ({_window(real)}) does not lie within that of {model} "
            f"({_window(spec)}); cut the real items like the model's, or train a model on yours."
        )
    notes = []
    if spec.fs != real.fs:
        notes.append(f"The items of {model} were resampled from {spec.fs:g} to {real.fs:g} Hz.")
    if spec.band != real.band:
        notes.append(
            f"The band of {model} ({_band(spec)}) is not that of the real set ({_band(real)}): a "
            "classifier may learn that."
        )
    return notes


def match_items(items: Ecg, real: Spec, name: str) -> Ecg:
    """The items in the real set's leads, rate, window and vocabulary, as class `name`.

    A context that the generator does not know is NaN.
    """
    first = _window_start(items.spec, real)
    assert first is not None
    context = np.full((len(items), len(real.context)), np.nan, np.float32)
    for column, what in enumerate(real.context):
        if what in items.spec.context:
            assert items.context is not None
            context[:, column] = items.context[:, items.spec.context.index(what)]
    at = at_rate(items, real.fs)
    # Lengths are rounded where rates differ: a sample that is missing is its neighbour.
    window = np.clip(first + np.arange(real.samples), 0, at.spec.samples - 1)
    leads = [items.spec.leads.index(lead) for lead in real.leads]
    valid = items.valid
    if valid is not None:
        valid = np.round(valid * real.fs / items.spec.fs).astype(np.int32) - first
        valid = valid.clip(1, real.samples)
    return Ecg(
        signal=np.ascontiguousarray(at.signal[:, leads][..., window]),
        spec=real,
        label=one_hot(np.full(len(items), real.class_index(name)), len(real.classes)),
        context=context,
        valid=valid,
        source=items.source,
        card=items.card,
    )


def add_columns(real: Ecg, items: Ecg, name: str) -> Ecg:
    """The items with every column that the real set has; their person is `GAN_<class>`."""
    count = len(items)
    who = np.full(count, PERSON + name)
    columns: dict[str, object] = {"patient": who}
    if real.record is not None:
        columns["record"] = who
    if real.onset_s is not None:
        columns["onset_s"] = np.full(count, np.nan)
    if real.start is not None:
        columns["start"] = np.full(count, "")
    if real.valid is None:
        columns["valid"] = None
    elif items.valid is None:
        columns["valid"] = np.full(count, real.spec.samples)
    if real.marks is not None:
        columns["marks"] = real.marks.select(np.zeros(0, np.int64))
    return replace(items, **columns)  # type: ignore[arg-type]


def _window_start(spec: Spec, real: Spec) -> int | None:
    """Sample of the resampled items at which the real window begins; None where it is not held."""
    ratio = real.fs / spec.fs
    samples = math.ceil(spec.samples * ratio)
    if spec.r_sample is None or real.r_sample is None:
        return 0 if abs(samples - real.samples) <= 1 else None
    first = round(spec.r_sample * ratio) - real.r_sample
    return first if first >= -1 and first + real.samples <= samples + 1 else None


def _window(spec: Spec) -> str:
    r = "" if spec.r_sample is None else f", R at {spec.r_sample}"
    return f"{spec.samples} samples at {spec.fs:g} Hz{r}"


def _band(spec: Spec) -> str:
    if spec.band == (None, None):
        return "not stated"
    low, high = spec.band
    return f"{low or 0:g} Hz to {f'{high:g} Hz' if high else 'the highest'}"
