"""What clients are told of sets that cannot be read: what, why, and nothing of the program."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archives import npy, zipped

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import write
from ecgsynth.service.files import uploads
from ecgsynth.service.jobs import evaluate, worker
from ecgsynth.signals.ecg import Ecg


@pytest.fixture
def beats(simulated_beats: Ecg, tmp_path: Path) -> Path:
    """beats.npz, beats.csv and beats.zip (WFDB) of the same 40 beats."""
    for name in ("beats.npz", "beats.csv", "wfdb/"):
        write(simulated_beats[:40], f"{tmp_path}/{name}")
    shutil.make_archive(str(tmp_path / "beats"), "zip", tmp_path / "wfdb")
    return tmp_path


INWARD = re.compile(
    r"Error|Exception|Traceback|' object|instance|argument|__|allow_pickle|NoneType|/|\\n"
    r"|pydantic|numpy|records\b|ecgsynth[.-]|indices"
)
"""What speaks to those who wrote the program."""


def bad_sets(beats: Path) -> dict[str, bytes]:
    """Sets that can be unpacked and not read."""
    with np.load(beats / "beats.npz") as file:
        good = dict(file)
    spec = json.loads(str(good["spec"]))

    def changed(**change: Any) -> bytes:
        out = io.BytesIO()
        np.savez(out, **{k: v for k, v in (good | change).items() if v is not None})
        return out.getvalue()

    def with_spec(**change: Any) -> bytes:
        return changed(spec=json.dumps(spec | {"spec": spec["spec"] | change}))

    data = npy(np.ones((9, 9)))
    with zipfile.ZipFile(beats / "beats.zip") as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    header = next(name for name in records if name.endswith(".hea"))
    return {
        "objects.npz": zipped({"data.npy": npy(np.array([{}], object), allow_pickle=True)}),
        "text.npz": zipped({"data.npy": b"hello", "fs.npy": npy(360)}),
        "short.npz": zipped({"data.npy": data[:-99], "fs.npy": npy(360)}),
        "bytes.npz": zipped({"data.npy": data, "fs.npy": npy(360),
                             "labels.npy": npy(np.array([b"\xff"] * 9))}),
        "list.npz": changed(spec="[]"),
        "null.npz": changed(spec="null"),
        "deep.npz": changed(spec="[" * 100_000),
        "leads.npz": with_spec(leads=[1]),
        "no-list.npz": with_spec(leads="MLII"),
        "unknown.npz": with_spec(extra=1),
        "r.npz": with_spec(r_sample="x"),
        "band.npz": with_spec(band=5),
        "bare.npz": changed(spec=json.dumps(spec | {"spec": None})),
        "columns.npz": changed(spec=json.dumps(spec | {"columns": 5})),
        "card.npz": changed(card="{"),
        "no-label.npz": changed(label=None),
        "flat.npz": changed(data=np.zeros_like(good["data"])),
        "nothing.npz": changed(data=np.full_like(good["data"], np.nan)),
        "latin.csv": b"# caf\xe9\n1,2\n",
        "cells.csv": (beats / "beats.csv").read_bytes().replace(b"\n# items", b"\n1,2\n# items"),
        "empty.zip": zipped({**records, header: b""}),
        "words.zip": zipped({**records, header: b"hello world\n"}),
        "format.zip": zipped({**records, header: records[header].replace(b".dat 16", b".dat 999")}),
        "cut.zip": zipped({n: v[:9] if n.endswith(".dat") else v for n, v in records.items()}),
        "marks.zip": zipped({n: b"1" * 7 if n.endswith(".atr") else v for n, v in records.items()}),
    }  # fmt: skip


def test_a_set_that_cannot_be_read_is_told_without_what_the_program_is_made_of(
    beats: Path, tmp_path: Path
) -> None:
    inward: list[tuple[str, str]] = []
    for name, content in bad_sets(beats).items():
        kind, file = uploads.kind_of(name, ["a.hea"]), uploads.stored_name(name)
        folder = tmp_path / name
        folder.mkdir()
        (folder / file).write_bytes(content)
        asked = {
            "against": "simulated:test", "train": "", "metrics": ["amplitude_w1"], "quick": True,
            "seed": 0, "upload_kind": kind, "name": file,
        }  # fmt: skip

        def sent(content: bytes = content, asked: Any = asked, folder: Path = folder) -> None:
            uploads.check(io.BytesIO(content), asked["name"], 1 << 30, 1000)
            evaluate.judge(folder, asked, lambda *_: None)

        with pytest.raises(EcgsynthError) as refused:
            sent()
        said = worker.plain(refused.value)
        if INWARD.search(said) or not said.endswith("."):
            inward.append((name, said))
    assert inward == []
