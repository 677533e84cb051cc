"""`ecgsynth convert`: files of one format in another."""

from __future__ import annotations

from typing import Annotated

import typer

from ecgsynth.cli.options import Fs, Unit, names_of
from ecgsynth.cli.targets import Force, check_targets


def convert(
    source: Annotated[str, typer.Argument(metavar="FILE", help="A file, a record, or a folder of "
                                          "them.")],
    to: Annotated[str, typer.Option("--to", help="A {formats}; NAME.ENDING/ is a folder of such "
                                    "files.")],
    rename: Annotated[list[str] | None, typer.Option("--rename", metavar="NAME=LEAD", help="What a "
                      "lead of the file is, as in ECG1=MLII.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read everything, name what would be "
                       "lost, and write nothing.")] = False,
    fs: Fs = None,
    unit: Unit = None,
    force: Force = False,
) -> None:  # fmt: skip
    """Convert ECG from any format to any other.

    Leads, units, times, annotations and people are kept where the format can hold them; what it
    cannot is named.

    Example: ecgsynth convert visit.xml --to visit.dcm

    A folder: ecgsynth convert records/ --to records.edf/ --dry-run
    """
    from ecgsynth.formats.conversion import MANIFEST
    from ecgsynth.formats.convert import convert as convert_files

    check_targets(to, force=force)
    found = convert_files(source, to, _pairs(rename), dry_run, fs=fs, unit=unit)
    for sentence in found.losses():
        typer.echo(sentence)
    for row in found.rows:
        if row.problem:
            typer.echo(f"left out: {row.source}: {row.problem}")
    count, lost = len(found.done), len(found.rows) - len(found.done)
    what = "would be written to" if dry_run else "in"
    rest = f"; {lost:,} left out" + ("" if dry_run else f", see {MANIFEST}") if lost else ""
    typer.echo(f"{count:,} {'file' if count == 1 else 'files'} converted, {what} {to}{rest}")


def _pairs(values: list[str] | None) -> dict[str, str] | None:
    from ecgsynth.errors import EcgsynthError

    pairs = {}
    for pair in names_of(values):
        old, equals, new = pair.partition("=")
        if not equals or not old.strip() or not new.strip():
            raise EcgsynthError(f"'{pair}' renames no lead; write NAME=LEAD, as in ECG1=MLII.")
        pairs[old.strip()] = new.strip()
    return pairs or None
