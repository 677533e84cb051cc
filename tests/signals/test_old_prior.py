"""Models of earlier versions, whose cards kept each person's contexts, give away none of them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from serving import served

import ecgsynth as es
from ecgsynth.errors import EcgsynthError
from ecgsynth.service.settings import Settings
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior.laws import LEVELS
from ecgsynth.synthesizer import Synthesizer


def old_prior(ecg: Ecg) -> dict[str, Any]:
    """As version 0.1 kept it: quantiles of every class and person, and their shares."""
    context, who = np.asarray(ecg.context, np.float64), np.asarray(ecg.patient)
    groups: dict[str, list[dict[str, Any]]] = {}
    for name in ecg.spec.classes:
        of_class = ecg.labels_str == name
        own = {k: of_class & (who == one) for k, one in enumerate(np.unique(who))}
        groups[name] = [
            {
                "style": k,
                "share": float(rows.sum() / of_class.sum()),
                "quantiles": np.quantile(context[rows], LEVELS, axis=0).T.tolist(),
                "correlation": np.eye(context.shape[1]).tolist(),
            }
            for k, rows in own.items()
            if rows.any()
        ]
    return {"mean": context.mean(0).tolist(), "sd": context.std(0).tolist(), "groups": groups}


@pytest.fixture(scope="module")
def old(models: Path, simulated_beats: Ecg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as version 0.1 would have written it."""
    path = tmp_path_factory.mktemp("old") / "old.safetensors"
    with safe_open(models / "tiny.safetensors", "np") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        card = json.loads(file.metadata()["card"])
    card |= {"schema_version": 1, "prior": old_prior(simulated_beats)}
    save_file(weights, path, {"card": json.dumps(card)})
    return path


def means(ecg: Ecg) -> np.ndarray:
    return np.asarray(ecg.context)[:, ecg.spec.context.index("rr_mean_s")]


def test_it_loads_with_one_warning_and_draws_contexts_that_are_nobodys(
    old: Path, simulated_beats: Ecg, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ecgsynth"):
        model = Synthesizer.load(old)
        made = model.generate(3000, seed=1)
    assert [one.message.count("of an earlier version") for one in caplog.records] == [1]
    people = np.unique(means(simulated_beats))
    drawn = means(made)
    assert np.isfinite(drawn).all()
    near = (np.abs(drawn[:, None] - people) < 1e-4).any(1).mean()
    assert near < 0.05
    assert np.median(drawn) == pytest.approx(float(np.median(people)), rel=0.2)
    assert model.card.schema_version == 2


def test_it_makes_the_classes_and_keeps_to_what_the_network_was_shown(
    old: Path, tiny: Synthesizer
) -> None:
    model = Synthesizer.load(old)
    assert [*model.prior.classes] == [*tiny.prior.classes]
    np.testing.assert_allclose(model.prior.mean, tiny.prior.mean, atol=0.01)
    for name in model.prior.classes:
        assert set(model.prior.classes[name].styles) == set(tiny.prior.classes[name].styles)


def test_no_file_and_no_set_of_it_holds_the_earlier_prior(old: Path, tmp_path: Path) -> None:
    model = Synthesizer.load(old)
    again = Synthesizer.load(model.save(tmp_path / "again.safetensors"))
    assert again.card.prior == model.card.prior
    es.write(model.generate(5), tmp_path / "set.npz")
    joined = Synthesizer.load(old)
    for content in (
        (tmp_path / "again.safetensors").read_bytes(),
        json.dumps(es.read(tmp_path / "set.npz").card).encode(),
        json.dumps(joined.transplanted().card.model_dump(mode="json")).encode(),
    ):
        assert b"groups" not in content
        assert b"slices" in content


def test_members_of_a_joined_model_are_mended_too(
    old: Path, tiny: Synthesizer, tmp_path: Path
) -> None:
    member = json.loads(tiny.card.model_dump_json())
    with safe_open(old, "np") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        prior = json.loads(file.metadata()["card"])["prior"]
    whole = {key: {} for key in ("run", "scaler", "prior")} | {
        "name": "joined", "spec": member["spec"] | {"classes": ["N"]},
        "members": {"N": member | {"prior": prior | {"groups": {"N": prior["groups"]["N"]}}}},
    }  # fmt: skip
    path = tmp_path / "joined.safetensors"
    named = {f"N/{key}": value for key, value in weights.items()}
    save_file(named, path, {"card": json.dumps(whole)})
    model = Synthesizer.load(path)
    assert "groups" not in json.dumps(model.generate(3).card)


def test_the_service_hands_out_a_card_without_people(old: Path, tmp_path: Path) -> None:
    mine = Settings(model_dir=old.parent, jobs_db=f"sqlite:///{tmp_path / 'jobs.sqlite'}", jobs=0)
    with served(mine) as client:
        card = client.get("/v1/models/old/card").json()
        assert "groups" not in card["prior"]
        assert set(card["prior"]["classes"]) == {"N", "S", "V", "F"}
        (told,) = (one for one in client.get("/v1/models").json()["models"] if one["name"] == "old")
        assert [one["name"] for one in told["contexts"]][2] == "rr_mean_s"


def test_styles_of_stretches_of_a_recording_count_as_one_persons(
    old: Path, simulated_beats: Ecg
) -> None:
    card = Synthesizer.load(old).card
    content = card.model_dump(mode="json") | {"prior": old_prior(simulated_beats)}
    content["run"]["training"]["style_minutes"] = 3
    mended = type(card)(**content).prior["classes"]["N"]
    middle = mended["people"]["quantiles"][2] or mended["items"][0]["quantiles"][2]
    assert middle[10] == pytest.approx(round(middle[10], 1))  # in tenths of a logarithm


def test_a_damaged_earlier_prior_is_named(old: Path, tmp_path: Path) -> None:
    with safe_open(old, "np") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        card = json.loads(file.metadata()["card"])
    card["prior"]["groups"]["N"][0] = {"style": "none"}
    save_file(weights, tmp_path / "bad.safetensors", {"card": json.dumps(card)})
    with pytest.raises(EcgsynthError, match="context prior in the card is damaged"):
        Synthesizer.load(tmp_path / "bad.safetensors")
