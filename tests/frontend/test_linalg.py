"""`np.linalg` on traced arrays: values, derivatives, batches and errors."""

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose

import chainrule as cr
from chainrule.testing import check_grads

rng = np.random.default_rng(3)
SQUARE = rng.normal(size=(3, 3)) + 2.0 * np.eye(3)
STACK = rng.normal(size=(2, 3, 3)) + 2.0 * np.eye(3)
TALL = rng.normal(size=(4, 2))
WIDE = rng.normal(size=(2, 4))
TALL_STACK = rng.normal(size=(2, 4, 2))
VECTOR = rng.normal(size=3)
COLUMNS = rng.normal(size=(3, 2))
LOW_RANK = rng.normal(size=(4, 2)) @ rng.normal(size=(2, 3))


def symmetric(a):
    return a + np.swapaxes(a, -1, -2)


def positive(a):
    return a @ np.swapaxes(a, -1, -2) + np.eye(a.shape[-1], dtype=a.dtype)


def fixed_signs(vectors):
    """Columns with the sign that makes their largest element positive."""
    size = np.abs(vectors)
    largest = np.where(size == size.max(axis=-2, keepdims=True), vectors, 0.0).sum(axis=-2)
    return vectors * np.sign(largest)[..., None, :]


def low_rank(left, right):
    return left @ right


CASES = {
    "inv": (np.linalg.inv, SQUARE),
    "inv of a stack": (np.linalg.inv, STACK),
    "solve, vector": (np.linalg.solve, SQUARE, VECTOR),
    "solve, matrix": (np.linalg.solve, SQUARE, COLUMNS),
    "solve, stack with vector": (np.linalg.solve, STACK, VECTOR),
    "solve, stack with one matrix": (np.linalg.solve, STACK, COLUMNS),
    "solve, matrix with stack": (np.linalg.solve, SQUARE, STACK[..., :2]),
    "det": (np.linalg.det, SQUARE),
    "det of a stack": (np.linalg.det, STACK),
    "slogdet": (lambda a: np.linalg.slogdet(a).logabsdet, SQUARE),
    "slogdet, both": (lambda a: np.prod(np.stack(np.linalg.slogdet(a)), axis=0), STACK),
    "cholesky": (lambda a: np.linalg.cholesky(positive(a)), SQUARE),
    "cholesky of a stack": (lambda a: np.linalg.cholesky(positive(a)), STACK),
    "cholesky, upper": (lambda a: np.linalg.cholesky(positive(a), upper=True), SQUARE),
    "eigh": (lambda a: np.linalg.eigh(symmetric(a)).eigenvalues, SQUARE),
    "eigh, vectors": (lambda a: fixed_signs(np.linalg.eigh(symmetric(a))[1]), SQUARE),
    "eigh of a stack": (lambda a: fixed_signs(np.linalg.eigh(symmetric(a), "U")[1]), STACK),
    "eigvalsh": (lambda a: np.linalg.eigvalsh(symmetric(a), UPLO="u"), STACK),
    "qr": (lambda a: np.linalg.qr(a).Q, SQUARE),
    "qr, tall": (lambda a: np.concatenate(np.linalg.qr(a), axis=-2), TALL_STACK),
    "qr, wide": (lambda a: np.concatenate(np.linalg.qr(a), axis=-1), WIDE),
    "qr, complete": (lambda a: np.concatenate(np.linalg.qr(a, "complete"), axis=-1), WIDE),
    "qr, r": (lambda a: np.linalg.qr(a, mode="r"), TALL),
    "svdvals": (np.linalg.svdvals, TALL_STACK),
    "svd, values": (lambda a: np.linalg.svd(a, compute_uv=False), WIDE),
    "svd, u": (lambda a: fixed_signs(np.linalg.svd(a, full_matrices=False).U), TALL_STACK),
    "svd, v": (lambda a: fixed_signs(np.linalg.svd(a, full_matrices=False).Vh.mT), WIDE),
    "svd, square": (lambda a: fixed_signs(np.linalg.svd(a)[0]), SQUARE),
    "svd, hermitian": (
        lambda a: fixed_signs(np.linalg.svd(symmetric(a), hermitian=True).Vh.mT),
        SQUARE,
    ),
    "svd, hermitian values": (
        lambda a: np.linalg.svd(symmetric(a), compute_uv=False, hermitian=True),
        SQUARE,
    ),
    "pinv, tall": (np.linalg.pinv, TALL_STACK),
    "pinv, wide": (np.linalg.pinv, WIDE),
    "pinv, low rank": (
        lambda left, right: np.linalg.pinv(left @ right, rcond=1e-10),
        TALL,
        rng.normal(size=(2, 3)),
    ),
    "pinv, hermitian": (lambda a: np.linalg.pinv(symmetric(a), hermitian=True), SQUARE),
    "pinv, rtol": (lambda a: np.linalg.pinv(a, rtol=None), TALL),
    "lstsq": (lambda a, b: np.linalg.lstsq(a, b)[0], TALL, rng.normal(size=(4, 3))),
    "lstsq, vector": (lambda a, b: np.linalg.lstsq(a, b)[0], TALL, rng.normal(size=4)),
    "lstsq, wide": (lambda a, b: np.linalg.lstsq(a, b)[0], WIDE, rng.normal(size=2)),
    "lstsq, residuals": (lambda a, b: np.linalg.lstsq(a, b)[1], TALL, rng.normal(size=4)),
    "lstsq, singular values": (lambda a, b: np.linalg.lstsq(a, b)[3], TALL, rng.normal(size=4)),
    "tensorsolve": (
        np.linalg.tensorsolve,
        rng.normal(size=(2, 3, 6)) + np.eye(6).reshape(2, 3, 6) * 3,
        rng.normal(size=(2, 3)),
    ),
    "tensorsolve, axes": (
        lambda a, b: np.linalg.tensorsolve(a, b, axes=(0,)),
        rng.normal(size=(6, 2, 3)) + np.eye(6).reshape(6, 2, 3) * 3,
        rng.normal(size=(2, 3)),
    ),
    "tensorinv": (np.linalg.tensorinv, rng.normal(size=(2, 3, 6)) + np.eye(6).reshape(2, 3, 6) * 3),
    "matrix_power": (lambda a: np.linalg.matrix_power(a, 5), SQUARE),
    "matrix_power, negative": (lambda a: np.linalg.matrix_power(a, -2), SQUARE),
    "matrix_power, one": (lambda a: np.linalg.matrix_power(a, 1) * 1.0, STACK),
    "multi_dot": (lambda a, b, c: np.linalg.multi_dot([a, b, c]), TALL, WIDE, TALL),
    "multi_dot, vectors": (
        lambda a, b, c: np.linalg.multi_dot([a, b, c]),
        rng.normal(size=4),
        TALL,
        rng.normal(size=2),
    ),
    "cond": (np.linalg.cond, STACK),
    "cond, -2": (lambda a: np.linalg.cond(a, -2), TALL),
    "cond, 1": (lambda a: np.linalg.cond(a, 1), SQUARE),
    "cond, fro": (lambda a: np.linalg.cond(a, "fro"), STACK),
    "outer": (np.linalg.outer, VECTOR, TALL[:, 0]),
    "cross": (lambda x, y: np.linalg.cross(x, y, axis=0), VECTOR, COLUMNS[:, 0]),
    "matmul": (np.linalg.matmul, TALL, WIDE),
    "vecdot": (lambda x, y: np.linalg.vecdot(x, y, axis=0), SQUARE, COLUMNS[:, :1]),
    "tensordot": (lambda x, y: np.linalg.tensordot(x, y, axes=1), TALL, WIDE),
    "matrix_transpose": (np.linalg.matrix_transpose, TALL_STACK),
    "diagonal": (lambda x: np.linalg.diagonal(x, offset=1), STACK),
    "trace": (lambda x: np.linalg.trace(x, offset=-1), STACK),
    "norm": (np.linalg.norm, SQUARE),
    "norm of three axes": (np.linalg.norm, STACK),
    "norm of a number": (np.linalg.norm, np.float64(-1.5)),
    **{
        f"norm, vector {p}": (lambda x, p=p: np.linalg.norm(x, p), VECTOR)
        for p in (1, 2, 3, 2.5, 0.5, -1, -2.5, np.inf, -np.inf, 0)
    },
    **{
        f"norm, matrix {p}": (lambda x, p=p: np.linalg.norm(x, p, axis=(0, 2)), TALL_STACK)
        for p in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
    },
    "norm, axis": (lambda x: np.linalg.norm(x, axis=0, keepdims=True), COLUMNS),
    "norm, axes, kept": (lambda x: np.linalg.norm(x, 2, axis=(2, 0), keepdims=True), TALL_STACK),
    "norm, one, kept": (lambda x: np.linalg.norm(x, 1, axis=(2, 0), keepdims=True), TALL_STACK),
    "vector_norm": (np.linalg.vector_norm, STACK),
    "vector_norm, axes": (
        lambda x: np.linalg.vector_norm(x, axis=(0, 2), keepdims=True, ord=3),
        STACK,
    ),
    "matrix_norm": (np.linalg.matrix_norm, STACK),
    "matrix_norm, nuc": (lambda x: np.linalg.matrix_norm(x, ord="nuc", keepdims=True), STACK),
    "solve_triangular": (lambda a, b: triangular(a, b), SQUARE, VECTOR),
    "solve_triangular, lower": (lambda a, b: triangular(a, b, lower=True), SQUARE, COLUMNS),
    "solve_triangular, transposed": (lambda a, b: triangular(a, b, trans=1), SQUARE, COLUMNS),
    "solve_triangular, lower transposed": (
        lambda a, b: triangular(a, b, trans="T", lower=True),
        SQUARE,
        VECTOR,
    ),
    "solve_triangular, unit": (
        lambda a, b: triangular(a, b, trans="N", lower=True, unit_diagonal=True),
        SQUARE,
        VECTOR,
    ),
    "solve_triangular, stack": (lambda a, b: cr.linalg.solve_triangular(a, b), STACK, COLUMNS),
    "cho_solve": (
        lambda a, b: cr.linalg.cho_solve(cr.linalg.cho_factor(positive(a)), b),
        SQUARE,
        COLUMNS,
    ),
    "cho_solve, lower": (
        lambda a, b: cr.linalg.cho_solve(cr.linalg.cho_factor(positive(a), lower=True), b),
        STACK,
        VECTOR,
    ),
}


def triangular(a, b, **keywords):
    return cr.linalg.solve_triangular(a, b, **keywords)


def case(name):
    function, *args = CASES[name]
    return function, args


def traced(f, *args):
    """Run with everything traced, and no values known."""
    return cr.compile(f, engine="interpreter")(*args)


@pytest.mark.parametrize("name", CASES)
def test_values_are_numpys(name):
    f, args = case(name)
    expected, got = f(*args), traced(f, *args)
    assert_allclose(got, expected, rtol=1e-11, atol=1e-12)
    assert got.dtype == expected.dtype


@pytest.mark.parametrize("name", CASES)
def test_float32_stays(name):
    f, args = case(name)
    args = [x.astype(np.float32) for x in args]
    expected, got = f(*args), traced(f, *args)
    assert got.dtype == expected.dtype == np.float32
    assert_allclose(got, expected, rtol=2e-3, atol=2e-4)
    gradient = cr.grad(lambda *xs: f(*xs).sum())(*args)
    assert gradient.dtype == np.float32


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name):
    f, args = case(name)
    check_grads(f, args, order=2, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_reverse_is_the_transpose_of_forward(name):
    f, args = case(name)
    vs = tuple([rng.normal(size=np.shape(x))[()] for x in args])
    out, tangent = cr.jvp(f, tuple(args), vs)
    u = rng.normal(size=np.shape(out))[()]
    _, pullback = cr.vjp(f, *args)
    inner = sum(np.vdot(v, ct) for v, ct in zip(vs, pullback(u), strict=True))
    assert_allclose(inner, np.vdot(u, tangent), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_vmap_is_a_loop(name):
    f, args = case(name)
    many = [np.stack([x, x * 1.1, x * 0.7]) for x in args]
    expected = np.stack([f(*[x[i] for x in many]) for i in range(3)])
    assert_allclose(cr.vmap(f)(*many), expected, rtol=1e-9, atol=1e-11)
    for number in range(len(args)):
        axes = tuple(0 if i == number else None for i in range(len(args)))
        some = [x if axis == 0 else x[0] for x, axis in zip(many, axes, strict=True)]
        expected = np.stack(
            [
                f(*[x[i] if axis == 0 else x for x, axis in zip(some, axes, strict=True)])
                for i in range(3)
            ]
        )
        assert_allclose(cr.vmap(f, in_axes=axes)(*some), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["inv", "solve, vector", "cholesky", "eigh, vectors", "svd, u"])
def test_gradients_batch(name):
    f, args = case(name)
    gradient = cr.grad(lambda *xs: (f(*xs) ** 2).sum() + f(*xs).sum())
    many = [np.stack([x, x * 1.1]) for x in args]
    expected = np.stack([gradient(*[x[i] for x in many]) for i in range(2)])
    assert_allclose(cr.vmap(gradient)(*many), expected, rtol=1e-8, atol=1e-10)


# -- types -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        np.linalg.inv,
        np.linalg.det,
        np.linalg.norm,
        np.linalg.svdvals,
        np.linalg.cholesky,
        np.linalg.pinv,
        lambda a: np.linalg.solve(a, a),
        lambda a: np.linalg.norm(a, 1),
        lambda a: np.linalg.matrix_power(a, -1),
    ],
)
@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint16])
def test_integers_become_float64(f, dtype):
    a = np.array([[2, 1], [1, 3]], dtype)
    expected, got = f(a), traced(f, a)
    assert got.dtype == expected.dtype == np.float64
    assert_allclose(got, expected, rtol=1e-12)


def test_positive_powers_of_integers_stay_integers():
    a = np.array([[2, 1], [1, 3]])
    got = traced(lambda a: np.linalg.matrix_power(a, 3), a)
    assert got.dtype == np.int64
    assert got.tolist() == np.linalg.matrix_power(a, 3).tolist()
    assert traced(lambda a: np.linalg.matrix_power(a, 0), a).tolist() == [[1, 0], [0, 1]]


def test_mixed_dtypes_promote():
    got = traced(np.linalg.solve, SQUARE.astype(np.float32), VECTOR)
    assert got.dtype == np.float64
    got = traced(np.linalg.solve, SQUARE.astype(np.float32), np.array([1, 2, 3]))
    assert got.dtype == np.linalg.solve(SQUARE.astype(np.float32), np.array([1, 2, 3])).dtype


def test_named_results_are_numpys():
    def kinds(a):
        assert type(np.linalg.eigh(a)) is type(np.linalg.eigh(np.eye(2)))
        assert type(np.linalg.qr(a)) is type(np.linalg.qr(np.eye(2)))
        assert type(np.linalg.svd(a)) is type(np.linalg.svd(np.eye(2)))
        assert type(np.linalg.slogdet(a)) is type(np.linalg.slogdet(np.eye(2)))
        return a

    traced(kinds, np.eye(2))


def test_lstsq_returns_all_four():
    a, b = rng.normal(size=(5, 2)), rng.normal(size=(5, 3))
    expected, got = np.linalg.lstsq(a, b), traced(np.linalg.lstsq, a, b)
    for theirs, ours in zip(expected, got, strict=True):
        assert_allclose(ours, theirs, rtol=1e-11)
        assert np.shape(ours) == np.shape(theirs)


@pytest.mark.parametrize(
    ("a", "keywords"),
    [
        (LOW_RANK, {}),
        (np.stack([np.eye(3), np.diag([1.0, 1e-3, 0.0])]), {}),
        (np.stack([np.eye(3), np.diag([1.0, 1e-3, 0.0])]), {"tol": 1e-2}),
        (np.stack([np.eye(3), np.diag([5.0, 1e-1, 0.0])]), {"rtol": np.array([0.5, 0.1])}),
        (np.zeros(3), {}),
        (np.ones(3), {}),
        (np.zeros((0, 3)), {}),
        (SQUARE + SQUARE.T, {"hermitian": True}),
    ],
)
def test_matrix_rank(a, keywords):
    expected = np.linalg.matrix_rank(a, **keywords)
    got = traced(lambda a: np.linalg.matrix_rank(a, **keywords), a)
    assert got.tolist() == np.asarray(expected).tolist()
    assert got.dtype.kind == "i"


# -- sizes 0 and 1 ---------------------------------------------------------------------------------


SIZED = (
    np.linalg.inv,
    np.linalg.det,
    np.linalg.slogdet,
    np.linalg.cholesky,
    np.linalg.eigh,
    np.linalg.qr,
    np.linalg.svd,
    np.linalg.pinv,
    np.linalg.svdvals,
    np.linalg.norm,
    lambda a: np.linalg.norm(a, "nuc"),
    lambda a: np.linalg.solve(a, np.ones((a.shape[0], 2))),
    lambda a: np.linalg.solve(a, np.ones(a.shape[0])),
    lambda a: np.linalg.matrix_power(a, 3),
)


def numpy_accepts(f, shape):
    try:
        f(np.zeros(shape))
    except (ValueError, np.linalg.LinAlgError):
        return False
    return True


@pytest.mark.parametrize(
    ("f", "shape"),
    [
        *[(f, shape) for f in SIZED for shape in [(0, 0), (1, 1)]],
        # Of stacks some functions take none, or want right-hand sides of another shape.
        *[(f, shape) for f in SIZED for shape in [(0, 2, 2), (2, 0, 0)] if numpy_accepts(f, shape)],
    ],
)
def test_sizes_zero_and_one(f, shape):
    a = np.full(shape, 2.0)
    expected, got = f(a), traced(f, a)
    expected, got = (cr.tree.leaves(value) for value in (expected, got))
    for theirs, ours in zip(expected, got, strict=True):
        assert np.shape(ours) == np.shape(theirs)
        assert_allclose(ours, theirs)

    def total(a):
        return sum(np.sum(leaf) for leaf in cr.tree.leaves(f(a)))

    gradient = cr.grad(total)(a)
    assert gradient.shape == shape
    assert np.isfinite(gradient).all()


# -- symmetric matrices, and matrices where derivatives have corners -------------------------------


def test_gradients_in_symmetric_matrices_are_symmetric():
    s = positive(SQUARE)
    gradient = cr.grad(lambda s: 2.0 * np.log(np.diagonal(np.linalg.cholesky(s))).sum())(s)
    assert_allclose(gradient, np.linalg.inv(s), rtol=1e-10)
    w, v = np.linalg.eigh(s)
    for f in (lambda s: np.linalg.eigh(s)[0][1], lambda s: np.linalg.eigvalsh(s)[1]):
        assert_allclose(cr.grad(f)(s), np.outer(v[:, 1], v[:, 1]), rtol=1e-9, atol=1e-12)
    assert w[1] > 0


@pytest.mark.parametrize("p", [None, 2, 1, 3, 1.5, 0.5, -1, np.inf, -np.inf])
def test_norms_have_derivative_zero_at_zero(p):
    zero = np.zeros(3)
    assert cr.grad(lambda x: np.linalg.norm(x, p))(zero).tolist() == [0.0, 0.0, 0.0]
    assert not cr.hessian(lambda x: np.linalg.norm(x, p))(zero).any()


@pytest.mark.parametrize("p", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_matrix_norms_have_derivative_zero_at_zero(p):
    assert not cr.grad(lambda x: np.linalg.norm(x, p))(np.zeros((2, 3))).any()


def test_norms_with_some_zero_elements():
    x = np.array([0.0, 3.0, -4.0])
    assert_allclose(cr.grad(np.linalg.norm)(x), [0.0, 0.6, -0.8])
    hessian = (np.eye(3) - np.outer(x, x) / 25.0) / 5.0
    assert_allclose(cr.hessian(np.linalg.norm)(x), hessian, atol=1e-15)
    cubes = cr.grad(lambda x: np.linalg.norm(x, 3))(x)
    assert_allclose(cubes, x * np.abs(x) / 91.0 ** (2 / 3))
    assert_allclose(cr.grad(lambda x: np.linalg.norm(x, 1))(x), [0.0, 1.0, -1.0])


def test_maxima_share_their_derivative():
    x = np.array([2.0, -2.0, 1.0])
    assert cr.grad(lambda x: np.linalg.norm(x, np.inf))(x).tolist() == [0.5, -0.5, 0.0]


def adjugate(a):
    """Cofactors by their definition."""
    n = a.shape[0]
    out = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(a, i, 0), j, 1)
            out[i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    return out


@pytest.mark.parametrize(
    "a",
    [
        np.zeros((1, 1)),
        np.zeros((2, 2)),
        np.eye(3),
        np.diag([1.0, 1.0, 0.0]),
        np.diag([1.0, 0.0, 0.0]),
        np.arange(9.0).reshape(3, 3),
        rng.normal(size=(4, 1)) @ rng.normal(size=(1, 4)),
        rng.normal(size=(4, 2)) @ rng.normal(size=(2, 4)),
    ],
)
def test_det_at_singular_matrices(a):
    assert_allclose(cr.grad(np.linalg.det)(a), adjugate(a), atol=1e-11)
    check_grads(np.linalg.det, (a,), order=2)


def test_det_at_a_singular_matrix_in_numbers():
    # det [[a, b], [c, d]] = a d - b c
    hessian = cr.hessian(np.linalg.det)(np.zeros((2, 2))).reshape(4, 4)
    expected = [[0, 0, 0, 1], [0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0]]
    assert_allclose(hessian, expected, atol=1e-15)


# -- cr.linalg on plain arrays ---------------------------------------------------------------------


@pytest.mark.parametrize("trans", [0, 1, 2, "N", "T", "C"])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("b", [VECTOR, COLUMNS])
def test_solve_triangular_is_scipys(trans, lower, unit, b):
    expected = scipy.linalg.solve_triangular(SQUARE, b, trans, lower, unit)
    got = cr.linalg.solve_triangular(SQUARE, b, trans, lower, unit)
    assert type(got) is np.ndarray
    assert_allclose(got, expected, rtol=1e-12)


def test_solve_triangular_reads_one_triangle_only():
    a = np.array([[2.0, np.nan], [1.0, 4.0]])
    assert_allclose(cr.linalg.solve_triangular(a, np.array([2.0, 9.0]), lower=True), [1.0, 2.0])
    gradient = cr.grad(lambda a: cr.linalg.solve_triangular(a, np.ones(2), lower=True).sum())(a)
    assert gradient[0, 1] == 0
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("lower", [False, True])
def test_cho_factor_and_cho_solve_are_scipys(lower):
    s = positive(SQUARE)
    factor = cr.linalg.cho_factor(s, lower)
    theirs = scipy.linalg.cho_factor(s, lower)
    triangle = np.tril if lower else np.triu
    assert_allclose(factor[0], triangle(theirs[0]), rtol=1e-12)
    assert factor[1] is lower
    assert_allclose(cr.linalg.cho_solve(factor, COLUMNS), np.linalg.solve(s, COLUMNS), rtol=1e-10)
