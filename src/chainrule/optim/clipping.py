"""Bounds: gradients that are cut where they are too large, and weights that are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule._dtypes import in_dtype_of
from chainrule._errors import ArgumentTypeError
from chainrule.nn.roles import weight_mask
from chainrule.optim._chain import Optimizer, Transformation, full_batch_only
from chainrule.optim._hyperparameters import check_range

__all__ = ["clip_by_global_norm", "clip_by_value", "max_norm"]


@dataclass(frozen=True)
class ClipByValue:
    """The transformation that `clip_by_value` makes."""

    limit: Any

    def init(self, params: Any) -> Any:
        """Return the empty state."""
        return ()

    def transform(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """Return the gradients with every number brought into the bounds."""

        def clipped(g: Any) -> Any:
            limit = in_dtype_of(self.limit, g)
            return np.clip(g, -limit, limit)

        return tree.map(clipped, grads), state


@dataclass(frozen=True)
class ClipByGlobalNorm:
    """The transformation that `clip_by_global_norm` makes."""

    limit: Any

    def init(self, params: Any) -> Any:
        """Return the empty state."""
        return ()

    def transform(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """Return the gradients, all made smaller by one factor if together they are too long."""
        leaves = tree.leaves(grads)
        largest: Any = 0.0
        for g in leaves:
            largest = np.maximum(largest, np.max(np.abs(g), initial=0.0))
        total: Any = 0.0
        for g in leaves:
            total = total + np.sum((g / _divisor(in_dtype_of(largest, g))) ** 2)
        factor = _factor(self.limit, largest, total)
        return tree.map(lambda g: g * in_dtype_of(factor, g), grads), state


@dataclass(frozen=True)
class MaxNorm:
    """The optimizer that `max_norm` makes."""

    optimizer: Optimizer
    limit: Any
    on: Callable[[Any], Any] = tree.static_field(default=weight_mask)

    @property
    def full_batch_only(self) -> bool:
        """Whether the optimizer inside is for gradients of all samples."""
        return full_batch_only(self.optimizer)

    def init(self, params: Any) -> Any:
        """Return the state of the optimizer, having made sure that weights can be told apart."""
        self.on(params)
        return self.optimizer.init(params)

    def update(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """Update, then shorten the weights of every unit that are too long."""
        params, state = self.optimizer.update(grads, state, params)

        def shortened(w: Any, is_weight: bool) -> Any:
            if not is_weight:
                return w
            axes = tuple(range(max(np.ndim(w) - 1, 1)))
            largest = np.max(np.abs(w), axis=axes, keepdims=True)
            total = np.sum((w / _divisor(largest)) ** 2, axis=axes, keepdims=True)
            return w * in_dtype_of(_factor(in_dtype_of(self.limit, w), largest, total), w)

        return tree.map(shortened, params, self.on(params)), state


def clip_by_value(limit: float) -> Transformation:
    r"""Bring every number of the gradients between ``-limit`` and ``limit``.

    .. math:: g \leftarrow \min(\max(g, -c), c)

    This may turn the direction of the step. An infinite gradient becomes a finite one; NaN stays.

    Parameters
    ----------
    limit : float
        ``c``, above 0.

    Returns
    -------
    Transformation
        Its state is empty.

    Raises
    ------
    InvalidArgumentError
        If the limit is not above 0 and finite.

    Examples
    --------
    >>> from chainrule import optim
    >>> optimizer, w = optim.chain(optim.clip_by_value(1.0), optim.sgd(0.1)), np.zeros(3)
    >>> optimizer.update(np.array([-5.0, 0.5, 2.0]), optimizer.init(w), w)[0]
    array([ 0.1 , -0.05, -0.1 ])
    """
    check_range("clip_by_value: limit", limit, 0.0, open_low=True)
    return ClipByValue(limit)


def clip_by_global_norm(limit: float) -> Transformation:
    r"""Shorten the gradient of all parameters together, if it is too long.

    .. math:: g \leftarrow g \, \min\left( 1, \frac{c}{\lVert g \rVert} \right), \qquad
              \lVert g \rVert^2 = \sum g^2 \text{ over all parameters}

    The direction of the step stays. The norm does not overflow where the gradient does not; a
    gradient that is not finite stays so, to be noticed.

    Parameters
    ----------
    limit : float
        ``c``, above 0.

    Returns
    -------
    Transformation
        Its state is empty.

    Raises
    ------
    InvalidArgumentError
        If the limit is not above 0 and finite.

    References
    ----------
    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML
    2013, algorithm 1.

    Examples
    --------
    >>> from chainrule import optim
    >>> optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.sgd(1.0))
    >>> params = {"w": np.zeros(1), "b": np.zeros(1)}
    >>> grads = {"w": np.array([3.0]), "b": np.array([4.0])}
    >>> optimizer.update(grads, optimizer.init(params), params)[0]
    {'w': array([-0.6]), 'b': array([-0.8])}
    """
    check_range("clip_by_global_norm: limit", limit, 0.0, open_low=True)
    return ClipByGlobalNorm(limit)


def max_norm(
    optimizer: Optimizer, limit: float, *, on: Callable[[Any], Any] = weight_mask
) -> Optimizer:
    r"""Keep the incoming weights of every unit from becoming longer than a limit.

    .. math:: W_{\cdot j} \leftarrow W_{\cdot j}
              \min\left( 1, \frac{c}{\lVert W_{\cdot j} \rVert} \right) \text{ after every update}

    The incoming weights of unit j are column j of a kernel; of a kernel with more axes, what the
    last one is held fixed for; and all of a vector. With dropout, 3 or 4 is usual.

    Parameters
    ----------
    optimizer : Optimizer
        What updates the parameters.
    limit : float
        ``c``, above 0.
    on : callable, default=`chainrule.nn.weight_mask`
        Which parameters are weights, see `chainrule.optim.l2`.

    Returns
    -------
    Optimizer
        Its state is that of ``optimizer``.

    Raises
    ------
    ArgumentTypeError
        If ``optimizer`` is none.
    InvalidArgumentError
        If the limit is not above 0 and finite.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to prevent
    neural networks from overfitting", 2014, section 5.1.

    Examples
    --------
    >>> from chainrule import nn, optim
    >>> layer = nn.Dense(kernel=np.array([[3.0, 0.3], [4.0, 0.4]]), bias=np.zeros(2))
    >>> optimizer = optim.max_norm(optim.sgd(0.1), 1.0)
    >>> zero = nn.Dense(kernel=np.zeros((2, 2)), bias=np.zeros(2))
    >>> optimizer.update(zero, optimizer.init(layer), layer)[0].kernel
    array([[0.6, 0.3],
           [0.8, 0.4]])
    """
    if not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(
            f"max_norm: expected an optimizer such as optim.sgd(0.1), got {optimizer!r}."
        )
    check_range("max_norm: limit", limit, 0.0, open_low=True)
    return MaxNorm(optimizer, limit, on)


# A norm is taken as that of the numbers divided by the largest of them, times the largest: large
# gradients are the reason for clipping, and their squares may overflow.


def _divisor(largest: Any) -> Any:
    return np.where(largest > 0, largest, 1.0)


def _factor(limit: Any, largest: Any, total: Any) -> Any:
    """Return ``min(1, limit / norm)`` for the norm ``largest * sqrt(total)``."""
    excess = largest / limit * np.sqrt(total)
    return 1.0 / np.maximum(excess, 1.0)
