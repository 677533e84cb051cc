"""Every package has a floor of covered lines, which `make coverage` compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import coverage

OPEN = {"corpus", "evaluation", "service", "testpack", "training"}
"""Packages whose floors are not measured yet: `python -m benchmarks.coverage --keep --new`."""


def test_every_package_has_a_floor_and_no_other_has() -> None:
    floors = json.loads(coverage.FLOORS.read_text())
    assert {*coverage.packages()} - OPEN <= {*floors} <= {*coverage.packages()}
    assert all(0.5 <= floor <= 1 for floor in floors.values())


def test_tests_of_every_package_are_there() -> None:
    for package in coverage.packages():
        assert all((coverage.ROOT / name).exists() for name in coverage.tests_of(package)), package


@pytest.mark.parametrize(("share", "code"), [(0.9, 0), (0.7, 1)])
def test_a_package_below_its_floor_ends_the_command_with_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, share: float, code: int
) -> None:
    monkeypatch.setattr(coverage, "FLOORS", tmp_path / "floors.json")
    coverage.FLOORS.write_text('{"noise": 0.8}')
    monkeypatch.setattr(coverage, "measure", lambda _: share)
    monkeypatch.setattr(sys, "argv", ["coverage", "noise"])
    assert coverage.main() == code
    assert coverage.FLOORS.read_text() == '{"noise": 0.8}'


def test_only_packages_without_a_floor_are_measured_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(coverage, "FLOORS", tmp_path / "floors.json")
    known = {name: 0.8 for name in coverage.packages() if name != "noise"}
    coverage.FLOORS.write_text(json.dumps(known))
    measured: list[str] = []
    monkeypatch.setattr(coverage, "measure", lambda name: measured.append(name) or 0.95)
    monkeypatch.setattr(sys, "argv", ["coverage", "--keep", "--new"])
    assert coverage.main() == 0 and measured == ["noise"]
    assert json.loads(coverage.FLOORS.read_text()) == known | {"noise": 0.94}
