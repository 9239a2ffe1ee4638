"""Tangents and cotangents that do not fit their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import (
    ArgumentTypeError,
    DtypeError,
    ShapeError,
    TreeError,
)

SINGLE = np.ones(2, np.float32)


@pytest.mark.parametrize(
    ("f", "kind", "expected"),
    [
        pytest.param(
            lambda: cr.jvp(lambda x, y: x * y, (1.0, 2.0), (1.0,)),
            TreeError,
            "jvp(<lambda>): tangents must have the structure of primals, (*, *), got (*,); give "
            "every value a tangent, zeros if it does not move.",
            id="fewer",
        ),
        pytest.param(
            lambda: cr.jvp(lambda p: p["a"], ({"a": 1.0},), ({"b": 1.0},)),
            TreeError,
            "jvp(<lambda>): tangents must have the structure of primals, ({'a': *},), got ({'b': "
            "*},); give every value a tangent, zeros if it does not move.",
            id="other_keys",
        ),
        pytest.param(
            lambda: cr.jvp(lambda x: x, (np.ones(2),), (np.ones(3),)),
            ShapeError,
            "jvp(<lambda>): tangents[0] must have the shape (2,) of its value, got (3,).",
            id="other_shape",
        ),
        pytest.param(
            lambda: cr.jvp(lambda x: x, (np.ones(2),), (1.0,)),
            ShapeError,
            "jvp(<lambda>): tangents[0] must have the shape (2,) of its value, got ().",
            id="number_for_array",
        ),
        pytest.param(
            lambda: cr.jvp(lambda p: p["a"], ({"a": np.ones(2)},), ({"a": np.ones(3)},)),
            ShapeError,
            "jvp(<lambda>): tangents[0]['a'] must have the shape (2,) of its value, got (3,).",
            id="shape_in_dict",
        ),
        pytest.param(
            lambda: cr.jvp(lambda x: x, (SINGLE,), (np.ones(2),)),
            DtypeError,
            "jvp(<lambda>): tangents[0] must have the dtype float32 of its value, got float64; "
            "convert it with .astype.",
            id="wider_dtype",
        ),
        pytest.param(
            lambda: cr.jvp(lambda n: n * 1.0, (3,), (1,)),
            DtypeError,
            "jvp(<lambda>): tangents[0] belongs to a value of dtype int64, which has no "
            "derivative; it must be zero, or the value a float.",
            id="of_integer",
        ),
        pytest.param(
            lambda: cr.jvp(lambda x: x, (3.0,), ("a",)),
            ArgumentTypeError,
            "jvp(<lambda>): tangents[0]: expected a NumPy array, a Python number, or a tuple, "
            "list, dict, namedtuple or dataclass of these, got str ('a'); let the function close "
            "over it, or name it in static_argnums of cr.compile.",
            id="text",
        ),
        pytest.param(
            lambda: cr.jvp(lambda x: x, (3.0,), (None,)),
            TreeError,
            "jvp(<lambda>): tangents must have the structure of primals, (*,), got (None,); give "
            "every value a tangent, zeros if it does not move.",
            id="none",
        ),
        pytest.param(
            lambda: cr.jvp(lambda x: x, (3.0,), (1j,)),
            DtypeError,
            "jvp(<lambda>): tangents[0]: expected a real array or number, got the complex number "
            "1j; complex numbers are not supported yet, keep real and imaginary parts apart.",
            id="complex",
        ),
        pytest.param(
            lambda: cr.jvp(lambda x: x, (np.ones(2),), (np.ones(2) * 1j,)),
            DtypeError,
            "jvp(<lambda>): tangents[0]: expected a boolean, integer or float (16 to 64 bit) "
            "dtype, got complex128; complex numbers are not supported yet; keep real and "
            "imaginary parts apart.",
            id="complex_array",
        ),
        pytest.param(
            lambda: cr.jvp(lambda x: x, 3.0, 1.0),
            TreeError,
            "jvp(<lambda>): primals must be a tuple with one entry per argument, got float (3.0); "
            "for one argument x write (x,).",
            id="primals_not_in_tuple",
        ),
        pytest.param(
            lambda: cr.jvp(lambda x: x, np.ones(2), np.ones(2)),
            TreeError,
            "jvp(<lambda>): primals must be a tuple with one entry per argument, got an array of "
            "type float64[2]; for one argument x write (x,).",
            id="primals_an_array",
        ),
        pytest.param(
            lambda: cr.jvp(lambda x: x, (3.0,), 1.0),
            TreeError,
            "jvp(<lambda>): tangents must be a tuple with one entry per argument, got float "
            "(1.0); for one argument x write (x,).",
            id="tangents_not_in_tuple",
        ),
        pytest.param(
            lambda: cr.jvp(lambda x: x, ("a",), (1.0,)),
            ArgumentTypeError,
            "jvp(<lambda>): primals[0]: expected a NumPy array, a Python number, or a tuple, "
            "list, dict, namedtuple or dataclass of these, got str ('a'); let the function close "
            "over it, or name it in static_argnums of cr.compile.",
            id="text_primal",
        ),
        pytest.param(
            lambda: cr.hvp(np.sum, (np.ones(2),), (np.ones(3),)),
            ShapeError,
            "jvp(gradient_of_sum): tangents[0] must have the shape (2,) of its value, got (3,).",
            id="hvp_shape",
        ),
        pytest.param(
            lambda: cr.linearize(lambda x: x, np.ones(2))[1](1.0, 2.0),
            TreeError,
            "linearize(<lambda>): tangents must have the structure of the arguments, (*,), got "
            "(*, *); give every argument a tangent, zeros if it does not move.",
            id="linearize_count",
        ),
        pytest.param(
            lambda: cr.linearize(lambda x: x, np.ones(2))[1](np.ones(3)),
            ShapeError,
            "linearize(<lambda>): tangents[0] must have the shape (2,) of its value, got (3,).",
            id="linearize_shape",
        ),
        pytest.param(
            lambda: cr.vjp(lambda x: (x, x), 1.0)[1](1.0),
            TreeError,
            "vjp(<lambda>): the cotangent must have the structure of the result, (*, *), got a "
            "single value; give every result a cotangent, zeros if it does not count.",
            id="cotangent_structure",
        ),
        pytest.param(
            lambda: cr.vjp(lambda x: x * 1.0, np.ones(2))[1](1.0),
            ShapeError,
            "vjp(<lambda>): cotangent must have the shape (2,) of its value, got ().",
            id="cotangent_shape",
        ),
        pytest.param(
            lambda: cr.vjp(lambda x: {"a": x}, np.ones(2))[1]({"a": np.ones(3)}),
            ShapeError,
            "vjp(<lambda>): cotangent['a'] must have the shape (2,) of its value, got (3,).",
            id="cotangent_shape_in_dict",
        ),
        pytest.param(
            lambda: cr.vjp(lambda x: x, SINGLE)[1](np.ones(2)),
            DtypeError,
            "vjp(<lambda>): cotangent must have the dtype float32 of its value, got float64; "
            "convert it with .astype.",
            id="cotangent_dtype",
        ),
        pytest.param(
            lambda: cr.vjp(np.argmax, np.ones(2))[1](1),
            DtypeError,
            "vjp(argmax): cotangent belongs to a value of dtype int64, which has no derivative; "
            "it must be zero, or the value a float.",
            id="cotangent_of_integer",
        ),
    ],
)
def test_messages(
    f: Callable[[], Any], kind: type[cr.ChainruleError], expected: str, message: Any
) -> None:
    assert message(kind, f) == expected


def test_what_does_fit() -> None:
    out, tangent = cr.jvp(lambda n, x: n * x, (3, 2.0), (0, 1.0))
    assert (out, tangent) == (6.0, 3.0)
    out, tangent = cr.jvp(lambda x: x, (np.float32(1.0),), (2.0,))
    assert tangent.dtype == np.float32
    assert cr.vjp(lambda x: x * 2, np.float32(1.0))[1](1)[0].dtype == np.float32
