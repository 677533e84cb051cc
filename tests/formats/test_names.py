"""Names of any kind are read back as they were written, in every format, and run in no program."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from items import TARGETS, assert_same, beats

from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.cells import FORMULA, NUMBER, bare, guarded
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec

ODD = (
    "label", "patient", "record", "item", "marks", "label_row", "labels_id", "valid", "onset_s",
    "I", "I_0", "I_1", "a|b", "|", "\\", "\\|", "a,b", 'say "x"', "'x", "''=x", "=1+1", "+x",
    "-aVR", "@SUM(A1)", "-0.5", "1e3", "NA", "nan", "None", "null", "#x", "# items: 3",
    "Ünïcode µV 心", "true", "01", "1.0", " x", "x ",
)  # fmt: skip
"""Names that mean something to some part of some format."""

VISIBLE = st.characters(exclude_categories=("Cc", "Cs"))
names = st.sampled_from(ODD) | st.text(VISIBLE, min_size=1, max_size=12).filter(str.strip)
texts = names | st.sampled_from(["", "\t=x", "two\nlines", "\r", "a\r\nb"])


@st.composite
def sets(draw: st.DrawFn) -> Ecg:
    distinct = st.lists(names, max_size=3, unique=True)
    classes, context = draw(distinct), draw(distinct)
    leads = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    several = draw(st.booleans())
    spec = Spec(
        tuple(leads), 360, 9, tuple(classes), several, context=tuple(context), r_sample=4
    )  # fmt: skip
    label = np.zeros((3, len(classes)), np.float32)
    for row in range(3):
        for k in draw(st.sets(st.integers(0, len(classes) - 1))) if classes else ():
            label[row, k] = 1
            if not several:
                break
    columns = {name: [draw(texts) for _ in range(3)] for name in ("patient", "record")}
    return beats(3, spec, label=label, source=draw(texts), valid=[9, 8, 7], **columns)


@pytest.mark.parametrize("target", TARGETS)
@settings(deadline=None, max_examples=40)
@given(ecg=sets())
def test_every_name_comes_back(target: str, ecg: Ecg) -> None:
    with TemporaryDirectory() as folder:
        formats.write(ecg, f"{folder}/{target}")
        assert_same(formats.read(f"{folder}/{target}"), ecg)


@pytest.mark.parametrize("target", ["set.npz", "set.csv", "set.parquet"])
def test_half_of_a_character_is_refused_or_kept_and_nothing_is_left_behind(
    tmp_path: Path, target: str
) -> None:
    ecg = beats(2, patient=["a\ud800", "b"])
    if target == "set.npz":
        formats.write(ecg, tmp_path / target)
        assert_same(formats.read(tmp_path / target), ecg)
        return
    with pytest.raises(EcgsynthError, match=r"'a\\ud800' holds a character that is no text"):
        formats.write(ecg, tmp_path / target)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0", "\ud800"])
@pytest.mark.parametrize("what", ["leads", "classes", "context"])
def test_a_name_without_visible_characters_is_refused(what: str, name: str) -> None:
    with pytest.raises(EcgsynthError, match="names of visible characters"):
        Spec(**({"leads": ("I",), "fs": 360, "samples": 9} | {what: (name,)}))  # type: ignore[arg-type]


@given(text=texts)
@example(text="-0.5")
@example(text="\N{FULLWIDTH EQUALS SIGN}x")
def test_a_guarded_text_is_no_formula_and_comes_back(text: str) -> None:
    safe = guarded(text)
    assert bare(safe) == text
    assert not re.match(r"[=+\-@\t\r\n]", safe) or NUMBER.fullmatch(text)
    assert (safe == text) == (not FORMULA.match(text) or bool(NUMBER.fullmatch(text)))


@pytest.mark.parametrize("target", ["set.csv", "set/"])
def test_no_cell_of_a_table_runs_in_a_spreadsheet(tmp_path: Path, target: str) -> None:
    evil = "x,=cmd|' /C calc'!A0;@x,+1+cmd,-2+x\t=y,\"=z\""
    spec = Spec(("-aVR", "=I"), 360, 9, ("=1+1", "-1"), context=("@c", "+d"))
    ecg = beats(4, spec, source=evil, patient=["=p", "-q", "\t=r", "-0.5"], card={"id": evil})
    formats.write(ecg, f"{tmp_path}/{target}")
    assert_same(formats.read(f"{tmp_path}/{target}"), ecg)
    path = tmp_path / (target if target == "set.csv" else "set/items.csv")
    with open(path, encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    begun = [cell for cell in cells if re.match(r"[=+\-@\t\r]", cell)]
    assert begun and all(NUMBER.fullmatch(cell) for cell in begun)


def test_a_number_in_a_table_stays_a_number(tmp_path: Path) -> None:
    import pandas as pd

    ecg = beats(3, Spec(("I",), 360, 9, ("-1", "1"), context=("rr",)), patient=["-0.5", "7", "+3"])
    formats.write(ecg, tmp_path / "set.csv")
    table = pd.read_csv(tmp_path / "set.csv", comment="#", usecols=lambda name: name != "record")
    assert table["label"].tolist() == [-1, 1, -1] and table["patient"].tolist() == [-0.5, 7, 3]
    assert table["I_0"].dtype == float
