"""Shapes that do not fit: which op, which shapes, which axis, what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import (
    ShapeError,
)

rng = np.random.default_rng(0)
X, W1, W2 = rng.normal(size=(6, 4)), rng.normal(size=(4, 3)), rng.normal(size=(5, 2))


def network(w1: Any, w2: Any) -> Any:
    hidden = np.tanh(X @ w1)
    return np.sum(hidden @ w2)


def biased(w1: Any, b: Any) -> Any:
    return np.sum(X @ w1 + b)


def values(x: Any, v: Any) -> Any:
    return np.sum(cr.at(x)[0:2].set(v))


@pytest.mark.parametrize(
    ("f", "kind", "expected"),
    [
        pytest.param(
            lambda: cr.grad(network)(W1, W2),
            ShapeError,
            "np.matmul (x @ y): cannot multiply shapes (6, 3) and (5, 2): axis 1 of the first has "
            "length 3, axis 0 of the second has 5, and they must be equal. Check the order of "
            "the factors, or transpose one with .T.",
            id="second_layer",
        ),
        pytest.param(
            lambda: cr.compile(network)(W1, W2),
            ShapeError,
            "np.matmul (x @ y): cannot multiply shapes (6, 3) and (5, 2): axis 1 of the first has "
            "length 3, axis 0 of the second has 5, and they must be equal. Check the order of "
            "the factors, or transpose one with .T.",
            id="second_layer_compiled",
        ),
        pytest.param(
            lambda: cr.vmap(network)(W1[None], W2[None]),
            ShapeError,
            "np.matmul (x @ y): cannot multiply shapes (6, 3) and (5, 2): axis 1 of the first has "
            "length 3, axis 0 of the second has 5, and they must be equal. Check the order of "
            "the factors, or transpose one with .T.",
            id="second_layer_in_vmap",
        ),
        pytest.param(
            lambda: cr.grad(biased)(W1, np.ones(4)),
            ShapeError,
            "add: shapes (6, 3) and (4,) do not broadcast: counted from the last axis, axis -1 "
            "has 3 against 4. Reshape one of them, or give it an axis of length 1 with [..., "
            "None].",
            id="bias",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x * 2)(np.ones(3)),
            ShapeError,
            "grad(<lambda>): the function must return one float without axes, got shape (3,); sum "
            "or average it, or use cr.jacobian for the derivative of every element.",
            id="vector_valued",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: (x * 2, 0), has_aux=True)(np.ones(3)),
            ShapeError,
            "grad(<lambda>): the function must return one float without axes, got shape (3,); sum "
            "or average it, or use cr.jacobian for the derivative of every element.",
            id="vector_valued_with_aux",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: (np.sum(x), 1.0))(np.ones(3)),
            ShapeError,
            "grad(<lambda>): the function must return one float without axes, got (*, *); to "
            "return more than the value, use has_aux=True.",
            id="pair_valued",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: None)(np.ones(3)),
            ShapeError,
            "grad(<lambda>): the function must return one float without axes, got None; a return "
            "statement may be missing.",
            id="nothing_returned",
        ),
        pytest.param(
            lambda: cr.hessian(lambda x: x)(np.ones(2)),
            ShapeError,
            "grad(<lambda>): the function must return one float without axes, got shape (2,); sum "
            "or average it, or use cr.jacobian for the derivative of every element.",
            id="hessian_of_vector",
        ),
        pytest.param(
            lambda: cr.hvp(lambda x: x, (np.ones(2),), (np.ones(2),)),
            ShapeError,
            "grad(<lambda>): the function must return one float without axes, got shape (2,); sum "
            "or average it, or use cr.jacobian for the derivative of every element.",
            id="hvp_of_vector",
        ),
        pytest.param(
            lambda: cr.grad(values)(np.ones(3), np.ones(3)),
            ShapeError,
            "cr.at(x)[index].set: shapes (3,) and (2,) do not broadcast: counted from the last "
            "axis, axis -1 has 3 against 2. Reshape one of them, or give it an axis of length 1 "
            "with [..., None].",
            id="set_values",
        ),
        pytest.param(
            lambda: cr.at(np.ones(3))[0:2].set(np.ones(3)),
            ShapeError,
            "cr.at(x)[index].set: shapes (3,) and (2,) do not broadcast: counted from the last "
            "axis, axis -1 has 3 against 2. Reshape one of them, or give it an axis of length 1 "
            "with [..., None].",
            id="set_values_on_numpy",
        ),
        pytest.param(
            lambda: cr.at(np.ones(3))[0].set(np.ones(1)),
            ShapeError,
            "cr.at(x)[index].set: values of shape (1,) do not fit into an index of shape (); they "
            "must broadcast to it.",
            id="set_more_axes",
        ),
        pytest.param(
            lambda: cr.Dual(np.ones(3), np.ones(2)),
            ShapeError,
            "Dual: value and tangent must have one shape, got (3,) and (2,).",
            id="dual",
        ),
    ],
)
def test_messages(
    f: Callable[[], Any], kind: type[cr.ChainruleError], expected: str, message: Any
) -> None:
    assert message(kind, f) == expected


def test_the_place_is_the_line_of_the_clash() -> None:
    with pytest.raises(ShapeError, match="shapes") as caught:
        cr.grad(network)(W1, W2)
    assert caught.value.place is not None
    assert caught.value.place.endswith("in network: return np.sum(hidden @ w2)")
