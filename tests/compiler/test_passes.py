"""Passes: what each one finds, and that no bit of a result changes."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.passes import fold_constants, optimize, share_subexpressions, simplify
from chainrule.compiler.passes.simplify import REWRITES
from chainrule.ir import OPS, ArrayType, Equation, Graph, Literal, Var, evaluate, typecheck

SPECIAL = np.array([0.0, -0.0, 1.5, -2.0, np.inf, -np.inf, np.nan, 5e-324, 1e308])


def bits(array):
    """Return what tells -0.0 from 0.0, with all kinds of nan alike."""
    array = np.asarray(array)
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.nan, array)
    return array.shape, array.dtype, array.tobytes()


def names(graph):
    return [equation.op.name for equation in graph.equations]


def build(pattern, inputs, equations):
    """Write a rewrite's pattern as equations; return the atom of its result."""
    if isinstance(pattern, str):
        return inputs[pattern]
    if isinstance(pattern, float):
        return Literal(np.float64(pattern))
    name, *parts = pattern
    atoms = [build(part, inputs, equations) for part in parts]
    out = Var(OPS[name].infer(*[atom.type for atom in atoms]))
    equations.append(Equation(OPS[name], atoms, {}, (out,), None))
    return out


def variables(pattern):
    if isinstance(pattern, str):
        return {pattern}
    if isinstance(pattern, float):
        return set()
    return set().union(*[variables(part) for part in pattern[1:]])


@pytest.mark.parametrize("rewrite", REWRITES, ids=lambda rewrite: rewrite.name)
def test_every_rewrite_applies_and_keeps_every_bit(rewrite):
    operands = sorted(variables(rewrite.pattern))
    is_boolean = {name: name == "c" or rewrite.pattern[0] == "invert" for name in operands}
    pool = {True: np.array([True, False]), False: SPECIAL}
    rows = np.array(list(itertools.product(*[range(len(pool[is_boolean[n]])) for n in operands])))
    values = [pool[is_boolean[n]][rows[:, i]] for i, n in enumerate(operands)]
    inputs = {n: Var(ArrayType(v.shape, v.dtype)) for n, v in zip(operands, values, strict=True)}
    equations = []
    out = build(rewrite.pattern, inputs, equations)
    graph = Graph([inputs[n] for n in operands], equations, [out])
    typecheck(graph)

    smaller = simplify(graph)

    typecheck(smaller)
    assert len(smaller.equations) < len(graph.equations) or names(smaller) != names(graph)
    with np.errstate(all="ignore"):
        (before,), (after,) = evaluate(graph, values), evaluate(smaller, values)
    assert bits(before) == bits(after)


def test_no_rewrite_where_the_type_would_change():
    # 1 with two axes repeats x; dropping it would lose the axes.
    graph = cr.trace(lambda x: x * np.ones((2, 3)), np.ones(3))
    assert names(simplify(graph)) == ["multiply"]


def test_zero_is_not_dropped_from_a_sum():
    graph = simplify(cr.trace(lambda x: x + 0.0, np.ones(1)))
    (result,) = evaluate(graph, [np.array([-0.0])])
    assert not np.signbit(result[0])


def test_minus_zero_is_not_dropped_from_a_difference():
    graph = simplify(cr.trace(lambda x: x - -0.0, np.ones(1)))
    (result,) = evaluate(graph, [np.array([-0.0])])
    assert not np.signbit(result[0])


def test_constants_are_folded():
    graph = cr.trace(lambda x: x * np.exp(cr.asarray(np.array([0.0, 1.0]))), np.ones(2))
    folded = fold_constants(graph)
    assert names(folded) == ["multiply"]
    (result,) = evaluate(folded, [np.array([1.0, 2.0])])
    np.testing.assert_array_equal(result, [1.0, 2.0 * np.exp(1.0)])


def test_what_warns_when_computed_is_not_folded():
    graph = cr.trace(lambda x: x + np.log(cr.asarray(np.array([0.0]))), np.ones(1))
    assert "log" in names(fold_constants(graph))


def test_an_index_out_of_range_is_not_folded_away():
    def f(x):
        return x + cr.asarray(np.arange(3.0))[cr.asarray(np.array([7]))]

    graph = fold_constants(cr.trace(f, np.ones(1)))
    with pytest.raises(IndexError):
        evaluate(graph, [np.ones(1)])


def test_large_constants_are_not_made():
    def f(x):
        return x + np.broadcast_to(cr.asarray(np.array(1.0)), (300, 300)).sum()

    assert "broadcast" in names(fold_constants(cr.trace(f, 1.0)))


def test_common_subexpressions_are_computed_once():
    graph = cr.trace(lambda x: np.sin(x) * np.sin(x) + np.sin(x), np.ones(3))
    shared = share_subexpressions(graph)
    assert names(shared).count("sin") == 1
    (result,) = evaluate(shared, [np.array([0.1, 0.2, 0.3])])
    s = np.sin(np.array([0.1, 0.2, 0.3]))
    np.testing.assert_array_equal(result, s * s + s)


def test_zeros_of_different_sign_are_different_constants():
    graph = cr.trace(lambda x: (np.copysign(x, 0.0), np.copysign(x, -0.0)), np.ones(1))
    first, second = evaluate(optimize(graph), [np.array([3.0])])
    assert first[0] == 3.0
    assert second[0] == -3.0


def test_different_parameters_are_different_expressions():
    graph = optimize(cr.trace(lambda x: (x.sum(axis=0), x.sum(axis=1)), np.eye(2)))
    assert names(graph) == ["reduce_sum", "reduce_sum"]


def test_transposes_become_axes_of_the_product():
    graph = simplify(cr.trace(lambda x, y: x.T @ y.T, np.ones((4, 3)), np.ones((2, 4))))
    assert names(graph) == ["dot"]
    x, y = np.arange(12.0).reshape(4, 3), np.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(evaluate(graph, [x, y])[0], x.T @ y.T)


def test_layout_that_cancels_disappears():
    def f(x):
        return np.flip(np.flip(x.T.T.reshape(6).reshape(2, 3), 0), 0)[:, :]

    assert names(optimize(cr.trace(f, np.ones((2, 3))))) == []


def test_a_repeated_constant_becomes_a_number():
    repeated = np.broadcast_to(0.25, (2, 3))
    graph = simplify(cr.trace(lambda x: x * repeated, np.ones((2, 3))))
    (product,) = graph.equations
    assert product.inputs[1].type.shape == ()
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(evaluate(graph, [x])[0], x / 4)


def test_passes_reach_the_bodies_of_loops():
    def f(x):
        return cr.scan(lambda c, _: (np.sin(c) * np.sin(c), None), x, None, length=3)[0]

    (loop,) = optimize(cr.trace(f, 1.0)).equations
    assert names(loop.params["body"]).count("sin") == 1


@pytest.mark.parametrize("order", [1, 2])
def test_a_network_keeps_every_bit(order):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in ((4, 3), (3,), (3, 2), (2,), (5, 4))]

    def loss(w1, b1, w2, b2, x):
        h = np.tanh(x @ w1 + b1)
        z = h @ w2 + b2
        return np.mean((z - np.sin(z)) ** 2) + 0.1 * np.sum(w1**2)

    f = cr.grad(loss, (0, 1, 2, 3))
    if order == 2:
        f = cr.grad(lambda *a: sum(np.sum(g**2) for g in cr.grad(loss, (0, 1, 2, 3))(*a)))
    graph = cr.trace(f, *arrays)
    smaller = optimize(graph)
    typecheck(smaller)
    assert len(smaller.equations) <= len(graph.equations)
    for before, after in zip(evaluate(graph, arrays), evaluate(smaller, arrays), strict=True):
        assert bits(before) == bits(after)
