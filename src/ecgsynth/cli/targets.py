"""Where a command writes: one rule for all of them about what is there already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import check_writable, holds_files

FORMATS, USUAL = "{formats}", "{usual}"
"""Stand in the help of an option for the files that the registered formats write, and for the
ending of a file when none is named."""


class WritesEcg(TyperCommand):
    """A command with an option that names a file of any format.

    The formats are looked up when the command is called or its help is shown, not when the
    program starts.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        from ecgsynth.formats import contract

        params = super().get_params(ctx)
        for one in params:
            if isinstance(one, TyperOption) and one.help and FORMATS in one.help:
                one.help = one.help.replace(FORMATS, contract.targets())
                one.help = one.help.replace(USUAL, contract.usual_ending())
        return params


Force = Annotated[bool, typer.Option("--force", help="Replace what --to names, if it is there.")]


def checked_targets(*targets: str | Path, force: bool = False) -> None:
    """Refuse places where something is already, and those where nothing can be written.

    Asked before the work. An empty folder is free. `--force` replaces a file (of a symbolic link
    the link, never what it points to) and renews a folder; in a folder only files that ecgsynth
    wrote are replaced, which the format sees to. A name that ends in / is a folder.

    Raises
    ------
    EcgsynthError: a file or a folder with files is there and `force` is not given; there is
        something that is neither; it can not be written.
    """
    there = [str(target) for target in targets if _taken(Path(target))]
    if there and not force:
        raise EcgsynthError(
            f"{' and '.join(there)} would be overwritten; say --force, or choose another --to."
        )
    for target in targets:
        path = Path(target)
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise EcgsynthError(f"{path} is neither a file nor a folder; choose another --to.")
        folder = path.is_dir() or str(target).endswith("/")
        check_writable(path / "RECORDS" if folder else path)


def _taken(path: Path) -> bool:
    """Whether a file, a link or a folder with something in it has the name."""
    return holds_files(path) if path.is_dir() else os.path.lexists(path)
