"""Nothing that is there already is lost: one rule for every command that writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from outcome import Command
from tiny import tiny_run, tiny_synthesizer

from ecgsynth.cli.targets import check_targets
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import read, write
from ecgsynth.signals.ecg import Ecg

PRECIOUS = "hours of work of somebody else"
SAYS = ("would be overwritten; add --force", "choose a new or an empty", "not from ecgsynth")


@pytest.fixture(scope="module")
def at_hand(simulated_beats: Ecg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, a set and a plan, as commands take them."""
    folder = tmp_path_factory.mktemp("at-hand")
    tiny_synthesizer(simulated_beats).save(folder / "tiny.safetensors")
    write(simulated_beats[:40], folder / "beats.npz")
    (folder / "plan.yaml").write_text(
        f"data: {{file: '{folder / 'beats.npz'}'}}\n"
        f"classes: {{N: {{model: '{folder / 'tiny.safetensors'}', count: 5}}}}\n"
        "gate: {enabled: false}\n"
    )
    (folder / "run.yaml").write_text(tiny_run().to_yaml())
    return folder


EVERY = [
    ("generate {0}/tiny.safetensors --count 3 --to {1}", "out.npz", "out.npz"),
    ("generate {0}/tiny.safetensors --count 3 --to {1}", "out.csv", "out.csv"),
    ("generate {0}/tiny.safetensors --count 3 --to {1}/", "records", "records/RECORDS"),
    ("data save simulated:train beats=40 --to {1}", "out.npz", "out.npz"),
    ("data build simulated beats=40 --splits test --to {1}", "", "simulated_test.npz"),
    ("evaluate {0}/beats.npz --against {0}/beats.npz --to {1}", "r.html", "r.html"),
    ("evaluate {0}/beats.npz --against {0}/beats.npz --to {1}", "r.html", "r.json"),
    ("augment {0}/plan.yaml --to {1}", "a.npz", "a.npz"),
    ("augment {0}/plan.yaml --to {1}", "a.npz", "a.npz.manifest.json"),
    ("classify train {0}/beats.npz --steps 1 --to {1}", "c.safetensors", "c.safetensors"),
    ("classify test c.safetensors --on {0}/beats.npz --json {1}", "c.json", "c.json"),
    ("plot {0}/beats.npz --to {1}", "p.svg", "p.svg"),
    ("join {0}/tiny.safetensors {0}/tiny.safetensors --to {1}", "j.safetensors", "j.safetensors"),
    ("transplant {0}/tiny.safetensors --to {1}", "t.safetensors", "t.safetensors"),
    ("turing {0}/beats.npz --against {0}/beats.npz --count 8 --to {1}", "t.html", "t.html"),
    ("demo --to {1}", "demo", "demo/report.json"),
    ("train {0}/run.yaml --to {1}", "run", "run/card.json"),
    ("tune vanilla-mitbih --to {1}", "study", "study/best.yaml"),
]


@pytest.mark.parametrize(("words", "to", "precious"), EVERY)
def test_command_loses_nothing_that_is_there(
    command: Command, at_hand: Path, tmp_path: Path, words: str, to: str, precious: str
) -> None:
    there = tmp_path / precious
    there.parent.mkdir(exist_ok=True, parents=True)
    there.write_text(PRECIOUS)
    done = command(*words.format(at_hand, tmp_path / to).split())
    assert done.code == 2
    assert any(words in done.err for words in SAYS)
    assert there.read_text() == PRECIOUS
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == [there]


@pytest.mark.parametrize(
    ("words", "to"),
    [(words, to) for words, to, _ in EVERY if words.startswith(("generate", "data", "plot"))],
)
def test_force_replaces_what_ecgsynth_wrote(
    command: Command, at_hand: Path, tmp_path: Path, words: str, to: str
) -> None:
    asked = words.format(at_hand, tmp_path / to).split()
    assert command(*asked).code == 0
    before = sorted(tmp_path.rglob("*"))
    assert command(*asked).code == 2
    again = command(*asked, "--force")
    assert again.code == 0, again.err
    assert sorted(tmp_path.rglob("*")) == before


def test_force_replaces_a_link_and_never_what_it_points_to(
    command: Command, at_hand: Path, tmp_path: Path
) -> None:
    precious, link = tmp_path / "precious.npz", tmp_path / "link.npz"
    precious.write_text(PRECIOUS)
    link.symlink_to(precious)
    words = ("generate", at_hand / "tiny.safetensors", "--count", 3, "--to", link)
    assert command(*words).code == 2
    assert command(*words, "--force").code == 0
    assert precious.read_text() == PRECIOUS
    assert len(read(link)) == 3


def test_link_to_nothing_is_there_too(tmp_path: Path) -> None:
    (tmp_path / "link.npz").symlink_to(tmp_path / "disk-that-is-away" / "set.npz")
    with pytest.raises(EcgsynthError, match="would be overwritten"):
        check_targets(tmp_path / "link.npz")


def test_force_takes_no_file_of_others_out_of_a_folder(
    command: Command, at_hand: Path, tmp_path: Path
) -> None:
    words = ("generate", at_hand / "tiny.safetensors", "--to", "records/", "--force", "--count")
    assert command(*words, 1200).code == 0
    notes = [tmp_path / "records" / name for name in ("ecg_000002.qrs", "notes.txt")]
    for note in notes:
        note.write_text(PRECIOUS)
    assert command(*words, 20).code == 0
    assert [note.read_text() for note in notes] == [PRECIOUS] * 2
    assert len(read(tmp_path / "records")) == 20
    assert not (tmp_path / "records" / "ecg_000002.dat").exists()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "RECORDS").write_text(PRECIOUS)
    theirs = command("generate", at_hand / "tiny.safetensors", "--to", "theirs/", "--force")
    assert theirs.code == 2
    assert (tmp_path / "theirs" / "RECORDS").read_text() == PRECIOUS


def test_empty_folder_and_one_with_hidden_files_are_free(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "kept" / ".git").mkdir(parents=True)
    check_targets(tmp_path / "empty", tmp_path / "kept")


def test_what_is_neither_file_nor_folder_is_refused_even_with_force() -> None:
    with pytest.raises(EcgsynthError, match="neither a file nor a folder"):
        check_targets("/dev/null", force=True)


@pytest.mark.parametrize("failing", ["page", "table"])
def test_report_that_fails_half_way_leaves_the_older_one(
    simulated_beats: Ecg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    import ecgsynth as es

    report = es.evaluate(simulated_beats[:100], simulated_beats[100:], metrics=["smoothness"])
    report.save(tmp_path / "r.html")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    real, ending = Path.write_text, {"page": ".html", "table": ".json"}[failing]

    def full(self: Path, *given: object, **more: object) -> int:
        if ending in self.name:
            raise OSError(28, "No space left on device")
        return real(self, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(EcgsynthError, match="No space left"):
        report.save(tmp_path / "r.html")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
