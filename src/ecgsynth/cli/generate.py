"""`ecgsynth generate`: labelled synthetic ECG into a file or folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgsynth.cli.options import Label, Seed, complete_model, names_of
from ecgsynth.cli.targets import Force, check_targets


def generate(
    model: Annotated[str, typer.Argument(help="A shipped model, a .safetensors file or a run.",
                     autocompletion=complete_model)],
    label: Label = None,
    count: Annotated[str, typer.Option("--count", metavar="COUNT", help="How many, or per class: "
                     "N=900,V=100 [100, or 100 a person].", show_default=False)] = "",
    seed: Seed = 0,
    context: Annotated[list[str] | None, typer.Option("--context", metavar="NAME=VALUE",
                       help="Hold contexts fixed, as in rr_before_s=0.5,database=svdb.")] = None,
    text: Annotated[str, typer.Option("--text", metavar="WORDS", help="Label and contexts in "
                    "words, as in 'woman of 70, AFIB, 90 bpm'.")] = "",
    fs: Annotated[float | None, typer.Option("--fs", metavar="HZ", help="Sampling rate, of models "
                  "that make any [the model's].", show_default=False)] = None,
    people: Annotated[int | None, typer.Option("--people", metavar="N", help="Of so many synthetic "
                      "people, each with a style, rhythm and lead of his own.")] = None,
    to: Annotated[str, typer.Option("--to", help="A {formats} [named after MODEL].")] = "",
    force: Force = False,
) -> None:  # fmt: skip
    """Generate synthetic ECG in mV with its labels.

    Example: ecgsynth generate mitbih-beats --label V --count 500 --to pvc.npz

    Words: ecgsynth generate ptbxl-12lead --text "woman of 70, AFIB, 90 bpm"

    WFDB: ecgsynth generate mitbih-beats --count N=900,V=100 --to records/

    People: ecgsynth generate mitbih-beats --people 40 --to people.npz
    """
    from ecgsynth.cli.console import with_progress
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.formats import check_target, write
    from ecgsynth.formats.contract import usual_ending
    from ecgsynth.synthesizer import Synthesizer

    number = _count(count) if count else 100 * max(1, people or 1)
    fixed = contexts_of(context)
    target = to or f"{Path(model).stem}{usual_ending()}"
    check_target(target)
    check_targets(target, force=force)
    synthesizer = Synthesizer.load(model)
    if fs is not None:
        synthesizer = synthesizer.with_rate(fs)
    labels = names_of(label) or None
    if text:
        named, written = synthesizer.read_text(text)
        if (labels and named) or fixed.keys() & written.keys():
            raise EcgsynthError(
                "--text asks for what --label or --context asks for as well; leave one of them out."
            )
        labels = labels or ([named] if named else None)
        fixed |= written
    chunks = synthesizer.stream(number, labels, seed, fixed, people=people)
    total = number if isinstance(number, int) else sum(number.values())
    check_target(target, synthesizer.spec, total)
    if total > 20_000:
        chunks = with_progress(chunks, total, f"generating {synthesizer.card.name}")
    write(chunks, target)
    typer.echo(f"{total:,} synthetic items of {synthesizer.card.id} in {target}")


def contexts_of(values: list[str] | None) -> dict[str, float | str]:
    """Contexts to hold fixed, by name.

    Raises
    ------
    EcgsynthError: a word is no name with a value.
    """
    from ecgsynth.arguments import check_once
    from ecgsynth.errors import EcgsynthError

    pairs = [part.strip() for value in values or () for part in value.split(",") if part.strip()]
    check_once((pair.partition("=")[0] for pair in pairs), "the context")
    fixed: dict[str, float | str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not value:
            raise EcgsynthError(
                f"'{pair}' is not a context; write name=value, as in rr_before_s=0.5."
            )
        try:
            fixed[key] = float(value)
        except ValueError:  # one of several kinds, as in lead=V4
            fixed[key] = value
    return fixed


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
