"""Heartbeats of five classes from a label-guided transformer GAN (BioSGAN), without mV.

`python examples/biosgan_heartbeats.py FOLDER` trains on 20,000 beats of each class: an hour on
one core. `--quick` trains a smaller model on 100 of each, in ten seconds. FOLDER gets pictures of
real and of synthetic beats, the run, the beats and a report.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ecgsynth as es
from ecgsynth.progress import share_bar
from ecgsynth.signals.paper import beats_sheet


def main(folder: Path, quick: bool) -> None:
    run = es.Run.read("biosgan-heartbeat")
    if quick:
        run = run.quickened()
        run.training.epochs = 0.5

    # Look: 187 samples at 125 Hz, every beat from 0 to 1, zeros after its end. Classes as rare as
    # F are repeated until all are equal.
    real = es.load("heartbeat_csv:train", **run.data.settings)
    es.draw(real, folder / "real.png", title="real heartbeats, each from 0 to 1")

    # Train: the critic also names the class, and the generator learns to be named rightly.
    with share_bar("training") as show:
        model = es.train(
            run, folder / "run", data=real, report=lambda seen, of, _: show("training", seen / of)
        )

    # Generate. How long a beat lasts is drawn, not generated: its end is a clean zero.
    beats = model.generate(dict.fromkeys("NSVFQ", 60), seed=1)
    es.write(beats, folder / "beats.parquet")
    beats_sheet({"real": real, "synthetic": beats}, folder / "beats.png")

    # Judge by wavelet coherence, always to be read beside that of real with real in the note.
    test = es.load("heartbeat_csv:test", **run.data.settings)
    report = es.evaluate(beats, test, metrics=["wavelet_coherence", "coverage"], quick=True)
    report.save(folder / "report.html")
    for row in report.rows:
        print(row.metric, row.group, row.value, row.unit, row.note)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="a tiny model on few beats")
    given = parser.parse_args()
    main(given.folder, given.quick)
