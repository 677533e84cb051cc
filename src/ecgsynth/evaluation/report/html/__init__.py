"""One self-contained HTML page of a report: verdict, tables and pictures."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ecgsynth.datasets import is_public
from ecgsynth.evaluation.reference_models.delineation import delineator_errors
from ecgsynth.evaluation.report.html.families import CONTROL_LETTERS, tables
from ecgsynth.evaluation.report.html.pictures import VisibleSets, overview, pictures
from ecgsynth.evaluation.report.html.readers import blocks, measurements, sentence_filter
from ecgsynth.evaluation.report.html.sentences import validity
from ecgsynth.evaluation.report.html.verdicts import RULES, SYMBOLS, number
from ecgsynth.registry import DATASETS
from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.fiducials import MEASUREMENTS

if TYPE_CHECKING:
    from ecgsynth.evaluation.report import Report

CONTROL_MEANINGS = {
    "noise": "white noise with the right mean and SD at every sample",
    "mean beat": "the mean beat repeated: a collapsed generator",
    "gaussian": "a Gaussian of each person and class: the baseline",
    "smote": "points between training beats that lie next to each other",
    "mixup": "points between two training beats of one person",
    "copy": "training beats, slightly shifted and scaled: must fail the privacy metrics",
    "real": "real beats evaluated as if they were synthetic: the ceiling",
}


def page(report: Report, show_real: bool | None = None) -> str:
    """The report as one HTML page for clinician, data-protection officer and researcher.

    Parameters
    ----------
    show_real: draw real traces; when left out, only those of public data sets. Where real traces
        are not drawn, points, means and spectra of them are not drawn either; only distances are
        given.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    shown = allowed(report, show_real)
    here = files("ecgsynth.evaluation.report.html")
    template = environment.from_string((here / "page.html").read_text(encoding="utf-8"))
    trial = report.trial
    drawn = pictures(trial, shown) if trial is not None else []
    measured = delineated(report) or any(one.measured for one in drawn)
    return template.render(
        report=report,
        facts=_facts(report),
        classes=_classes(report),
        blocks=blocks(report),
        symbols=SYMBOLS,
        measurements=measurements(report),
        errors=delineator_errors() if measured else [],
        validity=validity(report),
        rules=[sentence_filter(report)(rule) for rule in RULES],
        families=tables(report),
        meanings=CONTROL_MEANINGS,
        letters=CONTROL_LETTERS,
        left_out=_left_out(report),
        overview=overview(trial, shown) if trial is not None else [],
        pictures=drawn,
        shown=shown,
        style=Markup((here / "page.css").read_text(encoding="utf-8")),
    )


def delineated(report: Report) -> bool:
    """Whether a figure was measured between fiducial points."""
    names = {row.metric.rpartition("_")[0] for row in report.rows}
    return bool(names & set(MEASUREMENTS))


def allowed(report: Report, show_real: bool | None) -> VisibleSets:
    """The sets of a trial that may be drawn."""
    trial = report.trial
    if trial is None:
        return VisibleSets(None, None, None)

    def visible(ecg: Ecg | None) -> Ecg | None:
        open_ = ecg is not None and (is_public(ecg.source) if show_real is None else show_real)
        return ecg if open_ else None

    # A set that mixes synthetic and real items is as private as its real part.
    mixed = trial.synthetic.source == f"{SYNTHETIC}mixed" or _registered(trial.synthetic.source)
    synthetic = visible(trial.synthetic) if mixed else trial.synthetic
    statistics = {}
    known = trial.reference if trial.test is None else None
    # Shipped statistics contain no trace, so they may be drawn.
    if known is not None and (show_real or is_public(known.source)):
        statistics = known.statistics
    return VisibleSets(synthetic, visible(trial.test), visible(trial.train), statistics)


def _registered(source: str) -> bool:
    return source.partition(":")[0] in DATASETS.names()


def _facts(report: Report) -> dict[str, str]:
    """What was evaluated against what, as text for the top of the page."""
    spec, trial = report.facts.get("spec", {}), report.trial
    sets = {"Judged": report.synthetic, "Against": report.against or "no real set"}
    for name, words in (("train", "Training set"), ("new_patients", "New patients")):
        given = getattr(trial, name, None)
        sets[words] = given.source if given is not None else "not given"
    if spec:
        low, high = (spec.get("band") or (None, None))[:2]
        band = f", {low or 0:g} to {high:g} Hz" if high else ""
        sets["Items"] = (
            f"{', '.join(spec['leads'])}; {spec['samples'] / spec['fs']:.2f} s at "
            f"{spec['fs']:g} Hz ({spec['samples']} samples){band}; {spec['unit']}"
        )
    sets["Made"] = str(report.facts.get("made", "unknown")).replace("T", " ")
    sets["Seed"] = str(report.facts.get("seed", "unknown"))
    sets["Instrument"] = str(
        report.facts.get("instrument") or "none: coordinates computed from the signal"
    )
    if report.facts.get("quick"):
        sets["Mode"] = "quick: smaller samples, no classifier is trained"
    return sets


def _classes(report: Report) -> list[dict[str, Any]]:
    """Counts per class: synthetic items, real items, people, and the largest person's share."""
    real = report.facts.get("real", {})
    total = len(report.trial.synthetic) if report.trial is not None else None
    counts: dict[str, int | None] = {**report.counts} if report.counts else {"all": total}
    return [
        {"name": name, "synthetic": n, **real.get(name, {})}
        for name, n in counts.items()
        if n != 0 or real.get(name, {}).get("items")
    ]


def _left_out(report: Report) -> list[tuple[str, list[str]]]:
    """Each reason with the metrics that were left out because of it."""
    found: dict[str, list[str]] = {}
    for name, reason in sorted(report.left_out.items()):
        found.setdefault(reason, []).append(name)
    return list(found.items())
