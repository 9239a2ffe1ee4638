"""Sums, products, extrema and truth over axes, running sums and products, positions of extrema."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import ops
from chainrule._errors import InvalidArgumentError
from chainrule.frontend.axes import one_axis, several_axes
from chainrule.frontend.conversion import BOOL, INT64, as_array, as_array_of, as_dtype
from chainrule.frontend.dispatch import ADVICE, UFUNC_METHODS, implements, supported_keywords
from chainrule.frontend.joining import joined
from chainrule.frontend.shaping import reshaped
from chainrule.ir import Op
from chainrule.ops.reduction import expand

NO_VALUE = np._NoValue


@functools.lru_cache(maxsize=256)
def accumulator_dtype(ufunc: np.ufunc, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which NumPy's reduction adds up or multiplies elements of a dtype."""
    return ufunc.reduce(np.ones(1, dtype)).dtype


def keeps_axes(keepdims: Any) -> bool:
    """Tell what a ``keepdims`` argument means; NumPy's own default is not False but no value."""
    return keepdims is not NO_VALUE and bool(keepdims)


def over_axes(op: Op, x: Any, axis: Any, keepdims: Any, name: str) -> Any:
    """Return the op applied over axes; NumPy's ``axis`` and ``keepdims`` as they come."""
    axes = several_axes(axis, x.ndim, name)
    out = op(x, axes=axes) if axes else x
    return expand(out, x.shape, axes) if keeps_axes(keepdims) else out


def total(x: Any, axes: tuple[int, ...], keepdims: bool = False) -> Any:
    """Return the sum over axes in the dtype of the array."""
    out = ops.reduce_sum(x, axes=axes) if axes else x
    return expand(out, x.shape, axes) if keepdims else out


def _masked(x: Any, where: Any, identity: Any) -> Any:
    if where is True or where is NO_VALUE:
        return x
    return np.where(where, x, x.dtype.type(identity))


def _summed(
    name: str,
    op: Op,
    ufunc: np.ufunc,
    x: Any,
    axis: Any,
    dtype: Any,
    keepdims: Any,
    initial: Any,
    where: Any,
) -> Any:
    """Return a sum or product, in the dtype NumPy accumulates in."""
    x = as_array(x, f"np.{name}")
    wanted = accumulator_dtype(ufunc, x.dtype) if dtype is None else np.dtype(dtype)
    x = _masked(as_dtype(x, wanted), where, ufunc.identity)
    out = over_axes(op, x, axis, keepdims, name)
    return out if initial is NO_VALUE else ufunc(out, as_array_of(initial, wanted, name))


@implements(np.sum)
def sum_(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    """Add up."""
    return _summed("sum", ops.reduce_sum, np.add, a, axis, dtype, keepdims, initial, where)


@implements(np.prod)
def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    """Multiply together."""
    return _summed("prod", ops.reduce_prod, np.multiply, a, axis, dtype, keepdims, initial, where)


def _lowest(dtype: np.dtype[Any]) -> Any:
    """Return the value that no other of the dtype is below."""
    if dtype.kind == "f":
        return dtype.type(-np.inf)
    return dtype.type(False) if dtype == BOOL else np.iinfo(dtype).min


def _highest(dtype: np.dtype[Any]) -> Any:
    """Return the value that no other of the dtype is above."""
    if dtype.kind == "f":
        return dtype.type(np.inf)
    return dtype.type(True) if dtype == BOOL else np.iinfo(dtype).max


_EXTREMA: dict[str, tuple[Op, np.ufunc, Callable[[np.dtype[Any]], Any]]] = {
    "max": (ops.reduce_max, np.maximum, _lowest),
    "min": (ops.reduce_min, np.minimum, _highest),
}


def _extremum(name: str, x: Any, axis: Any, keepdims: Any, initial: Any, where: Any) -> Any:
    x = as_array(x, f"np.{name}")
    op, ufunc, neutral = _EXTREMA[name]
    if where is not True and where is not NO_VALUE:
        if initial is NO_VALUE:
            raise InvalidArgumentError(
                f"np.{name}: with where= nothing may be left to choose from; pass initial=, the "
                "result in that case."
            )
        x = _masked(x, where, neutral(x.dtype))
    axes = several_axes(axis, x.ndim, name)
    if any(x.shape[i] == 0 for i in axes):
        if initial is NO_VALUE:
            raise InvalidArgumentError(
                f"np.{name}: an array of shape {x.shape} has no element along axes {axes} to "
                "choose from; expected at least one, or initial=."
            )
        shape = [extent for i, extent in enumerate(x.shape) if i not in axes]
        empty = np.full(shape, neutral(x.dtype), x.dtype)
        out = expand(empty, x.shape, axes) if keeps_axes(keepdims) else empty
    else:
        out = over_axes(op, x, axes, keepdims, name)
    return out if initial is NO_VALUE else ufunc(out, as_array_of(initial, x.dtype, name))


@implements(np.max, np.amax)
def max_(
    a: Any, axis: Any = None, *, keepdims: Any = False, initial: Any = NO_VALUE, where: Any = True
) -> Any:
    """Return the largest element; elements that tie for it share the derivative."""
    return _extremum("max", a, axis, keepdims, initial, where)


@implements(np.min, np.amin)
def min_(
    a: Any, axis: Any = None, *, keepdims: Any = False, initial: Any = NO_VALUE, where: Any = True
) -> Any:
    """Return the smallest element; elements that tie for it share the derivative."""
    return _extremum("min", a, axis, keepdims, initial, where)


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """Return the largest minus the smallest element."""
    return np.subtract(max_(a, axis, keepdims=keepdims), min_(a, axis, keepdims=keepdims))


def _truth(name: str, op: Op, identity: bool, x: Any, axis: Any, keepdims: Any, where: Any) -> Any:
    x = _masked(as_dtype(as_array(x, f"np.{name}"), BOOL), where, identity)
    axes = several_axes(axis, x.ndim, name)
    if any(x.shape[i] == 0 for i in axes):
        empty = np.full([e for i, e in enumerate(x.shape) if i not in axes], identity)
        return expand(empty, x.shape, axes) if keeps_axes(keepdims) else empty
    return over_axes(op, x, axes, keepdims, name)


@implements(np.any)
def any_(a: Any, axis: Any = None, *, keepdims: Any = False, where: Any = True) -> Any:
    """Tell whether any element is true."""
    return _truth("any", ops.reduce_max, False, a, axis, keepdims, where)


@implements(np.all)
def all_(a: Any, axis: Any = None, *, keepdims: Any = False, where: Any = True) -> Any:
    """Tell whether all elements are true."""
    return _truth("all", ops.reduce_min, True, a, axis, keepdims, where)


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """Count the elements that are not zero."""
    return sum_(as_dtype(as_array(a, "np.count_nonzero"), BOOL), axis, INT64, keepdims=keepdims)


def _position(name: str, op: Op, x: Any, axis: Any, keepdims: Any) -> Any:
    x = as_array(x, f"np.{name}")
    flat = axis is None
    shape = x.shape
    if flat:
        x, place = reshaped(x, (x.size,)), 0
    else:
        place = one_axis(axis, x.ndim, name)
    if x.shape[place] == 0:
        raise InvalidArgumentError(
            f"np.{name}: an array of shape {shape} has no element to choose from along "
            f"{'its axes' if flat else f'axis {place}'}; expected at least one."
        )
    out = op(x, axis=place)
    if not keeps_axes(keepdims):
        return out
    return expand(out, shape, tuple(range(len(shape))) if flat else (place,))


@implements(np.argmax)
def argmax(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """Return the position of the first largest element; an integer, without derivative."""
    return _position("argmax", ops.argmax, a, axis, keepdims)


@implements(np.argmin)
def argmin(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """Return the position of the first smallest element; an integer, without derivative."""
    return _position("argmin", ops.argmin, a, axis, keepdims)


def _running(name: str, op: Op, ufunc: np.ufunc, x: Any, axis: Any, dtype: Any) -> Any:
    x = as_array(x, f"np.{name}")
    wanted = accumulator_dtype(ufunc, x.dtype) if dtype is None else np.dtype(dtype)
    x = as_dtype(x, wanted)
    if axis is None:
        return op(reshaped(x, (x.size,)), axis=0)
    return op(x, axis=one_axis(axis, x.ndim, name))


@implements(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """Return the running sum along an axis, of all elements in one row without one."""
    return _running("cumsum", ops.cumsum, np.add, a, axis, dtype)


@implements(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """Return the running product along an axis, of all elements in one row without one."""
    return _running("cumprod", ops.cumprod, np.multiply, a, axis, dtype)


def _cumulative(
    name: str, op: Op, ufunc: np.ufunc, x: Any, axis: Any, dtype: Any, include_initial: Any
) -> Any:
    x = as_array(x, f"np.{name}")
    if axis is None and x.ndim != 1:
        raise InvalidArgumentError(
            f"np.{name}: expected an axis for an array of shape {x.shape}; only with one axis "
            "can it be left out."
        )
    place = 0 if axis is None else one_axis(axis, x.ndim, name)
    running = _running(name, op, ufunc, x, place, dtype)
    if not include_initial:
        return running
    shape = [1 if i == place else extent for i, extent in enumerate(x.shape)]
    return joined([np.full(shape, ufunc.identity, running.dtype), running], place)


@implements(np.cumulative_sum)
def cumulative_sum(
    x: Any, /, *, axis: Any = None, dtype: Any = None, include_initial: Any = False
) -> Any:
    """Return the running sum along an axis, on request with a zero in front."""
    return _cumulative("cumulative_sum", ops.cumsum, np.add, x, axis, dtype, include_initial)


@implements(np.cumulative_prod)
def cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, include_initial: Any = False
) -> Any:
    """Return the running product along an axis, on request with a one in front."""
    return _cumulative("cumulative_prod", ops.cumprod, np.multiply, x, axis, dtype, include_initial)


def _reduce_method(ufunc: np.ufunc, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``ufunc.reduce``: the function, but over the first axis unless told otherwise."""
    name = f"np.{ufunc.__name__}.reduce"
    supported = {"axis", "dtype", "keepdims", "initial", "where"} & set(
        function.__code__.co_varnames
    )

    def reduce(x: Any, axis: Any = 0, dtype: Any = None, **keywords: Any) -> Any:
        if dtype is not None:
            keywords["dtype"] = dtype
        return function(x, axis, **supported_keywords(name, keywords, supported))

    return reduce


def _accumulate_method(ufunc: np.ufunc, op: Op) -> Callable[..., Any]:
    name = f"{ufunc.__name__}.accumulate"

    def accumulate(x: Any, axis: Any = 0, dtype: Any = None, **keywords: Any) -> Any:
        supported_keywords(f"np.{name}", keywords)
        return _running(name, op, ufunc, x, axis, dtype)

    return accumulate


for _ufunc, _function in (
    (np.add, sum_),
    (np.multiply, prod),
    (np.maximum, max_),
    (np.minimum, min_),
    (np.logical_and, all_),
    (np.logical_or, any_),
):
    UFUNC_METHODS[_ufunc.__name__, "reduce"] = _reduce_method(_ufunc, _function)

for _ufunc, _op in ((np.add, ops.cumsum), (np.multiply, ops.cumprod)):
    UFUNC_METHODS[_ufunc.__name__, "accumulate"] = _accumulate_method(_ufunc, _op)


def _extreme_so_far(ufunc: np.ufunc) -> Callable[..., Any]:
    name = f"{ufunc.__name__}.accumulate"

    def accumulate(x: Any, axis: Any = 0, **keywords: Any) -> Any:
        """Return the running extremum, over windows that double in length until they are whole."""
        supported_keywords(f"np.{name}", keywords)
        x = as_array(x, f"np.{name}")
        place = one_axis(axis, x.ndim, name)
        width = 1
        while width < x.shape[place]:
            head, tail = np.split(x, [width], axis=place)
            earlier = np.split(x, [x.shape[place] - width], axis=place)[0]
            x = joined([head, ufunc(tail, earlier)], place)
            width *= 2
        return x

    return accumulate


for _ufunc in (np.maximum, np.minimum):
    UFUNC_METHODS[_ufunc.__name__, "accumulate"] = _extreme_so_far(_ufunc)

ADVICE["np.logaddexp.reduce"] = "use scipy.special.logsumexp"
