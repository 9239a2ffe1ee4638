"""Where an array's elements are: a buffer, an offset, and a stride per axis.

Transposing, slicing, flipping, repeating and (mostly) reshaping an array change nothing but these
numbers, so none of them ever becomes code. Offsets and strides count elements, not bytes.

A view without a buffer is the affine function itself: its element at a position *is* the number
``offset + sum(position * strides)``, not what lies there. That is how counters enter a kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Shape = tuple[int, ...]


class Buffer:
    """A run of memory.

    Attributes
    ----------
    dtype : numpy.dtype
    size : int
        Number of elements.
    kind : {"input", "output", "constant", "arena", "pointer", "row"}
        Where it lies. A pointer is moved by the loop it belongs to: it stands for the current row
        of an array, or for the current place of a loop's carry. A row lies on the stack of the
        kernel that writes and reads it.
    number : int
        Which one of its kind.
    of : Buffer or None
        For a pointer into another buffer, that buffer.
    """

    __slots__ = ("dtype", "kind", "number", "of", "size")

    def __init__(
        self, dtype: np.dtype[Any], size: int, kind: str, number: int, of: Buffer | None = None
    ) -> None:
        self.dtype = dtype
        self.size = size
        self.kind = kind
        self.number = number
        self.of = of

    @property
    def root(self) -> Buffer:
        """The memory that is read or written through this buffer."""
        return self if self.of is None else self.of.root

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.size * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"{self.kind}{self.number}"


@dataclass(frozen=True)
class View:
    """An affine map from positions to places in a buffer."""

    buffer: Buffer | None
    shape: Shape
    strides: Shape
    offset: int = 0

    @property
    def memory(self) -> Buffer:
        """The buffer, of a view that has one."""
        if self.buffer is None:
            raise ValueError(f"{self} is a function of the position, not a place.")
        return self.buffer

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie one after the other in C order."""
        return self.size == 0 or all(
            extent == 1 or stride == wanted
            for extent, stride, wanted in zip(
                self.shape, self.strides, c_strides(self.shape), strict=True
            )
        )


def c_strides(shape: Shape) -> Shape:
    """Return the strides of an array of this shape whose elements lie in C order."""
    strides = []
    step = 1
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))


def whole(buffer: Buffer | None, shape: Shape) -> View:
    """Return all of a buffer as an array in C order."""
    return View(buffer, shape, c_strides(shape))


def transposed(view: View, axes: Sequence[int]) -> View:
    """Permute the axes as `numpy.transpose` does."""
    return replace(
        view,
        shape=tuple([view.shape[axis] for axis in axes]),
        strides=tuple([view.strides[axis] for axis in axes]),
    )


def broadcast(view: View, shape: Shape) -> View:
    """Repeat along new axes and axes of length 1."""
    added = len(shape) - len(view.shape)
    strides = [
        0 if extent == 1 else stride
        for extent, stride in zip(view.shape, view.strides, strict=True)
    ]
    return replace(view, shape=shape, strides=(0,) * added + tuple(strides))


def sliced(view: View, limits: Sequence[tuple[int, int, int]]) -> View:
    """Take ``start:stop:step`` of every axis."""
    if any(len(range(*limit)) == 0 for limit in limits):
        offset = view.offset
    else:
        offset = view.offset + sum(
            start * stride for (start, _, _), stride in zip(limits, view.strides, strict=True)
        )
    return replace(
        view,
        shape=tuple([len(range(*limit)) for limit in limits]),
        strides=tuple(
            [stride * step for (_, _, step), stride in zip(limits, view.strides, strict=True)]
        ),
        offset=offset,
    )


def flipped(view: View, axes: Sequence[int]) -> View:
    """Reverse some axes."""
    strides, offset = list(view.strides), view.offset
    for axis in axes:
        offset += max(view.shape[axis] - 1, 0) * strides[axis]
        strides[axis] = -strides[axis]
    return replace(view, strides=tuple(strides), offset=offset)


def reshaped(view: View, shape: Shape) -> View | None:
    """Give the elements in C order another shape, or return None if no strides can say that."""
    if view.size == 0:
        return replace(view, shape=shape, strides=(0,) * len(shape))
    old = [
        (extent, stride)
        for extent, stride in zip(view.shape, view.strides, strict=True)
        if extent != 1
    ]
    strides: list[int] = []
    position = 0
    run_extent = run_stride = 0  # what is left of the run of old axes that is being cut up
    # From the first axis on, new axes are cut off the front of a run of old axes that lie as one.
    remaining = 1
    for extent in shape:
        if extent == 1:
            strides.append(0)
            continue
        if remaining == 1:
            if position == len(old):
                return None
            run_extent, run_stride = old[position]
            position += 1
            remaining = run_extent
        while remaining % extent:
            # The new axis needs more than this run holds: the next old axis has to continue it.
            if position == len(old):
                return None
            next_extent, next_stride = old[position]
            if run_stride != next_stride * next_extent:
                return None
            position += 1
            remaining *= next_extent
            run_stride = next_stride
        remaining //= extent
        strides.append(run_stride * remaining)
    return replace(view, shape=shape, strides=tuple(strides))
