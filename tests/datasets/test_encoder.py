"""The encoder: what it makes of a training file, and of the next one."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule._errors import DataError
from chainrule.datasets import Encoder, read, read_table

TRAINING = "age,colour,y\n1,red,a\n2.5,blue,b\n3,red,a\n4,blue,b\n"


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="new.csv"):
        path = tmp_path / name
        path.write_text(content)
        return path

    return write_file


@pytest.fixture
def encoder(write):
    return read(write(TRAINING, "old.csv"), "y").encoder


def refused(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


def test_text_becomes_categories_as_pandas_makes_dummies(write):
    path = write(TRAINING)
    dataset = read(path, "y")
    expected = pd.get_dummies(pd.read_csv(path)[["age", "colour"]], prefix_sep="=")
    assert dataset.feature_names == tuple(expected.columns)
    np.testing.assert_array_equal(dataset.features, expected.to_numpy(np.float64))
    assert dataset.features.dtype == np.float64
    assert dataset.encoder == Encoder(
        ("age", "colour"), (None, ("blue", "red")), "y", class_names=("a", "b")
    )


def test_features_of_categories_alone_are_float32(write):
    dataset = read(write("colour,y\nred,a\nblue,b\nred,a\nblue,b\n"), "y")
    assert dataset.features.dtype == np.float32
    assert dataset.features.tolist() == [[0, 1], [1, 0], [0, 1], [1, 0]]


def test_columns_of_a_new_file_are_found_by_name(write, encoder):
    table = read_table(write("colour;y;weight;age\nblue;b;?;7\n"))
    assert encoder.feature_names == ("age", "colour=blue", "colour=red")
    assert encoder.features(table).tolist() == [[7, 1, 0]]
    assert encoder.has_target(table)
    assert encoder.target(table).tolist() == [1]


def test_the_target_may_be_missing(write, encoder):
    table = read_table(write("age,colour\n7,red\n"))
    assert not encoder.has_target(table)
    assert encoder.features(table).tolist() == [[7, 0, 1]]


def test_a_single_column_needs_no_delimiter(write):
    encoder = read(write("a,y\n1,2.5\n2,3\n", "old.csv"), "y").encoder
    assert encoder.features(read_table(write("a\n5\n"))).tolist() == [[5]]


def test_a_category_that_is_absent_keeps_its_column(write, encoder):
    assert encoder.features(read_table(write("age,colour\n1,red\n"))).shape == (1, 3)


@pytest.mark.parametrize(
    ("written", "code"), [("1", 1), ("1.0", 1), ("01", 1), ("0", 0), ("-0.0", 0)]
)
def test_numbers_that_are_equal_are_one_class(write, written, code):
    encoder = read(write("a,y\n1,0\n2,1\n3,0\n4,1\n", "old.csv"), "y").encoder
    assert encoder.target(read_table(write(f"a,y\n5,{written}\n"))).tolist() == [code]


def test_target_of_a_regression(write):
    encoder = read(write("a,y\n1,0.5\n2,1.5\n3,0\n", "old.csv"), "y").encoder
    target = encoder.target(read_table(write("a,y\n5,7\n6,8\n")))
    assert target.tolist() == [7, 8]
    assert target.dtype == np.float64


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "Age,colour\n1,red\n",
            "new.csv: there is no column 'age'. Did you mean 'Age'? The columns are 'Age', "
            "'colour'.",
        ),
        (
            "age,colour\n1,red\n2,green\n",
            "new.csv, row 2 (line 3), column 'colour': 'green' is no category of the training "
            "data, which has 'blue', 'red'. Correct it, or train with rows of that category.",
        ),
        (
            "age,colour\n1,3\n2,4\n",
            "new.csv, column 'colour': the values are numbers, such as 3.0 in row 1, and the model "
            "was trained on text there: 'blue', 'red'. Use the column that it was trained on.",
        ),
        (
            "age,colour\n1,red\nold,red\n",
            "new.csv, row 2 (line 3), column 'age': 'old' is not a number, and the model was "
            "trained on numbers there. Correct it or remove the row.",
        ),
        (
            "age,colour\n1,red\n1e999,red\n",
            "new.csv, row 2 (line 3), column 'age': '1e999' is infinite, or too large for float64. "
            "Correct it or remove the row.",
        ),
        (
            "age,colour\n1,red\n2,\n",
            "new.csv, row 2 (line 3), column 'colour': the value is missing. Fill it in or remove "
            "the row.",
        ),
        ("age,colour\n", "new.csv: the file has no rows of values. Add at least one."),
    ],
)
def test_what_the_model_has_not_seen_is_refused(write, encoder, content, message):
    with refused(message):
        encoder.features(read_table(write(content)))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "c",
            "new.csv, row 2 (line 3), column 'y': 'c' is no class of the training data, which has "
            "'a', 'b'. Correct it, or train with rows of that class.",
        ),
        (
            "NA",
            "new.csv, row 2 (line 3), column 'y': the value is missing (written 'NA'). Fill it in "
            "or remove the row.",
        ),
    ],
)
def test_unknown_classes_are_refused(write, encoder, value, message):
    with refused(message):
        encoder.target(read_table(write(f"age,colour,y\n1,red,a\n1,red,{value}\n")))


def test_text_is_no_target_of_a_regression(write):
    encoder = read(write("a,y\n1,0.5\n2,1.5\n3,0\n", "old.csv"), "y").encoder
    with refused(
        "new.csv, row 1 (line 2), column 'y': 'tall' is not a number, and the model was trained on "
        "numbers there. Correct it or remove the row."
    ):
        encoder.target(read_table(write("a,y\n5,tall\n")))


def test_many_columns_are_named_by_the_first(write):
    header = ",".join(f"c{i}" for i in range(15))
    encoder = Encoder.of_numbers(["age"], "y")
    with refused(
        "new.csv: there is no column 'age'. The columns are "
        + ", ".join(f"'c{i}'" for i in range(12))
        + " and 3 more."
    ):
        encoder.features(read_table(write(f"{header}\n{','.join('1' * 15)}\n")))


NAMES = st.text(min_size=1, max_size=5)


@settings(deadline=None, derandomize=True)
@given(
    st.lists(NAMES, min_size=2, max_size=5, unique=True),
    st.lists(st.none() | st.lists(NAMES, min_size=1, max_size=3), min_size=4, max_size=4),
    st.none() | st.lists(NAMES, min_size=2, max_size=4),
)
def test_json_keeps_an_encoder(names, categories, classes):
    *columns, target = names
    encoder = Encoder(
        tuple(columns),
        tuple(None if c is None else tuple(c) for c in categories[: len(columns)]),
        target,
        None if classes is None else tuple(classes),
    )
    assert Encoder.from_dict(json.loads(json.dumps(encoder.to_dict()))) == encoder


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"columns": "ab", "categories": [None, None], "target_name": "y", "class_names": None},
        {"columns": ["a"], "categories": [[1]], "target_name": "y", "class_names": None},
        {"columns": ["a"], "categories": [None], "target_name": 3, "class_names": None},
    ],
)
def test_what_is_no_encoder_is_refused(settings):
    with refused(
        "expected an encoder with 'columns', 'categories', 'target_name' and 'class_names', all "
        "made of text; got something else. The file it comes from is damaged, or is none of ours."
    ):
        Encoder.from_dict(settings)


def test_parts_must_fit():
    with refused("an Encoder of 1 columns needs categories, or None, for each, got 2."):
        Encoder(("a",), (None, None), "y")
    with refused(
        "the columns of an Encoder and its target must all have different names, got 'a', 'b' and "
        "'a'."
    ):
        Encoder.of_numbers(["a", "b"], "a")
