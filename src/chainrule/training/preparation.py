"""What training is given, made ready, and refused where it makes no sense.

All of this happens before the first epoch, on plain arrays, so that a wrong row or target is named
as such and not found as an error deep inside a compiled program, or not at all.
"""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule import nn
from chainrule._dtypes import check_supported
from chainrule._errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from chainrule.nn.roles import trained_leaves
from chainrule.sparse import SparseMatrix
from chainrule.training.epoch import Loss, Samples, cost

__all__ = [
    "prepared_count",
    "prepared_model",
    "prepared_samples",
    "try_out",
    "warn_of_probabilities",
]

_WANT_LOGITS = (nn.sigmoid_cross_entropy, nn.softmax_cross_entropy)
_GIVE_PROBABILITIES = (nn.sigmoid, nn.softmax)


def prepared_model(model: Any) -> tuple[Any, np.dtype[Any]]:
    """Return the model with arrays for leaves, all finite and those to be trained floats.

    With it goes the float dtype that data are converted to, in which no parameter loses digits.
    """
    if not callable(model):
        raise ArgumentTypeError(
            f"fit: model: expected a layer or another callable pytree, got {type(model).__name__}; "
            "for instance nn.mlp(key, (64, 50, 10))."
        )
    # Python numbers among the leaves become arrays: only those have a dtype to keep.
    leaves, structure = tree.flatten(model)
    leaves = [np.asarray(leaf) for leaf in leaves]
    model = tree.unflatten(structure, leaves)
    dtypes = {leaf.dtype for leaf in trained_leaves(leaves, structure)}
    if {dtype.kind for dtype in dtypes} != {"f"}:
        named = tree.leaves_with_path(nn.parameters(model))
        wrong = ", ".join(f"{p.lstrip('.')} ({a.dtype})" for p, a in named if a.dtype.kind != "f")
        raise ArgumentTypeError(
            "fit: model: expected a pytree with float arrays as parameters, got "
            f"{wrong or 'none'}; declare settings with tree.static_field(), and arrays that are "
            "not trained with field(metadata=nn.FIXED)."
        )
    for place, leaf in enumerate(leaves):
        if not np.isfinite(leaf).all():
            path, _ = tree.leaves_with_path(model)[place]
            raise InvalidArgumentError(
                f"fit: model: expected finite weights, got NaN or infinity in {path.lstrip('.')}; "
                "initialize the model anew."
            )
    return model, np.result_type(*dtypes)


def prepared_samples(suffix: str, X: Any, y: Any, weight: Any, dtype: Any) -> Samples:
    """Return inputs, targets and weights as finite arrays with as many rows, floats in ``dtype``.

    Arguments are named with the suffix: ``"_val"`` for those of the validation part.
    """
    X_name, y_name, weight_name = f"X{suffix}", f"y{suffix}", f"sample_weight{suffix}"
    X, y = X if isinstance(X, SparseMatrix) else np.asarray(X), np.asarray(y)
    check_supported(X.dtype, f"fit: {X_name}")
    check_supported(y.dtype, f"fit: {y_name}")
    if X.ndim < 2 or X.shape[0] == 0:
        raise ShapeError(
            f"fit: {X_name}: expected shape (n_samples, n_features) with at least one sample, "
            f"got {X.shape}; a single feature is a column, {X_name}[:, None]."
        )
    if y.shape[:1] != X.shape[:1]:
        raise ShapeError(
            f"fit: {y_name}: expected {X.shape[0]} rows like {X_name}, got shape {y.shape}; "
            "give one target per sample."
        )
    if weight is not None:
        weight = np.asarray(weight)
        if weight.dtype.kind not in "biuf":
            raise ArgumentTypeError(
                f"fit: {weight_name}: expected numbers, got dtype {weight.dtype}."
            )
        weight = _finite_in(dtype, weight_name, weight.astype(dtype))
    return Samples(_finite_in(dtype, X_name, X), _finite_in(dtype, y_name, y), weight)


def warn_of_probabilities(model: Any, loss: Loss) -> None:
    """Warn if a model gives probabilities to a loss that takes their logits."""
    last = model
    while isinstance(last, nn.Sequential) and last.layers:
        last = last.layers[-1]
    activation = getattr(last, "activation", getattr(last, "function", None))
    if activation in _GIVE_PROBABILITIES and loss in _WANT_LOGITS:
        warnings.warn(
            f"fit: {loss.__name__} takes logits, and the model ends with {activation.__name__}, "
            "whose outputs are probabilities: it would be applied twice, and the model learns "
            "little. Make the last activation nn.identity.",
            UserWarning,
            stacklevel=3,
        )


def try_out(model: Any, loss: Loss, samples: Samples, y_name: str) -> None:
    """Show every target to the loss once, with the output for one row, to hear its complaints."""
    if samples.weight is not None and not _takes(loss, "sample_weight"):
        raise ArgumentTypeError(
            f"fit: loss: expected one that takes sample_weight, got {loss!r}; return "
            "np.sum(sample_weight * costs) / np.sum(sample_weight)."
        )
    with np.errstate(all="ignore"):
        output = np.asarray(model(samples.X[:1]))

        def shown(part: Samples) -> Any:
            return cost(loss, output.repeat(len(part.y), axis=0), part)

        try:
            value = shown(_without_repetition(samples))
        except Exception:
            value = None
        if value is None or np.shape(value) != ():
            value = shown(samples)  # so that what is wrong is said of the targets as they are
    if np.shape(value) != ():
        raise ShapeError(
            f"fit: loss: expected one number, the mean over samples, got shape {np.shape(value)} "
            f"for {y_name}; take the mean."
        )


def _without_repetition(samples: Samples) -> Samples:
    """Return samples with each target once, if these are classes, and else as they are.

    Weights belong to every sample, and there are losses that refuse them too.
    """
    y = samples.y
    if samples.weight is not None or y.ndim != 1 or y.dtype.kind not in "iu":
        return samples
    low, high = int(y.min()), int(y.max())
    if high - low < len(y):  # far less work than to sort them
        distinct = (np.flatnonzero(np.bincount(y.astype(np.intp) - low)) + low).astype(y.dtype)
    else:
        distinct = np.unique(y)
    return Samples(samples.X, distinct)


def _takes(function: Any, name: str) -> bool:
    """Return whether a function has a parameter of that name, or takes any."""
    given = inspect.signature(function).parameters
    return name in given or any(p.kind is p.VAR_KEYWORD for p in given.values())


def prepared_count(name: str, value: Any) -> int:
    """Return a number of epochs or rows."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InvalidArgumentError(
            f"fit: {name}: expected an integer of at least 1, got {value!r}."
        )
    return int(value)


def _finite_in(dtype: Any, name: str, array: Any) -> Any:
    if isinstance(array, SparseMatrix):
        return _finite_sparse(array.astype(dtype), name)
    # Integers stay what they are: they may be labels, or indices that a layer looks up.
    if array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        array = array.astype(dtype, copy=False)
        # The sum is finite for almost all finite data, and needs no array of its own.
        if np.isfinite(array.sum()):
            return array
    places = np.argwhere(~np.isfinite(array))
    if not len(places):
        return array
    place = tuple(int(index) for index in places[0])
    raise _not_finite(name, array[place], place, len(places))


def _finite_sparse(matrix: SparseMatrix, name: str) -> SparseMatrix:
    positions = np.flatnonzero(~np.isfinite(matrix.values))
    if not len(positions):
        return matrix
    first = positions[0]
    place = int(matrix.rows[first]), int(matrix.columns[first])
    raise _not_finite(name, matrix.values[first], place, len(positions))


def _not_finite(name: str, value: Any, place: tuple[int, ...], count: int) -> InvalidArgumentError:
    where = f"row {place[0]}" + "".join(f", column {index}" for index in place[1:])
    return InvalidArgumentError(
        f"fit: {name}: expected numbers that are finite in {value.dtype}, got {value} in "
        f"{where} (and {count - 1} more); drop these rows or fill them in first."
    )
