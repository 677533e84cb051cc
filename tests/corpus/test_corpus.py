"""A corpus is its plan: the same shards whenever, wherever and however often they are made."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from outcome import Command

import ecgsynth as es
from ecgsynth.corpus import check, engine, maker, shard, store
from ecgsynth.corpus.items import items_of
from ecgsynth.corpus.make import Corpus, make_corpus
from ecgsynth.corpus.plan import CorpusPlan
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.joining import concatenate

SINUS = {"rhythm": "sinus 4 s", "fs": 100.0, "leads": 1}


def plan_of(parts: dict[str, Any] | None = None, **more: Any) -> CorpusPlan:
    parts = parts or {"r": {**SINUS, "count": 5, "items_per_shard": 2}}
    return CorpusPlan.from_dict({"name": "small", "seed": 3, "parts": parts, **more})


def both(models: Path) -> CorpusPlan:
    """Items of a model and recordings, with noise, of some people."""
    tiny = str(models / "tiny.safetensors")
    return plan_of({
        "beats": {"model": tiny, "count": {"N": 50, "V": 20}, "people": None, "noise": "muscle",
                  "snr": 12, "items_per_shard": 40},
        "r": {**SINUS, "count": 3, "noise": ["wander", "muscle"], "snr": "6", "items_per_shard": 2},
    })  # fmt: skip


def make(plan: CorpusPlan, to: Path | str, **more: Any) -> Corpus:
    return make_corpus(plan, to, **{"workers": 1, **more})


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*")
            if p.is_file()}  # fmt: skip


# Shards.


@pytest.mark.parametrize("count, size", [(1, 1), (5, 2), (6, 2), (7, 100)])
def test_shards_hold_every_item_once(count: int, size: int) -> None:
    plan = plan_of({
        "a": {**SINUS, "count": count, "items_per_shard": size}, "b": {**SINUS, "count": 3},
    })  # fmt: skip
    for name, total in (("a", count), ("b", 3)):
        own = [one for one in plan.shards() if one.part == name]
        assert [k for one in own for k in range(one.start, one.stop)] == [*range(total)]
    assert [one.number for one in plan.shards()] == [*range(-(-count // size) + 1)]


def test_items_do_not_depend_on_how_they_are_divided(models: Path) -> None:
    plan = both(models)
    for name in plan.parts:
        total = plan.parts[name].total
        whole = concatenate([*items_of(plan, name, 0, total)])
        cut = total // 3
        parts = [*items_of(plan, name, 0, cut), *items_of(plan, name, cut, total)]
        assert concatenate(parts) == whole
        assert len(np.unique(whole.signal, axis=0)) == total
    assert not np.array_equal(
        next(items_of(plan, "r", 0, 1)).signal, next(items_of(plan, "r", 1, 2)).signal
    )


def test_the_same_plan_gives_the_same_files_in_any_order(models: Path, tmp_path: Path) -> None:
    plan = both(models)
    first = make(plan, tmp_path / "a")
    last = make(plan, tmp_path / "b", shards=(2, 3))
    assert (last.new, last.missing, last.manifest["complete"]) == (2, 2, False)
    make(plan, tmp_path / "b", shards=(1, 1))
    second = make(plan, tmp_path / "b")
    assert (second.new, second.missing) == (1, 0)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert first.checksum == second.checksum and first.manifest["complete"]
    again = make(plan, tmp_path / "a")
    assert (again.new, again.checksum) == (0, first.checksum)


@pytest.mark.parametrize("format", ["npz", "wfdb", "edf"])
def test_every_kind_of_format_gives_the_same_bytes_again(tmp_path: Path, format: str) -> None:
    plan = plan_of(format=format)
    assert make(plan, tmp_path / "a").checksum == make(plan, tmp_path / "b").checksum
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert es.verify_corpus(tmp_path / "a").problems == []
    merged = es.merge_corpora([tmp_path / "a"], tmp_path / "all.npz")
    assert len(es.read(str(merged))) == 5


def test_recordings_of_a_corpus_are_of_people_of_their_own(models: Path) -> None:
    names = [concatenate([*items_of(both(models), "r", 0, 3)]).patient]
    assert names[0] is not None and names[0].tolist() == ["r-000000", "r-000001", "r-000002"]


def test_the_seed_changes_every_shard(tmp_path: Path) -> None:
    first, second = make(plan_of(), tmp_path / "a"), make(plan_of(seed=4), tmp_path / "b")
    for one, other in zip(first.manifest["shards"], second.manifest["shards"], strict=True):
        assert one["files"] != other["files"]


# What goes wrong, and what is made again.


def lose(folder: Path) -> None:
    (folder / "shards/r-000001.parquet").unlink()


def cut(folder: Path) -> None:
    file = folder / "shards/r-000001.parquet"
    file.write_bytes(file.read_bytes()[:-9])


def forget(folder: Path) -> None:
    (folder / "entries/r-000001.json").unlink()


def spoil(folder: Path) -> None:
    (folder / "entries/r-000001.json").write_text('{"shard": ')


@pytest.mark.parametrize("damage", [lose, cut, forget, spoil])
def test_a_shard_that_is_not_whole_is_made_again(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    made = make(plan_of(), tmp_path)
    before = content(tmp_path)
    damage(tmp_path)
    found = es.verify_corpus(tmp_path)
    assert found.damaged == ["r-000001"] and any("r-000001" in one for one in found.problems)
    again = make(plan_of(), tmp_path)
    assert (again.new, again.checksum) == (1, made.checksum)
    assert content(tmp_path) == before


def test_a_changed_byte_is_found_and_repaired(tmp_path: Path) -> None:
    make(plan_of(), tmp_path)
    before = content(tmp_path)
    file = tmp_path / "shards/r-000002.parquet"
    spoiled = bytearray(file.read_bytes())
    spoiled[len(spoiled) // 2] ^= 1
    file.write_bytes(spoiled)
    assert es.verify_corpus(tmp_path, repair=True).damaged == ["r-000002"]
    assert make(plan_of(), tmp_path).new == 1
    assert content(tmp_path) == before and es.verify_corpus(tmp_path).problems == []


def test_files_of_no_shard_and_missing_cards_are_named(tmp_path: Path) -> None:
    make(plan_of(), tmp_path)
    (tmp_path / "shards/odd.parquet").write_bytes(b"x")
    (tmp_path / "README.md").unlink()
    found = es.verify_corpus(tmp_path).problems
    assert found == ["shards/odd.parquet belongs to no whole shard.", "README.md is missing."]


def test_a_killed_process_leaves_nothing_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise SystemExit(137)

    with monkeypatch.context() as patch:
        patch.setattr(store._Disk, "put", killed)
        patch.setattr(store.shutil, "rmtree", lambda *_, **__: None)  # nobody cleans up
        patch.setattr(store.os, "getpid", lambda: 4_000_000)  # the number of no process
        with pytest.raises(SystemExit):
            make(plan_of(), tmp_path / "a")
    assert [*(tmp_path / "a").glob(".work*")]
    make(plan_of(), tmp_path / "a")
    make(plan_of(), tmp_path / "b")
    assert content(tmp_path / "a") == content(tmp_path / "b")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_full_disk_is_one_sentence_and_keeps_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real, puts = store.os.replace, 0

    def replace(source: Any, target: Any) -> None:
        nonlocal puts
        puts += "shards" in str(target) and "work" not in str(target)
        if puts > 1:
            raise OSError(number, "no more")
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(store.os, "replace", replace)
        with pytest.raises(EcgsynthError, match="could not be written"):
            make(plan_of(), tmp_path)
    assert make(plan_of(), tmp_path).new == 2


# Another plan, version or weights.


def test_a_changed_plan_is_refused_with_the_difference(tmp_path: Path) -> None:
    make(plan_of(), tmp_path)
    before = content(tmp_path)
    changed = plan_of({"r": {**SINUS, "count": 6, "items_per_shard": 2, "snr": 3}})
    sentence = r"another plan \(parts\.r\.count: 5 -> 6; parts\.r\.snr:  -> 3\.0\)"
    with pytest.raises(EcgsynthError, match=sentence):
        make(changed, tmp_path)
    assert content(tmp_path) == before


def test_other_versions_weights_and_processors_are_refused(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = both(models)
    make(plan, tmp_path, shards=(0, 0))
    for name, value, word in (
        ("_version", "9.9", r"versions\.ecgsynth: \S+ -> 9\.9"),
        ("_digest", "0" * 64, r"models\..*tiny.*: \S+ -> 0000"),
        ("_processor", "arm64", "processor: .* -> arm64"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(maker, name, lambda *_, value=value: value)
            with pytest.raises(EcgsynthError, match=f"this machine is refused.*{word}"):
                make(plan, tmp_path)
            order = engine.orders_of(
                plan, [*plan.shards()], json.loads((tmp_path / "corpus.json").read_text())["maker"],
                str(tmp_path),
            )[1]  # fmt: skip
            patch.undo()
            patch.setattr(maker, name, lambda *_, value=value: value)
            with pytest.raises(EcgsynthError, match=f"this process is refused.*{word}"):
                shard.make_ordered(order)
    assert make(plan, tmp_path).missing == 0


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"parts": {}}, "parts"),
        ({"parts": {"A b": {**SINUS, "count": 1}}}, "a name of a part"),
        ({"parts": {"a": {"count": 1}}}, "needs a model, or a rhythm"),
        ({"parts": {"a": {"model": "x", "count": 1, "hours": 1}}}, "add a rhythm"),
        ({"parts": {"a": {**SINUS, "count": 1, "noise": "muscle"}}}, "add snr"),
        ({"parts": {"a": {**SINUS, "count": {"N": 3}}}}, "plain count"),
        ({"parts": {"a": {**SINUS, "count": 1, "label": "N"}}}, "no label or context"),
        ({"parts": {"a": {"model": "x", "count": {"N": 3}, "label": "N"}}}, "not both"),
        ({"parts": {"a": {**SINUS, "count": 0}}}, "count"),
        ({"parts": {"a": {**SINUS, "count": 10**9, "items_per_shard": 1}}}, "raise items"),
        ({"format": "paquet"}, "Did you mean 'parquet'"),
        ({"sed": 1}, "Did you mean 'seed'|no setting 'sed'"),
    ],
)  # fmt: skip
def test_a_faulty_plan_is_one_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(EcgsynthError, match=sentence):
        CorpusPlan.from_dict({"parts": {"a": {**SINUS, "count": 1}}} | change)


@pytest.mark.parametrize(
    "part, sentence",
    [
        ({"model": "mitbih-beat", "count": 1}, "Did you mean 'mitbih-beats'"),
        ({**SINUS, "rhythm": "sinsu 4 s", "count": 1}, "sinus"),
        ({**SINUS, "leads": 3, "count": 1}, "1, 2 or 12 leads"),
        ({**SINUS, "noise": "muscel", "snr": 3, "count": 1}, "Did you mean 'muscle'"),
    ],
)
def test_a_plan_fails_before_anything_is_written(
    tmp_path: Path, part: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(EcgsynthError, match=rf"part odd of the plan: .*{sentence}"):
        make(plan_of({"odd": part}), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_files_of_others_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("mine")
    with pytest.raises(EcgsynthError, match=r"not of a corpus \(own\.txt\)"):
        make(plan_of(), tmp_path)
    with pytest.raises(EcgsynthError, match="is a file"):
        make(plan_of(), tmp_path / "own.txt")
    assert content(tmp_path) == {"own.txt": b"mine"}
    with pytest.raises(EcgsynthError, match="there is no corpus"):
        es.verify_corpus(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"ecgsynth_corpus": "x"}', '{"ecgsynth_corpus": 1}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    make(plan_of(), tmp_path)
    (tmp_path / "corpus.json").write_text(text)
    with pytest.raises(EcgsynthError, match="corpus.json is damaged; remove it"):
        make(plan_of(), tmp_path)
    (tmp_path / "corpus.json").unlink()
    (tmp_path / "README.md").unlink()
    for name in ("plan.yaml", "croissant.json"):
        (tmp_path / name).unlink()
    assert make(plan_of(), tmp_path).new == 0  # the shards stay


# Merging.


def test_corpora_that_have_some_shards_each_become_the_whole(tmp_path: Path) -> None:
    make(plan_of(), tmp_path / "whole")
    make(plan_of(), tmp_path / "a", shards=(0, 1))
    make(plan_of(), tmp_path / "b", shards=(1, 2))
    done = es.merge_corpora([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    assert isinstance(done, Corpus) and (done.new, done.missing) == (3, 0)
    assert content(tmp_path / "c") == content(tmp_path / "whole")
    with pytest.raises(EcgsynthError, match="1 shards are missing"):
        es.merge_corpora([tmp_path / "a"], tmp_path / "a.npz")
    written = es.merge_corpora([tmp_path / "a", tmp_path / "b"], tmp_path / "all.npz")
    assert es.read(str(written)) == concatenate([*items_of(plan_of(), "r", 0, 5)])


def test_corpora_of_two_plans_or_with_other_bytes_are_not_merged(tmp_path: Path) -> None:
    make(plan_of(), tmp_path / "a")
    make(plan_of(seed=9), tmp_path / "b")
    with pytest.raises(EcgsynthError, match=r"of two plans \(seed: 3 -> 9\)"):
        es.merge_corpora([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    make(plan_of(), tmp_path / "d")
    entry = tmp_path / "d/entries/r-000000.json"
    entry.write_text(re.sub(r'"sha256": "..', '"sha256": "zz', entry.read_text()))
    with pytest.raises(EcgsynthError, match="r-000000 differs between"):
        es.merge_corpora([tmp_path / "a", tmp_path / "d"], tmp_path / "c")
    two = plan_of({"p": {**SINUS, "count": 1}, "q": {**SINUS, "count": 1}})
    make(two, tmp_path / "e")
    with pytest.raises(EcgsynthError, match="one file holds one part; name it, as in --part p"):
        es.merge_corpora([tmp_path / "e"], tmp_path / "e.npz")
    with pytest.raises(EcgsynthError, match="no part 'z': p, q"):
        es.merge_corpora([tmp_path / "e"], tmp_path / "e.npz", part="z")
    assert not (tmp_path / "e.npz").exists() and not (tmp_path / "c").exists()


# Other places.


def test_a_corpus_lies_wherever_fsspec_reaches(tmp_path: Path) -> None:
    made = make(plan_of(format="wfdb"), tmp_path / "disk")
    there = make(plan_of(format="wfdb"), "memory://bucket/small")
    assert there.checksum == made.checksum
    files = fsspec.filesystem("memory")
    names = {name.removeprefix("/bucket/small/") for name in files.find("/bucket/small")}
    assert names == {*content(tmp_path / "disk")}
    assert es.verify_corpus("memory://bucket/small").problems == []
    files.rm("/bucket/small/entries/r-000001.json")
    assert make(plan_of(format="wfdb"), "memory://bucket/small").new == 1
    es.merge_corpora(["memory://bucket/small"], tmp_path / "back")
    assert content(tmp_path / "back") == content(tmp_path / "disk")
    assert len(es.read(str(es.merge_corpora(["memory://bucket/small"], tmp_path / "x.npz")))) == 5


@pytest.mark.parametrize(
    "problem", [PermissionError("no credentials"), RuntimeError("403"), OSError(28, "quota")]
)
def test_whatever_a_bucket_raises_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise problem

    monkeypatch.setattr(fsspec.filesystem("memory").__class__, "put_file", refuse)
    words = getattr(problem, "strerror", None) or str(problem)
    with pytest.raises(EcgsynthError, match=rf"memory://refused could not be written \({words}\)"):
        make(plan_of(), "memory://refused")


def test_an_unknown_protocol_is_one_sentence() -> None:
    with pytest.raises(EcgsynthError, match="nosuch"):
        make(plan_of(), "nosuch://bucket/x")


# Dask, with a worker within this process.


@pytest.fixture
def cluster() -> Any:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        yield cluster


def test_workers_of_a_scheduler_make_the_same_corpus(tmp_path: Path, cluster: Any) -> None:
    alone, seen = make(plan_of(), tmp_path / "a"), []
    there = make(
        plan_of(), tmp_path / "b", workers=2, scheduler=cluster.scheduler_address,
        advance=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert there.checksum == alone.checksum
    assert seen[0] == (0, 5) and seen[-1] == (5, 5) and len(seen) == 4


def test_a_worker_of_another_version_is_refused(
    tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = iter(["1.0"] * 5)
    monkeypatch.setattr(maker, "_version", lambda _: next(asked, "2.0"))
    with pytest.raises(EcgsynthError, match=r"the worker inproc\S+ is refused.*1\.0 -> 2\.0"):
        make(plan_of(), tmp_path, workers=2, scheduler=cluster.scheduler_address)


def test_a_scheduler_that_goes_away_is_one_sentence(
    tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PATIENCE_S", 1.0)
    with pytest.raises(EcgsynthError, match="the scheduler .* is gone; shards that are made stay"):
        make(
            plan_of(), tmp_path, workers=2, scheduler=cluster.scheduler_address,
            advance=lambda done, _: cluster.close() if done else None,
        )  # fmt: skip
    assert make(plan_of(), tmp_path).missing == 0


def test_a_scheduler_that_is_not_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PATIENCE_S", 0.3)
    for address, sentence in (
        ("tcp://127.0.0.1:9", "no scheduler answers at tcp://127.0.0.1:9"),
        ("slum", "local, slurm or an address"),
        ("nosuch://x:1", "no scheduler answers at nosuch://x:1"),
    ):
        with pytest.raises(EcgsynthError, match=sentence):
            make(plan_of(), tmp_path, workers=2, scheduler=address)


# The command, and what lies beside the shards.


def test_the_command_makes_continues_verifies_and_merges(command: Command) -> None:
    Path("p.yaml").write_text(plan_of().to_yaml())
    some = command("corpus", "p.yaml", "--to", "c/", "--workers", 1, "--shards", "1-2")
    assert (some.code, some.out) == (0, "2 shards made, 1 missing: c\n")
    done = command("corpus", "make", "p.yaml", "--to", "c", "--workers", 1)
    assert done.out.startswith("5 synthetic items in 3 shards: c\nchecksum: ")
    found = command("corpus", "verify", "c")
    assert (found.code, found.out[:40]) == (0, "3 shards are whole: 3 files, 0.0 MB in c"[:40])
    assert command("corpus", "merge", "c", "--to", "all.npz").out == "written: all.npz\n"
    lose(Path("c"))
    found = command("corpus", "verify", "c", "--repair")
    assert found.code == 1 and "r-000001.parquet is missing." in found.out
    changed = command("corpus", "p.yaml", "seed=4", "--to", "c", "--workers", 1)
    assert changed.code == 2 and "seed: 3 -> 4" in changed.err
    assert command("corpus", "p.yaml", "--to", "c", "--shards", "a").code == 2
    shown = command("corpus", "corpus-small", "--dry-run", "parts.beats.count=3")
    assert "would write 4 shards to corpora/corpus-small/" in shown.out


def test_card_and_metadata_state_what_is_there(tmp_path: Path, models: Path) -> None:
    plan = both(models)
    manifest = make(plan, tmp_path).manifest
    card = (tmp_path / "README.md").read_text()
    assert "SYNTHETIC" in card and "| beats | 70 |" in card and manifest["checksum"] in card
    assert CorpusPlan.read(tmp_path / "plan.yaml") == plan
    metadata = json.loads((tmp_path / "croissant.json").read_text())
    files = {
        one["contentUrl"]: one["sha256"] for one in metadata["distribution"] if "sha256" in one
    }
    stated = [entry["files"] for entry in manifest["shards"]]
    assert files == {name: one["sha256"] for some in stated for name, one in some.items()}
    columns = {field["name"] for field in metadata["recordSet"][0]["field"]}
    assert {"label", "MLII", "rr_before_s"} <= columns


def test_mlcroissant_reads_the_metadata_and_the_items(tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    make(plan_of(), tmp_path)
    assert check.croissant_problem((tmp_path / "croissant.json").read_bytes()) == ""
    data = mlcroissant.Dataset(str(tmp_path / "croissant.json"))
    rows = [*data.records("r")]
    assert len(rows) == 5
    whole = concatenate([*items_of(plan_of(), "r", 0, 5)])
    np.testing.assert_array_equal(rows[3]["r/MLII"], whole.signal[3, 0])
    assert "not" in check.croissant_problem(b"{}") or check.croissant_problem(b"{}")
