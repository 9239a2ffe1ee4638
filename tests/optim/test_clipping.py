"""Clipped gradients and weights of bounded length, against the definitions in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, random
from chainrule._errors import ArgumentTypeError, InvalidArgumentError

GRADS = {"w": np.array([[3.0, -4.0], [0.0, 12.0]]), "b": np.array([-84.0])}  # of length 85


def transformed(link: Any, grads: Any) -> Any:
    return link.transform(grads, link.init(grads), grads)[0]


@pytest.mark.parametrize("compiled", [False, True])
def test_clip_by_value(compiled):
    run = cr.compile(transformed, engine="interpreter") if compiled else transformed
    clipped = run(optim.clip_by_value(3.5), GRADS)
    np.testing.assert_array_equal(clipped["w"], [[3.0, -3.5], [0.0, 3.5]])
    np.testing.assert_array_equal(clipped["b"], [-3.5])


@pytest.mark.parametrize("compiled", [False, True])
def test_clip_by_global_norm(compiled):
    run = cr.compile(transformed, engine="interpreter") if compiled else transformed
    clipped = run(optim.clip_by_global_norm(17.0), GRADS)
    np.testing.assert_allclose(clipped["w"], GRADS["w"] / 5, rtol=1e-15)
    np.testing.assert_allclose(clipped["b"], GRADS["b"] / 5, rtol=1e-15)
    for limit in (85.0, 1000.0):
        same = run(optim.clip_by_global_norm(limit), GRADS)
        np.testing.assert_array_equal(same["w"], GRADS["w"])
    zero = run(optim.clip_by_global_norm(1.0), cr.tree.map(np.zeros_like, GRADS))
    np.testing.assert_array_equal(zero["w"], np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("dtype", "large"), [(np.float32, 1e30), (np.float64, 1e200), (np.float64, 1e-200)]
)
def test_the_norm_neither_overflows_nor_underflows(dtype, large):
    grads = [np.array([3.0 * large], dtype), np.array([4.0 * large], dtype)]
    limit = 1e-201 if large < 1 else 1.0
    with np.errstate(over="raise"):
        first, second = transformed(optim.clip_by_global_norm(limit), grads)
    np.testing.assert_allclose([first[0], second[0]], [0.6 * limit, 0.8 * limit], rtol=1e-6)
    assert first.dtype == dtype


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_gradients_that_are_not_finite_are_not_hidden(bad):
    grads = [np.array([1.0]), np.array([bad])]
    with np.errstate(invalid="ignore"):
        clipped = transformed(optim.clip_by_global_norm(1.0), grads)
    assert not np.isfinite(clipped[1]).all()
    assert np.isnan(transformed(optim.clip_by_value(1.0), [np.array([np.nan])])[0])


def test_max_norm_shortens_the_incoming_weights_of_units():
    kernel = np.array([[3.0, 0.3, 0.0], [4.0, 0.4, 0.0]])
    layer = nn.Dense(kernel, np.full(3, 100.0))
    zero = cr.tree.map(np.zeros_like, layer)
    optimizer = optim.max_norm(optim.sgd(0.1), 2.0)
    after, _ = optimizer.update(zero, optimizer.init(layer), layer)
    np.testing.assert_allclose(after.kernel, [[1.2, 0.3, 0.0], [1.6, 0.4, 0.0]], rtol=1e-15)
    np.testing.assert_array_equal(after.bias, layer.bias)


@pytest.mark.parametrize("shape", [(6,), (3, 2), (2, 2, 3)])
def test_max_norm_by_the_definition(shape):
    w = np.random.default_rng(0).normal(size=shape) * 3
    optimizer = optim.max_norm(optim.sgd(0.1), 1.5, on=lambda params: True)
    after, _ = optimizer.update(np.ones(shape), optimizer.init(w), w)
    rows = (w - 0.1).reshape(-1, shape[-1] if len(shape) > 1 else 1)
    lengths = np.linalg.norm(rows, axis=0)
    expected = rows * np.minimum(1.0, 1.5 / lengths)
    np.testing.assert_allclose(after, expected.reshape(shape), rtol=1e-14)


def test_max_norm_does_not_hide_weights_that_grew_too_large():
    optimizer = optim.max_norm(optim.sgd(1.0), 1.0, on=lambda params: True)
    w = np.zeros(2)
    with np.errstate(invalid="ignore"):
        after, _ = optimizer.update(np.array([-np.inf, 0.0]), (), w)
    assert not np.isfinite(after).all()
    after, _ = optimizer.update(np.array([-3e200, -4e200]), (), w)
    np.testing.assert_allclose(after, [0.6, 0.8], rtol=1e-15)


def test_bounds_keep_float32():
    model = nn.mlp(random.key(0), (3, 2), dtype=np.float32)
    optimizer = optim.chain(
        optim.clip_by_value(np.float64(0.1)),
        optim.clip_by_global_norm(np.array(0.1)),
        optim.max_norm(optim.adam(0.1), np.float64(0.5)),
    )
    after, _ = optimizer.update(model, optimizer.init(model), model)
    assert {leaf.dtype for leaf in cr.tree.leaves(after)} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: optim.clip_by_value(0.0),
            "clip_by_value: limit: expected a number above 0, finite, got 0.0.",
        ),
        (
            lambda: optim.clip_by_global_norm(-1.0),
            "clip_by_global_norm: limit: expected a number above 0, finite, got -1.0.",
        ),
        (
            lambda: optim.max_norm(optim.sgd(0.1), np.nan),
            "max_norm: limit: expected a number above 0, finite, got nan.",
        ),
    ],
)
def test_limits_are_checked(make, message):
    with pytest.raises(InvalidArgumentError) as caught:
        make()
    assert caught.value.message == message


def test_max_norm_wants_an_optimizer():
    with pytest.raises(ArgumentTypeError) as caught:
        optim.max_norm(optim.clip_by_value(1.0), 2.0)
    assert caught.value.message == (
        "max_norm: expected an optimizer such as optim.sgd(0.1), got ClipByValue(limit=1.0)."
    )
