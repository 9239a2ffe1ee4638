"""Derivatives by finite differences, as good as the precision allows.

A central difference with step h is wrong by a series in h², and by rounding errors that grow as
1/h. Halving the step again and again gives several such differences, from which terms of the
series can be cancelled one by one (Richardson). Of all the estimates that this makes, the one that
agrees best with those it was made of is taken, separately for every element of the result.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray

_HALVINGS = 8


def derivative_at_zero(f: Callable[[float], Array], step: float) -> Array:
    r"""Return the derivative at t = 0 of a function of one number.

    .. math:: f'(0) = \frac{f(h) - f(-h)}{2 h} + O(h^2)

    Parameters
    ----------
    f : callable
        Returns an array of float64. It may return NaN where ``t`` is outside of its domain; then
        only smaller steps count.
    step : float
        The largest step h.

    Returns
    -------
    ndarray
        The derivative; at a corner, the mean of the two one-sided derivatives. NaN where every
        step led out of the domain.

    References
    ----------
    .. [1] Ridders, Accurate computation of F'(x) and F'(x) F''(x), Advances in Engineering
       Software 4, 1982.
    """
    with np.errstate(all="ignore"):
        previous: list[Array] = []
        for halving in range(_HALVINGS):
            h = step / 2**halving
            row = [(f(h) - f(-h)) / (2.0 * h)]
            if halving == 0:
                best, error = row[0], np.full(row[0].shape, np.inf)
            for column, earlier in enumerate(previous):
                weight = 4.0 ** (column + 1)
                row.append((weight * row[column] - earlier) / (weight - 1.0))
                disagreement = np.maximum(np.abs(row[-1] - row[column]), np.abs(row[-1] - earlier))
                is_better = (disagreement <= error) | np.isnan(best)
                best = np.where(is_better, row[-1], best)
                error = np.where(is_better & ~np.isnan(disagreement), disagreement, error)
            previous = row
    return best
