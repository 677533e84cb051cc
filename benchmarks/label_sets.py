"""How many sets of statements the training records of a recipe have, and of how many people.

`python -m benchmarks.label_sets [RECIPE]` prints the counts of decision 13: the sets that occur,
and those that fewer than five people have, which no model may keep.
"""

from __future__ import annotations

import sys
from collections import defaultdict

from ecgsynth.config import Run
from ecgsynth.datasets.ptbxl import FOLDS, PtbXl, files, vocabulary
from ecgsynth.datasets.ptbxl.statements import NOT_STATED
from ecgsynth.signals.anonymity import PEOPLE


def people_of_sets(settings: PtbXl.Settings, split: str) -> dict[frozenset[str], set[str]]:
    """Set of classes -> the people of a split who have exactly this set."""
    words, owners = vocabulary(), defaultdict[frozenset[str], set[str]](set)
    for row in files.table(files.find_database()):
        if row.fold in FOLDS[split] and row.files:
            stated = words.likelihoods(row.stated)
            least = settings.min_likelihood
            kept = (c for c in settings.classes if c in stated)
            owners[frozenset(c for c in kept if stated[c] == NOT_STATED or stated[c] >= least)].add(
                row.patient
            )
    return owners


def main(recipe: str = "ptbxl-12lead") -> None:
    run = Run.read(recipe)
    settings, split = run.data_settings(), run.data.split
    owners = people_of_sets(settings, split)
    few = sum(len(people) < PEOPLE for people in owners.values())
    print(
        f"{recipe}: {len(owners)} sets of {len(settings.classes)} classes in ptbxl:{split}; "
        f"{few} belong to fewer than {PEOPLE} people."
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
