"""Code in a process of its own to which modes of files apply, also where tests run as root."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DROP = 24
"""`PR_CAPBSET_DROP` of Linux: what a new program of root may then no longer do."""


def _drop_capabilities() -> None:
    if os.geteuid() == 0 and sys.platform == "linux":
        library = ctypes.CDLL(None)
        for number in range(64):
            library.prctl(DROP, number, 0, 0, 0)


def run_unprivileged(code: str, *words: object, **environment: str) -> Any:
    """What the code writes as JSON in its last line; words: its `sys.argv[1:]`."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        env={**os.environ, **environment},
        preexec_fn=_drop_capabilities,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def mode(folder: Path, bits: int) -> Iterator[Path]:
    """A folder with other modes for a while."""
    before = folder.stat().st_mode
    folder.chmod(bits)
    try:
        yield folder
    finally:
        folder.chmod(before)
