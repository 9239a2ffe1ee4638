"""Networks that predict numbers."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from chainrule import nn
from chainrule._errors import InvalidArgumentError
from chainrule.models import arrays, costs
from chainrule.models.declaration import Function, OneOf, PerLayer, Real, hyperparameter
from chainrule.models.explanation import Explanation, explained
from chainrule.models.held_out import (
    HeldOut,
    check_targets,
    named_as_validation,
    validation_given,
)
from chainrule.models.intervals import coverage_of, gaussian_bounds, quantile_bounds
from chainrule.models.network import Network, Problem
from chainrule.training import Checkpoint, FitResult
from chainrule.training.epoch import Samples

__all__ = ["NetworkRegressor"]


class NetworkRegressor(Network):
    """A network that predicts numbers: what `MLPRegressor` is, on plain arrays.

    It has the hyper-parameters, the methods and the fitted attributes of that class. What it is
    given are arrays of numbers, whose rows are samples.
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
        PerLayer((Real(0.0, 1.0, "neither"),), "a sequence of floats in the range (0.0, 1.0)"),
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
        checkpoint: Checkpoint | None = None,
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
        checkpoint : Checkpoint, optional
            A file in which training keeps what it has reached, and from which it goes on if it was
            broken off, see `chainrule.training.Checkpoint`. It needs an int as ``random_state``.

        Returns
        -------
        self

        Raises
        ------
        InvalidArgumentError
            If a hyper-parameter is out of its range, X is not finite, or the loss refuses a target.
        """
        held_out = validation_given(X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, held_out, incremental=False, checkpoint=checkpoint)

    def _read(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        held_out: HeldOut | None,
        *,
        reset: bool,
        incremental: bool,
    ) -> Problem:
        self._check_quantiles()
        self._learned: tuple[Any, tuple[float, ...]] = self.loss, (*map(float, self.quantiles),)
        cost = self._cost()
        train = self._samples(X, y, sample_weight, self.dtype, reset=reset)
        columns = arrays.columns("y", train.y)
        scales = bool(self.standardize) and cost.scales
        if reset:
            self.target_scaling_: nn.Standardize | None = (
                arrays.standardizer(columns, train.weight, np.float64, "y") if scales else None
            )
            self._is_column = train.y.ndim == 1
        else:
            check_targets("y", self.n_outputs_, columns)
            self._check_same_units(scales)
        self.n_outputs_: int = columns.shape[1]
        self.out_activation_ = cost.out_activation
        encoded = self._encoded(train)
        validation: Samples | None = None
        if held_out is not None:
            with named_as_validation():
                validation = self._samples(*held_out, encoded.X.dtype, reset=False)
            check_targets("y_val", self.n_outputs_, arrays.columns("y_val", validation.y))
            validation = self._encoded(validation)
        elif self.early_stopping and not incremental:
            encoded, validation = self._set_aside(encoded, None)
        n_outputs = self.n_outputs_ * cost.n_columns
        return Problem(encoded, validation, cost.function, cost.score, n_outputs)

    def _check_hyperparameters(self) -> None:
        widths = self._declared["hidden_layer_sizes"].accepts
        if any(kind.accepts(self.loss) for kind in widths):
            raise InvalidArgumentError(
                f"loss: expected a name or a function, got {self.loss!r}; it is the first argument "
                f"as in scikit-learn, so write hidden_layer_sizes={self.loss!r}."
            )
        super()._check_hyperparameters()

    def _check_same_units(self, scales: bool) -> None:
        """Raise if the targets were standardized when training began and are not to be now."""
        scaled = self.target_scaling_ is not None
        if scales != scaled:
            units = "that are standardized" if scaled else "in their own units"
            raise InvalidArgumentError(
                f"fit: expected a loss of targets {units}, which the network was trained for so "
                f"far, got loss={self.loss!r} with standardize={self.standardize!r}; to begin "
                "anew, call fit with warm_start=False."
            )

    def _encoded(self, samples: Samples) -> Samples:
        X, y, weight = samples
        return Samples(X, self._scaled(arrays.columns("y", y), X.dtype), weight)

    def _keep(self, result: FitResult, problem: Problem) -> None:
        super()._keep(result, problem)
        self._measure_coverage(problem.validation)

    def _check_quantiles(self) -> None:
        levels = [*self.quantiles]
        if self.loss == "quantile" and (not levels or sorted(set(levels)) != levels):
            raise InvalidArgumentError(
                f"quantiles: expected different numbers in ascending order, got {self.quantiles}."
            )

    def _cost(self) -> costs.RegressionCost:
        return costs.regression_cost(*self._loss_and_quantiles())

    def _loss_and_quantiles(self) -> tuple[Any, tuple[float, ...]]:
        """Return those that the network has learned by, whatever is set by now."""
        return getattr(self, "_learned", (self.loss, tuple(self.quantiles)))

    def _scaled(self, columns: npt.NDArray[Any], dtype: Any) -> npt.NDArray[Any]:
        scaling = self.target_scaling_
        columns = columns.astype(np.float64)
        return (columns if scaling is None else scaling(columns)).astype(dtype)

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
        given = self._samples(X, y, sample_weight, self._dtype(), reset=False)
        check_targets("y", self.n_outputs_, arrays.columns("y", given.y))
        return self._coverage(self._encoded(given), coverage)

    def _coverage(self, part: Samples, coverage: float) -> float:
        bounds = self._bounds(self._evaluated(part.X), coverage)
        return coverage_of(bounds, part.y, part.weight)

    def _nominal(self, coverage: float | None) -> float:
        loss, quantiles = self._loss_and_quantiles()
        if loss == "gaussian":
            coverage = 0.9 if coverage is None else coverage
            if not Real(0.0, 1.0, "neither").accepts(coverage):
                raise InvalidArgumentError(
                    f"coverage: expected a number above 0 and below 1, got {coverage!r}."
                )
            return coverage
        if loss == "quantile" and len(quantiles) > 1:
            nominal = round(max(quantiles) - min(quantiles), 12)
            if coverage not in (None, nominal):
                raise InvalidArgumentError(
                    f"coverage: expected {nominal}, what is between the quantiles "
                    f"{quantiles} the network has learned, got {coverage!r}."
                )
            return nominal
        raise InvalidArgumentError(
            "predict_interval: expected loss='gaussian', or 'quantile' with two quantiles or "
            f"more, got loss={loss!r}; the others learn no spread."
        )

    def _bounds(self, output: npt.NDArray[Any], coverage: float) -> npt.NDArray[Any]:
        loss, quantiles = self._loss_and_quantiles()
        if loss == "gaussian":
            return gaussian_bounds(output, coverage)
        return quantile_bounds(output, len(quantiles))

    def _measure_coverage(self, validation: Samples | None) -> None:
        """Keep which share of the validation samples is inside intervals of some coverages."""
        self.interval_coverage_: dict[float, float] | None = None
        if validation is None or self.loss not in ("gaussian", "quantile"):
            return
        if self.loss == "quantile" and len(self.quantiles) < 2:
            return
        nominal = (0.5, 0.8, 0.9, 0.95) if self.loss == "gaussian" else (self._nominal(None),)
        self.interval_coverage_ = {share: self._coverage(validation, share) for share in nominal}

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
        columns = np.reshape(np.asarray(y, np.float64), (1, -1))
        check_targets("y", self.n_outputs_, columns)
        target = self._scaled(columns, row.dtype)
        return explained(self.model_, row, lambda a: cost.function(a, target), "cost")

    def _in_units(self, columns: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.target_scaling_ is not None:
            columns = self.target_scaling_.inverse(columns)
        return columns[:, 0] if self._is_column else columns
