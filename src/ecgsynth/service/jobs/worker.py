"""The process of one job: what was uploaded is read and worked on away from the service.

Started as `python -m ecgsynth.service.jobs.worker`. The first line of standard input says what to
do, standard output tells progress and the end, a JSON object a line. When its input ends, its
parent is gone: it clears up and goes too. A hostile file can harm nothing but this process.
"""

from __future__ import annotations

import json
import logging.config
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ecgsynth.errors import EcgsynthError, MissingRecordingsError, is_out_of_memory
from ecgsynth.service.api.json_text import sayable
from ecgsynth.service.files.disk import DISK, is_full
from ecgsynth.service.jobs.augment import augment
from ecgsynth.service.jobs.evaluate import judge
from ecgsynth.service.middleware.logs import CONFIG, heard, request_id

Work = Callable[
    [Path, Mapping[str, Any], Callable[[str, float], None]], tuple[dict[str, Any], dict[str, Path]]
]
"""(folder, what is asked, advance) -> the result, and the files that are kept by their names."""

KINDS: dict[str, Work] = {"evaluation": judge, "augmentation": augment}

FOLDERS = re.compile(r"(?<![\w./:])/(?:[\w.+-]+/)+")
"""The way to a file: the client knows no folder of ours, so its name alone is told."""

TOO_LARGE = "not enough memory for this set; send fewer items."


def main() -> None:
    order = sys.stdin.readline()
    if not order.endswith("\n"):  # the parent died before it had said what to do
        return
    asked = json.loads(order)
    folder = Path(asked["folder"])
    out = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is no answer
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    logging.config.dictConfig(CONFIG)
    logging.captureWarnings(True)
    request_id.set(asked["job"])
    _bound_memory(asked["memory_mib"])
    if hasattr(os, "nice"):
        os.nice(asked["nice"])  # requests that somebody waits for go first

    def tell(**said: Any) -> None:
        try:
            out.write(json.dumps(said) + "\n")
            out.flush()
        except BrokenPipeError:
            _leave(folder)

    try:
        work = KINDS.get(asked["kind"])
        if work is None:
            raise EcgsynthError(f"this server knows no {asked['kind']}; a newer one queued it.")
        with heard() as warnings:
            result, files = work(
                folder, asked, lambda doing, share: tell(doing=sayable(doing), share=share)
            )
        result["warnings"] = [plain(one) for one in warnings if one not in result.get("notes", ())]
        (folder / "result.json").write_text(json.dumps(sayable(result)), encoding="utf-8")
    except EcgsynthError as problem:
        if is_full(problem):
            tell(error=DISK, full=True)
            return
        tell(error=plain(problem), missing=isinstance(problem, MissingRecordingsError))
    except MemoryError:
        tell(error=TOO_LARGE)
    except Exception as problem:
        if is_full(problem):
            tell(error=DISK, full=True)
            return
        if is_out_of_memory(problem):
            tell(error=TOO_LARGE)
            return
        logging.getLogger("ecgsynth.serve").exception("a job failed")
        sys.exit(1)
    else:
        tell(
            done=True, result="result.json", files={name: path.name for name, path in files.items()}
        )


def plain(sentence: object) -> str:
    """What the client is told: one line, and no folder of ours."""
    return FOLDERS.sub("", " ".join(str(sentence).split()))


def _end_with_parent(folder: Path) -> None:
    sys.stdin.read()
    _leave(folder)


def _leave(folder: Path) -> None:
    """Clear up and go: nobody waits for the work any more."""
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _bound_memory(mib: int) -> None:
    """So much and no more, where the system can hold a process to it."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_DATA, (mib << 20, mib << 20))


if __name__ == "__main__":
    main()
