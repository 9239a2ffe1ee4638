"""Generated programs: random NumPy code, as source text, with arguments on which it runs.

A program grows line by line. Every line applies one expression to values of earlier lines, and is
tried out on the arguments at once; it stays only if the result is finite, of moderate size, and
not close to a corner of the function. So the text that a failing test prints can be pasted into a
file and run.

Loops and branches are written as ``loop`` (or ``loop_back``, ``loop_saving``) and ``branch``. These
are Python's own where the program is run as plain NumPy code, and `scan` and `cond` where it is
traced; ``again`` is `checkpoint`, and nothing in plain code.
"""

import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
from hypothesis import strategies as st

import chainrule as cr

LARGEST_VALUE = 20.0
LARGEST_SIZE = 60
MARGIN = 0.02


def python_loop(body, carry, xs):
    ys = []
    for x in xs:
        carry, y = body(carry, x)
        ys.append(y)
    return carry, np.stack(ys)


def python_loop_back(body, carry, xs):
    carry, ys = python_loop(body, carry, xs[::-1])
    return carry, ys[::-1]


def python_branch(condition, when_true, when_false, *operands):
    return (when_true if condition else when_false)(*operands)


PLAIN = {
    "np": np,
    "loop": python_loop,
    "loop_back": python_loop_back,
    "loop_saving": python_loop,
    "branch": python_branch,
    "again": lambda f: f,
}
TRACED = {
    "np": np,
    "loop": cr.scan,
    "loop_back": partial(cr.scan, reverse=True),
    "loop_saving": partial(cr.scan, checkpoint=2),
    "branch": cr.cond,
    "again": cr.checkpoint,
}


@dataclass
class Program:
    """Source of a function ``f``, and arguments for it."""

    source: str
    args: tuple

    def compiled(self, names):
        """Return the function, its loops and branches being those of ``names``."""
        space = dict(names)
        exec(self.source, space)
        return space["f"]

    @property
    def plain(self):
        return self.compiled(PLAIN)

    @property
    def traced(self):
        return self.compiled(TRACED)

    def other_args(self, seed):
        """Return arguments of the same types with other values."""
        rng = np.random.default_rng(seed)
        return tuple(draw_array(rng, arg.shape, arg.dtype) for arg in self.args)

    def __repr__(self):
        shown = ", ".join(f"{arg!r}" for arg in self.args)
        return f"\n{self.source}\nargs = ({shown})\n"


def draw_array(rng, shape, dtype):
    if dtype.kind == "f":
        return rng.uniform(-2.0, 2.0, shape).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    return rng.integers(-3, 4, shape).astype(dtype)


# Expressions in x, y (values) and n, k (small integers). Those in KINKED have corners where the
# expression next to them is zero.
UNARY = (
    "np.sin(x)", "np.cos(x)", "np.tanh(x)", "np.exp(np.sin(x))", "np.log1p(x * x)", "-x",
    "np.sqrt(1.5 + np.cos(x))", "1 / (1 + np.exp(-x))", "np.arctan(x)", "x * x", "x ** 3", "x / 2",
    "2 - x", "x + True", "np.square(x)", "np.exp2(np.tanh(x))", "np.hypot(x, 1.5)",
    "np.where(x > 0.25, x, np.sin(x))", "np.logaddexp(x, 0)", "x.astype(float)", "np.positive(x)",
    "np.expm1(np.tanh(x))", "np.log(2.0 + np.sin(x))", "x * np.float64(0.5)",
    "abs(1.5 + np.sin(x))", "np.sinh(np.tanh(x))", "np.cbrt(2 + np.cos(x))",
    "np.arctan2(x, 2.0)", "x * 3",
)  # fmt: skip
KINKED = {
    "np.abs(x)": "x",
    "np.maximum(x, 0.5)": "x - 0.5",
    "np.clip(x, -1, 1)": "np.abs(x) - 1",
    "np.sign(x)": "x",
    "np.floor(x)": "np.sin(np.pi * x)",
    "np.heaviside(x, 0.5)": "x",
}
BINARY = (
    "x + y", "x - y", "x * y", "x / (2.5 + np.cos(y))", "np.arctan2(x, 2 + np.sin(y))",
    "np.hypot(x, 1 + y * y)", "np.logaddexp(x, y)", "np.power(1.5 + np.sin(x), y)",
    "np.where(y < 0.3, x, y)", "x % (1.5 + np.tanh(y))", "np.stack([x, y])", "np.add(x, 2 * y)",
)  # fmt: skip
KINKED_BINARY = {
    "np.maximum(x, y)": "x - y",
    "np.minimum(x, y)": "x - y",
    "np.fmax(x, y)": "x - y",
    "np.copysign(x, y)": "np.minimum(np.abs(x), np.abs(y))",
}
PRODUCTS = (
    "x @ y", "np.dot(x, y)", "np.outer(x, y)", "np.inner(x, y)", "np.tensordot(x, y, 1)",
    "np.tensordot(x, y, 0)", "np.einsum('ij,jk->ki', x, y)", "np.einsum('...i,...i', x, y)",
    "np.kron(x, y)", "np.concatenate([x, y])", "np.concatenate([x, y], axis=-1)",
    "np.vdot(x, y)", "np.convolve(x, y)",
)  # fmt: skip
REDUCTIONS = (
    "np.sum(x)", "x.sum(axis=n)", "np.mean(x, axis=n, keepdims=True)", "x.mean()", "np.var(x)",
    "np.var(x, axis=n)", "np.prod(np.tanh(x), axis=n)", "np.cumsum(x, axis=n)",
    "np.diff(x, axis=n)",
    "np.cumprod(np.cos(x), axis=n)", "np.sum(x, axis=(0, -1))", "x.sum(keepdims=True)",
    "np.trace(x)", "np.average(x, axis=n)", "np.linalg.norm(2 + np.sin(x))",
)  # fmt: skip
# For these no two elements may be close to each other.
ORDERED = (
    "np.max(x)", "x.max(axis=n)", "np.min(x, axis=n, keepdims=True)", "np.ptp(x)", "np.median(x)",
    "np.sort(x, axis=n)", "np.quantile(x, 0.3, axis=n)",
    "np.argsort(x, axis=n, kind='stable') * 0.5",
    "np.argmax(x, axis=n)", "np.argmin(x)", "np.take_along_axis(x, np.argsort(x, axis=n), axis=n)",
)  # fmt: skip
LAYOUTS = (
    "x.T", "x.reshape(-1)", "np.ravel(x)", "x[None]", "x[..., None]", "x[::-1]", "x[..., ::2]",
    "x[0]", "x[..., -1]", "x[1:]", "np.flip(x, n)", "np.roll(x, k, axis=n)", "np.squeeze(x)",
    "np.swapaxes(x, 0, -1)", "np.moveaxis(x, 0, -1)", "np.tile(x, 2)", "np.repeat(x, 2, axis=n)",
    "np.broadcast_to(x, (2, *x.shape))", "np.pad(x, 1)", "np.tril(x)", "np.diag(x)",
    "np.take(x, np.array([0, -1, 0]), axis=n)", "x[np.array([[0, -1], [0, 0]])]",
    "np.expand_dims(x, n)", "np.array_split(x, 2)[0]", "np.atleast_2d(x)", "np.rot90(x)",
    "x[..., np.newaxis, :]",
)  # fmt: skip
DISCRETE = (
    "x > y", "x <= y", "x == y", "(x < y) | (x > 1)", "np.sum(x > 0)", "np.any(x > y, axis=n)",
    "np.rint(x).astype(int)", "np.isfinite(x)", "np.count_nonzero(x > 0)", "~(x < y)",
    "np.searchsorted(np.array([-1.0, 0.0, 1.0]), x)", "np.all(x < 3)",
)  # fmt: skip
CONTROL = (
    "loop(lambda c, r: (np.tanh(c + np.sum(r)), c * r), 0.5, x)[1]",
    "loop(lambda c, r: (0.5 * c + np.sin(r), np.cos(c)), np.zeros_like(x[0] * 1.0), x)[0]",
    "loop(lambda c, r: (c * 0.5 + np.mean(y) * np.mean(r), c), 0.1, x)[0]",
    "branch(np.sum(x) > 0.1, lambda a: np.sin(a), lambda a: a * np.tanh(a), x * 1.0)",
    "branch(np.mean(y) > 0, lambda a: a + np.mean(y), lambda a: a - np.sin(np.mean(y)), x * 1.0)",
    "loop(lambda c, r: (branch(np.sum(r) > 0, np.sin, np.cos, c), c), 0.3, x)[1]",
    "loop_back(lambda c, r: (np.tanh(c + np.mean(r)), c * r + np.mean(y)), np.float64(0.5), x)[1]",
    "loop_saving(lambda c, r: (np.sin(c) + np.mean(r), c * r), np.sum(x) * 0.1, x)[1]",
    "loop(lambda c, r: (loop(lambda d, s: (np.cos(d + np.sum(s)) + c, d), c, x)[0], r), 0.2, x)[1]",
    "loop(lambda c, r: ((c[1], 0.5 * c[0] + np.sum(r)), c[0]), (0.1, np.float64(0)), x)[1]",
    "again(lambda a: np.sin(a) * np.mean(y))(x * 1.0)",
    "loop(again(lambda c, r: (np.sin(c + np.sum(r)), c * np.mean(y))), np.float64(0.5), x)[1]",
    "loop(lambda c, r: (c + 1, np.sum(r) * c), 1, x)[1]",
)
# The branches above jump where these are zero.
EDGES = {
    CONTROL[3]: "np.sum(x) - 0.1",
    CONTROL[4]: "np.mean(y)",
    CONTROL[5]: "np.array([np.sum(r) for r in x])",
    "np.where(x > 0.25, x, np.sin(x))": "x - 0.25",
    "np.where(y < 0.3, x, y)": "y - 0.3",
    "x % (1.5 + np.tanh(y))": "np.sin(np.pi * (x / (1.5 + np.tanh(y))))",
    **KINKED,
    **KINKED_BINARY,
}
# Integers and booleans come out of these wherever the floats are, so they have edges everywhere.
JUMPS = {
    **dict.fromkeys(DISCRETE, "x - y"),
    "(x < y) | (x > 1)": "np.minimum(np.abs(x - y), np.abs(x - 1))",
    "np.sum(x > 0)": "x",
    "np.count_nonzero(x > 0)": "x",
    "np.rint(x).astype(int)": "np.cos(np.pi * x)",
    "np.searchsorted(np.array([-1.0, 0.0, 1.0]), x)": "np.sin(np.pi * x)",
    "np.isfinite(x)": "1",
    "np.all(x < 3)": "x - 3",
}

FAMILIES = (
    UNARY, UNARY, tuple(KINKED), BINARY, BINARY, tuple(KINKED_BINARY), PRODUCTS, REDUCTIONS,
    ORDERED, LAYOUTS, LAYOUTS, DISCRETE, CONTROL,
)  # fmt: skip


def is_clear_of_edges(expression, space):
    """Tell whether an expression is smooth around its arguments."""
    edge = {**EDGES, **JUMPS}.get(expression)
    if edge is not None and np.size(value := eval(edge, space)):
        return np.min(np.abs(value)) > MARGIN
    if expression in ORDERED:
        elements = np.sort(np.asarray(space["x"], float), axis=None)
        return elements.size < 2 or np.min(np.diff(elements)) > MARGIN
    return True


def attempt(expression, x, y, n, k):
    """Return the value of an expression, or None if it will not do."""
    space = {**PLAIN, "x": x, "y": y, "n": n, "k": k}
    if "axis=n" in expression and np.ndim(x) == 0:
        return None  # NumPy lets axis 0 of a number pass in some functions
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if not is_clear_of_edges(expression, space):
                return None
            value = eval(expression, space)
    except (ValueError, IndexError, TypeError, RuntimeWarning, AttributeError):
        return None  # it does not fit these shapes or dtypes
    if not isinstance(value, (np.ndarray, np.generic)) or value.size > LARGEST_SIZE:
        return None
    if value.size and not np.max(np.abs(np.asarray(value, float))) < LARGEST_VALUE:
        return None
    return value


SHAPES = ((), (1,), (3,), (4,), (2, 3), (3, 2), (3, 1), (1, 3), (2, 2), (2, 1, 3), (3, 3))
DTYPES = ("float64", "float64", "float64", "float32", "int64", "int32", "bool")


@st.composite
def programs(draw, dtypes=DTYPES, max_lines=16):
    """Return a `Program`, the last values of which it returns."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    types = draw(
        st.lists(
            st.tuples(st.sampled_from(SHAPES), st.sampled_from(dtypes)), min_size=1, max_size=3
        )
    )
    # One argument is a float of some length, so that there is something to differentiate.
    types = [(draw(st.sampled_from(SHAPES[1:])), dtypes[0]), *types]
    args = tuple(draw_array(rng, shape, np.dtype(dtype)) for shape, dtype in types)
    values = list(args)
    lines = []
    for _ in range(draw(st.integers(max_lines // 3, max_lines))):
        expression = draw(st.sampled_from(draw(st.sampled_from(FAMILIES))))
        # Late values more often than early ones, so that programs get deep.
        i = len(values) - 1 - draw(st.integers(0, len(values) - 1)) // 2
        j = draw(st.integers(0, len(values) - 1))
        n, k = draw(st.sampled_from([0, -1, 1])), draw(st.integers(-2, 3))
        value = attempt(expression, values[i], values[j], n, k)
        if value is None:
            continue
        names = f"x, y, n, k = v{i}, v{j}, {n}, {k}"
        lines.append(f"    {names}; v{len(values)} = {expression}")
        values.append(value)
    results = ", ".join(f"v{i}" for i in range(max(0, len(values) - 3), len(values)))
    head = f"def f({', '.join(f'v{i}' for i in range(len(args)))}):"
    source = "\n".join([head, *lines, f"    return ({results},)"])
    return Program(source, args)
