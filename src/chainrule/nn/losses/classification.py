"""Losses for classes: cross-entropies of logits, and the margins of linear classifiers."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import special
from chainrule._errors import DtypeError, InvalidArgumentError, ShapeError
from chainrule.nn._types import Array, as_array
from chainrule.nn.losses._averaging import Reduction, aligned, known, per_sample, reduced

__all__ = [
    "hinge_loss",
    "perceptron_loss",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
]


def softmax_cross_entropy(
    logits: Array, labels: Array, *, sample_weight: Any = None, reduction: Reduction = "mean"
) -> Array:
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
    sample_weight : ndarray of shape (n_samples,), optional
        At least 0; the mean over samples is weighted by it. For weights by class see
        `chainrule.nn.weights_by_class`.
    reduction : {"mean", "none"}, default="mean"
        ``"none"`` returns the cross-entropy of each sample, ``(n_samples,)``, times its weight.

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

    References
    ----------
    Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

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
        costs = unknown - np.sum(np.where(hot, log_p, 0.0), axis=1)
    elif labels.shape == shape:
        _check_probabilities(name, labels)
        log_p = special.log_softmax(logits, axis=1)
        costs = -np.sum(labels.astype(log_p.dtype) * log_p, axis=1)
    else:
        raise ShapeError(
            f"{name}: expected labels of shape {shape[:1]} (integers) or {shape} (one-hot) for "
            f"logits of shape {shape}, got {labels.shape}; give one label, or one row, per sample."
        )
    return reduced(name, costs, reduction, sample_weight)


def sigmoid_cross_entropy(
    logits: Array, labels: Array, *, sample_weight: Any = None, reduction: Reduction = "mean"
) -> Array:
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
    sample_weight : ndarray of shape (n_samples,), optional
        At least 0; the mean over samples is weighted by it. For weights by class see
        `chainrule.nn.weights_by_class`.
    reduction : {"mean", "none"}, default="mean"
        ``"none"`` returns the cross-entropy of each sample, ``(n_samples,)``, times its weight.

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
    given = as_array(labels)
    logits, labels = aligned(name, logits, labels)
    if known(given):
        inside = (given >= 0) & (given <= 1)
        if not inside.all():
            raise InvalidArgumentError(
                f"{name}: expected labels between 0 and 1, got {given[~inside].flat[0]}; "
                "for more than two classes use softmax_cross_entropy."
            )
    # log(1 + e^z) - y z is the formula above with p written out; logaddexp does not overflow.
    softplus = np.logaddexp(logits, 0.0)
    costs = softplus - labels.astype(softplus.dtype) * logits
    return reduced(name, per_sample(costs, np.sum), reduction, sample_weight)


def hinge_loss(
    output: Array, labels: Array, *, sample_weight: Any = None, reduction: Reduction = "mean"
) -> Array:
    r"""Return the hinge loss, which asks for a margin of 1 on the right side.

    .. math:: C = \frac{1}{n} \sum_{i=1}^{n} \sum_{j=1}^{k} \max(0, 1 - y_{ij} a_{ij})

    The cost of the support vector machine. At the corner, ``y a = 1``, the derivative is that of
    too small a margin, ``-y``, as in scikit-learn's `SGDClassifier`.

    Parameters
    ----------
    output : ndarray of shape (n_samples, n_outputs) or (n_samples,)
        ``a``, of an output layer without activation. Several outputs are as many classifiers, such
        as one for each class against all others.
    labels : ndarray of the shape of ``output``
        ``y``: -1 or 1, or booleans; ``(n_samples,)`` if there is one output.
    sample_weight : ndarray of shape (n_samples,), optional
        At least 0; the mean over samples is weighted by it.
    reduction : {"mean", "none"}, default="mean"
        ``"none"`` returns the loss of each sample, ``(n_samples,)``, times its weight.

    Returns
    -------
    ndarray of shape () or (n_samples,)

    Raises
    ------
    ShapeError
        If the shapes differ.
    InvalidArgumentError
        If a label is neither -1 nor 1.

    References
    ----------
    Cortes and Vapnik, "Support-vector networks", 1995.

    Examples
    --------
    >>> hinge_loss(np.array([3.0, 0.5, -1.0]), np.array([1, 1, 1]), reduction="none")
    array([0. , 0.5, 2. ])
    """
    return _margin_loss("hinge_loss", 1.0, output, labels, sample_weight, reduction)


def perceptron_loss(
    output: Array, labels: Array, *, sample_weight: Any = None, reduction: Reduction = "mean"
) -> Array:
    r"""Return the perceptron's loss: how far samples are on the wrong side.

    .. math:: C = \frac{1}{n} \sum_{i=1}^{n} \sum_{j=1}^{k} \max(0, -y_{ij} a_{ij})

    With a linear output and one sample at a time, gradient descent on it is Rosenblatt's learning
    rule ``w <- w + eta y x`` for every sample that is misclassified. An output of 0 counts as
    misclassified (derivative ``-y`` at the corner), or weights of 0 could never be learned from.

    Parameters
    ----------
    output : ndarray of shape (n_samples, n_outputs) or (n_samples,)
        ``a``, of an output layer without activation. Several outputs are as many perceptrons, such
        as one for each class against all others.
    labels : ndarray of the shape of ``output``
        ``y``: -1 or 1, or booleans; ``(n_samples,)`` if there is one output.
    sample_weight : ndarray of shape (n_samples,), optional
        At least 0; the mean over samples is weighted by it.
    reduction : {"mean", "none"}, default="mean"
        ``"none"`` returns the loss of each sample, ``(n_samples,)``, times its weight.

    Returns
    -------
    ndarray of shape () or (n_samples,)

    Raises
    ------
    ShapeError
        If the shapes differ.
    InvalidArgumentError
        If a label is neither -1 nor 1.

    References
    ----------
    Rosenblatt, "The perceptron: a probabilistic model for information storage and organization in
    the brain", 1958; Bishop, "Pattern recognition and machine learning", 2006, equation 4.54.

    Examples
    --------
    >>> perceptron_loss(np.array([3.0, 0.5, -1.0]), np.array([1, 1, 1]), reduction="none")
    array([0., 0., 1.])
    """
    return _margin_loss("perceptron_loss", 0.0, output, labels, sample_weight, reduction)


def _margin_loss(
    name: str,
    margin: float,
    output: Array,
    labels: Array,
    sample_weight: Any,
    reduction: Reduction,
) -> Array:
    if as_array(labels).dtype.kind == "b":
        labels = np.where(labels, 1, -1)
    output, signs = aligned(name, output, labels)
    if known(signs) and not (np.abs(signs) == 1).all():
        raise InvalidArgumentError(
            f"{name}: expected labels -1 and 1, or booleans, got "
            f"{as_array(labels)[np.abs(as_array(labels)) != 1].flat[0]}; "
            "labels 0 and 1 become such by labels == 1."
        )
    missing = margin - signs * output
    costs = np.where(missing < 0, 0.0, missing)
    return reduced(name, per_sample(costs, np.sum), reduction, sample_weight)


def _check_classes(name: str, labels: Array, n_classes: int) -> None:
    if not known(labels) or labels.size == 0:
        return
    outside = labels[(labels < 0) | (labels >= n_classes)]
    if outside.size:
        raise InvalidArgumentError(
            f"{name}: expected labels from 0 to {n_classes - 1}, the columns of the logits, got "
            f"{outside[0]}; renumber them with np.unique(labels, return_inverse=True)[1], "
            "or give the model more outputs."
        )


def _check_probabilities(name: str, labels: Array) -> None:
    if not known(labels):
        return
    sums = labels.sum(axis=1)
    wrong = np.flatnonzero(~(np.abs(sums - 1.0) < 1e-3) | (labels < 0).any(axis=1))
    if wrong.size:
        raise InvalidArgumentError(
            f"{name}: expected rows of class probabilities that are not negative and sum to 1, "
            f"got {labels[wrong[0]]} in row {wrong[0]}; integer labels of shape (n_samples,) "
            "serve as well."
        )
