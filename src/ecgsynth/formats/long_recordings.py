"""Long recordings, of which a part is looked at: opened, and not read whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import describe_read_errors
from ecgsynth.formats import contract, open_record, record_files, stream
from ecgsynth.formats.wfdb.folder import record_names
from ecgsynth.formats.wfdb.writer import FACTS
from ecgsynth.signals.leads import standard_leads
from ecgsynth.signals.recording import Recording


def long_recording(path: Path, longer_than_s: float) -> Recording | None:
    """The one recording of a file or folder, whose samples stay on the disk where its format has
    them read piece by piece; None where it is shorter, or where it is a set.

    Raises
    ------
    EcgsynthError: the recording cannot be opened.
    """
    with describe_read_errors(path):
        files = _files(path)
    if len(files) != 1:
        return None
    recording = open_record(files[0])
    if recording.seconds <= longer_than_s or _holds_windows(recording, files[0]):
        return None
    return replace(recording, leads=standard_leads(recording.leads))


def _files(path: Path) -> list[Path]:
    """The files of one record at a path; a WFDB record may be named without an ending."""
    if not path.name:  # the folder itself, as in "."
        return []
    header = contract.by_ending()["/"].endings[-1]
    named = path.with_name(path.name + header)
    if path.suffix == header or (not path.exists() and named.is_file()):
        return [path if path.suffix == header else named]
    if not path.is_dir():
        return record_files(path) if path.is_file() else []
    names = record_names(path)[0]
    return [path / f"{name}{header}" for name in names] if names else record_files(path)


def _holds_windows(recording: Recording, file: Path) -> bool:
    """Whether a record of ecgsynth holds many short items end to end."""
    facts = (c[len(FACTS) :] for c in recording.comments if c.startswith(FACTS.strip()))
    stated = "".join(facts)  # of several lines
    if not stated:
        return False
    try:
        return stream.read_facts(stated, file)[0].samples != recording.samples
    except EcgsynthError:  # whoever reads it hears what is damaged
        return True
