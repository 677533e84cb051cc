"""Train the fixed instrument for 12-lead records and ship it: python benchmarks/train_instrument.py

PTB-XL at 100 Hz, folds 1-8; the weights with the best macro AUROC on fold 9 are kept, fold 10 is
told once at the end. Five minutes on one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

import ecgsynth as es
from ecgsynth.datasets.ptbxl import vocabulary
from ecgsynth.datasets.statements import SUPERCLASSES
from ecgsynth.evaluation.classifiers import RECORD_SHARE, fit, predict
from ecgsynth.evaluation.instruments import made
from ecgsynth.progress import bar

STEPS = 2400
LEAST = 25
"""Records that a statement needs in the training folds."""

WHERE = Path("src/ecgsynth/pretrained/instruments/ptbxl-instrument.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=WHERE)
    to = parser.parse_args().to
    every = es.load("ptbxl:train", classes=list(vocabulary().names))
    frequent = [name for name, count in every.counts().items() if count >= LEAST]
    train, validation, test = (
        es.load(f"ptbxl:{part}", classes=frequent) for part in ("train", "validation", "test")
    )
    with bar("training") as advance:
        net = fit(
            train, validation, steps=round(STEPS / RECORD_SHARE),
            advance=lambda step: advance("training", step / STEPS),
        )  # fmt: skip
    figures = {}
    for part, ecg in (("validation", validation), ("test", test)):
        said = predict(net, ecg)
        figures[part] = {
            name: round(float(roc_auc_score(ecg.label[:, k], said[:, k])), 3)
            for k, name in enumerate(frequent)
            if 0 < ecg.label[:, k].sum() < len(ecg)
        }
        superclasses = np.mean([figures[part][name] for name in SUPERCLASSES])
        whole = np.mean([*figures[part].values()])
        print(f"{part}: AUROC {superclasses:.3f} over superclasses, {whole:.3f} over all")
        print(figures[part])
    facts = {"source": "ptbxl:train", "licence": "CC BY 4.0", "steps": STEPS, "auroc": figures}
    made(net, train, facts).save(to)
    size = sum(p.numel() for p in net.parameters())
    print(f"{to}: {to.stat().st_size / 1e6:.1f} MB, {size:,} parameters")


if __name__ == "__main__":
    main()
