"""Dtypes of results, against what NumPy gives for the same operands."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._dtypes import check_supported, is_supported, result_dtype, ufunc_dtypes
from chainrule._errors import DtypeError

DTYPES = ["bool", "int8", "uint8", "int32", "int64", "uint64", "float16", "float32", "float64"]
NUMBERS = [True, 2, 2.0]


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.true_divide, np.maximum, np.arctan2])
@pytest.mark.parametrize(("first", "second"), list(itertools.product(DTYPES, repeat=2)))
def test_two_arrays(ufunc: np.ufunc, first: str, second: str) -> None:
    x, y = np.ones(2, first), np.ones(2, second)
    assert cr.compile(ufunc)(x, y).dtype == ufunc(x, y).dtype


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.true_divide, np.power, np.less])
@pytest.mark.parametrize(("dtype", "number"), list(itertools.product(DTYPES, NUMBERS)))
def test_array_and_python_number(ufunc: np.ufunc, dtype: str, number: Any) -> None:
    x = np.ones(2, dtype)
    expected = ufunc(x, number).dtype
    assert cr.compile(lambda a: ufunc(a, number))(x).dtype == expected
    assert cr.compile(lambda a: ufunc(number, a))(x).dtype == ufunc(number, x).dtype
    # As an argument the number is traced, and weak all the same.
    assert cr.compile(ufunc)(x, number).dtype == expected


@pytest.mark.parametrize("ufunc", [np.sin, np.sqrt, np.exp, np.negative, np.absolute, np.square])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int64", *DTYPES[6:]])
def test_one_array(ufunc: np.ufunc, dtype: str) -> None:
    x = np.ones(2, dtype)
    assert cr.compile(ufunc)(x).dtype == ufunc(x).dtype


@pytest.mark.parametrize(("first", "second"), list(itertools.product(DTYPES, NUMBERS)))
def test_result_type_of_an_array_and_a_number(first: str, second: Any) -> None:
    key = np.dtype(np.bool_) if second is True else type(second)
    assert result_dtype(np.dtype(first), key) == np.result_type(np.dtype(first), second)


@pytest.mark.parametrize("ufunc", [np.add, np.power, np.true_divide, np.equal, np.less, np.maximum])
@pytest.mark.parametrize(("first", "second"), [(3, 2), (3, 2.0), (3.0, 2), (3.0, 2.0)])
def test_two_python_numbers(ufunc: np.ufunc, first: Any, second: Any) -> None:
    expected = ufunc(first, second)
    for f in (
        lambda a, b: ufunc(a, b),
        lambda a, b: ufunc(a, second),
        lambda a, b: ufunc(first, b),
    ):
        result = cr.compile(f)(first, second)
        assert result == expected
        assert result.dtype == expected.dtype


def test_ufunc_dtypes_are_those_numpy_computes_in() -> None:
    float32, int64 = np.dtype(np.float32), np.dtype(np.int64)
    assert ufunc_dtypes(np.add, (float32, float)) == (float32,) * 3
    assert ufunc_dtypes(np.sin, (int64,)) == (np.dtype(np.float64),) * 2
    assert ufunc_dtypes(np.less, (float32, int))[-1] == np.dtype(np.bool_)
    with pytest.raises(DtypeError) as caught:
        ufunc_dtypes(np.bitwise_and, (float32, int64))
    assert caught.value.message == (
        "bitwise_and: NumPy has no such function for dtypes (float32, int64); convert the "
        "arguments with .astype first."
    )


@pytest.mark.parametrize("dtype", [*DTYPES, "int16", "uint16", "uint32"])
def test_supported(dtype: str) -> None:
    assert is_supported(np.dtype(dtype))


@pytest.mark.parametrize(
    ("dtype", "advice"),
    [
        ("complex64", "complex numbers are not supported yet; keep real and imaginary parts apart"),
        ("longdouble", "convert it with .astype(np.float64)"),
        ("O", "encode text and objects as numbers first, or pass it as a static argument"),
        ("U3", "encode text and objects as numbers first, or pass it as a static argument"),
        ("M8[s]", "convert it to a number dtype first"),
    ],
)
def test_refused(dtype: str, advice: str) -> None:
    found = np.dtype(dtype)
    assert not is_supported(found)
    with pytest.raises(DtypeError) as caught:
        check_supported(found, "x")
    assert caught.value.message == (
        f"x: expected a boolean, integer or float (16 to 64 bit) dtype, got {found}; {advice}."
    )
