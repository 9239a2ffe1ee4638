"""Decompositions into orthogonal factors, and what is made of them.

The conventions are those of `chainrule.ops.linalg`. Derivatives of eigenvectors and singular
vectors are quotients by the gaps between eigenvalues; `divide_by_gaps` is where they fail to exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule._errors import LinAlgError, UnsupportedError
from chainrule.ir import ArrayType, register
from chainrule.ops.linalg import (
    MatrixOp,
    explained,
    no_convergence,
    require_square,
    symmetric_part,
    triangular_solve,
)

_UPPER_TRANSPOSED = {"lower": False, "transposed": True, "unit_diagonal": False}


class _Qr(MatrixOp):
    r"""Q with orthonormal columns and upper triangular R with :math:`A = Q R`, A not wide.

    With :math:`C = \dot A R^{-1}` and the upper triangular part T that is left of
    :math:`Q^T C` when a skew matrix is taken away from it,

    .. math:: \dot Q = C - Q T, \qquad \dot R = T R
    """

    multiple = True

    def infer(self, a: ArrayType) -> tuple[ArrayType, ArrayType]:
        m, n = a.shape[-2:]
        if m < n:
            raise LinAlgError(f"qr: expected at least as many rows as columns, got {a.shape}.")
        return a, ArrayType((*a.shape[:-2], n, n), a.dtype)

    def evaluate(self, a: Any) -> Any:
        return tuple(np.linalg.qr(a))

    def tangent(self, out: Any, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        q, r = out
        c = triangular_solve(r, tangents[0].mT, **_UPPER_TRANSPOSED).mT
        projected = q.mT @ c
        below = np.where(np.tri(r.shape[-1], k=-1, dtype=bool), projected, 0.0)
        t = projected - below + below.mT
        return c - q @ t, t @ r


def _diagonal(x: Any) -> Any:
    return np.diagonal(x, 0, -2, -1)


class _DivideByGaps(MatrixOp):
    r"""Elements divided by the gap between the value of their column and that of their row.

    .. math:: z_{ij} = \frac{p_{ij}}{y_j - x_i}

    This is where derivatives of eigenvectors and singular vectors do not exist if a gap is zero;
    it raises `LinAlgError` then. With ``own``, x and y are the same values, and the diagonal of
    the result is zero.
    """

    linear = (0,)

    def __init__(self) -> None:
        self.name = "divide_by_gaps"

    def infer(self, p: ArrayType, x: ArrayType, y: ArrayType, *, own: bool, what: str) -> ArrayType:
        return p

    def evaluate(self, p: Any, x: Any, y: Any, *, own: bool, what: str) -> Any:
        gaps = y[..., None, :] - x[..., :, None]
        if not gaps.size:
            return p
        largest = np.maximum(np.abs(x).max(-1), np.abs(y).max(-1))
        # Computed values of equal eigenvalues differ by rounding; a gap within ten times its
        # bound holds no digit of the true gap.
        bound = 10 * max(p.shape[-2:]) * np.finfo(p.dtype).eps * largest
        closed = np.abs(gaps) <= bound[..., None, None]
        if own:
            diagonal = np.eye(p.shape[-1], dtype=bool)
            closed &= ~diagonal
            gaps = np.where(diagonal, np.inf, gaps)
        if closed.any():
            *_, i, j = (int(positions[0]) for positions in np.nonzero(closed))
            raise LinAlgError(_coincidence(what, i, j, own))
        return p / gaps.astype(p.dtype)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        (_, x, y), (dp, dx, dy) = primals, tangents
        moved = dp
        if dx is not None:
            term = out * dx[..., :, None]
            moved = term if moved is None else moved + term
        if dy is not None:
            term = out * dy[..., None, :]
            moved = -term if moved is None else moved - term
        return self(moved, x, y, **params)

    def transpose(self, cotangent: Any, inputs: Sequence[Any], **params: Any) -> Sequence[Any]:
        return self(cotangent, *inputs[1:], **params), None, None


def _coincidence(what: str, i: int, j: int, own: bool) -> str:
    values, vectors = what.split(" and ")
    if own:
        problem = f"{values} {i} and {j} are equal to within rounding"
    else:
        problem = f"{values[:-1]} {j} is zero to within rounding"
    return (
        f"derivative of {vectors}: {problem}, so that the {vectors} are not determined and have "
        f"no derivative. Derivatives of the {values} alone exist, by np.linalg.eigvalsh or "
        "np.linalg.svdvals; of second order they exist only where all differ."
    )


divide_by_gaps = register(_DivideByGaps())


class _Eigvalsh(MatrixOp):
    r"""Eigenvalues of a symmetric matrix, ascending, with :math:`\dot w_i = v_i^T \dot A v_i`."""

    def infer(self, a: ArrayType, *, lower: bool) -> ArrayType:
        require_square(self.name, a.shape)
        return ArrayType(a.shape[:-1], a.dtype)

    def evaluate(self, a: Any, *, lower: bool) -> Any:
        with explained(no_convergence("eigvalsh", a)):
            return np.linalg.eigvalsh(a, "L" if lower else "U")

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], *, lower: bool
    ) -> Any:
        _, v = eigh(primals[0], lower=lower)
        return (v * (tangents[0] @ v)).sum(axis=-2)


class _Eigh(MatrixOp):
    r"""Eigenvalues w and eigenvectors V of a symmetric matrix, from one of its triangles.

    With :math:`P = V^T \dot A V`,

    .. math:: \dot w_i = P_{ii}, \qquad \dot V = V F, \quad F_{ij} = P_{ij} / (w_j - w_i)
    """

    multiple = True

    def infer(self, a: ArrayType, *, lower: bool) -> tuple[ArrayType, ArrayType]:
        require_square(self.name, a.shape)
        return ArrayType(a.shape[:-1], a.dtype), a

    def evaluate(self, a: Any, *, lower: bool) -> Any:
        with explained(no_convergence("eigh", a)):
            return tuple(np.linalg.eigh(a, "L" if lower else "U"))

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], *, lower: bool
    ) -> Any:
        w, v = out
        p = v.mT @ symmetric_part(tangents[0]) @ v
        f = divide_by_gaps(p, w, w, own=True, what="eigenvalues and eigenvectors")
        return _diagonal(p), v @ f


_SINGULAR = "singular values and singular vectors"


class _Svdvals(MatrixOp):
    r"""Singular values, descending, with :math:`\dot s_i = u_i^T \dot A v_i`, and 0 at a zero."""

    def infer(self, a: ArrayType) -> ArrayType:
        return ArrayType((*a.shape[:-2], min(a.shape[-2:])), a.dtype)

    def evaluate(self, a: Any) -> Any:
        with explained(no_convergence("svdvals", a)):
            return np.linalg.svd(a, compute_uv=False)

    def tangent(self, out: Any, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        u, s, vt = svd(primals[0], full=False)
        return np.where(s == 0, 0.0, (u * (tangents[0] @ vt.mT)).sum(axis=-2))


class _Svd(MatrixOp):
    r"""Singular value decomposition :math:`A = U \, \mathrm{diag}(s) \, V^T`.

    With :math:`P = U^T \dot A V`, the rotations :math:`\Omega_U = U^T \dot U` and
    :math:`\Omega_V = V^T \dot V` are skew, and off the diagonal

    .. math::

        (\Omega_U + \Omega_V)_{ij} = \frac{P_{ij} + P_{ji}}{s_j - s_i}, \qquad
        (\Omega_U - \Omega_V)_{ij} = \frac{P_{ij} - P_{ji}}{s_j + s_i}

    What leaves the span of U is :math:`(1 - U U^T) \dot A V s^{-1}`, and likewise for V.
    """

    multiple = True

    def infer(self, a: ArrayType, *, full: bool) -> tuple[ArrayType, ArrayType, ArrayType]:
        *stack, m, n = a.shape
        k = min(m, n)
        rows, columns = (m, n) if full else (k, k)
        return (
            ArrayType((*stack, m, rows), a.dtype),
            ArrayType((*stack, k), a.dtype),
            ArrayType((*stack, columns, n), a.dtype),
        )

    def evaluate(self, a: Any, *, full: bool) -> Any:
        with explained(no_convergence("svd", a)):
            return tuple(np.linalg.svd(a, full_matrices=full))

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], *, full: bool
    ) -> Any:
        u, s, vt = out
        da, (m, n) = tangents[0], primals[0].shape[-2:]
        if full and m != n:
            raise UnsupportedError(
                f"np.linalg.svd: with full_matrices=True the extra singular vectors of a matrix of "
                f"shape {primals[0].shape} are not determined by it and have no derivative; use "
                "full_matrices=False."
            )
        v = vt.mT
        p = u.mT @ da @ v
        total = divide_by_gaps(p + p.mT, s, s, own=True, what=_SINGULAR)
        sums = s[..., None, :] + s[..., :, None]
        # Where a sum is zero, so is the gap, which is not allowed; or it is on the diagonal.
        difference = (p - p.mT) / np.where(sums == 0, 1.0, sums)
        du = u @ (0.5 * (total + difference))
        dv = v @ (0.5 * (total - difference))
        if m > n:
            du = du + _outside(u, da @ v, s)
        if n > m:
            dv = dv + _outside(v, da.mT @ u, s)
        return du, np.where(s == 0, 0.0, _diagonal(p)), dv.mT


def _outside(vectors: Any, moved: Any, s: Any) -> Any:
    """Return what of ``moved / s`` is orthogonal to the vectors."""
    rest = moved - vectors @ (vectors.mT @ moved)
    zeros = np.zeros(rest.shape[:-1], rest.dtype)
    return divide_by_gaps(rest, zeros, s, own=False, what=_SINGULAR)


class _Pinv(MatrixOp):
    r"""The pseudo-inverse :math:`A^+`; singular values up to ``cutoff`` times the largest are 0.

    .. math::

        \dot{(A^+)} = -A^+ \dot A A^+ + A^+ A^{+T} \dot A^T (1 - A A^+)
                      + (1 - A^+ A) \dot A^T A^{+T} A^+

    for a rank that does not change (Golub and Pereyra, The differentiation of pseudo-inverses and
    nonlinear least squares problems whose variables separate, 1973).
    """

    def infer(self, a: ArrayType, *, cutoff: float, hermitian: bool) -> ArrayType:
        return ArrayType((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)

    def evaluate(self, a: Any, *, cutoff: float, hermitian: bool) -> Any:
        with explained(no_convergence("pinv", a)):
            return np.linalg.pinv(a, rtol=cutoff, hermitian=hermitian)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        a, turned = primals[0], tangents[0].mT
        left = turned - (turned @ a) @ out
        right = turned - out @ (a @ turned)
        return out @ (out.mT @ left) - out @ tangents[0] @ out + right @ out.mT @ out


qr = register(_Qr())
eigvalsh = register(_Eigvalsh())
eigh = register(_Eigh())
svdvals = register(_Svdvals())
svd = register(_Svd())
pinv = register(_Pinv())
