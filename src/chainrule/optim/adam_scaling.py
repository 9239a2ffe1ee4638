"""Adam: gradient descent with each parameter's step scaled by its own gradients' history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule import _tree as tree
from chainrule.optim._chain import Chain, chain
from chainrule.optim._hyperparameters import check_range, in_dtype_of
from chainrule.optim.gradient_descent import GradientDescent

__all__ = ["adam"]


class AdamState(NamedTuple):
    """Number of steps taken, and the running means of the gradients and of their squares."""

    step: Any
    mean: Any
    mean_square: Any


@dataclass(frozen=True)
class ScaleByAdam:
    """The transformation that makes gradient descent `adam`."""

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
        # Both means begin at zero; dividing by the sum of their weights so far undoes that.
        weight_1 = 1.0 - self.beta_1**step
        weight_2 = 1.0 - self.beta_2**step

        def scaled(m: Any, v: Any) -> Any:
            root = np.sqrt(v / in_dtype_of(weight_2, v))
            return (m / in_dtype_of(weight_1, m)) / (root + in_dtype_of(self.epsilon, v))

        return tree.map(scaled, mean, mean_square), AdamState(step, mean, mean_square)


def adam(
    learning_rate: float = 1e-3,
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
    learning_rate : float, default=1e-3
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
    check_range("adam: learning_rate", learning_rate, 0.0)
    check_range("adam: beta_1", beta_1, 0.0, 1.0)
    check_range("adam: beta_2", beta_2, 0.0, 1.0)
    check_range("adam: epsilon", epsilon, 0.0, open_low=True)
    return chain(ScaleByAdam(beta_1, beta_2, epsilon), GradientDescent(learning_rate))


def _blend(beta: Any, mean: Any, new: Any) -> Any:
    return beta * mean + (1 - beta) * new
