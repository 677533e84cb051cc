"""Beats of simulated people: nothing to fetch, and every truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ecgsynth.datasets import Inventory
from ecgsynth.datasets.beat_records import HELDOUT_FROM, PARTS
from ecgsynth.datasets.beats import cut_beats
from ecgsynth.datasets.mitbih import MitBih
from ecgsynth.datasets.mitbih.files import FS
from ecgsynth.errors import EcgsynthError
from ecgsynth.registry import DATASETS
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.noise import add_noise
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.rr import with_partial_mean
from ecgsynth.signals.spec import Spec
from ecgsynth.simulator import records
from ecgsynth.simulator.heart import Heart

SHARE = {"train": (0.0, 0.6), "heldout": (0.0, 0.6), "validation": (0.6, 0.8), "test": (0.8, 1.0)}
"""Which of the people a split holds, from and to, as shares of their number."""


@DATASETS.register("simulated")
class Simulated:
    """Beats of simulated people with classes N, S, V and F: nothing to fetch, every truth known.

    Splits, between people: `train` (the first 90 % in time of the first 60 % of the people),
    `heldout` (their last 10 %), `validation` and `test` (a fifth of the people each).
    """

    splits = tuple(SHARE)
    licence = "none needed: no person was recorded"
    citation = "ecgsynth simulator: Gaussian waves on a heart dipole, after Clifford et al. 2010"
    public = True

    class Settings(MitBih.Settings):
        """How many beats are made, and how they are cut (as in the data set `mitbih`).

        patients, beats: people, and beats of each. seed: another crowd.
        wander_mv, muscle_mv, mains_mv: noise, mV RMS. shares: of the classes.
        """

        classes: tuple[str, ...] = records.CLASSES
        baseline: bool = False  # nothing wanders unless it is asked to
        patients: int = Field(40, ge=5, le=9999)
        beats: int = Field(150, ge=10, le=100_000)
        seed: int = Field(0, ge=0)
        wander_mv: float = Field(0.0, ge=0)
        muscle_mv: float = Field(0.01, ge=0)
        mains_mv: float = Field(0.0, ge=0)
        shares: dict[str, float] = records.SHARES

    @staticmethod
    def load(split: str, settings: Settings) -> Ecg:
        """Beats of a split, simulated at 360 Hz and then treated like recordings."""
        first, last = (round(share * settings.patients) for share in SHARE[split])
        people = [_person(patient, split, settings) for patient in range(first, last)]
        ecg = concatenate(people)
        if not len(ecg):
            raise EcgsynthError(
                f"no beats of class {', '.join(settings.classes)} in simulated:{split}; "
                "raise 'patients' or 'beats', or name other classes."
            )
        return add_noise(ecg, settings.noise, settings.noise_seed)

    @staticmethod
    def check(settings: Settings) -> Inventory:
        """Beats per split, person and class."""
        inventory = Inventory(records=settings.patients, notes=["simulated: nothing to damage."])
        for split in SHARE:
            inventory.count(split, Simulated.load(split, settings))
        return inventory

    @staticmethod
    def settings_like(spec: Spec) -> dict[str, Any]:
        """Settings under which the simulator gives beats of this spec."""
        return MitBih.settings_like(spec)


def _person(patient: int, split: str, settings: Simulated.Settings) -> Ecg:
    """One person's beats of a split; train and heldout share no sample."""
    heart = Heart.draw(settings.seed, patient)
    record = records.simulate_record(
        records.seconds_for(settings.beats, heart, settings.window, FS),
        FS,
        leads=settings.leads,
        beats=settings.shares,
        noise=records.Noise(settings.wander_mv, settings.muscle_mv, settings.mains_mv),
        seed=settings.seed,
        patient=patient,
    )
    assert record.marks is not None
    assert record.patient is not None
    code = np.isin(record.marks.symbol, records.CLASSES)
    recording = Recording(
        record.signal[0],
        FS,
        settings.leads,
        Annotations(record.marks.sample[code], record.marks.symbol[code]),
    )
    number = {name: k for k, name in enumerate(records.CLASSES)}
    beats = cut_beats(recording, number, settings.fs, settings, record.patient[0])
    whole = np.flatnonzero(np.isfinite(beats["rr"]).all(1))[: settings.beats]
    beats = {name: column[whole] for name, column in beats.items()}
    rows = _part(beats, split)
    if split in PARTS:
        own = np.zeros(len(rows), np.int8)
        beats["rr"][rows] = with_partial_mean(beats["rr"][rows], own)
    column = np.array([
        settings.classes.index(name) if name in settings.classes else -1
        for name in records.CLASSES
    ])  # fmt: skip
    label = column[beats["label"][rows]]
    rows, label = rows[label >= 0], label[label >= 0]
    return Ecg(
        signal=beats["signal"][rows],
        spec=settings.spec,
        label=one_hot(label, len(settings.classes)),
        context=beats["rr"][rows],
        patient=np.repeat(record.patient, len(rows)),
        record=np.repeat(record.patient, len(rows)),
        onset_s=beats["onset_s"][rows],
        source=f"{records.SOURCE}:{split}",
    )


def _part(beats: dict[str, NDArray[Any]], split: str) -> NDArray[np.int64]:
    """The beats of a person that belong to a split: the time of the last beat's end counts as 1."""
    end = beats["end"] / beats["end"][-1]
    start = beats["start"] / beats["end"][-1]
    if split == "train":
        return np.flatnonzero(end <= HELDOUT_FROM)
    if split == "heldout":
        return np.flatnonzero(start >= HELDOUT_FROM)
    return np.arange(len(end))
