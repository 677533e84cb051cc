"""Ten seconds of twelve leads with a rare statement, on the sheet that a ward knows.

`python examples/inception_records.py FOLDER` trains on PTB-XL for 100 epochs: a quarter of an
hour on one core for every 400 records of these statements that are here. `--quick` stops after
half an epoch, in ten seconds. FOLDER gets 12-lead sheets, the run, the records and a report.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ecgsynth as es
from ecgsynth.progress import share_bar


def main(folder: Path, quick: bool) -> None:
    run = es.Run.read("inception-ptbxl")
    if quick:
        run = run.quickened()
        run.training.epochs = 0.5

    # Look: left bundle branch block, atrial fibrillation, pacing, ...; folds 1 to 8.
    real = es.load("ptbxl:train", **run.data.settings)
    print(real.counts())
    es.draw(real.of_class("AFIB"), folder / "real.png", items=[0], title="real, AFIB")

    # Train: of the twelve leads eight are learned, the other four follow from them.
    with share_bar("training") as show:
        model = es.train(
            run, folder / "run", data=real, report=lambda seen, of, _: show("training", seen / of)
        )

    # Generate: the statements take turns.
    records = model.generate(90, seed=1)
    es.write(records, folder / "records.parquet")
    es.draw(records.of_class("AFIB"), folder / "synthetic.png", items=[0], title="AFIB")

    # Judge against fold 9: do the leads obey Einthoven, do they go together as in real hearts,
    # does a network find the statement that was asked for?
    heldout = es.load("ptbxl:validation", **run.data.settings)
    names = ["einthoven_residual", "lead_correlation_error", "statement_adherence"]
    report = es.evaluate(records, heldout, metrics=names, quick=True)
    report.save(folder / "report.html")
    for row in report.rows:
        print(row.metric, row.group, row.value, row.unit, row.note)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="half an epoch")
    given = parser.parse_args()
    main(given.folder, given.quick)
