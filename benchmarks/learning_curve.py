"""How a run got better: every kept model judged on held-out blocks and on the validation patients.

`python -m benchmarks.learning_curve RUN --to curve.png` prints a table (markdown) and draws it.
Nothing of DS2 is looked at: by these figures a model is chosen. `c2st trained` is C2ST against the
trained beats themselves, of which a perfect sampler cannot be told (.50): what is left of C2ST
against held-out blocks is drift of the people. A copier has .50 too: memorisation tells it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from matplotlib.figure import Figure

import ecgsynth as es
from ecgsynth.evaluation.real_sets import load_like

MATCH = ("coverage", "density", "c2st", "memorisation", "frechet")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("run", type=Path)
    arguments.add_argument("--to", type=Path)
    arguments.add_argument("--utility", action="store_true", help="TSTR on validation, slow")
    options = arguments.parse_args()
    first = es.Synthesizer.load(sorted((options.run / "kept").glob("*.safetensors"))[0])
    heldout, train = (load_like(f"mitbih:{part}", first.spec) for part in ("heldout", "train"))
    validation = load_like("mitbih:validation", first.spec)
    lines = []
    for path in sorted((options.run / "kept").glob("*.safetensors")):
        model = es.Synthesizer.load(path)
        counts = train.counts() if options.utility else heldout.counts()
        report = es.evaluate(
            model.generate(counts, seed=5), heldout, train,
            validation if options.utility else None,
            [*MATCH, "tstr"] if options.utility else MATCH,
            quick=not options.utility, controls=False,
        )  # fmt: skip
        against = es.evaluate(
            model.generate(train.counts(), seed=5), train, metrics=["c2st"], quick=True,
            controls=False,
        )  # fmt: skip
        line = {f"{r.metric} {r.group}": r.value for r in report.rows if r.value is not None}
        line["c2st trained"] = float(against.rows[0].value or "nan")
        lines.append({"examples": int(path.stem)} | line)
        print(json.dumps(lines[-1]), flush=True)
    columns = [f"coverage {c}" for c in first.spec.classes]
    columns += [f"density {c}" for c in first.spec.classes if c in "NSV"]
    columns += ["c2st all", "c2st trained"]
    columns += ["tstr all"] if options.utility else []
    print("| examples | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))
    for line in lines:
        cells = [f"{line[name]:.2f}" if name in line else "-" for name in columns]
        print(f"| {line['examples']:,} | " + " | ".join(cells) + " |")
    if options.to:
        draw(lines, columns, options.to)


def draw(lines: list[dict[str, float]], columns: list[str], target: Path) -> None:
    """Curves over examples seen, one panel per metric."""
    metrics = list(dict.fromkeys(name.split()[0] for name in columns))
    figure = Figure(figsize=(4 * len(metrics), 3.2), layout="constrained")
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        for name in columns:
            if name.split()[0] == metric:
                points = [(x["examples"] / 1e6, x[name]) for x in lines if name in x]
                axes.plot(*zip(*points, strict=True), marker="o", ms=3, label=name.split()[1])
        axes.set(title=metric, xlabel="examples seen, millions")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    main()
