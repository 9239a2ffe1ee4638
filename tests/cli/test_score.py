"""Figures agree with scikit-learn's, and read well."""

import numpy as np
import pytest
from sklearn import metrics

from chainrule.cli._score import class_lines, confusion_lines, scores, sentence

GENERATOR = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def terminal_of_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_classes_as_in_scikit_learn():
    truth, predicted = GENERATOR.integers(0, 4, (2, 200))
    found = scores(truth, predicted, ("a", "b", "c", "d"))
    assert found["accuracy"] == metrics.accuracy_score(truth, predicted)
    assert found["n_correct"] == int((truth == predicted).sum())
    assert found["confusion"] == metrics.confusion_matrix(truth, predicted).tolist()
    expected = metrics.precision_recall_fscore_support(truth, predicted)
    keys = ("precision", "recall", "f1", "n_samples")
    for key, values in zip(keys, expected, strict=True):
        np.testing.assert_allclose([one[key] for one in found["classes"]], values)
    assert [one["name"] for one in found["classes"]] == ["a", "b", "c", "d"]


def test_regression_as_in_scikit_learn():
    truth, predicted = GENERATOR.normal(50, 5, (2, 40))
    found = scores(truth, predicted, None)
    expected = {
        "n_samples": 40,
        "r2": metrics.r2_score(truth, predicted),
        "mse": metrics.mean_squared_error(truth, predicted),
        "mae": metrics.mean_absolute_error(truth, predicted),
    }
    assert found == pytest.approx(expected)
    assert sentence(found) == (
        f"mean squared error {found['mse']:.4g}, mean absolute error {found['mae']:.4g}, "
        f"R² {found['r2']:.4f}"
    )


def test_figures_that_are_not_defined():
    found = scores(np.array([3.0]), np.array([2.0]), None)
    assert found["r2"] is None
    assert sentence(found) == (
        "mean squared error 1, mean absolute error 1, R² undefined (the target is constant)"
    )
    first, second, third = scores(np.array([0, 0]), np.array([1, 0]), ("a", "b", "c"))["classes"]
    assert (first["precision"], first["recall"]) == (1.0, 0.5)
    assert (second["precision"], second["recall"], second["f1"]) == (0.0, None, 0.0)
    assert (third["precision"], third["recall"], third["f1"]) == (None, None, None)


def test_sentence_and_table_of_classes():
    found = scores(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 0]), ("ash", "elm"))
    assert sentence(found) == "accuracy 50.0 % (2 of 4 correct)"
    assert class_lines(found) == [
        "class  samples  precision  recall     f1",
        "ash          3      0.667   0.667  0.667",
        "elm          1      0.000   0.000  0.000",
    ]


def test_confusion_table():
    truth = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 1, 1, 1, 0])
    assert confusion_lines(scores(truth, predicted, ("cat", "dog", "newt"))) == [
        "Confusion table (row: true class, column: predicted class)",
        "         cat   dog  newt",
        "   cat     2     1     ·",
        "   dog     ·     2     ·",
        "  newt     1     ·     ·",
    ]


def test_confusions_too_wide_for_the_terminal_are_listed():
    names = tuple(f"a class with a long name, {i}" for i in range(4))
    truth = np.array([0, 1, 1, 1, 2, 3])
    predicted = np.array([3, 2, 2, 1, 2, 3])
    assert confusion_lines(scores(truth, predicted, names)) == [
        "Commonest mistakes",
        "  2 × a class with a long name, 1 taken for a class with a long name, 2",
        "  1 × a class with a long name, 0 taken for a class with a long name, 3",
    ]
    assert confusion_lines(scores(truth, truth, names)) == ["No class was taken for another."]
