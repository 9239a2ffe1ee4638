"""The ops of linear algebra themselves: their types, stacks, batches and derivatives."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose

import chainrule as cr
from chainrule import ops
from chainrule._errors import GraphError
from chainrule.ir import OPS, ArrayType, type_of, typecheck
from chainrule.testing import check_grads

rng = np.random.default_rng(11)
LOWER = {"lower": True, "transposed": False, "unit_diagonal": False}
EIGEN = {"own": True, "what": "eigenvalues and eigenvectors"}
SINGULAR = {"own": False, "what": "singular values and singular vectors"}


def square(*stack):
    return rng.normal(size=(*stack, 3, 3)) + 2.0 * np.eye(3)


def positive(*stack):
    a = square(*stack)
    return a @ np.swapaxes(a, -1, -2)


def rows(*stack):
    return rng.normal(size=(*stack, 3, 2))


def spaced(*stack):
    return np.sort(rng.normal(size=(*stack, 3)), axis=-1) + 10.0 * np.arange(3)


# Every op: parameters, then what makes an argument with given axes in front.
CASES = {
    "cholesky": ({}, positive),
    "solve": ({}, square, rows),
    "triangular_solve": (LOWER, square, rows),
    "qr": ({}, rows),
    "eigvalsh": ({"lower": True}, positive),
    "eigh": ({"lower": False}, positive),
    "svdvals": ({}, rows),
    "svd": ({"full": False}, rows),
    "pinv": ({"cutoff": 1e-15, "hermitian": False}, rows),
    "slogdet": ({}, square),
    "det": ({}, square),
    "cofactors": ({}, square, square),
    "divide_by_gaps": (EIGEN, square, spaced, spaced),
}


def leaves(value):
    return list(value) if isinstance(value, tuple) else [value]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("stack", [(), (2,), (0,), (2, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_types_are_as_inferred(name, stack, dtype):
    params, *makers = CASES[name]
    args = [make(*stack).astype(dtype) for make in makers]
    results = leaves(OPS[name](*args, **params))
    inferred = leaves(OPS[name].infer(*[type_of(x) for x in args], **params))
    assert [type_of(np.asarray(result)) for result in results] == inferred
    assert {result.dtype for result in results} == {np.dtype(dtype)}


@pytest.mark.parametrize("name", CASES)
def test_a_stack_is_worked_through_one_by_one(name):
    params, *makers = CASES[name]
    args = [make(2, 3) for make in makers]
    stacked = leaves(OPS[name](*args, **params))
    for i, j in np.ndindex(2, 3):
        single = leaves(OPS[name](*[x[i, j] for x in args], **params))
        for all_of_them, one in zip(stacked, single, strict=True):
            assert_allclose(all_of_them[i, j], one, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("stack", [(), (2,)])
def test_batching_is_a_loop_over_any_of_the_arguments(name, stack):
    params, *makers = CASES[name]
    for pattern in range(1, 2 ** len(makers)):
        batched = [bool(pattern >> i & 1) for i in range(len(makers))]
        args = [
            make(4, *stack) if is_b else make(*stack)
            for make, is_b in zip(makers, batched, strict=True)
        ]
        results, flag = OPS[name].batch(args, batched, **params)
        assert flag is True
        for k in range(4):
            single = [x[k] if is_b else x for x, is_b in zip(args, batched, strict=True)]
            expected = leaves(OPS[name](*single, **params))
            for got, one in zip(leaves(results), expected, strict=True):
                assert_allclose(got[k], one, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_derivative_graphs_are_well_typed(name):
    params, *makers = CASES[name]
    *fixed, last = [make(2) for make in makers]

    def total(last):
        return sum(leaf.sum() for leaf in leaves(OPS[name](*fixed, last, **params)))

    typecheck(cr.trace(cr.grad(total), last))
    assert name in str(cr.trace(total, last))


@pytest.mark.parametrize("name", ["solve", "triangular_solve", "cofactors", "divide_by_gaps"])
def test_linear_arguments_transpose(name):
    params, *makers = CASES[name]
    args = [make(2) for make in makers]
    (position,) = OPS[name].linear

    def linear(x):
        return OPS[name](*args[:position], x, *args[position + 1 :], **params)

    check_grads(linear, (args[position],), order=1)
    out = linear(args[position])
    u = rng.normal(size=out.shape)
    (pulled,) = cr.vjp(linear, args[position])[1](u)
    assert_allclose(np.vdot(pulled, args[position]), np.vdot(u, out), rtol=1e-11)


@pytest.mark.parametrize("params", [EIGEN, SINGULAR])
def test_division_by_gaps(params):
    p, x = rng.normal(size=(3, 3)), np.array([1.0, 2.0, 4.0])
    y = x if params["own"] else np.array([-1.0, 3.0, 7.0])
    got = ops.decompositions.divide_by_gaps(p, x, y, **params)
    for i, j in np.ndindex(3, 3):
        if params["own"] and i == j:
            assert got[i, j] == 0
        else:
            assert_allclose(got[i, j], p[i, j] / (y[j] - x[i]))
    check_grads(lambda p, x, y: ops.decompositions.divide_by_gaps(p, x, y, **params), (p, x, y))


@pytest.mark.parametrize(
    ("x", "fails"),
    [
        ([1.0, 1.0], True),
        ([1.0, 1.0 + 1e-15], True),
        ([1.0, 1.0 + 1e-12], False),
        ([0.0, 0.0], True),
        ([0.0, 1e-300], False),
        ([1e300, 1e300], True),
        ([1.0], False),
        ([], False),
    ],
)
def test_gaps_within_rounding_are_refused(x, fails):
    x = np.array(x)
    p = np.zeros((len(x), len(x)))
    if fails:
        message = "derivative of eigenvectors: eigenvalues 0 and 1 are equal to within rounding"
        with pytest.raises(np.linalg.LinAlgError, match=message):
            ops.decompositions.divide_by_gaps(p, x, x, **EIGEN)
    else:
        assert not ops.decompositions.divide_by_gaps(p, x, x, **EIGEN).any()


def cofactor(a, i, j):
    minor = np.delete(np.delete(a, i, 0), j, 1)
    return (-1) ** (i + j) * np.linalg.det(minor)


@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
def test_cofactors_by_their_definition(rank):
    a = rng.normal(size=(4, rank)) @ rng.normal(size=(rank, 4))
    expected = [[cofactor(a, i, j) for j in range(4)] for i in range(4)]
    assert_allclose(ops.linalg.cofactors(a), expected, atol=1e-12)
    x, h = rng.normal(size=(4, 4)), 1e-3
    # A cofactor is a polynomial of degree 3, for which these differences are exact.
    steps = [ops.linalg.cofactors(a + k * h * x) for k in (-2, -1, 1, 2)]
    slope = (steps[0] - 8 * steps[1] + 8 * steps[2] - steps[3]) / (12 * h)
    assert_allclose(ops.linalg.cofactors(a, x), slope, atol=1e-8)


def test_cofactors_of_small_matrices_in_numbers():
    assert ops.linalg.cofactors(np.array([[5.0]])).tolist() == [[1.0]]
    assert ops.linalg.cofactors(np.array([[5.0]]), np.ones((1, 1))).tolist() == [[0.0]]
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert_allclose(ops.linalg.cofactors(a), [[4.0, -3.0], [-2.0, 1.0]])
    assert_allclose(ops.linalg.cofactors(np.eye(2), a), [[4.0, -3.0], [-2.0, 1.0]])
    assert ops.linalg.cofactors(np.zeros((0, 0))).shape == (0, 0)


def test_cholesky_in_numbers():
    # L L^T = A: [[2, 0], [1, 3]] for [[4, 2], [2, 10]]; with a in the corner, L = sqrt(a).
    assert ops.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 10.0]])).tolist() == [[2, 0], [1, 3]]
    tangent = cr.jvp(ops.linalg.cholesky, (np.array([[4.0]]),), (np.array([[1.0]]),))[1]
    assert tangent.tolist() == [[0.25]]


def test_a_shared_matrix_is_factored_once_for_all_samples():
    graph = cr.trace(cr.vmap(np.linalg.solve, in_axes=(None, 0)), square(), rng.normal(size=(7, 3)))
    assert [e.outputs[0].type.shape for e in graph.equations if e.op.name == "solve"] == [(3, 7)]


@pytest.mark.parametrize(
    ("name", "types", "message"),
    [
        (
            "cholesky",
            [(2, 3)],
            "cholesky: expected a square matrix in the last two axes, got shape (2, 3).",
        ),
        (
            "det",
            [(3,)],
            "det: expected a matrix or a stack of matrices, got an array of shape (3,).",
        ),
        (
            "solve",
            [(3, 3), (2, 2)],
            "solve: a matrix of shape (3, 3) does not fit right-hand sides of shape (2, 2); "
            "expected one row per row of the matrix, and the same leading axes.",
        ),
        ("qr", [(2, 3)], "qr: expected at least as many rows as columns, got (2, 3)."),
    ],
)
def test_shapes_that_do_not_fit(name, types, message):
    params = CASES[name][0]
    with pytest.raises(np.linalg.LinAlgError, match=re.escape(message)) as caught:
        OPS[name].infer(*[ArrayType(shape, np.dtype(float)) for shape in types], **params)
    assert str(caught.value).split("\n")[0] == message


def test_typecheck_sees_a_wrong_type():
    graph = cr.trace(ops.linalg.cholesky, positive())
    graph.equations[0].outputs[0].type = ArrayType((3,), np.dtype(float))
    with pytest.raises(GraphError, match="expected results of type"):
        typecheck(graph)
