"""Data sets made by a formula: truth tables, and two classes in the plane that no line divides."""

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule._errors import InvalidArgumentError
from chainrule.datasets._dataset import Recipe
from chainrule.datasets._encoder import Encoder
from chainrule.datasets._entry import BuiltIn, Contents

_TWO_HIDDEN_UNITS = {
    "hidden_layer_sizes": (2,),
    "activation": "logistic",
    "kernel_init": "standard_normal",
    "solver": "sgd",
    "nesterovs_momentum": False,
    "learning_rate_init": 0.3,
    "alpha": 0.0,
    "max_iter": 500,
    "n_iter_no_change": 500,  # the way is flat before it goes down
    "standardize": True,
}
_TANH: dict[str, Any] = {
    "standardize": True,
    "hidden_layer_sizes": (20,),
    "activation": "tanh",
    "learning_rate_init": 0.01,
    "batch_size": 20,
    "max_iter": 100,
}


def _gate(name: str, outputs: tuple[int, int, int, int]) -> Contents:
    features = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    encoder = Encoder.of_numbers(("x1", "x2"), f"x1 {name} x2", ("0", "1"))
    return features, np.array(outputs, dtype=np.int64), encoder


def _gate_entry(name: str, outputs: tuple[int, int, int, int]) -> BuiltIn:
    return BuiltIn(
        partial(_gate, name, outputs),
        f"The truth table of {name.upper()}: four samples, two inputs.",
        # Four samples say nothing about unseen ones, so none are held out. Two hidden
        # units find XOR from most random starts, not from all.
        Recipe(_TWO_HIDDEN_UNITS, starts=20, test_size=0.0),
    )


Curves = Callable[[int, int], tuple[npt.NDArray[Any], npt.NDArray[Any]]]
"""From the numbers of points of two classes to the points, of shape (n, 2), on their curves."""


def _moons(n_first: int, n_second: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    t, u = np.linspace(0.0, np.pi, n_first), np.linspace(0.0, np.pi, n_second)
    return np.c_[np.cos(t), np.sin(t)], np.c_[1.0 - np.cos(u), 0.5 - np.sin(u)]


def _circles(n_first: int, n_second: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    t, u = (np.linspace(0.0, 2.0 * np.pi, n, endpoint=False) for n in (n_first, n_second))
    return np.c_[np.cos(t), np.sin(t)], 0.5 * np.c_[np.cos(u), np.sin(u)]


def _spirals(n_first: int, n_second: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    def arm(n: int, start: float) -> npt.NDArray[Any]:
        t = np.linspace(0.0, 1.0, n)[:, None]
        angle = start + 3.0 * np.pi * t
        return (0.1 + 0.9 * t) * np.hstack([np.cos(angle), np.sin(angle)])

    return arm(n_first, 0.0), arm(n_second, np.pi)


def _two_classes(
    curves: Curves, usual_noise: float, n: int = 200, noise: float | None = None, seed: int = 0
) -> Contents:
    """Return points on two curves, one half of them on each, with normal noise added."""
    noise = usual_noise if noise is None else float(noise)
    n, seed = operator.index(n), operator.index(seed)
    if n < 4:
        raise InvalidArgumentError(f"load: n: expected at least 4 samples, got {n}.")
    if not 0.0 <= noise < np.inf:
        raise InvalidArgumentError(f"load: noise: expected a number of at least 0, got {noise}.")
    if seed < 0:
        raise InvalidArgumentError(f"load: seed: expected an integer of at least 0, got {seed}.")
    points = np.concatenate(curves(n - n // 2, n // 2))
    points += noise * np.random.default_rng(seed).standard_normal(points.shape)
    target = np.repeat([0, 1], [n - n // 2, n // 2])
    return points, target, Encoder.of_numbers(("x1", "x2"), "class", ("0", "1"))


def _shape_entry(curves: Curves, noise: float, description: str, recipe: Recipe) -> BuiltIn:
    return BuiltIn(
        partial(_two_classes, curves, noise),
        f"{description} Normal noise of standard deviation {noise} is added. Options: n, noise, "
        "seed.",
        recipe,
    )


SHAPES: dict[str, BuiltIn] = {
    "moons": _shape_entry(
        _moons,
        0.1,
        "200 points on two half circles that reach into each other, (cos t, sin t) and "
        "(1 - cos t, 1/2 - sin t), t from 0 to π.",
        Recipe(_TANH),
    ),
    "circles": _shape_entry(
        _circles,
        0.05,
        "200 points on two circles around the origin, of radius 1 and 1/2.",
        Recipe(_TANH),
    ),
    "spirals": _shape_entry(
        _spirals,
        0.03,
        "200 points on two arms of a spiral: radius 0.1 + 0.9 t, angle 3 π t, and for the other "
        "class 3 π t + π, t from 0 to 1.",
        Recipe({**_TANH, "hidden_layer_sizes": (20, 20), "max_iter": 400, "n_iter_no_change": 400}),
    ),
}
"""The shapes in the plane by name."""

GATES: dict[str, BuiltIn] = {
    "xor": _gate_entry("xor", (0, 1, 1, 0)),
    "or": _gate_entry("or", (0, 1, 1, 1)),
    "and": _gate_entry("and", (0, 0, 0, 1)),
}
"""The truth tables by name."""
