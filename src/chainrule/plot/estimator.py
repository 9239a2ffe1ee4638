"""What a picture needs to know of an estimator, through its public attributes alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chainrule._errors import InvalidArgumentError, ShapeError

__all__ = [
    "Inputs",
    "check_fitted",
    "chosen_target",
    "fitted_core",
    "is_classifier",
    "numbers",
    "responses",
]


def fitted_core(estimator: Any) -> Any:
    """Return the estimator that was trained: the last step of a pipeline, the best of a search.

    Raises
    ------
    InvalidArgumentError, sklearn.exceptions.NotFittedError
        If it was not fitted.
    """
    check_fitted(estimator)
    if hasattr(estimator, "best_estimator_"):
        return fitted_core(estimator.best_estimator_)
    if hasattr(estimator, "steps"):
        return fitted_core(estimator.steps[-1][1])
    return estimator


def check_fitted(estimator: Any) -> None:
    """Raise unless an estimator was fitted: scikit-learn's error for what keeps its contract."""
    if hasattr(estimator, "__sklearn_tags__"):
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(estimator)
    elif not any(name.endswith("_") for name in getattr(estimator, "__dict__", ())):
        raise InvalidArgumentError(
            f"from_estimator: expected a fitted estimator, got {estimator!r}; call fit first."
        )


def is_classifier(estimator: Any) -> bool:
    """Return whether a fitted estimator tells classes apart."""
    return hasattr(estimator, "classes_")


def numbers(name: str, values: Any) -> npt.NDArray[np.float64]:
    """Return numbers to be drawn as (n_samples,) or (n_samples, n_columns).

    Raises
    ------
    InvalidArgumentError
        If they are no numbers, or not finite.
    ShapeError
        If they have another shape, or there are none.
    """
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"{name}: expected numbers, got {error}.") from error
    if array.ndim not in (1, 2) or not array.size:
        raise ShapeError(
            f"{name}: expected shape (n_samples,) or (n_samples, n_columns) with at least one "
            f"sample, got {array.shape}."
        )
    if not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0, 0])
        raise InvalidArgumentError(
            f"{name}: expected finite numbers, got {array[row]} in row {row}; leave such samples "
            "out."
        )
    return array


class Inputs(NamedTuple):
    """A table of features, and how to make another of the same kind.

    Attributes
    ----------
    values : ndarray of shape (n_samples, n_features)
    names : list
        Of the features, text as a rule.
    kind : type or None
        Of the data frame it came as, if it did.
    """

    values: npt.NDArray[Any]
    names: list[Any]
    kind: Any

    @classmethod
    def of(cls, name: str, X: Any, model: Any = None) -> Inputs:
        """Read a matrix or data frame; names may also come from a fitted estimator."""
        kind = type(X) if hasattr(X, "columns") else None
        dense = X.toarray() if hasattr(X, "toarray") else X
        array = np.asarray(dense)
        values = numbers(name, dense)
        if values.ndim != 2:
            raise ShapeError(
                f"{name}: expected shape (n_samples, n_features), got {values.shape}; give one "
                "feature as X.reshape(-1, 1)."
            )
        if array.dtype == np.float32:
            values = array
        names = getattr(X, "columns", getattr(model, "feature_names_in_", None))
        if names is None or len(names) != values.shape[1]:
            names = [f"x{i}" for i in range(values.shape[1])]
        return cls(values, list(names), kind)

    def position(self, feature: int | str) -> int:
        """Return the column of a feature, given by its name or its number from 0."""
        if isinstance(feature, str):
            if feature in self.names:
                return self.names.index(feature)
        elif -len(self.names) <= feature < len(self.names):
            return range(len(self.names))[feature]
        raise InvalidArgumentError(
            f"features: expected names or numbers (from 0) of the {len(self.names)} features "
            f"{', '.join(map(str, self.names[:10]))}{', …' if len(self.names) > 10 else ''}, got "
            f"{feature!r}."
        )

    def varied(self, positions: Sequence[int], columns: npt.NDArray[Any]) -> Any:
        """Return a table in which some features vary and all others are at their mean.

        Parameters
        ----------
        positions : sequence of int
        columns : ndarray of shape (n_rows, len(positions))

        Returns
        -------
        matrix or data frame of shape (n_rows, n_features)
            Of the kind that was read.
        """
        table = np.tile(self.values.mean(axis=0), (len(columns), 1))
        table[:, list(positions)] = columns
        if self.kind is None:
            return table
        return self.kind({name: table[:, i] for i, name in enumerate(self.names)})


def chosen_target(
    name: str, columns: npt.NDArray[Any], target: int | None
) -> npt.NDArray[np.float64]:
    """Return one column of what is predicted, or observed.

    Raises
    ------
    InvalidArgumentError
        If there are several and ``target`` does not say which.
    """
    if columns.ndim == 1:
        columns = columns[:, None]
    count = columns.shape[1]
    if target is None and count == 1:
        target = 0
    if target is None or not 0 <= target < count:
        raise InvalidArgumentError(
            f"{name}: target: expected a number from 0 to {count - 1}, the target to draw of "
            f"{count}, got {target}."
        )
    return np.asarray(columns[:, target], np.float64)


def responses(estimator: Any, X: Any, method: str) -> npt.NDArray[np.float64]:
    """Return one column for each class, the largest of which is what is predicted.

    Parameters
    ----------
    estimator : classifier
    X : matrix or data frame of shape (n_samples, n_features)
    method : {"auto", "predict_proba", "decision_function", "predict"}
        ``"auto"`` is the first of these that there is.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Probabilities; or margins, of two classes those of the second and minus that; or 1 for the
        class predicted.
    """
    known = ("predict_proba", "decision_function", "predict")
    if method == "auto":
        method = next(name for name in known if hasattr(estimator, name))
    if method not in known or not hasattr(estimator, method):
        raise InvalidArgumentError(
            f"response_method: expected 'auto' or one of {', '.join(known)} that "
            f"{type(estimator).__name__} has, got {method!r}."
        )
    found = np.asarray(getattr(estimator, method)(X))
    if method == "predict":
        return (found[:, None] == estimator.classes_).astype(np.float64)
    if found.ndim == 1:
        found = np.stack([-found, found], axis=1)
    return found.astype(np.float64)
