r"""Linear least squares by products with the matrix alone, for those that are large and sparse.

Golub and Kahan's bidiagonalization needs nothing of A but :math:`A v` and :math:`A^T u`, so that
centering is done in passing, :math:`(X - 1 m^T) v = X v - 1 (m^T v)`, and nothing becomes dense.
It begins at 0 and never leaves the space of A's rows, so that of many solutions it finds the
shortest.

How far to go is decided by what a solution is: no column is left that would explain any more of
the targets. LSMR itself looks at the gradient as a whole, in which columns of small numbers do not
count; so it is begun again, on what is left over, until none of them does, or rounding allows no
more.

References
----------
Fong and Saunders, "LSMR: An iterative algorithm for sparse least-squares problems", SIAM Journal on
Scientific Computing 33, 2011.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.sparse.linalg import LinearOperator, lsmr

from chainrule.models.arrays import check_squares

__all__ = ["IterativeSolution", "least_squares_by_products"]

Array = npt.NDArray[Any]


class IterativeSolution(NamedTuple):
    """Coefficients (n_features, n_targets), intercepts (n_targets,), and how they were found."""

    coef: Array
    intercept: Array
    n_iter: int
    converged: bool


def least_squares_by_products(
    X: Any, Y: Array, weight: Array | None, *, fit_intercept: bool, tol: float, max_iter: int
) -> IterativeSolution:
    """Return the coefficients and intercepts with the smallest sum of squared residuals.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        Used as it is if it is one of float64.
    Y : ndarray of shape (n_samples, n_targets)
    weight : ndarray of shape (n_samples,) or None
    fit_intercept : bool
    tol : float
        The largest correlation of a column and what is left over that is small enough, relative
        to the targets' length.
    max_iter : int
        The largest number of iterations for a target.
    """
    X, Y = X.astype(np.float64, copy=False), Y.astype(np.float64)
    w = np.ones(X.shape[0]) if weight is None else weight.astype(np.float64)
    mean, height = np.zeros(X.shape[1]), np.zeros(Y.shape[1])
    if fit_intercept:
        mean, height = (w @ X) / np.sum(w), (w @ Y) / np.sum(w)
    design = _centered(X, mean, np.sqrt(w))
    lengths = _lengths(X, mean, w)
    targets = np.sqrt(w)[:, None] * (Y - height)
    found = [_solved(design, lengths, target, tol, max_iter) for target in targets.T]
    coef = np.column_stack([x for x, _, _ in found])
    return IterativeSolution(
        coef,
        height - mean @ coef,
        max(n_iter for _, n_iter, _ in found),
        all(converged for _, _, converged in found),
    )


def _centered(X: Any, mean: Array, root: Array) -> LinearOperator:
    """Return ``root (X - 1 mean^T)``, as products."""

    def times(v: Array) -> Array:
        return root * (X @ v.ravel() - mean @ v.ravel())

    def transposed_times(u: Array) -> Array:
        u = root * u.ravel()
        return X.T @ u - mean * np.sum(u)

    return LinearOperator(X.shape, times, transposed_times, dtype=np.float64)


def _lengths(X: Any, mean: Array, w: Array) -> Array:
    """Return the length of each centered column, infinite for those that are constant."""
    with np.errstate(over="ignore"):
        is_sparse = scipy.sparse.issparse(X)
        raw = w @ X.multiply(X) if is_sparse else np.einsum("i,ij,ij->j", w, X, X)
    check_squares("X", raw)
    squares = raw - np.sum(w) * mean**2
    rounding = X.shape[0] * np.finfo(np.float64).eps * raw
    return np.where(squares > rounding, np.sqrt(np.maximum(squares, 0.0)), np.inf)


def _solved(
    design: LinearOperator, lengths: Array, target: Array, tol: float, max_iter: int
) -> tuple[Array, int, bool]:
    """Return the solution for one target, the iterations it took, and whether it is one."""
    x, left, n_iter, least = np.zeros(len(lengths)), target, 0, np.inf
    while True:
        explained = np.max(np.abs(design.rmatvec(left)) / lengths, initial=0.0)
        if explained <= tol * np.linalg.norm(target):
            return x, n_iter, True
        if n_iter >= max_iter or explained > 0.5 * least:
            return x, n_iter, False
        least = explained
        step, _, done, *_ = lsmr(design, left, atol=tol, btol=tol, maxiter=max_iter - n_iter)
        x, n_iter = x + step, n_iter + max(done, 1)
        left = target - design.matvec(x)
