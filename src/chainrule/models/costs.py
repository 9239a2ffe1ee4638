"""What estimators minimize: losses by scikit-learn's names, and what goes with each.

To a loss belong the form in which it wants the targets, what turns outputs of the network into
predictions, and a score that can be compiled along with it. All functions here are defined once,
in this module, or made by `chainrule.nn.partial`, so that a second fit finds its program again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from chainrule import nn
from chainrule.training.epoch import Loss, Score

__all__ = [
    "CLASSIFICATION_LOSSES",
    "OUT_ACTIVATIONS",
    "REGRESSION_LOSSES",
    "ClassificationCost",
    "Form",
    "RegressionCost",
    "Task",
    "accuracy",
    "r_squared",
]

Array: TypeAlias = Any

Task: TypeAlias = Literal["binary", "multiclass", "multilabel"]

Form: TypeAlias = Literal["codes", "columns", "signs"]
"""Labels as positions among the classes, or a column for each output: of 0 and 1, or -1 and 1."""

OUT_ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "identity": nn.identity,
    "logistic": nn.sigmoid,
    "softmax": nn.softmax,
}
"""What is applied to the outputs of the network for predictions, by scikit-learn's names."""


# -- classification ------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClassificationCost:
    """A loss of classes and what goes with it.

    Attributes
    ----------
    function : callable
        Of logits and targets.
    targets : {"codes", "columns", "signs"}
        See `Form`.
    out_activation : str
        See `OUT_ACTIVATIONS`.
    """

    function: Loss
    targets: Form
    out_activation: str


def squared_error_of_sigmoid(logits: Array, target: Array, *, sample_weight: Any = None) -> Array:
    """Return half the squared error of independent probabilities: the quadratic cost."""
    return nn.half_squared_error(nn.sigmoid(logits), target, sample_weight=sample_weight)


def squared_error_of_softmax(logits: Array, target: Array, *, sample_weight: Any = None) -> Array:
    """Return half the squared error of the probabilities of classes."""
    return nn.half_squared_error(nn.softmax(logits), target, sample_weight=sample_weight)


def _log_loss(task: Task) -> ClassificationCost:
    if task == "multiclass":
        return ClassificationCost(nn.softmax_cross_entropy, "codes", "softmax")
    return ClassificationCost(nn.sigmoid_cross_entropy, "columns", "logistic")


def _squared_error(task: Task) -> ClassificationCost:
    if task == "multiclass":
        return ClassificationCost(squared_error_of_softmax, "columns", "softmax")
    return ClassificationCost(squared_error_of_sigmoid, "columns", "logistic")


def _hinge(task: Task) -> ClassificationCost:
    return ClassificationCost(nn.hinge_loss, "signs", "identity")


def _perceptron(task: Task) -> ClassificationCost:
    return ClassificationCost(nn.perceptron_loss, "signs", "identity")


CLASSIFICATION_LOSSES: Mapping[str, Callable[[Task], ClassificationCost]] = {
    "hinge": _hinge,
    "log_loss": _log_loss,
    "perceptron": _perceptron,
    "squared_error": _squared_error,
}
"""The costs of classifiers by name, each for the task at hand."""


def classification_cost(loss: Any, task: Task) -> ClassificationCost:
    """Return the cost of a name, or of a loss of the user's own, which gets log_loss's targets."""
    if isinstance(loss, str):
        return CLASSIFICATION_LOSSES[loss](task)
    like = _log_loss(task)
    return ClassificationCost(loss, like.targets, like.out_activation)


def accuracy(output: Array, target: Array, sample_weight: Any) -> Array:
    """Return the share of samples all of whose labels are right.

    Parameters
    ----------
    output : ndarray of shape (n_samples, n_outputs)
        Above 0 for what is held to be likely.
    target : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Codes of the classes; or columns, above ½ for what is so.
    sample_weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    ndarray of shape ()
    """
    if target.ndim == 1:
        return _average(np.argmax(output, axis=1) == target, sample_weight, output.dtype)
    right = np.all((output > 0) == (target > 0.5), axis=1)
    return _average(right, sample_weight, output.dtype)


def accuracy_among_classes(output: Array, target: Array, sample_weight: Any) -> Array:
    """Return the share of samples whose largest output is that of their class."""
    right = np.argmax(output, axis=1) == np.argmax(target, axis=1)
    return _average(right, sample_weight, output.dtype)


# -- regression ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class RegressionCost:
    """A loss of numbers and what goes with it.

    Attributes
    ----------
    function : callable
        Of outputs and targets.
    n_columns : int
        Outputs of the network for each target.
    prediction : callable
        From outputs of the network to one column per target, in the units of the targets given.
    out_activation : str
        See `OUT_ACTIVATIONS`.
    scales : bool
        Whether the targets may be standardized: whether in other units the best outputs are the
        same.
    """

    function: Loss
    n_columns: int = 1
    prediction: Callable[[Array], Array] = nn.identity
    out_activation: str = "identity"
    scales: bool = True

    @property
    def score(self) -> Score | None:
        """R² for the losses that it stands for, as in scikit-learn; None for all others."""
        if self.function in (nn.half_squared_error, nn.poisson_loss):
            return nn.partial(r_squared, prediction=self.prediction)
        return None


def first_columns(output: Array, *, share: int) -> Array:
    """Return the first of ``share`` blocks of columns: the means of a Gaussian."""
    return output[:, : output.shape[1] // share]


def every_column(output: Array, *, first: int, step: int) -> Array:
    """Return each ``step``-th column: one quantile of every target."""
    return output[:, first::step]


def exponential(output: Array) -> Array:
    """Return the expectation of counts from its logarithm."""
    return np.exp(output)


def _quantile(quantiles: tuple[float, ...]) -> RegressionCost:
    count = len(quantiles)
    median = min(range(count), key=lambda i: abs(quantiles[i] - 0.5))
    return RegressionCost(
        nn.partial(nn.quantile_loss, quantiles=quantiles),
        n_columns=count,
        prediction=nn.partial(every_column, first=median, step=count),
    )


REGRESSION_LOSSES: Mapping[str, RegressionCost] = {
    "absolute_error": RegressionCost(nn.mean_absolute_error),
    "gaussian": RegressionCost(
        nn.gaussian_loss, n_columns=2, prediction=nn.partial(first_columns, share=2)
    ),
    "huber": RegressionCost(nn.huber_loss),
    "poisson": RegressionCost(
        nn.poisson_loss, prediction=exponential, out_activation="exp", scales=False
    ),
    "squared_error": RegressionCost(nn.half_squared_error),
}
"""The costs of regressors by name; ``"quantile"`` depends on the quantiles."""


def regression_cost(loss: Any, quantiles: tuple[float, ...]) -> RegressionCost:
    """Return the cost of a name, or of a loss of the user's own, in the targets' own units."""
    if not isinstance(loss, str):
        return RegressionCost(loss, scales=False)
    return _quantile(quantiles) if loss == "quantile" else REGRESSION_LOSSES[loss]


def r_squared(
    output: Array,
    target: Array,
    sample_weight: Any,
    *,
    prediction: Callable[[Array], Array] = nn.identity,
) -> Array:
    """Return the coefficient of determination, averaged over targets.

    Parameters
    ----------
    output : ndarray of shape (n_samples, n_columns)
    target : ndarray of shape (n_samples, n_targets)
    sample_weight : ndarray of shape (n_samples,) or None
    prediction : callable
        From outputs to one column per target.

    Returns
    -------
    ndarray of shape ()
        For a target that does not vary 1 if it is met exactly and else 0, as in scikit-learn.
    """
    weight = np.ones(len(target), output.dtype) if sample_weight is None else sample_weight
    weight = (weight / np.sum(weight))[:, None]
    error = np.sum(weight * (target - prediction(output)) ** 2, axis=0)
    spread = np.sum(weight * (target - np.sum(weight * target, axis=0)) ** 2, axis=0)
    varies = spread > 0
    share = 1.0 - error / np.where(varies, spread, 1.0)
    return np.mean(np.where(varies, share, np.where(error > 0, 0.0, 1.0)))


def _average(right: Array, weight: Any, dtype: Any) -> Array:
    if weight is None:
        return np.mean(right.astype(dtype))
    return np.sum(weight * right) / np.sum(weight)
