"""Axis arguments, checked and counted from the front."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from chainrule._errors import ArgumentTypeError, ChainruleError, InvalidArgumentError
from chainrule.frontend.tracer import Tracer


def as_integer(value: Any, what: str) -> int:
    """Return an argument as a Python integer.

    Raises
    ------
    ArgumentTypeError
        If it is not one; ``what`` names function and argument.
    ConcretizationError
        If it is traced and has no value yet.
    """
    try:
        return operator.index(value)
    except ChainruleError:
        raise
    except TypeError:
        shown = str(value.type) if isinstance(value, Tracer) else repr(value)
        raise ArgumentTypeError(f"{what}: expected an integer, got {shown}.") from None


def one_axis(axis: Any, ndim: int, name: str) -> int:
    """Return an axis counted from the front.

    Raises
    ------
    InvalidArgumentError
        If an array of ``ndim`` axes has no such axis.
    """
    position = as_integer(axis, f"np.{name}, axis")
    if not -ndim <= position < ndim:
        if ndim == 0:
            expected = "the array has no axes; reshape it with np.atleast_1d first"
        else:
            expected = f"expected {-ndim} to {ndim - 1} for an array with {ndim} axes"
        raise InvalidArgumentError(f"np.{name}: axis {position} does not exist: {expected}.")
    return position % ndim


def several_axes(axis: Any, ndim: int, name: str) -> tuple[int, ...]:
    """Return the axes of an argument that may be None (all), an integer or a tuple of them.

    Raises
    ------
    InvalidArgumentError
        If one does not exist or is named twice.
    """
    if axis is None:
        return tuple(range(ndim))
    if not isinstance(axis, Iterable) or isinstance(axis, Tracer):
        return (one_axis(axis, ndim, name),)
    axes = tuple([one_axis(item, ndim, name) for item in axis])
    if len(set(axes)) != len(axes):
        raise InvalidArgumentError(f"np.{name}: axis {tuple(axis)} names an axis twice.")
    return axes
