"""`least_squares`: Levenberg and Marquardt's method for sums of squares."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule import linalg
from chainrule._errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from chainrule.compiler import compile
from chainrule.control_flow import while_loop
from chainrule.optim._vector import Layout, layout_of
from chainrule.transforms import jacobian
from chainrule.transforms.tracing import check_callable, name_of

__all__ = ["FitReason", "LeastSquares", "least_squares"]

# Damping: relative to the columns of the Jacobian, which are scaled to length 1.
_FIRST_DAMPING = 1e-3
_MOST_DAMPING = 1e20


class FitReason(enum.Enum):
    """Why a fit ended; the value says it in words."""

    GRADIENT = "the residuals are orthogonal to all directions within the tolerance"
    STEP = "the parameters do not change any more within the tolerance"
    DECREASE = "the sum of squares does not decrease any more within the tolerance"
    PRECISION = "no lower sum of squares can be told apart from rounding errors"
    ITERATIONS = "the largest number of iterations is reached"


@dataclass(frozen=True)
class LeastSquares:
    """Where a fit ended.

    Attributes
    ----------
    params : pytree
        In the structure and dtypes of the first ones.
    residuals : ndarray of shape (m,)
    jacobian : ndarray of shape (m, n)
        Derivatives of the residuals by the n parameters, in the order of the tree's leaves.
    n_iterations : int
        As many Jacobians have been computed, and one.
    n_evaluations : int
        Of the residuals.
    reason : FitReason
    """

    params: Any
    residuals: np.ndarray
    jacobian: np.ndarray
    n_iterations: int
    n_evaluations: int
    reason: FitReason

    @property
    def sum_of_squares(self) -> float:
        """Σ rᵢ²."""
        return float(self.residuals @ self.residuals)

    @property
    def converged(self) -> bool:
        """Whether there is nothing left to gain, within the tolerances or rounding errors."""
        return self.reason is not FitReason.ITERATIONS

    @property
    def covariance(self) -> np.ndarray:
        r"""The covariance of the parameters, :math:`\sigma^2 (J^T J)^{-1}`, of shape (n, n).

        σ² is the sum of squares over m - n. It is that of a model linear in the neighbourhood,
        with errors of equal variance.

        Raises
        ------
        InvalidArgumentError
            If there are no more residuals than parameters, or some parameters cannot be told
            apart by the residuals.
        """
        m, n = self.jacobian.shape
        if m <= n:
            raise InvalidArgumentError(
                f"covariance: expected more residuals than parameters, got {m} residuals and "
                f"{n} parameters."
            )
        scale = np.linalg.norm(self.jacobian, axis=0)
        if not np.all(scale > 0.0):
            raise InvalidArgumentError(
                "covariance: a parameter has no influence on the residuals; remove it or fix it."
            )
        # With columns of length 1 the condition number does not depend on the parameters' units.
        _, singular, vt = np.linalg.svd(self.jacobian / scale, full_matrices=False)
        if singular[-1] <= np.finfo(singular.dtype).eps * m * singular[0]:
            raise InvalidArgumentError(
                "covariance: the residuals depend on fewer combinations of parameters than there "
                "are parameters; remove or fix some."
            )
        half = vt.T / singular / scale[:, None]
        return self.sum_of_squares / (m - n) * (half @ half.T)

    @property
    def standard_errors(self) -> np.ndarray:
        """Roots of the diagonal of `covariance`, of shape (n,)."""
        return np.sqrt(np.diag(self.covariance))

    def __str__(self) -> str:
        return (
            f"{'Converged' if self.converged else 'Stopped'} after {self.n_iterations} iterations "
            f"and {self.n_evaluations} evaluations at a sum of squares of "
            f"{self.sum_of_squares:.6g}: {self.reason.value}."
        )


class _State(NamedTuple):
    x: Any
    residuals: Any
    jacobian: Any
    scale: Any  # of every parameter: the largest length of its column so far
    damping: Any
    growth: Any  # by which the damping grows when the next step fails
    n_evaluations: Any
    decrease: Any  # of the sum of squares as the linear model predicted it, relative
    step: Any  # relative to x
    cosine: Any  # of the smallest angle between the residuals and a column
    is_stuck: Any


class _Attempt(NamedTuple):
    step: Any
    residuals: Any
    damping: Any
    growth: Any
    decrease: Any
    is_over: Any
    count: Any


def _residuals(f: Any, layout: Layout, x: Any, args: Any) -> Any:
    return np.ravel(f(layout.parted(x), *args)).astype(x.dtype)


def _lengths(matrix: Any) -> Any:
    """Return the lengths of columns, computed so that squares do not overflow."""
    largest = np.max(np.abs(matrix), axis=0)
    unit = np.where(largest > 0.0, largest, 1.0)
    return unit * np.sqrt(np.sum((matrix / unit) ** 2, axis=0))


def _cosine(residuals: Any, matrix: Any) -> Any:
    lengths, length = _lengths(matrix), _lengths(residuals[:, None])[0]
    product = np.where(lengths > 0.0, lengths, 1.0) * np.where(length > 0.0, length, 1.0)
    return np.max(np.abs(residuals @ matrix) / product)


def _start(f: Any, layout: Layout, x: Any, args: Any) -> _State:
    residuals = _residuals(f, layout, x, args)
    slopes = jacobian(lambda z: _residuals(f, layout, z, args))(x)
    lengths = _lengths(slopes)
    one = np.ones((), x.dtype)
    return _State(
        x,
        residuals,
        slopes,
        np.where(lengths > 0.0, lengths, 1.0),
        _FIRST_DAMPING * one,
        2.0 * one,
        np.ones((), np.int64),
        one,
        one,
        _cosine(residuals, slopes),
        np.zeros((), bool),
    )


def _iteration(f: Any, layout: Layout, state: _State, args: Any) -> _State:
    """Damp the step until it lowers the sum of squares, then take it."""
    x, residuals = state.x, state.residuals
    q, r = np.linalg.qr(state.jacobian)
    projected = q.T @ residuals
    square = residuals @ residuals
    resolution = np.finfo(x.dtype).eps

    def goes_on(attempt: _Attempt) -> Any:
        return np.logical_not(attempt.is_over)

    def attempt_one(attempt: _Attempt) -> _Attempt:
        # min |J p + r|² + μ |D p|², by the QR factors of J stacked on √μ D.
        root = np.sqrt(attempt.damping) * state.scale
        stacked_q, stacked_r = np.linalg.qr(np.concatenate([r, np.diag(root)]))
        rows = r.shape[0]
        step = linalg.solve_triangular(stacked_r, -(stacked_q[:rows].T @ projected))
        there = _residuals(f, layout, x + step, args)
        # What the linear model promises, as a sum of squares: a difference would be rounded away.
        image = r @ step
        predicted = image @ image + 2.0 * np.sum((root * step) ** 2)
        actual = square - there @ there
        # Below the rounding errors of the sum of squares only the promise is left to go by, as
        # long as it gets smaller.
        noise = 4.0 * resolution * square
        is_below_noise = predicted <= noise
        shrinks = predicted <= 0.9 * state.decrease * square
        is_trusted = is_below_noise & shrinks & (np.abs(actual) <= noise)
        gain = np.where(is_trusted, 1.0, actual / predicted)
        is_better = np.isfinite(gain) & (gain > 0.0) & (is_trusted | ~is_below_noise)
        bent = 1.0 - (2.0 * gain - 1.0) ** 3
        easier = attempt.damping * np.clip(bent, 1.0 / 3.0, 2.0)
        length = np.sqrt(np.sum((state.scale * step) ** 2))
        is_tiny = length <= resolution * np.sqrt(np.sum((state.scale * x) ** 2))
        is_hopeless = is_tiny | is_below_noise | (attempt.damping > _MOST_DAMPING)
        return _Attempt(
            np.where(is_better, step, np.zeros_like(step)),
            np.where(is_better, there, residuals),
            np.where(is_better, easier, attempt.damping * attempt.growth),
            np.where(is_better, 2.0, 2.0 * attempt.growth),
            np.where(is_better, predicted / square, 0.0),
            is_better | is_hopeless,
            attempt.count + 1,
        )

    start = _Attempt(
        np.zeros_like(x),
        residuals,
        state.damping,
        state.growth,
        np.zeros((), x.dtype),
        square == 0.0,
        np.zeros((), np.int64),
    )
    found = while_loop(goes_on, attempt_one, start)
    new = x + found.step
    slopes = jacobian(lambda z: _residuals(f, layout, z, args))(new)
    length = np.sqrt(np.sum((state.scale * found.step) ** 2))
    extent = np.sqrt(np.sum((state.scale * new) ** 2))
    return _State(
        new,
        found.residuals,
        slopes,
        np.maximum(state.scale, _lengths(slopes)),
        np.maximum(found.damping, resolution**2),
        found.growth,
        state.n_evaluations + found.count,
        found.decrease,
        length / np.where(extent > 0.0, extent, 1.0),
        _cosine(found.residuals, slopes),
        np.all(found.step == 0.0),
    )


_start_compiled = compile(_start, static_argnums=(0, 1))
_iteration_compiled = compile(_iteration, static_argnums=(0, 1))


def least_squares(
    residuals: Callable[..., Any],
    params: Any,
    *args: Any,
    tolerance: float | None = None,
    max_iterations: int = 1000,
) -> LeastSquares:
    r"""Fit parameters so that a sum of squares :math:`\sum_i r_i^2` is smallest.

    Levenberg and Marquardt's method goes by the step p that minimizes

    .. math:: |J p + r|^2 + \mu |D p|^2,

    J being the Jacobian of the residuals and D the largest lengths of its columns met so far. The
    damping μ grows until the sum decreases, and shrinks as the linear model proves right.

    Parameters
    ----------
    residuals : callable
        ``residuals(params, *args)`` is an array of at least as many residuals as parameters, model
        minus data. It is compiled once for each function object and each signature, so hand over
        the same function, and data as ``args``.
    params : pytree of float arrays
        Where to start.
    *args : pytree
        What else the residuals depend on.
    tolerance : float, optional
        At least 0. The fit ends when the relative change of the parameters, or the cosine of the
        angle between the residuals and every column of J, is not above it, or the relative
        decrease of the sum of squares that the linear model predicts is not above its square. By
        default the resolution of the dtype to the power 3/4: 2e-12 in float64.
    max_iterations : int, default 1000

    Returns
    -------
    LeastSquares
        With the reason for which it ended, and the covariance of the parameters.

    Raises
    ------
    DtypeError
        If a parameter is not a float.
    ShapeError
        If there are fewer residuals than parameters.
    InvalidArgumentError
        If a residual or derivative at the start is not finite, or a number is out of range.

    References
    ----------
    .. [1] Moré, The Levenberg-Marquardt algorithm: implementation and theory, Numerical Analysis,
       Lecture Notes in Mathematics 630, 1978.
    .. [2] Nielsen, Damping parameter in Marquardt's method, IMM-REP-1999-05, 1999.

    Examples
    --------
    >>> t = np.linspace(0.0, 3.0, 7)
    >>> y = 2.0 * np.exp(-1.5 * t)
    >>> fit = least_squares(
    ...     lambda p, t, y: p["a"] * np.exp(-p["k"] * t) - y, {"a": 1.0, "k": 1.0}, t, y
    ... )
    >>> round(float(fit.params["a"]), 9), round(float(fit.params["k"]), 9)
    (2.0, 1.5)
    """
    check_callable("least_squares", residuals)
    what = f"least_squares({name_of(residuals)})"
    if isinstance(max_iterations, bool) or not isinstance(max_iterations, (int, np.integer)):
        raise ArgumentTypeError(
            f"{what}: max_iterations: expected an integer, got {max_iterations!r}."
        )
    layout = layout_of(what, params)
    if tolerance is None:
        tolerance = float(np.finfo(layout.dtype).eps) ** 0.75
    if not tolerance >= 0.0:
        raise InvalidArgumentError(f"{what}: tolerance: expected at least 0, got {tolerance!r}.")
    with np.errstate(all="ignore"):
        state = _start_compiled(residuals, layout, layout.joined(params), args)
    m, n = state.jacobian.shape
    if m < n:
        raise ShapeError(
            f"{what}: expected at least as many residuals as parameters, got {m} residuals and "
            f"{n} parameters; fix some of them, or use minimize."
        )
    if not (np.all(np.isfinite(state.residuals)) and np.all(np.isfinite(state.jacobian))):
        raise InvalidArgumentError(
            f"{what}: expected finite residuals and derivatives at the start, got some that are "
            "not; start elsewhere."
        )
    count = 0
    # A trial step may overflow, which is no reason to warn: a shorter one follows.
    with np.errstate(all="ignore"):
        while (reason := _reason(state, tolerance, count, max_iterations)) is None:
            state = _iteration_compiled(residuals, layout, state, args)
            count += 1
    return LeastSquares(
        params=layout.parted(state.x),
        residuals=state.residuals,
        jacobian=state.jacobian,
        n_iterations=count,
        n_evaluations=int(state.n_evaluations),
        reason=reason,
    )


def _reason(state: _State, tolerance: float, count: int, most: int) -> FitReason | None:
    if state.cosine <= tolerance:
        return FitReason.GRADIENT
    if state.is_stuck:
        return FitReason.PRECISION
    if count and state.decrease <= tolerance**2:
        return FitReason.DECREASE
    if count and state.step <= tolerance:
        return FitReason.STEP
    return FitReason.ITERATIONS if count >= most else None
