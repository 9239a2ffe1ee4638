"""Changing a traced array in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import (
    DtypeError,
    IndexingError,
    MutationError,
    UnsupportedError,
)


def assigned(x: Any) -> Any:
    x[0] = 1.0
    return np.sum(x)


def increased(x: Any) -> Any:
    x += 1.0
    return np.sum(x)


def divided(x: Any) -> Any:
    x /= 2.0
    return np.sum(x)


def increased_at(x: Any) -> Any:
    x[0] += 1.0
    return np.sum(x)


@pytest.mark.parametrize(
    ("f", "kind", "expected"),
    [
        pytest.param(
            lambda: cr.grad(assigned)(np.ones(2)),
            MutationError,
            "x[index] = value on a traced array: traced arrays cannot be changed in place. Write "
            "x = cr.at(x)[index].set(value); for x[index] += value there is "
            "cr.at(x)[index].add(value), and .multiply, .min and .max.",
            id="assignment",
        ),
        pytest.param(
            lambda: cr.compile(assigned)(np.ones(2)),
            MutationError,
            "x[index] = value on a traced array: traced arrays cannot be changed in place. Write "
            "x = cr.at(x)[index].set(value); for x[index] += value there is "
            "cr.at(x)[index].add(value), and .multiply, .min and .max.",
            id="assignment_compiled",
        ),
        pytest.param(
            lambda: cr.grad(increased)(np.ones(2)),
            MutationError,
            "x += v on a traced array of shape (2,): NumPy would change the array in place, under "
            "every name it has, and a traced array cannot be changed. Write x = x + v.",
            id="increment",
        ),
        pytest.param(
            lambda: cr.grad(divided)(np.ones(2)),
            MutationError,
            "x /= v on a traced array of shape (2,): NumPy would change the array in place, under "
            "every name it has, and a traced array cannot be changed. Write x = x / v.",
            id="division",
        ),
        pytest.param(
            lambda: cr.grad(increased_at)(np.ones(2)),
            MutationError,
            "x[index] = value on a traced array: traced arrays cannot be changed in place. Write "
            "x = cr.at(x)[index].set(value); for x[index] += value there is "
            "cr.at(x)[index].add(value), and .multiply, .min and .max.",
            id="increment_at_index",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x.sort())(np.ones(2)),
            MutationError,
            "x.sort() changes an array in place, and a traced array cannot be changed; use "
            "np.sort(x).",
            id="sort",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x.fill(0.0))(np.ones(2)),
            MutationError,
            "x.fill() changes an array in place, and a traced array cannot be changed; use "
            "np.full_like(x, value).",
            id="fill",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x.put(0, 1.0))(np.ones(2)),
            MutationError,
            "x.put() changes an array in place, and a traced array cannot be changed; use "
            "cr.at(x)[index].set(values).",
            id="put",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x.resize(3))(np.ones(2)),
            MutationError,
            "x.resize() changes an array in place, and a traced array cannot be changed; use "
            "np.reshape(x, shape).",
            id="resize",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x.partition(1))(np.ones(2)),
            MutationError,
            "x.partition() changes an array in place, and a traced array cannot be changed; use "
            "np.partition(x, kth).",
            id="partition",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.add(np.ones(2), 1.0, out=x))(np.ones(2)),
            UnsupportedError,
            "np.add: the keyword 'out' is not supported on traced arrays; use the returned array "
            "instead.",
            id="traced_out",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.add.at(x, 0, 1.0))(np.ones(2)),
            UnsupportedError,
            "np.add.at is not supported on traced arrays; it changes an array in place; use "
            "cr.at(x)[index].add(values).",
            id="add_at",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.add.at(np.ones(2), [0], x))(1.0),
            UnsupportedError,
            "np.add.at is not supported on traced arrays; it changes an array in place; use "
            "cr.at(x)[index].add(values).",
            id="add_at_numpy",
        ),
        pytest.param(
            lambda: cr.at(np.arange(3))[0].set(1.5),
            DtypeError,
            "cr.at(x)[index].set: values of dtype float64 do not fit into an array of dtype "
            "int64; convert one of them with .astype.",
            id="integers_of_floats",
        ),
        pytest.param(
            lambda: cr.at(np.arange(3))[0].add(np.array(1.5)),
            DtypeError,
            "cr.at(x)[index].add: values of dtype float64 do not fit into an array of dtype "
            "int64; convert one of them with .astype.",
            id="integers_of_float_array",
        ),
        pytest.param(
            lambda: cr.at(np.zeros(3, np.float32))[:2].set(np.ones(2)),
            DtypeError,
            "cr.at(x)[index].set: values of dtype float64 do not fit into an array of dtype "
            "float32; convert one of them with .astype.",
            id="narrower_array",
        ),
        pytest.param(
            lambda: cr.at(np.ones(3))[5].set(1.0),
            IndexingError,
            "x[index]: index 5 is out of range for axis 0, which has length 3.",
            id="out_of_range",
        ),
        pytest.param(
            lambda: cr.at(np.ones(3))[0, 0].set(1.0),
            IndexingError,
            "x[index]: too many indices: the array has shape (3,), the index covers 2 axes.",
            id="too_many_indices",
        ),
    ],
)
def test_messages(
    f: Callable[[], Any], kind: type[cr.ChainruleError], expected: str, message: Any
) -> None:
    assert message(kind, f) == expected


def test_numbers_are_replaced_rather_than_changed() -> None:
    def f(x: Any) -> Any:
        y = x
        x += 1.0
        return x * y

    assert cr.grad(f)(2.0) == 5.0


def test_a_scalar_takes_the_dtype_of_the_array() -> None:
    narrow = np.zeros(3, np.float32)
    for value in (1, 1.5, np.float64(1.5), np.float32(1.5)):
        result = cr.at(narrow)[0].set(value)
        assert result.dtype == np.float32
        assert result[0] == value
