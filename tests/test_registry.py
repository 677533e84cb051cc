"""Names find their things, typos find the nearest name, and listing loads no torch."""

from __future__ import annotations

import runpy
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from patience import PATIENCE_S

import ecgsynth
from ecgsynth import registry
from ecgsynth.errors import EcgsynthError
from ecgsynth.registry import ALL, DATASETS, Registry

FILE = '''"""{text}"""
from ecgsynth import _things_for_test as store
@store.THINGS.register("{name}")
class Thing:
    pass
'''


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Registry, Path]:
    """An empty registry with a folder of its own inside the package, of which nothing is listed."""
    folder = tmp_path / "things"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.setattr(ecgsynth, "__path__", [*ecgsynth.__path__, str(tmp_path)])
    kind = Registry("thing", "things")
    module = type(sys)("ecgsynth._things_for_test")
    module.THINGS = kind
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(ecgsynth, "_things_for_test", module, raising=False)
    monkeypatch.setattr(registry, "_read_list", dict)
    yield kind, folder
    for name in [n for n in sys.modules if n.split(".")[:2] == ["ecgsynth", "things"]]:
        del sys.modules[name]
    ecgsynth.__dict__.pop("things", None)


def write(folder: Path, stem: str, name: str, text: str = "A thing.") -> None:
    (folder / f"{stem}.py").write_text(FILE.format(name=name, text=text))


def listing(monkeypatch: pytest.MonkeyPatch, **names: list[str]) -> None:
    monkeypatch.setattr(registry, "_read_list", lambda: {"things": names})


@pytest.mark.parametrize(("wrong", "right"), [("mitbhi", "mitbih"), ("simulate", "simulated")])
def test_typo_is_answered_with_the_nearest_name(wrong: str, right: str) -> None:
    with pytest.raises(EcgsynthError, match=f"no data set named '{wrong}'. Did you mean '{right}'"):
        DATASETS.get(wrong)


def test_name_that_resembles_nothing_is_answered_with_all_names() -> None:
    with pytest.raises(EcgsynthError, match=r"Known: .*mitbih, .*simulated"):
        DATASETS.get("xyzzy")


def test_thing_is_found_by_the_list_and_imported_only_when_asked_for(
    things: tuple[Registry, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, folder = things
    write(folder, "one", "first", "Another sentence.")
    (folder / "two.py").write_text("raise RuntimeError")
    listing(monkeypatch, first=["one", "What it is."], second=["two", ""])
    assert kind.names() == ["first", "second"]
    assert kind.descriptions() == {"first": "What it is.", "second": ""}
    assert "ecgsynth.things.one" not in sys.modules
    assert kind.get("first") is kind.get("first")
    assert "ecgsynth.things.two" not in sys.modules


def test_what_a_folder_registers_is_found_with_its_file_and_its_sentence(
    things: tuple[Registry, Path],
) -> None:
    kind, folder = things
    write(folder, "one", "first", "What it is.\n\nAnd more.")
    write(folder, "two", "second")
    (folder / "helper.py").write_text('"""Registers nothing."""')
    assert kind.registered() == {"first": ["one", "What it is."], "second": ["two", "A thing."]}


def test_one_name_in_two_files_is_an_error_that_names_both(things: tuple[Registry, Path]) -> None:
    kind, folder = things
    write(folder, "one", "same")
    write(folder, "two", "same")
    with pytest.raises(EcgsynthError, match=r"two things are named 'same' \(.*one.* and .*two"):
        kind.registered()


def test_a_file_that_nobody_listed_is_told_with_the_command_that_lists_it(
    things: tuple[Registry, Path],
) -> None:
    kind, folder = things
    write(folder, "mine", "mine")
    with pytest.raises(EcgsynthError, match=r"no thing named 'mine'. .*python -m ecgsynth.regist"):
        kind.get("mine")
    for other in ("yours", "../mine", "mine.py", ""):
        with pytest.raises(EcgsynthError, match="no thing named") as refused:
            kind.get(other)
        assert "python -m" not in str(refused.value)


def test_the_list_is_what_the_decorators_say() -> None:
    written = resources.files("ecgsynth").joinpath(registry.LIST).read_text()
    assert written == registry.registry_json(), "run `python -m ecgsynth.registry`"


def test_the_command_writes_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    monkeypatch.setattr(Path, "write_text", lambda path, text, **_: written.append((path, text)))
    runpy.run_path(str(registry.__file__), run_name="__main__")
    assert [(path.name, text) for path, text in written] == [
        (registry.LIST, registry.registry_json())
    ]


def test_registering_another_object_under_a_taken_name_is_an_error() -> None:
    kind = Registry("thing", "models")

    def first() -> None: ...

    def second() -> None: ...

    kind.register("same")(first)
    kind.register("same")(first)  # a module imported twice is no quarrel
    with pytest.raises(EcgsynthError, match=r"two things are named 'same'.*rename one"):
        kind.register("same")(second)
    assert kind.get("same") is first


def test_plug_in_of_another_package_is_listed_and_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "from-elsewhere"

        def load(self) -> type[Point]:
            return Point

    monkeypatch.setattr(
        registry, "entry_points", lambda group: [Point()] if group == "ecgsynth.models" else []
    )
    kind = Registry("model", "models")
    assert "from-elsewhere" in kind.names()
    assert kind.get("from-elsewhere") is Point


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.kind)
def test_everything_registered_can_be_had_and_describes_itself(kind: Registry) -> None:
    described = kind.descriptions()
    assert list(described) == kind.names()
    for name, text in described.items():
        assert text.endswith((".", "?")), f"{kind.kind} '{name}' has no describing sentence"
        assert kind.get(name) is not None


def test_listing_every_name_reads_no_source_and_loads_neither_torch_nor_scipy() -> None:
    script = (
        "import ast, sys, ecgsynth.registry as r\n"
        "def parsed(*_, **__): raise SystemError('AST constructor recursion depth mismatch')\n"
        "ast.parse = parsed\n"
        "for kind in r.ALL: assert kind.names() == [*kind.descriptions()] != []\n"
        "print([m for m in ('torch', 'scipy', 'wfdb', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
