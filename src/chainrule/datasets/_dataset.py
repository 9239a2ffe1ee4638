"""What a data set is: an array of samples, a target, and what both are called.

The built-in sets and the file readers all end in a `Dataset`, and everything
that follows (splitting, scaling, training) starts from one. Class names are
turned into integers here and nowhere later, so that a model sees only numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chainrule._errors import DataError
from chainrule.datasets._encoder import Encoder
from chainrule.datasets._table import all_finite

_FEATURE_DTYPES = ("uint8", "float32", "float64")


@dataclass(frozen=True)
class Recipe:
    """How to train a network on a data set, as far as the defaults are not to be followed.

    Parameters
    ----------
    settings : mapping of str to object
        Hyper-parameters, by the names that they have in `chainrule.estimators`. Those that are
        not named keep their defaults.
    starts : int
        For a classification, how often at most to train from new random weights
        until every training sample is classified correctly. A very small network
        ends in a local minimum from some starts; above 1 that is put right.
    test_size : float
        Share of the samples kept for testing, from 0 to below 1. With 0 there
        is no test part: a truth table has nothing to hold out.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    starts: int = 1
    test_size: float = 0.2


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples, their target, and the names of both.

    Parameters
    ----------
    name : str
        What to call the data set in output: a built-in name or a file name.
    features : ndarray of shape (n_samples, n_features)
        One row per sample. Every value is finite. The dtype is uint8, float32 or float64: bytes,
        such as the pixels of images, stay bytes until a network is given them.
    target : ndarray of shape (n_samples,)
        For classification, int64 indices into `class_names`; for regression,
        finite float64 values.
    encoder : Encoder
        The names of both, and how the columns of another file become features.
    description : str
        What the data are, where they come from, and under which licence.
    recipe : Recipe
        Settings to start from when a network is trained on these data.

    Raises
    ------
    DataError
        When the parts do not fit together, a value is not finite, or a class
        index has no name.

    Examples
    --------
    >>> from chainrule.datasets import load
    >>> gate = load("xor")
    >>> gate.features
    array([[0., 0.],
           [0., 1.],
           [1., 0.],
           [1., 1.]])
    >>> gate.target
    array([0, 1, 1, 0])
    """

    name: str
    features: np.ndarray
    target: np.ndarray
    encoder: Encoder
    description: str = ""
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        features, target = self.features, self.target
        if features.ndim != 2 or features.dtype not in _FEATURE_DTYPES:
            raise DataError(
                f"{self.name}: features must be an array of shape (n_samples, n_features) in "
                f"uint8, float32 or float64, got {features.dtype} of shape {features.shape}."
            )
        if target.shape != features.shape[:1]:
            raise DataError(
                f"{self.name}: target must have shape {features.shape[:1]}, one value for each row "
                f"of features, got {target.shape}."
            )
        if len(self.feature_names) != features.shape[1]:
            raise DataError(
                f"{self.name}: {features.shape[1]} features need as many names, "
                f"got {len(self.feature_names)}."
            )
        expected = np.float64 if self.class_names is None else np.int64
        if target.dtype != expected:
            task = "regression" if self.class_names is None else "classification"
            raise DataError(
                f"{self.name}: the target of a {task} must be {np.dtype(expected)}, "
                f"got {target.dtype}."
            )
        if not (all_finite(features) and all_finite(target)):
            raise DataError(f"{self.name}: every feature and target value must be finite.")
        if self.class_names is not None and target.size:
            low, high = int(target.min()), int(target.max())
            if low < 0 or high >= len(self.class_names):
                raise DataError(
                    f"{self.name}: class indices must be 0 to {len(self.class_names) - 1}, "
                    f"got {low} to {high}."
                )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name for each column of `features`."""
        return self.encoder.feature_names

    @property
    def target_name(self) -> str:
        """Name of the target."""
        return self.encoder.target_name

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Name of each class, or None for a regression."""
        return self.encoder.class_names

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return self.features.shape[0]

    @property
    def n_features(self) -> int:
        """Number of columns of `features`."""
        return self.features.shape[1]

    def take(self, rows: Sequence[int] | np.ndarray) -> "Dataset":
        """Return the data set with these rows only, in this order.

        Parameters
        ----------
        rows : array_like of int, shape (n_rows,)
            Indices of the rows.

        Returns
        -------
        Dataset
            A data set of `n_rows` samples with the same names and recipe.
        """
        rows = np.asarray(rows, dtype=np.intp)
        return replace(self, features=self.features[rows], target=self.target[rows])
