"""The mark of what must not be shared: models of fewer than five people, and all that they make."""

from __future__ import annotations

from collections.abc import Iterable

from ecgsynth.signals.anonymity import PEOPLE

OWN_USE = "-own-use"
"""In the name of a model of so few people, and so in its id. Every file that is made with it names
the id as its source, so that the mark stays, whatever the format keeps besides."""

SENTENCE = (
    f"It must not be shared: the model learned from fewer than {PEOPLE} people, for their own use."
)
"""What cards, files and reports state of it."""


def is_for_own_use(makers: Iterable[str]) -> bool:
    """Whether one of these ids, or sources, is that of a model whose work must not be shared."""
    return any(OWN_USE in maker for maker in makers)


def own_use_name(name: str) -> str:
    """The name of a model with the mark."""
    return name if OWN_USE in name else name + OWN_USE
