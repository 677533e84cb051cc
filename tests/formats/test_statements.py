"""What clinical files state of an ECG is read as labels, by codes and by words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clinical_files import CLINICAL, strip, without_facts, written

from ecgsynth import formats
from ecgsynth.formats.codes import STATEMENTS
from ecgsynth.formats.convert import convert
from ecgsynth.formats.statements import Stated, labels_of
from ecgsynth.signals.ecg import Ecg


def stating(*names: str) -> Ecg:
    """A recording with these statements, which may be none of the vocabulary."""
    ecg = strip(("I", "II", "V1"), 500, 100)
    spec = replace(ecg.spec, classes=names, multilabel=True)
    return replace(ecg, spec=spec, label=np.ones((1, len(names)), np.float32))


def names_in(ecg: Ecg) -> set[str]:
    return set(ecg.labels_str[0].split("|")) - {""}


@pytest.mark.parametrize("name", CLINICAL)
def test_statements_of_others_are_labels_and_unknown_ones_are_named(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = without_facts(written(stating("AFIB", "PVC", "Odd waves"), tmp_path, name))
    ecg = formats.read(path)
    assert names_in(ecg) == {"AFIB", "PVC"} and ecg.spec.classes == tuple(STATEMENTS)
    assert "no label for the statements 'Odd waves'" in caplog.text
    assert (
        formats.read(without_facts(written(stating("Odd waves"), tmp_path, name))).spec.classes
        == ()
    )


@pytest.mark.parametrize("source", CLINICAL)
@pytest.mark.parametrize("target", CLINICAL)
def test_statements_go_from_one_format_to_another(tmp_path: Path, source: str, target: str) -> None:
    path = without_facts(written(stating("CLBBB", "SR"), tmp_path, source))
    (tmp_path / "out").mkdir()
    again = without_facts(written(formats.read(path), tmp_path / "out", target))
    assert names_in(formats.read(again)) == {"CLBBB", "SR"}


def test_files_that_state_nothing_are_a_set_with_those_that_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = strip(("I", "II", "V1"), 500, 100)
    for k, ecg in enumerate((stating("AFIB"), plain, stating("PVC"))):
        folder = tmp_path / "visits"
        folder.mkdir(exist_ok=True)
        (folder / f"{k}.dcm").write_bytes(
            without_facts(written(ecg, tmp_path, "dicom")).read_bytes()
        )
    ecg = formats.read(tmp_path / "visits")
    assert ecg.labels_str.tolist() == ["AFIB", "", "PVC"]
    convert(tmp_path / "visits", f"{tmp_path}/set.npz")
    assert formats.read(tmp_path / "set.npz").labels_str.tolist() == ["AFIB", "", "PVC"]
    (tmp_path / "visits" / "0.dcm").unlink()
    convert(tmp_path / "visits", f"{tmp_path}/two.npz")
    assert formats.read(tmp_path / "two.npz").spec.classes == ()
    assert "its statements are left out, as the first file has none" in caplog.text


@pytest.mark.parametrize(
    ("code", "text", "names"),
    [
        ("164889003", "whatever", {"AFIB"}),
        ("", "*** Atrial Fibrillation ***", {"AFIB"}),
        ("", "Normal sinus rhythm", {"SR"}),
        ("", "1st degree A-V block", {"1AVB"}),
        ("", "LVH", {"LVH"}),
        ("59118001", "Right bundle branch block", {"CRBBB"}),
        ("", "Atrial fibrillation is no longer present", set()),
        ("", "Cannot rule out left ventricular hypertrophy", set()),
        ("999", "", set()),
    ],
)
def test_a_statement_is_known_by_its_code_or_by_all_of_its_words(
    code: str, text: str, names: set[str]
) -> None:
    classes, label = labels_of([Stated(code, text)], "a.xml")
    assert {name for name, value in zip(classes, [] if label is None else label[0], strict=False)
            if value} == names  # fmt: skip


def test_a_sentence_of_muse_may_go_over_several_lines(tmp_path: Path) -> None:
    path = without_facts(written(stating("AFIB"), tmp_path, "muse"))
    text = path.read_text()
    old = text[
        text.index("<StmtFlag>", text.index("diagnosis.</StmtText>")) : text.index("Atrial fib")
    ]
    assert "ENDSLINE" in old
    first = "<StmtText>Atrial</StmtText></DiagnosisStatement><DiagnosisStatement>"
    changed = text.replace(old + "Atrial fibrillation", f"{first}{old}fibrillation")
    path.write_text(changed)
    assert changed != text and names_in(formats.read(path)) == {"AFIB"}
