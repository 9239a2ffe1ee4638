"""Gradient descent, plain and with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule.optim._chain import Chain, Optimizer, chain
from chainrule.optim._hyperparameters import check_range, in_dtype_of

__all__ = ["momentum", "sgd"]


@dataclass(frozen=True)
class GradientDescent:
    """The optimizer that `sgd` makes."""

    learning_rate: Any

    def init(self, params: Any) -> Any:
        """Return the empty state: a step depends on nothing but its gradient."""
        return ()

    def update(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """Return ``w - learning_rate * g`` for every parameter."""

        def step(w: Any, g: Any) -> Any:
            return w - in_dtype_of(self.learning_rate, w) * in_dtype_of(g, w)

        return tree.map(step, params, grads), state


@dataclass(frozen=True)
class Accumulate:
    """The transformation that makes gradient descent `momentum`."""

    beta: Any

    def init(self, params: Any) -> Any:
        """Return ``M = 0`` for every parameter."""
        return tree.map(np.zeros_like, params)

    def transform(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """Return ``M <- beta * M + g`` as gradients and as state."""

        def accumulate(m: Any, g: Any) -> Any:
            return in_dtype_of(self.beta, m) * m + in_dtype_of(g, m)

        total = tree.map(accumulate, state, grads)
        return total, total


def sgd(learning_rate: float) -> Optimizer:
    r"""Gradient descent; stochastic when the gradients are those of a mini-batch.

    .. math:: w \leftarrow w - \eta g

    Parameters
    ----------
    learning_rate : float
        ``eta``, at least 0. Like every number of an optimizer it may be a traced array.

    Returns
    -------
    Optimizer
        Its state is empty.

    Raises
    ------
    InvalidArgumentError
        If the learning rate is negative or not finite.

    Examples
    --------
    >>> optimizer = sgd(0.1)
    >>> params = {"w": np.array([1.0, 2.0])}
    >>> params, state = optimizer.update(
    ...     {"w": np.array([10.0, 0.0])}, optimizer.init(params), params
    ... )
    >>> params
    {'w': array([0., 2.])}
    """
    check_range("sgd: learning_rate", learning_rate, 0.0)
    return GradientDescent(learning_rate)


def momentum(learning_rate: float, beta: float = 0.9) -> Chain:
    r"""Gradient descent along a sum of past gradients that fades by ``beta`` each step.

    .. math:: M \leftarrow \beta M + g, \qquad w \leftarrow w - \eta M

    In this form the new gradient is not multiplied by ``1 - beta``: on a steady slope, steps grow
    to ``eta / (1 - beta)`` times the gradient. Where ``M`` is called a velocity and holds
    ``-eta`` as a factor, as in scikit-learn, the steps are the same while ``eta`` is.

    Parameters
    ----------
    learning_rate : float
        ``eta``, at least 0.
    beta : float, default=0.9
        In [0, 1). With 0 this is `sgd`.

    Returns
    -------
    Optimizer
        Its state holds ``M``, zero at first, for every parameter.

    Raises
    ------
    InvalidArgumentError
        If a number is outside its range.

    References
    ----------
    Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.

    Examples
    --------
    >>> optimizer, w, g = momentum(0.1, beta=0.5), np.array(0.0), np.array(-1.0)
    >>> state = optimizer.init(w)
    >>> for _ in range(2):
    ...     w, state = optimizer.update(g, state, w)
    >>> round(float(w), 12)  # 0.1 * 1 + 0.1 * 1.5
    0.25
    """
    check_range("momentum: learning_rate", learning_rate, 0.0)
    check_range("momentum: beta", beta, 0.0, 1.0)
    return chain(Accumulate(beta), GradientDescent(learning_rate))
