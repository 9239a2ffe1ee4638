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
`normal`            normal                                    square of a number given (0.01)
`uniform`           uniform in ± a number given (0.05)        limit² / 3
`lecun_normal`      normal                                    1 / fan_in
`lecun_uniform`     uniform in ±sqrt(3 / fan_in)              1 / fan_in
`glorot_normal`     normal                                    2 / (fan_in + fan_out)
`glorot_uniform`    uniform in ±sqrt(6 / (fan_in + fan_out))  2 / (fan_in + fan_out)
`he_normal`         normal                                    2 / fan_in
`he_uniform`        uniform in ±sqrt(6 / fan_in)              2 / fan_in
`orthogonal`        orthonormal rows or columns               1 / max(fan_in, fan_out)
`zeros`             all 0                                     0
`constant`          all equal to a number given               0
==================  ========================================  ================================

The normal ones are not truncated.

References
----------
LeCun, Bottou, Orr and Müller, "Efficient backprop", 1998. Glorot and Bengio, "Understanding the
difficulty of training deep feedforward neural networks", AISTATS 2010. He, Zhang, Ren and Sun,
"Delving deep into rectifiers", ICCV 2015. Saxe, McClelland and Ganguli, "Exact solutions to the
nonlinear dynamics of learning in deep linear neural networks", ICLR 2014.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import random
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.nn._partial import partial
from chainrule.nn._types import Array, Initializer, Key, Shape

__all__ = [
    "INITIALIZERS",
    "constant",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "standard_normal",
    "uniform",
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

    Examples
    --------
    >>> kernel = standard_normal(random.key(0), (100, 100), np.float64)
    >>> float(kernel.std().round(1))
    1.0
    """
    return random.normal(key, shape, dtype=dtype)


def normal(standard_deviation: float = 0.01) -> Initializer:
    """Return an initializer that draws from the normal distribution with mean 0.

    Small weights, the same for every layer: enough to make units differ, so little that sigmoids
    are not saturated. In a deep network activations fade from layer to layer.

    Parameters
    ----------
    standard_deviation : float, default=0.01
        Above 0.

    Returns
    -------
    callable
        ``(key, shape, dtype) -> ndarray``.

    Raises
    ------
    InvalidArgumentError
        If the number is not positive and finite.

    Examples
    --------
    >>> kernel = normal(0.01)(random.key(0), (100, 100), np.float64)
    >>> float(kernel.std().round(4))
    0.01
    """
    _check_positive("normal: standard_deviation", standard_deviation)
    return partial(scaled_normal, standard_deviation=standard_deviation)


def scaled_normal(key: Key, shape: Shape, dtype: Any, *, standard_deviation: float) -> Array:
    """Draw what `normal` says."""
    return standard_deviation * random.normal(key, shape, dtype=dtype)


def uniform(limit: float = 0.05) -> Initializer:
    """Return an initializer that draws uniformly between ``-limit`` and ``limit``.

    Parameters
    ----------
    limit : float, default=0.05
        Above 0.

    Returns
    -------
    callable
        ``(key, shape, dtype) -> ndarray``.

    Raises
    ------
    InvalidArgumentError
        If the number is not positive and finite.

    Examples
    --------
    >>> kernel = uniform(0.05)(random.key(0), (100, 100), np.float64)
    >>> bool(abs(kernel).max() <= 0.05)
    True
    """
    _check_positive("uniform: limit", limit)
    return partial(scaled_uniform, limit=limit)


def scaled_uniform(key: Key, shape: Shape, dtype: Any, *, limit: float) -> Array:
    """Draw what `uniform` says."""
    return limit * (2.0 * random.uniform(key, shape, dtype=dtype) - 1.0)


def lecun_normal(key: Key, shape: Shape, dtype: Any) -> Array:
    r"""Draw from a normal distribution of variance ``1 / fan_in``.

    Keeps the variance of what a linear layer is given; made for `chainrule.nn.selu` and for scaled
    tanh.

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
    LeCun et al. (1998), equation 16.

    Examples
    --------
    >>> kernel = lecun_normal(random.key(0), (400, 100), np.float64)
    >>> float(kernel.std().round(3))
    0.05
    """
    fan_in, _ = _fans("lecun_normal", shape)
    return math.sqrt(1.0 / fan_in) * random.normal(key, shape, dtype=dtype)


def lecun_uniform(key: Key, shape: Shape, dtype: Any) -> Array:
    r"""Draw uniformly between ``±sqrt(3 / fan_in)``.

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
    LeCun et al. (1998), equation 16, as the uniform distribution of that variance.

    Examples
    --------
    >>> kernel = lecun_uniform(random.key(0), (300, 100), np.float64)
    >>> float(abs(kernel).max().round(3))
    0.1
    """
    fan_in, _ = _fans("lecun_uniform", shape)
    return scaled_uniform(key, shape, dtype, limit=math.sqrt(3.0 / fan_in))


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

    Examples
    --------
    >>> kernel = glorot_normal(random.key(0), (700, 100), np.float64)
    >>> float(kernel.std().round(3))
    0.05
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

    Examples
    --------
    >>> kernel = glorot_uniform(random.key(0), (500, 100), np.float64)
    >>> float(abs(kernel).max().round(3))
    0.1
    """
    fan_in, fan_out = _fans("glorot_uniform", shape)
    return scaled_uniform(key, shape, dtype, limit=math.sqrt(6.0 / (fan_in + fan_out)))


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

    Examples
    --------
    >>> kernel = he_normal(random.key(0), (800, 100), np.float64)
    >>> float(kernel.std().round(3))
    0.05
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

    Examples
    --------
    >>> kernel = he_uniform(random.key(0), (600, 100), np.float64)
    >>> float(abs(kernel).max().round(3))
    0.1
    """
    fan_in, _ = _fans("he_uniform", shape)
    return scaled_uniform(key, shape, dtype, limit=math.sqrt(6.0 / fan_in))


def orthogonal(key: Key, shape: Shape, dtype: Any) -> Array:
    r"""Draw a matrix with orthonormal columns, or rows where there are fewer of them.

    A linear layer of such a kernel keeps the length of what it is given, so deep networks begin
    with gradients that neither vanish nor explode. For ReLU multiply by ``sqrt(2)``.

    Parameters
    ----------
    key : key
        From `chainrule.random.key`.
    shape : tuple of int
        ``(..., fan_in, fan_out)``; the axes in front are counted as inputs.
    dtype : dtype

    Returns
    -------
    ndarray
        Of the uniform (Haar) distribution over such matrices.

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    References
    ----------
    Saxe et al. (2014), section 3. Mezzadri, "How to generate random matrices from the classical
    compact groups", 2007, for the signs that make the distribution uniform.

    Examples
    --------
    >>> kernel = orthogonal(random.key(0), (5, 3), np.float64)
    >>> np.allclose(kernel.T @ kernel, np.eye(3))
    True
    """
    _fans("orthogonal", shape)
    n_rows, n_columns = math.prod(shape[:-1]), shape[-1]
    longer, shorter = max(n_rows, n_columns), min(n_rows, n_columns)
    # In float64, so that the columns are orthonormal to the last digit of dtype.
    q, r = np.linalg.qr(random.normal(key, (longer, shorter)))
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return (q if n_rows >= n_columns else q.T).reshape(shape).astype(dtype)


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

    Examples
    --------
    >>> zeros(None, (2,), np.float64)
    array([0., 0.])
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
    return partial(filled, value=value)


def filled(key: Key, shape: Shape, dtype: Any, *, value: float) -> Array:
    """Return what `constant` says."""
    return np.full(shape, value, dtype)


def _fans(name: str, shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        raise ShapeError(
            f"{name}: expected a kernel's shape (fan_in, fan_out), got {shape}; "
            "use zeros or constant for a bias."
        )
    receptive_field = math.prod(shape[:-2])
    return receptive_field * shape[-2], receptive_field * shape[-1]


def _check_positive(what: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise InvalidArgumentError(f"{what}: expected a number above 0, finite, got {value}.")


INITIALIZERS: dict[str, Initializer] = {
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "normal": normal(),
    "orthogonal": orthogonal,
    "standard_normal": standard_normal,
    "uniform": uniform(),
    "zeros": zeros,
}
"""The initializers by name, without `constant`, which needs a number."""
