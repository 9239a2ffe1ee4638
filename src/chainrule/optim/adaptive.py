"""AdaGrad and RMSProp: each parameter's step divided by the size of its own gradients so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule._dtypes import in_dtype_of
from chainrule.optim._chain import Chain, chain
from chainrule.optim._hyperparameters import check_range
from chainrule.optim.gradient_descent import GradientDescent
from chainrule.optim.schedules import Rate, as_rate

__all__ = ["adagrad", "rmsprop"]


@dataclass(frozen=True)
class RootScaling(ABC):
    """A transformation that divides by the root of the squared gradients so far."""

    epsilon: Any

    @abstractmethod
    def accumulated(self, v: Any, square: Any) -> Any:
        """Return the squares so far together with the newest."""

    def init(self, params: Any) -> Any:
        """Return ``v = 0`` for every parameter."""
        return tree.map(np.zeros_like, params)

    def transform(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """Return ``g / (sqrt(v) + epsilon)``."""
        grads = tree.map(in_dtype_of, grads, state)
        squares = tree.map(lambda v, g: self.accumulated(v, g * g), state, grads)
        scaled = tree.map(
            lambda v, g: g / (np.sqrt(v) + in_dtype_of(self.epsilon, v)), squares, grads
        )
        return scaled, squares


@dataclass(frozen=True)
class ScaleBySum(RootScaling):
    """The transformation that makes gradient descent `adagrad`."""

    def accumulated(self, v: Any, square: Any) -> Any:
        """Return ``v + g^2``."""
        return v + square


@dataclass(frozen=True)
class ScaleByMean(RootScaling):
    """The transformation that makes gradient descent `rmsprop`."""

    rho: Any

    def accumulated(self, v: Any, square: Any) -> Any:
        """Return ``rho v + (1 - rho) g^2``."""
        rho = in_dtype_of(self.rho, v)
        return rho * v + (1 - rho) * square


def adagrad(learning_rate: Rate = 0.01, epsilon: float = 1e-10) -> Chain:
    r"""AdaGrad, with epsilon outside the root.

    .. math:: v \leftarrow v + g^2, \qquad w \leftarrow w - \eta \frac{g}{\sqrt v + \epsilon}

    Steps become shorter for ever, as ``1 / sqrt(t)`` on a steady slope; so the learning rate is
    chosen larger than for the others. The squares begin at 0, as in the paper and PyTorch, and at
    0.1 in Keras.

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.01
        ``eta``, at least 0: the size of the first step of every parameter.
    epsilon : float, default=1e-10
        Above 0.

    Returns
    -------
    Optimizer
        Its state holds ``v`` for every parameter.

    Raises
    ------
    InvalidArgumentError
        If a number is outside its range.

    References
    ----------
    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", 2011, figure 1, with the diagonal.

    Examples
    --------
    >>> optimizer, w, g = adagrad(0.1), np.array(1.0), np.array(3.0)
    >>> state = optimizer.init(w)
    >>> for _ in range(2):
    ...     w, state = optimizer.update(g, state, w)
    >>> round(float(w), 4)  # 1 - 0.1 * (3 / 3 + 3 / sqrt(18))
    0.8293
    """
    rate = as_rate("adagrad: learning_rate", learning_rate)
    check_range("adagrad: epsilon", epsilon, 0.0, open_low=True)
    return chain(ScaleBySum(epsilon), GradientDescent(rate))


def rmsprop(learning_rate: Rate = 1e-3, rho: float = 0.9, epsilon: float = 1e-8) -> Chain:
    r"""RMSProp, with epsilon outside the root.

    .. math:: v \leftarrow \rho v + (1 - \rho) g^2, \qquad
              w \leftarrow w - \eta \frac{g}{\sqrt v + \epsilon}

    A gradient that does not change gives steps of ``eta``, after first ones that are longer, as
    ``v`` begins at 0 and is not corrected for it (`adam` is). PyTorch has ``epsilon`` outside the
    root too and ``rho = 0.99``; Keras has it inside.

    Parameters
    ----------
    learning_rate : float or Schedule, default=1e-3
        ``eta``, at least 0.
    rho : float, default=0.9
        In [0, 1). With 0 the sign of the gradient decides alone.
    epsilon : float, default=1e-8
        Above 0.

    Returns
    -------
    Optimizer
        Its state holds ``v`` for every parameter.

    Raises
    ------
    InvalidArgumentError
        If a number is outside its range.

    References
    ----------
    Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5, 2012.

    Examples
    --------
    >>> optimizer, w = rmsprop(0.1, rho=0.75), np.array(1.0)
    >>> w, state = optimizer.update(np.array(3.0), optimizer.init(w), w)
    >>> round(float(w), 4)  # 1 - 0.1 * 3 / sqrt(0.25 * 9)
    0.8
    """
    rate = as_rate("rmsprop: learning_rate", learning_rate)
    check_range("rmsprop: rho", rho, 0.0, 1.0)
    check_range("rmsprop: epsilon", epsilon, 0.0, open_low=True)
    return chain(ScaleByMean(epsilon, rho), GradientDescent(rate))
