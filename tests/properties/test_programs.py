"""Generated programs mean the same however they are run, and have the right derivatives."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.properties.programs import programs

import chainrule as cr
from chainrule.ir import typecheck
from chainrule.testing import check_grads

FLOATS = ("float64",)
TOLERANCES = {np.dtype(np.float32): 2e-4, np.dtype(np.float16): 1e-2}


def assert_same(got, expected):
    """Compare results, types included, up to rounding."""
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        tolerance = TOLERANCES.get(one.dtype, 1e-10)
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@settings(max_examples=200)
@given(programs())
def test_compiled_equals_plain_numpy(program):
    compiled = cr.compile(program.traced, engine="interpreter")
    assert_same(compiled(*program.args), program.plain(*program.args))
    others = program.other_args(1)
    with np.errstate(all="ignore"):
        assert_same(compiled(*others), program.plain(*others))
    assert compiled.num_traces == 1


@given(programs())
def test_graphs_are_well_typed_and_can_be_shown(program):
    graph = cr.trace(program.traced, *program.args)
    typecheck(graph)
    assert str(graph).startswith("graph(")
    assert graph.to_dot().startswith("digraph")


@settings(max_examples=100)
@given(programs(FLOATS))
def test_first_derivatives(program):
    check_grads(program.traced, program.args, order=1)


@settings(max_examples=40)
@given(programs(FLOATS, max_lines=9))
def test_second_derivatives(program):
    check_grads(program.traced, program.args, order=2)


@given(programs())
def test_compiled_gradients_equal_uncompiled_ones(program):
    floats = tuple(i for i, arg in enumerate(program.args) if arg.dtype.kind == "f")

    def loss(*args):
        return sum(np.sum(out * 1.0) for out in program.traced(*args))

    gradient = cr.grad(loss, argnums=floats)
    got = gradient(*program.args)
    assert [g.dtype for g in got] == [program.args[i].dtype for i in floats]
    assert_same(cr.compile(gradient)(*program.args), got)


@settings(max_examples=100)
@given(programs(), st.data())
def test_vmap_equals_a_loop(program, data):
    size = data.draw(st.integers(1, 3))
    flags = [data.draw(st.booleans()) for _ in program.args]
    flags[0] |= not any(flags)
    draws = [program.args, *[program.other_args(seed) for seed in range(1, size)]]
    rows = [
        tuple(own if f else first for own, first, f in zip(row, program.args, flags, strict=True))
        for row in draws
    ]
    args = [
        np.stack([row[i] for row in rows]) if flag else program.args[i]
        for i, flag in enumerate(flags)
    ]
    with np.errstate(all="ignore"):
        results = [program.plain(*row) for row in rows]
        expected = [np.stack(column) for column in zip(*results, strict=True)]
        got = cr.vmap(program.traced, tuple(0 if flag else None for flag in flags))(*args)
    assert_same(got, expected)


@given(programs(FLOATS))
def test_vmap_of_the_gradient_equals_a_loop(program):
    def loss(*args):
        return sum(np.sum(out * 1.0) for out in program.traced(*args))

    gradient = cr.grad(loss, argnums=tuple(range(len(program.args))))
    others = program.other_args(1)
    stacked = [np.stack(pair) for pair in zip(program.args, others, strict=True)]
    with np.errstate(all="ignore"):
        loop = gradient(*program.args), gradient(*others)
        expected = [np.stack(pair) for pair in zip(*loop, strict=True)]
        got = cr.vmap(gradient)(*stacked)
    assert_same(got, expected)
