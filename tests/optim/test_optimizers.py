"""Optimizers against their update rules carried out on plain Python numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule._errors import ArgumentTypeError, InvalidArgumentError

GRADIENTS = [0.5, -2.0, 3.0, 0.1, -0.7]


def run(optimizer: optim.Optimizer, params: Any, gradients: list[Any]) -> Any:
    state = optimizer.init(params)
    for grads in gradients:
        params, state = optimizer.update(grads, state, params)
    return params


def sgd_by_hand(w: float, eta: float) -> float:
    for g in GRADIENTS:
        w -= eta * g
    return w


def momentum_by_hand(w: float, eta: float, beta: float) -> float:
    m = 0.0
    for g in GRADIENTS:
        m = beta * m + g
        w -= eta * m
    return w


def adam_by_hand(w: float, eta: float, b1: float, b2: float, epsilon: float) -> float:
    """Algorithm 1 of Kingma and Ba."""
    m = v = 0.0
    for t, g in enumerate(GRADIENTS, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        w -= eta * (m / (1 - b1**t)) / (math.sqrt(v / (1 - b2**t)) + epsilon)
    return w


CASES = [
    (optim.sgd(0.1), lambda w: sgd_by_hand(w, 0.1)),
    (optim.momentum(0.1), lambda w: momentum_by_hand(w, 0.1, 0.9)),
    (optim.momentum(0.1, beta=0.5), lambda w: momentum_by_hand(w, 0.1, 0.5)),
    (optim.momentum(0.1, beta=0.0), lambda w: sgd_by_hand(w, 0.1)),
    (optim.adam(), lambda w: adam_by_hand(w, 1e-3, 0.9, 0.999, 1e-8)),
    (optim.adam(0.1, 0.8, 0.9, 0.5), lambda w: adam_by_hand(w, 0.1, 0.8, 0.9, 0.5)),
]
IDS = ["sgd", "momentum", "momentum-0.5", "momentum-0", "adam", "adam-0.5"]


@pytest.mark.parametrize(("optimizer", "by_hand"), CASES, ids=IDS)
@pytest.mark.parametrize("compiled", [False, True])
def test_steps_by_hand(optimizer, by_hand, compiled):
    params = {"a": np.array([1.0, -2.0]), "b": (np.array(3.0),)}
    gradients = [cr.tree.map(lambda w, g=g: np.full_like(w, g), params) for g in GRADIENTS]
    if compiled:
        update = cr.compile(
            lambda opt, grads, state, params: opt.update(grads, state, params), engine="interpreter"
        )
        state = optimizer.init(params)
        result = params
        for grads in gradients:
            result, state = update(optimizer, grads, state, result)
    else:
        result = run(optimizer, params, gradients)
    np.testing.assert_allclose(result["a"], [by_hand(1.0), by_hand(-2.0)], rtol=1e-14)
    np.testing.assert_allclose(result["b"][0], by_hand(3.0), rtol=1e-14)


@pytest.mark.parametrize(("optimizer", "_by_hand"), CASES, ids=IDS)
def test_minimum_of_a_parabola(optimizer, _by_hand):
    """From 0.02 away, the smallest learning rate of the cases gets there too."""
    w = np.array([3.02])
    state = optimizer.init(w)
    for _ in range(400):
        w, state = optimizer.update(cr.grad(lambda w: np.sum((w - 3.0) ** 2))(w), state, w)
    np.testing.assert_allclose(w, 3.0, atol=2e-3)


@pytest.mark.parametrize("number", [float, np.float64, np.float32, lambda x: np.array(x)])
@pytest.mark.parametrize(
    "make",
    [
        optim.sgd,
        lambda x: optim.momentum(x, x),
        lambda x: optim.adam(x, x, x, x),
        lambda x: optim.chain(optim.l2(x, on=lambda params: True), optim.sgd(x)),
    ],
    ids=["sgd", "momentum", "adam", "l2"],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_float32_parameters_stay_float32(make, number, compiled):
    optimizer, w = make(number(0.5)), np.ones(2, np.float32)

    def update(opt: Any, g: Any, state: Any, w: Any) -> Any:
        return opt.update(g, state, w)

    update = cr.compile(update, engine="interpreter") if compiled else update
    state = optimizer.init(w)
    for _ in range(2):
        w, state = update(optimizer, np.ones(2, np.float32), state, w)
    assert w.dtype == np.float32
    assert [np.asarray(leaf).dtype for leaf in cr.tree.leaves(state)] == [
        np.asarray(leaf).dtype for leaf in cr.tree.leaves(optimizer.init(w))
    ]


def test_learning_rates_can_be_mapped_over():
    rates = np.array([0.1, 0.01, 0.001])

    def train(optimizer: Any) -> Any:
        def step(carry: Any, g: Any) -> Any:
            w, state = carry
            return optimizer.update(g, state, w), None

        w = np.array(1.0)
        (w, _), _ = cr.scan(step, (w, optimizer.init(w)), np.array(GRADIENTS))
        return w

    many = cr.vmap(train)(optim.chain(optim.sgd(rates)))
    np.testing.assert_allclose(many, [sgd_by_hand(1.0, rate) for rate in rates], rtol=1e-14)
    betas = np.array([0.9, 0.5, 0.0])
    many = cr.vmap(train)(optim.momentum(rates, betas))
    np.testing.assert_allclose(
        many, [momentum_by_hand(1.0, r, b) for r, b in zip(rates, betas, strict=True)], rtol=1e-14
    )
    many = cr.vmap(train)(optim.adam(rates, betas, betas, rates))
    expected = [adam_by_hand(1.0, r, b, b, r) for r, b in zip(rates, betas, strict=True)]
    np.testing.assert_allclose(many, expected, rtol=1e-13)


def test_derivative_with_respect_to_the_learning_rate():
    """After one step, C = (w - eta g)^2 has dC/deta = -2 g (w - eta g)."""
    w, g = np.array(3.0), np.array(2.0)

    def after_a_step(optimizer: Any) -> Any:
        stepped, _ = optimizer.update(g, optimizer.init(w), w)
        return stepped**2

    gradient = cr.grad(after_a_step)(optim.chain(optim.sgd(0.5)))
    assert gradient.optimizer.learning_rate == -2 * 2.0 * (3.0 - 0.5 * 2.0)


def test_another_learning_rate_needs_no_new_program():
    traces = 0

    def update(optimizer: Any, g: Any, state: Any, w: Any) -> Any:
        nonlocal traces
        traces += 1
        return optimizer.update(g, state, w)

    compiled = cr.compile(update, engine="interpreter")
    w = np.ones(3)
    for rate in (0.1, 0.2, 0.3):
        optimizer = optim.adam(rate)
        after, _ = compiled(optimizer, np.ones(3), optimizer.init(w), w)
        np.testing.assert_allclose(after, 1 - rate, rtol=1e-7)
    assert traces == 1


def test_l2_acts_on_weights_only():
    layer = nn.Dense(kernel=np.array([[2.0, -4.0]]), bias=np.array([2.0, -4.0]))
    zero = nn.Dense(kernel=np.zeros((1, 2)), bias=np.zeros(2))
    after = run(optim.chain(optim.l2(0.5), optim.sgd(0.1)), layer, [zero])
    np.testing.assert_allclose(after.kernel, [[1.9, -3.8]], rtol=1e-15)  # w - 0.1 * 0.5 * w
    np.testing.assert_array_equal(after.bias, layer.bias)


def test_l2_is_the_gradient_of_half_the_squared_norm():
    layer = nn.Dense(kernel=np.array([[2.0, -4.0]]), bias=np.array([1.0, 1.0]))
    zero = nn.Dense(kernel=np.zeros((1, 2)), bias=np.zeros(2))
    grads, _ = optim.l2(0.3).transform(zero, (), layer)
    expected = cr.grad(lambda m: 0.3 / 2 * np.sum(m.kernel**2))(layer)
    np.testing.assert_allclose(grads.kernel, expected.kernel, rtol=1e-15)


def test_l2_in_front_of_momentum_is_accumulated():
    w, strength, eta, beta = 1.0, 0.2, 0.1, 0.5
    link = optim.l2(strength, on=lambda params: True)
    after = run(optim.chain(link, optim.momentum(eta, beta)), np.array(w), [0.0, 0.0])
    m = 0.0
    for _ in range(2):
        m = beta * m + strength * w
        w -= eta * m
    np.testing.assert_allclose(after, w, rtol=1e-15)


def test_l2_needs_to_know_the_weights():
    params = {"w": np.array([2.0]), "b": np.array([2.0])}
    with pytest.raises(InvalidArgumentError, match=r"^weight_mask: expected a model whose layers"):
        optim.chain(optim.l2(0.5), optim.sgd(1.0)).init(params)
    link = optim.l2(0.5, on=lambda params: {"w": True, "b": False})
    after = run(optim.chain(link, optim.sgd(1.0)), params, [{"w": np.zeros(1), "b": np.zeros(1)}])
    assert (after["w"][0], after["b"][0]) == (1.0, 2.0)


def test_links_are_applied_in_order():
    class Add:
        def __init__(self, number: float) -> None:
            self.number = number

        def init(self, params: Any) -> Any:
            return 0

        def transform(self, grads: Any, state: Any, params: Any) -> Any:
            return (grads + self.number) * self.number, state + 1

    optimizer = optim.chain(Add(2.0), Add(3.0), optim.sgd(1.0))
    w = np.array(0.0)
    w, state = optimizer.update(1.0, optimizer.init(w), w)
    assert w == -((1 + 2) * 2 + 3) * 3
    assert state == (1, 1, ())


@pytest.mark.parametrize(
    ("links", "start"),
    [
        ((optim.l2(0.1),), "chain: expected an optimizer (with init and update) as link 1 of 1"),
        (
            (optim.sgd(0.1), optim.sgd(0.1)),
            "chain: expected a gradient transformation (with init and transform) as link 1 of 2",
        ),
        ((0.1,), "chain: expected an optimizer (with init and update) as link 1 of 1, got 0.1;"),
        ((), "chain: expected an optimizer at the end, got no links"),
    ],
)
def test_wrong_links(links, start):
    with pytest.raises(ArgumentTypeError) as caught:
        optim.chain(*links)
    assert caught.value.message.startswith(start)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: optim.sgd(-0.1),
            "sgd: learning_rate: expected a number of at least 0, finite, got -0.1.",
        ),
        (
            lambda: optim.sgd(float("nan")),
            "sgd: learning_rate: expected a number of at least 0, finite, got nan.",
        ),
        (
            lambda: optim.sgd(np.array([0.1, -1.0])),
            "sgd: learning_rate: expected a number of at least 0, finite, got -1.0.",
        ),
        (
            lambda: optim.momentum(0.1, 1.0),
            "momentum: beta: expected a number of at least 0 and below 1, got 1.0.",
        ),
        (
            lambda: optim.momentum(np.inf),
            "momentum: learning_rate: expected a number of at least 0, finite, got inf.",
        ),
        (
            lambda: optim.adam(epsilon=0.0),
            "adam: epsilon: expected a number above 0, finite, got 0.0.",
        ),
        (
            lambda: optim.adam(beta_1=-0.5),
            "adam: beta_1: expected a number of at least 0 and below 1, got -0.5.",
        ),
        (
            lambda: optim.adam(beta_2=1.5),
            "adam: beta_2: expected a number of at least 0 and below 1, got 1.5.",
        ),
        (lambda: optim.l2(-1), "l2: strength: expected a number of at least 0, finite, got -1."),
    ],
)
def test_numbers_out_of_range(make, message):
    with pytest.raises(InvalidArgumentError) as caught:
        make()
    assert caught.value.message == message


@pytest.mark.parametrize("value", ["0.1", None, True, [0.1]])
def test_what_is_not_a_number(value):
    with pytest.raises(ArgumentTypeError) as caught:
        optim.sgd(value)
    assert caught.value.message == (
        f"sgd: learning_rate: expected a number of at least 0, finite, got {value!r}."
    )
