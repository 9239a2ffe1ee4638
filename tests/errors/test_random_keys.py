"""Keys, shapes and ranges that cr.random cannot use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import (
    ArgumentTypeError,
    InvalidArgumentError,
    ShapeError,
)

KEY = cr.random.key(0)


@pytest.mark.parametrize(
    ("f", "kind", "expected"),
    [
        pytest.param(
            lambda: cr.random.normal(0),
            ArgumentTypeError,
            "random.normal: the first argument must be a key, made by cr.random.key(seed) or "
            "cr.random.split(key), got int (0).",
            id="seed_as_key",
        ),
        pytest.param(
            lambda: cr.random.normal(np.ones(2)),
            ArgumentTypeError,
            "random.normal: the first argument must be a key, made by cr.random.key(seed) or "
            "cr.random.split(key), got ndarray of shape (2,) and dtype float64.",
            id="floats_as_key",
        ),
        pytest.param(
            lambda: cr.random.normal(cr.random.split(KEY)),
            ArgumentTypeError,
            "random.normal: the first argument must be a key, made by cr.random.key(seed) or "
            "cr.random.split(key), got ndarray of shape (2, 2) and dtype uint64.",
            id="several_keys",
        ),
        pytest.param(
            lambda: cr.random.normal((3,)),
            ArgumentTypeError,
            "random.normal: the first argument must be a key, made by cr.random.key(seed) or "
            "cr.random.split(key), got tuple ((3,)).",
            id="forgotten_key",
        ),
        pytest.param(
            lambda: cr.random.key(1.5),
            ArgumentTypeError,
            "random.key: expected an integer as seed, got float (1.5).",
            id="float_seed",
        ),
        pytest.param(
            lambda: cr.random.key(True),
            ArgumentTypeError,
            "random.key: expected an integer as seed, got bool (True).",
            id="bool_seed",
        ),
        pytest.param(
            lambda: cr.random.key("a"),
            ArgumentTypeError,
            "random.key: expected an integer as seed, got str ('a').",
            id="text_seed",
        ),
        pytest.param(
            lambda: cr.random.key(2**64),
            InvalidArgumentError,
            "random.key: the seed must be at least -2**63 and less than 2**64, got "
            "18446744073709551616.",
            id="large_seed",
        ),
        pytest.param(
            lambda: cr.compile(cr.random.key)(1.5),
            ArgumentTypeError,
            "random.key: expected an integer as seed, got float64[].",
            id="traced_float_seed",
        ),
        pytest.param(
            lambda: cr.random.normal(KEY, (-1,)),
            InvalidArgumentError,
            "random.normal: shape must be a non-negative integer or a tuple of such, not traced, "
            "got (-1,).",
            id="negative_shape",
        ),
        pytest.param(
            lambda: cr.random.normal(KEY, "a"),
            InvalidArgumentError,
            "random.normal: shape must be a non-negative integer or a tuple of such, not traced, "
            "got 'a'.",
            id="text_shape",
        ),
        pytest.param(
            lambda: cr.random.uniform(KEY, 2.5),
            InvalidArgumentError,
            "random.uniform: shape must be a non-negative integer or a tuple of such, not traced, "
            "got 2.5.",
            id="float_shape",
        ),
        pytest.param(
            lambda: cr.compile(lambda n: cr.random.normal(KEY, n))(3),
            InvalidArgumentError,
            "random.normal: shape must be a non-negative integer or a tuple of such, not traced, "
            "got Traced(int64[]).",
            id="traced_shape",
        ),
        pytest.param(
            lambda: cr.random.normal(KEY, 2, int),
            ArgumentTypeError,
            "random.normal: dtype must be float16, float32 or float64, got dtype('int64').",
            id="integer_dtype",
        ),
        pytest.param(
            lambda: cr.random.normal(KEY, 2, "foo"),
            ArgumentTypeError,
            "random.normal: dtype must be float16, float32 or float64, got 'foo'.",
            id="unknown_dtype",
        ),
        pytest.param(
            lambda: cr.random.bernoulli(KEY, 1.5),
            InvalidArgumentError,
            "random.bernoulli: probabilities must be from 0 to 1, got 1.5.",
            id="probability",
        ),
        pytest.param(
            lambda: cr.random.bernoulli(KEY, np.nan),
            InvalidArgumentError,
            "random.bernoulli: probabilities must be from 0 to 1, got nan.",
            id="probability_nan",
        ),
        pytest.param(
            lambda: cr.random.integers(KEY, 3, 3),
            InvalidArgumentError,
            "random.integers: expected low < high, at most 2**53 apart, got 3 and 3.",
            id="empty_range",
        ),
        pytest.param(
            lambda: cr.random.integers(KEY, 0.5, 3.5),
            ArgumentTypeError,
            "random.integers: low must be an integer, not traced, got float (0.5).",
            id="float_range",
        ),
        pytest.param(
            lambda: cr.random.uniform(KEY, 3, low=2.0, high=1.0),
            InvalidArgumentError,
            "random.uniform: low must not be greater than high, got 2.0 and 1.0.",
            id="reversed_interval",
        ),
        pytest.param(
            lambda: cr.random.uniform(KEY, 3, low=-1e308, high=1e308),
            InvalidArgumentError,
            "random.uniform: high - low must be finite in float64, got -1e+308 and 1e+308.",
            id="infinite_interval",
        ),
        pytest.param(
            lambda: cr.random.integers(KEY, 2**63, 2**63 + 2),
            InvalidArgumentError,
            "random.integers: the numbers must fit int64, got 9223372036854775808 and "
            "9223372036854775810.",
            id="integers_beyond_int64",
        ),
        pytest.param(
            lambda: cr.random.uniform(KEY, (), low=np.zeros(2)),
            ShapeError,
            "random.uniform: low must broadcast to the shape () of the result, got shape (2,).",
            id="interval_shape",
        ),
        pytest.param(
            lambda: cr.random.choice(KEY, 3, 4, replace=False),
            InvalidArgumentError,
            "random.choice: cannot draw 4 of 3 without replacement; use replace=True or draw "
            "fewer.",
            id="too_many_choices",
        ),
        pytest.param(
            lambda: cr.random.choice(KEY, 0, 4),
            InvalidArgumentError,
            "random.choice: n must be at least 1, got 0.",
            id="choice_of_none",
        ),
        pytest.param(
            lambda: cr.random.choice(KEY, 2.5),
            ArgumentTypeError,
            "random.choice: n must be an integer, not traced, got float (2.5).",
            id="float_choice",
        ),
        pytest.param(
            lambda: cr.random.fold_in(KEY, 1.5),
            ArgumentTypeError,
            "random.fold_in: expected one integer, got float64 of shape ().",
            id="float_to_fold_in",
        ),
        pytest.param(
            lambda: cr.random.fold_in(0, 1),
            ArgumentTypeError,
            "random.fold_in: the first argument must be a key, made by cr.random.key(seed) or "
            "cr.random.split(key), got int (0).",
            id="fold_into_seed",
        ),
        pytest.param(
            lambda: cr.random.split(KEY, -1),
            InvalidArgumentError,
            "random.split: n must not be negative, got -1.",
            id="negative_split",
        ),
        pytest.param(
            lambda: cr.random.split(KEY, 1.5),
            ArgumentTypeError,
            "random.split: n must be an integer, not traced, got float (1.5).",
            id="float_split",
        ),
        pytest.param(
            lambda: cr.random.truncated_normal(KEY, 1, 0),
            InvalidArgumentError,
            "random.truncated_normal: low must be less than high, got 1 and 0.",
            id="truncated_interval",
        ),
        pytest.param(
            lambda: cr.compile(lambda key: cr.random.truncated_normal(key, 0, 1))(KEY),
            ArgumentTypeError,
            "random.truncated_normal: the key must not be traced; draw before compiling.",
            id="truncated_traced",
        ),
        pytest.param(
            lambda: cr.random.permutation(KEY, -3),
            InvalidArgumentError,
            "random.permutation: cannot permute -3 numbers.",
            id="negative_permutation",
        ),
        pytest.param(
            lambda: cr.random.permutation(KEY, 3.0),
            ArgumentTypeError,
            "random.permutation: a count must be an integer, not traced, got float (3.0).",
            id="float_permutation",
        ),
        pytest.param(
            lambda: cr.random.permutation(KEY, np.array(3.0)),
            ShapeError,
            "random.permutation: the array must have an axis, got shape ().",
            id="permutation_of_number",
        ),
    ],
)
def test_messages(
    f: Callable[[], Any], kind: type[cr.ChainruleError], expected: str, message: Any
) -> None:
    assert message(kind, f) == expected
