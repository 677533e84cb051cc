"""The known part of a recording: its leads under standard names, checked, read in pieces."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_mapping, check_names, check_once, quote
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.units import unit_problem
from ecgsynth.signals.vocabulary import LEADS_12

log = logging.getLogger("ecgsynth")

LIMB = LEADS_12[:6]
OF_PAIR = np.array([[1, 0], [0, 1], [-1, 1], [-0.5, -0.5], [1, -0.5], [-0.5, 1]])
"""[limb lead, (I, II)]: how each limb lead follows from I and II."""

DISAGREE = 0.2
"""Limb leads whose distance from what follows from I and II is more than this share of their own
size (SD) are named wrongly, or their electrodes were swapped."""

INVERTED = -0.5
"""Correlation of I with V6 below which the arm electrodes look swapped."""

SCANNED_S = 60.0
"""A recording is checked in pieces of so many seconds."""

SHORTEST_S = 0.5


class KnownPart:
    """What is known of a recording, in the leads of a model.

    leads: those of the model. rows: (row among `leads`, row in the recording) of the known ones.
    fs: Hz. samples: of the recording. silent: stretches, from one sample up to another, where no
    lead is known. missing: whether anything within the recording is not known.
    """

    def __init__(
        self,
        recording: Recording,
        leads: tuple[str, ...],
        wanted: Sequence[str] | Mapping[str, str] | None = None,
    ) -> None:
        self.recording, self.leads, self.fs = recording, leads, recording.fs
        self.samples = recording.samples
        self.name = recording.name or recording.source
        self.rows = _choose(self.name, recording.leads, leads, wanted)
        if recording.seconds < SHORTEST_S:
            raise EcgsynthError(
                f"{self.name} lasts {recording.seconds:.2g} s; a known part has at least "
                f"{SHORTEST_S:g} s, in which a beat can be."
            )
        self.silent, self.missing = self._scan()

    @property
    def names(self) -> tuple[str, ...]:
        """The known leads, in the order of the model."""
        return tuple(self.leads[row] for row, _ in self.rows)

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """[lead of the model, stop - start] mV, NaN where it is not known, also outside."""
        found = np.full((len(self.leads), stop - start), np.nan, np.float32)
        first, last = max(start, 0), min(stop, self.samples)
        if first < last:
            part = self.recording.read(first, last)
            part[~np.isfinite(part)] = np.nan
            for row, own in self.rows:
                found[row, first - start : last - start] = part[own]
        return found

    def _scan(self) -> tuple[list[tuple[int, int]], bool]:
        """Check all of it piece by piece; where no lead is known, and whether anything is not."""
        step = max(1, round(SCANNED_S * self.fs))
        rows = [row for row, _ in self.rows]
        low, high = np.full(len(rows), np.inf), np.full(len(rows), -np.inf)
        missing, silent = len(rows) < len(self.leads), list[tuple[int, int]]()
        checks = _Agreement(self.leads)
        for start in range(0, self.samples, step):
            whole = self.read(start, min(start + step, self.samples))
            part = whole[rows]
            low = np.fmin(low, np.fmin.reduce(part, 1))
            high = np.fmax(high, np.fmax.reduce(part, 1))
            gone: NDArray[np.bool_] = np.isnan(part)
            missing = missing or bool(gone.any())
            _extend(silent, np.asarray(gone.all(0)), start)
            checks.add(whole)
        span = high - low
        if not (span > -np.inf).any():
            raise EcgsynthError(
                f"nothing of {self.name} is known: all samples of {_listed(self.names)} are "
                "missing; name other leads, or make a record with `ecgsynth generate`."
            )
        for name, height in zip(self.names, span, strict=True):
            if not height > 0:
                what = "flat" if height == 0 else "missing throughout"
                others = [one for one in self.names if one != name]
                hint = f"--leads {','.join(others)}" if others else "--leads"
                raise EcgsynthError(
                    f"lead {name} of {self.name} is {what}, as without its electrode; leave it "
                    f"out of the known leads with {hint}, so that it is made."
                )
        second = np.zeros((1, len(span), round(self.fs)), np.float32)
        second[0, :, 0] = span  # as high as the recording
        tall = Ecg(second, Spec(self.names, self.fs, second.shape[2]))
        if problem := unit_problem(tall):
            raise EcgsynthError(f"the unit of {self.name} is doubtful: {problem}.")
        checks.finish(self.name)
        return silent, missing


def derive_limb_leads(part: NDArray[np.float32], leads: tuple[str, ...]) -> NDArray[np.float32]:
    """I and II where two other limb leads are known; part: [lead, sample], NaN where unknown."""
    if leads != LEADS_12:
        return part
    part = part.copy()
    there = np.isfinite(part[:6])
    for one, other in combinations(range(6), 2):
        rows = there[one] & there[other] & ~(there[0] & there[1])
        if rows.any():
            pair = np.linalg.solve(OF_PAIR[[one, other]], part[[one, other]][:, rows])
            part[:2, rows] = np.where(there[:2, rows], part[:2, rows], pair)
            there[:2, rows] = True
    return part


def stretches(mask: NDArray[np.bool_], start: int = 0) -> list[tuple[int, int]]:
    """Where a mask [sample] is true: from one sample up to another, counted from -`start`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]))) + start
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _extend(whole: list[tuple[int, int]], mask: NDArray[np.bool_], start: int) -> None:
    """Add the stretches of a piece that begins at `start`; one that goes on stays one."""
    for first, last in stretches(mask, start):
        if whole and whole[-1][1] == first:
            whole[-1] = (whole[-1][0], last)
        else:
            whole.append((first, last))


def _choose(
    name: str, own: Sequence[str], leads: tuple[str, ...],
    wanted: Sequence[str] | Mapping[str, str] | None,
) -> list[tuple[int, int]]:  # fmt: skip
    """(row of the model, row of the recording) of every known lead."""
    standard = {lead.casefold(): lead for lead in leads}
    by_name: dict[str, int] = {}
    for k, lead in enumerate(own):
        if (known := standard.get(lead.strip().casefold())) is not None:
            if known in by_name:
                raise EcgsynthError(f"{name} has two leads {known}; rename one of them.")
            by_name[known] = k
    if wanted is None:
        pairs = dict(by_name)
        left = [lead for lead in own if lead.strip().casefold() not in standard]
        if not pairs:
            raise EcgsynthError(
                f"{name} has {_listed(own)}, none of the leads of the model ({_listed(leads)}); "
                f"if one stands for another, name it, as in --leads II={own[0]}."
            )
        if left:
            log.warning("%s: %s is no lead of the model and is left out.", name, _listed(left))
    else:
        pairs = {}
        for lead, its in _pairs(wanted).items():
            if (known := standard.get(lead.casefold())) is None:
                raise EcgsynthError(
                    f"the model has no lead {quote(lead)}.{did_you_mean(lead, leads)}"
                )
            number = list(own).index(its) if its in own else by_name.get(its)
            if number is None:
                raise EcgsynthError(f"{name} has no lead {quote(its)}; it has {_listed(own)}.")
            pairs[known] = number
        if len(set(pairs.values())) < len(pairs):
            raise EcgsynthError(f"two known leads are one and the same of {name}; name each once.")
    return [(leads.index(lead), number) for lead, number in sorted(
        pairs.items(), key=lambda pair: leads.index(pair[0])
    )]  # fmt: skip


def _pairs(wanted: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Lead of the model -> lead of the recording."""
    if isinstance(wanted, Mapping):
        given = check_mapping(wanted, "leads", "{'II': 'MLII'}")
        names = check_names([*given], "leads")
        return dict(zip(names, check_names([*given.values()], "leads"), strict=True))
    texts = check_names([wanted] if isinstance(wanted, str) else wanted, "leads")
    check_once((text.partition("=")[0].strip() for text in texts), "the lead")
    found: dict[str, str] = {}
    for text in texts:
        lead, _, its = text.partition("=")
        found[lead.strip()] = (its or lead).strip()
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


class _Agreement:
    """Whether the leads are where their names put them, summed up piece by piece."""

    def __init__(self, leads: tuple[str, ...]) -> None:
        self.standard = leads == LEADS_12
        self.error, self.size = np.zeros(6), np.zeros(6)
        self.moments = np.zeros(6)

    def add(self, part: NDArray[np.float32]) -> None:
        if not self.standard:
            return
        pair = OF_PAIR @ part[:2].astype(np.float64)
        error = part[:6] - pair
        self.error += np.nansum((error - _mean(error)) ** 2, 1)
        self.size += np.nansum(np.where(np.isnan(error), 0, part[:6] - _mean(part[:6])) ** 2, 1)
        both = part[[0, LEADS_12.index("V6")]].astype(np.float64)
        both = both[:, np.isfinite(both).all(0)]
        if both.shape[1]:
            x, y = both - both.mean(1, keepdims=True)
            self.moments[:3] += (x @ y, x @ x, y @ y)

    def finish(self, name: str) -> None:
        odd = np.flatnonzero(self.error > DISAGREE**2 * np.maximum(self.size, 1e-12))
        if len(odd):
            raise EcgsynthError(
                f"lead {LIMB[odd[0]]} of {name} does not follow from its I and II, so that leads "
                "are named wrongly or in another order; correct the names, or give I and II alone "
                "with --leads I,II."
            )
        xy, xx, yy = self.moments[:3]
        if xx > 0 and yy > 0 and xy / np.sqrt(xx * yy) < INVERTED:
            log.warning(
                "%s: I is the reverse of V6, as with swapped arm electrodes; what is made follows "
                "them.", name,
            )  # fmt: skip


def _mean(values: NDArray) -> NDArray:
    count = np.maximum(np.isfinite(values).sum(1, keepdims=True), 1)
    mean: NDArray = np.nansum(values, 1, keepdims=True) / count
    return mean
