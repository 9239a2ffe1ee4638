"""What a data set is: an array of samples, a target, and what both are called.

The built-in sets and the file readers all end in a `Dataset`, and everything
that follows (splitting, scaling, training) starts from one. Class names are
turned into integers here and nowhere later, so that a model sees only numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from chainrule._errors import DataError


@dataclass(frozen=True)
class Recipe:
    """Settings to start from when a network is trained on a data set.

    The defaults suit tabular data with some hundreds to some ten thousands of
    rows. A built-in data set that needs others carries its own recipe.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers, from input to output.
    activation : str
        Activation of the hidden layers.
    init : str
        How the weights are initialized.
    optimizer : str
        Name of the optimizer.
    learning_rate : float
        Step size of the optimizer, above 0.
    l2 : float
        Strength of the L2 penalty on the weights, 0 or more.
    epochs : int
        Passes over the training part.
    batch_size : int
        Samples per step. The last batch of an epoch may be smaller.
    starts : int
        For a classification, how often at most to train from new random weights
        until every training sample is classified correctly. A very small network
        ends in a local minimum from some starts; above 1 that is put right.
    test_size : float
        Share of the samples kept for testing, from 0 to below 1. With 0 there
        is no test part: a truth table has nothing to hold out.
    """

    hidden: tuple[int, ...] = (50,)
    activation: str = "sigmoid"
    init: str = "glorot"
    optimizer: str = "adam"
    learning_rate: float = 0.01
    l2: float = 0.0
    epochs: int = 100
    batch_size: int = 100
    starts: int = 1
    test_size: float = 0.2


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples, their target, and the names of both.

    Parameters
    ----------
    name : str
        What to call the data set in output: a built-in name or a file name.
    features : ndarray of shape (n_samples, n_features), float64
        One row per sample. Every value is finite.
    target : ndarray of shape (n_samples,)
        For classification, int64 indices into `class_names`; for regression,
        finite float64 values.
    feature_names : tuple of str
        A name for each column of `features`.
    target_name : str
        Name of the target.
    class_names : tuple of str or None
        Name of each class, or None for regression.
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
    feature_names: tuple[str, ...]
    target_name: str
    class_names: tuple[str, ...] | None
    description: str = ""
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        features, target = self.features, self.target
        if features.ndim != 2 or features.dtype != np.float64:
            raise DataError(
                f"{self.name}: features must be a float64 array of shape (n_samples, n_features), "
                f"got {features.dtype} of shape {features.shape}."
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
        if not (np.isfinite(features).all() and np.isfinite(target).all()):
            raise DataError(f"{self.name}: every feature and target value must be finite.")
        if self.class_names is not None and target.size:
            low, high = int(target.min()), int(target.max())
            if low < 0 or high >= len(self.class_names):
                raise DataError(
                    f"{self.name}: class indices must be 0 to {len(self.class_names) - 1}, "
                    f"got {low} to {high}."
                )

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
