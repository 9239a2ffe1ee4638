"""Every ufunc of NumPy in every dtype: its value, dtype and sign of zero, or a refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

X = np.array([0.3, -0.6, 2.0, 0.0, -3.5, 7.0, np.inf, np.nan])
Y = np.array([0.5, 2.0, -0.7, 1.5, 2.0, -3.0, 2.0, 1.0])
DTYPES = ["float64", "float32", "float16", "int64", "int32", "int8", "uint8", "bool"]
TOLERANCE = {"float64": 1e-14, "float32": 1e-6, "float16": 2e-3}
REFUSED = {"bitwise_count", "frexp", "gcd", "lcm", "nextafter", "spacing", "isnat"}


def is_elementwise(value: Any) -> bool:
    return isinstance(value, np.ufunc) and value.signature is None and value.nin <= 2


NAMES = sorted({u.__name__ for u in map(vars(np).get, dir(np)) if is_elementwise(u)})


def leaves(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]


def arguments(ufunc: np.ufunc, dtype: str) -> list[np.ndarray]:
    arrays = [X, Y] if dtype.startswith("float") else [X[:6], Y[:6]]
    if dtype in ("uint8", "bool"):
        arrays = [np.abs(x) for x in arrays]
    return [x.astype(dtype) for x in arrays[: ufunc.nin]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in REFUSED])
def test_ufunc(name: str, dtype: str) -> None:
    ufunc = getattr(np, name)
    arrays = arguments(ufunc, dtype)
    if name == "reciprocal" and not dtype.startswith("float"):
        arrays[0][arrays[0] == 0] = 1  # NumPy divides by zero, with a result that varies
    try:
        expected = ufunc(*arrays)
    except (TypeError, ValueError):
        with pytest.raises((TypeError, ValueError)):
            cr.vmap(ufunc)(*arrays)
        return
    got = cr.vmap(ufunc)(*arrays)
    for one, other in zip(leaves(got), leaves(expected), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=TOLERANCE.get(str(other.dtype), 0.0))
        if other.dtype.kind == "f":
            numbers = ~np.isnan(other)
            np.testing.assert_array_equal(np.signbit(one[numbers]), np.signbit(other[numbers]))


@pytest.mark.parametrize("name", sorted(REFUSED - {"isnat"}))
def test_refused_ufunc(name: str) -> None:
    ufunc = getattr(np, name)
    x = np.arange(3) if name in ("gcd", "lcm", "bitwise_count") else np.arange(3.0)
    with pytest.raises(
        NotImplementedError, match=rf"^np\.{name} is not supported on traced arrays"
    ):
        cr.vmap(ufunc)(*[x] * ufunc.nin)


def test_the_remainder_of_a_negative_zero_is_one() -> None:
    x = np.array([-0.0, 0.0, -4.0, 4.0])
    got = cr.compile(np.fmod)(x, 2.0)
    np.testing.assert_array_equal(got, np.zeros(4))
    np.testing.assert_array_equal(np.signbit(got), np.signbit(np.fmod(x, 2.0)))
