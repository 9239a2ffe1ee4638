"""What tracing costs per op, and what the derivative of a scalar function of 30 ops costs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import chainrule as cr
from benchmarks.timing import duration, show, show_rows, side_by_side


def of_ops(count: int) -> Callable[[float], float]:
    """Return ``x_0 = x, x_{k+1} = 1.1 sin(x_k) + x``, three ops at a time."""

    def f(x: float) -> float:
        y = x
        for _ in range(count // 3):
            y = 1.1 * np.sin(y) + x
        return y

    return f


def derivative_by_hand(x: float) -> float:
    """Return the derivative of `of_ops(30)` as one would write it: x and dx carried together."""
    y, dy = x, 1.0
    for _ in range(10):
        y, dy = 1.1 * np.sin(y) + x, 1.1 * np.cos(y) * dy + 1.0
    return dy


def run(rounds: int) -> None:
    """Print both tables."""
    x = np.float64(0.3)
    few, many = of_ops(300), of_ops(1500)
    timings = side_by_side(
        {"trace, 300 ops": lambda: cr.trace(few, x), "trace, 1500 ops": lambda: cr.trace(many, x)},
        rounds=rounds,
    )
    per_op = (timings["trace, 1500 ops"].median - timings["trace, 300 ops"].median) / 1200
    in_numpy = side_by_side({"NumPy": lambda: few(x)}, rounds=rounds)["NumPy"].median / 300
    show_rows(
        "Tracing scalars, per op",
        [
            ("trace", duration(per_op)),
            ("the op itself in NumPy", duration(in_numpy)),
            ("ratio", f"{per_op / in_numpy:.1f}x"),
        ],
    )

    f = of_ops(30)
    compiled = cr.compile(cr.grad(f), engine="interpreter")
    uncompiled = cr.grad(f)
    expected = derivative_by_hand(x)
    for derivative in (compiled, uncompiled):
        np.testing.assert_allclose(derivative(x), expected, rtol=1e-12)
    show(
        "Derivative of a scalar function of 30 ops",
        side_by_side(
            {
                "the function itself, in NumPy": lambda: f(x),
                "derivative by hand, in NumPy": lambda: derivative_by_hand(x),
                "cr.compile(cr.grad(f)), interpreter": lambda: compiled(x),
                "cr.grad(f), traced at every call": lambda: uncompiled(x),
            },
            rounds=rounds,
        ),
    )
