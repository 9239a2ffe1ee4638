"""Logistic regression: a network of one layer with a softmax or a sigmoid, and one minimum."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from chainrule import nn
from chainrule._errors import InvalidArgumentError
from chainrule.estimators import samples
from chainrule.estimators.descent import affine, gradient_descent, trained
from chainrule.estimators.endings import warn_of_ending
from chainrule.estimators.linear_classifier import LinearClassifier
from chainrule.models import building
from chainrule.models.costs import accuracy, classification_cost
from chainrule.models.declaration import (
    Boolean,
    Integer,
    Nothing,
    OneOf,
    Real,
    hyperparameter,
)
from chainrule.models.held_out import validation_given
from chainrule.models.network import check_repeatable
from chainrule.optim import Method, Optimizer
from chainrule.training import Checkpoint
from chainrule.training.epoch import Samples

__all__ = ["LogisticRegression"]

_CURVATURE = {"binary": 0.25, "multiclass": 0.5}
"""The largest second derivative of the cross-entropy in a logit."""


class LogisticRegression(LinearClassifier):
    r"""Logistic regression, by two classes or several at once (multinomial).

    .. math:: \min_{W, b} \; C \sum_i s_i \, \text{cross-entropy}(x_i W + b, y_i)
              + \tfrac12 \sum W^2

    The cost is that of scikit-learn's class of this name and so is its minimum. On the way there
    the features are standardized, whatever their units: every iteration takes all of them, so a fit
    makes one copy of X, but of a sparse matrix.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        One row for two classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
    classes_ : ndarray of shape (n_classes,)
    n_iter_ : ndarray of shape (1,)
    history_ : chainrule.training.History
        The cross-entropy after every iteration, of validation samples too, the penalty, and the
        lengths of gradient and step.
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
        search="1e-4:1e4:log",
    )
    tol: float = hyperparameter(
        1e-4,
        Real(0.0, math.inf, "neither"),
        meaning="The largest gradient of the mean cost that is small enough.",
    )
    fit_intercept: bool = hyperparameter(
        True, Boolean(), meaning="Whether there is a constant b, which is not penalized."
    )
    penalty: Any = hyperparameter(
        "l2", OneOf("l2"), Nothing(), meaning="None is the same as C=infinity; there is no other."
    )
    l1_ratio: Any = hyperparameter(
        0.0, OneOf(0, 0.0), Nothing(), meaning="Accepted; the penalty has no absolute values in it."
    )
    dual: bool = hyperparameter(
        False, OneOf(False), meaning="Accepted; there is no other formulation."
    )
    solver: str = hyperparameter(
        "newton-cg",
        OneOf(*sorted(building.CURVATURE_SOLVERS), "gradient_descent"),
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

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        checkpoint: Checkpoint | None = None,
    ) -> Self:
        """Find the coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Sparse matrices stay sparse.
        y : array-like of shape (n_samples,)
            Labels of at least two classes.
        sample_weight : array-like of shape (n_samples,), optional
            ``s``, at least 0.
        X_val, y_val : array-like, optional
            Validation samples. Their loss and accuracy go into ``history_``; they change nothing
            but with early_stopping.
        sample_weight_val : array-like, optional
            The weights of the validation samples.
        checkpoint : Checkpoint, optional
            A file in which the minimization keeps what it has reached, and from which it goes on if
            it was broken off, see `chainrule.training.Checkpoint`. It needs an int as
            ``random_state``.

        Returns
        -------
        self

        Raises
        ------
        InvalidArgumentError
            If a hyper-parameter is out of its range, X is not finite, there is one class only, or
            a class weight names no class.
        """
        self._check_hyperparameters()
        check_repeatable(checkpoint, self.random_state)
        descends = self.solver == "gradient_descent"
        if self.early_stopping and not descends:
            raise InvalidArgumentError(
                f"early_stopping: expected False for solver={self.solver!r}, which goes to the "
                "minimum in a few iterations; it is for 'gradient_descent'."
            )
        goes_on = self.warm_start and hasattr(self, "coef_")
        given = self._read(X, y, sample_weight, reset=not goes_on)
        labels = self._decide_labels(given.y, goes_on)
        cost = classification_cost("log_loss", labels.task)
        held_out = validation_given(X_val, y_val, sample_weight_val)
        train, validation = self._split(labels, given, held_out, cost.targets)
        train = samples.operands(train)
        model = affine(
            train.X,
            train.weight,
            labels.n_outputs,
            fit_intercept=self.fit_intercept,
            curvature=_CURVATURE[labels.task],
            strength=self._strength(train),
        )
        train = model.standardized(train)
        if validation is not None:
            validation = model.standardized(samples.operands(validation))
        if goes_on:
            model = model.starting_at(self.coef_.T, self.intercept_)
        method: Optimizer | Method
        if descends:
            rate, curvature = self.learning_rate_init, _CURVATURE[labels.task]
            method = gradient_descent(model, train, curvature=curvature, rate=rate)
        else:
            method = building.CURVATURE_SOLVERS[self.solver]()
        result = trained(
            model,
            train,
            validation,
            loss=cost.function,
            score=accuracy,
            method=method,
            max_iter=self.max_iter,
            tolerance=float(self.tol),
            patience=self._patience(self.tol) if self.early_stopping else None,
            restore_best=self.early_stopping,
            checkpoint=checkpoint,
        )
        coef, intercept = result.model.in_original_units()
        self._keep(labels, coef.T, intercept)
        self.history_ = result.history
        self.n_iter_ = np.array([max(1, len(result.history))], np.int32)
        if self.verbose:
            print(result.message)
        warn_of_ending(
            result,
            f"{self.solver} failed to converge after {self.max_iter} iteration(s) (status=1):\n"
            "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT\n\nIncrease the number of iterations "
            f"to improve the convergence (max_iter={self.max_iter}).",
            stacklevel=2,
        )
        return self

    def _strength(self, train: Samples) -> float:
        """Return the strength of the penalty in relation to the mean loss."""
        if self.penalty is None or math.isinf(self.C):
            return 0.0
        total = len(train.y) if train.weight is None else float(np.sum(train.weight))
        return 1.0 / (self.C * total)

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
