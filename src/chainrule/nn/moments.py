"""Mean and variance of each feature, taken a few rows at a time.

The numbers are added up in float64, whatever they are stored in; converting all of them at once
would take more memory than the data themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["blocks", "mean_and_variance"]

_BLOCK_SIZE = 2**18
"""Numbers looked at at a time: 2 MB in float64, which stay in the cache."""


def blocks(X: npt.NDArray[Any]) -> Iterator[slice]:
    """Yield slices that cut an array of shape (n_samples, n_features) into small ones, by rows."""
    n_rows = max(1, _BLOCK_SIZE // max(1, X.shape[1]))
    for start in range(0, len(X), n_rows):
        yield slice(start, start + n_rows)


def mean_and_variance(
    X: npt.NDArray[Any], weight: npt.NDArray[Any] | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    r"""Return mean and variance (divided by n) of each column, weighted if there are weights.

    .. math:: \mu = \frac{\sum_i w_i x_i}{\sum_i w_i}, \qquad
              \sigma^2 = \frac{\sum_i w_i (x_i - \mu)^2}{\sum_i w_i}

    They are computed by the corrected two-pass algorithm: what rounding has left in the first
    estimate of the mean is measured along with the squares, and taken out of both.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Of a bool, integer or float dtype; at least one row.
    weight : ndarray of shape (n_samples,), optional
        At least 0, not all 0.

    Returns
    -------
    mean, variance : ndarray of float64 of shape (n_features,)

    References
    ----------
    Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The American
    Statistician 37 (1983).
    """
    weights = np.ones(1) if weight is None else np.asarray(weight, np.float64)
    weights = np.broadcast_to(weights, len(X))
    mean, residue, square = np.zeros((3, X.shape[1]))
    for rows in blocks(X):
        mean += weights[rows] @ X[rows].astype(np.float64)
    mean /= weights.sum()
    for rows in blocks(X):
        centred = X[rows] - mean
        residue += weights[rows] @ centred
        square += weights[rows] @ np.square(centred, out=centred)
    residue, square = residue / weights.sum(), square / weights.sum()
    return mean + residue, np.maximum(square - residue**2, 0.0)
