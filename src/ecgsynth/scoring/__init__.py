"""Scoring of annotations against the truth by ANSI/AAMI EC57, as WFDB's programs do it."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from ecgsynth.arguments import check_names, check_rate, check_text
from ecgsynth.errors import EcgsynthError
from ecgsynth.scoring.beats import compare_beats
from ecgsynth.scoring.episodes import compare_episodes
from ecgsynth.scoring.inputs import TRUTH, Side, rate_of, sides_of
from ecgsynth.scoring.measurements import compare_measurements
from ecgsynth.scoring.performance import Performance, RecordPerformance
from ecgsynth.scoring.rules import Period, Rules, in_order
from ecgsynth.scoring.runs import compare_runs

__all__ = ["Performance", "RecordPerformance", "Rules", "score"]

log = logging.getLogger("ecgsynth")

NO_TEST, NO_TRUTH, NAMED = "no detected annotations", "no truth", "left out by name"


def score(
    detected: Any,
    truth: Any,
    *,
    annotator: str = "",
    truth_annotator: str = "",
    fs: float | None = None,
    leave_out: tuple[str, ...] | list[str] = (),
    start_s: float = 300.0,
    stop_s: float | None = None,
    window_s: float = 0.15,
    escape: str = "S",
    quirks: bool = True,
) -> Performance:
    """Compare detected beats, runs and episodes with the truth, by ANSI/AAMI EC57.

    Parameters
    ----------
    detected, truth: an annotation file of WFDB, a table of beats (CSV: `sample` or `time_s`,
        `label`, `record`), a folder of them, or in Python `Annotations`, a `Recording`, the samples
        of beats, or a mapping from records to these.
    annotator, truth_annotator: ending of the files in a folder; the truth's is `atr`.
    fs: Hz, of records without a header. leave_out: records that are not compared.
    start_s, stop_s, window_s, escape, quirks: see `Rules`.

    Raises
    ------
    EcgsynthError: nothing can be compared, a file is damaged, or a setting is not possible.
    """
    fs = None if fs is None else check_rate(fs)
    rules = Rules(start_s, stop_s, window_s, escape, quirks)
    excluded = check_names(leave_out, "records to leave out", empty=True)
    wanted = check_text(truth_annotator, "the annotator of the truth").removeprefix(".")
    refs = sides_of(truth, wanted, TRUTH)
    named = check_text(annotator, "the annotator").removeprefix(".")
    tests = sides_of(detected, named, truth=truth)
    refs, tests = _one_record(refs, tests)
    both = sorted({*refs} & {*tests} - {*excluded})
    left_out = {
        NO_TEST: sorted({*refs} - {*tests} - {*excluded}),
        NO_TRUTH: sorted({*tests} - {*refs} - {*excluded}),
        NAMED: sorted(({*refs} | {*tests}) & {*excluded}),
    }
    if not both:
        raise EcgsynthError(
            f"no record has both: {_some(refs)} in the truth, {_some(tests)} in what was detected; "
            "files of a record have its name, as in 100.atr and 100.qrs."
        )
    for reason in (NO_TEST, NO_TRUTH):
        if left_out[reason]:
            log.warning("%s: %s; left out of the figures.", _some(left_out[reason]), reason)
    records = tuple(_compare(name, tests[name], refs[name], fs, rules) for name in both)
    return Performance(records, rules, {why: names for why, names in left_out.items() if names})


def _one_record(
    refs: dict[str, Side], tests: dict[str, Side]
) -> tuple[dict[str, Side], dict[str, Side]]:
    """The truth and the test of one record under one name, also where files have two names."""
    if not len(refs) == len(tests) == 1:
        return refs, tests
    (ref,), (test,) = refs.values(), tests.values()
    differ = bool(ref.record and test.record) and ref.record != test.record
    if differ and ref.named and test.named:
        return refs, tests
    if differ:
        log.warning(
            "%s is compared with %s; if these are two records, the figures mean nothing.",
            test.record, ref.record,
        )  # fmt: skip
    name = ref.record or test.record
    return {name: ref}, {name: test}


def _compare(
    name: str, test: Side, truth: Side, stated: float | None, rules: Rules
) -> RecordPerformance:
    fs, length = rate_of(truth, test, stated)
    period = Period.of(rules, fs, length)
    if length and period.start > length:
        raise EcgsynthError(
            f"{name} lasts {length / fs:.4g} s, and the test period begins at {rules.start_s:g} s; "
            "choose an earlier start, as in --start 0."
        )
    alg, ref = test.read(fs), truth.read(fs)
    if not rules.quirks:
        alg, ref = in_order(alg), in_order(ref)
    for what, notes in (("detected", alg), ("true", ref)):
        if (np.diff(notes.sample) < 0).any():
            log.warning(
                "%s: the %s annotations are not in order of time, and as in WFDB's programs some "
                "are lost; sort them, or add --no-quirks (quirks=False).",
                name or "the record", what,
            )  # fmt: skip
    return RecordPerformance(
        name, fs, compare_beats(alg, ref, period, rules), compare_runs(alg, ref, period, rules),
        compare_episodes(alg, ref, period, rules), compare_measurements(alg, ref, period, rules),
    )  # fmt: skip


def _some(names: Any) -> str:
    """The first names, and how many there are more."""
    names = sorted(names)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return (", ".join(one or "the record" for one in names[:3]) or "none") + more
