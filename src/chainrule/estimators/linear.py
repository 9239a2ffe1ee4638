"""Linear regression: in closed form, or by gradient descent to see how that learns."""

from __future__ import annotations

import math
import warnings
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.optimize
from sklearn.base import RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from chainrule import nn
from chainrule._errors import InvalidArgumentError
from chainrule.estimators import samples
from chainrule.estimators.declaration import (
    Boolean,
    Declared,
    Integer,
    Nothing,
    OneOf,
    Real,
    hyperparameter,
)
from chainrule.estimators.descent import descend
from chainrule.estimators.least_squares import least_squares

__all__ = ["LinearRegression"]


class LinearRegression(RegressorMixin, Declared):
    r"""Ordinary least squares: the plane with the smallest sum of squared residuals.

    .. math:: \min_{w, b} \sum_i s_i (y_i - x_i \cdot w - b)^2

    The closed form centers and scales the columns, factorizes once, and refines the solution with
    residuals computed in extended precision where the machine has it. It reproduces NIST's
    certified values to 9 digits and more, where scikit-learn's default tolerance gives up on
    columns that are nearly dependent. Gradient descent gets to the same place step by step, and
    keeps a history of the way.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
    intercept_ : float or ndarray of shape (n_targets,)
    rank_ : int
        Of the centered X; closed form without ``positive`` only.
    singular_ : ndarray of shape (min(n_samples, n_features),)
        Of the centered X; closed form without ``positive`` only.
    history_ : chainrule.training.History
        Of gradient descent; its losses are half the mean squared error.
    n_iter_ : int
        Steps of gradient descent; 1 in closed form.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has names that are strings.

    References
    ----------
    Björck, Numerical Methods for Least Squares Problems, 1996, sections 2.4 and 2.9. Lawson and
    Hanson, Solving Least Squares Problems, 1974, chapter 23, for ``positive``.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.estimators import LinearRegression
    >>> X = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 3.0]])
    >>> y = X @ np.array([1.0, 2.0]) + 3.0
    >>> line = LinearRegression().fit(X, y)
    >>> line.coef_.round(12), round(float(line.intercept_), 12)
    (array([1., 2.]), 3.0)
    >>> LinearRegression(solver="gradient_descent").fit(X, y).coef_.round(3)
    array([1., 2.])
    """

    fit_intercept: bool = hyperparameter(
        True, Boolean(), meaning="Whether there is a constant b; without, the plane goes through 0."
    )
    copy_X: bool = hyperparameter(  # noqa: N815, scikit-learn's name
        True, Boolean(), meaning="Accepted as scikit-learn does; X is never changed."
    )
    tol: Any = hyperparameter(
        None,
        Real(0.0),
        Nothing(),
        meaning=(
            "Closed form: the singular values, or diagonal elements of R, that are smaller than "
            "this times the largest count as 0; None is the rounding error. Gradient descent: the "
            "length of the gradient, in units of the standard deviations, that is small enough; "
            "None is 1e-6."
        ),
    )
    n_jobs: Any = hyperparameter(
        None, Integer(-math.inf, math.inf, "neither"), Nothing(), meaning="Accepted and not used."
    )
    positive: bool = hyperparameter(
        False, Boolean(), meaning="Whether coefficients must not be negative; with 'svd' alone."
    )
    solver: str = hyperparameter(
        "svd",
        OneOf("svd", "qr", "gradient_descent"),
        meaning=(
            "How to solve it: by the singular value decomposition, which gives the shortest "
            "solution where there are many, by QR with column pivoting, or by gradient descent."
        ),
    )
    learning_rate_init: Any = hyperparameter(
        None,
        Real(0.0, math.inf, "neither"),
        Nothing(),
        meaning=(
            "Of gradient descent, on standardized columns; None takes the inverse of the largest "
            "curvature."
        ),
    )
    max_iter: int = hyperparameter(
        10_000, Integer(1), meaning="The largest number of steps of gradient descent."
    )

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Find the plane.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Sparse matrices are made dense.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), optional
            ``s``, at least 0.

        Returns
        -------
        self
        """
        self._check_hyperparameters()
        if self.positive and self.solver != "svd":
            raise InvalidArgumentError(
                f"positive: expected False for solver={self.solver!r}; it is for 'svd'."
            )
        X, y = samples.inputs_and_targets(self, X, y, None, numeric=True, reset=True)
        weight = samples.weights(sample_weight, X)
        columns = (y[:, None] if y.ndim == 1 else y).astype(X.dtype)
        if self.solver == "gradient_descent":
            coef, intercept = self._descend(X, columns, weight)
        else:
            solve = self._solve_positive if self.positive else self._solve
            coef, intercept = solve(X, columns, weight)
            self.n_iter_ = 1
        self.coef_ = (coef[:, 0] if y.ndim == 1 else coef.T).astype(X.dtype)
        self.intercept_: Any = 0.0
        if self.fit_intercept:
            self.intercept_ = (intercept[0] if y.ndim == 1 else intercept).astype(X.dtype)
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the height of the plane.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        check_is_fitted(self)
        X = samples.inputs(self, X, self.coef_.dtype)
        return X @ self.coef_.T + self.intercept_

    def _solve(
        self, X: npt.NDArray[Any], Y: npt.NDArray[Any], weight: npt.NDArray[Any] | None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        solution = least_squares(
            X,
            Y,
            weight,
            fit_intercept=self.fit_intercept,
            method="qr" if self.solver == "qr" else "svd",
            tol=self.tol,
        )
        self.rank_, self.singular_ = solution.rank, solution.singular
        return solution.coef, solution.intercept

    def _solve_positive(
        self, X: npt.NDArray[Any], Y: npt.NDArray[Any], weight: npt.NDArray[Any] | None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        means, heights = np.zeros(X.shape[1]), np.zeros(Y.shape[1])
        if self.fit_intercept:
            means, heights = (np.average(part, axis=0, weights=weight) for part in (X, Y))
        root = 1.0 if weight is None else np.sqrt(weight)[:, None]
        A, B = root * (X - means), root * (Y - heights)
        coef = np.stack([scipy.optimize.nnls(A, b)[0] for b in B.T], axis=1)
        return coef, heights - means @ coef

    def _descend(
        self, X: npt.NDArray[Any], Y: npt.NDArray[Any], weight: npt.NDArray[Any] | None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        target_scaling = samples.standardizer(Y, weight, np.float64)
        if not self.fit_intercept:
            target_scaling = nn.Standardize(np.zeros(Y.shape[1]), target_scaling.scale)
        result, model = descend(
            X,
            target_scaling(Y.astype(np.float64)).astype(X.dtype),
            weight,
            loss=nn.half_squared_error,
            curvature=1.0,
            n_outputs=Y.shape[1],
            fit_intercept=self.fit_intercept,
            rate=self.learning_rate_init,
            max_iter=self.max_iter,
            tolerance=1e-6 if self.tol is None else self.tol,
        )
        self.history_ = result.history
        self.n_iter_ = len(result.history)
        if result.stopped == "completed":
            warnings.warn(
                f"Gradient descent: Maximum iterations ({self.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=3,
            )
        coef, intercept = model.in_original_units()
        return coef * target_scaling.scale, intercept * target_scaling.scale + target_scaling.mean

    def __sklearn_tags__(self) -> Any:
        """Say that several targets and sparse matrices are taken."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.sparse = True
        return tags
