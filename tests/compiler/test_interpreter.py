"""The interpreter: a graph as the source of one Python function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler import Program


def test_the_source_of_a_program() -> None:
    program = Program(cr.trace(lambda x, y: np.sum(np.sin(x) * y), np.ones(2), np.ones(2)))
    assert program.source == (
        "def run(v0, v1):\n"
        "    v2 = sin_0(v0); del v0\n"
        "    v3 = multiply_1(v2, v1); del v2, v1\n"
        "    v4 = reduce_sum_2(v3); del v3\n"
        "    return (v4,)"
    )
    assert program(np.array([0.0, np.pi / 2]), np.array([5.0, 7.0])) == (7.0,)


def test_values_die_after_their_last_use_and_outputs_live() -> None:
    graph = cr.trace(lambda x: (np.sin(x), x), 1.0)
    assert "del" not in Program(graph).source
    assert Program(graph)(np.float64(0.0)) == (0.0, 0.0)


def test_a_program_without_equations() -> None:
    assert Program(cr.trace(lambda: ()))() == ()
    assert Program(cr.trace(lambda x: (x, 2.0), 1.0))(np.float64(5.0)) == (5.0, 2.0)


def test_unused_results_of_an_op_with_several() -> None:
    def f(x: Any) -> Any:
        return cr.scan(lambda c, t: (c + t, c * t), x, np.ones(3))[0]

    assert Program(cr.trace(f, 1.0))(np.float64(1.0)) == (4.0,)


@pytest.mark.parametrize("seed", range(5))
def test_running_a_graph_gives_what_the_code_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))

    def f(a: Any, b: Any) -> Any:
        z = np.tanh(a @ b)
        z = np.concatenate([z, z[::-1, :1] ** 2], axis=1)
        return np.where(z > 0, z, 0.1 * z).sum(axis=0), np.max(z), a.T[None]

    for got, expected in zip(Program(cr.trace(f, x, w))(x, w), f(x, w), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-14, strict=True)


def test_a_program_can_run_in_another_order_of_calls() -> None:
    program = Program(cr.trace(lambda x: x + 1.0, 1.0))
    assert [program(np.float64(i))[0] for i in (3, 1, 2)] == [4.0, 2.0, 3.0]


def test_what_numpy_raises_gains_a_note() -> None:
    program = Program(cr.trace(lambda x, i: x[i], np.ones(3), 1))
    with pytest.raises(IndexError) as caught:
        program(np.ones(3), np.int64(5))
    (note,) = caught.value.__notes__
    assert note.startswith("in op gather at test_interpreter.py:")
