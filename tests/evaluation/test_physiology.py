"""Intervals against hearts whose truth is known, and the laws of the figures made from them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ks_2samp, wasserstein_distance

from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import NotApplicable, Trial
from ecgsynth.evaluation.baselines.controls import mean_beat
from ecgsynth.evaluation.baselines.samplers import class_gaussian, gaussian
from ecgsynth.evaluation.metrics import physiology
from ecgsynth.evaluation.reference_models.delineation import (
    SHIPPED,
    delineate,
    delineator,
    delineator_errors,
)
from ecgsynth.evaluation.reference_models.unet import load_delineator
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.fiducials import MEASUREMENTS, Fiducials, measure, unmeasurable
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import FIDUCIALS
from ecgsynth.simulator.records import Noise, simulate_beats, simulate_record

OF_BEATS = ("heart_rate", "pr", "qrs", "qt", "qtcf", "p_amplitude", "r_amplitude", "t_amplitude",
            "st_level")  # fmt: skip


def record(seed: int = 1, **more: object) -> Ecg:
    given: dict = {"leads": ("II",), "heart_rate": 72, "seed": seed} | more
    return simulate_record(10.0, 500.0, **given)


def of_marks(ecg: Ecg) -> dict[str, float]:
    """What the simulator knows of its own record."""
    assert ecg.marks is not None
    points = Fiducials.of_marks(ecg.marks, 1, ecg.spec.fs)
    return {n: float(v[0]) for n, v in measure(ecg.signal[:, 0], points).items()}


def delineated(ecg: Ecg) -> dict[str, float]:
    points = delineate(ecg.signal[:, 0], ecg.spec.fs)
    return {n: float(v[0]) for n, v in measure(ecg.signal[:, 0], points).items()}


# ---- measurements ----------------------------------------------------------------------------


def test_intervals_are_the_distances_between_marks() -> None:
    at = np.array([100, 120, 140, 160, 180, 205, 260, 300, 350])
    marks = Marks(
        np.zeros(18), np.full(18, -1), np.concatenate([at, at + 400]), np.tile(FIDUCIALS, 2)
    )
    signal = np.zeros((1, 1000))
    signal[0, [120, 180, 300, 235]] = 0.1, 1.0, 0.3, -0.2
    signal[0, [520, 580, 700, 635]] = 0.1, 1.0, 0.3, -0.2
    found = measure(signal + 5, Fiducials.of_marks(marks, 1, 500.0))
    expected = {
        "heart_rate": 75, "pr": 120, "qrs": 90, "qt": 380, "qtcf": 380 / 0.8 ** (1 / 3),
        "p_amplitude": 0.1, "r_amplitude": 1.0, "t_amplitude": 0.3, "st_level": -0.2,
    }  # fmt: skip
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, abs=1e-6), name
    assert np.isnan(found["rr_sd"][0])  # two beats have one RR
    assert [*found] == [*MEASUREMENTS]


def test_a_metronome_has_no_variability_and_an_alternation_has_its_own() -> None:
    def of(peaks: list[int]) -> dict[str, float]:
        count = len(peaks)
        marks = Marks(np.zeros(count), np.full(count, -1), peaks, np.full(count, "r_peak"))
        found = measure(np.zeros((1, 5000)), Fiducials.of_marks(marks, 1, 500.0))
        return {name: float(values[0]) for name, values in found.items()}

    steady = of([500, 900, 1300, 1700])
    assert steady["rr_sd"] == pytest.approx(0, abs=1e-6)
    assert steady["rmssd"] == pytest.approx(0, abs=1e-6)
    swinging = of([0, 400, 850, 1250, 1700])
    assert swinging["rmssd"] == pytest.approx(100)
    assert swinging["rr_sd"] == pytest.approx(np.std([800, 900, 800, 900], ddof=1))
    assert swinging["heart_rate"] == pytest.approx(60 / 0.85)


def test_a_wave_belongs_to_the_beat_beside_it() -> None:
    symbols = ["t_offset", "p_peak", "p_peak", "r_peak", "t_peak", "t_peak", "r_peak"]
    marks = Marks(np.zeros(7), np.full(7, -1), np.arange(7) * 100, symbols)
    found = Fiducials.of_marks(marks, 1, 500.0)
    assert found["p_peak"][0, 0] == 200
    assert found["t_peak"][0, 0] == 400
    assert np.isnan(found["t_offset"]).all()
    assert np.isnan(found["p_peak"][0, 1])


def test_an_aligned_item_is_measured_at_its_own_beat() -> None:
    at = np.array([10, 20, 30, 40, 50, 60, 70, 80, 90.0])
    points = Fiducials(np.stack([at, at + 100])[None], 250.0)
    signal = np.zeros((1, 256))
    signal[0, 150] = 1
    assert measure(signal, points, r_sample=145)["r_amplitude"][0] == 1
    assert measure(signal, points, r_sample=50)["r_amplitude"][0] == 0
    assert np.isnan(measure(signal, points, r_sample=90)["qrs"][0])
    assert measure(signal, points, r_sample=50, rr_s=np.array([0.5]))["heart_rate"][0] == 120


def test_no_beats_give_no_numbers_and_strangers_are_refused() -> None:
    none = Fiducials(np.full((3, 0, 9), np.nan), 250.0)
    assert all(np.isnan(v).all() and len(v) == 3 for v in measure(np.zeros((3, 99)), none).values())
    with pytest.raises(EcgsynthError, match="do not belong together"):
        measure(np.zeros((2, 99)), none)


def test_windows_that_are_too_short_say_so() -> None:
    beat = Spec(("MLII",), 360.0, 256, context=("rr_before_s",), r_sample=96)
    assert {*unmeasurable(beat)} == {"rr_sd", "rmssd"}
    short = replace(beat, samples=200, r_sample=90)
    assert "306 ms after R; 400 are needed" in unmeasurable(short)["qt"]
    assert "pr" not in unmeasurable(short)
    assert "heart_rate" in unmeasurable(replace(beat, context=()))
    assert "pr" in unmeasurable(replace(beat, r_sample=50))
    assert "r_amplitude" in unmeasurable(replace(beat, unit="normalised"))
    assert unmeasurable(Spec(("II",), 500.0, 5000)) == {}
    assert {*unmeasurable(Spec(("II",), 500.0, 1000))} == {"rr_sd", "rmssd"}


# ---- the delineator --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_simulated_hearts_measure_as_they_were_made(seed: int) -> None:
    ecg = record(seed, noise=Noise(wander_mv=0.05, muscle_mv=0.01))
    truth, found = of_marks(record(seed)), delineated(ecg)
    for name, tolerance in (("pr", 20), ("qrs", 20), ("qt", 40), ("heart_rate", 1), ("rmssd", 8)):
        assert found[name] == pytest.approx(truth[name], abs=tolerance), name
    for name in ("p_amplitude", "r_amplitude", "t_amplitude"):
        assert found[name] == pytest.approx(truth[name], abs=0.06), name


def test_every_beat_of_a_record_is_found_once() -> None:
    ecg = record()
    assert ecg.marks is not None
    peaks = delineate(ecg.signal, 500.0)["r_peak"][0, 0]
    inner = ecg.marks.of(0, "r_peak")
    inner = inner[(inner > 50) & (inner < 4950)]
    away = np.abs(peaks[:, None] - inner)
    assert (np.nanmin(away, 0) <= 3).all()
    assert len(inner) <= np.isfinite(peaks).sum() <= len(inner) + 2


def test_points_stand_in_the_order_of_a_beat() -> None:
    ecg = record(noise=Noise(wander_mv=0.1, muscle_mv=0.05), beats={"N": 0.7, "S": 0.1, "V": 0.2})
    points = delineate(ecg.signal[:, 0], 500.0).sample[0]
    for beat in points:
        assert (np.diff(beat[np.isfinite(beat)]) >= -1).all()
    assert (np.diff(points[:, FIDUCIALS.index("r_peak")]) > 0).all()


def test_gain_offset_and_company_change_nothing() -> None:
    beats = simulate_beats(40, seed=3, patients=2).signal[:, 0]
    one = delineate(beats, 360.0).sample
    np.testing.assert_allclose(delineate(2 * beats + 1, 360.0).sample, one, atol=0.1)
    alone = delineate(beats[5:6], 360.0).sample[0]
    np.testing.assert_allclose(alone, one[5, : len(alone)], atol=0.1)


def test_leads_are_delineated_one_by_one() -> None:
    ecg = record(leads=("II", "V5"))
    both = delineate(ecg.signal, 500.0)
    assert both.sample.shape[:2] == (1, 2)
    alone = delineate(ecg.signal[:, 1], 500.0).sample
    np.testing.assert_allclose(both.sample[:, 1, : alone.shape[1]], alone, atol=0.1)


def test_flat_lines_and_noise_have_no_heart() -> None:
    flat = delineate(np.zeros((3, 256)), 360.0)
    assert not np.isfinite(flat.sample).any()
    broken = np.full((2, 256), np.nan)
    assert delineate(broken, 360.0).sample.shape[0] == 2
    assert delineate(np.zeros((0, 256)), 360.0).sample.shape[0] == 0
    with pytest.raises(EcgsynthError, match="cannot be delineated"):
        delineate(np.zeros((1, 50)), 360.0)


def test_its_own_errors_are_told_and_small() -> None:
    rows = {(row["fiducial"], row["leads"]): row for row in delineator_errors()}
    assert {*rows} == {(name, leads) for name in FIDUCIALS for leads in ("II", "all")}
    onset = rows["qrs_onset", "II"]
    assert onset["sd_ms"] <= 12
    assert min(onset["sensitivity"], onset["precision"]) > 0.97
    facts = delineator()[1]
    assert "ludb:test" not in facts["trained_on"]
    assert facts["measured_on"] == "ludb:test"
    assert len(facts["hash"]) == 12


def test_a_damaged_instrument_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(SHIPPED.read_bytes()[:1000])
    with pytest.raises(EcgsynthError, match="damaged"):
        load_delineator(tmp_path / "x.safetensors")
    with pytest.raises(EcgsynthError, match="missing"):
        load_delineator(tmp_path / "none.safetensors")


# ---- the figures -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trial() -> Trial:
    """Three exchangeable parts of one crowd's beats: as if synthetic, held out, trained."""
    crowd = simulate_beats(
        900, patients=12, beats={"N": 0.6, "V": 0.4}, noise=Noise(muscle_mv=0.01), seed=3
    ).with_classes(("N", "V"))
    order = np.random.default_rng(0).permutation(len(crowd))
    crowd = replace(crowd, record=None, onset_s=None, patient=None, marks=None)
    a, b, c = (crowd[part] for part in np.array_split(order, 3))
    return Trial(a, b, c)


def values(name: str, trial: Trial) -> dict[str, float]:
    return {group: e.value for group, e in METRICS.get(name).measure(trial).items()}


def test_every_measurement_has_its_two_figures_by_name_title_and_unit() -> None:
    described = METRICS.descriptions()
    for what, (_, unit) in MEASUREMENTS.items():
        for kind in ("w1", "ks"):
            found = METRICS.get(f"{what}_{kind}")
            assert found.name == f"{what}_{kind}"
            assert found.title == described[found.name]
            assert found.unit == (unit if kind == "w1" else "share")


def test_distances_equal_those_of_scipy(trial: Trial) -> None:
    ours, theirs = physiology.measurements(trial)
    for name in ("qrs", "r_amplitude", "heart_rate"):
        a, b = (
            side[name][physiology.delineated_rows(trial, ecg, "N")]
            for side, ecg in ((ours, trial.synthetic), (theirs, trial.test))
        )
        a, b = a[np.isfinite(a)], b[np.isfinite(b)]
        assert values(f"{name}_w1", trial)["N"] == pytest.approx(wasserstein_distance(a, b))
        assert values(f"{name}_ks", trial)["N"] == pytest.approx(ks_2samp(a, b).statistic)


def test_a_set_given_twice_is_at_no_distance(trial: Trial) -> None:
    assert trial.test is not None
    same = trial.with_synthetic(trial.test)
    for name in OF_BEATS:
        for kind in ("w1", "ks"):
            found = values(f"{name}_{kind}", same)
            assert np.nanmax([*found.values(), 0.0]) == pytest.approx(0, abs=1e-9)
            assert found["N"] == found["N"]


def test_wider_complexes_are_wider_by_so_many_ms(trial: Trial) -> None:
    from ecgsynth.signals.filters import resample_length

    part = trial.synthetic
    wide = resample_length(part.signal, 307)[..., 19:275]  # 1.2 times, R stays near sample 96
    found = METRICS.get("qrs_w1").measure(trial.with_synthetic(replace(part, signal=wide)))["N"]
    assert 8 < found.value < 35
    assert found.low is not None
    assert found.low > METRICS.get("qrs_w1").measure(trial)["N"].value


def test_taller_waves_are_taller_by_so_many_mv(trial: Trial) -> None:
    part = trial.synthetic
    tall = trial.with_synthetic(replace(part, signal=part.signal * np.float32(1.5)))
    median = np.nanmedian(physiology.measurements(trial)[0]["r_amplitude"][part.labels_id == 0])
    assert values("r_amplitude_w1", tall)["N"] == pytest.approx(median / 2, rel=0.3)
    assert values("r_amplitude_w1", trial)["N"] < 0.1 * median


def test_real_beats_measure_like_real_ones_and_floors_do_not(trial: Trial) -> None:
    for name in ("qrs_ks", "r_amplitude_ks", "p_amplitude_ks"):
        real = values(name, trial)["N"]
        assert real < 0.2
        assert values(name, mean_beat(trial))["N"] > 2 * real
    assert values("delineation_failure", trial)["N"] < 0.02
    assert np.isfinite(values("qrs_w1", gaussian(trial))["N"])


def test_noise_makes_it_worse(trial: Trial) -> None:
    random, found = np.random.default_rng(0), []
    for sd in (0.0, 0.03, 0.06, 1.0):
        signal = trial.synthetic.signal + sd * random.standard_normal(trial.synthetic.signal.shape)
        one = trial.with_synthetic(replace(trial.synthetic, signal=signal.astype(np.float32)))
        names = ("st_level_ks", "t_amplitude_w1", "delineation_failure")
        found.append([values(name, one)["N"] for name in names])
    for k in range(2):
        assert found[0][k] < found[1][k] < found[2][k]
    assert found[0][2] < 0.02
    assert found[3][2] > 0.5


def test_the_order_of_items_changes_nothing(trial: Trial) -> None:
    random = np.random.default_rng(1)
    mixed = trial.with_synthetic(trial.synthetic[random.permutation(len(trial.synthetic))])
    for name in ("qrs_w1", "pr_ks", "t_amplitude_w1", "delineation_failure"):
        assert values(name, mixed) == pytest.approx(values(name, trial), rel=1e-6, nan_ok=True)


def test_a_wave_that_most_beats_lack_is_left_out_with_its_reason(trial: Trial) -> None:
    found = METRICS.get("pr_w1").measure(trial)
    assert np.isfinite(found["N"].value)
    assert np.isnan(found["V"].value)  # a ventricular beat has no P of its own
    assert "not measurable in" in found["V"].note


def of_contexts(ecg: Ecg, **columns: np.ndarray) -> Ecg:
    """The same items with these contexts alone."""
    spec = replace(ecg.spec, context=tuple(columns))
    return replace(ecg, spec=spec, context=np.stack([*columns.values()], 1).astype(np.float32))


def test_qt_of_ectopic_beats_is_corrected_by_the_mean_rr_alone(trial: Trial) -> None:
    beats = trial.synthetic[:80]
    before, mean = np.full(80, 0.4), np.full(80, 0.8)
    both = physiology.measured(of_contexts(beats, rr_before_s=before, rr_mean_s=mean))
    np.testing.assert_allclose(both["qtcf"], both["qt"] / 0.8 ** (1 / 3))
    np.testing.assert_allclose(both["heart_rate"], 150)
    normal = beats.labels_str == "N"
    one = physiology.measured(of_contexts(beats, rr_before_s=before))["qtcf"]
    np.testing.assert_allclose(one[normal], (both["qt"] / 0.4 ** (1 / 3))[normal])
    assert 10 < normal.sum() < 70 and np.isnan(one[~normal]).all()
    unknown = of_contexts(beats, rr_before_s=before)
    unknown = replace(unknown, spec=replace(unknown.spec, classes=()), label=None)
    assert np.isnan(physiology.measured(unknown)["qtcf"]).all()


def test_what_judges_the_contexts_and_what_is_missing_is_in_the_note(trial: Trial) -> None:
    sides = [
        of_contexts(ecg, rr_before_s=ecg.context[:, ecg.spec.context.index("rr_before_s")])
        for ecg in (trial.synthetic, trial.test)
        if ecg is not None and ecg.context is not None
    ]
    one = Trial(*sides)
    assert "needs the mean RR" in METRICS.get("qtcf_w1").measure(one)["V"].note
    assert np.isfinite(METRICS.get("qtcf_w1").measure(one)["N"].value)
    rate = METRICS.get("heart_rate_ks").measure(one)["N"].note
    assert rate.endswith(physiology.FROM_CONTEXT)
    for name in ("qrs_w1", "pr_ks"):
        note = METRICS.get(name).measure(trial)["N"].note
        assert re.search(
            r"not measurable in \d+% of the synthetic and \d+% of the real items", note
        )


def test_few_flat_or_short_items_give_reasons_and_no_crash(trial: Trial) -> None:
    few = METRICS.get("qrs_w1").measure(trial.with_synthetic(trial.synthetic[:5]))
    assert all(np.isnan(e.value) and "needed" in e.note for e in few.values())
    flat = trial.with_synthetic(
        replace(trial.synthetic, signal=np.zeros_like(trial.synthetic.signal))
    )
    assert values("delineation_failure", flat) == {"N": 1.0, "V": 1.0}
    assert all("not measurable" in e.note for e in METRICS.get("qrs_w1").measure(flat).values())
    only = trial.synthetic[trial.synthetic.labels_id == 0]
    assert np.isnan(values("qrs_w1", trial.with_synthetic(only))["V"])
    with pytest.raises(NotApplicable, match="single beat"):
        METRICS.get("rmssd_w1").measure(trial)


def test_records_are_measured_in_lead_two() -> None:
    spec_leads = ("V1", "II")

    def crowd(first: int) -> Ecg:
        people = [
            record(9, patient=first + k, leads=spec_leads, heart_rate=None) for k in range(12)
        ]
        signal = np.concatenate([one.signal for one in people])
        return Ecg(signal, Spec(spec_leads, 500.0, 5000))

    trial = Trial(crowd(0), crowd(100))
    swapped = replace(trial.synthetic, signal=trial.synthetic.signal[:, ::-1])
    found = values("r_amplitude_w1", trial)
    assert {*found} == {"all"}
    assert found["all"] < values("r_amplitude_w1", trial.with_synthetic(swapped))["all"]
    assert values("rmssd_w1", trial)["all"] >= 0
    assert values("heart_rate_w1", trial)["all"] >= 0


def test_quick_looks_at_fewer_items(trial: Trial) -> None:
    crowd = trial.synthetic[np.arange(4000) % len(trial.synthetic)]
    looked = [len(physiology.delineated_rows(replace(trial, quick=q), crowd, "N")) for q in (0, 1)]
    assert looked[0] == 4 * looked[1] > 800


# ---- real recordings -------------------------------------------------------------------------


@pytest.mark.data
def test_real_halves_measure_alike_and_the_gaussian_of_a_class_does_not() -> None:
    classes = ("N", "V")
    heldout, train = (load("mitbih", s, classes=classes) for s in ("heldout", "train"))
    pick = np.random.default_rng(0).permutation(len(train))[:1500]
    trial = Trial(train[np.sort(pick)], heldout, train, quick=True)
    floor = class_gaussian(trial)
    for name in ("qrs_ks", "qrs_w1", "t_amplitude_w1"):
        assert values(name, trial)["N"] < values(name, floor)["N"]
    assert values("pr_ks", trial)["N"] < 0.2
    assert values("delineation_failure", trial)["N"] < 0.02
    assert np.nanmedian(physiology.measurements(trial)[1]["pr"]) == pytest.approx(160, abs=30)


@pytest.mark.data("ludb")
def test_its_errors_on_real_marks_are_those_that_it_tells() -> None:
    ecg = load("ludb", "test", leads=["II"])
    assert ecg.marks is not None
    found = delineate(ecg.signal[:, 0], 500.0)
    told = {(r["fiducial"], r["leads"]): r for r in delineator_errors()}
    for name in ("qrs_onset", "qrs_offset", "p_onset", "t_offset"):
        off = []
        for item in range(len(ecg)):
            marked, at = ecg.marks.of(item, name), found[name][item]
            away = at[np.isfinite(at)][:, None] - marked
            if away.size:
                off += away[np.abs(away).argmin(0), np.arange(len(marked))].tolist()
        off = 2 * np.array(off)
        off = off[np.abs(off) <= 150]
        assert off.mean() == pytest.approx(told[name, "II"]["mean_ms"], abs=1.5)
        assert off.std() == pytest.approx(told[name, "II"]["sd_ms"], abs=2.5)
