"""What it costs that beats belong to synthetic people: `python -m benchmarks.synthetic_people`.

Sets of the same model, of the same counts: in trained styles, as `ecgsynth generate` draws them;
and of synthetic people. Both against the held-out minutes of the training people, and TSTR on the
validation people. The training beats of real people stand beside them, in TSTR. Beats in trained
styles belong to nobody: a classifier sees windows and RR alone; else it also sees what differs from
the person's own normal beat. The networks are trained for 400 steps.
`benchmarks/results/synthetic-people.json` keeps the figures, which are not measured again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import ecgsynth as es
from benchmarks.people import rows_of, utility_of
from benchmarks.people_tables import costs
from benchmarks.tables import KEPT
from ecgsynth.evaluation.real_sets import load_like
from ecgsynth.files import atomic_write

MATCH = ("coverage", "c2st", "adherence", "memorisation", "copy_share")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", nargs="?", default="mitbih-beats")
    parser.add_argument("--people", type=int, default=200, help="synthetic people of a set")
    parser.add_argument("--count", default="N=2000,S=500,V=2000", help="beats of a class")
    parser.add_argument("--to", type=Path, default=KEPT / "synthetic-people.json")
    asked = parser.parse_args(words)
    logging.getLogger("ecgsynth").setLevel(logging.ERROR)
    pairs = (one.partition("=") for one in asked.count.split(","))
    counts = {name: int(number) for name, _, number in pairs}
    model = es.Synthesizer.load(asked.model)
    heldout, train, new = (
        load_like(f"mitbih:{split}", model.spec).with_classes([*counts])
        for split in ("heldout", "train", "validation")
    )
    people = model.generate(counts, seed=5, people=asked.people).with_classes([*counts])
    sets = {
        "styles": model.generate(counts, seed=5).with_classes([*counts]),
        "people": people,
        "nobody": replace(people, patient=None),
    }
    facts = {"model": model.card.id, "counts": counts, "people": asked.people}
    found = json.loads(asked.to.read_text("utf-8")) if asked.to.is_file() else {}
    found = found if found.items() >= facts.items() else dict(facts)
    for (name, made), part in itertools.product(sets.items(), ("match", "utility")):
        key = f"{name} {part}"
        if key in found or (name, part) == ("nobody", "match"):
            continue
        if part == "match":
            report = es.evaluate(made, heldout, train, metrics=MATCH, quick=True, controls=False)
            found[key] = rows_of(report)
        else:
            found[key] = utility_of(made, train, new, quick=True)
        with atomic_write(asked.to) as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"{key}: {len(found[key])} figures", flush=True)
    print("\n".join(costs(found)))


if __name__ == "__main__":
    main()
