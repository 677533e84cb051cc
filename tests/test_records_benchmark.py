"""The command that judges systems of records: its table, and that it continues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.records import __main__ as command
from benchmarks.records import figures, reach
from benchmarks.records.figures import averaged, with_holm
from ecgsynth.evaluation.metrics import utility
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12


def cell(value: float | None, low: float | None = None, high: float | None = None,
         **more: Any) -> dict[str, Any]:  # fmt: skip
    return {"value": value, "low": low, "high": high, "note": "", "over": ""} | more


def system(**figures: dict[str, Any]) -> dict[str, Any]:
    return {"parts": {"some": figures}}


def row_of(ours: dict[str, Any], real: dict[str, Any] | None, words: str) -> list[str]:
    (row,) = [row for row in reach.rows(ours, real) if row[0].startswith(words)]
    return row


def test_a_share_of_reals_is_met_from_its_limit_on() -> None:
    ours = system(coverage={"NORM": cell(0.95, 0.9, 0.98), "MI": cell(0.80, 0.7, 0.9)})
    real = system(coverage={"NORM": cell(0.95), "MI": cell(0.95)})
    row = row_of(ours, real, "coverage")
    assert row[1].startswith("NORM 1.00 (.95 to 1.03); MI .84")
    assert row[-1] == "no: MI"
    assert row_of(real, real, "coverage")[-1] == "yes"


def test_without_reals_figure_what_needs_it_stays_open() -> None:
    ours = system(beats_met={"gqrs": cell(0.97)}, c2st={"all": cell(0.9)})
    assert row_of(ours, None, "beats asked")[-1] == ""
    assert row_of(ours, None, "C2ST")[-1] == "yes"


def test_a_system_of_one_pass_has_the_limits_of_one_pass() -> None:
    ours = system(c2st={"all": cell(0.9, note="boosting 0.8, network 0.900; by")})
    assert "(boosting 0.8, network 0.900)" in row_of(ours, None, "C2ST")[1]
    ours["parts"]["cost"] = {"passes": {"all": cell(1.0)}}
    assert row_of(ours, None, "C2ST")[-1] == "no"


def test_a_detector_may_miss_half_a_point_more_than_on_real_records() -> None:
    real = system(beats_met={"gqrs": cell(0.973), "xqrs": cell(0.99)})
    for value, met in ((0.9685, "yes"), (0.9675, "no: gqrs"), (0.999, "yes")):
        ours = system(beats_met={"gqrs": cell(value), "xqrs": cell(0.99)})
        assert row_of(ours, real, "beats asked")[-1] == met


def test_the_difference_of_two_figures_has_the_width_of_both() -> None:
    found = reach.difference(cell(0.5, 0.4, 0.6), cell(0.5, 0.2, 0.8))
    assert found is not None
    assert found[0] == 0
    assert found[2] == -found[1] == pytest.approx(0.1**0.5 * 1.0)
    assert reach.difference(cell(0.5), cell(0.5, 0.2, 0.8)) is None


def test_privacy_is_as_real_where_the_difference_holds_nothing() -> None:
    real = system(memorisation={"all": cell(0.5, 0.4, 0.6)})
    for value, met in ((0.6, "yes"), (0.9, "no")):
        ours = system(memorisation={"all": cell(value, value - 0.1, value + 0.1)})
        assert row_of(ours, real, "memorisation")[-1] == met


def test_a_figure_without_a_value_shows_its_reason() -> None:
    ours = system(beats_met={"all": cell(None) | {"note": "no beats"}})
    assert row_of(ours, None, "beats asked")[1] == "none: no beats"


def test_statements_have_rows_of_their_own() -> None:
    part = {"tstr_ratio": {"all": cell(0.97)},
            "tstr": {"all": cell(0.9), "CLBBB": cell(0.99, 0.97, 1.0)}}  # fmt: skip
    rows = reach.rows({"parts": {"statements": part}}, None)
    assert [row[-1] for row in rows] == ["yes", ""]
    assert rows[1][1] == "CLBBB .99 (.97 to 1.00)"
    assert rows[0][1] == ".970"


def test_holm_is_over_all_cells_of_a_part() -> None:
    part = with_holm({name: {"A": cell(1.0, 0.1, 1.9), "B": cell(None)} for name in "xyz"})
    alone = with_holm({"x": {"A": cell(1.0, 0.1, 1.9)}})
    assert part["x"]["A"]["p"] == pytest.approx(3 * alone["x"]["A"]["p"], rel=0.01)
    assert part["x"]["B"]["p"] is None


def test_an_average_leaves_out_draws_without_a_value() -> None:
    found = averaged([cell(1.0), cell(None), cell(2.0)])
    assert (found["value"], found["over"]) == (1.5, "2 draws")


def test_statements_of_few_records_are_shown_and_do_not_count_for_the_mean(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    spec = Spec(("I", "II"), 50.0, 150, ("A", "B", "C"), multilabel=True)
    sets = [
        Ecg(random.standard_normal((40, 2, 150)).astype(np.float32), spec,
            (random.random((40, 3)) < 0.5).astype(np.float32), patient=np.arange(40).astype(str))
        for _ in range(3)
    ]  # fmt: skip
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    monkeypatch.setattr(utility, "DEFAULT_STEPS", 5)
    part = figures.useful(sets[0], sets[1], sets[2], 0, ("A", "B"))
    for name in ("tstr", "trtr"):
        cells = part[name]
        assert {*cells} == {"all", "A", "B", "C"}
        mean = (cells["A"]["value"] + cells["B"]["value"]) / 2
        assert cells["all"]["value"] == pytest.approx(mean, abs=1e-4)
        assert cells["C"]["low"] <= cells["C"]["value"] <= cells["C"]["high"]
    ratio = part["tstr"]["all"]["value"] / part["trtr"]["all"]["value"]
    assert part["tstr_ratio"]["all"]["value"] == pytest.approx(ratio, abs=1e-3)
    kept = [*tmp_path.rglob("predicted.npy")]
    assert figures.useful(sets[0], sets[1], sets[2], 0, ("A", "B")) == part
    assert [*tmp_path.rglob("predicted.npy")] == kept  # the network of real records is kept


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts that the command measures, which here cost nothing."""
    done: list[str] = []

    class Sets:
        synthetic = LEADS_12

    def measure(_: object, names: list[str]) -> Any:
        for name in names:
            done.append(name)
            if name == "c2st" and done.count(name) == 1:
                raise KeyboardInterrupt
            yield name, {"x": {"all": cell(1.0)}}

    monkeypatch.setattr(command, "sets_of", lambda *_: Sets())
    monkeypatch.setattr(command, "measure", measure)
    return done


def test_a_stopped_command_continues_with_the_part_that_is_not_kept(
    measured: list[str], tmp_path: Path
) -> None:
    target = tmp_path / "new" / "records.json"
    with pytest.raises(KeyboardInterrupt):
        command.main(["real", "--to", str(target)])
    before = [*measured]
    assert before[-1] == "c2st"
    assert "c2st" not in json.loads(target.read_text())["systems"]["real"]["parts"]
    command.main(["real", "--to", str(target)])
    after = measured[len(before) :]
    assert after[0] == "c2st"
    assert not {*before[:-1]} & {*after}
    command.main(["real", "--to", str(target)])
    assert measured == before + after


def test_only_some_parts_are_measured_anew_and_others_stay(
    measured: list[str], tmp_path: Path
) -> None:
    target = tmp_path / "records.json"
    for words in (["cost", "leads"], ["leads"]):
        command.main(["gaussian", "--only", *words, "--to", str(target)])
    assert measured == ["cost", "leads", "leads"]
    assert {*command.systems_of(target)["gaussian"]["parts"]} == {"cost", "leads"}


def test_other_settings_begin_anew_and_other_systems_stay(
    measured: list[str], tmp_path: Path
) -> None:
    target = tmp_path / "records.json"
    command.main(["simulator", "--only", "leads", "--to", str(target)])
    command.main(["real", "--only", "leads", "--to", str(target)])
    command.main(["real", "--only", "cost", "--seed", "2", "--to", str(target)])
    kept = command.systems_of(target)
    assert {*kept["real"]["parts"]} == {"cost"}
    assert {*kept["simulator"]["parts"]} == {"leads"}
    assert measured == ["leads", "leads", "cost"]


@pytest.mark.parametrize(
    ("word", "name", "model"),
    [("runs/s1/model.safetensors", "model", "runs/s1/model.safetensors"),
     ("student=runs/s1", "student", "runs/s1"), ("real", "real", "real")],
)  # fmt: skip
def test_a_system_is_named_by_its_file_or_as_wished(word: str, name: str, model: str) -> None:
    assert command.name_of(word) == (name, model)


def test_a_foreign_file_and_an_unknown_model_are_refused_in_a_sentence(tmp_path: Path) -> None:
    foreign = tmp_path / "other.json"
    foreign.write_text("[1, 2]")
    for words, reason in (
        (["real", "--to", str(foreign)], "not a file of this command"),
        (["no-such-model", "--to", str(tmp_path / "new.json")], "no-such-model"),
    ):
        with pytest.raises(SystemExit, match=reason):
            command.main(words)
    assert foreign.read_text() == "[1, 2]"
    with pytest.raises(SystemExit):
        command.main(["real", "--count", "-5"])
