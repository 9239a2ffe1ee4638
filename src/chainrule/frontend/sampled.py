"""Functions given by samples: differences, slopes, integrals, interpolation, convolution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import ops
from chainrule._dtypes import result_dtype
from chainrule._errors import DtypeError, InvalidArgumentError, ShapeError
from chainrule.frontend.axes import as_integer, one_axis, several_axes
from chainrule.frontend.conversion import (
    BOOL,
    FLOAT64,
    as_array,
    as_dtype,
    as_float,
    as_operand,
    key_of,
)
from chainrule.frontend.dispatch import implements
from chainrule.frontend.joining import joined
from chainrule.frontend.shaping import reshaped, sliced, spread

NO_VALUE = np._NoValue


def _steps(x: Any, axis: int) -> Any:
    """Return the differences of neighbours along an axis."""
    extent = x.shape[axis]
    later, earlier = sliced(x, axis, 1, max(extent, 1)), sliced(x, axis, 0, max(extent - 1, 0))
    return np.not_equal(later, earlier) if x.dtype == BOOL else np.subtract(later, earlier)


@implements(np.diff)
def diff(
    a: Any, n: Any = 1, axis: Any = -1, prepend: Any = NO_VALUE, append: Any = NO_VALUE
) -> Any:
    """Return the differences of neighbours along an axis, taken ``n`` times."""
    x = as_array(a, "np.diff")
    place = one_axis(axis, x.ndim, "diff")
    times = as_integer(n, "np.diff, n")
    if times < 0:
        raise InvalidArgumentError(f"np.diff: expected n of 0 or more, got {times}.")
    if times == 0:
        return x
    ends = []
    for end in (prepend, append):
        if end is NO_VALUE:
            continue
        values = as_array(end, "np.diff")
        shape = (*x.shape[:place], 1, *x.shape[place + 1 :])
        ends.append(values if values.ndim else spread(values, shape))
    if ends:
        before = ends[:1] if prepend is not NO_VALUE else []
        after = ends[len(before) :]
        x = np.concatenate([*before, x, *after], axis=place)
    for _ in range(times):
        x = _steps(x, place)
    return x


@implements(np.ediff1d)
def ediff1d(ary: Any) -> Any:
    """Return the differences of neighbours among all elements in one row."""
    x = as_array(ary, "np.ediff1d")
    flat = reshaped(x, (x.size,))
    return np.subtract(flat[1:], flat[:-1])


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    """Integrate along an axis by the trapezoidal rule."""
    values = as_array(y, "np.trapezoid")
    place = one_axis(axis, values.ndim, "trapezoid")
    if x is None:
        widths = dx
    else:
        positions = as_array(x, "np.trapezoid")
        if positions.ndim == 1:
            widths = _steps(positions, 0)
            shape = [widths.size if i == place else 1 for i in range(values.ndim)]
            widths = reshaped(widths, tuple(shape))
        else:
            widths = _steps(positions, one_axis(axis, positions.ndim, "trapezoid"))
    extent = values.shape[place]
    later, earlier = sliced(values, place, 1, extent), sliced(values, place, 0, extent - 1)
    return np.sum(widths * (later + earlier) / 2.0, axis=place)


@implements(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """Interpolate linearly between points with ascending ``xp``, constant beyond the ends.

    At a point the derivative in ``x`` is the mean of the slopes on both sides.
    """
    at, knots, values = [as_dtype(as_array(v, "np.interp"), FLOAT64) for v in (x, xp, fp)]
    if knots.ndim != 1 or values.shape != knots.shape or not knots.size:
        raise ShapeError(
            "np.interp: expected xp and fp with one axis of one length and at least one point, "
            f"got shapes {knots.shape} and {values.shape}."
        )
    if period is not None:
        at, knots, values = _one_period(at, knots, values, period)
        left = right = None
    flat = reshaped(at, (at.size,))
    above = ops.searchsorted(knots, flat, side="right")
    below = ops.searchsorted(knots, flat, side="left")
    # The slope of each piece, also of the two outer ones; at a point `above` and `below` name the
    # pieces on its two sides.
    slopes = _steps(values, 0) / _steps(knots, 0)
    flat_end = np.zeros(1)
    first = flat_end if left is None or knots.size == 1 else sliced(slopes, 0, 0, 1)
    last_slope = sliced(slopes, 0, slopes.size - 1, slopes.size) if knots.size > 1 else flat_end
    last = flat_end if right is None else last_slope
    pieces = joined([first, slopes, last], 0)
    slope = 0.5 * (_taken(pieces, above) + _taken(pieces, below))
    nearest = np.clip(above - 1, 0, knots.size - 1)
    low, high = flat < sliced(knots, 0, 0, 1), flat > sliced(knots, 0, knots.size - 1, knots.size)
    distance = np.where(low | high, 0.0, flat - _taken(knots, nearest))
    result = slope * distance + _taken(values, nearest)
    if left is not None:
        result = np.where(low, left, result)
    if right is not None:
        result = np.where(high, right, result)
    return reshaped(result, at.shape)


def _taken(row: Any, positions: Any) -> Any:
    return ops.gather(row, positions)


def _one_period(at: Any, knots: Any, values: Any, period: Any) -> tuple[Any, Any, Any]:
    """Return everything within one period, the points continued by one on each side."""
    if not isinstance(period, (int, float)) or period == 0:
        raise InvalidArgumentError(
            f"np.interp: expected the period as a number other than 0, got {period!r}."
        )
    period = abs(period)
    at, knots = np.remainder(at, period), np.remainder(knots, period)
    order = np.argsort(knots)
    knots, values = _taken(knots, order), _taken(values, order)
    knots = np.concatenate([knots[-1:] - period, knots, knots[:1] + period])
    return at, knots, np.concatenate([values[-1:], values, values[:1]])


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> Any:
    """Return slopes by central differences, along each axis or the given ones."""
    x = as_array(f, "np.gradient")
    if x.dtype == BOOL:
        raise DtypeError(
            "np.gradient: expected numbers, got booleans; convert them with .astype(np.float64)."
        )
    x = as_dtype(x, FLOAT64) if x.dtype.kind in "iu" else x
    axes = several_axes(axis, x.ndim, "gradient")
    if edge_order not in (1, 2):
        raise InvalidArgumentError(f"np.gradient: expected edge_order 1 or 2, got {edge_order!r}.")
    if len(varargs) not in (0, 1, len(axes)):
        raise InvalidArgumentError(
            f"np.gradient: expected one spacing or one for each of {len(axes)} axes, got "
            f"{len(varargs)}."
        )
    spacings = varargs or (1.0,)
    if len(spacings) == 1:
        spacings = spacings * len(axes)
    slopes = tuple(
        [
            as_dtype(_slope(x, place, h, edge_order), x.dtype)
            for place, h in zip(axes, spacings, strict=True)
        ]
    )
    return slopes[0] if len(slopes) == 1 else slopes


def _slope(x: Any, axis: int, spacing: Any, edge_order: int) -> Any:
    extent = x.shape[axis]
    if extent < edge_order + 1:
        raise ShapeError(
            f"np.gradient: axis {axis} of an array of shape {x.shape} has {extent} elements; "
            f"expected {edge_order + 1} or more with edge_order={edge_order}."
        )
    h = as_operand(spacing, "np.gradient")
    if np.ndim(h) == 0:
        steps, uniform = h, True
    else:
        if h.shape != (extent,):
            raise ShapeError(
                f"np.gradient: expected {extent} positions for axis {axis}, got shape {h.shape}."
            )
        steps, uniform = _steps(as_float(h, "np.gradient"), 0), False

    def part(start: int, stop: int) -> Any:
        return sliced(x, axis, start, stop)

    def step(i: int) -> Any:
        return steps if uniform else steps[i]

    def combined(places: tuple[int, ...], weights: tuple[Any, ...]) -> Any:
        total = weights[0] * part(places[0], places[0] + 1)
        for place, weight in zip(places[1:], weights[1:], strict=True):
            total = total + weight * part(place, place + 1)
        return total

    if uniform:
        inner = (part(2, extent) - part(0, extent - 2)) / (2.0 * steps)
    else:
        shape = [extent - 2 if i == axis else 1 for i in range(x.ndim)]
        left = reshaped(sliced(steps, 0, 0, extent - 2), tuple(shape))
        right = reshaped(sliced(steps, 0, 1, extent - 1), tuple(shape))
        inner = (
            -right / (left * (left + right)) * part(0, extent - 2)
            + (right - left) / (left * right) * part(1, extent - 1)
            + left / (right * (left + right)) * part(2, extent)
        )
    if edge_order == 1:
        first = (part(1, 2) - part(0, 1)) / step(0)
        last = (part(extent - 1, extent) - part(extent - 2, extent - 1)) / step(-1)
        return joined([first, inner, last], axis)
    if uniform:
        weights = -1.5 / steps, 2.0 / steps, -0.5 / steps
        first = combined((0, 1, 2), weights)
        last = combined(
            (extent - 3, extent - 2, extent - 1), (-weights[2], -weights[1], -weights[0])
        )
        return joined([first, inner, last], axis)
    near, far = steps[0], steps[1]
    first = combined(
        (0, 1, 2),
        (
            -(2.0 * near + far) / (near * (near + far)),
            (near + far) / (near * far),
            -near / (far * (near + far)),
        ),
    )
    far, near = steps[-2], steps[-1]
    last = combined(
        (extent - 3, extent - 2, extent - 1),
        (
            near / (far * (far + near)),
            -(near + far) / (far * near),
            (2.0 * near + far) / (near * (far + near)),
        ),
    )
    return joined([first, inner, last], axis)


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: Any = -1, *, period: Any = 2.0 * math.pi) -> Any:
    """Remove jumps of whole periods along an axis."""
    x = as_array(p, "np.unwrap")
    place = one_axis(axis, x.ndim, "unwrap")
    extent = x.shape[place]
    steps = _steps(x, place)
    x, steps = [as_dtype(v, result_dtype(key_of(steps), key_of(period))) for v in (x, steps)]
    if steps.dtype.kind == "u":
        raise DtypeError(
            f"np.unwrap: differences of {x.dtype} cannot be negative; convert the array with "
            ".astype(np.int64) or to floats."
        )
    if steps.dtype.kind == "f":
        half, ambiguous = period / 2, True
    else:
        half, ambiguous = period // 2, period % 2 == 0
    wrapped = np.remainder(steps + half, period) - half
    if ambiguous:
        wrapped = np.where((wrapped == -half) & (steps > 0), half, wrapped)
    tolerated = period / 2 if discont is None else discont
    # Whole periods: constants, as far as derivatives go.
    jumps = ops.stop_gradient(np.where(np.abs(steps) < tolerated, 0, wrapped - steps))
    corrected = sliced(x, place, 1, extent) + ops.cumsum(jumps, axis=place)
    return joined([sliced(x, place, 0, 1), corrected], place)
