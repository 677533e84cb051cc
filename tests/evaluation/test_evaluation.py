"""Laws of the judge: what every metric owes to real, noisy, collapsed, copied and permuted sets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecgsynth.datasets import load
from ecgsynth.datasets.store import data_root
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import Estimate, Metric, NotApplicable, Trial, judge, pick
from ecgsynth.evaluation.baselines import calibration, control_figures, statistics
from ecgsynth.evaluation.baselines.controls import CLASS_GAUSSIAN, CONTROLS, NARROW_BAND
from ecgsynth.evaluation.baselines.statistics import Reference
from ecgsynth.evaluation.judge import evaluate
from ecgsynth.evaluation.metrics.fidelity import c2st
from ecgsynth.evaluation.real_sets import load_like
from ecgsynth.evaluation.report import Row
from ecgsynth.formats import write
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.spec import Spec
from ecgsynth.simulator.records import Noise, simulate_beats

DRAWN = {
    "c2st", "c2st_conditional", "c2st_trained", "dtw", "fairness_coverage", "frechet_ratio", "mmd",
    "nn_membership", "domias", "nn_distance_ratio", "prd_random", "rmse_random", "singling_out",
    "spread", "wavelet_coherence",
}  # fmt: skip
"""Metrics that pair or split items at random: a permutation changes them by chance alone."""

OF_TWO_SETS = [
    name for name in METRICS.names()
    if not METRICS.get(name).costly and "new_patients" not in METRICS.get(name).needs
]  # fmt: skip

CLASSES = ("N", "S", "V", "F")


def values(name: str, trial: Trial) -> dict[str, float]:
    metric: Metric = METRICS.get(name)
    return {group: estimate.value for group, estimate in metric.measure(trial).items()}


@pytest.fixture(scope="module")
def trial() -> Trial:
    """Three exchangeable parts of one crowd's beats: as if synthetic, held out, trained."""
    crowd = simulate_beats(
        2700, patients=12, beats={"N": 0.6, "V": 0.4}, noise=Noise(muscle_mv=0.01), seed=3
    ).with_classes(("N", "V"))
    order = np.random.default_rng(0).permutation(len(crowd))
    crowd = replace(crowd, record=None, onset_s=None, patient=None, marks=None)
    a, b, c = (crowd[part] for part in np.array_split(order, 3))
    return Trial(a, b, c, reference=Reference.measure(b), quick=True)


@pytest.fixture(scope="module")
def sets(trial: Trial) -> dict[str, Trial]:
    made = {name: make(trial) for name, make in CONTROLS.items() if name != "mixup"}
    return {"the set": trial} | made  # nobody is named, so that there is nobody to mix


@pytest.mark.parametrize("name", ["c2st", "frechet", "mmd", "psd_distance", "amplitude_w1",
                                  "rmse_nearest", "prd_nearest"])  # fmt: skip
def test_real_beats_lie_nearer_to_real_beats_than_noise_does(
    sets: dict[str, Trial], name: str
) -> None:
    real, noise = values(name, sets["the set"]), values(name, sets["noise"])
    assert all(real[group] < noise[group] for group in real)


@pytest.mark.parametrize("name", ["coverage", "coverage_signal", "density", "density_signal"])
def test_real_beats_fill_more_of_the_real_set_than_noise_does(
    sets: dict[str, Trial], name: str
) -> None:
    real, noise = values(name, sets["the set"]), values(name, sets["noise"])
    assert all(real[group] > 2 * noise[group] for group in real)


@pytest.mark.parametrize("name", ["frechet", "mmd", "psd_distance", "rmse_nearest", "c2st"])
def test_more_noise_is_worse(trial: Trial, name: str) -> None:
    random, found = np.random.default_rng(0), []
    for sd in (0.0, 0.03, 0.3):
        signal = trial.synthetic.signal + sd * random.standard_normal(trial.synthetic.signal.shape)
        one = trial.with_synthetic(replace(trial.synthetic, signal=signal.astype(np.float32)))
        found.append(np.mean([*values(name, one).values()]))
    assert found[0] < found[1]
    assert found[1] < found[2] or found[1] > 0.99


def test_later_beats_lie_as_far_off_as_they_are_late(trial: Trial) -> None:
    rr = trial.synthetic.context + np.float32(0.2)
    one = values("rr_w1", trial.with_synthetic(replace(trial.synthetic, context=rr)))
    assert all(value > 0.1 for value in one.values())
    assert values("rr_w1", trial)["N"] < 0.05


def test_a_shifted_baseline_shows_in_the_mean_beat(trial: Trial) -> None:
    signal = trial.synthetic.signal + np.float32(0.1)
    one = values("mean_beat_error", trial.with_synthetic(replace(trial.synthetic, signal=signal)))
    assert one["N"] == pytest.approx(0.1, abs=0.03)
    assert values("mean_beat_error", trial)["N"] < 0.03


@pytest.mark.parametrize("name", OF_TWO_SETS)
def test_the_order_of_items_changes_nothing(trial: Trial, name: str) -> None:
    same, random = equal_counts(trial), np.random.default_rng(1)
    assert same.test is not None
    assert same.train is not None
    mixed = replace(
        same,
        synthetic=same.synthetic[random.permutation(len(same.synthetic))],
        test=same.test[random.permutation(len(same.test))],
        train=same.train[random.permutation(len(same.train))],
    )
    try:
        one, other = values(name, same), values(name, mixed)
    except NotApplicable:
        pytest.skip("says nothing of single beats of one lead")
    for group in one:
        close = {"rel": 0.25, "abs": 0.06} if name in DRAWN else {"rel": 1e-4, "abs": 1e-6}
        if name == "domias":  # few beats are attacked here
            close["abs"] = 0.25
        assert one[group] == pytest.approx(other[group], nan_ok=True, **close)


def equal_counts(trial: Trial) -> Trial:
    """The trial with as many synthetic as held-out items of each class, 150 at most: then metrics
    that measure a sample measure all."""
    random = np.random.default_rng(0)
    synthetic, test = (
        concatenate([pick(ecg.of_class(name), 150, random) for name in ecg.spec.classes])
        for ecg in trial.matched
    )
    return replace(trial, synthetic=synthetic, test=test)


def test_a_collapsed_set_wins_on_random_pairs_and_fails_diversity(sets: dict[str, Trial]) -> None:
    for name in ("rmse_random", "prd_random"):
        real, collapsed = values(name, sets["the set"]), values(name, sets["mean beat"])
        assert all(collapsed[group] < real[group] for group in real)
    for name in ("coverage", "coverage_signal", "spread"):
        real, collapsed = values(name, sets["the set"]), values(name, sets["mean beat"])
        assert all(collapsed[group] < 0.5 * real[group] for group in real)


def test_copies_fail_privacy_and_real_beats_do_not(trial: Trial, sets: dict[str, Trial]) -> None:
    copies = METRICS.get("memorisation").measure(sets["copy"])
    real = METRICS.get("memorisation").measure(trial)
    for group in ("N", "V"):
        assert copies[group].value > 0.95
        assert copies[group].low > real[group].high
        assert real[group].low < 0.5 < real[group].high


def test_coverage_of_identical_distributions_is_one_minus_two_to_the_minus_five(
    trial: Trial,
) -> None:
    assert values("coverage_signal", trial)["N"] == pytest.approx(1 - 2**-5, abs=0.03)
    assert values("density_signal", trial)["N"] == pytest.approx(1, abs=0.15)


def test_two_random_halves_cannot_be_told_apart(trial: Trial) -> None:
    each = [METRICS.get("c2st").measure(replace(trial, seed=seed))["all"] for seed in range(3)]
    assert np.mean([one.value for one in each]) == pytest.approx(0.5, abs=0.03)
    # One of twenty intervals misses: which seed's that is differs from machine to machine.
    assert sum(one.low < 0.5 < one.high for one in each) >= 2


def test_a_set_given_twice_is_at_no_distance(trial: Trial) -> None:
    assert trial.test is not None
    same = trial.with_synthetic(trial.test)
    for name in ("frechet", "psd_distance", "amplitude_w1", "mean_beat_error", "rmse_nearest"):
        assert all(abs(value) < 1e-3 for value in values(name, same).values())
    assert values("coverage", same) == {"N": 1.0, "V": 1.0}


# ---- real recordings -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def mitbih() -> dict[str, Ecg]:
    return {split: load("mitbih", split, classes=CLASSES) for split in ("train", "heldout")}


@pytest.mark.data
def test_the_controls_stand_in_their_order_on_real_recordings(mitbih: dict[str, Ecg]) -> None:
    heldout, train = mitbih["heldout"], mitbih["train"]
    rows = np.random.default_rng(0).permutation(len(train))[:3000]
    trial = Trial(train[np.sort(rows)], heldout, train, quick=True)
    one = {name: make(trial) for name, make in CONTROLS.items()}
    coverage = {name: values("coverage_signal", part)["N"] for name, part in one.items()}
    order = ("mean beat", "class gaussian", "gaussian", "real")
    assert sorted(order, key=coverage.__getitem__) == list(order)
    assert coverage["class gaussian"] < 0.2
    assert coverage["real"] > 0.5
    memory = {name: values("memorisation", one[name]) for name in ("copy", "real")}
    assert all(memory["copy"][name] > 0.9 for name in CLASSES)
    assert all(memory["real"][name] < 0.85 for name in "NSV")  # F: 16 held-out beats say little


@pytest.mark.data
def test_half_a_set_equals_the_other_half_but_not_another_class(mitbih: dict[str, Ecg]) -> None:
    normal = mitbih["train"].of_class("N")
    order = np.random.default_rng(0).permutation(len(normal))
    a, b = normal[order[:1000]], normal[order[1000:2000]]
    trial = Trial(a, b, reference=Reference.measure(b), quick=True)
    assert values("coverage", trial)["N"] == pytest.approx(0.969, abs=0.03)
    assert values("frechet", trial)["N"] < 2


# ---- evaluate(): sets of any origin --------------------------------------------------------


@pytest.fixture(scope="module")
def crowd() -> dict[str, Ecg]:
    """Simulated sets with people, records and times: 12 people, N, S, V and F."""
    return {part: load("simulated", part, patients=12, beats=120) for part in ("train", "heldout")}


@pytest.fixture(scope="module")
def made(crowd: dict[str, Ecg]) -> Ecg:
    """A set that is judged: 300 training beats with a little noise."""
    part = crowd["train"][:300]
    noise = 0.01 * np.random.default_rng(0).standard_normal(part.signal.shape)
    return Ecg(
        (part.signal + noise).astype(np.float32), part.spec, part.label, part.context,
        source="synthetic:made",
    )  # fmt: skip


def worth_it(metric: str) -> set[str]:
    """Controls by which a figure is judged."""
    return {name for name in CONTROLS if control_figures.is_measured(METRICS.get(metric), name)}


FEW = ["coverage", "frechet", "psd_distance", "memorisation"]


def judged(made: Ecg, crowd: dict[str, Ecg], **more: object) -> judge.Report:
    given: dict = {"metrics": FEW, "quick": True, "controls": False} | more
    return evaluate(made, crowd["heldout"], crowd["train"], **given)


def test_an_unknown_metric_is_answered_with_the_nearest(made: Ecg, crowd: dict[str, Ecg]) -> None:
    with pytest.raises(EcgsynthError, match="Did you mean 'coverage'"):
        judged(made, crowd, metrics=["coverege"])


def test_unlabelled_sets_are_judged_as_one_class(made: Ecg, crowd: dict[str, Ecg]) -> None:
    bare = Ecg(made.signal, replace(made.spec, classes=()), context=made.context)
    report = judged(bare, crowd, controls=True)
    assert {row.group for row in report.rows} == {"all"}
    assert report["coverage"].value is not None
    assert "gaussian" in report["coverage"].controls
    assert any("no labels" in note for note in report.notes)


def test_classes_that_are_not_shared_are_left_out_and_named(
    made: Ecg, crowd: dict[str, Ecg]
) -> None:
    renamed = replace(made, spec=replace(made.spec, classes=("N", "X", "V", "F")))
    report = judged(renamed, crowd)
    assert "X" in " ".join(report.notes)
    assert {row.group for row in report.rows} == {"N", "V", "F"}
    with pytest.raises(EcgsynthError, match="share no class"):
        judged(replace(made, spec=replace(made.spec, classes=tuple("ABCD"))), crowd)


def test_a_missing_class_gives_its_reason(made: Ecg, crowd: dict[str, Ecg]) -> None:
    report = judged(made.with_classes(("N",)), crowd)
    assert {row.group for row in report.rows} == {"N"}
    none = made[made.labels_id != made.spec.class_index("V")]
    with pytest.raises(EcgsynthError, match="the synthetic set has no items of that class"):
        judged(none, crowd)["coverage", "V"]


def test_another_rate_is_resampled_and_another_shape_refused(
    made: Ecg, crowd: dict[str, Ecg]
) -> None:
    spec = replace(made.spec, fs=180.0, samples=128, r_sample=48)
    half = Ecg(made.signal[..., ::2], spec, made.label, made.context, source="synthetic:half")
    report = judged(half, crowd)
    assert any("compared at 180 Hz" in note for note in report.notes)
    assert report["coverage", "N"].value > 0.3
    for change, word in (
        ({"leads": ("V1",)}, "leads"),
        ({"unit": "normalised"}, "unit"),
        ({"samples": 200}, "length"),
    ):
        other = replace(made.spec, **change)
        wrong = Ecg(made.signal[..., : other.samples], other, made.label, made.context)
        with pytest.raises(EcgsynthError, match=word):
            judged(wrong, crowd)


def test_amplitudes_of_normalised_signals_are_no_millivolts(
    made: Ecg, crowd: dict[str, Ecg]
) -> None:
    def plain(ecg: Ecg) -> Ecg:
        return replace(ecg, spec=replace(ecg.spec, unit="normalised"))

    sides = {part: plain(ecg) for part, ecg in crowd.items()}
    for ecg, real, unit in ((made, crowd, "mV"), (plain(made), sides, "normalised")):
        report = evaluate(
            ecg, real["heldout"], metrics=["rmse_nearest", "psd_distance"], controls=False
        )
        units = {row.metric: row.unit for row in report.rows}
        assert units["rmse_nearest"] == unit
        assert units["psd_distance"] != unit


def test_broken_items_are_counted_in_the_notes(made: Ecg, crowd: dict[str, Ecg]) -> None:
    signal = np.array(made.signal)
    signal[0, 0, 3], signal[1] = np.nan, 0.5
    notes = judged(replace(made, signal=signal), crowd).notes
    assert "1 of 300 items contain NaN or infinity and are left out." in notes
    assert "1 of 299 items are flat lines; they are evaluated like the others." in notes
    with pytest.raises(EcgsynthError, match="every synthetic item"):
        judged(replace(made, signal=signal * np.nan), crowd)
    with pytest.raises(EcgsynthError, match="empty"):
        judged(made[:0], crowd)


def test_a_set_of_flat_lines_but_one_is_judged(made: Ecg, crowd: dict[str, Ecg]) -> None:
    signal = np.zeros_like(made.signal)
    signal[-1] = made.signal[-1]
    report = judged(replace(made, signal=signal), crowd, metrics=None)
    assert report["c2st"].value > 0.95
    assert report["spread", made.spec.classes[0]].value < 0.1


def test_microvolts_given_as_millivolts_are_noticed(made: Ecg, crowd: dict[str, Ecg]) -> None:
    notes = judged(replace(made, signal=made.signal * 1000), crowd).notes
    assert any("uV" in note for note in notes)
    assert not any("uV" in note for note in judged(made, crowd).notes)


def test_too_few_items_leave_their_reason_and_no_row(made: Ecg, crowd: dict[str, Ecg]) -> None:
    report = judged(made[:5], crowd, metrics=None)
    assert report.rows == []
    assert "needed" in report.left_out["coverage"]


def test_a_hundred_thousand_items_are_judged_on_a_sample(made: Ecg, crowd: dict[str, Ecg]) -> None:
    many = made[np.arange(100_000) % len(made)]
    report = judged(many, crowd, metrics=["psd_distance"])
    assert sum(report.counts.values()) <= 4 * 2000
    assert any("random 2000 of" in note for note in report.notes)


@pytest.mark.parametrize(
    ("name", "estimate", "score"),
    [
        ("coverage", Estimate(0.5, 0.45, 0.55), 0.5),
        ("coverage", Estimate(0.5, 0.0, 1.0), None),  # the interval is wider than the span
        ("frechet", Estimate(0.5), None),  # the baseline is better than the ceiling
        ("memorisation", Estimate(0.5, 0.45, 0.55), None),  # no quality to climb to
    ],
)
def test_a_score_is_the_way_from_baseline_to_ceiling_where_there_is_one(
    name: str, estimate: Estimate, score: float | None
) -> None:
    row = Row.of(METRICS.get(name), "N", estimate, {"gaussian": 0.2, "real": 0.8})
    assert row.score == score


def test_controls_are_measured_once(
    made: Ecg, crowd: dict[str, Ecg], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = judged(made, crowd, controls=True, seed=5)
    assert {*first["frechet", "N"].controls} == worth_it("frechet")
    for name in CONTROLS:
        monkeypatch.setitem(CONTROLS, name, lambda _: pytest.fail("measured again"))
    assert judged(made, crowd, controls=True, seed=5).rows == first.rows


def test_a_damaged_cache_is_made_anew(made: Ecg, crowd: dict[str, Ecg]) -> None:
    first = judged(made, crowd, controls=True, seed=6, metrics=["psd_distance"])
    newest = max((data_root() / "cache").glob("controls-*.json"), key=lambda f: f.stat().st_mtime)
    for content in ("{", '{"noise": 3}', '[{"counts": {}, "quick": true, "figures": {"a": 3}}]'):
        newest.write_text(content)
        again = judged(made, crowd, controls=True, seed=6, metrics=["psd_distance"])
        assert again.rows == first.rows
        json.loads(newest.read_text())


def test_another_seed_or_set_is_another_calibration(made: Ecg, crowd: dict[str, Ecg]) -> None:
    base = Trial(made, crowd["heldout"], crowd["train"])
    others = [
        replace(base, seed=1), replace(base, train=crowd["train"][1:]),
        replace(base, test=crowd["heldout"][1:]),
    ]  # fmt: skip
    prints = {calibration.fingerprint(one) for one in (base, *others)}
    assert len(prints) == 4
    assert calibration.fingerprint(base.with_synthetic(made[::-1])) in prints


def test_floors_and_ceilings_serve_for_similar_sizes_of_the_classes_asked() -> None:
    cells = {name: {"N": 0.9, "V": 0.8} for name in ("coverage", "frechet")}
    cells["c2st"] = {"all": 0.6}
    known = calibration.Calibration({"N": 1000, "V": 1000}, False, {"real": cells})

    def borrowed(name: str, **counts: int) -> dict[str, float] | None:
        return known.figures_for("real", METRICS.get(name), counts, {"N": 4000, "V": 50})

    assert borrowed("coverage", N=500, V=2000) == {"N": 0.9, "V": 0.8}
    assert borrowed("coverage", N=0, V=2000) == {"V": 0.8}
    assert borrowed("coverage", N=100, V=2000) is None
    assert borrowed("coverage", V=60) == {"V": 0.8}  # either is cut to the 50 real ones
    assert borrowed("frechet", V=60) is None  # and here neither is
    assert borrowed("c2st", N=500, V=2000) == {"all": 0.6}
    assert borrowed("c2st", N=0, V=2000) is None  # another mixture
    assert borrowed("mmd", N=1000, V=1000) is None


@pytest.mark.parametrize(
    ("gaussian", "narrow", "valid"), [(0.81, 0.96, True), (0.79, 0.96, False), (0.99, 0.94, False)]
)
def test_a_two_sample_test_that_misses_a_crude_set_is_not_valid(
    gaussian: float, narrow: float, valid: bool
) -> None:
    aucs = {CLASS_GAUSSIAN: gaussian, NARROW_BAND: narrow, "gaussian": 0.6}
    known = {name: {"c2st": {"all": auc}} for name, auc in aucs.items()}
    assert c2st.validity(known) == {"gaussian": gaussian, "lowpass": narrow, "valid": valid}
    assert c2st.validity({"gaussian": {}}) is None


def test_statistics_are_written_and_read_back(crowd: dict[str, Ecg], tmp_path: Path) -> None:
    one = calibration.Calibration({"N": 50}, True, {"noise": {"frechet": {"N": 1.0}}})
    known = replace(Reference.measure(crowd["heldout"]), calibrations=[one], train="a:train")
    known.save(tmp_path / "it.safetensors")
    again = Reference.load(tmp_path / "it.safetensors")
    assert (again.calibrations, again.train) == ([one], "a:train")
    np.testing.assert_allclose(
        again.statistics["N"]["mean"], known.statistics["N"]["mean"], rtol=1e-5, atol=1e-5
    )
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "it.safetensors").read_bytes()[:500])
    with pytest.raises(EcgsynthError, match="damaged"):
        Reference.load(tmp_path / "cut.safetensors")


def test_without_recordings_the_shipped_statistics_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    made = simulate_beats(400, patients=8, seed=1).with_classes(CLASSES)
    spec = replace(made.spec, band=(None, 40.0), r_sample=96)
    made = Ecg(made.signal, spec, made.label, made.context, source="synthetic:simulated")
    known = statistics.shipped("mitbih:heldout", made.spec)
    assert known is not None
    report = evaluate(made, "mitbih:heldout", "mitbih:train", quick=True)
    assert {row.metric for row in report.rows} == {"frechet", "mean_beat_error", "psd_distance"}
    for name in ("amplitude_w1", "rr_w1"):  # their histograms show single people
        assert "do not contain the values that this metric needs" in report.left_out[name]
    assert {*report["frechet", "N"].controls} == worth_it("frechet")
    assert report["frechet", "N"].value > report["frechet", "N"].controls["real"]
    assert "whose recordings are not here" in report.left_out["c2st"]
    assert any("shipped statistics are used" in note for note in report.notes)
    assert any("N 1000" in note for note in report.notes)
    assert not any(tmp_path.iterdir())


def test_statistics_of_another_instrument_are_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spec = replace(simulate_beats(20, patients=2).spec, r_sample=96)
    assert statistics.shipped("mitbih:heldout", spec) is not None
    known = statistics.instrument(spec)
    assert known is not None
    monkeypatch.setattr(statistics, "instrument", lambda _: replace(known, hash="other"))
    assert statistics.shipped("mitbih:heldout", spec) is None
    assert "another instrument" in caplog.text


def test_the_shipped_statistics_hold_no_beat_of_a_person() -> None:
    spec = simulate_beats(20, patients=2).with_classes(("N",)).spec
    known = statistics.shipped("mitbih:heldout", replace(spec, r_sample=96))
    assert known is not None
    for name, parts in known.statistics.items():
        assert known.counts[name] >= 10
        assert parts["beat"].shape == (1, 256)  # the mean of them all
        assert parts["mean"].shape == (32,)
        assert parts["covariance"].shape == (32, 32)


@pytest.mark.data
def test_the_shipped_statistics_come_of_five_people_and_more() -> None:
    spec = replace(simulate_beats(20, patients=2).with_classes(("N",)).spec, r_sample=96)
    known = statistics.shipped("mitbih:heldout", spec)
    assert known is not None
    real = load("mitbih:heldout", classes=known.spec.classes, band=known.spec.band)
    for name, parts in known.statistics.items():
        items = real.of_class(name)
        people = np.unique(np.asarray(items.patient))
        assert len(people) >= 5
        each = [items[np.flatnonzero(items.patient == one)] for one in people]
        for part, measure in (
            ("amplitude", statistics.histogram), ("rr", statistics.rr_histogram)
        ):  # fmt: skip
            having = sum((np.asarray(measure(one)) > 0).astype(int) for one in each)
            assert part not in parts or (having[parts[part] > 0] >= 5).all()


def test_recordings_are_not_taken_for_beats() -> None:
    with pytest.raises(EcgsynthError, match="items last 356 s, but mitbih:heldout gives beats"):
        load_like("mitbih:heldout", Spec(("MLII",), 360, 128_000))


def test_a_set_that_does_not_say_where_r_is_hears_where_it_is_taken_to_be(made: Ecg) -> None:
    for at, said in ((96, 0), (None, 1)):
        ecg = replace(made, spec=replace(made.spec, r_sample=at))
        report = evaluate(ecg, "simulated:heldout", metrics=["psd_distance"], controls=False)
        assert sum("R at sample 96" in note for note in report.notes) == said


def test_a_report_introduces_itself_in_one_line(made: Ecg, crowd: dict[str, Ecg]) -> None:
    said = repr(judged(made, crowd, metrics=["frechet"]))
    assert said.startswith("Report(synthetic:made against ") and "4 figures" in said


def test_an_evaluation_is_not_quick_and_full_at_once(made: Ecg) -> None:
    with pytest.raises(EcgsynthError, match="not both"):
        evaluate(made, quick=True, full=True)


def test_a_file_may_stand_for_a_real_set(made: Ecg, crowd: dict[str, Ecg], tmp_path: Path) -> None:
    write(crowd["heldout"], tmp_path / "theirs.npz")
    one = evaluate(made, str(tmp_path / "theirs.npz"), quick=True, metrics=["psd_distance"])
    other = evaluate(made, crowd["heldout"], quick=True, metrics=["psd_distance"])
    assert one["psd_distance", "N"].value == pytest.approx(other["psd_distance", "N"].value, 1e-3)
