"""The scores that scikit-learn's estimators have: accuracy and R².

scikit-learn's functions take what comes, from lists to arrays of other libraries, and to find out
what it is takes them many times as long as to compute the score of a small sample. What is plainly
an array of labels or numbers is therefore scored here, by the same arithmetic, with the same result
to the last bit; everything else, and every mistake, is left to those functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin, RegressorMixin

__all__ = ["Classifier", "Regressor", "accuracy", "r_squared"]


class Classifier(ClassifierMixin):
    """A classifier as scikit-learn knows it."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy: the share of samples whose prediction is right.

        With several labels per sample, all of them have to be right.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
        """
        return accuracy(y, self.predict(X), sample_weight)


class Regressor(RegressorMixin):
    """A regressor as scikit-learn knows it."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        r"""Return the coefficient of determination, averaged over targets.

        .. math:: R^2 = 1 - \frac{\sum_i w_i (y_i - \hat y_i)^2}{\sum_i w_i (y_i - \bar y)^2}

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
            At most 1; 0 for the prediction of the mean. NaN for a single sample.
        """
        return r_squared(y, self.predict(X), sample_weight)


def accuracy(y: Any, predicted: npt.NDArray[Any], sample_weight: Any = None) -> float:
    """Return what `sklearn.metrics.accuracy_score` does.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
    predicted : ndarray of the shape of y
    sample_weight : array-like of shape (n_samples,), optional
    """
    if not (_plain_labels(y, predicted) and _plain_weights(sample_weight, len(y))):
        from sklearn.metrics import accuracy_score

        return float(accuracy_score(y, predicted, sample_weight=sample_weight))
    right = y == predicted
    if right.ndim == 2:
        right = right.all(axis=1)
    if sample_weight is None:
        return float(np.count_nonzero(right) / len(right))
    return float(np.average(right, weights=sample_weight))


def r_squared(y: Any, predicted: npt.NDArray[Any], sample_weight: Any = None) -> float:
    """Return what `sklearn.metrics.r2_score` does.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
    predicted : ndarray of the shape of y
    sample_weight : array-like of shape (n_samples,), optional
    """
    if not (_plain_numbers(y, predicted) and _plain_weights(sample_weight, len(y))):
        from sklearn.metrics import r2_score

        return float(r2_score(y, predicted, sample_weight=sample_weight))
    given = [array for array in (y, predicted, sample_weight) if array is not None]
    dtype = np.result_type(*[array.dtype for array in given if array.dtype.kind == "f"])
    y, predicted = (array.astype(dtype, copy=False).reshape(len(y), -1) for array in (y, predicted))
    weight: Any = 1.0
    if sample_weight is not None:
        sample_weight = sample_weight.astype(dtype, copy=False)
        weight = sample_weight[:, None]
    error = np.sum(weight * (y - predicted) ** 2, axis=0)
    mean = np.average(y, axis=0, weights=sample_weight)
    spread = np.sum(weight * (y - mean) ** 2, axis=0)
    # A target that does not vary counts 1 if it is met exactly, and else 0.
    shares = np.where(error == 0, dtype.type(1.0), dtype.type(0.0))
    varies = (error != 0) & (spread != 0)
    shares[varies] = 1 - error[varies] / spread[varies]
    return float(np.average(shares))


def _same_shape(y: Any, predicted: Any) -> bool:
    """Return whether both are arrays of one shape, and not empty."""
    plain = type(y) is np.ndarray and type(predicted) is np.ndarray
    return plain and y.shape == predicted.shape and y.size > 0


def _plain_labels(y: Any, predicted: npt.NDArray[Any]) -> bool:
    """Return whether both are labels of one kind, or both rows of 0 and 1."""
    if not _same_shape(y, predicted):
        return False
    kind = y.dtype.kind
    if y.ndim == 1:
        return kind in "biuU" and kind == predicted.dtype.kind
    if y.ndim != 2 or y.shape[1] < 2 or kind not in "iu" or predicted.dtype.kind not in "iu":
        return False
    return all(bool(((rows == 0) | (rows == 1)).all()) for rows in (y, predicted))


def _plain_numbers(y: Any, predicted: npt.NDArray[Any]) -> bool:
    """Return whether both are finite numbers, of at least two samples."""
    return (
        _same_shape(y, predicted)
        and y.ndim in (1, 2)
        and len(y) > 1
        and y.dtype.kind in "iuf"
        and predicted.dtype in (np.float64, np.float32)
        and bool(np.isfinite(y).all())
        and bool(np.isfinite(predicted).all())
    )


def _plain_weights(weight: Any, n_samples: int) -> bool:
    """Return whether there are no weights, or a finite one for every sample and not all 0."""
    return weight is None or (
        type(weight) is np.ndarray
        and weight.shape == (n_samples,)
        and weight.dtype in (np.float64, np.float32)
        and bool(np.isfinite(weight).all())
        and bool(weight.any())
    )
