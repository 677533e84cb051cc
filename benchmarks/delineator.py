"""The delineator against marks made by hand: `python -m benchmarks.delineator`.

Two networks that learned from one database each (`--ludb FILE --qtdb FILE`, made by
`benchmarks/train_delineator.py --marks`) are tested on the other one; the shipped one of several
leads on people whom it never saw. Also: where QRS complexes lie in MIT-BIH, and in which beats
there is no P wave.
Keeps `benchmarks/results/delineator.json`, part by part: what was measured with the same weights is
not measured again. Some three minutes on one core. `--last` includes the people of DS2 and fold 10
of PTB-XL, which are looked at once, at the end.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.wave_errors import Tally, compare, errors_by_lead, points_of
from ecgsynth.datasets import load, mitbih, people
from ecgsynth.datasets.marked_waves import MarkedRecording, read_marked
from ecgsynth.evaluation.reference_models.delineation import (
    SHIPPED,
    delineate,
    points_of_waves,
    wave_probabilities,
)
from ecgsynth.evaluation.reference_models.unet import Network, load_delineator
from ecgsynth.evaluation.reference_models.voting import (
    delineate_together,
    leads_delineator,
    p_presence,
    vote,
)
from ecgsynth.files import atomic_write
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, FIDUCIALS, INDEPENDENT_LEADS

KEPT = Path(__file__).resolve().parent / "results" / "delineator.json"

MARGIN_S = 4.0
"""Signal on either side of marked beats that the delineator sees, s."""

OF_LUDB = ("I", "II", "III", "V1", "V2", "V3", "V4", "V5", "V6", "MLII", "MLIII")
"""Leads of QTDB that LUDB has, or nearly; the others are of other places on the chest."""

RARELY_MARKED = ("t_onset",)
"""Of QTDB: marked in two beats out of five."""

UNSEEN = ("heldout-people", "test")
"""Splits of QTDB of which no network learned."""

STATEMENTS = ("NORM", "1AVB", "CLBBB", "CRBBB", "AFIB", "PVC")

PUBLISHED = {
    "tolerance": {
        "source": "twice the SD between experts, CSE Working Party, Eur Heart J 6:815 (1985), as "
        "cited by Martinez et al. 2004",
        "sd_ms": {"p_onset": 10.2, "p_offset": 12.7, "qrs_onset": 6.5, "qrs_offset": 11.6,
                  "t_offset": 30.6},
    },
    "martinez": {
        "source": "Martinez et al., IEEE Trans Biomed Eng 51:570 (2004), wavelets; QTDB, of two "
        "leads the better one at every mark; as cited by others, not checked against the paper",
        "rows": [
            {"fiducial": name, "sensitivity": se, "precision": pp, "mean_ms": mean, "sd_ms": sd}
            for name, se, pp, mean, sd in (
                ("p_onset", 0.9887, 0.9103, 2.0, 14.8),
                ("p_peak", 0.9887, 0.9103, 3.6, 13.2),
                ("p_offset", 0.9875, 0.9103, 1.9, 12.8),
                ("qrs_onset", 0.9997, None, 4.6, 7.7),
                ("qrs_offset", 0.9997, None, 0.8, 8.7),
                ("t_peak", 0.9977, 0.9779, 0.2, 13.9),
                ("t_offset", 0.9977, 0.9779, -1.6, 18.1),
            )
        ],
    },
}  # fmt: skip


def of_qtdb(net: Network, splits: Iterable[str]) -> list[dict[str, Any]]:
    """Errors on QTDB: of single leads, of the better one at every mark, of both together."""
    tallies: dict[tuple[str, str], Tally] = defaultdict(Tally)
    for one in (one for split in splits for one in read_marked("qtdb", split)):
        for leads, name, kind, error, extra in _compared(one, net):
            tallies[leads, kind].add(name, error, one.recording.fs, extra, one.recording.person)
    return [
        {"leads": leads, "kind": kind, **row}
        for (leads, kind), tally in tallies.items()
        for row in tally.rows(RARELY_MARKED if kind == "all" else FIDUCIALS)
    ]


def _compared(
    one: MarkedRecording, net: Network
) -> Iterator[tuple[str, str, str, NDArray[np.float64], int]]:
    """(leads, fiducial, kind of beat, errors, points without a mark) of every marked stretch."""
    fs, margin = one.recording.fs, round(MARGIN_S * one.recording.fs)
    for first, last in one.stretches.tolist():
        start, stop = max(0, first - margin), min(one.recording.samples, last + margin)
        signal = np.nan_to_num(one.recording.read(start, stop))
        probability = wave_probabilities(net, signal, fs)
        of_leads = points_of_waves(probability, signal, fs)
        found = {lead: points_of(of_leads[k] + start) for k, lead in enumerate("01")}
        found["vote"] = points_of(vote(probability[None], signal[None], fs)[0] + start)
        inside = (one.beats.max(1) >= first) & (one.beats.max(1) <= last)
        beats, kinds = one.beats[inside], one.kind[inside]
        for k, name in enumerate(FIDUCIALS):
            rows = np.flatnonzero(beats[:, k] >= 0)
            rows = rows[np.argsort(beats[rows, k])]
            marked, kind = beats[rows, k].astype(float), kinds[rows]
            own = {
                leads: compare(marked, points[name], [(first, last)], fs)
                for leads, points in found.items()
            }
            both = np.stack([own[lead][0] for lead in "01"])
            nearer = np.nan_to_num(np.abs(both), nan=np.inf).argmin(0)
            better = both[nearer, np.arange(len(marked))], min(own[lead][1] for lead in "01")
            for leads, (error, extra) in (
                ("each", own["0"]), ("each", own["1"]), ("better", better), ("vote", own["vote"]),
            ):  # fmt: skip
                yield leads, name, "all", error, extra
                if leads != "each":
                    for one_kind in set(kind.tolist()):
                        yield leads, name, one_kind, error[kind == one_kind], 0
            for lead, place in zip(one.recording.leads, "01", strict=True):
                known = "lead of LUDB" if lead in OF_LUDB else "other lead"
                if not lead.startswith("ECG"):
                    yield known, name, "all", *own[place]


def of_ludb(net: Network, split: str) -> list[dict[str, Any]]:
    """Errors on LUDB: over all leads, and of each lead."""
    ecg = load("ludb", split)
    sample = delineate(ecg.signal, ecg.spec.fs, net).sample
    found = [[points_of(lead) for lead in item] for item in sample]
    groups = {"all": [*range(len(ecg.spec.leads))]}
    groups |= {lead: [k] for k, lead in enumerate(ecg.spec.leads)}
    tallies = errors_by_lead(ecg, found, groups)
    return [
        {"leads": leads, "kind": "all", **row}
        for leads, tally in tallies.items()
        for row in tally.rows()
    ]


def of_mitbih(net: Network, records: Iterable[int]) -> dict[str, Any]:
    """QRS complexes within 150 ms of annotated beats, by the main lead and by both together; and
    the share of beats with a P wave, by class of beat and rhythm."""
    counts: dict[str, dict[str, list[int]]] = {"main lead": {}, "both leads": {}}
    p_waves: dict[str, dict[str, list[int]]] = defaultdict(dict)
    folder = mitbih.files.find_database()
    for record in map(str, records):
        recording, _ = mitbih.files.read_record(folder, record, ("ECG1", "ECG2"))
        signal, fs = np.nan_to_num(recording.signal)[None].astype(np.float32), recording.fs
        beats, kinds, flutter = _beats_of(recording)
        probability = wave_probabilities(net, signal[0], fs)
        points = points_of_waves(probability[:1], signal[0, :1], fs)[0]
        counts["main lead"][record] = _hits(beats, _places(points), flutter, fs)[0]
        points = vote(probability[None], signal, fs)[0]
        points = points[np.isfinite(_places(points))]
        row, error = _hits(beats, _places(points), flutter, fs)
        counts["both leads"][record] = row
        hit = np.isfinite(error)
        nearest = np.abs(_places(points)[:, None] - (beats + error)[hit]).argmin(0)
        present = p_presence(points, fs)[nearest]
        for kind in set(kinds.tolist()):
            known = present[kinds[hit] == kind]
            known = known[np.isfinite(known)]
            p_waves[kind][people.person_of("mitbih", record)] = [int(known.sum()), len(known)]
    return {"qrs": {leads: _summary(rows) for leads, rows in counts.items()},
            "p_waves": {kind: _share(rows) for kind, rows in p_waves.items()}}  # fmt: skip


def _places(points: NDArray) -> NDArray[np.float64]:
    """[beat] where each QRS complex is: its peak, or the end that the item has."""
    onset, peak, offset = points[:, 3:6].T
    place: NDArray[np.float64] = np.where(np.isfinite(onset), onset, offset)
    return np.where(np.isfinite(peak), peak, place)


def _hits(
    beats: NDArray, places: NDArray, flutter: Sequence[tuple[float, float]], fs: float
) -> tuple[list[int], NDArray[np.float64]]:
    """([detected, missed, extra], errors); within ventricular flutter nothing is extra."""
    places = np.sort(places[np.isfinite(places)])
    error, extra = compare(beats, places, [(0, np.inf)], fs)
    extra -= sum(int(((places >= a) & (places <= b)).sum()) for a, b in flutter)
    hit = int(np.isfinite(error).sum())
    return [hit, len(beats) - hit, max(extra, 0)], error


def _beats_of(recording: Recording) -> tuple[NDArray[Any], NDArray[Any], list[tuple[int, int]]]:
    """(samples of beats, AAMI class or "AFIB N" of each, stretches of ventricular flutter)."""
    notes = recording.annotations
    rhythm, names, at = "", [], []
    for sample, symbol, note in zip(notes.sample, notes.symbol, notes.note, strict=True):
        if symbol == "+":
            rhythm = note.strip("\0")
        elif symbol in AAMI_OF_SYMBOL:
            name = AAMI_OF_SYMBOL[symbol]
            atrial = rhythm.startswith(("(AFIB", "(AFL"))
            names.append(f"{name}, fibrillation" if atrial else name)
            at.append(int(sample))
    begin, end = (notes.sample[notes.symbol == s].tolist() for s in "[]")
    return np.array(at, float), np.array(names), list(zip(begin, end, strict=False))


def _summary(rows: dict[str, list[int]]) -> dict[str, Any]:
    hit, missed, extra = (sum(row[k] for row in rows.values()) for k in range(3))
    worst = sorted(rows, key=lambda name: -rows[name][1] - rows[name][2])[:5]
    return {
        "records": len(rows), "beats": hit + missed,
        "sensitivity": round(hit / (hit + missed), 5),
        "precision": round(hit / max(hit + extra, 1), 5),
        "worst": {name: {"missed": rows[name][1], "extra": rows[name][2]} for name in worst},
    }  # fmt: skip


def _share(rows: dict[str, list[int]]) -> dict[str, Any]:
    with_p, beats = (sum(row[k] for row in rows.values()) for k in range(2))
    return {"people": sum(row[1] > 0 for row in rows.values()), "beats": beats,
            "with_p": round(with_p / max(beats, 1), 4)}  # fmt: skip


def of_ptbxl(net: Network, split: str) -> dict[str, Any]:
    """Share of the beats with a P wave, by statement; eight leads together."""
    ecg = load("ptbxl", split, classes=STATEMENTS, leads=INDEPENDENT_LEADS, fs=250.0)
    assert ecg.label is not None and ecg.patient is not None
    found = {}
    for k, name in enumerate(STATEMENTS):
        rows = np.flatnonzero(ecg.label[:, k] > 0)
        shares: dict[str, list[int]] = {}
        for row in rows:
            points = delineate_together(np.asarray(ecg.signal[row])[None], ecg.spec.fs, net)
            present = p_presence(points.sample[0], ecg.spec.fs)
            present = present[np.isfinite(present)]
            shares[str(ecg.patient[row])] = [int(present.sum()), len(present)]
        found[name] = _share(shares)
    return found


Loaded = tuple[Network, dict[str, Any]]


def parts(given: argparse.Namespace) -> Iterator[tuple[str, Loaded, Callable[[Network], Any]]]:
    """(name, network, what is measured of it), one part after the other."""
    own, judge = leads_delineator(), load_delineator(given.ludb)
    yield "ludb:test", own, lambda net: of_ludb(net, "test")
    yield "ptbxl:validation", own, lambda net: of_ptbxl(net, "validation")
    if given.qtdb:
        yield "qtdb to ludb", load_delineator(given.qtdb), lambda net: of_ludb(net, "test")
    if given.last:
        yield "qtdb", own, lambda net: of_qtdb(net, UNSEEN)
        yield "ludb to qtdb", judge, lambda net: of_qtdb(net, UNSEEN)
        yield "mitbih:DS2", own, lambda net: of_mitbih(net, people.DS2)
    yield "mitbih:DS1", own, lambda net: of_mitbih(net, people.DS1)
    yield "judge ptbxl:validation", judge, lambda net: of_ptbxl(net, "validation")
    if given.last:
        yield "ptbxl:test", own, lambda net: of_ptbxl(net, "test")
        yield "mitbih:paced", own, lambda net: of_mitbih(net, people.PACED)


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--ludb", type=Path, default=SHIPPED, help="weights from LUDB alone")
    options.add_argument("--qtdb", type=Path, help="weights that learned from QTDB alone")
    options.add_argument("--last", action="store_true", help="DS2 and fold 10 too")
    given = options.parse_args()
    content = json.loads(KEPT.read_text("utf-8")) if KEPT.is_file() else {"parts": {}}
    content["published"] = PUBLISHED
    for name, (net, facts), measure in parts(given):
        if content["parts"].get(name, {}).get("network") == facts["hash"]:
            continue
        start = time.time()
        content["parts"][name] = {
            "network": facts["hash"], "trained_on": facts["trained_on"], "found": measure(net),
        }  # fmt: skip
        with atomic_write(KEPT) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        print(f"{name}: {time.time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
