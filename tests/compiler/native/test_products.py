"""Matrix products against NumPy in higher precision, with a bound on their error."""

import numpy as np
import pytest
from tests.compiler.native.comparing import check

import chainrule as cr
from chainrule.compiler.native import NativeProgram, machine, vectors

SIZES = [
    (1, 1, 1),
    (1, 7, 1),
    (1, 64, 50),
    (3, 2, 5),
    (7, 1, 9),
    (5, 13, 2),
    (17, 31, 1),
    (23, 3, 129),
    (16, 16, 16),
    (33, 29, 65),
    (100, 50, 10),
    (10, 100, 50),
]


def values(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_product(got, left, right):
    """Hold a product against one in higher precision: |error| ≤ k ε |A| |B|.

    That is the bound for any order of summation, with or without fused operations (N. J. Higham,
    Accuracy and Stability of Numerical Algorithms, 2nd ed., 2002, §3.5), but for terms in ε².
    """
    wide = np.longdouble
    exact = left.astype(wide) @ right.astype(wide)
    length = left.shape[-1]
    size = np.abs(left).astype(wide) @ np.abs(right).astype(wide)
    unit = np.finfo(got.dtype).eps / 2
    bound = (length + 2) * unit * size + np.finfo(got.dtype).tiny
    assert got.shape == exact.shape
    assert np.all(np.abs(got - exact) <= bound)


def compiled(function, *args):
    return NativeProgram(cr.trace(function, *args))(*args)[0]


LAYOUTS = {
    "plain": lambda x: x,
    "transposed": lambda x: np.swapaxes(np.swapaxes(x, -1, -2) * 1.0, -1, -2),
    "reversed": lambda x: x[..., ::-1, ::-1],
    "every second": lambda x: np.repeat(np.repeat(x, 2, axis=-1), 2, axis=-2)[..., ::2, ::2],
}
"""The same numbers in another order of memory (or of positions)."""


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("left", ["plain", "transposed"])
@pytest.mark.parametrize("right", ["plain", "transposed"])
def test_factors_in_either_layout(sizes, dtype, left, right):
    m, k, n = sizes
    a, b = values((m, k), dtype), values((k, n), dtype, 1)
    given = a.T.copy() if left == "transposed" else a, b.T.copy() if right == "transposed" else b

    def product(x, y):
        return (x.T if left == "transposed" else x) @ (y.T if right == "transposed" else y)

    assert_product(compiled(product, *given), a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("left", LAYOUTS)
@pytest.mark.parametrize("right", LAYOUTS)
def test_factors_that_are_views(dtype, left, right):
    a, b = values((9, 34), dtype), values((34, 19), dtype, 1)

    def product(x, y):
        return LAYOUTS[left](x) @ LAYOUTS[right](y)

    assert_product(compiled(product, a, b), LAYOUTS[left](a), LAYOUTS[right](b))


def test_a_factor_that_repeats():
    a, b = values((20, 1), np.float32), values((30, 21), np.float32)

    def product(x, y):
        return np.broadcast_to(x, (20, 30)) @ y

    assert_product(compiled(product, a, b), np.broadcast_to(a, (20, 30)), b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(4, 3, 2), (17, 12, 10), (2, 40, 50), (40, 30, 1), (1, 30, 40)])
@pytest.mark.parametrize("transposed", [False, True])
def test_stacks_of_matrices(sizes, dtype, transposed):
    m, k, n = sizes
    a, b = values((3, 2, m, k), dtype), values((3, 2, k, n), dtype, 1)
    given = np.swapaxes(b, -1, -2).copy() if transposed else b

    def product(x, y):
        return x @ (np.swapaxes(y, -1, -2) if transposed else y)

    assert_product(compiled(product, a, given), a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "sizes", [(1, 10_000, 33), (33, 10_000, 1), (5, 9_000, 4), (3, 2_000, 700), (600, 300, 900)]
)
def test_long_and_large(sizes, dtype):
    m, k, n = sizes
    a, b = values((m, k), dtype), values((k, n), dtype, 1)
    assert_product(compiled(lambda x, y: x @ y, a, b), a, b)
    assert_product(compiled(lambda x, y: x.T @ y, a.T.copy(), b), a, b)


@pytest.mark.parametrize("sizes", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0)])
def test_nothing_to_multiply(sizes):
    m, k, n = sizes
    check(lambda x, y: x @ y, np.ones((m, k)), np.ones((k, n)))


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8, np.bool_])
def test_exact_dtypes(dtype):
    a, b = np.arange(12 * 20).reshape(12, 20), np.arange(20 * 17).reshape(20, 17)
    check(lambda x, y: x @ y, (a % 5).astype(dtype), (b % 3).astype(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [3, 10, 16, 17, 50, 65])
def test_what_is_not_finite_stays_in_its_row_and_column(dtype, columns):
    """Lanes beyond the last column must not leak, and 0 times infinity is NaN."""
    a, b = np.ones((13, 20), dtype), np.ones((20, columns), dtype)
    a[3, 5] = np.inf
    a[7, 1] = np.nan
    b[5, columns - 1] = 0.0
    b[2, 0] = -np.inf
    with np.errstate(invalid="ignore"):
        expected = a @ b
    got = compiled(lambda x, y: x @ y, a, b)
    np.testing.assert_array_equal(got, expected)
    assert np.isnan(got[3, columns - 1])


@pytest.mark.parametrize("unit", [vectors.AVX, vectors.SSE, vectors.NEON], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_other_vectors(unit, dtype, monkeypatch):
    """Without masks, what is left of a row is cut into ever shorter vectors."""
    monkeypatch.setattr(vectors, "vector_unit", lambda: unit)
    for columns in (2, 3, 23, 64):
        a, b = values((13, 20), dtype), values((20, columns), dtype, 1)
        assert_product(compiled(lambda x, y: x @ y, a, b), a, b)
        check(lambda x, y: np.maximum(x @ y, 0.0), np.rint(a), np.rint(b))


def test_without_fused_multiply_add(monkeypatch):
    monkeypatch.setattr(machine, "has_fma", lambda: False)
    a, b = values((13, 20), np.float32), values((20, 23), np.float32, 1)
    program = NativeProgram(cr.trace(lambda x, y: x @ y, a, b))
    assert "llvm.fma" not in program.llvm
    assert_product(program(a, b)[0], a, b)


def test_a_row_is_the_same_in_any_batch():
    """Rows are computed in tiles, and which tile a row is in must not show."""
    a, b = values((64, 37), np.float32), values((37, 50), np.float32, 1)
    whole = compiled(lambda x, y: x @ y, a, b)
    for rows in (8, 11, 29, 63):
        np.testing.assert_array_equal(compiled(lambda x, y: x @ y, a[:rows], b), whole[:rows])


def test_one_batch_size_more_needs_no_new_code():
    b = np.ones((20, 30), np.float32)
    modules = [
        NativeProgram(cr.trace(lambda x, y: x @ y, np.ones((rows, 20), np.float32), b)).llvm
        for rows in (60, 120)
    ]
    units = [{part for part in text.split() if "unit_" in part} for text in modules]
    assert units[0]
    assert units[0] == units[1]


# -- epilogues -----------------------------------------------------------------------------------


def dense(dtype, rows=37, inputs=20, outputs=21):
    return (
        values((rows, inputs), dtype),
        values((inputs, outputs), dtype, 1),
        values((outputs,), dtype, 2),
    )


LIGHT = {
    "bias": lambda z, b: z + b,
    "bias of rows": lambda z, b: z + np.arange(z.shape[0], dtype=z.dtype)[:, None],
    "relu": lambda z, b: np.maximum(z + b, 0.0),
    "comparison": lambda z, b: z > b,
    "rounding to integers": lambda z, b: np.rint(z * 8.0).astype(np.int64),
    "choice": lambda z, b: np.where(z > 0.0, z, b),
    "another precision": lambda z, b: z.astype(np.float64) * 3.0,
    "reshaped": lambda z, b: np.reshape(z, (1, z.shape[0], 1, z.shape[1])) * 0.5,
}
"""Functions of a product and a bias that are computed with it."""

OTHERS = {
    "sigmoid": lambda z, b: 1.0 / (1.0 + np.exp(-(z + b))),
    "softplus": lambda z, b: np.logaddexp(z + b, 0.0),
    "gather": lambda z, b: z[::3] + np.take(z, [1], axis=0),
}


def products_of(program):
    """Return each product of a program with what is computed of it."""
    lines = program.kernels.splitlines()
    heads = [number for number, line in enumerate(lines) if "@" in line]
    found = []
    for head in heads:
        depth = len(lines[head]) - len(lines[head].lstrip())
        own = [lines[head]]
        for line in lines[head + 1 :]:
            if len(line) - len(line.lstrip()) <= depth:
                break
            own.append(line)
        found.append("\n".join(own))
    return found


def of_integers(outputs, dtype):
    """Return factors whose product has no rounding error, so that what follows can be exact."""
    rng = np.random.default_rng(3)
    shapes = (37, 20), (20, outputs), (outputs,)
    return [rng.integers(-3, 4, shape).astype(dtype) / 8 for shape in shapes]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("outputs", [21, 150])
@pytest.mark.parametrize("name", LIGHT)
def test_what_is_computed_with_a_product(name, dtype, outputs):
    x, w, b = of_integers(outputs, dtype)
    program = check(lambda x, w, b: LIGHT[name](x @ w, b), x, w, b)
    (product,) = products_of(program)
    assert "for" in product
    assert program.stats["kernels"] == 0


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_computed_after_a_product(name):
    x, w, b = of_integers(21, np.float32)
    program = check(lambda x, w, b: OTHERS[name](x @ w, b), x, w, b, ulp=4)
    assert "for" not in products_of(program)[0]


def test_a_product_that_is_needed_itself_is_stored_too():
    x, w, b = dense(np.float32)

    def layer(x, w, b):
        z = x @ w
        return z, np.maximum(z, b)

    program = check(layer, x, w, b, ulp=64, scale=16.0)
    assert program.stats["kernels"] == 0


def test_several_results_of_one_product():
    x, w, b = dense(np.float64)

    def layer(x, w, b):
        z = x @ w + b
        return np.maximum(z, 0.0), z > 0.0, z - b

    program = check(layer, x, w, b, ulp=64, scale=16.0)
    assert program.stats["kernels"] == 0


def test_sums_over_what_is_computed_of_a_product_stay_a_loop():
    x, w, b = dense(np.float64)

    def layer(x, w, b):
        z = np.maximum(x @ w, b)
        return z, np.sum(z, axis=0)

    program = check(layer, x, w, b, ulp=1024, scale=16.0)
    (product,) = products_of(program)
    assert "maximum" in product
    assert "maximum" not in program.kernels.replace(product, "")


def test_what_follows_a_split_loop_waits_for_all_of_it():
    x, w, b = dense(np.float64)

    def layer(x, w, b):
        z = np.maximum(x @ w, b)
        return z / np.sum(z, axis=0), z @ np.sum(z, axis=0)

    check(layer, x, w, b, ulp=1024, scale=64.0)


def test_what_reads_other_positions_of_a_product_is_no_epilogue():
    x = values((20, 20), np.float64)
    program = check(lambda x: (x @ x) + (x @ x).T, x, ulp=64, scale=16.0)
    assert "for" not in products_of(program)[0]
    check(lambda x: np.flip(x @ x, axis=1) * 2.0, x, ulp=64, scale=16.0)
    check(lambda x: np.cumsum(x @ x, axis=0), x, ulp=64, scale=16.0)


def test_what_needs_the_whole_product_first_is_no_epilogue():
    x = values((20, 20), np.float64)
    check(lambda x: (x @ x) / np.sum(np.abs(x @ x)), x, ulp=64, scale=16.0)


def test_an_epilogue_waits_for_what_it_reads():
    """The second product is computed after the first, and multiplied by it."""
    x, w, _ = dense(np.float64, 20, 20, 20)

    def network(x, w):
        z = x @ w
        return z * np.maximum(z @ w, 0.0)

    program = check(network, x, w, ulp=64, scale=16.0)
    assert ["maximum" in product for product in products_of(program)] == [False, True]


def test_an_update_in_place_is_a_loop_of_its_own():
    """A product may compute rows twice, which an update would show."""
    x, w = values((50, 23), np.float32), values((23, 30), np.float32, 1)
    y = values((50, 30), np.float32, 2)
    update = cr.compile(lambda w, x, y: w - x.T @ y, donate_argnums=0, engine="native")
    given = update(w.copy(), x, y)
    address = given.ctypes.data
    updated = update(given, x, y)
    assert updated.ctypes.data == address
    np.testing.assert_allclose(updated, w - 2.0 * (x.T @ y), rtol=1e-4, atol=1e-3)
    assert "for" not in products_of(update)[0]


def test_epilogues_in_loops():
    x, w, b = dense(np.float64, 20, 20, 20)

    def network(x, w, b):
        return cr.scan(lambda h, _: (np.maximum(h @ w, b) * 0.125, np.sum(h)), x, None, length=5)

    program = check(network, x, w, b, ulp=1024, scale=16.0)
    assert "for" in products_of(program)[0]


@pytest.mark.parametrize("columns", [10, 16, 50])
def test_epilogues_keep_what_is_not_finite(columns):
    x, w = np.ones((13, 20), np.float32), np.ones((20, columns), np.float32)
    x[3, 5], x[7, 1], w[5, columns - 1] = np.inf, np.nan, 0.0
    check(lambda x, w: (np.maximum(x @ w, 0.0), (x @ w) * 0.0, x @ w > 5.0), x, w)
