"""The header of a set: synthetic ECG is marked, and a person is described by what all items say."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from items import BEAT, beats

from ecgsynth.signals.acquisition import acquisition
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.recording import Recording

MIXED = {"synthetic": 3, "items": 9, "by": ["one-1", "two-2"], "patient": "GAN_V", "real": "a:b"}


@pytest.mark.parametrize(
    ("change", "mark", "device"),
    [
        ({}, "SYNTHETIC", "demo-1a2b3c4d"),
        ({"source": "mitbih:train", "card": None}, "", "mitbih:train"),
        ({"card": {"mixed": MIXED}}, "PARTLY SYNTHETIC", "one-1 and two-2"),
        ({"card": {"mixed": ["of", "others"]}}, "SYNTHETIC", "demo-1a2b3c4d"),
    ],
)
def test_whatever_is_synthetic_is_marked_and_says_who_made_it(
    change: dict[str, object], mark: str, device: str
) -> None:
    found = acquisition(replace(beats(), **change))
    assert (found.mark, found.device, found.start) == (mark, device, None)
    assert found.statement.startswith(f"{mark} ECG".lstrip())
    assert device in found.statement and "not for diagnosis" in found.statement


def test_a_recording_says_when_it_began_and_a_synthetic_one_never_which_device_it_is_like() -> None:
    began = datetime(2026, 1, 2, 3, 4, 5)
    real = Recording(np.zeros((1, 9)), 360, ("II",), source="mine", device="Cart", start=began)
    for recording, mark, device in (
        (real, "", "Cart"),
        (replace(real, source="synthetic:demo-1"), "SYNTHETIC", "demo-1"),
    ):
        found = acquisition(recording)
        assert (found.mark, found.device, found.start) == (mark, device, began)


@pytest.mark.parametrize(
    ("age", "sex", "said"),
    [
        ([60, 60], [1, 1], (60.0, "F")),
        ([60, 60], [0, 0], (60.0, "M")),
        ([60, 61], [0, 1], (None, None)),
        ([np.nan, np.nan], [np.nan, 0], (None, None)),
        ([60, np.nan], [2, 2], (None, None)),
    ],
)
def test_age_and_sex_are_those_that_all_items_have(
    age: list[float], sex: list[float], said: tuple[float | None, str | None]
) -> None:
    spec = replace(BEAT, context=("age", "sex"))
    ecg = Ecg(beats(2).signal, spec, context=np.array([age, sex], np.float32).T)
    found = acquisition(ecg)
    assert (found.age_years, found.sex) == said
