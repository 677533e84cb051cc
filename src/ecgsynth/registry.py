"""Registries of interchangeable things: data sets, models, objectives, metrics and file formats.

A decorator registers. `registered.json` in the same folder lists every name with its module and its
sentence, so that nothing is imported, and no source is read, to know what there is: listing models
loads no torch. `python -m ecgsynth.registry` writes the list anew after something was added; a test
holds it to the decorators. Other packages add things through entry points of the group
`ecgsynth.<folder>`.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, TypeVar

from ecgsynth.errors import EcgsynthError, did_you_mean

T = TypeVar("T")

LONGEST = 100
"""Letters of a name that a file can have."""

LIST = "registered.json"
"""Folder -> name -> [module in the folder, sentence], of some with {fact: value}."""


class Registry:
    """The things of one kind, found in one folder of the package.

    Parameters
    ----------
    kind: what a person calls one of them, as in "no model named ...".
    folder: the sub-package whose files and packages register them.
    group: of the entry points through which other packages add things; the folder when left out.
    facts: attributes of a thing that the list keeps, so that they are known without an import.
    """

    def __init__(
        self, kind: str, folder: str, group: str = "", facts: tuple[str, ...] = ()
    ) -> None:
        self.kind = kind
        self.folder = folder
        self.group = f"ecgsynth.{group or folder}"
        self._kept = facts
        self._objects: dict[str, Any] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorate a class or function to give it its public name.

        Raises
        ------
        EcgsynthError: the name is already taken by another object.
        """

        def decorate(thing: T) -> T:
            taken = self._objects.get(name)
            if taken is not None and _identity(taken) != _identity(thing):
                raise EcgsynthError(
                    f"two {self.kind}s are named '{name}' ({_identity(taken)} and "
                    f"{_identity(thing)}); rename one of them."
                )
            self._objects[name] = thing
            return thing

        return decorate

    def register_each(
        self, titles: Mapping[str, str]
    ) -> Callable[[Callable[[str, str], T]], Callable[[str, str], T]]:
        """Decorate a function of (name, title) to register what it makes of every pair.

        titles: name -> description.
        """

        def decorate(make: Callable[[str, str], T]) -> Callable[[str, str], T]:
            for name, title in titles.items():
                self.register(name)(make(name, title))
            return make

        return decorate

    def get(self, name: str) -> Any:
        """The object of that name; only its own file is imported.

        Raises
        ------
        EcgsynthError: there is none of that name.
        """
        from ecgsynth.arguments import quote  # which imports NumPy; help does without

        if not isinstance(name, str):
            raise EcgsynthError(f"a {self.kind} is named by a text; got {quote(name)}.")
        if name not in self._objects:
            if name in self._plugins:
                self.register(name)(self._plugins[name].load())
            elif name in self._listed:
                importlib.import_module(f"ecgsynth.{self.folder}.{self._listed[name][0]}")
        if name not in self._objects:
            raise EcgsynthError(
                f"no {self.kind} named {quote(name)}."
                f"{self._unlisted(name) or did_you_mean(name, self.names())}"
            )
        return self._objects[name]

    def names(self) -> list[str]:
        """Every name, sorted, without importing what it names."""
        return sorted({*self._listed, *self._plugins, *self._objects})

    def descriptions(self) -> dict[str, str]:
        """Every name with its sentence, without importing it."""
        return {
            name: self._listed[name][1] if name in self._listed else self._sentence(name)
            for name in self.names()
        }

    def facts(self) -> dict[str, dict[str, Any]]:
        """Every name with its facts; only what other packages add is imported."""
        return {
            name: self._listed[name][2] if name in self._listed else self._facts_of(self.get(name))
            for name in self.names()
        }

    def registered(self) -> dict[str, list[Any]]:
        """What the decorators of the folder register, as the list has it; imports every file.

        Raises
        ------
        EcgsynthError: two things have one name.
        """
        package = f"ecgsynth.{self.folder}"
        for module in sorted(one.name for one in walk_packages(self._places(), f"{package}.")):
            importlib.import_module(module)
        homes = {name: _module_of(thing) for name, thing in self._objects.items()}
        return {
            name: [
                home.removeprefix(f"{package}."),
                self._sentence(name),
                *([self._facts_of(self._objects[name])] if self._kept else []),
            ]
            for name, home in sorted(homes.items())
            if home.startswith(f"{package}.")
        }

    def _facts_of(self, thing: Any) -> dict[str, Any]:
        return {fact: getattr(thing, fact, None) for fact in self._kept}

    def _places(self) -> list[str]:
        # find_spec, unlike importlib.resources, does not import the folder, and with it torch.
        spec = find_spec(f"ecgsynth.{self.folder}")
        return [*((spec and spec.submodule_search_locations) or [])]

    def _unlisted(self, name: str) -> str:
        """A hint where a file of that name is there and what it registers is not listed."""
        if not name.isidentifier() or len(name) > LONGEST:
            return ""
        for place in self._places():
            for file in (f"{name}.py", f"{name}/__init__.py"):
                if (Path(place) / file).is_file():
                    return (
                        f" There is a file {self.folder}/{file}, but nothing of that name on the "
                        "list; run `python -m ecgsynth.registry`."
                    )
        return ""

    def _sentence(self, name: str) -> str:
        """The first line of the docstring of a thing, or of its file."""
        thing = self._objects.get(name)
        module = importlib.import_module(_module_of(thing)) if thing is not None else None
        title = None if isinstance(thing, type) else getattr(thing, "title", None)
        texts = (title, thing.__doc__, getattr(module, "__doc__", None))
        return next((text.strip().split("\n")[0] for text in texts if text), "")

    @property
    def _listed(self) -> dict[str, list[Any]]:
        return _read_list().get(self.folder, {})

    @cached_property
    def _plugins(self) -> dict[str, Any]:
        return {point.name: point for point in entry_points(group=self.group)}


@cache
def _read_list() -> dict[str, dict[str, list[Any]]]:
    """The content of `registered.json`."""
    found: dict[str, dict[str, list[Any]]] = json.loads(
        files("ecgsynth").joinpath(LIST).read_text(encoding="utf-8")
    )
    return found


def _module_of(thing: Any) -> str:
    """The module that a thing was written in; of a metric that of its function."""
    return str(getattr(getattr(thing, "measure", thing), "__module__", ""))


def _identity(thing: Any) -> str:
    return f"{getattr(thing, '__module__', '?')}.{getattr(thing, '__qualname__', thing)}"


DATASETS = Registry("data set", "datasets")
MODELS = Registry("model", "models")
OBJECTIVES = Registry("objective", "objectives")
METRICS = Registry("metric", "evaluation.metrics", "evaluation")
FORMATS = Registry("format", "formats", facts=("title", "endings", "container"))

ALL = (DATASETS, MODELS, OBJECTIVES, METRICS, FORMATS)


def registry_json() -> str:
    """The text of `registered.json` as it should be, a line a name."""
    kinds = []
    for kind in ALL:
        rows = [
            f"  {json.dumps(name)}: {json.dumps(entry)}"
            for name, entry in kind.registered().items()
        ]
        kinds.append(f' "{kind.folder}": {{\n' + ",\n".join(rows) + "\n }")
    return "{\n" + ",\n".join(kinds) + "\n}\n"


if __name__ == "__main__":  # the things register with the module, which is not `__main__`
    text = importlib.import_module("ecgsynth.registry").registry_json()
    Path(str(files("ecgsynth").joinpath(LIST))).write_text(text, encoding="utf-8")
