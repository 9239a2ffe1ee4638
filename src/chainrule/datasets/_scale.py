"""Bringing features to one scale.

A network starts to learn at the same speed in every direction only if its inputs
are of one size. The mean and spread are taken from the training part alone: the
test part stands for data not yet seen, and so may not shape the model.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from chainrule._errors import DataError


@dataclass(frozen=True, eq=False)
class Standardizer:
    """Shifts and divides each feature to mean 0 and standard deviation 1.

    With mean `μ` and standard deviation `σ` of each column of the data it was
    fitted on, `x` becomes `(x - μ) / σ`. The standard deviation is that of the
    data as they stand (divided by n, not n - 1).

    A column that is constant in the fitted data has no spread to divide by. Its
    scale is 1: it becomes 0 there and, where later data differ from that
    constant, the plain difference.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        What is subtracted.
    scale : ndarray of shape (n_features,)
        What is divided by, above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.datasets import Standardizer
    >>> train = np.array([[1.0, 7.0], [3.0, 7.0]])
    >>> scaler = Standardizer.fit(train)
    >>> scaler.transform(train)
    array([[-1.,  0.],
           [ 1.,  0.]])
    >>> scaler.transform(np.array([[4.0, 9.0]]))
    array([[2., 2.]])
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, X: np.ndarray) -> Self:
        """Take mean and standard deviation of each column.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The training part, with at least one row.

        Returns
        -------
        Standardizer

        Raises
        ------
        DataError
            When `X` is not a table with at least one row, or holds a value that
            is not finite, or one so large that its column's spread is not a
            finite float64.
        """
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[0] == 0:
            raise DataError(
                f"A Standardizer is fitted on an array of shape (n_samples, n_features) "
                f"with at least one sample, got shape {X.shape}."
            )
        constant = (X[0] == X).all(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):
            # The mean of equal numbers may differ from them in the last digit.
            mean = np.where(constant, X[0], X.mean(axis=0))
            centred = X - mean
            # Squares of very small or large numbers leave float64's range; those
            # of their ratio to the largest do not.
            largest = np.where(constant, 1.0, np.abs(centred).max(axis=0))
            spread = largest * np.sqrt(np.square(centred / largest).mean(axis=0))
        scale = np.where(constant, 1.0, spread)
        unusable = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(scale)))
        if unusable.size:
            raise DataError(
                f"Column {unusable[0]} cannot be scaled: its values must be finite and less than "
                f"about 1e300 in size. Correct them, or express them in a larger unit."
            )
        return cls(mean, scale)

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return `(X - mean) / scale`.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        return (X - self.mean) / self.scale

    def inverse_transform(self, X: np.ndarray) -> np.ndarray:
        """Return `X * scale + mean`, which undoes `transform`.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        return X * self.scale + self.mean
