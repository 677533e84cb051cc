"""The worked examples of the rules of EC57 as WFDB's programs follow them: 1000 Hz, in samples."""

from __future__ import annotations

import pytest
from beat_notes import notes

from ecgsynth.scoring import Performance, RecordPerformance, score
from ecgsynth.scoring.lines import CELLS, cell, record_lines

START = 300_000
END = 100_000


def compare(
    ref: str, test: str, *, end: int = END, start: int = 0, fs: float = 1000, quirks: bool = True
) -> RecordPerformance:
    """The comparison of two files; times count from the start of the test period."""
    whole: Performance = score(
        notes(test, start), notes(ref, start), fs=fs, start_s=start / fs, stop_s=(start + end) / fs,
        quirks=quirks,
    )  # fmt: skip
    return whole.records[0]


def cells(one: RecordPerformance) -> dict[str, int]:
    """The columns of bxb's line that are not 0."""
    found = {name: cell(one.beats.table, *place) for name, place in CELLS.items()}
    return {name: count for name, count in found.items() if count}


def ratio(one: RecordPerformance, group: str, name: str) -> tuple[float, float]:
    return one.fractions[group][name]


def test_1_a_beat_at_the_edge_of_the_window_is_a_pair_one_sample_further_it_is_none() -> None:
    one = compare("N1000 N2000 N3000", "N1150 N2151 N3000")
    assert cells(one) == {"Nn'": 2, "No'": 1, "On'": 1}
    assert one.beats.rr_error_ms == pytest.approx(87.18, abs=0.005)


def test_2_of_two_beats_in_the_window_the_later_one_wins_a_tie() -> None:
    one = compare("N1000 N2000", "V900 N1100 N2000")
    assert cells(one) == {"Nn'": 2, "Ov'": 1}
    part, whole = ratio(one, "VEB", "false_positive_rate")
    assert 100 * part / whole == pytest.approx(33.333, abs=0.001)


def test_3_a_beat_between_two_belongs_to_the_later_unless_that_one_has_a_closer_beat() -> None:
    one = compare("N1000 V1250 N2000", "V1125 N2000")
    assert cells(one) == {"No'": 1, "Vv": 1, "Nn'": 1}
    assert cells(compare("N1000 N1256", "N1128 N1356")) == {"Nn'": 2}


def test_4_beats_in_fibrillation_of_the_truth_are_skipped_and_false_ones_there_too() -> None:
    one = compare("N1000 [2000 !2200 ]3000 N4000", "N1000 N2300 N2700 N4000")
    assert cells(one) == {"Nn'": 2}
    one = compare("N1000 N2000 N3000", "N1000 [1500 N2000 ]2500 N3000")
    assert cells(one) == {"Nn'": 2, "No'": 1}


@pytest.mark.parametrize(
    ("ref", "test", "expected"),
    [
        ("N50 N1000", "N-60 N1000", {"Nn'": 2}),
        ("N-60 N1000", "N50 N1000", {"Nn'": 1}),
        ("N-60 N1000", "N200 N1000", {"Nn'": 1, "On'": 1}),
    ],
)
def test_5_beats_around_the_start_of_the_test_period(
    ref: str, test: str, expected: dict[str, int]
) -> None:
    assert cells(compare(ref, test, start=START)) == expected


def test_6_beats_past_the_end_are_partners_of_those_before_it() -> None:
    one = compare("N8000 N9000 N9950", "N8000 N9000", end=10_000)
    assert cells(one) == {"Nn'": 2, "No'": 1}
    one = compare("N8000 N9000 N9950 N10200", "N8000 N9000 N10050 N10200", end=10_000)
    assert cells(one) == {"Nn'": 3}


def test_7_fusion_beats_that_are_called_v_enter_no_figure_of_veb() -> None:
    one = compare("F1000 F2000 V3000 N4000 N5000", "V1000 N2000 F3000 F4000 N5000")
    assert cells(one) == {"Fv'": 1, "Fn'": 1, "Vn'": 1, "Nn'": 2}  # the columns f and n as one
    assert [int(one.beats.table[k]) for k in ((3, 2), (3, 0), (2, 3), (0, 3), (0, 0))] == [1] * 5
    assert ratio(one, "VEB", "sensitivity") == (0, 1)
    assert ratio(one, "VEB", "predictivity") == (0, 0)
    assert ratio(one, "VEB", "false_positive_rate") == (0, 3)


def test_8_paced_and_unclassifiable_beats_are_q() -> None:
    one = compare("Q1000 /2000 V3000 N4000", "V1000 V2000 Q3000 Q4000")
    assert [int(one.beats.table[k]) for k in ((4, 2), (2, 4), (0, 4))] == [2, 1, 1]
    assert ratio(one, "VEB", "sensitivity") == (0, 1)
    assert ratio(one, "VEB", "predictivity") == (0, 0)
    assert ratio(one, "VEB", "false_positive_rate") == (0, 1)


def test_9_escape_beats_are_s_and_without_sveb_s_is_n() -> None:
    one = compare("A1000 j2000 N3000 N4000 V5000 Q6000", "N1000 S2000 S3000 N4000 S5000 S6000")
    assert cells(one) == {"Sn'": 1, "Ss": 1, "Ns": 1, "Nn'": 1, "Vs": 1, "Fs'": 1}
    assert ratio(one, "SVEB", "sensitivity") == (1, 2)
    assert ratio(one, "SVEB", "predictivity") == (1, 3)
    line = record_lines(one)["beats-without-s"][0].split()
    assert line[0:3] == ["4", "1", "1"]  # Nn, Vn, Qn; the record has no name
    named = score(notes("S1000"), notes("j1000"), fs=1000, start_s=0, escape="N").records[0]
    assert cells(named) == {"Ns": 1}


def test_10_unsorted_files_are_read_as_they_stand_and_without_quirks_by_time() -> None:
    ref, test = "N1000 N2000", "N2000 N1000"
    assert cells(compare(ref, test)) == {"Nn'": 1, "No'": 1, "On'": 1}
    assert cells(compare(ref, test, quirks=False)) == {"Nn'": 2}


def test_11_beats_missed_in_a_shutdown_of_the_test_file() -> None:
    one = compare("N1000 N2000 N3000 N4000", "N1000 ~{-1}1500 ~{0}3500 N4000")
    assert cells(one) == {"Nn'": 2, "No'": 2}
    assert int(one.beats.table[0, 6]) == 2
    assert one.beats.shutdown == 2000
    assert ratio(one, "shutdown", "missed") == (2, 4)
    assert ratio(one, "QRS", "sensitivity") == (2, 4)


def test_12_runs_have_the_longest_run_in_their_window_as_partner() -> None:
    one = compare("V1000 V1400 V1800 N2200", "V1000 N1400 V1800 N2200")
    runs = one.runs["VE"]
    assert runs.sensitivity[3, 1] == runs.sensitivity.sum() == 1
    assert runs.predictivity[1, 1] == runs.predictivity.sum() == 2
    assert ratio(one, "VE short runs", "sensitivity") == (0, 1)
    assert ratio(one, "VE short runs", "predictivity") == (0, 0)


def test_13_episodes_of_af_count_and_last() -> None:
    def marks(*spans: tuple[int, int]) -> str:
        return " ".join(f"+{{(AFIB}}{a}000 +{{(N}}{b}000" for a, b in spans)

    whole = score(
        notes(marks((330, 420), (650, 660), (900, 930))), notes(marks((240, 360), (600, 700))),
        fs=1000, stop_s=1800,
    )  # fmt: skip
    one = whole.records[0]
    assert record_lines(one)["af"][0].split()[:8] == ["2", "0", "2", "1", "100", "67", "25", "31"]


def test_14_measurements_meet_the_nearest_in_time() -> None:
    def values(text: str) -> str:
        return " ".join(f"={{{v}}}{t}000" for t, v in (pair.split(":") for pair in text.split()))

    ref, test = values("305:72 312:75 320:80"), values("100:60 310:70 320:80")
    for quirks, expected in ((True, 3.6852), (False, 4.5620)):
        whole = score(notes(test), notes(ref), fs=1000, stop_s=1800, quirks=quirks)
        rate = whole.records[0].measurements[0]
        assert rate.error_percent == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("ref", "test", "end", "expected"),
    [
        ("110:72 120:80 130:90", "110:70 120:80 130:88", 125, (2.0244, 80.6667)),
        ("110:72 120:80 130:90", "131:88 140:77", 125, (3.1427, 45.0)),
        ("110:72 120:80 130:90 140:95", "110:70 120:80", 135, (8.6643, 123.5)),
        ("300:72 310:60", "110:70 305:61", 400, (82.5126, 60.0)),
    ],
)
def test_measurements_past_the_end_and_before_the_truth_count_as_in_mxm(
    ref: str, test: str, end: int, expected: tuple[float, float]
) -> None:
    def values(text: str) -> str:
        return " ".join(f"={{{v}}}{t}000" for t, v in (pair.split(":") for pair in text.split()))

    whole = score(
        notes(values(test)), notes(values(ref)), fs=1000, start_s=108, stop_s=end
    ).records[0]
    rate = whole.measurements[0]
    assert (rate.error_percent, rate.mean) == pytest.approx(expected, abs=5e-5)
