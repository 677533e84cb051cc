"""Names for swappable things: data sets, models, objectives, metrics and file formats.

A decorator registers; the folder is read lazily. `names` and `descriptions` parse source text
instead of importing it, so that listing models does not load torch. Packages that are not ours
add theirs through entry points of the group `ecgsynth.<folder>`.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from ecgsynth.errors import EcgsynthError, did_you_mean

T = TypeVar("T")


class Registry:
    """The things of one kind, found in one folder of the package.

    Parameters
    ----------
    kind: what a person calls one of them, as in "no model named ...".
    folder: the sub-package whose files register them.
    """

    def __init__(self, kind: str, folder: str) -> None:
        self.kind = kind
        self.folder = folder
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

        titles: name -> description, written out in the decorator, where it is read without import.
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
        if name not in self._objects:
            if name in self._plugins:
                self.register(name)(self._plugins[name].load())
            elif name in self._found:
                importlib.import_module(self._found[name][0])
        if name not in self._objects:
            raise EcgsynthError(f"no {self.kind} named '{name}'.{did_you_mean(name, self.names())}")
        return self._objects[name]

    def names(self) -> list[str]:
        """Every name, sorted, without importing what it names."""
        return sorted({*self._found, *self._plugins, *self._objects})

    def descriptions(self) -> dict[str, str]:
        """Every name with the first sentence of its docstring, without importing it."""
        described = {name: text for name, (_, text) in self._found.items()}
        for name in self.names():
            if name not in described:
                described[name] = _first_line(getattr(self._objects.get(name), "__doc__", None))
        return dict(sorted(described.items()))

    @cached_property
    def _found(self) -> dict[str, tuple[str, str]]:
        """Name -> (module, first line of docstring), read from the decorators in the folder."""
        found: dict[str, tuple[str, str]] = {}
        package = f"ecgsynth.{self.folder}"
        # find_spec, unlike importlib.resources, does not import the folder, and with it torch.
        spec = find_spec(package)
        folders = (spec and spec.submodule_search_locations) or []
        for file in sorted(file for folder in folders for file in Path(folder).glob("*.py")):
            module = f"{package}.{file.stem}"
            for name, text in _registered(file.read_text(encoding="utf-8")):
                if name in found and found[name][0] != module:
                    raise EcgsynthError(
                        f"two {self.kind}s are named '{name}' ({found[name][0]} and {module}); "
                        "rename one of them."
                    )
                found[name] = (module, text)
        return found

    @cached_property
    def _plugins(self) -> dict[str, Any]:
        return {point.name: point for point in entry_points(group=f"ecgsynth.{self.folder}")}


def _registered(source: str) -> list[tuple[str, str]]:
    """The (name, docstring line) of every `@SOMETHING.register("name")` in a file.

    Of `@SOMETHING.register_each({"name": "title"})` the pairs of the dictionary.
    """
    tree = ast.parse(source)
    module_text = _first_line(ast.get_docstring(tree))
    found = []
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            if (
                isinstance(mark, ast.Call)
                and isinstance(mark.func, ast.Attribute)
                and mark.func.attr == "register_each"
                and isinstance(mark.args[0], ast.Dict)
            ):
                found += ast.literal_eval(mark.args[0]).items()
            elif (
                isinstance(mark, ast.Call)
                and isinstance(mark.func, ast.Attribute)
                and mark.func.attr == "register"
                and mark.args
                and isinstance(mark.args[0], ast.Constant)
            ):
                text = _first_line(ast.get_docstring(node)) or module_text
                found.append((str(mark.args[0].value), text))
    return found


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]


def _identity(thing: Any) -> str:
    return f"{getattr(thing, '__module__', '?')}.{getattr(thing, '__qualname__', thing)}"


DATASETS = Registry("data set", "datasets")
MODELS = Registry("model", "models")
OBJECTIVES = Registry("objective", "objectives")
METRICS = Registry("metric", "evaluation")
FORMATS = Registry("format", "formats")
