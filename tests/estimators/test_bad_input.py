"""What makes no sense is refused, with words that help, or warned of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule._errors import InvalidArgumentError
from chainrule.estimators import (
    MLPClassifier,
    MLPRegressor,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.arange(12) % 3


def refused(estimator: Any, X: Any = X, y: Any = Y, **keywords: Any) -> str:
    with pytest.raises(InvalidArgumentError) as caught:
        estimator.fit(X, y, **keywords)
    return caught.value.message


def test_partial_fit_needs_steps():
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'"):
        _ = MLPClassifier(solver="lbfgs").partial_fit
    with pytest.raises(InvalidArgumentError, match="partial_fit does not support early_stopping"):
        MLPRegressor(early_stopping=True).partial_fit(X, Y)


@pytest.mark.parametrize("settings", [{"dropout": 0.2}, {"normalization": "batch"}])
def test_line_searches_need_one_function(settings):
    message = refused(MLPClassifier((2,), solver="lbfgs", **settings))
    assert "which is another function in training than afterwards" in message


def test_class_weights_are_for_samples_of_one_class():
    several = MLPClassifier(class_weight={0: 2.0})
    assert "samples of several classes at once" in refused(several, y=np.eye(3)[Y].astype(int))


def test_one_setting_for_each_layer():
    assert refused(MLPClassifier((2, 2), alpha=(0.1, 0.2))) == (
        "alpha: expected one value, or one for each of 3 layers, got 2."
    )
    assert "activation" in refused(MLPClassifier((2, 2), activation=["tanh"]))


def test_a_validation_part_of_one_sample():
    message = refused(MLPRegressor(early_stopping=True, validation_fraction=0.05))
    assert message.startswith("The validation set is too small. Increase 'validation_fraction'")


def test_margins_are_no_probabilities():
    with pytest.raises(AttributeError, match="has no attribute 'predict_proba'"):
        _ = MLPClassifier(loss="hinge").predict_proba


def test_quantiles_in_order():
    assert "in ascending order" in refused(MLPRegressor("quantile", quantiles=(0.9, 0.1)))
