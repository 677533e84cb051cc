"""Scores of readers' answers: shares with exact intervals, a test of guessing, agreement."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.blind_reading.key import decode_key

UNSURE = 3
"""The confidence, 1 to 5, of an answer without one."""


@dataclass(frozen=True)
class Share:
    """`hits` of `total`, with its exact 95 % interval."""

    hits: int
    total: int
    low: float
    high: float

    @classmethod
    def of(cls, right: NDArray[np.bool_]) -> Share:
        """The share of right answers, with its interval."""
        return cls(int(right.sum()), len(right), *interval(int(right.sum()), len(right)))


@dataclass(frozen=True)
class Score:
    """The score of one reader, or of all together, for a class or for all strips.

    Attributes
    ----------
    sensitivity: share of synthetic strips recognised. specificity: share of real strips recognised.
    accuracy: share of all. p: of a two-sided binomial test against guessing. auc: from confidence.
    """

    group: str
    sensitivity: Share
    specificity: Share
    accuracy: Share
    p: float
    auc: float


@dataclass(frozen=True)
class Answers:
    """The answers of one reader for every strip. synthetic: bool [strip]. confidence: 1 to 5
    [strip]."""

    reader: str
    synthetic: NDArray[np.bool_]
    confidence: NDArray[np.int64]


@lru_cache(maxsize=4096)
def interval(hits: int, total: int) -> tuple[float, float]:
    """The exact 95 % interval of a share (Clopper and Pearson 1934)."""
    from scipy.stats import binomtest

    found = binomtest(hits, total).proportion_ci(0.95, method="exact")
    return float(found.low), float(found.high)


@lru_cache(maxsize=4096)
def chance(hits: int, total: int) -> float:
    """P value of a two-sided binomial test against guessing."""
    from scipy.stats import binomtest

    return float(binomtest(hits, total, 0.5).pvalue)


def score(kit: dict[str, Any], truth: NDArray[np.bool_], readers: Sequence[Answers]) -> list[Score]:
    """Scores per class, then of all strips; several readers' answers are pooled.

    kit, truth: as `read_kit` gives them; truth is bool [strip], whether it is synthetic.
    """
    from sklearn.metrics import roc_auc_score

    answer = np.concatenate([reader.synthetic for reader in readers])
    sure = np.concatenate([reader.confidence for reader in readers])
    groups = np.array([item["group"] for item in kit["items"]])
    true, of = np.tile(truth, len(readers)), np.tile(groups, len(readers))
    named = kit["groups"]
    found = []
    for group in [*named, "all"] if len(named) > 1 else ["all"]:
        rows = np.full(len(of), True) if group == "all" else of == group
        right = answer[rows] == true[rows]
        accuracy = Share.of(right)
        signed = np.where(answer[rows], sure[rows], -sure[rows])
        found.append(
            Score(
                group,
                Share.of(right[true[rows]]),
                Share.of(right[~true[rows]]),
                accuracy,
                chance(accuracy.hits, accuracy.total),
                float(roc_auc_score(true[rows], signed)),
            )
        )
    return found


def agreement(readers: Sequence[Answers]) -> float:
    """Mean of Cohen's kappa over all pairs of readers (Light 1971); NaN if no answers vary."""
    from sklearn.metrics import cohen_kappa_score

    pairs = combinations(readers, 2)
    return float(np.mean([cohen_kappa_score(a.synthetic, b.synthetic) for a, b in pairs]))


def read_kit(page: Path) -> tuple[dict[str, Any], NDArray[np.bool_]]:
    """The kit in a page, and which of its strips are synthetic.

    Raises
    ------
    EcgsynthError: there is no such page, or it contains no kit.
    """
    try:
        text = page.read_text(encoding="utf-8")
        found = re.search(r'<script type="application/json" id="kit">(.*?)</script>', text)
        kit = json.loads(found[1]) if found else {}
        truth = np.array(decode_key(kit["key"]))
        if len(truth) != len([(item["id"], item["group"]) for item in kit["items"]]):
            raise KeyError("items")
        kit["kit"], kit["groups"] = str(kit["kit"]), [str(name) for name in kit["groups"]]
    except OSError as problem:
        raise EcgsynthError(
            f"{page} could not be read ({problem.strerror}); give the page that the reader used."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise EcgsynthError(
            f"{page} contains no blind reading kit; give the page that the answers belong to."
        ) from None
    return kit, truth


def read_answers(path: Path, kit: dict[str, Any]) -> Answers:
    """The answers that the page saved as JSON, in the order of the kit.

    Raises
    ------
    EcgsynthError: no such file, no answers, answers of another kit, or strips without an answer.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        answers = {str(row["id"]): row for row in content["answers"]}
        owner, reader = content["kit"], str(content.get("reader") or path.stem)
        if content.get("round", 1) != 1:
            reader += " (solution known)"
    except OSError as problem:
        raise EcgsynthError(f"{path} could not be read ({problem.strerror}).") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise EcgsynthError(
            f"{path} contains no answers; give the .json file that the page offers at its end."
        ) from None
    if owner != kit["kit"]:
        raise EcgsynthError(
            f"{path} answers the kit {owner}, and this page is the kit {kit['kit']}; score it with "
            "its own page."
        )
    words, sure = [], []
    for item in kit["items"]:
        row = answers.get(item["id"], {})
        confidence = row.get("confidence")
        confidence = UNSURE if confidence is None else confidence
        if row.get("answer") not in ("real", "synthetic") or confidence not in range(1, 6):
            raise EcgsynthError(
                f"{path} has no complete answer to strip {item['id']}; finish the page first."
            )
        words.append(row["answer"] == "synthetic")
        sure.append(int(confidence))
    return Answers(reader, np.array(words), np.array(sure))
