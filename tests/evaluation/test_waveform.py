"""Laws of the waveform metrics: coherence, time warping, autocorrelation, slopes, flat tops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from crowd import constant, exchangeable, few, shuffled, values, with_noise
from numpy.typing import NDArray

from ecgsynth.datasets import load
from ecgsynth.evaluation import NotApplicable, Trial
from ecgsynth.evaluation.baselines.controls import CONTROLS
from ecgsynth.evaluation.intervals import Units
from ecgsynth.evaluation.metrics.fidelity.waveform import _dtw, _lags, _saturated_share, ratio
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg

NAMES = ("wavelet_coherence", "dtw", "autocorrelation", "smoothness", "saturation")


@pytest.fixture(scope="module")
def trial() -> Trial:
    return exchangeable()


# ---- definitions ---------------------------------------------------------------------------


def plain_dtw(x: NDArray, y: NDArray, shift: int) -> float:
    """The textbook's recursion, [sample, lead]."""
    best = np.full((len(x) + 1, len(y) + 1), np.inf)
    best[0, 0] = 0
    for i in range(1, len(x) + 1):
        for j in range(max(1, i - shift), min(len(y), i + shift) + 1):
            before = min(best[i - 1, j], best[i, j - 1], best[i - 1, j - 1])
            best[i, j] = ((x[i - 1] - y[j - 1]) ** 2).sum() + before
    return float(np.sqrt(best[-1, -1]))


def test_time_warping_equals_the_recursion_of_the_textbook() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 4, 2, 30)).cumsum(3)
    found = _dtw(x, y, fs=100.0)  # 50 ms are 5 samples
    plain = [plain_dtw(a.T, b.T, 5) / np.sqrt(60) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(found, plain)


def test_a_spike_may_move_by_fifty_milliseconds_and_no_more() -> None:
    spikes = np.zeros((3, 1, 200))
    spikes[0, 0, 100] = spikes[1, 0, 118] = spikes[2, 0, 119] = 1.0
    assert _dtw(spikes[:1], spikes[1:2], fs=360.0)[0] == 0
    assert _dtw(spikes[:1], spikes[2:], fs=360.0)[0] > 0.05


def test_autocorrelation_equals_that_of_numpy() -> None:
    signal = np.random.default_rng(0).standard_normal((6, 2, 64)).cumsum(2)
    plain = np.zeros((2, 32))
    for item in signal:
        for lead, wave in enumerate(item - item.mean(1, keepdims=True)):
            full = np.correlate(wave, wave, "full")[63:95]
            plain[lead] += full / full[0] / len(signal)
    np.testing.assert_allclose(_lags(signal), plain, atol=1e-6)


def test_flat_runs_at_the_extremes_are_counted_and_others_are_not() -> None:
    wave = np.sin(np.linspace(0, 2 * np.pi, 100, endpoint=False))
    clipped = np.clip(wave, -2, 0.8)
    top = (wave >= 0.8).sum()
    middle = np.where(np.abs(np.arange(100) - 50) < 10, 0.0, wave)  # flat, but at no extreme
    pair = np.where(np.arange(100) // 2 == 25, 3.0, wave)  # two samples make no run
    found = _saturated_share(np.stack([clipped, middle, pair])[:, None])
    assert found[0] == pytest.approx(top / 100, abs=0.08)
    assert found[0] >= top / 100
    assert found[1] <= 0.06
    assert found[2] <= 0.06
    assert _saturated_share(np.ones((1, 1, 9)))[0] == 1


def test_a_ratio_of_means_has_the_interval_of_both() -> None:
    random, names = np.random.default_rng(0), np.repeat(np.arange(30), 20)
    people = [Units(names + 0 * k, "30 people") for k in range(2)]
    of = [np.r_[people[0].of, np.full(600, -1)], np.r_[np.full(600, -1), people[1].of]]
    samples = [replace(one, of=each) for one, each in zip(people, of, strict=True)]
    real = 1 + 0.3 * random.standard_normal(30)[names]
    ours = 2 + 0.3 * random.standard_normal(30)[names]
    found, steady = ratio(ours, real, samples), ratio(np.full(600, 2.0), real, samples)
    assert found.value == pytest.approx(2, abs=0.2)
    errors = [0.3 / np.sqrt(30) * share for share in (2, 1)]  # of real ones, of ours
    assert found.high - found.low == pytest.approx(2 * 2.02 * np.hypot(*errors), rel=0.35)
    assert steady.high - steady.low < found.high - found.low
    assert np.isnan(ratio(ours, 0 * real, samples).value)


def test_slopes_of_beats_twice_as_high_have_four_times_the_energy(trial: Trial) -> None:
    assert trial.test is not None
    doubled = replace(trial.test, signal=2 * trial.test.signal)
    for value in values("smoothness", trial.with_synthetic(doubled)).values():
        assert value == pytest.approx(4, rel=0.02)


# ---- laws ----------------------------------------------------------------------------------


def test_half_of_a_crowd_runs_like_the_other_half(trial: Trial) -> None:
    for name in ("wavelet_coherence", "smoothness"):
        for estimate in METRICS.get(name).measure(trial).values():
            assert estimate.value == pytest.approx(1, abs=0.1)
            assert estimate.low < estimate.value < estimate.high
    assert max(values("autocorrelation", trial).values()) < 0.02
    for estimate in METRICS.get("dtw").measure(trial).values():
        real = float(estimate.note.split("held-out ones ")[1].split(";")[0])
        assert estimate.value == pytest.approx(real, rel=0.3)


def test_more_noise_is_worse(trial: Trial) -> None:
    found = {n: [] for n in NAMES}  # type: dict[str, list[float]]
    for sd in (0.0, 0.03, 0.3):
        one = with_noise(trial, sd)
        for name in NAMES:
            found[name].append(float(np.mean([*values(name, one).values()])))
    for name in ("dtw", "autocorrelation", "smoothness"):
        assert found[name] == sorted(found[name])
    assert found["dtw"][2] > 3 * found["dtw"][0]
    assert found["wavelet_coherence"][2] < found["wavelet_coherence"][0] - 0.05
    assert found["saturation"][2] <= found["saturation"][0]


def test_a_collapsed_set_is_too_uniform_and_too_smooth(trial: Trial) -> None:
    collapsed = CONTROLS["mean beat"](trial)
    bare = np.array(trial.synthetic.signal)  # the same without the 10 uV of noise
    for k in range(2):
        rows = trial.synthetic.labels_id == k
        bare[rows] = bare[rows].mean(0)
    uniform = trial.with_synthetic(replace(trial.synthetic, signal=bare))
    assert min(values("wavelet_coherence", uniform).values()) > 1.02
    assert max(values("smoothness", uniform).values()) < 0.9
    assert min(values("autocorrelation", collapsed).values()) > max(
        values("autocorrelation", trial).values()
    )
    note = METRICS.get("dtw").measure(collapsed)["N"].note  # the trap of random pairs
    drawn, real = note.split("random pairs ")[1].split(", real ")
    assert float(drawn) < float(real)
    assert values("dtw", collapsed)["N"] > values("dtw", trial)["N"]


def test_a_generator_that_ends_at_its_limits_is_saturated(trial: Trial) -> None:
    clipped = replace(trial.synthetic, signal=np.clip(trial.synthetic.signal, -0.1, 0.3))
    found, real = (values("saturation", t) for t in (trial.with_synthetic(clipped), trial))
    assert all(found[group] > real[group] + 0.05 for group in found)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_items_changes_nothing(trial: Trial, name: str) -> None:
    one, other = (values(name, each) for each in shuffled(trial))
    drawn = name in ("wavelet_coherence", "dtw")
    for group in one:
        assert one[group] == pytest.approx(other[group], rel=0.15 if drawn else 1e-4, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_flat_lines_are_judged_and_not_crashed_on(trial: Trial, name: str) -> None:
    found = values(name, constant(trial))
    bad = {"wavelet_coherence": 0.0, "smoothness": 0.0, "saturation": 1.0}
    for group, value in found.items():
        assert value == bad[name] if name in bad else value > 2 * values(name, trial)[group]
    assert trial.test is not None
    flat = replace(trial, test=replace(trial.test, signal=np.zeros_like(trial.test.signal)))
    for estimate in METRICS.get(name).measure(flat).values():
        assert np.isfinite(estimate.value) or "constant" in estimate.note


@pytest.mark.parametrize("name", NAMES)
def test_too_few_items_and_a_missing_class_give_their_reason(trial: Trial, name: str) -> None:
    for estimate in METRICS.get(name).measure(few(trial)).values():
        assert np.isnan(estimate.value)
        assert "at least 10" in estimate.note


def test_wavelets_need_room(trial: Trial) -> None:
    def cut(ecg: Ecg | None) -> Ecg:
        assert ecg is not None
        return replace(
            ecg, signal=ecg.signal[..., :8], spec=replace(ecg.spec, samples=8, r_sample=None)
        )

    short = replace(trial, synthetic=cut(trial.synthetic), test=cut(trial.test))
    with pytest.raises(NotApplicable, match="too short for wavelets"):
        METRICS.get("wavelet_coherence").measure(short)


@pytest.mark.data
def test_on_real_recordings_real_beats_stand_nearer_than_the_gaussian() -> None:
    heldout, train = (load("mitbih", s, classes=("N", "V")) for s in ("heldout", "train"))
    rows = np.random.default_rng(0).permutation(len(train))[:3000]
    trial = Trial(train[np.sort(rows)], heldout, train, quick=True)
    real, gaussian = (CONTROLS[name](trial) for name in ("real", "class gaussian"))
    for name in ("dtw", "autocorrelation"):
        near, far = values(name, real), values(name, gaussian)
        assert all(near[group] < far[group] for group in near)
    for name in ("wavelet_coherence", "smoothness"):
        assert all(0.8 < value < 1.25 for value in values(name, real).values())
