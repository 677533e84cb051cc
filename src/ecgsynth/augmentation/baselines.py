"""What is done about rare classes without a generator: what augmentation is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate

Arm = Literal["none", "weights", "jitter", "smote"]
"""none; class-weighted loss; oversampling with jitter; SMOTE."""

NEIGHBOURS = 5
"""Of SMOTE, as published."""


def make_training_set(
    train: Ecg, arm: Arm, seed: int = 0, more: Mapping[str, int] | None = None
) -> tuple[Ecg, bool]:
    """The training set of an arm, and whether the loss is class-weighted.

    jitter: every class is drawn, with repetition, up to the size of the largest; what is repeated
    gets another gain, position and baseline (`training.augment`). smote: likewise, interpolated
    between nearest items of the class (Chawla et al., JAIR 2002), RR included.
    more: items to add by class, instead.

    Raises
    ------
    EcgsynthError: an unknown arm, items of several classes, SMOTE of a class with too few items or
        without imbalanced-learn.
    """
    if arm not in get_args(Arm):
        raise EcgsynthError(f"no arm named '{arm}'.{did_you_mean(arm, get_args(Arm))}")
    if arm in ("none", "weights"):
        return train, arm == "weights"
    if train.spec.multilabel:
        raise EcgsynthError(f"items of several classes cannot be balanced by {arm}; take none.")
    bare = replace(train, marks=None)
    counts = {name: count for name, count in bare.counts().items() if count}
    if more is None:
        more = {name: max(counts.values()) - count for name, count in counts.items()}
    parts = [bare]
    make = _oversample if arm == "jitter" else _smote
    for name, count in more.items():
        if count:
            random = np.random.default_rng([seed, *name.encode()])
            parts.append(make(bare.of_class(name), count, random, float(train.signal.std())))
    return concatenate(parts), False


def _oversample(part: Ecg, count: int, random: np.random.Generator, sd: float) -> Ecg:
    import torch

    from ecgsynth.training.data.augment import augment

    chosen = part[np.sort(random.integers(len(part), size=count))]
    drawn = torch.Generator().manual_seed(int(random.integers(2**62)))
    scaled = torch.from_numpy(chosen.signal / sd)
    signal = augment(scaled, part.spec.fs, 1.0, drawn).numpy() * sd
    return replace(chosen, signal=signal.astype(np.float32))


def _smote(part: Ecg, count: int, random: np.random.Generator, sd: float) -> Ecg:
    """New items between old ones; to SMOTE, which balances two classes, as many zeros as are wanted
    stand for the other."""
    try:
        from imblearn.over_sampling import SMOTE
    except ImportError:
        raise EcgsynthError(
            "SMOTE comes with imbalanced-learn, which is not here; `pip install imbalanced-learn`."
        ) from None
    if len(part) <= NEIGHBOURS:
        raise EcgsynthError(
            f"SMOTE needs more than {NEIGHBOURS} items of a class; one has {len(part)}."
        )
    context = _fill_missing(np.array(part.context))
    rows = np.concatenate([part.signal.reshape(len(part), -1) / sd, context], 1)
    total = len(part) + count
    both = np.concatenate([rows, np.zeros((total, rows.shape[1]), rows.dtype)])
    side = np.repeat([1, 0], [len(part), total])
    smote = SMOTE(k_neighbors=NEIGHBOURS, random_state=int(random.integers(2**31)))
    new = smote.fit_resample(both, side)[0][len(both) :].astype(np.float32)
    flat, between = np.split(new, [part.signal[0].size], 1)
    # Patient, record and onset are those of the first item: a classifier does not ask.
    rest = part[np.zeros(count, np.int64)]
    signal = (flat * sd).reshape(count, *part.signal.shape[1:]).astype(np.float32)
    return replace(rest, signal=signal, context=between)


def _fill_missing(context: NDArray[np.float32]) -> NDArray[np.float32]:
    """[item, context] with the column's median for what is not known."""
    for column in context.T:
        known = column[np.isfinite(column)]
        column[np.isnan(column)] = np.median(known) if len(known) else 0.0
    return context
