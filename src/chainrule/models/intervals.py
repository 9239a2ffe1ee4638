"""Prediction intervals, from networks that learn a spread or quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["coverage_of", "gaussian_bounds", "quantile_bounds"]

Array = npt.NDArray[Any]


def gaussian_bounds(output: Array, coverage: float) -> Array:
    r"""Return the interval around the mean that holds a share of a Gaussian.

    .. math:: \mu \pm \sigma \, \Phi^{-1}\left(\frac{1 + \text{coverage}}{2}\right)

    Parameters
    ----------
    output : ndarray of shape (n_samples, 2 * n_targets)
        Means and log-variances.
    coverage : float
        Above 0 and below 1.

    Returns
    -------
    ndarray of shape (2, n_samples, n_targets)
        Lower and upper bounds.
    """
    from scipy.special import ndtri  # slow to import, and for this alone

    mean, log_variance = np.split(output, 2, axis=1)
    half = np.exp(0.5 * log_variance) * float(ndtri(0.5 + 0.5 * coverage))
    return np.stack([mean - half, mean + half])


def quantile_bounds(output: Array, n_quantiles: int) -> Array:
    """Return the lowest and the highest of the quantiles of each target.

    Quantiles that cross are put in order (Chernozhukov, Fernández-Val and Galichon, 2010), which
    makes them no worse.

    Parameters
    ----------
    output : ndarray of shape (n_samples, n_targets * n_quantiles)
    n_quantiles : int

    Returns
    -------
    ndarray of shape (2, n_samples, n_targets)
    """
    quantiles = output.reshape(len(output), -1, n_quantiles)
    return np.stack([quantiles.min(axis=2), quantiles.max(axis=2)])


def coverage_of(bounds: Array, columns: Array, weight: Array | None) -> float:
    """Return the share of targets that are inside their intervals.

    Parameters
    ----------
    bounds : ndarray of shape (2, n_samples, n_targets)
    columns : ndarray of shape (n_samples, n_targets)
    weight : ndarray of shape (n_samples,) or None
    """
    inside = (bounds[0] <= columns) & (columns <= bounds[1])
    return float(np.average(inside.mean(axis=1), weights=weight))
