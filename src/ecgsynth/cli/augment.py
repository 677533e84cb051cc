"""`ecgsynth augment`: add synthetic items of rare classes to a real set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ecgsynth.cli.options import Fs, Overrides, Unit, complete_recipe
from ecgsynth.cli.targets import Force, check_targets

if TYPE_CHECKING:
    from ecgsynth.augmentation.augmenter import AugmentedSet


def augment(
    recipe: Annotated[str, typer.Argument(help="A shipped plan's name or a YAML file.",
                     autocompletion=complete_recipe)],
    overrides: Overrides = None,
    to: Annotated[str, typer.Option("--to", help="A {formats} [named after RECIPE].")] = "",
    source: Annotated[str, typer.Option("--from", help="Real items: a file or folder, instead of "
                                        "the plan's data.")] = "",
    fs: Fs = None,
    unit: Unit = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, make nothing.")]
    = False,
    force: Force = False,
) -> None:  # fmt: skip
    """Fill up rare classes of a real set with synthetic items.

    Items must pass a quality gate.

    Example: ecgsynth augment augment-svf --to svf.npz

    Your own set: ecgsynth augment augment-svf --from own.npz --to more.npz
    """
    from pathlib import Path

    from ecgsynth.augmentation.augmenter import manifest_path
    from ecgsynth.augmentation.plan import Plan
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.formats import check_target
    from ecgsynth.formats.contract import usual_ending
    from ecgsynth.progress import share_bar
    from ecgsynth.recipes import read_recipe

    listed = [one for one in overrides or [] if one.partition("=")[0].split(".")[0] == "data"]
    if source and listed:
        raise EcgsynthError(
            f"--from {source} takes the place of the plan's data; leave out {listed[0]}, or --from."
        )
    content = read_recipe(recipe, overrides or [], "augmentation")
    if source:
        stated = {"fs": fs, "unit": unit}
        content["data"] = {"file": source} | {k: v for k, v in stated.items() if v is not None}
    plan = Plan.from_dict(content)
    if plan.data is None:
        raise EcgsynthError(
            f"the plan '{plan.name}' names no data; add data to it, or use --from FILE."
        )
    target = to or f"{Path(recipe).stem}{usual_ending()}"
    if plan.data.file and Path(target).resolve() == Path(plan.data.file).resolve():
        raise EcgsynthError(f"{target} is the real set itself; name another file with --to.")
    check_target(target)
    check_targets(target, manifest_path(target), force=force)
    if dry_run:
        typer.echo(plan.to_yaml())
        typer.echo(f"# would write {target}")
        return
    from ecgsynth.augmentation.augmenter import augment_set

    with share_bar("augmenting") as advance:
        done = augment_set(plan.data.load(), plan, advance=advance)
    manifest = done.save(target)
    show(done)
    counts = [facts["synthetic"] for facts in done.manifest["classes"].values()]
    typer.echo(f"{sum(counts):,} of {len(done.ecg):,} items are synthetic: {target}")
    typer.echo(f"manifest: {manifest}")


def show(done: AugmentedSet) -> None:
    """Counts and acceptance as a table: a row per class, a column per criterion."""
    from ecgsynth.cli.console import table

    criteria = list(dict.fromkeys(c for found in done.acceptance.values() for c in found.met))
    rows = []
    for name, facts in done.manifest["classes"].items():
        row = [name, f"{facts['real']:,}", f"{facts['synthetic']:,}"]
        found = done.acceptance.get(name)
        if found is not None:
            row += [f"{share:.1%}" for share in (found.rate, *(found.met[c] for c in criteria))]
        rows.append(row + [""] * (4 + len(criteria) - len(row)))
    columns = ["class", "real", "made", "passed", *criteria]
    title = f"{done.manifest['input']['source']}; of what was drawn, the share that passed"
    table(title, columns, rows)
