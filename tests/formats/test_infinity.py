"""Infinite numbers: unknown (NaN) in what is read, and never written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from items import beats

from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec

TARGETS = ("set.npz", "set.csv", "set.parquet", "set/", "set.edf/", "set.dcm/", "set.muse.xml/")


def saved(signal: np.ndarray, path: Path) -> Path:
    """A table of others: a row an item, 250 Hz."""
    if path.suffix == ".npz":
        np.savez(path, data=signal, fs=250)
        return path
    frame = pd.DataFrame(signal, columns=[f"ecg_{k}" for k in range(signal.shape[1])])
    frame = frame.assign(fs=250)
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return path


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("ending", ["npz", "csv", "parquet"])
def test_an_infinite_sample_of_others_is_unknown_and_counted(
    tmp_path: Path, ending: str, value: float, caplog: pytest.LogCaptureFixture
) -> None:
    signal = np.random.default_rng(0).normal(0, 0.5, (6, 100))
    signal[2, 5] = signal[4, 99] = value
    ecg = formats.read(saved(signal, tmp_path / f"a.{ending}"))
    assert np.argwhere(np.isnan(ecg.signal)).tolist() == [[2, 0, 5], [4, 0, 99]]
    assert np.isfinite(ecg.signal).sum() == signal.size - 2
    assert f"a.{ending}: 2 samples are infinite" in caplog.text


def test_own_files_of_an_earlier_version_are_read_so_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    formats.write(beats(3), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    arrays["data"][1, 0, 7] = arrays["context"][1, 0] = arrays["onset_s"][2] = np.inf
    np.savez(tmp_path / "a.npz", **arrays)
    ecg = formats.read(tmp_path / "a.npz")
    assert np.isnan([ecg.signal[1, 0, 7], ecg.context[1, 0], ecg.onset_s[2]]).all()  # type: ignore[index]
    for what in ("a sample is", "a context is", "a time is"):
        assert f"a.npz: {what} infinite" in caplog.text


@pytest.mark.parametrize("column", ["signal", "context", "onset_s"])
@pytest.mark.parametrize("target", TARGETS)
def test_an_infinite_number_is_never_written(tmp_path: Path, target: str, column: str) -> None:
    ecg = beats(4)
    values = np.array(getattr(ecg, column))
    values.reshape(4, -1)[3, 0] = np.inf
    parts = [ecg[:2], replace(ecg, **{column: values})[2:]]
    with pytest.raises(EcgsynthError, match=r"item 3 is infinite; give NaN for what is unknown"):
        formats.write(parts, f"{tmp_path}/{target}")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("value", [1e300, -1e39, 10**50])
def test_a_number_beyond_32_bits_is_refused_and_not_made_infinite(value: float) -> None:
    with pytest.raises(EcgsynthError, match="is too large"):
        Ecg(np.full((1, 1, 4), value), Spec(("I",), 100, 4))
    with pytest.raises(EcgsynthError, match="is too large"):
        Ecg(np.zeros((1, 1, 4)), Spec(("I",), 100, 4, context=("age",)), context=[[value]])
