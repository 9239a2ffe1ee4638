"""What tracing records: the graph, what is lifted into it, what is left out, and values."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.ir import ArrayType, Literal, current_trace, evaluate, new_trace, typecheck
from chainrule.ops import add, multiply, sin

FLOAT = ArrayType((), np.dtype(np.float64))


def op_names(graph: cr.Graph) -> list[str]:
    return [equation.op.name for equation in graph.equations]


def test_equations_in_the_order_of_the_code() -> None:
    graph = cr.trace(lambda x: np.cos(np.sin(x) * 2.0) + x, 1.0)
    assert op_names(graph) == ["sin", "multiply", "cos", "add"]
    assert graph.input_types == (FLOAT,)
    assert graph.output_types == (FLOAT,)
    typecheck(graph)


def test_evaluating_a_graph_gives_the_function() -> None:
    def f(x: Any, y: Any) -> Any:
        return {"a": np.exp(x) @ y, "b": [x.sum(), 3.0]}

    x, y = np.array([0.5, -1.0]), np.array([2.0, 3.0])
    out = evaluate(cr.trace(f, x, y), [x, y])
    assert out[0] == np.exp(0.5) * 2 + np.exp(-1.0) * 3
    assert out[1:] == [-0.5, 3.0]


def test_what_no_output_needs_is_left_out() -> None:
    def f(x: Any) -> Any:
        np.exp(np.sin(x))
        return np.cos(x)

    assert op_names(cr.trace(f, 1.0)) == ["cos"]


def test_a_result_may_be_an_input_or_a_constant() -> None:
    graph = cr.trace(lambda x, y: (y, 2.0, x, x), 1.0, np.ones(2))
    x, y = graph.inputs
    first, second, third, fourth = graph.outputs
    assert (first, third, fourth) == (y, x, x)
    assert isinstance(second, Literal)
    assert second.value == 2.0
    assert not graph.equations


def test_an_inner_trace_lifts_what_it_uses_of_an_outer_one() -> None:
    with new_trace("outer") as outer:
        x = outer.new_input(FLOAT)
        y = sin(x)
        with new_trace("inner") as inner:
            z = inner.new_input(FLOAT)
            result = multiply(z, y)
            unrelated = add(x, x)  # of the outer trace alone, so recorded there
            graph, lifted = inner.finish([result])
        assert lifted == [y]
        assert op_names(graph) == ["multiply"]
        assert [var.type for var in graph.inputs] == [FLOAT, FLOAT]
        assert unrelated.owner is outer
    assert [e.op.name for e in outer.equations] == ["sin", "add"]


def test_a_value_lifted_twice_is_one_input() -> None:
    with new_trace("outer") as outer:
        x = outer.new_input(FLOAT)
        with new_trace("inner") as inner:
            z = inner.new_input(FLOAT)
            graph, lifted = inner.finish([multiply(z, x) + multiply(x, z)])
    assert lifted == [x]
    assert len(graph.inputs) == 2


def test_what_is_lifted_and_not_needed_is_no_input() -> None:
    with new_trace("outer") as outer:
        x = outer.new_input(FLOAT)
        with new_trace("inner") as inner:
            z = inner.new_input(FLOAT)
            multiply(z, x)
            graph, lifted = inner.finish([sin(z)])
    assert lifted == []
    assert len(graph.inputs) == 1


def test_work_that_does_not_depend_on_the_inner_input_stays_outside() -> None:
    def f(x: Any) -> Any:
        return cr.scan(lambda c, t: (c * np.exp(x) + t, None), 0.0, np.ones(3))[0]

    graph = cr.trace(f, 1.0)
    assert op_names(graph) == ["exp", "scan"]
    assert op_names(next(graph.subgraphs())) == ["multiply", "add"]


def test_constants_are_what_they_were_when_they_were_used() -> None:
    buffer, repeated = np.zeros(2), np.broadcast_to(3.0, (2,))

    def f(x: Any) -> Any:
        first = x * buffer
        again = x + buffer
        buffer[:] = -0.0  # equal, and still another array
        return first, again, x * buffer, x * repeated

    graph = cr.trace(f, np.ones(2))
    buffer[:] = 5.0
    first, again, other, number = [equation.inputs[1] for equation in graph.equations]
    assert isinstance(first, Literal)
    assert again is first  # one copy of an array that has not changed
    assert isinstance(other, Literal)
    assert isinstance(number, Literal)
    np.testing.assert_array_equal(first.value, [0.0, 0.0])
    assert not np.signbit(first.value).any()
    assert np.signbit(other.value).all()
    np.testing.assert_array_equal(number.value, [3.0, 3.0])
    assert number.value.strides == (0,)  # of a number repeated, only the number


def test_a_branch_keeps_its_work_to_itself() -> None:
    def f(x: Any) -> Any:
        return cr.cond(x > 0, lambda: np.log(x), lambda: 0.0 * x)

    graph = cr.trace(f, 1.0)
    assert op_names(graph) == ["less", "cond"]
    assert [op_names(branch) for branch in graph.subgraphs()] == [["log"], ["multiply"]]


def test_values_are_known_where_the_inputs_have_them() -> None:
    with new_trace("known") as trace:
        x = trace.new_input(FLOAT, np.float64(2.0))
        y = sin(multiply(x, x))
        assert trace.value_of(y.variable) == np.sin(4.0)
        with new_trace("inner") as inner:
            z = inner.new_input(FLOAT)
            assert inner.value_of(multiply(z, y).variable) is None
            assert inner.value_of(inner.atom(y)) == np.sin(4.0)


def test_values_are_looked_up_through_several_levels() -> None:
    seen = []

    def f(x: Any) -> Any:
        def g(y: Any) -> Any:
            seen.append(bool(x * y > 3.0))
            return x * y

        return cr.grad(g)(2.0 * x)

    assert cr.grad(f)(1.0) == 1.0
    assert cr.grad(f)(2.0) == 1.0
    assert seen == [False, True]


def test_traces_of_other_threads_do_not_meet() -> None:
    found = []

    def look() -> None:
        found.append(current_trace())
        found.append(cr.grad(np.sin)(0.0))

    with new_trace("here") as trace:
        assert current_trace() is trace
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert found == [None, 1.0]
    assert current_trace() is None


def test_a_thread_inside_of_a_traced_function() -> None:
    def elsewhere(f: Any, x: Any) -> Any:
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(f(x)))
        thread.start()
        thread.join()
        return found[0]

    def f(x: Any) -> Any:
        # d/dy (x y²) = 2 x y, here 2 x²; written in both orders.
        return elsewhere(cr.grad(lambda y: x * y * y), x) + elsewhere(
            cr.grad(lambda y: y * y * x), x
        )

    assert cr.grad(f)(3.0) == 24.0


def test_a_trace_is_closed_when_the_function_fails() -> None:
    def failing(x: Any) -> Any:
        raise RuntimeError

    for transform in (cr.grad, cr.compile, cr.vmap, cr.jacobian):
        with pytest.raises(RuntimeError):
            transform(failing)(np.ones(2))
        assert current_trace() is None


def test_equations_remember_their_line() -> None:
    def f(x: Any) -> Any:
        y = np.sin(x)
        return y * y

    first, second = cr.trace(f, 1.0).equations
    line = f.__code__.co_firstlineno
    assert str(first.source) == f"test_trace.py:{line + 1}, in f: y = np.sin(x)"
    assert str(second.source) == f"test_trace.py:{line + 2}, in f: return y * y"


def test_equations_of_a_derivative_carry_the_line_they_come_from() -> None:
    def f(x: Any) -> Any:
        return np.sin(x) * np.exp(x)

    line = f.__code__.co_firstlineno + 1
    graph = cr.trace(cr.grad(f), 1.0)
    assert {e.source.line for e in graph.equations if e.source is not None} == {line}


def test_perturbations_are_not_confused() -> None:
    # d/dx [x d/dy (x + y)] = d/dx x = 1, and 2 if the two tangents were mixed up.
    assert cr.grad(lambda x: x * cr.grad(lambda y: x + y)(1.0))(1.0) == 1.0

    def forward(f: Any, x: Any) -> Any:
        return cr.jvp(f, (x,), (1.0,))[1]

    assert forward(lambda x: x * forward(lambda y: x + y, 1.0), 1.0) == 1.0
    assert forward(lambda x: x * cr.grad(lambda y: x * y * y)(x), 2.0) == 6 * 2.0**2
