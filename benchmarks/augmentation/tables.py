"""The study in Markdown: arms, gains, the literature beside them, ratios, the curve over n."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.augmentation import cells
from benchmarks.augmentation.figures import MACRO, MACRO_ALL, f1s, merit
from benchmarks.augmentation.generators import PLAIN
from benchmarks.augmentation.options import Option, options
from benchmarks.augmentation.pools import notes_of
from benchmarks.augmentation.results import Point, Results
from benchmarks.augmentation.subsets import people_of, subset
from benchmarks.claims import estimate, number
from ecgsynth.evaluation import Estimate

PUBLISHED = {
    "de Chazal et al. 2004": {"S": 0.51, "V": 0.80, "F": 0.16, MACRO_ALL: 0.60},
    "Mondéjar-Guerra et al. 2019": {"S": 0.61, "V": 0.94, "F": 0.16, MACRO_ALL: 0.67},
}
"""F1 on DS2 between patients; the macros follow from the published matrices, to two digits."""

BASES = ("none", "weights", "jitter", "gaussian")
"""References of a gain: no augmentation, a weighted loss, oversampling with jitter, the floor."""

CURVE_BASES = ("weights", "jitter")
"""Likewise on the curve, where no classifier is left without help."""

TITLES = {
    "none": "none", "weights": "class weights", "jitter": "oversampling + jitter",
    "smote": "SMOTE", "gaussian": "PCA-Gaussian (floor)",
}  # fmt: skip

FEW = 0.1
"""Share of accepted beats below which it is printed."""

Lines = Iterator[str]


def report(found: Results) -> Lines:
    """Everything, line by line."""
    yield from _people(found)
    yield from arms(found)
    yield from gains(found)
    if found.side == "test" and found.literature and not found.own.all():
        yield from literature(found)
    yield from ratios(found)
    if found.ns:
        yield from curve(found)
    yield from verdict(found)
    yield from refused(found)


def table(head: list[str], rows: list[list[str]]) -> Lines:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def arms(found: Results) -> Lines:
    """F1 of every arm with the ratio that validation chose."""
    names = [*found.whole.spec.classes]
    rest = found.without_largest
    head = ["arm", "filled to", "trained", *(f"F1 {name}" for name in names), MACRO, MACRO_ALL]
    rows = []
    for arm in found.arms:
        point = arm, 0
        figures = found.figures[point]
        row = [title(arm), filled(found, point), trained(found, arm)]
        row += [shown(figures.estimate(name)) for name in (*names, MACRO, MACRO_ALL)]
        rows.append(row + ([shown(rest[point].estimate("S"))] if rest else []))
    yield from table(head + (["F1 S without 232"] if rest else []), rows)


def gains(found: Results) -> Lines:
    """What arms gain over what is free, paired by people."""
    for base in BASES:
        if base not in found.arms:
            continue
        what = "no help" if base == "none" else title(base)
        yield f"Gain over {what} (paired 95 %):"
        yield ""
        groups = [MACRO, *(n for n in found.whole.spec.classes if n in ("S", "V", "F"))]
        rest = found.without_largest
        rows = []
        for arm in found.arms:
            if arm != base and (arm not in PLAIN or base in PLAIN):
                row = [
                    signed(found.figures[arm, 0].gain(found.figures[base, 0], name))
                    for name in groups
                ]
                if rest:
                    row.append(signed(rest[arm, 0].gain(rest[base, 0], "S")))
                rows.append([title(arm), *row])
        yield from table(["arm", *groups] + (["S without 232"] if rest else []), rows)


def literature(found: Results) -> Lines:
    """The row that is compared with others, who keep record 202, whose owner is in DS1."""
    names = ["S", "V", "F", MACRO_ALL]
    yield "With record 202, whose owner is in DS1 too, as the literature counts:"
    yield ""
    rows = [[who, *(number(value[name]) for name in names)] for who, value in PUBLISHED.items()] + [
        [title(arm), *(shown(found.literature[arm, 0].estimate(name)) for name in names)]
        for arm in found.arms
    ]
    yield from table(["", "F1 S", "F1 V", "F1 F", MACRO_ALL], rows)


def ratios(found: Results) -> Lines:
    """What was tried on validation, and what was chosen."""
    study, real = found.study, found.study.recordings
    rows = []
    for arm in study.arms:
        tried = options(arm, study.settings, 0)
        for option in tried if len(tried) > 1 else []:
            said = [
                cells.load(study, cell, "validation")
                for cell in cells.scouts(study, arm, 0, option)
            ]
            known = [one for one in said if one is not None]
            if not known:
                continue
            each = np.mean([f1s(real.validation, one) for one in known], 0)
            mean = number(float(np.mean([merit(real.validation, one) for one in known])))
            best = found.chosen.get((arm, 0)) == option.word
            row = [title(arm), option.word, str(len(known)), *(number(float(f)) for f in each)]
            rows.append([*row, f"**{mean}**" if best else mean])
    if rows:
        yield f"Ratios on {real.validation.source}, by which they are chosen (bold):"
        yield ""
        names = [f"F1 {name}" for name in real.validation.spec.classes]
        yield from table(["arm", "filled to", "trainings", *names, MACRO], rows)


def curve(found: Results) -> Lines:
    """Macro F1 and gain by the number of real beats of every rare class."""
    real, settings = found.study.recordings, found.study.settings
    groups = [name for name in (MACRO, "S", "V") if name == MACRO or name in real.rare]
    yield "By real beats of every rare class (from so many people in each subset):"
    yield ""
    used = [a for a in found.study.curve_arms if any((a, n) in found.chosen for n in found.ns)]
    rows = []
    for n in [*found.ns, 0]:
        who = []
        if n:
            each = [
                people_of(subset(real.train, real.rare, n, k), real.rare)
                for k in range(settings.subsets)
            ]
            who = [f"{name} {'/'.join(str(one[name]) for one in each)}" for name in real.rare]
        for arm in used:
            if (arm, n) not in found.chosen or ("weights", n) not in found.chosen:
                continue
            figures = found.figures[arm, n]
            row = [str(n or "all"), ", ".join(who) or "all", title(arm), filled(found, (arm, n))]
            row += [shown(figures.estimate(name)) for name in groups]
            for base in CURVE_BASES:
                there = base != arm and (base, n) in found.figures
                row.append(signed(figures.gain(found.figures[base, n], MACRO)) if there else "")
            rows.append(row)
    classes = [f"F1 {name}" for name in groups[1:]]
    over = [f"gain over {title(base)}" for base in CURVE_BASES]
    head = ["n", "people", "arm", "filled to", MACRO, *classes, *over]
    yield from table(head, rows)
    yield (
        "All: the arms of the first table, at their own ratios; their generators are not those of "
        f"the curve, which saw {settings.examples:,} examples each."
    )
    yield ""


def verdict(found: Results) -> Lines:
    """In words: which arms gain something, which nothing that is shown, and which lose."""
    names = [MACRO, *(name for name in ("S", "V") if name in found.whole.spec.classes)]
    for n in [0, *found.ns]:
        there = {arm for arm, m in found.chosen if m == n}
        if "weights" not in there:
            continue
        where = f"At {n} real beats of every rare class" if n else "With all real beats"
        for name in names:
            sides: dict[str, list[str]] = {"gain": [], "lose": [], "show no difference": []}
            for arm in (a for a in found.study.arms if a in there and a not in PLAIN):
                one = found.figures[arm, n].gain(found.figures["weights", n], name)
                if one.low is None or one.high is None:
                    continue
                word = "gain" if one.low > 0 else "lose" if one.high < 0 else "show no difference"
                sides[word].append(title(arm))
            told = [f"{', '.join(arms)} {word}" for word, arms in sides.items() if arms]
            if told:
                yield f"- {where}, {name} against class weights: {'; '.join(told)}."
        yield from _floor(found, n, where)
    yield "- Each interval stands for itself: none is widened for the number of comparisons."
    yield ""


def _floor(found: Results, n: int, where: str) -> Lines:
    """A gain that a Gaussian also gives is none of the generator."""
    if ("gaussian", n) not in found.chosen:
        return
    for arm in found.study.generators:
        if (arm, n) not in found.chosen:
            continue
        one = found.figures[arm, n].gain(found.figures["gaussian", n], MACRO)
        assert one.low is not None and one.high is not None
        word = "more than" if one.low > 0 else "less than" if one.high < 0 else "no more shown than"
        yield f"- {where}, {title(arm)} gives {word} the PCA-Gaussian ({MACRO} {signed(one)})."


def refused(found: Results) -> Lines:
    """Where the gate let through less than a tenth of what was drawn, or nothing."""
    study = found.study
    for (arm, n), word in found.chosen.items():
        if arm != "gaussian" and arm not in study.generators:
            continue
        firsts = {cell.pool: cell for cell in cells.full(study, arm, n, Option.of(word))}
        for name in study.recordings.rare:
            each = [notes_of(study, cell).get(name, {}) for cell in firsts.values()]
            shares = [one["accepted"] / one.get("drawn", 1) for one in each if one]
            if shares and min(shares) < FEW:
                where = f"at {n} real beats" if n else "with all real beats"
                yield (
                    f"- {title(arm)}, {name}, {where}: the gate let "
                    f"{' / '.join(f'{share:.1%}' for share in shares)} of the drawn beats through."
                )
    yield ""


def _people(found: Results) -> Lines:
    facts = found.whole[found.own].people_per_class()
    each = [
        f"{name} {int(f['items']):,} from {int(f.get('patients', 0))}"
        f" (largest {f.get('largest_share', 0):.0%})"
        for name, f in facts.items()
    ]
    source = found.whole.source if found.own.all() else f"{found.whole.source} without record 202"
    yield f"{source}, beats and people: {', '.join(each)}."
    yield ""


def title(arm: str) -> str:
    return TITLES.get(arm, arm)


def filled(found: Results, point: Point) -> str:
    """The option in words."""
    option = Option.of(found.chosen[point])
    words = [option.ratio] if option.ratio else []
    return " ".join([*words, "+ weights"] if option.weighted and words else words) or "as is"


def trained(found: Results, arm: str) -> str:
    """Generators x classifiers."""
    return f"{found.study.repeats(arm)} x {found.study.seeds.classifiers}"


def shown(one: Estimate) -> str:
    value = estimate(one.value, one.low, one.high)
    return f"{value} ({one.note})" if one.note else value


def signed(one: Estimate) -> str:
    """As `shown`, with a plus before what is above nought."""
    return ("+" if one.value > 0 else "") + shown(one)
