"""Loops and branches that do not keep to their contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import (
    ArgumentTypeError,
    DtypeError,
    InvalidArgumentError,
    ShapeError,
    TreeError,
    UnsupportedError,
)

ONES = np.ones(3)
SINGLE = np.ones(3, np.float32)


def narrowed(carry: Any, x: Any) -> Any:
    return (carry + x).astype(np.float32), None


def repeated(x: Any, n: Any) -> Any:
    return cr.fori_loop(0, n, lambda i, c: c * 2, x)


def doubled(x: Any) -> Any:
    return cr.while_loop(lambda v: v < 10, lambda v: v * 2, x)


@pytest.mark.parametrize(
    ("f", "kind", "expected"),
    [
        pytest.param(
            lambda: cr.scan(narrowed, np.ones(2), ONES),
            DtypeError,
            "scan(narrowed): the carry that the body returns must have the type of the carry it "
            "was given, float64[2], got float32[2]; make the body return what it was given, or "
            "start with the type it returns.",
            id="carry_dtype",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: (np.stack([c, x]), None), 0.0, ONES),
            ShapeError,
            "scan(<lambda>): the carry that the body returns must have the type of the carry it "
            "was given, float64[], got float64[2]; make the body return what it was given, or "
            "start with the type it returns.",
            id="carry_shape",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: ((c, x), None), 0.0, ONES),
            TreeError,
            "scan(<lambda>): the carry that the body returns must have the structure of the carry "
            "it was given, a single value, got (*, *); make the body return what it was given, "
            "or start with the type it returns.",
            id="carry_structure",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: ({"a": c["a"]}, None), {"a": 1.0, "b": 2.0}, ONES),
            TreeError,
            "scan(<lambda>): the carry that the body returns must have the structure of the carry "
            "it was given, {'a': *, 'b': *}, got {'a': *}; make the body return what it was "
            "given, or start with the type it returns.",
            id="carry_keys",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: ({"b": ONES}, None), {"b": np.ones(2)}, ONES),
            ShapeError,
            "scan(<lambda>): the carry that the body returns must have the type of the carry it "
            "was given, float64[2] at ['b'], got float64[3]; make the body return what it was "
            "given, or start with the type it returns.",
            id="carry_shape_in_dict",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: (c + x, None), np.zeros(2, int), ONES),
            DtypeError,
            "scan(<lambda>): the carry that the body returns must have the type of the carry it "
            "was given, int64[2], got float64[2]; make the body return what it was given, or "
            "start with the type it returns.",
            id="integer_array_carry",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: c, 0.0, ONES),
            InvalidArgumentError,
            "scan(<lambda>): the body must return a pair (carry, y), got an array of type "
            "float64[]; return None as y if there is nothing to put out.",
            id="no_pair",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: (c, c, c), 0.0, ONES),
            InvalidArgumentError,
            "scan(<lambda>): the body must return a pair (carry, y), got tuple "
            "((Traced(float64[]), Traced(float64[]), Traced(float64[]))); return None as y if "
            "there is nothing to put out.",
            id="triple",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: (c, None), 0.0, None),
            InvalidArgumentError,
            "scan(<lambda>): xs holds no arrays, got length=None; give the number of steps as "
            "length.",
            id="no_length",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: (c, None), 0.0, ONES, length=4),
            ShapeError,
            "scan(<lambda>): xs must have 4 steps along its first axis, got shape (3,).",
            id="other_length",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: (c, None), 0.0, {"a": ONES, "b": np.ones(2)}),
            ShapeError,
            "scan(<lambda>): xs['b'] must have 3 steps along its first axis, got shape (2,).",
            id="unequal_lengths",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: (c, None), 0.0, 3.0),
            ShapeError,
            "scan(<lambda>): xs must have an axis that counts the steps, got a number; pass what "
            "is the same in every step through the carry or a closure.",
            id="number_as_xs",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: (c, None), 0.0, None, length=3.5),
            InvalidArgumentError,
            "scan(<lambda>): length must be a non-negative integer that is known when the loop is "
            "traced, got 3.5.",
            id="fractional_length",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: (c, None), 0.0, None, length=-1),
            InvalidArgumentError,
            "scan(<lambda>): length must be a non-negative integer that is known when the loop is "
            "traced, got -1.",
            id="negative_length",
        ),
        pytest.param(
            lambda: cr.compile(lambda n: cr.scan(lambda c, x: (c, None), 0.0, None, length=n))(3),
            InvalidArgumentError,
            "scan(<lambda>): length must be a non-negative integer that is known when the loop is "
            "traced, got Traced(int64[]).",
            id="traced_length",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: (c, None), 0.0, ONES, checkpoint=-1),
            InvalidArgumentError,
            "scan(<lambda>): checkpoint must be True, False or a positive number of steps, got -1.",
            id="bad_checkpoint",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: (c, None), 0.0, ONES, checkpoint=2.5),
            InvalidArgumentError,
            "scan(<lambda>): checkpoint must be True, False or a positive number of steps, got "
            "2.5.",
            id="fractional_checkpoint",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: (c, None), 0.0, ONES, checkpoint="yes"),
            InvalidArgumentError,
            "scan(<lambda>): checkpoint must be True, False or a positive number of steps, got "
            "'yes'.",
            id="text_checkpoint",
        ),
        pytest.param(
            lambda: cr.scan(0.0, lambda c, x: (c, None), ONES),
            ArgumentTypeError,
            "scan: body: expected a function, got float (0.0); pass the function itself, not what "
            "it returns.",
            id="swapped_arguments",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: (c, None), "a", ONES),
            ArgumentTypeError,
            "scan(<lambda>): init: expected a NumPy array, a Python number, or a tuple, list, "
            "dict, namedtuple or dataclass of these, got str ('a'); let the function close over "
            "it, or name it in static_argnums of cr.compile.",
            id="text_carry",
        ),
        pytest.param(
            lambda: cr.scan(lambda c, x: (c, None), 0.0, ["a"]),
            ArgumentTypeError,
            "scan(<lambda>): xs[0]: expected a NumPy array, a Python number, or a tuple, list, "
            "dict, namedtuple or dataclass of these, got str ('a'); let the function close over "
            "it, or name it in static_argnums of cr.compile.",
            id="text_xs",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: cr.cond(x > 0, lambda: ONES, lambda: SINGLE))(1.0),
            DtypeError,
            "cond(<lambda>, <lambda>): what when_false returns must have the type of what "
            "when_true returns, float64[3], got float32[3]; both branches must return the same "
            "kind of result.",
            id="branches_dtype",
        ),
        pytest.param(
            lambda: cr.compile(lambda n: cr.cond(n > 0, lambda: np.int64(1), lambda: 0.5))(1),
            DtypeError,
            "cond(<lambda>, <lambda>): what when_false returns must have the type of what "
            "when_true returns, int64[], got float64[]; both branches must return the same kind "
            "of result.",
            id="number_that_does_not_fit",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: cr.cond(x > 0, lambda: ONES, lambda: np.ones(2)))(1.0),
            ShapeError,
            "cond(<lambda>, <lambda>): what when_false returns must have the type of what "
            "when_true returns, float64[3], got float64[2]; both branches must return the same "
            "kind of result.",
            id="branches_shape",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: cr.cond(x > 0, lambda: (1.0, 2.0), lambda: 1.0))(1.0),
            TreeError,
            "cond(<lambda>, <lambda>): what when_false returns must have the structure of what "
            "when_true returns, (*, *), got a single value; both branches must return the same "
            "kind of result.",
            id="branches_structure",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: cr.cond(x > 0, lambda: None, lambda: 1.0))(1.0),
            TreeError,
            "cond(<lambda>, <lambda>): what when_false returns must have the structure of what "
            "when_true returns, None, got a single value; both branches must return the same kind "
            "of result.",
            id="branches_none",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: cr.cond(x > 0, lambda: [ONES], lambda: [1.0]))(1.0),
            ShapeError,
            "cond(<lambda>, <lambda>): what when_false returns must have the type of what "
            "when_true returns, float64[3] at [0], got float64[]; both branches must return the "
            "same kind of result.",
            id="branches_in_list",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: cr.cond(x > 0, lambda: 1.0, lambda: 2.0))(ONES),
            ShapeError,
            "cond(<lambda>, <lambda>): the condition must have no axes, got shape (3,); use "
            "np.where(condition, a, b) to choose element by element.",
            id="condition_with_axes",
        ),
        pytest.param(
            lambda: cr.cond(np.array([True, False]), lambda: 1.0, lambda: 2.0),
            ShapeError,
            "cond(<lambda>, <lambda>): the condition must have no axes, got shape (2,); use "
            "np.where(condition, a, b) to choose element by element.",
            id="plain_condition_with_axes",
        ),
        pytest.param(
            lambda: cr.cond("yes", lambda: 1.0, lambda: 2.0),
            ArgumentTypeError,
            "cond(<lambda>, <lambda>): condition: expected a NumPy array, a Python number, or a "
            "tuple, list, dict, namedtuple or dataclass of these, got str ('yes'); let the "
            "function close over it, or name it in static_argnums of cr.compile.",
            id="text_condition",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: cr.cond(x > 0, x, -x))(1.0),
            ArgumentTypeError,
            "cond: when_true: expected a function, got an array of type float64[]; pass the "
            "function itself, not what it returns.",
            id="values_for_branches",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: cr.cond(x > 0, max, max, x, "a"))(1.0),
            ArgumentTypeError,
            "cond(max, max): operands[1]: expected a NumPy array, a Python number, or a tuple, "
            "list, dict, namedtuple or dataclass of these, got str ('a'); let the function close "
            "over it, or name it in static_argnums of cr.compile.",
            id="text_operand",
        ),
        pytest.param(
            lambda: cr.while_loop(lambda c: c < 10, lambda c: c * 2, ONES),
            ShapeError,
            "while_loop(<lambda>): the condition must return one boolean, got shape (3,); use "
            "np.all or np.any.",
            id="while_condition_with_axes",
        ),
        pytest.param(
            lambda: cr.while_loop(lambda c: None, lambda c: c, 1.0),
            ArgumentTypeError,
            "while_loop(<lambda>): the condition must return one boolean, got None.",
            id="while_condition_none",
        ),
        pytest.param(
            lambda: cr.while_loop(lambda c: (c < 1, 2), lambda c: c, 1.0),
            ArgumentTypeError,
            "while_loop(<lambda>): the condition must return one boolean, got tuple "
            "((Traced(bool[]), 2)).",
            id="while_condition_pair",
        ),
        pytest.param(
            lambda: cr.while_loop(lambda c: c[0] < 9, lambda c: c.astype(np.float32), ONES),
            DtypeError,
            "while_loop(<lambda>): the carry that the body returns must have the type of the "
            "carry it was given, float64[3], got float32[3]; make the body return what it was "
            "given, or start with the type it returns.",
            id="while_carry_dtype",
        ),
        pytest.param(
            lambda: cr.while_loop(lambda c: c < 10, lambda c: (c, c), 1.0),
            TreeError,
            "while_loop(<lambda>): the carry that the body returns must have the structure of the "
            "carry it was given, a single value, got (*, *); make the body return what it was "
            "given, or start with the type it returns.",
            id="while_carry_structure",
        ),
        pytest.param(
            lambda: cr.while_loop(lambda c: c < 10, 2.0, 1.0),
            ArgumentTypeError,
            "while_loop: body: expected a function, got float (2.0); pass the function itself, "
            "not what it returns.",
            id="while_body_no_function",
        ),
        pytest.param(
            lambda: cr.grad(doubled)(1.0),
            UnsupportedError,
            "reverse mode through while_loop: how many steps there are to keep is not known in "
            "advance. Use cr.scan, or cr.fori_loop with Python integers as bounds, for a fixed "
            "number of steps; or differentiate in forward mode (cr.jvp, "
            "cr.jacobian(mode='forward')).",
            id="reverse_through_while",
        ),
        pytest.param(
            lambda: cr.compile(cr.grad(doubled))(1.0),
            UnsupportedError,
            "reverse mode through while_loop: how many steps there are to keep is not known in "
            "advance. Use cr.scan, or cr.fori_loop with Python integers as bounds, for a fixed "
            "number of steps; or differentiate in forward mode (cr.jvp, "
            "cr.jacobian(mode='forward')).",
            id="reverse_through_while_compiled",
        ),
        pytest.param(
            lambda: cr.compile(cr.grad(repeated))(1.0, 3),
            UnsupportedError,
            "reverse mode through while_loop: how many steps there are to keep is not known in "
            "advance. Use cr.scan, or cr.fori_loop with Python integers as bounds, for a fixed "
            "number of steps; or differentiate in forward mode (cr.jvp, "
            "cr.jacobian(mode='forward')).",
            id="reverse_through_traced_fori",
        ),
        pytest.param(
            lambda: cr.fori_loop(0, 3.0, lambda i, c: c * 2, 1.0),
            ArgumentTypeError,
            "fori_loop: upper must be an integer, got float (3.0).",
            id="fori_bound",
        ),
        pytest.param(
            lambda: cr.fori_loop(np.zeros(2, int), 3, lambda i, c: c * 2, 1.0),
            ArgumentTypeError,
            "fori_loop: lower must be an integer, got an array of type int64[2].",
            id="fori_bounds",
        ),
        pytest.param(
            lambda: cr.fori_loop(0, 3, 1.0, 1.0),
            ArgumentTypeError,
            "fori_loop: body: expected a function, got float (1.0); pass the function itself, not "
            "what it returns.",
            id="fori_body",
        ),
    ],
)
def test_messages(
    f: Callable[[], Any], kind: type[cr.ChainruleError], expected: str, message: Any
) -> None:
    assert message(kind, f) == expected


def test_the_place_in_reverse_mode_is_the_line_of_the_loop() -> None:
    def loss(x: Any) -> Any:
        y = doubled(x)
        return y * 3

    with pytest.raises(UnsupportedError) as caught:
        cr.grad(loss)(1.0)
    assert caught.value.place is not None
    assert caught.value.place.endswith(
        "in doubled: return cr.while_loop(lambda v: v < 10, lambda v: v * 2, x)"
    )
