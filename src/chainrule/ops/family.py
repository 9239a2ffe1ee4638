"""The families: what the ops of one kind share, so that each of them is a handful of lines.

`Elementwise` ops broadcast their arguments as NumPy does and expect them in one dtype; the
frontend has converted them by NumPy's rules before. From it come `Unary` (one argument and a
derivative), `Binary` (two, and a derivative in each), `Comparison` and `Bitwise`. `Structural` is
for ops that are linear in their only array argument and move or add up elements without looking
at them: the tangent goes the same way as the value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule._errors import GraphError, ShapeError
from chainrule.ir import ArrayType, LinearInput, Op

BOOL = np.dtype(np.bool_)

Derivative = Callable[..., Any]


def broadcast_shapes(name: str, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the common shape of arguments, by NumPy's rule.

    Raises
    ------
    ShapeError
        If there is none, with both shapes and the axis that clashes.
    """
    result = shapes[0]
    for shape in shapes[1:]:
        if shape == result or not shape:
            continue
        if not result:
            result = shape
            continue
        longer, shorter = (result, shape) if len(result) >= len(shape) else (shape, result)
        skip = len(longer) - len(shorter)
        merged = list(longer)
        for axis, extent in enumerate(shorter):
            other = longer[skip + axis]
            if other == 1:
                merged[skip + axis] = extent
            elif extent not in (1, other):
                raise ShapeError(
                    f"{name}: shapes {' and '.join(map(str, shapes))} do not broadcast: counted "
                    f"from the last axis, axis {axis - len(shorter)} has {other} against {extent}. "
                    "Reshape one of them, or give it an axis of length 1 with [..., None]."
                )
        result = tuple(merged)
    return result


def unbroadcast(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """Add up a cotangent over the axes along which an argument of this shape was repeated."""
    if cotangent.shape == shape:
        return cotangent
    extra = cotangent.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        extra + axis
        for axis, extent in enumerate(shape)
        if extent == 1 and cotangent.shape[extra + axis] != 1
    )
    summed = cotangent.sum(axis=axes) if axes else cotangent
    return summed if summed.shape == shape else summed.reshape(shape)


def align_batch(args: Sequence[Any], batched: Sequence[bool]) -> list[Any]:
    """Give batched arguments axes of length 1 after the first, so that all broadcast per sample."""
    rank = max(
        arg.ndim - 1 if is_b else np.ndim(arg) for arg, is_b in zip(args, batched, strict=True)
    )
    return [
        arg.reshape(arg.shape[:1] + (1,) * (rank + 1 - arg.ndim) + arg.shape[1:])
        if is_b and arg.ndim < rank + 1
        else arg
        for arg, is_b in zip(args, batched, strict=True)
    ]


def full_shape(tangent: Any, out: Any) -> Any:
    """Return a tangent that may lack broadcast axes in the shape of the result."""
    return tangent if tangent.shape == out.shape else np.broadcast_to(tangent, out.shape)


class Elementwise(Op):
    """An op on each element of arguments that broadcast and have one dtype.

    Parameters
    ----------
    name : str
    function : callable
        NumPy's (or SciPy's) ufunc.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function

    def infer(self, *types: ArrayType, **params: Any) -> ArrayType:
        """Broadcast the shapes; the dtype is that of the arguments."""
        first = types[0]
        if len(types) == 1:
            return first
        for other in types[1:]:
            if other.dtype != first.dtype:
                raise GraphError(f"{self.name}: dtypes {first.dtype} and {other.dtype} differ.")
        return ArrayType(broadcast_shapes(self.name, [t.shape for t in types]), first.dtype)

    def evaluate(self, *arrays: Any, **params: Any) -> Any:
        """Call NumPy's function."""
        return self.function(*arrays, **params)

    def evaluator(self, **params: Any) -> Callable[..., Any]:
        """Return NumPy's function itself."""
        return super().evaluator(**params) if params else self.function

    def batch(self, args: Sequence[Any], batched: Sequence[bool], **params: Any) -> tuple[Any, Any]:
        """Line the batch axes up and broadcast."""
        return self(*align_batch(args, batched), **params), True


class Unary(Elementwise):
    """An elementwise function ``y = f(x)`` of floats.

    Parameters
    ----------
    derivative : callable or None
        ``derivative(x, y, **params)`` is dy/dx; using ``y`` saves computing it again. None for a
        function that is piecewise constant.
    out_dtype : numpy.dtype, optional
        The dtype of the result where it is not the argument's.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        derivative: Derivative | None,
        out_dtype: np.dtype[Any] | None = None,
    ) -> None:
        super().__init__(name, function)
        self.derivative = derivative
        self.out_dtype = out_dtype

    def infer(self, x: ArrayType, **params: Any) -> ArrayType:
        """Keep the shape."""
        return x if self.out_dtype is None else ArrayType(x.shape, self.out_dtype)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        """Multiply by the derivative."""
        if self.derivative is None:
            return None
        return tangents[0] * self.derivative(primals[0], out, **params)


class Binary(Elementwise):
    """An elementwise function ``z = f(x, y)``.

    Parameters
    ----------
    derivatives : pair of (callable or None)
        ``derivative(x, y, z)`` in each argument, None where it is zero everywhere.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        derivatives: tuple[Derivative | None, Derivative | None],
    ) -> None:
        super().__init__(name, function)
        self.derivatives = derivatives

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        """Add up each argument's tangent times the derivative in it."""
        total = None
        for tangent, derivative in zip(tangents, self.derivatives, strict=True):
            if tangent is None or derivative is None:
                continue
            term = tangent * derivative(*primals, out)
            total = term if total is None else total + term
        return None if total is None else full_shape(total, out)


class Comparison(Elementwise):
    """An elementwise relation of two arguments; its result is boolean and has no derivative."""

    def infer(self, *types: ArrayType, **params: Any) -> ArrayType:
        """Broadcast the shapes; the result is boolean."""
        return ArrayType(super().infer(*types).shape, BOOL)

    def tangent(self, *_: Any, **__: Any) -> None:
        """Return zero."""
        return None


class Bitwise(Elementwise):
    """An elementwise op on integers or booleans; no derivative."""

    def tangent(self, *_: Any, **__: Any) -> None:
        """Return zero."""
        return None


class Structural(Op):
    """An op that is linear in its only array argument: the tangent goes the value's way."""

    linear: tuple[int, ...] | str = (0,)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        """Apply the op to the tangent."""
        return self(tangents[0], **params)


def is_linear(value: Any) -> bool:
    """Tell a linear argument from a known one in a transpose rule."""
    return isinstance(value, LinearInput)
