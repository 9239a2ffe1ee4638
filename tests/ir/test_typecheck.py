"""`typecheck` accepts what tracing makes and finds what is wrong with graphs made by hand."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import GraphError, ShapeError
from chainrule.ir import OPS, ArrayType, Equation, Graph, Literal, Var, typecheck
from chainrule.ops import add, reduce_sum, sin

FLOAT64, FLOAT32 = np.dtype(np.float64), np.dtype(np.float32)


def var(*shape: int, dtype: np.dtype[Any] = FLOAT64) -> Var:
    return Var(ArrayType(shape, dtype))


def equation(op: Any, inputs: Any, outputs: Any, **params: Any) -> Equation:
    return Equation(op, inputs, params, outputs, None)


def check(graph: Graph, message: str, kind: type[Exception] = GraphError) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}\n  at test_typecheck.py"):
        typecheck(graph)


def test_a_graph_made_by_hand() -> None:
    x, y, z = var(3), var(3), var()
    typecheck(
        Graph(
            [x],
            [
                equation(add, [x, Literal(np.float64(1.0))], [y]),
                equation(reduce_sum, [y], [z], axes=(0,)),
            ],
            [z, x, Literal(2)],
        )
    )


def test_graphs_of_every_transform() -> None:
    def f(x: Any) -> Any:
        c, ys = cr.scan(lambda c, t: (cr.cond(c > t, np.sin, np.cos, c), c * t), x, np.arange(3.0))
        return c + np.sum(ys)

    for g in (f, cr.grad(f), cr.vmap(f), lambda x: cr.jvp(f, (x,), (x,)), cr.grad(cr.grad(f))):
        typecheck(cr.trace(g, np.ones(2) if g.__name__.startswith("batched") else 1.0))


def test_used_before_it_is_defined() -> None:
    x, y, z = var(3), var(3), var(3)
    graph = Graph([x], [equation(sin, [y], [z]), equation(sin, [x], [y])], [z])
    check(graph, "b: float64[3] = sin a: uses Var(float64[3]), which no earlier equation defines.")


def test_assigned_twice() -> None:
    x, y = var(3), var(3)
    graph = Graph([x], [equation(sin, [x], [y]), equation(sin, [x], [y])], [y])
    check(
        graph,
        "b: float64[3] = sin a: Var(float64[3]) is assigned twice; every variable is assigned "
        "once.",
    )


def test_input_given_twice() -> None:
    x = var(3)
    check(
        Graph([x, x], [], [x]),
        "graph inputs: Var(float64[3]) is assigned twice; every variable is assigned once.",
    )


def test_input_assigned() -> None:
    x = var(3)
    check(
        Graph([x], [equation(sin, [x], [x])], [x]),
        "a: float64[3] = sin a: Var(float64[3]) is assigned twice; every variable is assigned "
        "once.",
    )


@pytest.mark.parametrize("result", [var(4), var(3, 1), var(), var(3, dtype=FLOAT32)])
def test_result_of_another_type(result: Var) -> None:
    x = var(3)
    check(
        Graph([x], [equation(sin, [x], [result])], [result]),
        f"b: {result.type} = sin a: expected results of type (float64[3],), got ({result.type},).",
    )


def test_too_many_results() -> None:
    x, y, z = var(3), var(3), var(3)
    check(
        Graph([x], [equation(sin, [x], [y, z])], [y]),
        "b: float64[3], c: float64[3] = sin a: expected results of type (float64[3],), got "
        "(float64[3], float64[3]).",
    )


def test_arguments_that_do_not_fit() -> None:
    x, y, z = var(3), var(4), var(3)
    graph = Graph([x, y], [equation(add, [x, y], [z])], [z])
    check(
        graph,
        "add: shapes (3,) and (4,) do not broadcast: counted from the last axis, axis -1 has 3 "
        "against 4. Reshape one of them, or give it an axis of length 1 with [..., None].",
        ShapeError,
    )


def test_arguments_of_different_dtype() -> None:
    x, y, z = var(3), var(3, dtype=FLOAT32), var(3)
    graph = Graph([x, y], [equation(add, [x, y], [z])], [z])
    check(graph, "add: dtypes float64 and float32 differ.")


def test_output_from_nowhere() -> None:
    x, y = var(3), var(3)
    check(Graph([x], [], [y]), "graph outputs: Var(float64[3]) is not defined in the graph.")


def test_a_nested_graph_is_checked_too() -> None:
    c, x, stray = var(), var(), var()
    body = Graph([c, x], [equation(sin, [stray], [out := var()])], [out])
    init, xs, final = var(), var(5), var()
    graph = Graph(
        [init, xs],
        [
            equation(
                OPS["scan"],
                [init, xs],
                [final],
                body=body,
                num_constants=0,
                num_carry=1,
                length=5,
                reverse=False,
            )
        ],
        [final],
    )
    check(graph, "b: float64[] = sin a: uses Var(float64[]), which no earlier equation defines.")


def test_a_loop_whose_carry_changes() -> None:
    c, x, out = var(), var(), var(2)
    body = Graph([c, x], [], [out])
    scan = OPS["scan"]
    with pytest.raises(GraphError, match=r"^scan: the carry changes type from \[float64\[\]\]"):
        scan.infer(
            c.type,
            ArrayType((5,), FLOAT64),
            body=body,
            num_constants=0,
            num_carry=1,
            length=5,
            reverse=False,
        )
