"""Gradient descent, plain and with momentum.

Every optimizer of this package ends in `GradientDescent`, so this is where learning rates are
multiplied with, and where schedules of them count their steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule._dtypes import in_dtype_of
from chainrule.nn.roles import check_parameters
from chainrule.optim._chain import Chain, Optimizer, chain
from chainrule.optim._hyperparameters import check_range
from chainrule.optim.schedules import Rate, Schedule, as_rate

__all__ = ["momentum", "nesterov", "sgd"]


@dataclass(frozen=True)
class GradientDescent:
    """The optimizer that `sgd` makes."""

    learning_rate: Any

    def init(self, params: Any) -> Any:
        """Return step 0 for a schedule, and else the empty state: nothing has to be counted."""
        check_parameters(params)
        return np.zeros((), np.int64) if isinstance(self.learning_rate, Schedule) else ()

    def update(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """Return ``w - learning_rate * g`` for every parameter."""
        rate = self.learning_rate
        if isinstance(rate, Schedule):
            rate, state = rate(state), state + 1

        def step(w: Any, g: Any) -> Any:
            return w - in_dtype_of(rate, w) * in_dtype_of(g, w)

        return tree.map(step, params, grads), state


@dataclass(frozen=True)
class Accumulate:
    """The transformation that makes gradient descent `momentum` or `nesterov`."""

    beta: Any
    looks_ahead: bool = tree.static_field(default=False)

    def init(self, params: Any) -> Any:
        """Return ``M = 0`` for every parameter."""
        return tree.map(np.zeros_like, params)

    def transform(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """Return ``M <- beta * M + g`` as state, and as gradients ``M`` or ``beta * M + g``."""

        def accumulate(m: Any, g: Any) -> Any:
            return in_dtype_of(self.beta, m) * m + in_dtype_of(g, m)

        total = tree.map(accumulate, state, grads)
        return (tree.map(accumulate, total, grads) if self.looks_ahead else total), total


def sgd(learning_rate: Rate) -> Optimizer:
    r"""Gradient descent; stochastic when the gradients are those of a mini-batch.

    .. math:: w \leftarrow w - \eta g

    Parameters
    ----------
    learning_rate : float or Schedule
        ``eta``, at least 0. Like every number of an optimizer it may be a traced array.

    Returns
    -------
    Optimizer
        Its state is empty, but for the number of steps with a schedule.

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
    return GradientDescent(as_rate("sgd: learning_rate", learning_rate))


def momentum(learning_rate: Rate, beta: float = 0.9) -> Chain:
    r"""Gradient descent along a sum of past gradients that fades by ``beta`` each step.

    .. math:: M \leftarrow \beta M + g, \qquad w \leftarrow w - \eta M

    In this form the new gradient is not multiplied by ``1 - beta``: on a steady slope, steps grow
    to ``eta / (1 - beta)`` times the gradient. Where ``M`` is called a velocity and holds
    ``-eta`` as a factor, as in scikit-learn, the steps are the same while ``eta`` is.

    Parameters
    ----------
    learning_rate : float or Schedule
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
    rate = as_rate("momentum: learning_rate", learning_rate)
    check_range("momentum: beta", beta, 0.0, 1.0)
    return chain(Accumulate(beta), GradientDescent(rate))


def nesterov(learning_rate: Rate, beta: float = 0.9) -> Chain:
    r"""Gradient descent with Nesterov's momentum, which looks one step ahead.

    .. math:: M \leftarrow \beta M + g, \qquad w \leftarrow w - \eta (\beta M + g)

    Nesterov takes the gradient at the point to which momentum alone will lead. Here the parameters
    are those points themselves, as in PyTorch, Keras and scikit-learn, so that the gradient is
    taken where the loss is evaluated; the two sequences differ by ``eta beta M``.

    Parameters
    ----------
    learning_rate : float or Schedule
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
    Nesterov, "A method of solving a convex programming problem with convergence rate O(1/k²)",
    1983; in this form Bengio, Boulanger-Lewandowski and Pascanu, "Advances in optimizing recurrent
    networks", 2013, equation 7.

    Examples
    --------
    >>> optimizer, w, g = nesterov(0.1, beta=0.5), np.array(0.0), np.array(-1.0)
    >>> state = optimizer.init(w)
    >>> for _ in range(2):
    ...     w, state = optimizer.update(g, state, w)
    >>> round(float(w), 12)  # 0.1 * (0.5 * 1 + 1) + 0.1 * (0.5 * 1.5 + 1)
    0.325
    """
    rate = as_rate("nesterov: learning_rate", learning_rate)
    check_range("nesterov: beta", beta, 0.0, 1.0)
    return chain(Accumulate(beta, looks_ahead=True), GradientDescent(rate))
