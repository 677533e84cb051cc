"""Scoring of files and folders: what is read, what is refused, what is written."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from beat_notes import notes, write_header, write_notes
from typer.testing import CliRunner

import ecgsynth as es
from ecgsynth.cli.main import app
from ecgsynth.datasets.store import find_folder
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.wfdb.annotations import read_annotations
from ecgsynth.scoring.rules import N, V
from ecgsynth.scoring.runs import GROUPS
from ecgsynth.scoring.sums import report_lines

BEATS = "N1000 V2000 N3000 S4000 N5000"


def folder_of(path: Path, annotator: str, **records: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, text in records.items():
        write_notes(path / f"{name}.{annotator}", notes(text))
        write_header(path, name)
    return path


def qrs(result: es.Performance) -> tuple[float, float]:
    figures = result.figures["QRS"]
    return figures["sensitivity"]["gross"], figures["predictivity"]["gross"]


def test_a_file_against_itself_is_perfect(tmp_path: Path) -> None:
    folder_of(tmp_path, "atr", a=BEATS)
    result = es.score(tmp_path / "a.atr", tmp_path / "a.atr", start_s=0)
    assert qrs(result) == (1, 1)
    assert result.figures["VEB"]["counts"] == {"TP": 1, "FN": 0, "FP": 0, "TN": 4}
    assert result.figures["RR"]["error_ms"]["average"] == 0


@pytest.mark.parametrize("kind", ["annotations", "samples", "mapping", "recording"])
def test_objects_of_python_are_scored(kind: str) -> None:
    truth = notes("N1000 N2000 N3000")
    test = {
        "annotations": truth,
        "samples": [1000, 2000, 3000],
        "mapping": {"a": truth},
        "recording": es.Recording(np.zeros((1, 5000), np.float32), 1000, ("II",), truth, name="a"),
    }[kind]
    ref = {"a": truth} if kind == "mapping" else truth
    assert qrs(es.score(test, ref, fs=1000, start_s=0)) == (1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "sample,label\n1000,N\n2000,V\n3000,N\n4000,S\n5000,N\n",
        "# a comment\ntime_s,label\n1.0,N\n2.0004,V\n2.9996,N\n4,S\n5,N\n",
        "record,sample,time_s,label,p_N\na,1000,9,N,1\na,2000,9,V,0\na,3000,9,N,1\na,4000,9,S,0\n"
        "a,5000,9,N,1\n",
    ],
)
def test_tables_of_beats_are_scored(tmp_path: Path, text: str) -> None:
    folder_of(tmp_path, "atr", a=BEATS)
    (tmp_path / "beats.csv").write_text(text)
    result = es.score(tmp_path / "beats.csv", tmp_path / "a.atr", start_s=0)
    assert qrs(result) == (1, 1)
    assert result.figures["SVEB"]["sensitivity"]["gross"] == 1


def test_a_table_without_labels_has_normal_beats(tmp_path: Path) -> None:
    folder_of(tmp_path, "atr", a=BEATS)
    (tmp_path / "beats.csv").write_text("sample\n1000\n2000\n3000\n4000\n5000\n")
    result = es.score(tmp_path / "beats.csv", tmp_path / "a.atr", start_s=0)
    assert qrs(result) == (1, 1)
    assert result.figures["VEB"]["sensitivity"]["gross"] == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("label\nN\n", "no column 'sample' or 'time_s'"),
        ("sample\nten\n", "line 2: 'ten' is no sample"),
        ("time_s\n1\nnan\n", "line 3: 'nan' is no time_s"),
        ("sample\n1e30\n", "'1e30' is no sample"),
        ("", "no column"),
        ("\0\xff", "no column"),
    ],
)
def test_a_table_that_holds_no_beats_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    folder_of(tmp_path, "atr", a=BEATS)
    (tmp_path / "beats.csv").write_text(text)
    with pytest.raises(EcgsynthError, match=reason):
        es.score(tmp_path / "beats.csv", tmp_path / "a.atr", start_s=0)


def test_a_file_with_a_resolution_of_its_own_is_scored_at_the_rate_of_the_record(
    tmp_path: Path,
) -> None:
    folder_of(tmp_path, "atr", a="N1000 N2000 N3000")
    write_notes(tmp_path / "a.tst", notes("N250 N500 N750"), resolution=250)
    result = es.score(tmp_path / "a.tst", tmp_path / "a.atr", start_s=0)
    assert qrs(result) == (1, 1)
    assert result.figures["RR"]["error_ms"]["average"] == 0


def test_without_a_header_the_rate_is_stated_or_asked_for(tmp_path: Path) -> None:
    write_notes(tmp_path / "a.atr", notes(BEATS))
    with pytest.raises(EcgsynthError, match="rate of a is not known.*--fs 360"):
        es.score(tmp_path / "a.atr", tmp_path / "a.atr", start_s=0)
    assert qrs(es.score(tmp_path / "a.atr", tmp_path / "a.atr", fs=1000, start_s=0)) == (1, 1)
    write_notes(tmp_path / "a.atr", notes(BEATS), resolution=1000)
    assert qrs(es.score(tmp_path / "a.atr", tmp_path / "a.atr", start_s=0)) == (1, 1)


def test_other_codes_and_waves_are_no_beats(tmp_path: Path) -> None:
    folder_of(tmp_path, "atr", a="N1000 (1900 N2000 t2200 |2500 s2600 +{(N}2700 N3000")
    write_notes(tmp_path / "a.tst", notes("p900 N1000 N2000 u2300 x2400 N3000"))
    assert qrs(es.score(tmp_path / "a.tst", tmp_path / "a.atr", start_s=0)) == (1, 1)


@pytest.mark.parametrize("quirks", [True, False])
@pytest.mark.parametrize("text", ["", "~{-1}1000", "[500", "]500 ]600", "+{(AFIB}10 [20 ~{-1}30"])
def test_a_test_file_without_beats_misses_all(tmp_path: Path, text: str, quirks: bool) -> None:
    folder_of(tmp_path, "atr", a=BEATS)
    write_notes(tmp_path / "a.tst", notes(text))
    result = es.score(tmp_path / "a.tst", tmp_path / "a.atr", start_s=0, quirks=quirks)
    assert qrs(result) == (0, None)
    back = es.score(tmp_path / "a.atr", tmp_path / "a.tst", start_s=0, quirks=quirks)
    assert qrs(back)[0] is None


def test_beats_past_the_end_are_not_counted(tmp_path: Path) -> None:
    folder_of(tmp_path, "atr", a="N1000 N2000")
    write_notes(tmp_path / "a.tst", notes("N1000 N2000 N150000 N200000"))
    assert qrs(es.score(tmp_path / "a.tst", tmp_path / "a.atr", start_s=0)) == (1, 1)


def test_a_record_shorter_than_the_learning_period_is_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, "atr", a=BEATS)
    with pytest.raises(EcgsynthError, match="a lasts 100 s.*--start 0"):
        es.score(tmp_path / "a.atr", tmp_path / "a.atr")


def test_a_folder_gives_gross_and_average_figures(tmp_path: Path) -> None:
    truth = folder_of(tmp_path / "truth", "atr", a="N1000 N2000 N3000 N4000", b="N1000 N2000")
    test = folder_of(tmp_path / "test", "qrs", a="N1000 N2000 N3000 N4000", b="N1000")
    figure = es.score(test, truth, start_s=0).figures["QRS"]["sensitivity"]
    assert figure == {"gross": 5 / 6, "average": 0.75, "records": 2}


def test_records_without_a_counterpart_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    truth = folder_of(tmp_path / "truth", "atr", a=BEATS, b=BEATS, paced=BEATS)
    test = folder_of(tmp_path / "test", "qrs", a=BEATS, c=BEATS, paced=BEATS)
    result = es.score(test, truth, start_s=0, leave_out=["paced"])
    assert result.left_out == {
        "no detected annotations": ["b"], "no truth": ["c"], "left out by name": ["paced"]
    }  # fmt: skip
    assert "b: no detected annotations" in caplog.text
    with pytest.raises(EcgsynthError, match="no record has both"):
        es.score(test, truth, start_s=0, leave_out=["paced", "a"])


def test_of_several_annotators_one_is_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "atr", a=BEATS)
    write_notes(folder / "a.one", notes(BEATS))
    assert qrs(es.score(folder, folder, start_s=0)) == (1, 1)
    write_notes(folder / "a.two", notes(""))
    with pytest.raises(EcgsynthError, match=r"several kinds \(one, two\).*--annotator one"):
        es.score(folder, folder, start_s=0)
    assert qrs(es.score(folder, folder, start_s=0, annotator="two")) == (0, None)
    with pytest.raises(EcgsynthError, match="no files .three"):
        es.score(folder, folder, start_s=0, annotator="three")


@pytest.mark.parametrize("given", [None, 5, "", "absent", ["a"], [[1.5, "x"]], b"a.atr"])
def test_what_holds_no_beats_is_refused_in_one_sentence(given: object, tmp_path: Path) -> None:
    folder_of(tmp_path, "atr", a=BEATS)
    for pair in ((given, tmp_path / "a.atr"), (tmp_path / "a.atr", given)):
        with pytest.raises(EcgsynthError):
            es.score(*pair, start_s=0)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder_of(tmp_path, "atr", a=BEATS)
    (tmp_path / "a.tst").write_bytes((tmp_path / "a.atr").read_bytes() + b"\x01\x02\x03"[:1])
    with pytest.raises(EcgsynthError, match=r"a\.tst is damaged"):
        es.score(tmp_path / "a.tst", tmp_path / "a.atr", start_s=0)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"start_s": -1}, "start of the test period"),
        ({"start_s": 9, "stop_s": 8}, "ends at 8 s and begins at 9 s"),
        ({"window_s": float("nan")}, "match window"),
        ({"escape": "X"}, "'S' or 'N'"),
    ],
)
def test_impossible_settings_are_refused(settings: dict, reason: str) -> None:
    with pytest.raises(EcgsynthError, match=reason):
        es.score(notes(BEATS), notes(BEATS), fs=1000, **settings)


def test_the_order_of_a_file_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    write_notes(tmp_path / "a.atr", notes("N2000 N1000"))
    assert read_annotations(tmp_path / "a.atr").tick.tolist() == [1000, 2000]
    assert read_annotations(tmp_path / "a.atr", sort=False).tick.tolist() == [2000, 1000]


def test_only_the_last_two_shutdowns_are_known_unless_quirks_are_off() -> None:
    ref = notes(" ".join(f"N{k}000" for k in range(1, 12)))
    marks = " ".join(f"~{{-1}}{k}900 ~{{0}}{k + 1}100" for k in (1, 3, 5))
    test = notes(f"N1000 {marks} N11000")
    for quirks, missed in ((True, 2), (False, 3)):
        result = es.score(test, ref, fs=1000, start_s=0, quirks=quirks)
        assert int(result.records[0].beats.table[0, 6]) == missed


def test_the_window_of_a_run_that_begins_as_af_is_stale_unless_quirks_are_off() -> None:
    one = notes("N500 N1000 +{(AFIB}2000 V3000 N4000 +{(N}7000 N8000")
    for quirks, partner in ((True, 0), (False, 6)):
        runs = es.score(one, one, fs=1000, start_s=0, quirks=quirks).records[0].runs["SVE"]
        assert runs.sensitivity[6, partner] == 1


def test_a_day_is_scored_within_seconds() -> None:
    rng = np.random.default_rng(0)
    sample = np.cumsum(rng.integers(150, 250, 100_000))
    symbol = rng.choice(list("NNNNNVSF"), len(sample))
    truth = es.Annotations(sample, symbol)
    test = es.Annotations(sample + rng.integers(-20, 20, len(sample)), symbol)
    begin = time.process_time()
    result = es.score(test, truth, fs=250)
    assert qrs(result)[0] > 0.99
    assert time.process_time() - begin < 10  # a tenth of it on a quiet machine


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["score", *map(str, words)])
    return done.exit_code, done.output


def test_the_command_shows_and_writes_the_figures(tmp_path: Path) -> None:
    truth = folder_of(tmp_path / "truth", "atr", a=BEATS, b=BEATS)
    test = folder_of(tmp_path / "test", "qrs", a=BEATS, b="N1000 N2000")
    code, output = run(
        test, truth, "--start", 0, "--each", "--to", tmp_path / "r.json", "--lines", tmp_path / "l"
    )
    assert code == 0
    assert "70.00 / 70.00" in output
    kept = json.loads((tmp_path / "r.json").read_text())
    assert kept["figures"]["QRS"]["sensitivity"]["gross"] == 0.7
    assert [one["record"] for one in kept["records"]] == ["a", "b"]
    lines = (tmp_path / "l" / "beats.txt").read_text().splitlines()
    assert lines == report_lines(es.score(test, truth, start_s=0))["beats"]
    assert lines[1].split()[:2] == ["a", "3"]
    code, _ = run(test, truth, "--start", 0, "--to", tmp_path / "r.csv")
    rows = (tmp_path / "r.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["record", "a", "b", "gross", "average"]


def test_the_command_refuses_before_it_works_and_overwrites_nothing(tmp_path: Path) -> None:
    folder_of(tmp_path, "atr", a=BEATS)
    (tmp_path / "r.json").write_text("kept")
    pair = (tmp_path / "a.atr", tmp_path / "a.atr", "--start", 0)
    for extra in (("--to", tmp_path / "r.json"), ("--to", tmp_path / "r.txt")):
        done = CliRunner().invoke(app, ["score", *map(str, (*pair, *extra))])
        assert isinstance(done.exception, EcgsynthError)
    assert (tmp_path / "r.json").read_text() == "kept"


@pytest.mark.data("mitbih")
def test_annotations_of_mitbih_beside_themselves_are_counted_as_wfdb_counts_them(
    tmp_path: Path,
) -> None:
    found = {}
    for name in ("201", "221"):  # without a header, at the rate that WFDB then assumes
        file = shutil.copy(find_folder("mitbih", "100.hea") / f"{name}.atr", tmp_path)
        found[name] = es.score(file, file, fs=250).records[0]
    beats = found["221"].beats.table
    assert (beats[N, N], beats[V, V], beats.sum()) == (1806, 345, 2151)
    sve = [f"SVE {group}" for group in GROUPS]
    assert [found["221"].fractions[group]["sensitivity"][1] for group in sve] == [45, 166, 103]
    assert [found["201"].fractions[group]["sensitivity"] for group in sve] == [
        (21, 21), (3, 3), (3, 4)
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["folders", "mappings", "tables"])
def test_two_records_with_names_of_their_own_are_not_compared(tmp_path: Path, kind: str) -> None:
    test, truth = {"a": [1000]}, {"b": [1000]}
    records = folder_of(tmp_path / "y", "atr", b=BEATS)
    paths = {
        "folders": (folder_of(tmp_path / "x", "qrs", a=BEATS), records),
        "mappings": (test, truth),
        "tables": (tmp_path / "t.csv", records),
    }  # fmt: skip
    (tmp_path / "t.csv").write_text("record,sample\na,1000\n")
    with pytest.raises(EcgsynthError, match="no record has both: b in the truth, a in what"):
        es.score(*paths[kind], fs=360, start_s=0)


def test_files_of_two_names_are_compared_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder_of(tmp_path, "atr", a=BEATS, b=BEATS)
    assert qrs(es.score(tmp_path / "a.atr", tmp_path / "b.atr", start_s=0)) == (1, 1)
    assert "a is compared with b; if these are two records" in caplog.text


def test_beats_out_of_order_are_named(caplog: pytest.LogCaptureFixture) -> None:
    result = es.score([300, 100, 200], [100, 200, 300], fs=360, start_s=0)
    assert qrs(result)[0] < 1
    assert "the detected annotations are not in order of time" in caplog.text
    caplog.clear()
    assert qrs(es.score([300, 100, 200], [100, 200, 300], fs=360, start_s=0, quirks=False))[0] == 1
    assert not caplog.text
