"""What figures say in plain words: one function of a row for each question of a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecgsynth.evaluation.baselines.controls import CEILING
from ecgsynth.evaluation.report.html.verdicts import ends, known, number, place, was_trained
from ecgsynth.signals.fiducials import MEASUREMENTS

if TYPE_CHECKING:
    from ecgsynth.evaluation.report import Report, Row

MEASURED = {"amplitude": "peak to peak", "rr": "RR before the beat"}
"""What is measured beside the fiducial points."""


def measurement(metric: str) -> str:
    """The words for a measurement, from the name of its metric or of itself."""
    name = metric.removesuffix("_w1").removesuffix("_ks")
    title = MEASUREMENTS.get(name, (MEASURED.get(name, name.replace("_", " ")),))[0]
    return title.partition(",")[0]


def in_100(value: float | None) -> str:
    return "?" if value is None else f"{100 * value:.0f}"


def of_class(row: Row) -> str:
    return "" if row.group == "all" else f" of class {row.group}"


def _beside(report: Report, metric: str, row: Row, words: str) -> str:
    """The same class's figure of another metric, beside that of real beats."""
    other = next((r for r in report.rows if (r.metric, r.group) == (metric, row.group)), None)
    if other is None or known(other.value) is None:
        return ""
    return f" {words} {number(other.value)} (real {number(ends(report, other)[1])})."


def validity(report: Report) -> str:
    """Whether the two-sample test finds what it must find; empty where that was not measured."""
    found = report.facts.get("c2st_validity")
    if not isinstance(found, dict):
        return ""
    gaussian, lowpass = (number(found.get(name)) for name in ("gaussian", "lowpass"))
    valid = "it is valid" if found.get("valid") else "it is NOT valid, and its figure tells nothing"
    return (
        f"This C2ST finds the PCA-Gaussian of each class with AUC {gaussian} and real beats "
        f"low-passed at 20 Hz with AUC {lowpass}; {valid}."
    )


def looks(report: Report, row: Row) -> str:
    floor, ceiling = ends(report, row)
    text = (
        f"A synthetic beat{of_class(row)} differs from the most similar unseen real one by "
        f"{number(row.value)} {row.unit} (RMS)"
    )
    if ceiling is not None:
        text += f"; real beats of other minutes differ by {number(ceiling)} {row.unit}"
    text += f", the Gaussian baseline by {number(floor)} {row.unit}" if floor is not None else ""
    return f"{text}." + _beside(report, "mean_beat_error", row, "The average beats differ by")


def among(report: Report, row: Row) -> str:
    _, ceiling = ends(report, row)
    text = (
        f"Of 100 synthetic beats{of_class(row)}, {in_100(row.value)} lie where real ones lie "
        "(α-precision)"
    )
    return text + (f"; of real beats of other minutes {in_100(ceiling)}." if ceiling else ".")


def measures(report: Report, row: Row) -> str:
    _, ceiling = ends(report, row)
    first = "For instance" if place(report, row)[1] is None else "Furthest off"
    text = (
        f"{first}: {measurement(row.metric)}{of_class(row)}, on average {number(row.value)} "
        f"{row.unit} from the real ones"
    )
    if ceiling is not None:
        text += f" (real beats of other minutes: {number(ceiling)} {row.unit})"
    note = f": {row.note}" if row.note else ""
    return f"{text}{note}. All of them stand in the table beneath."


def measurable(report: Report, row: Row) -> str:
    _, ceiling = ends(report, row)
    text = f"In {in_100(row.value)} of 100 synthetic beats{of_class(row)} no QRS can be delineated"
    return text + (f"; in real ones {in_100(ceiling)}." if ceiling is not None else ".")


def adheres(report: Report, row: Row) -> str:
    _, ceiling = ends(report, row)
    asked = "with a class" if row.group == "all" else f"as {row.group}"
    text = (
        f"Of 100 beats asked for {asked}, {in_100(row.value)} are told so by a classifier that "
        "learned from real beats"
    )
    return text + (f"; of real ones {in_100(ceiling)}." if ceiling is not None else ".")


def carries(report: Report, row: Row) -> str:
    _, ceiling = ends(report, row)
    text = (
        f"Of two beats, one asked to carry {row.group} and one not, a classifier that learned from "
        f"real beats picks the right one {in_100(row.value)} times in 100"
    )
    return text + (f"; of real ones {in_100(ceiling)} times." if ceiling is not None else ".")


def in_records(text: str) -> str:
    """A sentence about beats as one about records, whose real ones are of other people."""
    for beat, record in (
        ("beat", "record"),
        (" of other minutes", " that were trained on"),
        (" of the same people", ""),
    ):
        text = text.replace(beat, record)
    return text


def real_or_not(row: Row) -> str:
    """What real beats reach in 100, as measured; the mark never asks for less than chance."""
    value = row.controls.get(CEILING)
    return in_100(value) if value is not None else "not known"


def copies(report: Report, row: Row) -> str:
    one = "a recorded one" if was_trained(report) else "a held-out one"
    return (
        f"{in_100(row.value)} of 100 synthetic beats{of_class(row)} lie so near to {one} "
        "as 1 of 100 real beats does by chance; of altered copies, "
        f"{in_100(row.controls.get('copy'))} do. This is evidence, not a proof that the set is "
        "anonymous."
    )


def nearer(report: Report, row: Row) -> str:
    floor, _ = ends(report, row)
    return (
        f"Were trained and unseen recordings of the same people equally many, {in_100(row.value)} "
        f"of 100 synthetic beats{of_class(row)} would lie nearer to a trained one. Chance is 50, "
        f"real beats reach {real_or_not(row)}, altered copies {in_100(floor)}."
    )


def attacks(report: Report, row: Row) -> str:
    if row.metric == "memorisation":
        return nearer(report, row)
    floor, _ = ends(report, row)
    how = "from how near the synthetic beats lie"
    if row.metric == "domias":
        how = "from where synthetic beats crowd more than real ones do (DOMIAS)"
    return (
        f"Given two recordings, one of them trained on, an attacker picks out the trained one "
        f"{in_100(row.value)} times in 100{_in(row)}, {how}; 50 is guessing. With real beats "
        f"in the set's place it is {real_or_not(row)}, with altered copies {in_100(floor)}."
    )


def person(_: Report, row: Row) -> str:
    text = (
        "Of two people, one of them in the training set, an attacker picks out that one "
        f"{in_100(row.value)} times in 100; 50 is guessing"
    )
    return text + (f" ({row.note.rstrip('.')})." if row.note else ".")


def _in(row: Row) -> str:
    return "" if row.group == "all" else f" in class {row.group}"


def told_apart(report: Report, row: Row) -> str:
    floor, ceiling = ends(report, row)
    text = (
        "Shown one synthetic and one real beat, a classifier picks out the synthetic one "
        f"{in_100(row.value)} times in 100; 50 would be guessing."
    )
    if ceiling is not None:
        text += f" It picks out real beats of other minutes {in_100(ceiling)} times"
        text += f", the simple Gaussian baseline {in_100(floor)} times." if floor else "."
    return f"{text} {validity(report)}".strip()


def covered(report: Report, row: Row) -> str:
    floor, ceiling = ends(report, row)
    text = f"Of 100 real beats{of_class(row)}, {in_100(row.value)} have a synthetic beat close by"
    if ceiling is not None:
        text += f"; a set of real beats of equal size reaches {in_100(ceiling)}"
        text += f", the Gaussian baseline {in_100(floor)}" if floor is not None else ""
    text += "." + _beside(report, "coverage_signal", row, "Sample by sample, the share is")
    text += _beside(report, "density", row, "Density, how often they fall among real ones, is")
    text += _beside(report, "alpha_precision", row, "\N{GREEK SMALL LETTER ALPHA}-precision is")
    return text + _beside(report, "beta_recall", row, "\N{GREEK SMALL LETTER BETA}-recall is")


def collapsed(report: Report, row: Row) -> str:
    _, ceiling = ends(report, row)
    text = (
        f"{in_100(row.value)} of 100 synthetic beats{of_class(row)} have a twin in the set, nearer "
        "than real beats ever lie to each other"
    )
    return text + (f"; of real beats {in_100(ceiling)}." if ceiling is not None else ".")


def useful(report: Report, row: Row) -> str:
    floor, ceiling = ends(report, row)
    text = (
        "A classifier that learned from synthetic beats alone reaches a macro F1 of "
        f"{number(row.value)} on people whom neither it nor the generator ever saw"
    )
    text += f"; from as many real beats it reaches {number(ceiling)}" if ceiling else ""
    return text + (f", from the Gaussian baseline {number(floor)}." if floor else ".")
