"""A recording: one person's signals over some time, with what is annotated in them.

An `Ecg` is a set of equally long windows; a `Recording` is what windows are cut from. Its signals
may lie on the disk and are then read piece by piece.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import (
    MOST,
    check_instance,
    check_integer,
    check_names,
    check_positive,
    check_text,
    quote,
)
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.columns import (
    number_array,
    start_of,
    text_tuple,
)
from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec, check_band

if TYPE_CHECKING:
    from mne.io import RawArray
    from wfdb import Annotation, Record


class Signal(Protocol):
    """Samples [lead, sample], mV, NaN where no value was recorded: an array, also a memory-mapped
    one, or an object that reads pieces of a file."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, at: Any) -> NDArray[np.floating]:
        """`signal[:, start:stop]`: all leads from one sample up to another."""
        ...


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording of one person.

    Attributes
    ----------
    data: [lead, sample], mV, as an array or on the disk; see `Signal`. fs: Hz. leads: their names.
    annotations: beats, rhythms, waves.
    name: of the recording. person: who it is of; "" = unknown. start: when it began.
    device: what recorded it. band: of the acquisition, Hz, None = unknown or open.
    comments: header lines. assumptions: sentences on what the files leave open and was assumed.
    source: where it came from, "mitbih" or "synthetic:<card id>".

    Raises
    ------
    EcgsynthError: the leads are not those of the signal, or the rate is no rate.
    """

    data: Signal
    fs: float
    leads: tuple[str, ...]
    annotations: Annotations = field(default_factory=Annotations)
    comments: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    name: str = ""
    person: str = ""
    start: datetime | None = None
    device: str = ""
    band: tuple[float | None, float | None] = (None, None)
    source: str = "unknown"

    def __post_init__(self) -> None:
        put = partial(object.__setattr__, self)
        put("fs", check_positive(self.fs, "the rate of a recording, in Hz,"))
        put("leads", check_names(self.leads, "leads"))
        put("band", check_band(self.band, self.fs))
        for name in ("comments", "assumptions"):
            put(name, text_tuple(getattr(self, name), f"the {name} of a recording"))
        for name in ("name", "person", "device", "source"):
            put(name, check_text(getattr(self, name), f"the {name} of a recording"))
        check_instance(self.annotations, Annotations, "annotations are Annotations")
        if self.start is not None:
            check_instance(self.start, datetime, "the start of a recording is a datetime, or None")
        if isinstance(self.data, np.ndarray) and self.data.dtype.kind not in "fiu":
            kind = self.data.dtype
            raise EcgsynthError(f"the signal of a recording is in mV; got an array of {kind}.")
        shape = getattr(self.data, "shape", ())
        if not isinstance(shape, tuple) or len(shape) != 2 or shape[0] != len(self.leads):
            raise EcgsynthError(
                f"the signal of a recording is [lead, sample]; got shape {quote(shape)} with "
                f"{len(self.leads)} leads."
            )

    def __repr__(self) -> str:
        beats = f", {len(self.annotations):,} annotations" if len(self.annotations) else ""
        return (
            f"Recording({self.name or self.source}: {'/'.join(self.leads)}, {self.seconds:,.1f} s "
            f"at {self.fs:g} Hz{beats})"
        )

    @property
    def samples(self) -> int:
        """Samples of each lead."""
        return int(self.data.shape[-1])

    @property
    def seconds(self) -> float:
        """Length, s."""
        return self.samples / self.fs

    @property
    def synthetic(self) -> bool:
        """Whether a generator or simulator made it."""
        return self.source.startswith(SYNTHETIC)

    @cached_property
    def signal(self) -> NDArray[np.float32]:
        """[lead, sample], all of it in memory."""
        return self.read()

    def read(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """[lead, stop - start], mV: a piece of all leads; only that is read.

        Raises
        ------
        EcgsynthError: the piece does not lie within the recording, or a file is damaged.
        """
        start = check_integer(start, "the first sample", -MOST)
        stop = self.samples if stop is None else check_integer(stop, "the last sample", -MOST)
        if not 0 <= start <= stop <= self.samples:
            raise EcgsynthError(
                f"samples {start} to {stop} do not lie within {self.name or 'the recording'}, "
                f"which has {self.samples:,}."
            )
        return np.ascontiguousarray(self.data[:, start:stop], np.float32)

    def piece(self, start: int, stop: int) -> Recording:
        """A part of the time as a recording of its own, with its annotations; see `read`."""
        data = self.read(start, stop)
        began = None if self.start is None else self.start + timedelta(seconds=start / self.fs)
        notes = self.annotations.between(start, start + data.shape[1])
        return replace(self, data=data, annotations=notes, start=began)

    def chunks(self, seconds: float) -> Iterator[Recording]:
        """The recording in pieces of so many seconds along time, the last one shorter."""
        step = max(1, round(check_positive(seconds, "the length of a piece, in s,") * self.fs))
        for start in range(0, self.samples, step):
            yield self.piece(start, min(start + step, self.samples))

    def windows(self, starts: Sequence[int] | NDArray[np.integer], samples: int) -> Ecg:
        """Windows of equal length as an `Ecg`, with their annotations as marks.

        starts: first sample of every window. samples: of each.

        Raises
        ------
        EcgsynthError: a window does not lie within the recording.
        """
        first = number_array(starts, "the first samples of windows", np.int64).reshape(-1)
        samples = check_integer(samples, "the samples of a window", 1)
        parts = [self.read(int(at), int(at) + samples) for at in first]
        marks = [self.annotations.between(int(at), int(at) + samples) for at in first]
        item = np.repeat(np.arange(len(first)), [len(part) for part in marks])
        spec = Spec(self.leads, self.fs, samples, band=self.band)
        return Ecg(
            np.stack(parts) if parts else np.zeros((0, len(self.leads), samples), np.float32),
            spec,
            patient=np.full(len(first), self.person) if self.person else None,
            record=np.full(len(first), self.name) if self.name else None,
            onset_s=first / self.fs,
            start=None if self.start is None else np.full(len(first), self.start.isoformat()),
            marks=Marks(
                item,
                np.full(len(item), -1),
                np.concatenate([part.sample for part in marks] or [np.zeros(0, np.int64)]),
                np.concatenate([part.symbol for part in marks] or [np.zeros(0, "<U1")]),
            ),
            source=self.source,
        )

    def to_mne(self) -> RawArray:
        """A raw object of MNE-Python, in V, with the annotations; all of it in memory.

        Raises
        ------
        EcgsynthError: MNE-Python is not installed.
        """
        from ecgsynth.signals import conversion

        return conversion.to_raw(
            self.signal, self.leads, self.fs, self.synthetic,
            onset_s=self.annotations.sample / self.fs, symbol=self.annotations.symbol.tolist(),
            person=self.person, start=self.start,
        )  # fmt: skip

    def to_wfdb(self) -> tuple[Record, Annotation]:
        """A `wfdb.Record` in mV and its `wfdb.Annotation`, as `wfdb.plot_wfdb` takes them.

        `ecgsynth.write` writes WFDB files.
        """
        from ecgsynth.signals import conversion

        return conversion.to_wfdb(
            self.signal, self.leads, self.fs, self.synthetic, name=self.name or "recording",
            sample=self.annotations.sample, symbol=self.annotations.symbol.tolist(),
        )  # fmt: skip

    @classmethod
    def of(cls, ecg: Ecg, item: int = 0) -> Recording:
        """One item of an `Ecg` as a recording, its marks as annotations.

        Raises
        ------
        EcgsynthError: there is no such item, or its signal is not in mV.
        """
        one = ecg[check_integer(item, "the number of an item")]
        if one.spec.unit != "mV":
            raise EcgsynthError(f"a recording is in mV; the signals of {ecg.source} are not.")
        marks = one.marks
        length = one.spec.samples if one.valid is None else int(one.valid[0])
        notes = Annotations()
        if marks is not None:
            order = np.argsort(marks.sample, kind="stable")
            notes = Annotations(
                marks.sample[order], marks.symbol[order], np.maximum(marks.lead[order], 0)
            )
        return cls(
            one.signal[0, :, :length], one.spec.fs, one.spec.leads, notes, band=one.spec.band,
            name="" if one.record is None else str(one.record[0]),
            person="" if one.patient is None else str(one.patient[0]), source=one.source,
            start=start_of(one),
        )  # fmt: skip
