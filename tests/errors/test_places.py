"""The line an error names: the user's own, once, also in derivatives and rules."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import DataError, ShapeError


def inner(x: Any, w: Any) -> Any:
    return x @ w


def outer(x: Any, w: Any) -> Any:
    return np.sum(inner(np.tanh(x), w))


def place_of(f: Any, *args: Any) -> str:
    with pytest.raises(cr.ChainruleError) as caught:
        f(*args)
    assert str(caught.value) == f"{caught.value.message}\n  at {caught.value.place}"
    assert caught.value.place is not None
    return caught.value.place


LINE = inner.__code__.co_firstlineno + 1
ARGS = (np.ones((2, 3)), np.ones((2, 3)))
BATCHED = (np.ones((2, 2, 3)), np.ones((2, 2, 3)))


@pytest.mark.parametrize(
    ("transform", "args"),
    [
        (cr.grad, ARGS),
        (cr.compile, ARGS),
        (cr.vmap, BATCHED),
        (cr.jacobian, ARGS),
        (lambda f: cr.compile(cr.grad(f)), ARGS),
        (lambda f: cr.grad(cr.compile(f)), ARGS),
        (lambda f: cr.hessian(cr.checkpoint(f)), ARGS),
        (lambda f: cr.vmap(cr.grad(f)), BATCHED),
        (lambda f: lambda x, w: cr.scan(lambda c, _: (f(c * x, w), None), 0.0, np.ones(2)), ARGS),
        (lambda f: lambda x, w: cr.grad(lambda v: cr.cond(v > 0, f, f, x, w))(1.0), ARGS),
    ],
)
def test_place_is_the_innermost_line_of_ones_own(transform: Any, args: Any) -> None:
    place = place_of(transform(outer), *args)
    assert place == f"test_places.py:{LINE}, in inner: return x @ w"


def test_a_call_that_does_not_fit_is_placed_where_it_is_written() -> None:
    line = test_a_call_that_does_not_fit_is_placed_where_it_is_written.__code__.co_firstlineno
    place = place_of(lambda: cr.grad(outer, argnums=5)(*ARGS))
    assert place.startswith(f"test_places.py:{line + 2}, in <lambda>: place = place_of(")


def test_a_derivative_without_an_equation_of_its_own_points_to_the_line() -> None:
    def halve(x: Any) -> Any:
        return cr.while_loop(lambda v: v > 1.0, lambda v: v / 2.0, x)

    place = place_of(cr.grad(lambda x: 2.0 * halve(3.0 * x)), 2.0)
    assert place.endswith("in halve: return cr.while_loop(lambda v: v > 1.0, lambda v: v / 2.0, x)")


def test_errors_survive_pickling() -> None:
    with pytest.raises(ShapeError) as caught:
        cr.grad(outer)(*ARGS)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is ShapeError
    assert str(copy) == str(caught.value)
    assert copy.place == caught.value.place


def test_errors_about_data_name_no_line() -> None:
    assert str(DataError("row 3: no number.")) == "row 3: no number."


def test_code_without_a_file_has_a_place_without_its_text() -> None:
    names: dict[str, Any] = {"np": np, "cr": cr}
    exec("def f(x):\n    return x @ np.ones(5)", names)
    assert place_of(cr.grad(names["f"]), np.ones(3)) == "<string>:2, in f"


def test_errors_while_compiled_code_runs_carry_a_note_with_op_and_line() -> None:
    @cr.compile
    def pick(x: Any, i: Any) -> Any:
        doubled = x * 2
        return doubled[i]

    with pytest.raises(IndexError) as caught:
        pick(np.ones(3), 7)
    line = pick.__wrapped__.__code__.co_firstlineno + 3
    assert caught.value.__notes__ == [
        f"in op gather at test_places.py:{line}, in pick: return doubled[i]"
    ]


def test_notes_nest_through_loops() -> None:
    @cr.compile
    def total(x: Any, indices: Any) -> Any:
        def body(carry: Any, i: Any) -> Any:
            return carry + x[i], None

        return cr.scan(body, 0.0, indices)[0]

    with pytest.raises(IndexError) as caught:
        total(np.ones(3), np.array([1, 7]))
    notes = caught.value.__notes__
    assert [note.split(" at ")[0] for note in notes] == ["in op gather", "in op scan"]
    assert notes[0].endswith("in body: return carry + x[i], None")
    assert notes[1].endswith("in total: return cr.scan(body, 0.0, indices)[0]")
