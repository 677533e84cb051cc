"""What the Rare-GAN's two learning-rate runs are worth, by its own measures and by ours.

`python -m benchmarks.claims_inception runs/inception-ptbxl runs/inception-ptbxl-ttur --to FOLDER`
prints tables (Markdown) and writes, for every model, beats of several leads beside real ones and
the arrhythmia candidates among its records. A run folder holds the critic, a model file does not.
Judged against fold 9 of PTB-XL; fold 10 is looked at with --final alone, once a version.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import ecgsynth as es
from benchmarks.claims import judged, table
from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import pick
from ecgsynth.evaluation.auc import auc_over
from ecgsynth.evaluation.intervals import joint
from ecgsynth.evaluation.reference_models.delineation import delineate
from ecgsynth.evaluation.reference_models.instruments import instrument
from ecgsynth.signals.fiducials import measure
from ecgsynth.signals.paper.sheet import INK, SYNTHETIC_INK, WARNING
from ecgsynth.signals.scaling import scaler_from_json

METRICS = (
    "c2st", "coverage", "density", "saturation", "lead_correlation_error", "einthoven_residual",
    "goldberger_residual",
)  # fmt: skip
KL = "KL of RR-SD to half of the real people"
BINS, LONGEST_SD_S, EPS = 29, 1.0, 1e-8
"""Of the published histogram; what lies beyond it is no rhythm of ten seconds."""
DRAWS = 50
"""Halves of the real people to which RR-SD is held."""
IRREGULAR = 0.95
"""Quantile of RR-SD among normal records, from which on a record is irregular."""
LIKELY = 0.5
"""Probability from which on the instrument finds a statement."""
AT_BOUND = 0.999
"""Share of a tanh's end that counts as its end."""
SHOWN_LEADS, SHOWN_BEATS, AROUND_S = ("I", "II", "V1", "V5"), 60, 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--to", type=Path, required=True, help="folder of pictures and candidates")
    parser.add_argument("--count", type=int, default=1000, help="synthetic records of a model")
    parser.add_argument("--final", action="store_true", help="fold 10 instead of fold 9")
    parser.add_argument("--quick", action="store_true", help="C2ST by boosting alone")
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    models = {path: es.Synthesizer.load(path) for path in given.models}
    settings = Run.from_dict(models[given.models[0]].card.run).data.settings
    train = es.load("ptbxl", "train", **settings)
    heldout = es.load("ptbxl", "test" if given.final else "validation", **settings)
    normal = es.load("ptbxl", "train", **(settings | {"classes": ["NORM"], "labelled_only": True}))
    limit = float(np.nanquantile(rr_sd(normal), IRREGULAR))
    people = es.concatenate([train, heldout])
    real_rr = rr_sd(people)
    counts = {name: max(1, n * given.count // len(heldout)) for name, n in heldout.counts().items()}

    columns = {"real": rhythm(heldout) | voltages(heldout)}
    columns["real"][KL] = against_halves(people, real_rr)
    sets, statements = {}, {"real": candidates(heldout, limit)[1]}
    for path, model in models.items():
        name = model.card.id
        made = sets[name] = model.generate(counts, seed=5)
        columns[name] = rhythm(made) | {KL: against_halves(people, real_rr, rr_sd(made))}
        columns[name] |= voltages(made) | at_bound(model, made)
        columns[name] |= critic_figures(path, model, train, heldout, made)
        chosen, statements[name] = candidates(made, limit)
        if len(chosen):
            es.write(chosen, given.to / f"{name}-candidates.npz")
        panels({"real": heldout, "synthetic": made}, given.to / f"{name}-beats.png")

    print(
        f"Real: {len(heldout)} records of {heldout.source}, trained on {len(train)} of "
        f"{train.source}. Synthetic: {sum(counts.values())} a model, statements in the same "
        "proportions.\n"
    )
    columns_table("figure", columns)
    print(
        "The critic's AUROC of real against synthetic was published as a merit (.9899). It is "
        "none: a high one means that the critic detects its generator; .50 is the aim.\n\n"
        f"Arrhythmia candidates (kept / of all: irregular, found): RR-SD above {limit:.3f} s, the "
        f"{IRREGULAR:.0%} quantile of {len(normal):,} normal records, or the statement is found "
        f"by the fixed instrument with a probability of {LIKELY:g} or more (-: not known to it); "
        f"and three R peaks, RR-SD no more than {LONGEST_SD_S:g} s.\n"
    )
    columns_table("statement", statements)
    print("Of all records, whatever they carry: most statements have too few real ones.\n")
    bare = {name: unlabelled(ecg) for name, ecg in sets.items()}
    judged(bare, unlabelled(heldout), unlabelled(train), METRICS, quick=given.quick)


def unlabelled(ecg: es.Ecg) -> es.Ecg:
    """The set without its statements."""
    return replace(ecg, spec=replace(ecg.spec, classes=(), multilabel=False), label=None)


def rr_sd(ecg: es.Ecg) -> NDArray[np.float64]:
    """[item] SD of the RR intervals in lead I, s; NaN below three R peaks."""
    lead = np.ascontiguousarray(ecg.signal[:, ecg.spec.leads.index("I")])
    return measure(lead, delineate(lead, ecg.spec.fs))["rr_sd"] / 1000


def kl(one: NDArray, other: NDArray) -> float:
    """Kullback-Leibler divergence of the published histogram of `one` from that of `other`."""
    shares = []
    for values in (one, other):
        histogram = np.histogram(values[np.isfinite(values)], BINS, (0, LONGEST_SD_S))[0]
        shares.append(histogram / max(histogram.sum(), 1) + EPS)
    return float((shares[0] * np.log(shares[0] / shares[1])).sum())


def against_halves(people: es.Ecg, real: NDArray, synthetic: NDArray | None = None) -> str:
    """Mean KL to the RR-SD of half of the real people, with 2.5 to 97.5 % of the draws.

    Held to it is the other half, or as many of `synthetic`: since `eps` makes the figure one of
    sizes, these are the same. real: [item of `people`], s.
    """
    random, found = np.random.default_rng(0), []
    person = np.unique(np.asarray(people.patient), return_inverse=True)[1]
    if synthetic is not None and not (synthetic <= LONGEST_SD_S).any():
        return "-"
    for _ in range(DRAWS):
        one = (random.permutation(person.max() + 1) % 2 == 0)[person]
        other = real[~one] if synthetic is None else random.choice(synthetic, int((~one).sum()))
        found.append(kl(other, real[one]))
    low, high = np.quantile(found, [0.025, 0.975])
    return f"{np.mean(found):.2f} ({low:.2f}-{high:.2f})"


def rhythm(ecg: es.Ecg) -> dict[str, str]:
    """The published figure of rhythm."""
    found = rr_sd(ecg)
    known = found[np.isfinite(found)]
    spread = "-"
    if len(known):
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        spread = f"{middle:.3f} ({low:.3f}-{high:.3f})"
    return {
        "RR-SD in lead I, s: median (quartiles)": spread,
        "records with fewer than three R peaks": f"{np.isnan(found).mean():.1%}",
        f"records with RR-SD above {LONGEST_SD_S:g} s": f"{(found > LONGEST_SD_S).mean():.1%}",
    }


def voltages(ecg: es.Ecg) -> dict[str, str]:
    """How much lies where the published generator could not reach."""
    return {"samples beyond 1 mV": f"{(np.abs(ecg.signal) > 1).mean():.2%}"}


def at_bound(model: es.Synthesizer, ecg: es.Ecg) -> dict[str, str]:
    """How many samples stand at the ends of the generator's tanh, where it has one."""
    settings = Run.from_dict(model.card.run).model_settings()
    if not getattr(settings, "bounded", False):
        return {"samples at the bound": "no bound"}
    scaler = scaler_from_json(model.card.scaler)
    scaled = scaler.forward(ecg.signal, scaler.measure(ecg))
    return {"samples at the bound": f"{(np.abs(scaled) >= AT_BOUND).mean():.2%}"}


def critic_figures(
    path: Path, model: es.Synthesizer, train: es.Ecg, heldout: es.Ecg, made: es.Ecg
) -> dict[str, str]:
    """AUROC and accuracy of the trained critic, equally many records a side."""
    logits_of = {ecg.source: critic_logits(path, model, ecg) for ecg in (train, heldout, made)}
    cells: dict[str, str] = {}
    for what, ecg in (("held-out", heldout), ("trained", train)):
        real, synthetic = logits_of[ecg.source], logits_of[made.source]
        name = f"critic, {what} real against synthetic: AUROC; accuracy"
        if real is None or synthetic is None:
            cells[name] = "a model file has no critic"
            continue
        count, random = min(len(real), len(synthetic)), np.random.default_rng(0)
        rows = [random.permutation(len(one))[:count] for one in (real, synthetic)]
        score = np.concatenate([real[rows[0]], synthetic[rows[1]]])
        truth = np.repeat([1, 0], count)
        found = auc_over(truth, [score], joint((ecg, rows[0]), (made, rows[1])))
        accuracy = ((score > 0) == truth).mean()
        cells[name] = f"{found.value:.3f} ({found.low:.3f}-{found.high:.3f}); {accuracy:.2f}"
    return cells


def critic_logits(path: Path, model: es.Synthesizer, ecg: es.Ecg) -> NDArray[np.float64] | None:
    """[item] the critic's logit for "real", each record shown with its own label and context;
    None where the critic is not kept."""
    import torch
    from safetensors import safe_open

    from ecgsynth.condition import Condition
    from ecgsynth.registry import MODELS
    from ecgsynth.training.snapshots import SNAPSHOT

    if not (path / SNAPSHOT).is_file():
        return None
    run = Run.from_dict(model.card.run)
    settings = run.model_settings(styles=model.card.styles)
    critic = MODELS.get(run.model.name).critic(settings, model.spec)
    with safe_open(path / SNAPSHOT, "pt") as file:
        names = [name for name in file.keys() if name.startswith("critic/")]  # noqa: SIM118
        critic.load_state_dict({n.removeprefix("critic/"): file.get_tensor(n) for n in names})
    critic.eval()
    scaler = scaler_from_json(model.card.scaler)
    scaled = scaler.forward(ecg.signal, scaler.measure(ecg))
    context, style = model.prior.standardise(np.asarray(ecg.context)), np.zeros(len(ecg), np.int64)
    whole = Condition(
        label=torch.from_numpy(np.array(ecg.label)), context=torch.from_numpy(np.array(context)),
        style=torch.from_numpy(style),
    )  # fmt: skip
    found = []
    with torch.inference_mode():
        for start in range(0, len(ecg), 64):
            rows = slice(start, start + 64)
            view = critic.view(torch.from_numpy(scaled[rows]))
            found.append(critic(view, whole[rows])[0].double().numpy())
    return np.concatenate(found)


def candidates(ecg: es.Ecg, limit: float) -> tuple[es.Ecg, dict[str, str]]:
    """The arrhythmia candidates of a set, and per statement how many there are and why."""
    known = instrument(ecg.spec)
    if known is None:
        raise EcgsynthError(
            "no instrument knows such records; give models of twelve leads in mV, as the recipe "
            "inception-ptbxl makes them."
        )
    rr = rr_sd(ecg)
    beats = rr <= LONGEST_SD_S  # a network finds a statement even where there is no heart beat
    irregular = beats & (rr > limit)
    probability, label = known.predict(ecg), np.asarray(ecg.label) > 0
    found, cells = np.zeros(len(ecg), bool), {}
    for carries, name in zip(label.T, ecg.spec.classes, strict=True):
        likely, seen = np.zeros(len(ecg), bool), "-"
        if name in known.spec.classes:
            likely = carries & beats & (probability[:, known.spec.classes.index(name)] >= LIKELY)
            seen = str(likely.sum())
        found |= likely
        kept = (carries & irregular) | likely
        reasons = f"{(carries & irregular).sum()}, {seen}"
        cells[name] = f"{kept.sum()} / {carries.sum()}: {reasons}"
    kept = irregular | found
    cells["all"] = f"{kept.sum()} / {len(ecg)}: {irregular.sum()}, {found.sum()}"
    return ecg[kept], cells


def panels(sets: dict[str, es.Ecg], target: Path) -> None:
    """Beats from half a second before R to half a second after, real above synthetic."""
    figure = Figure(figsize=(3 * len(SHOWN_LEADS), 5.2), layout="constrained")
    axes = figure.subplots(len(sets), len(SHOWN_LEADS), sharex=True, sharey=True)
    for row, (name, ecg) in zip(axes, sets.items(), strict=True):
        beats, ink = beats_of(ecg), SYNTHETIC_INK if ecg.synthetic else INK
        reach = np.linspace(-AROUND_S, AROUND_S, beats.shape[-1])
        for k, (lead, panel) in enumerate(zip(SHOWN_LEADS, row, strict=True)):
            panel.plot(reach, beats[:, k].T, color=ink, lw=0.5, alpha=0.25)
            if len(beats):
                panel.plot(reach, np.median(beats[:, k], 0), color=ink, lw=1.4)
            panel.set_title(f"{name}, {lead}, {len(beats)} beats", fontsize=9)
            panel.grid(alpha=0.3)
        row[0].set_ylabel("mV")
    for panel in axes[-1]:
        panel.set_xlabel("s from R")
    figure.suptitle("SYNTHETIC below - not for diagnosis", fontsize=9, color=WARNING)
    figure.savefig(target, dpi=110)


def beats_of(ecg: es.Ecg) -> NDArray[np.float32]:
    """[beat, lead, sample] one beat each of as many records as are shown."""
    ecg = pick(ecg, SHOWN_BEATS, np.random.default_rng(0))
    lead = np.ascontiguousarray(ecg.signal[:, ecg.spec.leads.index("I")])
    peaks = delineate(lead, ecg.spec.fs)["r_peak"]
    rows = [ecg.spec.leads.index(name) for name in SHOWN_LEADS]
    half, found = round(AROUND_S * ecg.spec.fs), []
    for signal, at in zip(ecg.signal, peaks, strict=True):
        inside = at[(at >= half) & (at < ecg.spec.samples - half)]
        if len(inside):
            middle = round(inside[len(inside) // 2])
            found.append(signal[rows, middle - half : middle + half + 1])
    return np.stack(found) if found else np.zeros((0, len(rows), 2 * half + 1), np.float32)


def columns_table(corner: str, columns: Mapping[str, Mapping[str, str]]) -> None:
    """A table with a row for every key of the columns, in the order they come."""
    names = dict.fromkeys(key for cells in columns.values() for key in cells)
    rows = [[n, *(cells.get(n, "") for cells in columns.values())] for n in names]
    table([corner, *columns], rows)


if __name__ == "__main__":
    main()
