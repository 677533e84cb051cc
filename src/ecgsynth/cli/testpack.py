"""`ecgsynth testpack`: files without a patient for the tests of a reader."""

from __future__ import annotations

from typing import Annotated

import typer

from ecgsynth.cli.options import Seed, names_of


def write_pack(
    to: Annotated[str, typer.Option("--to", help="A new folder.")],
    day: Annotated[bool, typer.Option("--day", help="With a recording of 24 h, in the formats that "
                   "are written piece by piece.")] = False,
    cases: Annotated[list[str] | None, typer.Option("--cases", metavar="NAMES", help="Only these "
                     "recordings, as in afib,day [all].")] = None,
    formats: Annotated[list[str] | None, typer.Option("--formats", metavar="NAMES", help="Only "
                       "these formats, as in edf,dicom [all].")] = None,
    seed: Seed = 0,
) -> None:  # fmt: skip
    """Write files of every format by which a reader is tested.

    The same seed gives the same bytes. README.md in the folder has what is there and why not.

    Example: ecgsynth testpack --to pack/

    Some of it: ecgsynth testpack --to pack/ --formats edf,dicom --cases afib
    """
    from ecgsynth.testpack.pack import write_testpack

    pack = write_testpack(
        to, seed=seed, day=day, cases=names_of(cases) or None, formats=names_of(formats) or None
    )
    held = sum(not reason for *_, reason in pack.rows)
    files = f"{held:,} {'file' if held == 1 else 'files'}"
    typer.echo(f"{files} with their truth and {len(pack.broken):,} broken ones in {to}")
    if lacking := len(pack.rows) - held:
        typer.echo(f"{lacking:,} that a format cannot hold; README.md has the reasons")
    typer.echo("SYNTHETIC ECG: not from a patient and not for diagnosis; licence CC0 1.0")
