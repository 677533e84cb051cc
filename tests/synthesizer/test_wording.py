"""A request in words becomes labels and contexts, or one sentence names what nobody knows."""

from __future__ import annotations

import pytest

from ecgsynth.errors import EcgsynthError
from ecgsynth.synthesizer.wording import PHRASES, read_wording

CONTEXTS = ("age", "sex", "heart_rate")


@pytest.mark.parametrize(
    ("text", "label", "context"),
    [
        ("woman of 70, AFIB with CRBBB, 90 bpm", "AFIB+CRBBB",
         {"age": 70, "sex": 1, "heart_rate": 90}),
        ("a 54-year-old man with sinus rhythm", "SR", {"age": 54, "sex": 0}),
        ("Male, 61 y, left bundle branch block and PVCs", "CLBBB+PVC", {"age": 61, "sex": 0}),
        ("incomplete right bundle branch block", "IRBBB", {}),
        ("heart rate of 48.5", None, {"heart_rate": 48.5}),
        ("lao/lae + 1avb; rate 80/min", "LAO/LAE+1AVB", {"heart_rate": 80}),
        ("female aged 33. NORM.", "NORM", {"age": 33, "sex": 1}),
        ("anterior myocardial infarction", "AMI", {}),
        ("st-t changes", "STTC", {}),
    ],
)  # fmt: skip
def test_words_are_labels_and_contexts(text: str, label: str, context: dict[str, float]) -> None:
    assert read_wording(text, PHRASES, CONTEXTS) == (label, context)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"), ("  ,, ", "is empty"), (None, "text"), (3, "text"),
        ("AFBI", "'afbi': no label"), ("woman with flutters and hiccups", "'flutters', 'hiccups'"),
        ("man and woman", "two values of sex"), ("of 70, aged 71", "two values of age"),
        ("1e9", "no label"), ("AFIB 90", "'90'"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_named(text: str, why: str) -> None:
    with pytest.raises(EcgsynthError, match=why):
        read_wording(text, PHRASES, CONTEXTS)


def test_what_a_model_lacks_is_refused() -> None:
    with pytest.raises(EcgsynthError, match="makes no AFIB; it makes N, V"):
        read_wording("atrial fibrillation", ["N", "V"], CONTEXTS)
    with pytest.raises(EcgsynthError, match="knows no age"):
        read_wording("V of 70", ["N", "V"], ["rr_before_s"])
    assert read_wording("V", ["N", "V"], []) == ("V", {})
