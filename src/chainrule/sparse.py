"""Matrices of which only the numbers that are not zero are kept.

A sparse matrix is three arrays of equal length: numbers, and the row and the column each of them
stands in. Its product with an array gathers a row of that array for every number, multiplies, and
adds up by rows:

    (A W)[i] = sum over the numbers k in row i of values[k] * W[columns[k]]

That is written with `chainrule.at` and indexing, so that it is traced, compiled and differentiated
as all else is. The derivative of gathering is adding up, and so the gradient comes out as the
product with the transposed matrix, which is never formed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from chainrule import _tree as tree
from chainrule._errors import ArgumentTypeError, IndexingError, ShapeError
from chainrule.frontend import asarray, at

__all__ = ["SparseMatrix"]


@dataclass(frozen=True)
class SparseMatrix:
    """A matrix by the numbers that are not zero; a pytree, for functions that are compiled.

    Parameters
    ----------
    values : ndarray of shape (n_stored,)
        Of a float dtype.
    rows, columns : ndarray of int of shape (n_stored,)
        Their places, by ascending rows, none of them twice.
    shape : tuple of int

    Examples
    --------
    >>> import chainrule as cr, scipy.sparse
    >>> A = SparseMatrix.of(scipy.sparse.csr_array([[0.0, 2.0], [3.0, 0.0]]))
    >>> A @ np.array([1.0, 10.0])
    array([20.,  3.])
    >>> cr.grad(lambda w: np.sum(A @ w))(np.zeros(2))
    array([3., 2.])
    """

    values: Any
    rows: Any
    columns: Any
    shape: tuple[int, int] = tree.static_field()

    @classmethod
    def of(cls, matrix: Any) -> Self:
        """Take over a sparse matrix or array of SciPy, in any of its formats.

        Raises
        ------
        ArgumentTypeError
            If it holds no real numbers.
        """
        if matrix.dtype.kind not in "biuf":
            raise ArgumentTypeError(
                f"SparseMatrix.of: matrix: expected real numbers, got dtype {matrix.dtype}."
            )
        matrix = matrix.tocsr()
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        entries = matrix.tocoo()
        values = entries.data if entries.dtype.kind == "f" else entries.data.astype(np.float64)
        rows, columns = (index.astype(np.int64) for index in (entries.row, entries.col))
        return cls(values, rows, columns, (int(entries.shape[0]), int(entries.shape[1])))

    ndim = 2

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the numbers."""
        return self.values.dtype

    def astype(self, dtype: npt.DTypeLike) -> SparseMatrix:
        """Return the matrix in another float dtype; the places are shared."""
        values = self.values.astype(dtype, copy=False)
        return SparseMatrix(values, self.rows, self.columns, self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> SparseMatrix:
        """Return some rows in a row, as ``A[10:20]``; not of a matrix that is traced.

        Raises
        ------
        IndexingError
            If it is asked for anything but a slice without a step.
        """
        if not isinstance(part, slice) or part.step not in (None, 1):
            raise IndexingError(
                f"SparseMatrix: expected a slice of rows without a step, such as A[10:20], got "
                f"{part!r}."
            )
        start, stop, _ = part.indices(self.shape[0])
        stop = max(start, stop)
        kept = slice(*np.searchsorted(self.rows, (start, stop)))
        rows = self.rows[kept] - start
        return SparseMatrix(
            self.values[kept], rows, self.columns[kept], (stop - start, self.shape[1])
        )

    def __matmul__(self, other: Any) -> Any:
        """Return the product with an array of shape (n_columns,) or (n_columns, k)."""
        other = asarray(other)
        if other.ndim not in (1, 2) or other.shape[0] != self.shape[1]:
            raise ShapeError(
                f"SparseMatrix: @: expected an array of shape ({self.shape[1]},) or "
                f"({self.shape[1]}, k) to multiply one of shape {self.shape} with, got "
                f"{other.shape}."
            )
        values = self.values if other.ndim == 1 else asarray(self.values)[:, None]
        terms = values * other[self.columns]
        return at(np.zeros((self.shape[0], *other.shape[1:]), terms.dtype))[self.rows].add(terms)
