"""The service: what it makes is what the library makes; every slip is a typed problem."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import socket
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from serving import served, wait_for

from ecgsynth.cli import main
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.metrics.physiology import measured as by_judge
from ecgsynth.formats import read
from ecgsynth.model_registry import Version
from ecgsynth.registry import FORMATS
from ecgsynth.service.api import pages, problems, responses
from ecgsynth.service.api.ecgs import FEW
from ecgsynth.service.application import create_app
from ecgsynth.service.middleware.logs import MOST_WARNINGS, collect_warnings
from ecgsynth.service.models.batching import Batcher
from ecgsynth.service.models.measurements import NAMES, measure
from ecgsynth.service.models.store import ModelStore
from ecgsynth.service.settings import KEY, Settings
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior import usual_ranges
from ecgsynth.signals.spec import Spec
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.synthesizer.microbatch import SIZES, Microbatch
from ecgsynth.synthesizer.sampler import NetworkSampler


@pytest.fixture(scope="module")
def settings(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    database = tmp_path_factory.mktemp("jobs") / "jobs.sqlite"
    return Settings(
        model_dir=models, jobs_db=f"sqlite:///{database}", jobs=0, most_items=20_000,
        most_json_kib=4, most_upload_mib=1, jobs_waiting=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[httpx.Client]:
    with served(settings) as client:
        yield client


def made(client: httpx.Client, **wanted: Any) -> httpx.Response:
    answer = client.post("/v1/ecgs", json={"model": "tiny", **wanted})
    assert answer.status_code == 200, answer.text
    return answer


def problem(answer: httpx.Response, status: int) -> str:
    """The sentence of a problem document of this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["status"] == status
    assert said["type"].startswith("urn:ecgsynth:problem:")
    assert said["title"] == problems.TITLES[status]
    return str(said["detail"])


# What goes well.


def test_an_ecg_over_the_wire_is_the_librarys(client: httpx.Client, tiny: Synthesizer) -> None:
    answer = made(client, label="V", count=3, seed=7, context={"rr_before_s": 0.5})
    first, *items, last = [json.loads(line) for line in answer.text.splitlines()]
    expected = tiny.generate(3, label="V", seed=7, context={"rr_before_s": 0.5})
    assert first["synthetic"] is True
    assert "not from a patient" in first["statement"]
    assert first["model"] == tiny.card.id == answer.headers["x-ecgsynth-model"]
    assert last == {"items": 3}
    assert [item["label"] for item in items] == ["V"] * 3
    assert [item["context"]["rr_before_s"] for item in items] == [0.5] * 3
    signal = np.array([item["signal"]["MLII"] for item in items], np.float32)
    assert np.array_equal(signal, expected.signal[:, 0])


@pytest.mark.parametrize("count", [8, 256 + 44])
def test_synthetic_people_over_the_wire_are_the_librarys(
    client: httpx.Client, tiny: Synthesizer, count: int
) -> None:
    answer = made(client, count=count, seed=7, people=2)
    items = [json.loads(line) for line in answer.text.splitlines()[1:-1]]
    expected = tiny.generate(count, seed=7, people=2)
    assert expected.patient is not None
    assert [item["patient"] for item in items] == expected.patient.tolist()
    signal = np.array([item["signal"]["MLII"] for item in items], np.float32)
    assert np.array_equal(signal, expected.signal[:, 0])
    for people in (0, -1, 1.5, True, "4", count + 1):
        wanted = {"model": "tiny", "count": count, "people": people}
        refused = client.post("/v1/ecgs", json=wanted)
        assert refused.status_code == 422
        assert "people" in refused.text


@pytest.mark.parametrize("count", [5, 256 + 44])
@pytest.mark.parametrize(
    "format", [name for name in responses.formats() if name != responses.NDJSON]
)
def test_every_registered_format_reads_back(
    client: httpx.Client, tiny: Synthesizer, tmp_path: Path, format: str, count: int
) -> None:
    answer = client.post(
        "/v1/ecgs", json={"model": "tiny", "count": count, "seed": 2, "format": format}
    )
    if answer.status_code == 422:  # a format that holds no sets of beats says so
        assert len(problem(answer, 422)) > 20
        return
    assert answer.status_code == 200, answer.text
    if format == "parquet":
        path = tmp_path / "set.parquet"
        path.write_bytes(answer.content)
    else:
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            archive.extractall(tmp_path)
        (path,) = tmp_path.iterdir()
    ecg = read(path, format)
    expected = tiny.generate(count, seed=2)
    assert ecg.synthetic
    step = max(FORMATS.get(format).step_mv or 0, 0.001)
    assert np.abs(ecg.signal - expected.signal).max() < 1.1 * step


@pytest.mark.parametrize("count", [3, FEW + 1, 256 + 1])
def test_a_context_that_was_never_learned_is_warned_of_as_the_command_does(
    client: httpx.Client, caplog: pytest.LogCaptureFixture, tiny: Synthesizer, count: int
) -> None:
    usual, odd = {"rr_before_s": 0.8}, {"rr_before_s": 3.0, "rr_after_s": 0.8}
    for context, number in (({}, 0), (usual, 0), (odd, 1), (odd | {"rr_after_s": 9.0}, 2)):
        caplog.clear()
        tiny.generate(1, context=context)
        printed = [one.getMessage() for one in caplog.records if one.name == "ecgsynth"]
        assert len(printed) == number
        answer = made(client, count=count, context=context)
        assert json.loads(answer.text.splitlines()[0])["warnings"] == printed
        assert answer.headers.get("x-ecgsynth-warning", "") == " ".join(printed)
    for format in ("npz", "parquet"):
        answer = made(client, count=count, context=odd, format=format)
        said = answer.headers["x-ecgsynth-warning"]
        assert said.startswith("rr_before_s=3 lies outside what was learned (")


def test_what_is_warned_of_is_told_to_the_one_who_asked_alone() -> None:
    log = logging.getLogger("ecgsynth")
    with collect_warnings() as mine:
        log.warning("of %s", "mine")
        logging.getLogger("ecgsynth.formats.wfdb").warning("of a file")
        logging.getLogger("ecgsynth.serve").warning("of the service")
        logging.getLogger("pandas").warning("of a library")
        log.info("by the way")
        with collect_warnings() as inner:
            log.warning("of another")
        log.warning("of %s", "mine")  # once is enough
        for number in range(100):
            log.warning("of postgresql://a:hush@b number %d", number)
    log.warning("of nobody")
    assert inner == ["of another"]
    assert mine[:3] == ["of mine", "of a file", "of postgresql://a:***@b number 0"]
    assert len(mine) == MOST_WARNINGS


def test_a_large_request_is_the_same_as_at_once(client: httpx.Client, tiny: Synthesizer) -> None:
    lines = made(client, count=2500, seed=5).text.splitlines()
    expected = tiny.generate(2500, seed=5)
    assert len(lines) == 2502
    for row in (0, 1023, 1024, 2499):
        item = json.loads(lines[1 + row])
        assert item["item"] == row
        assert np.array_equal(np.float32(item["signal"]["MLII"]), expected.signal[row, 0])


def test_models_and_cards_are_told(client: httpx.Client, tiny: Synthesizer) -> None:
    found = {one["name"]: one for one in client.get("/v1/models").json()["models"]}
    assert found["tiny"]["id"] == tiny.card.id
    assert [one["name"] for one in found["tiny"]["classes"]] == ["N", "S", "V", "F"]
    assert found["tiny"]["kind"] == "beat"
    assert found["tiny"]["real"] is False
    assert found["tiny"]["seconds"] == pytest.approx(256 / 360)
    before, after = found["tiny"]["contexts"][:2]
    assert (before["name"], before["unit"], after["name"]) == ("rr_before_s", "s", "rr_after_s")
    assert (before["low"], before["median"], before["high"]) == pytest.approx(
        usual_ranges([tiny.prior])["rr_before_s"], abs=1e-4
    )
    drawn = tiny.generate(2000, seed=1).context[:, 0]
    assert before["median"] == pytest.approx(float(np.median(drawn)), abs=0.05)
    for word in ("tiny", tiny.card.id):
        assert client.get(f"/v1/models/{word}/card").json()["warning"] == tiny.card.warning


def test_formats_sets_and_plans_are_told(client: httpx.Client) -> None:
    formats = {one["name"]: one for one in client.get("/v1/formats").json()["formats"]}
    assert [*formats] == FORMATS.names()
    assert (formats["npz"]["suffix"], formats["npz"]["single_file"]) == (".npz", True)
    assert (formats["wfdb"]["suffix"], formats["wfdb"]["single_file"]) == ("/", False)
    sets = {one["name"]: one for one in client.get("/v1/datasets").json()["datasets"]}
    assert "folder" not in sets
    assert sets["simulated"]["here"] is True
    assert "heldout" in sets["mitbih"]["splits"]
    (plan,) = client.get("/v1/plans").json()["plans"]
    assert plan["classes"]["S"] == {
        "model": "mitbih-beats", "label": "", "times": 4.0, "enabled": True
    }  # fmt: skip


def test_versions_are_told_or_why_there_are_none(
    client: httpx.Client, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", f"sqlite:///{tmp_path / 'v.sqlite3'}")
    said = client.get("/v1/versions").json()
    assert said["versions"] == []
    assert "versions add" in said["reason"]
    assert not (tmp_path / "v.sqlite3").exists()
    (tmp_path / "v.sqlite3").write_text("no database, but long enough for sqlite to look at it")
    said = client.get("/v1/versions").json()
    assert "damaged" in said["reason"]
    assert str(tmp_path) not in said["reason"]
    kept = [
        Version("tiny", 1, (), 1e9, {"card": "tiny-1"}),
        Version("tiny", 2, ("production",), 2e9,
                {"judge/coverage/N": "0.5", "judge/coverage/V": "0.7", "judge/coverage/F": "?"}),
        Version("tiny", 3, (), 1e300, {"judge/coverage/N": "nan"}),
    ]  # fmt: skip
    monkeypatch.setattr("ecgsynth.model_registry.versions", lambda: kept)
    strange, newest, first = client.get("/v1/versions").json()["versions"]
    assert (strange["created"], strange["score"]) == (None, None)
    assert (newest["version"], newest["aliases"]) == (2, ["production"])
    assert newest["score"] == pytest.approx(0.6)
    assert (first["run"], first["score"]) == ("tiny-1", None)
    assert first["created"].startswith("2001-09-09T01:46:40")


def test_every_item_is_measured_as_the_judge_does(client: httpx.Client) -> None:
    model = Synthesizer.load("mitbih-beats")
    wanted = {"model": "mitbih-beats", "label": ["N", "V"], "count": 20, "seed": 3}
    answer = client.post("/v1/ecgs", json={**wanted, "measure": True})
    assert answer.status_code == 200, answer.text
    _, *items, last = [json.loads(line) for line in answer.text.splitlines()]
    assert last == {"items": 20}
    expected = by_judge(model.generate(20, label=["N", "V"], seed=3))
    for name, of_judge in NAMES.items():
        values = [item["measured"][name] for item in items]
        mine = np.array([np.nan if value is None else value for value in values])
        assert np.allclose(mine, expected[of_judge], atol=0.06, equal_nan=True)
    assert np.isfinite(expected["qrs"]).sum() >= 15
    context = np.array([item["context"]["rr_before_s"] for item in items])
    rates = [item["measured"]["heart_rate_bpm"] for item in items]
    assert rates == pytest.approx((60 / context).tolist(), abs=0.06)
    plain = client.post("/v1/ecgs", json=wanted).text.splitlines()[1]
    assert json.loads(plain) == {n: v for n, v in items[0].items() if n != "measured"}


def test_what_a_window_cannot_hold_is_null() -> None:
    short = Ecg(np.zeros((2, 1, 100), np.float32), Spec(("II",), 500.0, 100))
    assert measure(short) == [dict.fromkeys(NAMES)] * 2
    flat = Ecg(np.zeros((1, 1, 5000), np.float32), Spec(("II",), 500.0, 5000))
    assert measure(flat) == [dict.fromkeys(NAMES)]


def test_a_known_heart_is_measured_right(simulated_record: Ecg) -> None:
    (found,) = measure(simulated_record)
    assert found["heart_rate_bpm"] == pytest.approx(72, abs=1.5)
    assert all(value is not None for value in found.values())


def test_every_answer_has_a_request_id_of_the_clients_choice(client: httpx.Client) -> None:
    answer = client.get("/v1/health", headers={"X-Request-ID": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    answer = client.get("/v1/nothing", headers={"X-Request-ID": 'a"b'})
    assert len(answer.headers["x-request-id"]) == 32


def test_metrics_count_what_was_sent(client: httpx.Client, tiny: Synthesizer) -> None:
    name = f'ecgsynth_items_total{{format="ndjson",model="{tiny.card.id}"}}'

    def count() -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    before = count()
    made(client, count=11)
    assert count() == before + 11
    assert 'ecgsynth_jobs{state="queued"} 0.0' in client.get("/metrics").text


def test_pages_load_nothing_from_another_host(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    for path in ("/docs", "/static/docs.js", "/static/docs.css"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "http://" not in answer.text
        assert "https://" not in answer.text


def test_the_page_needs_no_key_and_is_missed_politely(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    monkeypatch.setattr(pages, "STATIC", tmp_path)
    for path, name in (("/", "index.html"), ("/docs", "docs.html")):
        assert f"has no {name}" in problem(client.get(path), 404)


def test_words_become_what_a_request_takes(client: httpx.Client) -> None:
    answer = client.get("/v1/models/tiny/wording", params={"text": "beats of class V"})
    assert "'beats', 'class'" in problem(answer, 422)
    answer = client.get("/v1/models/tiny/wording", params={"text": "an ECG with V"})
    assert answer.json() == {"label": "V", "context": {}}
    assert "nobody" in problem(client.get("/v1/models/nobody/wording?text=V"), 404)
    assert "age" in problem(client.get("/v1/models/tiny/wording?text=V+of+70"), 422)


def test_openapi_has_examples_and_our_problems(client: httpx.Client) -> None:
    said = client.get("/openapi.json").json()
    wanted = said["components"]["schemas"]["Wanted"]
    for example in wanted["examples"]:
        assert set(example) <= set(wanted["properties"])
    assert "HTTPValidationError" not in json.dumps(said)
    assert {
        "/metrics", "/v1/health", "/v1/models", "/v1/models/{id}/card",
        "/v1/models/{id}/wording", "/v1/formats",
        "/v1/datasets", "/v1/plans", "/v1/ecgs", "/v1/evaluations", "/v1/augmentations",
        "/v1/jobs/{id}", "/v1/jobs/{id}/report", "/v1/jobs/{id}/result", "/v1/runs",
        "/v1/runs/{id}", "/v1/runs/{id}/events", "/v1/runs/{id}/samples", "/v1/stream",
        "/v1/versions",
    } == set(said["paths"])  # fmt: skip


# Together, yet alone.


def test_an_order_among_others_is_to_the_bit_what_it_is_alone(tiny: Synthesizer) -> None:
    together = Microbatch(tiny.sampler)
    assert together.sizes, "on this machine every order is made by itself"
    asked: list[dict[str, Any]] = [
        {"count": 1, "seed": 0},
        {"count": 5, "label": "V", "seed": 3},
        {"count": 100, "label": ["N", "S"], "seed": 9, "context": {"rr_before_s": 0.5}},
        {"count": {"F": 3, "N": 2}, "seed": 2**62},
        {"count": 256, "seed": 1},
    ]
    for some in (asked, asked[::-1], asked[:1], asked[1:3]):
        made = together.make([together.order(**one) for one in some])
        for one, ecg in zip(some, made, strict=True):
            expected = tiny.generate(**one)
            assert np.array_equal(ecg.signal, expected.signal)
            assert np.array_equal(ecg.context, expected.context)
            assert np.array_equal(ecg.label, expected.label)
            assert ecg.source == expected.source


def test_orders_of_a_joined_model_are_what_they_are_alone(tiny: Synthesizer) -> None:
    members = {}
    for name in ("N", "V"):
        member = Synthesizer(tiny.generator, tiny.card.model_copy())
        member.sampler.prior = replace(tiny.prior, classes={name: tiny.prior.classes[name]})
        members[name] = member
    joined = Synthesizer.join(members)
    together = Microbatch(joined.sampler)
    asked: list[dict[str, Any]] = [{"count": 5, "seed": 3}, {"count": 2, "label": "V", "seed": 4}]
    made = together.make([together.order(**one) for one in asked])
    for one, ecg in zip(asked, made, strict=True):
        expected = joined.generate(**one)
        assert np.array_equal(ecg.signal, expected.signal)
        assert ecg.labels_str.tolist() == expected.labels_str.tolist()


def test_where_rows_depend_on_their_batch_every_order_is_made_by_itself(
    tiny: Synthesizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = NetworkSampler.scaled
    monkeypatch.setattr(
        NetworkSampler, "scaled",
        lambda self, drawn: right(self, drawn) + np.arange(len(drawn))[:, None, None] * 1e-3,
    )  # fmt: skip
    together = Microbatch(tiny.sampler)
    assert together.sizes == ()
    ecg = together.make([together.order(2, seed=1), together.order(3, seed=4)])[1]
    assert np.array_equal(ecg.signal, tiny.generate(3, seed=4).signal)


def test_a_batch_size_that_rounds_otherwise_is_not_used(
    tiny: Synthesizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = NetworkSampler.scaled
    monkeypatch.setattr(
        NetworkSampler, "scaled",
        lambda self, drawn: right(self, drawn) + (1e-6 if len(drawn) == SIZES[0] else 0),
    )  # fmt: skip
    assert SIZES[0] not in Microbatch(tiny.sampler).sizes
    assert 256 in Microbatch(tiny.sampler).sizes


def test_requests_that_come_together_are_computed_together(tiny: Synthesizer) -> None:
    together = Microbatch(tiny.sampler)
    passes: list[int] = []
    alone = together.make

    def counted(orders: Any) -> list[Ecg]:
        passes.append(len(orders))
        return alone(orders)

    together.make = counted  # type: ignore[method-assign]

    async def many() -> list[Ecg]:
        batcher = Batcher(together, 0.01)
        return await asyncio.gather(*(batcher.make(together.order(1, seed=k)) for k in range(20)))

    made = asyncio.run(many())
    assert passes == [20]
    for seed, ecg in enumerate(made):
        assert np.array_equal(ecg.signal, tiny.generate(1, seed=seed).signal)


def test_concurrent_clients_each_get_their_own(client: httpx.Client, tiny: Synthesizer) -> None:
    with ThreadPoolExecutor(16) as pool:
        texts = [*pool.map(lambda seed: made(client, seed=seed).text, range(48))]
    for seed in (0, 20, 47):
        item = json.loads(texts[seed].splitlines()[1])
        expected = tiny.generate(1, seed=seed)
        assert np.array_equal(np.float32(item["signal"]["MLII"]), expected.signal[0, 0])


# What goes wrong.


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"modle": "tiny"}, "no field 'modle'. Did you mean 'model'?"),
        ({"count": 1}, "the field 'model' is missing"),
        ({"model": "tinny"}, "no model named 'tinny'. Did you mean 'tiny'?"),
        ({"model": "../tiny.safetensors"}, "no model named '../tiny.safetensors'"),
        ({"model": "tiny", "label": "X"}, "knows no class 'X'"),
        ({"model": "tiny", "label": 5}, "'label'"),
        ({"model": "tiny", "format": "wfbd"}, "no format named 'wfbd'. Did you mean 'wfdb'?"),
        ({"model": "tiny", "context": {"rr_befor_s": 1}}, "Did you mean 'rr_before_s'?"),
        ({"model": "tiny", "context": {"rr_before_s": -1}}, "above 0 s"),
        ({"model": "tiny", "context": {"rr_before_s": 1e39}}, "must be a finite number"),
        ({"model": "tiny", "count": 0}, "at least 1"),
        ({"model": "tiny", "count": True}, "'count'"),
        ({"model": "tiny", "count": 10**30}, "more than the limit of a request (20000)"),
        ({"model": "tiny", "count": {"N": 20_000, "V": 1}}, "20001 items are more than"),
        ({"model": "tiny", "count": {"N": -5, "V": 6}}, "'count.N': input should be greater"),
        ({"model": "tiny", "count": {"N": 1}, "label": "V"}, "not both"),
        ({"model": "tiny", "seed": 2**63}, "'seed'"),
        ({"model": "tiny", "measure": "yes"}, "'measure'"),
        ({"model": "tiny", "measure": True, "format": "npz"}, "'measure' adds to lines of JSON"),
        ({"model": "tiny", "seed": 1.5}, "'seed'"),
        ([1], "must be a JSON object"),
    ],
)
def test_a_slip_is_told_in_one_sentence(client: httpx.Client, body: Any, sentence: str) -> None:
    assert sentence in problem(client.post("/v1/ecgs", json=body), 422)


@pytest.mark.parametrize(
    ("text", "status", "sentence"),
    [
        ('{"model": "tiny", "context": {"rr_before_s": NaN}}', 422, "finite number"),
        ('{"model": "tiny", "count": NaN}', 422, "'count'"),
        ('{"model": "tiny", "seed": Infinity}', 422, "'seed'"),
        ('{"model": ', 400, "not JSON"),
        ('{"model": "tiny", "model": "other"}', 422, "the field 'model' is set twice"),
        ('{"model": "tiny", "count": {"N": 1, "N": 9}}', 422, "the field 'N' is set twice"),
        ('{"model": "tiny", "context": {"a": 1, "b": 2, "a": 1}}', 422, "the field 'a' is set"),
        ('{"model": "tiny", "seed": ' + "9" * 4000 + "}", 422, "'seed'"),
        ("[" * 4000, 400, "the body cannot be read; JSON must be UTF-8"),
        ('{"model": "\xff"}', 400, "the body cannot be read; JSON must be UTF-8"),
        ("\xff\xfe", 400, "not JSON"),
        (r'{"model": "\ud800"}', 422, r"no model named '\ud800'"),
        (r'{"model": "tiny", "label": "\ud800"}', 422, r"no class '\ud800'"),
        (r'{"model": "tiny", "context": {"\ud800": 1}}', 422, r"no context '\ud800'"),
        ("", 422, "the body is missing"),
    ],
)
def test_a_body_that_is_no_json_is_told(
    client: httpx.Client, text: str, status: int, sentence: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/ecgs", content=text.encode("latin-1"), headers=headers)
    assert sentence in problem(answer, status)


def test_another_kind_of_content_is_told(client: httpx.Client) -> None:
    answer = client.post("/v1/ecgs", data={"model": "tiny"})
    assert "send application/json" in problem(answer, 415)
    answer = client.post("/v1/evaluations", json={})
    assert "send multipart/form-data" in problem(answer, 415)


def test_a_file_that_comes_as_a_word_is_told_how_to_come(client: httpx.Client) -> None:
    answer = client.post("/v1/evaluations", files={"file": (None, "beats.npz")})
    assert "'file': it must come as a file with a name" in problem(answer, 422)


def test_pages_and_health_answer_head(client: httpx.Client) -> None:
    for path in ("/", "/docs", "/static/page.js", "/v1/health"):
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_a_file_is_named_by_model_seed_and_format(client: httpx.Client, tiny: Synthesizer) -> None:
    for format, ending in (("npz", "-npz.zip"), ("wfdb", "-wfdb.zip"), ("parquet", ".parquet")):
        said = made(client, count=1, seed=5, format=format).headers["content-disposition"]
        assert said == f'attachment; filename="{tiny.card.id}-seed5{ending}"'


def test_other_addresses_and_methods_are_told(client: httpx.Client) -> None:
    assert "/docs" in problem(client.get("/v1/ecg"), 404)
    assert "/docs" in problem(client.get("/v1/ecgs"), 405)
    assert "Did you mean 'tiny'?" in problem(client.get("/v1/models/tinny/card"), 404)
    assert problem(client.get("/static/..%2fsettings.py"), 404)


def test_a_body_that_is_too_large_is_told(client: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:  # without a length in advance
        for _ in range(100):
            yield b" " * 1000

    for content in (b" " * 5000, pieces()):
        headers = {"Content-Type": "application/json"}
        answer = client.post("/v1/ecgs", content=content, headers=headers)
        assert "larger than 4 KiB" in problem(answer, 413)


def test_pages_of_other_origins_are_refused(client: httpx.Client) -> None:
    answer = client.post("/v1/ecgs", json={"model": "tiny"}, headers={"Origin": "http://other"})
    assert "http://other may not call" in problem(answer, 403)
    broken = client.get("/v1/models", headers={"Origin": "http://[::1"})
    assert "may not call" in problem(broken, 403)
    own = str(client.base_url).rstrip("/")
    assert client.get("/v1/models", headers={"Origin": own}).status_code == 200


def test_named_origins_may_call(settings: Settings) -> None:
    with served(settings.model_copy(update={"origins": "http://other"})) as client:
        asked = {"Origin": "http://other", "Access-Control-Request-Method": "POST"}
        assert client.options("/v1/ecgs", headers=asked).status_code == 200
        answer = client.get("/v1/models", headers={"Origin": "http://other"})
        assert answer.headers["access-control-allow-origin"] == "http://other"


def test_the_key_opens_and_nothing_else_does(settings: Settings) -> None:
    with served(settings, key="sesame") as client:
        assert "a key is needed" in problem(client.get("/v1/models"), 401)
        wrong = client.get("/v1/models", headers={"Authorization": "Bearer sesam"})
        assert "this key is wrong" in problem(wrong, 401)
        assert wrong.headers["www-authenticate"] == "Bearer"
        odd = client.get(
            "/metrics", headers={"Authorization": "Bearer s\xe9same".encode("latin-1")}
        )
        problem(odd, 401)
        right = {"Authorization": "Bearer sesame"}
        assert client.get("/v1/models", headers=right).status_code == 200
        for path in ("/", "/static/page.js", "/v1/health", "/docs", "/openapi.json"):
            assert client.get(path).status_code == 200
        assert client.get("/openapi.json").json()["security"] == [{"key": []}]


@pytest.mark.parametrize("key", ["s\xe9same", "sesame\r", " sesame", "ses\name"])
def test_a_key_that_no_header_can_carry_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: None)
    monkeypatch.setenv(KEY, key)
    assert f"{KEY} must be printable ASCII" in refused(monkeypatch, capsys, "")


def test_more_requests_than_allowed_are_sent_away(settings: Settings) -> None:
    with served(settings.model_copy(update={"requests": 1})) as client:
        body = {"model": "tiny", "count": 20_000}
        with client.stream("POST", "/v1/ecgs", json=body) as answer:
            assert answer.status_code == 200
            refused = httpx.get(f"{client.base_url}/v1/models")
            assert refused.headers["retry-after"] == "1"
            problem(refused, 503)


def test_a_request_that_takes_too_long_is_ended(settings: Settings) -> None:
    short = settings.model_copy(update={"seconds": 0.3})
    with served(short) as client:
        body = {"model": "tiny", "count": 20_000, "format": "csv"}
        assert "too long" in problem(client.post("/v1/ecgs", json=body), 408)


@pytest.fixture(scope="module")
def impatient(settings: Settings) -> Iterator[httpx.Client]:
    """A service that waits for nobody."""
    with served(settings.model_copy(update={"stall_seconds": 0.5})) as client:
        yield client


def test_a_client_that_sends_slowly_is_told_and_left(impatient: httpx.Client) -> None:
    place = (impatient.base_url.host, impatient.base_url.port or 80)
    with socket.create_connection(place, timeout=300) as line:
        line.sendall(
            b"POST /v1/ecgs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        assert line.recv(1000).startswith(b"HTTP/1.1 408")


def sent_items(client: httpx.Client, model: str) -> float:
    name = f'ecgsynth_items_total{{format="ndjson",model="{model}"}}'
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


@pytest.mark.parametrize("leaves", [True, False], ids=["leaves", "stalls"])
def test_work_stops_for_a_client_that_is_gone(
    impatient: httpx.Client, tiny: Synthesizer, leaves: bool
) -> None:
    client = impatient
    body = json.dumps({"model": "tiny", "count": 20_000}).encode()
    before = sent_items(client, tiny.card.id)
    with socket.create_connection((client.base_url.host, client.base_url.port or 80)) as line:
        line.sendall(
            b"POST /v1/ecgs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        line.recv(1000)
        if not leaves:
            wait_for(lambda: "in_flight 1.0" in client.get("/metrics").text)
    wait_for(lambda: "in_flight 1.0" in client.get("/metrics").text)  # this request alone
    assert sent_items(client, tiny.card.id) - before < 20_000


def test_a_full_disk_is_told_and_leaves_nothing(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import errno

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("ecgsynth.formats.npz.np.save", full)
    answer = client.post("/v1/ecgs", json={"model": "tiny", "format": "npz"})
    assert "disk of the server is full" in problem(answer, 507)
    assert [*tmp_path.iterdir()] == []


def test_files_are_gone_when_they_are_sent(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made(client, format="wfdb", count=3)
    wait_for(lambda: not [*tmp_path.iterdir()])


def test_a_fault_is_a_problem_and_tells_nothing_of_the_inside(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: Any) -> Any:
        raise RuntimeError("secret")

    monkeypatch.setattr(ModelStore, "scan", fault)
    answer = client.get("/v1/models")
    assert "secret" not in problem(answer, 500)
    assert client.get("/docs").status_code == 200


# Settings.


def test_settings_come_from_the_environment_and_words_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECGSYNTH_SERVE_MOST_ITEMS", "7")
    monkeypatch.setenv("ECGSYNTH_SERVE_JOBS", "3")
    assert (Settings.read().most_items, Settings.read().jobs) == (7, 3)
    assert Settings.read({"jobs": 2}).jobs == 2
    with pytest.raises(EcgsynthError, match="no setting 'most_itms'. Did you mean 'most_items'"):
        Settings.read({"most_itms": 7})
    for name in ("jobs", "job_memory_mib", "streams", "keep_mib"):
        with pytest.raises(EcgsynthError, match=f"{name}.*at most|{name}.*less than or equal"):
            Settings.read({name: "9" * 20})
    with pytest.raises(EcgsynthError, match="lease_seconds.*less than or equal"):
        Settings.read({"lease_seconds": "inf"})
    for name in ("job_seconds", "stall_seconds", "keep_days"):
        for much in ("inf", "1e10"):
            with pytest.raises(EcgsynthError, match=f"'{name}' must be at most 1,000,000,000"):
                Settings.read({name: much})
    for name in ("model_dir", "runs"):
        monkeypatch.setenv(f"ECGSYNTH_SERVE_{name.upper()}", " ")
        with pytest.raises(EcgsynthError, match=f"'{name}' must name a folder"):
            Settings.read()
        monkeypatch.delenv(f"ECGSYNTH_SERVE_{name.upper()}")


def test_settings_reach_the_workers_whole(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.read() == settings


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "is not the URL of a database"),
        (f"sqlite:///{os.fsdecode(bytes([255]))}.sqlite", "is not the URL of a database"),
        ("sqlite:////proc/none/jobs.sqlite", "cannot be used"),
        ("nobase://x/y", "is not the URL of a database"),
    ],
)
def test_a_database_that_cannot_be_used_is_told(
    settings: Settings, url: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    with pytest.raises(EcgsynthError, match=sentence):
        create_app(settings.model_copy(update={"jobs_db": url}))
    assert not any(empty.iterdir())


# The command.


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str) -> str:
    """The one sentence of `ecgsynth serve ...`."""
    monkeypatch.setattr("sys.argv", ["ecgsynth", "serve", *words.split()])
    with pytest.raises(SystemExit) as end:
        main.main()
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("ecgsynth: ")
    return line


def test_without_the_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from importlib import util

    monkeypatch.setattr(util, "find_spec", lambda _: None)
    assert "pip install 'ecgsynth[serve]'" in refused(monkeypatch, capsys, "")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("most_itms=5", "no setting 'most_itms'. Did you mean 'most_items'"),
        ("most_items=0", "'most_items' input should be greater than or equal to 1"),
        ("jobs", "'jobs' is no setting; write word=value"),
        ("--model-dir absent", "there is no folder absent"),
        ("--jobs-db nonsense", "not the URL of a database"),
        ("origins=*", "'*' is not a web origin; write https://host"),
        ("origins=https://a.example,null", "'null' is not a web origin"),
        ("--host 192.0.2.1", "192.0.2.1:8000 cannot be served"),
    ],
)
def test_a_slip_of_the_command_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    words: str, sentence: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("ECGSYNTH_SERVE_JOBS_DB", f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    assert sentence in refused(monkeypatch, capsys, words)


def test_a_taken_port_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("ECGSYNTH_SERVE_JOBS_DB", f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "choose another --host or --port" in refused(monkeypatch, capsys, f"--port {port}")


def test_a_million_items_are_computed_step_by_step(tiny: Synthesizer) -> None:
    chunks = tiny.stream(1_000_000, chunk=1024)
    kept: list[int] = []

    async def some() -> None:
        pool = ThreadPoolExecutor(1)
        async for text in responses.lines(chunks, {}, kept.append, pool):
            assert len(text) < 8 << 20
            if len(kept) == 2:
                return

    asyncio.run(some())
    assert kept == [1024, 1024]
