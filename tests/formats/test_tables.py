"""CSV and Parquet: pandas reads them, and a table that was cut short is damaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from items import BEAT, beats, chunked

from ecgsynth import formats
from ecgsynth.errors import EcgsynthError


def test_pandas_reads_the_csv_in_mv_to_the_microvolt(tmp_path: Path) -> None:
    import pandas as pd

    ecg = replace(beats(), signal=beats().signal + np.float32(0.0002))
    formats.write(ecg, tmp_path / "set.csv")
    table = pd.read_csv(tmp_path / "set.csv", comment="#", usecols=lambda name: name != "record")
    assert table["label"].tolist() == ecg.labels_str.tolist()
    wide = table[[f"MLII_{k}" for k in range(64)]].to_numpy()
    np.testing.assert_allclose(wide, ecg.signal[:, 0], atol=0.00051)
    cells = (tmp_path / "set.csv").read_text().splitlines()[-2].split(",")[-64:]
    assert max(len(cell.partition(".")[2]) for cell in cells) == 3


def test_a_csv_cut_at_the_end_of_a_row_is_called_damaged(tmp_path: Path) -> None:
    path = formats.write(beats(), tmp_path / "set.csv")
    lines = path.read_text().splitlines(keepends=True)
    for kept in (lines[:-1], lines[:-2], [*lines[:-2], lines[-1]]):
        path.write_text("".join(kept))
        with pytest.raises(EcgsynthError, match="damaged"):
            formats.read(path)


def test_normalised_csv_keeps_every_digit(tmp_path: Path) -> None:
    ecg = beats(4, replace(BEAT, unit="normalised"))
    ecg = replace(ecg, signal=np.random.default_rng(1).random(ecg.signal.shape))
    formats.write(ecg, tmp_path / "set.csv")
    np.testing.assert_array_equal(formats.read(tmp_path / "set.csv").signal, ecg.signal)


@pytest.mark.parametrize("name", ("set.csv", "set.parquet"))
def test_a_table_of_others_is_refused_for_its_missing_rate(tmp_path: Path, name: str) -> None:
    import pandas as pd

    table = pd.DataFrame({"label": ["N"], "a": [0.5]})
    table.to_csv(tmp_path / "set.csv")
    table.to_parquet(tmp_path / "set.parquet")
    with pytest.raises(EcgsynthError, match="sampling rate"):
        formats.read(tmp_path / name)


def test_pandas_reads_the_parquet_as_a_column_per_lead(tmp_path: Path) -> None:
    import pandas as pd

    ecg = beats(12, replace(BEAT, leads=("I", "V1")))
    formats.write(chunked(ecg, 5), tmp_path / "set.parquet")
    table = pd.read_parquet(tmp_path / "set.parquet")
    np.testing.assert_array_equal(np.stack(table["V1"]), ecg.signal[:, 1])
    assert table["patient"].tolist() == ecg.patient.tolist()  # type: ignore[union-attr]


def test_a_parquet_column_of_another_type_is_called_damaged(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow.parquet import read_table, write_table

    table = read_table(formats.write(beats(), tmp_path / "set.parquet"))
    words = pa.array(["no numbers"] * len(table))
    at = table.schema.get_field_index("MLII")
    write_table(table.set_column(at, "MLII", words), tmp_path / "set.parquet")
    with pytest.raises(EcgsynthError, match="damaged"):
        formats.read(tmp_path / "set.parquet")


@pytest.mark.parametrize("separator", [",", ";"])
def test_table_of_others_with_lines_longer_than_a_block_is_read(
    tmp_path: Path, separator: str
) -> None:
    names = ["fs", *(f"ecg_{k}" for k in range(40_000))]
    rows = [["360", *["0.125"] * 40_000], ["360", *["-0.00000000000000000000000001"] * 40_000]]
    text = "".join(separator.join(row) + "\n" for row in (names, *rows))
    (tmp_path / "long.csv").write_text(text)
    ecg = formats.read(tmp_path / "long.csv")
    assert ecg.signal.shape == (2, 1, 40_000)
    assert (ecg.signal[0] == 0.125).all()
