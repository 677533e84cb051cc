"""Recordings by `ecgsynth record`, whatever draws them."""

from __future__ import annotations

import io
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from ecgsynth.formats import read
from ecgsynth.signals.ecg import Ecg

LEAD = "MLII"
FS = 360.0
"""As MIT-BIH records it."""


def draw_recording(model: str, *words: str) -> Ecg:
    """One recording of the lead MLII, with its beats as marks. words: of `ecgsynth record`.

    Raises
    ------
    EcgsynthError: the command refuses the words.
    """
    from ecgsynth.cli.main import app

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "drawn.npz"
        asked = ["record", *words, "--model", model, "--leads", "1", "--fs", f"{FS:g}"]
        with redirect_stdout(io.StringIO()):
            app([*asked, "--no-waves", "--to", str(target)], standalone_mode=False)
        return read(target)
