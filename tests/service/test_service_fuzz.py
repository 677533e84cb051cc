"""Whatever is sent, the answer is what was asked for or one sentence, and never a fault."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from patience import PATIENCE_S
from serving import served

from ecgsynth.formats import write
from ecgsynth.service.settings import Settings
from ecgsynth.signals.ecg import Ecg
from ecgsynth.synthesizer import Synthesizer

BOUNDED = settings(
    max_examples=100, deadline=None, derandomize=True, database=None,
    suppress_health_check=[*HealthCheck],
)  # fmt: skip

ODD_TEXT = st.sampled_from([
    "", " ", "N", "V", "tiny", "n", "N,V", "\0", "\x1b[31m", "a\r\nb: c", "\ud800", "\U0001f600",
    "N" * 5000, "../../etc/passwd", "null", "NaN", "__proto__", "%s%n", "<script>", "rr_before_s",
])  # fmt: skip
ODD_NUMBER = st.sampled_from([
    0, -0.0, -1, 1, 2, 0.5, 1e-320, 1e39, 1e308, -1e308, float("nan"), float("inf"),
    float("-inf"), 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**400, True, False,
])  # fmt: skip
ODD = st.recursive(
    st.none() | ODD_NUMBER | ODD_TEXT | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ODD_TEXT, inner, max_size=4),
    max_leaves=6,
)
CONTEXT = st.dictionaries(
    st.sampled_from(["rr_before_s", "rr_after_s", "rr_mean_s", "age", ""]), ODD_NUMBER, max_size=3
)
LABEL = st.none() | ODD_TEXT | st.lists(st.sampled_from(["N", "S", "V", "F", "", "Q"]), max_size=4)
COUNT = st.integers(0, 40) | st.dictionaries(
    st.sampled_from(["N", "S", "V", "F", "Q", ""]), st.integers(0, 20), max_size=4
)


NEARLY: dict[str, Any] = {
    "model": "tiny", "count": 5, "context": {}, "seed": 0, "format": "ndjson", "measure": False
}  # fmt: skip


@pytest.fixture(scope="module")
def client(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service with small limits and several kinds of models, that queues jobs and runs none."""
    folder = tmp_path_factory.mktemp("several")
    shutil.copy(models / "tiny.safetensors", folder / "tiny.safetensors")
    Synthesizer.load(models / "tiny.safetensors").transplanted("moved").save(
        folder / "moved.safetensors"
    )
    database = tmp_path_factory.mktemp("jobs") / "jobs.sqlite"
    limits = Settings(
        model_dir=folder, jobs_db=f"sqlite:///{database}", jobs=0, most_items=300, jobs_waiting=3
    )
    with served(limits) as client:
        yield client


def answered(answer: httpx.Response) -> None:
    """It is what was asked for, or a problem in a sentence."""
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        said = answer.json()
        assert said["status"] == answer.status_code
        assert said["detail"].strip()
        assert "Traceback" not in answer.text


def sent(client: httpx.Client, body: Any) -> httpx.Response:
    """As JSON that Python writes, with NaN and halves of characters in it."""
    headers = {"Content-Type": "application/json"}
    return client.post("/v1/ecgs", content=json.dumps(body).encode(), headers=headers)


@BOUNDED
@given(
    model=st.sampled_from(["tiny", "moved"]), count=COUNT, label=LABEL, context=CONTEXT,
    seed=st.integers(0, 2**63 - 1), format=st.sampled_from(["ndjson", "npz", "csv", "wfdb"]),
    measure=st.booleans(),
)  # fmt: skip
@example(**NEARLY, label=[])
@example(**NEARLY | {"count": {}}, label=None)
@example(**NEARLY | {"count": {"N": 0}, "format": "npz"}, label=None)
@example(**NEARLY | {"context": {"rr_before_s": 1e-320}, "format": "csv"}, label="N")
@example(**NEARLY | {"context": {"rr_before_s": 3e38, "rr_after_s": 3e38}}, label="S")
def test_what_nearly_fits_is_made_or_refused(client: httpx.Client, **wanted: Any) -> None:
    answer = sent(client, wanted)
    answered(answer)
    if answer.status_code == 200 and wanted["format"] == "ndjson":
        first, *items, last = [json.loads(line) for line in answer.text.splitlines()]
        assert last == {"items": len(items)}
        assert first["synthetic"] is True
        count = wanted["count"]
        assert len(items) == (count if isinstance(count, int) else sum(count.values()))


@BOUNDED
@given(
    st.fixed_dictionaries(
        {"model": st.just("tiny") | ODD},
        optional=dict.fromkeys(
            ("label", "count", "seed", "context", "format", "measure", "x"), ODD
        ),
    )
    | ODD
)
def test_what_does_not_fit_is_refused(client: httpx.Client, body: Any) -> None:
    answered(sent(client, body))


@BOUNDED
@given(
    st.binary(max_size=200), st.sampled_from(["application/json", "text/plain", "", "\xff", "a/b"])
)
@example(b"[" * 60_000, "application/json")
@example(b'{"a":' * 10_000, "application/json")
@example(b'{"model": "tiny", "seed": ' + b"9" * 50_000 + b"}", "application/json")
@example(b'{"model": "\xed\xa0\x80"}', "application/json")
@example('{"model": "tiny"}'.encode("utf-16"), "application/json")
@example(b'{"model": "tiny", "model": 5}', "application/json")
def test_no_bytes_are_a_fault(client: httpx.Client, body: bytes, kind: str) -> None:
    for path in ("/v1/ecgs", "/v1/evaluations", "/v1/augmentations"):
        headers = {"Content-Type": kind.encode("latin-1")}
        answered(client.post(path, content=body, headers=headers))


HEADERS = ("Prefer", "Last-Event-ID", "X-Request-ID", "Origin", "Host", "Authorization", "Accept",
           "Range", "If-None-Match", "If-Modified-Since", "Cookie", "X-Forwarded-For")  # fmt: skip


@BOUNDED
@given(
    st.dictionaries(
        st.sampled_from(HEADERS),
        st.binary(max_size=30).map(
            lambda raw: bytes(b for b in raw if b > 31 and b != 127).strip()
        ),
        max_size=3,
    ),
    st.sampled_from(["/v1/health", "/v1/models", "/", "/static/page.js", "/v1/jobs/x", "/metrics"]),
    st.sampled_from(["GET", "HEAD", "POST", "DELETE", "PUT", "OPTIONS", "TRACE", "x"]),
)
def test_no_header_is_a_fault(
    client: httpx.Client, headers: dict[str, bytes], path: str, method: str
) -> None:
    answer = client.request(method, path, headers=headers)
    assert answer.status_code < 500, answer.text


@BOUNDED
@given(
    st.sampled_from(["jobs", "models", "runs", "", "../v1", "static"]),
    st.text(max_size=12) | ODD_TEXT,
    st.sampled_from(["", "/report", "/result", "/card", "/events", "/samples"]),
    st.sampled_from(["GET", "DELETE", "POST"]),
)
def test_no_address_is_a_fault(
    client: httpx.Client, kind: str, word: str, rest: str, method: str
) -> None:
    wire = HTTPConnection(client.base_url.host, client.base_url.port or 80, timeout=PATIENCE_S)
    named = quote(word.encode("utf-8", "surrogatepass"), safe="")
    wire.request(method, f"/v1/{kind}/{named}{rest}?ticket={named}&x[]={named}")
    answer = wire.getresponse()
    answer.read()
    assert answer.status < 500
    wire.close()


@pytest.fixture(scope="module")
def beats(simulated_beats: Ecg, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("beats") / "beats.npz"
    write(simulated_beats[:20], path)
    return path.read_bytes()


PLAN = st.fixed_dictionaries(
    {},
    optional={
        "name": ODD,
        "seed": ODD,
        "gate": ODD | st.dictionaries(st.sampled_from(["copies", "tail", "near"]), ODD, max_size=2),
        "classes": ODD
        | st.dictionaries(
            st.sampled_from(["S", "N", "", "\0"]),
            ODD
            | st.fixed_dictionaries(
                {"model": st.just("tiny")},
                optional={"times": ODD_NUMBER, "count": ODD_NUMBER, "label": ODD},
            ),
            max_size=3,
        ),
    },
)


@BOUNDED
@given(
    st.dictionaries(
        st.sampled_from(["against", "train", "metrics", "quick", "seed", "else"]),
        ODD_TEXT | st.sampled_from(["simulated:test", "simulated:", "mitbih:train", "1", "-1"]),
        max_size=4,
    ),
    PLAN,
    st.sampled_from(
        ["a.npz", "a.csv", "a.zip", "", ".", "a\0.npz", "../a.npz", "\ud800.npz", "npz"]
    ),
)
def test_no_form_is_a_fault(
    client: httpx.Client, beats: bytes, words: dict[str, str], plan: Any, name: str
) -> None:
    name = name.encode("utf-8", "replace").decode()
    words = {key: text.encode("utf-8", "replace").decode() for key, text in words.items()}
    asked = {
        "/v1/evaluations": words,
        "/v1/augmentations": {"plan": json.dumps(plan), "format": words.get("train", "npz")},
    }
    for path, data in asked.items():
        answer = client.post(path, data=data, files={"file": (name, beats)})
        answered(answer)
        if answer.status_code == 202:  # others come behind it
            client.delete(answer.headers["location"])
