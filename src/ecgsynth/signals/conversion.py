"""An ECG as objects of pandas, MNE-Python and wfdb."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError

if TYPE_CHECKING:  # an Ecg converts itself, so that nothing here imports it
    from ecgsynth.signals.ecg import Ecg
    from ecgsynth.signals.spec import Spec

STATEMENT = "SYNTHETIC ECG: not from a patient and not for diagnosis."
"""In every object that can hold a text, where the signals are synthetic."""

V_PER_MV = 1e-3
"""MNE counts in V."""


def item_columns(ecg: Ecg) -> dict[str, Any]:
    """What is known of each item beside its signal: label, columns of the set, contexts."""
    columns: dict[str, Any] = {"label": ecg.labels_str} if ecg.spec.classes else {}
    for name in ("patient", "record", "start", "onset_s", "valid"):
        if getattr(ecg, name) is not None:
            columns[name] = getattr(ecg, name)
    assert ecg.context is not None
    return columns | dict(zip(ecg.spec.context, ecg.context.T, strict=True))


def to_dataframe(ecg: Ecg, signal: bool) -> Any:
    """A `pandas.DataFrame` with a row per item; see `Ecg.to_dataframe`."""
    import pandas as pd

    facts = pd.DataFrame(item_columns(ecg), index=range(len(ecg)))
    if not signal:
        return facts
    names = [f"{lead}_{k}" for lead in ecg.spec.leads for k in range(ecg.spec.samples)]
    values = pd.DataFrame(ecg.signal.reshape(len(ecg), len(names)), columns=names)
    return pd.concat([facts, values], axis=1)


def to_epochs(ecg: Ecg) -> Any:
    """An `mne.EpochsArray`; see `Ecg.to_mne`."""
    mne = _mne()
    _check_mv(ecg.spec)
    if not len(ecg):
        raise EcgsynthError("an empty set has no epochs; give one with items.")
    names = [name or "unlabelled" for name in ecg.labels_str.tolist()]
    number = {name: k + 1 for k, name in enumerate(dict.fromkeys(names))}
    events = np.zeros((len(ecg), 3), np.int64)
    events[:, 0] = np.arange(len(ecg)) * ecg.spec.samples
    events[:, 2] = [number[name] for name in names]
    return mne.EpochsArray(
        ecg.signal.astype(np.float64) * V_PER_MV,
        mne_info(mne, ecg.spec.leads, ecg.spec.fs, ecg.synthetic),
        events,
        tmin=-(ecg.spec.r_sample or 0) / ecg.spec.fs,
        event_id=number,
        metadata=to_dataframe(ecg, signal=False) if item_columns(ecg) else None,
        proj=False,
        verbose="ERROR",
    )


def to_raw(
    signal: NDArray, leads: Sequence[str], fs: float, synthetic: bool, *, onset_s: NDArray,
    symbol: Sequence[str], person: str = "", start: datetime | None = None,
) -> Any:  # fmt: skip
    """An `mne.io.RawArray` of a recording [lead, sample] in mV; see `Recording.to_mne`."""
    mne = _mne()
    info = mne_info(mne, leads, fs, synthetic)
    if person:
        info["subject_info"] = {"his_id": person}
    raw = mne.io.RawArray(signal.astype(np.float64) * V_PER_MV, info, verbose="ERROR")
    if start is not None:
        raw.set_meas_date(start.replace(tzinfo=start.tzinfo or UTC).astimezone(UTC))
    notes = mne.Annotations(onset_s, np.zeros(len(onset_s)), list(symbol), raw.info["meas_date"])
    return raw.set_annotations(notes, verbose="ERROR")


def to_wfdb(
    signal: NDArray, leads: Sequence[str], fs: float, synthetic: bool, *, name: str,
    sample: NDArray, symbol: Sequence[str],
) -> tuple[Any, Any]:  # fmt: skip
    """A `wfdb.Record` of a signal [lead, sample] in mV and its `wfdb.Annotation`.

    A symbol that is no code of WFDB, such as that of a fiducial, is a note (`"`) with its name.
    """
    import wfdb

    record = wfdb.Record(
        record_name=name, n_sig=len(leads), fs=fs, sig_len=signal.shape[1], sig_name=list(leads),
        units=["mV"] * len(leads), p_signal=signal.T.astype(np.float64),
        comments=[STATEMENT] if synthetic else [],
    )  # fmt: skip
    codes = [code if len(code) == 1 else '"' for code in symbol]
    notes = ["" if len(code) == 1 else str(code) for code in symbol]
    marks = wfdb.Annotation(
        name, "atr", np.asarray(sample, np.int64), symbol=codes, aux_note=notes, fs=fs
    )
    return record, marks


def mne_info(mne: ModuleType, leads: Sequence[str], fs: float, synthetic: bool) -> Any:
    """MNE's description of ECG channels."""
    info = mne.create_info(list(leads), fs, "ecg", verbose="ERROR")
    if synthetic:
        info["description"] = STATEMENT
    return info


def _check_mv(spec: Spec) -> None:
    if spec.unit != "mV":
        raise EcgsynthError(f"MNE needs signals in mV, and these are {spec.unit}.")


def _mne() -> ModuleType:
    """MNE-Python.

    Raises
    ------
    EcgsynthError: it is not installed.
    """
    try:
        import mne
    except ImportError:
        raise EcgsynthError(
            "MNE-Python is not installed; run `pip install 'ecgsynth[mne]'`."
        ) from None
    module: ModuleType = mne
    return module
