"""The data sets that ship with the package, against where they come from."""

import re
from importlib import resources

import numpy as np
import pytest

from chainrule import datasets
from chainrule._errors import DataError


def test_names_lists_what_load_knows():
    assert datasets.names() == ("digits", "xor", "or", "and")
    for name in datasets.names():
        assert datasets.load(name).name == name


def test_digits_are_those_of_the_source():
    from sklearn.datasets import load_digits

    source = load_digits()
    digits = datasets.load("digits")
    np.testing.assert_array_equal(digits.features, source.data)
    np.testing.assert_array_equal(digits.target, source.target)
    assert digits.feature_names == tuple(source.feature_names)
    assert digits.class_names == tuple(str(name) for name in source.target_names)


def test_digits_name_their_source_and_licence():
    description = datasets.load("digits").description
    assert "UCI Machine Learning Repository" in description
    assert "CC BY 4.0" in description


def test_digits_file_is_small():
    file = resources.files("chainrule.datasets").joinpath("digits.npz")
    assert len(file.read_bytes()) < 200_000


@pytest.mark.parametrize(
    ("name", "gate"),
    [("or", lambda a, b: a or b), ("and", lambda a, b: a and b), ("xor", lambda a, b: a != b)],
)
def test_gates_are_their_truth_tables(name, gate):
    dataset = datasets.load(name)
    assert dataset.features.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert dataset.target.tolist() == [int(gate(a, b)) for a, b in dataset.features]
    assert dataset.class_names == ("0", "1")
    assert dataset.recipe.hidden == (2,)
    assert dataset.recipe.test_size == 0


def test_load_returns_a_new_copy():
    datasets.load("xor").features[:] = 7
    assert datasets.load("xor").features.max() == 1


def test_unknown_name_offers_the_nearest():
    expected = (
        "There is no built-in data set 'digit'. Did you mean 'digits'? "
        "There are digits, xor, or, and."
    )
    with pytest.raises(DataError, match=f"^{re.escape(expected)}$"):
        datasets.load("digit")


def test_unknown_name_with_nothing_near():
    expected = "There is no built-in data set 'zebra'. There are digits, xor, or, and."
    with pytest.raises(DataError, match=f"^{re.escape(expected)}$"):
        datasets.load("zebra")
