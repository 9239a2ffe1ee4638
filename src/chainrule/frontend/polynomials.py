"""Polynomials in the old style, coefficients of the highest power first."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.frontend.axes import as_integer
from chainrule.frontend.conversion import INT64, as_array, promoted
from chainrule.frontend.dispatch import implements
from chainrule.frontend.shaping import flipped


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """Evaluate a polynomial by Horner's rule."""
    coefficients, at = as_array(p, "np.polyval"), as_array(x, "np.polyval")
    if coefficients.ndim != 1:
        raise ShapeError(
            f"np.polyval: expected coefficients with one axis, got shape {coefficients.shape}."
        )
    value = np.zeros_like(at)
    for i in range(coefficients.size):
        value = value * at + coefficients[i]
    return value


@implements(np.vander)
def vander(x: Any, N: Any = None, increasing: Any = False) -> Any:
    """Return the matrix of powers of the elements of a row, one row for each."""
    at = as_array(x, "np.vander")
    if at.ndim != 1:
        raise ShapeError(f"np.vander: expected one axis, got shape {at.shape}.")
    columns = at.size if N is None else as_integer(N, "np.vander, N")
    if columns < 0:
        raise InvalidArgumentError(f"np.vander: expected N of 0 or more, got {columns}.")
    (at, _) = promoted(at, np.zeros((), INT64))
    if columns == 0:
        return np.zeros((at.size, 0), at.dtype)
    ones = np.ones((at.size, 1), at.dtype)
    powers = [ones, np.broadcast_to(at[:, None], (at.size, columns - 1))]
    matrix = np.cumprod(np.concatenate(powers, axis=1), axis=1)
    return matrix if increasing else flipped(matrix, 1)
