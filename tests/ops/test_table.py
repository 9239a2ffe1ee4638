"""Every op against its row in the table: each of its rules, and its derivatives."""

import numpy as np
import pytest
from tests.ops.table import ELEMENTWISE, F32, F64, ROWS, WITHOUT_VALUE

import chainrule as cr
from chainrule.ir import OPS
from chainrule.testing import check_grads, check_op


def variants():
    """Yield one parameter set per row and dtype, with names that stay unique."""
    seen = {}
    for row in ROWS:
        for dtype in row.dtypes:
            name = f"{row.name}-{dtype}"
            seen[name] = seen.get(name, 0) + 1
            suffix = "" if seen[name] == 1 else f"-{seen[name]}"
            yield pytest.param(row, dtype, id=name + suffix)


def test_every_op_has_a_row():
    assert {row.name for row in ROWS} | WITHOUT_VALUE == set(OPS)


@pytest.mark.parametrize(("row", "dtype"), list(variants()))
def test_rules(row, dtype):
    rng = np.random.default_rng(0)
    for number, case in enumerate(row.cases):
        params = case.params_for(dtype)
        samples = [row.arguments(case, dtype, rng) for _ in range(3)]
        order = row.order if case.order is None else case.order
        if dtype != F64 or number > 1:
            order = min(order, 1)
        check_op(
            row.name,
            samples,
            params,
            reference=row.reference,
            ulp=row.ulp,
            scale=row.scale,
            order=0 if row.as_symmetric else order,
            modes=row.modes,
        )
        if row.as_symmetric:

            def of_symmetric(a, op=OPS[row.name], params=params):
                return op(0.5 * (a + a.mT), **params)

            check_grads(of_symmetric, samples[0], order, row.modes)


def test_a_pullback_has_no_value_only_a_transpose():
    """The op without a row: what stands for a derivative of which the user gave the transpose."""
    f = cr.custom_derivative(lambda x, y: x * y)
    f.def_vjp(lambda x, y: (f(x, y), (x, y)), lambda saved, ct: (ct * saved[1], ct * saved[0]))
    x, y = np.array([1.0, 2.0]), np.array([3.0, -4.0])
    for mapped in (cr.vjp(f, x, y), cr.vjp(cr.vmap(f), x, y), cr.vjp(cr.compile(f), x, y)):
        out, pullback = mapped
        np.testing.assert_array_equal(out, x * y)
        np.testing.assert_array_equal(pullback(np.ones(2)), [y, x])
    check_grads(f, (x, y), modes=("reverse",))
    for forward in (
        lambda: cr.jvp(f, (x, y), (x, y)),
        lambda: cr.linearize(f, x, y)[1](x, y),
        lambda: cr.jacobian(f, mode="forward")(x, y),
    ):
        with pytest.raises(NotImplementedError, match="has a rule for reverse mode only"):
            forward()


def elementwise_floats():
    """Return the elementwise rows all of whose arguments and results are floats."""
    comparisons = {"equal", "less", "less_equal", "signbit", "where", "convert"}
    return [
        pytest.param(row, id=row.name)
        for row in ELEMENTWISE
        if F32 in row.dtypes and row.name not in comparisons
    ]


@pytest.mark.parametrize("row", elementwise_floats())
def test_derivatives_in_float32_are_those_in_float64(row):
    params = row.cases[0].params_for(F32)
    args = row.arguments(row.cases[0], F32, np.random.default_rng(1))

    def f(*args):
        return OPS[row.name](*args, **params)

    got = cr.vjp(f, *args)[1](np.ones_like(f(*args)))
    wide = [arg.astype(F64) for arg in args]
    expected = cr.vjp(f, *wide)[1](np.ones(f(*args).shape))
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == F32
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-5)
