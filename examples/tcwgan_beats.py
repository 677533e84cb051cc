"""Supraventricular beats from a transformer GAN (TCWGAN-GP), beside real ones.

`python examples/tcwgan_beats.py FOLDER` trains 40 million parameters for one class, as published:
half an hour on one core. With `--quick` a tiny model is trained in ten seconds, which shows the
way and makes noise. FOLDER gets pictures of real and of synthetic beats, the run, the beats and
a report.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ecgsynth as es
from ecgsynth.progress import share_bar
from ecgsynth.signals.paper import beats_sheet


def main(folder: Path, quick: bool) -> None:
    run = es.Run.read("tcwgan-s")
    if quick:
        run = run.quickened()

    # Look: the beats of class S of 12 people, cut from half a second around the R peak.
    real = es.load("mitbih:train", **run.data.settings)
    es.draw(real, folder / "real.png", title="real supraventricular beats")

    # Train. Every beat is learned without its offset and scale; they are drawn back later, so
    # that what is generated is mV again.
    with share_bar("training") as show:
        model = es.train(
            run, folder / "run", data=real, report=lambda seen, of, _: show("training", seen / of)
        )

    # Generate: as many as are added to the training set when S is to be four times as frequent.
    beats = model.generate(3 * len(real), label="S", seed=1)
    es.write(beats, folder / "beats.parquet")
    beats_sheet({"real": real, "synthetic": beats}, folder / "beats.png")

    # Judge against other minutes of the same people: is every real beat met, and none copied?
    report = es.evaluate(
        beats, "mitbih:heldout", real, metrics=["coverage", "density", "memorisation"], quick=True
    )
    report.save(folder / "report.html")
    for row in report.rows:
        print(row.metric, row.value, "; other real beats reach", row.controls.get("real"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="a tiny model: the way, not the beats")
    given = parser.parse_args()
    main(given.folder, given.quick)
