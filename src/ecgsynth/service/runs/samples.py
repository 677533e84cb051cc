"""The newest samples of a training: arrays, never unpickled."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from ecgsynth.errors import EcgsynthError
from ecgsynth.service.runs.reader import Log, is_inside
from ecgsynth.signals.spec import Spec
from ecgsynth.synthesizer.card import Card

MOST_ITEMS = 12
MOST_BYTES = 4 << 20
"""Most bytes of one sample: twelve leads for a minute at 1,000 Hz are 3 MiB."""
MOST_CARD = 16 << 20


class Sample(BaseModel):
    """signal: [lead][sample]."""

    label: str
    signal: list[list[float]]


class Samples(BaseModel):
    """examples: position of the training; fs: Hz; unit: mV or normalised, null if unknown."""

    examples: int
    fs: float | None
    leads: list[str]
    unit: str | None
    items: list[Sample]


def newest(folder: Path, log: Log) -> Samples:
    """The samples of the last epoch, else those of the last health check."""
    card = _card(folder)
    for epoch in _epochs(folder):
        samples = [one for path in _files(epoch) if (one := _array(path, folder)) is not None]
        if samples:
            return _of_epoch(int(epoch.name.rpartition("_")[2]), samples, card, log)
    return _of_health(card, log)


def _of_epoch(epoch: int, samples: list[np.ndarray], card: Card | None, log: Log) -> Samples:
    spec = _spec(card, samples[0].shape)
    classes = card.prior.get("classes") if card and spec else None
    # The classes of the samples alternate.
    turns = [*classes] if isinstance(classes, dict) else []
    items = card.data.get("items") if card else None
    examples = epoch * items if isinstance(items, int) else log.view.examples
    return Samples(
        examples=examples, fs=spec.fs if spec else None,
        leads=[*spec.leads] if spec else [str(k + 1) for k in range(len(samples[0]))],
        unit=spec.unit if spec else None,
        items=[
            Sample(label=turns[k % len(turns)] if turns else "", signal=one.tolist())
            for k, one in enumerate(samples)
            if one.shape == samples[0].shape
        ],
    )  # fmt: skip


def _of_health(card: Card | None, log: Log) -> Samples:
    """One item per class with few points, in the critic's scale, so not in mV."""
    line = next((one for one in reversed(log.lines) if isinstance(one.get("samples"), dict)), {})
    items = []
    for label, values in line.get("samples", {}).items():
        try:
            signal = np.asarray(values, np.float64)
        except (ValueError, TypeError):
            continue
        if signal.ndim == 1 and 0 < len(signal) <= 1000 and np.isfinite(signal).all():
            items.append(Sample(label=str(label)[:80], signal=[signal.tolist()]))
    spec = _spec(card, None)
    fs = len(items[0].signal[0]) / spec.seconds if spec and items else None
    return Samples(
        examples=line.get("examples", 0), fs=fs, leads=[spec.leads[0] if spec else "1"],
        unit="normalised" if items else None, items=items[:MOST_ITEMS],
    )  # fmt: skip


def _epochs(folder: Path) -> list[Path]:
    try:
        samples = [*(folder / "samples").iterdir()]
    except OSError:
        return []
    named = [one for one in samples if re.fullmatch(r"epoch_\d{4,9}", one.name)]
    return sorted(named, key=lambda one: int(one.name[6:]), reverse=True)[:3]


def _files(epoch: Path) -> list[Path]:
    return sorted(epoch.glob("sample_*.npy"))[:MOST_ITEMS]


def _array(path: Path, folder: Path) -> np.ndarray | None:
    """[lead, sample]; None if it is no such array, is too large or outside the folder."""
    if not is_inside(path, folder):
        return None
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        # Memory-mapped: a header that states more than the file has is rejected.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind != "f":
            return None
        signal = np.asarray(array, np.float64)
    except (OSError, ValueError, EOFError, OverflowError, SyntaxError):
        return None
    finite = signal.size > 0 and len(signal) <= 24 and bool(np.isfinite(signal).all())
    return signal.round(4) if finite else None


def _card(folder: Path) -> Card | None:
    path = folder / "card.json"
    try:
        if is_inside(path, folder) and path.stat().st_size < MOST_CARD:
            return Card.model_validate_json(path.read_bytes())
    except (OSError, ValueError, EcgsynthError):
        pass
    return None


def _spec(card: Card | None, shape: tuple[int, ...] | None) -> Spec | None:
    """The spec of the samples from the card, if it fits them."""
    try:
        spec = Spec.from_json(card.spec) if card else None
    except (EcgsynthError, TypeError, ValueError):
        return None
    return spec if spec and shape in (None, (len(spec.leads), spec.samples)) else None
