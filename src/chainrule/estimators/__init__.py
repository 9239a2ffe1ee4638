"""Estimators: scikit-learn's contract, kept by networks that are compiled.

>>> from chainrule.estimators import MLPClassifier, MLPRegressor
"""

from chainrule.estimators.classifier import MLPClassifier
from chainrule.estimators.declaration import Hyperparameter, hyperparameters
from chainrule.estimators.explanation import Explanation, LayerExplanation
from chainrule.estimators.linear import LinearRegression
from chainrule.estimators.logistic import LogisticRegression
from chainrule.estimators.perceptron import Perceptron
from chainrule.estimators.regressor import MLPRegressor

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
