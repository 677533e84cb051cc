"""Recordings arrive whole or not at all: from a server with PhysioNet's layout, or an archive."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import random
import re
import shutil
import tarfile
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ecgsynth.datasets.fetching import download, fetch
from ecgsynth.errors import EcgsynthError

BIG = random.Random(0).randbytes(512_000)  # several chunks, so that a line can drop inside
FILES = {
    "118e00.hea": b"118e00 2 360 650000\n",
    "118e00.dat": BIG,
    "118e00.atr": b"\x01\x02\x03" * 50,
    "more/notes.txt": b"a note\n",
    "LICENSE.txt": b"licence\n",
}


def sums(files: dict[str, bytes]) -> bytes:
    lines = [f"{hashlib.sha256(data).hexdigest()} {name}" for name, data in files.items()]
    return "\n".join(lines).encode() + b"\n"


class Server:
    """A PhysioNet of one data set that can be told to misbehave.

    requests: (file, Range header) as they came; sent: bytes of content sent per file.
    """

    def __init__(self) -> None:
        self.files = dict(FILES) | {"SHA256SUMS.txt": sums(FILES)}
        self.requests: list[tuple[str, str | None]] = []
        self.sent: Counter[str] = Counter()
        self.drop_after: dict[str, list[int]] = {}
        self.status: dict[str, list[int]] = {}
        self.ranges = True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/files/nstdb/1.0.0/"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.removeprefix("/files/nstdb/1.0.0/")
        wanted = request.headers.get("Range")
        self.requests.append((name, wanted))
        status = self.status[name].pop(0) if self.status.get(name) else 200
        if status != 200:
            self.plain(request, status)
            return
        if name not in self.files:
            self.plain(request, 404)
            return
        content = self.files[name]
        begin = int(re.findall(r"\d+", wanted)[0]) if wanted and self.ranges else 0
        if begin >= len(content) > 0:
            self.plain(request, 416, {"Content-Range": f"bytes */{len(content)}"})
            return
        body = content[begin:]
        request.send_response(206 if begin else 200)
        if begin:
            last = len(content) - 1
            request.send_header("Content-Range", f"bytes {begin}-{last}/{len(content)}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        drops = self.drop_after.get(name)
        if drops:
            body = body[: drops.pop(0)]
            request.close_connection = True
        request.wfile.write(body)
        self.sent[name] += len(body)

    @staticmethod
    def plain(
        request: BaseHTTPRequestHandler, status: int, headers: dict[str, str] | None = None
    ) -> None:
        request.send_response(status)
        for key, value in (headers or {}).items():
            request.send_header(key, value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def asked(self, name: str) -> list[str | None]:
        return [wanted for file, wanted in self.requests if file == name]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2e9, 1e9, 1e9))
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def get(server: Server, tmp_path: Path) -> Callable[..., Path]:
    """Fetch from the test server without waiting and without noise."""

    def run(**more: Any) -> Path:
        options = {"tries": 3, "pause_s": 0.001, "console": Console(file=io.StringIO())} | more
        return fetch("nstdb", root=tmp_path, base_url=server.url, **options)

    return run


def assert_whole(folder: Path, but: tuple[str, ...] = ()) -> None:
    for name, data in FILES.items():
        if name not in but:
            assert (folder / name).read_bytes() == data, name
    assert not list(folder.rglob("*.part"))


def test_a_fetched_set_is_whole_and_lies_under_its_name(get, server, tmp_path):
    told = io.StringIO()
    folder = get(console=Console(file=told, width=200))
    assert folder == tmp_path / "nstdb"
    assert_whole(folder)
    assert "5 files fetched" in told.getvalue()


def test_fetching_twice_transfers_only_the_list_of_checksums(get, server):
    get()
    server.requests.clear()
    told = io.StringIO()
    get(console=Console(file=told, width=200))
    assert [name for name, _ in server.requests] == ["SHA256SUMS.txt"]
    assert "5 were there already" in told.getvalue()


def test_a_file_that_rotted_on_the_disk_is_fetched_again(get, server):
    folder = get()
    (folder / "118e00.dat").write_bytes(BIG[:-1] + b"x")
    get()
    assert_whole(folder)


def test_a_dropped_connection_goes_on_where_it_broke_off(get, server):
    server.drop_after["118e00.dat"] = [200_000, 100_000]
    folder = get()
    assert_whole(folder)
    ranges = server.asked("118e00.dat")
    begins = [int(re.findall(r"\d+", wanted)[0]) for wanted in ranges[1:]]
    assert ranges[0] is None
    assert begins == [200_000, 300_000]
    assert server.sent["118e00.dat"] == len(BIG)  # no byte was sent twice


def test_drops_that_come_further_each_time_are_no_failures(get, server):
    server.drop_after["118e00.dat"] = [70_000] * 6  # twice as many as there are tries
    assert_whole(get())


def test_a_server_without_ranges_is_read_from_the_start(get, server):
    server.ranges = False
    server.drop_after["118e00.dat"] = [300_000]
    assert_whole(get())
    assert server.asked("118e00.dat")[1] == "bytes=300000-"
    assert server.sent["118e00.dat"] == 300_000 + len(BIG)


def test_an_interrupted_fetch_is_resumed_by_the_same_call(get, server, tmp_path):
    server.drop_after["118e00.dat"] = [150_000]
    server.status["118e00.dat"] = [200, 503]  # dropped once, then the server is away
    with pytest.raises(EcgsynthError, match=r"118e00\.dat could not be fetched .* run the same"):
        get(tries=1)
    part = tmp_path / "nstdb" / "118e00.dat.part"
    assert part.read_bytes() == BIG[:150_000]
    assert not (tmp_path / "nstdb" / "118e00.hea").exists()  # the marker comes last
    assert_whole(get())
    assert server.asked("118e00.dat")[-1] == "bytes=150000-"
    assert server.sent["118e00.dat"] == len(BIG)


def test_ctrl_c_leaves_finished_files_and_the_rest_follows(get, server, monkeypatch, tmp_path):
    wait = download.wait

    def interrupted(jobs: Any, **more: Any) -> Any:
        wait(jobs[:2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            get(workers=1)
    assert not (tmp_path / "nstdb" / "118e00.hea").exists()
    assert_whole(get())
    assert server.sent["118e00.atr"] == len(FILES["118e00.atr"])


def test_a_part_that_is_already_all_there_is_taken(get, server, tmp_path):
    (tmp_path / "nstdb").mkdir()
    (tmp_path / "nstdb" / "118e00.dat.part").write_bytes(BIG)
    assert_whole(get())
    assert server.sent["118e00.dat"] == 0


@pytest.mark.parametrize("left", [b"z" * 1000, BIG + b"too long"])
def test_a_wrong_part_of_an_earlier_day_is_thrown_away(get, server, tmp_path, left):
    (tmp_path / "nstdb").mkdir()
    (tmp_path / "nstdb" / "118e00.dat.part").write_bytes(left)
    assert_whole(get())


def test_a_wrong_checksum_is_tried_twice_then_named(get, server, tmp_path):
    server.files["118e00.dat"] = BIG[:-1] + b"x"
    with pytest.raises(EcgsynthError, match=r"118e00\.dat arrived twice with a wrong checksum"):
        get()
    assert len(server.asked("118e00.dat")) == 2
    assert not list((tmp_path / "nstdb").glob("118e00.dat*"))


def test_a_licence_that_differs_is_a_warning_not_a_failure(get, server, caplog):
    server.files["LICENSE.txt"] = b"another licence\n"
    assert_whole(get(), but=("LICENSE.txt",))
    assert "LICENSE.txt" in caplog.text


def test_a_missing_file_is_named_at_once(get, server):
    del server.files["118e00.atr"]
    with pytest.raises(EcgsynthError, match=r"118e00\.atr cannot be had \(the server answers 404"):
        get()
    assert len(server.asked("118e00.atr")) == 1


def test_a_busy_server_is_asked_again(get, server):
    server.status["118e00.dat"] = [503, 500]
    assert_whole(get())


def test_a_server_that_stays_busy_is_given_up(get, server):
    server.status["SHA256SUMS.txt"] = [503] * 9
    with pytest.raises(EcgsynthError, match="the server answers 503, 3 tries"):
        get()
    assert len(server.asked("SHA256SUMS.txt")) == 3


def test_no_server_at_all_is_one_sentence(tmp_path, server):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(EcgsynthError, match="no connection"):
        fetch("nstdb", root=tmp_path, base_url=server.url, tries=2, pause_s=0.001)


@pytest.mark.parametrize(
    "page", [b"<html>please log in</html>", b"", b"0" * 64 + b" ../../outside.dat\n"]
)
def test_a_list_of_checksums_that_is_none_is_refused(get, server, tmp_path, page):
    server.files["SHA256SUMS.txt"] = page
    server.files["../../outside.dat"] = b"x"
    with pytest.raises(EcgsynthError, match=r"SHA256SUMS\.txt (is|names)"):
        get()
    assert [path.name for path in tmp_path.rglob("*")] == ["nstdb"]


def test_a_full_disk_keeps_the_part_for_later(get, server, monkeypatch, tmp_path):
    real_open = Path.open

    class Full:
        """A file on a disk that has room for 100 kB."""

        def __init__(self, file: Any) -> None:
            self.file, self.room = file, 100_000

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: Any) -> None:
            self.file.close()

        def write(self, data: bytes) -> None:
            if len(data) > self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.room -= len(data)
            self.file.write(data)

    def scarce(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        file = real_open(path, mode, *rest, **more)
        return Full(file) if path.name == "118e00.dat.part" and "b" in mode + "-" else file

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", scarce)
        with pytest.raises(EcgsynthError, match=r"No space left on device\); free some space"):
            get()
    kept = (tmp_path / "nstdb" / "118e00.dat.part").stat().st_size
    assert 0 < kept < len(BIG)
    assert_whole(get())
    assert server.asked("118e00.dat")[-1] == f"bytes={kept}-"


def test_too_small_a_disk_is_told_before_anything_large_is_fetched(get, server, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2, 1, 1))
    with pytest.raises(EcgsynthError, match="the recordings need about 25 MB"):
        get()
    assert [name for name, _ in server.requests] == ["SHA256SUMS.txt"]


def test_a_folder_that_cannot_be_made_is_one_sentence(server, tmp_path):
    (tmp_path / "nstdb").write_text("a file where the folder should be")
    with pytest.raises(EcgsynthError, match="could not be written"):
        fetch("nstdb", root=tmp_path, base_url=server.url)


def test_an_unknown_set_is_answered_with_the_nearest_name():
    with pytest.raises(EcgsynthError, match="Did you mean 'nstdb'"):
        fetch("nstbd")


def test_an_address_without_a_protocol_is_refused(tmp_path):
    with pytest.raises(EcgsynthError, match="is no web address"):
        fetch("nstdb", root=tmp_path, base_url="physionet.org/files")


# --- archives and folders ---


def packed(path: Path, files: dict[str, bytes], top: str = "nstdb/") -> Path:
    """An archive of `files` below `top`, of the kind that its ending says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(top + name, data)
        return path
    with tarfile.open(path, "w:xz" if path.suffix == ".xz" else "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(top + name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def installed(source: Path, root: Path) -> Path:
    return fetch("nstdb", source=source, root=root, console=Console(file=io.StringIO()))


LISTED = FILES | {"SHA256SUMS.txt": sums(FILES)}


@pytest.mark.parametrize(
    ("ending", "top"),
    [
        *((ending, top) for ending in (".tar.xz", ".tar.gz", ".tgz") for top in ("nstdb/", "./")),
        *((".zip", top) for top in ("nstdb/", "", "a/b/")),
    ],
)
def test_every_archive_gives_the_same_folder(tmp_path, ending, top):
    source = packed(tmp_path / f"set{ending}", LISTED, top)
    folder = installed(source, tmp_path / "root")
    assert folder == tmp_path / "root" / "nstdb"
    assert_whole(folder)
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["nstdb"]


def test_a_folder_is_copied_and_stays(tmp_path):
    shutil.unpack_archive(packed(tmp_path / "set.zip", LISTED), tmp_path / "mine")
    assert_whole(installed(tmp_path / "mine", tmp_path / "root"))
    assert (tmp_path / "mine" / "nstdb" / "118e00.dat").is_file()


def test_a_part_of_a_set_is_welcome(tmp_path):
    part = {name: data for name, data in LISTED.items() if name != "118e00.dat"}
    folder = installed(packed(tmp_path / "part.zip", part), tmp_path / "root")
    assert_whole(folder, but=("118e00.dat",))


HEADER = b"118e00 1 360 650000\n118e00.dat 212 200 12 0 5 77 0 record 118, signal 0\n# 69 M\n"
NAMED = HEADER.replace(b"record 118, signal 0", b"ECG1")


@pytest.mark.parametrize("name", ["SHA256SUMS.txt", "SHA256SUMS"])
def test_a_header_whose_leads_were_named_is_kept_where_the_published_one_is_there(tmp_path, name):
    published = FILES | {"118e00.hea": HEADER}
    copy = published | {"118e00.hea": NAMED, "118e00.hea-": HEADER, name: sums(published)}
    folder = installed(packed(tmp_path / "set.zip", copy), tmp_path / "root")
    assert (folder / "118e00.hea").read_bytes() == NAMED


@pytest.mark.parametrize(
    ("header", "original"),
    [
        (NAMED.replace(b" 200 ", b" 400 "), HEADER),  # another gain
        (NAMED.replace(b"650000", b"65000"), HEADER),
        (NAMED, NAMED),  # what is kept is not the published one
    ],
)
def test_a_header_that_differs_in_more_than_names_is_refused(tmp_path, header, original):
    published = FILES | {"118e00.hea": HEADER}
    copy = published | {"118e00.hea": header, "118e00.hea-": original}
    copy |= {"SHA256SUMS": sums(published)}
    with pytest.raises(EcgsynthError, match="do not match"):
        installed(packed(tmp_path / "set.zip", copy), tmp_path / "root")


def test_an_archive_adds_to_what_is_there(tmp_path):
    root = tmp_path / "root"
    (root / "nstdb" / "more").mkdir(parents=True)
    (root / "nstdb" / "more" / "mine.txt").write_text("stays")
    (root / "nstdb" / "118e00.dat").write_bytes(b"old")
    folder = installed(packed(tmp_path / "set.tgz", LISTED), root)
    assert_whole(folder)
    assert (folder / "more" / "mine.txt").read_text() == "stays"


def test_a_recording_that_does_not_match_its_checksum_is_named(tmp_path):
    bad = LISTED | {"118e00.dat": b"something else"}
    with pytest.raises(EcgsynthError, match=r"1 of 5 files do not match .*118e00\.dat"):
        installed(packed(tmp_path / "set.tar.gz", bad), tmp_path / "root")
    assert not list((tmp_path / "root").iterdir())


def test_another_licence_in_an_archive_is_a_warning(tmp_path, caplog):
    installed(packed(tmp_path / "set.zip", LISTED | {"LICENSE.txt": b"?"}), tmp_path / "root")
    assert "LICENSE.txt" in caplog.text


@pytest.mark.parametrize("ending", [".tar.xz", ".tgz", ".zip"])
@pytest.mark.parametrize("name", ["../outside.dat", "/outside.dat", "a/../../outside.dat"])
def test_a_path_that_climbs_out_of_an_archive_is_refused(tmp_path, ending, name):
    source = packed(tmp_path / f"evil{ending}", LISTED | {name: b"x"}, top="")
    with pytest.raises(EcgsynthError, match="leads out of its folder"):
        installed(source, tmp_path / "root")
    assert not list(tmp_path.rglob("outside.dat"))
    assert not list((tmp_path / "root").iterdir())


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_an_archive_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "evil.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("nstdb/118e00.hea")
        member.type, member.linkname = kind, "../../../etc/passwd"
        archive.addfile(member)
    with pytest.raises(EcgsynthError, match="holds a link or device"):
        installed(tmp_path / "evil.tgz", tmp_path / "root")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("ending", [".tar.xz", ".tgz", ".zip"])
def test_an_archive_cut_short_leaves_nothing(tmp_path, ending, share):
    source = packed(tmp_path / f"set{ending}", LISTED)
    whole = source.read_bytes()
    source.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(EcgsynthError, match="is damaged or not a tar or zip archive"):
        installed(source, tmp_path / "root")
    assert not list((tmp_path / "root").iterdir())


def test_a_flipped_byte_in_an_archive_is_found(tmp_path):
    source = packed(tmp_path / "set.zip", LISTED)
    content = bytearray(source.read_bytes())
    content[len(content) // 3] ^= 0xFF
    source.write_bytes(content)
    with pytest.raises(EcgsynthError, match="damaged"):
        installed(source, tmp_path / "root")


def test_the_archive_of_another_set_is_refused(tmp_path):
    source = packed(tmp_path / "other.zip", {"100.hea": b"100 2 360"})
    with pytest.raises(EcgsynthError, match=r"holds no 118e00\.hea, so it is not 'nstdb'"):
        installed(source, tmp_path / "root")


def test_an_archive_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(EcgsynthError, match="there is no archive or folder"):
        installed(tmp_path / "nowhere.zip", tmp_path / "root")


VERIFIED = ("118e00.dat", "118e00.hea")


@pytest.mark.parametrize("wrong", VERIFIED)
@pytest.mark.parametrize("own_list", [False, True])
@pytest.mark.parametrize("ending", [".zip", ".tgz", ""])
def test_verified_recordings_are_not_replaced_by_others(tmp_path, wrong, own_list, ending):
    root = tmp_path / "root"
    folder = installed(packed(tmp_path / "set.zip", LISTED), root)
    others = FILES | {wrong: b"of somebody else"}
    if own_list:  # which says of itself that it is right
        others |= {"SHA256SUMS.txt": sums(others)}
    source = packed(tmp_path / f"others{ending or '.zip'}", others)
    if not ending:
        shutil.unpack_archive(source, tmp_path / "others")
        source = tmp_path / "others"
    with pytest.raises(EcgsynthError, match=f"holds other recordings than .*{wrong}.* move that"):
        installed(source, root)
    assert_whole(folder)
    assert [path.name for path in root.iterdir()] == ["nstdb"]


def test_the_list_that_is_there_stays_and_the_same_recordings_are_welcome(tmp_path):
    root = tmp_path / "root"
    folder = installed(packed(tmp_path / "set.zip", LISTED), root)
    (folder / "118e00.dat").unlink()
    before = (folder / "SHA256SUMS.txt").read_bytes()
    same = FILES | {
        "SHA256SUMS.txt": sums(FILES) + sums({"more.dat": b"more"}),
        "LICENSE.txt": b"?",
    }
    installed(packed(tmp_path / "same.zip", same), root)
    assert_whole(folder)
    assert (folder / "SHA256SUMS.txt").read_bytes() == before


@pytest.mark.parametrize("listed", [False, True])
def test_files_that_no_list_names_are_not_replaced(tmp_path, listed):
    root = tmp_path / "root"
    (root / "nstdb").mkdir(parents=True)
    (root / "nstdb" / "notes.txt").write_text("of hours")
    source = (LISTED if listed else FILES) | {"notes.txt": b"others"}
    with pytest.raises(EcgsynthError, match=r"other files of the names notes\.txt, .*move them"):
        installed(packed(tmp_path / "set.zip", source), root)
    assert (root / "nstdb" / "notes.txt").read_text() == "of hours"
    assert [path.name for path in (root / "nstdb").iterdir()] == ["notes.txt"]


def test_tar_that_unfolds_to_far_more_than_the_set_is_refused_before_it_is_written(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("ecgsynth.datasets.fetching.unpack.SPARE", -99_000_000)
    source = packed(tmp_path / "bomb.tgz", {"118e00.hea": bytes(2_000_000)})
    monkeypatch.delattr(tarfile.TarFile, "extract")
    with pytest.raises(EcgsynthError, match="unfolds to more than"):
        installed(source, tmp_path / "root")


def test_zip_that_unfolds_to_far_more_than_the_set_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("ecgsynth.datasets.fetching.unpack.SPARE", -99_000_000)
    source = packed(tmp_path / "bomb.zip", {"118e00.hea": bytes(2_000_000)})
    with pytest.raises(EcgsynthError, match="unfolds to more than"):
        installed(source, tmp_path / "root")


@pytest.mark.parametrize("ending", [".zip", ".tgz"])
def test_archive_of_too_many_files_is_refused(tmp_path, monkeypatch, ending):
    monkeypatch.setattr("ecgsynth.datasets.fetching.archives.MOST_FILES", 3)
    with pytest.raises(EcgsynthError, match="or 3 files"):
        installed(packed(tmp_path / f"many{ending}", LISTED), tmp_path / "root")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, b"?"])
def test_name_that_fills_the_memory_is_not_read(tmp_path, monkeypatch, kind):
    asked = []
    with gzip.open(tmp_path / "bomb.tgz", "wb", 1) as file:
        member = tarfile.TarInfo("x")
        member.type, member.size = kind, 3 << 20
        file.write(member.tobuf(tarfile.GNU_FORMAT) + bytes(4 << 20))
    real = gzip.GzipFile.read
    monkeypatch.setattr(
        gzip.GzipFile, "read", lambda self, size=-1: asked.append(size) or real(self, size)
    )
    with pytest.raises(EcgsynthError, match="is damaged or not a tar"):
        installed(tmp_path / "bomb.tgz", tmp_path / "root")
    assert max(asked) <= 1 << 20


def test_tar_with_notes_of_its_own_is_read(tmp_path):
    source = tmp_path / "set.tgz"
    with tarfile.open(source, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, data in LISTED.items():
            member = tarfile.TarInfo(f"nstdb/{name}")
            member.size, member.pax_headers = len(data), {"comment": "a note"}
            archive.addfile(member, io.BytesIO(data))
    assert_whole(installed(source, tmp_path / "root"))


def test_sparse_member_is_refused(tmp_path):
    with tarfile.open(tmp_path / "sparse.tgz", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("nstdb/118e00.hea")
        member.pax_headers = {
            "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "118e00.hea",
            "GNU.sparse.realsize": str(1 << 40),
        }  # fmt: skip
        member.size = 512
        archive.addfile(member, io.BytesIO(b"1\n0\n0\n".ljust(512, b"\0")))
    with pytest.raises(EcgsynthError, match="holds a link or device"):
        installed(tmp_path / "sparse.tgz", tmp_path / "root")


def test_link_in_a_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        member = zipfile.ZipInfo("nstdb/118e00.hea")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "../../../etc/passwd")
    with pytest.raises(EcgsynthError, match="holds a link or device"):
        installed(tmp_path / "evil.zip", tmp_path / "root")


@pytest.mark.parametrize("kind", ["loop", "device", "nothing", "pipe"])
def test_folder_that_has_no_end_is_refused(tmp_path, kind):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "118e00.hea").write_bytes(FILES["118e00.hea"])
    if kind == "pipe":
        os.mkfifo(mine / "more.dat")
    else:
        to = {"loop": mine, "device": Path("/dev/zero"), "nothing": tmp_path / "away"}[kind]
        (mine / "more").symlink_to(to)
    with pytest.raises(EcgsynthError, match="leads back|is a device or a link to nothing"):
        installed(mine, tmp_path / "root")
    assert not list((tmp_path / "root").iterdir())


def test_pipe_is_no_archive(tmp_path):
    os.mkfifo(tmp_path / "set.zip")
    with pytest.raises(EcgsynthError, match="neither an archive nor a folder"):
        installed(tmp_path / "set.zip", tmp_path / "root")
