"""NPZ archives of others: what is needed is asked for, what is not stated is not guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import SYNTHETIC, Ecg, one_hot
from ecgsynth.signals.spec import Spec

MICROVOLT = ("uv", "µv", "μv")
"""How files of others spell a thousandth of a mV: with a u, the micro sign or the Greek letter."""


def foreign(arrays: dict[str, NDArray], path: Path) -> Ecg:
    """Items from the arrays of somebody else's NPZ, under the keys that `Npz.read` names.

    Raises
    ------
    EcgsynthError: no sampling rate, or arrays that do not fit each other.
    """
    data = arrays["data"]
    if data.ndim not in (2, 3):
        raise EcgsynthError(
            f"{path}: 'data' has shape {data.shape}; it must be [item, sample] or "
            "[item, lead, sample]."
        )
    data = data[:, None] if data.ndim == 2 else data
    fs = arrays.get("fs")
    if fs is None or fs.size != 1 or not np.issubdtype(fs.dtype, np.number):
        raise EcgsynthError(
            f"{path} states no sampling rate; save it again with a number fs=... in Hz."
        )
    leads = _texts(arrays.get("leads")) or [f"lead{k + 1}" for k in range(data.shape[1])]
    if len(leads) != data.shape[1] or data.shape[1] > max(64, data.shape[2]):
        raise EcgsynthError(
            f"{path}: 'data' of shape {data.shape} does not fit {len(leads)} leads; its axes must "
            "be [item, lead, sample] (np.swapaxes(data, 1, 2) turns [item, sample, lead])."
        )
    classes, ids = labels_of(arrays, len(data), path)
    unit = str(arrays["unit"]) if "unit" in arrays else "mV"
    if unit.lower() in MICROVOLT:
        data, unit = (data / 1000).astype(np.float32), "mV"
    synthetic = bool(arrays["synthetic"].any()) if "synthetic" in arrays else False
    return Ecg(
        data,
        Spec(
            tuple(leads),
            float(fs.item()),
            data.shape[2],
            tuple(classes),
            unit=unit,  # type: ignore[arg-type]
            band=band_of(arrays, path),
            r_sample=r_sample_of(arrays, data.shape[2], path),
        ),
        label=one_hot(ids, len(classes)),
        patient=arrays["pid"].astype(np.str_) if "pid" in arrays else None,
        source=(SYNTHETIC if synthetic else "") + path.name,
    )


def labels_of(
    arrays: dict[str, NDArray], count: int, path: Path
) -> tuple[list[str], NDArray[np.int64]]:
    """Class names, and a number per item, -1 where it has none."""
    key = next((k for k in ("labels_str", "labels_id", "labels") if k in arrays), None)
    if key is None:
        return [], np.full(count, -1)
    labels = arrays[key]
    classes = _texts(arrays.get("classes"))
    if labels.shape != (count,):
        raise EcgsynthError(
            f"{path}: '{key}' has shape {labels.shape}; it must hold one label for each of the "
            f"{count} items."
        )
    _refuse_contradiction(arrays, classes, path)
    if labels.dtype.kind in "iu" and classes:
        if labels.max() >= len(classes):
            raise EcgsynthError(
                f"{path}: '{key}' holds the number {labels.max()}, but 'classes' has "
                f"{len(classes)} names."
            )
        return classes, labels.astype(np.int64)
    names = labels.astype(np.str_)
    classes = classes or sorted(set(names.tolist()) - {""})
    unknown = set(names.tolist()) - {"", *classes}
    if unknown:
        raise EcgsynthError(f"{path}: the label '{min(unknown)}' is not in 'classes'.")
    number = {name: k for k, name in enumerate(classes)}
    return classes, np.array([number.get(name, -1) for name in names.tolist()], np.int64)


def _refuse_contradiction(arrays: dict[str, NDArray], classes: list[str], path: Path) -> None:
    """Numbers and names of labels that are both there have to say the same."""
    ids, names = arrays.get("labels_id"), arrays.get("labels_str")
    if ids is None or names is None or not classes or ids.dtype.kind not in "iu":
        return
    known = np.array([*classes, ""])  # -1 = none
    if ids.shape != names.shape or not ((ids >= -1) & (ids < len(classes))).all():
        return  # said where they are taken
    if differ := int((known[ids] != names.astype(np.str_)).sum()):
        raise EcgsynthError(
            f"{path}: 'labels_id' and 'labels_str' contradict each other in {differ} of "
            f"{len(ids)} items; leave one of them out."
        )


def band_of(arrays: dict[str, NDArray], path: Path) -> tuple[float | None, float | None]:
    """Edges in Hz; NaN or 0 is an open one."""
    band = arrays.get("band", np.zeros(2))
    if band.shape != (2,) or band.dtype.kind not in "iuf":
        raise EcgsynthError(f"{path}: 'band' must be two numbers in Hz, 0 for an open edge.")
    low, high = (float(edge) if edge > 0 else None for edge in band)
    return low, high


def r_sample_of(arrays: dict[str, NDArray], samples: int, path: Path) -> int | None:
    at = arrays.get("r_sample")
    if at is None:
        return None
    if at.size != 1 or at.dtype.kind not in "iu" or not 0 <= at.item() < samples:
        raise EcgsynthError(f"{path}: 'r_sample' must be a sample between 0 and {samples - 1}.")
    return int(at.item())


def _texts(array: NDArray | None) -> list[str]:
    return [] if array is None else [str(name) for name in np.atleast_1d(array)]
