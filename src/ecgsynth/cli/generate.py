"""`ecgsynth generate`: labelled synthetic ECG into a file or folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgsynth.cli.targets import Force, check_targets


def generate(
    model: Annotated[str, typer.Argument(help="A shipped model, a .safetensors file or a run.")],
    label: Annotated[str, typer.Option("--label", help="Class, or several: N,V. All take turns "
                                       "when left out.")] = "",
    count: Annotated[str, typer.Option("--count", help="How many, or per class: N=900,V=100.")]
    = "100",
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same beats.")] = 0,
    context: Annotated[list[str] | None, typer.Option("--context", help="Hold a context fixed, "
                       "such as rr_before_s=0.5; repeatable.")] = None,
    to: Annotated[str, typer.Option("--to", help="A {formats} [MODEL{usual}].")] = "",
    force: Force = False,
) -> None:  # fmt: skip
    """Generate synthetic ECG in mV with its labels.

    Example: ecgsynth generate mitbih-beats --label V --count 500 --seed 7 --to pvc/
    """
    from ecgsynth.cli.console import with_progress
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.formats import check_target, write
    from ecgsynth.formats.contract import usual_ending
    from ecgsynth.synthesizer import Synthesizer

    number = _count(count)
    fixed = {}
    for pair in context or []:
        key, _, value = pair.partition("=")
        try:
            fixed[key] = float(value)
        except ValueError:
            raise EcgsynthError(
                f"'{pair}' is not a context; write name=number, as in rr_before_s=0.5."
            ) from None
    target = to or f"{Path(model).stem}{usual_ending()}"
    check_target(target)
    check_targets(target, force=force)
    synthesizer = Synthesizer.load(model)
    labels = [name.strip() for name in label.split(",") if name.strip()] or None
    chunks = synthesizer.stream(number, labels, seed, fixed)
    total = number if isinstance(number, int) else sum(number.values())
    check_target(target, synthesizer.spec, total)
    if total > 20_000:
        chunks = with_progress(chunks, total, f"generating {synthesizer.card.name}")
    write(chunks, target)
    typer.echo(f"{total:,} synthetic items of {synthesizer.card.id} in {target}")


def _count(text: str) -> int | dict[str, int]:
    from ecgsynth.errors import EcgsynthError

    try:
        if "=" not in text:
            return int(text.replace("_", ""))
        pairs = [part.split("=") for part in text.split(",")]
        counts = {name.strip(): int(number.replace("_", "")) for name, number in pairs}
        if len(counts) < len(pairs):
            raise ValueError("a class twice")
        return counts
    except ValueError:
        raise EcgsynthError(
            f"--count takes a whole number or counts per class (N=900,V=100); got '{text}'."
        ) from None
