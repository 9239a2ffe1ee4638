"""Graphs as text, to the letter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.ir.printer import Names, format_value

X = np.arange(6.0).reshape(2, 3)


def text(f: Any, *args: Any) -> list[str]:
    graph = cr.trace(f, *args)
    assert repr(graph) == str(graph)
    return str(graph).split("\n")


def test_equations() -> None:
    assert text(lambda x, y: np.sum(np.sin(x) * 2.0 + y), np.ones(3), 1.5) == [
        "graph(a: float64[3], b: float64[]) -> float64[]",
        "  c: float64[3] = sin a",
        "  d: float64[3] = multiply c 2.0",
        "  e: float64[3] = add d b",
        "  f: float64[] = reduce_sum[axes=(0,)] e",
        "  return f",
    ]


def test_constants_and_several_results() -> None:
    assert text(lambda n: (n + np.arange(3), X * n, True), 2) == [
        "graph(a: int64[]) -> int64[3], float64[2, 3], bool[]",
        "  b: int64[3] = add a [0, 1, 2]",
        "  c: float64[] = convert[dtype=float64] a",
        "  d: float64[2, 3] = multiply float64[2, 3]{…} c",
        "  return b, d, True",
    ]


def test_nothing() -> None:
    assert text(lambda: None) == ["graph() -> ()", "  return"]


def test_nested_graphs_are_indented() -> None:
    def f(x: Any) -> Any:
        def body(c: Any, t: Any) -> Any:
            return cr.cond(c > t, np.sin, np.cos, c), t

        return cr.scan(body, x, np.ones(3))

    assert text(f, 1.0) == [
        "graph(a: float64[]) -> float64[], float64[3]",
        "  b: float64[], c: float64[3] = scan[num_constants=0, num_carry=1, length=3, "
        "reverse=False] a [1., 1., 1.]",
        "    body(a: float64[], b: float64[]) -> float64[], float64[]",
        "      c: bool[] = less b a",
        "      d: float64[] = cond c a",
        "        branches[0](a: float64[]) -> float64[]",
        "          b: float64[] = sin a",
        "          return b",
        "        branches[1](a: float64[]) -> float64[]",
        "          b: float64[] = cos a",
        "          return b",
        "      return d, b",
        "  return b, c",
    ]


def test_text_of_a_custom_rule_does_not_change_from_run_to_run() -> None:
    f = cr.custom_derivative(np.sin)
    f.def_jvp(lambda primals, tangents: (np.sin(*primals), np.cos(*primals) * tangents[0]))
    lines = text(f, 1.0)
    assert lines[1] == "  b: float64[] = custom_derivative[rules=jvp] a"


def test_names_run_through_the_alphabet_and_on() -> None:
    names = Names()
    variables = cr.trace(lambda *xs: xs, *[0.0] * 703).inputs
    found = [names[var] for var in variables]
    assert found[:3] == ["a", "b", "c"]
    assert found[25:28] == ["z", "ba", "bb"]
    assert found[51:53] == ["bz", "ca"]
    assert found[675:678] == ["zz", "baa", "bab"]
    assert len(set(found)) == 703
    assert names[variables[0]] == "a"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.5, "1.5"),
        (np.float32(0.1), "0.10000000149011612"),
        (np.int64(3), "3"),
        (True, "True"),
        (np.array(2.0), "2.0"),
        (np.array([1.0, 2.0]), "[1., 2.]"),
        (np.array([[1, 2], [3, 4]]), "[[1, 2], [3, 4]]"),
        (np.zeros(5), "float64[5]{…}"),
        (np.zeros((2, 3), np.int8), "int8[2, 3]{…}"),
        (np.zeros(0), "[]"),
        (np.inf, "inf"),
    ],
)
def test_constants(value: Any, expected: str) -> None:
    assert format_value(value) == expected
