"""`numpy.pad`: constants around an array, or its own elements mirrored, repeated or wrapped."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule._errors import InvalidArgumentError, ShapeError, UnsupportedError
from chainrule.frontend.conversion import as_array, as_dtype, concrete
from chainrule.frontend.dispatch import implements
from chainrule.frontend.joining import joined
from chainrule.frontend.shaping import spread

_OWN_ELEMENTS = ("edge", "reflect", "symmetric", "wrap")


def _pairs(values: Any, ndim: int, argument: str) -> Any:
    """Return one (before, after) pair per axis; ``values`` may be a dict from axis to pair."""
    if isinstance(values, dict):
        whole = np.zeros((ndim, 2), np.int64)
        for axis, pair in values.items():
            whole[axis] = pair
        return whole
    values = as_array(values, f"np.pad, {argument}")
    if values.shape not in ((), (1,), (2,), (1, 2), (ndim, 1), (ndim, 2)):
        raise ShapeError(
            f"np.pad, {argument}: expected a number, a pair (before, after) or one pair for each "
            f"of {ndim} axes, got shape {values.shape}."
        )
    return spread(values, (ndim, 2))


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    """Pad by constants (``constant_values``), or by the array's own elements."""
    x = as_array(array, "np.pad")
    widths = concrete(_pairs(pad_width, x.ndim, "pad_width"), "np.pad: pad_width")
    if widths.dtype.kind not in "iu" or (widths < 0).any():
        raise InvalidArgumentError(
            f"np.pad: expected widths that are integers of 0 or more, got {pad_width!r}."
        )
    if mode == "constant":
        constants = options.pop("constant_values", 0)
        _refuse_options(options, mode)
        return _with_constants(x, widths, constants)
    if mode not in _OWN_ELEMENTS:
        shown = repr(mode) if isinstance(mode, str) else "a function as mode"
        raise UnsupportedError(
            f"np.pad: {shown} is not supported on traced arrays; expected 'constant', "
            f"{', '.join(map(repr, _OWN_ELEMENTS))}. Other borders can be joined on with "
            "np.concatenate."
        )
    if options.get("reflect_type") == "even":
        del options["reflect_type"]
    _refuse_options(options, mode)
    for axis, width in enumerate(widths.tolist()):
        if not any(width):
            continue
        if x.shape[axis] == 0:
            raise ShapeError(
                f"np.pad: axis {axis} of an array of shape {x.shape} has no element to extend in "
                f"mode {mode!r}; use mode 'constant'."
            )
        # NumPy pads the positions instead of the elements, and says which one goes where.
        x = np.take(x, np.pad(np.arange(x.shape[axis]), width, mode), axis=axis)
    return x


def _refuse_options(options: dict[str, Any], mode: str) -> None:
    for key, value in options.items():
        raise UnsupportedError(
            f"np.pad: {key}={value!r} with mode {mode!r} is not supported on traced arrays; "
            "leave it out."
        )


def _with_constants(x: Any, widths: np.ndarray[Any, Any], constants: Any) -> Any:
    values = _pairs(constants, x.ndim, "constant_values")
    if isinstance(values, np.ndarray) and not values.any():
        if not widths.any():
            return x
        return ops.pad(x, widths=tuple([(before, after, 0) for before, after in widths.tolist()]))
    values = as_dtype(values, x.dtype)
    for axis, width in enumerate(widths.tolist()):
        shapes = [(*x.shape[:axis], extent, *x.shape[axis + 1 :]) for extent in width]
        before, after = [spread(values[axis, i], shape) for i, shape in enumerate(shapes)]
        x = joined([before, x, after], axis)
    return x
