r"""Losses: how far the outputs of a model are from the targets.

A loss is a function ``(output, target) -> number``, the mean over samples of what each sample
costs; with ``reduction="none"`` it returns the cost of each sample instead. A loss of one's own is
any such function. What is summed or averaged within a sample, and every factor ½, is a convention
that textbooks differ in, so each docstring states it.

Outputs have one row per sample. Where a model has a single output, ``(n_samples, 1)``, the targets
may be given as ``(n_samples,)``. No other shapes are broadcast against each other.

The cross-entropies take *logits*, the outputs of a last layer without activation, and are exact
however large these are. Targets that can be looked at are checked, those that are being traced
cannot be: there, a label that is no class gives NaN, never the loss of another class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from chainrule import special
from chainrule._errors import DtypeError, InvalidArgumentError, ShapeError
from chainrule.nn._types import Array, as_array

__all__ = [
    "LOSSES",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
]

Loss: TypeAlias = Callable[[Array, Array], Array]
"""``(output, target)`` to the mean over samples of what each costs."""

Reduction: TypeAlias = Literal["mean", "none"]


def mean_squared_error(output: Array, target: Array, *, reduction: Reduction = "mean") -> Array:
    r"""Return the squared error, averaged over outputs and samples, without a factor ½.

    .. math:: C = \frac{1}{n k} \sum_{i=1}^{n} \sum_{j=1}^{k} (a_{ij} - y_{ij})^2

    This is `sklearn.metrics.mean_squared_error`; the loss that scikit-learn's `MLPRegressor`
    minimizes is half of it.

    Parameters
    ----------
    output : ndarray of shape (n_samples, n_outputs) or (n_samples,)
    target : ndarray of the shape of ``output``
        Or ``(n_samples,)`` if there is one output.
    reduction : {"mean", "none"}, default="mean"
        ``"none"`` returns the error of each sample, ``(n_samples,)``, averaged over its outputs.

    Returns
    -------
    ndarray of shape () or (n_samples,)

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> mean_squared_error(np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]]))
    np.float64(4.5)
    """
    name = "mean_squared_error"
    output, target = _aligned(name, output, target)
    if target.dtype.kind != "f":
        # An int64 target would make the error of a float32 output float64.
        target = target.astype(output.dtype)
    return _reduced(name, _per_sample((output - target) ** 2, np.mean), reduction)


def softmax_cross_entropy(logits: Array, labels: Array, *, reduction: Reduction = "mean") -> Array:
    r"""Return the cross-entropy of a softmax with classes that exclude each other.

    .. math:: C = -\frac{1}{n} \sum_{i=1}^{n} \sum_{j=1}^{k} y_{ij} \log p_{ij}, \qquad
              \log p_{ij} = z_{ij} - \log \sum_m e^{z_{im}}

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_classes)
        ``z``, at least two classes.
    labels : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Integers from 0 to ``n_classes - 1``; or the probabilities ``y`` of the classes in each
        row, of which one-hot rows are a special case.
    reduction : {"mean", "none"}, default="mean"
        ``"none"`` returns the cross-entropy of each sample, ``(n_samples,)``.

    Returns
    -------
    ndarray of shape () or (n_samples,)
        In nats.

    Raises
    ------
    ShapeError
        If the shapes are not those above.
    DtypeError
        If the labels of shape ``(n_samples,)`` are not integers.
    InvalidArgumentError
        If a label is no class, or a row of probabilities does not sum to 1.

    Examples
    --------
    >>> logits = np.array([[0.0, 0.0], [1000.0, 0.0]])
    >>> softmax_cross_entropy(logits, np.array([0, 1]), reduction="none")
    array([6.93147181e-01, 1.00000000e+03])
    """
    name = "softmax_cross_entropy"
    labels = as_array(labels)
    shape = np.shape(logits)
    if len(shape) != 2 or shape[1] < 2:
        raise ShapeError(
            f"{name}: expected logits of shape (n_samples, n_classes) with at least two classes, "
            f"got {shape}; for one output per sample use sigmoid_cross_entropy."
        )
    if labels.shape == shape[:1]:
        if labels.dtype.kind not in "iu":
            raise DtypeError(
                f"{name}: expected integer labels from 0 to {shape[1] - 1}, got {labels.dtype}; "
                "convert them with labels.astype(int), or text with np.unique(labels, "
                "return_inverse=True)[1]."
            )
        _check_classes(name, labels, shape[1])
        hot = labels[:, None] == np.arange(shape[1])
        log_p = special.log_softmax(logits, axis=1)
        # Without this, a traced label that is no class would cost nothing.
        unknown = np.where((labels >= 0) & (labels < shape[1]), 0.0, np.nan).astype(log_p.dtype)
        losses = unknown - np.sum(np.where(hot, log_p, 0.0), axis=1)
    elif labels.shape == shape:
        _check_probabilities(name, labels)
        log_p = special.log_softmax(logits, axis=1)
        losses = -np.sum(labels.astype(log_p.dtype) * log_p, axis=1)
    else:
        raise ShapeError(
            f"{name}: expected labels of shape {shape[:1]} (integers) or {shape} (one-hot) for "
            f"logits of shape {shape}, got {labels.shape}; give one label, or one row, per sample."
        )
    return _reduced(name, losses, reduction)


def sigmoid_cross_entropy(logits: Array, labels: Array, *, reduction: Reduction = "mean") -> Array:
    r"""Return the cross-entropy of independent yes-or-no outputs, summed over a sample's outputs.

    .. math:: C = -\frac{1}{n} \sum_{i=1}^{n} \sum_{j=1}^{k}
              \left[ y_{ij} \log p_{ij} + (1 - y_{ij}) \log (1 - p_{ij}) \right], \qquad
              p_{ij} = \sigma(z_{ij})

    The sum over outputs makes this the negative log-likelihood of a sample, as in
    scikit-learn's `MLPClassifier`; others divide by k.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_outputs) or (n_samples,)
        ``z``.
    labels : ndarray of the shape of ``logits``
        ``y``: 0 or 1, booleans, or probabilities between; ``(n_samples,)`` if there is one output.
    reduction : {"mean", "none"}, default="mean"
        ``"none"`` returns the cross-entropy of each sample, ``(n_samples,)``.

    Returns
    -------
    ndarray of shape () or (n_samples,)
        In nats.

    Raises
    ------
    ShapeError
        If the shapes differ.
    InvalidArgumentError
        If a label is not between 0 and 1.

    Examples
    --------
    >>> sigmoid_cross_entropy(np.array([0.0, -1000.0]), np.array([1, 1]), reduction="none")
    array([6.93147181e-01, 1.00000000e+03])
    """
    name = "sigmoid_cross_entropy"
    logits, labels = _aligned(name, logits, labels)
    if isinstance(labels, np.ndarray):
        inside = (labels >= 0) & (labels <= 1)
        if not inside.all():
            raise InvalidArgumentError(
                f"{name}: expected labels between 0 and 1, got {labels[~inside].flat[0]}; "
                "for more than two classes use softmax_cross_entropy."
            )
    # log(1 + e^z) - y z is the formula above with p written out; logaddexp does not overflow.
    softplus = np.logaddexp(logits, 0.0)
    costs = softplus - labels.astype(softplus.dtype) * logits
    return _reduced(name, _per_sample(costs, np.sum), reduction)


LOSSES: dict[str, Loss] = {
    "mean_squared_error": mean_squared_error,
    "sigmoid_cross_entropy": sigmoid_cross_entropy,
    "softmax_cross_entropy": softmax_cross_entropy,
}
"""The losses by name."""


def _aligned(name: str, output: Array, target: Array) -> tuple[Array, Array]:
    output, target = as_array(output), as_array(target)
    if output.shape == (*target.shape, 1) and target.ndim == 1:
        target = target[:, None]
    if output.shape != target.shape or output.ndim == 0:
        raise ShapeError(
            f"{name}: expected a target of the shape of the output, {output.shape}, "
            f"got {target.shape}; one row per sample and one column per output."
        )
    return output, target


def _per_sample(costs: Array, combine: Callable[..., Array]) -> Array:
    return combine(costs.reshape(costs.shape[0], -1), axis=1) if costs.ndim > 1 else costs


def _reduced(name: str, losses: Array, reduction: str) -> Array:
    if reduction == "none":
        return losses
    if reduction == "mean":
        return np.mean(losses)
    raise InvalidArgumentError(
        f"{name}: expected reduction 'mean' or 'none', got {reduction!r}; "
        "'none' returns one number per sample."
    )


def _check_classes(name: str, labels: Array, n_classes: int) -> None:
    if not isinstance(labels, np.ndarray) or labels.size == 0:
        return
    outside = labels[(labels < 0) | (labels >= n_classes)]
    if outside.size:
        raise InvalidArgumentError(
            f"{name}: expected labels from 0 to {n_classes - 1}, the columns of the logits, got "
            f"{outside[0]}; renumber them with np.unique(labels, return_inverse=True)[1], "
            "or give the model more outputs."
        )


def _check_probabilities(name: str, labels: Array) -> None:
    if not isinstance(labels, np.ndarray):
        return
    sums = labels.sum(axis=1)
    wrong = np.flatnonzero(~(np.abs(sums - 1.0) < 1e-3) | (labels < 0).any(axis=1))
    if wrong.size:
        raise InvalidArgumentError(
            f"{name}: expected rows of class probabilities that are not negative and sum to 1, "
            f"got {labels[wrong[0]]} in row {wrong[0]}; integer labels of shape (n_samples,) "
            "serve as well."
        )
