"""What a training leaves behind while it runs: metrics.jsonl, TensorBoard events, sample sheets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from ecgsynth.files import written_beside
from ecgsynth.signals.ecg import Ecg


class Tracker:
    """Writes a run's log; a resumed run goes on where its snapshot stands.

    folder: the run. examples: position from which to go on; lines beyond it are dropped, since
    those steps are made again.
    """

    def __init__(self, folder: Path, examples: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.folder = folder
        path = folder / "metrics.jsonl"
        kept = [line for line in read_metrics(path) if line["examples"] <= examples]
        with written_beside(path) as beside:
            beside.write_text("".join(json.dumps(line) + "\n" for line in kept))
        self._file: IO[str] = path.open("a", buffering=1)
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=examples)

    def scalars(self, examples: int, values: dict[str, float]) -> None:
        """One line of metrics.jsonl and one TensorBoard point per value."""
        line = {"examples": examples} | {k: round(v, 6) for k, v in values.items()}
        self._file.write(json.dumps(line) + "\n")
        for name, value in values.items():
            self._board.add_scalar(name, value, examples)

    def samples(self, examples: int, ecg: Ecg) -> None:
        """A sheet of synthetic items in `samples/` and in TensorBoard."""
        import numpy as np
        from PIL import Image

        from ecgsynth.signals.paper import draw

        path = draw(
            ecg, self.folder / "samples" / f"{examples:09d}.png", title=f"{examples:,} examples"
        )
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
        with written_beside(folder) as beside:
            for item in range(len(ecg)):
                title = f"epoch {number}, sample {item + 1}"
                path = draw(ecg, beside / f"sample_{item + 1:02d}.png", items=[item], title=title)
                np.save(path.with_suffix(".npy"), ecg.signal[item])

    def close(self) -> None:
        self._file.close()
        self._board.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a metrics.jsonl; a line cut short by a crash is left out."""
    lines = []
    if path.is_file():
        for text in path.read_text().splitlines():
            try:
                lines.append(json.loads(text))
            except json.JSONDecodeError:
                continue
    return [line for line in lines if isinstance(line, dict) and "examples" in line]
