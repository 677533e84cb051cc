"""Output paths: the same rule for existing files in all commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import check_writable, holds_files

Force = Annotated[bool, typer.Option("--force", help="Replace what --to names, if it is there.")]


def check_targets(*targets: str | Path, force: bool = False) -> None:
    """Reject paths that exist already or cannot be written.

    Call it before the work. An empty folder is allowed. `--force` replaces a file (of a symbolic
    link the link itself, never its target) and the content of a folder; in a folder the format
    replaces only files that ecgsynth wrote. A name that ends in / is a folder.

    Raises
    ------
    EcgsynthError: a file or a folder with files exists without `force`; the path is neither file
    nor folder; it cannot be written.
    """
    there = [str(target) for target in targets if _exists(Path(target))]
    if there and not force:
        raise EcgsynthError(
            f"{' and '.join(there)} would be overwritten; add --force, or choose another --to."
        )
    for target in targets:
        path = Path(target)
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise EcgsynthError(f"{path} is neither a file nor a folder; choose another --to.")
        folder = path.is_dir() or str(target).endswith("/")
        check_writable(path / "RECORDS" if folder else path)


def _exists(path: Path) -> bool:
    """Whether a file, a link or a folder that is not empty has the name."""
    return holds_files(path) if path.is_dir() else os.path.lexists(path)
