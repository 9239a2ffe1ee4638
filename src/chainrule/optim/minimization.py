"""`minimize`: a function of a pytree brought to a minimum by a method that uses curvature.

One iteration is one compiled call: the method's direction, the line search with all its
evaluations, and what the method learns from the step. Between iterations Python looks whether to
stop, calls the callback, and hears Ctrl-C. All that an iteration goes on from is in a `State`, so a
`Descent` can be gone on with from any of them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule import _tree as tree
from chainrule._errors import ArgumentTypeError, InvalidArgumentError
from chainrule.compiler import compile
from chainrule.control_flow import cond
from chainrule.optim import line_search
from chainrule.optim._vector import Layout, layout_of
from chainrule.optim.line_search import Trial
from chainrule.optim.quasi_newton import LBFGS, Method
from chainrule.transforms import hvp, value_and_grad
from chainrule.transforms.tracing import check_callable, name_of

__all__ = ["Descent", "Minimum", "State", "StopReason", "minimize"]


class StopReason(enum.Enum):
    """Why a minimization ended; the value says it in words."""

    GRADIENT = "the gradient is within the tolerance"
    PRECISION = "no lower value can be told apart from rounding errors"
    ITERATIONS = "the largest number of iterations is reached"
    EVALUATIONS = "the largest number of evaluations is reached"
    CALLBACK = "the callback asked to stop"


@dataclass(frozen=True)
class Minimum:
    """Where a minimization ended.

    Attributes
    ----------
    params : pytree
        The parameters with the lowest value found, in the structure and dtypes of the first ones.
    value : float
        The function there.
    gradient_norm : float
        The largest of the absolute values of the gradient there.
    n_iterations : int
    n_evaluations : int
        Of the function and its gradient, which are computed together.
    reason : StopReason
    """

    params: Any
    value: float
    gradient_norm: float
    n_iterations: int
    n_evaluations: int
    reason: StopReason

    @property
    def converged(self) -> bool:
        """Whether the gradient is within the tolerance."""
        return self.reason is StopReason.GRADIENT

    def __str__(self) -> str:
        return (
            f"{'Converged' if self.converged else 'Stopped'} after {self.n_iterations} iterations "
            f"and {self.n_evaluations} evaluations at {self.value:.6g}: {self.reason.value} "
            f"(largest gradient {self.gradient_norm:.2g})."
        )


class State(NamedTuple):
    """What an iteration leaves, and the next goes on from.

    Attributes
    ----------
    x, gradient : ndarray of shape (n,)
        Parameters and gradient as vectors.
    value : float
        Of the function.
    decrease : float
        By the last iteration.
    memory : pytree
        What the method has learned.
    is_fresh : bool
        Whether that is nothing yet.
    n_evaluations : int
    is_stuck : bool
    gradient_norm : float
    """

    x: Any
    value: Any
    decrease: Any
    gradient: Any
    memory: Any
    is_fresh: Any
    n_evaluations: Any
    is_stuck: Any
    gradient_norm: Any


def _start(f: Any, method: Method, layout: Layout, x: Any, args: Any) -> State:
    value, gradient = _evaluated(f, layout, x, args)
    return State(
        x,
        value,
        np.zeros_like(value),
        gradient,
        method.init(x),
        np.ones((), bool),
        np.ones((), np.int64),
        np.zeros((), bool),
        np.max(np.abs(gradient)),
    )


def _evaluated(f: Any, layout: Layout, x: Any, args: Any) -> tuple[Any, Any]:
    value, gradient = value_and_grad(lambda vector: f(layout.parted(vector), *args))(x)
    return value.astype(x.dtype), gradient


def _iteration(f: Any, method: Method, layout: Layout, state: State, args: Any) -> State:
    """Go along one direction."""
    x, gradient = state.x, state.gradient

    def hessian_times(vector: Any) -> Any:
        return hvp(lambda z: f(layout.parted(z), *args), (x,), (vector,))

    direction = method.direction(state.memory, gradient, hessian_times)
    # Rounding, or a function that is not smooth, can spoil a direction; then start anew.
    slope = direction @ gradient
    is_descent = slope < 0.0
    direction = np.where(is_descent, direction, -gradient)
    slope = np.where(is_descent, slope, -(gradient @ gradient))
    # With nothing learned the length of a direction says nothing.
    is_plain = np.logical_and(_learns(method), np.logical_or(state.is_fresh, ~is_descent))
    first_step = np.where(
        is_plain,
        np.minimum(1.0, 1.0 / np.sqrt(direction @ direction)),
        method.first_step(slope, state.decrease),
    )

    def evaluate(step: Any) -> Trial:
        value, gradient = _evaluated(f, layout, x + step * direction, args)
        return Trial(step, value, direction @ gradient, gradient)

    start = Trial(np.zeros_like(state.value), state.value, slope, gradient)
    found = line_search.search(evaluate, start, first_step, method.curvature)
    trial = found.trial
    step = trial.step * direction

    def learned() -> Any:
        memory = cond(is_descent, lambda: state.memory, lambda: method.init(x))
        return method.learn(memory, step, trial.gradient - gradient)

    moved = np.any(step != 0.0)
    # A search that fails casts doubt on what was known; without it the next step is a plain one.
    memory = cond(found.meets_wolfe, learned, lambda: method.init(x))
    return State(
        x + step,
        trial.value,
        state.value - trial.value,
        trial.gradient,
        memory,
        np.logical_not(found.meets_wolfe),
        state.n_evaluations + found.n_evaluations,
        np.logical_and(~moved, np.logical_or(state.is_fresh, not _learns(method))),
        np.max(np.abs(trial.gradient)),
    )


def _learns(method: Method) -> bool:
    """Whether a method has a memory to forget."""
    return bool(tree.leaves(method.init(np.zeros(1))))


_start_compiled = compile(_start, static_argnums=(0, 1, 2))
_iteration_compiled = compile(_iteration, static_argnums=(0, 1, 2))


class Descent:
    """A minimization, to be gone through one iteration at a time.

    Parameters
    ----------
    f, params, method, tolerance, max_iterations, max_evaluations
        As for `minimize`.
    args : tuple of pytree

    Raises
    ------
    DtypeError, InvalidArgumentError, ArgumentTypeError
        As `minimize` does.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        params: Any,
        args: tuple[Any, ...],
        *,
        method: Method | None,
        tolerance: float | None,
        max_iterations: int,
        max_evaluations: int | None,
    ) -> None:
        check_callable("minimize", f)
        what = f"minimize({name_of(f)})"
        method = LBFGS(10) if method is None else method
        if not all(
            callable(getattr(method, name, None)) for name in ("init", "direction", "learn")
        ):
            raise ArgumentTypeError(
                f"{what}: method: expected bfgs(), lbfgs() or newton_cg(), got {method!r}."
            )
        if isinstance(max_iterations, bool) or not isinstance(max_iterations, (int, np.integer)):
            raise ArgumentTypeError(
                f"{what}: max_iterations: expected an integer, got {max_iterations!r}."
            )
        layout = layout_of(what, params)
        if tolerance is None:
            tolerance = float(np.finfo(layout.dtype).eps) ** (1 / 3)
        if not tolerance >= 0.0:
            raise InvalidArgumentError(
                f"{what}: tolerance: expected at least 0, got {tolerance!r}."
            )
        self._what, self._f, self._args, self._method = what, f, args, method
        self._tolerance, self._layout, self._params = tolerance, layout, params
        self._max_iterations, self._max_evaluations = max_iterations, max_evaluations

    def start(self) -> State:
        """Return the state before the first iteration.

        Raises
        ------
        InvalidArgumentError
            If the value or the gradient there is not finite.
        """
        x = self._layout.joined(self._params)
        with np.errstate(all="ignore"):
            state = _start_compiled(self._f, self._method, self._layout, x, self._args)
        if not (np.isfinite(state.value) and np.isfinite(state.gradient_norm)):
            raise InvalidArgumentError(
                f"{self._what}: expected a finite value and gradient at the start, got value "
                f"{float(state.value)} and largest gradient {float(state.gradient_norm)}; start "
                "elsewhere."
            )
        return state

    def iterations(
        self, state: State, count: int = 0
    ) -> Iterator[tuple[int, State, StopReason | None]]:
        """Yield the state after ``count`` iterations, which is given, and after each further one.

        With each come its number and, with the last, the reason why it is the last.
        """
        while True:
            is_last = count >= self._max_iterations
            reason = _reason(state, self._tolerance, is_last, self._max_evaluations)
            yield count, state, reason
            if reason is not None:
                return
            # A trial step may overflow, which is no reason to warn: a shorter one follows.
            with np.errstate(all="ignore"):
                state = _iteration_compiled(self._f, self._method, self._layout, state, self._args)
            count += 1

    def params(self, state: State) -> Any:
        """Return the parameters of a state, in their structure and dtypes."""
        return self._layout.parted(state.x)

    def gradient(self, state: State) -> Any:
        """Return the gradient of a state, in the structure of the parameters."""
        return self._layout.parted(state.gradient)


def minimize(
    f: Callable[..., Any],
    params: Any,
    *args: Any,
    method: Method | None = None,
    tolerance: float | None = None,
    max_iterations: int = 1000,
    max_evaluations: int | None = None,
    callback: Callable[[int, Any, float], Any] | None = None,
) -> Minimum:
    r"""Find a minimum of a smooth function of a pytree.

    Every iteration goes from x along the method's direction d by a step that meets the strong
    Wolfe conditions. It ends when :math:`\max_i |\partial f / \partial x_i|` is within the
    tolerance, or when rounding errors allow no further progress.

    Parameters
    ----------
    f : callable
        ``f(params, *args)`` is a float without axes. It is compiled once for each function object
        and each signature, so hand over the same function, and data as ``args``.
    params : pytree of float arrays
        Where to start.
    *args : pytree
        What else the function depends on.
    method : Method, optional
        `bfgs`, `lbfgs` (the default) or `newton_cg`.
    tolerance : float, optional
        At least 0; the cube root of the dtype's resolution by default, 6e-6 in float64.
    max_iterations : int, default 1000
    max_evaluations : int, optional
        Of the function and its gradient. It is looked at between iterations, so that a last line
        search may go beyond it.
    callback : callable, optional
        Called as ``callback(iteration, params, value)`` after every iteration; one that returns
        True ends the minimization.

    Returns
    -------
    Minimum
        With the reason for which it ended.

    Raises
    ------
    DtypeError
        If a parameter is not a float.
    InvalidArgumentError
        If the value or the gradient at the start is not finite, or a number is out of range.
    ArgumentTypeError
        If something is of a wrong type.

    References
    ----------
    Nocedal and Wright, Numerical Optimization, 2nd edition, 2006, chapters 3, 6 and 7.

    Examples
    --------
    >>> def rosenbrock(x):
    ...     return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    >>> found = minimize(rosenbrock, np.array([-1.2, 1.0]))
    >>> found.converged, found.params.round(5)
    (True, array([1., 1.]))
    """
    descent = Descent(
        f,
        params,
        args,
        method=method,
        tolerance=tolerance,
        max_iterations=max_iterations,
        max_evaluations=max_evaluations,
    )
    for count, state, reason in descent.iterations(descent.start()):
        if reason is None and count and callback is not None:
            asks = callback(count, descent.params(state), float(state.value))
            reason = StopReason.CALLBACK if asks else None
        if reason is not None:
            break
    assert reason is not None
    return Minimum(
        params=descent.params(state),
        value=float(state.value),
        gradient_norm=float(state.gradient_norm),
        n_iterations=count,
        n_evaluations=int(state.n_evaluations),
        reason=reason,
    )


def _reason(
    state: State, tolerance: float, is_last: bool, max_evaluations: int | None
) -> StopReason | None:
    if state.gradient_norm <= tolerance:
        return StopReason.GRADIENT
    if state.is_stuck:
        return StopReason.PRECISION
    if max_evaluations is not None and state.n_evaluations >= max_evaluations:
        return StopReason.EVALUATIONS
    return StopReason.ITERATIONS if is_last else None
