"""The learning-rate finder: every step worked out by hand, and what is made of the losses."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from chainrule import _tree as tree
from chainrule import nn, optim, random
from chainrule._errors import ArgumentTypeError, ChainruleError, InvalidArgumentError, ShapeError
from chainrule.training import LearningRateSearch, find_learning_rate


def line(n: int = 40, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Noisy samples of y = 2 x - 1."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(n, 1))
    return X, 2 * X - 1 + noise * generator.normal(size=(n, 1))


def search_line(**changes: Any) -> LearningRateSearch:
    X, y = line()
    arguments: dict[str, Any] = {
        "model": nn.mlp(random.key(0), (1, 1)),
        "loss": nn.half_squared_error,
        "optimizer_factory": optim.sgd,
        "X": X,
        "y": y,
        "key": random.key(1),
        **changes,
    }
    return find_learning_rate(**arguments)


def worked(
    X: np.ndarray, y: np.ndarray, weights: np.ndarray, model: Any, rates: np.ndarray, beta: float
) -> np.ndarray:
    """Return the losses of gradient descent with momentum on a line, all rows in each step."""
    w, b = model.layers[0].kernel.copy(), model.layers[0].bias.copy()
    mw, mb = np.zeros_like(w), np.zeros_like(b)
    share = weights[:, None] / weights.sum()
    losses = []
    for rate in rates:
        error = X @ w + b - y
        losses.append(np.sum(share * 0.5 * error**2))
        mw, mb = beta * mw + X.T @ (share * error), beta * mb + np.sum(share * error, axis=0)
        w, b = w - rate * mw, b - rate * mb
    return np.array(losses)


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_are_those_of_the_steps_worked_out(weighted):
    X, y = line()
    weights = np.random.default_rng(1).uniform(size=40) if weighted else None
    model = nn.mlp(random.key(0), (1, 1))
    search = search_line(
        model=model,
        optimizer_factory=lambda rate: optim.momentum(rate, beta=0.5),
        batch_size=40,
        sample_weight=weights,
        lowest=1e-4,
        highest=0.5,
        steps=30,
    )
    rates = [1e-4 * (0.5 / 1e-4) ** (t / 29) for t in range(30)]
    np.testing.assert_allclose(search.rates, rates, rtol=1e-12)
    shares = np.ones(40) if weights is None else weights
    expected = worked(X, y, shares, model, search.rates, 0.5)
    np.testing.assert_allclose(search.losses, expected, rtol=1e-10)


def test_smoothing_is_the_average_with_weights_that_fall_off():
    search = search_line(smoothing=0.8, batch_size=10)
    n = 37
    falling = 0.8 ** np.arange(n)[::-1]
    expected = np.sum(falling * search.losses[:n]) / np.sum(falling)
    np.testing.assert_allclose(search.smoothed[n - 1], expected, rtol=1e-12)
    assert search.smoothed[0] == pytest.approx(search.losses[0])
    np.testing.assert_allclose(search_line(smoothing=0.0).smoothed, search_line().losses)


def test_suggestion_is_a_tenth_of_the_last_rate_at_which_the_loss_was_low():
    search = search_line(batch_size=10, highest=1e3)
    low = [s <= 1.1 * min(search.smoothed) for s in search.smoothed]
    last = max(number for number, is_low in enumerate(low) if is_low)
    assert last < len(search) - 1
    assert search.suggestion == pytest.approx(search.rates[last] / 10)


def test_a_loss_that_does_not_change_before_it_explodes_leaves_the_rate_below_that():
    """Where nothing is to be learned in so few steps, chance must not choose."""
    generator = np.random.default_rng(5)
    X, y = generator.normal(size=(160, 2)), generator.integers(0, 2, (160, 1))
    model = nn.mlp(random.key(0), (2, 20, 1), activation=nn.tanh)
    for seed in range(3):
        search = find_learning_rate(
            model,
            nn.sigmoid_cross_entropy,
            optim.adam,
            X,
            y,
            key=random.key(seed),
            batch_size=20,
        )
        assert 0.003 < search.suggestion < 0.3


def test_suggestion_on_a_parabola_is_below_what_diverges_and_of_use():
    """Gradient descent on a parabola of curvature c diverges above 2 / c."""
    for scale in (0.1, 1.0, 10.0):
        X = np.random.default_rng(2).normal(size=(60, 2)) * [scale, scale / 3]
        y = X @ [[1.0], [2.0]] + 0.1 * scale * np.random.default_rng(3).normal(size=(60, 1))
        model = nn.Sequential((nn.Dense.init(random.key(0), 2, 1),))
        search = find_learning_rate(
            model, nn.half_squared_error, optim.sgd, X, y, key=random.key(1), highest=1e3, steps=400
        )
        curvature = np.linalg.eigvalsh(np.c_[X, np.ones(60)].T @ np.c_[X, np.ones(60)] / 60).max()
        assert 0.01 / curvature < search.suggestion < 2 / curvature


def test_search_ends_where_the_smoothed_loss_has_multiplied():
    search = search_line(batch_size=10, highest=1e12, factor=3.0)
    whole = search_line(batch_size=10, highest=1e12, factor=1e300)
    n = len(search)
    assert n < len(whole) < 200
    np.testing.assert_array_equal(whole.losses[:n], search.losses)
    assert whole.smoothed[n] > 3 * search.smoothed.min()
    assert np.all(search.smoothed <= 3 * np.minimum.accumulate(search.smoothed))
    assert search.message == (
        f"{search.suggestion:.2g} is suggested, a tenth of the highest rate at which the smoothed "
        f"loss was low. The search ended after {n} of 200 steps, when the smoothed loss was above "
        "3 times its lowest."
    )
    assert whole.message.endswith("steps, when the loss was no longer finite.")
    assert np.isfinite(whole.losses).all()


def test_a_negative_loss_may_fall_below_zero():
    """The likelihood of a narrow distribution exceeds 1, and its cost falls below 0."""
    X, y = line(noise=0.01)
    model = nn.mlp(random.key(0), (1, 2))
    search = search_line(model=model, loss=nn.gaussian_loss, optimizer_factory=optim.adam, X=X, y=y)
    assert search.smoothed[0] > 0
    reached = search.rates >= 10 * search.suggestion
    assert reached.any()
    shifted = find_learning_rate(
        model,
        lambda output, target: nn.gaussian_loss(output, target) - 100.0,
        optim.adam,
        X,
        y,
        key=random.key(1),
        factor=1.5,
    )
    assert (shifted.smoothed < 0).all()
    assert len(shifted) > 100


def test_a_loss_still_low_at_the_last_rate_is_told():
    search = search_line(highest=1e-3)
    assert search.suggestion == pytest.approx(1e-4)
    assert search.message == (
        "0.0001 is suggested, a tenth of the highest rate at which the smoothed loss was low. The "
        "search ended after 200 of 200 steps, when the last rate was reached. It was low to the "
        "end: higher rates may be better."
    )


def test_no_rate_is_suggested_where_the_loss_rises_from_the_start():
    search = search_line(lowest=10.0, highest=1000.0)
    assert search.suggestion is None
    assert search.message == (
        f"The search ended after {len(search)} of 200 steps, when the smoothed loss was above 4 "
        "times its lowest. The loss rose from the start: no rate is suggested. Try lower ones."
    )


def test_a_first_loss_that_is_not_finite_leaves_nothing():
    search = search_line(loss=lambda output, target: np.log(np.mean(output * 0.0)))
    assert len(search) == 0
    assert search.suggestion is None


def test_every_pass_sees_each_row_once_in_a_new_order():
    """The loss of a batch tells which rows it is made of: row i counts 2 to the power of i."""
    y = 2.0 ** np.arange(12)[:, None]
    search = search_line(
        loss=lambda output, target: np.mean(target + 0.0 * output),
        X=np.zeros((12, 1)),
        y=y,
        batch_size=4,
        steps=6,
        factor=1e9,
    )
    codes = (4 * search.losses).astype(int)
    rows = [{i for i in range(12) if code >> i & 1} for code in codes]
    assert all(len(batch) == 4 for batch in rows)
    for start in (0, 3):
        assert set.union(*rows[start : start + 3]) == set(range(12))
    assert rows[:3] != rows[3:]


def test_rows_left_over_wait_for_the_next_pass():
    search = search_line(batch_size=30, steps=50, factor=1e9)
    assert len(search) == 50


def test_model_is_not_changed_and_the_seed_decides():
    X, y = line()
    model = nn.mlp(random.key(0), (1, 8, 1), normalization="batch", dropout=0.2)
    before = [np.array(leaf) for leaf in tree.leaves(model)]
    first, again, other = (
        search_line(model=model, X=X, y=y, batch_size=10, key=random.key(seed))
        for seed in (1, 1, 2)
    )
    for old, new in zip(before, tree.leaves(model), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(first.losses, again.losses)
    assert not np.array_equal(first.losses, other.losses)


def test_columns_are_what_was_measured():
    search = search_line(steps=20)
    columns = search.columns()
    assert list(columns) == ["learning_rate", "loss", "smoothed_loss"]
    np.testing.assert_array_equal(columns["learning_rate"], search.rates)
    np.testing.assert_array_equal(columns["loss"], search.losses)
    np.testing.assert_array_equal(columns["smoothed_loss"], search.smoothed)


def test_another_seed_and_other_rates_need_no_new_program():
    traces = 0

    def loss(output, target):
        nonlocal traces
        traces += 1
        return nn.half_squared_error(output, target)

    search_line(loss=loss)
    first = traces
    search_line(loss=loss, lowest=1e-5, highest=1.0, key=random.key(7))
    assert traces == first + 1  # the trial before the search


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        (
            {"lowest": 0.0},
            InvalidArgumentError,
            "find_learning_rate: lowest: expected a number above 0 and below highest, 10.0, got "
            "0.0.",
        ),
        (
            {"highest": np.inf},
            InvalidArgumentError,
            "find_learning_rate: highest: expected a number that is finite, got inf.",
        ),
        (
            {"steps": 1},
            InvalidArgumentError,
            "find_learning_rate: steps: expected a number of at least 2, got 1.",
        ),
        (
            {"smoothing": 1.0},
            InvalidArgumentError,
            "find_learning_rate: smoothing: expected a number of at least 0 and below 1, got 1.0.",
        ),
        (
            {"factor": 1.0},
            InvalidArgumentError,
            "find_learning_rate: factor: expected a number above 1, finite, got 1.0.",
        ),
        (
            {"batch_size": 41},
            InvalidArgumentError,
            "find_learning_rate: batch_size: expected at most the 40 rows of X, got 41; None takes "
            "40.",
        ),
        (
            {"optimizer_factory": optim.rprop, "batch_size": 10},
            InvalidArgumentError,
            "find_learning_rate: batch_size: expected 40, all rows, for an optimizer that compares "
            "gradients from step to step, got 10.",
        ),
        (
            {"optimizer_factory": lambda rate: 7},
            ArgumentTypeError,
            "find_learning_rate: optimizer_factory: expected a function that returns an optimizer "
            "for a rate, such as optim.adam, got one that returns 7.",
        ),
        (
            {"y": np.zeros(3)},
            ShapeError,
            "fit: y: expected 40 rows like X, got shape (3,); give one target per sample.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(changes, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}") as caught:
        search_line(**changes)
    assert isinstance(caught.value, ChainruleError)
    assert caught.value.message == message
