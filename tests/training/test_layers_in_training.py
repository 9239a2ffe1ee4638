"""Layers that remember, drop or standardize, and weights of samples, through whole runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, random
from chainrule._errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from chainrule.training import TrainingState, fit
from chainrule.training.epoch import EVALUATION_ROWS, Samples, draw_batches, run_epoch

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(11, 2)) * 2 + 1
Y = GENERATOR.normal(size=(11, 1))


def run(model: Any, **changes: Any) -> Any:
    arguments: dict[str, Any] = {
        "loss": nn.mean_squared_error,
        "optimizer": optim.sgd(0.1),
        "X": X,
        "y": Y,
        "epochs": 3,
        "batch_size": 4,
        "key": random.key(1),
        **changes,
    }
    return fit(model, **arguments)


def everything(dtype: Any = np.float64) -> nn.Sequential:
    """Return a network of every kind of layer."""
    network = nn.mlp(
        random.key(0), (2, 3, 3, 1), activation=nn.gelu, normalization="batch", dropout=0.2,
        residual=True, l1=0.01, l2=0.1, dtype=dtype,
    )  # fmt: skip
    first = nn.Standardize.fit(X, dtype=dtype)
    return nn.Sequential((first, *network.layers[:-1], nn.LayerNorm.init(3, dtype=dtype),
                          network.layers[-1]))  # fmt: skip


# -- an epoch by hand ----------------------------------------------------------------------------


def test_an_epoch_with_batch_normalization_by_hand():
    """Eleven rows in batches of four: two steps in the loop, and one with the rows left over."""
    start = nn.Sequential((nn.BatchNorm.init(2), nn.Dense.init(random.key(0), 2, 1)))
    state = run(start, epochs=1).last

    batches = draw_batches(random.split(random.key(1), 2)[1], 11, 4)
    norm, dense = start.layers
    gamma, beta, mean, variance = norm.scale, norm.shift, norm.mean, norm.variance
    w, b = dense.kernel[:, 0], dense.bias[0]
    for rows in [*batches.rows, batches.rest]:
        x, n = X[rows], len(rows)
        mu, spread = x.mean(axis=0), np.sqrt(x.var(axis=0) + 1e-5)
        normalized = (x - mu) / spread
        # The statistics of the inputs do not depend on parameters: nothing passes through them.
        delta = 2 * ((normalized * gamma + beta) @ w + b - Y[rows, 0]) / n
        by_gamma, by_beta = w * (delta @ normalized), w * delta.sum()
        by_w, by_b = delta @ (normalized * gamma + beta), delta.sum()
        gamma, beta = gamma - 0.1 * by_gamma, beta - 0.1 * by_beta
        w, b = w - 0.1 * by_w, b - 0.1 * by_b
        mean = 0.9 * mean + 0.1 * mu
        variance = 0.9 * variance + 0.1 * x.var(axis=0, ddof=1)
    norm, dense = state.model.layers
    for mine, expected in [
        (norm.scale, gamma), (norm.shift, beta), (norm.mean, mean), (norm.variance, variance),
        (dense.kernel[:, 0], w), (dense.bias, [b]),
    ]:  # fmt: skip
        np.testing.assert_allclose(mine, expected, rtol=1e-12)


# -- what is kept and compiled -------------------------------------------------------------------


def test_optimizers_keep_nothing_for_what_is_fixed():
    model = everything()
    state = TrainingState.start(model, optim.adam(), random.key(0))
    moments = state.optimizer_state[0].mean
    n_parameters = len(cr.tree.leaves(nn.parameters(model)))
    assert len(cr.tree.leaves(moments)) == n_parameters < len(cr.tree.leaves(model))


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.momentum(0.01),
        optim.nesterov(0.01),
        optim.adagrad(0.1),
        optim.rmsprop(0.01),
        optim.adamw(0.01, weight_decay=0.1),
        optim.chain(optim.l1(0.1), optim.clip_by_global_norm(1.0), optim.adam(0.01)),
        optim.max_norm(optim.sgd(optim.schedules.one_cycle(0.1, steps=9)), 3.0),
    ],
    ids=["momentum", "nesterov", "adagrad", "rmsprop", "adamw", "clipped", "max_norm"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_fixed_stays_and_the_rest_moves(optimizer, dtype):
    start = everything(dtype)
    last = run(start, optimizer=optimizer).last.model
    before, after = cr.tree.leaves(nn.parameters(start)), cr.tree.leaves(nn.parameters(last))
    for old, new in zip(before, after, strict=True):
        assert old.dtype == new.dtype == dtype
        assert not np.array_equal(old, new)
    np.testing.assert_array_equal(last.layers[0].mean, start.layers[0].mean)
    dropouts = [layer for layer in last.layers if isinstance(layer, nn.Dropout)]
    assert [layer.rate for layer in dropouts] == [0.2]
    assert cr.tree.structure(last) == cr.tree.structure(start)


def test_the_same_seed_drops_the_same_units():
    first, second, other = (
        run(everything()),
        run(everything()),
        run(everything(), key=random.key(9)),
    )
    for a, b in zip(cr.tree.leaves(first.last), cr.tree.leaves(second.last), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.history.train_loss, other.history.train_loss)


def test_other_rates_and_strengths_need_no_new_program():
    traces = 0

    def loss(output: Any, target: Any) -> Any:
        nonlocal traces
        traces += 1
        return nn.mean_squared_error(output, target)

    def model(number: float) -> nn.Sequential:
        return nn.mlp(random.key(0), (2, 3, 1), dropout=number, l2=number)

    run(model(0.1), loss=loss)
    first = traces
    run(model(0.2), loss=loss)
    assert traces == first + 1  # the trial before training


def test_losses_of_the_history_are_those_of_evaluation():
    result = run(everything(), X_val=X[:5], y_val=Y[:5], epochs=1)
    model = result.last.model
    np.testing.assert_allclose(
        result.history.train_loss, [np.mean((model(X) - Y) ** 2)], rtol=1e-13
    )
    expected = np.mean((model(X[:5]) - Y[:5]) ** 2)
    np.testing.assert_allclose(result.history.val_loss, [expected], rtol=1e-13)


def test_a_grid_of_dropout_rates_and_statistics_is_trained_side_by_side():
    rates, strengths = np.array([0.1, 0.5]), np.array([0.0, 0.3])
    models = [
        nn.mlp(random.key(0), (2, 3, 1), dropout=rate, normalization="batch", l2=strength)
        for rate, strength in zip(rates, strengths, strict=True)
    ]
    optimizer = optim.adam(0.1)
    states = [TrainingState.start(model, optimizer, random.key(1)) for model in models]

    def epoch(state: Any) -> Any:
        return run_epoch(nn.mean_squared_error, 4, state, optimizer, Samples(X, Y), None)

    together = cr.compile(cr.vmap(epoch), engine="interpreter")
    outcome = together(cr.tree.map(lambda *leaves: np.stack(leaves), *states))
    for number, state in enumerate(states):
        alone = epoch(state)
        for mine, theirs in zip(cr.tree.leaves(outcome), cr.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(mine[number], theirs, rtol=1e-11)


def test_statistics_that_are_not_finite_end_the_run():
    """The mean of rows that are finite may not be: it is part of the model that is looked at."""
    huge = np.full((11, 2), 1e308)
    model = nn.Sequential((nn.BatchNorm.init(2), nn.Dense.init(random.key(0), 2, 1)))
    result = run(model, X=huge, loss=lambda a, y: 0.0 * np.mean(y))
    assert result.stopped == "diverged"
    assert result.best_epoch == 0


# -- weights of samples --------------------------------------------------------------------------


def test_weights_in_full_batches_are_repetitions():
    counts = np.arange(11) % 3
    model = nn.mlp(random.key(0), (2, 3, 1), activation=nn.tanh)
    weighted = run(model, sample_weight=counts, batch_size=None, epochs=5)
    rows = np.repeat(np.arange(11), counts)
    repeated = run(model, X=X[rows], y=Y[rows], batch_size=None, epochs=5)
    for mine, theirs in zip(
        cr.tree.leaves(weighted.last.model), cr.tree.leaves(repeated.last.model), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    np.testing.assert_allclose(weighted.history.train_loss, repeated.history.train_loss, rtol=1e-12)


def test_weights_are_shuffled_with_their_samples():
    """One step per row: rows of weight zero leave everything as it is."""
    weight = np.zeros(11)
    weight[4] = 2.5
    start = nn.Dense(np.zeros((2, 1)), np.zeros(1))
    last = run(start, sample_weight=weight, batch_size=1, epochs=1).last.model
    np.testing.assert_allclose(last.bias, 0.1 * 2 * Y[4], rtol=1e-14)
    np.testing.assert_allclose(last.kernel[:, 0], 0.1 * 2 * Y[4] * X[4], rtol=1e-14)


def test_evaluation_in_blocks_is_weighted():
    n = EVALUATION_ROWS + 100
    inputs, targets = np.arange(n, dtype=float)[:, None] / n, np.zeros((n, 1))
    weight = np.arange(n) % 5 + 0.5
    weight[:EVALUATION_ROWS] *= 10
    model = nn.Dense(np.ones((1, 1)), np.zeros(1))
    result = run(
        model, X=inputs, y=targets, sample_weight=weight, X_val=inputs[:50], y_val=targets[:50],
        sample_weight_val=weight[:50], epochs=1, batch_size=n, optimizer=optim.sgd(0.0),
    )  # fmt: skip
    expected = np.average(inputs[:, 0] ** 2, weights=weight)
    np.testing.assert_allclose(result.history.train_loss, [expected], rtol=1e-12)
    expected = np.average(inputs[:50, 0] ** 2, weights=weight[:50])
    np.testing.assert_allclose(result.history.val_loss, [expected], rtol=1e-12)


def test_class_weights_make_a_rare_class_count():
    inputs = np.concatenate([np.zeros((95, 1)), np.full((5, 1), 0.1)])
    labels = np.repeat([0, 1], [95, 5])
    model = nn.mlp(random.key(0), (1, 1))

    def shares(weight: Any) -> Any:
        result = run(
            model, loss=nn.sigmoid_cross_entropy, X=inputs * 0, y=labels, epochs=300,
            batch_size=None, optimizer=optim.sgd(1.0), sample_weight=weight,
        )  # fmt: skip
        return nn.sigmoid(result.last.model.layers[0].bias[0])

    np.testing.assert_allclose(shares(None), 0.05, atol=1e-3)
    np.testing.assert_allclose(shares(nn.weights_by_class(labels, "balanced")), 0.5, atol=1e-9)


# -- refusals ------------------------------------------------------------------------------------


def test_rprop_is_refused_with_mini_batches():
    model = nn.mlp(random.key(0), (2, 1))
    for optimizer in (optim.rprop(), optim.chain(optim.l2(0.1), optim.rprop())):
        with pytest.raises(InvalidArgumentError) as caught:
            run(model, optimizer=optimizer)
        assert caught.value.message == (
            "fit: batch_size: expected None for an optimizer that compares gradients from step to "
            "step, got 4; those of two mini-batches differ by chance, so take all rows in one "
            "batch or an optimizer such as optim.adam()."
        )
        for batch_size in (None, 11):
            result = run(model, optimizer=optimizer, batch_size=batch_size, epochs=80)
            assert result.history.train_loss[-1] < result.history.train_loss[0]


@pytest.mark.parametrize(
    ("loss", "last", "y"),
    [
        (nn.softmax_cross_entropy, nn.softmax, np.arange(11) % 2),
        (nn.sigmoid_cross_entropy, nn.sigmoid, np.eye(2)[np.arange(11) % 2]),
    ],
)
def test_probabilities_for_a_loss_that_wants_logits(loss, last, y):
    dense = nn.mlp(random.key(0), (2, 2), output_activation=last)
    applied = nn.Sequential((nn.mlp(random.key(0), (2, 2)), nn.Sequential((nn.Apply(last),))))
    for model in (dense, applied):
        with pytest.warns(UserWarning, match="takes logits") as caught:
            run(model, loss=loss, y=y, epochs=1)
        assert [str(warning.message) for warning in caught] == [
            f"fit: {loss.__name__} takes logits, and the model ends with {last.__name__}, whose "
            "outputs are probabilities: it would be applied twice, and the model learns little. "
            "Make the last activation nn.identity."
        ]
        assert caught[0].filename == __file__
    run(dense, loss=nn.mean_squared_error, y=np.eye(2)[np.arange(11) % 2], epochs=1)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"sample_weight": np.ones(11), "loss": lambda output, target: np.mean(output)},
            ArgumentTypeError,
            "fit: loss: expected one that takes sample_weight, got ",
        ),
        (
            {"sample_weight": ["a"] * 11},
            ArgumentTypeError,
            "fit: sample_weight: expected numbers, got dtype <U1.",
        ),
        (
            {"sample_weight": np.ones(10)},
            ShapeError,
            "mean_squared_error: sample_weight: expected one weight for each of the 11 samples, "
            "got shape (10,).",
        ),
        (
            {"sample_weight": -np.ones(11)},
            InvalidArgumentError,
            "mean_squared_error: sample_weight: expected weights that are finite and not negative,",
        ),
        (
            {"sample_weight": np.full(11, np.inf)},
            InvalidArgumentError,
            "fit: sample_weight: expected numbers that are finite in float64, got inf in row 0",
        ),
        (
            {"sample_weight_val": np.ones(11)},
            InvalidArgumentError,
            "fit: sample_weight_val: expected validation samples to go with it; give X_val and "
            "y_val.",
        ),
    ],
)
def test_weights_are_checked_before_training(changes, error, message):
    with pytest.raises(error) as caught:
        run(nn.mlp(random.key(0), (2, 1)), **changes)
    assert caught.value.message.startswith(message)
