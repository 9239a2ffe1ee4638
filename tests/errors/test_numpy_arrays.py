"""NumPy arrays from outside a traced function, meeting traced arrays in ways they cannot."""

from __future__ import annotations

import dis
import opcode
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import (
    ArgumentTypeError,
    ConcretizationError,
    MutationError,
    UnknownIntegerError,
    UnsupportedError,
)
from chainrule.frontend.plain_arrays import subscript_at

TABLE = np.arange(10.0)
ROWS = np.arange(20.0).reshape(2, 10)


def assigned(x: Any) -> Any:
    array = np.zeros(3)
    array[0] = x
    return np.sum(array)


def assigned_slice(x: Any) -> Any:
    array = np.zeros(3)
    array[0:2] = x
    return np.sum(array)


def assigned_list(x: Any) -> Any:
    array = np.zeros(3)
    array[0:2] = [x, x]
    return np.sum(array)


def assigned_at(i: Any) -> Any:
    array = np.zeros(3)
    array[i] = 1.0
    return np.sum(array)


def assigned_from(i: Any) -> Any:
    array = np.zeros(3)
    array[i:] = 1.0
    return np.sum(array)


def increased(x: Any) -> Any:
    array = np.zeros(3)
    array += x
    return np.sum(array)


def increased_at(x: Any) -> Any:
    array = np.zeros(3)
    array[0] += x
    return np.sum(array)


@pytest.mark.parametrize(
    ("f", "kind", "expected"),
    [
        pytest.param(
            lambda: cr.compile(lambda i: TABLE[i])(3),
            ConcretizationError,
            "a NumPy array from outside the traced function was indexed by a traced array of type "
            "int64[], as in X[i]: NumPy would need the value of the index. Write "
            "cr.asarray(X)[i], or pass X to the function as an argument; for a slice, write "
            "cr.asarray(X)[i + np.arange(length)].",
            id="index",
        ),
        pytest.param(
            lambda: cr.compile(lambda i: TABLE[i])(np.array([3, 4])),
            ConcretizationError,
            "a NumPy array from outside the traced function was indexed by a traced array of type "
            "int64[2], as in X[i]: NumPy would need the value of the index. Write "
            "cr.asarray(X)[i], or pass X to the function as an argument; for a slice, write "
            "cr.asarray(X)[i + np.arange(length)].",
            id="index_array",
        ),
        pytest.param(
            lambda: cr.compile(lambda i: ROWS[0, i])(3),
            ConcretizationError,
            "a NumPy array from outside the traced function was indexed by a traced array of type "
            "int64[], as in X[i]: NumPy would need the value of the index. Write "
            "cr.asarray(X)[i], or pass X to the function as an argument; for a slice, write "
            "cr.asarray(X)[i + np.arange(length)].",
            id="index_of_column",
        ),
        pytest.param(
            lambda: cr.compile(lambda i: ROWS[0, i])(np.array([3, 4])),
            ConcretizationError,
            "a NumPy array from outside the traced function was indexed by a traced array of type "
            "int64[2], as in X[i]: NumPy would need the value of the index. Write "
            "cr.asarray(X)[i], or pass X to the function as an argument; for a slice, write "
            "cr.asarray(X)[i + np.arange(length)].",
            id="index_array_of_column",
        ),
        pytest.param(
            lambda: cr.compile(lambda i: TABLE[i:])(3),
            UnknownIntegerError,
            "a NumPy array from outside the traced function was indexed by a traced array of type "
            "int64[], as in X[i]: NumPy would need the value of the index. Write "
            "cr.asarray(X)[i], or pass X to the function as an argument; for a slice, write "
            "cr.asarray(X)[i + np.arange(length)].",
            id="slice",
        ),
        pytest.param(
            lambda: cr.compile(lambda i: ROWS[0, i:])(3),
            UnknownIntegerError,
            "a NumPy array from outside the traced function was indexed by a traced array of type "
            "int64[], as in X[i]: NumPy would need the value of the index. Write "
            "cr.asarray(X)[i], or pass X to the function as an argument; for a slice, write "
            "cr.asarray(X)[i + np.arange(length)].",
            id="slice_of_column",
        ),
        pytest.param(
            lambda: cr.compile(lambda i: TABLE[i : i + 2])(3),
            UnknownIntegerError,
            "a NumPy array from outside the traced function was indexed by a traced array of type "
            "int64[], as in X[i]: NumPy would need the value of the index. Write "
            "cr.asarray(X)[i], or pass X to the function as an argument; for a slice, write "
            "cr.asarray(X)[i + np.arange(length)].",
            id="slice_both_ends",
        ),
        pytest.param(
            lambda: cr.compile(lambda i: [1.0, 2.0][i])(1),
            UnknownIntegerError,
            "a NumPy array from outside the traced function was indexed by a traced array of type "
            "int64[], as in X[i]: NumPy would need the value of the index. Write "
            "cr.asarray(X)[i], or pass X to the function as an argument; for a slice, write "
            "cr.asarray(X)[i + np.arange(length)].",
            id="list_index",
        ),
        pytest.param(
            lambda: cr.vmap(lambda i: TABLE[i])(np.arange(3)),
            ConcretizationError,
            "a NumPy array from outside the traced function was indexed by a traced array of type "
            "int64[], as in X[i]: NumPy would need the value of the index. Write "
            "cr.asarray(X)[i], or pass X to the function as an argument; for a slice, write "
            "cr.asarray(X)[i + np.arange(length)].",
            id="index_in_vmap",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, i: (c + TABLE[i], None), 0.0, np.arange(3)),
            ConcretizationError,
            "a NumPy array from outside the traced function was indexed by a traced array of type "
            "int64[], as in X[i]: NumPy would need the value of the index. Write "
            "cr.asarray(X)[i], or pass X to the function as an argument; for a slice, write "
            "cr.asarray(X)[i + np.arange(length)].",
            id="index_in_scan",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: np.sum(TABLE[x > 0]))(TABLE),
            ConcretizationError,
            "a NumPy array from outside the traced function was indexed by a traced mask of type "
            "bool[10], as in X[mask]: NumPy would need the value of the mask. Write "
            "np.where(mask, X, other) or, where the mask has a value (it has in a grad that is "
            "not compiled), cr.asarray(X)[mask].",
            id="mask",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.sum(TABLE[x > 0] * x[x > 0]))(TABLE),
            ConcretizationError,
            "a NumPy array from outside the traced function was indexed by a traced mask of type "
            "bool[10], as in X[mask]: NumPy would need the value of the mask. Write "
            "np.where(mask, X, other) or, where the mask has a value (it has in a grad that is "
            "not compiled), cr.asarray(X)[mask].",
            id="mask_in_grad",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.sum(np.array([x, x])))(1.0),
            ConcretizationError,
            "a traced array of type float64[] was to become a plain NumPy array, as np.array, "
            "np.asarray, np.full and np.float64 make: it would lose track of where its numbers "
            "come from. Write np.stack([x, y]) for np.array([x, y]), cr.asarray(x) for "
            "np.asarray(x), np.broadcast_to(x, shape) for np.full(shape, x), x.astype(dtype) for "
            "dtype(x).",
            id="array",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.sum(np.array([x, x])))(np.ones(2)),
            ConcretizationError,
            "a traced array of type float64[2] was to become a plain NumPy array, as np.array, "
            "np.asarray, np.full and np.float64 make: it would lose track of where its numbers "
            "come from. Write np.stack([x, y]) for np.array([x, y]), cr.asarray(x) for "
            "np.asarray(x), np.broadcast_to(x, shape) for np.full(shape, x), x.astype(dtype) for "
            "dtype(x).",
            id="array_of_arrays",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.sum(np.asarray(x)))(np.ones(2)),
            ConcretizationError,
            "a traced array of type float64[2] was to become a plain NumPy array, as np.array, "
            "np.asarray, np.full and np.float64 make: it would lose track of where its numbers "
            "come from. Write np.stack([x, y]) for np.array([x, y]), cr.asarray(x) for "
            "np.asarray(x), np.broadcast_to(x, shape) for np.full(shape, x), x.astype(dtype) for "
            "dtype(x).",
            id="asarray",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.sum(np.full(3, x)))(1.0),
            ConcretizationError,
            "a traced array of type float64[] was to become a plain NumPy array, as np.array, "
            "np.asarray, np.full and np.float64 make: it would lose track of where its numbers "
            "come from. Write np.stack([x, y]) for np.array([x, y]), cr.asarray(x) for "
            "np.asarray(x), np.broadcast_to(x, shape) for np.full(shape, x), x.astype(dtype) for "
            "dtype(x).",
            id="full",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.float64(x))(1.0),
            ConcretizationError,
            "a traced array of type float64[] was to become a plain NumPy array, as np.array, "
            "np.asarray, np.full and np.float64 make: it would lose track of where its numbers "
            "come from. Write np.stack([x, y]) for np.array([x, y]), cr.asarray(x) for "
            "np.asarray(x), np.broadcast_to(x, shape) for np.full(shape, x), x.astype(dtype) for "
            "dtype(x).",
            id="float64",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.sum(list(x)))(np.ones((2, 2))),
            ConcretizationError,
            "a traced array of type float64[2] was to become a plain NumPy array, as np.array, "
            "np.asarray, np.full and np.float64 make: it would lose track of where its numbers "
            "come from. Write np.stack([x, y]) for np.array([x, y]), cr.asarray(x) for "
            "np.asarray(x), np.broadcast_to(x, shape) for np.full(shape, x), x.astype(dtype) for "
            "dtype(x).",
            id="list_to_numpy",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.sum(np.vectorize(abs)(x)))(np.ones(2)),
            ConcretizationError,
            "a traced array of type float64[2] was to become a plain NumPy array, as np.array, "
            "np.asarray, np.full and np.float64 make: it would lose track of where its numbers "
            "come from. Write np.stack([x, y]) for np.array([x, y]), cr.asarray(x) for "
            "np.asarray(x), np.broadcast_to(x, shape) for np.full(shape, x), x.astype(dtype) for "
            "dtype(x).",
            id="vectorize",
        ),
        pytest.param(
            lambda: cr.grad(assigned)(1.0),
            ConcretizationError,
            "a NumPy array was to be changed by a traced array of type float64[], as in X[0] = "
            "traced or X[traced] = value: it would lose track of where its numbers come from. "
            "Write X = cr.at(X)[index].set(value), or build the array with np.stack or "
            "np.concatenate.",
            id="assignment",
        ),
        pytest.param(
            lambda: cr.vmap(assigned)(np.ones(2)),
            ConcretizationError,
            "a NumPy array was to be changed by a traced array of type float64[], as in X[0] = "
            "traced or X[traced] = value: it would lose track of where its numbers come from. "
            "Write X = cr.at(X)[index].set(value), or build the array with np.stack or "
            "np.concatenate.",
            id="assignment_in_vmap",
        ),
        pytest.param(
            lambda: cr.grad(assigned_slice)(np.ones(2)),
            ConcretizationError,
            "a NumPy array was to be changed by a traced array of type float64[2], as in X[0] = "
            "traced or X[traced] = value: it would lose track of where its numbers come from. "
            "Write X = cr.at(X)[index].set(value), or build the array with np.stack or "
            "np.concatenate.",
            id="assignment_of_slice",
        ),
        pytest.param(
            lambda: cr.grad(assigned_list)(1.0),
            ConcretizationError,
            "a NumPy array was to be changed by a traced array of type float64[], as in X[0] = "
            "traced or X[traced] = value: it would lose track of where its numbers come from. "
            "Write X = cr.at(X)[index].set(value), or build the array with np.stack or "
            "np.concatenate.",
            id="assignment_of_list",
        ),
        pytest.param(
            lambda: cr.compile(assigned_at)(1),
            ConcretizationError,
            "a NumPy array was to be changed by a traced array of type int64[], as in X[0] = "
            "traced or X[traced] = value: it would lose track of where its numbers come from. "
            "Write X = cr.at(X)[index].set(value), or build the array with np.stack or "
            "np.concatenate.",
            id="assignment_at_traced_index",
        ),
        pytest.param(
            lambda: cr.compile(assigned_at)(np.array([1])),
            ConcretizationError,
            "a NumPy array was to be changed by a traced array of type int64[1], as in X[0] = "
            "traced or X[traced] = value: it would lose track of where its numbers come from. "
            "Write X = cr.at(X)[index].set(value), or build the array with np.stack or "
            "np.concatenate.",
            id="assignment_at_traced_indices",
        ),
        pytest.param(
            lambda: cr.compile(assigned_from)(1),
            UnknownIntegerError,
            "a NumPy array was to be changed by a traced array of type int64[], as in X[0] = "
            "traced or X[traced] = value: it would lose track of where its numbers come from. "
            "Write X = cr.at(X)[index].set(value), or build the array with np.stack or "
            "np.concatenate.",
            id="assignment_at_traced_slice",
        ),
        pytest.param(
            lambda: cr.grad(increased)(np.ones(3)),
            MutationError,
            "np.add was to write a traced result into a NumPy array, as in X += traced or out=X; "
            "the array would lose track of where the numbers come from. Write X = X + traced, or "
            "result = np.add(...).",
            id="increment",
        ),
        pytest.param(
            lambda: cr.grad(increased)(1.0),
            MutationError,
            "np.add was to write a traced result into a NumPy array, as in X += traced or out=X; "
            "the array would lose track of where the numbers come from. Write X = X + traced, or "
            "result = np.add(...).",
            id="increment_by_number",
        ),
        pytest.param(
            lambda: cr.grad(increased_at)(1.0),
            ConcretizationError,
            "a NumPy array was to be changed by a traced array of type float64[], as in X[0] = "
            "traced or X[traced] = value: it would lose track of where its numbers come from. "
            "Write X = cr.at(X)[index].set(value), or build the array with np.stack or "
            "np.concatenate.",
            id="increment_at_index",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.sum(np.add(x, x, out=np.zeros(3))))(np.ones(3)),
            MutationError,
            "np.add was to write a traced result into a NumPy array, as in X += traced or out=X; "
            "the array would lose track of where the numbers come from. Write X = X + traced, or "
            "result = np.add(...).",
            id="out_of_ufunc",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.sum(x, out=np.zeros(())))(np.ones(3)),
            UnsupportedError,
            "np.sum: the keyword 'out' is not supported on traced arrays; use the returned array "
            "instead.",
            id="out_of_function",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.copyto(np.ones(3), x))(np.ones(3)),
            UnsupportedError,
            "np.copyto is not supported on traced arrays; it changes an array in place; use "
            "cr.at(x)[index].set(values), which returns a copy, and for np.full or np.full_like "
            "with a traced value np.broadcast_to(value, shape).",
            id="copyto",
        ),
    ],
)
def test_messages(
    f: Callable[[], Any], kind: type[cr.ChainruleError], expected: str, message: Any
) -> None:
    assert message(kind, f) == expected


def test_an_array_outside_can_be_indexed_as_the_message_says() -> None:
    assert cr.compile(lambda i: cr.asarray(TABLE)[i])(3) == 3.0
    window = cr.compile(lambda i: cr.asarray(TABLE)[i + np.arange(2)])(3)
    np.testing.assert_array_equal(window, [3.0, 4.0])
    assert cr.compile(lambda table, i: table[i])(TABLE, 3) == 3.0
    masked = cr.grad(lambda x: np.sum(cr.asarray(TABLE)[x > 0] * x[x > 0]))(TABLE - 4.0)
    np.testing.assert_array_equal(masked, np.where(TABLE > 4, TABLE, 0.0))


def test_arguments_that_are_not_traced_index_as_ever() -> None:
    assert cr.grad(lambda x, i: TABLE[i] * x)(1.0, 3) == 3.0
    assert cr.grad(lambda x, i: np.sum(TABLE[i] * x))(1.0, np.array([1, 2])) == 3.0


@pytest.mark.parametrize(
    ("operators", "expected"), [((), None), ((("NB_ADD", "+"), ("NB_SUBSCR", "[]")), "subscript")]
)
def test_subscripts_that_are_binary_operators(
    monkeypatch: pytest.MonkeyPatch, operators: Any, expected: Any
) -> None:
    """From Python 3.14 on they are; here such an instruction is put together by hand."""
    code = types.SimpleNamespace(co_code=bytes([dis.opmap["BINARY_OP"], 1]))
    frame = types.SimpleNamespace(f_code=code, f_lasti=0)
    monkeypatch.setattr(opcode, "_nb_ops", operators, raising=False)
    assert subscript_at(frame) == expected


def test_nothing_was_written_into_the_array() -> None:
    array = np.zeros(3)
    with pytest.raises(MutationError):
        cr.grad(lambda x: np.sum(np.add(x, 1.0, out=array)))(np.ones(3))
    np.testing.assert_array_equal(array, 0.0)


MASKED = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
MATRIX = np.eye(2).view(np.matrix)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda: cr.grad(lambda x: np.sum(x**2))(MASKED), "grad(<lambda>): argument 0: {}"),
        (lambda: cr.compile(lambda x: x @ x)(MATRIX), "compile(<lambda>): argument 0: {}"),
        (lambda: cr.grad(lambda x: np.sum(x * MASKED))(np.ones(3)), "multiply: {}"),
        (lambda: cr.grad(lambda x: np.sum(MATRIX * x))(np.ones((2, 2))), "multiply: {}"),
        (lambda: cr.compile(lambda i: cr.asarray(MASKED)[i])(1), "cr.asarray: {}"),
    ],
    ids=["argument", "compiled", "closed_over", "on_the_left", "asarray"],
)
def test_arrays_that_compute_by_other_rules(
    f: Callable[[], Any], expected: str, message: Any
) -> None:
    found = message(ArgumentTypeError, f)
    kind = "matrix" if "matrix" in found else "MaskedArray"
    assert found == expected.format(
        f"expected a plain NumPy array, got the subclass {kind}, which may compute by other rules; "
        "convert it, with np.asarray or, if it is masked, with .filled(value)."
    )


def test_arrays_mapped_from_a_file(tmp_path: Any) -> None:
    mapped = np.memmap(tmp_path / "x", np.float64, "w+", shape=3)
    mapped[:] = [1.0, 2.0, 3.0]
    gradient = cr.grad(lambda x: np.sum(x * mapped * x))(mapped)
    assert type(gradient) is np.ndarray
    np.testing.assert_array_equal(gradient, [2.0, 8.0, 18.0])
