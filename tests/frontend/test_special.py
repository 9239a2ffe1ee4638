"""`scipy.special` on traced arrays, and `cr.special` on arrays of either kind."""

import re

import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose

import chainrule as cr
from chainrule.testing import check_grads

rng = np.random.default_rng(5)
ANY = np.array([-2.3, -0.7, 0.4, 1.9, 3.1])
POSITIVE = np.array([0.2, 0.7, 1.6, 2.9, 5.3])
UNIT = np.array([0.07, 0.3, 0.52, 0.8, 0.96])
SIGNED_UNIT = np.array([-0.9, -0.2, 0.1, 0.5, 0.93])
LARGE = np.array([-30.0, -8.0, -1e-3, 9.0, 40.0])

# Ufuncs: where to try each, away from corners.
UFUNCS = {
    "expit": (LARGE,),
    "log_expit": (LARGE,),
    "logit": (UNIT,),
    "erf": (ANY,),
    "erfc": (ANY,),
    "erfcx": (np.array([-2.0, 0.3, 5.0, 11.0, 13.0, 200.0]),),
    "erfinv": (SIGNED_UNIT,),
    "erfcinv": (2.0 * UNIT,),
    "ndtr": (ANY,),
    "ndtri": (UNIT,),
    "log_ndtr": (np.array([-200.0, -20.0, -2.0, 0.5, 7.0]),),
    "gamma": (np.array([-2.4, -0.6, 0.3, 2.2, 6.5]),),
    "gammaln": (np.array([-2.4, -0.6, 0.3, 2.2, 60.5]),),
    "loggamma": (POSITIVE,),
    "psi": (np.array([-2.4, -0.6, 0.3, 2.2, 60.5]),),
    "digamma": (POSITIVE,),
    "betaln": (POSITIVE, UNIT),
    "beta": (POSITIVE, UNIT),
    "xlogy": (ANY, POSITIVE),
    "xlog1py": (ANY, POSITIVE),
    "entr": (POSITIVE,),
    "rel_entr": (POSITIVE, np.array([0.25, 5.0, 1.6001, 1.1, 5.4])),
    "kl_div": (POSITIVE, np.array([0.25, 5.0, 1.6001, 1.1, 5.4])),
    "huber": (POSITIVE, np.array([0.1, -3.0, 2.0, -1.0, 5.1])),
    "pseudo_huber": (POSITIVE, np.array([0.1, -3.0, 2.0, -1.0, 0.0])),
    "j0": (ANY,),
    "j1": (ANY,),
    "i0": (ANY,),
    "i1": (ANY,),
    "i0e": (np.array([-800.0, -1.5, 0.3, 2.0, 800.0]),),
    "i1e": (np.array([-800.0, -1.5, 0.3, 2.0, 800.0]),),
    "cosm1": (ANY,),
    "exp2": (ANY,),
    "exp10": (ANY,),
    "expm1": (ANY,),
    "log1p": (POSITIVE,),
    "cbrt": (ANY,),
}

# The others: ours, what they should be, and where to try them.
MATRIX = rng.normal(size=(3, 4))
FUNCTIONS = {
    "softplus": (cr.special.softplus, lambda x: np.logaddexp(0, x), (LARGE,)),
    "sinc": (cr.special.sinc, np.sinc, (np.array([-2.3, -0.2, 0.0, 1e-9, 0.4, 7.7]),)),
    "np.i0": (np.i0, np.i0, (ANY,)),
    "np.sinc": (np.sinc, np.sinc, (np.array([-2.3, 0.0, 0.31, 0.32]),)),
    **{
        f"polygamma {n}": (
            lambda x, n=n: cr.special.polygamma(n, x),
            lambda x, n=n: scipy.special.polygamma(n, x),
            (POSITIVE,),
        )
        for n in range(3)
    },
    **{
        f"{name}, axis {axis}": (
            lambda x, name=name, axis=axis: getattr(cr.special, name)(x, axis=axis),
            lambda x, name=name, axis=axis: getattr(scipy.special, name)(x, axis=axis),
            (MATRIX,),
        )
        for name in ("logsumexp", "softmax", "log_softmax")
        for axis in (None, 0, -1, (0, 1))
    },
    "logsumexp, kept": (
        lambda x: cr.special.logsumexp(x, axis=1, keepdims=True),
        lambda x: scipy.special.logsumexp(x, axis=1, keepdims=True),
        (MATRIX,),
    ),
    "logsumexp, weights": (
        lambda x, b: cr.special.logsumexp(x, axis=0, b=b),
        lambda x, b: scipy.special.logsumexp(x, axis=0, b=b),
        (MATRIX, np.abs(MATRIX[:, :1])),
    ),
    "logsumexp, signed": (
        lambda x, b: cr.special.logsumexp(x, axis=1, b=b, return_sign=True)[0],
        lambda x, b: scipy.special.logsumexp(x, axis=1, b=b, return_sign=True)[0],
        (MATRIX, np.array([1.0, -2.0, 0.0, 0.5])),
    ),
}


def traced(f, *args):
    """Run with everything traced, and no values known."""
    return cr.compile(f, engine="interpreter")(*args)


CASES = {
    **{name: (getattr(scipy.special, name),) * 2 + (args,) for name, args in UFUNCS.items()},
    **FUNCTIONS,
}


@pytest.mark.parametrize("name", CASES)
def test_values_are_scipys(name):
    f, reference, args = CASES[name]
    expected, got = reference(*args), traced(f, *args)
    assert got.dtype == expected.dtype
    assert_allclose(got, expected, rtol=2e-13, atol=1e-15)


@pytest.mark.parametrize("name", UFUNCS)
def test_public_names_take_plain_arrays_and_numbers(name):
    args, reference = UFUNCS[name], getattr(scipy.special, name)
    f = getattr(cr.special, name)
    got = f(*args)
    assert type(got) is np.ndarray
    assert_allclose(got, reference(*args), rtol=2e-13, atol=1e-15)
    numbers = [float(x[1]) for x in args]
    assert_allclose(f(*numbers), reference(*numbers), rtol=2e-13)
    lists = [x.tolist() for x in args]
    assert_allclose(f(*lists), reference(*lists), rtol=2e-13, atol=1e-15)


DTYPES = (np.float32, np.float16, np.int64, np.int32, np.int16, np.uint8, np.bool_)
# NumPy's functions of these names, which `cr.special` hands on, have loops for small types.
NUMPYS = ("exp2", "expm1", "log1p", "cbrt")


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        (name, dtype)
        for name in UFUNCS
        for dtype in DTYPES
        if name not in NUMPYS or np.dtype(dtype).itemsize >= 4
    ],
)
def test_dtypes_are_scipys(name, dtype):
    args = [np.ones(2, dtype) for _ in UFUNCS[name]]
    f = getattr(scipy.special, name)
    assert traced(f, *args).dtype == f(*args).dtype
    assert getattr(cr.special, name)(*args).dtype == f(*args).dtype


@pytest.mark.parametrize("name", ["xlogy", "rel_entr", "huber", "betaln"])
def test_python_numbers_take_on_the_dtype_they_meet(name):
    f, x = getattr(scipy.special, name), np.full(2, 0.5, np.float32)
    assert traced(lambda x: f(x, 2.0), x).dtype == np.float32
    assert traced(lambda x: f(2, x), x).dtype == np.float32


@pytest.mark.parametrize("name", CASES)
def test_float32_stays(name):
    f, reference, args = CASES[name]
    args = [x.astype(np.float32) for x in args]
    got = traced(f, *args)
    assert got.dtype == np.float32
    assert_allclose(got, reference(*args), rtol=1e-4, atol=1e-5)
    gradient = cr.grad(lambda *xs: f(*xs).sum())(*args)
    assert gradient.dtype == np.float32
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name):
    f, _, args = CASES[name]
    for position in range(len(args[0])):
        # Point by point, so that the step fits each of them.
        at = args if args[0].ndim > 1 else [np.asarray(x[position]) for x in args]
        check_grads(f, tuple(at), order=2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_reverse_is_the_transpose_of_forward(name):
    f, _, args = CASES[name]
    vs = tuple([rng.normal(size=x.shape) for x in args])
    out, tangent = cr.jvp(f, tuple(args), vs)
    u = rng.normal(size=np.shape(out))
    _, pullback = cr.vjp(f, *args)
    inner = sum(np.vdot(v, ct) for v, ct in zip(vs, pullback(u), strict=True))
    assert_allclose(inner, np.vdot(u, tangent), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_vmap_is_a_loop(name):
    f, _, args = CASES[name]
    many = [np.stack([x, x * 0.9]) for x in args]
    expected = np.stack([f(*[x[i] for x in many]) for i in range(2)])
    assert_allclose(cr.vmap(f)(*many), expected, rtol=1e-12, atol=1e-14)


# -- values by convention, and far out -------------------------------------------------------------

EDGES = np.array([-np.inf, -1e300, -1.0, -0.0, 0.0, 1e-300, 0.5, 1.0, 2.0, 1e300, np.inf, np.nan])


@pytest.mark.parametrize(
    "name",
    [name for name, args in UFUNCS.items() if len(args) == 1 and name not in ("gamma", "cosm1")],
)
def test_edges_of_one_argument(name):
    f = getattr(scipy.special, name)
    with np.errstate(all="ignore"):
        assert_allclose(traced(f, EDGES), f(EDGES), rtol=1e-13)


@pytest.mark.parametrize(
    "name", [name for name, args in UFUNCS.items() if len(args) == 2 and "beta" not in name]
)
def test_edges_of_two_arguments(name):
    f = getattr(scipy.special, name)
    edges = EDGES
    if name == "kl_div":
        edges = EDGES[~(np.abs(EDGES) > 1e299)]  # SciPy's overflows
    elif name == "pseudo_huber":
        edges = np.array([-1.0, -0.0, 0.0, 0.5, 1.0, 2.0])  # SciPy's loses its digits elsewhere
    x, y = (values.reshape(-1) for values in np.meshgrid(edges, edges))
    if name == "rel_entr":
        x, y = x[x != np.inf], y[x != np.inf]
    with np.errstate(all="ignore"):
        assert_allclose(traced(f, x, y), f(x, y), rtol=1e-13, atol=1e-300)


def test_relative_entropy_of_close_arguments():
    x = np.array([0.3, 0.3, 1e-200, 1e-300])
    y = x * (1.0 + np.array([1e-12, -1e-8, 0.4, 0.0]))
    assert_allclose(traced(scipy.special.rel_entr, x, y), scipy.special.rel_entr(x, y), rtol=1e-13)


def derivative(f, x):
    return cr.grad(f)(np.float64(x))


def second(f, x):
    return cr.grad(cr.grad(f))(np.float64(x))


@pytest.mark.parametrize("x", [-1000.0, -40.0, 0.0, 40.0, 1000.0])
def test_the_logistic_function_far_out(x):
    y = scipy.special.expit(x)
    assert_allclose(derivative(scipy.special.expit, x), y * scipy.special.expit(-x), rtol=1e-14)
    assert_allclose(derivative(scipy.special.log_expit, x), scipy.special.expit(-x), rtol=1e-14)
    assert_allclose(derivative(cr.special.softplus, x), y, rtol=1e-14)
    assert_allclose(second(cr.special.softplus, x), y * scipy.special.expit(-x), rtol=1e-14)


def test_logarithm_of_the_normal_distribution_far_out():
    # log Phi(x) ~ -x^2/2 - log(-x sqrt(2 pi)) - 1/x^2 + ..., so its derivatives ~ -x - 1/x + 2/x^3
    # and -1 + 1/x^2 - 6/x^4.
    x = -1e4
    assert_allclose(derivative(scipy.special.log_ndtr, x), -x - 1 / x + 2 / x**3, rtol=1e-14)
    assert_allclose(second(scipy.special.log_ndtr, x), -1 + 1 / x**2, rtol=1e-7)
    assert derivative(scipy.special.log_ndtr, 100.0) == 0.0


def test_scaled_error_function_far_out():
    # erfcx(x) ~ (1 - 1/(2 x^2)) / (x sqrt(pi))
    x = 1e6
    assert_allclose(derivative(scipy.special.erfcx, x), -1 / (np.sqrt(np.pi) * x**2), rtol=1e-11)
    assert_allclose(second(scipy.special.erfcx, x), 2 / (np.sqrt(np.pi) * x**3), rtol=1e-11)


def test_sinc_near_zero():
    # sin(t) / t = 1 - t^2/6 + t^4/120
    for x in (0.0, 1e-12, 1e-5, 1e-3):
        t = np.pi * x
        assert_allclose(derivative(np.sinc, x), np.pi * (-t / 3 + t**3 / 30), rtol=1e-12)
        assert_allclose(second(np.sinc, x), np.pi**2 * (-1 / 3 + t**2 / 10), rtol=1e-11)


def test_x_log_y_at_zero():
    gradient = cr.grad(scipy.special.xlogy, (0, 1))
    assert gradient(np.float64(0.0), np.float64(2.0)) == (np.log(2.0), 0.0)
    hessian = cr.hessian(lambda z: scipy.special.xlogy(z[0], z[1]))(np.array([0.0, 2.0]))
    assert_allclose(hessian, [[0.0, 0.5], [0.5, 0.0]])
    with np.errstate(divide="ignore"):
        assert gradient(np.float64(0.0), np.float64(0.0)) == (-np.inf, 0.0)
        # One label is certain, and the other probability is 0.
        targets = np.array([1.0, 0.0])
        loss = cr.grad(lambda p: -scipy.special.xlogy(targets, p).sum())
        assert loss(np.array([1.0, 0.0])).tolist() == [-1.0, 0.0]
    gradient = cr.grad(scipy.special.xlog1py, (0, 1))
    assert gradient(np.float64(0.0), np.float64(1.0)) == (np.log(2.0), 0.0)


def test_entropies_at_zero():
    with np.errstate(divide="ignore"):
        assert derivative(scipy.special.entr, 0.0) == np.inf
        relative = cr.grad(scipy.special.rel_entr, (0, 1))
        assert relative(np.float64(0.0), np.float64(0.5)) == (-np.inf, 0.0)
        assert cr.grad(scipy.special.kl_div, 1)(np.float64(0.0), np.float64(0.5)) == 1.0
    assert second(scipy.special.entr, 0.25) == -4.0
    equal = cr.grad(scipy.special.rel_entr, (0, 1))(np.float64(0.3), np.float64(0.3))
    assert equal == (1.0, -1.0)


def test_hubers_corner_and_far_out():
    slope = cr.grad(scipy.special.huber, 1)
    assert [slope(np.float64(1.0), np.float64(r)) for r in (-5.0, -1.0, 0.0, 1.0)] == [-1, -1, 0, 1]
    assert scipy.special.pseudo_huber(0.0, 2.0) == 0.0
    assert cr.grad(scipy.special.pseudo_huber, 1)(np.float64(0.0), np.float64(0.0)) == 0.0


# -- sums of exponentials --------------------------------------------------------------------------


def test_softmax_and_its_kin_do_not_overflow():
    x = np.array([1e4, 1e4 - 1.0, -1e4])
    shares = scipy.special.softmax(x)
    assert_allclose(traced(cr.special.softmax, x), shares, rtol=1e-15)
    assert_allclose(traced(cr.special.logsumexp, x), scipy.special.logsumexp(x), rtol=1e-15)
    assert_allclose(traced(cr.special.log_softmax, x), scipy.special.log_softmax(x), rtol=1e-15)
    assert_allclose(cr.grad(cr.special.logsumexp)(x), shares, rtol=1e-15)
    hessian = np.diag(shares) - np.outer(shares, shares)
    assert_allclose(cr.hessian(cr.special.logsumexp)(x), hessian, atol=1e-15)


@pytest.mark.parametrize("x", [np.zeros(3), np.array([2.0, 2.0, -1.0]), np.array([0.5])])
def test_ties(x):
    shares = scipy.special.softmax(x)
    jacobian = np.diag(shares) - np.outer(shares, shares)
    assert_allclose(cr.grad(cr.special.logsumexp)(x), shares, rtol=1e-15)
    assert_allclose(cr.hessian(cr.special.logsumexp)(x), jacobian, atol=1e-15)
    assert_allclose(cr.jacobian(cr.special.softmax)(x), jacobian, atol=1e-15)
    rows = np.eye(len(x)) - shares
    assert_allclose(cr.jacobian(cr.special.log_softmax)(x), rows, atol=1e-15)
    check_grads(cr.special.softmax, (x,), order=2)
    check_grads(cr.special.log_softmax, (x,), order=2)


@pytest.mark.parametrize(
    "x",
    [
        [0.0, -np.inf, 1.0],
        [-np.inf, -np.inf],
        [-np.inf],
        [0.0, np.inf],
        [np.inf, np.inf],
        [0.0, np.nan],
    ],
)
@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
def test_infinite_elements(name, x):
    x = np.array(x)
    with np.errstate(all="ignore"):
        expected = getattr(scipy.special, name)(x)
        assert_allclose(traced(getattr(cr.special, name), x), expected, rtol=1e-15)


def test_derivatives_with_minus_infinity():
    x = np.array([0.0, -np.inf, 1.0])
    shares = scipy.special.softmax(x)
    assert_allclose(cr.grad(cr.special.logsumexp)(x), shares, rtol=1e-15)
    assert_allclose(
        cr.jacobian(cr.special.softmax)(x), np.diag(shares) - np.outer(shares, shares), atol=1e-15
    )
    assert cr.grad(cr.special.logsumexp)(np.full(2, -np.inf)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1000.0, 0.0], [0.0, 2.0]),
        ([np.inf, 0.0], [0.0, 2.0]),
        ([np.nan, 0.0], [0, 2]),
        ([1.0, 2.0], [0.0, 0.0]),
        ([1.0, 1.0], [1.0, -1.0]),
        ([1.0, 2.0], [1.0, -1.0]),
        ([[1.0], [2.0]], [1.0, 3.0]),
    ],
)
def test_weights(a, b):
    a, b = np.array(a), np.array(b)
    with np.errstate(all="ignore"):
        expected = scipy.special.logsumexp(a, b=b)
        assert_allclose(traced(lambda a: cr.special.logsumexp(a, b=b), a), expected, rtol=1e-14)
        signed = scipy.special.logsumexp(a, b=b, return_sign=True)
        got = traced(lambda a: cr.special.logsumexp(a, b=b, return_sign=True), a)
        assert_allclose(got[0], signed[0], rtol=1e-14)
        assert got[1] == signed[1]


def test_derivative_in_a_weight_of_zero():
    a, b = np.array([1.0, 0.0]), np.array([0.0, 2.0])
    gradient = cr.grad(lambda b: cr.special.logsumexp(a, b=b))(b)
    assert_allclose(gradient, np.exp(a) / 2.0)


def test_sums_of_nothing():
    x = np.zeros((2, 0))
    assert traced(lambda x: cr.special.logsumexp(x, axis=1), x).tolist() == [-np.inf, -np.inf]
    assert traced(lambda x: cr.special.logsumexp(x, axis=0), x).shape == (0,)
    assert cr.special.logsumexp(np.float64(1.5)) == 1.5


def test_integers_become_floats():
    x = np.array([1, 2, 3])
    for name in ("logsumexp", "softmax", "log_softmax"):
        got = traced(getattr(cr.special, name), x)
        assert got.dtype == np.float64
        assert_allclose(got, getattr(scipy.special, name)(x), rtol=1e-14)


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "message"),
    [
        *[
            (
                getattr(scipy.special, name),
                f"scipy.special.{name} is not supported on traced arrays; use cr.special.{name}.",
            )
            for name in ("logsumexp", "softmax", "log_softmax")
        ],
        (
            lambda x: scipy.special.polygamma(1, x),
            "scipy.special.polygamma is not supported on traced arrays; use cr.special.polygamma.",
        ),
        (
            lambda x: scipy.special.kv(0.5, x),
            "scipy.special.kv is not supported on traced arrays; write it with supported NumPy "
            "functions, or give it a derivative of its own with cr.custom_derivative.",
        ),
        (
            lambda x: scipy.special.zeta(x),
            "scipy.special.zeta is not supported on traced arrays; write it with supported NumPy "
            "functions, or give it a derivative of its own with cr.custom_derivative.",
        ),
        (
            lambda x: cr.special.polygamma(-1, x),
            "cr.special.polygamma: the order must not be negative, got -1.",
        ),
        (
            lambda x: cr.special.polygamma(0.5, x),
            "cr.special.polygamma, n: expected an integer, got 0.5.",
        ),
        (
            lambda x: cr.special.gammaln(x * 1.0 + np.zeros(2)[:, None, None] * 1j),
            None,
        ),
    ],
)
def test_refusals(f, message):
    with pytest.raises(cr.ChainruleError, match=re.escape(message or "complex")) as caught:
        traced(f, POSITIVE)
    if message:
        assert str(caught.value).split("\n")[0] == message


def test_softplus_of_scipy_works_by_itself():
    softplus = scipy.special.softplus
    assert_allclose(traced(softplus, LARGE), softplus(LARGE), rtol=1e-15)
