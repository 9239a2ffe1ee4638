r"""A step along a line that meets the strong Wolfe conditions, by the method of Moré and Thuente.

Along a direction of descent d from x let :math:`\varphi(t) = f(x + t d)`. The step t is to be long
enough to have got somewhere and not so long that it overshoots:

.. math::

    \varphi(t) \le \varphi(0) + c_1 t \, \varphi'(0), \qquad
    |\varphi'(t)| \le c_2 \, |\varphi'(0)|, \qquad 0 < c_1 < c_2 < 1 .

The search keeps an interval that contains such steps and narrows it down with cubic and quadratic
interpolation. Where a trial gives infinity or NaN, later ones stay short of it. Close to a minimum
the first condition compares numbers that differ by rounding alone; there it is replaced by one on
slopes that says the same of a parabola (Hager and Zhang).

References
----------
.. [1] Moré and Thuente, Line search algorithms with guaranteed sufficient decrease, ACM
   Transactions on Mathematical Software 20, 1994.
.. [2] Hager and Zhang, A new conjugate gradient method with guaranteed descent and an efficient
   line search, SIAM Journal on Optimization 16, 2005.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.control_flow import cond, while_loop

SUFFICIENT_DECREASE = 1e-4
"""c₁: how much of the decrease that the slope at 0 promises has to come."""

MOST_TRIALS = 30
"""Evaluations after which a search ends with the best step it has."""

# The interval has to shrink by this factor in two trials, or it is halved.
_SHRINKAGE = 0.66
# As long as no minimum is enclosed, a trial goes on by between these multiples of the last advance.
_SHORTEST_ADVANCE, _LONGEST_ADVANCE = 1.1, 4.0
# Of the way to a step that gave no finite number.
_RETREAT = 0.1


class Trial(NamedTuple):
    """A step with what was found there.

    Attributes
    ----------
    step, value, slope : float
        t, φ(t) and φ'(t).
    gradient : ndarray
        Of f at x + t d.
    """

    step: Any
    value: Any
    slope: Any
    gradient: Any


class Found(NamedTuple):
    """What a search ends with.

    Attributes
    ----------
    trial : Trial
        The step taken; 0 if none was lower.
    meets_wolfe : bool
        Whether it meets the conditions; else it is the lowest found.
    n_evaluations : int
    """

    trial: Trial
    meets_wolfe: Any
    n_evaluations: Any


class _Point(NamedTuple):
    """An end of the interval."""

    step: Any
    value: Any
    slope: Any


class _Interval(NamedTuple):
    """Where to look.

    Attributes
    ----------
    best, other : _Point
        The end with the lower value, and the other one.
    encloses : bool
        Whether there is a minimum between the two; if not, the search still goes outwards.
    """

    best: _Point
    other: _Point
    encloses: Any


class _State(NamedTuple):
    step: Any  # to be tried
    interval: _Interval
    lowest: Any
    highest: Any  # bounds of the step to be tried
    limit: Any  # no step is longer
    is_first_stage: Any
    width: Any
    width_before: Any
    lowest_trial: Trial
    is_done: Any
    is_stuck: Any  # another trial would tell nothing
    count: Any


def search(
    evaluate: Callable[[Any], Trial],
    start: Trial,
    first_step: Any,
    curvature: float = 0.9,
    longest_step: float = 1e20,
) -> Found:
    """Search along a line.

    Parameters
    ----------
    evaluate : callable
        From a step to what is there.
    start : Trial
        At step 0; its slope is negative.
    first_step : float
        What to try first.
    curvature : float, default 0.9
        c₂: how much of the slope may remain.
    longest_step : float, default 1e20

    Returns
    -------
    Found
    """
    zero = np.zeros_like(start.value)
    origin = _Point(zero, start.value, start.slope)
    limit = zero + longest_step
    first = np.minimum(zero + first_step, limit)
    state = _State(
        step=first,
        interval=_Interval(origin, origin, np.zeros((), bool)),
        lowest=zero,
        highest=(1.0 + _LONGEST_ADVANCE) * first,
        limit=limit,
        is_first_stage=np.ones((), bool),
        width=limit,
        width_before=limit,
        lowest_trial=start,
        is_done=np.zeros((), bool),
        is_stuck=np.zeros((), bool),
        count=np.zeros((), np.int64),
    )

    def goes_on(state: _State) -> Any:
        is_over = np.logical_or(state.is_done, state.is_stuck)
        return np.logical_and(np.logical_not(is_over), state.count < MOST_TRIALS)

    def advance(state: _State) -> _State:
        trial = evaluate(state.step)
        state = state._replace(count=state.count + 1)
        is_finite = np.logical_and(np.isfinite(trial.value), np.isfinite(trial.slope))
        return cond(
            is_finite,
            lambda: _with_trial(state, trial, start, curvature),
            lambda: _without_trial(state),
        )

    end = while_loop(goes_on, advance, state)
    return Found(end.lowest_trial, end.is_done, end.count)


def _meets_wolfe(trial: Trial, start: Trial, curvature: float) -> Any:
    enough = trial.value <= start.value + SUFFICIENT_DECREASE * trial.step * start.slope
    noise = 10 * np.finfo(start.value.dtype).eps * np.abs(start.value)
    enough_by_slope = np.logical_and(
        np.abs(trial.value - start.value) <= noise,
        trial.slope <= (2 * SUFFICIENT_DECREASE - 1.0) * start.slope,
    )
    is_flat = np.abs(trial.slope) <= -curvature * start.slope
    return np.logical_and(np.logical_or(enough, enough_by_slope), is_flat)


def _without_trial(state: _State) -> _State:
    """Stay short of a step at which there are no numbers."""
    best = state.interval.best.step
    limit = np.minimum(state.step, state.limit)
    step = best + _RETREAT * (state.step - best)
    return state._replace(step=step, limit=limit, highest=np.minimum(state.highest, limit))


def _with_trial(state: _State, trial: Trial, start: Trial, curvature: float) -> _State:
    """Test a step; if it does not do, narrow the interval and choose the next."""
    is_done = _meets_wolfe(trial, start, curvature)
    takes_over = np.logical_or(is_done, trial.value < state.lowest_trial.value)
    lowest_trial = Trial(
        *[
            np.where(takes_over, new, old)
            for new, old in zip(trial, state.lowest_trial, strict=True)
        ]
    )

    slope = SUFFICIENT_DECREASE * start.slope
    line = start.value + trial.step * slope
    is_first_stage = np.logical_and(
        state.is_first_stage, np.logical_or(trial.value > line, trial.slope < 0)
    )
    # In the first stage, as long as the decrease does not suffice, the search is for a minimum of
    # the distance to the line of sufficient decrease, which has one where φ itself may not.
    tilts = np.logical_and(
        is_first_stage,
        np.logical_and(trial.value <= state.interval.best.value, trial.value > line),
    )
    tilt = np.where(tilts, slope, 0.0)

    def tilted(point: _Point, by: Any) -> _Point:
        return _Point(point.step, point.value - by * point.step, point.slope - by)

    inner = state.interval
    point = _Point(trial.step, trial.value, trial.slope)
    interval, step = _narrowed(
        _Interval(tilted(inner.best, tilt), tilted(inner.other, tilt), inner.encloses),
        tilted(point, tilt),
        state.lowest,
        state.highest,
    )
    interval = interval._replace(
        best=tilted(interval.best, -tilt), other=tilted(interval.other, -tilt)
    )

    best, other = interval.best.step, interval.other.step
    width = np.abs(other - best)
    shrinks_slowly = np.logical_and(interval.encloses, width >= _SHRINKAGE * state.width_before)
    step = np.where(shrinks_slowly, best + 0.5 * (other - best), step)
    advance = step - best
    lowest = np.where(
        interval.encloses, np.minimum(best, other), step + _SHORTEST_ADVANCE * advance
    )
    highest = np.where(
        interval.encloses, np.maximum(best, other), step + _LONGEST_ADVANCE * advance
    )
    step = np.clip(step, 0.0, state.limit)
    # No number is left between the ends, or the step has reached its limit and still goes down.
    resolution = np.finfo(start.value.dtype).eps
    is_stuck = np.logical_or(
        np.logical_and(interval.encloses, width <= 2.0 * resolution * np.maximum(best, other)),
        step == trial.step,
    )
    return _State(
        step=step,
        interval=interval,
        lowest=lowest,
        highest=np.minimum(highest, state.limit),
        limit=state.limit,
        is_first_stage=is_first_stage,
        width=np.where(interval.encloses, width, state.width),
        width_before=np.where(interval.encloses, state.width, state.width_before),
        lowest_trial=lowest_trial,
        is_done=is_done,
        is_stuck=is_stuck,
        count=state.count,
    )


def _narrowed(interval: _Interval, trial: _Point, lowest: Any, highest: Any) -> tuple[Any, Any]:
    """Return the interval with a trial as one of its ends, and the next step to try.

    The cases are those of Moré and Thuente: in the first two the trial and the best step enclose a
    minimum, in the others they do not (yet).
    """
    best, other, encloses = interval
    is_higher = trial.value > best.value
    turns = trial.slope * np.sign(best.slope) < 0.0
    flattens = np.abs(trial.slope) < np.abs(best.slope)

    def higher() -> Any:
        cubic = _cubic_minimum(best, trial)
        ratio = (best.value - trial.value) / (trial.step - best.step)
        parabola = best.step + best.slope / (ratio + best.slope) / 2.0 * (trial.step - best.step)
        is_nearer = np.abs(cubic - best.step) < np.abs(parabola - best.step)
        return np.where(is_nearer, cubic, cubic + 0.5 * (parabola - cubic))

    def turned() -> Any:
        cubic, secant = _cubic_minimum(trial, best), _secant(trial, best)
        is_farther = np.abs(cubic - trial.step) > np.abs(secant - trial.step)
        return np.where(is_farther, cubic, secant)

    def flatter() -> Any:
        """Extrapolate, by the cubic if it has a minimum on that side."""
        outwards = np.where(trial.step > best.step, highest, lowest)
        cubic = _cubic_beyond(trial, best, outwards)
        secant = _secant(trial, best)
        is_nearer = np.abs(cubic - trial.step) < np.abs(secant - trial.step)
        inside = np.where(is_nearer, cubic, secant)
        end = trial.step + _SHRINKAGE * (other.step - trial.step)
        inside = np.where(trial.step > best.step, np.minimum(end, inside), np.maximum(end, inside))
        outside = np.clip(np.where(is_nearer, secant, cubic), lowest, highest)
        return np.where(encloses, inside, outside)

    def steeper() -> Any:
        outwards = np.where(trial.step > best.step, highest, lowest)
        return cond(encloses, lambda: _cubic_minimum(trial, other), lambda: outwards)

    step = cond(
        is_higher,
        higher,
        lambda: cond(turns, turned, lambda: cond(flattens, flatter, steeper)),
    )

    def chosen(flag: Any, yes: _Point, no: _Point) -> _Point:
        return _Point(*[np.where(flag, a, b) for a, b in zip(yes, no, strict=True)])

    new_other = chosen(is_higher, trial, chosen(turns, best, other))
    new_best = chosen(is_higher, best, trial)
    encloses = np.logical_or(encloses, np.logical_or(is_higher, turns))
    return _Interval(new_best, new_other, encloses), step


def _cubic(a: _Point, b: _Point) -> tuple[Any, Any, Any]:
    """Return θ and γ² / s² of the cubic through two points and slopes, and their scale s."""
    theta = 3.0 * (a.value - b.value) / (b.step - a.step) + a.slope + b.slope
    scale = np.maximum(np.abs(theta), np.maximum(np.abs(a.slope), np.abs(b.slope)))
    square = (theta / scale) ** 2 - (a.slope / scale) * (b.slope / scale)
    return theta, np.maximum(square, 0.0), scale


def _cubic_minimum(a: _Point, b: _Point) -> Any:
    """Return the minimum of the cubic through two points, written as a step from ``a``."""
    theta, square, scale = _cubic(a, b)
    gamma = scale * np.sqrt(square) * np.sign(b.step - a.step)
    ratio = (gamma - a.slope + theta) / (gamma - a.slope + gamma + b.slope)
    return a.step + ratio * (b.step - a.step)


def _cubic_beyond(trial: _Point, best: _Point, outwards: Any) -> Any:
    """Return the minimum of the cubic beyond the trial, or ``outwards`` if it has none there."""
    theta, square, scale = _cubic(best, trial)
    gamma = scale * np.sqrt(square) * np.sign(best.step - trial.step)
    ratio = (gamma - trial.slope + theta) / (gamma + (best.slope - trial.slope) + gamma)
    has_one = np.logical_and(ratio < 0.0, gamma != 0.0)
    return np.where(has_one, trial.step + ratio * (best.step - trial.step), outwards)


def _secant(trial: _Point, best: _Point) -> Any:
    """Return where the line through the two slopes is zero."""
    share = trial.slope / (trial.slope - best.slope)
    return trial.step + share * (best.step - trial.step)
