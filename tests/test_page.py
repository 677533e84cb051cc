"""The page of a report: self-contained, escaped, and silent about real traces that are private."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from ecgsynth.evaluation import Trial
from ecgsynth.evaluation.page import allowed, page, public
from ecgsynth.evaluation.page.svg import Chart, Paper, outline
from ecgsynth.evaluation.page.verdicts import number, place, verdicts
from ecgsynth.evaluation.reference import AMPLITUDE_EDGES, Reference
from ecgsynth.evaluation.report import Report, Row
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.simulator import simulate_beats, simulate_record

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


def traces(html: str) -> set[str]:
    return set(re.findall(r'data-traces="(\w+)"', html))


def real_paths(html: str) -> list[str]:
    return re.findall(r'<path class="[^"]*\breal\b[^"]*"', html)


def private(beats: dict[str, Ecg], source: str) -> Trial:
    return Trial(
        **{n: e if n == "synthetic" else replace(e, source=source) for n, e in beats.items()}
    )


class Links(HTMLParser):
    """Everything that a browser would fetch, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href", "srcset")]


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
    assert "nearest trained item" in html


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
    assert "The real recordings are not here" in html
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
    assert public("mitbih:heldout")
    assert public("simulated")
    assert not public("MITBIH:heldout")
    assert not public("folder-of-mine")
    assert not public("")


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
    assert verdicts(told)[0].mark == place(told, told.rows[0])[0] == mark


def test_a_mark_is_unknown_when_the_interval_holds_floor_and_ceiling() -> None:
    told = report(None, [row("c2st", 0.7, low=0.5, high=1.0)])
    assert verdicts(told)[0].mark == "unknown"
    assert "too few" in verdicts(told)[0].sentence


def test_a_mark_is_unknown_without_controls() -> None:
    told = report(None, [row("c2st", 0.5, controls={})])
    assert verdicts(told)[0].mark == "unknown"


def test_overshooting_what_should_match_is_as_bad_as_falling_short() -> None:
    ends = {"gaussian": 0.0, "real": 1.0}
    far = [place(report(None, []), row("density", v, goal="match", controls=ends))[1]
           for v in (0.7, 1.3)]  # fmt: skip
    assert far == pytest.approx([0.7, 0.7])


def test_the_worst_known_class_decides_on_coverage() -> None:
    ends = {"gaussian": 0.2, "real": 0.9}
    rows = [row("coverage", v, g, goal="higher", controls=c)
            for v, g, c in ((0.9, "N", ends), (0.3, "V", ends), (0.1, "F", {}))]  # fmt: skip
    verdict = verdicts(report(None, rows))[1]
    assert verdict.mark == "poor"
    assert verdict.value.endswith("in V")
    assert verdict.scope == "for N, V only"
    assert "N 0.900 (good)" in verdict.sentence
    assert "F 0.100 (unknown)" in verdict.sentence


@pytest.mark.parametrize(
    ("value", "controls", "mark"),
    [
        (0.55, {"real": 0.56, "copy": 0.95}, "good"),
        (0.90, {"real": 0.56, "copy": 0.95}, "poor"),
        (0.40, {"real": 0.56, "copy": 0.95}, "good"),
        (0.99, {}, "poor"),
        (0.95, {"real": 0.85, "copy": 0.80}, "unknown"),
    ],
)
def test_copying_is_measured_from_altered_copies_to_real_beats(
    value: float, controls: dict[str, float], mark: str
) -> None:
    given = row("memorisation", value, "N", goal="match", question="privacy", controls=controls)
    assert verdicts(report(None, [given]))[3].mark == mark


def test_training_value_is_measured_against_training_on_real_beats() -> None:
    rows = [row("tstr", 0.58, goal="higher", controls={"gaussian": 0.2}),
            row("trtr", 0.60, goal="higher", controls={})]  # fmt: skip
    assert verdicts(report(None, rows))[2].mark == "good"
    assert verdicts(report(None, []))[2].sentence == "Not measured: needs --new-patients."


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
