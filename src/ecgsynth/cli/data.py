"""`ecgsynth data`: download recordings, check them, and save parts of them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer

from ecgsynth.cli.options import (
    Classes,
    Overrides,
    Window,
    complete_dataset,
    dataset_settings,
    names_of,
)
from ecgsynth.cli.targets import Force, WritesEcg, check_targets

CHUNK = 2_000
"""Items per write."""

SHOWN = 20
"""Most names of records that are printed; the others are only counted."""

app = typer.Typer(help="Download recordings, check them, save parts of them.",
                  epilog="Example: ecgsynth data fetch mitbih", no_args_is_help=True)  # fmt: skip


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="mitbih | svdb | qtdb | ludb | ptbxl | nstdb")],
    source: Annotated[
        str, typer.Option("--from", help="A local archive (tar.xz, tar.gz, zip) or folder.")
    ] = "",
) -> None:
    """Download recordings from PhysioNet, checked by SHA-256.

    The same command continues a download that was interrupted.

    Example: ecgsynth data fetch mitbih

    Without a network: ecgsynth data fetch mitbih --from mitdb.tar.xz
    """
    from ecgsynth.datasets.fetching import fetch as fetch_set

    folder = fetch_set(name, source or None)
    typer.echo(f"{name} is in {folder}")


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A data set of `ecgsynth list datasets`.",
                    autocompletion=complete_dataset)],
    overrides: Overrides = None,
    classes: Classes = None,
    window: Window = "",
) -> None:  # fmt: skip
    """List missing and damaged records, and count the items.

    Example: ecgsynth data check mitbih
    """
    from ecgsynth.cli.console import table
    from ecgsynth.datasets import make_settings
    from ecgsynth.registry import DATASETS

    dataset = DATASETS.get(name)
    given = dataset_settings(overrides, classes, window)
    settings = make_settings(dataset.Settings, given, f"data set '{name}'")
    found = dataset.check(settings)
    typer.echo(f"{found.records} records read, {len(found.damaged)} damaged.")
    if found.missing:
        typer.echo(f"missing: {_some(found.missing)}")
    for what, reasons in (("damaged", found.damaged), ("left out", found.left_out)):
        for record, reason in list(reasons.items())[:SHOWN]:
            typer.echo(f"{what}: {record}: {reason}")
        if len(reasons) > SHOWN:
            typer.echo(f"and {len(reasons) - SHOWN:,} more that are {what}")
    for note in dict.fromkeys(found.notes):
        typer.echo(note)
    totals: dict[tuple[str, str], list[int]] = defaultdict(list)
    people: dict[str, set[str]] = defaultdict(set)
    for (split, patient, label), count in found.counts.items():
        totals[split, label].append(count)
        people[split].add(patient)
    rows = [
        [split, label, f"{sum(each):,}", *_shared(people[split], each)]
        for (split, label), each in totals.items()
    ]
    table("", ["split", "class", "items", "patients", "largest patient's share"], rows)


def _shared(people: set[str], each: list[int]) -> tuple[str, str]:
    """Number of patients with a class, and the largest share of one; each: items of a patient."""
    from ecgsynth.datasets import NOT_STATED

    if people == {NOT_STATED}:
        return NOT_STATED, ""
    return str(len(each)), f"{max(each) / sum(each):.0%}"


def _some(names: list[str]) -> str:
    """The first names, and the number of the others."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")


@app.command(cls=WritesEcg)
def save(
    source: Annotated[str, typer.Argument(help="NAME:SPLIT, such as mitbih:heldout.",
                      autocompletion=complete_dataset)],
    to: Annotated[str, typer.Option("--to", help="A {formats}.")],
    overrides: Overrides = None,
    classes: Classes = None,
    window: Window = "",
    force: Force = False,
) -> None:  # fmt: skip
    """Save a split of real items in any format.

    Example: ecgsynth data save mitbih:heldout --classes N,V --to heldout.npz
    """
    from ecgsynth.datasets import load
    from ecgsynth.formats import check_target, write

    check_target(to)
    check_targets(to, force=force)
    ecg = load(source, **dataset_settings(overrides, classes, window))
    write(ecg, to)
    typer.echo(f"{len(ecg):,} real items of {ecg.source} in {to}")


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="A data set of `ecgsynth list datasets`.",
                    autocompletion=complete_dataset)],
    to: Annotated[Path, typer.Option("--to", help="Folder for the files NAME_SPLIT.npz.")],
    overrides: Overrides = None,
    classes: Classes = None,
    window: Window = "",
    splits: Annotated[list[str] | None, typer.Option("--splits", metavar="NAMES", help="Splits "
                      "[train,test].")] = None,
    force: Force = False,
) -> None:  # fmt: skip
    """Save whole splits as NPZ files.

    Each has data, labels_id, labels_str, pid, classes, fs, leads and unit.

    Example: ecgsynth data build mitbih --window 90,110 --to sets
    """
    from ecgsynth.cli.console import with_progress
    from ecgsynth.datasets import load
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.formats import write

    given = dataset_settings(overrides, classes, window)
    names = names_of(["train,test"] if splits is None else splits)
    if not names:
        raise EcgsynthError("--splits is empty; name one split or more, as in train,test.")
    targets = {split: to / f"{name}_{split}.npz" for split in names}
    check_targets(*targets.values(), force=force)
    sets = {split: load(name, split, **given) for split in names}  # load all before writing any
    for split, ecg in sets.items():
        chunks = (ecg[k : k + CHUNK] for k in range(0, len(ecg), CHUNK))
        write(with_progress(chunks, len(ecg), f"writing {targets[split].name}"), targets[split])
        typer.echo(f"{len(ecg):,} real items of {ecg.source} in {targets[split]}")
