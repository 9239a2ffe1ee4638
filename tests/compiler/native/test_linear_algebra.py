"""Decompositions and solvers: against the interpreter, their own identities, and what fails."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.linalg
from tests.compiler.native.comparing import assert_close, check

import chainrule as cr
from chainrule._errors import LinAlgError
from chainrule.compiler.native import NativeProgram
from chainrule.ops.linalg import triangular_solve

FLOATS = (np.float32, np.float64)
RNG = np.random.default_rng(3)


def separated(*shape):
    """Matrices with singular values well apart."""
    m, n = shape[-2:]
    return RNG.uniform(-0.3, 0.3, shape) + np.diag(np.arange(1.0, max(m, n) + 1))[:m, :n]


def definite(*shape):
    x = separated(*shape)
    return x @ x.mT + np.eye(shape[-1])


def every_op(a, b, s):
    """Everything whose result is determined, of square matrices and symmetric ones."""
    return [
        np.linalg.solve(a, b), np.linalg.inv(a), np.linalg.det(a), *np.linalg.slogdet(a),
        np.linalg.cholesky(s), *np.linalg.qr(a), *np.linalg.qr(a[..., :-1]),
        np.linalg.eigvalsh(s), np.linalg.eigvalsh(s, "U"), np.linalg.svd(a, compute_uv=False),
        np.linalg.pinv(a), np.linalg.pinv(s, hermitian=True), np.linalg.pinv(a[..., :-1, :]),
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(6, 6), (3, 5, 5), (2, 3, 2, 2), (40, 40), (2, 2), (0, 4, 4)])
def test_like_the_interpreter(dtype, shape):
    a = separated(*shape).astype(dtype)
    b = RNG.standard_normal((*shape[:-1], 3)).astype(dtype)
    s = definite(*shape).astype(dtype)
    check(every_op, a, b, s, ulp=64 * shape[-1], scale=float(shape[-1]) ** 2)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [2, 5, 10, 40])
def test_vectors_have_the_signs_of_scipy_s_lapack(dtype, n):
    """They may depend on its last bits, and NumPy's, built otherwise, differs in float32."""
    a, s = separated(n, n).astype(dtype), definite(n, n).astype(dtype)

    def function(a, s):
        vectors = [np.linalg.eigh(s)[1], np.linalg.eigh(s, "U")[1], *np.linalg.svd(a)[::2]]
        return [
            *vectors,
            *np.linalg.svd(a[:-1], full_matrices=False)[::2],
            np.linalg.svd(a[:-1])[2],
        ]

    program = NativeProgram(cr.trace(function, a, s))
    # As NumPy hands them over, from which SciPy makes column-major ones.
    expected = [
        scipy.linalg.eigh(s, lower=True, driver="evd")[1],
        scipy.linalg.eigh(s, lower=False, driver="evd")[1],
        *scipy.linalg.svd(a)[::2],
        *scipy.linalg.svd(a[:-1], full_matrices=False)[::2],
        scipy.linalg.svd(a[:-1])[2],
    ]
    assert_close(program(a, s), expected, ulp=64 * n, scale=1.0)
    if dtype is np.float64:
        assert_close(program(a, s), cr.ir.evaluate(program.graph, [a, s]), ulp=64 * n, scale=1.0)


@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0), (1, 1), (3, 1, 1)])
def test_small_matrices(shape):
    a = np.full(shape, 2.0)
    b = np.ones((*shape[:-1], 2))

    def function(a, b):
        s = a @ a.mT
        return [
            np.linalg.solve(a, b), np.linalg.det(a), *np.linalg.slogdet(a), np.linalg.cholesky(s),
            *np.linalg.qr(a), *np.linalg.eigh(s), np.linalg.eigvalsh(s), *np.linalg.svd(a),
            np.linalg.svd(a, compute_uv=False), np.linalg.pinv(a),
        ]  # fmt: skip

    check(function, a, b, ulp=8)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 3), (2, 3, 0), (1, 4), (4, 1)])
def test_oblong_matrices(shape):
    a = np.ones(shape)

    def function(a):
        return [
            *np.linalg.svd(a, full_matrices=True), *np.linalg.svd(a, full_matrices=False),
            np.linalg.svd(a, compute_uv=False), np.linalg.pinv(a),
        ]  # fmt: skip

    program = NativeProgram(cr.trace(function, a))
    u, s, vt, *rest = program(a)
    # The vectors beyond the rank are any basis.
    for extra in (u, vt):
        identity = np.broadcast_to(np.eye(extra.shape[-1]), (*shape[:-2], *extra.shape[-2:]))
        np.testing.assert_allclose(extra @ extra.mT, identity, atol=1e-14)
    k = min(shape[-2:])
    np.testing.assert_allclose((u[..., :k] * s[..., None, :]) @ vt[..., :k, :], a, atol=1e-14)
    expected = cr.ir.evaluate(program.graph, [a])[3:]
    for got, wanted in zip(rest, expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-14)
        assert got.shape == wanted.shape


@pytest.mark.parametrize("dtype", FLOATS)
def test_reconstructions(dtype):
    a, s = separated(3, 7, 5).astype(dtype), definite(3, 7, 7).astype(dtype)

    def function(a, s):
        q, r = np.linalg.qr(a)
        w, v = np.linalg.eigh(s)
        u, d, vt = np.linalg.svd(a, full_matrices=False)
        factor = np.linalg.cholesky(s)
        again = [
            q @ r,
            (u * d[..., None, :]) @ vt,
            (v * w[..., None, :]) @ v.mT,
            factor @ factor.mT,
        ]
        return *again, s @ np.linalg.solve(s, a), a @ np.linalg.pinv(a) @ a

    program = NativeProgram(cr.trace(function, a, s))
    tolerance = 400 * np.finfo(dtype).eps * np.abs(s).max()
    for result, wanted in zip(program(a, s), (a, a, s, s, a, a), strict=True):
        np.testing.assert_allclose(result, wanted, atol=tolerance)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("lower", [False, True])
def test_triangles_are_read_where_they_lie(turned, lower):
    a = separated(2, 6, 6)
    b = RNG.standard_normal((2, 3, 2))

    def function(a, b):
        t = a.mT if turned else a
        params = {"lower": lower, "unit_diagonal": False}
        return [
            triangular_solve(part, b, transposed=transposed, **params)
            for part in (t[..., :3, :3], t[..., ::2, ::2])
            for transposed in (False, True)
        ]

    program = check(function, a, b, ulp=64, scale=1.0)
    # Only what skips columns is copied before LAPACK reads it.
    assert program.kernels.count("dtrtrs") == 4
    assert program.stats["arena_bytes"] < 5 * b.nbytes + 2 * 9 * 8 + 8 * 64


def test_determinants_of_singular_matrices():
    a = np.array([[[1.0, 2.0], [2.0, 4.0]], [[0.0, 1.0], [1.0, 0.0]], [[-1.0, 0.0], [0.0, 3.0]]])
    check(lambda a: [np.linalg.det(a), *np.linalg.slogdet(a)], a, ulp=4)
    nan = np.full((2, 2), np.nan)
    check(lambda a: [np.linalg.det(a), np.linalg.slogdet(a)[1]], nan)


FAILING = {
    "solve": (lambda a: np.linalg.solve(a, a), np.ones((2, 3, 3)), "solve: a matrix of shape"),
    "cholesky": (np.linalg.cholesky, -np.eye(3), "cholesky: expected positive definite"),
    "svd": (np.linalg.svd, np.full((3, 2), np.nan), "svd: the iteration did not converge"),
    "pinv": (np.linalg.pinv, np.full((3, 2), np.nan), "pinv: the iteration did not converge"),
    "triangular": (
        lambda a: triangular_solve(a, a, lower=True, transposed=False, unit_diagonal=False),
        np.zeros((2, 2)),
        "triangular_solve: element 0 on the diagonal",
    ),
    "gaps": (
        cr.jacobian(lambda a: np.linalg.eigh(a)[1]),
        np.eye(3),
        "derivative of eigenvectors: eigenvalues 0 and 1 are equal",
    ),
}


@pytest.mark.parametrize("name", list(FAILING))
def test_failures_are_the_interpreter_s(name):
    function, bad, message = FAILING[name]
    program = NativeProgram(cr.trace(function, bad))
    good = np.diag(np.arange(2.0, 5))[: bad.shape[-2], : bad.shape[-1]] + np.zeros(bad.shape)
    before = program(good)
    with pytest.raises(LinAlgError, match=message):
        program(bad)
    for one, other in zip(program(good), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_failure_in_one_matrix_of_a_stack():
    a = np.stack([np.eye(2), np.zeros((2, 2)), np.eye(2)])
    program = NativeProgram(cr.trace(np.linalg.inv, a))
    with pytest.raises(LinAlgError, match="singular"):
        program(a)
    np.testing.assert_array_equal(program(a + np.eye(2))[0][1], np.eye(2))


def test_in_loops_and_branches():
    a, b = definite(4, 4), RNG.standard_normal((5, 4))

    def function(a, b):
        def step(x, row):
            x = np.linalg.solve(a + np.outer(x, x), row)
            return x, np.linalg.det(np.outer(x, x) + np.eye(4))

        last, each = cr.scan(step, np.ones(4), b)
        chosen = cr.cond(np.sum(last) > 0, np.linalg.cholesky, np.linalg.inv, a)
        return last, each, chosen

    check(function, a, b, ulp=64, scale=1.0)


def test_derivatives():
    a, b = definite(4, 4), RNG.standard_normal((4, 2))

    def function(a, b):
        w, v = np.linalg.eigh(a)
        u, s, vt = np.linalg.svd(a @ np.diag(np.arange(1.0, 5)))
        total = np.sum(np.linalg.solve(a, b) ** 2) + np.sum(w * v[0]) + np.sum(u * vt * s)
        return total + np.linalg.det(a) + np.sum(np.linalg.cholesky(a) @ np.linalg.pinv(a))

    check(lambda a, b: [*cr.grad(function, argnums=(0, 1))(a, b)], a, b, ulp=2**14, scale=100.0)
    check(lambda a: cr.grad(np.linalg.det)(a), np.ones((3, 3)), ulp=64, scale=1.0)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int8, np.uint64])
@pytest.mark.parametrize("extent", [1, 2, 3, 7, 64, 1000])
def test_searches(side, dtype, extent):
    rows = np.sort(RNG.integers(0, 100, (2, extent)).astype(dtype), axis=-1)
    values = np.arange(101).astype(dtype) - (0 if dtype == np.uint64 else 1)
    check(lambda r, v: np.searchsorted(r, v, side=side), rows[0], values)
    two = np.stack([values, values])
    op = cr.ir.OPS["searchsorted"]
    check(lambda r, v: op(r, v, side=side), rows, two)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_searches_put_nan_last(side, dtype):
    row = np.array([-np.inf, -0.0, 0.0, 1.0, np.inf, np.nan, np.nan], dtype)
    values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5, 2.0], dtype)
    check(lambda r, v: np.searchsorted(r, v, side=side), row, values)
    check(lambda r, v: np.searchsorted(r, v, side=side), row[:5], values)


def test_arguments_that_are_given_away():
    def function(a, b):
        return np.linalg.cholesky(a), np.linalg.solve(a, b)

    a, b = definite(5, 5), RNG.standard_normal((5, 3))
    expected = function(a.copy(), b.copy())
    results = cr.compile(function, donate_argnums=(0, 1), engine="native")(a.copy(), b.copy())
    for got, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-13)


def test_calls_from_several_threads():
    stacks = [definite(20, 6, 6) + number for number in range(4)]
    program = NativeProgram(cr.trace(lambda a: [np.linalg.inv(a), *np.linalg.eigh(a)], stacks[0]))
    expected = [program(a) for a in stacks]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            for got, wanted in zip(pool.map(program, stacks), expected, strict=True):
                for one, other in zip(got, wanted, strict=True):
                    np.testing.assert_array_equal(one, other)


def test_another_process_with_another_number_of_threads(tmp_path):
    """It finds the code in the cache, and the routines where they are, and gives the same bits."""
    script = """
import hashlib, numpy as np, scipy.special, chainrule as cr

def function(a):
    s = a + a.mT
    values = [np.linalg.inv(a), *np.linalg.eigh(s), *np.linalg.svd(a), scipy.special.gammaln(a)]
    return values, np.linalg.det(a / 10), np.linalg.cholesky(s)

a = np.cos(np.arange(150.0 * 150)).reshape(150, 150) + 200 * np.eye(150)
for result in cr.tree.leaves(cr.compile(function, engine="native")(a)):
    print(hashlib.sha256(np.ascontiguousarray(result)).hexdigest())
"""
    cache = {"CHAINRULE_CACHE_DIR": str(tmp_path), "CHAINRULE_CACHE": "1"}
    printed = []
    for threads in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, **cache, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        )
        printed.append(done.stdout.split())
    assert len(printed[0]) == 9
    assert printed[0] == printed[1]
