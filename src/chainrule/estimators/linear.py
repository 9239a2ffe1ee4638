"""Linear regression: in closed form, or by gradient descent to see how that learns."""

from __future__ import annotations

import math
import warnings
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from chainrule import nn
from chainrule._errors import InvalidArgumentError
from chainrule.estimators import samples
from chainrule.estimators.declared import DeclaredEstimator
from chainrule.estimators.descent import affine, gradient_descent, trained
from chainrule.estimators.endings import warn_of_ending
from chainrule.estimators.least_squares import least_squares, nonnegative_least_squares
from chainrule.estimators.lsmr import least_squares_by_products
from chainrule.estimators.scores import Regressor
from chainrule.models import arrays
from chainrule.models.declaration import (
    Boolean,
    Integer,
    Nothing,
    OneOf,
    RandomState,
    Real,
    hyperparameter,
)
from chainrule.models.held_out import (
    check_targets,
    named_as_validation,
    set_aside,
    validation_given,
)
from chainrule.models.network import check_repeatable
from chainrule.models.progress import Patience
from chainrule.nn.moments import mean_and_variance
from chainrule.training import Checkpoint
from chainrule.training.epoch import Samples

__all__ = ["LinearRegression"]


class LinearRegression(Regressor, DeclaredEstimator):
    r"""Ordinary least squares: the plane with the smallest sum of squared residuals.

    .. math:: \min_{w, b} \sum_i s_i (y_i - x_i \cdot w - b)^2

    The closed forms center and scale the columns, factorize once, and refine the solution with
    residuals computed in extended precision where the machine has it. They reproduce NIST's
    certified values to 9 digits and more, where scikit-learn's default tolerance gives up on
    columns that are nearly dependent. A sparse matrix stays sparse: it is solved by products with
    it. Gradient descent gets to the same place step by step, and keeps a history of the way.

    A dense X is copied once: in float64, or for gradient descent in its own dtype.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
    intercept_ : float or ndarray of shape (n_targets,)
    rank_ : int
        Of the centered X; 'svd' and 'qr' without ``positive`` only.
    singular_ : ndarray of shape (min(n_samples, n_features),)
        Of the centered X; 'svd' and 'qr' without ``positive`` only.
    history_ : chainrule.training.History
        Of gradient descent; its losses are half the mean squared error.
    n_iter_ : int
        Steps of gradient descent, or iterations of 'lsmr'; 1 in closed form.
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
            "'svd' and 'qr': the singular values, or diagonal elements of R, that are smaller than "
            "this times the largest count as 0; None is the rounding error. 'lsmr': the largest "
            "correlation of a column with what is left of the targets that is small enough; None "
            "is 1e-10. Gradient descent: the length of the gradient, in units of the standard "
            "deviations, that is small enough; None is 1e-6."
        ),
    )
    n_jobs: Any = hyperparameter(
        None, Integer(-math.inf, math.inf, "neither"), Nothing(), meaning="Accepted and not used."
    )
    positive: bool = hyperparameter(
        False,
        Boolean(),
        meaning="Whether coefficients must not be negative; with 'auto' and 'svd' alone.",
    )
    solver: str = hyperparameter(
        "auto",
        OneOf("auto", "svd", "qr", "lsmr", "gradient_descent"),
        meaning=(
            "How to solve it: by the singular value decomposition, which gives the shortest "
            "solution where there are many, by QR with column pivoting, by LSMR, which needs "
            "products with X alone and gives the shortest, too, or by gradient descent. 'auto' is "
            "'lsmr' for sparse matrices and 'svd' for all else."
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
        10_000,
        Integer(1),
        meaning="The largest number of steps of gradient descent, or iterations of 'lsmr'.",
    )

    early_stopping: bool = hyperparameter(
        False,
        Boolean(),
        meaning=(
            "Of gradient descent: whether to stop when the loss of validation samples does not "
            "become less by tol, and to keep the weights that did best. Without X_val, a share of "
            "the training samples is set aside."
        ),
    )
    validation_fraction: float = hyperparameter(
        0.1, Real(0.0, 1.0, "neither"), meaning="The share that early_stopping sets aside."
    )
    n_iter_no_change: int = hyperparameter(
        5,
        Integer(1),
        meaning="With early_stopping, training stops after so many steps without improvement.",
    )
    random_state: Any = hyperparameter(
        0, RandomState(), meaning="Seed by which early_stopping draws the validation part."
    )
    warm_start: bool = hyperparameter(
        False, Boolean(), meaning="Whether gradient descent goes on from the last coefficients."
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
        """Find the plane.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Sparse matrices stay sparse with 'auto', 'lsmr' and 'gradient_descent', and are made
            dense for 'svd', 'qr' and ``positive``.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), optional
            ``s``, at least 0.
        X_val, y_val : array-like, optional
            Validation samples, for gradient descent. Their loss goes into ``history_``; they
            change nothing but with early_stopping.
        sample_weight_val : array-like, optional
            The weights of the validation samples.
        checkpoint : Checkpoint, optional
            A file in which gradient descent keeps what it has reached, and from which it goes on if
            it was broken off, see `chainrule.training.Checkpoint`. It needs an int as
            ``random_state``.

        Returns
        -------
        self

        Raises
        ------
        InvalidArgumentError
            If a hyper-parameter is out of its range or does not go with the solver, or X is not
            finite.
        CapacityError
            If a sparse X has to be made dense, and is larger than memory.
        """
        self._check_hyperparameters()
        check_repeatable(checkpoint, self.random_state)
        held_out = validation_given(X_val, y_val, sample_weight_val)
        self._check_solver(X_val=held_out is not None, checkpoint=checkpoint is not None)
        for attribute in ("rank_", "singular_", "history_"):  # of another solver, perhaps
            self.__dict__.pop(attribute, None)
        is_descent = self.solver == "gradient_descent"
        goes_on = is_descent and self.warm_start and hasattr(self, "coef_")
        train, is_column = self._read(X, y, sample_weight, reset=not goes_on)
        if goes_on:
            check_targets("y", len(np.atleast_2d(self.coef_)), train.y)
        validation: Samples | None = None
        if held_out is not None:
            with named_as_validation():
                validation, _ = self._read(*held_out, reset=False)
            check_targets("y_val", train.y.shape[1], validation.y)
        elif self.early_stopping:
            train, validation = set_aside(
                train, None, fraction=self.validation_fraction, random_state=self.random_state
            )
        if is_descent:
            coef, intercept = self._descend(train, validation, goes_on, checkpoint)
        elif self.solver == "lsmr" or scipy.sparse.issparse(train.X):
            coef, intercept = self._solve_by_products(*train)
        else:
            coef, intercept = (self._solve_positive if self.positive else self._solve)(*train)
            self.n_iter_ = 1
        dtype = train.X.dtype
        self.coef_: npt.NDArray[Any] = (coef[:, 0] if is_column else coef.T).astype(dtype)
        self.intercept_: Any = 0.0
        if self.fit_intercept:
            self.intercept_ = (intercept[0] if is_column else intercept).astype(dtype)
        return self

    def _check_solver(self, **given: bool) -> None:
        if self.positive and self.solver not in ("auto", "svd"):
            raise InvalidArgumentError(
                f"positive: expected False for solver={self.solver!r}; it is for 'svd'."
            )
        if self.solver == "gradient_descent":
            return
        for name, is_given in {"early_stopping": self.early_stopping, **given}.items():
            if is_given:
                raise InvalidArgumentError(
                    f"{name}: expected none for solver={self.solver!r}, which finds the solution "
                    "at once; it is for 'gradient_descent'."
                )

    def _read(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> tuple[Samples, bool]:
        """Return samples with a column for each target, and whether y was one column."""
        keep_sparse = self.solver in ("auto", "lsmr", "gradient_descent") and not self.positive
        X, y = samples.inputs_and_targets(
            self, X, y, None, numeric=True, reset=reset, keep_sparse=keep_sparse
        )
        columns = arrays.columns("y", y).astype(X.dtype)
        return Samples(X, columns, samples.weights(sample_weight, X)), y.ndim == 1

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
        X = samples.inputs(self, X, self.coef_.dtype, keep_sparse=True)
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

    def _solve_by_products(
        self, X: Any, Y: npt.NDArray[Any], weight: npt.NDArray[Any] | None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        tol = 1e-10 if self.tol is None else self.tol
        solution = least_squares_by_products(
            scipy.sparse.csr_array(X) if scipy.sparse.issparse(X) else X,
            Y,
            weight,
            fit_intercept=self.fit_intercept,
            tol=tol,
            max_iter=self.max_iter,
        )
        self.n_iter_ = solution.n_iter
        if not solution.converged:
            warnings.warn(
                f"LSMR: a column still explains more than tol={tol:g} of what is left after "
                f"{solution.n_iter} iterations (max_iter={self.max_iter}). Bring the columns to "
                "the same size first, as sklearn.preprocessing.MaxAbsScaler does, or take "
                "solver='svd'.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return solution.coef, solution.intercept

    def _solve_positive(
        self, X: npt.NDArray[Any], Y: npt.NDArray[Any], weight: npt.NDArray[Any] | None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        means, heights = np.zeros(X.shape[1]), np.zeros(Y.shape[1])
        if self.fit_intercept:
            means, heights = (mean_and_variance(part, weight)[0] for part in (X, Y))
        coef = nonnegative_least_squares(X, Y - heights, weight, means)
        return coef, heights - means @ coef

    def _descend(
        self,
        train: Samples,
        validation: Samples | None,
        goes_on: bool,
        checkpoint: Checkpoint | None,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        X, Y, weight = train
        scaling = arrays.standardizer(Y, weight, np.float64, "y")
        if not self.fit_intercept:
            scaling = nn.Standardize(np.zeros(Y.shape[1]), scaling.scale)

        def scaled(part: Samples) -> Samples:
            target = scaling(part.y.astype(np.float64)).astype(X.dtype)
            return samples.operands(part._replace(y=target))

        train, validation = scaled(train), None if validation is None else scaled(validation)
        model = affine(train.X, weight, Y.shape[1], fit_intercept=self.fit_intercept, curvature=1.0)
        train = model.standardized(train)
        validation = None if validation is None else model.standardized(validation)
        if goes_on:
            coef, height = np.atleast_2d(self.coef_).T, np.atleast_1d(self.intercept_)
            model = model.starting_at(coef / scaling.scale, (height - scaling.mean) / scaling.scale)
        result = trained(
            model,
            train,
            validation,
            loss=nn.half_squared_error,
            score=None,
            method=gradient_descent(model, train, curvature=1.0, rate=self.learning_rate_init),
            max_iter=self.max_iter,
            tolerance=1e-6 if self.tol is None else self.tol,
            patience=self._patience(),
            restore_best=self.early_stopping,
            checkpoint=checkpoint,
        )
        self.history_ = result.history
        self.n_iter_ = len(result.history)
        warn_of_ending(
            result,
            f"Gradient descent: Maximum iterations ({self.max_iter}) reached and the "
            "optimization hasn't converged yet.",
            stacklevel=3,
        )
        coef, intercept = result.model.in_original_units()
        return coef * scaling.scale, intercept * scaling.scale + scaling.mean

    def _patience(self) -> Patience | None:
        if not self.early_stopping:
            return None
        return Patience(1e-6 if self.tol is None else self.tol, self.n_iter_no_change - 1)

    def __sklearn_tags__(self) -> Any:
        """Say that several targets and sparse matrices are taken."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.sparse = True
        return tags
