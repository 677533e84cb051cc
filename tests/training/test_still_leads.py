"""Records of which a lead is missing, off or saturated are left out of a training, and named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.filters import bandpass
from ecgsynth.signals.joining import concatenate
from ecgsynth.simulator.records import simulate_record
from ecgsynth.training.data.still_leads import leave_out_still_leads


@pytest.fixture(scope="module")
def records() -> Ecg:
    return concatenate([simulate_record(10.0, 250.0, seed=k, patient=k) for k in range(5)])


def spoilt(records: Ecg, item: int, lead: int, part: slice, value: float) -> Ecg:
    signal = records.signal.copy()
    signal[item, lead, part] = value
    return replace(records, signal=signal)


@pytest.mark.parametrize(
    ("part", "value"),
    [(slice(None), 0.0), (slice(0, 600), 0.0), (slice(1000, 1600), 5.0), (slice(-520, None), -3.2)],
    ids=["missing", "off at the begin", "saturated", "off to the end"],
)
def test_a_record_whose_lead_stands_still_is_left_out(
    records: Ecg, part: slice, value: float, caplog: pytest.LogCaptureFixture
) -> None:
    found = leave_out_still_leads(spoilt(records, 2, 7, part, value))
    assert len(found) == 4
    np.testing.assert_array_equal(found.patient, np.delete(records.patient, 2))
    assert "1 of 5 records are left out" in caplog.text
    assert records.spec.leads[7] in caplog.text


def test_a_short_pause_or_a_filtered_record_is_kept(records: Ecg) -> None:
    assert leave_out_still_leads(records) is records
    assert len(leave_out_still_leads(spoilt(records, 2, 7, slice(0, 375), 0.0))) == 5
    narrow = replace(records, signal=bandpass(records.signal, 250.0, 0.5, 40.0))
    assert len(leave_out_still_leads(narrow)) == 5


def test_beats_are_not_looked_at(records: Ecg) -> None:
    spec = replace(records.spec, samples=200)
    beats = replace(records, signal=0 * records.signal[..., :200], spec=spec, marks=None)
    assert leave_out_still_leads(beats) is beats


def test_where_no_record_is_left_this_is_said(records: Ecg) -> None:
    flat = replace(records, signal=0 * records.signal)
    with pytest.raises(EcgsynthError, match=r"5 of 5 .* None is left"):
        leave_out_still_leads(flat)
