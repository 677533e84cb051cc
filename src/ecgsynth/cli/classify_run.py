"""`ecgsynth classify run`: name the beats of recordings by AAMI class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecgsynth.cli.targets import Force, check_targets

if TYPE_CHECKING:
    from ecgsynth.classification.recordings import BeatTable


def run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A WFDB record, a folder of them, or "
                                        "a file of recordings in another format.")],
    to: Annotated[str, typer.Option("--to", help="The beats: a .csv, or a folder (a name that ends "
                                    "in /) of WFDB annotations .aami.")] = "",
    beats: Annotated[str, typer.Option("--beats", help="The annotator of the R times; 'detected' "
                                       "detects them. By default atr where there is one.")] = "",
    classifier: Annotated[str, typer.Option("--classifier", help="beats (all given people), ds1 "
                                            "(MIT-BIH DS1 alone), or a file.")] = "beats",
    json: Annotated[Path | None, typer.Option("--json", help="The EC57 figures as JSON.")] = None,
    force: Force = False,
) -> None:  # fmt: skip
    """Name the beats of recordings: N, S, V or F, with probabilities.

    Where the beats are annotated, the annotations are the truth of an EC57 report.

    Example: ecgsynth classify run mitdb/100 --to beats.csv

    Or: ecgsynth classify run records/ --beats detected --to classified/
    """
    from json import dumps

    from ecgsynth.classification.classifier import load_classifier
    from ecgsynth.classification.output import check_target, write_tables
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.files import atomic_write

    if to:
        check_target(to)
    if json is not None and json.suffix != ".json":
        raise EcgsynthError(f"--json names a file that ends in .json; {json} does not.")
    check_targets(*[one for one in (to, json) if one], force=force)
    tables = _classified(file, load_classifier(classifier), beats)
    _show_counts(tables)
    figures = _show_ec57(tables)
    if to:
        write_tables(tables, to)
        typer.echo(f"beats: {to}")
    if json is not None:
        with atomic_write(json) as temporary:
            temporary.write_text(dumps(figures, indent=1) + "\n", encoding="utf-8")
        typer.echo(f"figures: {json}")


def _classified(file: str, classifier: Any, annotator: str) -> list[BeatTable]:
    """The tables of all recordings that can be read; the others are named in the log."""
    import logging

    from ecgsynth.classification.recordings import classify_recording, recordings_at
    from ecgsynth.errors import EcgsynthError

    log, found, problems, count = logging.getLogger("ecgsynth"), [], [], 0
    for one in recordings_at(file, annotator):
        count += 1
        try:
            if isinstance(one, EcgsynthError):
                raise one
            for warning in one.assumptions:
                log.warning("record %s: %s", one.name, warning)
            found.append(classify_recording(one, classifier, annotator))
        except EcgsynthError as problem:
            problems.append(problem)
    if not found:
        if problems:
            raise problems[0]
        raise EcgsynthError(f"{file} has no recording.")
    for reason in problems:
        log.warning("a recording is left out: %s", reason)
    if problems:
        log.warning("%d of %d recordings were left out.", len(problems), count)
    return found


def _show_counts(tables: list[BeatTable]) -> None:
    from ecgsynth.classification.classifier import CLASSES
    from ecgsynth.cli.console import table

    rows = [
        [one.record, f"{len(one):,}", "detected" if one.truth is None else "annotated",
         *(f"{int((one.label == name).sum()):,}" for name in CLASSES)]
        for one in tables
    ]  # fmt: skip
    table("beats by class", ["record", "beats", "R", *CLASSES], rows)


def _show_ec57(tables: list[BeatTable]) -> dict[str, Any]:
    """VEB and SVEB by EC57 where there is a truth; {} where there is none."""
    from ecgsynth.classification.recordings import confusion
    from ecgsynth.cli.ec57_table import show_ec57
    from ecgsynth.scoring.figures import ectopic_of
    from ecgsynth.signals.vocabulary import AAMI_CLASSES

    matrices = confusion(tables)
    if not matrices:
        return {}
    figures = ectopic_of(list(matrices.values()), AAMI_CLASSES)
    typer.echo()
    show_ec57(figures)
    each = {name: one.tolist() for name, one in matrices.items()}
    return {"ec57": figures, "classes": list(AAMI_CLASSES), "confusion": each}
