r"""Linear least squares, to the last digits that the numbers allow.

The matrix is centered and scaled, brought to a triangle by orthogonal transformations,
:math:`A = Q R`, in place, and all that depends on the method is done with R, which is as small as
there are columns. The solution is refined. As the residual of a least-squares solution does not
vanish, both are refined together, as the solution of

.. math:: \begin{pmatrix} I & A \\ A^T & 0 \end{pmatrix}
          \begin{pmatrix} r \\ x \end{pmatrix} = \begin{pmatrix} y \\ 0 \end{pmatrix},

by what the two equations leave over, computed in extended precision (NumPy's longdouble: where
that is float64, as on some machines, there is less to be gained).

References
----------
Björck, "Iterative refinement of linear least squares solutions I", BIT 7, 1967. Chan, "An improved
algorithm for computing the singular value decomposition", ACM Transactions on Mathematical Software
8, 1982, on triangles first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.optimize

from chainrule.models.arrays import check_squares
from chainrule.nn.moments import blocks, mean_and_variance

__all__ = ["Solution", "least_squares", "nonnegative_least_squares"]

_REFINEMENTS = 4

Array = npt.NDArray[Any]


class Solution(NamedTuple):
    """Coefficients (n_features, n_targets), intercepts (n_targets,), and what was found out."""

    coef: Array
    intercept: Array
    rank: int
    singular: Array


class Small(NamedTuple):
    """What is known of a small matrix R, as far as it is not singular.

    Attributes
    ----------
    rank : int
    solve : callable
        From v to an x with ``R x = v``, or as close as may be.
    solve_transposed : callable
        From g to the v with ``R.T v = g``, for an R of full rank.
    """

    rank: int
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

    It takes one working copy of X, in float64, if there are no more columns than rows.

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

    Raises
    ------
    InvalidArgumentError
        If the squares of a column overflow.
    """
    n_features, Y = X.shape[1], Y.astype(np.float64)
    root = _root(X, weight)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, variance = mean_and_variance(X, weight)
        if not fit_intercept:
            mean, variance = np.zeros(n_features), variance + np.square(mean)
    check_squares("X", variance)
    norm = float(np.linalg.norm(root))
    scale = norm * np.sqrt(variance)
    height = np.average(Y, axis=0, weights=weight) if fit_intercept else np.zeros(Y.shape[1])
    coef, singular = np.zeros((n_features, Y.shape[1])), np.zeros(min(X.shape))
    # What is left of a constant column is rounding, which would explain anything.
    columns = np.flatnonzero(scale > len(X) * np.finfo(np.float64).eps * np.abs(mean) * norm)
    if not len(columns):
        return Solution(coef, height, 0, singular)
    mean, scale = mean[columns], scale[columns]
    if tol is None:
        tol = max(len(X), len(columns)) * float(np.finfo(np.float64).eps)
    design = Design(X, root, columns, fit_intercept)
    Q, R = _triangle(design, mean, scale)
    found = np.linalg.svd(R * scale, compute_uv=False)
    singular[: len(found)] = found
    small = _METHODS[method](R, tol)
    if small.rank == len(columns):
        factors = Factors(Q, small, mean / scale, root if fit_intercept else None)
        scales = np.append(scale, 1.0) if fit_intercept else scale
        x = _refined(factors, design, Y, scales[:, None]).astype(np.float64)
        part, intercept = (x[:-1], x[-1]) if fit_intercept else (x, height)
    else:
        # Of many solutions the shortest is meant, in the units that were given.
        small = _METHODS[method](R * scale, tol)
        part = small.solve(Q.T @ (root * (Y - height)))
        intercept = height - mean @ part
    coef[columns] = part
    return Solution(coef, intercept, small.rank, singular)


def nonnegative_least_squares(X: Array, Y: Array, weight: Array | None, mean: Array) -> Array:
    """Return the coefficients, none below 0, with the smallest sum of squared residuals.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    Y : ndarray of shape (n_samples, n_targets)
    weight : ndarray of shape (n_samples,) or None
    mean : ndarray of shape (n_features,)
        What is subtracted from the columns.

    Returns
    -------
    ndarray of shape (n_features, n_targets)
    """
    n_features = X.shape[1]
    design = Design(X, _root(X, weight), np.arange(n_features), has_constant=False)
    Q, R = _triangle(design, mean, np.ones(n_features))
    along = Q.T @ (design.root * Y)
    return np.stack([scipy.optimize.nnls(R, b)[0] for b in along.T], axis=1)


def _root(X: Array, weight: Array | None) -> Array:
    """Return the roots of the weights, as a column."""
    weights = np.ones(len(X)) if weight is None else weight.astype(np.float64)
    return np.sqrt(weights)[:, None]


def _triangle(design: Design, mean: Array, scale: Array) -> tuple[Array, Array]:
    """Return Q and R of the standardized columns, Q in the memory of these."""
    A = design.standardized(mean, scale)
    Q, R = scipy.linalg.qr(A, overwrite_a=True, mode="economic", check_finite=False)
    return Q, R


@dataclass(frozen=True)
class Design:
    """The matrix of a least-squares problem: some columns of X, their rows weighted.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_columns)
    root : ndarray of shape (n_samples, 1)
        Of the weights.
    columns : ndarray of int
        Which of X are taken.
    has_constant : bool
        Whether a column of ones comes after them.
    """

    X: Array
    root: Array
    columns: Array
    has_constant: bool

    def _blocks(self, dtype: Any) -> Iterator[tuple[slice, Array]]:
        all_are_taken = len(self.columns) == self.X.shape[1]
        for rows in blocks(self.X):
            block = self.X[rows] if all_are_taken else self.X[rows, self.columns]
            yield rows, block.astype(dtype)

    def standardized(self, mean: Array, scale: Array) -> Array:
        """Return the columns without mean, divided by scale, one after the other in memory."""
        A = np.empty((len(self.X), len(self.columns)), order="F")
        for rows, block in self._blocks(np.float64):
            block -= mean
            block *= self.root[rows]
            np.divide(block, scale, out=A[rows])
        return A

    def residual(self, Y: Array, x: Array, r: Array) -> tuple[Array, Array]:
        """Return ``root Y - r - A x`` and ``-A.T r``, computed in extended precision."""
        f = np.empty(Y.shape, np.float64)
        g = np.zeros(x.shape, np.longdouble)
        for rows, A in self._blocks(np.longdouble):
            if self.has_constant:
                A = np.hstack([A, np.ones((len(A), 1), A.dtype)])
            A *= self.root[rows]
            f[rows] = self.root[rows] * Y[rows].astype(np.longdouble) - r[rows] - A @ x
            g -= A.T @ r[rows]
        return f, g.astype(np.float64)


@dataclass(frozen=True)
class Factors:
    """A standardized matrix of full rank with a constant put back, as ``Q R``.

    Centered columns are orthogonal to the one of ones, so that Q needs only one column more.

    Attributes
    ----------
    Q : ndarray of shape (n_samples, n_columns)
        Orthonormal columns, of the matrix without means.
    small : Small
        Its R.
    mean : ndarray of shape (n_columns,)
        In units of the scales.
    ones : ndarray of shape (n_samples, 1) or None
        The roots of the weights; None if there is no constant.
    """

    Q: Array
    small: Small
    mean: Array
    ones: Array | None

    @property
    def _norm(self) -> float:
        return float(np.linalg.norm(self.ones)) if self.ones is not None else 1.0

    def along(self, v: Array) -> Array:
        """Return ``Q.T v``."""
        inner = self.Q.T @ v
        return inner if self.ones is None else np.vstack([inner, self.ones.T @ v / self._norm])

    def back(self, v: Array) -> Array:
        """Return ``Q v``."""
        if self.ones is None:
            return self.Q @ v
        return self.Q @ v[:-1] + self.ones @ (v[-1:] / self._norm)

    def solve(self, v: Array) -> Array:
        """Return the x with ``R x = v``."""
        if self.ones is None:
            return self.small.solve(v)
        x = self.small.solve(v[:-1])
        return np.vstack([x, v[-1:] / self._norm - self.mean @ x])

    def solve_transposed(self, g: Array) -> Array:
        """Return the v with ``R.T v = g``."""
        if self.ones is None:
            return self.small.solve_transposed(g)
        v = self.small.solve_transposed(g[:-1] - self.mean[:, None] * g[-1:])
        return np.vstack([v, g[-1:] / self._norm])


def _refined(factors: Factors, design: Design, Y: Array, scale: Array) -> Array:
    """Return x with the smallest ``|Y - A x|``, given the factors of about ``A / scale``."""
    along = factors.along(design.root * Y)
    x = (factors.solve(along) / scale).astype(np.longdouble)
    residual = (design.root * Y - factors.back(along)).astype(np.longdouble)
    for _ in range(_REFINEMENTS):
        f, g = design.residual(Y, x, residual)
        along = factors.along(f) - factors.solve_transposed(g / scale)
        step = factors.solve(along) / scale
        x = x + step
        residual = residual + f - factors.back(along)
        if np.all(np.abs(step) <= np.finfo(np.float64).eps * np.abs(x)):
            break
    return x


def _by_svd(R: Array, tol: float) -> Small:
    U, s, Vt = np.linalg.svd(R, full_matrices=False)
    rank = _rank(s, tol)
    U, s, Vt = U[:, :rank], s[:rank, None], Vt[:rank]
    return Small(rank, lambda v: Vt.T @ (U.T @ v / s), lambda g: U @ (Vt @ g / s))


def _by_qr(R: Array, tol: float) -> Small:
    Q, T, order = scipy.linalg.qr(R, mode="economic", pivoting=True)
    rank = _rank(np.abs(np.diagonal(T)), tol)
    Q, T, kept = Q[:, :rank], T[:rank, :rank], order[:rank]

    def solve(v: Array) -> Array:
        x = np.zeros((R.shape[1], v.shape[1]))
        x[kept] = scipy.linalg.solve_triangular(T, Q.T @ v)
        return x

    return Small(rank, solve, lambda g: Q @ scipy.linalg.solve_triangular(T, g[kept], trans="T"))


_METHODS: dict[str, Callable[[Array, float], Small]] = {"qr": _by_qr, "svd": _by_svd}


def _rank(sizes: Array, tol: float) -> int:
    return int(np.sum(sizes > tol * np.max(sizes, initial=0.0)))
