"""TCWGAN-GP's augmented training set, made and judged: S x4, V x2, F x4.

`ecgsynth data build mitbih --window 90,110 band=[null,null] --to SETS`, then
`python -m benchmarks.claims_tcwgan S_MODEL V_MODEL F_MODEL --sets SETS --to FOLDER` writes
`mitbih_train_augmented.npz` and a picture, and prints tables (Markdown). Of the test people it
asks only that none of them is in the training set.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score

import ecgsynth as es
from benchmarks.claims import judged, number, table
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.real_sets import load_like
from ecgsynth.evaluation.reference_models.classifiers import fit, predict
from ecgsynth.progress import share_bar
from ecgsynth.signals.ecg import one_hot
from ecgsynth.signals.paper import beats_sheet

MULTIPLIERS = {"S": 4, "V": 2, "F": 4}
"""As published: a class of n beats gets n * (multiplier - 1) synthetic ones."""
CLASSES = ("N", "S", "V", "F")
METRICS = ("coverage", "density", "c2st")
SHOWN = 10
SEEDS = (0, 1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs=3, metavar="MODEL", help="of S, of V and of F")
    parser.add_argument("--sets", type=Path, required=True, help="mitbih_{train,test}.npz")
    parser.add_argument("--to", type=Path, required=True, help="folder of the set and the picture")
    parser.add_argument("--steps", type=int, default=1500, help="of every classifier")
    parser.add_argument("--quick", action="store_true", help="C2ST by boosting alone")
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    train, test = (es.read(given.sets / f"mitbih_{side}.npz") for side in ("train", "test"))
    synthetic = {
        name: made(es.Synthesizer.load(model), train, name)
        for name, model in zip(MULTIPLIERS, given.models, strict=True)
    }
    target = given.to / "mitbih_train_augmented.npz"
    es.write(es.concatenate([train, *synthetic.values()]), target)
    check(target, given.sets / "mitbih_train.npz", train, test)
    print(f"{target}: {', '.join(f'{n} {c:,}' for n, c in es.read(target).counts().items())}")

    real = train.with_classes([*MULTIPLIERS])
    ours = es.concatenate([*synthetic.values()]).with_classes([*MULTIPLIERS])
    beats_sheet({"real": real, "synthetic": ours}, given.to / "beats.png", SHOWN)
    print("\nAgainst mitbih:heldout, the last minutes of the same people, class by class\n")
    heldout, learned, validation = (
        load_like(f"mitbih:{split}", replace(train.spec, classes=CLASSES))
        for split in ("heldout", "train", "validation")
    )
    for name, ecg in synthetic.items():
        # One invented patient is no unit of resampling: every synthetic beat is its own.
        own = replace(ecg, patient=None, record=None, onset_s=None)
        one, test, trained = (part.with_classes([name]) for part in (own, heldout, learned))
        judged({f"class {name}": one}, test, trained, METRICS, quick=given.quick)

    rows = [utility(name, ecg, validation, given.steps) for name, ecg in sets(train, synthetic)]
    table(["trained on", *(f"F1 {name}" for name in CLASSES), "macro F1 (SD of seeds)"], rows)
    people = len(set(np.asarray(validation.patient).tolist()))
    print(
        f"On mitbih:validation ({people} people, none of them trained on: "
        f"{', '.join(f'{n} {c:,}' for n, c in validation.counts().items())}); the fixed "
        f"classifier, {given.steps} steps, {len(SEEDS)} seeds, last weights."
    )


def made(model: es.Synthesizer, train: es.Ecg, name: str) -> es.Ecg:
    """The synthetic beats of a class, in the columns of the real set that they will stand in.

    Raises
    ------
    EcgsynthError: the model makes other classes, or signals that are cut otherwise.
    """
    count = train.counts()[name] * (MULTIPLIERS[name] - 1)
    beats = model.generate(count, label=name, seed=1)
    own = replace(beats.spec, classes=train.spec.classes)
    if own != train.spec:
        raise EcgsynthError(
            f"{model.card.name} makes {own}, but the set holds {train.spec}; build the set with "
            "the window and band that the model was trained on."
        )
    label = one_hot(np.full(count, train.spec.class_index(name)), len(train.spec.classes))
    who = np.full(count, f"GAN_{name}")
    return replace(
        beats, spec=own, label=label, patient=who, record=who, onset_s=np.full(count, np.nan)
    )


def check(target: Path, source: Path, train: es.Ecg, test: es.Ecg) -> None:
    """That the written set is what was meant: its keys, its counts, its people."""
    with np.load(target) as after, np.load(source) as before:
        assert set(after.files) == set(before.files), set(after.files) ^ set(before.files)
        people = after["pid"]
        for name, count in train.counts().items():
            of_class = after["labels_str"] == name
            assert of_class.sum() == count * MULTIPLIERS.get(name, 1), name
            added = (people == f"GAN_{name}").sum()
            assert added == count * (MULTIPLIERS.get(name, 1) - 1), name
    assert not set(people.tolist()) & set(np.asarray(test.patient).tolist())


def sets(train: es.Ecg, synthetic: dict[str, es.Ecg]) -> Iterator[tuple[str, es.Ecg]]:
    """Training sets under their names; the rare beats are also just repeated, for a fair peer."""
    again = [train.of_class(name) for name, times in MULTIPLIERS.items() for _ in range(times - 1)]
    yield "real", train
    yield "real, rare ones repeated as often", es.concatenate([train, *again])
    yield "real and synthetic", es.concatenate([train, *synthetic.values()])


def utility(name: str, train: es.Ecg, validation: es.Ecg, steps: int) -> list[str]:
    """A row of the table: what the fixed classifier makes of people it has never seen."""
    scores = []
    with share_bar(name) as advance:

        def advance_from(begun: float) -> Callable[[int], None]:
            return lambda step: advance(name, begun + step / steps / len(SEEDS))

        for k, seed in enumerate(SEEDS):
            begun = k / len(SEEDS)
            net = fit(
                train.with_classes(CLASSES), None, steps=steps, seed=seed,
                advance=advance_from(begun),
            )  # fmt: skip
            predicted = predict(net, validation).argmax(1)
            scores.append(f1_score(validation.labels_id, predicted, labels=range(4), average=None))
    macro = np.mean(scores, 1)
    spread = f"{number(macro.mean())} ({number(macro.std(ddof=1))})"
    return [name, *(number(value) for value in np.mean(scores, 0)), spread]


if __name__ == "__main__":
    main()
