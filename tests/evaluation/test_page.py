"""The page of a report: self-contained, escaped, and silent about real traces that are private."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from links import Links

from ecgsynth.datasets import is_public
from ecgsynth.evaluation import Trial
from ecgsynth.evaluation.baselines.statistics import AMPLITUDE_EDGES, Reference
from ecgsynth.evaluation.metrics.privacy.copies import COPIES
from ecgsynth.evaluation.report import Report, Row
from ecgsynth.evaluation.report.html import allowed, page
from ecgsynth.evaluation.report.html.charts import measured
from ecgsynth.evaluation.report.html.families import family
from ecgsynth.evaluation.report.html.maps import even_sets
from ecgsynth.evaluation.report.html.pairs import closest_pairs
from ecgsynth.evaluation.report.html.readers import READERS, blocks, measurements
from ecgsynth.evaluation.report.html.svg import Chart, Paper, outline
from ecgsynth.evaluation.report.html.verdicts import Verdict, grade, number, rule_of
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.simulator.records import simulate_beats, simulate_record

CONTROLS = {"noise": 1.0, "mean beat": 1.0, "gaussian": 0.98, "copy": 0.8, "real": 0.58}


def row(metric: str, value: float | None, group: str = "all", **given: object) -> Row:
    plain = {
        "metric": metric,
        "group": group,
        "value": value,
        "low": None,
        "high": None,
        "note": "",
        "controls": CONTROLS,
        "score": None,
        "unit": "AUC",
        "goal": "lower",
        "question": "match",
        "title": f"About {metric}.",
        "reference": "Somebody et al.",
    }
    return Row(**(plain | given))  # type: ignore[arg-type]


def report(trial: Trial | None, rows: list[Row], source: str = "mitbih:heldout") -> Report:
    counts = trial.synthetic.counts() if trial else {}
    facts = {"seed": 0, "spec": trial.synthetic.spec.to_json()} if trial else {}
    return Report("synthetic:test", source, counts, rows, {"tstr": "needs --new-patients"},
                  ["DS2 was looked at."], facts, trial)  # fmt: skip


@pytest.fixture(scope="module")
def beats() -> dict[str, Ecg]:
    made = {n: simulate_beats(90, patients=3, seed=k) for k, n in enumerate(("a", "b", "c"))}
    return {
        "synthetic": replace(made["a"], source="synthetic:test"),
        "test": replace(made["b"], source="mitbih:heldout"),
        "train": replace(made["c"], source="mitbih:train"),
    }


def verdict(told: Report, metric: str) -> Verdict:
    """The answer that a metric decides, whoever asked."""
    return next(v for block in blocks(told) for v in block.verdicts if v.metric == metric)


def traces(html: str) -> set[str]:
    return set(re.findall(r'data-traces="(\w+)"', html))


def real_paths(html: str) -> list[str]:
    return re.findall(r'<path class="[^"]*\breal\b[^"]*"', html)


def private(beats: dict[str, Ecg], source: str) -> Trial:
    return Trial(
        **{n: e if n == "synthetic" else replace(e, source=source) for n, e in beats.items()}
    )


def test_the_page_fetches_nothing_and_runs_nothing(beats: dict[str, Ecg]) -> None:
    html = page(report(Trial(**beats), [row("c2st", 0.7)]))
    found = Links()
    found.feed(html)
    assert found.links
    assert all(link.startswith("#") for link in found.links)
    assert not {"script", "link", "iframe", "object", "img"} & set(found.tags)
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html
    assert len(html) < 3_000_000


def test_every_link_of_the_page_leads_somewhere(beats: dict[str, Ecg]) -> None:
    html = page(report(Trial(**beats), [row("c2st", 0.7), row("coverage", 0.9, "N")]))
    targets = re.findall(r'href="#([^"]+)"', html)
    assert {"verdict", "figures", "note-1", "note-2"} <= set(targets)
    assert all(f'id="{target}"' in html for target in targets)


def test_a_public_source_shows_real_traces_beside_synthetic_ones(beats: dict[str, Ecg]) -> None:
    html = page(report(Trial(**beats), []))
    assert traces(html) == {"synthetic", "real", "pairs"}
    assert real_paths(html)


@pytest.mark.parametrize("source", ["our-clinic:2024", "unknown", "several", "synthetic:mixed", ""])
def test_a_source_that_is_not_known_as_public_shows_no_real_trace(
    beats: dict[str, Ecg], source: str
) -> None:
    html = page(report(private(beats, source), [], source))
    assert traces(html) == {"synthetic"}
    assert not real_paths(html)
    assert "Real traces are not shown" in html
    assert "nearest training item" in html


def test_real_traces_follow_the_word_of_the_caller(beats: dict[str, Ecg]) -> None:
    assert traces(page(report(Trial(**beats), []), show_real=False)) == {"synthetic"}
    assert "real" in traces(page(report(private(beats, "our-clinic"), []), show_real=True))


def test_a_private_training_set_stays_hidden_beside_a_public_test_set(
    beats: dict[str, Ecg],
) -> None:
    trial = Trial(**beats | {"train": replace(beats["train"], source="our-clinic")})
    html = page(report(trial, []))
    assert traces(html) == {"synthetic", "real"}
    assert "Traces of the training set are not shown" in html


def test_a_judged_set_with_private_items_in_it_is_not_drawn(beats: dict[str, Ecg]) -> None:
    mixed = replace(beats["synthetic"], source="synthetic:mixed")
    trial = replace(private(beats, "our-clinic"), synthetic=mixed)
    assert traces(page(report(trial, []))) == set()


def test_statistics_stand_in_for_recordings_that_are_not_there(beats: dict[str, Ecg]) -> None:
    spec, bins = beats["test"].spec, np.full(len(AMPLITUDE_EDGES) - 1, 1 / 80)
    known = {"beat": np.zeros((1, spec.samples)), "psd": np.full(65, -4.0), "amplitude": bins}
    there = Reference("mitbih:heldout", spec, {"N": 50}, {"N": known})
    trial = Trial(beats["synthetic"], reference=there)
    html = page(report(trial, []))
    assert traces(html) == {"synthetic"}
    assert len(real_paths(html)) == 3
    assert "The real recordings are not available" in html
    hidden = replace(trial, reference=replace(there, source="our-clinic"))
    assert not real_paths(page(report(hidden, [])))


def test_hostile_names_are_shown_and_not_obeyed(beats: dict[str, Ecg]) -> None:
    bad = '"><script>alert(1)</script>'
    ecg = beats["synthetic"]
    spec = replace(ecg.spec, classes=(bad, *ecg.spec.classes[1:]), leads=(bad,))
    trial = Trial(replace(ecg, spec=spec, source=f"synthetic:{bad}"))
    rows = [
        row(bad, 0.7, bad, note=bad, unit=bad, title=bad, reference=bad, question=bad, goal=bad)
    ]
    told = replace(
        report(trial, rows), notes=[bad], left_out={bad: bad}, synthetic=bad, against=bad
    )
    found = Links()
    found.feed(html := page(told))
    assert "script" not in found.tags
    assert "&lt;script&gt;" in html


def test_values_that_are_missing_become_dashes(beats: dict[str, Ecg]) -> None:
    nan = float("nan")
    rows = [row("c2st", None, note="9 items"), row("coverage", nan, "N", low=nan, high=nan),
            row("mmd", 0.1, controls={}), row("frechet", 2.0, controls={"real": nan})]  # fmt: skip
    html = page(report(Trial(**beats), rows))
    assert ">nan<" not in html.lower()
    assert ">none<" not in html.lower()
    assert "9 items" in html
    assert number(nan) == number(None) == "\N{EN DASH}"


def test_an_unlabelled_set_gets_its_pictures(beats: dict[str, Ecg]) -> None:
    bare = {n: replace(e, spec=replace(e.spec, classes=()), label=None) for n, e in beats.items()}
    html = page(report(Trial(**bare), [row("c2st", 0.7)]))
    assert "All items" in html
    assert traces(html) == {"synthetic", "real", "pairs"}


def test_a_set_of_ten_second_records_is_drawn_as_strips() -> None:
    parts = {n: simulate_record(10.0, 250.0, seed=k) for k, n in enumerate(("synthetic", "test"))}
    trial = Trial(**{n: replace(e, source=f"mitbih:{n}") for n, e in parts.items()})
    html = page(report(trial, []))
    assert 'width="259mm"' in html
    assert "lead II" in html


def test_a_report_without_a_trial_has_a_page_without_pictures() -> None:
    html = page(report(None, [row("c2st", 0.7)]))
    assert "All figures" in html
    assert 'id="pictures"' not in html


def test_only_registered_public_data_sets_count_as_public() -> None:
    assert is_public("mitbih:heldout")
    assert is_public("simulated")
    assert not is_public("MITBIH:heldout")
    assert not is_public("folder-of-mine")
    assert not is_public("")


def test_nothing_real_is_allowed_without_a_word_for_unknown_sources(beats: dict[str, Ecg]) -> None:
    shown = allowed(report(private(beats, "unknown"), []), None)
    assert shown.test is None
    assert shown.train is None
    assert shown.synthetic is not None


@pytest.mark.parametrize(
    ("value", "mark"), [(0.58, "good"), (0.65, "good"), (0.7, "middling"), (0.95, "poor")]
)
def test_a_mark_is_the_way_from_gaussian_to_real(value: float, mark: str) -> None:
    told = report(None, [row("c2st", value)])
    assert verdict(told, "c2st").mark == grade(told, told.rows[0])[0] == mark


def test_a_mark_is_unknown_when_the_interval_holds_floor_and_ceiling() -> None:
    told = report(None, [row("c2st", 0.7, low=0.5, high=1.0)])
    assert verdict(told, "c2st").mark == "unknown"
    assert "too few" in verdict(told, "c2st").rule


def test_a_mark_is_unknown_without_controls() -> None:
    told = report(None, [row("c2st", 0.5, controls={})])
    assert verdict(told, "c2st").mark == "unknown"


def test_a_mark_is_unknown_where_floor_and_ceiling_nearly_meet() -> None:
    told = report(None, [row("rr_w1", 0.5, controls={"gaussian": 0.042, "real": 0.039})])
    assert verdict(told, "rr_w1").mark == "unknown"


def test_every_known_mark_tells_its_rule() -> None:
    told = report(None, [row("c2st", 0.7)])
    assert rule_of(told, told.rows[0]) == (
        "0 % is 0.980 (Gaussian), 100 % is 0.580 (real); this is at 70 %: middling. "
        "Good from 80 %, middling from 50 %."
    )


def test_overshooting_what_should_match_is_as_bad_as_falling_short() -> None:
    ends = {"gaussian": 0.0, "real": 1.0}
    far = [grade(report(None, []), row("density", v, goal="match", controls=ends))[1]
           for v in (0.7, 1.3)]  # fmt: skip
    assert far == pytest.approx([0.7, 0.7])


def test_the_worst_known_class_decides_on_coverage() -> None:
    ends = {"gaussian": 0.2, "real": 0.9}
    rows = [row("coverage", v, g, goal="higher", controls=c)
            for v, g, c in ((0.9, "N", ends), (0.3, "V", ends), (0.1, "F", {}))]  # fmt: skip
    found = verdict(report(None, rows), "coverage")
    assert found.mark == "poor"
    assert found.value.endswith("in V")
    assert found.scope == "for N, V only"
    assert "N 0.900 (good)" in found.sentence
    assert "F 0.100 (unknown)" in found.sentence


REACHED = {"low": 0.50, "median": 0.56, "high": 0.62, "draws": 500.0}


@pytest.mark.parametrize(
    ("value", "mark"),
    [(0.56, "good"), (0.62, "good"), (0.70, "middling"), (0.90, "poor"), (0.40, "middling"),
     (0.10, "poor")],
)  # fmt: skip
def test_a_figure_is_good_in_the_range_of_real_samples_and_worse_on_either_side(
    value: float, mark: str
) -> None:
    given = {"goal": "match", "question": "privacy", "controls": {"real": 0.7, "copy": 0.95}}
    found = verdict(report(None, [row("memorisation", value, "N", real=REACHED, **given)]),
                    "memorisation")  # fmt: skip
    assert found.mark == mark
    assert found.ceiling == "0.560"
    assert "500 samples of real beats reach 0.500 to 0.620" in found.rule


def test_a_floor_within_the_range_of_real_samples_is_no_scale_and_is_named() -> None:
    given = {"goal": "higher", "controls": {"gaussian": 0.6}, "real": REACHED}
    inside = verdict(report(None, [row("coverage", 0.60, "N", **given)]), "coverage")
    assert inside.mark == "good"
    assert "the floor (Gaussian) is 0.600, which passes too" in inside.rule
    assert verdict(report(None, [row("coverage", 0.3, **given)]), "coverage").mark == "poor"


def test_copies_decide_by_their_alarm_alone() -> None:
    given = {"question": "privacy", "controls": {"copy": 0.98}}
    clean = row("copy_share", 0.02, "N", low=0.009, high=0.04, **given)
    alarm = row("copy_share_person", 0.05, "V", low=0.03, note=f"{COPIES}: ...", **given)
    assert verdict(report(None, [clean]), "copy_share").mark == "good"
    found = verdict(report(None, [clean, alarm]), "copy_share_person")
    assert (found.mark, found.scope) == ("poor", "")


def test_a_class_of_few_real_items_gets_its_figure_and_no_mark() -> None:
    told = report(None, [row("coverage", 0.1, "S", goal="higher", real=REACHED)])
    told.facts["real"] = {"S": {"items": 60}}
    found = verdict(told, "coverage")
    assert (found.mark, found.value) == ("unknown", "0.100")
    assert "60 real held-out items; a mark needs 100" in found.rule


def test_the_json_has_every_question_with_the_figures_it_stands_on() -> None:
    told = report(None, [row("coverage", 0.56, "N", low=0.5, high=0.6, goal="higher", real=REACHED),
                         row("coverage", 0.30, "V", goal="higher", real=REACHED)])  # fmt: skip
    asked = {entry["question"]: entry for entry in told.to_json()["questions"]}
    entry = asked["Does the set contain every kind of real beat?"]
    assert set(entry) == {"reader", "question", "mark", "scope", "sentence", "rule", "figures"}
    assert (entry["reader"], entry["mark"]) == ("researcher", "poor")
    assert [(f["group"], f["mark"], f["low"]) for f in entry["figures"]] == [
        ("N", "good", 0.5), ("V", "poor", None),
    ]  # fmt: skip
    keys = "metric group value low high over without_one real mark"
    assert set(entry["figures"][0]) == {*keys.split()}
    assert asked["Is the set useful for training a classifier for new patients?"]["figures"] == []


def test_training_value_is_measured_against_training_on_real_beats() -> None:
    rows = [row("tstr", 0.58, goal="higher", controls={"gaussian": 0.2}),
            row("trtr", 0.60, goal="higher", controls={})]  # fmt: skip
    assert verdict(report(None, rows), "tstr").mark == "good"
    assert verdict(report(None, []), "tstr").sentence == "Not measured: needs --new-patients."


def test_a_collapsed_set_is_poor_though_a_gaussian_never_repeats_itself() -> None:
    given = {"gaussian": 0.0, "mean beat": 0.99, "real": 0.01}
    assert verdict(report(None, [row("collapse", 0.9, controls=given)]), "collapse").mark == "poor"
    found = verdict(report(None, [row("collapse", 0.02, controls=given)]), "collapse")
    assert found.mark == "good"
    assert "0 % is 0.250 (one in four)" in found.rule


def test_a_class_that_comes_out_nineteen_times_in_twenty_is_good_though_gaussians_do_so() -> None:
    one = row("adherence", 0.95, "F", goal="higher", controls={"gaussian": 0.9, "real": 1.0})
    assert verdict(report(None, [one]), "adherence").mark == "good"


def test_a_wave_that_most_beats_lack_has_no_histogram() -> None:
    random = np.random.default_rng(0)
    qrs = random.normal(100, 5, 200)
    pr = np.where(np.arange(200) < 60, random.normal(160, 5, 200), np.nan)
    drawn = measured({"synthetic": {"qrs": qrs, "pr": pr, "qt": qrs + 300}})
    assert [picture.caption for picture in drawn] == ["QRS duration", "QT interval"]


def test_failing_as_seldom_as_real_beats_is_good_though_every_control_does() -> None:
    ends = {"noise": 0.0, "gaussian": 0.0, "real": 0.008}
    for value, mark in ((0.0, "good"), (0.02, "good"), (0.3, "poor")):
        one = row("delineation_failure", value, "N", goal="match", controls=ends)
        assert verdict(report(None, [one]), "delineation_failure").mark == mark


def test_a_figure_that_says_it_has_no_target_gets_no_mark() -> None:
    given = row("patient_membership", 0.9, goal="match", question="privacy",
                note="18 people against 22: printed without a target",
                controls={"copy": 0.99, "real": 0.85})  # fmt: skip
    found = verdict(report(None, [given]), "patient_membership")
    assert found.mark == "unknown"
    assert "18 people against 22" in found.sentence


@pytest.mark.parametrize(
    ("reader", "metric"),
    [("Clinician", "rmse_nearest"), ("Clinician", "qrs_w1"), ("Clinician", "adherence"),
     ("Data-protection officer", "memorisation"), ("Data-protection officer", "domias"),
     ("Data-protection officer", "copy_share"), ("Researcher", "c2st"),
     ("Researcher", "coverage"), ("Researcher", "tstr")],
)  # fmt: skip
def test_each_reader_gets_the_answers_that_concern_him(reader: str, metric: str) -> None:
    private = reader.startswith("Data")
    told = report(None, [row(metric, 0.7, question="privacy" if private else "match")])
    answered = {b.reader.name: [v.metric for v in b.verdicts if v.value] for b in blocks(told)}
    assert answered.pop(reader) == [metric]
    assert not any(answered.values())


def test_a_reader_of_whom_nothing_was_measured_is_told_so() -> None:
    html = page(report(None, [row("c2st", 0.7)]))
    assert html.count("No figure for these questions was measured.") == len(READERS) - 1


def test_the_worst_answer_colours_a_reader_and_unknown_ones_do_not() -> None:
    rows = [row("c2st", 0.58), row("coverage", 0.5, goal="higher", controls={})]
    block = blocks(report(None, rows))[-1]
    assert block.mark == "good"
    assert block.counts == [("good", 1), ("unknown", 2)]  # TSTR is left out


def test_measurements_stand_in_one_table_with_real_beats_beside() -> None:
    ends = {"gaussian": 20.0, "real": 5.0}
    rows = [row("pr_w1", 6.0, "N", unit="ms", controls=ends),
            row("pr_w1", 19.0, "V", unit="ms", controls=ends),
            row("qt_w1", None, "N", unit="ms"), row("pr_ks", 0.1, "N")]  # fmt: skip
    told = report(None, rows)
    table = measurements(told)
    assert table["groups"] == ["N", "V"]
    assert [line["name"] for line in table["lines"]] == ["PR interval"]
    assert [cell[1] for cell in table["lines"][0]["cells"]] == ["good", "poor"]
    assert "(5.00)" in page(told)
    assert "PR interval of class V, on average 19.0 ms" in verdict(told, "pr_w1").sentence


def test_the_errors_of_the_delineator_stand_beside_what_it_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = {"fiducial": "qrs_onset", "leads": "II", "mean_ms": -1.25, "sd_ms": 9.5,
           "sensitivity": 0.997, "precision": 0.99, "marks": 1234}  # fmt: skip
    monkeypatch.setattr("ecgsynth.evaluation.report.html.delineator_errors", lambda: [one])
    html = page(report(None, [row("pr_w1", 6.0, "N", unit="ms")]))
    assert html.count("-1.2</td><td>9.5") == 2  # for the clinician, and in the family
    assert "QRS onset" in html
    assert "QRS onset" not in page(report(None, [row("c2st", 0.7)]))


@pytest.mark.parametrize(("valid", "words"), [(True, "it is valid"), (False, "it is NOT valid")])
def test_the_two_sample_test_says_whether_it_is_valid(valid: bool, words: str) -> None:
    told = report(None, [row("c2st", 0.58)])
    told.facts["c2st_validity"] = {"gaussian": 0.991, "lowpass": 0.95, "valid": valid}
    html = page(told)
    assert (
        f"of each class with AUC 0.991 and real beats low-passed at 20 Hz with AUC 0.950; {words}"
        in html
    )
    assert verdict(told, "c2st").mark == ("good" if valid else "unknown")
    told.facts["c2st_validity"] = None
    assert verdict(told, "c2st").mark == "good"


def test_every_registered_metric_has_a_family_and_a_place_on_the_page() -> None:
    metrics = [METRICS.get(name) for name in METRICS.names()]
    rows = [row(m.name, 0.5, question=m.question, goal=m.goal) for m in metrics]
    assert not [r.metric for r in rows if family(r) == "Other figures"]
    html = page(report(None, rows))
    assert not [r.metric for r in rows if f"<span>{r.metric}, AUC" not in html]


def test_a_class_that_is_not_there_leaves_no_empty_row(beats: dict[str, Ecg]) -> None:
    told = report(None, [row("coverage", 0.7, "N"), row("coverage", None, "Q", note="0 items"),
                         row("coverage", None, "S", note="3 items; 10 are needed")])  # fmt: skip
    told = replace(told, counts={"N": 90, "S": 3, "Q": 0})
    html = page(told)
    assert "0 items" not in html
    assert "S: 3 items; 10 are needed" in html
    assert '<th scope="row">S</th><td class="value">' not in html
    assert '<th scope="row">Q</th>' not in html


def test_beneath_an_interval_stands_what_it_is_over_and_what_one_person_moves() -> None:
    told = row(
        "coverage", 0.7, "N", low=0.56, high=0.81, over="18 people", without_one=(0.68, 0.74)
    )
    html = page(report(None, [told, row("coverage", 0.9, "V", low=0.8, high=0.95)]))
    assert "0.560 to 0.810<small>18 people; without one 0.680 to 0.740</small></td>" in html
    assert "0.800 to 0.950</td>" in html


def test_a_note_that_shouts_is_an_alarm_above_every_mark() -> None:
    told = report(None, [row("c2st", 0.7)])
    told = replace(told, notes=["DS2 was looked at.", "THE UNIT IS DOUBTFUL: 40 mV."])
    html = page(told)
    assert html.count('role="alert"') == 1
    assert html.index("THE UNIT IS DOUBTFUL") < html.index('class="glance"')
    assert "<b>Note.</b> DS2 was looked at." in html


def test_families_are_folded_and_summed_up_in_one_line() -> None:
    rows = [row("coverage", v, g, goal="higher", controls={"gaussian": 0.2, "real": 0.9})
            for v, g in ((0.9, "N"), (0.3, "V"))]  # fmt: skip
    html = page(report(None, rows))
    summary = re.search(r'<details class="family">\s*<summary>.*?</summary>', html, re.DOTALL)
    assert summary
    assert "largest difference: coverage in V" in summary[0]
    assert "1&nbsp;good" in summary[0]
    assert "1&nbsp;poor" in summary[0]


def test_the_most_copy_like_pair_stands_first(beats: dict[str, Ecg]) -> None:
    made, train = beats["synthetic"], beats["train"]
    group = next(n for n in made.spec.classes if len(train.of_class(n)) >= 10)
    rows = np.flatnonzero(made.label[:, made.spec.class_index(group)])  # type: ignore[index]
    signal = made.signal.copy()
    signal[rows[5]] = train.of_class(group).signal[7]
    trial = Trial(**beats | {"synthetic": replace(made, signal=signal)})
    first = closest_pairs(trial, group)[0]
    assert (first.synthetic, first.trained) == (5, 7)
    assert first.to_trained < 1e-6 < first.to_heldout


def test_the_same_trial_draws_the_same_page(beats: dict[str, Ecg]) -> None:
    pages = [page(report(Trial(**beats), [])) for _ in range(2)]
    assert pages[0] == pages[1]


def test_maps_and_intervals_are_drawn_of_public_sources_alone(beats: dict[str, Ecg]) -> None:
    html = page(report(Trial(**beats), []))
    hidden = page(report(private(beats, "our-clinic"), [], "our-clinic"))
    for words in ("Wavelet coherence. Synthetic with real", "Wavelet coherence. Real with real",
                  "distances between clusters mean nothing: real and synthetic",
                  "PR interval: real and synthetic"):  # fmt: skip
        assert words in html
        assert words not in hidden
    assert "PR interval: synthetic" in hidden
    assert "mean nothing: synthetic" in hidden
    assert 'class="shade' not in hidden


def test_a_map_of_shades_is_darkest_where_values_are_highest() -> None:
    chart = Chart((0, 1), (0, 1), "s", "mV")
    chart.shades(np.array([[0.95, 0.95, np.nan], [0.05, 0.35, 0.35]]), 10)
    svg = str(chart.markup("map"))
    assert re.findall(r'class="shade (s\d)"', svg) == ["s3", "s9"]
    assert svg.count("z") == 2  # neighbours of one shade are one cell


def test_sets_of_different_sizes_are_mapped_in_equal_numbers(beats: dict[str, Ecg]) -> None:
    sets = even_sets(beats["synthetic"], beats["test"][:40], 30, np.random.default_rng(0))
    counts = [e.counts() for e in sets if e is not None]
    assert counts[0] == counts[1]
    assert 0 < sum(counts[0].values()) <= 30


class Outline(HTMLParser):
    """Headings, captions and names: what a screen reader goes by."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.tables = self.captions = self.pictures = self.named = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.levels += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self.pictures += tag == "svg"
        self.named += tag == "svg" and bool(given.get("aria-label"))


def test_the_page_can_be_heard_as_well_as_seen(beats: dict[str, Ecg]) -> None:
    for html in (page(report(Trial(**beats), [row("c2st", 0.7), row("pr_w1", 5.0, "N")])),
                 page(report(private(beats, "our-clinic"), []))):  # fmt: skip
        found = Outline()
        found.feed(html)
        assert found.levels[0] == 1
        assert found.levels.count(1) == 1
        assert all(b - a <= 1 for a, b in itertools.pairwise(found.levels))
        assert len(found.ids) == len(set(found.ids))
        assert found.tables == found.captions > 2
        assert found.pictures == found.named > 10


def test_paper_runs_25_mm_a_second_and_10_mm_a_millivolt() -> None:
    paper = Paper(0.8, -5, 15)
    assert paper.wide == 20
    assert paper.tall == 20
    assert paper.height_of(0) - paper.height_of(1) == pytest.approx(10)


def test_an_outline_breaks_where_the_signal_is_missing() -> None:
    assert outline([0, 1, 2, 3], [0, 1, np.nan, 1]) == "M0 0l100 100M300 100"


def test_a_flat_signal_still_has_axes() -> None:
    chart = Chart((0, 1), (2, 2), "s", "mV")
    assert np.isfinite(chart.up(2))
    assert "<svg" in chart.markup("flat")
