"""Schedules against their formulas in plain Python, and inside optimizers."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, random
from chainrule._errors import ArgumentTypeError, InvalidArgumentError
from chainrule.optim import schedules
from chainrule.training import fit

STEPS = range(0, 40)


def cosine(t: int, rate: float, steps: int, final: float) -> float:
    t = min(t, steps)
    return final + (rate - final) / 2 * (1 + math.cos(math.pi * t / steps))


def warm_up_of_cosine(t: int) -> float:
    return 0.5 * (t + 1) / 7 if t < 7 else cosine(t - 7, 0.5, 20, 0.0)


CASES = {
    "constant": (schedules.constant(0.3), lambda t: 0.3),
    "step": (schedules.step(0.5, factor=0.2, every=10), lambda t: 0.5 * 0.2 ** (t // 10)),
    "exponential": (
        schedules.exponential(0.5, factor=0.25, every=10),
        lambda t: 0.5 * math.exp(math.log(0.25) * t / 10),
    ),
    "inverse_scaling": (schedules.inverse_scaling(0.5), lambda t: 0.5 / math.sqrt(t + 1)),
    # The rate t0 / (t + t1) of Robbins and Monro.
    "robbins_monro": (
        schedules.inverse_scaling(5 / 50, power=1.0, every=50),
        lambda t: 5 / (t + 50),
    ),
    "cosine": (
        schedules.cosine(0.5, steps=25, final=0.1),
        lambda t: cosine(t, 0.5, 25, 0.1),
    ),
    "warm_up": (schedules.warm_up(schedules.cosine(0.5, steps=20), steps=7), warm_up_of_cosine),
    "warm_up_number": (schedules.warm_up(0.5, steps=7), lambda t: 0.5 * min((t + 1) / 7, 1)),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_formula(name):
    schedule, formula = CASES[name]
    expected = [formula(t) for t in STEPS]
    np.testing.assert_allclose([schedule(t) for t in STEPS], expected, rtol=1e-13, atol=1e-16)
    compiled = cr.compile(lambda schedule, t: schedule(t), engine="interpreter")
    traced = [compiled(schedule, np.int64(t)) for t in STEPS]
    np.testing.assert_allclose(traced, expected, rtol=1e-13, atol=1e-16)
    assert compiled.num_traces == 1


def test_one_cycle_is_that_of_pytorch():
    """OneCycleLR(max_lr=0.5, total_steps=11, pct_start=4/11) of PyTorch 2.13 peaks at step 3."""
    expected = [
        *(0.020000000000000018, 0.14, 0.37999999999999995, 0.5, 0.47524231600673683),
        *(0.40587282697488153, 0.30563101096814466, 0.19437098903185537, 0.09412917302511849),
        *(0.024759683993263143, 2e-06),
    ]
    schedule = schedules.one_cycle(0.5, steps=11, rise=0.3)
    np.testing.assert_allclose([schedule(t) for t in range(11)], expected, rtol=1e-12)
    assert schedule(100) == schedule(10)


@pytest.mark.parametrize(
    "make",
    [optim.sgd, optim.momentum, optim.nesterov, optim.adagrad, optim.rmsprop, optim.adam],
)
def test_every_optimizer_follows_a_schedule(make):
    """Against the same optimizer with a plain number, made anew for every step."""
    schedule = schedules.exponential(0.1, factor=0.5)
    scheduled, w = make(schedule), np.array([1.0, -2.0])
    state = scheduled.init(w)
    by_hand, hand_state = w, make(0.1).init(w)
    for t, g in enumerate([0.5, -2.0, 3.0, 0.1]):
        grads = np.full(2, g)
        w, state = scheduled.update(grads, state, w)
        by_hand, hand_state = make(0.1 * 0.5**t).update(grads, hand_state, by_hand)
        np.testing.assert_allclose(w, by_hand, rtol=1e-14)


def test_the_rate_of_every_step_of_a_run():
    """A linear cost of slope 1 moves the bias by the learning rate, batch by batch."""
    schedule = schedules.cosine(0.5, steps=5)
    model = nn.Dense(np.zeros((1, 1)), np.zeros(1))
    seen = []
    fit(
        model,
        lambda output, target: np.mean(output),
        optim.sgd(schedule),
        np.zeros((6, 1)),
        np.zeros(6),
        epochs=2,
        batch_size=2,
        key=random.key(0),
        callbacks=[lambda record: seen.append(-record.model.bias[0])],
    )
    rates = [cosine(t, 0.5, 5, 0.0) for t in range(6)]
    np.testing.assert_allclose(seen, [sum(rates[:3]), sum(rates)], rtol=1e-13)


def test_a_function_is_a_schedule():
    def halving(step):
        return 0.5**step

    optimizer = optim.sgd(halving)
    w, state = np.array(0.0), optimizer.init(np.array(0.0))
    for _ in range(3):
        w, state = optimizer.update(np.array(-1.0), state, w)
    assert (w, state) == (1.75, 3)
    assert repr(optimizer.learning_rate) == "halving()"


def test_schedules_of_a_grid_can_be_mapped_over():
    rates = np.array([0.1, 0.2])
    schedule = schedules.exponential(rates, factor=np.array([0.5, 0.1]), every=np.ones(2))
    mapped = cr.vmap(lambda s: s(2))(schedule)
    np.testing.assert_allclose(mapped, [0.1 * 0.25, 0.2 * 0.01], rtol=1e-15)


def test_float32_stays_float32():
    optimizer, w = optim.sgd(schedules.cosine(0.5, steps=5)), np.ones(2, np.float32)
    assert optimizer.update(w, optimizer.init(w), w)[0].dtype == np.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: schedules.cosine(-0.1, steps=5),
            "cosine: rate: expected a number of at least 0, finite, got -0.1.",
        ),
        (
            lambda: schedules.cosine(0.1, steps=0),
            "cosine: steps: expected a number of at least 1, finite, got 0.",
        ),
        (
            lambda: schedules.step(0.1, factor=0.0, every=3),
            "step: factor: expected a number above 0, finite, got 0.0.",
        ),
        (
            lambda: schedules.exponential(0.1, factor=0.5, every=0.5),
            "exponential: every: expected a number of at least 1, finite, got 0.5.",
        ),
        (
            lambda: schedules.inverse_scaling(0.1, power=-1.0),
            "inverse_scaling: power: expected a number of at least 0, finite, got -1.0.",
        ),
        (
            lambda: schedules.warm_up(-1.0, steps=3),
            "warm_up: rate: expected a number of at least 0, finite, got -1.0.",
        ),
        (
            lambda: schedules.one_cycle(0.1, steps=1),
            "one_cycle: steps: expected a number of at least 2, finite, got 1.",
        ),
        (
            lambda: schedules.one_cycle(0.1, steps=9, rise=1.0),
            "one_cycle: rise: expected a number above 0 and below 1, got 1.0.",
        ),
    ],
)
def test_numbers_out_of_range(make, message):
    with pytest.raises(InvalidArgumentError) as caught:
        make()
    assert caught.value.message == message


def test_what_is_neither_a_number_nor_a_schedule():
    with pytest.raises(ArgumentTypeError, match=r"^adam: learning_rate: expected a number of at"):
        optim.adam("cosine")
