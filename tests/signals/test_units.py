"""Units that cannot be right are named wherever a file is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from wfdb_files import write_record

from ecgsynth import formats
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.units import unit_problem
from ecgsynth.simulator.records import simulate_record

RECORD = simulate_record(10, 250, leads=("II", "V1"))


def scaled(factor: float) -> Ecg:
    return replace(RECORD, signal=RECORD.signal * np.float32(factor))


@pytest.mark.parametrize(("factor", "unit"), [(1000, "uV"), (1, ""), (0.001, "V"), (0, "")])
def test_heights_tell_the_unit(factor: float, unit: str) -> None:
    assert (f"Are they in {unit}?" in unit_problem(scaled(factor))) == bool(unit)


def test_missing_samples_hide_no_unit() -> None:
    signal = scaled(1000).signal.copy()
    signal[:, :, 100:400] = np.nan
    assert "uV" in unit_problem(replace(RECORD, signal=signal))
    assert not unit_problem(replace(RECORD, signal=np.full_like(signal, np.nan)))
    signal[:, 1] = np.nan
    assert "uV" in unit_problem(replace(RECORD, signal=signal))


def test_signals_without_millivolts_have_no_unit_to_doubt() -> None:
    assert not unit_problem(replace(scaled(1000), spec=replace(RECORD.spec, unit="normalised")))


@pytest.mark.parametrize("target", ["set.npz", "set.csv", "set.parquet"])
def test_a_doubtful_unit_is_named_when_a_file_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, target: str
) -> None:
    formats.write(RECORD, tmp_path / target)
    formats.read(tmp_path / target)
    assert "DOUBTFUL" not in caplog.text
    formats.write(scaled(0.001), tmp_path / target)
    formats.read(tmp_path / target)
    assert "THE UNIT IS DOUBTFUL" in caplog.text and "Are they in V?" in caplog.text


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        ("1000(0)/mV", ""),
        ("1(0)/mV", "Are they in uV?"),
        ("0(0)/mV", "200 steps per mV, are a guess"),
        ("1000000(0)/mV", "Are they in V?"),
    ],
)
def test_plot_says_what_is_doubtful_of_a_record(
    command: Command, tmp_path: Path, caplog: pytest.LogCaptureFixture, gain: str, words: str
) -> None:
    steps = [np.round(lead * 1000).astype(int) for lead in RECORD.signal[0]]
    write_record(tmp_path, "a", steps, gain=gain)
    done = command("plot", tmp_path / "a.hea", "--to", "sheet.svg")
    assert done.code == 0, done.err
    assert words in caplog.text
    assert bool(caplog.messages) == bool(words)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
def test_infinite_samples_have_no_height(odd: float) -> None:
    signal = np.array(RECORD.signal)
    signal[:, 0, ::7] = odd
    assert unit_problem(replace(RECORD, signal=signal)) == ""
    signal[:] = odd
    assert unit_problem(replace(RECORD, signal=signal)) == ""
