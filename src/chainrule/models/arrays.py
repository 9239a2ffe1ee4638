"""Numbers that models are given: looked at block by block, and never copied whole."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from chainrule import nn
from chainrule._errors import InvalidArgumentError
from chainrule.nn.moments import mean_and_variance
from chainrule.sparse import SparseMatrix

__all__ = [
    "BLOCK",
    "check_squares",
    "columns",
    "finite",
    "input_scaling",
    "not_finite",
    "standardizer",
]

BLOCK = 2048
"""Rows looked at at a time, so that nothing is copied whole."""

_SUITABLE = (0.1, 10.0)
"""Between which root mean squares features are left as they are."""


def standardizer(
    X: npt.NDArray[Any] | SparseMatrix,
    weight: npt.NDArray[Any] | None,
    dtype: Any,
    name: str = "X",
) -> nn.Standardize:
    """Return the layer that takes out mean and standard deviation, weighted, of each feature.

    A feature that is constant, up to rounding, has scale 1. What overflows is refused by ``name``.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if isinstance(X, SparseMatrix):
            mean, variance = _sparse_moments(X, weight)
        else:
            mean, variance = mean_and_variance(X, weight)
    check_squares(name, variance)
    # Rounding errors of the mean are all that a constant feature varies by.
    rounding = len(X) * np.finfo(np.float64).eps
    varies = variance > rounding * variance + (rounding * mean) ** 2
    scale = np.sqrt(np.where(varies, variance, 1.0))
    return nn.Standardize(mean.astype(dtype), scale.astype(dtype))


def check_squares(name: str, squares: npt.NDArray[Any]) -> None:
    """Raise `InvalidArgumentError` if sums of squares, one for each column, have overflowed."""
    if not np.isfinite(squares).all():
        column = int(np.flatnonzero(~np.isfinite(squares))[0])
        raise InvalidArgumentError(
            f"{name}: expected numbers whose squares are finite, got larger ones in column "
            f"{column}; measure it in larger units."
        )


def columns(name: str, y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return targets with a column for each, or raise if they are no numbers."""
    if y.dtype.kind not in "biuf":
        raise InvalidArgumentError(
            f"{name}: expected numbers, got dtype {y.dtype}; classes are for classifiers, and "
            "numbers written as text are turned into some by np.asarray(y, float)."
        )
    return y[:, None] if y.ndim == 1 else y


def input_scaling(
    standardize: bool | Literal["auto"],
    X: npt.NDArray[Any] | SparseMatrix,
    weight: npt.NDArray[Any] | None = None,
) -> nn.Standardize | None:
    """Return what standardizes features, or None if they are to stay as they are.

    With "auto" they stay if the root mean square of every one is between 0.1 and 10: features of
    the order of 1 are in units that suit them, whose relations may matter.
    """
    if not standardize:
        return None
    scaling = standardizer(X, weight, np.result_type(X.dtype, np.float32))
    size = np.hypot(scaling.mean, scaling.scale)
    fits = ((size >= _SUITABLE[0]) & (size <= _SUITABLE[1])).all()
    return None if standardize == "auto" and fits else scaling


def _sparse_moments(
    X: SparseMatrix, weight: npt.NDArray[Any] | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return weighted mean and variance of each column, zeros that are not stored included."""
    weights = np.ones(len(X)) if weight is None else np.asarray(weight, np.float64)
    total, n_columns = weights.sum(), X.shape[1]
    shares, values = weights[X.rows] / total, X.values.astype(np.float64)

    def sums(terms: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.bincount(X.columns, terms, n_columns).astype(np.float64, copy=False)

    mean = sums(shares * values)
    squares, stored = sums(shares * (values - mean[X.columns]) ** 2), sums(shares)
    return mean, squares + np.maximum(1.0 - stored, 0.0) * mean**2


def finite(X: npt.NDArray[Any], model: Any) -> npt.NDArray[Any]:
    """Return X, or raise `InvalidArgumentError` with the place of what is not finite in it."""
    with np.errstate(over="ignore", invalid="ignore"):
        # The sum is finite for almost all finite data, and needs no array of its own.
        if np.isfinite(X.sum()):
            return X
    for start in range(0, len(X), BLOCK):
        places = np.argwhere(~np.isfinite(X[start : start + BLOCK]))
        if len(places):
            row, column = places[0] + (start, 0)
            raise InvalidArgumentError(not_finite(X[row, column], row, column, model))
    return X


def not_finite(value: Any, row: int, column: int, model: Any) -> str:
    """Return what to say of a number that is not finite, and where it is."""
    names = getattr(model, "feature_names_in_", None)
    name = "" if names is None else f" ({names[column]!r})"
    what = "NaN" if np.isnan(value) else f"infinity or a value too large for {value.dtype!r}"
    return (
        f"Input X contains {what}, in row {row}, column {column}{name}. "
        f"{type(model).__name__} does not accept missing values: fill them in first, as "
        "sklearn.impute.SimpleImputer does, or drop the rows."
    )
