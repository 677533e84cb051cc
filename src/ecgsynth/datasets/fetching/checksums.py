"""The published list of checksums of a data set, and what a mismatch means."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

from ecgsynth.errors import EcgsynthError

LIST = "SHA256SUMS.txt"
"""PhysioNet's name of the list; one line a file: "<sha256> <relative path>"."""

OLD_LIST = "SHA256SUMS"
"""Its name in older copies."""

DECIDES = re.compile(r"\.(dat|hea|atr|csv|[iv]{1,3}|v[1-6]|av[rlf])$")
"""Recordings, annotations (LUDB has one file per lead) and tables: a wrong one spoils results.

Other files, such as LUDB's LICENSE.txt, differ from the published list on PhysioNet itself.
"""


def parse(text: str, where: str) -> dict[str, str]:
    """Relative path -> sha256 of a list of checksums; where: its name for error messages.

    Raises
    ------
    EcgsynthError: not such a list, empty, or with a path that leads out of the folder.
    """
    sums: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        found = re.fullmatch(r"([0-9a-fA-F]{64}) [ *]?(\S.*?)\s*", line)
        if not found:
            raise EcgsynthError(
                f"{where} is not a list of checksums (a line reads {line[:40]!r}); check the "
                "address, or whether a login page stands between."
            )
        check_inside(found[2], where)
        sums[str(PurePosixPath(found[2]))] = found[1].lower()
    sums.pop(".", None)
    if not sums:
        raise EcgsynthError(f"{where} is empty; get it again.")
    return sums


def check_inside(name: str, where: str) -> None:
    """Refuse a name that would be written outside the folder it belongs to.

    Raises
    ------
    EcgsynthError: the name is absolute or climbs.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise EcgsynthError(
            f"{where} names '{name}', which leads out of its folder; it is refused, get the "
            "recordings from their publisher."
        )


def sha256(file: Path) -> str:
    """Of a file's content, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_list(folder: Path) -> dict[str, str]:
    """The list that lies in a folder; empty where there is none.

    Raises
    ------
    EcgsynthError: what lies there is no list of checksums.
    """
    file = next((f for n in (LIST, OLD_LIST) if (f := folder / n).is_file()), None)
    if file is None:
        return {}
    return parse(file.read_text(encoding="utf-8", errors="replace"), str(file))


def mismatches(folder: Path, sums: dict[str, str]) -> tuple[int, list[str], list[str]]:
    """Compare a folder with a list: (files compared, wrong that decide, wrong others).

    Files of the list that are absent are not compared: a part of a data set is fine.
    """
    present = [name for name in sums if (folder / name).is_file()]
    wrong = [name for name in present if sha256(folder / name) != sums[name]]
    spoils = [
        name for name in wrong
        if DECIDES.search(name) and not _is_renamed(folder / name, sums[name])
    ]  # fmt: skip
    return len(present), spoils, [name for name in wrong if name not in spoils]


def _is_renamed(header: Path, expected: str) -> bool:
    """Whether a header differs from the published one in the names of its leads alone; WFDB's
    tools keep the published one as NAME.hea-."""
    original = header.with_name(f"{header.name}-")
    if header.suffix != ".hea" or not original.is_file() or sha256(original) != expected:
        return False
    first, second = (
        [line.split(maxsplit=8)[:8] for line in file.read_text("latin-1").splitlines()]
        for file in (header, original)
    )
    return first == second


def first_names(names: list[str]) -> str:
    """The first few of many names, and how many more."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
