"""What estimators are given, as arrays: checked as scikit-learn checks it, and not copied.

scikit-learn's `validate_data` does the work; only numbers that are not finite are looked for here,
so that the message names the row and the column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from sklearn.utils.validation import _check_sample_weight, column_or_1d, validate_data

from chainrule import nn
from chainrule._errors import InvalidArgumentError

__all__ = ["inputs", "inputs_and_targets", "standardizer", "weights"]

BLOCK = 8192
"""Rows looked at at a time, so that nothing is copied whole."""


def inputs(estimator: Any, X: Any, dtype: Any, *, reset: bool = False) -> npt.NDArray[Any]:
    """Return X as a finite, dense array; ``reset`` remembers its number and names of features."""
    X = validate_data(estimator, X, reset=reset, **_how(dtype))
    return _finite(_dense(X), estimator)


def inputs_and_targets(
    estimator: Any, X: Any, y: Any, dtype: Any, *, numeric: bool, reset: bool
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return X as `inputs` does, and y with one or two axes; a column becomes one axis."""
    X, y = validate_data(
        estimator, X, y, reset=reset, multi_output=True, y_numeric=numeric, **_how(dtype)
    )
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    return _finite(_dense(X), estimator), y


def weights(sample_weight: Any, X: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    """Return the weights of samples, none of them negative and not all zero, or None."""
    if sample_weight is None:
        return None
    return _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)


def standardizer(
    X: npt.NDArray[Any], weight: npt.NDArray[Any] | None, dtype: Any
) -> nn.Standardize:
    """Return the layer that takes out mean and standard deviation, weighted, of each feature.

    A feature that is constant, up to rounding, has scale 1.
    """
    mean = _mean(X, weight, lambda block: block)
    variance = _mean(X, weight, lambda block: (block - mean) ** 2)
    # Rounding errors of the mean are all that a constant feature varies by.
    rounding = len(X) * np.finfo(np.float64).eps
    varies = variance > rounding * variance + (rounding * mean) ** 2
    scale = np.sqrt(np.where(varies, variance, 1.0))
    return nn.Standardize(mean.astype(dtype), scale.astype(dtype))


def _mean(
    X: npt.NDArray[Any],
    weight: npt.NDArray[Any] | None,
    function: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
) -> npt.NDArray[np.float64]:
    """Return the weighted mean over rows of a function of them."""
    total, total_weight = np.zeros(X.shape[1]), 0.0
    for start in range(0, len(X), BLOCK):
        block = function(X[start : start + BLOCK].astype(np.float64))
        w = np.ones(len(block)) if weight is None else weight[start : start + BLOCK]
        total += w @ block
        total_weight += float(np.sum(w, dtype=np.float64))
    return total / total_weight


def _how(dtype: Any) -> dict[str, Any]:
    return {
        "accept_sparse": ["csr", "csc"],
        "dtype": (np.float64, np.float32) if dtype is None else dtype,
        "ensure_all_finite": False,
        "order": "C",
    }


def _dense(X: Any) -> npt.NDArray[Any]:
    return X.toarray() if scipy.sparse.issparse(X) else X


def _finite(X: npt.NDArray[Any], estimator: Any) -> npt.NDArray[Any]:
    with np.errstate(over="ignore", invalid="ignore"):
        # The sum is finite for almost all finite data, and needs no array of its own.
        if np.isfinite(X.sum()):
            return X
    for start in range(0, len(X), BLOCK):
        places = np.argwhere(~np.isfinite(X[start : start + BLOCK]))
        if len(places):
            row, column = places[0] + (start, 0)
            raise InvalidArgumentError(_not_finite(X[row, column], row, column, estimator))
    return X


def _not_finite(value: Any, row: int, column: int, estimator: Any) -> str:
    names = getattr(estimator, "feature_names_in_", None)
    name = "" if names is None else f" ({names[column]!r})"
    what = "NaN" if np.isnan(value) else f"infinity or a value too large for {value.dtype!r}"
    return (
        f"Input X contains {what}, in row {row}, column {column}{name}. "
        f"{type(estimator).__name__} does not accept missing values: fill them in first, as "
        "sklearn.impute.SimpleImputer does, or drop the rows."
    )
