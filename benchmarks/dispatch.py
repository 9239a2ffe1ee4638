"""What a call of a compiled function costs beside the work.

Ten small arrays go in and ten come out, in containers of several kinds; the work, one addition
each, is next to nothing. And one row goes through the digits network.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.digits import arrays, load, network
from benchmarks.timing import show, side_by_side
from chainrule import nn, random

NOTE = "Every compiled call is to stay below 10 µs."


def run(rounds: int) -> None:
    """Print both."""
    _ten_arrays(rounds)
    for dtype in (np.float32, np.float64):
        _one_row(dtype, rounds)


def _ten_arrays(rounds: int) -> None:
    layers = nn.mlp(random.key(0), (4, 5, 6, 5, 4, 3))
    ten = cr.tree.leaves(layers)
    trees: dict[str, Any] = {
        "a tuple": tuple(ten),
        "a dict": {f"array {number}": array for number, array in enumerate(ten)},
        "five layers": layers,
    }

    def calling(tree: Any) -> Any:
        compiled = cr.compile(lambda t: cr.tree.map(lambda x: x + 1.0, t), engine="native")
        for got, array in zip(cr.tree.leaves(compiled(tree)), ten, strict=True):
            np.testing.assert_array_equal(got, array + 1.0)
        return lambda: compiled(tree)

    by_hand = {"ten additions, in NumPy": lambda: [array + 1.0 for array in ten]}
    show(
        "Ten arrays in and ten out",
        side_by_side(
            by_hand | {f"cr.compile, {name}": calling(tree) for name, tree in trees.items()},
            rounds=rounds,
        ),
        note=NOTE,
    )


def _one_row(dtype: Any, rounds: int) -> None:
    row, model = load(dtype).X[:1], network(dtype)
    w1, b1, w2, b2 = arrays(model)
    passed = cr.compile(lambda model, x: model(x), engine="native")
    fixed = cr.compile(model, engine="native")

    def by_hand() -> Any:
        return 1.0 / (1.0 + np.exp(-(row @ w1 + b1))) @ w2 + b2

    for got in (passed(model, row), fixed(row)):
        np.testing.assert_allclose(got, by_hand(), rtol=1e-4)
    show(
        f"Digits 64-50-10, one row, {row.dtype}",
        side_by_side(
            {
                "by hand, in NumPy": by_hand,
                "cr.compile, the network an argument": lambda: passed(model, row),
                "cr.compile, the network fixed": lambda: fixed(row),
            },
            rounds=rounds,
        ),
        note=NOTE,
    )
