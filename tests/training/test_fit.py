"""The training loop: what it learns, what it keeps, how it ends, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, random
from chainrule._errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from chainrule.training import EpochRecord, TrainingState, fit
from chainrule.training.epoch import EVALUATION_ROWS, Samples, draw_batches, run_epoch

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
GATES = {"or": [0, 1, 1, 1], "and": [0, 0, 0, 1], "xor": [0, 1, 1, 0]}


def line(n: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noisy samples of y = 2 x - 1."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, 1))
    return X, 2 * X - 1 + 0.1 * generator.normal(size=(n, 1))


def fit_line(**changes: Any) -> Any:
    X, y = line()
    arguments: dict[str, Any] = {
        "model": nn.mlp(random.key(0), (1, 1)),
        "loss": nn.mean_squared_error,
        "optimizer": optim.sgd(0.1),
        "X": X,
        "y": y,
        "epochs": 3,
        "batch_size": 5,
        "key": random.key(1),
        **changes,
    }
    return fit(**arguments)


@pytest.mark.parametrize("gate", sorted(GATES))
def test_a_2_2_1_network_learns_every_gate(gate):
    y = np.array(GATES[gate])
    model = nn.mlp(
        random.key(3),
        (2, 2, 1),
        activation=nn.sigmoid,
        kernel_init=nn.initializers.standard_normal,
    )
    result = fit(
        model,
        nn.sigmoid_cross_entropy,
        optim.adam(0.05),
        CORNERS,
        y,
        epochs=1500,
        key=random.key(1),
    )
    np.testing.assert_array_equal(result.model(CORNERS)[:, 0] > 0, y == 1)
    assert result.history.train_loss[-1] < 0.05
    assert result.stopped == "completed"


def test_result_is_reproduced_bit_for_bit():
    first, second = fit_line(), fit_line()
    for a, b in zip(cr.tree.leaves(first.last), cr.tree.leaves(second.last), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(first.history.train_loss, second.history.train_loss)
    other = fit_line(key=random.key(2))
    assert not np.array_equal(first.history.train_loss, other.history.train_loss)


def test_the_model_given_is_left_alone():
    model = nn.mlp(random.key(0), (1, 1))
    kernel = model.layers[0].kernel.copy()
    fit_line(model=model)
    np.testing.assert_array_equal(model.layers[0].kernel, kernel)


def test_batches_are_a_permutation_cut_in_pieces():
    batches = draw_batches(random.key(0), 23, 5)
    assert batches.rows.shape == (4, 5)
    assert batches.rest.shape == (3,)
    order = np.concatenate([batches.rows.ravel(), batches.rest])
    np.testing.assert_array_equal(np.sort(order), np.arange(23))
    assert len({tuple(np.ravel(k)) for k in [*batches.keys, batches.rest_key]}) == 5


def test_one_epoch_by_hand():
    """Seven rows in batches of three: two full steps, and one with the row left over."""
    X, y = line(7)
    model = nn.mlp(random.key(0), (1, 1))
    state = fit_line(X=X, y=y, batch_size=3, epochs=1).last

    epoch_key = random.split(random.key(1), 2)[1]
    batches = draw_batches(epoch_key, 7, 3)
    w, b = model.layers[0].kernel[0, 0], model.layers[0].bias[0]
    for rows in [*batches.rows, batches.rest]:
        error = X[rows, 0] * w + b - y[rows, 0]
        w, b = w - 0.1 * 2 * np.mean(error * X[rows, 0]), b - 0.1 * 2 * np.mean(error)
    np.testing.assert_allclose(state.model.layers[0].kernel, [[w]], rtol=1e-13)
    np.testing.assert_allclose(state.model.layers[0].bias, [b], rtol=1e-13)


def test_history_is_the_loss_of_all_samples_after_every_epoch():
    X, y = line()
    X_val, y_val = line(9, seed=5)
    models: list[Any] = []

    def keep(record: EpochRecord) -> None:
        models.append(record.model)

    history = fit_line(X_val=X_val, y_val=y_val, callbacks=[keep]).history
    assert len(history) == len(models) == 3
    np.testing.assert_array_equal(history.epoch, [1, 2, 3])
    for column, (inputs, targets) in (
        (history.train_loss, (X, y)),
        (history.val_loss, (X_val, y_val)),
    ):
        expected = [
            np.mean((inputs * m.layers[0].kernel + m.layers[0].bias - targets) ** 2) for m in models
        ]
        np.testing.assert_allclose(column, expected, rtol=1e-13)
    assert (history.seconds > 0).all()
    assert fit_line().history.val_loss is None


def test_evaluation_in_blocks_weighs_every_sample_the_same():
    """More rows than are evaluated at a time, and a block left over."""
    n = 2 * EVALUATION_ROWS + 100
    X = np.arange(n, dtype=float)[:, None] / n
    y = np.where(np.arange(n) < 2 * EVALUATION_ROWS, 0.0, 50.0)
    result = fit_line(X=X, y=y, epochs=1, batch_size=n)
    layer = result.model.layers[0]
    expected = np.mean((X * layer.kernel + layer.bias - y[:, None]) ** 2)
    np.testing.assert_allclose(result.history.train_loss, [expected], rtol=1e-12)


def test_l2_is_part_of_the_steps_and_not_of_the_history():
    X, y = line()
    plain = fit_line(epochs=1, batch_size=None)
    decayed = fit_line(epochs=1, batch_size=None, l2=0.5)
    start = nn.mlp(random.key(0), (1, 1)).layers[0]
    before, after = plain.model.layers[0], decayed.model.layers[0]
    np.testing.assert_allclose(after.kernel, before.kernel - 0.1 * 0.5 * start.kernel, rtol=1e-13)
    np.testing.assert_array_equal(after.bias, before.bias)
    expected = np.mean((X * after.kernel + after.bias - y) ** 2)
    np.testing.assert_allclose(decayed.history.train_loss, [expected], rtol=1e-13)


def test_weights_with_the_lowest_validation_loss_are_kept():
    """The validation line is on the way from the start to the training line."""
    X = np.linspace(-1.0, 1.0, 10)[:, None]
    model = nn.Sequential((nn.Dense(np.zeros((1, 1)), np.zeros(1)),))
    seen: list[EpochRecord] = []
    result = fit(
        model,
        nn.mean_squared_error,
        optim.sgd(0.1),
        X,
        4 * X,
        X_val=X,
        y_val=2 * X,
        epochs=40,
        key=random.key(0),
        callbacks=[seen.append],
    )
    best = int(np.argmin(result.history.val_loss))
    assert 0 < best < 39
    assert result.best_epoch == best + 1
    np.testing.assert_array_equal(result.model.layers[0].kernel, seen[best].model.layers[0].kernel)
    np.testing.assert_array_equal(
        result.last.model.layers[0].kernel, seen[-1].model.layers[0].kernel
    )
    assert [r.epoch for r in seen if r.is_best] == list(range(1, best + 2))
    assert result.message == (
        f"All 40 epochs done; the weights of epoch {best + 1} are kept "
        f"(validation loss {result.history.val_loss[best]:.4g}, the lowest)."
    )


def test_without_validation_the_lowest_training_loss_decides():
    result = fit_line(optimizer=optim.sgd(0.6), epochs=20)
    best = int(np.argmin(result.history.train_loss))
    assert result.best_epoch == best + 1
    assert "(training loss" in result.message


def test_a_callback_can_stop():
    told: list[int] = []

    def stop(record: EpochRecord) -> bool:
        return record.epoch == 2

    def also(record: EpochRecord) -> None:
        told.append(record.epoch)

    result = fit_line(epochs=9, callbacks=[stop, also])
    assert (result.stopped, len(result.history)) == ("callback", 2)
    assert told == [1, 2]
    assert result.message.startswith("Stopped by a callback after epoch 2; the weights of epoch ")


def test_interrupt_keeps_the_best_weights():
    models: list[Any] = []

    def interrupt(record: EpochRecord) -> None:
        models.append(record.model)
        if record.epoch == 2:
            raise KeyboardInterrupt

    result = fit_line(epochs=9, callbacks=[interrupt])
    assert result.stopped == "interrupted"
    assert len(result.history) == 2
    kept = models[result.best_epoch - 1]
    np.testing.assert_array_equal(result.model.layers[0].kernel, kept.layers[0].kernel)
    assert result.message.startswith("Interrupted after 2 of 9 epochs; the weights of epoch ")


def test_interrupt_during_the_first_epoch_keeps_the_initial_weights():
    model = nn.mlp(random.key(0), (1, 1))
    calls = 0

    def loss(output: Any, target: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 1:  # the first call only tries the loss out
            raise KeyboardInterrupt
        return nn.mean_squared_error(output, target)

    result = fit_line(model=model, loss=loss)
    assert (result.stopped, result.best_epoch, len(result.history)) == ("interrupted", 0, 0)
    np.testing.assert_array_equal(result.model.layers[0].kernel, model.layers[0].kernel)
    assert result.message == (
        "Interrupted after 0 of 3 epochs; the initial weights are kept, no epoch having ended."
    )


def test_a_second_fit_compiles_nothing_new():
    """Another learning rate, L2 strength, key and data of equal shape are only arguments."""
    traces = 0

    def loss(output: Any, target: Any) -> Any:
        nonlocal traces
        traces += 1
        return nn.mean_squared_error(output, target)

    fit_line(loss=loss, l2=0.1)
    first = traces
    X, y = line(seed=3)
    fit_line(loss=loss, l2=0.2, optimizer=optim.sgd(0.05), key=random.key(5), X=X, y=y)
    assert traces == first + 1  # the trial before training


def test_runs_trained_side_by_side_are_those_trained_alone():
    """Seeds, learning rates and L2 strengths are numbers, so one program trains a grid of them."""
    X, y = line(7)
    rates, strengths, seeds = np.array([0.1, 0.05]), np.array([0.0, 0.3]), [0, 1]
    models = [nn.mlp(random.key(seed), (1, 3, 1), activation=nn.tanh) for seed in seeds]
    optimizers = [
        optim.chain(optim.l2(strength), optim.momentum(rate))
        for rate, strength in zip(rates, strengths, strict=True)
    ]
    states = [
        TrainingState(model, optimizer.init(model), random.key(seed))
        for seed, model, optimizer in zip(seeds, models, optimizers, strict=True)
    ]

    def epoch(state: Any, optimizer: Any, train: Any) -> Any:
        return run_epoch(nn.mean_squared_error, 3, state, optimizer, train, None)

    together = cr.compile(cr.vmap(epoch, in_axes=(0, 0, None)), engine="interpreter")
    stacked = [cr.tree.map(lambda *a: np.stack(a), *trees) for trees in (states, optimizers)]
    outcome = together(*stacked, Samples(X, y))
    for number, (state, optimizer) in enumerate(zip(states, optimizers, strict=True)):
        alone = epoch(state, optimizer, Samples(X, y))
        for mine, theirs in zip(cr.tree.leaves(outcome), cr.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(mine[number], theirs, rtol=1e-12)


@pytest.mark.parametrize("optimizer", [optim.sgd(0.1), optim.momentum(0.01), optim.adam()])
def test_float32_model_trains_in_float32(optimizer):
    model = nn.mlp(random.key(0), (1, 1), dtype=np.float32)
    result = fit_line(model=model, optimizer=optimizer, l2=0.1)
    assert {leaf.dtype for leaf in cr.tree.leaves(result.model)} == {np.dtype(np.float32)}
    np.testing.assert_allclose(
        result.history.train_loss,
        fit_line(optimizer=optimizer, l2=0.1).history.train_loss,
        rtol=1e-5,
    )


def test_python_numbers_are_parameters_too():
    @dataclass
    class Line:  # no layer, only a callable tree
        slope: float
        intercept: float

        def __call__(self, x: Any, *, key: Any = None, training: bool = False) -> Any:
            return self.slope * x + self.intercept

    result = fit_line(model=Line(0.0, 0.0), epochs=60)
    np.testing.assert_allclose([result.model.slope, result.model.intercept], [2, -1], atol=0.1)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"epochs": 0},
            InvalidArgumentError,
            "fit: epochs: expected an integer of at least 1, got 0.",
        ),
        (
            {"batch_size": 2.5},
            InvalidArgumentError,
            "fit: batch_size: expected an integer of at least 1, got 2.5.",
        ),
        (
            {"batch_size": 21},
            InvalidArgumentError,
            "fit: batch_size: expected at most the 20 rows of X, got 21; None takes all rows in "
            "one batch.",
        ),
        (
            {"X_val": np.zeros((2, 1))},
            InvalidArgumentError,
            "fit: y_val is missing; give X_val and y_val together.",
        ),
        (
            {"X": np.zeros(20)},
            ShapeError,
            "fit: X: expected shape (n_samples, n_features) with at least one sample, got (20,); "
            "a single feature is a column, X[:, None].",
        ),
        (
            {"y": np.zeros((19, 1))},
            ShapeError,
            "fit: y: expected 20 rows like X, got shape (19, 1); give one target per sample.",
        ),
        (
            {"y": np.zeros((20, 2))},
            ShapeError,
            "mean_squared_error: expected a target of the shape of the output, (20, 1), got "
            "(20, 2); one row per sample and one column per output.",
        ),
        (
            {"X": np.where(np.arange(20)[:, None] == 7, np.nan, 1.0)},
            InvalidArgumentError,
            "fit: X: expected numbers that are finite in float64, got nan in row 7, column 0 "
            "(and 0 more); drop these rows or fill them in first.",
        ),
        (
            {"y": np.where(np.arange(20) > 17, [np.inf, -np.inf] * 10, 1.0)},
            InvalidArgumentError,
            "fit: y: expected numbers that are finite in float64, got inf in row 18 (and 1 more); "
            "drop these rows or fill them in first.",
        ),
        (
            {"optimizer": optim.l2(0.1)},
            ArgumentTypeError,
            "fit: optimizer: expected an optimizer such as optim.sgd(0.1), got L2(strength=0.1, "
            f"on={nn.weight_mask!r}).",
        ),
        (
            {"model": {"w": np.zeros(1)}},
            ArgumentTypeError,
            "fit: model: expected a layer or another callable pytree, got dict; for instance "
            "nn.mlp(key, (64, 50, 10)).",
        ),
        (
            {"model": nn.Dense(np.zeros((1, 1), int), np.zeros(1))},
            ArgumentTypeError,
            "fit: model: expected a pytree with float arrays as parameters, got kernel (int64); "
            "declare settings with tree.static_field(), and arrays that are not trained with "
            "field(metadata=nn.FIXED).",
        ),
        (
            {"model": nn.Dense(np.full((1, 1), np.inf), np.zeros(1))},
            InvalidArgumentError,
            "fit: model: expected finite weights, got NaN or infinity in kernel; initialize the "
            "model anew.",
        ),
        (
            {"l2": -1.0},
            InvalidArgumentError,
            "l2: strength: expected a number of at least 0, finite, got -1.0.",
        ),
    ],
)
def test_bad_arguments(changes, error, message):
    with pytest.raises(error) as caught:
        fit_line(**changes)
    assert caught.value.message == message


def test_large_numbers_are_not_taken_for_infinite():
    y = np.full(20, 1e308)  # the sum overflows
    result = fit_line(y=y, loss=lambda a, y: np.mean(np.abs(a / 1e308 - y / 1e308)), epochs=1)
    assert result.stopped == "completed"


def test_wrong_width_names_layer_and_what_to_do():
    with pytest.raises(ShapeError, match=r"^layer 1 of 1: Dense\(1 -> 1, identity\): expected an"):
        fit_line(X=np.zeros((20, 3)))


def test_every_label_is_looked_at_before_training():
    y = np.zeros(20, int)
    y[13] = 2
    model = nn.mlp(random.key(0), (1, 2))
    with pytest.raises(InvalidArgumentError, match=r"^softmax_cross_entropy: expected labels from"):
        fit_line(model=model, loss=nn.softmax_cross_entropy, y=y)


def test_the_first_wrong_label_is_named():
    y = np.zeros(20, np.int8)
    y[[13, 14, 15]] = -100, 2, 127
    model = nn.mlp(random.key(0), (1, 2))
    with pytest.raises(InvalidArgumentError, match=r"the columns of the logits, got -100; renumb"):
        fit_line(model=model, loss=nn.softmax_cross_entropy, y=y)
    y[13] = 2
    with pytest.raises(InvalidArgumentError, match=r"the columns of the logits, got 2; renumber"):
        fit_line(model=model, loss=nn.softmax_cross_entropy, y=y)


@pytest.mark.parametrize("labels", [np.arange(20), np.arange(20) * 10**15, np.arange(20) % 3 - 1])
def test_a_loss_hears_of_every_label(labels):
    seen: set[int] = set()

    def loss(output: Any, target: Any) -> Any:
        if isinstance(target, np.ndarray):
            seen.update(target.tolist())
        return nn.half_squared_error(output, target)

    fit_line(loss=loss, y=labels, epochs=1)
    assert seen == {*labels.tolist()}


def test_a_loss_of_rows_that_belong_together():
    def loss(output: Any, target: Any) -> Any:
        if len(target) < 2:
            raise ValueError("a variance needs two rows")
        return np.var(output[:, 0] - target)

    assert fit_line(loss=loss, y=np.ones(20, int), epochs=1).stopped == "completed"


@pytest.mark.parametrize("dtype", [float, int])
def test_a_loss_per_sample_is_no_loss(dtype):
    def loss(output: Any, target: Any) -> Any:
        return nn.mean_squared_error(output, target, reduction="none")

    with pytest.raises(ShapeError) as caught:
        fit_line(loss=loss, y=np.zeros(20, dtype))
    assert caught.value.message == (
        "fit: loss: expected one number, the mean over samples, got shape (20,) for y; "
        "take the mean."
    )


def test_the_last_weights_instead_of_the_best():
    """A rate at which the loss of a line rises from epoch to epoch."""
    rising = {"optimizer": optim.sgd(1.2), "batch_size": None, "epochs": 4}
    best, last = fit_line(**rising), fit_line(**rising, restore_best=False)
    assert (np.diff(best.history.train_loss) > 0).all()
    np.testing.assert_array_equal(best.history.train_loss, last.history.train_loss)
    assert (best.best_epoch, last.best_epoch) == (1, 4)
    np.testing.assert_array_equal(last.model.layers[0].kernel, best.last.model.layers[0].kernel)
    assert last.message == "All 4 epochs done; the weights of epoch 4 are kept, the last."
    assert best.message.startswith("All 4 epochs done; the weights of epoch 1 are kept (training")


def test_evaluations_are_counted_with_curvature():
    X, y = line()
    model = nn.mlp(random.key(0), (1, 4, 1), activation=nn.tanh)

    def cost(params: Any) -> Any:
        return nn.mean_squared_error(nn.with_parameters(model, params)(X), y)

    result = fit_line(model=model, optimizer=optim.lbfgs(), batch_size=None, epochs=30)
    expected = optim.minimize(
        cost, nn.parameters(model), method=optim.lbfgs(), max_iterations=30
    ).n_evaluations
    assert result.n_evaluations == expected > len(result.history)
    assert fit_line().n_evaluations is None
