"""Windows of lead II from a BiLSTM-CNN GAN, and why a small error to real ones says little.

`python examples/bilstm_ludb.py FOLDER` trains on 0.8-s windows of 120 people of LUDB for 80
epochs: half an hour on one core. `--quick` stops after an eighth of an epoch, in ten seconds.
FOLDER gets pictures of real and of synthetic windows, the run, the windows and a report.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ecgsynth as es
from ecgsynth.progress import share_bar
from ecgsynth.signals.paper import beats_sheet


def main(folder: Path, quick: bool) -> None:
    run = es.Run.read("bilstm-ludb")
    if quick:
        run = run.quickened()
        run.training.epochs = 0.125

    # Look: 400 samples at 500 Hz, the R peak a quarter to half a second in.
    real = es.load("ludb:train", **run.data.settings)
    es.draw(real, folder / "real.png", title="real windows of lead II")

    # Train.
    with share_bar("training") as show:
        model = es.train(
            run, folder / "run", data=real, report=lambda seen, of, _: show("training", seen / of)
        )

    # Generate: windows carry no class.
    windows = model.generate(200, seed=1)
    es.write(windows, folder / "windows.parquet")
    beats_sheet({"real": real, "synthetic": windows}, folder / "windows.png")

    # Judge by the published errors, to random and to nearest real windows. The mean beat, drawn
    # again and again, beats real people at the first: a small error is no merit by itself.
    heldout = es.load("ludb:validation", **run.data.settings)
    names = ["rmse_random", "rmse_nearest", "mmd"]
    report = es.evaluate(windows, heldout, real, metrics=names, quick=True)
    report.save(folder / "report.html")
    for row in report.rows:
        print(row.metric, row.value, row.unit, row.controls)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="an eighth of an epoch")
    given = parser.parse_args()
    main(given.folder, given.quick)
