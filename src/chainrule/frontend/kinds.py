"""Real and imaginary parts, and what dtypes arrays have or would have together."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule._dtypes import result_dtype
from chainrule._errors import InvalidArgumentError
from chainrule.frontend.conversion import BOOL, as_array, as_dtype, as_operand, key_of
from chainrule.frontend.dispatch import implements
from chainrule.frontend.tracer import Tracer


@implements(np.real, np.real_if_close)
def real(val: Any) -> Any:
    """Return the array itself; traced arrays are real."""
    return as_array(val, "np.real")


@implements(np.imag)
def imag(val: Any) -> Any:
    """Return zeros; traced arrays are real."""
    return np.zeros_like(val)


@implements(np.iscomplex)
def iscomplex(x: Any) -> Any:
    """Return False for each element; traced arrays are real."""
    return np.zeros(np.shape(x), BOOL)


@implements(np.isreal)
def isreal(x: Any) -> Any:
    """Return True for each element; traced arrays are real."""
    return np.ones(np.shape(x), BOOL)


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    """Return False; traced arrays are real."""
    return False


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    """Return True; traced arrays are real."""
    return True


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """Return the dtype that NumPy's promotion gives for arrays, numbers and dtypes."""
    keys = [
        x if isinstance(x, (np.dtype, type, str)) else key_of(as_operand(x, "np.result_type"))
        for x in arrays_and_dtypes
    ]
    return result_dtype(*[np.dtype(k) if isinstance(k, str) else k for k in keys])


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    """Tell whether elements of a dtype fit into another by a casting rule."""
    return np.can_cast(from_.dtype if isinstance(from_, Tracer) else from_, to, casting)


@implements(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: Any = True) -> Any:
    """Return the array in another dtype."""
    if np.dtype(dtype).kind not in "biuf":
        raise InvalidArgumentError(
            f"np.astype: expected a boolean, integer or float dtype, got {np.dtype(dtype)}."
        )
    return as_dtype(as_array(x, "np.astype"), np.dtype(dtype))
