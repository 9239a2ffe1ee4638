"""Getting arguments into the dtype NumPy would compute in, before an op sees them."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule._dtypes import (
    WEAK_DTYPES,
    check_plain,
    check_supported,
    promotion_key,
    result_dtype,
    ufunc_dtypes,
)
from chainrule._errors import ArgumentTypeError, ConcretizationError
from chainrule.ir import Traced, current_trace

BOOL = np.dtype(np.bool_)
INT64 = np.dtype(np.int64)
FLOAT64 = np.dtype(np.float64)


def as_operand(x: Any, name: str) -> Any:
    """Return an argument as a traced array, a NumPy array or scalar, or a Python number.

    Lists and tuples become arrays, or are stacked if they hold traced arrays, as NumPy would.

    Raises
    ------
    ArgumentTypeError
        If it is neither an array nor a number, or a masked array or a matrix.
    DtypeError
        If it is of a dtype that cannot be traced, such as complex or object.
    """
    if isinstance(x, Traced) or type(x) in WEAK_DTYPES:
        return x
    if isinstance(x, (list, tuple)) and _holds_tracers(x):
        return np.stack([as_array(item, name) for item in x])
    if isinstance(x, np.ndarray):
        check_plain(x, name)
        array: Any = x
    elif isinstance(x, np.generic):
        array = x
    else:
        array = np.asarray(x)
        if array.dtype.kind in "OUS":
            raise ArgumentTypeError(
                f"{name}: expected arrays and numbers, got {type(x).__name__} ({x!r:.60})."
            )
    check_supported(array.dtype, name)
    return array


def _holds_tracers(items: Any) -> bool:
    return any(
        isinstance(item, Traced) or (isinstance(item, (list, tuple)) and _holds_tracers(item))
        for item in items
    )


def as_array(x: Any, name: str) -> Any:
    """Return an argument as a traced array or a NumPy array; Python numbers get NumPy's dtype."""
    operand = as_operand(x, name)
    if not isinstance(operand, Traced):
        return np.asarray(operand)
    return type(operand)(operand.owner, operand.variable) if operand.weak else operand


def concrete(x: Any, what: str) -> np.ndarray[Any, Any]:
    """Return the value of an argument on which the shape of a result depends.

    Raises
    ------
    ConcretizationError
        If it is traced and its value not known; ``what`` names function and argument.
    """
    if not isinstance(x, Traced):
        return np.asarray(x)
    value = x.owner.value_of(x.variable)
    if value is None:
        raise ConcretizationError(
            f"{what} must be known while the function is traced, since the shape of the result "
            f"depends on it; inside {x.owner.name} it is not: {x.owner.abstract_reason}. Pass it "
            "as a static argument, or write the function so that shapes do not depend on values, "
            "for instance with np.where."
        )
    return np.asarray(value)


def key_of(x: Any) -> Any:
    """Return what promotion sees of an operand: its dtype, or ``int``/``float`` if weak."""
    if isinstance(x, Traced):
        return promotion_key(x.type.dtype, x.weak)
    weak = WEAK_DTYPES.get(type(x))
    return promotion_key(weak, True) if weak is not None else x.dtype


def as_dtype(x: Any, dtype: np.dtype[Any]) -> Any:
    """Return an operand in another dtype; nothing is recorded where it has it already."""
    if isinstance(x, Traced):
        if x.type.dtype == dtype:
            return x
        check_supported(dtype, "astype")
        if dtype == BOOL:
            return x != x.dtype.type(0)
        return ops.convert(x, dtype=dtype)
    if isinstance(x, (np.ndarray, np.generic)):
        return x if x.dtype == dtype else x.astype(dtype)
    return dtype.type(x)


def as_array_of(x: Any, dtype: np.dtype[Any], name: str) -> Any:
    """Return an argument as an array of a dtype; a Python number that does not fit is an error."""
    operand = as_operand(x, name)
    return as_dtype(operand, dtype) if isinstance(operand, Traced) else np.asarray(x, dtype)


def promoted(*operands: Any) -> list[Any]:
    """Return operands in their common dtype by `numpy.result_type`."""
    dtype = result_dtype(*[key_of(x) for x in operands])
    return [as_dtype(x, dtype) for x in operands]


def ufunc_operands(ufunc: np.ufunc, operands: tuple[Any, ...]) -> list[Any]:
    """Return operands in the dtypes in which NumPy's ufunc would compute on them."""
    args = [as_operand(x, ufunc.__name__) for x in operands]
    dtypes = ufunc_dtypes(ufunc, tuple([key_of(x) for x in args]))
    return [as_dtype(x, dtype) for x, dtype in zip(args, dtypes, strict=False)]


def as_float(x: Any, name: str) -> Any:
    """Return an array in the float dtype that true division would give it."""
    array = as_array(x, name)
    return array if array.dtype.kind == "f" else as_dtype(array, FLOAT64)


def asarray(x: Any) -> Any:
    """Return ``x`` as an array of the trace now running, so that a traced index can index it.

    Parameters
    ----------
    x : array_like
        An array from outside the traced function, or one that is traced already.

    Returns
    -------
    ndarray or traced array
        The traced array while a function is being traced, a NumPy array otherwise.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> table = np.array([10.0, 20.0, 30.0])
    >>> @cr.compile
    ... def look_up(i):
    ...     return cr.asarray(table)[i]
    >>> look_up(np.array([2, 0]))
    array([30., 10.])
    """
    if isinstance(x, Traced):
        return x
    if isinstance(x, np.ndarray):
        check_plain(x, "cr.asarray")
    array = np.asarray(x)
    trace = current_trace()
    if trace is None:
        return array
    check_supported(array.dtype, "cr.asarray")
    return trace.record(ops.stop_gradient, (array,), {})
