"""The process of one evaluation: what was uploaded is read and judged away from the service.

Started as `python -m ecgsynth.app.service.judging`. The first line of standard input says what to
do, standard output tells progress and the end, a JSON object a line. When its input ends, its
parent is gone: it clears up and goes too. A hostile file can harm nothing but this process.
"""

from __future__ import annotations

import json
import logging.config
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

from ecgsynth.app.service import uploads
from ecgsynth.app.service.logs import CONFIG, request_id
from ecgsynth.errors import EcgsynthError, MissingRecordingsError

NO_MEMORY = ("could not create a primitive", "can't allocate memory")
"""How oneDNN and PyTorch say it, in a RuntimeError."""


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    folder = Path(asked["folder"])
    out = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is no answer
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    logging.config.dictConfig(CONFIG)
    logging.captureWarnings(True)
    request_id.set(asked["job"])
    _bound_memory(asked["memory_mib"])
    if hasattr(os, "nice"):
        os.nice(10)  # requests that somebody waits for go first

    def tell(**said: Any) -> None:
        out.write(json.dumps(said) + "\n")
        out.flush()

    try:
        judge(folder, asked, lambda doing, share: tell(doing=doing, share=share))
    except EcgsynthError as problem:
        sentence = str(problem).replace(f"{folder}/", "")  # the client knows no folder of ours
        tell(error=sentence, missing=isinstance(problem, MissingRecordingsError))
    except MemoryError:
        tell(error="not enough memory to judge this set; send fewer items.")
    except Exception as problem:
        if any(words in str(problem) for words in NO_MEMORY):
            tell(error="not enough memory to judge this set; send fewer items.")
            return
        logging.getLogger("ecgsynth.serve").exception("an evaluation failed")
        sys.exit(1)
    else:
        tell(done=True)


def judge(folder: Path, asked: dict[str, Any], advance: Any) -> None:
    """Write report.html and report.json beside the upload.

    Raises
    ------
    EcgsynthError: the file cannot be read, or the set cannot be judged.
    """
    from ecgsynth.formats import read

    advance("reading", 0.0)
    kind = asked["upload_kind"]
    file = folder / asked["name"]
    if kind == "wfdb":
        file = uploads.unpack(file, folder / "records")
    ecg = read(file, kind)
    from ecgsynth.evaluation.judge import evaluate  # seconds, which a file that is refused spares

    report = evaluate(
        ecg, asked["against"], asked["train"] or None, metrics=asked["metrics"] or None,
        quick=asked["quick"], seed=asked["seed"], advance=advance,
    )  # fmt: skip
    if not report.rows:
        reasons = "; ".join(dict.fromkeys(report.left_out.values()))
        raise EcgsynthError(f"nothing of the set could be measured: {reasons}.")
    report.save(folder / "report.html")


def _end_with_parent(folder: Path) -> None:
    sys.stdin.read()
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
