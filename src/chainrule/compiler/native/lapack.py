"""Scheduling decompositions and solvers: calls of the LAPACK that SciPy carries.

The routines are those that NumPy and SciPy call for the same purpose, with the same arguments, so
that signs of vectors agree, and so does what they find to be singular. LAPACK keeps matrices column
by column: what it works on are copies with their last two axes turned, in which it leaves its
results, and these are read through turned views. If a routine fails, the program is left, for the
interpreter to raise the error.
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.native import routines
from chainrule.compiler.native.expressions import (
    INDEX,
    Apply,
    Constant,
    Expression,
    Load,
    relayout,
)
from chainrule.compiler.native.kernels import Call
from chainrule.compiler.native.matrices import leading_dimension
from chainrule.compiler.native.views import Shape, View, reshaped, sliced, transposed
from chainrule.ir import Atom, Equation
from chainrule.ops.family import BOOL

if TYPE_CHECKING:
    from chainrule.compiler.native.schedule import Scheduler

STATUS = np.dtype(np.int32)

WORKSPACE = "workspace"
"""Among the arguments of a routine: room to work in and its size, which the routine itself says."""

Argument = View | int | str


# -- calls ---------------------------------------------------------------------------------------


def _call(
    scheduler: Scheduler,
    routine: str,
    stack: Shape,
    dtype: np.dtype[Any],
    *arguments: Argument,
    read_only: Sequence[View] = (),
) -> View:
    """Append calls of a routine, one for each matrix of a stack, and return their status.

    The axes of arrays after those of the stack have to lie in C order.
    """
    name = f"{routines.LAPACK}.{'d' if dtype.itemsize == 8 else 's'}{routine}"
    count = math.prod(stack)
    status = scheduler.temporary(STATUS, stack)
    written = [a for a in arguments if isinstance(a, View) and a not in read_only] + [status]
    given: list[Argument] = []
    for argument in (*arguments, status):
        if argument == WORKSPACE:
            shown = tuple([None if isinstance(a, View) else a for a in arguments])
            size = _workspace(name, shown, dtype)
            room = scheduler.temporary(dtype, (size,))
            written.append(View(room.buffer, (count, size), (0, 1)))
            given += [written[-1], size]
        elif isinstance(argument, View):
            given.append(_in_a_row(argument, len(stack), count))
        else:
            given.append(argument)
    if count:
        scheduler.add(Call(name, count, tuple(given), tuple(written)))
    return status


def _in_a_row(view: View, depth: int, count: int) -> View:
    """Return a stack of arrays with all of the axes of the stack as one."""
    flat = reshaped(view, (count, *view.shape[depth:]))
    assert flat is not None
    return flat


@functools.cache
def _workspace(name: str, arguments: tuple[int | str | None, ...], dtype: np.dtype[Any]) -> int:
    """Return how much room a routine wants, by asking it as LAPACK provides for it."""
    answer = np.zeros(1, dtype)
    status = ctypes.c_int()
    given: list[Any] = []
    for argument in arguments:
        if argument == WORKSPACE:
            given += [answer.ctypes.data_as(ctypes.c_void_p), ctypes.byref(ctypes.c_int(-1))]
        elif isinstance(argument, int):
            given.append(ctypes.byref(ctypes.c_int(argument)))
        elif isinstance(argument, str):
            given.append(ctypes.c_char_p(argument.encode()))
        else:
            # An array, to which it may write a size of its own.
            given.append(ctypes.byref(ctypes.c_double()))
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (len(given) + 1))(routines.address(name))(
        *given, ctypes.byref(status)
    )
    if status.value:
        raise RuntimeError(f"native: {name} did not say how much room it needs.")
    return max(int(answer[0]), 1)


def _require(scheduler: Scheduler, status: View) -> None:
    """Leave the program if one of the calls failed."""
    if status.size:
        failed = Apply("convert", (Load(status),), BOOL)
        scheduler.leave_if(failed, status.shape)


# -- matrices ------------------------------------------------------------------------------------


def _turned(view: View) -> View:
    """Exchange the last two axes."""
    rank = len(view.shape)
    return transposed(view, (*range(rank - 2), rank - 1, rank - 2))


def _by_columns(scheduler: Scheduler, atom: Atom) -> View:
    """Return a copy of matrices that lie column by column, with their last two axes turned."""
    value = relayout(scheduler.value(atom), _turned)
    assert value is not None
    *stack, m, n = atom.type.shape
    copy = scheduler.temporary(atom.type.dtype, (*stack, n, m))
    scheduler.store(copy, value)
    return copy


def _counter(shape: Shape, axis: int, start: int = 0) -> Expression:
    """Return the position along an axis, counted from a start."""
    strides = [0] * len(shape)
    strides[axis] = 1
    return Load(View(None, shape, tuple(strides), start))


def _triangle(value: Expression, shape: Shape, lower: bool) -> Expression:
    """Return matrices of a shape with zeros in place of one of their triangles."""
    row, column = _counter(shape, len(shape) - 2), _counter(shape, len(shape) - 1)
    kept = Apply("less_equal", (column, row) if lower else (row, column), BOOL)
    return Apply("where", (kept, value, Constant(value.dtype.type(0))), value.dtype)


def _stack(atom: Atom) -> Shape:
    return atom.type.shape[:-2]


# -- factorizations and systems ------------------------------------------------------------------


def _cholesky(scheduler: Scheduler, equation: Equation) -> None:
    """Factor in place: the upper triangle of what lies turned is the lower one."""
    (a,), (output,) = equation.inputs, equation.outputs
    shape, dtype = a.type.shape, a.type.dtype
    target = scheduler.new(output)
    scheduler.store(target, _triangle(scheduler.value(a), shape, lower=True))
    scheduler.values[output] = Load(target)
    if target.size:
        n = shape[-1]
        _require(scheduler, _call(scheduler, "potrf", _stack(a), dtype, "U", n, target, n))


def _solve(scheduler: Scheduler, equation: Equation) -> None:
    (a, b), (output,) = equation.inputs, equation.outputs
    *_, n, k = b.type.shape
    result = _by_columns(scheduler, b)
    # A matrix is looked at even if there is nothing to solve with it.
    if a.type.size:
        factors = _by_columns(scheduler, a)
        pivots = scheduler.temporary(STATUS, a.type.shape[:-1])
        arguments = (n, k, factors, n, pivots, result, n)
        _require(scheduler, _call(scheduler, "gesv", _stack(a), a.type.dtype, *arguments))
    scheduler.define(output, Load(_turned(result)))


def _triangular_solve(scheduler: Scheduler, equation: Equation) -> None:
    (a, b), (output,), params = equation.inputs, equation.outputs, equation.params
    result = _by_columns(scheduler, b)
    if b.type.size:
        *stack, n, k = b.type.shape
        matrices, is_turned, step = _readable(scheduler, a)
        # What lies row by row, LAPACK sees turned: its triangle is the other one.
        triangle = "L" if params["lower"] == is_turned else "U"
        form = "T" if params["transposed"] == is_turned else "N"
        diagonal = "U" if params["unit_diagonal"] else "N"
        status = _call(
            scheduler, "trtrs", tuple(stack), a.type.dtype,
            triangle, form, diagonal, n, k, matrices, step, result, n,
            read_only=[matrices],
        )  # fmt: skip
        _require(scheduler, status)
    scheduler.define(output, Load(_turned(result)))


def _readable(scheduler: Scheduler, a: Atom) -> tuple[View, bool, int]:
    """Return matrices as LAPACK can read them, whether column by column, and from one to the next.

    They are copied only if neither rows nor columns lie in one piece.
    """
    view = scheduler.stored(a)
    flat = reshaped(view, (math.prod(_stack(a)), *a.type.shape[-2:]))
    layout = None if flat is None else leading_dimension(flat)
    if layout is None:
        view = scheduler.stored(a, contiguous=True)
        return view, False, a.type.shape[-1]
    return view, *layout


def _determinant(scheduler: Scheduler, a: Atom) -> tuple[Expression, Expression]:
    """Return sign and logarithm of the determinant, from the LU factorization.

    The sign changes with every row that was exchanged and every negative pivot. A singular matrix
    has the sign 0, whatever else is in it.
    """
    *stack, n, _ = a.type.shape
    dtype, shape = a.type.dtype, tuple(stack)
    one, zero = Constant(dtype.type(1)), Constant(dtype.type(0))
    if not n:
        return one, zero
    factors = _by_columns(scheduler, a)
    pivots = scheduler.temporary(STATUS, (*shape, n))
    status = _call(scheduler, "getrf", shape, dtype, n, n, factors, n, pivots)
    diagonal = Load(
        View(factors.buffer, (*shape, n), (*factors.strides[:-2], n + 1), factors.offset)
    )

    def with_sign(is_positive: Expression) -> Expression:
        return Apply("where", (is_positive, one, Constant(dtype.type(-1))), dtype)

    in_place = Apply(
        "equal",
        (Apply("convert", (Load(pivots),), INDEX), _counter((*shape, n), len(stack), start=1)),
        BOOL,
    )
    is_negative = Apply("less", (diagonal, zero), BOOL)
    signs = Apply(
        "multiply",
        (with_sign(in_place), with_sign(Apply("invert", (is_negative,), BOOL))),
        dtype,
    )
    logarithms = Apply("log", (Apply("absolute", (diagonal,), dtype),), dtype)
    sign, logarithm = [scheduler.temporary(dtype, shape) for _ in range(2)]
    axes = (len(stack),)
    scheduler.reduce(sign, signs, (*shape, n), axes, "multiply")
    scheduler.reduce(logarithm, logarithms, (*shape, n), axes, "add")
    is_singular = Apply("convert", (Load(status),), BOOL)
    return (
        Apply("where", (is_singular, zero, Load(sign)), dtype),
        Apply("where", (is_singular, Constant(dtype.type(-np.inf)), Load(logarithm)), dtype),
    )


def _slogdet(scheduler: Scheduler, equation: Equation) -> None:
    for output, value in zip(
        equation.outputs, _determinant(scheduler, equation.inputs[0]), strict=True
    ):
        scheduler.define(output, value)


def _det(scheduler: Scheduler, equation: Equation) -> None:
    (output,) = equation.outputs
    dtype = output.type.dtype
    sign, logarithm = _determinant(scheduler, equation.inputs[0])
    size = Apply("exp", (logarithm,), dtype)
    scheduler.define(output, Apply("multiply", (sign, size), dtype))


# -- orthogonal factors --------------------------------------------------------------------------


def _qr(scheduler: Scheduler, equation: Equation) -> None:
    (a,), (q, r) = equation.inputs, equation.outputs
    *stack, m, n = a.type.shape
    dtype, shape = a.type.dtype, tuple(stack)
    factors = _by_columns(scheduler, a)
    upper = scheduler.new(r)
    scheduler.values[r] = Load(upper)
    if a.type.size:
        scales = scheduler.temporary(dtype, (*shape, n))
        _call(scheduler, "geqrf", shape, dtype, m, n, factors, m, scales, WORKSPACE)
        limits = [*[(0, extent, 1) for extent in (*shape, n)], (0, n, 1)]
        square = _turned(sliced(factors, limits))
        scheduler.store(upper, _triangle(Load(square), (*shape, n, n), lower=False))
        _call(scheduler, "orgqr", shape, dtype, m, n, n, factors, m, scales, WORKSPACE)
    scheduler.define(q, Load(_turned(factors)))


def _symmetric_eigen(
    scheduler: Scheduler, equation: Equation, values: View, with_vectors: bool
) -> View:
    """Compute eigenvalues, and return where the eigenvectors are, if they are wanted."""
    (a,) = equation.inputs
    n, dtype = a.type.shape[-1], a.type.dtype
    matrices = _by_columns(scheduler, a)
    if a.type.size:
        num_integers = 3 + 5 * n if with_vectors else 1
        integers = _scratch(scheduler, STATUS, _stack(a), num_integers)
        status = _call(
            scheduler, "syevd", _stack(a), dtype,
            "V" if with_vectors else "N", "L" if equation.params["lower"] else "U",
            n, matrices, n, values, WORKSPACE, integers, num_integers,
        )  # fmt: skip
        _require(scheduler, status)
    return _turned(matrices)


def _scratch(scheduler: Scheduler, dtype: np.dtype[Any], stack: Shape, size: int) -> View:
    """Return room that all calls share."""
    room = scheduler.temporary(dtype, (size,))
    return View(room.buffer, (*stack, size), (*[0] * len(stack), 1))


def _eigh(scheduler: Scheduler, equation: Equation) -> None:
    values, vectors = equation.outputs
    target = scheduler.new(values)
    scheduler.values[values] = Load(target)
    scheduler.define(vectors, Load(_symmetric_eigen(scheduler, equation, target, True)))


def _eigvalsh(scheduler: Scheduler, equation: Equation) -> None:
    (values,) = equation.outputs
    target = scheduler.new(values)
    scheduler.values[values] = Load(target)
    _symmetric_eigen(scheduler, equation, target, False)


def _singular(scheduler: Scheduler, a: Atom, job: str, s: View, u: View, vt: View) -> None:
    """Compute the singular values, and with them what the job asks for."""
    *stack, m, n = a.type.shape
    shape = tuple(stack)
    integers = _scratch(scheduler, STATUS, shape, 8 * min(m, n))
    status = _call(
        scheduler, "gesdd", shape, a.type.dtype,
        job, m, n, _by_columns(scheduler, a), m, s, u, m, vt, vt.shape[-1], WORKSPACE, integers,
    )  # fmt: skip
    _require(scheduler, status)


def _svdvals(scheduler: Scheduler, equation: Equation) -> None:
    (a,), (values,) = equation.inputs, equation.outputs
    target = scheduler.new(values)
    scheduler.values[values] = Load(target)
    if a.type.size:
        unused = _scratch(scheduler, a.type.dtype, _stack(a), 1)
        _singular(scheduler, a, "N", target, unused, unused)


def _svd(scheduler: Scheduler, equation: Equation) -> None:
    (a,), outputs = equation.inputs, equation.outputs
    left, values, right = outputs
    dtype = a.type.dtype
    target = scheduler.new(values)
    scheduler.values[values] = Load(target)
    # Both are written column by column.
    u, vt = [
        scheduler.temporary(dtype, (*var.type.shape[:-2], *reversed(var.type.shape[-2:])))
        for var in (left, right)
    ]
    if a.type.size:
        _singular(scheduler, a, "A" if equation.params["full"] else "S", target, u, vt)
    else:
        for view in (u, vt):
            row, column = [_counter(view.shape, len(view.shape) - i) for i in (1, 2)]
            is_diagonal = Apply("equal", (row, column), BOOL)
            scheduler.store(view, Apply("convert", (is_diagonal,), dtype))
    scheduler.define(left, Load(_turned(u)))
    scheduler.define(right, Load(_turned(vt)))


HANDLERS = {
    "cholesky": _cholesky,
    "det": _det,
    "eigh": _eigh,
    "eigvalsh": _eigvalsh,
    "qr": _qr,
    "slogdet": _slogdet,
    "solve": _solve,
    "svd": _svd,
    "svdvals": _svdvals,
    "triangular_solve": _triangular_solve,
}
