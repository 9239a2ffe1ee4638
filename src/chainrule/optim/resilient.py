"""Rprop: steps whose length each parameter finds by itself, from the signs of its gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from chainrule import _tree as tree
from chainrule._dtypes import in_dtype_of
from chainrule.optim._chain import Chain, chain
from chainrule.optim._hyperparameters import check_range
from chainrule.optim.gradient_descent import GradientDescent

__all__ = ["rprop"]


class ResilientState(NamedTuple):
    """The gradients of the step before, 0 where they were not followed, and the step lengths."""

    grads: Any
    lengths: Any


@dataclass(frozen=True)
class Resilient:
    """The transformation that makes gradient descent of rate 1 `rprop`."""

    initial_step: Any
    shrink: Any
    grow: Any
    smallest_step: Any
    largest_step: Any

    full_batch_only: ClassVar[bool] = True

    def init(self, params: Any) -> ResilientState:
        """Return gradients of zero and the initial step for every parameter."""
        zeros = tree.map(np.zeros_like, params)
        lengths = tree.map(lambda w: np.zeros_like(w) + in_dtype_of(self.initial_step, w), zeros)
        return ResilientState(zeros, lengths)

    def transform(
        self, grads: Any, state: ResilientState, params: Any
    ) -> tuple[Any, ResilientState]:
        """Return the signed lengths of the steps, 0 where the gradient changed its sign."""

        def adapted(length: Any, g: Any, before: Any) -> Any:
            agreement = _agreement(g, before)
            grown = np.minimum(
                in_dtype_of(self.grow, length) * length, in_dtype_of(self.largest_step, length)
            )
            shrunk = np.maximum(
                in_dtype_of(self.shrink, length) * length, in_dtype_of(self.smallest_step, length)
            )
            return np.where(agreement > 0, grown, np.where(agreement < 0, shrunk, length))

        def followed(g: Any, before: Any) -> Any:
            return np.where(_agreement(g, before) < 0, 0.0, in_dtype_of(g, before))

        lengths = tree.map(adapted, state.lengths, grads, state.grads)
        after = tree.map(followed, grads, state.grads)
        steps = tree.map(lambda g, length: np.sign(g) * length, after, lengths)
        return steps, ResilientState(after, lengths)


def rprop(
    initial_step: float = 0.1,
    shrink: float = 0.5,
    grow: float = 1.2,
    smallest_step: float = 1e-6,
    largest_step: float = 50.0,
) -> Chain:
    r"""Rprop, resilient back-propagation, in its variant without weight-backtracking (iRprop-).

    .. math:: \Delta \leftarrow \begin{cases}
              \min(\eta^+ \Delta, \Delta_{\max}) & g \, g_{\text{before}} > 0 \\
              \max(\eta^- \Delta, \Delta_{\min}) & g \, g_{\text{before}} < 0 \\
              \Delta & \text{otherwise} \end{cases}, \qquad
              g \leftarrow 0 \text{ if } g \, g_{\text{before}} < 0, \qquad
              w \leftarrow w - \mathrm{sign}(g) \, \Delta

    Every parameter has a step length of its own, which grows while its gradient keeps its sign;
    the size of the gradient does not matter. After a change of sign, which tells of a minimum
    jumped over, the parameter waits for one step. The paper's own variant goes back instead.

    It is for gradients of all samples (``batch_size=None``): those of mini-batches change their
    signs by chance, which the step lengths would take for minima.

    Parameters
    ----------
    initial_step : float, default=0.1
        The first ``Delta``, above 0. There is no learning rate.
    shrink : float, default=0.5
        ``eta^-``, above 0 and below 1.
    grow : float, default=1.2
        ``eta^+``, at least 1.
    smallest_step : float, default=1e-6
        ``Delta_min``, at least 0: about how exactly the minimum is found. In a narrow, curved
        valley steps have to become much shorter than that; 0 lets them.
    largest_step : float, default=50.0
        ``Delta_max``, above 0.

    Returns
    -------
    Optimizer
        Its state holds ``g_before`` and ``Delta`` for every parameter.

    Raises
    ------
    InvalidArgumentError
        If a number is outside its range.

    References
    ----------
    Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning: the RPROP
    algorithm", 1993; Igel and Hüsken, "Empirical evaluation of the improved Rprop learning
    algorithms", 2003, for this variant, which is PyTorch's.

    Examples
    --------
    >>> optimizer, w = rprop(0.1), np.array(1.0)
    >>> state = optimizer.init(w)
    >>> for g in (1000.0, 0.001):
    ...     w, state = optimizer.update(np.array(g), state, w)
    >>> round(float(w), 12)  # 1 - 0.1 - 1.2 * 0.1
    0.78
    """
    check_range("rprop: initial_step", initial_step, 0.0, open_low=True)
    check_range("rprop: shrink", shrink, 0.0, 1.0, open_low=True)
    check_range("rprop: grow", grow, 1.0)
    check_range("rprop: smallest_step", smallest_step, 0.0)
    check_range("rprop: largest_step", largest_step, 0.0, open_low=True)
    return chain(
        Resilient(initial_step, shrink, grow, smallest_step, largest_step), GradientDescent(1.0)
    )


def _agreement(g: Any, before: Any) -> Any:
    """Return 1 where two gradients have the same sign, -1 for opposite ones, 0 if one is 0."""
    return np.sign(in_dtype_of(g, before)) * np.sign(before)
