"""`ecgsynth evaluate`: evaluate a synthetic set of any origin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgsynth.cli.options import Fs, Seed, Unit, complete_metrics, names_of
from ecgsynth.cli.targets import Force, check_targets

if TYPE_CHECKING:
    from ecgsynth.evaluation.report import Report
    from ecgsynth.signals.ecg import Ecg


def evaluate(
    synthetic: Annotated[str, typer.Argument(help="File or folder of synthetic items (with "
                         "--calibrate: any items of the shape).")],
    against: Annotated[str, typer.Option("--against", help="Held-out items of the same people: "
                       "a data set's split, a file or none [by the set's card].")] = "",
    train: Annotated[str, typer.Option("--train", help="Training set of the generator, likewise "
                     "[by the set's card].")] = "",
    new_patients: Annotated[str, typer.Option("--new-patients", help="Items of other people, for "
                            "TSTR; mitbih:test is for one use per shipped version.")] = "",
    metrics: Annotated[list[str] | None, typer.Option("--metrics", metavar="NAMES", help="Figures, "
                       "as in c2st,coverage [all].", autocompletion=complete_metrics)] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Train no networks: seconds.")]
    = False,
    full: Annotated[bool, typer.Option("--full", help="Five seeds of every network, floors and "
                                                 "ceilings at exactly this size: for published "
                                                 "tables.")] = False,
    calibrate: Annotated[int | None, typer.Option("--calibrate", metavar="COUNT", min=10,
                         help="Measure floors and ceilings for sets of COUNT items per class, once "
                         "for all later evaluations; 10 to 20 minutes.")] = None,
    show_real: Annotated[bool, typer.Option("--show-real", help="Draw real traces of a private "
                         "source too.")] = False,
    fs: Fs = None,
    unit: Unit = None,
    seed: Seed = 0,
    to: Annotated[Path, typer.Option("--to", help="Report, .html (and .json) or .json.")]
    = Path("report.html"),
    force: Force = False,
) -> None:  # fmt: skip
    """Evaluate a synthetic set against real items.

    Figures have floors, a ceiling and a 95 % interval.

    Example: ecgsynth evaluate pvc.npz --quick --to report.html

    Any generator: ecgsynth evaluate x.csv --against test.npz --train train.npz

    Once, for speed: ecgsynth evaluate beats.npz --calibrate 2000
    """
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.evaluation.judge import calibrate as measure_controls
    from ecgsynth.evaluation.judge import evaluate as judge
    from ecgsynth.evaluation.real_sets import check_heldout, load_real
    from ecgsynth.evaluation.report import files_of
    from ecgsynth.evaluation.training_set import training_set
    from ecgsynth.formats import read_silently

    check_targets(*files_of(to), force=force or bool(calibrate))
    # `evaluate` warns of a doubtful unit
    ecg = read_silently(synthetic, fs=fs, unit=unit)

    def real(name: str) -> Ecg | str:
        """The set in a file whose rate or unit was named; other names as they are."""
        named = (fs or unit) and Path(name).is_file()
        return read_silently(name, fs=fs, unit=unit) if named else name

    if calibrate:
        learned = training_set(ecg, real(train))
        typer.echo(learned.why)
        if learned.items is None:
            raise EcgsynthError("floors and ceilings need a training set; name it with --train.")
        source, settings = (against, {}) if against else check_heldout(ecg.card)
        found = real(source)
        items = load_real(found, ecg.spec, settings) if isinstance(found, str) else found
        _, done = measure_controls(
            items, learned.items, ecg.spec, calibrate, quick=quick, seed=seed
        )
        sizes = ", ".join(f"{name} {count}" for name, count in done.counts.items())
        typer.echo(f"floors and ceilings of {source} at {sizes} items are in the cache")
        return
    if not against:
        check_heldout(ecg.card)
    names = names_of(metrics) or None
    report = judge(
        ecg,
        real(against),
        real(train),
        real(new_patients) or None,
        names,
        quick=quick,
        full=full,
        seed=seed,
    )
    if not report.rows:
        reasons = "; ".join(dict.fromkeys(report.left_out.values()))
        raise EcgsynthError(f"nothing of {synthetic} could be measured: {reasons}.")
    report.save(to, True if show_real else None)
    show(report, to)
    typer.echo(f"report: {to}")


def show(report: Report, page: Path) -> None:
    """The figures as a table, and what is left out; the page has the rest."""
    show_rows(report)
    if count := len(report.left_out):
        which = f"{count} figures" if count > 1 else next(iter(report.left_out))
        typer.echo(f"left out: {which}; the reasons are in {page}")
    for note in report.notes:
        typer.echo(note)


def show_rows(report: Report, of: str = "") -> None:
    """The figures as a table: a row per metric, a column per class. of: words before the title."""
    from ecgsynth.cli.console import table

    def cell(metric: str, group: str) -> str:
        row = found.get((metric, group))
        if row is None or row.value is None:
            return "" if row is None else "-"
        ceiling = row.controls.get("real")
        return f"{row.value:.3g}" + (f" [{ceiling:.3g}]" if ceiling is not None else "")

    found = {(row.metric, row.group): row for row in report.rows}
    titles = {
        False: f"{of}{report.synthetic} against {report.against}; [value of real beats]",
        True: "by sex and age of the real people; [value of real beats]",
    }
    for by_people, title in titles.items():
        part = [row for row in report.rows if (row.question == "fairness") == by_people]
        groups = list(dict.fromkeys(row.group for row in part if row.value is not None))
        first = {row.metric: row for row in reversed(part)}
        rows = [
            [metric, *(cell(metric, group) for group in groups), row.unit, row.goal]
            for metric, row in sorted(first.items())
        ]
        if rows:
            table(title, ["metric", *groups, "unit", "better"], rows)
