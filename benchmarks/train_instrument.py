"""Train a fixed instrument and ship it: python -m benchmarks.train_instrument mitbih | ptbxl.

Beats: MIT-BIH, DS1 without its validation patients, where the weights with the best macro F1 are
kept. Records: PTB-XL at 100 Hz, folds 1-8; the best macro AUROC on fold 9 is kept. Fold 10 is
tested once at the end. Each takes about five minutes on one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score

import ecgsynth as es
from ecgsynth.datasets.ptbxl import vocabulary
from ecgsynth.datasets.ptbxl.statements import SUPERCLASSES
from ecgsynth.evaluation.reference_models.classifiers import RECORD_SHARE, STEPS, fit, predict
from ecgsynth.evaluation.reference_models.instruments import make_instrument
from ecgsynth.progress import share_bar
from ecgsynth.signals.ecg import Ecg

RECORD_STEPS = 2400
LEAST = 25
"""Records that a statement needs in the training folds."""

WHERE = Path("src/ecgsynth/pretrained/instruments")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("of", choices=("mitbih", "ptbxl"))
    parser.add_argument("--to", type=Path)
    given = parser.parse_args()
    to = given.to or WHERE / f"{given.of}-instrument.safetensors"
    parts, steps, licence = beats() if given.of == "mitbih" else records()
    train, validation = parts["train"].quantised(), parts["validation"].quantised()
    made_of = steps * RECORD_SHARE if given.of == "ptbxl" else steps  # what `fit` makes of them
    with share_bar("training") as advance:
        net = fit(
            train, validation, steps=steps, advance=lambda n: advance("training", n / made_of)
        )
    figures = {
        part: (aurocs if ecg.spec.multilabel else f1s)(part, ecg, predict(net, ecg.quantised()))
        for part, ecg in parts.items()
        if part != "train"
    }
    facts = {"train": train.source, "validation": validation.source, "steps": steps}
    make_instrument(net, train, facts | {"licence": licence, "figures": figures}).save(to)
    size = sum(p.numel() for p in net.parameters())
    print(f"{to}: {to.stat().st_size / 1e6:.1f} MB, {size:,} parameters")


def beats() -> tuple[dict[str, Ecg], int, str]:
    settings: dict[str, Any] = {"classes": ["N", "S", "V", "F"], "band": (None, 40.0)}
    parts = {part: es.load(f"mitbih:{part}", **settings) for part in ("train", "validation")}
    return parts, STEPS, "ODC-BY 1.0"


def records() -> tuple[dict[str, Ecg], int, str]:
    every = es.load("ptbxl:train", classes=list(vocabulary().names))
    frequent = [name for name, count in every.counts().items() if count >= LEAST]
    parts = {
        part: es.load(f"ptbxl:{part}", classes=frequent) for part in ("train", "validation", "test")
    }
    return parts, round(RECORD_STEPS / RECORD_SHARE), "CC BY 4.0"


def f1s(part: str, ecg: Ecg, predicted: np.ndarray) -> dict[str, float]:
    each = f1_score(ecg.labels_id, predicted.argmax(1), average=None)
    found = {name: round(float(f), 3) for name, f in zip(ecg.spec.classes, each, strict=True)}
    print(f"{part}: F1 {found}")
    return found


def aurocs(part: str, ecg: Ecg, predicted: np.ndarray) -> dict[str, float]:
    assert ecg.label is not None
    found = {
        name: round(float(roc_auc_score(ecg.label[:, k], predicted[:, k])), 3)
        for k, name in enumerate(ecg.spec.classes)
        if 0 < ecg.label[:, k].sum() < len(ecg)
    }
    superclasses = np.mean([found[name] for name in SUPERCLASSES])
    print(f"{part}: AUROC {superclasses:.3f} over superclasses, {np.mean([*found.values()]):.3f}")
    print(found)
    return found


if __name__ == "__main__":
    main()
