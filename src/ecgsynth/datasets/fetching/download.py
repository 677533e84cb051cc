"""Download of one data set: in parallel, resumable, every file checked."""

from __future__ import annotations

import errno
import logging
import shutil
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from rich.progress import Progress

from ecgsynth.datasets.fetching import checksums
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import make_folder

if TYPE_CHECKING:
    import requests

log = logging.getLogger("ecgsynth")

CHUNK = 1 << 16
"""Bytes that are read at a time."""

TIMEOUT_S = (10, 30)
"""To connect, and between two bytes."""


@dataclass(frozen=True)
class Source:
    """Where a data set is published.

    url: folder that holds SHA256SUMS.txt. markers: files that identify the set (the first is
    fetched last, so that a half-fetched set is never taken for a whole one); size: bytes.
    """

    url: str
    markers: tuple[str, ...]
    size: int


@dataclass
class Download:
    """Download of one data set."""

    url: str
    folder: Path
    source: Source
    tries: int
    pause_s: float
    stopped: threading.Event = field(default_factory=threading.Event)
    received: int = 0
    skipped: int = 0
    fetched: int = 0
    unlike: list[str] = field(default_factory=list)

    def run(self, workers: int, progress: Progress) -> str:
        """Fetch all that the list of checksums names; returns what was done."""
        self.local = threading.local()
        self.lock = threading.Lock()
        sums = self._list()
        self._check_space()
        marker = self.source.markers[0]
        first = sorted(name for name in sums if name != marker)
        task = progress.add_task(f"fetching {self.folder.name}", total=len(sums), traffic="")
        start = time.monotonic()

        def fetch_one(name: str) -> None:
            self._fetch_file(name, sums[name])
            rate = self.received / max(time.monotonic() - start, 1e-3)
            traffic = f"{self.received / 1e6:.1f} MB, {rate / 1e6:.1f} MB/s"
            progress.update(task, advance=1, traffic=traffic)

        with ThreadPoolExecutor(workers) as pool:
            jobs = [pool.submit(fetch_one, name) for name in first]
            try:
                done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
                for job in done:
                    job.result()
            except BaseException:  # Ctrl-C too: let the others stop where they are
                self.stopped.set()
                pool.shutdown(cancel_futures=True)
                raise
        if marker in sums:
            fetch_one(marker)
        if self.unlike:
            log.warning(
                "%s differ from %s, but in no signal or beat; they are kept.",
                checksums.first_names(self.unlike),
                checksums.LIST,
            )
        return (
            f"{self.fetched} files fetched ({self.received / 1e6:.1f} MB), "
            f"{self.skipped} were there already"
        )

    def _list(self) -> dict[str, str]:
        """The list of checksums, always fetched anew."""
        self._mkdir(self.folder)
        target = self.folder / checksums.LIST
        part = target.with_name(target.name + ".part")
        part.unlink(missing_ok=True)
        self._transfer(checksums.LIST, part)
        where = self.url + checksums.LIST
        try:
            sums = checksums.parse(part.read_text(encoding="utf-8", errors="replace"), where)
        except EcgsynthError:
            part.unlink()
            raise
        part.replace(target)
        return {name: value for name, value in sums.items() if name != checksums.LIST}

    def _check_space(self) -> None:
        present = sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())
        needed = self.source.size - present
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise EcgsynthError(
                f"{self.folder} has {free / 1e6:.0f} MB left and the recordings need about "
                f"{needed / 1e6:.0f} MB more; free some space or choose another place."
            )

    def _fetch_file(self, name: str, wanted: str) -> None:
        """One file: skipped where it is whole, else continued, checked and renamed."""
        target = self.folder / name
        part = target.with_name(target.name + ".part")
        if target.is_file() and self._matches(name, target, wanted):
            with self.lock:
                self.skipped += 1
            return
        self._mkdir(target.parent)
        for last in (False, True):  # a wrong file gets a second chance from its first byte
            self._transfer(name, part)
            if self._matches(name, part, wanted, last):
                part.replace(target)
                with self.lock:
                    self.fetched += 1
                return
            part.unlink()
        raise EcgsynthError(
            f"{self.url}{name} arrived twice with a wrong checksum and was removed; try again "
            "later or use another mirror."
        )

    def _matches(self, name: str, file: Path, wanted: str, forgive: bool = True) -> bool:
        """Whether the checksum is right; files that are no recordings are forgiven and named."""
        if checksums.sha256(file) == wanted:
            return True
        if forgive and not checksums.DECIDES.search(name):
            with self.lock:
                self.unlike.append(name)
            return True
        return False

    def _transfer(self, name: str, part: Path) -> None:
        """All bytes of a file into `part`, through dropped connections and busy servers."""
        import requests

        furthest, failures, reason = _size(part), 0, ""
        while failures < self.tries:
            if failures:
                self._sleep(self.pause_s * 2 ** (failures - 1))
            try:
                reason = self._attempt(name, part)
            except requests.RequestException as problem:
                reason = _network_reason(problem)
            if not reason:
                return
            # An attempt that came further is no failure: a poor line may drop many times.
            failures = 0 if _size(part) > furthest else failures + 1
            furthest = max(furthest, _size(part))
        raise EcgsynthError(
            f"{self.url}{name} could not be fetched ({reason}, {self.tries} tries); run the same "
            "command again to go on from here, or get an archive and use --from."
        )

    def _attempt(self, name: str, part: Path) -> str:
        """One request; returns "" when the file is whole, else why it is worth another try."""
        have = _size(part)
        headers = {"Accept-Encoding": "identity"}  # ranges count the bytes of the file itself
        if have:
            headers["Range"] = f"bytes={have}-"
        with self._session().get(
            self.url + quote(name), headers=headers, stream=True, timeout=TIMEOUT_S
        ) as response:
            status = response.status_code
            if status == 416 and have:  # nothing lies beyond: whole, or longer than it should be
                total = response.headers.get("Content-Range", "").rpartition("/")[2]
                if total == str(have):
                    return ""
                part.unlink()
                return "the part on the disk was too long"
            if status == 429 or status >= 500:
                return f"the server answers {status}"
            if status not in (200, 206):
                raise EcgsynthError(
                    f"{self.url}{name} cannot be had (the server answers {status}); check the "
                    "address or use another mirror."
                )
            goes_on = status == 206 and response.headers.get("Content-Range", "").startswith(
                f"bytes {have}-"
            )
            if status == 206 and not goes_on:
                part.unlink(missing_ok=True)
                return "the server sent another range than asked for"
            self._store(response, part, "ab" if goes_on else "wb")
        return ""

    def _store(self, response: requests.Response, part: Path, mode: str) -> None:
        from requests.exceptions import ChunkedEncodingError
        from urllib3.exceptions import HTTPError

        try:
            with part.open(mode) as file:
                # read1 hands over what has come; iter_content would lose the last, incomplete
                # chunk before a dropped connection.
                while chunk := response.raw.read1(CHUNK, decode_content=False):
                    file.write(chunk)
                    with self.lock:
                        self.received += len(chunk)
                    if self.stopped.is_set():
                        raise _StoppedError
        except HTTPError as problem:
            raise ChunkedEncodingError(problem) from problem
        except OSError as problem:
            raise self._disk(part, problem) from problem

    def _session(self) -> requests.Session:
        """One per thread: connections are kept open over many small files."""
        import requests

        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
        session: requests.Session = self.local.session
        return session

    def _sleep(self, seconds: float) -> None:
        if self.stopped.wait(seconds):
            raise _StoppedError

    def _mkdir(self, folder: Path) -> None:
        try:
            make_folder(folder)
        except OSError as problem:
            raise self._disk(folder, problem) from problem

    def _disk(self, path: Path, problem: OSError) -> EcgsynthError:
        reason = problem.strerror or str(problem)
        mend = "free some space" if problem.errno == errno.ENOSPC else "choose another place"
        return EcgsynthError(
            f"{path} could not be written ({reason}); {mend} and run the same command again, it "
            "goes on from here."
        )


class _StoppedError(Exception):
    """Another file failed, or the user pressed Ctrl-C."""


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _network_reason(problem: Exception) -> str:
    """The innermost words of a network error, without the chain that wraps them."""
    text = type(problem).__name__
    kinds = {
        "ConnectTimeout": "no answer in time",
        "ReadTimeout": "no answer in time",
        "SSLError": "the certificate is not accepted",
        "ProxyError": "the proxy refuses",
        "ChunkedEncodingError": "the connection was dropped",
        "ConnectionError": "no connection",
    }
    return kinds.get(text, text)
