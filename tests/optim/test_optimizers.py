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


def nesterov_by_hand(w: float, eta: float, beta: float) -> float:
    m = 0.0
    for g in GRADIENTS:
        m = beta * m + g
        w -= eta * (g + beta * m)
    return w


def adagrad_by_hand(w: float, eta: float, epsilon: float) -> float:
    """Figure 1 of Duchi, Hazan and Singer, for one coordinate without constraints."""
    past: list[float] = []
    for g in GRADIENTS:
        past.append(g)
        w -= eta * g / (epsilon + math.hypot(*past))
    return w


def rmsprop_by_hand(w: float, eta: float, rho: float, epsilon: float) -> float:
    v = 0.0
    for g in GRADIENTS:
        v = rho * v + (1 - rho) * g**2
        w -= eta * g / (math.sqrt(v) + epsilon)
    return w


def adamw_by_hand(w: float, eta: float, decay: float) -> float:
    """Algorithm 2 of Loshchilov and Hutter, with their lambda being eta * decay."""
    m = v = 0.0
    for t, g in enumerate(GRADIENTS, start=1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        step = eta * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
        w = w - step - eta * decay * w
    return w


def rprop_by_hand(
    w: float, length: float, shrink: float = 0.5, grow: float = 1.2, ends: Any = (1e-6, 50.0)
) -> float:
    """iRprop- of Igel and Hüsken, table 4."""
    before = 0.0
    for gradient in GRADIENTS:
        g = gradient
        if before * g > 0:
            length = min(length * grow, ends[1])
        elif before * g < 0:
            length = max(length * shrink, ends[0])
            g = 0.0
        w -= math.copysign(length, g) if g else 0.0
        before = g
    return w


CASES = [
    (optim.sgd(0.1), lambda w: sgd_by_hand(w, 0.1)),
    (optim.momentum(0.1), lambda w: momentum_by_hand(w, 0.1, 0.9)),
    (optim.momentum(0.1, beta=0.5), lambda w: momentum_by_hand(w, 0.1, 0.5)),
    (optim.momentum(0.1, beta=0.0), lambda w: sgd_by_hand(w, 0.1)),
    (optim.adam(), lambda w: adam_by_hand(w, 1e-3, 0.9, 0.999, 1e-8)),
    (optim.adam(0.1, 0.8, 0.9, 0.5), lambda w: adam_by_hand(w, 0.1, 0.8, 0.9, 0.5)),
    (optim.nesterov(0.1), lambda w: nesterov_by_hand(w, 0.1, 0.9)),
    (optim.nesterov(0.1, beta=0.0), lambda w: sgd_by_hand(w, 0.1)),
    (optim.adagrad(0.1), lambda w: adagrad_by_hand(w, 0.1, 1e-10)),
    (optim.adagrad(0.1, epsilon=0.5), lambda w: adagrad_by_hand(w, 0.1, 0.5)),
    (optim.rmsprop(0.1), lambda w: rmsprop_by_hand(w, 0.1, 0.9, 1e-8)),
    (optim.rmsprop(0.1, rho=0.5, epsilon=0.5), lambda w: rmsprop_by_hand(w, 0.1, 0.5, 0.5)),
    (
        optim.adamw(0.1, weight_decay=0.3, on=lambda params: cr.tree.map(lambda _: True, params)),
        lambda w: adamw_by_hand(w, 0.1, 0.3),
    ),
    (optim.rprop(), lambda w: rprop_by_hand(w, 0.1)),
    (
        optim.rprop(0.4, shrink=0.1, grow=3.0, smallest_step=0.3, largest_step=0.5),
        lambda w: rprop_by_hand(w, 0.4, 0.1, 3.0, (0.3, 0.5)),
    ),
]
IDS = [
    *("sgd", "momentum", "momentum-0.5", "momentum-0", "adam", "adam-0.5", "nesterov"),
    *("nesterov-0", "adagrad", "adagrad-0.5", "rmsprop", "rmsprop-0.5", "adamw", "rprop"),
    "rprop-bounded",
]

# By PyTorch 2.13 for the same gradients, rates 0.1 and other defaults, from 1 and from -2.
OF_PYTORCH = {
    "nesterov": [0.6589404999999998, -2.3410595],
    "adagrad": [0.9307293326295096, -2.069270667370491],
    "rmsprop": [0.7841567166922625, -2.2158432833077377],
    "adamw": [0.7606747022645111, -1.8155273748354885],
    "rprop": [0.79, -2.21],
}


@pytest.mark.parametrize("name", sorted(OF_PYTORCH))
def test_steps_are_those_of_pytorch(name):
    optimizer = CASES[IDS.index(name)][0]
    after = run(optimizer, np.array([1.0, -2.0]), [np.full(2, g) for g in GRADIENTS])
    np.testing.assert_allclose(after, OF_PYTORCH[name], rtol=1e-13)


def test_nesterov_evaluates_where_momentum_leads():
    """Against the method as Nesterov states it: theta, and the gradient at theta + beta v."""
    eta, beta = 0.05, 0.8
    slope = cr.grad(lambda w: np.sum(np.array([1.0, 10.0]) * w**2) / 2 + np.sum(np.sin(w)))
    theta, v = np.array([1.0, -2.0]), np.zeros(2)
    optimizer, w = optim.nesterov(eta, beta), theta
    state = optimizer.init(w)
    for _ in range(10):
        v = beta * v - eta * slope(theta + beta * v)
        theta = theta + v
        w, state = optimizer.update(slope(w), state, w)
        np.testing.assert_allclose(w, theta + beta * v, rtol=1e-12)


def test_decoupled_decay_spares_the_biases():
    layer = nn.Dense(kernel=np.array([[2.0]]), bias=np.array([2.0]))
    zero = nn.Dense(kernel=np.zeros((1, 1)), bias=np.zeros(1))
    after = run(optim.adamw(0.1, weight_decay=0.5), layer, [zero])
    assert (after.kernel, after.bias) == (1.9, 2.0)


def test_only_rprop_needs_all_samples():
    assert optim.full_batch_only(optim.rprop())
    on = {"on": lambda params: True}
    assert optim.full_batch_only(optim.chain(optim.l2(0.1, **on), optim.rprop()))
    assert optim.full_batch_only(optim.max_norm(optim.rprop(), 1.0, **on))
    assert not optim.full_batch_only(optim.max_norm(optim.adam(), 1.0, **on))
    assert not optim.full_batch_only(optim.sgd(0.1))


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


@pytest.mark.parametrize("number", [float, np.float64, np.float32, lambda x: np.array(x)])
@pytest.mark.parametrize(
    "make",
    [
        optim.sgd,
        lambda x: optim.momentum(x, x),
        lambda x: optim.adam(x, x, x, x),
        lambda x: optim.chain(optim.l2(x, on=lambda params: True), optim.sgd(x)),
        lambda x: optim.chain(optim.l1(x, on=lambda params: True), optim.nesterov(x, x)),
        lambda x: optim.adagrad(x, x),
        lambda x: optim.rmsprop(x, x, x),
        lambda x: optim.adamw(x, x, x, x, x, on=lambda params: True),
        lambda x: optim.rprop(x, x, 2 * x, x, x),
    ],
    ids=["sgd", "momentum", "adam", "l2", "l1", "adagrad", "rmsprop", "adamw", "rprop"],
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


def test_l1_is_the_gradient_of_the_absolute_sum_on_weights_only():
    layer = nn.Dense(kernel=np.array([[2.0, -4.0, 0.0]]), bias=np.array([1.0, 1.0, 1.0]))
    zero = nn.Dense(kernel=np.zeros((1, 3)), bias=np.zeros(3))
    grads, _ = optim.l1(0.3).transform(zero, (), layer)
    expected = cr.grad(lambda m: 0.3 * np.sum(np.abs(m.kernel)))(layer)
    np.testing.assert_array_equal(grads.kernel, expected.kernel)
    np.testing.assert_array_equal(grads.kernel, [[0.3, -0.3, 0.0]])
    np.testing.assert_array_equal(grads.bias, np.zeros(3))


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
        (
            lambda: optim.nesterov(0.1, -0.1),
            "nesterov: beta: expected a number of at least 0 and below 1, got -0.1.",
        ),
        (
            lambda: optim.adagrad(0.1, 0.0),
            "adagrad: epsilon: expected a number above 0, finite, got 0.0.",
        ),
        (
            lambda: optim.rmsprop(rho=1.0),
            "rmsprop: rho: expected a number of at least 0 and below 1, got 1.0.",
        ),
        (
            lambda: optim.adamw(weight_decay=-0.1),
            "adamw: weight_decay: expected a number of at least 0, finite, got -0.1.",
        ),
        (
            lambda: optim.rprop(shrink=1.0),
            "rprop: shrink: expected a number above 0 and below 1, got 1.0.",
        ),
        (
            lambda: optim.rprop(grow=0.9),
            "rprop: grow: expected a number of at least 1, finite, got 0.9.",
        ),
        (lambda: optim.l1(-1), "l1: strength: expected a number of at least 0, finite, got -1."),
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
