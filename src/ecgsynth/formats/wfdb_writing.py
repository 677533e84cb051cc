"""Writing WFDB: items to one record, with steps of 1 uV, annotations and comments."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import cells, stream
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, SYMBOL_OF_AAMI, limb_leads

log = logging.getLogger("ecgsynth")

LONG_S = 3.0
"""From this length on, s, an item is a record of its own."""

GAIN = {"aVR": 2000, "aVL": 2000, "aVF": 2000}
"""Steps per mV; 1000 for every lead that is not here. The augmented limb leads are halves of sums
of I and II: with half the step they follow from them without any rounding."""

CONSISTENT_MV = 0.003
"""Limb leads that agree with I and II to this much are derived from them after rounding; real
leads that do not agree are written as they are."""

WFDB_SYMBOLS = frozenset("NLRaVFJASEj/Q~|sT*D=pB^t+u?![]en@xf()r")
"""The annotation codes of the WFDB library, without the comment sign."""

PLAIN = re.compile(r"[!-~]([ -~]*[!-~])?")
"""A lead's name that a header can hold."""

FACTS = "ecgsynth: "
"""Prefix of the header comments that carry the facts."""

TABLE = "items.csv"
"""The file with one row per item."""


def refuse(ecg: Ecg, target: Path) -> None:
    """What cannot be written, said before anything is."""
    refuse_folder(target)
    if ecg.spec.unit != "mV":
        raise EcgsynthError(
            "normalised signals have no mV, which WFDB needs; write them as NPZ, CSV or Parquet."
        )


def refuse_folder(target: Path) -> None:
    """What is no folder to write to, whatever the items are."""
    if target.suffix == ".hea":
        raise EcgsynthError(
            f"{target.name} names one record; WFDB is written as a folder, such as "
            f"{target.with_suffix('').name}/."
        )
    if target.is_dir() and any(target.iterdir()) and not (target / TABLE).is_file():
        raise EcgsynthError(
            f"{target} holds files that are not from ecgsynth; name a new folder or an empty one."
        )


def write_record(ecg: Ecg, name: str, folder: Path) -> None:
    """Items end to end as one record with its annotations."""
    import wfdb

    spec = ecg.spec
    gain = [GAIN.get(lead, 1000) for lead in spec.leads]
    digital = _digital(ecg, gain)
    comments = [stream.statement(ecg)]
    if len(ecg) > 1 or spec.seconds < LONG_S:
        comments.append(f"Windows of {spec.samples} samples end to end; not a continuous rhythm.")
    # Header lines may hold 255 characters: the facts go over several of them.
    text = json.dumps(stream.facts(ecg), separators=(",", ":")).replace(" ", "\\u0020")
    comments += [FACTS + text[k : k + 200] for k in range(0, len(text), 200)]
    wfdb.wrsamp(
        name,
        fs=spec.fs,
        units=["mV"] * len(spec.leads),
        sig_name=list(signal_names(spec)),
        d_signal=digital.swapaxes(1, 2).reshape(-1, len(spec.leads)),
        fmt=["16"] * len(spec.leads),
        adc_gain=gain,
        baseline=[0] * len(spec.leads),
        comments=comments,
        write_dir=str(folder),
    )
    notes = sorted(_annotations(ecg))
    if notes:
        at, lead, symbol, text_of = zip(*notes, strict=True)
        wfdb.wrann(
            name,
            "atr",
            np.array(at),
            list(symbol),
            chan=np.maximum(lead, 0),
            subtype=(np.array(lead) >= 0).astype(np.int64),  # 1: of this lead alone
            aux_note=list(text_of),
            fs=spec.fs,
            write_dir=str(folder),
        )


def _digital(ecg: Ecg, gain: list[int]) -> NDArray[np.int64]:
    """[item, lead, sample] in steps; limb leads derived from the rounded I and II."""
    steps = np.round(ecg.signal.astype(np.float64) * np.array(gain)[:, None])
    leads = ecg.spec.leads
    if "I" in leads and "II" in leads:
        one, two = steps[:, leads.index("I")], steps[:, leads.index("II")]
        for name, derived in limb_leads(one, two).items():
            if name in leads:
                k = leads.index(name)
                exact = derived * (gain[k] // 1000)
                apart = np.abs(exact - steps[:, k]) / gain[k]
                if not (apart > CONSISTENT_MV).any():
                    steps[:, k] = exact
    beyond = np.abs(steps) > 32767
    if beyond.any():
        item, k, _ = np.argwhere(beyond)[0]
        peak = np.nanmax(np.abs(ecg.signal[item, k]))
        raise EcgsynthError(
            f"lead {leads[k]} reaches {peak:.1f} mV, but 16-bit WFDB ends at "
            f"{32767 / gain[k]:.1f} mV; leave such items out, or write NPZ or Parquet."
        )
    return np.where(np.isnan(steps), -32768, steps).astype(np.int64)  # WFDB's "no value"


def _annotations(ecg: Ecg) -> Iterator[tuple[int, int, str, str]]:
    """(sample in the record, lead or -1, WFDB symbol, note) of every mark and every window."""
    samples = ecg.spec.samples
    with_beats: set[int] = set()
    if ecg.marks is not None:
        marks = ecg.marks
        inside = (marks.sample >= 0) & (marks.sample < samples)
        if not inside.all():
            log.warning("%d marks outside of their items are left out.", int((~inside).sum()))
        for row in np.flatnonzero(inside):
            symbol = str(marks.symbol[row])
            if symbol in AAMI_OF_SYMBOL or symbol == "r_peak":
                with_beats.add(int(marks.item[row]))
            at = int(marks.item[row]) * samples + int(marks.sample[row])
            code, note = _code(symbol)
            yield at, int(marks.lead[row]), code, note
    for item, label in enumerate(ecg.labels_str.tolist()):
        if item in with_beats:
            continue
        beat = SYMBOL_OF_AAMI.get(label, "Q" if ecg.spec.classes else "N")
        if ecg.spec.r_sample is not None and not ecg.spec.multilabel:
            yield item * samples + ecg.spec.r_sample, -1, beat, f"class {label}".strip()
        elif label:
            yield item * samples, -1, '"', f"class {label}"[:255]


def _code(symbol: str) -> tuple[str, str]:
    """WFDB symbol and note of a mark; the note keeps what the symbol cannot say."""
    fiducial = {"p_peak": "p", "t_peak": "t", "r_peak": "N"}.get(symbol)
    fiducial = fiducial or {"onset": "(", "offset": ")"}.get(symbol.rpartition("_")[2])
    if fiducial:
        return fiducial, symbol
    return (symbol, "") if symbol in WFDB_SYMBOLS else ('"', symbol)


def rows_of(ecg: Ecg, record: str) -> tuple[list[str], list[list[Any]]]:
    """Column names and rows of `items.csv` after record and number; an unknown number is empty."""
    assert ecg.context is not None
    columns: dict[str, list[Any]] = {"label": [cells.guarded(t) for t in cells.label_texts(ecg)]}
    for name in stream.ITEM_COLUMNS:
        values = getattr(ecg, name)
        if values is not None:
            text = values.dtype.kind == "U"
            columns[name] = [cells.guarded(v) if text else v for v in values.tolist()]
    for name, values in zip(context_columns(ecg.spec), ecg.context.T, strict=True):
        columns[name] = ["" if np.isnan(value) else str(value) for value in values]
    return [*columns], [
        [record, item, *row] for item, row in enumerate(zip(*columns.values(), strict=True))
    ]


def signal_names(spec: Spec) -> tuple[str, ...]:
    """What the leads are called in a header, which holds plain letters: a number stands for a name
    of others."""
    plain = [lead if PLAIN.fullmatch(lead) else f"lead{k + 1}" for k, lead in enumerate(spec.leads)]
    return tuple(cells.column_names(plain, ()))


def context_columns(spec: Spec) -> list[str]:
    """Names of the columns of the context in `items.csv`."""
    return cells.column_names(map(cells.guarded, spec.context), cells.FIXED)
