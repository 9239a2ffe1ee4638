"""Estimators: scikit-learn's contract, kept by networks that are compiled.

>>> from chainrule.estimators import MLPClassifier, MLPRegressor
"""

from chainrule.estimators import names
from chainrule.estimators.classifier import MLPClassifier
from chainrule.estimators.linear import LinearRegression
from chainrule.estimators.logistic import LogisticRegression
from chainrule.estimators.perceptron import Perceptron
from chainrule.estimators.regressor import MLPRegressor
from chainrule.models import Explanation, Hyperparameter, LayerExplanation, hyperparameters

__all__ = [
    "Explanation",
    "Hyperparameter",
    "LayerExplanation",
    "LinearRegression",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "Perceptron",
    "hyperparameters",
]

names.register_all()
