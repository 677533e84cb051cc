"""Supraventricular beats that come earlier and earlier, drawn on ECG paper.

`python examples/early_beats.py FOLDER` writes a picture for each coupling interval and one Parquet
file that holds them all.
"""

from __future__ import annotations

import sys
from pathlib import Path

import ecgsynth as es


def main(folder: Path) -> None:
    model = es.Synthesizer.load("mitbih-beats")
    sets = []
    for rr in (0.7, 0.55, 0.4):
        beats = model.generate(200, label="S", seed=7, context={"rr_before_s": rr})
        es.draw(
            beats, folder / f"early-{rr:.2f}s.png", title=f"S, {rr:.2f} s after the beat before"
        )
        sets.append(beats)
    path = es.write(es.concatenate(sets), folder / "early.parquet")
    print(f"{sum(map(len, sets))} beats in {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
