"""Activations: the functions ``f`` in ``a = f(z)``.

An activation is a plain function of an array of pre-activations, so any function of one's own
serves as well; `ACTIVATIONS` gives those of this module by name. All are elementwise, save
`softmax` and `log_softmax`, which couple the units of a layer. Those with a setting, such as the
slope of `leaky_relu`, are given another by `chainrule.nn.partial`.

Where an activation has a corner, its derivative there is the one from the left, the side of the
inactive unit; each docstring says so. (The library's own rule, for corners of NumPy's functions,
is the mean of the two sides.)
"""

from __future__ import annotations

import math

import numpy as np

from chainrule import special
from chainrule.nn._types import Activation, Array

__all__ = [
    "ACTIVATIONS",
    "elu",
    "gelu",
    "gelu_tanh",
    "identity",
    "leaky_relu",
    "log_softmax",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "step",
    "tanh",
]

# Klambauer et al. (2017), equation 14, to the digits of float64.
_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


def step(z: Array) -> Array:
    r"""Return 1 where the threshold 0 is reached and 0 elsewhere (Heaviside's function).

    .. math:: f(z) = 1 \text{ if } z \ge 0 \text{ else } 0, \qquad f' = 0

    The activation of the McCulloch-Pitts neuron. Its derivative is 0 everywhere, by convention at
    the jump too, so that gradients cannot train what is in front of it: such networks are designed,
    or learn by a rule of their own.

    Parameters
    ----------
    z : ndarray
        Any shape.

    Returns
    -------
    ndarray
        Of the shape and dtype of ``z``. ``f(0) = 1``; NaN stays NaN.

    References
    ----------
    McCulloch and Pitts, "A logical calculus of the ideas immanent in nervous activity", 1943.

    Examples
    --------
    >>> step(np.array([-0.5, 0.0, 2.0]))
    array([0., 1., 1.])
    """
    return np.heaviside(z, 1.0)


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

    Examples
    --------
    >>> identity(np.array([-2.0, 3.0]))
    array([-2.,  3.])
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

    Examples
    --------
    >>> tanh(np.array([-1000.0, 0.0, 1.0])).round(4)
    array([-1.    ,  0.    ,  0.7616])
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


def leaky_relu(z: Array, negative_slope: float = 0.01) -> Array:
    r"""Return each element, negative ones made smaller by a factor.

    .. math:: f(z) = z \text{ if } z > 0 \text{ else } s z, \qquad
              f'(z) = 1 \text{ if } z > 0 \text{ else } s

    Units that are never active still have a gradient, so none of them dies.

    Parameters
    ----------
    z : ndarray
        Any shape.
    negative_slope : float, default=0.01
        ``s``, also the derivative at the corner ``z = 0``.

    Returns
    -------
    ndarray
        Of the shape and dtype of ``z``.

    References
    ----------
    Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.

    Examples
    --------
    >>> leaky_relu(np.array([-2.0, 0.0, 3.0]))
    array([-0.02,  0.  ,  3.  ])
    """
    return np.where(z <= 0, negative_slope * z, z)


def elu(z: Array, alpha: float = 1.0) -> Array:
    r"""Return the exponential linear unit of each element.

    .. math:: f(z) = z \text{ if } z > 0 \text{ else } \alpha (e^z - 1), \qquad
              f'(z) = 1 \text{ if } z > 0 \text{ else } \alpha e^z

    Parameters
    ----------
    z : ndarray
        Any shape.
    alpha : float, default=1.0
        Minus the limit at ``-inf``. Only with 1 is there no corner at ``z = 0``; the derivative
        there is ``alpha``.

    Returns
    -------
    ndarray
        Values above ``-alpha``, of the shape and dtype of ``z``.

    References
    ----------
    Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential
    linear units", ICLR 2016.

    Examples
    --------
    >>> elu(np.array([-1000.0, 0.0, 3.0]))
    array([-1.,  0.,  3.])
    """
    inactive = z <= 0
    # Only exponents that are not positive: an overflow of the side not taken would spoil the
    # derivative of the other.
    return np.where(inactive, alpha * np.expm1(np.where(inactive, z, 0.0)), z)


def selu(z: Array) -> Array:
    r"""Return the self-normalizing exponential linear unit of each element.

    .. math:: f(z) = \lambda \, \mathrm{elu}(z; \alpha), \qquad
              \alpha = 1.67326\ldots, \; \lambda = 1.05070\ldots

    With these constants and weights of variance ``1 / fan_in``
    (`chainrule.nn.initializers.lecun_normal`), mean 0 and variance 1 are kept from layer to layer.

    Parameters
    ----------
    z : ndarray
        Any shape.

    Returns
    -------
    ndarray
        Of the shape and dtype of ``z``. The derivative at the corner ``z = 0`` is
        ``lambda * alpha``.

    References
    ----------
    Klambauer, Unterthiner, Mayr and Hochreiter, "Self-normalizing neural networks", NeurIPS 2017.

    Examples
    --------
    >>> selu(np.array([-1000.0, 0.0, 1.0])).round(4)
    array([-1.7581,  0.    ,  1.0507])
    """
    return _SELU_SCALE * elu(z, _SELU_ALPHA)


def softplus(z: Array) -> Array:
    r"""Return a smooth form of `relu` of each element.

    .. math:: f(z) = \log(1 + e^z), \qquad f' = \sigma(z)

    Parameters
    ----------
    z : ndarray
        Any shape.

    Returns
    -------
    ndarray
        Values above 0, of the shape and dtype of ``z``. Nothing overflows.

    References
    ----------
    Dugas, Bengio, Bélisle, Nadeau and Garcia, "Incorporating second-order functional knowledge for
    better option pricing", 2001.

    Examples
    --------
    >>> softplus(np.array([-1000.0, 0.0, 100.0])).round(4)
    array([  0.    ,   0.6931, 100.    ])
    """
    return special.softplus(z)


def gelu(z: Array) -> Array:
    r"""Return the Gaussian error linear unit of each element, exactly.

    .. math:: f(z) = z \, \Phi(z), \qquad
              \Phi(z) = \tfrac12 \left( 1 + \mathrm{erf}(z / \sqrt2) \right)

    Parameters
    ----------
    z : ndarray
        Any shape.

    Returns
    -------
    ndarray
        Of the shape and dtype of ``z``, above -0.17.

    See Also
    --------
    gelu_tanh : the approximation that some networks were trained with.

    References
    ----------
    Hendrycks and Gimpel, "Gaussian error linear units", 2016.

    Examples
    --------
    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    return z * special.ndtr(z)


def gelu_tanh(z: Array) -> Array:
    r"""Return the approximation of `gelu` by a hyperbolic tangent.

    .. math:: f(z) = \tfrac12 z \left( 1 + \tanh\left( \sqrt{2 / \pi} \,
              (z + 0.044715 z^3) \right) \right)

    It differs from `gelu` by less than 5e-4.

    Parameters
    ----------
    z : ndarray
        Any shape.

    Returns
    -------
    ndarray
        Of the shape and dtype of ``z``.

    References
    ----------
    Hendrycks and Gimpel (2016), section 2.

    Examples
    --------
    >>> gelu_tanh(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1588,  0.    ,  0.8412])
    """
    return 0.5 * z * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z * z * z)))


def silu(z: Array) -> Array:
    r"""Return the sigmoid linear unit of each element, also called swish.

    .. math:: f(z) = z \, \sigma(z)

    Parameters
    ----------
    z : ndarray
        Any shape.

    Returns
    -------
    ndarray
        Of the shape and dtype of ``z``, above -0.28.

    References
    ----------
    Hendrycks and Gimpel (2016), section 5; Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units
    for neural network function approximation in reinforcement learning", 2018.

    Examples
    --------
    >>> silu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    return z * special.expit(z)


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


def log_softmax(z: Array) -> Array:
    r"""Return the logarithms of the probabilities that the last axis of ``z`` are the logits of.

    .. math:: f(z)_j = z_j - \log \sum_k e^{z_k}

    Parameters
    ----------
    z : ndarray of shape (..., n_classes)

    Returns
    -------
    ndarray of shape (..., n_classes)
        Values up to 0, with all their digits where the probability itself would round to 0 or 1.

    Examples
    --------
    >>> log_softmax(np.array([[0.0, -1000.0]]))
    array([[    0., -1000.]])
    """
    return special.log_softmax(z, axis=-1)


ACTIVATIONS: dict[str, Activation] = {
    "elu": elu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "identity": identity,
    "leaky_relu": leaky_relu,
    "log_softmax": log_softmax,
    "relu": relu,
    "selu": selu,
    "sigmoid": sigmoid,
    "silu": silu,
    "softmax": softmax,
    "softplus": softplus,
    "step": step,
    "tanh": tanh,
}
"""The activations by name."""
