"""The curve over people: differences are paired by person, kept points are not measured again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import people, people_tables

COVERED = {f"p{k}": [100, 10.0 * k] for k in range(8)}


def test_coverage_is_that_of_all_beats() -> None:
    found = people_tables.mean_of([COVERED], [1])
    assert found.value == pytest.approx(0.35)
    assert found.low is not None
    assert found.low < 0.35 < found.high  # type: ignore[operator]
    few = people_tables.mean_of([{"p": [3, 3.0], "q": [90, 0.0]}], [1])
    assert few.low is not None
    assert 0 <= few.low < few.high <= 1  # type: ignore[operator]


def test_a_difference_is_paired_by_person() -> None:
    more = {who: [size, covered + 5] for who, (size, covered) in COVERED.items()}
    gain = people_tables.mean_of([more, COVERED], [1, -1])
    assert gain.value == pytest.approx(0.05)
    assert gain.low == pytest.approx(0.05, abs=0.01)  # everybody gains alike
    nothing = people_tables.mean_of([COVERED, COVERED], [1, -1])
    assert (nothing.value, nothing.low) == (0, pytest.approx(0, abs=1e-9))


def test_one_person_has_no_interval() -> None:
    assert people_tables.mean_of([{"p": [10, 5.0]}], [1]).low is None


def test_a_kept_point_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "people.json"
    cells = {"coverage": {"N": COVERED}, "privacy": {}}
    people.keep(
        path, "points", "18", {"styles": cells, "people": {"left_out": "why"}, "utility": {}}
    )
    monkeypatch.setattr(people, "train", lambda *_, **__: pytest.fail("trained"))
    people.main(["18", "--to", str(path), "--work", str(tmp_path)])
    assert "kept" in capsys.readouterr().out
    lines = people_tables.curve(people.kept(path))
    assert lines is not None
    assert lines[-1].startswith("| 18 | styles | .35")


def test_held_out_beats_are_taken_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    from ecgsynth.simulator.records import simulate_beats

    monkeypatch.setattr(people, "MOST", 7)
    beats = simulate_beats(60, patients=3, seed=1)
    chosen = people.some(beats)
    counts = beats.counts()
    assert chosen.counts() == {name: min(7, count) for name, count in counts.items()}
    assert chosen.patient is not None
    assert len(np.unique(chosen.of_class("N").patient)) == 3
