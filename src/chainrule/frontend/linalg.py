"""`numpy.linalg` in terms of ops.

Matrices that NumPy takes to be symmetric (`cholesky`, `eigh`) have symmetric gradients, although
only one triangle is read. `numpy.linalg.LinAlgError` is raised as NumPy would, and where a
derivative does not exist.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule._dtypes import result_dtype
from chainrule._errors import (
    ArgumentTypeError,
    DtypeError,
    InvalidArgumentError,
    LinAlgError,
    ShapeError,
)
from chainrule.frontend.axes import as_integer
from chainrule.frontend.conversion import FLOAT64, as_array, as_dtype
from chainrule.frontend.dispatch import ADVICE, implements
from chainrule.frontend.shaping import reshaped, spread
from chainrule.ops.family import broadcast_shapes
from chainrule.ops.linalg import require_matrix, require_square


@functools.cache
def _named_tuple(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the class of NumPy's results, which has no public name of its own."""
    return type(function(np.eye(1)))


def floats(name: str, *arrays: Any) -> list[Any]:
    """Return arrays in the common float dtype in which LAPACK computes; integers as float64.

    Raises
    ------
    DtypeError
        For float16, as NumPy does.
    """
    converted = []
    for array in arrays:
        x = as_array(array, name)
        if x.dtype.kind != "f":
            x = as_dtype(x, FLOAT64)
        elif x.dtype.itemsize < 4:
            raise DtypeError(
                f"{name}: expected float32 or float64, got {x.dtype}; "
                "convert it with .astype(np.float32)."
            )
        converted.append(x)
    dtype = result_dtype(*[x.dtype for x in converted])
    return [as_dtype(x, dtype) for x in converted]


def square_matrix(name: str, a: Any) -> Any:
    """Return an argument as square matrices of floats."""
    (x,) = floats(name, a)
    require_square(name, x.shape)
    return x


def matrix(name: str, a: Any) -> Any:
    """Return an argument as matrices of floats."""
    (x,) = floats(name, a)
    require_matrix(name, x.shape)
    return x


def linear_system(name: str, a: Any, b: Any) -> tuple[Any, Any, bool]:
    """Return matrix and right-hand sides with equal leading axes, and whether b was one vector."""
    a, b = floats(name, a, b)
    require_square(name, a.shape)
    is_vector = b.ndim == 1
    if is_vector:
        b = reshaped(b, (*b.shape, 1))
    if b.ndim < 2 or b.shape[-2] != a.shape[-1]:
        shape = b.shape[:1] if is_vector else b.shape
        raise ShapeError(
            f"{name}: a matrix of shape {a.shape} needs right-hand sides of {a.shape[-1]} rows, "
            f"got shape {shape}. (Only an array of one axis is a vector; others are matrices.)"
        )
    stack = broadcast_shapes(f"{name}, leading axes", [a.shape[:-2], b.shape[:-2]])
    return spread(a, stack + a.shape[-2:]), spread(b, stack + b.shape[-2:]), is_vector


def solution_of(x: Any, is_vector: bool) -> Any:
    """Return a solution with as many axes as the right-hand side had."""
    return reshaped(x, x.shape[:-1]) if is_vector else x


# -- linear systems ------------------------------------------------------------------------------


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """Solve ``a @ x = b``."""
    a, b, is_vector = linear_system("np.linalg.solve", a, b)
    return solution_of(ops.linalg.solve(a, b), is_vector)


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    """Invert a matrix."""
    x = square_matrix("np.linalg.inv", a)
    identity = np.eye(x.shape[-1], dtype=x.dtype)
    return ops.linalg.solve(x, np.broadcast_to(identity, x.shape))


def _cutoff(value: Any, name: str) -> float:
    if not isinstance(value, (int, float, np.integer, np.floating)):
        raise ArgumentTypeError(
            f"{name}: the tolerance must be a number that is known while tracing, "
            f"got {type(value).__name__}."
        )
    return float(value)


@implements(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: Any = False, *, rtol: Any = np._NoValue) -> Any:
    """Return the pseudo-inverse; its derivative is that at constant rank."""
    x = matrix("np.linalg.pinv", a)
    if rcond is not None and rtol is not np._NoValue:
        raise InvalidArgumentError("np.linalg.pinv: give rcond or rtol, not both.")
    if rcond is None:
        rcond = 1e-15 if rtol is np._NoValue else rtol
    if rcond is None:
        rcond = max(x.shape[-2:]) * np.finfo(x.dtype).eps
    cutoff = _cutoff(rcond, "np.linalg.pinv")
    return ops.decompositions.pinv(x, cutoff=cutoff, hermitian=bool(hermitian))


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    """Return the least-squares solution, residuals, rank and singular values.

    The derivative is that at constant rank. The residuals have NumPy's shape for a matrix of full
    rank: whether the rank is lower is not known while tracing.
    """
    name = "np.linalg.lstsq"
    a, b = floats(name, a, b)
    is_vector = b.ndim == 1
    columns = reshaped(b, (*b.shape, 1)) if is_vector else b
    if a.ndim != 2 or columns.ndim != 2 or a.shape[0] != columns.shape[0]:
        raise LinAlgError(
            f"{name}: expected a matrix and as many rows of right-hand sides as it has rows, got "
            f"shapes {a.shape} and {b.shape}."
        )
    m, n = a.shape
    epsilon = float(np.finfo(a.dtype).eps)
    cutoff = epsilon * max(m, n) if rcond is None else _cutoff(rcond, name)
    if cutoff < 0:
        cutoff = epsilon
    x = ops.decompositions.pinv(a, cutoff=cutoff, hermitian=False) @ columns
    s = ops.decompositions.svdvals(a)
    rank = (s > cutoff * s[0]).sum() if min(m, n) else 0
    if m > n:
        difference = columns - a @ x
        residuals = (difference * difference).sum(axis=0)
    else:
        residuals = np.empty(0, a.dtype)
    return solution_of(x, is_vector), residuals, rank, s


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """Solve ``tensordot(a, x, x.ndim) = b``."""
    a, b = floats("np.linalg.tensorsolve", a, b)
    if axes is not None:
        last = [as_integer(axis, "np.linalg.tensorsolve, axes") % a.ndim for axis in axes]
        a = np.transpose(a, [axis for axis in range(a.ndim) if axis not in last] + last)
    shape = a.shape[b.ndim :]
    size = int(np.prod(shape))
    if a.size != size * size or b.size != size:
        raise LinAlgError(
            f"np.linalg.tensorsolve: the axes of a, {a.shape}, must divide into those of b, "
            f"{b.shape}, and others with as many elements."
        )
    return reshaped(solve(reshaped(a, (size, size)), reshaped(b, (size,))), shape)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: Any = 2) -> Any:
    """Return the inverse for ``tensordot(…, ind)``."""
    (a,) = floats("np.linalg.tensorinv", a)
    count = as_integer(ind, "np.linalg.tensorinv, ind")
    if count <= 0:
        raise InvalidArgumentError(
            f"np.linalg.tensorinv: ind counts axes and must be positive, got {count}."
        )
    size = int(np.prod(a.shape[count:]))
    if a.size != size * size:
        raise LinAlgError(
            f"np.linalg.tensorinv: the first {count} axes of shape {a.shape} must have as many "
            "elements as the others."
        )
    return reshaped(inv(reshaped(a, (size, size))), a.shape[count:] + a.shape[:count])


# -- factorizations ------------------------------------------------------------------------------


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: Any = False) -> Any:
    """Factor a positive definite matrix, given by its lower (or upper) triangle."""
    x = square_matrix("np.linalg.cholesky", a)
    return ops.linalg.cholesky(x.mT).mT if upper else ops.linalg.cholesky(x)


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Factor into orthonormal columns and an upper triangle.

    The derivative exists for full rank; ``mode="complete"`` is for matrices that are not tall.
    """
    x = matrix("np.linalg.qr", a)
    if mode not in ("reduced", "complete", "r"):
        raise InvalidArgumentError(
            f"np.linalg.qr: expected mode 'reduced', 'complete' or 'r' on traced arrays, "
            f"got {mode!r}."
        )
    m, n = x.shape[-2:]
    if mode == "complete" and m > n:
        raise InvalidArgumentError(
            f"np.linalg.qr: with mode='complete' the extra columns of Q for a matrix of shape "
            f"{x.shape} are not determined by it and have no derivative; use mode='reduced'."
        )
    # The columns of a wide matrix beyond the first m only follow the rotation of these.
    q, r = ops.decompositions.qr(x[..., :m])
    if n > m:
        r = np.concatenate([r, q.mT @ x[..., m:]], axis=-1)
    return r if mode == "r" else _named_tuple(np.linalg.qr)(q, r)


def _lower(uplo: Any, name: str) -> bool:
    letter = uplo.upper() if isinstance(uplo, str) else uplo
    if letter not in ("L", "U"):
        raise InvalidArgumentError(f"{name}: expected UPLO 'L' or 'U', got {uplo!r}.")
    return bool(letter == "L")


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """Return eigenvalues and eigenvectors of a symmetric matrix.

    The derivative of the eigenvectors exists where the eigenvalues all differ; where two are
    equal, `LinAlgError` is raised when it is computed.
    """
    x = square_matrix("np.linalg.eigh", a)
    return _named_tuple(np.linalg.eigh)(
        *ops.decompositions.eigh(x, lower=_lower(UPLO, "np.linalg.eigh"))
    )


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Return the eigenvalues of a symmetric matrix.

    Where eigenvalues are equal, their first derivatives are those along the eigenvectors that
    happen to be computed, so that sums over the equal ones are right; the second raise
    `LinAlgError`.
    """
    x = square_matrix("np.linalg.eigvalsh", a)
    return ops.decompositions.eigvalsh(x, lower=_lower(UPLO, "np.linalg.eigvalsh"))


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: Any = True, compute_uv: Any = True, hermitian: Any = False) -> Any:
    """Return singular vectors and values.

    The derivative of the vectors exists where the singular values all differ and, unless the
    matrix is square, are not zero; elsewhere `LinAlgError` is raised when it is computed. It
    needs ``full_matrices=False``, unless the matrix is square.
    """
    if hermitian:
        return _symmetric_svd(square_matrix("np.linalg.svd", a), bool(compute_uv))
    x = matrix("np.linalg.svd", a)
    if not compute_uv:
        return ops.decompositions.svdvals(x)
    full = bool(full_matrices) and x.shape[-1] != x.shape[-2]
    return _named_tuple(np.linalg.svd)(*ops.decompositions.svd(x, full=full))


def _symmetric_svd(x: Any, compute_uv: bool) -> Any:
    """Return the SVD of a symmetric matrix, from its eigenvalues."""
    if not compute_uv:
        return np.flip(np.sort(np.absolute(eigvalsh(x)), axis=-1), axis=-1)
    w, v = eigh(x)
    order = np.flip(np.argsort(np.absolute(w), axis=-1), axis=-1)
    w = np.take_along_axis(w, order, axis=-1)
    u = np.take_along_axis(v, order[..., None, :], axis=-1)
    sign = np.where(np.signbit(w), -1.0, 1.0).astype(x.dtype)
    return _named_tuple(np.linalg.svd)(u, np.absolute(w), (u * sign[..., None, :]).mT)


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    """Return the singular values; their derivative is 0 where they are."""
    return ops.decompositions.svdvals(matrix("np.linalg.svdvals", x))


# -- numbers that describe a matrix --------------------------------------------------------------


@implements(np.linalg.det)
def det(a: Any) -> Any:
    """Return the determinant.

    First and second derivatives hold also where the matrix is singular; higher ones are refused.
    """
    return ops.linalg.det(square_matrix("np.linalg.det", a))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """Return the sign of the determinant and the logarithm of its absolute value."""
    return _named_tuple(np.linalg.slogdet)(
        *ops.linalg.slogdet(square_matrix("np.linalg.slogdet", a))
    )


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: Any = False, *, rtol: Any = None) -> Any:
    """Count singular values that are not zero; the result is an integer and has no derivative."""
    if tol is not None and rtol is not None:
        raise InvalidArgumentError("np.linalg.matrix_rank: give tol or rtol, not both.")
    (x,) = floats("np.linalg.matrix_rank", A)
    if x.ndim < 2:
        return (x != 0).any().astype(np.int64)
    s = svd(x, compute_uv=False, hermitian=hermitian)
    if not s.shape[-1]:
        return np.zeros(s.shape[:-1], np.int64)[()]
    if tol is not None:
        bound = as_array(tol, "np.linalg.matrix_rank")[..., None]
    else:
        relative = (
            max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
            if rtol is None
            else as_array(rtol, "np.linalg.matrix_rank")[..., None]
        )
        bound = s.max(axis=-1, keepdims=True) * relative
    return (s > bound).sum(axis=-1)


# -- products ------------------------------------------------------------------------------------


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    """Multiply a square matrix by itself, or its inverse if n is negative."""
    x = as_array(a, "np.linalg.matrix_power")
    require_square("np.linalg.matrix_power", x.shape)
    exponent = as_integer(n, "np.linalg.matrix_power, n")
    if exponent == 0:
        return np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape)
    if exponent < 0:
        x = inv(x)
    # One squaring per binary digit of the exponent, one product per digit that is 1.
    result = None
    for position, digit in enumerate(reversed(f"{abs(exponent):b}")):
        if position:
            x = x @ x
        if digit == "1":
            result = x if result is None else result @ x
    return result


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any], *, out: None = None) -> Any:
    """Multiply matrices in the order that takes the fewest multiplications."""
    name = "np.linalg.multi_dot"
    factors = [as_array(array, name) for array in arrays]
    if len(factors) < 2:
        raise InvalidArgumentError(f"{name}: expected at least two arrays, got {len(factors)}.")
    for number, x in enumerate(factors):
        is_end = number in (0, len(factors) - 1)
        if x.ndim != 2 and not (is_end and x.ndim == 1):
            raise LinAlgError(
                f"{name}: array {number} has shape {x.shape}; expected matrices, of which the "
                "first and the last may be vectors."
            )
    if out is not None:
        raise InvalidArgumentError(f"{name}: out= is not supported on traced arrays.")
    first_is_row, last_is_column = factors[0].ndim == 1, factors[-1].ndim == 1
    if first_is_row:
        factors[0] = factors[0][None, :]
    if last_is_column:
        factors[-1] = factors[-1][:, None]
    for number, (x, y) in enumerate(itertools.pairwise(factors)):
        if x.shape[1] != y.shape[0]:
            raise ShapeError(
                f"{name}: array {number} has {x.shape[1]} columns, array {number + 1} has "
                f"{y.shape[0]} rows; they must be equal."
            )
    product = _chain(factors)
    if first_is_row:
        product = product[0]
    return product[..., 0] if last_is_column else product


def _chain(factors: Sequence[Any]) -> Any:
    """Multiply by dynamic programming over where to split (Cormen et al., chapter 14.2)."""
    extents = [factors[0].shape[0], *[x.shape[1] for x in factors]]
    count = len(factors)
    cost = {(i, i): 0 for i in range(count)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            cost[i, j], split[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + extents[i] * extents[k + 1] * extents[j + 1], k)
                for k in range(i, j)
            )

    def multiply(i: int, j: int) -> Any:
        if i == j:
            return factors[i]
        return multiply(i, split[i, j]) @ multiply(split[i, j] + 1, j)

    return multiply(0, count - 1)


@implements(np.linalg.outer)
def outer(x1: Any, x2: Any, /) -> Any:
    """Multiply every element of a vector by every element of another."""
    x1, x2 = as_array(x1, "np.linalg.outer"), as_array(x2, "np.linalg.outer")
    if x1.ndim != 1 or x2.ndim != 1:
        raise ShapeError(
            f"np.linalg.outer: expected two vectors, got shapes {x1.shape} and {x2.shape}; "
            "np.outer flattens its arguments."
        )
    return np.outer(x1, x2)


@implements(np.linalg.cross)
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Return the cross product of vectors of length 3."""
    x1, x2 = as_array(x1, "np.linalg.cross"), as_array(x2, "np.linalg.cross")
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ShapeError(
            f"np.linalg.cross: expected vectors of length 3 along axis {axis}, got shapes "
            f"{x1.shape} and {x2.shape}."
        )
    return np.cross(x1, x2, axis=axis)


@implements(np.linalg.matmul)
def matmul(x1: Any, x2: Any, /) -> Any:
    """Multiply matrices."""
    return np.matmul(x1, x2)


@implements(np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Multiply vectors along an axis."""
    return np.vecdot(np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1))


@implements(np.linalg.tensordot)
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """Sum products over pairs of axes."""
    return np.tensordot(x1, x2, axes)


@implements(np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """Exchange the last two axes."""
    return np.matrix_transpose(x)


@implements(np.linalg.diagonal)
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """Return a diagonal of matrices in the last two axes."""
    return np.diagonal(x, offset, -2, -1)


@implements(np.linalg.trace)
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Add up a diagonal of matrices in the last two axes."""
    return np.trace(x, offset, -2, -1, dtype)


_EIGENVALUES = (
    "its results are complex in general; for a symmetric matrix use np.linalg.eigh or "
    "np.linalg.eigvalsh, for the eigenvalue of largest magnitude a power iteration"
)
ADVICE.update(
    {
        "np.linalg.eig": _EIGENVALUES,
        "np.linalg.eigvals": _EIGENVALUES,
        "scipy.linalg": "use np.linalg where it has the function, and cr.linalg for triangular "
        "systems",
        "scipy.linalg.cho_factor": "use cr.linalg.cho_factor",
        "scipy.linalg.cho_solve": "use cr.linalg.cho_solve",
        "scipy.linalg.cholesky": "use np.linalg.cholesky, with upper=True for SciPy's default",
        "scipy.linalg.solve_triangular": "use cr.linalg.solve_triangular",
    }
)
for _name in ("det", "eigh", "eigvalsh", "inv", "lstsq", "norm", "pinv", "qr", "solve", "svd"):
    ADVICE[f"scipy.linalg.{_name}"] = f"use np.linalg.{_name}"
for _name in ("lu", "lu_factor", "lu_solve"):
    ADVICE[f"scipy.linalg.{_name}"] = "use np.linalg.solve, np.linalg.det or np.linalg.slogdet"
