"""The blind reading kit: nothing gives a strip away, and the page's score is the exact one."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from links import Links
from patience import PATIENCE_S

from ecgsynth.cli import main
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.blind_reading import reading_page
from ecgsynth.evaluation.blind_reading.key import decode_key, encode_key
from ecgsynth.evaluation.blind_reading.scoring import (
    Answers,
    agreement,
    chance,
    interval,
    read_answers,
    read_kit,
    score,
)
from ecgsynth.evaluation.blind_reading.strips import choose_strips
from ecgsynth.formats import write
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.joining import concatenate
from ecgsynth.simulator.records import simulate_beats, simulate_record

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NODE = shutil.which("node")


@pytest.fixture(scope="module")
def sets() -> tuple[Ecg, Ecg]:
    """(synthetic, real): 120 beats each, a class per beat in turn."""
    made = [simulate_beats(120, patients=4, seed=k) for k in (0, 1)]
    turns = one_hot(np.arange(120) % 3, len(made[0].spec.classes))
    made = [replace(ecg, label=turns) for ecg in made]
    return replace(made[0], source="synthetic:test"), replace(made[1], source="mitbih:heldout")


@pytest.fixture(scope="module")
def html(sets: tuple[Ecg, Ecg]) -> str:
    return reading_page(*sets, count=20, seed=3)


@pytest.fixture
def page(html: str, tmp_path: Path) -> Path:
    path = tmp_path / "turing.html"
    path.write_text(html, encoding="utf-8")
    return path


def figures(html: str) -> list[str]:
    return re.findall(r"<figure .*?</figure>", html, re.DOTALL)


def answered(page: Path, seed: int) -> dict[str, Any]:
    """The file of a reader who answers at random."""
    kit, _ = read_kit(page)
    random = np.random.default_rng(seed)
    rows = [
        {"id": item["id"], "answer": str(random.choice(["real", "synthetic"])),
         "confidence": random.choice([1, 2, 3, 4, 5, None])}
        for item in kit["items"]
    ]  # fmt: skip
    return {"kit": kit["kit"], "reader": f"reader {seed}", "answers": rows}


def saved(content: Any, path: Path) -> Path:
    path.write_text(json.dumps(content))
    return path


# What a kit holds.


@pytest.mark.parametrize("count", [6, 20, 40])
def test_every_class_is_half_synthetic_and_half_real(sets: tuple[Ecg, Ecg], count: int) -> None:
    strips = choose_strips(*sets, count, (), 0)
    assert len(strips.ecg) == count == len(set(strips.ids))
    assert sum(strips.synthetic) == count // 2
    for group in set(strips.groups):
        mine = [s for s, g in zip(strips.synthetic, strips.groups, strict=True) if g == group]
        assert sum(mine) * 2 == len(mine)


def test_the_key_says_where_each_strip_came_from(sets: tuple[Ecg, Ecg]) -> None:
    strips = choose_strips(*sets, 30, (), 1)
    known = [{wave.tobytes() for wave in ecg.quantised().signal} for ecg in sets]
    for wave, synthetic in zip(strips.ecg.signal, strips.synthetic, strict=True):
        assert wave.tobytes() in known[0 if synthetic else 1]


def test_classes_can_be_chosen(sets: tuple[Ecg, Ecg]) -> None:
    assert set(choose_strips(*sets, 8, ["V"], 0).groups) == {"V"}


def test_a_class_of_one_side_alone_is_left_out(sets: tuple[Ecg, Ecg]) -> None:
    made = sets[0][sets[0].labels_str != "S"]
    assert set(choose_strips(made, sets[1], 8, (), 0).groups) == {"N", "V"}


def test_same_seed_same_page_and_another_seed_another_order(
    sets: tuple[Ecg, Ecg], html: str
) -> None:
    assert reading_page(*sets, count=20, seed=3) == html
    other = choose_strips(*sets, 20, (), 4)
    assert other.synthetic != choose_strips(*sets, 20, (), 3).synthetic


def test_a_strip_carries_nothing_but_signal_and_class(sets: tuple[Ecg, Ecg]) -> None:
    ecg = choose_strips(*sets, 20, (), 0).ecg
    assert (ecg.patient, ecg.record, ecg.marks, ecg.onset_s, ecg.card) == (None,) * 5
    assert ecg.spec.context == ()
    steps = ecg.signal.astype(np.float64) / 0.005
    assert np.abs(steps - np.round(steps)).max() < 1e-3


def test_the_wider_band_is_cut_to_the_narrower_one(sets: tuple[Ecg, Ecg]) -> None:
    made, real = sets
    hiss = np.random.default_rng(0).normal(0, 0.1, made.signal.shape).astype(np.float32)
    loud = replace(made, signal=made.signal + hiss, spec=replace(made.spec, band=(None, None)))
    narrow = replace(real, spec=replace(real.spec, band=(None, 40.0)))
    strips = choose_strips(loud, narrow, 20, (), 0)
    spectrum = np.abs(np.fft.rfft(strips.ecg.signal[strips.synthetic, 0] * np.hanning(256))) ** 2
    high = np.fft.rfftfreq(256, 1 / 360) > 60
    before = np.abs(np.fft.rfft(loud.signal[:, 0] * np.hanning(256))) ** 2
    assert spectrum[:, high].mean() < 0.01 * before[:, high].mean()


# What the page shows and hides.


def test_the_page_fetches_nothing_and_runs_its_own_script_alone(html: str) -> None:
    found = Links()
    found.feed(html)
    assert not [link for link in found.links if not link.startswith("#")]
    assert not {"link", "iframe", "object", "img"} & set(found.tags)
    assert "@import" not in html
    script = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert len(script) == 1
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in html


def test_no_strip_says_what_it_is(html: str, sets: tuple[Ecg, Ecg]) -> None:
    strips = figures(html)
    assert len(strips) == 20
    for strip in strips:
        assert not re.search(r"synthetic|real|mitbih|simulat|test", strip, re.IGNORECASE)
    numbers = r'(id|style|viewBox|width|height|d|x|y)="[^"]*"|<figcaption>.*?</figcaption>'
    assert len({re.sub(numbers, "", strip.split("<text")[0]) for strip in strips}) == 1


def test_the_key_cannot_be_read_at_a_glance(html: str, page: Path) -> None:
    kit, truth = read_kit(page)
    assert set(kit["items"][0]) == {"id", "group"}
    assert sorted(set(truth.tolist())) == [False, True]
    raw = np.frombuffer(base64.b64decode(kit["key"]), np.uint8)
    assert len(np.unique(raw)) > len(truth) / 2


def test_a_key_opens_to_what_was_sealed() -> None:
    truth = [bool(bit) for bit in np.random.default_rng(0).integers(0, 2, 400)]
    assert decode_key(encode_key(truth, 5)) == truth
    with pytest.raises(EcgsynthError, match="damaged"):
        decode_key("abc")


def test_hostile_names_are_shown_and_not_obeyed(sets: tuple[Ecg, Ecg]) -> None:
    bad = '</script><script>alert(1)</script>"'
    made, real = (
        replace(e, spec=replace(e.spec, classes=(bad, *e.spec.classes[1:]))) for e in sets
    )
    html = reading_page(replace(made, source=f"synthetic:{bad}"), real, count=12)
    assert html.count("<script") == html.count("</script>") == 2
    assert "&lt;script&gt;" in html


def test_strips_of_two_leads_are_drawn_lead_by_lead(sets: tuple[Ecg, Ecg]) -> None:
    def both(ecg: Ecg) -> Ecg:
        spec = replace(ecg.spec, leads=("II", "V1"))
        return replace(ecg, signal=np.repeat(ecg.signal, 2, 1), spec=spec)

    strips = figures(reading_page(both(sets[0]), both(sets[1]), count=6))
    assert all(strip.count("<svg") == 2 and ">V1</text>" in strip for strip in strips)


def test_twelve_leads_become_the_clinical_sheet_without_marks() -> None:
    made = [
        concatenate([simulate_record(10.0, 100.0, seed=10 * side + k) for k in range(2)])
        for side in (0, 1)
    ]
    made[0] = replace(made[0], source="synthetic:test", marks=None)
    html = reading_page(made[0], replace(made[1], source="mitbih:heldout"), count=4)
    strips = figures(html)
    assert all(">aVR</text>" in strip and 'width="297mm"' in strip for strip in strips)
    assert not any(re.search(r"SYNTHETIC|>N</text>", strip) for strip in strips)
    names = re.findall(r' id="([^"]+)"', "".join(strips))
    assert len(names) == len(set(names))


def test_unlabelled_items_are_one_group(sets: tuple[Ecg, Ecg]) -> None:
    made, real = (replace(e, spec=replace(e.spec, classes=()), label=None) for e in sets)
    html = reading_page(made, real, count=10)
    assert html.count("<figcaption></figcaption>") == 10


# What is refused.


@pytest.mark.parametrize("count", [0, -2, 7, 402, 10**9])
def test_a_count_that_is_odd_or_out_of_range_is_refused(sets: tuple[Ecg, Ecg], count: int) -> None:
    with pytest.raises(EcgsynthError, match="an even number of strips, 2 to 400"):
        reading_page(*sets, count=count)


def test_too_few_items_are_named_with_their_side_and_class(sets: tuple[Ecg, Ecg]) -> None:
    with pytest.raises(EcgsynthError, match="real set has 5 items of class N, but 40 .* 7"):
        reading_page(sets[0], sets[1][:15], count=40)
    with pytest.raises(EcgsynthError, match="4 strips are too few for 3 classes.*at least 6"):
        reading_page(*sets, count=4)


def test_a_class_that_one_side_lacks_is_named(sets: tuple[Ecg, Ecg]) -> None:
    with pytest.raises(EcgsynthError, match="synthetic set has no items of class 'F'; it has N, S"):
        reading_page(*sets, count=4, classes=["F"])
    alone = [sets[0].of_class("N"), sets[1].of_class("V")]
    with pytest.raises(EcgsynthError, match="no class has items in both"):
        reading_page(*alone, count=4)


@pytest.mark.parametrize("source", ["our-clinic:2024", "unknown", "folder:all"])
def test_real_strips_of_a_private_source_need_a_word(sets: tuple[Ecg, Ecg], source: str) -> None:
    private = replace(sets[1], source=source)
    with pytest.raises(EcgsynthError, match="not registered as a public source.*--show-real"):
        reading_page(sets[0], private, count=6)
    assert len(figures(reading_page(sets[0], private, count=6, show_real=True))) == 6


def test_nothing_goes_under_a_false_name(sets: tuple[Ecg, Ecg]) -> None:
    made, real = sets
    with pytest.raises(EcgsynthError, match="given as real is synthetic"):
        reading_page(made, made, count=6)
    for source in ("mitbih:train", "folder:all", "synthetic:mixed"):
        with pytest.raises(EcgsynthError, match="given as synthetic contains real items"):
            reading_page(replace(real, source=source), real, count=6, show_real=True)


def test_sets_of_other_length_are_refused(sets: tuple[Ecg, Ecg]) -> None:
    short = replace(sets[0], signal=sets[0].signal[..., :200],
                    spec=replace(sets[0].spec, samples=200))  # fmt: skip
    with pytest.raises(EcgsynthError, match="differ in length"):
        reading_page(short, sets[1], count=6)


# What answers are worth.


@pytest.mark.parametrize("total", [1, 5, 20, 400])
def test_the_exact_interval_is_that_of_the_beta_distribution(total: int) -> None:
    from scipy.stats import beta

    for hits in {0, 1, total // 2, total}:
        low = beta.ppf(0.025, hits, total - hits + 1) if hits else 0.0
        high = beta.ppf(0.975, hits + 1, total - hits) if hits < total else 1.0
        assert interval(hits, total) == pytest.approx((low, high), abs=1e-9)


def test_chance_is_even_at_half_and_small_at_the_ends() -> None:
    assert chance(20, 40) == 1.0
    assert chance(0, 40) == chance(40, 40) == pytest.approx(2 * 0.5**40)


def reader(synthetic: Any, confidence: int = 3) -> Answers:
    said = np.asarray(synthetic, bool)
    return Answers("R", said, np.full(len(said), confidence))


def test_a_reader_who_sees_all_a_blind_one_and_one_who_sees_it_upside_down(page: Path) -> None:
    kit, truth = read_kit(page)
    best, same, worst = (
        score(kit, truth, [reader(said)])[-1] for said in (truth, np.zeros(20), ~truth)
    )
    assert (best.sensitivity.hits, best.specificity.hits, best.auc) == (10, 10, 1.0)
    assert (same.sensitivity.hits, same.specificity.hits, same.auc, same.p) == (0, 10, 0.5, 1.0)
    assert (worst.accuracy.hits, worst.auc) == (0, 0.0)
    assert best.p == worst.p < 1e-5


def test_rows_of_classes_add_up_to_all(page: Path, tmp_path: Path) -> None:
    kit, truth = read_kit(page)
    answers = read_answers(saved(answered(page, 1), tmp_path / "a.json"), kit)
    *classes, everything = score(kit, truth, [answers])
    assert [row.group for row in classes] == ["N", "S", "V"]
    assert sum(row.accuracy.hits for row in classes) == everything.accuracy.hits
    assert everything.accuracy.hits == (answers.synthetic == truth).sum()


def test_confidence_moves_the_auc_and_nothing_else(page: Path) -> None:
    kit, truth = read_kit(page)
    said = truth.copy()
    said[:4] = ~said[:4]
    sure = Answers("R", said, np.where(said == truth, 5, 1))
    plain, knows = (score(kit, truth, [a])[-1] for a in (reader(said), sure))
    assert knows.auc > plain.auc
    assert knows.accuracy == plain.accuracy


def test_several_readers_are_pooled_and_their_agreement_is_told(page: Path) -> None:
    kit, truth = read_kit(page)
    one, other = reader(truth), reader(~truth)
    assert score(kit, truth, [one, other])[-1].accuracy.hits == 20
    assert score(kit, truth, [one, other])[-1].accuracy.total == 40
    assert agreement([one, one]) == 1.0
    assert agreement([one, other]) == -1.0
    assert agreement([one, one, other]) == pytest.approx(-1 / 3)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kit": "0"}, "answers the kit 0"),
        ({"answers": []}, "no complete answer"),
        ({"answers": 3}, "contains no answers"),
        ({"answers": ["x"]}, "contains no answers"),
    ],
)
def test_answers_that_do_not_fit_are_refused(
    page: Path, tmp_path: Path, change: dict[str, Any], problem: str
) -> None:
    path = saved(answered(page, 0) | change, tmp_path / "a.json")
    with pytest.raises(EcgsynthError, match=problem):
        read_answers(path, read_kit(page)[0])


def test_who_reads_again_knows_the_truth_and_the_score_says_so(page: Path, tmp_path: Path) -> None:
    path = saved(answered(page, 0) | {"round": 2}, tmp_path / "a.json")
    assert read_answers(path, read_kit(page)[0]).reader == "reader 0 (solution known)"


def test_odd_words_and_confidences_are_refused(page: Path, tmp_path: Path) -> None:
    for odd in ({"answer": "maybe"}, {"confidence": 6}, {"confidence": "5"}):
        content = answered(page, 0)
        content["answers"][7] |= odd
        with pytest.raises(EcgsynthError, match="no complete answer"):
            read_answers(saved(content, tmp_path / "a.json"), read_kit(page)[0])


def test_a_page_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<p>hello</p>")
    with pytest.raises(EcgsynthError, match="contains no blind reading kit"):
        read_kit(tmp_path / "a.html")
    with pytest.raises(EcgsynthError, match="could not be read"):
        read_kit(tmp_path / "none.html")


# The page at work.


def rows_of(page: Path, answers: Path) -> list[dict[str, Any]]:
    """Python's scores in the words of the page."""
    kit, truth = read_kit(page)

    def told(share: Any) -> dict[str, Any]:
        return {"hits": share.hits, "total": share.total,
                "low": pytest.approx(share.low, abs=1e-6),
                "high": pytest.approx(share.high, abs=1e-6)}  # fmt: skip

    return [
        {"group": s.group, "sensitivity": told(s.sensitivity), "specificity": told(s.specificity),
         "accuracy": told(s.accuracy), "p": pytest.approx(s.p, rel=1e-4),
         "auc": pytest.approx(s.auc)}
        for s in score(kit, truth, [read_answers(answers, kit)])
    ]  # fmt: skip


@pytest.mark.skipif(NODE is None, reason="no node to run the page's functions")
@pytest.mark.parametrize("seed", range(3))
def test_the_pages_score_is_pythons(page: Path, tmp_path: Path, seed: int) -> None:
    assert NODE is not None
    content = answered(page, seed)
    functions = (files("ecgsynth.evaluation.blind_reading") / "statistics.js").read_text()
    kit = json.dumps(read_kit(page)[0])
    code = (
        f"{functions}\nconsole.log(JSON.stringify(scored({kit}, {json.dumps(content['answers'])})))"
    )
    done = subprocess.run([NODE, "-"], input=code, capture_output=True, text=True, check=True,
                          timeout=PATIENCE_S)  # fmt: skip
    assert json.loads(done.stdout) == rows_of(page, saved(content, tmp_path / "a.json"))


def browse(page: Path, script: str, profile: Path) -> str:
    """The text that a script leaves in the page, run in Chromium after the page's own."""
    assert CHROMIUM is not None
    html = re.sub(r"<meta http-equiv[^>]*>", "", page.read_text(encoding="utf-8"))
    probe = page.with_name("probe.html")
    probe.write_text(html.replace(
        "</body>", f"<pre id='told'></pre><script>{{ {script} }}</script></body>"
    ), encoding="utf-8")  # fmt: skip
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
         "--dump-dom", probe.as_uri()],
        capture_output=True, text=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told, done.stderr[-500:]
    return told[1]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium to read the page with")
def test_a_reading_by_keyboard_is_kept_mended_and_scored(page: Path, tmp_path: Path) -> None:
    press = """
    const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", { key }));
    const tell = (x) => { document.getElementById("told").textContent = JSON.stringify(x); };
    """
    shown = "[...document.querySelectorAll('figure')].filter((f) => f.checkVisibility()).length"
    first = browse(page, press + """
        press("r");  // nothing is open yet
        document.getElementById("reader").value = "A. B.";
        document.getElementById("begin").click();
        for (const key of ["4", "r", "s", "s", "u"]) press(key);
        document.dispatchEvent(new KeyboardEvent("keydown", {key: "r", repeat: true}));
        tell([state.answers, document.getElementById("where").textContent, """ + shown + "]);",
        tmp_path / "profile")  # fmt: skip
    assert json.loads(first) == [
        [{"answer": "real", "confidence": 4}, {"answer": "synthetic", "confidence": None}],
        "Strip 3 of 20", 1,
    ]  # fmt: skip
    second = browse(page, press + """
        const resumed = state.answers.length, hidden = (id) => document.getElementById(id).hidden;
        while (state.answers.length < 20) {
          press(String(1 + state.answers.length % 5)); press(state.answers.length % 3 ? "s" : "r");
        }
        const before = [hidden("reading"), hidden("done"), hidden("result")];
        document.getElementById("reveal").click();
        document.getElementById("undo-last").click();  // too late
        tell({ resumed, before, after: hidden("result"),
               rows: scored(kit, state.answers), file: JSON.parse(asJson()), csv: asCsv(),
               words: document.getElementById("words").textContent, shown: """ + shown + "});",
        tmp_path / "profile")  # fmt: skip
    told = json.loads(second.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert told["resumed"] == 2
    assert told["before"] == [True, False, True]
    assert told["after"] is False
    assert told["file"]["reader"] == "A. B."
    assert told["shown"] == 20
    expected = rows_of(page, saved(told["file"], tmp_path / "a.json"))
    assert told["rows"] == expected
    assert told["words"].startswith(f"A. B.: {expected[-1]['accuracy']['hits']} of 20 strips")
    truth = [line.split(",")[5] for line in told["csv"].splitlines()[1:]]
    assert truth == [f'"{"synthetic" if made else "real"}"' for made in read_kit(page)[1]]


# The command.


def command(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["ecgsynth", "turing", *(str(word) for word in words)])
    monkeypatch.setenv("COLUMNS", "300")
    try:
        main.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_command_makes_a_kit_and_scores_its_readers(
    sets: tuple[Ecg, Ecg], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    paths = [write(ecg, tmp_path / f"{name}.npz") for ecg, name in zip(sets, "ab", strict=True)]
    page = tmp_path / "kit.html"
    words = [paths[0], "--against", paths[1], "--count", 12, "--show-real", "--to", page]
    assert command(monkeypatch, *words) == 0
    assert "12 strips, half of them real" in capsys.readouterr().out
    files_ = [saved(answered(page, k), tmp_path / f"{k}.json") for k in (1, 2)]
    assert command(monkeypatch, page, "--score", files_[0], "--score", files_[1]) == 0
    out = capsys.readouterr().out
    assert "reader 1" in out and "reader 2" in out and "all 2" in out
    assert "Cohen's kappa" in out
    assert command(monkeypatch, page, "--score", files_[0], "--score", files_[0]) == 2


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["a.npz", "--count", "7"], "even number of strips"),
        (["a.npz", "--to", "kit.pdf"], "ends in .html"),
        (["a.npz", "--seed", "-1"], "seed"),
        (["none.npz"], "no file or folder none.npz"),
        (["a.npz", "--against", "none"], "no data set named 'none'"),
        (["a.npz", "--against", "a.npz"], "given as real is synthetic"),
        (["a.npz", "--score", "b.json"], "a.npz"),
    ],
)
def test_a_slip_is_one_sentence_and_leaves_no_page(
    sets: tuple[Ecg, Ecg], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], words: list[str], problem: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    write(sets[0], "a.npz")
    assert command(monkeypatch, *words) == 2
    err = capsys.readouterr().err
    assert problem in err.splitlines()[-1]
    assert "Traceback" not in err
    assert {path.name for path in tmp_path.iterdir()} == {"a.npz"}


@pytest.mark.data
def test_the_shipped_model_is_read_against_its_own_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "kit.html"
    assert command(monkeypatch, "mitbih-beats", "--count", 16, "--to", page) == 0
    kit, truth = read_kit(page)
    assert kit["groups"] == ["N", "S", "V", "F"]
    assert truth.sum() == 8
    assert page.stat().st_size < 300_000
