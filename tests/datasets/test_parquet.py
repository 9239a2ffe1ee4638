"""Parquet files, written by pandas and pyarrow."""

from __future__ import annotations

import builtins
import datetime
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from chainrule._errors import DataError
from chainrule.datasets import read, read_table


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data.parquet"


def refused(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


def frame(n=12):
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "f32": generator.normal(size=n).astype(np.float32),
            "i16": generator.integers(-300, 300, n).astype(np.int16),
            "flag": np.arange(n) % 2 == 0,
            "colour": np.array(["red", "blue", "red"] * (n // 3)),
            "y": np.array(["no", "yes"] * (n // 2)),
        }
    )


def test_columns_are_those_that_pandas_wrote(path):
    data = frame()
    data.to_parquet(path)
    dataset = read(path, "y")
    expected = pd.get_dummies(data.drop(columns="y"), prefix_sep="=", columns=["colour"])
    assert dataset.feature_names == tuple(expected.columns)
    np.testing.assert_array_equal(dataset.features, expected.to_numpy(np.float64))
    assert dataset.features.dtype == np.float32
    assert dataset.class_names == ("no", "yes")
    assert dataset.target.tolist() == [0, 1] * 6


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (["uint8", "uint8"], np.uint8),
        (["uint8", "bool"], np.float32),
        (["uint8", "int16"], np.float32),
        (["float16", "float32"], np.float32),
        (["float32", "int32"], np.float64),
        (["uint16", "int64"], np.float64),
        (["float32", "float64"], np.float64),
    ],
)
def test_dtype_of_features_is_the_smallest_that_holds_the_columns(path, dtypes, expected):
    columns = {f"x{i}": np.array([0, 1, 1], dtype) for i, dtype in enumerate(dtypes)}
    pd.DataFrame({**columns, "y": [0.5, 1.5, 2.5]}).to_parquet(path)
    dataset = read(path, "y")
    assert dataset.features.dtype == expected
    assert dataset.features.tolist() == [[0, 0], [1, 1], [1, 1]]


def test_categories_of_pandas_and_all_kinds_of_text(path):
    text = ["b", "a", "b", "a"]
    table = pa.table(
        {
            "plain": pa.array(text),
            "large": pa.array(text, pa.large_string()),
            "view": pa.array(text, pa.string_view()),
            "coded": pa.array(text).dictionary_encode(),
            "numbers": pa.array([5.0, 7.0, 5.0, 9.0]).dictionary_encode(),
            "y": pa.array([0.5, 1.0, 2.0, 4.0]),
        }
    )
    parquet.write_table(table, path)
    encoder = read(path, "y").encoder
    assert encoder.categories == (("a", "b"),) * 4 + (None,)
    assert read_table(path)["numbers"].tolist() == [5, 7, 5, 9]


def test_text_that_writes_numbers_is_numbers_as_in_a_csv_file(path):
    pd.DataFrame({"a": ["1", "2.5"], "y": [1.5, 2.5]}).to_parquet(path)
    assert read(path, "y").features.tolist() == [[1], [2.5]]


def test_index_of_a_frame_is_no_column(path):
    frame()[["f32", "y"]].iloc[::2].to_parquet(path)
    assert read_table(path).columns == ("f32", "y")


@pytest.mark.parametrize("values", [[1, None, 3], [1.5, float("nan"), 2], ["a", None, "a"]])
def test_null_is_missing(path, values):
    parquet.write_table(pa.table({"a": pa.array(values), "y": [1.5, 2.5, 3.5]}), path)
    with refused(
        "data.parquet, row 2, column 'a': the value is missing. Fill it in or remove the row, or "
        "leave the column out with --drop a (in Python, drop=('a',))."
    ):
        read(path, "y")


def test_infinite_number(path):
    pd.DataFrame({"a": [1.0, 2.0, np.inf], "y": [1.5, 2.5, 3.5]}).to_parquet(path)
    with refused(
        "data.parquet, row 3, column 'a': 'inf' is infinite, or too large for float64. Correct it "
        "or remove the row."
    ):
        read(path, "y")


def test_only_constant_columns(path):
    pd.DataFrame({"a": [7, 7], "y": [1.5, 2.5]}).to_parquet(path)
    with refused(
        "data.parquet: every feature is the same in all 2 rows, so that there is nothing to tell "
        "rows apart by: 'a'. Add a column that varies."
    ):
        read(path, "y")


def test_other_kinds_of_columns(path):
    when = [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)]
    parquet.write_table(pa.table({"when": when, "y": [1.5, 2.5]}), path)
    with refused(
        "data.parquet, column 'when': the values are date32[day]; expected numbers, booleans or "
        "text. Convert the column, or remove it from the file."
    ):
        read(path, "y")


def test_columns_of_the_same_name(path):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    parquet.write_table(table, path)
    with refused(
        "data.parquet: the table has twice the same name. Give each column one of its own."
    ):
        read_table(path)


@pytest.mark.parametrize("damage", [lambda b: b[:-20], lambda b: b[:40], lambda b: b"PAR1"])
def test_a_damaged_file_is_refused(path, damage):
    frame().to_parquet(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        DataError,
        match=r"^data\.parquet: the Parquet file cannot be read, it is damaged or incomplete \(.*"
        r"\)\. Save it again\.$",
    ):
        read(path, "y")


def test_text_named_parquet(path):
    path.write_text("a,y\n1,2\n")
    with refused(
        "data.parquet: this is not a Parquet file, as its name says: it does not begin like one. "
        "Get or save the file again, or give it the ending of what it is."
    ):
        read(path, "y")


def test_content_decides_where_the_name_says_nothing(tmp_path):
    path = tmp_path / "data.bin"
    frame().to_parquet(path)
    assert read(path, "y").n_samples == 12


def test_without_pyarrow_the_message_says_how_to_install_it(path, monkeypatch):
    frame().to_parquet(path)
    original = builtins.__import__

    def without_pyarrow(name, *args):
        if name.startswith("pyarrow"):
            raise ModuleNotFoundError(name)
        return original(name, *args)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    with refused(
        "data.parquet: reading Parquet files needs pyarrow, which is not installed. Install it "
        "with `pip install 'chainrule[parquet]'`, or save the table as CSV."
    ):
        read(path, "y")


def test_pyarrow_is_loaded_for_parquet_alone(tmp_path):
    csv = tmp_path / "data.csv"
    csv.write_text("a,y\n1,2.5\n2,3\n")
    code = (
        "import sys; from chainrule import datasets; "
        f"datasets.read({str(csv)!r}, 'y'); datasets.load('iris'); "
        "print([name for name in ('pyarrow', 'sklearn', 'pandas') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
