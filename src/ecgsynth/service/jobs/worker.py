"""The process of one job: reads and processes the upload outside the service.

Started as `python -m ecgsynth.service.jobs.worker`. The first line of standard input is the job;
standard output has progress and the result, one JSON object per line. When standard input ends, the
parent is gone: the process cleans up and exits. A malicious file can only affect this process.
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
from ecgsynth.service.api.json_text import json_safe
from ecgsynth.service.files.disk import DISK, is_full
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

TOO_LARGE = "not enough memory for this set; send fewer items."


def main() -> None:
    order = sys.stdin.readline()
    if not order.endswith("\n"):  # the parent died before it sent the job
        return
    asked = json.loads(order)
    folder = Path(asked["folder"])
    out = sys.stdout
    sys.stdout = sys.stderr  # output of libraries is not part of the protocol
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    logging.config.dictConfig(CONFIG)
    logging.captureWarnings(True)
    request_id.set(asked["job"])
    _bound_memory(asked["memory_mib"])
    if hasattr(os, "nice"):
        os.nice(asked["nice"])  # interactive requests have priority

    def send(**message: Any) -> None:
        try:
            out.write(json.dumps(message) + "\n")
            out.flush()
        except BrokenPipeError:
            _leave(folder)

    try:
        work = KINDS.get(asked["kind"])
        if work is None:
            raise EcgsynthError(
                f"this server has no job of kind '{asked['kind']}'; a newer version queued it."
            )
        with collect_warnings() as warnings:
            result, files = work(
                folder, asked, lambda doing, share: send(doing=json_safe(doing), share=share)
            )
        result["warnings"] = [plain(one) for one in warnings if one not in result.get("notes", ())]
        (folder / "result.json").write_text(json.dumps(json_safe(result)), encoding="utf-8")
    except EcgsynthError as problem:
        if is_full(problem):
            send(error=DISK, full=True)
            return
        send(error=plain(problem), missing=isinstance(problem, MissingRecordingsError))
    except MemoryError:
        send(error=TOO_LARGE)
    except Exception as problem:
        if is_full(problem):
            send(error=DISK, full=True)
            return
        if is_out_of_memory(problem):
            send(error=TOO_LARGE)
            return
        logging.getLogger("ecgsynth.serve").exception("a job failed")
        sys.exit(1)
    else:
        send(
            done=True, result="result.json", files={name: path.name for name, path in files.items()}
        )


def plain(sentence: object) -> str:
    """A message for the client: one line, without folders of the server."""
    return FOLDERS.sub("", " ".join(str(sentence).split()))


def _end_with_parent(folder: Path) -> None:
    sys.stdin.read()
    _leave(folder)


def _leave(folder: Path) -> None:
    """Clean up and exit: nobody waits for the job."""
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _bound_memory(mib: int) -> None:
    """Limit the memory of this process, if the system supports it."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_DATA, (mib << 20, mib << 20))


if __name__ == "__main__":
    main()
