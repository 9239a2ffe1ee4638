"""What makes no sense is refused, with words that help, or warned of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule._errors import InvalidArgumentError
from chainrule.estimators import (
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.arange(12) % 3


def refused(estimator: Any, X: Any = X, y: Any = Y, **keywords: Any) -> str:
    with pytest.raises(InvalidArgumentError) as caught:
        estimator.fit(X, y, **keywords)
    return caught.value.message


@pytest.mark.parametrize(
    "estimator",
    [LinearRegression(), LogisticRegression(), MLPClassifier(), MLPRegressor(), Perceptron()],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize(
    ("value", "what"),
    [(np.nan, "NaN"), (np.inf, "infinity or a value too large for dtype('float64')")],
)
def test_row_and_column_of_what_is_not_finite(estimator, value, what):
    broken = X.copy()
    broken[7, 2] = value
    assert refused(estimator, broken) == (
        f"Input X contains {what}, in row 7, column 2. {type(estimator).__name__} does not accept "
        "missing values: fill them in first, as sklearn.impute.SimpleImputer does, or drop the "
        "rows."
    )


def test_another_number_of_features():
    fitted = MLPClassifier((2,), max_iter=2).fit(X, Y)
    with pytest.raises(ValueError, match="X has 2 features, but MLPClassifier is expecting 3"):
        fitted.predict(X[:, :2])


def test_unseen_labels_in_partial_fit():
    classifier = MLPClassifier((2,)).partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(InvalidArgumentError, match=r"^`y` has classes not in `self\.classes_`"):
        classifier.partial_fit(X, Y + 1)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        MLPClassifier().partial_fit(X, Y)


def test_other_classes_in_a_warm_start():
    classifier = MLPClassifier((2,), warm_start=True, max_iter=2).fit(X, Y)
    assert refused(classifier, y=Y + 1).startswith("warm_start can only be used where `y` has the")


def test_partial_fit_needs_steps():
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'"):
        _ = MLPClassifier(solver="lbfgs").partial_fit
    with pytest.raises(InvalidArgumentError, match="partial_fit does not support early_stopping"):
        MLPRegressor(early_stopping=True).partial_fit(X, Y)


def test_rprop_needs_all_samples():
    message = refused(MLPClassifier(solver="rprop", batch_size=4))
    assert message.startswith("batch_size: expected 'auto' for solver='rprop', got 4; it compares")


def test_lbfgs_ignores_batches_and_says_so():
    with pytest.warns(UserWarning, match="takes all samples in every step, so batch_size=4"):
        MLPClassifier((2,), solver="lbfgs", batch_size=4, max_iter=2).fit(X, Y)


@pytest.mark.parametrize("settings", [{"dropout": 0.2}, {"normalization": "batch"}])
def test_line_searches_need_one_function(settings):
    message = refused(MLPClassifier((2,), solver="lbfgs", **settings))
    assert "which is another function in training than afterwards" in message


def test_a_batch_larger_than_the_data_is_clipped():
    message = "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
    with pytest.warns(UserWarning, match=message):
        MLPClassifier((2,), batch_size=100, max_iter=2).fit(X, Y)


@pytest.mark.parametrize("sizes", [0, (4, 0), (-1,)])
def test_layers_need_units(sizes):
    message = refused(MLPRegressor(hidden_layer_sizes=sizes))
    assert "hidden_layer_sizes" in message


def test_poisson_refuses_negative_targets():
    assert "-1" in refused(MLPRegressor("poisson"), y=Y - 1.0)


def test_class_weights_of_unknown_classes():
    for estimator in (
        MLPClassifier(class_weight={7: 1.0}),
        LogisticRegression(class_weight={7: 1}),
    ):
        assert "got one of 7, which no sample has" in refused(estimator)
    several = MLPClassifier(class_weight={0: 2.0})
    assert "samples of several classes at once" in refused(several, y=np.eye(3)[Y].astype(int))


def test_one_setting_for_each_layer():
    assert refused(MLPClassifier((2, 2), alpha=(0.1, 0.2))) == (
        "alpha: expected one value, or one for each of 3 layers, got 2."
    )
    assert "activation" in refused(MLPClassifier((2, 2), activation=["tanh"]))


def test_validation_samples_come_in_pairs():
    assert refused(MLPClassifier(), X_val=X) == "fit: give X_val and y_val together."
    assert refused(MLPRegressor(), y_val=Y) == "fit: give X_val and y_val together."
    assert "has classes not in" in refused(MLPClassifier(), X_val=X, y_val=Y + 1)


def test_a_validation_part_of_one_sample():
    message = refused(MLPRegressor(early_stopping=True, validation_fraction=0.05))
    assert message.startswith("The validation set is too small. Increase 'validation_fraction'")


def test_margins_are_no_probabilities():
    with pytest.raises(AttributeError, match="has no attribute 'predict_proba'"):
        _ = MLPClassifier(loss="hinge").predict_proba


def test_quantiles_in_order():
    assert "in ascending order" in refused(MLPRegressor("quantile", quantiles=(0.9, 0.1)))


def test_linear_classifiers_need_two_classes_and_one_label():
    for estimator in (LogisticRegression(), Perceptron()):
        assert "samples of at least 2 classes" in refused(estimator, y=np.zeros(12))
        assert "MLPClassifier learns several" in refused(estimator, y=np.eye(3)[Y].astype(int))


def test_positive_is_for_one_solver():
    assert "it is for 'svd'" in refused(LinearRegression(solver="qr", positive=True))
