"""Scheduling matrix products: which code computes one, and what its factors have to look like.

There are three ways. `products` makes code for the shape at hand, which wants the right factor's
rows contiguous; `blas` calls a library, which wants rows or columns of both factors contiguous;
and an ordinary loop takes what is left: dtypes other than float32 and float64, products that have
a side of length 1, and whatever is too small to be copied for one of the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chainrule.compiler.native import vectors
from chainrule.compiler.native.expressions import (
    Apply,
    Constant,
    Expression,
    Load,
    is_light,
    relayout,
)
from chainrule.compiler.native.kernels import Product
from chainrule.compiler.native.views import Shape, View, reshaped, sliced, transposed, whole
from chainrule.ir import Atom, Equation, Var

if TYPE_CHECKING:
    from chainrule.compiler.native.schedule import Scheduler

LARGEST = 2**31 - 1
"""BLAS counts in 32 bits."""

SMALLEST_CALL = 4096
"""Multiplications from which on a product is worth a call of BLAS."""

LONGEST_SUM = 4096
"""Length of the common axis up to which one sum in a row is both fast and accurate enough."""

PART = 1024
"""A longer sum is one of sums of this length, if the results of all of them are small."""

LARGEST_PARTS = 2**20
"""Elements up to which the results of parts are small."""

LARGEST_RIGHT = {64: 2**21, 32: 2**18, 16: 2**15}
"""Size in bytes, by the size of a vector, from which on a right factor is too large: only a library
that works on rearranged copies of its parts is fast then. With shorter vectors fewer neighbours are
used of what a cache holds of a row. Measured for the first two, assumed for the third."""

LEAST_ROWS_TO_COPY = 8
"""Rows of a product for which it pays to copy a right factor whose rows are not contiguous."""


def can_serve(n: int, k: int, itemsize: int) -> bool:
    """Whether code made for its shape is best for a product whose right factor is contiguous.

    Measured on a CPU with AVX-512 against OpenBLAS, on one core: as fast or a little faster where
    all sides are long and vectors are full, 1.2 to 1.7 times as fast where n or k is some tens, and
    several times where all is so small that calling BLAS and its copying cost more than the work.
    """
    nbytes = n * k * itemsize
    return n > 1 and 1 < k <= LONGEST_SUM and nbytes < LARGEST_RIGHT[vectors.vector_unit().nbytes]


def is_served(product: Product) -> bool:
    """Whether a product is computed by code made for its shape; BLAS computes the others."""
    _, k, n = product.right.shape
    return _is_contiguous(product.right) and can_serve(n, k, product.right.memory.dtype.itemsize)


def _is_contiguous(matrix: View) -> bool:
    """Whether the elements of a row lie side by side."""
    return matrix.strides[2] == 1


@dataclass(frozen=True)
class _Factor:
    """An array to be multiplied, and what its axes are."""

    atom: Atom
    shared: tuple[int, ...]
    free: tuple[int, ...]
    summed: tuple[int, ...]

    def shape(self, axes: Sequence[int]) -> Shape:
        """Return the extents along some axes."""
        return tuple([self.atom.type.shape[axis] for axis in axes])

    def count(self, axes: Sequence[int]) -> int:
        """Return the number of positions along some axes."""
        return math.prod(self.shape(axes))


def _dot(scheduler: Scheduler, equation: Equation) -> None:
    (output,) = equation.outputs
    left, right = [
        _Factor(
            atom,
            shared,
            tuple([i for i in range(atom.type.ndim) if i not in summed and i not in shared]),
            summed,
        )
        for atom, shared, summed in zip(
            equation.inputs, equation.params["shared"], equation.params["contract"], strict=True
        )
    ]
    if not _product(scheduler, left, right, output):
        _loop(scheduler, left, right, output)


def _product(scheduler: Scheduler, left: _Factor, right: _Factor, output: Var) -> bool:
    """Schedule a product of matrices, if it is one that is better than a loop."""
    dtype = output.type.dtype
    if right.count(right.free) == 1:
        # A column of results is the row of a transposed product, and as contiguous.
        left, right = right, left
    s, m, k = [left.count(axes) for axes in (left.shared, left.free, left.summed)]
    n = right.count(right.free)
    if dtype.kind != "f" or dtype.itemsize < 4 or 0 in (s, m) or min(n, k) < 2:
        return False
    orders = left.shared + left.free + left.summed, right.shared + right.summed + right.free
    shapes = (s, m, k), (s, k, n)
    seen = _seen(scheduler, right.atom, orders[1], shapes[1])
    parts = 1
    if s == 1 and k > LONGEST_SUM and m * n * (k // PART) <= LARGEST_PARTS:
        parts = k // PART
    if can_serve(n, k // parts, dtype.itemsize) and (
        m >= LEAST_ROWS_TO_COPY or (seen is not None and _is_contiguous(seen))
    ):
        fits = (lambda view: True), _is_contiguous
    elif min(m, k) > 1 and m * n * k >= SMALLEST_CALL and max(m, n, k) <= LARGEST:
        fits, parts = (_is_readable, _is_readable), 1
    else:
        return False
    views = [
        _matrices(scheduler, factor.atom, order, shape, is_fit)
        for factor, order, shape, is_fit in zip((left, right), orders, shapes, fits, strict=True)
    ]
    target = scheduler.new(output)
    flat = reshaped(target, (s, m, n))
    assert flat is not None
    if parts == 1:
        scheduler.add(Product(views[0], views[1], flat))
    else:
        _add_parts(scheduler, views[0], views[1], flat)
    scheduler.values[output] = Load(target)
    return True


def _seen(scheduler: Scheduler, atom: Atom, order: Shape, shape: Shape) -> View | None:
    """Return a factor as the stack of matrices that it is once it is in memory.

    None if it cannot be seen as one.
    """
    value = scheduler.value(atom)
    view = value.view if isinstance(value, Load) and value.view.buffer else None
    return reshaped(transposed(view or whole(None, atom.type.shape), order), shape)


def _matrices(
    scheduler: Scheduler,
    atom: Atom,
    order: Shape,
    shape: Shape,
    fits: Callable[[View], bool],
) -> View:
    """Return a factor in memory as a stack of matrices of some kind, copied if need be."""
    turned = transposed(scheduler.stored(atom), order)
    flat = reshaped(turned, shape)
    if flat is None or not fits(flat):
        copy = scheduler.temporary(atom.type.dtype, turned.shape)
        scheduler.store(copy, Load(turned))
        flat = reshaped(copy, shape)
        assert flat is not None
    return flat


def _add_parts(scheduler: Scheduler, left: View, right: View, target: View) -> None:
    """Append products over parts of the common axis, and the loop that adds them up.

    So the rounding error of a long sum grows with the length and with the number of its parts, not
    with their product, and parts can be computed side by side.
    """
    _, m, k = left.shape
    n = right.shape[2]
    count, rest = divmod(k, PART)
    sums = scheduler.temporary(target.memory.dtype, (count + (rest > 0), m, n))

    def append(start: int, length: int, first: int, number: int) -> None:
        ends = start + length * number
        columns = sliced(left, [(0, 1, 1), (0, m, 1), (start, ends, 1)])
        rows = sliced(right, [(0, 1, 1), (start, ends, 1), (0, n, 1)])
        (_, down, along), (_, below, across) = columns.strides, rows.strides
        scheduler.add(
            Product(
                replace(columns, shape=(number, m, length), strides=(length * along, down, along)),
                replace(rows, shape=(number, length, n), strides=(length * below, below, across)),
                sliced(sums, [(first, first + number, 1), (0, m, 1), (0, n, 1)]),
            )
        )

    append(0, PART, 0, count)
    if rest:
        append(count * PART, rest, count, 1)
    matrix = reshaped(target, (m, n))
    assert matrix is not None
    scheduler.reduce(matrix, Load(sums), sums.shape, {0}, "add")


def leading_dimension(matrix: View) -> tuple[bool, int] | None:
    """Return whether BLAS, to which arrays are Fortran's, has to transpose, and the stride.

    None if it cannot read the matrices of the stack at all.
    """
    _, rows, columns = matrix.shape
    _, down, across = matrix.strides
    if max(down, across) > LARGEST:
        return None
    if (across == 1 or columns == 1) and (down >= columns or rows == 1):
        return False, max(down if rows > 1 else 1, columns, 1)
    if (down == 1 or rows == 1) and (across >= rows or columns == 1):
        return True, max(across if columns > 1 else 1, rows, 1)
    return None


def _is_readable(matrix: View) -> bool:
    """Whether BLAS can read the matrices of a stack."""
    return leading_dimension(matrix) is not None


# -- loops ---------------------------------------------------------------------------------------


def _loop(scheduler: Scheduler, left: _Factor, right: _Factor, output: Var) -> None:
    """Schedule an ordinary loop over all of the axes, that adds up over the last ones."""
    lead, summed = left.shape(left.shared), left.shape(left.summed)
    rows, columns = left.shape(left.free), right.shape(right.free)
    left_value = _opened(
        scheduler, left.atom, left.shared + left.free + left.summed, (*lead, *rows), columns, summed
    )
    right_value = _opened(
        scheduler,
        right.atom,
        right.shared + right.free + right.summed,
        lead,
        rows,
        (*columns, *summed),
    )
    product = Apply("multiply", (left_value, right_value), output.type.dtype)
    if not summed:
        scheduler.define(output, product)
        return
    target = scheduler.new(output)
    shape = (*lead, *rows, *columns, *summed)
    axes = range(len(shape) - len(summed), len(shape))
    scheduler.reduce(target, product, shape, axes, "add")
    scheduler.values[output] = Load(target)


def _opened(
    scheduler: Scheduler, atom: Atom, order: Shape, before: Shape, missing: Shape, after: Shape
) -> Expression:
    """Return a factor with its axes in order, repeated along those it lacks."""
    value = scheduler.value(atom)
    if isinstance(value, Constant):
        return value
    if not is_light(value):
        value = Load(scheduler.stored(atom))
    at = len(before)

    def change(view: View) -> View:
        turned = transposed(view, order)
        strides = turned.strides[:at] + (0,) * len(missing) + turned.strides[at:]
        return View(view.buffer, (*before, *missing, *after), strides, view.offset)

    changed = relayout(value, change)
    assert changed is not None
    return changed


HANDLERS = {"dot": _dot}
