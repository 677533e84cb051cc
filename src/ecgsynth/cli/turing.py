"""`ecgsynth turing`: make a blind reading kit, and score its readers' answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgsynth.cli.options import Label, Seed, complete_model, names_of
from ecgsynth.cli.targets import Force, check_targets

if TYPE_CHECKING:
    from ecgsynth.evaluation.blind_reading.scoring import Share
    from ecgsynth.signals.ecg import Ecg


def turing(
    what: Annotated[str, typer.Argument(help="File or folder of synthetic items, or a model; with "
                                        "--score the page that the readers used.",
                     autocompletion=complete_model)],
    against: Annotated[str, typer.Option("--against", help="Real items: a data set's split or a "
                       "file [by the set's card].")] = "",
    count: Annotated[int, typer.Option("--count", help="Strips, half of them real.")] = 40,
    label: Label = None,
    score: Annotated[list[Path] | None, typer.Option("--score", help="A reader's answers, .json; "
                                                     "repeatable.")] = None,
    show_real: Annotated[bool, typer.Option("--show-real", help="Draw real traces of a private "
                         "source too.")] = False,
    seed: Seed = 0,
    to: Annotated[Path, typer.Option("--to", help="The page, .html.")] = Path("turing.html"),
    force: Force = False,
) -> None:  # fmt: skip
    """Make a blind reading of real and synthetic strips.

    With --score it scores the answers of readers.

    Example: ecgsynth turing mitbih-beats --count 40 --to turing.html

    Scores: ecgsynth turing turing.html --score one.json --score two.json
    """
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.evaluation.blind_reading import check_count, reading_page
    from ecgsynth.files import atomic_write

    if score:
        _show(Path(what), score)
        return
    if to.suffix not in (".html", ".htm") or to.is_dir():
        raise EcgsynthError(f"a reading kit is a file that ends in .html; '{to}' does not.")
    check_targets(to, force=force)
    check_count(count)
    if seed < 0:
        raise EcgsynthError(f"the seed must be a whole number, 0 or more; got {seed}.")
    classes = names_of(label)
    synthetic = _synthetic_items(what, count, classes, seed)
    page = reading_page(synthetic, _real_items(against, synthetic), count, classes, seed, show_real)
    with atomic_write(to) as temporary:
        temporary.write_text(page, encoding="utf-8")
    typer.echo(f"{count} strips, half of them real: {to}")


def _synthetic_items(what: str, count: int, classes: list[str], seed: int) -> Ecg:
    """The items of a file, or newly generated items of a model."""
    from ecgsynth.formats import read
    from ecgsynth.synthesizer import Synthesizer, shipped_models

    path = Path(what)
    run = path.suffix == ".safetensors" or (path / "model.safetensors").is_file()
    if not run and (path.exists() or what not in shipped_models()):
        return read(path)
    model = Synthesizer.load(what)
    names = classes or list(model.spec.classes)
    if not names:
        return model.generate(count, seed=seed)
    return model.generate(dict.fromkeys(names, count), seed=seed)


def _real_items(against: str, synthetic: Ecg) -> Ecg:
    """A registered data set cut like the synthetic items, or a file."""
    from ecgsynth.evaluation.real_sets import check_heldout, load_real
    from ecgsynth.progress import stderr_console

    if against in ("mitbih:test", "mitbih:test-literature"):
        stderr_console().print("This uses DS2, the test set: only once per shipped version.")
    source, settings = (against, {}) if against else check_heldout(synthetic.card)
    return load_real(source, synthetic.spec, settings)


def _show(page: Path, files: list[Path]) -> None:
    """Print scores per class of every reader and of all together, and the agreement of readers."""
    from ecgsynth.cli.console import table
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.evaluation.blind_reading.scoring import agreement, read_answers, read_kit, score

    def share_text(share: Share) -> str:
        return f"{share.hits}/{share.total} ({share.low:.2f}-{share.high:.2f})"

    kit, truth = read_kit(page)
    readers = [read_answers(path, kit) for path in files]
    if len({path.resolve() for path in files}) < len(files):
        raise EcgsynthError("a file of answers is named twice; name each file once.")
    sets = [(reader.reader, [reader]) for reader in readers]
    if len(readers) > 1:
        sets.append((f"all {len(readers)}", readers))
    rows = [
        [name, s.group, *map(share_text, (s.sensitivity, s.specificity, s.accuracy)),
         f"{s.p:.2g}", f"{s.auc:.2f}"]
        for name, some in sets for s in score(kit, truth, some)
    ]  # fmt: skip
    heads = ["reader", "class", "sensitivity", "specificity", "accuracy", "p (guessing)", "AUC"]
    table(f"kit {kit['kit']}; exact 95 % intervals in brackets", heads, rows)
    if len(readers) > 1:
        typer.echo(f"agreement of readers (Cohen's kappa, mean of pairs): {agreement(readers):.2f}")
        typer.echo("Intervals over all readers treat all answers as independent.")
