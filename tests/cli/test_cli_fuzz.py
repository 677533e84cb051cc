"""Whatever is typed, a command ends in a sentence: no traceback, no fault, no steered terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outcome import Outcome
from tiny import tiny_run, tiny_synthesizer

from ecgsynth.cli import main
from ecgsynth.formats import write
from ecgsynth.signals.ecg import Ecg

CODES = {0, 1, 2, 130}

EXAMPLES = 12
"""Of each command; all of them take half a minute."""

ODD = [
    "", " ", "-", "--", "=", "x", "N", "0", "1", "-1", "1.5", "1e400", "nan", "inf", "1/360",
    "9" * 30, "9" * 5000, "true", "null", "[", "[1,", "{a: 1}", "[[1, 2], 3]", "2024-13-45", "\t",
    "a\nb", "\x1b[31mred", "\x07", "\u202eevil", "\udc80", "٣", "é" * 40, "a" * 300, "a/" * 2000,
    "../..", "/", ".", "~", "~nobody-here", "/dev/null", "/dev/full", "/proc/self/mem",
    "postgresql://u:hunter2@h/x", ":", "mitbih:", "mitbih:heldout", "heartbeat_csv:train",
    "simulated", "simulated:test", "simulated:nosuch", "folder", "folder:all", "models:/x@y",
    "tiny.safetensors", "garbage.safetensors", "beats.npz", "empty.npz", "flat.npz", "nan.npz",
    "garbage.npz", "garbage.csv", "header.csv", "folder.npz", "beats.npz/x", "records", "records/",
    "plan.yaml", "run.yaml", "garbage.yaml", "new/deep/x.npz", "x.csv", "x.svg", "x.html", "x.json",
    "x.safetensors", "x.parquet", "x/",
]  # fmt: skip
"""Words of users, of files at hand (see `at_hand`), and of those who mean harm."""

KEYS = [
    "", "fs", "beats", "patients", "classes", "window", "band", "leads", "path", "kind", "data",
    "data.path", "model", "model.width", "training.examples", "training.batch", "seed", "name",
    "split", "a.b.c", "classes.N.times", "noise", "most_items", "jobs", "label_map", "samples",
]  # fmt: skip

words = st.sampled_from(ODD) | st.text(max_size=8).filter(lambda text: "\0" not in text)
pairs = st.builds(lambda key, value: f"{key}={value}", st.sampled_from(KEYS), words)


def option(name: str, values: st.SearchStrategy[str] = words) -> st.SearchStrategy[list[str]]:
    return st.lists(values, max_size=1).map(lambda found: [x for one in found for x in (name, one)])


def flag(name: str) -> st.SearchStrategy[list[str]]:
    return st.sampled_from([[], [name]])


def line(*parts: str | st.SearchStrategy) -> st.SearchStrategy[list[str]]:
    """A command line of fixed words, of single words and of lists of words."""

    def flat(found: tuple) -> list[str]:
        return [x for one in found for x in ([one] if isinstance(one, str) else one)]

    return st.tuples(*(st.just(p) if isinstance(p, str) else p for p in parts)).map(flat)


few = st.sampled_from(["1", "5"]) | words.filter(lambda text: not text.isdigit())
some = st.lists(words, max_size=2)
settled = st.lists(pairs, max_size=2)
force, to = flag("--force"), option("--to")
LINES = {
    "list": line("list", words),
    "fetch": line("data", "fetch", st.sampled_from(["mitbih", "ludb"]) | words, "--from", words),
    "check": line("data", "check", st.sampled_from(["simulated", "folder"]) | words, settled),
    "save": line("data", "save", words, "--to", words, settled, force),
    "build": line(
        "data", "build", st.sampled_from(["simulated", "folder"]), "--to", words,
        option("--window"), option("--splits"), settled,
    ),
    "train": line(
        "train", "--dry-run", st.sampled_from(["run.yaml", "mitbih-beats"]) | words, settled, to,
        option("--steps"), flag("--quick"), flag("--resume"),
    ),
    "watch": line("watch", "--once", some),
    "versions": line(
        "versions", st.sampled_from(["list", "promote", "compare", "rollback"]), words
    ),
    "join": line("join", some, "--to", words, force),
    "transplant": line("transplant", words, "--to", words, force),
    "generate": line(
        "generate", st.just("tiny.safetensors") | words, option("--label"), to, force,
        option("--count", few), option("--seed"), option("--context", pairs),
    ),
    "augment": line(
        "augment", st.just("plan.yaml") | words, settled, to, option("--from"), force
    ),
    "evaluate": line(
        "evaluate", words, "--against", words, option("--train"), to, force, "--quick",
        "--metrics", st.just("smoothness") | words, option("--seed"),
    ),
    "learn": line(
        "classify", "train", words, "--to", words, "--steps", "1", option("--arm"), settled,
        option("--validation"), flag("--one-class"), force,
    ),
    "test": line("classify", "test", words, "--on", words, option("--json"), force),
    "turing": line(
        "turing", words, "--against", words, option("--count", few), option("--label"), to, force,
        option("--score"), option("--seed"),
    ),
    "plot": line(
        "plot", words, to, option("--item"), option("--title"), force, option("--layout"),
        option("--speed"), option("--seconds"), option("--annotations"), flag("--measure"),
    ),
    "rhythm": line(
        "rhythm", st.sampled_from(["sinus 5 s", "af; vt 3 s"]) | words, option("--hours"), to,
        option("--seed"), option("--replay"), option("--plot"), flag("--list"), force,
    ),
    "record": line(
        "record", st.sampled_from(["sinus 5 s", "af; vt 3 s"]) | words, option("--hours"), to,
        option("--seed"), option("--replay"), option("--leads"), option("--fs"), option("--model"),
        flag("--no-waves"), force,
    ),
    "stream": line(
        "stream", st.sampled_from(["sinus", "af; vt 3 s"]) | words, "--hours", "0.002", "--speed",
        "max", option("--seed"), option("--replay"), option("--leads"), option("--fs"),
        option("--model"), option("--piece"), option("--snr"), option("--noise"),
    ),
    "serve": line(
        "serve", settled, option("--host"), option("--port"), option("--jobs-db"),
        option("--model-dir"), option("--workers"),
    ),
    "anything": st.lists(words, max_size=4),
}  # fmt: skip


@pytest.fixture(scope="module")
def at_hand(simulated_beats: Ecg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files, sound and odd, under the names that `ODD` has."""
    folder = tmp_path_factory.mktemp("odd")
    tiny_synthesizer(simulated_beats).save(folder / "tiny.safetensors")
    write(simulated_beats[:40], folder / "beats.npz")
    write(simulated_beats[:40], folder / "records", format="wfdb")
    facts = {"fs": 360, "leads": ["MLII"]}
    np.savez(folder / "empty.npz", data=np.zeros((0, 1, 256), np.float32), **facts)
    np.savez(folder / "flat.npz", data=np.zeros((12, 1, 256), np.float32), **facts)
    np.savez(folder / "nan.npz", data=np.full((12, 1, 256), np.nan, np.float32), **facts)
    for name in ("garbage.npz", "garbage.safetensors", "garbage.csv", "garbage.yaml"):
        (folder / name).write_bytes(bytes(range(256)) * 4)
    (folder / "header.csv").write_text("label,s0,s1,s2\n")
    (folder / "folder.npz").mkdir()
    (folder / "run.yaml").write_text(tiny_run(1).to_yaml())
    (folder / "plan.yaml").write_text(
        "data: {file: beats.npz}\nclasses: {N: {model: tiny.safetensors, count: 2}}\n"
        "gate: {enabled: false}\n"
    )
    return folder


@pytest.fixture(scope="module")
def typed(at_hand: Path) -> Iterator[Callable[[list[str]], int]]:
    """Run a command line in that folder; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(at_hand)
        patch.setenv("HOME", str(at_hand))
        patch.setenv("XDG_CACHE_HOME", str(at_hand))
        patch.setenv("ECGSYNTH_TRACKING_URI", "postgresql://me:hunter2@host/x")
        patch.setattr("uvicorn.run", lambda *_, **__: None)

        def run(found: list[str]) -> int:
            patch.setattr(sys, "argv", ["ecgsynth", *found])
            try:
                main.main()
            except SystemExit as end:
                return end.code if isinstance(end.code, int) else int(bool(end.code))
            return 0

        yield run


@pytest.mark.parametrize("name", LINES)
def test_whatever_is_typed_ends_in_a_sentence(
    name: str, typed: Callable[[list[str]], int], capfd: pytest.CaptureFixture[str]
) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        suppress_health_check=[*HealthCheck],
    )  # fmt: skip
    @given(LINES[name])
    def check(found: list[str]) -> None:
        capfd.readouterr()
        code = typed(found)
        out, err = capfd.readouterr()
        done = Outcome(code, out, err)
        assert done.code in CODES, (found, done)
        assert "Traceback" not in out + err, (found, done)
        assert "hunter2" not in out, (found, done)
        if code == 2 and "Usage:" not in err:
            last = err.strip("\n").splitlines()[-1]
            assert last.startswith("ecgsynth: ") and last.isprintable(), (found, done)

    check()
