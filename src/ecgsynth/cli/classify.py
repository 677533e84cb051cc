"""`ecgsynth classify`: name beats, train the fixed classifiers and test them on new people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecgsynth.cli import classify_run
from ecgsynth.cli.ec57_table import show_ec57, show_share
from ecgsynth.cli.options import Overrides, Seed
from ecgsynth.cli.targets import Force, check_targets

if TYPE_CHECKING:
    from ecgsynth.evaluation.reference_models.instruments import Instrument
    from ecgsynth.signals.ecg import Ecg

STEPS = 5000
"""As in `reference_models.classifiers`, which is not imported here to keep `--help` fast."""

app = typer.Typer(help="Name beats by class; train and test classifiers on any set.",
                  epilog="Example: ecgsynth classify train mitbih:train --to c.safetensors",
                  no_args_is_help=True)  # fmt: skip
app.command("run")(classify_run.run)


@app.command("train")
def train_classifier(
    source: Annotated[str, typer.Argument(metavar="SET", help="NAME:SPLIT, or a file or folder of "
                                          "real, synthetic or mixed items.")],
    to: Annotated[Path, typer.Option("--to", help="The classifier, .safetensors.")],
    overrides: Overrides = None,
    validation: Annotated[str, typer.Option("--validation", help="Real items of other people, as "
                                                            "SET, to select the weights.")] = "",
    arm: Annotated[str, typer.Option("--arm", help="Handling of rare classes: none, weights, "
                                              "jitter, "
                                     "smote.")] = "weights",
    one_class: Annotated[bool, typer.Option("--one-class", help="Train a detector on class N "
                                                           "only.")] = False,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Training steps.")] = STEPS,
    seed: Seed = 0,
    force: Force = False,
) -> None:  # fmt: skip
    """Train the fixed classifier, of beats or of records.

    It is a ResNet-1D for beats and an xresnet1d for records.

    Example: ecgsynth classify train svf.npz --to svf.safetensors

    Or: ecgsynth classify train mitbih:train --one-class --to n.safetensors
    """
    from ecgsynth.arguments import check_integer
    from ecgsynth.augmentation.classifiers import train_classifier as learned
    from ecgsynth.augmentation.classifiers import train_detector
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.evaluation.real_sets import load_real
    from ecgsynth.progress import share_bar

    if to.suffix != ".safetensors":
        raise EcgsynthError(
            f"a classifier is a .safetensors file; {to} does not end in .safetensors."
        )
    if one_class and (validation or arm != "weights" or steps != STEPS):
        raise EcgsynthError(
            "--one-class fits a density and takes no --validation, --arm or --steps; leave them "
            "out."
        )
    check_integer(seed, "the seed")
    check_targets(to, force=force)
    ecg = _load_set(source, overrides or [])
    counts = ", ".join(f"{name} {count:,}" for name, count in ecg.counts().items())
    if one_class:
        train_detector(ecg, "N", seed).save(to)
        typer.echo(f"detector: {to} was trained on class N of {counts}")
    else:
        choice = load_real(validation, ecg.spec) if validation else None
        with share_bar("training") as advance:
            learned(
                ecg, choice, arm=arm, steps=steps, seed=seed,  # type: ignore[arg-type]
                advance=lambda step: advance("training", step / steps),
            ).save(to)  # fmt: skip
        typer.echo(f"classifier: {to} was trained on {counts}")
    typer.echo(f"try: ecgsynth classify test {to} --on SET, of other people")


@app.command("test")
def examine(
    classifier: Annotated[Path, typer.Argument(help="A file of `classify train`.")],
    on: Annotated[str, typer.Option("--on", metavar="SET", help="Real items of other people; "
                                    "mitbih:test is for one use per shipped version.")],
    json: Annotated[Path | None, typer.Option("--json", help="Every figure as JSON.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what --json names.")] = False,
) -> None:  # fmt: skip
    """Test a classifier on other people, by AAMI EC57.

    Prints the confusion matrix, Se, +P, F1, AUROC, calibration and records.

    Example: ecgsynth classify test svf.safetensors --on mitbih:validation
    """
    from json import dumps

    from ecgsynth.augmentation.classifiers import load_classifier, prepare_test_set
    from ecgsynth.augmentation.novelty import Detector, novelty
    from ecgsynth.classification.report import report
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.evaluation.real_sets import load_real
    from ecgsynth.files import atomic_write

    if json is not None and json.suffix != ".json":
        raise EcgsynthError(f"--json names a file that ends in .json; {json} does not.")
    check_targets(*filter(None, [json]), force=force)
    knower = load_classifier(classifier)
    ecg, notes = prepare_test_set(knower, load_real(on, knower.spec))
    if isinstance(knower, Detector):
        result = novelty(knower, ecg)
        _show_novelty(result)
    else:
        result = report(ecg, knower.predict(ecg))
        _show(result, knower)
    result |= {"classifier": {"file": classifier.name, "sha256": knower.hash, **knower.facts}}
    result["notes"] = notes
    for note in notes:
        typer.echo(note)
    if json is not None:
        with atomic_write(json) as temporary:
            temporary.write_text(dumps(result, indent=1) + "\n", encoding="utf-8")
        typer.echo(f"figures: {json}")


def _load_set(source: str, overrides: list[str]) -> Ecg:
    """Load a file or folder, or a split with settings of its data set."""
    from ecgsynth.datasets import load
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.formats import read
    from ecgsynth.recipes import settings_of
    from ecgsynth.registry import DATASETS

    if source.partition(":")[0] in DATASETS.names():
        return load(source, **settings_of(overrides))
    if overrides:
        raise EcgsynthError(f"a file has no settings; leave out {overrides[0]}.")
    return read(source)


def _show(result: dict[str, Any], classifier: Instrument) -> None:
    """The figures as tables."""
    from ecgsynth.cli.console import table

    names = list(result["classes"])
    rows = [
        [name, f"{row['items']:,}", *_of_people(row), show_share(row.get("sensitivity")),
         show_share(row.get("predictivity")), _figure(row.get("f1")), _figure(row["auroc"])]
        for name, row in result["classes"].items()
    ]  # fmt: skip
    if "without_232" in result:
        row = result["without_232"]["S"]
        rows.append(
            ["S without 232", f"{row['items']:,}", *_of_people(row), show_share(row["sensitivity"]),
             show_share(row["predictivity"]), _figure(row["f1"]), _figure(row["auroc"])]
        )  # fmt: skip
    heads = ["class", "items", "people", "largest", "Se", "+P", "F1", "AUROC"]
    who = f"{result['people']} people" if result["people"] else "people unknown"
    table(f"{result['source']}: {result['items']:,} items, {who}", heads, rows)
    what = "AUROC" if classifier.spec.multilabel else "F1"
    for group, words in (("NSV", "N, S, V"), ("all", ", ".join(names))):
        if group in result["macro"]:
            typer.echo(f"macro {what} over {words}: {_figure(result['macro'][group])}")
    if classifier.spec.multilabel:
        return
    typer.echo()
    show_ec57(result["ec57"])
    typer.echo()
    cells = [
        [name, *(f"{count:,}" for count in line)]
        for name, line in zip(names, result["confusion"], strict=True)
    ]
    table("confusion (row: truth)", ["", *names], cells)
    fit = result["calibration"]
    typer.echo()
    bins = [
        [f"{b['from']:.2f}-{b['to']:.2f}", f"{b['items']:,}", show_share(b["confidence"]),
         show_share(b["accuracy"])]
        for b in fit["bins"]
    ]  # fmt: skip
    table(
        f"expected calibration error {fit['expected_error']:.3f}",
        ["confidence", "items", "mean confidence", "accuracy"], bins,
    )  # fmt: skip
    typer.echo()
    lines = [
        [one["record"], f"{one['items']:,}", show_share(one["right"]),
         *(_rates(one["classes"][name]) for name in names)]
        for one in result["records"]
    ]  # fmt: skip
    if lines:
        table(
            "records: accuracy; per class items, Se, +P",
            ["record", "items", "right", *names],
            lines,
        )


def _show_novelty(result: dict[str, Any]) -> None:
    from ecgsynth.cli.console import table

    rows = [
        [name, f"{row['items']:,}", *_of_people(row), _figure(row["auroc"])]
        for name, row in result["classes"].items()
    ]
    title = f"{result['source']}: separated from class {result['own']} by a detector trained on it"
    table(title, ["class", "items", "people", "largest", "AUROC"], rows)


def _of_people(row: dict[str, Any]) -> list[str]:
    if "patients" not in row:
        return ["", ""]
    return [str(row["patients"]), f"{row['largest_share']:.0%}"]


def _figure(estimate: dict[str, Any] | None) -> str:
    if estimate is None:
        return "-"
    if estimate["low"] is None:
        return f"{show_share(estimate['value'])} ({estimate.get('note', '')})".removesuffix(" ()")
    low, high = show_share(estimate["low"]), show_share(estimate["high"])
    return f"{show_share(estimate['value'])} ({low}-{high})"


def _rates(row: dict[str, Any]) -> str:
    if not row["items"]:
        return ""
    return f"{row['items']:,}  {show_share(row['sensitivity'])} {show_share(row['predictivity'])}"
