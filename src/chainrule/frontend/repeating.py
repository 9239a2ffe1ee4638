"""Functions that repeat a whole array or each of its elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.frontend.axes import one_axis
from chainrule.frontend.conversion import as_array, concrete
from chainrule.frontend.dispatch import implements
from chainrule.frontend.shaping import as_shape, reshaped, spread


@implements(np.tile)
def tile(A: Any, reps: Any) -> Any:
    """Repeat the whole array, ``reps`` times along each axis."""
    x = as_array(A, "np.tile")
    counts = as_shape(reps, "np.tile, reps")
    ndim = max(x.ndim, len(counts))
    shape = (1,) * (ndim - x.ndim) + x.shape
    counts = (1,) * (ndim - len(counts)) + counts
    apart = [extent for pair in zip((1,) * ndim, shape, strict=True) for extent in pair]
    repeated = [extent for pair in zip(counts, shape, strict=True) for extent in pair]
    merged = [count * extent for count, extent in zip(counts, shape, strict=True)]
    return reshaped(spread(reshaped(x, tuple(apart)), tuple(repeated)), tuple(merged))


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    """Repeat each element along an axis, all equally often or each as often as told."""
    x = as_array(a, "np.repeat")
    if axis is None:
        x, place = reshaped(x, (x.size,)), 0
    else:
        place = one_axis(axis, x.ndim, "repeat")
    counts = np.atleast_1d(concrete(repeats, "np.repeat: the number of repeats"))
    if counts.dtype.kind not in "iu" or counts.ndim > 1 or (counts < 0).any():
        raise InvalidArgumentError(
            f"np.repeat: expected repeats that are integers of 0 or more, got {repeats!r}."
        )
    extent = x.shape[place]
    if counts.size == 1:
        before, after = x.shape[: place + 1], x.shape[place + 1 :]
        count = int(counts[0])
        wide = spread(reshaped(x, (*before, 1, *after)), (*before, count, *after))
        return reshaped(wide, (*before[:-1], extent * count, *after))
    if counts.size != extent:
        raise ShapeError(
            f"np.repeat: expected one number of repeats or {extent}, one for each element along "
            f"axis {place}; got {counts.size}."
        )
    return np.take(x, np.repeat(np.arange(extent), counts), axis=place)
