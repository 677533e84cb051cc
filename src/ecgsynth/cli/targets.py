"""Output paths: the same rule for existing files in all commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import check_writable, holds_files

FORMATS = "{formats}"
"""Stands in the help of an option for the files that the registered formats write."""


class WritesEcg(TyperCommand):
    """A command with an option that names a file of any format.

    The formats are looked up when the command is called or its help is shown, not when the
    program starts.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, with the formats that are registered in their help."""
        params = super().get_params(ctx)
        for one in params:
            if isinstance(one, TyperOption) and one.help and FORMATS in one.help:
                one.help = one.help.replace(FORMATS, target_names())
        return params


def target_names() -> str:
    """What --to may name: "file (.csv .npz .parquet) or folder/ (WFDB)"; imports no format."""
    from ecgsynth import registry

    known = registry.FORMATS.facts().values()
    files = [one["endings"][0] for one in known if one["container"] == "file"]
    folder = next(one["title"] for one in known if "/" in one["endings"])
    return f"file ({' '.join(files)}) or folder/ ({folder})"


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
