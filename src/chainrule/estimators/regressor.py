"""The multi-layer perceptron as a regressor."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from chainrule import nn
from chainrule._errors import InvalidArgumentError
from chainrule.estimators import costs, samples
from chainrule.estimators.declaration import Function, OneOf, PerLayer, Real, hyperparameter
from chainrule.estimators.explanation import Explanation, explained
from chainrule.estimators.intervals import coverage_of, gaussian_bounds, quantile_bounds
from chainrule.estimators.mlp import MultilayerPerceptron
from chainrule.training.epoch import Samples

__all__ = ["MLPRegressor"]


class MLPRegressor(RegressorMixin, MultilayerPerceptron):
    """A multi-layer perceptron that predicts numbers.

    It takes the parameters of scikit-learn's class of this name and has its attributes, and more
    of both; where it differs, ``docs/estimators.md`` says so. Training is compiled: a second fit
    with data of the same shape starts at once.

    Attributes
    ----------
    model_ : chainrule.nn.Sequential
        The network.
    target_scaling_ : chainrule.nn.Standardize or None
        What the targets were standardized by, and predictions are brought back with.
    interval_coverage_ : dict of float to float, or None
        Which share of the validation samples is inside the intervals of some coverages.
    coefs_, intercepts_ : list of ndarray
        Weights (fan_in, fan_out) and biases (fan_out,) of each layer.
    history_ : chainrule.training.History
        What was measured epoch by epoch. Losses are of standardized targets.
    message_ : str
        Why training ended, and which epoch's weights are kept.
    loss_ : float
        The training loss, with penalties, of the weights that are kept.
    best_loss_ : float or None
        The lowest training loss; None where there are validation scores.
    loss_curve_ : list of float
        The training loss, with penalties, after every epoch.
    validation_scores_ : list of float or None
        R² on the validation samples after every epoch, or minus the loss if it is not
        'squared_error' or 'poisson'.
    best_validation_score_ : float or None
    n_iter_ : int
        Epochs, or iterations with curvature, of the last fit.
    t_ : int
        Training samples seen.
    n_layers_, n_outputs_, n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has names that are strings.
    out_activation_ : str
        What makes predictions of the outputs: 'exp' for 'poisson', else 'identity'.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from chainrule.estimators import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = MLPRegressor(hidden_layer_sizes=(8,), alpha=10.0, max_iter=2000, random_state=0)
    >>> regressor.fit(X, y).score(X, y) > 0.5
    True
    """

    loss: Any = hyperparameter(
        "squared_error",
        OneOf(*costs.REGRESSION_LOSSES, "quantile"),
        Function("(output, target, sample_weight) -> number"),
        meaning=(
            "What is minimized: half the squared error, the absolute error, Huber's loss, the "
            "likelihood of counts, which must not be negative, the quantile losses, the likelihood "
            "of a Gaussian whose variance is learned as well, or a function."
        ),
        kw_only=False,
    )
    quantiles: Any = hyperparameter(
        (0.05, 0.5, 0.95),
        PerLayer((Real(0.0, 1.0, "neither"),)),
        meaning=(
            "What is predicted with loss='quantile', in ascending order. predict returns the one "
            "nearest the median."
        ),
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
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Sparse matrices are made dense.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), optional
            At least 0.
        X_val, y_val : array-like, optional
            Validation samples. They decide which weights are the best, and with early_stopping
            when to stop.
        sample_weight_val : array-like, optional
            The weights of the validation samples.

        Returns
        -------
        self

        Raises
        ------
        InvalidArgumentError
            If a hyper-parameter is out of its range, X is not finite, or the loss refuses a target.
        """
        self._check_hyperparameters()
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=False)

    @available_if(lambda self: self._check_solver())
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the network for one epoch on these samples, going on from where it is.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        self._check_hyperparameters()
        if self.early_stopping:
            raise InvalidArgumentError("partial_fit does not support early_stopping=True")
        return self._fit(X, y, sample_weight, (None, None, None), incremental=True)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        held_out: tuple[Any, Any, Any],
        incremental: bool,
    ) -> Self:
        goes_on = self._goes_on(incremental)
        cost = self._cost()
        X, y = samples.inputs_and_targets(self, X, y, self.dtype, numeric=True, reset=not goes_on)
        weight = samples.weights(sample_weight, X)
        columns = y[:, None] if y.ndim == 1 else y
        if not goes_on:
            scales = bool(self.standardize) and cost.scales
            scaling = samples.standardizer(columns, weight, np.float64) if scales else None
            self.target_scaling_: nn.Standardize | None = scaling
            self._is_column = y.ndim == 1
        target = self._scaled(columns, X.dtype)
        validation: Samples | None = None
        if held_out[0] is not None or held_out[1] is not None:
            validation = self._read_validation(*held_out, X.dtype)
        elif self.early_stopping and not incremental:
            (X, target, weight), validation = self._set_aside(X, target, weight, None)
        self.n_outputs_ = columns.shape[1]
        self.out_activation_ = cost.out_activation
        self._train(
            X,
            target,
            weight,
            validation,
            loss=cost.function,
            score=cost.score,
            n_outputs=columns.shape[1] * cost.n_columns,
            goes_on=goes_on,
            incremental=incremental,
        )
        self._measure_coverage(validation)
        return self

    def _cost(self) -> costs.RegressionCost:
        quantiles = tuple(float(level) for level in self.quantiles)
        if self.loss == "quantile" and (not quantiles or sorted(set(quantiles)) != [*quantiles]):
            raise InvalidArgumentError(
                f"quantiles: expected different numbers in ascending order, got {self.quantiles}."
            )
        return costs.regression_cost(self.loss, quantiles)

    def _scaled(self, columns: npt.NDArray[Any], dtype: Any) -> npt.NDArray[Any]:
        scaling = self.target_scaling_
        columns = columns.astype(np.float64)
        return (columns if scaling is None else scaling(columns)).astype(dtype)

    def _read_validation(self, X: Any, y: Any, sample_weight: Any, dtype: Any) -> Samples:
        if X is None or y is None:
            raise InvalidArgumentError("fit: give X_val and y_val together.")
        X, y = samples.inputs_and_targets(self, X, y, dtype, numeric=True, reset=False)
        target = self._scaled(y[:, None] if y.ndim == 1 else y, dtype)
        return Samples(X, target, samples.weights(sample_weight, X))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the prediction for each sample, in the units of the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            The mean; with loss='quantile' or 'absolute_error', the median.
        """
        output = self._outputs(X)
        return self._in_units(self._cost().prediction(output))

    def predict_interval(self, X: Any, coverage: float | None = None) -> npt.NDArray[Any]:
        """Return the interval that should hold a share of what is observed.

        Whether it does can be seen in ``interval_coverage_``, measured on validation samples, or
        by `interval_coverage` on others.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        coverage : float, optional
            The share, above 0 and below 1, with loss='gaussian'; 0.9 by default. With
            loss='quantile' it is what is between the outermost quantiles.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
            Lower and upper bound.

        Raises
        ------
        InvalidArgumentError
            If the loss gives no intervals, or not that one.
        """
        coverage = self._nominal(coverage)
        output = self._outputs(X)
        bounds = self._bounds(output, coverage)
        return np.stack([self._in_units(bound) for bound in bounds], axis=-1)

    def interval_coverage(
        self, X: Any, y: Any, sample_weight: Any = None, *, coverage: float | None = None
    ) -> float:
        """Return the share of samples that are inside their interval.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples that the network was not trained with.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), optional
        coverage : float, optional
            As for `predict_interval`.

        Returns
        -------
        float
            About the coverage asked for, if the network is right about what it does not know.
        """
        coverage = self._nominal(coverage)
        output = self._outputs(X)
        columns = np.asarray(y, np.float64).reshape(len(output), -1)
        weight = None if sample_weight is None else np.asarray(sample_weight)
        target = self._scaled(columns, output.dtype)
        return coverage_of(self._bounds(output, coverage), target, weight)

    def _nominal(self, coverage: float | None) -> float:
        if self.loss == "gaussian":
            coverage = 0.9 if coverage is None else coverage
            if not 0.0 < coverage < 1.0:
                raise InvalidArgumentError(
                    f"coverage: expected a number above 0 and below 1, got {coverage!r}."
                )
            return coverage
        if self.loss == "quantile" and len(self.quantiles) > 1:
            nominal = round(max(self.quantiles) - min(self.quantiles), 12)
            if coverage not in (None, nominal):
                raise InvalidArgumentError(
                    f"coverage: expected {nominal}, what is between the quantiles "
                    f"{self.quantiles} the network has learned, got {coverage!r}."
                )
            return nominal
        raise InvalidArgumentError(
            "predict_interval: expected loss='gaussian', or 'quantile' with two quantiles or "
            f"more, got loss={self.loss!r}; the others learn no spread."
        )

    def _bounds(self, output: npt.NDArray[Any], coverage: float) -> npt.NDArray[Any]:
        if self.loss == "gaussian":
            return gaussian_bounds(output, coverage)
        return quantile_bounds(output, len(self.quantiles))

    def _measure_coverage(self, validation: Samples | None) -> None:
        """Keep which share of the validation samples is inside intervals of some coverages."""
        self.interval_coverage_: dict[float, float] | None = None
        if validation is None or self.loss not in ("gaussian", "quantile"):
            return
        if self.loss == "quantile" and len(self.quantiles) < 2:
            return
        nominal = (0.5, 0.8, 0.9, 0.95) if self.loss == "gaussian" else (self._nominal(None),)
        output = self.model_(validation.X)
        self.interval_coverage_ = {
            share: coverage_of(self._bounds(output, share), validation.y, validation.weight)
            for share in nominal
        }

    def explain(self, x: Any, y: Any = None) -> Explanation:
        """Return every z, a, delta and gradient of one sample, layer by layer.

        Parameters
        ----------
        x : array-like of shape (n_features,)
        y : array-like of shape () or (n_targets,), optional
            With it, the deltas and gradients are those of the sample's cost; without, of the sum
            of what is predicted (with standardized targets, of these).

        Returns
        -------
        Explanation
        """
        row = self._one_row(x)
        cost = self._cost()
        if y is None:
            what = "prediction"
            return explained(self.model_, row, lambda a: np.sum(cost.prediction(a)), what)
        target = self._scaled(np.reshape(np.asarray(y, np.float64), (1, -1)), row.dtype)
        return explained(self.model_, row, lambda a: cost.function(a, target), "cost")

    def _in_units(self, columns: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.target_scaling_ is not None:
            columns = self.target_scaling_.inverse(columns)
        return columns[:, 0] if self._is_column else columns

    def __sklearn_tags__(self) -> Any:
        """Say that several targets are taken, and none below 0 by 'poisson'."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
