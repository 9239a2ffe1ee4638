"""Methods that minimize a smooth function with what its gradients tell of its curvature.

Each is a pair of functions on vectors: ``direction`` says where to go from a point, ``learn`` takes
in the step that was made. `chainrule.optim.minimize` does the rest: it flattens the parameters,
searches along the direction, and tests whether to stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np

from chainrule._errors import ArgumentTypeError, InvalidArgumentError
from chainrule.control_flow import cond, scan, while_loop
from chainrule.frontend import asarray

__all__ = ["BFGS", "LBFGS", "Method", "NewtonCG", "bfgs", "lbfgs", "newton_cg"]


@runtime_checkable
class Method(Protocol):
    """How to minimize.

    Attributes
    ----------
    curvature : float
        c₂ of the line search: how much of the slope may remain.
    """

    curvature: ClassVar[float]

    def init(self, x: Any) -> Any:
        """Return what is known before the first step, a pytree."""

    def direction(self, memory: Any, gradient: Any, hessian_times: Callable[[Any], Any]) -> Any:
        """Return where to go from a point with this gradient."""

    def first_step(self, slope: Any, decrease: Any) -> Any:
        """Return which multiple of the direction to try first.

        ``slope`` is that along the direction, ``decrease`` what the last iteration brought.
        """

    def learn(self, memory: Any, step: Any, change: Any) -> Any:
        """Return the memory after a step s along which the gradient changed by y."""


# -- BFGS ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BFGS:
    """The method that `bfgs` makes."""

    curvature: ClassVar[float] = 0.7

    def init(self, x: Any) -> Any:
        """Return the identity."""
        return np.eye(x.shape[0], dtype=x.dtype)

    def direction(self, memory: Any, gradient: Any, hessian_times: Any) -> Any:
        """Return ``-H g``."""
        return -(memory @ gradient)

    def first_step(self, slope: Any, decrease: Any) -> Any:
        """Return the minimum of a parabola that would bring the last decrease again, at most 1."""
        return np.minimum(1.0, 2.02 * decrease / -slope)

    def learn(self, memory: Any, step: Any, change: Any) -> Any:
        """Return the update of rank two, which maps y to s and stays positive definite."""

        def updated() -> Any:
            rho = 1.0 / (step @ change)
            image = memory @ change
            square = rho * (1.0 + rho * (change @ image)) * (step[:, None] * step)
            cross = rho * (image[:, None] * step)
            return memory + square - (cross + cross.T)

        return cond(_is_convex(step, change), updated, lambda: memory)


def bfgs() -> BFGS:
    r"""Broyden, Fletcher, Goldfarb and Shanno's method, for up to some thousand parameters.

    It goes along :math:`d = -H g`. After a step s along which the gradient changed by y,

    .. math::

        H \leftarrow (I - \rho s y^T) H (I - \rho y s^T) + \rho s s^T,
        \qquad \rho = 1 / (y^T s),

    starting from the identity. H takes n² numbers.

    Returns
    -------
    Method
        For `chainrule.optim.minimize`.

    References
    ----------
    Nocedal and Wright, Numerical Optimization, 2nd edition, 2006, algorithm 6.1.
    """
    return BFGS()


# -- L-BFGS --------------------------------------------------------------------------------------


class _Pairs(NamedTuple):
    """The latest steps and changes of the gradient, the oldest first; zeros where there is none.

    ``weights`` are 1 / (y·s), and 0 for what is not there. ``scale`` is (y·s) / (y·y) of the
    latest.
    """

    steps: Any
    changes: Any
    weights: Any
    scale: Any


@dataclass(frozen=True)
class LBFGS:
    """The method that `lbfgs` makes."""

    curvature: ClassVar[float] = 0.9
    history: int

    def init(self, x: Any) -> _Pairs:
        """Return an empty history."""
        rows = np.zeros((self.history, x.shape[0]), x.dtype)
        return _Pairs(rows, rows, np.zeros(self.history, x.dtype), np.ones((), x.dtype))

    def direction(self, memory: _Pairs, gradient: Any, hessian_times: Any) -> Any:
        """Return ``-H g`` by the recursion of two loops, without forming H."""

        def back(q: Any, pair: Any) -> Any:
            step, change, weight = pair
            alpha = weight * (step @ q)
            return q - alpha * change, alpha

        def forth(r: Any, pair: Any) -> Any:
            step, change, weight, alpha = pair
            return r + (alpha - weight * (change @ r)) * step, None

        pairs = memory.steps, memory.changes, memory.weights
        q, alphas = scan(back, gradient, pairs, reverse=True)
        r, _ = scan(forth, memory.scale * q, (*pairs, alphas))
        return -r

    def first_step(self, slope: Any, decrease: Any) -> Any:
        """Return 1: the direction has the right length."""
        return np.ones_like(slope)

    def learn(self, memory: _Pairs, step: Any, change: Any) -> _Pairs:
        """Return the history with a pair more and the oldest forgotten."""

        def pushed(rows: Any, row: Any) -> Any:
            return np.concatenate([rows[1:], asarray(row)[None]])

        def updated() -> _Pairs:
            curvature = step @ change
            return _Pairs(
                pushed(memory.steps, step),
                pushed(memory.changes, change),
                pushed(memory.weights, 1.0 / curvature),
                curvature / (change @ change),
            )

        return cond(_is_convex(step, change), updated, lambda: memory)


def lbfgs(history: int = 10) -> LBFGS:
    r"""BFGS with limited memory: H is made of the latest steps alone, for any number of parameters.

    Parameters
    ----------
    history : int, default 10
        How many steps and changes of the gradient are kept, at least 1: ``2 * history * n``
        numbers.

    Returns
    -------
    Method
        For `chainrule.optim.minimize`.

    Raises
    ------
    ArgumentTypeError, InvalidArgumentError
        If ``history`` is not an integer of at least 1.

    References
    ----------
    Liu and Nocedal, On the limited memory BFGS method for large scale optimization, Mathematical
    Programming 45, 1989.
    """
    if isinstance(history, bool) or not isinstance(history, int):
        raise ArgumentTypeError(f"lbfgs: history: expected an integer, got {history!r}.")
    if history < 1:
        raise InvalidArgumentError(f"lbfgs: history: expected at least 1, got {history}.")
    return LBFGS(history)


# -- Newton and conjugate gradients --------------------------------------------------------------


@dataclass(frozen=True)
class NewtonCG:
    """The method that `newton_cg` makes."""

    curvature: ClassVar[float] = 0.9

    def init(self, x: Any) -> tuple[()]:
        """Return nothing: the Hessian is asked anew at every point."""
        return ()

    def direction(self, memory: Any, gradient: Any, hessian_times: Callable[[Any], Any]) -> Any:
        """Return an approximate solution d of ``H d = -g``, by conjugate gradients.

        They end when the residual is a fraction of the gradient that goes to zero with it, which
        makes the convergence faster than linear, or when a direction turns out along which the
        function does not curve upwards.
        """
        norm = np.sqrt(gradient @ gradient)
        tolerance = norm * np.minimum(0.5, np.sqrt(norm))
        most = 2 * gradient.shape[0]

        class State(NamedTuple):
            solution: Any
            residual: Any
            search: Any
            square: Any
            count: Any
            is_over: Any

        def goes_on(state: State) -> Any:
            is_rough = state.square > tolerance * tolerance
            unfinished = np.logical_and(is_rough, np.logical_not(state.is_over))
            return np.logical_and(unfinished, state.count < most)

        def advance(state: State) -> State:
            image = hessian_times(state.search)
            curvature = state.search @ image

            def along() -> State:
                alpha = state.square / curvature
                residual = state.residual + alpha * image
                square = residual @ residual
                return State(
                    state.solution + alpha * state.search,
                    residual,
                    -residual + square / state.square * state.search,
                    square,
                    state.count + 1,
                    state.is_over,
                )

            def stop() -> State:
                # Down the gradient if that is all there is.
                solution = np.where(state.count == 0, state.search, state.solution)
                return state._replace(solution=solution, is_over=np.ones((), bool))

            return cond(curvature > 0.0, along, stop)

        start = State(
            np.zeros_like(gradient),
            gradient,
            -gradient,
            gradient @ gradient,
            np.zeros((), np.int64),
            np.zeros((), bool),
        )
        return while_loop(goes_on, advance, start).solution

    def first_step(self, slope: Any, decrease: Any) -> Any:
        """Return 1: the direction has the right length."""
        return np.ones_like(slope)

    def learn(self, memory: Any, step: Any, change: Any) -> Any:
        """Return nothing."""
        return memory


def newton_cg() -> NewtonCG:
    r"""Newton's method with Hessian-vector products alone: :math:`H d = -g` by conjugate gradients.

    The Hessian is never formed; each of its products costs about as much as two gradients.

    Returns
    -------
    Method
        For `chainrule.optim.minimize`.

    References
    ----------
    Nocedal and Wright, Numerical Optimization, 2nd edition, 2006, algorithm 7.1.
    """
    return NewtonCG()


def _is_convex(step: Any, change: Any) -> Any:
    """Whether the gradient grew along a step, by more than rounding makes it."""
    resolution = np.finfo(step.dtype).eps
    return step @ change > resolution * np.sqrt((step @ step) * (change @ change))
