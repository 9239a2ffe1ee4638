"""Samples set aside to see how well what is learned holds for others."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule._errors import ChainruleError, InvalidArgumentError, ShapeError
from chainrule.models.declaration import drawn_seed
from chainrule.training.epoch import Samples

__all__ = ["HeldOut", "check_targets", "named_as_validation", "set_aside", "validation_given"]

HeldOut: TypeAlias = tuple[Any, Any, Any]
"""X, y and weights (or None) of validation samples as the user gives them."""


def validation_given(X: Any, y: Any, weight: Any = None) -> HeldOut | None:
    """Return X, y and weights of validation samples together, or None if the user gives nothing.

    Raises
    ------
    InvalidArgumentError
        If X or y is missing.
    """
    if X is None and y is None and weight is None:
        return None
    if X is None or y is None:
        parts = {"X_val": X, "y_val": y, "sample_weight_val": weight}
        given = [name for name, part in parts.items() if part is not None]
        raise InvalidArgumentError(
            f"fit: expected X_val and y_val together, got {' and '.join(given)} alone."
        )
    return X, y, weight


@contextlib.contextmanager
def named_as_validation() -> Iterator[None]:
    """Say of errors within, which speak of X and y, that these are X_val and y_val."""
    try:
        yield
    except ValueError as error:
        if isinstance(error, ChainruleError):
            raise type(error)(f"X_val, y_val: {error.message}") from error
        raise InvalidArgumentError(f"X_val, y_val: {error}") from error


def check_targets(name: str, expected: int, columns: npt.NDArray[Any]) -> None:
    """Raise `ShapeError` if there are more or fewer targets than in training."""
    if columns.shape[1] != expected:
        raise ShapeError(
            f"{name}: expected {expected} targets per sample, as in training, got "
            f"{columns.shape[1]}."
        )


def set_aside(
    train: Samples, strata: npt.NDArray[Any] | None, *, fraction: float, random_state: Any
) -> tuple[Samples, Samples]:
    """Return a training part and a validation part, drawn by ``random_state``; both are copies.

    Parameters
    ----------
    train : Samples
        Whose arrays, or matrices of SciPy, can be indexed by rows.
    strata : ndarray of int of shape (n_samples,) or None
        Classes that both parts shall have in proportion, if both can hold all of them.
    fraction : float
        Of the samples, for the validation part.
    random_state : int, RandomState or None

    Raises
    ------
    InvalidArgumentError
        If the validation part would have fewer than two samples, or one of both parts none that
        counts.
    """
    from chainrule.datasets import split_indices  # what reads files is of no use to most fits

    n_samples = train.X.shape[0]
    n_held_out = math.floor(fraction * n_samples + 0.5)
    if n_held_out < 2:
        raise InvalidArgumentError(
            "The validation set is too small. Increase 'validation_fraction' or the size of "
            "your dataset."
        )
    if strata is not None:
        counts = np.unique(strata, return_counts=True)[1]
        if min(n_held_out, n_samples - n_held_out) < len(counts) or counts.min() < 2:
            strata = None
    seed = drawn_seed(random_state)
    parts = split_indices(n_samples, fraction, classes=strata, seed=seed)
    first, second = (
        Samples(*(None if array is None else array[rows] for array in train)) for rows in parts
    )
    for part in (first, second):
        if part.weight is not None and not part.weight.any():
            raise InvalidArgumentError(
                "sample_weight: expected samples that count in the training part and in the "
                "validation part, got weights that are 0 in one of them; give X_val and y_val."
            )
    return first, second
