"""What a set was learned from is said by whoever asks, else by the set's card, else by nobody."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markupsafe import escape
from outcome import Command

import ecgsynth as es
from ecgsynth.datasets import unseen_splits
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.real_sets import heldout_source
from ecgsynth.evaluation.training_set import training_set
from ecgsynth.formats import write
from ecgsynth.registry import DATASETS
from ecgsynth.service import real_sets
from ecgsynth.service.files import uploads
from ecgsynth.service.jobs import evaluate
from ecgsynth.signals.ecg import Ecg

DATA = {"name": "simulated", "split": "train", "beats": 300, "patients": 5, "classes": ["N", "V"]}
NO_CARD = "Training set: none, since none was named and the set has no card of its generator."


@pytest.fixture(scope="module")
def made() -> Ecg:
    """Beats as a generator that learned from a simulated set would give them."""
    ecg = es.load("simulated:test", beats=300, patients=5, classes=("N", "V"))[:80]
    return replace(ecg, source="synthetic:some-model", card=card(DATA))


def card(data: Any) -> dict[str, Any]:
    return {"name": "some-model", "run": {"data": data}}


def test_what_is_named_goes_before_what_the_card_names(made: Ecg) -> None:
    found = training_set(made, "simulated:heldout")
    assert found.items is not None
    assert found.source == "simulated:heldout"
    assert found.items.source.endswith("heldout")
    assert found.why == "Training set: simulated:heldout, as it was named."


@pytest.mark.parametrize("named", [None, ""])
def test_what_the_card_names_is_loaded_as_the_model_was_given_it(
    made: Ecg, named: str | None
) -> None:
    found = training_set(made, named)
    learned = es.load("simulated:train", beats=300, patients=5, classes=("N", "V"))
    assert found.items is not None
    assert np.array_equal(found.items.signal, learned.signal)
    assert found.why == "Training set: simulated:train, which the set's own card names."
    assert not found.usual  # other beats than `simulated:train` has by itself


@pytest.mark.parametrize("named", ["none", "None"])
def test_none_can_be_said(made: Ecg, named: str) -> None:
    assert training_set(made, named).items is None
    assert training_set(made, named).why == "Training set: none, as requested."


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        (None, NO_CARD),
        ({"mixed": {}}, "the set's own card names none"),
        (card("mitbih"), "the set's own card names none"),
        (card({"split": "train"}), "the set's own card names none"),
        (card({"name": "no-such-set"}), "no-such-set:train, but no data set named 'no-such-set'"),
        (card(DATA | {"split": "trian"}), "Did you mean 'train'?"),
        (card({"name": "folder", "path": "/nowhere"}), "there is no file or folder /nowhere"),
        ({"members": {"N": card(DATA), "V": card(DATA | {"split": "test"})}},
         "trained on different ones (simulated:test, simulated:train)"),
    ],
)  # fmt: skip
def test_where_no_card_names_one_that_is_here_there_is_none_and_the_reason_is_said(
    made: Ecg, own: dict[str, Any] | None, reason: str
) -> None:
    found = training_set(replace(made, card=own), None)
    assert found.items is None
    assert found.why.startswith("Training set: none")
    assert reason in found.why


def test_models_that_were_joined_have_the_set_that_all_learned_from(made: Ecg) -> None:
    both = {name: card(DATA | {"classes": [name]}) for name in ("N", "V")}
    found = training_set(replace(made, card={"members": both}), None)
    assert found.items is not None
    assert {*found.items.counts()} == {"N", "V"}


def test_set_of_another_shape_than_its_card_names_is_no_error(made: Ecg) -> None:
    found = training_set(
        replace(made, card=card({"name": "heartbeat_csv", "split": "train"})), None
    )
    assert found.items is None
    assert "heartbeat_csv:train, but" in found.why


def test_what_is_named_and_cannot_be_read_is_an_error(made: Ecg, tmp_path: Path) -> None:
    with pytest.raises(EcgsynthError, match="there is no file or folder"):
        training_set(made, str(tmp_path / "absent.npz"))


def test_report_and_json_say_which_training_set_and_why(made: Ecg, tmp_path: Path) -> None:
    for named, source in (("simulated:heldout",) * 2, (None, "simulated:train"), ("none", None)):
        report = es.evaluate(made, made, named, metrics=["smoothness"], controls=False)
        kept = json.loads(report.save(tmp_path / "r.json").read_text())
        assert kept["facts"]["training_set"]["source"] == source
        assert kept["facts"]["training_set"]["why"] == report.notes[0]
        assert escape(report.notes[0]) in report.save(tmp_path / "r.html").read_text()


def test_command_takes_no_training_set_that_nobody_named(
    made: Ecg, command: Command, tmp_path: Path
) -> None:
    write(replace(made, card=None), tmp_path / "bare.npz")
    write(made, tmp_path / "carded.npz")
    words = ("--against", "bare.npz", "--metrics", "smoothness,memorisation", "--force")
    assert NO_CARD in command("evaluate", "bare.npz", *words).out
    out = command("evaluate", "bare.npz", *words).out
    assert "left out: memorisation; the reasons are in report.html" in out
    assert "memorisation" in (tmp_path / "report.html").read_text()
    assert "which the set's own card names" in command("evaluate", "carded.npz", *words).out
    none = command("evaluate", "carded.npz", *words, "--train", "none")
    assert "Training set: none, as requested." in none.out


def test_a_set_alone_is_compared_with_what_its_card_leads_to(
    made: Ecg, command: Command, tmp_path: Path
) -> None:
    write(made, tmp_path / "carded.npz")
    done = command("evaluate", "carded.npz", "--metrics", "smoothness", "--quick")
    assert (done.code, done.err) == (0, "")
    assert "Training set: simulated:train, which the set's own card names." in done.out
    assert "Held-out set: simulated:heldout, which belongs to the set's own card." in done.out
    assert json.loads((tmp_path / "report.json").read_text())["against"].endswith("heldout")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (None, "no real items were named and the set has no card of its generator; name some"),
        ({"name": "ptbxl"}, "`ecgsynth data fetch ptbxl`"),
        ({"name": "gone"}, "the set's own card names gone:train, which is no data set here"),
    ],
    ids=["no card", "no recordings", "no data set"],
)
def test_a_set_alone_without_real_items_is_one_sentence_with_the_way_out(
    made: Ecg, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Any,
    sentence: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    write(replace(made, card=data and card(data)), tmp_path / "set.npz")
    for words in (("--quick",), ("--calibrate", 20, "--train", "set.npz")):
        done = command("evaluate", "set.npz", *words)
        assert done.code == 2
        assert re.search(sentence, done.err)
        assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("data", "source"),
    [
        ({"name": "mitbih"}, "mitbih:heldout"),
        ({"name": "mitbih", "split": "train"}, "mitbih:heldout"),
        ({"name": "ptbxl"}, "ptbxl:validation"),
        ({"name": "ludb"}, "ludb:validation"),
        ({"name": "heartbeat_csv"}, "heartbeat_csv:test"),  # people on both sides, as published
        ({"name": "heartbeat_csv", "split": "train-interpatient"},
         "heartbeat_csv:validation-interpatient"),
        ({"name": "folder", "path": "x"}, "folder:heldout"),
    ],
)  # fmt: skip
def test_every_data_set_has_items_that_a_training_did_not_see(data: Any, source: str) -> None:
    found = heldout_source(card(data))
    settings = {key: value for key, value in data.items() if key not in ("name", "split")}
    assert found == (source, settings)


def test_a_training_or_study_never_takes_a_test_split() -> None:
    for name in DATASETS.names():
        for split in DATASETS.get(name).splits:
            assert not [one for one in unseen_splits(name, split) if one.startswith("test")]
    assert unseen_splits("heartbeat_csv", "train") == []


def test_in_python_a_set_without_card_is_compared_with_nothing_and_the_report_has_why(
    made: Ecg,
) -> None:
    alone = replace(made, card=None)
    for against, why in ((None, "the set has no card of its generator"), ("none", "as requested")):
        report = es.evaluate(alone, against, metrics=["smoothness"], controls=False)
        assert any(why in note for note in report.notes if note.startswith("Held-out set: none"))
        assert report.rows == []


def test_floors_and_ceilings_need_a_training_set(
    made: Ecg, command: Command, tmp_path: Path
) -> None:
    write(replace(made, card=None), tmp_path / "bare.npz")
    done = command("evaluate", "bare.npz", "--against", "bare.npz", "--calibrate", 20)
    assert done.code == 2
    assert "name it with --train" in done.err


def test_service_opens_no_folder_that_a_card_names(made: Ecg, tmp_path: Path) -> None:
    mine = tmp_path / "private.npz"
    write(made, mine)
    theirs = replace(made, card=card({"name": "folder", "path": str(mine), "split": "all"}))
    assert training_set(theirs, None).items is not None
    found = training_set(theirs, "", real_sets.known())
    assert found.items is None
    assert "only its owner can open" in found.why
    write(theirs, tmp_path / "upload.npz")
    asked = {
        "against": "simulated:test", "train": "", "metrics": ["amplitude_w1"], "quick": True,
        "seed": 0, "upload_kind": uploads.kind_of("upload.npz"), "name": "upload.npz",
    }  # fmt: skip
    verdict, _ = evaluate.judge(tmp_path, asked, lambda *_: None)
    assert verdict["facts"]["training_set"]["why"] == found.why
