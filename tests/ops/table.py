"""One row per op: arguments to try it with, and what it should compute there.

`ROWS` drives the tests next to it. A row draws arguments of given shapes from ranges in which the
op is smooth (corners have tests of their own), and holds a reference that does not use the op.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tests.ops import references as ref

import chainrule as cr

F32, F64, I64, BOOL = map(np.dtype, (np.float32, np.float64, np.int64, np.bool_))
FLOATS = (F64, F32)

Draw = Callable[[np.random.Generator, tuple[int, ...], np.dtype], np.ndarray]


# -- arguments -----------------------------------------------------------------------------------


def uniform(low: float, high: float) -> Draw:
    """Floats from a range."""
    return lambda rng, shape, dtype: rng.uniform(low, high, np.array(shape)).astype(dtype)[()]


def either_sign(low: float, high: float) -> Draw:
    """Floats whose magnitude is from a range."""

    def draw(rng, shape, dtype):
        return (rng.choice([-1.0, 1.0], shape) * rng.uniform(low, high, shape)).astype(dtype)[()]

    return draw


def between_steps(rng, shape, dtype):
    """Floats at least 0.2 away from every multiple of 0.5."""
    return (0.5 * rng.integers(-6, 6, shape) + 0.25 + rng.uniform(-0.05, 0.05, shape)).astype(
        dtype
    )[()]


def distinct(rng, shape, dtype):
    """Floats no two of which are close to each other, nor to zero."""
    size = math.prod(shape)
    values = rng.permutation(size) - size // 2 + rng.uniform(0.3, 0.7, size)
    return values.reshape(shape).astype(dtype)[()]


def distinct_too(rng, shape, dtype):
    """The same, and none of them close to any of those that `distinct` draws."""
    return distinct(rng, shape, dtype) + dtype.type(1 if dtype.kind == "i" else 0.5)


def integers(low: int, high: int, dtype: Any = None) -> Draw:
    """Integers from a range, both ends included; in the row's dtype unless one is given."""

    def draw(rng, shape, row_dtype):
        return rng.integers(low, high, shape, endpoint=True).astype(dtype or row_dtype)[()]

    return draw


def truths(rng, shape, dtype):
    """Booleans."""
    return rng.integers(0, 2, shape).astype(bool)[()]


def sorted_rows(rng, shape, dtype):
    """Rows in ascending order, with repetitions."""
    return np.sort(rng.integers(-2, 3, shape).astype(dtype), axis=-1)


def keys(rng, shape, dtype):
    """Random keys."""
    return rng.integers(0, 2**64, shape, np.uint64)


def well_conditioned(rng, shape, dtype):
    """Square matrices far from singular, not symmetric."""
    n = shape[-1]
    return (rng.uniform(-0.5, 0.5, shape) + np.diag(np.arange(2.0, n + 2))).astype(dtype)


def symmetric(rng, shape, dtype):
    """Symmetric positive definite matrices with well separated eigenvalues."""
    x = rng.uniform(-0.3, 0.3, shape)
    return (x + np.swapaxes(x, -1, -2) + np.diag(np.arange(2.0, shape[-1] + 2))).astype(dtype)


def full_rank(rng, shape, dtype):
    """Matrices of any shape with well separated singular values."""
    *_, m, n = shape
    return (rng.uniform(-0.3, 0.3, shape) + np.diag(np.arange(1.0, max(m, n) + 1))[:m, :n]).astype(
        dtype
    )


def descending(rng, shape, dtype):
    """Positive numbers in descending order, well apart."""
    return (np.arange(shape[-1], 0.0, -1) + rng.uniform(0.0, 0.4, shape)).astype(dtype)


# -- rows ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """Shapes of the arguments, and parameters (or a function of the dtype that makes them)."""

    shapes: tuple[tuple[int, ...], ...]
    params: Any = field(default_factory=dict)
    order: int | None = None  # of derivatives to check, if not the row's

    def params_for(self, dtype: np.dtype) -> dict[str, Any]:
        return self.params(dtype) if callable(self.params) else self.params


@dataclass(frozen=True)
class Row:
    """How to try one op.

    Attributes
    ----------
    draw : one function per argument, or one for all
    scale, ulp, order, modes : see `chainrule.testing.check_op`
    as_symmetric : whether derivatives are to be checked for symmetric matrices only
    """

    name: str
    reference: Callable[..., Any] | None
    draw: Any
    cases: tuple[Case, ...]
    dtypes: tuple[np.dtype, ...] = FLOATS
    ulp: float = 4
    scale: float = 0.0
    order: int = 2
    modes: tuple[str, ...] = ("forward", "reverse")
    as_symmetric: bool = False

    def arguments(self, case: Case, dtype: np.dtype, rng: np.random.Generator) -> tuple[Any, ...]:
        """Draw one set of arguments."""
        draws = self.draw if isinstance(self.draw, tuple) else (self.draw,) * len(case.shapes)
        return tuple(d(rng, shape, dtype) for d, shape in zip(draws, case.shapes, strict=True))


ONE = tuple(Case((shape,)) for shape in [(2, 3), (), (1,), (0,), (2, 0, 3)])
TWO = tuple(
    Case(shapes)
    for shapes in [
        ((2, 3), (2, 3)),
        ((), ()),
        ((2, 1), (3,)),
        ((1,), (2, 1, 2)),
        ((), (2,)),
        ((0,), (1,)),
        ((2, 1), (1, 0)),
    ]
)
INTEGERS = (I64, np.dtype(np.uint8))
WHOLE = (I64, np.dtype(np.int32))


def unary(name, function, low, high, ulp=4, **more):
    return Row(name, ref.elementwise(function), uniform(low, high), ONE, ulp=ulp, **more)


def binary(name, function, draw, ulp=4, **more):
    return Row(name, ref.elementwise(function), draw, TWO, ulp=ulp, **more)


def with_params(cases, **params):
    return tuple(Case(case.shapes, params) for case in cases)


def one(shape, /, **params):
    return Case((shape,), params)


ELEMENTWISE = (
    Row("absolute", ref.elementwise(math.fabs), either_sign(0.3, 3), ONE),
    unary("arccos", math.acos, -0.9, 0.9),
    unary("arccosh", math.acosh, 1.1, 5),
    unary("arcsin", math.asin, -0.9, 0.9),
    unary("arcsinh", math.asinh, -5, 5),
    unary("arctan", math.atan, -5, 5),
    unary("arctanh", math.atanh, -0.9, 0.9),
    Row("cbrt", ref.elementwise(math.cbrt), either_sign(0.3, 5), ONE),
    Row("ceil", ref.elementwise(math.ceil), between_steps, ONE),
    unary("cos", math.cos, -7, 7),
    unary("cosh", math.cosh, -4, 4),
    unary("erf", math.erf, -3, 3),
    unary("erfc", math.erfc, -3, 5, ulp=16),
    unary("erfcx", lambda x: math.exp(x * x) * math.erfc(x), -1.5, 4, ulp=64),
    unary("erfinv", ref.solved(math.erf, -6, 6), -0.9, 0.9, ulp=16),
    unary("exp", math.exp, -5, 5),
    unary("expit", ref.expit, -8, 8),
    unary("expm1", math.expm1, -2, 2),
    Row("floor", ref.elementwise(math.floor), between_steps, ONE),
    unary("gamma", math.gamma, 0.5, 5, ulp=16),
    unary("gammaln", math.lgamma, 0.3, 8, ulp=16, scale=0.1),
    unary("log", math.log, 0.1, 5),
    unary("log1p", math.log1p, -0.8, 5),
    unary("logit", lambda x: math.log(x) - math.log1p(-x), 0.1, 0.9, scale=1.0),
    unary("log_ndtr", ref.log_ndtr, -6, 4, ulp=32),
    unary("ndtri", ref.solved(ref.normal_distribution, -9, 9), 0.02, 0.9, ulp=32, scale=0.1),
    Row("negative", ref.elementwise(lambda x: 0.0 - x), either_sign(0.1, 4), ONE),
    Row("rint", ref.elementwise(round), between_steps, ONE),
    Row("sign", ref.elementwise(ref.sign), either_sign(0.3, 2), ONE),
    Row(
        "signbit",
        ref.elementwise(lambda x: math.copysign(1.0, x) < 0.0, bool),
        either_sign(0.0, 1),
        ONE,
    ),
    unary("sin", math.sin, -7, 7),
    unary("sinh", math.sinh, -4, 4),
    unary("sqrt", math.sqrt, 0.2, 5),
    unary("tan", math.tan, -1.2, 1.2),
    unary("tanh", math.tanh, -3, 3),
    *[
        Row(
            name,
            ref.elementwise(function),
            draw,
            tuple(case for n in (0, 1, 3) for case in with_params(ONE, order=n)),
            ulp=128,
            scale=0.1,
        )
        for name, function, draw in [
            ("bessel_i", ref.bessel_i, uniform(-4, 4)),
            ("bessel_ie", ref.bessel_ie, either_sign(0.5, 4)),
            ("bessel_j", ref.bessel_j, uniform(-6, 6)),
            ("polygamma", ref.polygamma, uniform(0.5, 6)),
        ]
    ],
    binary("add", lambda x, y: x + y, uniform(-3, 3)),
    binary("arctan2", math.atan2, either_sign(0.3, 3)),
    binary(
        "betaln",
        lambda x, y: math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y),
        uniform(0.5, 5),
        ulp=32,
        scale=1.0,
    ),
    binary("divide", lambda x, y: x / y, either_sign(0.5, 3)),
    binary("hypot", math.hypot, either_sign(0.3, 3)),
    binary("logaddexp", ref.logaddexp, uniform(-5, 5), scale=0.1),
    binary("maximum", max, (distinct, distinct_too)),
    binary("minimum", min, (distinct, distinct_too)),
    binary("multiply", lambda x, y: x * y, uniform(-3, 3)),
    binary("power", math.pow, (uniform(0.3, 3), uniform(-3, 3)), ulp=8),
    binary("subtract", lambda x, y: x - y, uniform(-3, 3), scale=1.0),
    binary("xlog1py", ref.xlog1py, (uniform(0.3, 3), uniform(-0.5, 3)), scale=0.1),
    binary("xlogy", ref.xlogy, (uniform(0.3, 3), uniform(0.3, 3)), scale=0.1),
    # The quotients stay away from integers, at which they jump.
    binary("floor_divide", lambda x, y: x // y, (between_steps, integers(1, 1))),
    binary("remainder", lambda x, y: x % y, (between_steps, integers(1, 1)), scale=1.0),
    *[
        Row(
            name,
            ref.elementwise(function, bool),
            integers(-1, 1),
            TWO,
            dtypes=(F64, F32, I64, BOOL),
        )
        for name, function in [
            ("equal", lambda x, y: x == y),
            ("less", lambda x, y: x < y),
            ("less_equal", lambda x, y: x <= y),
        ]
    ],
    *[
        Row(name, ref.in_integers(function), integers(0, 15), TWO, dtypes=(*INTEGERS, BOOL))
        for name, function in [
            ("bitwise_and", lambda x, y: x & y),
            ("bitwise_or", lambda x, y: x | y),
            ("bitwise_xor", lambda x, y: x ^ y),
        ]
    ],
    Row("left_shift", ref.in_integers(lambda x, y: x << y), integers(0, 3), TWO, INTEGERS),
    Row("right_shift", ref.in_integers(lambda x, y: x >> y), integers(0, 31), TWO, INTEGERS),
    Row("invert", ref.in_integers(lambda x: ~x), integers(-9, 9), ONE, dtypes=(I64,)),
    Row("stop_gradient", ref.elementwise(float), uniform(-3, 3), ONE, order=0),
    Row(
        "where",
        lambda c, x, y: ref.elementwise(lambda c, x, y: x if c else y, np.result_type(x, y))(
            c, x, y
        ),
        (truths, uniform(-3, 3), uniform(-3, 3)),
        tuple(
            Case(shapes)
            for shapes in [
                ((2, 3), (2, 3), (2, 3)),
                ((), (2,), (2,)),
                ((2, 1), (3,), ()),
                ((1,), (1, 2), (2, 1)),
                ((0,), (1,), ()),
            ]
        ),
        dtypes=(F64, F32, I64),
    ),
    Row(
        "convert",
        lambda x, dtype: np.array(x.reshape(-1).tolist(), dtype).reshape(x.shape),
        between_steps,
        tuple(case for dtype in (F64, F32, I64, BOOL) for case in with_params(ONE, dtype=dtype)),
        dtypes=(F64, F32, I64, BOOL),
    ),
)

# Arithmetic on integers and booleans, which has no derivative.
DISCRETE = tuple(
    Row(name, ref.in_integers(function), draw, ONE if unary else TWO, dtypes)
    for name, function, draw, unary, dtypes in [
        ("absolute", abs, integers(-9, 9), True, WHOLE),
        ("negative", lambda x: -x, integers(-9, 9), True, WHOLE),
        ("sign", ref.sign, integers(-2, 2), True, WHOLE),
        ("add", lambda x, y: x + y, integers(-9, 9), False, WHOLE),
        ("add", lambda x, y: x or y, truths, False, (BOOL,)),
        ("subtract", lambda x, y: x - y, integers(-9, 9), False, WHOLE),
        ("multiply", lambda x, y: x * y, integers(-9, 9), False, WHOLE),
        ("multiply", lambda x, y: x and y, truths, False, (BOOL,)),
        ("maximum", max, integers(-2, 2), False, (*WHOLE, BOOL)),
        ("minimum", min, integers(-2, 2), False, (*WHOLE, BOOL)),
        ("floor_divide", lambda x, y: x // y, (integers(-9, 9), integers(1, 4)), False, WHOLE),
        ("remainder", lambda x, y: x % y, (integers(-9, 9), integers(-4, -1)), False, WHOLE),
        ("power", lambda x, y: x**y, (integers(-3, 3), integers(0, 4)), False, WHOLE),
    ]
)

REDUCED = tuple(
    one(shape, axes=axes)
    for shape, axes in [
        ((2, 3), (1,)),
        ((2, 3), (0, 1)),
        ((2, 3, 2), (0, 2)),
        ((4,), (0,)),
        ((1, 1), (1,)),
        ((2, 2), ()),
        ((2, 0), (0,)),
        ((), ()),
    ]
)
NOTHING_REDUCED = (one((2, 0), axes=(1,)), one((0,), axes=(0,)))
ALONG = tuple(
    one(shape, axis=axis)
    for shape, axis in [((2, 3), 1), ((3, 2), 0), ((5,), 0), ((1,), 0), ((2, 3, 2), 1)]
)
NOTHING_ALONG = (one((0,), axis=0), one((2, 0), axis=1), one((0, 2), axis=1))

REDUCTIONS = (
    Row(
        "reduce_sum",
        ref.along_axes(math.fsum),
        uniform(-3, 3),
        REDUCED + NOTHING_REDUCED,
        dtypes=(F64, F32, I64),
        scale=3.0,
    ),
    Row(
        "reduce_prod",
        ref.along_axes(math.prod),
        either_sign(0.5, 2),
        REDUCED + NOTHING_REDUCED,
        dtypes=(F64, F32, I64),
        ulp=16,
    ),
    Row("reduce_max", ref.along_axes(max), distinct, REDUCED, dtypes=(F64, F32, I64)),
    Row("reduce_min", ref.along_axes(min), distinct, REDUCED, dtypes=(F64, F32, I64)),
    Row(
        "cumsum",
        ref.rows_along_axis(ref.running(lambda x, y: x + y)),
        uniform(-3, 3),
        ALONG + NOTHING_ALONG,
        dtypes=(F64, F32, I64),
        scale=3.0,
    ),
    Row(
        "cumprod",
        ref.rows_along_axis(ref.running(lambda x, y: x * y)),
        either_sign(0.5, 2),
        ALONG + NOTHING_ALONG,
        dtypes=(F64, F32, I64),
        ulp=16,
    ),
    # Integers as well as floats, for ties.
    Row(
        "argmax",
        ref.along_axes(lambda values: values.index(max(values)), I64),
        integers(0, 2),
        ALONG,
        dtypes=(F64, F32, I64),
    ),
    Row(
        "argmin",
        ref.along_axes(lambda values: values.index(min(values)), I64),
        integers(0, 2),
        ALONG,
        dtypes=(F64, F32, I64),
    ),
    Row(
        "argsort",
        ref.rows_along_axis(ref.order, I64),
        integers(0, 2),
        ALONG + NOTHING_ALONG,
        dtypes=(F64, F32, I64),
    ),
    Row("sort", ref.rows_along_axis(sorted), distinct, ALONG + NOTHING_ALONG, (F64, F32, I64)),
    Row(
        "searchsorted",
        ref.searchsorted,
        (sorted_rows, integers(-3, 3)),
        tuple(
            Case(shapes, {"side": side})
            for side in ("left", "right")
            for shapes in [((5,), (3,)), ((2, 4), (2, 3)), ((4,), (0,)), ((0,), (2,))]
        ),
        dtypes=(F64, F32, I64),
    ),
)

LAYOUTS = tuple(
    Row(name, reference, uniform(-3, 3), cases, dtypes=(F64, F32, I64))
    for name, reference, cases in [
        (
            "reshape",
            ref.reshape,
            [one((2, 3), shape=(3, 2)), one((2, 3), shape=(6,)), one((1,), shape=()),
             one((), shape=(1, 1)), one((2, 0), shape=(0, 5))],
        ),
        (
            "transpose",
            ref.transpose,
            [one((2, 3), axes=(1, 0)), one((2, 3, 4), axes=(2, 0, 1)), one((3,), axes=(0,)),
             one((), axes=()), one((2, 0), axes=(1, 0))],
        ),
        (
            "broadcast",
            ref.broadcast,
            [one((3,), shape=(2, 3)), one((2, 1), shape=(2, 3)), one((), shape=(2,)),
             one((1,), shape=(0,)), one((1, 2), shape=(2, 1, 2)), one((1,), shape=(1,))],
        ),
        (
            "slice",
            ref.slice_,
            [one((4,), limits=((1, 3, 1),)), one((5,), limits=((0, 5, 2),)),
             one((3, 6), limits=((0, 3, 1), (1, 5, 3))), one((3,), limits=((2, 2, 1),)),
             one((), limits=()), one((0, 2), limits=((0, 0, 1), (0, 2, 1)))],
        ),
        (
            "pad",
            ref.pad,
            [one((2,), widths=((1, 2, 0),)), one((3,), widths=((0, 0, 2),)),
             one((2, 3), widths=((1, 0, 1), (0, 2, 0))), one((0,), widths=((1, 1, 2),)),
             one((), widths=()), one((1,), widths=((0, 0, 3),))],
        ),
        (
            "flip",
            ref.flip,
            [one((3,), axes=(0,)), one((2, 3), axes=(1,)), one((2, 3), axes=(0, 1)),
             one((2,), axes=()), one((0,), axes=(0,))],
        ),
        (
            "concatenate",
            ref.concatenate,
            [Case(((2, 3), (1, 3)), {"axis": 0}), Case(((2, 1), (2, 2), (2, 0)), {"axis": 1}),
             Case(((2,),), {"axis": 0})],
        ),
    ]
)  # fmt: skip

GATHERING = (
    Row(
        "gather",
        ref.gather,
        # Negative positions count from the end.
        (uniform(-3, 3), integers(-2, 1, I64), integers(-2, 1, I64)),
        (
            Case(((2, 3), (4,), (4,))),
            Case(((3, 2, 2), (2, 2), (2, 2))),
            Case(((2, 2), (), ())),
            Case(((2, 3), (0,), (0,))),
        ),
        dtypes=(F64, F32, I64),
    ),
    *[
        Row(
            "scatter",
            ref.scatter,
            draws,
            tuple(
                Case(shapes, {"mode": mode})
                for mode in modes
                for shapes in [
                    ((3,), (4,), (4,)),
                    ((3, 2), (2, 2, 2), (2, 2)),
                    ((3,), (), ()),
                    ((3,), (0,), (0,)),
                ]
            ),
            dtypes=(F64, F32, I64),
            ulp=8,
            scale=3.0,
        )
        for modes, draws in [
            (("set", "add"), (uniform(-3, 3), uniform(-3, 3), integers(-3, 2, I64))),
            (("multiply",), (either_sign(0.5, 2), either_sign(0.5, 2), integers(-3, 2, I64))),
            (("minimum", "maximum"), (distinct, distinct_too, integers(-3, 2, I64))),
        ]
    ],
)


def product(x, y, contract, shared=((), ())):
    return Case((x, y), {"contract": contract, "shared": shared})


PRODUCTS = (
    Row(
        "dot",
        ref.dot,
        uniform(-2, 2),
        (
            product((2, 3), (3, 2), ((1,), (0,))),
            product((3,), (3,), ((0,), (0,))),
            product((2, 3), (3,), ((1,), (0,))),
            product((3, 2), (4, 3), ((0,), (1,))),
            product((2, 2, 3), (2, 3, 1), ((2,), (1,)), ((0,), (0,))),
            product((2, 3, 2), (3, 2, 2), ((1, 0), (0, 2))),
            product((2,), (3,), ((), ())),
            product((2, 3), (3, 2), ((), ()), ((0, 1), (1, 0))),
            product((2, 0), (0, 3), ((1,), (0,))),
            product((0, 2), (2, 1), ((1,), (0,))),
        ),
        dtypes=(F64, F32, I64),
        ulp=8,
        scale=4.0,
    ),
)

RANDOM = (
    Row(
        "random_bits",
        ref.random_bits,
        keys,
        (
            one((2,), shape=(3,)),
            one((2, 2), shape=(2, 2)),
            one((2,), shape=()),
            one((2,), shape=(0,)),
            one((0, 2), shape=(3,)),
        ),
        dtypes=(np.dtype(np.uint64),),
    ),
)


def matrices(name, function, draw, cases, results=1, **more):
    """Compare with the reference in double precision, at the scale of the matrices."""
    settings = {"ulp": 256, "scale": 1.0, **more}
    return Row(name, ref.each_matrix(function, results), draw, tuple(cases), **settings)


STACKS = [one((3, 3)), one((2, 2, 2)), one((1, 1))]
SYSTEMS = [((3, 3), (3, 2)), ((2, 2, 2), (2, 2, 1)), ((1, 1), (1, 1))]
TRIANGLES = [one(s, lower=low) for s in [(3, 3), (2, 2, 2), (1, 1)] for low in (True, False)]
OBLONG = [(3, 3), (3, 2), (2, 3), (2, 2, 2), (1, 1)]

LINEAR_ALGEBRA = (
    matrices("cholesky", ref.cholesky, symmetric, STACKS, as_symmetric=True),
    # A second argument is the direction of a derivative. Orders above the second are refused.
    matrices("cofactors", ref.cofactors, well_conditioned, [one((3, 3)), one((2, 2, 2))], order=1),
    matrices(
        "cofactors",
        ref.cofactors,
        (well_conditioned, uniform(-1, 1)),
        [Case(((3, 3), (3, 3))), Case(((2, 2, 2), (2, 2, 2)))],
        order=0,
    ),
    matrices("det", ref.det, well_conditioned, [one((3, 3)), one((2, 2, 2)), one((1, 1))], scale=9),
    Row(
        "divide_by_gaps",
        ref.divide_by_gaps,
        (uniform(-2, 2), descending, lambda *a: descending(*a) - 7),
        tuple(
            Case(shapes, {"own": False, "what": "values and vectors"})
            for shapes in [((2, 3), (2,), (3,)), ((2, 2, 2), (2, 2), (2, 2))]
        ),
    ),
    matrices("eigh", ref.eigh, symmetric, TRIANGLES, 2, as_symmetric=True),
    matrices("eigvalsh", ref.eigenvalues, symmetric, TRIANGLES, as_symmetric=True),
    matrices(
        "pinv",
        ref.pinv,
        full_rank,
        [one(s, cutoff=1e-12, hermitian=False) for s in [(3, 3), (3, 2), (2, 2, 2), (1, 1)]],
    ),
    matrices("qr", ref.qr, full_rank, [one((3, 3)), one((3, 2)), one((2, 2, 1))], 2),
    matrices("slogdet", ref.slogdet, well_conditioned, STACKS, 2),
    matrices(
        "solve",
        lambda a, b: np.linalg.inv(a) @ b,
        (well_conditioned, uniform(-2, 2)),
        [Case(shapes) for shapes in SYSTEMS],
    ),
    matrices(
        "svd",
        ref.svd,
        full_rank,
        [*[one(s, full=False) for s in OBLONG], one((3, 3), full=True)],
        3,
    ),
    matrices("svdvals", ref.singular_values, full_rank, [one(s) for s in OBLONG]),
    matrices(
        "triangular_solve",
        ref.triangular_solve,
        (well_conditioned, uniform(-2, 2)),
        [
            Case(shapes, {"lower": low, "transposed": turned, "unit_diagonal": unit})
            for shapes in SYSTEMS
            for low in (True, False)
            for turned in (True, False)
            for unit in (True, False)
        ],
    ),
)


# -- ops that hold graphs ------------------------------------------------------------------------


def held(name, function, *shapes, first=None):
    """Return a function of the dtype that gives the parameters an op has in a function's graph."""

    def params(dtype):
        types = [np.zeros(shape, dtype) for shape in shapes]
        if first is not None:
            types[0] = types[0].astype(first)
        graph = cr.trace(function, *types)
        (found,) = [e.params for e in graph.equations if e.op.name == name]
        return found

    return params


def wave(step, state, x):
    return np.sin(step * state) + x


def oscillate(step, state, xs, reverse):
    def body(state, x):
        new = wave(step, state, x)
        return new, new * x

    return cr.scan(body, state, xs, reverse=reverse)


def oscillate_by_loop(step, state, xs, *, reverse, **_):
    ys = np.zeros_like(xs)
    for t in reversed(range(len(xs))) if reverse else range(len(xs)):
        state = wave(step, state, xs[t])
        ys[t] = state * xs[t]
    return state, ys


def oscillations(reverse):
    shapes = [((), (2,), (3, 2)), ((), (), (4,)), ((2,), (2,), (1, 2)), ((), (2,), (0, 2))]
    return tuple(
        Case(s, held("scan", lambda w, c, xs: oscillate(w, c, xs, reverse), *s)) for s in shapes
    )


def halve_while_large(x, limit):
    return cr.while_loop(lambda y: np.sum(y) > limit, lambda y: y * y / 8.0, x)


def halve_by_loop(limit, x, **_):
    while x.sum() > limit:
        x = x * x / 8.0
    return (x,)


def choose(condition, x, y):
    return cr.cond(condition, lambda x, y: (x * y, x), lambda x, y: (np.sin(x), y * y), x, y)


def choose_by_if(condition, x, y, **_):
    return (x * y, x) if condition else (np.sin(x), y * y)


@cr.checkpoint
def damped(x, y):
    return np.exp(-x) * np.sin(y), y


@cr.custom_derivative
def sine_of_product(x, y):
    return np.sin(x * y)


@sine_of_product.def_jvp
def _rule(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    return np.sin(x * y), np.cos(x * y) * (dx * y + x * dy)


PAIRS = [((2,), (2,)), ((), ()), ((2, 1), (2, 1)), ((0,), (0,))]

CONTROL_FLOW = (
    *[
        Row("scan", oscillate_by_loop, uniform(-1, 1), oscillations(reverse), ulp=16, scale=1.0)
        for reverse in (False, True)
    ],
    Row(
        "while",
        halve_by_loop,
        (uniform(0.9, 1.1), uniform(2, 4)),
        tuple(
            Case(((), s), held("while", lambda limit, x: halve_while_large(x, limit), (), s))
            for s in [(3,), (), (1,)]
        ),
        modes=("forward",),
        ulp=16,
    ),
    Row(
        "cond",
        choose_by_if,
        (truths, uniform(-2, 2), uniform(-2, 2)),
        tuple(Case(((), *s), held("cond", choose, (), *s, first=bool)) for s in PAIRS),
        ulp=8,
        scale=1.0,
    ),
    Row(
        "checkpoint",
        lambda x, y, **_: (math.e**-x * np.sin(y), y),
        uniform(-2, 2),
        tuple(Case(s, held("checkpoint", damped, *s)) for s in PAIRS),
        ulp=32,
        scale=1.0,
    ),
    Row(
        "custom_derivative",
        lambda x, y, **_: (ref.elementwise(math.sin)(x * y),),
        uniform(-2, 2),
        tuple(Case(s, held("custom_derivative", sine_of_product, *s)) for s in PAIRS),
        ulp=8,
    ),
)

ROWS = (
    *ELEMENTWISE,
    *DISCRETE,
    *REDUCTIONS,
    *LAYOUTS,
    *GATHERING,
    *PRODUCTS,
    *RANDOM,
    *LINEAR_ALGEBRA,
    *CONTROL_FLOW,
)

WITHOUT_VALUE = {"custom_pullback"}
"""Ops that cannot be computed, only transposed; they have a test instead of a row."""
