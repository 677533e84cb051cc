"""`ecgsynth data`: download recordings, check them, and save parts of them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer

from ecgsynth.cli.targets import Force, WritesEcg, check_targets

CHUNK = 2_000
"""Items per write."""

SHOWN = 20
"""Most names of records that are printed; the others are only counted."""

app = typer.Typer(help="Download recordings and check them.", no_args_is_help=True)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="mitbih | ptbxl | ludb | nstdb")],
    source: Annotated[
        str, typer.Option("--from", help="A local archive (tar.xz, tar.gz, zip) or folder.")
    ] = "",
) -> None:
    """Download recordings from PhysioNet, checked by SHA-256; the same call resumes.

    Example: ecgsynth data fetch mitbih --from mitdb.tar.xz
    """
    from ecgsynth.datasets.fetching import fetch as fetch_set

    folder = fetch_set(name, source or None)
    typer.echo(f"{name} is in {folder}")


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A data set of `ecgsynth list datasets`.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="settings as key=value")] = None,
) -> None:
    """List missing and damaged records; count items per class, split and patient.

    Example: ecgsynth data check mitbih
    """
    from ecgsynth.cli.console import table
    from ecgsynth.datasets import make_settings
    from ecgsynth.recipes import settings_of
    from ecgsynth.registry import DATASETS

    dataset = DATASETS.get(name)
    settings = make_settings(dataset.Settings, settings_of(overrides or []), f"data set '{name}'")
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
    source: Annotated[str, typer.Argument(help="NAME:SPLIT, such as mitbih:heldout.")],
    to: Annotated[str, typer.Option("--to", help="A {formats}.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="settings as key=value")] = None,
    force: Force = False,
) -> None:
    """Save a split of real items in any format.

    Example: ecgsynth data save mitbih:heldout classes=[N,V] --to heldout.npz
    """
    from ecgsynth.datasets import load
    from ecgsynth.formats import check_target, write
    from ecgsynth.recipes import settings_of

    check_target(to)
    check_targets(to, force=force)
    ecg = load(source, **settings_of(overrides or []))
    write(ecg, to)
    typer.echo(f"{len(ecg):,} real items of {ecg.source} in {to}")


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="A data set of `ecgsynth list datasets`.")],
    to: Annotated[Path, typer.Option("--to", help="Folder for the files NAME_SPLIT.npz.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="settings as key=value")] = None,
    window: Annotated[
        str, typer.Option("--window", help="The setting `window`, as in 90,110.")
    ] = "",
    splits: Annotated[str, typer.Option("--splits", help="As in train,test.")] = "train,test",
    force: Force = False,
) -> None:
    """Save whole splits as NPZ: data, labels_id, labels_str, pid, classes, fs, leads, unit.

    Example: ecgsynth data build mitbih --window 90,110 band=[3,45] --to sets
    """
    from ecgsynth.cli.console import with_progress
    from ecgsynth.datasets import load
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.formats import write
    from ecgsynth.recipes import settings_of

    given = settings_of(overrides or [])
    if window:
        given |= settings_of([f"window=[{window}]" if "," in window else f"window={window}"])
    names = [split.strip() for split in splits.split(",") if split.strip()]
    if not names:
        raise EcgsynthError("--splits is empty; name one split or more, as in train,test.")
    targets = {split: to / f"{name}_{split}.npz" for split in names}
    check_targets(*targets.values(), force=force)
    sets = {split: load(name, split, **given) for split in names}  # load all before writing any
    for split, ecg in sets.items():
        chunks = (ecg[k : k + CHUNK] for k in range(0, len(ecg), CHUNK))
        write(with_progress(chunks, len(ecg), f"writing {targets[split].name}"), targets[split])
        typer.echo(f"{len(ecg):,} real items of {ecg.source} in {targets[split]}")
