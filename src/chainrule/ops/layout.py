"""Ops that rearrange: the elements stay what they are. All are linear."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule._errors import GraphError, ShapeError
from chainrule.ir import ArrayType, register
from chainrule.ops.family import Structural, is_linear, unbroadcast

Shape = tuple[int, ...]


class _Reshape(Structural):
    """The same elements in C order under another shape."""

    name = "reshape"

    def infer(self, x: ArrayType, *, shape: Shape) -> ArrayType:
        if math.prod(shape) != x.size:
            raise ShapeError(
                f"reshape: an array of shape {x.shape} has {x.size} elements, "
                f"shape {shape} needs {math.prod(shape)}."
            )
        return ArrayType(shape, x.dtype)

    def evaluate(self, x: Any, *, shape: Shape) -> Any:
        return x.reshape(shape)

    def transpose(self, cotangent: Any, inputs: Sequence[Any], *, shape: Shape) -> Sequence[Any]:
        return (self(cotangent, shape=inputs[0].shape),)

    def batch(
        self, args: Sequence[Any], batched: Sequence[bool], *, shape: Shape
    ) -> tuple[Any, Any]:
        return self(args[0], shape=(args[0].shape[0], *shape)), True


class _Transpose(Structural):
    """Axes permuted: axis ``i`` of the result is axis ``axes[i]`` of the argument."""

    name = "transpose"

    def infer(self, x: ArrayType, *, axes: Shape) -> ArrayType:
        return ArrayType(tuple([x.shape[axis] for axis in axes]), x.dtype)

    def evaluate(self, x: Any, *, axes: Shape) -> Any:
        return x.transpose(axes)

    def transpose(self, cotangent: Any, inputs: Sequence[Any], *, axes: Shape) -> Sequence[Any]:
        return (self(cotangent, axes=tuple(np.argsort(axes).tolist())),)

    def batch(
        self, args: Sequence[Any], batched: Sequence[bool], *, axes: Shape
    ) -> tuple[Any, Any]:
        return self(args[0], axes=(0, *[axis + 1 for axis in axes])), True


class _Broadcast(Structural):
    """Repeated along new axes and axes of length 1, as `numpy.broadcast_to`."""

    name = "broadcast"

    def infer(self, x: ArrayType, *, shape: Shape) -> ArrayType:
        skip = len(shape) - x.ndim
        if skip < 0 or any(e not in (1, shape[skip + i]) for i, e in enumerate(x.shape)):
            raise ShapeError(
                f"broadcast_to: an array of shape {x.shape} cannot be broadcast to {shape}; "
                "from the last axis on, extents must agree or be 1."
            )
        return ArrayType(shape, x.dtype)

    def evaluate(self, x: Any, *, shape: Shape) -> Any:
        return np.broadcast_to(x, shape)

    def transpose(self, cotangent: Any, inputs: Sequence[Any], *, shape: Shape) -> Sequence[Any]:
        return (unbroadcast(cotangent, inputs[0].shape),)

    def batch(
        self, args: Sequence[Any], batched: Sequence[bool], *, shape: Shape
    ) -> tuple[Any, Any]:
        x = args[0]
        missing = len(shape) - (x.ndim - 1)
        aligned = x.reshape((x.shape[0],) + (1,) * missing + x.shape[1:])
        return self(aligned, shape=(x.shape[0], *shape)), True


class _Slice(Structural):
    """``x[start:stop:step, …]`` with one ``(start, stop, step)`` per axis, all steps positive."""

    name = "slice"

    def infer(self, x: ArrayType, *, limits: tuple[tuple[int, int, int], ...]) -> ArrayType:
        if len(limits) != x.ndim:
            raise GraphError(f"slice: {len(limits)} limits for {x.ndim} axes.")
        return ArrayType(tuple([len(range(*limit)) for limit in limits]), x.dtype)

    def evaluate(self, x: Any, *, limits: tuple[tuple[int, int, int], ...]) -> Any:
        return x[tuple([slice(*limit) for limit in limits])]

    def evaluator(self, **params: Any) -> Callable[..., Any]:
        index = tuple([slice(*limit) for limit in params["limits"]])
        return lambda x: x[index]

    def transpose(
        self,
        cotangent: Any,
        inputs: Sequence[Any],
        *,
        limits: tuple[tuple[int, int, int], ...],
    ) -> Sequence[Any]:
        widths = []
        for (start, _, step), extent, length in zip(
            limits, inputs[0].shape, cotangent.shape, strict=True
        ):
            if length == 0:
                widths.append((0, extent, 0))
            else:
                last = start + (length - 1) * step
                widths.append((start, extent - last - 1, step - 1))
        return (pad(cotangent, widths=tuple(widths)),)

    def batch(
        self,
        args: Sequence[Any],
        batched: Sequence[bool],
        *,
        limits: tuple[tuple[int, int, int], ...],
    ) -> tuple[Any, Any]:
        return self(args[0], limits=((0, args[0].shape[0], 1), *limits)), True


class _Pad(Structural):
    """Zeros around and between: one ``(before, after, between)`` per axis."""

    name = "pad"

    def infer(self, x: ArrayType, *, widths: tuple[tuple[int, int, int], ...]) -> ArrayType:
        shape = [
            before + after + extent + max(extent - 1, 0) * between
            for extent, (before, after, between) in zip(x.shape, widths, strict=True)
        ]
        return ArrayType(tuple(shape), x.dtype)

    def evaluate(self, x: Any, *, widths: tuple[tuple[int, int, int], ...]) -> Any:
        out = np.zeros(self.infer(x, widths=widths).shape, x.dtype)
        out[self._inside(x.shape, widths)] = x
        return out

    @staticmethod
    def _inside(shape: Shape, widths: tuple[tuple[int, int, int], ...]) -> tuple[slice, ...]:
        return tuple(
            [
                slice(
                    before,
                    before + max(extent - 1, 0) * (between + 1) + min(extent, 1),
                    between + 1,
                )
                for extent, (before, _, between) in zip(shape, widths, strict=True)
            ]
        )

    def transpose(
        self, cotangent: Any, inputs: Sequence[Any], *, widths: tuple[tuple[int, int, int], ...]
    ) -> Sequence[Any]:
        inside = self._inside(inputs[0].shape, widths)
        return (slice_(cotangent, limits=tuple([(s.start, s.stop, s.step) for s in inside])),)

    def batch(
        self,
        args: Sequence[Any],
        batched: Sequence[bool],
        *,
        widths: tuple[tuple[int, int, int], ...],
    ) -> tuple[Any, Any]:
        return self(args[0], widths=((0, 0, 0), *widths)), True


class _Flip(Structural):
    """Reversed along some axes."""

    name = "flip"

    def infer(self, x: ArrayType, *, axes: Shape) -> ArrayType:
        return x

    def evaluate(self, x: Any, *, axes: Shape) -> Any:
        return np.flip(x, axes)

    def transpose(self, cotangent: Any, inputs: Sequence[Any], *, axes: Shape) -> Sequence[Any]:
        return (self(cotangent, axes=axes),)

    def batch(
        self, args: Sequence[Any], batched: Sequence[bool], *, axes: Shape
    ) -> tuple[Any, Any]:
        return self(args[0], axes=tuple([axis + 1 for axis in axes])), True


class _Concatenate(Structural):
    """Arrays joined along an axis; linear in all together."""

    name = "concatenate"
    linear: tuple[int, ...] | str = "all"

    def infer(self, *types: ArrayType, axis: int) -> ArrayType:
        first = types[0]
        for number, other in enumerate(types):
            if other.ndim != first.ndim or any(
                i != axis and a != b
                for i, (a, b) in enumerate(zip(first.shape, other.shape, strict=False))
            ):
                raise ShapeError(
                    f"concatenate: array {number} has shape {other.shape}, the first has "
                    f"{first.shape}; all extents but that of axis {axis} must agree."
                )
        total = sum(other.shape[axis] for other in types)
        return ArrayType((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)

    def evaluate(self, *arrays: Any, axis: int) -> Any:
        return np.concatenate(arrays, axis)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        filled = [
            np.zeros(x.shape, out.dtype) if dx is None else dx
            for x, dx in zip(primals, tangents, strict=True)
        ]
        return self(*filled, **params)

    def transpose(self, cotangent: Any, inputs: Sequence[Any], *, axis: int) -> Sequence[Any]:
        parts: list[Any] = []
        start = 0
        for x in inputs:
            stop = start + x.shape[axis]
            if is_linear(x):
                limits = [(0, extent, 1) for extent in cotangent.shape]
                limits[axis] = (start, stop, 1)
                parts.append(slice_(cotangent, limits=tuple(limits)))
            else:
                parts.append(None)
            start = stop
        return parts

    def batch(self, args: Sequence[Any], batched: Sequence[bool], *, axis: int) -> tuple[Any, Any]:
        size = next(arg.shape[0] for arg, is_b in zip(args, batched, strict=True) if is_b)
        spread = [
            arg if is_b else np.broadcast_to(arg, (size, *arg.shape))
            for arg, is_b in zip(args, batched, strict=True)
        ]
        return self(*spread, axis=axis + 1), True


reshape = register(_Reshape())
transpose = register(_Transpose())
broadcast = register(_Broadcast())
slice_ = register(_Slice())
pad = register(_Pad())
flip = register(_Flip())
concatenate = register(_Concatenate())
