"""The plane of two features: how far it goes, and what is decided at its points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule._errors import InvalidArgumentError
from chainrule.plot.estimator import Inputs

__all__ = ["decided", "edges", "margins", "reach", "two_features"]

_MARGIN = 0.06
"""How far the plane goes beyond the samples, as a share of their range."""


def two_features(inputs: Inputs, features: Sequence[int | str] | None) -> list[int]:
    """Return the columns of the two features that are drawn."""
    n_features = len(inputs.names)
    if features is None and n_features == 2:
        return [0, 1]
    pair = [] if features is None else [inputs.position(feature) for feature in features]
    if len(pair) != 2 or pair[0] == pair[1]:
        raise InvalidArgumentError(
            f"DecisionBoundaryDisplay: features: expected two of the {n_features} features, such "
            f"as (0, 1), got {features}; a plane has two axes, and all other "
            "features are held at their mean."
            if n_features > 1
            else "DecisionBoundaryDisplay: X: expected at least two features, got 1; for a curve "
            "over one feature there is FittedCurveDisplay."
        )
    return pair


def reach(column: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """Return evenly spaced numbers from below to above all of a column."""
    low, high = float(column.min()), float(column.max())
    beyond = _MARGIN * (high - low) or 0.5
    return np.linspace(low - beyond, high + beyond, count)


def edges(axis: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the outer edges of pixels around the points of an axis."""
    half = 0.5 * (axis[-1] - axis[0]) / (len(axis) - 1)
    return float(axis[0] - half), float(axis[-1] + half)


def decided(response: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the class of every point, and how far it is ahead of the next: 0 to 1."""
    ranked = np.sort(response, axis=2)
    lead = ranked[..., -1] - ranked[..., -2]
    return response.argmax(axis=2), lead / (lead.max() or 1.0)


def margins(response: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Return by how much each class is ahead of all others; of two, for one alone."""
    n_classes = response.shape[2]
    return [
        response[..., i] - np.delete(response, i, axis=2).max(axis=2)
        for i in range(1 if n_classes == 2 else 0, n_classes)
    ]
