"""Linear algebra: linear systems and determinants; `decompositions` has the rest.

A matrix stands in the last two axes; axes before them make a stack of matrices, which every op
works through one by one. That makes batching free: a batch is one more axis of the stack.

The derivatives follow from differentiating the defining equations, as collected by Giles
(Collected matrix derivative results for forward and reverse mode algorithmic differentiation,
2008) and Seeger, Hetzel, Dai, Meissner and Lawrence (Auto-differentiating linear algebra, 2017).
Two conventions hold throughout. A matrix that an op takes to be symmetric moves as a symmetric
matrix: only the symmetric part of its tangent counts, and its gradient is symmetric. And where a
derivative does not exist, because a matrix is singular or two eigenvalues coincide, the op that
would have to divide by zero raises `LinAlgError`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule._errors import LinAlgError, UnsupportedError
from chainrule.ir import ArrayType, Op, register
from chainrule.ops.family import is_linear
from chainrule.ops.layout import broadcast, reshape, transpose

Shape = tuple[int, ...]


def require_square(name: str, shape: Shape) -> None:
    """Raise `LinAlgError` unless the last two axes of a shape are those of a square matrix."""
    if len(shape) < 2:
        raise LinAlgError(
            f"{name}: expected a matrix or a stack of matrices, got an array of shape {shape}."
        )
    if shape[-1] != shape[-2]:
        raise LinAlgError(
            f"{name}: expected a square matrix in the last two axes, got shape {shape}."
        )


def require_matrix(name: str, shape: Shape) -> None:
    """Raise `LinAlgError` unless a shape has the two axes of a matrix."""
    if len(shape) < 2:
        raise LinAlgError(
            f"{name}: expected a matrix or a stack of matrices, got an array of shape {shape}; "
            "add an axis with [:, None] or [None, :]."
        )


@contextlib.contextmanager
def explained(message: str) -> Iterator[None]:
    """Let NumPy's `LinAlgError` carry a message that says more."""
    try:
        yield
    except np.linalg.LinAlgError as error:
        if isinstance(error, LinAlgError):
            raise
        raise LinAlgError(message) from error


def symmetric_part(x: Any) -> Any:
    """Return the mean of matrices and their transposes."""
    return 0.5 * (x + x.mT)


def _eye_like(x: Any) -> Any:
    return np.eye(x.shape[-1], dtype=x.dtype)


def no_convergence(name: str, a: Any) -> str:
    """Return the message for an iteration of LAPACK's that does not end."""
    return (
        f"{name}: the iteration did not converge on a matrix of shape {a.shape[-2:]}; check that "
        "all its elements are finite."
    )


class MatrixOp(Op):
    """An op on one stack of matrices."""

    def __init__(self) -> None:
        self.name = type(self).__name__.lstrip("_").lower()

    def batch(self, args: Sequence[Any], batched: Sequence[bool], **params: Any) -> tuple[Any, Any]:
        """Put the batch in front of the stack."""
        size = next(arg.shape[0] for arg, is_b in zip(args, batched, strict=True) if is_b)
        spread = [
            arg if is_b else broadcast(arg, shape=(size, *arg.shape))
            for arg, is_b in zip(args, batched, strict=True)
        ]
        return self(*spread, **params), True


class _Cholesky(MatrixOp):
    r"""The lower triangular L of :math:`A = L L^T`, from the lower triangle of A.

    .. math:: \dot L = L \, \Phi(L^{-1} \dot A L^{-T})

    where :math:`\Phi` keeps the lower triangle and half of the diagonal.
    """

    def infer(self, a: ArrayType) -> ArrayType:
        require_square(self.name, a.shape)
        return a

    def evaluate(self, a: Any) -> Any:
        try:
            return np.linalg.cholesky(a)
        except np.linalg.LinAlgError as error:
            raise _not_positive_definite(a) from error

    def tangent(self, out: Any, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        half = triangular_solve(out, symmetric_part(tangents[0]), **_LOWER)
        inner = triangular_solve(out, half.mT, **_LOWER)
        n = out.shape[-1]
        kept = np.tril(np.ones((n, n), out.dtype)) - 0.5 * np.eye(n, dtype=out.dtype)
        return out @ (inner * kept)


def _not_positive_definite(a: Any) -> LinAlgError:
    if not np.isfinite(a).all():
        found = "it contains values that are not finite"
    else:
        found = f"its smallest eigenvalue is {np.linalg.eigvalsh(a).min():.3g}"
    return LinAlgError(
        f"cholesky: expected positive definite matrices of shape {a.shape[-2:]}, but {found}. "
        "Check that the matrix is symmetric; if it is a covariance, add a small multiple of the "
        "identity to it."
    )


class _LinearSystem(MatrixOp):
    """An op ``x(a, b)`` that solves systems with matrix a for every column of b."""

    linear = (1,)

    def infer(self, a: ArrayType, b: ArrayType, **params: Any) -> ArrayType:
        """Return the type of the right-hand sides, which is that of the solution."""
        require_square(self.name, a.shape)
        if b.shape[:-2] != a.shape[:-2] or b.ndim < 2 or b.shape[-2] != a.shape[-1]:
            raise LinAlgError(
                f"{self.name}: a matrix of shape {a.shape} does not fit right-hand sides of shape "
                f"{b.shape}; expected one row per row of the matrix, and the same leading axes."
            )
        return b

    def batch(self, args: Sequence[Any], batched: Sequence[bool], **params: Any) -> tuple[Any, Any]:
        """Let a matrix that all samples share solve for all of them at once, as columns."""
        a, b = args
        if batched[0]:
            return super().batch(args, batched, **params)
        last = b.ndim - 1
        columns = transpose(b, axes=(*range(1, last + 1), 0))
        shape = columns.shape
        flat = reshape(columns, shape=(*shape[:-2], shape[-2] * shape[-1]))
        solved = reshape(self(a, flat, **params), shape=shape)
        return transpose(solved, axes=(last, *range(last))), True


class _Solve(_LinearSystem):
    r"""The solution of :math:`A X = B`, with :math:`\dot X = A^{-1} (\dot B - \dot A X)`."""

    def evaluate(self, a: Any, b: Any) -> Any:
        with explained(
            f"solve: a matrix of shape {a.shape[-2:]} is singular: it has no inverse, and a system "
            "with it no unique solution. np.linalg.pinv and np.linalg.lstsq allow for that."
        ):
            return np.linalg.solve(a, b)

    def tangent(self, out: Any, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        da, db = tangents
        if da is None:
            return self(primals[0], db)
        return self(primals[0], -(da @ out) if db is None else db - da @ out)

    def transpose(self, cotangent: Any, inputs: Sequence[Any]) -> Sequence[Any]:
        return None, self(inputs[0].mT, cotangent)


class _TriangularSolve(_LinearSystem):
    """The solution of ``T x = b``, or of ``T^T x = b``, for a triangular T.

    Only the triangle named by ``lower`` is read; with ``unit_diagonal`` not even its diagonal,
    which is taken to be ones.
    """

    def __init__(self) -> None:
        self.name = "triangular_solve"

    def evaluate(
        self, a: Any, b: Any, *, lower: bool, transposed: bool, unit_diagonal: bool
    ) -> Any:
        from scipy.linalg import lapack

        if b.size == 0:
            return np.zeros(b.shape, b.dtype)
        routine = lapack.strtrs if a.dtype == np.float32 else lapack.dtrtrs
        out = np.empty(b.shape, b.dtype)
        for where in np.ndindex(a.shape[:-2]):
            # LAPACK reads columns first: what it sees in our rows is the transpose.
            solved, position = routine(
                a[where].T, b[where], lower=not lower, trans=not transposed, unitdiag=unit_diagonal
            )
            if position > 0:
                raise LinAlgError(
                    f"triangular_solve: element {position - 1} on the diagonal of a triangular "
                    f"matrix of shape {a.shape[-2:]} is zero, so that the matrix is singular. In "
                    "the derivative of a QR factorization it means that the matrix has not full "
                    "rank, and there is no derivative."
                )
            out[where] = solved
        return out

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        da, db = tangents
        if da is None:
            return self(primals[0], db, **params)
        read = np.tri(da.shape[-1], k=-1 if params["unit_diagonal"] else 0, dtype=bool)
        da = np.where(read if params["lower"] else read.T, da, 0.0)
        moved = (da.mT if params["transposed"] else da) @ out
        return self(primals[0], -moved if db is None else db - moved, **params)

    def transpose(self, cotangent: Any, inputs: Sequence[Any], **params: Any) -> Sequence[Any]:
        turned = {**params, "transposed": not params["transposed"]}
        return None, self(inputs[0], cotangent, **turned)


_LOWER = {"lower": True, "transposed": False, "unit_diagonal": False}


class _Slogdet(MatrixOp):
    r"""Sign and logarithm of the determinant.

    .. math:: \dot{(\log |\det A|)} = \mathrm{tr}(A^{-1} \dot A)
    """

    multiple = True

    def infer(self, a: ArrayType) -> tuple[ArrayType, ArrayType]:
        require_square(self.name, a.shape)
        scalar = ArrayType(a.shape[:-2], a.dtype)
        return scalar, scalar

    def evaluate(self, a: Any) -> Any:
        return tuple(np.linalg.slogdet(a))

    def tangent(self, out: Any, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        a = primals[0]
        inverse = solve(a, np.broadcast_to(_eye_like(a), a.shape))
        return None, (inverse.mT * tangents[0]).sum(axis=(-2, -1))


class _Det(MatrixOp):
    """The determinant. Its derivative is the matrix of cofactors, also at a singular matrix."""

    def infer(self, a: ArrayType) -> ArrayType:
        require_square(self.name, a.shape)
        return ArrayType(a.shape[:-2], a.dtype)

    def evaluate(self, a: Any) -> Any:
        return np.linalg.det(a)

    def tangent(self, out: Any, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        return (cofactors(primals[0]) * tangents[0]).sum(axis=(-2, -1))


class _Cofactors(MatrixOp):
    r"""The cofactor matrix of A, or its derivative at A along a direction X.

    In the bases of the singular vectors, A is the diagonal matrix of its singular values s, and
    the cofactors and their derivatives are products of those of s that are left when one or two
    are taken out. Nothing is divided, so that A may be singular:

    .. math::

        C(A) &= \det(U V^T) \; U \, \mathrm{diag}\Big(\prod_{k \ne i} s_k\Big) V^T \\
        \partial_X C(A) &= \det(U V^T) \; U D V^T, \qquad
        D_{ii} = \sum_{j \ne i} \pi_{ij} Y_{jj}, \quad D_{ij} = -\pi_{ij} Y_{ji}, \quad
        \pi_{ij} = \prod_{k \ne i, j} s_k

    where :math:`Y = U^T X V`. The second form is linear in X, and symmetric:
    :math:`\langle Z, \partial_X C \rangle = \langle X, \partial_Z C \rangle`.
    """

    linear = (1,)

    def infer(self, a: ArrayType, *directions: ArrayType) -> ArrayType:
        require_square(self.name, a.shape)
        return a

    def evaluate(self, a: Any, *directions: Any) -> Any:
        with explained(no_convergence("det", a)):
            u, s, vt = np.linalg.svd(a)
        sign = np.sign(np.linalg.det(u) * np.linalg.det(vt))[..., None, None]
        if not directions:
            return (sign * u * _others(s)[..., None, :]) @ vt
        y = np.swapaxes(u, -1, -2) @ directions[0] @ np.swapaxes(vt, -1, -2)
        diagonal = np.eye(s.shape[-1], dtype=bool)
        # Row i without s_i, then each element's own product of the others: without s_i and s_j.
        pairs = _others(np.where(diagonal, s.dtype.type(1), s[..., None, :]))
        pairs = np.where(diagonal, s.dtype.type(0), pairs)
        own = (pairs @ np.diagonal(y, 0, -2, -1)[..., None])[..., 0]
        d = np.where(diagonal, own[..., None, :], -pairs * np.swapaxes(y, -1, -2))
        return sign * (u @ d @ vt)

    def tangent(self, out: Any, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        a, *directions = primals
        if not directions:
            return self(a, tangents[0])
        if tangents[0] is not None:
            raise UnsupportedError(
                "np.linalg.det: derivatives of third and higher order are not provided; write the "
                "determinant as sign * np.exp(logarithm) with both from np.linalg.slogdet, which "
                "has them for matrices that are not singular."
            )
        return self(a, tangents[1])

    def transpose(self, cotangent: Any, inputs: Sequence[Any]) -> Sequence[Any]:
        a, direction = inputs
        return None, self(a, cotangent) if is_linear(direction) else None


def _others(x: Any) -> Any:
    """Return, for every element along the last axis, the product of all the others."""
    ones = np.ones((*x.shape[:-1], 1), x.dtype)
    before = np.cumprod(np.concatenate([ones, x[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([ones, x[..., :0:-1]], -1), -1)[..., ::-1]
    return (before * after)[..., : x.shape[-1]]


cholesky = register(_Cholesky())
solve = register(_Solve())
triangular_solve = register(_TriangularSolve())
slogdet = register(_Slogdet())
det = register(_Det())
cofactors = register(_Cofactors())
