"""What all losses do alike: line outputs up with targets, and average what each sample costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np

from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.nn._types import Array, as_array

Reduction: TypeAlias = Literal["mean", "none"]


def aligned(name: str, output: Array, target: Array) -> tuple[Array, Array]:
    """Return output and target in equal shapes, the target in a float dtype.

    Raises
    ------
    ShapeError
        If the shapes differ, but for a single output whose targets have no axis for it.
    """
    output, target = as_array(output), as_array(target)
    if output.shape == (*target.shape, 1) and target.ndim == 1:
        target = target[:, None]
    if output.shape != target.shape or output.ndim == 0:
        raise ShapeError(
            f"{name}: expected a target of the shape of the output, {output.shape}, "
            f"got {target.shape}; one row per sample and one column per output."
        )
    return output, as_float(target, output)


def as_float(target: Array, output: Array) -> Array:
    """Return the target as floats: int64 would make the loss of a float32 output float64."""
    return target if target.dtype.kind == "f" else target.astype(output.dtype)


def known(values: Array) -> bool:
    """Return whether values can be looked at, which traced ones cannot."""
    return isinstance(values, (np.ndarray, np.generic))


def per_sample(costs: Array, combine: Callable[..., Array]) -> Array:
    """Return what each sample costs, from what each of its outputs does."""
    return combine(costs.reshape(costs.shape[0], -1), axis=1) if costs.ndim > 1 else costs


def reduced(name: str, costs: Array, reduction: str, sample_weight: Any) -> Array:
    r"""Return the mean of what each sample costs, or the costs themselves.

    .. math:: \frac{\sum_i w_i c_i}{\sum_i w_i}

    Raises
    ------
    InvalidArgumentError
        If the reduction is neither "mean" nor "none", or the weights are negative, not finite, or
        all zero.
    ShapeError
        If there is not one weight per sample.
    """
    if reduction not in ("mean", "none"):
        raise InvalidArgumentError(
            f"{name}: expected reduction 'mean' or 'none', got {reduction!r}; "
            "'none' returns one number per sample."
        )
    if sample_weight is None:
        return costs if reduction == "none" else np.mean(costs)
    weight = as_array(sample_weight)
    if weight.shape != costs.shape:
        raise ShapeError(
            f"{name}: sample_weight: expected one weight for each of the {costs.shape[0]} samples, "
            f"got shape {weight.shape}."
        )
    if known(weight):
        _check_weights(f"{name}: sample_weight", weight)
    weight = weight.astype(costs.dtype)
    if reduction == "none":
        return weight * costs
    total = np.sum(weight)
    # A batch may happen to be of samples without weight: it teaches nothing.
    return np.sum(weight * costs) / np.where(total > 0, total, 1.0)


def _check_weights(what: str, weight: Array) -> None:
    wrong = np.flatnonzero(~((weight >= 0) & (weight < np.inf)))
    if wrong.size:
        raise InvalidArgumentError(
            f"{what}: expected weights that are finite and not negative, got {weight[wrong[0]]} "
            f"for sample {wrong[0]}."
        )
    if not weight.any():
        raise InvalidArgumentError(
            f"{what}: expected some weight above 0, got only zeros; samples without weight count "
            "as absent."
        )
