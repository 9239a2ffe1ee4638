"""Convolution and correlation of two rows: products with every stretch of the longer one."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.frontend.conversion import as_array, promoted
from chainrule.frontend.dispatch import implements
from chainrule.frontend.shaping import flipped


def _correlated(x: Any, y: Any, mode: str, name: str) -> Any:
    """Return sums of products of the shorter ``y`` with every stretch of ``x``."""
    length = y.size
    beyond = {
        "full": (length - 1, length - 1),
        "same": (length // 2, length - length // 2 - 1),
        "valid": (0, 0),
    }
    if mode not in beyond:
        raise InvalidArgumentError(
            f"np.{name}: expected mode 'full', 'same' or 'valid', got {mode!r}."
        )
    before, after = beyond[mode]
    padded = ops.pad(x, widths=((before, after, 0),)) if before or after else x
    count = padded.size - length + 1
    stretches = ops.gather(padded, np.arange(count)[:, None] + np.arange(length))
    return ops.dot(stretches, y, contract=((1,), (0,)), shared=((), ()))


def _two_rows(a: Any, v: Any, name: str) -> tuple[Any, Any]:
    x, y = [
        np.atleast_1d(u) for u in promoted(as_array(a, f"np.{name}"), as_array(v, f"np.{name}"))
    ]
    if x.ndim != 1 or y.ndim != 1 or not x.size or not y.size:
        raise ShapeError(
            f"np.{name}: expected two rows that are not empty, got shapes {x.shape} and {y.shape}."
        )
    return x, y


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """Return the convolution of two rows."""
    x, y = _two_rows(a, v, "convolve")
    if y.size > x.size:
        x, y = y, x
    return _correlated(x, flipped(y, 0), mode, "convolve")


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """Return the correlation of two rows."""
    x, y = _two_rows(a, v, "correlate")
    if y.size > x.size:
        return flipped(_correlated(y, x, mode, "correlate"), 0)
    return _correlated(x, y, mode, "correlate")
