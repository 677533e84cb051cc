"""The delineator beside those of neurokit2: `python -m benchmarks.neurokit`.

Prints a Markdown table for the manual marks of LUDB: mean and SD of the error (detected - marked,
ms), sensitivity (Se) and precision (P+) of every fiducial, in lead II and over all twelve leads, of
people whom the delineator never saw; about ten minutes.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.wave_errors import errors, points_of
from ecgsynth.datasets import load
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.vocabulary import FIDUCIALS

if TYPE_CHECKING:
    from ecgsynth.evaluation.reference_models.unet import UNet1D

Found = Callable[[Ecg], list[list[dict[str, NDArray]]]]
"""Records -> [item][lead] -> fiducial -> samples."""

OF_NEUROKIT = {
    "p_onset": "ECG_P_Onsets", "p_peak": "ECG_P_Peaks", "p_offset": "ECG_P_Offsets",
    "qrs_onset": "ECG_R_Onsets", "qrs_offset": "ECG_R_Offsets",
    "t_onset": "ECG_T_Onsets", "t_peak": "ECG_T_Peaks", "t_offset": "ECG_T_Offsets",
}  # fmt: skip


def ours(ecg: Ecg, net: UNet1D | None = None) -> list[list[dict[str, NDArray]]]:
    """The judge's own instrument, or another network in its place."""
    from ecgsynth.evaluation.reference_models.delineation import delineate

    points = delineate(ecg.signal, ecg.spec.fs, net).sample
    return [[points_of(lead) for lead in item] for item in points]


def neurokit(method: str) -> Found:
    """A method of `neurokit2.ecg_delineate` after its own cleaning and R peaks."""

    def found(ecg: Ecg) -> list[list[dict[str, NDArray]]]:
        work = track(ecg.signal, f"neurokit2 {method}", transient=True)
        return [[_neurokit(wave, ecg.spec.fs, method) for wave in item] for item in work]

    return found


def _neurokit(wave: NDArray, fs: float, method: str) -> dict[str, NDArray]:
    import neurokit2 as nk

    empty = {name: np.zeros(0) for name in FIDUCIALS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            clean = nk.ecg_clean(wave, sampling_rate=int(fs))
            peaks = nk.ecg_peaks(clean, sampling_rate=int(fs))[1]["ECG_R_Peaks"]
            _, waves = nk.ecg_delineate(clean, peaks, sampling_rate=int(fs), method=method)
        except Exception as problem:  # it raises whatever its parts raise where it finds too little
            print(f"  neurokit2 {method} gave up on a lead: {problem!r:.80}")
            return empty
    found = {n: np.asarray(waves.get(theirs, []), float) for n, theirs in OF_NEUROKIT.items()}
    found["r_peak"] = np.asarray(peaks, float)
    return {name: np.sort(at[np.isfinite(at)]) for name, at in found.items()}


def table(results: dict[str, list[dict[str, Any]]], leads: str) -> str:
    """A markdown table: a row per delineator, a column per fiducial."""
    lines = [
        f"| leads: {leads} | " + " | ".join(FIDUCIALS) + " |",
        "|---|" + "---|" * len(FIDUCIALS),
    ]
    for name, rows in results.items():
        cells = []
        for row in (row for row in rows if row["leads"] == leads):
            if row["mean_ms"] is None:
                cells.append("not given")
                continue
            cells.append(
                f"{row['mean_ms']:+.0f} ± {row['sd_ms']:.0f}, "
                f"Se {row['sensitivity']:.2f}, P+ {row['precision']:.2f}"
            )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--split", default="test")
    options.add_argument("--methods", nargs="*", default=["dwt", "cwt", "peak", "prominence"])
    options.add_argument("--leads", nargs="*", default=None, help="all twelve when left out")
    given = options.parse_args()
    ecg = load("ludb", given.split, **({"leads": given.leads} if given.leads else {}))
    delineators: dict[str, Found] = {f"neurokit2 {m}": neurokit(m) for m in given.methods}
    results = {name: errors(ecg, run(ecg)) for name, run in delineators.items()}
    results["ecgsynth"] = errors(ecg, ours(ecg))
    print(f"Error (detected - marked) in ms, on {len(ecg)} people of ludb:{given.split}\n")
    for leads in ("II", "all"):
        print(table(results, leads) + "\n")


if __name__ == "__main__":
    main()
