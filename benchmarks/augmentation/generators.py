"""The arms whose beats a model makes: where it lies, and whether it may stand in the study."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import ecgsynth as es
from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.synthesizer.find import find_model

PLAIN = ("none", "weights")
"""Arms that add nothing: the real beats alone, without and with a class-weighted loss."""

FREE = ("jitter", "smote", "gaussian")
"""Arms that add beats at no cost: repeated with jitter, SMOTE, a PCA-Gaussian of every class."""

FLAGSHIP = "flagship"
"""The arm whose recipe the curve over n trains anew."""

RECIPE = "recipe:"
"""What stands before a recipe that the study has trained, in the place of files."""


@dataclass(frozen=True)
class Generator:
    """An arm whose beats a model makes: the places where it is looked for, one a generator seed.

    recipe: what trains it, where it is trained for the study.
    """

    name: str
    models: tuple[str, ...]
    recipe: str = ""

    @classmethod
    def of(cls, word: str, folder: Path, count: int) -> Generator:
        """From `name=file,file,...` or `name=recipe:RECIPE`, which is trained `count` times into
        the study's folder.

        Raises
        ------
        EcgsynthError: no such word, or a name that is taken.
        """
        name, _, given = word.partition("=")
        if not name.isidentifier() or not given:
            raise EcgsynthError(
                f"'{word}' names no generator; write name=file,file or name={RECIPE}RECIPE, with "
                "letters and digits in the name."
            )
        if name in (*PLAIN, *FREE):
            raise EcgsynthError(f"the arm '{name}' is there already; give the generator another.")
        if given.startswith(RECIPE):
            recipe = given.removeprefix(RECIPE)
            Run.read(recipe)
            models = tuple(str(folder / "generators" / f"{name}-{k + 1}") for k in range(count))
            return cls(name, models, recipe)
        return cls(name, tuple(given.split(",")))

    def digest(self) -> dict[str, str]:
        """Model -> hash of its file; of those whose training is finished."""
        there = [m for m in self.models if not self.recipe or finished(Path(m))]
        return {m: hashlib.sha256(find_model(m).read_bytes()).hexdigest()[:16] for m in there}


def finished(folder: Path) -> bool:
    """Whether the training of a run folder has come to its end."""
    if not (folder / "model.safetensors").is_file():
        return False
    card = es.Synthesizer.load(folder).card
    run = Run.from_dict(card.run)
    length = run.training.length(int(card.data["items"]))
    if run.training.epochs:  # a card tells the items of an epoch to a tenth
        length = int(0.95 * length)
    return card.examples_seen >= length


def check_generator(model: es.Synthesizer, name: str, real: es.Ecg, rare: Iterable[str]) -> None:
    """Refuse a generator that cannot stand in the study.

    Raises
    ------
    EcgsynthError: a rare class that it does not make, a context that only the real beats have.
    """
    absent = [label for label in rare if label not in model.prior.classes]
    if absent:
        raise EcgsynthError(
            f"the generator {name} ({model.card.name}) makes {', '.join(model.prior.classes)}, not "
            f"{', '.join(absent)}, which the study fills up; join it with one that does "
            "(`ecgsynth join`)."
        )
    unknown = [what for what in real.spec.context if what not in model.spec.context]
    if unknown:
        raise EcgsynthError(
            f"the generator {name} ({model.card.name}) does not make {', '.join(unknown)}, which "
            "the real beats carry: a classifier would know its beats by that; train it anew."
        )


def learned_from(model: es.Synthesizer, name: str, source: str) -> None:
    """Refuse a generator of another set than the classifiers learn from.

    Raises
    ------
    EcgsynthError: people of the other sides may be among those whom it knows.
    """
    theirs = str(model.card.data.get("source", "an unknown set"))
    if theirs != source:
        raise EcgsynthError(
            f"the generator {name} ({model.card.name}) learned from {theirs}, the classifiers "
            f"learn from {source}: people of the other sides may be among them; train it on "
            f"{source}."
        )
