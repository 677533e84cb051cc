"""Training on windows at random places of recordings that may stay on the disk."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tiny_run

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior import ContextPrior
from ecgsynth.signals.scaling import GlobalScaler, _sd, fit_scaler
from ecgsynth.signals.spec import Spec
from ecgsynth.training.data.batches import Batches
from ecgsynth.training.data.training_set import TrainingSet
from ecgsynth.training.loop import train

FS = 100.0


def ramps(count: int, samples: int, path: Path | None = None) -> Ecg:
    """Records whose every sample names its record and its place: record + place / samples."""
    signal = np.arange(count)[:, None, None] + np.linspace(0, 1, samples, endpoint=False)
    signal = signal.astype(np.float32)
    if path is not None:
        np.save(path, signal)
        signal = np.load(path, mmap_mode="r")
    return Ecg(signal, Spec(("II",), FS, samples))


def items_of(ecg: Ecg, window_s: float) -> TrainingSet:
    style = np.zeros(len(ecg), np.int64)
    prior = ContextPrior.fit(ecg, style, {})
    return TrainingSet.of(ecg, style, fit_scaler("global", ecg), prior, {}, window_s)


def test_windows_are_pieces_of_the_records_at_all_places() -> None:
    items = items_of(ramps(4, 1000), 2.0)
    assert items.spec.samples == 200 and items.spec.r_sample is None
    rows = torch.arange(4).repeat(500)
    starts = items.starts(len(rows), torch.Generator().manual_seed(0))
    assert starts is not None
    assert starts.min() < 10 and starts.max() > 790 and starts.max() <= 800
    assert isinstance(items.scaler, GlobalScaler)
    signal = items.signal(rows, starts).numpy() * items.scaler.scale
    place = starts.numpy()[:, None] + np.arange(200)
    np.testing.assert_allclose(signal[:, 0], rows.numpy()[:, None] + place / 1000, atol=1e-4)


def test_records_on_the_disk_are_not_brought_into_memory(tmp_path: Path) -> None:
    ecg = ramps(40, 100_000, tmp_path / "records.npy")  # 16 MB
    items = items_of(ecg, 1.0)
    batches = Batches(items, tiny_run(1, batch=16).training, pairs=False)
    tracemalloc.start()
    for seed in range(5):
        batches.draw(4, torch.Generator().manual_seed(seed), torch.device("cpu"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000 * 4  # less than one record of the 40: the windows alone are read


def test_a_model_that_is_trained_on_windows_makes_items_of_their_length() -> None:
    ecg = ramps(64, 200)
    run = tiny_run(2, window_s=0.64, styles=False)
    made = train(run, data=ecg)
    assert made.spec.samples == 64
    assert made.generate(3).signal.shape == (3, 1, 64)


@pytest.mark.parametrize(
    ("seconds", "why"), [(5.0, "does not fit items of 2 s"), (0.01, "not fit")]
)
def test_a_window_that_does_not_fit_is_refused(seconds: float, why: str) -> None:
    with pytest.raises(EcgsynthError, match=why):
        items_of(ramps(4, 200), seconds)


def test_the_scale_of_chunks_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    ecg = ramps(7, 300)
    monkeypatch.setattr("ecgsynth.signals.scaling.CHUNK", 100)
    found = fit_scaler("global", ecg)
    assert isinstance(found, GlobalScaler)
    assert found.scale == pytest.approx(float(np.std(ecg.signal, dtype=np.float64)), rel=0.06)
    # Fewer than five people: coarse. The chunks themselves are exact.
    assert _sd(ecg.signal.reshape(-1)) == pytest.approx(np.std(ecg.signal, dtype=np.float64))
