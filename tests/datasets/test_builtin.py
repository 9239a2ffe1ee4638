"""The data sets that ship with the package, against where they come from."""

import re
from importlib import resources

import numpy as np
import pytest

from chainrule import datasets
from chainrule._errors import DataError

NAMES = (
    "digits, breast-cancer, wine, iris, diabetes, mnist, fashion-mnist, moons, circles, spirals, "
    "xor, or, and"
)
SHIPPED = [name for name in NAMES.split(", ") if "mnist" not in name]


def test_names_lists_what_load_knows():
    assert ", ".join(datasets.names()) == NAMES
    for name in SHIPPED:
        dataset = datasets.load(name)
        assert dataset.name == name
        assert dataset.description == datasets.describe(name)


@pytest.mark.parametrize("name", ["breast-cancer", "wine", "iris", "diabetes"])
def test_measured_data_are_those_of_the_source(name):
    from sklearn import datasets as theirs

    options = {"scaled": False} if name == "diabetes" else {}
    source = getattr(theirs, f"load_{name.replace('-', '_')}")(**options)
    dataset = datasets.load(name)
    np.testing.assert_array_equal(dataset.features, source.data)
    np.testing.assert_array_equal(dataset.target, source.target)
    assert dataset.feature_names == tuple(source.feature_names)
    if name == "diabetes":
        assert dataset.class_names is None
    else:
        assert dataset.class_names == tuple(source.target_names)


@pytest.mark.parametrize("name", ["breast-cancer", "wine", "iris", "diabetes"])
def test_measured_data_name_their_source_and_licence(name):
    description = datasets.describe(name)
    assert "https://" in description
    assert ("CC BY 4.0" in description) != ("without a licence" in description)


@pytest.mark.parametrize("name", SHIPPED)
def test_recipes_name_hyperparameters_of_the_estimators(name):
    from chainrule import MLPClassifier, MLPRegressor

    dataset = datasets.load(name)
    estimator = MLPRegressor if dataset.class_names is None else MLPClassifier
    estimator(**dataset.recipe.settings)
    assert set(dataset.recipe.settings) <= set(estimator().get_params())


def test_digits_are_those_of_the_source():
    from sklearn.datasets import load_digits

    source = load_digits()
    digits = datasets.load("digits")
    np.testing.assert_array_equal(digits.features, source.data)
    assert digits.features.dtype == np.float32
    np.testing.assert_array_equal(digits.target, source.target)
    assert digits.feature_names == tuple(source.feature_names)
    assert digits.class_names == tuple(str(name) for name in source.target_names)


def test_digits_name_their_source_and_licence():
    description = datasets.load("digits").description
    assert "UCI Machine Learning Repository" in description
    assert "CC BY 4.0" in description


def test_files_are_small():
    files = [f for f in resources.files("chainrule.datasets").iterdir() if f.name.endswith("npz")]
    assert len(files) == 5
    assert sum(len(file.read_bytes()) for file in files) < 200_000


@pytest.mark.parametrize(
    ("name", "gate"),
    [("or", lambda a, b: a or b), ("and", lambda a, b: a and b), ("xor", lambda a, b: a != b)],
)
def test_gates_are_their_truth_tables(name, gate):
    dataset = datasets.load(name)
    assert dataset.features.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert dataset.target.tolist() == [int(gate(a, b)) for a, b in dataset.features]
    assert dataset.class_names == ("0", "1")
    assert dataset.recipe.settings["hidden_layer_sizes"] == (2,)
    assert dataset.recipe.test_size == 0


def test_load_returns_a_new_copy():
    datasets.load("xor").features[:] = 7
    assert datasets.load("xor").features.max() == 1


def test_unknown_name_offers_the_nearest():
    expected = f"There is no built-in data set 'digit'. Did you mean 'digits'? There are {NAMES}."
    with pytest.raises(DataError, match=f"^{re.escape(expected)}$"):
        datasets.load("digit")


def test_unknown_name_with_nothing_near():
    expected = f"There is no built-in data set 'zebra'. There are {NAMES}."
    with pytest.raises(DataError, match=f"^{re.escape(expected)}$"):
        datasets.load("zebra")
