"""Sums, products, extrema along axes, running sums and products, and positions of extrema.

Elements that tie for an extremum share its derivative equally. Derivatives of products are
products of the other factors, so that zeros among them do no harm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule._errors import InvalidArgumentError
from chainrule.ir import ArrayType, Op, register
from chainrule.ops.family import Structural
from chainrule.ops.layout import broadcast, flip, pad, reshape, slice_

Axes = tuple[int, ...]
INT64 = np.dtype(np.int64)


def _reduced(shape: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    return tuple([extent for axis, extent in enumerate(shape) if axis not in axes])


def expand(reduced: Any, shape: tuple[int, ...], axes: Axes) -> Any:
    """Put axes of length 1 where a reduction took axes away from ``shape``."""
    kept = tuple([1 if axis in axes else extent for axis, extent in enumerate(shape)])
    return reduced if reduced.shape == kept else reshape(reduced, shape=kept)


class _Reduction(Op):
    """A ufunc's ``reduce`` over some axes, which the result lacks."""

    def __init__(self, name: str, ufunc: np.ufunc) -> None:
        self.name = name
        self.ufunc = ufunc

    def infer(self, x: ArrayType, *, axes: Axes) -> ArrayType:
        """Drop the axes."""
        return ArrayType(_reduced(x.shape, axes), x.dtype)

    def evaluate(self, x: Any, *, axes: Axes) -> Any:
        """Call the ufunc's ``reduce``, in the argument's dtype."""
        return self.ufunc.reduce(x, axis=axes, dtype=x.dtype)

    def batch(self, args: Sequence[Any], batched: Sequence[bool], *, axes: Axes) -> tuple[Any, Any]:
        """Leave the first axis alone."""
        return self(args[0], axes=tuple([axis + 1 for axis in axes])), True


class _Sum(_Reduction):
    """Sum over axes; linear."""

    linear = (0,)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], *, axes: Axes
    ) -> Any:
        return self(tangents[0], axes=axes)

    def transpose(self, cotangent: Any, inputs: Sequence[Any], *, axes: Axes) -> Sequence[Any]:
        shape = inputs[0].shape
        return (broadcast(expand(cotangent, shape, axes), shape=shape),)


class _Extremum(_Reduction):
    """Largest or smallest element over axes."""

    def infer(self, x: ArrayType, *, axes: Axes) -> ArrayType:
        if any(x.shape[axis] == 0 for axis in axes):
            raise InvalidArgumentError(
                f"{self.name.removeprefix('reduce_')}: an array of shape {x.shape} has no element "
                f"along axes {axes} to choose from; expected at least one."
            )
        return super().infer(x, axes=axes)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], *, axes: Axes
    ) -> Any:
        x = primals[0]
        chosen = (x == expand(out, x.shape, axes)).astype(x.dtype)
        count = chosen.sum(axis=axes)
        # Nothing equals an extremum that is not a number, and neither is its derivative one.
        return (tangents[0] * chosen).sum(axis=axes) / np.where(count == 0, np.nan, count)


class _Product(_Reduction):
    """Product over axes."""

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], *, axes: Axes
    ) -> Any:
        x = primals[0]
        kept = [axis for axis in range(x.ndim) if axis not in axes]
        shape = (*_reduced(x.shape, axes), math.prod([x.shape[axis] for axis in axes]))
        # All reduced axes as one, at the end: the others' product is what comes before times
        # what comes after.
        flat = np.transpose(x, (*kept, *axes)).reshape(shape)
        flat_tangent = np.transpose(tangents[0], (*kept, *axes)).reshape(flat.shape)
        last = flat.ndim - 1
        before = _shifted(cumprod(flat, axis=last), last)
        after = flip(_shifted(cumprod(flip(flat, axes=(last,)), axis=last), last), axes=(last,))
        return (flat_tangent * (before * after)).sum(axis=last)


def _shifted(products: Any, axis: int) -> Any:
    """Return running products that leave out their own element: 1, then all but the last."""
    extent = products.shape[axis]
    limits = [(0, e, 1) for e in products.shape]
    limits[axis] = (0, max(extent - 1, 0), 1)
    widths = [(0, 0, 0)] * products.ndim
    widths[axis] = (min(extent, 1), 0, 0)
    first = np.zeros([extent if i == axis else 1 for i in range(products.ndim)], products.dtype)
    first.reshape(-1)[:1] = 1
    return pad(slice_(products, limits=tuple(limits)), widths=tuple(widths)) + first


class _CumulativeSum(Structural):
    """Running sum along an axis; linear."""

    name = "cumsum"

    def infer(self, x: ArrayType, *, axis: int) -> ArrayType:
        return x

    def evaluate(self, x: Any, *, axis: int) -> Any:
        return np.add.accumulate(x, axis=axis, dtype=x.dtype)

    def transpose(self, cotangent: Any, inputs: Sequence[Any], *, axis: int) -> Sequence[Any]:
        return (flip(self(flip(cotangent, axes=(axis,)), axis=axis), axes=(axis,)),)

    def batch(self, args: Sequence[Any], batched: Sequence[bool], *, axis: int) -> tuple[Any, Any]:
        return self(args[0], axis=axis + 1), True


class _CumulativeProduct(Op):
    """Running product along an axis."""

    name = "cumprod"

    def infer(self, x: ArrayType, *, axis: int) -> ArrayType:
        return x

    def evaluate(self, x: Any, *, axis: int) -> Any:
        return np.multiply.accumulate(x, axis=axis, dtype=x.dtype)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], *, axis: int
    ) -> Any:
        # Pairs (product, its tangent) over windows that double in length until they reach back
        # to the first element. No division, so zeros are harmless.
        product, tangent = primals[0], tangents[0]
        extent, width = product.shape[axis], 1
        while width < extent:
            head = np.ones_like(slice_(product, limits=_window(product, axis, 0, width)))
            earlier = np.concatenate(
                [head, slice_(product, limits=_window(product, axis, 0, extent - width))], axis
            )
            earlier_tangent = pad(
                slice_(tangent, limits=_window(product, axis, 0, extent - width)),
                widths=tuple([(width if i == axis else 0, 0, 0) for i in range(product.ndim)]),
            )
            tangent = tangent * earlier + earlier_tangent * product
            product = product * earlier
            width *= 2
        return tangent

    def batch(self, args: Sequence[Any], batched: Sequence[bool], *, axis: int) -> tuple[Any, Any]:
        return self(args[0], axis=axis + 1), True


def _window(x: Any, axis: int, start: int, stop: int) -> tuple[tuple[int, int, int], ...]:
    return tuple([(start, stop, 1) if i == axis else (0, e, 1) for i, e in enumerate(x.shape)])


class _Position(Op):
    """Position of the first largest or smallest element along an axis; an integer."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function

    def infer(self, x: ArrayType, *, axis: int) -> ArrayType:
        """Drop the axis; the result is int64."""
        if x.shape[axis] == 0:
            raise InvalidArgumentError(
                f"{self.name}: an array of shape {x.shape} has no element along axis {axis} to "
                "choose from; expected at least one."
            )
        return ArrayType(_reduced(x.shape, (axis,)), INT64)

    def evaluate(self, x: Any, *, axis: int) -> Any:
        """Call NumPy."""
        return self.function(x, axis=axis)

    def tangent(self, *_: Any, **__: Any) -> None:
        """Return zero: the position jumps from one integer to another."""
        return None

    def batch(self, args: Sequence[Any], batched: Sequence[bool], *, axis: int) -> tuple[Any, Any]:
        """Leave the first axis alone."""
        return self(args[0], axis=axis + 1), True


reduce_sum = register(_Sum("reduce_sum", np.add))
reduce_prod = register(_Product("reduce_prod", np.multiply))
reduce_max = register(_Extremum("reduce_max", np.maximum))
reduce_min = register(_Extremum("reduce_min", np.minimum))
cumsum = register(_CumulativeSum())
cumprod = register(_CumulativeProduct())
argmax = register(_Position("argmax", np.argmax))
argmin = register(_Position("argmin", np.argmin))
