"""Hyper-parameters: numbers that may be plain, arrays of one per run, or traced.

The numbers of an optimizer are leaves of a tree (see `chainrule.optim.chain`), so by the time an
update runs they may be traced arrays whose value is not known. They are therefore checked where
they are written down, in the functions that make optimizers. Where they are used they are brought
to the dtype of the parameter they meet, so that a learning rate of float64 leaves a float32
parameter float32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule._errors import ArgumentTypeError, InvalidArgumentError


def check_range(
    what: str, value: Any, low: float, high: float = math.inf, *, open_low: bool = False
) -> None:
    """Raise unless ``low <= value < high`` (``low < value`` if ``open_low``), as far as known.

    Parameters
    ----------
    what : str
        Function and argument, as the message should name them.
    value : float, ndarray or traced array
        Every element of an array is checked, a traced array is not.
    low, high : float
    open_low : bool, default=False

    Raises
    ------
    ArgumentTypeError
        If ``value`` is not a number.
    InvalidArgumentError
        If it is NaN or outside the range.
    """
    if type(value) is float and (low < value if open_low else low <= value) and value < high:
        return
    lower = "above" if open_low else "of at least"
    upper = f" and below {high:g}" if high < math.inf else ", finite"
    wanted = f"a number {lower} {low:g}{upper}"
    known = isinstance(value, (int, float, np.ndarray, np.generic))
    if isinstance(value, bool) or (not known and not hasattr(value, "dtype")):
        raise ArgumentTypeError(f"{what}: expected {wanted}, got {value!r}.")
    if not known:
        return
    numbers = np.asarray(value)
    if numbers.dtype.kind not in "iuf":
        raise ArgumentTypeError(f"{what}: expected {wanted}, got dtype {numbers.dtype}.")
    inside = (numbers < high) & ((numbers > low) if open_low else (numbers >= low))
    if not inside.all():
        worst = numbers if numbers.ndim == 0 else numbers[~inside][0]
        raise InvalidArgumentError(f"{what}: expected {wanted}, got {worst}.")
