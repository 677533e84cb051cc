"""Jobs: none is lost, none runs twice, and nothing that is uploaded does harm."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from archives import npy, zipped
from serving import free_port, got, served, started, wait_for
from sqlalchemy.exc import OperationalError

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import write
from ecgsynth.formats.contract import named
from ecgsynth.jobs import child
from ecgsynth.jobs.runner import PAUSE_S
from ecgsynth.jobs.store import Store
from ecgsynth.jobs.tables import Job
from ecgsynth.service.files import uploads
from ecgsynth.service.jobs import evaluate, runner, worker
from ecgsynth.service.jobs.runner import JobRunner
from ecgsynth.service.settings import Settings
from ecgsynth.signals.ecg import Ecg

FORM = {"against": "simulated:test", "train": "simulated:train", "metrics": "amplitude_w1"}
"""An evaluation that needs no recordings and no minutes."""


# What is uploaded.


@pytest.fixture(scope="module")
def beats(simulated_beats: Ecg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """beats.npz, beats.csv and beats.zip (WFDB) of the same 120 beats."""
    folder = tmp_path_factory.mktemp("beats")
    some = simulated_beats[:120]
    write(some, folder / "beats.npz")
    write(some, folder / "beats.csv")
    write(some, folder / "wfdb/")
    shutil.make_archive(str(folder / "beats"), "zip", folder / "wfdb")
    return folder


def linked() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("a.hea")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def tarred() -> bytes:
    """A tar archive whose file leads out of its folder, and a link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../a.hea"))
        link = tarfile.TarInfo("b.hea")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return out.getvalue()


HEADER = b"a 1 360 100\n%b 16 1000 16 0 0 0 0 MLII\n"

HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "no name": ("x.zip", lambda: zipped({"a.hea": b""}).replace(b"a.hea", b"\0.hea"), "no plain"),
    "bomb": ("x.npz", lambda: zipped({"data.npy": bytes(60 << 20)}), "unpacks from"),
    "way out": ("x.zip", lambda: zipped({"../a.hea": HEADER % b"a.dat"}), "no plain name"),
    "root": ("x.zip", lambda: zipped({"/etc/a.hea": b""}), "no plain name"),
    "backslash": ("x.zip", lambda: zipped({"..\\a.hea": b""}), "no plain name"),
    "link": ("x.zip", linked, "a link"),
    "no npz": ("x.npz", lambda: zipped({"a.txt": b"hello"}), "not all in it are .npy"),
    "no records": ("x.zip", lambda: zipped({"a.txt": b"hello"}), "or .hea file, so it has no"),
    "twice": ("x.zip", lambda: zipped({"a": b"", "a/b.hea": HEADER % b"b.dat"}), "'a' twice"),
    "deep": ("x.zip", lambda: zipped({"d/" * 900 + "a.hea": b""}), "no plain name"),
    "tar": ("x.tar", tarred, "no kind that is read here"),
    "tar as zip": ("x.zip", tarred, "not a whole archive"),
    "tar as npz": ("x.npz", tarred, "not a whole archive"),
    "tar as csv": ("x.csv", tarred, "no CSV"),
    "text": ("x.npz", lambda: b"hello", "not a whole archive"),
    "empty": ("x.npz", lambda: b"", "not a whole archive"),
    "half": ("x.npz", lambda: zipped({"data.npy": npy(np.ones((9, 9)))})[:-30], "not a whole"),
    "binary": ("x.csv", lambda: b"\0\1\2", "no CSV"),
    "pickle": ("x.pkl", lambda: pickle.dumps([1]), "no kind that is read here"),
    "no ending": ("x", lambda: b"", "no kind that is read here"),
    "many": ("x.npz", lambda: zipped({f"a{k}.npy": b"" for k in range(60)}), "60 files; 50"),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    database = tmp_path_factory.mktemp("db") / "jobs.sqlite"
    return Settings(
        jobs_db=f"sqlite:///{database}", most_upload_mib=1, most_unpacked_mib=50, most_files=50,
        jobs_waiting=100, jobs=0, job_nice=0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def idle(settings: Settings) -> Iterator[httpx.Client]:
    """A service that takes evaluations and runs none."""
    with served(settings) as client:
        yield client


def sentence(answer: httpx.Response, status: int = 422) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["detail"])


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_or_broken_upload_is_refused_before_it_is_read(
    idle: httpx.Client, case: str
) -> None:
    name, content, expected = HOSTILE[case]
    answer = idle.post("/v1/evaluations", data=FORM, files={"file": (name, content())})
    assert expected in sentence(answer)
    assert idle.get("/v1/health").json()["jobs"]["queued"] == 0


def test_what_is_too_large_is_refused(idle: httpx.Client) -> None:
    answer = idle.post("/v1/evaluations", data=FORM, files={"file": ("x.npz", bytes(2 << 20))})
    assert "larger than 1 MiB" in sentence(answer, 413)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"against": "simulatd:test"}, "no data set named 'simulatd'. Did you mean 'simulated'?"),
        ({"against": "simulated:tset"}, "no split 'tset'. Did you mean 'test'?"),
        ({"against": "/etc/passwd"}, "no data set named '/etc/passwd'"),
        ({"against": "folder:all"}, "no data set named 'folder'"),
        ({"metrics": "coverag"}, "no metric named 'coverag'. Did you mean 'coverage'?"),
        ({"seed": "-1"}, "'seed'"),
        ({"agianst": "simulated:test"}, "no field 'agianst'. Did you mean 'against'?"),
    ],
)
def test_a_slip_in_the_form_is_told(
    idle: httpx.Client, beats: Path, change: dict[str, str], expected: str
) -> None:
    with open(beats / "beats.npz", "rb") as file:
        answer = idle.post("/v1/evaluations", data=FORM | change, files={"file": file})
    assert expected in sentence(answer)


def test_absent_recordings_are_told_by_a_type_of_their_own(
    idle: httpx.Client, beats: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    with open(beats / "beats.npz", "rb") as file:
        answer = idle.post("/v1/evaluations", files={"file": file})
    assert "the server has no recordings of 'mitbih'" in sentence(answer)
    assert answer.json()["type"] == "urn:ecgsynth:problem:missing-recordings"


def test_a_full_queue_sends_away(settings: Settings, beats: Path, tmp_path: Path) -> None:
    mine = {"jobs_waiting": 1, "jobs_db": f"sqlite:///{tmp_path / 'jobs.sqlite'}"}
    with served(settings.model_copy(update=mine)) as client:
        content = (beats / "beats.npz").read_bytes()
        codes = []
        for _ in range(2):
            answer = client.post("/v1/evaluations", data=FORM, files={"file": ("a.npz", content)})
            codes.append(answer.status_code)
        assert codes == [202, 429]
        assert answer.headers["retry-after"] == "60"
        id = client.get("/v1/health").json()["jobs"]
        assert id["queued"] == 1


def archive_of(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "upload.zip"
    path.write_bytes(zipped(files))
    return path


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a.hea": HEADER % b"/etc/passwd"}, "names the file '/etc/passwd'"),
        ({"a.hea": HEADER % b"../../secret.dat"}, "which was not sent with it"),
        ({"a.hea": HEADER % b"b.dat"}, "names the file 'b.dat'"),
        ({"a.hea": b"a/2 1 360 100\nb 50\n~ 50\n"}, "names the segment 'b'"),
        ({"a.hea": b"a/1 1 360 100\n../b 100\n"}, "names the segment '../b'"),
        ({"a.hea": HEADER % b"a.dat", "a.dat": b"", "RECORDS": b"../../x\n"}, "RECORDS names"),
        ({"a.hea": HEADER % b"a.dat", "a.dat": b"", "b/c.hea": b""}, "several folders"),
    ],
)
def test_a_record_reaches_no_file_that_was_not_sent(
    tmp_path: Path, files: dict[str, bytes], expected: str
) -> None:
    with pytest.raises(EcgsynthError, match=expected.replace("'", ".")):
        uploads.unpack(archive_of(tmp_path, files), tmp_path / "out", named("wfdb"))


def test_records_of_several_segments_may_be_sent(tmp_path: Path) -> None:
    line = b"%b.dat 16 %b 16 0\n"  # no checksum, no name
    files = {
        "b.hea": b"b 1 360 50\n" + line % (b"b", b"1000"),
        "c.hea": b"c 1 360 50\n" + line % (b"c", b"500"),
        "lay.hea": b"lay 1 360 0\n~ 0 1000 16 0\n",
        "a.hea": b"a/4 1 360 110\nlay 0\nb 50\n~ 10\nc 50\n",
        "b.dat": np.full(50, 300, "<i2").tobytes(),
        "c.dat": np.full(50, 300, "<i2").tobytes(),
    }
    archive_of(tmp_path, files)
    ecg = uploads.read(tmp_path, {"name": "upload.zip", "upload_kind": "wfdb"})
    assert ecg.record is not None
    assert ecg.record.tolist() == ["a"]
    assert ecg.signal[0, 0, [0, 49, 60, 109]] == pytest.approx([0.3, 0.3, 0.6, 0.6])
    assert np.isnan(ecg.signal[0, 0, 50:60]).all()


def test_folders_of_an_archive_are_made_only_where_a_file_lies(tmp_path: Path) -> None:
    """Rows of folders are not counted, so that thousands of them, or one in a file's place, must
    do no harm."""
    files = {"a.hea/": b"", "../x/": b"", **{f"{n}/": b"" for n in range(300)}}
    archive_of(tmp_path, {**files, "a.hea": HEADER % b"a.dat", "a.dat": bytes(200)})
    ecg = uploads.read(tmp_path, {"name": "upload.zip", "upload_kind": "wfdb"})
    assert len(ecg) == 1
    assert {one.name for one in (tmp_path / "upload").iterdir()} == {"a.hea", "a.dat"}


def test_an_archive_with_a_wrong_checksum_is_told(tmp_path: Path) -> None:
    content = zipped({"a.hea": HEADER % b"a.dat"}, zipfile.ZIP_STORED)
    (tmp_path / "upload.zip").write_bytes(content.replace(b"MLII", b"MLIX", 1))
    with pytest.raises(EcgsynthError, match="archive is damaged"):
        uploads.unpack(tmp_path / "upload.zip", tmp_path / "out", named("wfdb"))


# From upload to verdict.


def said_by(code: str, folder: Path) -> Any:
    """What the process of a job says first, where `code` is the program."""
    order = {"job": "a", "kind": "evaluation", "folder": str(folder), "memory_mib": 1024, "nice": 0}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        said = json.loads(process.stdout.readline())["end"]
        process.wait(300)  # it clears up behind one who leaves
        return said


@pytest.fixture(scope="module")
def busy(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that runs what it takes."""
    database = tmp_path_factory.mktemp("busy") / "jobs.sqlite"
    mine = {"jobs": 2, "jobs_db": f"sqlite:///{database}", "most_unpacked_mib": 512,
            "job_memory_mib": 4096}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, served(settings.model_copy(update=mine)) as client:
        # A place of its own for what jobs leave behind.
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
        yield client


def posted(client: httpx.Client, path: Path, wait: int = 60, **form: str) -> httpx.Response:
    """The answer to a set that is sent in; on a busy machine after more than a client may wait."""
    with open(path, "rb") as file:
        answer = client.post(
            "/v1/evaluations", data=FORM | form, files={"file": file},
            headers={"Prefer": f"wait={wait}"},
        )  # fmt: skip
    if not wait or answer.status_code != 202:
        return answer
    where = answer.headers["location"]
    wait_for(lambda: client.get(where).json()["state"] not in ("queued", "running"), every=1)
    late = client.get(where)
    if late.json()["state"] == "failed":  # as it is told to who waits for it
        problem = late.json()["problem"]
        known = {"location": where, "content-type": "application/problem+json"}
        return httpx.Response(problem["status"], json=problem, headers=known)
    late.headers["location"] = where
    return late


def test_a_set_is_judged_and_its_upload_forgotten(busy: httpx.Client, beats: Path) -> None:
    answer = posted(busy, beats / "beats.zip")
    assert answer.status_code == 200, answer.text
    job = answer.json()
    assert (job["state"], job["share"]) == ("done", 1.0)
    assert {row["metric"] for row in job["result"]["rows"]} == {"amplitude_w1"}
    assert busy.get(answer.headers["location"]).json()["result"] == job["result"]
    page = busy.get(job["report"])
    assert "amplitude" in page.text.lower()
    assert page.text.rstrip().endswith("</html>")
    assert page.headers["content-security-policy"].startswith("sandbox")
    assert busy.delete(answer.headers["location"]).status_code == 204
    assert busy.get(answer.headers["location"]).status_code == 404


@pytest.mark.parametrize("name", ["beats.npz", "beats.csv", "beats.zip"])
def test_every_kind_of_upload_gives_the_same_verdict(
    simulated_beats: Ecg, beats: Path, tmp_path: Path, name: str
) -> None:
    shutil.copy(beats / name, tmp_path / f"upload{Path(name).suffix}")
    asked = {
        "against": "simulated:test", "train": "", "metrics": ["amplitude_w1"], "quick": True,
        "seed": 0, "upload_kind": uploads.kind_of(name, ["a.hea"]),
        "name": uploads.stored_name(name),
    }  # fmt: skip
    heard: list[tuple[str, float]] = []
    verdict, kept = evaluate.judge(
        tmp_path, asked, lambda doing, share: heard.append((doing, share))
    )
    assert kept["report.html"].read_text().rstrip().endswith("</html>")
    assert verdict["counts"] == simulated_beats[:120].counts()
    assert verdict["rows"][0]["metric"] == "amplitude_w1"
    assert heard[0] == ("reading", 0.0)
    assert heard[-1] == ("done", 1.0)


WARNING = """
import logging
from ecgsynth.service.jobs import worker as work
def judge(folder, asked, advance):
    for said in ("noted", "the file /srv/a/x.hea is left out"):
        logging.getLogger("ecgsynth").warning(said)
    return {"notes": ["noted"], "class \\ud800": float("nan")}, {}
work.KINDS["evaluation"] = judge
work.main()
"""


def test_what_a_job_is_warned_of_stands_in_its_result(tmp_path: Path) -> None:
    assert said_by(WARNING, tmp_path)["done"] is True
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["warnings"] == ["the file x.hea is left out"]
    assert result["class \\ud800"] is None  # in six characters, which an answer can carry


def test_what_was_learned_from_may_be_left_unsaid(idle: httpx.Client, beats: Path) -> None:
    for given, expected in (("", ""), ("simulated:train", "simulated:train")):
        asked = posted(idle, beats / "beats.npz", wait=0, train=given).json()
        assert asked["asked"]["train"] == expected
        idle.delete(f"/v1/jobs/{asked['id']}")
        idle.delete(f"/v1/jobs/{asked['id']}")  # cancelled, then forgotten


def test_pickled_objects_are_never_opened(busy: httpx.Client, tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> Any:
            return open, (str(tmp_path / "harm"), "w")

    array = np.empty(1, object)
    array[0] = Harm()
    path = tmp_path / "x.npz"
    path.write_bytes(zipped({"data.npy": npy(array, allow_pickle=True), "fs.npy": npy(360)}))
    answer = posted(busy, path)
    assert "'data' in upload.npz holds Python objects, which are never opened" in sentence(answer)
    assert tempfile.gettempdir() not in sentence(answer)
    assert not (tmp_path / "harm").exists()


def test_a_header_that_promises_too_much_is_not_believed(
    busy: httpx.Client, beats: Path, tmp_path: Path
) -> None:
    lines = (beats / "beats.csv").read_text().splitlines()
    lines[1] = lines[1].replace('"samples": 256', '"samples": 4000000000')
    assert "4000000000" in lines[1]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    assert "fewer columns than samples in its header" in sentence(posted(busy, tmp_path / "x.csv"))


HUNGRY = """
from ecgsynth.service.jobs import worker as work
work.KINDS["evaluation"] = lambda *_: bytearray(2 << 30)
work.main()
"""


def test_a_process_that_takes_too_much_memory_ends_with_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="no limits of memory on this system")
    assert said_by(HUNGRY, tmp_path) == {"error": child.TOO_LARGE}


def test_a_process_that_dies_is_told_and_the_next_job_runs(
    busy: httpx.Client, beats: Path, wrong: Path
) -> None:
    def killed() -> bool:
        ours = [one for one in Path("/proc").glob("[0-9]*") if working_for_us(one)]
        for process in ours:
            os.kill(int(process.name), signal.SIGKILL)
        return bool(ours)

    where = posted(busy, beats / "beats.npz", wait=0, metrics="").headers["location"]
    wait_for(killed)
    wait_for(lambda: busy.get(where).json()["state"] == "failed")
    assert "process of this job crashed" in busy.get(where).json()["problem"]["detail"]
    assert "has no 'data'" in sentence(posted(busy, wrong))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_is_full_for_a_job_is_told_as_such(
    busy: httpx.Client, beats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = JobRunner._order

    def ordered(self: JobRunner, job: Job, folder: Path) -> dict[str, Any]:
        (folder / "result.json").symlink_to("/dev/full")
        return order(self, job, folder)

    monkeypatch.setattr(JobRunner, "_order", ordered)
    said = sentence(posted(busy, beats / "beats.npz"), 507)
    assert said == "the disk of the server is full; free some space and try again."


def test_a_job_that_cannot_begin_is_tried_again_after_a_pause(
    settings: Settings, wrong: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the disk is full, and the first time the database cannot even take the job back."""
    mine = {"jobs": 1, "jobs_db": f"sqlite:///{tmp_path / 'jobs.sqlite'}", "lease_seconds": 1}
    make, release = tempfile.mkdtemp, Store.release
    tries: list[float] = []
    locked: list[bool] = []

    def full(*given: Any, prefix: str = "", **named: Any) -> str:
        if not prefix.startswith("ecgsynth-job-"):
            return make(*given, prefix=prefix, **named)
        tries.append(time.monotonic())
        if len(tries) > 2:
            return make(*given, prefix=prefix, **named)
        raise OSError(errno.ENOSPC, "No space left on device")

    def failing(*given: Any) -> bool:
        if not locked:
            locked.append(True)
            raise OperationalError("UPDATE", {}, Exception("database or disk is full"))
        return release(*given)

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    monkeypatch.setattr(Store, "release", failing)
    with served(settings.model_copy(update=mine)) as client:
        where = posted(client, wrong, wait=0).headers["location"]
        wait_for(lambda: client.get(where).json()["state"] == "failed")
        assert "has no 'data'" in client.get(where).json()["problem"]["detail"]
    assert len(tries) == 3
    assert np.diff(tries).min() > 0.9 * PAUSE_S


def test_a_report_is_opened_by_its_own_ticket_and_nothing_else_is(
    settings: Settings, tmp_path: Path
) -> None:
    mine = settings.model_copy(update={"jobs": 0, "jobs_db": f"sqlite:///{tmp_path / 'x.sqlite'}"})
    keep = Store(mine.jobs_db)
    addresses = []
    for _ in range(2):
        name = keep.add("evaluation", {}, {})
        assert keep.claim("me", 1, 60)
        assert keep.finish(name, "me", {}, {"report.html": iter([b"<html></html>"])})
        addresses.append(f"/v1/jobs/{name}")
    with served(mine, key="sesame") as client:
        right = {"Authorization": "Bearer sesame"}
        one, other = (client.get(where, headers=right).json()["report"] for where in addresses)
        opened = client.get(one)
        assert (opened.status_code, opened.text) == (200, "<html></html>")
        assert opened.headers["referrer-policy"] == "no-referrer"
        assert client.get(one.partition("?")[0], headers=right).status_code == 200
        ticket = one.partition("?")[2]
        for method, address in (
            ("GET", one.partition("?")[0]),
            ("GET", one[:-1]),
            ("GET", f"{one.partition('?')[0]}?ticket="),
            ("GET", f"{other.partition('?')[0]}?{ticket}"),
            ("GET", f"{addresses[0]}?{ticket}"),
            ("GET", f"{addresses[0]}/result?{ticket}"),
            ("DELETE", f"{addresses[0]}?{ticket}"),
            ("DELETE", one),
            ("GET", f"/v1/models?{ticket}"),
        ):
            assert sentence(client.request(method, address), 401), (method, address)
    with served(mine, key="sesame2") as client:
        assert sentence(client.get(one), 401)
    with served(mine) as client:
        assert client.get(addresses[0]).json()["report"] == f"{addresses[0]}/report"


def working_for_us(process: Path) -> bool:
    """Whether a process runs a job for this very process."""
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        secret = b"ECGSYNTH_API_KEY" in (process / "environ").read_bytes()
    except OSError:
        return False
    ours = b"ecgsynth.service.jobs.worker" in words and parent == os.getpid()
    assert not (ours and secret), "it is given the key"
    return ours


def processes_with(mark: bytes) -> list[str]:
    """Living processes that have a variable in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (process / "environ").read_bytes():
                found.append(process.name)
    return found


def test_a_running_job_is_cancelled_at_once(busy: httpx.Client, beats: Path) -> None:
    answer = posted(busy, beats / "beats.npz", wait=0, metrics="")
    assert answer.status_code == 202
    where = answer.headers["location"]
    wait_for(lambda: busy.get(where).json()["state"] == "running")
    assert busy.get(f"{where}/report").status_code == 409
    assert busy.delete(where).json()["state"] == "cancelled"
    assert busy.get(where).json()["state"] == "cancelled"
    wait_for(lambda: not [*Path(tempfile.gettempdir()).glob("ecgsynth-job-*")])


# Kill and restart.


def test_what_a_killed_machine_left_of_a_job_goes_when_it_begins_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    keep = Store(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    job, other = (got(keep, keep.add("evaluation", {}, {})) for _ in range(2))
    left, beside = runner._place(job), runner._place(other)
    (left / "upload.npz").write_bytes(b"of patients")
    again = runner._place(job)
    assert {*place.iterdir()} == {again, beside}
    assert [*again.iterdir()] == []


def test_a_process_whose_parent_died_before_it_was_told_anything_goes_in_silence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for heard in ("", '{"job": "half'):
        monkeypatch.setattr("sys.stdin", io.StringIO(heard))
        worker.main()
    assert capsys.readouterr() == ("", "")


def test_a_fault_that_nobody_foresaw_stops_no_other_job(
    settings: Settings, wrong: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = {"jobs": 1, "jobs_db": f"sqlite:///{tmp_path / 'jobs.sqlite'}", "lease_seconds": 1}
    claim, failed = Store.claim, []

    def broken(self: Store, *given: Any) -> Job | None:
        if not failed:
            failed.append(True)
            raise RuntimeError("a fault")
        return claim(self, *given)

    monkeypatch.setattr(Store, "claim", broken)
    with served(settings.model_copy(update=mine)) as client:
        assert "has no 'data'" in sentence(posted(client, wrong))


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A set that is refused as soon as it is read."""
    path = tmp_path / "wrong.npz"
    np.savez(path, other=np.ones(3), fs=360)
    return path


def test_a_killed_server_loses_none_of_twenty_jobs(
    beats: Path, wrong: Path, tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "log"
    database = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    words = ("--jobs-db", database, "lease_seconds=1", "models_loaded=1", "job_nice=0")
    mark = f"MARK={tmp_path}".encode()
    first = started(port, log, *words, MARK=str(tmp_path))
    second = None
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
            sets = (beats / "beats.npz", *[wrong] * 19)
            answers = [posted(client, path, wait=0) for path in sets]
            for answer in answers:
                assert answer.status_code == 202, answer.text + log.read_text()
            where = [answer.headers["location"] for answer in answers]
            wait_for(lambda: client.get(where[0]).json()["state"] == "running")
        first.send_signal(signal.SIGKILL)
        first.wait()
        wait_for(lambda: not processes_with(mark), every=0.2)  # the job's process ends with it
        second = started(port, log, *words)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
            wait_for(lambda: client.get(where[0]).json()["state"] == "done", every=0.5)
            wait_for(lambda: client.get(where[1]).json()["state"] == "failed", every=0.5)
            assert [client.get(w).json()["starts"] for w in where[:2]] == [2, 1]
            # The others wait as before; they need not run to be known.
            assert all(client.delete(w).status_code in (200, 204) for w in where)
        second.send_signal(signal.SIGTERM)
        assert second.wait(300) in (0, 143, -15)
    finally:
        for process in (first, second):
            if process is not None and process.poll() is None:
                process.kill()
    for line in log.read_text().splitlines():
        if line.startswith("{"):
            assert {"time", "level", "logger", "message"} <= set(json.loads(line))
    assert "Traceback" not in log.read_text()


def test_a_stop_waits_for_requests_ends_streams_and_gives_jobs_back(
    beats: Path, tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "log"
    database = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "metrics.jsonl").write_text('{"examples": 1}\n')
    words = ("--runs", str(tmp_path / "runs"), "stop_seconds=600")
    process = started(port, log, "--jobs-db", database, *words)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
            answer = posted(client, beats / "beats.npz", wait=0, metrics="")
            where = answer.headers["location"]
            wait_for(lambda: client.get(where).json()["state"] == "running")
            body = {"model": "mitbih-beats", "count": 3000}
            with (
                client.stream("GET", "/v1/runs/mine/events") as events,
                client.stream("POST", "/v1/ecgs", json=body) as stream,
            ):
                of_run, lines = events.iter_lines(), stream.iter_lines()
                assert next(of_run) == "event: history"
                next(lines)
                process.send_signal(signal.SIGTERM)
                assert [*lines][-1] == '{"items": 3000}'
                assert [*of_run][-1] == ""  # to its end, though nobody left
        process.wait(300)
    finally:
        process.kill()
    kept = Store(database)
    assert kept.counts()["queued"] == 1
    assert got(kept, where.rpartition("/")[2]).starts == 0


def test_two_workers_run_every_job_once(wrong: Path, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    database = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    words = ("--jobs-db", database, "--workers", "2", "jobs=2", "models_loaded=1", "job_nice=0")
    process = started(port, log, *words)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
            where = [posted(client, wrong, wait=0).headers["location"] for _ in range(5)]
            wait_for(
                lambda: all(client.get(w).json()["state"] == "failed" for w in where), every=0.5
            )
            assert [client.get(w).json()["starts"] for w in where] == [1] * 5
            # Counters of both workers come out of either.
            told = [
                float(line.split()[-1])
                for line in client.get("/metrics").text.splitlines()
                if line.startswith("ecgsynth_requests_total{") and "/v1/evaluations" in line
            ]
            assert told == [5.0]
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.data("mitbih")
def test_shipped_beats_are_judged_against_real_ones(busy: httpx.Client, tmp_path: Path) -> None:
    from ecgsynth.synthesizer import Synthesizer

    ecg = Synthesizer.load("mitbih-beats").generate(60, label="V", seed=1)
    path = write(ecg, tmp_path / "v.npz")
    answer = posted(busy, path, against="mitbih:heldout", train="")
    assert answer.status_code == 200, answer.text
    assert answer.json()["result"]["against"] == "mitbih:heldout"
