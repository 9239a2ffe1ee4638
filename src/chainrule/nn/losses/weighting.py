"""Weights of samples by their class, for classes of unequal numbers or unequal importance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from chainrule._errors import InvalidArgumentError, ShapeError

__all__ = ["weights_by_class"]


def weights_by_class(
    labels: Any, class_weight: Literal["balanced"] | Mapping[Any, float] | Sequence[float]
) -> np.ndarray[Any, Any]:
    r"""Return the weight of every sample, which is that of its class.

    Every loss takes the result as ``sample_weight``, times other weights of the samples if there
    are any. ``"balanced"`` gives all classes the same influence:

    .. math:: w_c = \frac{n}{k \, n_c}

    Parameters
    ----------
    labels : array-like of shape (n_samples,) or (n_samples, n_classes)
        Labels of any kind, or one-hot rows.
    class_weight : "balanced", dict or sequence of float
        A dictionary from label to weight, 1 for those it does not name; or the weights of the
        classes in the order of the sorted labels (for one-hot rows, of the columns).

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    InvalidArgumentError
        If a weight is negative or not finite, names no class, or there are not as many as classes.
    ShapeError
        If the labels have other shapes, or rows that are not one-hot.

    References
    ----------
    King and Zeng, "Logistic regression in rare events data", 2001, for the balanced weights.

    Examples
    --------
    >>> weights_by_class(["yes", "no", "no", "no"], "balanced").round(2)
    array([2.  , 0.67, 0.67, 0.67])
    >>> weights_by_class([0, 1, 1], {1: 5.0})
    array([1., 5., 5.])
    """
    classes, positions = _classes(np.asarray(labels))
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise InvalidArgumentError(
                "weights_by_class: class_weight: expected 'balanced', a dictionary or a sequence, "
                f"got {class_weight!r}."
            )
        counts = np.bincount(positions, minlength=len(classes))
        present = counts > 0
        weights = len(positions) / (present.sum() * np.maximum(counts, 1))
    elif isinstance(class_weight, Mapping):
        unknown = [label for label in class_weight if label not in classes]
        if unknown:
            raise InvalidArgumentError(
                f"weights_by_class: class_weight: expected weights of the classes {classes}, got "
                f"one of {unknown[0]!r}, which no sample has."
            )
        weights = np.array([class_weight.get(label, 1.0) for label in classes], np.float64)
    else:
        weights = np.array(class_weight, np.float64)
        if weights.shape != (len(classes),):
            raise InvalidArgumentError(
                f"weights_by_class: class_weight: expected one weight for each of the "
                f"{len(classes)} classes, got {class_weight!r}."
            )
    if not ((weights >= 0) & (weights < np.inf)).all():
        raise InvalidArgumentError(
            f"weights_by_class: class_weight: expected weights that are finite and not negative, "
            f"got {class_weight!r}."
        )
    return weights[positions]


def _classes(labels: np.ndarray[Any, Any]) -> tuple[list[Any], np.ndarray[Any, Any]]:
    """Return the classes in order, and the position among them of every sample's."""
    if labels.ndim == 1:
        classes, positions = np.unique(labels, return_inverse=True)
        return classes.tolist(), positions
    one_hot = labels.ndim == 2 and ((labels != 0).sum(axis=1) == 1).all() and (labels <= 1).all()
    if not one_hot or not (labels.sum(axis=1) == 1).all():
        raise ShapeError(
            "weights_by_class: expected labels of shape (n_samples,) or one-hot rows, got an array "
            f"of shape {labels.shape}; samples of several classes at once have no one weight."
        )
    return list(range(labels.shape[1])), labels.argmax(axis=1)
