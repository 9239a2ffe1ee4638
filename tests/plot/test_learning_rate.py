"""The search for a learning rate, drawn."""

import numpy as np
import pytest

from chainrule import nn, optim, random
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot import LearningRateDisplay
from chainrule.training import find_learning_rate


def test_a_search():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = X @ np.array([[1.0], [2.0], [3.0]])
    model = nn.mlp(random.key(0), (3, 1))
    search = find_learning_rate(
        model, nn.half_squared_error, optim.sgd, X, y, key=random.key(1), steps=60
    )
    display = LearningRateDisplay.from_search(search)
    np.testing.assert_array_equal(display.line_.get_xydata().T, [search.rates, search.losses])
    np.testing.assert_array_equal(display.smoothed_line_.get_ydata(), search.smoothed)
    assert list(display.suggestion_line_.get_xdata()) == [search.suggestion] * 2
    assert display.ax_.get_xscale() == "log"
    assert display.describe().endswith(search.message)
    frame = display.to_frame()
    for name, column in search.columns().items():
        np.testing.assert_array_equal(frame[name], column)


def test_describe_without_a_suggestion():
    display = LearningRateDisplay([0.001, 0.1], [1.0, 3.0], [1.0, 2.0])
    assert display.plot().suggestion_line_ is None
    assert display.describe() == (
        "The loss over 2 steps of learning rates from 0.001 to 0.1: the running average begins at "
        "1, is lowest, 1, at 0.001 and ends at 2. No rate is suggested."
    )


def test_what_blows_up_does_not_hide_the_rest():
    average = np.array([2.0, 1.0, 0.5, 1e6])
    display = LearningRateDisplay([1e-3, 1e-2, 1e-1, 1.0], average, average).plot()
    low, high = display.ax_.get_ylim()
    assert low < 0.5
    assert 2.0 < high < 10.0


@pytest.mark.parametrize(
    ("numbers", "error", "message"),
    [
        (
            ([0.1, 1.0], [1.0, 2.0], [1.0]),
            ShapeError,
            "LearningRateDisplay: expected one rate, loss and average per step, got shapes (2,), "
            "(2,) and (1,).",
        ),
        (
            ([0.0, 1.0], [1.0, 2.0], [1.0, 2.0]),
            InvalidArgumentError,
            "LearningRateDisplay: rates: expected positive numbers, got 0.0.",
        ),
    ],
)
def test_bad_input(numbers, error, message):
    with pytest.raises(error) as caught:
        LearningRateDisplay(*numbers)
    assert caught.value.message == message
