"""A request in words, such as "woman of 70, AFIB with CRBBB, 90 bpm", as labels and contexts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ecgsynth.arguments import check_text
from ecgsynth.errors import EcgsynthError, did_you_mean

PHRASES: Mapping[str, tuple[str, ...]] = {
    "NORM": ("normal ecg", "normal", "healthy"),
    "MI": ("myocardial infarction", "infarction", "heart attack"),
    "STTC": ("st t change", "st t changes"),
    "CD": ("conduction disturbance", "conduction disorder"),
    "HYP": ("hypertrophy",),
    "SR": ("sinus rhythm",),
    "ABQRS": ("abnormal qrs",),
    "IMI": ("inferior myocardial infarction", "inferior infarction", "inferior mi"),
    "LVH": ("left ventricular hypertrophy",),
    "ASMI": ("anteroseptal myocardial infarction", "anteroseptal infarction", "anteroseptal mi"),
    "AFIB": ("atrial fibrillation", "afib", "af"),
    "LAFB": ("left anterior fascicular block", "left anterior hemiblock"),
    "IRBBB": ("incomplete right bundle branch block", "incomplete rbbb"),
    "PVC": ("ventricular premature complex", "ventricular premature complexes", "pvcs", "pvc",
            "premature ventricular contraction", "premature ventricular contractions"),
    "VCLVH": ("voltage criteria for left ventricular hypertrophy",),
    "SARRH": ("sinus arrhythmia",),
    "STACH": ("sinus tachycardia",),
    "1AVB": ("first degree av block", "av block 1"),
    "IVCD": ("intraventricular conduction disturbance",),
    "SBRAD": ("sinus bradycardia",),
    "QWAVE": ("q waves", "q wave"),
    "LOWT": ("low amplitude t waves", "low t waves"),
    "ILMI": ("inferolateral myocardial infarction", "inferolateral infarction"),
    "CLBBB": ("complete left bundle branch block", "left bundle branch block", "lbbb"),
    "PAC": ("atrial premature complex", "atrial premature complexes", "pacs", "pac",
            "premature atrial contraction", "premature atrial contractions"),
    "CRBBB": ("complete right bundle branch block", "right bundle branch block", "rbbb"),
    "AMI": ("anterior myocardial infarction", "anterior infarction", "anterior mi"),
    "LAO/LAE": ("left atrial overload", "left atrial enlargement"),
    "INVT": ("inverted t waves", "inverted t wave", "t wave inversion"),
}  # fmt: skip
"""Statement -> what people write for it, besides its code; after the descriptions of PTB-XL."""

SEXES = {
    "male": 0.0, "man": 0.0, "boy": 0.0, "gentleman": 0.0,
    "female": 1.0, "woman": 1.0, "girl": 1.0, "lady": 1.0,
}  # fmt: skip
"""As PTB-XL counts them."""

NUMBERS = {
    "heart_rate": r"(?:(?:heart )?rate (?:of |is )?)?{n} ?(?:bpm|beats per minute|beats a minute"
                  r"|per minute|/ ?min)|(?:heart )?rate (?:of |is )?{n}|hr {n}",
    "age": r"{n}[ -]?(?:years?|yrs?|yo|y)(?:[ -]?old| of age)?|aged? (?:of )?{n}|of {n}",
}  # fmt: skip
"""Context -> how its number is written; a rate is looked for before an age."""

IGNORED = {
    "a", "an", "and", "at", "ecg", "has", "having", "her", "his", "in", "is", "of", "patient",
    "person", "record", "recording", "rhythm", "the", "together", "who", "with",
}  # fmt: skip
"""Words that change nothing."""


def read_wording(
    text: str, classes: Iterable[str], contexts: Iterable[str]
) -> tuple[str | None, dict[str, float]]:
    """The labels, joined by "+", and the contexts that a text asks for.

    Labels are codes of the model's classes, in capitals or not, or the words that stand in PHRASES.
    Without any, the label is None.

    Parameters
    ----------
    text: such as "woman of 70, AFIB with CRBBB, 90 bpm". classes, contexts: that a model knows.

    Raises
    ------
    EcgsynthError: no text, words that nobody knows, a label or a context that the model lacks, or
        one context asked for twice.
    """
    rest = f" {_plain(check_text(text, 'the text of a request'))} "
    if not rest.strip():
        raise EcgsynthError(
            "the text of a request is empty; write one, as in 'woman of 70, AFIB, 90 bpm'."
        )
    known = set(contexts)
    context: dict[str, float] = {}
    for name, pattern in NUMBERS.items():
        rest = _take_number(rest, name, pattern, known, context)
    rest = _take_sex(rest, known, context)
    labels, rest = _take_labels(rest, tuple(classes))
    unknown = [word for word in rest.split() if word not in IGNORED]
    if unknown:
        words = {*SEXES, *(name.lower() for name in classes), *sum(PHRASES.values(), ())}
        hints = "".join(did_you_mean(word, words) for word in unknown[:1])
        raise EcgsynthError(
            f"{', '.join(map(repr, unknown))}: no label, age, sex or heart rate is written so."
            f"{hints} Write as in 'woman of 70, AFIB with CRBBB, 90 bpm'."
        )
    return "+".join(labels) or None, context


def _plain(text: str) -> str:
    """In small letters, without punctuation but what stands in numbers and codes."""
    text = re.sub(r"(?<=\d)\.(?=\d)", "\0", text.lower())
    text = re.sub(r"[.,;:()'\"+&]|(?<=[a-z])-(?=[a-z])", " ", text)
    return re.sub(r"\s+", " ", text.replace("\0", ".")).strip()


def _take_number(
    text: str, name: str, pattern: str, known: set[str], context: dict[str, float]
) -> str:
    """Move what matches into the context; the text without it."""

    def take(match: re.Match[str]) -> str:
        value = float(next(part for part in match.groups() if part is not None))
        _put(context, name, value, known)
        return " "

    written = pattern.replace("{n}", r"(\d+(?:\.\d+)?)")
    return re.sub(rf"(?<![\w.])(?:{written})(?![\w.])", take, text)


def _take_sex(text: str, known: set[str], context: dict[str, float]) -> str:
    for word, value in SEXES.items():
        pattern = rf"(?<= ){word}(?= )"
        if re.search(pattern, text):
            _put(context, "sex", value, known)
            text = re.sub(pattern, "", text)
    return text


def _put(context: dict[str, float], name: str, value: float, known: set[str]) -> None:
    if name not in known:
        raise EcgsynthError(
            f"this model knows no {name.replace('_', ' ')}; leave it out of the text."
        )
    if context.get(name, value) != value:
        raise EcgsynthError(
            f"the text asks for two values of {name} ({context[name]:g} and {value:g}); keep one."
        )
    context[name] = value


def _take_labels(text: str, classes: tuple[str, ...]) -> tuple[list[str], str]:
    """The labels in order of the text, and the text without them; long phrases go first."""
    phrases = {_plain(name): name for name in classes}
    for name, written in PHRASES.items():
        phrases |= dict.fromkeys(written, name)
    found: dict[int, str] = {}
    for phrase in sorted(phrases, key=len, reverse=True):
        pattern = rf"(?<= ){re.escape(phrase)}(?= )"
        for match in re.finditer(pattern, text):
            found[match.start()] = phrases[phrase]
        text = re.sub(pattern, lambda match: "_" * len(match[0]), text)
    labels = list(dict.fromkeys(found[at] for at in sorted(found)))
    if lacking := [name for name in labels if name not in classes]:
        raise EcgsynthError(
            f"this model makes no {', '.join(lacking)}; "
            f"it makes {', '.join(classes) or 'no classes'}."
        )
    return labels, re.sub(r"_+", " ", text)
