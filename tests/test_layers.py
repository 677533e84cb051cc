"""Imports go down and never round, heavy packages stay where they belong, starting is quick."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import PATIENCE_S

import ecgsynth

ROOT = Path(ecgsynth.__file__).parent

LAYERS: list[set[str]] = [
    {"__init__", "__main__"},
    {"cli"},
    {"service"},
    {"augmentation", "corpus"},
    {"tuning", "model_registry"},
    {"training"},
    {"completion"},
    {"classification"},
    {"evaluation", "synthesizer"},
    {"config"},
    {"datasets", "models", "objectives"},
    {"testpack"},
    {"condition", "sampling", "scoring", "simulator"},
    {"noise", "rhythm"},
    {"formats"},
    {"signals"},
    {"files", "jobs", "processes", "progress", "recipes", "registry", "threads"},
    {"settings"},
    {"arguments"},
    {"errors"},
]
"""From the top down; packages of one layer do not import each other. `pretrained` holds no code."""

HEIGHT = {package: -number for number, layer in enumerate(LAYERS) for package in layer}

FILES = sorted(ROOT.rglob("*.py"))


def package_of(file: Path) -> str:
    first = file.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of all modules that a file imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they lead"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages_imported(file: Path) -> set[str]:
    names = imported(ast.parse(file.read_text()))
    parts = [name.split(".") for name in names]
    return {part[1] if len(part) > 1 else "__init__" for part in parts if part[0] == "ecgsynth"}


def test_every_file_belongs_to_a_layer() -> None:
    packages = {package_of(file) for file in FILES if file.read_text().strip()}
    assert packages <= {*HEIGHT}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_only_go_down(file: Path) -> None:
    home = package_of(file)
    for package in packages_imported(file) - {home, "pretrained"}:
        if package == "__version__":  # of the package itself, above nothing
            continue
        assert package in HEIGHT, f"{file} imports ecgsynth.{package}, which has no layer"
        assert HEIGHT[package] < HEIGHT[home], f"{home} must not import {package}"


def test_folders_of_tests_are_packages() -> None:
    tests = Path(__file__).parent
    folders = {path.parent.relative_to(tests).parts[0] for path in tests.glob("*/**/test_*.py")}
    assert {"signals", "evaluation", "service"} <= folders
    assert folders - {"page"} <= {path.name for path in ROOT.iterdir() if path.is_dir()}


def test_a_wrong_import_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(
        "def f():\n    from ecgsynth.training.loop import train\n    import ecgsynth.cli.main"
    )
    assert packages_imported(file) == {"training", "cli"}


def name_of(file: Path) -> str:
    """The module that a file is."""
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for file in FILES}


def modules_imported(tree: ast.Module) -> set[str]:
    """Our modules that a file imports at any time, also within functions; not for types alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = [ast.Pass()]
    names = {*imported(tree)}
    parents = {name.rpartition(".")[0] for name in names if name not in MODULES}
    return (names | parents) & {*MODULES}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle; none of them in a sound graph."""
    left = {name: set(others) for name, others in graph.items()}
    while ends := [name for name, others in left.items() if not others & {*left}]:
        for name in ends:
            del left[name]
    return sorted(left)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {n: modules_imported(ast.parse(f.read_text())) - {n} for n, f in MODULES.items()}
    assert circle(graph) == []
    assert sum(map(len, graph.values())) > 1000


def test_a_circle_would_be_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]
    tree = ast.parse("def f():\n    from ecgsynth.training.loop import train\n"
                     "if TYPE_CHECKING:\n    import ecgsynth.config")  # fmt: skip
    assert modules_imported(tree) == {"ecgsynth.training.loop"}


NO_TORCH = (
    "signals",
    "formats",
    "datasets",
    "rhythm",
    "scoring",
    "cli",
    "service",
    "files",
    "registry",
    "errors",
    "config",
)


@pytest.mark.parametrize(
    "file", [f for f in FILES if package_of(f) in NO_TORCH], ids=lambda f: str(f.relative_to(ROOT))
)
def test_packages_of_signals_and_files_know_no_torch(file: Path) -> None:
    packages = {name.split(".")[0] for name in imported(ast.parse(file.read_text()))}
    assert not packages & {"torch", "lightning_fabric"}


def test_in_evaluation_only_the_networks_know_torch() -> None:
    using = {
        file.name
        for file in (ROOT / "evaluation").rglob("*.py")
        if "torch" in {n.split(".")[0] for n in imported(ast.parse(file.read_text()))}
    }
    assert using <= {
        "c2st.py", "classifiers.py", "delineation.py", "instruments.py", "resnet.py", "sequence.py",
        "unet.py", "xresnet.py",
    }  # fmt: skip


def top_level(file: Path) -> set[str]:
    """Packages that are imported as soon as the file is."""
    body = [node for node in ast.parse(file.read_text()).body if not isinstance(node, ast.If)]
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    tree = ast.Module([node for node in body if not isinstance(node, functions)], [])
    return {name.split(".")[0] for name in imported(tree)}


@pytest.mark.parametrize(
    "file",
    [
        f
        for f in FILES
        if package_of(f)
        in ("signals", "formats", "scoring", "synthesizer", "config", "cli", "service")
    ],
    ids=lambda f: str(f.relative_to(ROOT)),
)
def test_heavy_packages_are_imported_where_they_are_used(file: Path) -> None:
    assert not top_level(file) & {"torch", "scipy", "pandas", "wfdb", "matplotlib", "pyarrow"}


HEAVY = ("torch", "scipy", "pandas", "matplotlib", "sklearn", "pyarrow", "wfdb")


@pytest.mark.parametrize(
    "code",
    [
        "import ecgsynth; ecgsynth.EcgsynthError",
        "from ecgsynth.cli.main import app; app(['list', 'models'], standalone_mode=False)",
        "from ecgsynth import Run; Run.from_dict",
    ],
    ids=["import", "list-models", "Run"],
)
def test_starting_loads_nothing_heavy(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint('LOADED', *sys.modules)"],
        capture_output=True, text=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert "ecgsynth" in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("name", ecgsynth.__all__)
def test_public_name_resolves(name: str) -> None:
    assert getattr(ecgsynth, name) is not None
    assert name in dir(ecgsynth)


def test_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        ecgsynth.tarin  # noqa: B018
