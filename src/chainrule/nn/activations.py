"""Activations: the functions ``f`` in ``a = f(z)``.

An activation is a plain function of an array of pre-activations, so any function of one's own
serves as well; `ACTIVATIONS` gives those of this module by name. All are elementwise, save
`softmax`, which couples the units of a layer.
"""

from __future__ import annotations

import numpy as np

from chainrule import special
from chainrule.nn._types import Activation, Array

__all__ = ["ACTIVATIONS", "identity", "relu", "sigmoid", "softmax", "tanh"]


def identity(z: Array) -> Array:
    """Return ``z`` itself: the activation of a linear layer.

    .. math:: f(z) = z

    Parameters
    ----------
    z : ndarray
        Any shape.

    Returns
    -------
    ndarray
        ``z``.
    """
    return z


def sigmoid(z: Array) -> Array:
    r"""Return the logistic function of each element.

    .. math:: \sigma(z) = \frac{1}{1 + e^{-z}}, \qquad \sigma' = \sigma (1 - \sigma)

    Parameters
    ----------
    z : ndarray
        Any shape.

    Returns
    -------
    ndarray
        Values in (0, 1), of the shape and dtype of ``z``. Nothing overflows, however large
        ``|z|`` is.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return special.expit(z)


def tanh(z: Array) -> Array:
    r"""Return the hyperbolic tangent of each element.

    .. math:: f(z) = \tanh z, \qquad f' = 1 - f^2

    Parameters
    ----------
    z : ndarray
        Any shape.

    Returns
    -------
    ndarray
        Values in (-1, 1), of the shape and dtype of ``z``.
    """
    return np.tanh(z)


def relu(z: Array) -> Array:
    r"""Return the positive part of each element.

    .. math:: f(z) = \max(0, z), \qquad f'(z) = 1 \text{ if } z > 0 \text{ else } 0

    The derivative at the corner ``z = 0`` is taken to be 0, as is usual for networks. (The
    derivative of ``np.maximum(z, 0)`` there follows the library's rule for ties instead.)

    Parameters
    ----------
    z : ndarray
        Any shape.

    Returns
    -------
    ndarray
        Values in [0, ∞), of the shape and dtype of ``z``. NaN stays NaN.

    Examples
    --------
    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    # Asking for z <= 0, not z > 0, lets a NaN through to where it is noticed.
    return np.where(z <= 0, 0.0, z)


def softmax(z: Array) -> Array:
    r"""Return the probabilities that the last axis of ``z`` are the logits of.

    .. math:: f(z)_j = \frac{e^{z_j}}{\sum_k e^{z_k}}

    The losses of this package that need probabilities take the logits ``z`` instead, because
    their logarithm is exact where that of a rounded probability is not.

    Parameters
    ----------
    z : ndarray of shape (..., n_classes)

    Returns
    -------
    ndarray of shape (..., n_classes)
        Values in [0, 1] that sum to 1 along the last axis. Nothing overflows.

    Examples
    --------
    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    return special.softmax(z, axis=-1)


ACTIVATIONS: dict[str, Activation] = {
    "identity": identity,
    "relu": relu,
    "sigmoid": sigmoid,
    "softmax": softmax,
    "tanh": tanh,
}
"""The activations by name."""
