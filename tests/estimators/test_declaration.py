"""Hyper-parameters: declared once, and read from there."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.base import BaseEstimator

import chainrule as cr
from chainrule._errors import InvalidArgumentError
from chainrule.estimators import (
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
    hyperparameters,
)
from chainrule.models import declaration

ESTIMATORS = [LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor, Perceptron]


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_signature_docstring_and_declaration_agree(kind):
    declared = hyperparameters(kind)
    assert list(declared) == list(inspect.signature(kind).parameters)
    assert set(declared) == set(kind().get_params())
    for name, parameter in declared.items():
        assert f"\n{name} : {parameter.range}, default={parameter.default!r}\n" in kind.__doc__
        assert parameter.meaning.endswith((".", ")")), name
        parameter.check(parameter.default, kind.__name__)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_parameters_of_scikit_learn_are_there_with_their_defaults(name):
    theirs = inspect.signature(getattr(sklearn.neural_network, name)).parameters
    ours = inspect.signature(getattr(cr, name)).parameters
    for key, parameter in theirs.items():
        assert ours[key].default == parameter.default, key
    positional = [key for key, p in theirs.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [key for key, p in ours.items() if p.kind is p.POSITIONAL_OR_KEYWORD] == positional


def test_it_is_a_base_estimator_and_no_more_than_its_parameters():
    assert issubclass(MLPClassifier, BaseEstimator)
    assert repr(MLPClassifier(alpha=1.0)) == "MLPClassifier(alpha=1.0)"
    assert MLPClassifier() != MLPClassifier()


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [
        (declaration.Real(0.0, 1.0), [0, 0.5, np.float32(0.5)], [1.0, -0.1, math.nan, True, "a"]),
        (declaration.Real(0.0, closed="neither"), [1e-9, 5], [0.0, math.inf]),
        (declaration.Integer(1), [1, np.int64(3)], [0, 1.0, True]),
        (declaration.OneOf("a", "b"), ["a"], ["c", 1]),
        (declaration.Boolean(), [True, np.False_], [0, "yes"]),
        (declaration.Nothing(), [None], [0, False]),
        (declaration.Function(), [len], ["len"]),
        (declaration.InstanceOf(dict), [{}], [[]]),
        (declaration.PerLayer((declaration.Integer(1),)), [(1, 2), [3], ()], ["12", 3, (1, 0)]),
        (declaration.RandomState(), [None, 3, np.random.RandomState(0)], [-1, "a"]),
    ],
    ids=lambda value: str(value) if isinstance(value, declaration.Interval) else None,
)
def test_kinds(kind, inside, outside):
    assert all(kind.accepts(value) for value in inside)
    assert not any(kind.accepts(value) for value in outside)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"alpha": -1.0},
            "The 'alpha' parameter of MLPClassifier must be a float in the range [0.0, inf) or a "
            "sequence with such a value for each layer. Got -1.0 instead.",
        ),
        (
            {"max_iter": 1.5},
            "The 'max_iter' parameter of MLPClassifier must be an int in the range [1, inf). "
            "Got 1.5 instead.",
        ),
        (
            {"normalization": "group"},
            "The 'normalization' parameter of MLPClassifier must be a str among {'batch', 'layer'} "
            "or None. Got 'group' instead.",
        ),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be > 0, got [3, 0]."),
    ],
)
def test_values_are_checked_when_fitted(settings, message):
    classifier = MLPClassifier(**settings)
    with pytest.raises(InvalidArgumentError) as caught:
        classifier.fit([[0.0], [1.0]], [0, 1])
    assert caught.value.message == message
