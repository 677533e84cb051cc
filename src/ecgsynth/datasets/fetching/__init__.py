"""Getting recordings: from PhysioNet, resumable and checked, or from an archive or folder."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from ecgsynth.datasets.fetching import checksums
from ecgsynth.datasets.fetching.download import Download, Source
from ecgsynth.datasets.fetching.unpack import install
from ecgsynth.datasets.store import data_root
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.files import describe_read_errors, expand_home
from ecgsynth.progress import bar, byte_bar

SOURCES = {
    "mitbih": Source(
        "https://physionet.org/files/mitdb/1.0.0/", ("100.hea", "100.csv"), 110_000_000
    ),
    "ptbxl": Source(
        "https://physionet.org/files/ptb-xl/1.0.3/", ("ptbxl_database.csv",), 3_200_000_000
    ),
    "ludb": Source("https://physionet.org/files/ludb/1.0.1/", ("ludb.csv",), 25_000_000),
    "svdb": Source("https://physionet.org/files/svdb/1.0.0/", ("800.hea",), 60_000_000),
    "qtdb": Source("https://physionet.org/files/qtdb/1.0.0/", ("sel100.hea",), 85_000_000),
    "nstdb": Source("https://physionet.org/files/nstdb/1.0.0/", ("118e00.hea",), 25_000_000),
}

_OF_FILES = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TextColumn("{task.fields[traffic]}"),
    TimeRemainingColumn(),
)


def fetch(
    name: str,
    source: str | Path | None = None,
    root: Path | None = None,
    base_url: str | None = None,
    console: Console | None = None,
    workers: int = 4,
    tries: int = 5,
    pause_s: float = 1.0,
) -> Path:
    """Bring a data set to this machine and return its folder, `root`/`name`.

    What is there and matches its checksum is skipped, what was begun is continued: after an
    interruption the same call goes on where it stopped.

    Parameters
    ----------
    name: mitbih, svdb, qtdb, ludb, ptbxl or nstdb.
    source: a local archive (.tar.xz, .tar.gz, .tgz, .zip) or folder instead of the network.
    root: where data sets lie; by default `ECGSYNTH_DATA` or the user's cache folder.
    base_url: a mirror's folder of the set. console: for the progress bar; standard error.
    workers: files at a time. tries: attempts per file without progress; pause_s: the wait after
    the first, doubled each time.

    Raises
    ------
    EcgsynthError: unknown name, no network, a file that is not there, a wrong checksum, a full
        disk, or an archive that is damaged, unsafe or of something else.
    """
    if name not in SOURCES:
        raise EcgsynthError(f"no data set '{name}' to fetch.{did_you_mean(name, SOURCES)}")
    known = SOURCES[name]
    folder = (root or data_root()) / name
    console = console or Console(stderr=True)
    shown = bar(*_OF_FILES, unit="files", console=console) if source is None else byte_bar(console)
    with shown as progress, describe_read_errors(folder):
        if source is not None:
            matching = install(name, expand_home(source), folder, known, progress)
            summary = (
                f"{matching} files match their checksums"
                if matching
                else f"nothing was compared, as there is no {checksums.LIST}"
            )
        else:
            url = (base_url or known.url).rstrip("/") + "/"
            if not url.startswith(("https://", "http://")):
                raise EcgsynthError(f"'{base_url}' is no web address; give one with https://.")
            summary = Download(url, folder, known, tries, pause_s).run(workers, progress)
    console.print(f"{name}: {summary}, in {folder}", highlight=False, soft_wrap=True)
    return folder
