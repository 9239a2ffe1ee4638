r"""Initializers: what the kernels and biases of a network are before training.

An initializer is a function ``(key, shape, dtype) -> array``. Those that scale with the size of a
layer read it from the shape: a kernel of shape ``(fan_in, fan_out)`` has ``fan_in`` inputs and
``fan_out`` outputs, and the axes in front of these two, if any, are a receptive field by which
both are multiplied. Their purpose is to keep the variance of activations (``fan_in``) and of the
back-propagated errors (``fan_out``) from growing or shrinking from layer to layer.

==================  ========================================  ================================
initializer         distribution                              variance
==================  ========================================  ================================
`standard_normal`   normal                                    1
`glorot_normal`     normal                                    2 / (fan_in + fan_out)
`glorot_uniform`    uniform in ±sqrt(6 / (fan_in + fan_out))  2 / (fan_in + fan_out)
`he_normal`         normal                                    2 / fan_in
`he_uniform`        uniform in ±sqrt(6 / fan_in)              2 / fan_in
`zeros`             all 0                                     0
`constant`          all equal to a number given               0
==================  ========================================  ================================

The normal ones are not truncated.

References
----------
Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010. He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import random
from chainrule._errors import ShapeError
from chainrule.nn._types import Array, Initializer, Key, Shape

__all__ = [
    "INITIALIZERS",
    "constant",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "standard_normal",
    "zeros",
]


def standard_normal(key: Key, shape: Shape, dtype: Any) -> Array:
    """Draw from the normal distribution with mean 0 and variance 1, whatever the layer's size.

    The historic default. In a wide layer it makes pre-activations of the order of
    ``sqrt(fan_in)``, which saturates sigmoids.

    Parameters
    ----------
    key : key
        From `chainrule.random.key`.
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    ndarray
    """
    return random.normal(key, shape, dtype=dtype)


def glorot_normal(key: Key, shape: Shape, dtype: Any) -> Array:
    r"""Draw from a normal distribution of variance ``2 / (fan_in + fan_out)``.

    Made for activations that are nearly linear around 0, such as tanh.

    Parameters
    ----------
    key : key
        From `chainrule.random.key`.
    shape : tuple of int
        ``(..., fan_in, fan_out)``.
    dtype : dtype

    Returns
    -------
    ndarray

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    References
    ----------
    Glorot and Bengio (2010), equation 12 as a variance.
    """
    fan_in, fan_out = _fans("glorot_normal", shape)
    return math.sqrt(2.0 / (fan_in + fan_out)) * random.normal(key, shape, dtype=dtype)


def glorot_uniform(key: Key, shape: Shape, dtype: Any) -> Array:
    r"""Draw uniformly between ``±sqrt(6 / (fan_in + fan_out))``.

    Parameters
    ----------
    key : key
        From `chainrule.random.key`.
    shape : tuple of int
        ``(..., fan_in, fan_out)``.
    dtype : dtype

    Returns
    -------
    ndarray

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    References
    ----------
    Glorot and Bengio (2010), equation 16.
    """
    fan_in, fan_out = _fans("glorot_uniform", shape)
    return _symmetric_uniform(key, shape, dtype, math.sqrt(6.0 / (fan_in + fan_out)))


def he_normal(key: Key, shape: Shape, dtype: Any) -> Array:
    r"""Draw from a normal distribution of variance ``2 / fan_in``.

    Made for ReLU, which halves the second moment of what passes through it.

    Parameters
    ----------
    key : key
        From `chainrule.random.key`.
    shape : tuple of int
        ``(..., fan_in, fan_out)``.
    dtype : dtype

    Returns
    -------
    ndarray

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    References
    ----------
    He et al. (2015), equation 10.
    """
    fan_in, _ = _fans("he_normal", shape)
    return math.sqrt(2.0 / fan_in) * random.normal(key, shape, dtype=dtype)


def he_uniform(key: Key, shape: Shape, dtype: Any) -> Array:
    r"""Draw uniformly between ``±sqrt(6 / fan_in)``.

    Parameters
    ----------
    key : key
        From `chainrule.random.key`.
    shape : tuple of int
        ``(..., fan_in, fan_out)``.
    dtype : dtype

    Returns
    -------
    ndarray

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    References
    ----------
    He et al. (2015), equation 10, as the uniform distribution of that variance.
    """
    fan_in, _ = _fans("he_uniform", shape)
    return _symmetric_uniform(key, shape, dtype, math.sqrt(6.0 / fan_in))


def zeros(key: Key, shape: Shape, dtype: Any) -> Array:
    """Return zeros, the usual beginning of a bias.

    A kernel of zeros makes every unit of a layer the same, for ever; use it for biases.

    Parameters
    ----------
    key : key
        Not used.
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    ndarray
    """
    return np.zeros(shape, dtype)


def constant(value: float) -> Initializer:
    """Return an initializer that fills with one number, such as 0.01 for the biases of ReLUs.

    Parameters
    ----------
    value : float

    Returns
    -------
    callable
        ``(key, shape, dtype) -> ndarray``.

    Examples
    --------
    >>> constant(0.01)(None, (2,), np.float64)
    array([0.01, 0.01])
    """

    def filled(key: Key, shape: Shape, dtype: Any) -> Array:
        return np.full(shape, value, dtype)

    return filled


INITIALIZERS: dict[str, Initializer] = {
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "standard_normal": standard_normal,
    "zeros": zeros,
}
"""The initializers by name, without `constant`, which needs a number."""


def _fans(name: str, shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        raise ShapeError(
            f"{name}: expected a kernel's shape (fan_in, fan_out), got {shape}; "
            "use zeros or constant for a bias."
        )
    receptive_field = math.prod(shape[:-2])
    return receptive_field * shape[-2], receptive_field * shape[-1]


def _symmetric_uniform(key: Key, shape: Shape, dtype: Any, limit: float) -> Array:
    return limit * (2.0 * random.uniform(key, shape, dtype=dtype) - 1.0)
