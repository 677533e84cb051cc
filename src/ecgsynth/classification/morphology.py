"""Features of the form of every beat against the person's own normal beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.classification.rhythm import Columns, local, mean, quantile, shifted
from ecgsynth.classification.windows import PRE, QRS, ST_T, WHOLE, P, Windows, normalise

PARTS = {"whole": WHOLE, "qrs": QRS, "p": P, "st": ST_T}
P_SHIFT = 6
"""Samples (48 ms) within which a P wave is looked for around its usual place."""

BEHIND_R = 8
"""Samples behind R from which on the normal beat is the tail that may lie under the next P."""


def of_lead(windows: Windows, lead: int) -> Columns:
    """Features of one lead."""
    x = windows.beat[:, lead].astype(np.float64)
    template, normal = windows.template[lead].astype(np.float64), windows.normal
    found: Columns = {}
    for name, part in PARTS.items():
        found[f"corr_{name}"] = normalise(x[:, part]) @ normalise(template[part])
        apart = x[:, part] - template[part]
        level = np.median(apart, 1, keepdims=True) if name == "p" else 0
        found[f"diff_{name}"] = np.sqrt(((apart - level) ** 2).mean(1))
    found |= _qrs(x, template, normal)
    found |= _p_wave(x, template, normal)
    st = x[:, ST_T]
    found |= against({"t_max": st.max(1), "t_min": st.min(1), "t_mean": st.mean(1)}, normal)
    found |= against({"diff_qrs": found["diff_qrs"], "diff_whole": found["diff_whole"]}, normal)
    return found | _behind_t(x, template, windows)


def against(values: Columns, normal: NDArray[np.bool_]) -> Columns:
    """Each value less the normal beats' median, over their spread; its name ends in ~."""
    found: Columns = {}
    for name, value in values.items():
        middle = np.median(value[normal])
        spread = np.median(np.abs(value[normal] - middle)) * 1.48 + 0.02
        found[f"{name}~"] = (value - middle) / spread
    return found


def _qrs(x: NDArray, template: NDArray, normal: NDArray) -> Columns:
    """Height, width and slope of the QRS. x: [beat, sample]. template: [sample]."""
    part = x[:, PRE - 16 : PRE + 22]
    slope = np.abs(np.diff(part, axis=1))
    total = np.cumsum(slope, 1) / np.maximum(slope.sum(1, keepdims=True), 1e-6)
    early, late = (total < 0.1).sum(1), (total < 0.9).sum(1)
    high, low = x[:, QRS].max(1), -x[:, QRS].min(1)
    own = template[QRS]
    sign = 1.0 if own.max() >= -own.min() else -1.0
    first, second = (high, low) if sign > 0 else (low, high)
    values = {
        "ptp": high + low, "first": first, "second": second,
        "width": (late - early).astype(float), "start": early.astype(float),
        "slope": slope.max(1), "area": np.abs(part).mean(1),
    }  # fmt: skip
    values["mean_slope"] = slope.sum(1) / np.maximum(values["ptp"], 1e-3)
    wide = np.abs(part) > 0.5 * np.abs(part).max(1, keepdims=True)
    values["half"] = wide.sum(1).astype(float)
    return {
        **{k: v for k, v in values.items() if k in ("width", "half", "ptp")},
        **against(values, normal),
    }


def _without_slope(part: NDArray) -> NDArray:
    """Pieces on the last axis less the straight line between their ends."""
    first, last = part[..., :1], part[..., -1:]
    return part - np.linspace(0, 1, part.shape[-1]) * (last - first) - first


def _p_wave(x: NDArray, template: NDArray, normal: NDArray) -> Columns:
    """What is before the QRS. x: [beat, sample]. template: [sample]."""
    part, own = x[:, P], template[P]
    flat, base = _without_slope(part), _without_slope(own)
    found = {"corr_p_flat": normalise(flat) @ normalise(base)}
    best = np.full(len(x), -1.0)
    place = np.zeros(len(x))
    for by in range(-P_SHIFT, P_SHIFT + 1):
        like = normalise(x[:, P.start + by : P.stop + by]) @ normalise(own)
        place = np.where(like > best, by, place)
        best = np.maximum(best, like)
    found["p_best"], found["p_place"] = best, place
    scale = (base * base).sum() + 1e-4
    found["p_gain"] = flat @ base / scale
    sd = np.std(x[normal][:, P] - own, axis=0).mean()
    found["p_height"] = np.full(len(x), np.ptp(base))
    found["p_noise"] = np.full(len(x), np.ptp(base) / (sd + 0.01))
    values = {
        "p_ptp": np.ptp(part, 1), "p_max": part.max(1), "p_min": part.min(1),
        "p_rms": np.sqrt((flat**2).mean(1)), "p_slope": np.abs(np.diff(part, axis=1)).max(1),
        "pr_level": x[:, PRE - 12 : PRE - 7].mean(1), "before": x[:, : P.start].mean(1),
        "p_first": part[:, :9].mean(1), "p_second": part[:, 9:18].mean(1),
        "p_third": part[:, 18:].mean(1),
    }  # fmt: skip
    return found | against(values, normal)


def _behind_t(x: NDArray, template: NDArray, windows: Windows) -> Columns:
    """What is left before the QRS when the T wave of the beat before is taken away."""
    step = np.diff(windows.centre, prepend=windows.centre[:1] - 10_000)
    at = step[:, None] + np.arange(P.start - PRE, P.stop - PRE) + PRE  # in the template's window
    tail = np.append(template, 0.0)
    tail[: PRE + BEHIND_R] = 0
    left = x[:, P] - tail[np.clip(at, 0, len(template))]
    flat = _without_slope(left)
    own = template[P]
    values = {
        "pt_ptp": np.ptp(flat, 1), "pt_rms": np.sqrt((flat**2).mean(1)),
        "pt_diff": np.sqrt(((left - own - np.median(left - own, 1, keepdims=True)) ** 2).mean(1)),
    }  # fmt: skip
    return {"pt_corr": normalise(left) @ normalise(own)} | against(values, windows.normal)


def shared(windows: Windows) -> Columns:
    """Features of all leads together."""
    x, template, count = windows.beat, windows.template, len(windows.beat)
    found: Columns = {}
    for name, part in PARTS.items():
        own = normalise(template[:, part].reshape(-1))
        found[f"corr_{name}"] = normalise(x[..., part].reshape(count, -1)) @ own
    unit = normalise(x[..., QRS].reshape(count, -1))
    like = (unit[1:] * unit[:-1]).sum(1)
    found["like_before"] = np.concatenate([[np.nan], like])
    found["like_after"] = np.append(like, np.nan)
    found["group"] = np.minimum(windows.group, 5).astype(float)
    size = np.bincount(windows.group)
    found["group_share"] = size[windows.group] / count
    return found


def context(columns: Columns, group: NDArray[np.int64]) -> Columns:
    """Features of neighbours and of the group of the same form. columns: of `rhythm`, `shared`."""
    more: Columns = {}
    for name in ("corr_qrs", "corr_p"):
        for by in (-2, -1, 1, 2):
            more[f"{name}{by:+d}"] = shifted(columns[name], by)
        more[f"{name}_near"] = local(columns[name], 10, 10)
        more[f"{name}_record"] = np.full(len(group), np.median(columns[name]))
        near = columns[name] - more[f"{name}_near"]
        more[f"{name}/near"] = near
        more[f"{name}_z"] = near / (local(np.abs(near), 15, 15) * 1.48 + 0.02)
    more["other_share"] = mean((columns["corr_qrs"] < 0.8).astype(float), 30)
    for name, value in (("rr", columns["rr/20"]), ("p", columns["corr_p"])):
        middle = {k: quantile(value[group == k][None], 0.5)[0] for k in np.unique(group)}
        more[f"group_{name}"] = np.array([middle[k] for k in group])
    return more
