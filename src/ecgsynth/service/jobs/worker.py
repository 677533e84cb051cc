"""The process of one job: reads and processes the upload outside the service.

A malicious file can only affect this process.
"""

from __future__ import annotations

import json
import logging.config
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ecgsynth.errors import EcgsynthError
from ecgsynth.jobs import child
from ecgsynth.service.api.json_text import json_safe
from ecgsynth.service.jobs.augment import augment
from ecgsynth.service.jobs.evaluate import judge
from ecgsynth.service.middleware.logs import CONFIG, collect_warnings, request_id

Work = Callable[
    [Path, Mapping[str, Any], Callable[[str, float], None]], tuple[dict[str, Any], dict[str, Path]]
]
"""(folder, request, advance) -> (result, files to store by name)."""

KINDS: dict[str, Work] = {"evaluation": judge, "augmentation": augment}

FOLDERS = re.compile(r"(?<![\w./:])/(?:[\w.+-]+/)+")
"""Matches the folders of a path: clients get only the name of a file."""


def work(order: dict[str, Any], send: child.Send) -> dict[str, Any]:
    """Do the job; the result is in `result.json` of its folder.

    Raises
    ------
    EcgsynthError: see the kinds of jobs.
    """
    logging.config.dictConfig(CONFIG)
    logging.captureWarnings(True)
    request_id.set(order["job"])
    folder, kind = Path(order["folder"]), KINDS.get(order["kind"])
    if kind is None:
        raise EcgsynthError(
            f"this server has no job of kind '{order['kind']}'; a newer version queued it."
        )

    def advance(doing: str, share: float) -> None:
        send(doing=json_safe(doing), share=share)

    try:
        with collect_warnings() as warnings:
            result, files = kind(folder, order, advance)
    except EcgsynthError as problem:
        raise type(problem)(plain(problem)) from problem
    result["warnings"] = [plain(one) for one in warnings if one not in result.get("notes", ())]
    (folder / "result.json").write_text(json.dumps(json_safe(result)), encoding="utf-8")
    names = {name: path.name for name, path in files.items()}
    return {"done": True, "result": "result.json", "files": names}


def plain(sentence: object) -> str:
    """A message for the client: one line, without folders of the server."""
    return FOLDERS.sub("", " ".join(str(sentence).split()))


def main() -> None:
    """Take the order from standard input; without a parent the folder is deleted."""
    child.run(work, leave=lambda order: shutil.rmtree(order["folder"], ignore_errors=True))


if __name__ == "__main__":
    main()
