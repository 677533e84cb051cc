"""Shipped recipes, and how a recipe is read: YAML with `key=value` overrides."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ecgsynth.arguments import check_instance, check_path, quote
from ecgsynth.errors import EcgsynthError, did_you_mean

if TYPE_CHECKING:
    import yaml

Kind = Literal["training", "augmentation", "corpus"]
"""What a recipe can describe."""

MOST_BYTES = 1 << 20
MOST_PARTS = 100_000
"""Of a recipe: larger than any, small enough to be read in a second."""

MOST_DEEP = 10
"""Sections within each other."""

MOST_BRACKETS = 50
"""Lists and sections within each other, in a text that is read."""

COMMAND: dict[Kind, str] = {"training": "train", "augmentation": "augment", "corpus": "corpus"}
"""The sub-command that takes each kind of recipe."""


def read_recipe(recipe: str | Path, overrides: Sequence[str], kind: Kind) -> dict[str, Any]:
    """The content of a shipped recipe or a YAML file, its name filled in, with the overrides.

    Raises
    ------
    EcgsynthError: no such recipe, not YAML, a recipe of another kind, no `key=value`.
    """
    import yaml

    path = _recipe_path(check_path(recipe, "the recipe"), kind)
    try:
        content = read_yaml(_text_of(path))
    except (OSError, ValueError, yaml.YAMLError) as problem:
        reason = " ".join(str(getattr(problem, "strerror", None) or problem).split())
        raise EcgsynthError(f"the recipe {path} cannot be read ({reason}); mend it.") from None
    if not isinstance(content, dict):
        raise EcgsynthError(f"the recipe {path} is not a mapping of keys to values.")
    if not all(isinstance(key, str) for key in content):
        raise EcgsynthError(
            f"the recipe {path} has keys that are no words; keys should be strings."
        )
    found = _kind_of(content)
    if found not in (None, kind):
        raise EcgsynthError(
            f"'{recipe}' describes a{'n' * (found == 'augmentation')} {found}, not "
            f"a{'n' * (kind == 'augmentation')} {kind}; use `ecgsynth {COMMAND[found]} {recipe}`."
        )
    content.setdefault("name", path.stem)
    for override in overrides:
        check_instance(override, str, "an override is a text, as in 'model.width=64'")
        put(content, *parse_override(override))
    return content


def _text_of(path: Path) -> str:
    """The text of a recipe; raises OSError or ValueError where it is none."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError("it is a device or a pipe")
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
    return path.read_text(encoding="utf-8")


def events_of(text: str) -> Iterator[yaml.Event]:
    """The events of a text in YAML that is nested no deeper than MOST_BRACKETS.

    Every open bracket makes each next one slower to read: some thousands take minutes.

    Raises
    ------
    yaml.YAMLError: it is no YAML. ValueError: it is nested too deeply.
    """
    import yaml

    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_BRACKETS:
            raise ValueError("it is nested too deeply")
        yield event


def read_yaml(text: str) -> Any:
    """The content of a YAML text; aliases are read as far as they unfold to something finite.

    Raises
    ------
    yaml.YAMLError: it is no YAML. ValueError: it is nested too deeply, its aliases unfold without
        end, or a date or number is none.
    """
    import yaml

    for _ in events_of(text):
        pass
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _unfolded_size(node, {}) > MOST_PARTS:
            raise ValueError(f"its aliases unfold to more than {MOST_PARTS:,} parts")
        return loader.construct_document(node)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except OverflowError as problem:
        raise ValueError(f"a number is too large: {problem}") from None
    finally:
        loader.dispose()


def _unfolded_size(node: Any, known: dict[int, float]) -> float:
    """Parts of a node of YAML with all aliases written out; endless ones are infinitely many."""
    if id(node) not in known:
        known[id(node)] = math.inf  # of a node that stands in itself
        parts: list[Any] = []
        if isinstance(node.value, list):
            keys = Counter(str(part[0].value) for part in node.value if isinstance(part, tuple))
            if twice := [key for key, count in keys.items() if count > 1]:
                raise ValueError(f"the key {quote(twice[0])} is there twice")
            for part in node.value:  # a mapping has pairs
                parts += part if isinstance(part, tuple) else [part]
        known[id(node)] = 1 + sum(_unfolded_size(part, known) for part in parts)
    return known[id(node)]


def _kind_of(content: dict[str, Any]) -> Kind | None:
    """A training has a model, an augmentation has classes, a corpus has parts."""
    if "model" in content:
        return "training"
    if "parts" in content:
        return "corpus"
    return "augmentation" if "classes" in content else None


def shipped(kind: Kind = "training") -> dict[str, str]:
    """Shipped recipes of a kind with their descriptions."""
    import yaml

    found = {}
    for file in sorted(files("ecgsynth.recipes").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            if _kind_of(content) == kind:
                found[file.name.removesuffix(".yaml")] = str(content.get("description", ""))
    return found


def _recipe_path(recipe: str | Path, kind: Kind) -> Path:
    if str(recipe).endswith((".yaml", ".yml")):
        return Path(recipe)
    inside = Path(str(files("ecgsynth.recipes"))) / f"{recipe}.yaml"
    if inside.is_file():
        return inside
    if (Path(recipe) / "run.yaml").is_file():
        return Path(recipe) / "run.yaml"
    raise EcgsynthError(
        f"no recipe named {quote(str(recipe))}.{did_you_mean(str(recipe), shipped(kind))}"
    )


def parse_override(text: str) -> tuple[str, Any]:
    """Key and value of `key=value`; the value is read as YAML.

    Raises
    ------
    EcgsynthError: no key, no "=", or a value that is not YAML.
    """
    import yaml

    key, equals, value = text.partition("=")
    if key.count(".") >= MOST_DEEP:
        raise EcgsynthError(f"'{key[:40]}...' is nested too deeply; no setting of a recipe is.")
    try:
        if equals and key.strip("."):
            return key, read_yaml(value)
    except ValueError as problem:
        raise EcgsynthError(f"'{text[:80]}' cannot be read ({problem}); mend its value.") from None
    except yaml.YAMLError:
        pass
    raise EcgsynthError(f"{quote(text)} is not an override; write key=value, as in model.width=64.")


def settings_of(overrides: Sequence[str]) -> dict[str, Any]:
    """Settings of a data set from `key=value`, also where they are written as in a recipe.

    Raises
    ------
    EcgsynthError: see `parse_override`; or it names the set or its split anew.
    """
    # Messages for recipes name data.path; here all settings belong to the data.
    found = dict(parse_override(override.removeprefix("data.")) for override in overrides)
    for key in ("name", "split"):
        if key in found:
            raise EcgsynthError(
                f"'{key}' is no setting of a data set; name the set and its split as NAME:SPLIT."
            )
    return found


def put(content: dict[str, Any], key: str, value: Any) -> None:
    """Set `section.word` in a nested dictionary.

    Raises
    ------
    EcgsynthError: a part of the key is not a section.
    """
    *outer, last = key.split(".")
    for part in outer:
        section = content.setdefault(part, {})
        if isinstance(section, str) and part in ("data", "model", "objective"):
            section = content[part] = {"name": section}  # `objective=hinge objective.classes=1`
        if not isinstance(section, dict):
            raise EcgsynthError(f"'{key}': '{part}' is not a section of the recipe.")
        content = section
    content[last] = value
