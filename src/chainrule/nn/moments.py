"""Mean and variance of each feature, taken a few rows at a time.

The numbers are added up in float64, whatever they are stored in; converting all of them at once
would take more memory than the data themselves. Where there are many, what is done with a block of
rows is compiled, and takes no longer than reading it from memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule._dtypes import is_supported
from chainrule.compiler import compile

__all__ = ["blocks", "mean_and_variance"]

_BLOCK_SIZE = 2**16
"""Numbers looked at at a time: 0.5 MB in float64, which stay in the cache."""

_COMPILED_BLOCK_SIZE = 2**18
"""The same for compiled code, which keeps nothing of what it computes on the way."""

_LARGE = 2**21
"""How many numbers take longer to add up than code for them takes to compile."""

Sums = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


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

    Both are found in one pass over the data, from the sums of the differences to a centre and of
    their squares:

    .. math:: \mu = c + \delta, \qquad \sigma^2 = \frac{\sum_i w_i (x_i - c)^2}{\sum_i w_i}
              - \delta^2, \qquad \delta = \frac{\sum_i w_i (x_i - c)}{\sum_i w_i}

    The subtraction multiplies the rounding errors by :math:`1 + 2 \delta^2 / \sigma^2`. So the
    centre is the mean of the first rows, and where that is further off than a standard deviation,
    as it may be of sorted data, a second pass begins with the mean that the first has found. A
    column of equal numbers has exactly that number for its mean, and the variance 0.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Of a bool, integer or float dtype; at least one row.
    weight : ndarray of shape (n_samples,), optional
        At least 0, not all 0.

    Returns
    -------
    mean, variance : ndarray of float64 of shape (n_features,)
        The same bits on any number of threads.

    References
    ----------
    Chan, Golub and LeVeque, "Algorithms for computing the sample variance: analysis and
    recommendations", The American Statistician 37 (1983), section 3 on shifted data.
    """
    first = X[0].astype(np.float64)
    # Differences to a number of the column are exactly 0 if it is constant.
    centre = first + np.mean(X[next(blocks(X))] - first, axis=0)
    weight = None if weight is None else np.asarray(weight, np.float64)
    mean, variance = _around(centre, X, weight)
    if np.any(np.square(mean - centre) > variance):
        mean, variance = _around(mean, X, weight)
    return mean, variance


def _around(
    centre: npt.NDArray[np.float64], X: npt.NDArray[Any], weight: npt.NDArray[np.float64] | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and variance, from the differences to a centre."""
    total, squares = np.zeros((2, X.shape[1]))
    for rows, sums in _parts(X):
        of_part = sums(X[rows], None if weight is None else weight[rows], centre)
        total += of_part[0]
        squares += of_part[1]
    count = len(X) if weight is None else np.sum(weight)
    shift = total / count
    return centre + shift, np.maximum(squares / count - np.square(shift), 0.0)


def _parts(X: npt.NDArray[Any]) -> Iterator[tuple[slice, Callable[..., Sums]]]:
    """Yield slices that cut an array by rows, each with the function that adds it up."""
    n_rows = _COMPILED_BLOCK_SIZE // max(1, X.shape[1])
    is_compiled = X.size >= _LARGE and n_rows and X.flags.c_contiguous and is_supported(X.dtype)
    # The rest, of another length, would need a program of its own.
    n_compiled = len(X) // n_rows * n_rows if is_compiled else 0
    for start in range(0, n_compiled, n_rows):
        yield slice(start, start + n_rows), _compiled_sums
    for rows in blocks(X[n_compiled:]):
        yield slice(n_compiled + rows.start, n_compiled + rows.stop), _sums


def _sums(X: Any, weight: Any, centre: Any) -> Sums:
    """Return the weighted sums of the differences to a centre and of their squares."""
    difference = X - centre
    share = difference if weight is None else weight[:, None] * difference
    return np.sum(share, axis=0), np.sum(share * difference, axis=0)


_compiled_sums = compile(_sums)
