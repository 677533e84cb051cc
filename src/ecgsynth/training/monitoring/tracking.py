"""What a training leaves behind while it runs: metrics.jsonl, TensorBoard events, sample sheets."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from ecgsynth.files import atomic_write
from ecgsynth.signals.ecg import Ecg
from ecgsynth.training.monitoring.alarms import Alarm


class Tracker:
    """Writes a run's log; a resumed run goes on where its snapshot stands.

    folder: the run. examples: position from which to go on; lines beyond it are dropped, since
    those steps are made again. past: the lines up to there.
    """

    def __init__(self, folder: Path, examples: int = 0) -> None:
        self.folder = folder
        self._open(examples)

    def _open(self, examples: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        path = self.folder / "metrics.jsonl"
        self.past = [line for line in read_metrics(path) if line["examples"] <= examples]
        with atomic_write(path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in self.past))
        self._file: IO[str] = path.open("a", buffering=1)
        self._board = SummaryWriter(str(self.folder / "tensorboard"), purge_step=examples)

    def write(self, examples: int, values: dict[str, Any], alarms: Sequence[Alarm] = ()) -> None:
        """A line of metrics.jsonl, and one for each alarm; in TensorBoard points and texts."""
        if values:
            line = {name: round_float(value) for name, value in values.items()}
            self._file.write(json.dumps({"examples": examples} | line) + "\n")
        for name, value in values.items():
            if isinstance(value, float):
                self._board.add_scalar(name, value, examples)
        for alarm in alarms:
            self._file.write(json.dumps(alarm.to_json()) + "\n")
            self._board.add_text("alarms", str(alarm), examples)

    def rewind(self, examples: int, alarms: Sequence[Alarm]) -> None:
        """The training goes back to here; of the alarms that sent it a line stays, of here."""
        self.close()
        self._open(examples)
        for alarm in alarms:
            line = alarm.to_json() | {"examples": examples, "back_from": alarm.examples}
            self._file.write(json.dumps(line) + "\n")

    def samples(self, examples: int, ecg: Ecg) -> None:
        """A sheet of synthetic items in `samples/` and in TensorBoard."""
        import numpy as np
        from PIL import Image

        from ecgsynth.signals.paper import draw

        path = self.folder / "samples" / f"{examples:09d}.png"
        draw(ecg, path, title=f"{examples:,} examples")
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        self._board.add_image("samples", pixels, examples, dataformats="HWC")

    def epoch(self, number: int, ecg: Ecg) -> None:
        """The samples of an epoch, each a picture and the numbers in it, in a folder of their own.

        `samples/epoch_0001/sample_01.png` and `.npy` (in the unit of the signals, [lead, sample]).
        """
        import numpy as np

        from ecgsynth.signals.paper import draw

        folder = self.folder / "samples" / f"epoch_{number:04d}"
        if folder.exists():  # a resumed run makes these steps again, and they come out the same
            return
        with atomic_write(folder) as temporary:
            for item in range(len(ecg)):
                path = temporary / f"sample_{item + 1:02d}.png"
                draw(ecg, path, items=[item], title=f"epoch {number}, sample {item + 1}")
                np.save(path.with_suffix(".npy"), ecg.signal[item])

    def close(self) -> None:
        """End the run."""
        self._file.close()
        self._board.close()


def speed_figures(examples: int, seconds: float, left: int) -> dict[str, float]:
    """How fast a training is and how much memory it took; left: examples to go."""
    rate = examples / seconds
    return {
        "examples_per_second": rate, "seconds_left": max(left, 0) / rate,
        "memory_gb": peak_memory_gb(),
    }  # fmt: skip


def peak_memory_gb() -> float:
    """Most memory that this process has held so far, GB."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux; ru_maxrss would begin with that of the parent
        for text in status.read_text().splitlines():
            if text.startswith("VmHWM"):
                return int(text.split()[1]) * 1024 / 1e9
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def round_float(value: Any) -> Any:
    """Six digits are more than anything here is known to."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a metrics.jsonl; a line cut short by a crash is left out."""
    lines = []
    if path.is_file():
        # A power cut may leave any bytes at the end.
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                lines.append(json.loads(text))
            except json.JSONDecodeError:
                continue
    return [line for line in lines if isinstance(line, dict) and _is_complete(line)]


def _is_complete(line: dict[str, Any]) -> bool:
    known = isinstance(line.get("examples"), int | float)
    return known and ("alarm" not in line or {"saw", "try"} <= line.keys())
