"""`fori_loop`: a loop over integers, in terms of the other two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule._errors import ArgumentTypeError
from chainrule.control_flow.scan import scan
from chainrule.control_flow.while_loop import while_loop
from chainrule.ir import type_of
from chainrule.transforms.tracing import as_leaf, check_callable, shown


def fori_loop(lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any) -> Any:
    """Loop over the integers from ``lower`` to ``upper - 1`` with a carry.

    Parameters
    ----------
    lower, upper : int or traced integer
        Bounds. If both are Python or NumPy integers the loop is a `scan` and can be differentiated
        in every mode; if one is traced it is a `while_loop`, in forward mode only.
    body : callable
        ``body(i, carry) -> carry``.
    init : pytree
        The carry before the first step.

    Returns
    -------
    pytree
        The carry after the last step.

    Raises
    ------
    ArgumentTypeError
        If a bound is not an integer.

    Examples
    --------
    >>> import chainrule as cr
    >>> float(cr.fori_loop(0, 5, lambda i, total: total + i, 0.0))
    10.0
    """
    check_callable("fori_loop: body", body)
    for name, bound in (("lower", lower), ("upper", upper)):
        type = type_of(as_leaf(bound, f"fori_loop: {name}"))
        if type.dtype.kind not in "iu" or type.shape != ():
            raise ArgumentTypeError(f"fori_loop: {name} must be an integer, got {shown(bound)}.")
    if isinstance(lower, (int, np.integer)) and isinstance(upper, (int, np.integer)):
        numbers = np.arange(int(lower), max(int(lower), int(upper)))
        return scan(lambda carry, i: (body(i, carry), None), init, numbers)[0]
    _, result = while_loop(
        lambda state: state[0] < upper,
        lambda state: (state[0] + 1, body(state[0], state[1])),
        (lower, init),
    )
    return result
