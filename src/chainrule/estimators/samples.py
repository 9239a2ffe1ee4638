"""What estimators are given, as arrays: checked as scikit-learn checks it, and not copied.

scikit-learn's `validate_data` does the work; only numbers that are not finite are looked for here,
so that the message names the row and the column. It takes what comes, data frames and arrays of
other libraries among them, and to find out what it is takes longer than to train a small network
for some epochs; so arrays of numbers, which there is nothing to find out about, go past it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, column_or_1d, validate_data

from chainrule._errors import CapacityError, InvalidArgumentError
from chainrule.compiler.native.capacity import machine_bytes
from chainrule.models.arrays import finite, not_finite
from chainrule.models.targets import Labels
from chainrule.sparse import SparseMatrix
from chainrule.training.epoch import Samples

__all__ = [
    "check_labels",
    "dense",
    "inputs",
    "inputs_and_targets",
    "labels_of",
    "operands",
    "weights",
]


def inputs(
    estimator: Any, X: Any, dtype: Any, *, reset: bool = False, keep_sparse: bool = False
) -> Any:
    """Return X as a finite array; ``reset`` remembers its number and names of features.

    A sparse matrix is made dense, or with ``keep_sparse`` kept, by rows.
    """
    plain = _plain(estimator, X, dtype, reset)
    if plain is not None:
        return finite(plain, estimator)
    X = validate_data(estimator, X, reset=reset, **_how(dtype))
    return _checked(X, estimator, keep_sparse)


def inputs_and_targets(
    estimator: Any,
    X: Any,
    y: Any,
    dtype: Any,
    *,
    numeric: bool,
    reset: bool,
    keep_sparse: bool = False,
) -> tuple[Any, npt.NDArray[Any]]:
    """Return X as `inputs` does, and y with one or two axes; a column becomes one axis."""
    if _plain_targets(y) and isinstance(X, np.ndarray) and X.shape[:1] == y.shape:
        plain = _plain(estimator, X, dtype, reset)
        if plain is not None:
            return finite(plain, estimator), y
    X, y = validate_data(
        estimator, X, y, reset=reset, multi_output=True, y_numeric=numeric, **_how(dtype)
    )
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    return _checked(X, estimator, keep_sparse), dense(y, "y")


def labels_of(y: npt.NDArray[Any]) -> Labels:
    """Return the classes of labels, or raise scikit-learn's error if they are none."""
    check_labels(y)
    return Labels.of(y)


def check_labels(y: npt.NDArray[Any]) -> None:
    """Raise scikit-learn's error if labels are none, or warn if there are suspiciously many."""
    whole = y.ndim == 1 and y.size and y.dtype.kind in "biu"
    # Whole numbers are labels, and too close together there are not many of them.
    if not whole or int(y.max()) - int(y.min()) >= len(y) // 2:
        check_classification_targets(y)


def weights(sample_weight: Any, X: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    """Return the weights of samples, none of them negative and not all zero, or None."""
    if sample_weight is None:
        return None
    weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
    with np.errstate(over="ignore"):
        if not np.isfinite(np.sum(weight)):
            raise InvalidArgumentError(
                f"sample_weight: expected numbers whose sum is finite in {weight.dtype}, got some "
                f"up to {np.max(weight):.4g}; divide them all by one number."
            )
    return weight


def _plain(estimator: Any, X: Any, dtype: Any, reset: bool) -> npt.NDArray[Any] | None:
    """Return X as scikit-learn would if it is an array of numbers, else None.

    As there, ``reset`` remembers the number of features. Their names, which an array has not, are
    left to scikit-learn wherever they matter.
    """
    if (
        type(X) is not np.ndarray
        or X.ndim != 2
        or not X.size
        or X.dtype.kind not in "biuf"
        or hasattr(estimator, "feature_names_in_")
    ):
        return None
    if reset:
        estimator.n_features_in_ = X.shape[1]
    elif getattr(estimator, "n_features_in_", None) != X.shape[1]:
        return None
    if dtype is None:
        dtype = X.dtype if X.dtype in (np.float64, np.float32) else np.float64
    return np.asarray(X, dtype, order="C")


def _plain_targets(y: Any) -> bool:
    """Return whether y is an array of finite numbers, one for each sample."""
    if type(y) is not np.ndarray or y.ndim != 1:
        return False
    return y.dtype.kind in "biu" or (y.dtype.kind == "f" and bool(np.isfinite(y).all()))


def _how(dtype: Any) -> dict[str, Any]:
    return {
        "accept_sparse": ["csr", "csc"],
        "dtype": (np.float64, np.float32) if dtype is None else dtype,
        "ensure_all_finite": False,
        "order": "C",
    }


def dense(X: Any, name: str = "X") -> npt.NDArray[Any]:
    """Return an array, if memory could hold it.

    Raises
    ------
    CapacityError
        If a sparse matrix would be larger than the memory of the machine.
    """
    if not scipy.sparse.issparse(X):
        return X
    needed, present = math.prod(X.shape) * X.dtype.itemsize, machine_bytes()
    if needed > present:
        raise CapacityError(
            f"{name}: expected a sparse matrix that can be made dense, got shape {X.shape}, which "
            f"takes {needed / 2**30:.3g} GiB of {X.dtype} where this machine has "
            f"{present / 2**30:.3g} GiB. LogisticRegression, Perceptron and "
            "LinearRegression(solver='lsmr') keep it sparse; or reduce its columns first, as "
            "sklearn.decomposition.TruncatedSVD does."
        )
    return X.toarray()


def operands(part: Samples) -> Samples:
    """Return samples as compiled functions take them: a sparse X as a `SparseMatrix`."""
    return part._replace(X=SparseMatrix.of(part.X)) if scipy.sparse.issparse(part.X) else part


def _checked(X: Any, estimator: Any, keep_sparse: bool) -> Any:
    if not (keep_sparse and scipy.sparse.issparse(X)):
        return finite(dense(X), estimator)
    X = X.tocsr()
    if not X.has_canonical_format:  # a place that comes twice holds the sum
        X = X.copy()
        X.sum_duplicates()
    if not np.isfinite(X.data).all():
        entries = X.tocoo()
        first = np.flatnonzero(~np.isfinite(entries.data))[0]
        place = int(entries.row[first]), int(entries.col[first])
        raise InvalidArgumentError(not_finite(entries.data[first], *place, estimator))
    return X
