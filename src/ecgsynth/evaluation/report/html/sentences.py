"""Figures in plain words: one function of a row for each question of a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecgsynth.evaluation.baselines.controls import CEILING
from ecgsynth.evaluation.report.html.verdicts import (
    floor_and_ceiling,
    grade,
    has_training_set,
    known,
    number,
)
from ecgsynth.signals.fiducials import MEASUREMENTS

if TYPE_CHECKING:
    from ecgsynth.evaluation.report import Report, Row

MEASURED = {"amplitude": "peak to peak", "rr": "RR before the beat"}
"""Measurements that do not need fiducial points."""


def measurement(metric: str) -> str:
    """The readable name of a measurement, from the name of its metric or of the measurement."""
    name = metric.removesuffix("_w1").removesuffix("_ks")
    title = MEASUREMENTS.get(name, (MEASURED.get(name, name.replace("_", " ")),))[0]
    return title.partition(",")[0]


def in_100(value: float | None) -> str:
    return "?" if value is None else f"{100 * value:.0f}"


def of_class(row: Row) -> str:
    return "" if row.group == "all" else f" of class {row.group}"


def _other_figure(report: Report, metric: str, row: Row, words: str) -> str:
    """A sentence on another metric of the same class, with the value of real beats."""
    other = next((r for r in report.rows if (r.metric, r.group) == (metric, row.group)), None)
    if other is None or known(other.value) is None:
        return ""
    return f" {words} {number(other.value)} (real {number(floor_and_ceiling(report, other)[1])})."


def validity(report: Report) -> str:
    """Whether the two-sample test finds two known crude sets; empty if that was not measured."""
    found = report.facts.get("c2st_validity")
    if not isinstance(found, dict):
        return ""
    gaussian, lowpass = (number(found.get(name)) for name in ("gaussian", "lowpass"))
    valid = "it is valid" if found.get("valid") else "it is NOT valid, so its value means nothing"
    return (
        f"This C2ST finds the PCA-Gaussian of each class with AUC {gaussian} and real beats "
        f"low-passed at 20 Hz with AUC {lowpass}; {valid}."
    )


def describe_similarity(report: Report, row: Row) -> str:
    floor, ceiling = floor_and_ceiling(report, row)
    text = (
        f"A synthetic beat{of_class(row)} differs from the most similar held-out real beat by "
        f"{number(row.value)} {row.unit} (RMS)"
    )
    if ceiling is not None:
        text += f"; real beats of other minutes differ by {number(ceiling)} {row.unit}"
    text += f", the Gaussian baseline by {number(floor)} {row.unit}" if floor is not None else ""
    return f"{text}." + _other_figure(report, "mean_beat_error", row, "The mean beats differ by")


def describe_density(report: Report, row: Row) -> str:
    _, ceiling = floor_and_ceiling(report, row)
    text = (
        f"Of 100 synthetic beats{of_class(row)}, {in_100(row.value)} lie in the region of real "
        "ones "
        "(α-precision)"
    )
    return text + (f"; of real beats of other minutes {in_100(ceiling)}." if ceiling else ".")


def describe_measurement(report: Report, row: Row) -> str:
    _, ceiling = floor_and_ceiling(report, row)
    first = "For example" if grade(report, row)[1] is None else "Largest difference"
    text = (
        f"{first}: {measurement(row.metric)}{of_class(row)}, on average {number(row.value)} "
        f"{row.unit} from the real ones"
    )
    if ceiling is not None:
        text += f" (real beats of other minutes: {number(ceiling)} {row.unit})"
    note = f": {row.note}" if row.note else ""
    return f"{text}{note}. The table below has all of them."


def describe_delineation(report: Report, row: Row) -> str:
    _, ceiling = floor_and_ceiling(report, row)
    text = f"In {in_100(row.value)} of 100 synthetic beats{of_class(row)} no QRS can be delineated"
    return text + (f"; in real ones {in_100(ceiling)}." if ceiling is not None else ".")


def describe_adherence(report: Report, row: Row) -> str:
    _, ceiling = floor_and_ceiling(report, row)
    asked = "with a class" if row.group == "all" else f"as {row.group}"
    text = (
        f"Of 100 beats generated {asked}, a classifier trained on real beats assigns "
        f"{in_100(row.value)} to that class"
    )
    return text + (f"; of real ones {in_100(ceiling)}." if ceiling is not None else ".")


def describe_statement(report: Report, row: Row) -> str:
    _, ceiling = floor_and_ceiling(report, row)
    text = (
        f"Of two beats, one generated with {row.group} and one without, a classifier trained on "
        f"real beats picks the right one {in_100(row.value)} times in 100"
    )
    return text + (f"; of real ones {in_100(ceiling)} times." if ceiling is not None else ".")


def adapt_to_records(text: str) -> str:
    """Turn a sentence about beats into one about records, whose real ones are of other people."""
    for beat, record in (
        ("beat", "record"),
        (" of other minutes", " that were trained on"),
        (" of the same people", ""),
    ):
        text = text.replace(beat, record)
    return text


def value_on_real(row: Row) -> str:
    """The value of real beats in per cent; the mark never requires less than chance."""
    value = row.controls.get(CEILING)
    return in_100(value) if value is not None else "not known"


def describe_copies(report: Report, row: Row) -> str:
    one = "a recorded one" if has_training_set(report) else "a held-out one"
    return (
        f"{in_100(row.value)} of 100 synthetic beats{of_class(row)} lie as near to {one} "
        "as 1 of 100 real beats does by chance; of altered copies, "
        f"{in_100(row.controls.get('copy'))} do. This is evidence, not a proof that the set is "
        "anonymous."
    )


def describe_memorisation(report: Report, row: Row) -> str:
    floor, _ = floor_and_ceiling(report, row)
    return (
        f"With as many held-out as training beats of the same people, {in_100(row.value)} "
        f"of 100 synthetic beats{of_class(row)} lie nearer to a training beat. Chance is 50, "
        f"real beats reach {value_on_real(row)}, altered copies {in_100(floor)}."
    )


def describe_membership(report: Report, row: Row) -> str:
    if row.metric == "memorisation":
        return describe_memorisation(report, row)
    floor, _ = floor_and_ceiling(report, row)
    how = "from the distance to the synthetic beats"
    if row.metric == "domias":
        how = "from where synthetic beats are denser than real ones (DOMIAS)"
    return (
        f"Given two recordings, one of them trained on, an attacker picks out the trained one "
        f"{in_100(row.value)} times in 100{_in(row)}, {how}; 50 is guessing. With real beats "
        f"in place of the set it is {value_on_real(row)}, with altered copies {in_100(floor)}."
    )


def describe_patient_membership(_: Report, row: Row) -> str:
    text = (
        "Of two people, one of them in the training set, an attacker picks out that one "
        f"{in_100(row.value)} times in 100; 50 is guessing"
    )
    return text + (f" ({row.note.rstrip('.')})." if row.note else ".")


def _in(row: Row) -> str:
    return "" if row.group == "all" else f" in class {row.group}"


def describe_c2st(report: Report, row: Row) -> str:
    floor, ceiling = floor_and_ceiling(report, row)
    text = (
        "Given one synthetic and one real beat, a classifier picks the synthetic one "
        f"{in_100(row.value)} times in 100; 50 is guessing."
    )
    if ceiling is not None:
        text += " With real beats of other minutes in place of the synthetic ones it is "
        text += f"{in_100(ceiling)} times"
        text += f", with the Gaussian baseline {in_100(floor)} times." if floor else "."
    return f"{text} {validity(report)}".strip()


def describe_coverage(report: Report, row: Row) -> str:
    floor, ceiling = floor_and_ceiling(report, row)
    text = f"Of 100 real beats{of_class(row)}, {in_100(row.value)} have a synthetic beat close by"
    if ceiling is not None:
        text += f"; a set of real beats of equal size reaches {in_100(ceiling)}"
        text += f", the Gaussian baseline {in_100(floor)}" if floor is not None else ""
    text += "." + _other_figure(
        report, "coverage_signal", row, "Compared sample by sample, the share is"
    )
    text += _other_figure(
        report, "density", row, "Density (how often synthetic beats fall among real ones) is"
    )
    text += _other_figure(
        report, "alpha_precision", row, "\N{GREEK SMALL LETTER ALPHA}-precision is"
    )
    return text + _other_figure(report, "beta_recall", row, "\N{GREEK SMALL LETTER BETA}-recall is")


def describe_collapse(report: Report, row: Row) -> str:
    _, ceiling = floor_and_ceiling(report, row)
    text = (
        f"{in_100(row.value)} of 100 synthetic beats{of_class(row)} have a near-duplicate in the "
        "set, nearer than real beats lie to each other"
    )
    return text + (f"; of real beats {in_100(ceiling)}." if ceiling is not None else ".")


def describe_utility(report: Report, row: Row) -> str:
    floor, ceiling = floor_and_ceiling(report, row)
    text = (
        "A classifier trained on synthetic beats alone reaches a macro F1 of "
        f"{number(row.value)} on people that neither it nor the generator was trained on"
    )
    text += f"; trained on as many real beats it reaches {number(ceiling)}" if ceiling else ""
    return text + (f", on the Gaussian baseline {number(floor)}." if floor else ".")
