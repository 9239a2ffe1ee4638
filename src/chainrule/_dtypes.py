"""Which dtypes the library computes with, and how they combine: NumPy's own rules.

Promotion is never reimplemented here. NumPy is asked (`numpy.result_type`,
`numpy.ufunc.resolve_dtypes`), and its answers are remembered. A *weak* type is that of a Python
number: it takes on the dtype of the array it meets, so ``float32_array * 2.0`` stays float32.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from chainrule._donation import check_not_given_away
from chainrule._errors import ArgumentTypeError, DtypeError

WEAK_DTYPES: dict[type, np.dtype[Any]] = {
    bool: np.dtype(np.bool_),
    int: np.dtype(np.int64),
    float: np.dtype(np.float64),
}

_WEAK_TYPE: dict[str, Any] = {"i": int, "f": float}


@lru_cache(maxsize=256)
def is_supported(dtype: np.dtype[Any]) -> bool:
    """Tell whether arrays of this dtype can be traced: bool, integers, float16 to float64."""
    return dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize <= 8)


def check_supported(dtype: np.dtype[Any], what: str) -> None:
    """Raise `DtypeError` unless `is_supported`, naming ``what`` and a way out."""
    if is_supported(dtype):
        return
    if dtype.kind == "c":
        advice = "complex numbers are not supported yet; keep real and imaginary parts apart"
    elif dtype.kind == "f":
        advice = "convert it with .astype(np.float64)"
    elif dtype.kind in "OUST":
        advice = "encode text and objects as numbers first, or pass it as a static argument"
    else:
        advice = "convert it to a number dtype first"
    raise DtypeError(
        f"{what}: expected a boolean, integer or float (16 to 64 bit) dtype, got {dtype}; {advice}."
    )


def check_plain(array: np.ndarray[Any, Any], what: str) -> None:
    """Raise an error for what is an array and cannot be used as one.

    Raises
    ------
    ArgumentTypeError
        If it is of a subclass of ndarray, which may compute by other rules.
    DonatedArrayError
        If it has been given away.
    """
    check_not_given_away(array)
    if type(array) not in (np.ndarray, np.memmap):
        raise ArgumentTypeError(
            f"{what}: expected a plain NumPy array, got the subclass {type(array).__name__}, which "
            "may compute by other rules; convert it, with np.asarray or, if it is masked, with "
            ".filled(value)."
        )


def promotion_key(dtype: np.dtype[Any], weak: bool) -> Any:
    """Return what NumPy's promotion should see: the dtype, or ``int``/``float`` if weak."""
    return _WEAK_TYPE.get(dtype.kind, dtype) if weak else dtype


@lru_cache(maxsize=4096)
def result_dtype(*keys: Any) -> np.dtype[Any]:
    """Return `numpy.result_type` of promotion keys (see `promotion_key`)."""
    # By identity: a dtype compares equal to the Python type it is named after.
    return np.result_type(*[0 if k is int else 0.0 if k is float else k for k in keys])


@lru_cache(maxsize=4096)
def ufunc_dtypes(ufunc: np.ufunc, keys: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
    """Return the dtypes NumPy's ufunc computes in: of each input, then of each output.

    Raises
    ------
    DtypeError
        If the ufunc has no loop for these dtypes.
    """
    if all(isinstance(key, type) for key in keys):
        # Of Python numbers alone NumPy would compare as objects.
        keys = tuple([np.dtype(key) for key in keys])
    try:
        return ufunc.resolve_dtypes((*keys, *(None,) * ufunc.nout))
    except TypeError:
        names = ", ".join("Python " + k.__name__ if isinstance(k, type) else str(k) for k in keys)
        raise DtypeError(
            f"{ufunc.__name__}: NumPy has no such function for dtypes ({names}); "
            "convert the arguments with .astype first."
        ) from None


def in_dtype_of(value: Any, like: Any) -> Any:
    """Return ``value`` in the dtype of ``like``; a plain Python number takes it on by itself."""
    if type(value) in (int, float) or not hasattr(like, "dtype") or value.dtype == like.dtype:
        return value
    return value.astype(like.dtype)
