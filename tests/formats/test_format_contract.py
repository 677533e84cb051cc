"""What a format declares is what it does, and all that commands, service and page say of it."""

from __future__ import annotations

import ast
import gc
import io
import json
import re
import weakref
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import edfio
import numpy as np
import pandas as pd
import pytest
import wfdb
from archives import zipped
from items import BEAT, beats, chunked, with_marks
from outcome import Command
from serving import served

import ecgsynth as es
from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.formats import contract, stream
from ecgsynth.formats.contract import KEEPABLE, Format, every
from ecgsynth.registry import FORMATS
from ecgsynth.service.files import uploads
from ecgsynth.service.settings import Settings
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec

NAMES = FORMATS.names()
OF_SETS = [name for name in NAMES if not contract.named(name).one_record]


class Lines(Format):
    """Lines of JSON: a small format that only these tests know."""

    title = "Lines"
    endings = (".lines",)
    media_type = "text/x-lines"
    units = ("mV",)
    step_mv = 0.01
    leads = ("MLII", "I", "II")
    keeps = frozenset({"label", "context"})
    compressed = True
    uploads = True

    @staticmethod
    def write(chunks: Iterable[Ecg], target: Path) -> None:
        first, chunks = stream.begin(chunks)
        with atomic_write(target) as beside, open(beside, "w") as file:
            file.write(json.dumps(stream.facts(first)) + "\n")
            for chunk in chunks:
                for row in range(len(chunk)):
                    assert chunk.label is not None and chunk.context is not None
                    said = [chunk.signal[row].astype(float).round(2).tolist()]
                    said += [chunk.label[row].tolist(), chunk.context[row].tolist()]
                    file.write(json.dumps(said) + "\n")

    @staticmethod
    def read(path: Path) -> Ecg:
        head, *rows = path.read_text().splitlines()
        spec, source, _ = stream.read_facts(head, path)
        signal, label, context = zip(*map(json.loads, rows), strict=True)
        return Ecg(np.array(signal), spec, np.array(label), np.array(context), source=source)

    @staticmethod
    def check_upload(file: io.BufferedIOBase, *_: int) -> None:  # type: ignore[override]
        if file.read(1) != b"{":
            raise EcgsynthError("the file holds no lines of JSON.")


class Line(Lines):
    """Lines of JSON of one record."""

    title = "Line"
    endings = (".line",)
    one_record = True


@pytest.fixture
def lines() -> Iterator[None]:
    """The formats are registered, as those of another package would be."""
    FORMATS.register("lines")(Lines)
    FORMATS.register("line")(Line)
    yield
    del FORMATS._objects["lines"], FORMATS._objects["line"]


def target_of(name: str, folder: Path) -> str:
    kind = contract.named(name)
    return f"{folder}/set{kind.endings[0]}{'/' * kind.one_record}"


# What every format declares is so.


def test_endings_mean_one_format_each_and_a_bare_folder_means_one() -> None:
    endings = [ending for kind in every().values() for ending in kind.endings]
    assert len(endings) == len({*endings}) and endings.count("/") == 1
    assert all(one == one.lower() and one[0] in "./" for one in endings)
    for kind in every().values():
        assert kind.keeps <= {*KEEPABLE} and "/" in kind.media_type and kind.title
        assert (kind.container == "folder") == bool(kind.own_file)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_format_keeps_comes_back_and_what_it_loses_is_named(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    kind, ecg = contract.named(name), with_marks(beats())
    back = formats.read(formats.write(ecg, target_of(name, tmp_path), name), name)
    for attribute, words in KEEPABLE.items():
        kept = attribute in kind.keeps
        if kept and attribute != "marks":
            np.testing.assert_array_equal(getattr(back, attribute), getattr(ecg, attribute))
        assert (f"has no {words}" in caplog.text) != kept
    assert (back.marks == ecg.marks) == ("marks" in kind.keeps)


@pytest.mark.parametrize("name", NAMES)
def test_amplitudes_come_back_within_half_a_step(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(5)
    ecg = replace(beats(4), signal=rng.normal(0, 2, (4, 1, 64)).astype(np.float32))
    back = formats.read(formats.write(ecg, target_of(name, tmp_path), name), name)
    most = (contract.named(name).step_mv or 0.0) / 2
    assert np.abs(back.signal - ecg.signal).max() <= most + 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_that_is_not_declared_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    kind, spec = contract.named(name), replace(BEAT, unit="normalised")
    if "normalised" in kind.units:
        assert len(formats.read(formats.write(beats(3, spec), target_of(name, tmp_path)))) == 3
        return
    others = contract.titles(lambda kind: "normalised" in kind.units)
    sentence = f"no mV, which {re.escape(kind.title)} needs; .* {others}"
    for refused in (
        lambda: formats.write(beats(3, spec), target_of(name, tmp_path)),
        lambda: formats.check_target(target_of(name, tmp_path), spec),
    ):
        with pytest.raises(EcgsynthError, match=sentence):
            refused()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", OF_SETS)
def test_a_format_that_streams_holds_few_chunks_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # Row groups as large as a chunk; of their own size they would be more than a test should make.
    monkeypatch.setattr("ecgsynth.formats.parquet.GROUP_BYTES", 1024 * 64 * 4)
    alive: list[weakref.ref[Ecg]] = []
    most = 0

    def made() -> Iterator[Ecg]:
        nonlocal most
        for _ in range(12):  # as many items as any format writes at a time, files a few
            chunk = beats(8 if contract.named(name).one_record else 1024)
            alive.append(weakref.ref(chunk))
            yield chunk
            del chunk
            gc.collect()
            most = max(most, sum(one() is not None for one in alive))

    gc.freeze()  # what was there before need not be looked at each time
    try:
        formats.write(made(), target_of(name, tmp_path))
    finally:
        gc.unfreeze()
    assert most <= 4


def test_a_format_that_declares_too_little_is_named() -> None:
    FORMATS.register("bare")(type("Bare", (), {"endings": (".bare",)}))
    try:
        with pytest.raises(EcgsynthError, match="'bare' does not declare title, media_type"):
            contract.named("bare")
    finally:
        del FORMATS._objects["bare"]


# A new format is one class: nothing else needs to know it.


@pytest.mark.usefixtures("lines")
def test_a_new_format_is_written_and_read_by_its_ending(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    back = formats.read(formats.write(with_marks(beats()), tmp_path / "set.LINES"))
    assert (len(back), back.patient, back.marks) == (23, None, None)
    for attribute, words in (("patient", "people"), ("marks", "marks")):
        others = contract.titles(lambda kind, name=attribute: name in kind.keeps, "and")
        assert "NPZ" in others
        assert f"set.LINES has no {words}; {others} keep them." in caplog.text
    odd = Ecg(np.zeros((2, 1, 64)), Spec(("V9",), 360, 64))
    with pytest.raises(EcgsynthError, match="Lines knows no lead 'V9'; its leads are MLII, I, II"):
        formats.write(odd, tmp_path / "odd.lines")
    with pytest.raises(EcgsynthError, match=r"endings: .*\.lines"):
        formats.write(odd, tmp_path / "odd.unknown")


@pytest.mark.usefixtures("lines")
def test_recordings_of_a_new_format_are_a_data_set(tmp_path: Path, simulated_beats: Ecg) -> None:
    path = formats.write(simulated_beats[:40], tmp_path / "mine.lines")
    mine = es.load("folder", path=str(path), split="all")
    np.testing.assert_array_equal(mine.labels_str, simulated_beats[:40].labels_str)


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize("words", ["generate", "augment", "data save"])
def test_the_help_of_a_command_names_a_new_format(command: Command, words: str) -> None:
    files = " ".join(kind.endings[0] for kind in every().values() if kind.container == "file")
    assert ".line .lines" in files
    assert f"({files})" in " ".join(command(*words.split(), "--help").out.split())


@pytest.mark.usefixtures("lines")
def test_the_service_takes_and_gives_a_new_format(
    models: Path, tmp_path: Path, simulated_beats: Ecg
) -> None:
    settings = Settings(model_dir=models, jobs_db=f"sqlite:///{tmp_path / 'jobs'}", jobs=0)
    with served(settings) as client:
        known = client.get("/v1/formats").json()
        (said,) = [one for one in known["formats"] if one["name"] == "lines"]
        assert said["title"] == "Lines" and said["about"].startswith("Lines of JSON")
        assert (said["suffix"], said["media_type"]) == (".lines", "text/x-lines")
        assert (said["uploads"], said["step_mv"], said["zipped"]) == ([".lines"], 0.01, False)
        assert ".lines" in known["accept"] and ".lines" in known["accept_text"]

        wanted = {"model": "tiny", "count": 5, "seed": 2, "format": "lines"}
        answer = client.post("/v1/ecgs", json=wanted)
        assert answer.headers["content-type"].startswith("text/x-lines")
        assert answer.headers["content-disposition"].endswith('seed2.lines"')
        (tmp_path / "set.lines").write_bytes(answer.content)
        assert len(formats.read(tmp_path / "set.lines")) == 5

        formats.write(simulated_beats[:40], tmp_path / "upload.lines")
        content = (tmp_path / "upload.lines").read_bytes()
        for name, sent, status in (("a.LINES", content, 202), ("a.lines", b"\0", 422)):
            answer = client.post(
                "/v1/evaluations", data={"against": "simulated:test"}, files={"file": (name, sent)}
            )
            assert answer.status_code == status, answer.text
        assert answer.json()["detail"] == "the file holds no lines of JSON."
    asked = {"name": "upload.lines", "upload_kind": "lines"}
    assert len(uploads.read(tmp_path, asked)) == 40


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize("target", ["set.line/", "set/"])
def test_a_format_of_one_record_a_file_is_a_folder_of_such_files(
    tmp_path: Path, target: str
) -> None:
    path = formats.write(chunked(beats(5), 2), f"{tmp_path}/{target}", "line")
    formats.write(beats(3), f"{tmp_path}/{target}", "line")  # fewer files than there were
    assert sorted(file.name for file in path.iterdir()) == [
        "ecg_000000.line", "ecg_000001.line", "ecg_000002.line", "ecgsynth.json"
    ]  # fmt: skip
    assert "SYNTHETIC" in json.loads((path / "ecgsynth.json").read_text())["statement"]
    back = formats.read(path)
    np.testing.assert_array_equal(back.labels_id, beats(3).labels_id)
    np.testing.assert_allclose(back.signal, beats(3).signal, atol=0.0051)
    assert len(formats.read(path / "ecg_000002.line")) == 1


@pytest.mark.usefixtures("lines")
def test_several_items_are_not_written_to_a_file_of_one_record(tmp_path: Path) -> None:
    said = "a file of Line holds one record, and here are 2 items; name a folder .* set.line/"
    for refused in (
        lambda: formats.write(chunked(beats(2), 1), tmp_path / "set.line"),
        lambda: formats.check_target(tmp_path / "set.line", BEAT, 2),
    ):
        with pytest.raises(EcgsynthError, match=said):
            refused()
    assert not list(tmp_path.iterdir())
    formats.check_target(f"{tmp_path}/set.line/", BEAT, 2)
    assert len(formats.read(formats.write(beats(1), tmp_path / "set.line"))) == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.line").write_text("of others")
    with pytest.raises(EcgsynthError, match="not from ecgsynth"):
        formats.write(beats(2), f"{tmp_path}/mine", "line")


@pytest.mark.usefixtures("lines")
def test_the_service_takes_and_gives_folders_of_a_new_format(models: Path, tmp_path: Path) -> None:
    settings = Settings(model_dir=models, jobs_db=f"sqlite:///{tmp_path / 'jobs'}", jobs=0)
    with served(settings) as client:
        answer = client.post("/v1/ecgs", json={"model": "tiny", "count": 5, "format": "line"})
        assert answer.headers["content-type"] == "application/zip", answer.text
        accepted = client.get("/v1/formats").json()["accept_text"]
        titles = contract.titles(lambda kind: kind.uploads and contract.in_folder(kind))
        assert "Line" in titles
        assert ", .line, .lines, " in accepted and accepted.endswith(f" .zip of {titles} records")
    (tmp_path / "upload.zip").write_bytes(answer.content)
    with open(tmp_path / "upload.zip", "rb") as file:
        assert uploads.check(file, "a.zip", 1 << 20, 100) == "line"
    asked = {"name": "upload.zip", "upload_kind": "line"}
    assert len(uploads.read(tmp_path, asked)) == 5
    strange = {"a/ecgsynth.json": b"{}", "a/ecg_000000.line": b"no lines"}
    (tmp_path / "odd.zip").write_bytes(zipped(strange))
    with pytest.raises(EcgsynthError, match="no lines of JSON"):
        uploads.unpack(tmp_path / "odd.zip", tmp_path / "odd", Line)


def test_the_service_says_of_every_format_what_it_declares(models: Path, tmp_path: Path) -> None:
    settings = Settings(model_dir=models, jobs_db=f"sqlite:///{tmp_path / 'jobs'}", jobs=0)
    with served(settings) as client:
        known = client.get("/v1/formats").json()
        assert known["usual"] in NAMES
        titles = contract.titles(lambda kind: kind.uploads and contract.in_folder(kind))
        assert known["accept_text"].endswith(f"or a .zip of {titles} records")
        for said in known["formats"]:
            wanted = {"model": "tiny", "count": 2, "format": said["name"]}
            answer = client.post("/v1/ecgs", json=wanted)
            assert answer.headers["content-type"].startswith(said["media_type"])
            assert zipfile.is_zipfile(io.BytesIO(answer.content)) == said["zipped"]


def texts(file: Path) -> str:
    """What a file says to people or programs: of Python, its strings but for docstrings."""
    if file.suffix != ".py":
        return file.read_text()
    tree = ast.parse(file.read_text())
    documents = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return "\n".join(str(node.value) for node in strings if node not in documents)


NAMED = {
    ("demo.py", "wfdb"), ("demo.py", "npz"),  # it shows two formats
    ("data.py", "npz"),  # `data build` makes what NumPy reads
    ("ecgs.py", "wfdb"), ("train.py", "npz"), ("finetune.py", "npz"),  # examples
    ("classify_run.py", "wfdb"), ("classify_run.py", ".csv"),  # a table and an annotation file
    ("rhythm.py", "wfdb"), ("rhythm.py", ".csv"), ("score.py", "wfdb"), ("score.py", ".csv"),
    ("complete.py", "wfdb"),  # records and annotations of it
    ("description.py", ".csv"),  # the statements of PTB-XL
}  # fmt: skip


@pytest.mark.parametrize("folder", ["cli", "service"])
def test_commands_service_and_page_name_no_format_beside_examples(folder: str) -> None:
    example = re.compile(r"(--to|--from|file=@)[ =]?\S*")
    found = set()
    for file in (Path(formats.__file__).parent.parent / folder).rglob("*"):
        if file.suffix in (".py", ".js", ".html"):
            said = example.sub("", texts(file).lower())
            found |= {(file.name, w) for w in ("parquet", "wfdb", ".csv", "npz") if w in said}
    assert found <= NAMED


def test_chunks_are_written_as_the_whole_is(tmp_path: Path) -> None:
    for name in NAMES:
        ecg = beats(50)
        formats.write(iter(chunked(ecg, 7)), target_of(name, tmp_path), name)
        assert len(formats.read(target_of(name, tmp_path), name)) == 50


@pytest.mark.parametrize("name", [name for name in OF_SETS if "marks" in every()[name].keeps])
@pytest.mark.parametrize(
    ("change", "symbols"),
    [
        ({}, "NSV"),
        ({"label": None, "spec": replace(BEAT, classes=())}, "NNN"),
        ({"label": None}, "QQQ"),
    ],
)
def test_a_format_with_annotations_has_each_aligned_beat_at_its_r(
    tmp_path: Path, name: str, change: dict[str, object], symbols: str
) -> None:
    ecg = replace(beats(3), **change)
    path = formats.write(ecg, target_of(name, tmp_path), name)
    assert annotated(path) == [(k, 24, symbol) for k, symbol in enumerate(symbols)]
    assert formats.read(path, name).marks is None


def annotated(path: Path) -> list[tuple[int, int, str]]:
    """Item, sample and symbol of what a file annotates, by a reader of others."""
    if path.suffix == ".ishne":
        return [
            (k, int.from_bytes(content[-8:-4], "little"), chr(content[-4]).replace("X", "Q"))
            for k, file in enumerate(sorted(path.glob("*.ann")))
            for content in [file.read_bytes()]
        ]
    if path.suffix in (".edf", ".bdf"):
        read = {".edf": edfio.read_edf, ".bdf": edfio.read_bdf}[path.suffix]
        return [
            (k, round(one.onset * BEAT.fs), one.text)
            for k, file in enumerate(sorted(path.glob("ecg_*")))
            for one in read(file).annotations
            if not one.text.startswith("#")
        ]
    if path.suffix == ".npz":
        with np.load(path) as content:
            columns = [content[f"marks_{name}"] for name in ("item", "sample", "symbol")]
        return list(zip(*(column.tolist() for column in columns), strict=True))
    if path.suffix == ".parquet":
        rows = pd.read_parquet(path)["marks"]
        return [(k, m["sample"], m["symbol"]) for k, marks in enumerate(rows) for m in marks]
    notes = wfdb.rdann(str(path / "ecg_000000"), "atr")
    places = (divmod(int(at), BEAT.samples) for at in notes.sample)
    return [(*place, symbol) for place, symbol in zip(places, notes.symbol, strict=True)]
