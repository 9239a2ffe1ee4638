"""Logistic regression: a network of one layer with a softmax or a sigmoid, and one minimum."""

from __future__ import annotations

import math
import warnings
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from chainrule import nn, random, training
from chainrule.estimators import network, samples
from chainrule.estimators.costs import classification_cost
from chainrule.estimators.declaration import (
    Boolean,
    InstanceOf,
    Integer,
    Nothing,
    OneOf,
    Real,
    hyperparameter,
)
from chainrule.estimators.descent import affine, descend
from chainrule.estimators.linear_classifier import LinearClassifier
from chainrule.estimators.targets import Labels

__all__ = ["LogisticRegression"]

_CURVATURE = {"binary": 0.25, "multiclass": 0.5}
"""The largest second derivative of the cross-entropy in a logit."""


class LogisticRegression(LinearClassifier):
    r"""Logistic regression, by two classes or several at once (multinomial).

    .. math:: \min_{W, b} \; C \sum_i s_i \, \text{cross-entropy}(x_i W + b, y_i)
              + \tfrac12 \sum W^2

    The cost is that of scikit-learn's class of this name and so is its minimum. On the way there
    the features are standardized, whatever their units.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        One row for two classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
    classes_ : ndarray of shape (n_classes,)
    n_iter_ : ndarray of shape (1,)
    history_ : chainrule.training.History
        The cross-entropy after every iteration.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has names that are strings.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from chainrule.estimators import LogisticRegression
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> LogisticRegression(C=0.1).fit(X, y).score(X, y) > 0.95
    True
    """

    C: float = hyperparameter(
        1.0,
        Real(0.0, math.inf, "right"),
        meaning="Inverse of the strength of the L2 penalty; infinity for none.",
    )
    tol: float = hyperparameter(
        1e-4,
        Real(0.0, math.inf, "neither"),
        meaning="The largest gradient of the mean cost that is small enough.",
    )
    fit_intercept: bool = hyperparameter(
        True, Boolean(), meaning="Whether there is a constant b, which is not penalized."
    )
    class_weight: Any = hyperparameter(
        None,
        InstanceOf(dict),
        OneOf("balanced"),
        Nothing(),
        meaning=(
            "Weights of the classes, 1 for those not named; 'balanced' gives all classes the same "
            "influence."
        ),
    )
    solver: str = hyperparameter(
        "newton-cg",
        OneOf(*sorted(network.CURVATURE_SOLVERS), "gradient_descent"),
        meaning="How the minimum is found.",
    )
    learning_rate_init: Any = hyperparameter(
        None,
        Real(0.0, math.inf, "neither"),
        Nothing(),
        meaning="Of gradient descent; None takes the inverse of a bound of the curvature.",
    )
    max_iter: int = hyperparameter(100, Integer(1), meaning="The largest number of iterations.")
    verbose: Any = hyperparameter(
        False, Boolean(), Integer(0), meaning="Whether to print the result of the minimization."
    )
    warm_start: bool = hyperparameter(
        False, Boolean(), meaning="Whether fit begins at the coefficients of the last fit."
    )

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Find the coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Sparse matrices are made dense.
        y : array-like of shape (n_samples,)
            Labels of at least two classes.
        sample_weight : array-like of shape (n_samples,), optional
            ``s``, at least 0.

        Returns
        -------
        self
        """
        self._check_hyperparameters()
        X, y = self._read(X, y, reset=True)
        labels = Labels.of(y)
        self._refuse_single(labels)
        cost = classification_cost("log_loss", labels.task)
        weight = labels.weights(samples.weights(sample_weight, X), y, self.class_weight, X.dtype)
        total = len(X) if weight is None else float(np.sum(weight))
        strength = 0.0 if math.isinf(self.C) else 1.0 / (self.C * total)
        target = labels.targets(y, cost.targets, X.dtype)
        if self.solver == "gradient_descent":
            result, model = descend(
                X,
                target,
                weight,
                loss=cost.function,
                curvature=_CURVATURE[labels.task],
                n_outputs=labels.n_outputs,
                fit_intercept=self.fit_intercept,
                rate=self.learning_rate_init,
                max_iter=self.max_iter,
                tolerance=self.tol,
                strength=strength,
            )
        else:
            model = affine(
                X,
                weight,
                labels.n_outputs,
                fit_intercept=self.fit_intercept,
                curvature=_CURVATURE[labels.task],
                strength=strength,
            )
            if self.warm_start and hasattr(self, "coef_"):
                model = model.starting_at(self.coef_.T, self.intercept_)
            result = training.fit(
                model,
                cost.function,
                network.CURVATURE_SOLVERS[self.solver](),
                X,
                target,
                epochs=self.max_iter,
                key=random.key(0),
                sample_weight=weight,
                tolerance=float(self.tol),
            )
            model = result.last.model
        coef, intercept = model.in_original_units()
        self._keep(labels, coef.T, intercept)
        self.history_ = result.history
        self.n_iter_ = np.array([max(1, len(result.history))], np.int32)
        if self.verbose:
            print(result.message)
        if result.stopped == "completed":
            warnings.warn(
                f"{self.solver} failed to converge after {self.max_iter} iteration(s) (status=1):\n"
                "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT\n\nIncrease the number of iterations "
                f"to improve the convergence (max_iter={self.max_iter}).",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def predict_proba(self, X: Any) -> npt.NDArray[Any]:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        scores = self._scores(X)
        return self._labels.probabilities(scores, nn.softmax)

    def predict_log_proba(self, X: Any) -> npt.NDArray[Any]:
        """Return the logarithms of the probabilities, exact also where these are very small.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        scores = self._scores(X)
        return self._labels.log_probabilities(scores)
