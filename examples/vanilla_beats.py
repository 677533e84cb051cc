"""Beats of four classes from the plainest GAN there is: what a baseline looks like.

`python examples/vanilla_beats.py FOLDER` trains a fully connected generator and critic for 50
epochs: a quarter of an hour on one core. `--quick` stops after a quarter of an epoch, in ten
seconds. FOLDER gets pictures of real and of synthetic beats, the run, the beats and a report.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ecgsynth as es
from ecgsynth.progress import share_bar
from ecgsynth.signals.paper import beats_sheet


def main(folder: Path, quick: bool) -> None:
    run = es.Run.read("vanilla-mitbih")
    if quick:
        run = run.quickened()
        run.training.epochs = 0.25

    # Look: normal, supraventricular, ventricular and fusion beats, and of how many people.
    real = es.load("mitbih:train", **run.data.settings)
    print(real.people_per_class())
    es.draw(real, folder / "real.png", title="real beats")

    # Train: one model makes all four classes.
    with share_bar("training") as show:
        model = es.train(
            run, folder / "run", data=real, report=lambda seen, of, _: show("training", seen / of)
        )

    # Generate a hundred of each. Same seed, same beats.
    beats = model.generate(dict.fromkeys("NSVF", 100), seed=1)
    es.write(beats, folder / "beats.parquet")
    beats_sheet({"real": real, "synthetic": beats}, folder / "beats.png")

    # Judge: can a classifier tell them apart (.50: no), are they as smooth as real ones, do they
    # stand at the generator's limits?
    report = es.evaluate(
        beats, "mitbih:heldout", metrics=["c2st", "smoothness", "saturation"], quick=True
    )
    report.save(folder / "report.html")
    for row in report.rows:
        print(row.metric, row.group, row.value, row.unit, row.note)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="a quarter of an epoch")
    given = parser.parse_args()
    main(given.folder, given.quick)
