"""Adam: gradient descent with each parameter's step scaled by its own gradients' history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule import _tree as tree
from chainrule._dtypes import in_dtype_of
from chainrule.nn.roles import weight_mask
from chainrule.optim._chain import Chain, chain
from chainrule.optim._hyperparameters import check_range
from chainrule.optim.gradient_descent import GradientDescent
from chainrule.optim.regularization import L2
from chainrule.optim.schedules import Rate, as_rate

__all__ = ["adam", "adamw"]


class AdamState(NamedTuple):
    """Number of steps taken, and the running means of the gradients and of their squares."""

    step: Any
    mean: Any
    mean_square: Any


@dataclass(frozen=True)
class ScaleByAdam:
    """The transformation that makes gradient descent `adam` or `adamw`."""

    beta_1: Any
    beta_2: Any
    epsilon: Any

    def init(self, params: Any) -> AdamState:
        """Return step 0 and means of zero."""
        zeros = tree.map(np.zeros_like, params)
        return AdamState(np.zeros((), np.int64), zeros, zeros)

    def transform(self, grads: Any, state: AdamState, params: Any) -> tuple[Any, AdamState]:
        """Return the bias-corrected mean over the root of the bias-corrected mean square."""

        def first(m: Any, g: Any) -> Any:
            return _blend(in_dtype_of(self.beta_1, m), m, in_dtype_of(g, m))

        def second(v: Any, g: Any) -> Any:
            g = in_dtype_of(g, v)
            return _blend(in_dtype_of(self.beta_2, v), v, g * g)

        step = state.step + 1
        mean = tree.map(first, state.mean, grads)
        mean_square = tree.map(second, state.mean_square, grads)
        # Both means begin at zero; dividing by the sum of their weights so far undoes that. To
        # divide numbers is what takes longest here, so the divisors are inverted once for all.
        correction_1 = 1.0 / (1.0 - self.beta_1**step)
        correction_2 = 1.0 / (1.0 - self.beta_2**step)

        def scaled(m: Any, v: Any) -> Any:
            root = np.sqrt(v * in_dtype_of(correction_2, v))
            return (m * in_dtype_of(correction_1, m)) / (root + in_dtype_of(self.epsilon, v))

        return tree.map(scaled, mean, mean_square), AdamState(step, mean, mean_square)


def adam(
    learning_rate: Rate = 1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
) -> Chain:
    r"""Adam, bias-corrected, with epsilon outside the root.

    .. math::

        m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad
        v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \qquad
        w \leftarrow w - \eta \,
        \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    ``t`` counts the steps from 1. This is algorithm 1 of the paper. The variant at the end of its
    section 2 moves the corrections into the learning rate, which makes ``epsilon`` larger in the
    first steps; scikit-learn and Keras follow that one.

    Parameters
    ----------
    learning_rate : float or Schedule, default=1e-3
        ``eta``, at least 0: about the size of the largest step of a parameter.
    beta_1 : float, default=0.9
        In [0, 1).
    beta_2 : float, default=0.999
        In [0, 1).
    epsilon : float, default=1e-8
        Above 0.

    Returns
    -------
    Optimizer
        Its state holds ``t``, and ``m`` and ``v`` for every parameter.

    Raises
    ------
    InvalidArgumentError
        If a number is outside its range.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.

    Examples
    --------
    >>> optimizer, w = adam(0.1), np.array([1.0, 1.0])
    >>> w, state = optimizer.update(np.array([1000.0, -0.001]), optimizer.init(w), w)
    >>> w.round(4)  # the first step is the learning rate, whatever the size of the gradient
    array([0.9, 1.1])
    """
    rate, scaling = _checked("adam", learning_rate, beta_1, beta_2, epsilon)
    return chain(scaling, GradientDescent(rate))


def adamw(
    learning_rate: Rate = 1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
    *,
    on: Callable[[Any], Any] = weight_mask,
) -> Chain:
    r"""Adam with decoupled weight decay.

    .. math:: w \leftarrow w - \eta \left(
              \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon} + \lambda w \right)

    with ``m`` and ``v`` of `adam`. The decay does not pass through the scaling, so that all weights
    shrink at one rate; `chainrule.optim.l2` in front of `adam` is the coupled variant. It is
    multiplied with the learning rate, as in PyTorch; in the paper it is multiplied with a schedule
    instead, and its ``lambda`` is this one times the learning rate.

    Parameters
    ----------
    learning_rate : float or Schedule, default=1e-3
        ``eta``, at least 0.
    beta_1 : float, default=0.9
        In [0, 1).
    beta_2 : float, default=0.999
        In [0, 1).
    epsilon : float, default=1e-8
        Above 0, outside the root.
    weight_decay : float, default=0.01
        ``lambda``, at least 0.
    on : callable, default=`chainrule.nn.weight_mask`
        Which parameters decay, see `chainrule.optim.l2`; by default the weights, not the biases.

    Returns
    -------
    Optimizer
        Its state holds ``t``, and ``m`` and ``v`` for every parameter.

    Raises
    ------
    InvalidArgumentError
        If a number is outside its range.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2.

    Examples
    --------
    >>> optimizer = adamw(0.1, weight_decay=0.5, on=lambda params: True)
    >>> w = np.array([1.0, 4.0])
    >>> w, state = optimizer.update(np.array([1000.0, 0.0]), optimizer.init(w), w)
    >>> w.round(4)  # 1 - 0.1 * (1 + 0.5 * 1) and 4 - 0.1 * (0 + 0.5 * 4)
    array([0.85, 3.8 ])
    """
    rate, scaling = _checked("adamw", learning_rate, beta_1, beta_2, epsilon)
    check_range("adamw: weight_decay", weight_decay, 0.0)
    # Behind the scaling, the gradient of an L2 penalty is weight decay.
    return chain(scaling, L2(weight_decay, on), GradientDescent(rate))


def _checked(
    name: str, learning_rate: Any, beta_1: Any, beta_2: Any, epsilon: Any
) -> tuple[Any, ScaleByAdam]:
    rate = as_rate(f"{name}: learning_rate", learning_rate)
    check_range(f"{name}: beta_1", beta_1, 0.0, 1.0)
    check_range(f"{name}: beta_2", beta_2, 0.0, 1.0)
    check_range(f"{name}: epsilon", epsilon, 0.0, open_low=True)
    return rate, ScaleByAdam(beta_1, beta_2, epsilon)


def _blend(beta: Any, mean: Any, new: Any) -> Any:
    return beta * mean + (1 - beta) * new
