r"""Linear least squares, to the last digits that the numbers allow.

The matrix is centered and scaled, factorized once, and the solution is refined. As the residual of
a least-squares solution does not vanish, both are refined together, as the solution of

.. math:: \begin{pmatrix} I & A \\ A^T & 0 \end{pmatrix}
          \begin{pmatrix} r \\ x \end{pmatrix} = \begin{pmatrix} y \\ 0 \end{pmatrix},

by what the two equations leave over, computed in extended precision (NumPy's longdouble: where
that is float64, as on some machines, there is less to be gained).

References
----------
Björck, "Iterative refinement of linear least squares solutions I", BIT 7, 1967.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg

from chainrule.models.arrays import BLOCK

__all__ = ["Solution", "least_squares"]

_REFINEMENTS = 4

Array = npt.NDArray[Any]


class Solution(NamedTuple):
    """Coefficients (n_features, n_targets), intercepts (n_targets,), and what was found out."""

    coef: Array
    intercept: Array
    rank: int
    singular: Array


@dataclass(frozen=True)
class Factors:
    """A matrix as ``Q R``, with orthonormal columns in Q.

    Attributes
    ----------
    Q : ndarray of shape (n, rank)
    solve : callable
        From v to the x with ``R x = v``.
    solve_transposed : callable
        From g to the v with ``R.T v = g``.
    """

    Q: Array
    solve: Callable[[Array], Array]
    solve_transposed: Callable[[Array], Array]


def least_squares(
    X: Array,
    Y: Array,
    weight: Array | None,
    *,
    fit_intercept: bool,
    method: Literal["qr", "svd"],
    tol: float | None,
) -> Solution:
    """Return the coefficients and intercepts with the smallest sum of squared residuals.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    Y : ndarray of shape (n_samples, n_targets)
    weight : ndarray of shape (n_samples,) or None
    fit_intercept : bool
    method : {"qr", "svd"}
        Of many solutions, 'svd' gives the shortest, and 'qr' one with zeros.
    tol : float or None
        What is smaller than this times the largest counts as 0; None is the rounding error.
    """
    X, Y = X.astype(np.float64), Y.astype(np.float64)
    root = np.ones((len(X), 1)) if weight is None else np.sqrt(weight.astype(np.float64))[:, None]
    mean = np.zeros(X.shape[1])
    if fit_intercept:
        mean = np.average(X, axis=0, weights=weight)
    centred = root * (X - mean)
    scale = np.linalg.norm(centred, axis=0)
    varies = scale > len(X) * np.finfo(np.float64).eps * np.abs(mean) * np.linalg.norm(root)
    height = np.average(Y, axis=0, weights=weight) if fit_intercept else np.zeros(Y.shape[1])
    if not varies.any():
        coef = np.zeros((X.shape[1], Y.shape[1]))
        return Solution(coef, height, 0, np.zeros(min(X.shape)))
    if not varies.all():
        # What is left of a constant column is rounding, which would explain anything.
        part = least_squares(
            X[:, varies], Y, weight, fit_intercept=fit_intercept, method=method, tol=tol
        )
        coef = np.zeros((X.shape[1], Y.shape[1]))
        coef[varies] = part.coef
        singular = np.zeros(min(X.shape))
        singular[: len(part.singular)] = part.singular
        return Solution(coef, part.intercept, part.rank, singular)
    singular = np.linalg.svd(centred, compute_uv=False)
    factors = _FACTORIZATIONS[method](centred / scale, tol)
    rank = factors.Q.shape[1]
    if rank < X.shape[1]:
        # Of many solutions the shortest is meant, in the units that were given.
        factors = _FACTORIZATIONS[method](centred, tol)
        rank, scale = factors.Q.shape[1], np.ones_like(scale)
        coef = factors.solve(factors.Q.T @ (root * (Y - height)))
        return Solution(coef, height - mean @ coef, rank, singular)
    if fit_intercept:
        factors = _with_constant(factors, root, mean / scale)
        scale = np.append(scale, 1.0)
    coef = _refined(factors, Design(X, root, fit_intercept), Y, scale[:, None])
    coef, intercept = (coef[:-1], coef[-1]) if fit_intercept else (coef, np.zeros(Y.shape[1]))
    return Solution(coef.astype(np.float64), intercept.astype(np.float64), rank, singular)


@dataclass(frozen=True)
class Design:
    """The matrix of a least-squares problem, multiplied in extended precision, in blocks."""

    X: Array
    root: Array
    has_constant: bool

    def _blocks(self) -> Iterator[tuple[slice, Array]]:
        for start in range(0, len(self.X), BLOCK):
            rows = slice(start, start + BLOCK)
            block = self.X[rows].astype(np.longdouble)
            if self.has_constant:
                block = np.hstack([block, np.ones((len(block), 1), block.dtype)])
            yield rows, self.root[rows] * block

    def residual(self, Y: Array, x: Array, r: Array) -> tuple[Array, Array]:
        """Return ``root Y - r - A x`` and ``-A.T r``."""
        f = np.empty(Y.shape, np.float64)
        g = np.zeros(x.shape, np.longdouble)
        for rows, A in self._blocks():
            f[rows] = self.root[rows] * Y[rows].astype(np.longdouble) - r[rows] - A @ x
            g -= A.T @ r[rows]
        return f, g.astype(np.float64)


def _refined(factors: Factors, design: Design, Y: Array, scale: Array) -> Array:
    """Return x with the smallest ``|Y - A x|``, given the factors of about ``A / scale``."""
    along = factors.Q.T @ (design.root * Y)
    x = (factors.solve(along) / scale).astype(np.longdouble)
    residual = (design.root * Y - factors.Q @ along).astype(np.longdouble)
    for _ in range(_REFINEMENTS):
        f, g = design.residual(Y, x, residual)
        along = factors.Q.T @ f - factors.solve_transposed(g / scale)
        step = factors.solve(along) / scale
        x = x + step
        residual = residual + f - factors.Q @ along
        if np.all(np.abs(step) <= np.finfo(np.float64).eps * np.abs(x)):
            break
    return x


def _by_svd(A: Array, tol: float | None) -> Factors:
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    rank = _rank(s, A, tol)
    U, s, Vt = U[:, :rank], s[:rank, None], Vt[:rank]
    return Factors(U, lambda v: Vt.T @ (v / s), lambda g: (Vt @ g) / s)


def _by_qr(A: Array, tol: float | None) -> Factors:
    Q, R, order = scipy.linalg.qr(A, mode="economic", pivoting=True)
    rank = _rank(np.abs(np.diagonal(R)), A, tol)
    R, kept = R[:rank, :rank], order[:rank]

    def solve(v: Array) -> Array:
        x = np.zeros((A.shape[1], v.shape[1]))
        x[kept] = scipy.linalg.solve_triangular(R, v)
        return x

    return Factors(
        Q[:, :rank], solve, lambda g: scipy.linalg.solve_triangular(R, g[kept], trans="T")
    )


_FACTORIZATIONS: dict[str, Callable[[Array, float | None], Factors]] = {
    "qr": _by_qr,
    "svd": _by_svd,
}


def _with_constant(factors: Factors, root: Array, mean: Array) -> Factors:
    """Return the factors of a matrix with its means put back and a column of ones at the end.

    Centered columns are orthogonal to that column, so that only the solutions change.
    """
    norm = float(np.linalg.norm(root))

    def solve(v: Array) -> Array:
        x = factors.solve(v[:-1])
        return np.vstack([x, v[-1:] / norm - mean @ x])

    def solve_transposed(g: Array) -> Array:
        v = factors.solve_transposed(g[:-1] - mean[:, None] * g[-1:])
        return np.vstack([v, g[-1:] / norm])

    return Factors(np.hstack([factors.Q, root / norm]), solve, solve_transposed)


def _rank(sizes: Array, A: Array, tol: float | None) -> int:
    if tol is None:
        tol = max(A.shape) * float(np.finfo(A.dtype).eps)
    return int(np.sum(sizes > tol * np.max(sizes, initial=0.0)))
