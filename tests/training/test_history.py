"""What is recorded of every epoch beside the losses, and runs that go on or are steered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, random
from chainrule._errors import ArgumentTypeError, InvalidArgumentError
from chainrule.training import EpochRecord, fit
from chainrule.training.epoch import learning_rate

X = np.random.default_rng(0).normal(size=(20, 3))
Y = np.column_stack([X[:, 0] - 1.0, X.sum(axis=1)])


def run(**changes: Any) -> Any:
    arguments: dict[str, Any] = {
        "model": nn.mlp(random.key(0), (3, 4, 2), activation=nn.tanh),
        "loss": nn.mean_squared_error,
        "optimizer": optim.sgd(0.1),
        "X": X,
        "y": Y,
        "epochs": 3,
        "batch_size": 8,
        "key": random.key(1),
        **changes,
    }
    return fit(**arguments)


def length(layer: Any) -> float:
    return float(np.sqrt(sum(np.sum(leaf**2) for leaf in cr.tree.leaves(layer))))


def test_gradient_norms_of_one_step():
    model = nn.mlp(random.key(0), (3, 4, 2), activation=nn.tanh)
    history = run(batch_size=None, epochs=1).history
    gradient = cr.grad(lambda m: nn.mean_squared_error(m(X), Y))(model)
    expected = [length(layer) for layer in gradient.layers]
    np.testing.assert_allclose(history.gradient_norm, [expected], rtol=1e-12)
    np.testing.assert_allclose(history.update_norm, 0.1 * np.array([expected]), rtol=1e-12)
    assert history.layers == ("layer 1", "layer 2")


def test_gradient_norms_of_an_epoch_are_root_mean_squares():
    """With a learning rate of 0 every batch has the gradient of the initial weights."""
    model = nn.mlp(random.key(0), (3, 4, 2), activation=nn.tanh)
    history = run(optimizer=optim.sgd(0.0), shuffle=False, epochs=1).history
    squares = []
    for rows in (slice(0, 8), slice(8, 16), slice(16, 20)):
        gradient = cr.grad(lambda m, rows=rows: nn.mean_squared_error(m(X[rows]), Y[rows]))(model)
        squares.append([length(layer) ** 2 for layer in gradient.layers])
    np.testing.assert_allclose(
        history.gradient_norm[0], np.sqrt(np.mean(squares, axis=0)), rtol=1e-12
    )
    np.testing.assert_array_equal(history.update_norm, np.zeros((1, 2)))


def test_layers_without_parameters_have_no_norms():
    layers = nn.mlp(random.key(0), (3, 4, 2), normalization="batch", dropout=0.1).layers
    model = nn.Sequential((nn.Standardize.fit(X), *layers))
    history = run(model=model).history
    assert history.layers == ("layer 2", "layer 3", "layer 6")
    assert history.gradient_norm.shape == history.update_norm.shape == (3, 3)
    assert list(history.columns())[-1] == "update_norm of layer 6"


def test_learning_rates_are_those_of_the_last_step():
    schedule = optim.schedules.inverse_scaling(1.0, power=1.0)
    for optimizer in (
        optim.sgd(schedule),
        optim.max_norm(optim.chain(optim.l2(0.1), optim.adam(schedule)), 3.0),
    ):
        rates = run(optimizer=optimizer).history.learning_rate
        np.testing.assert_allclose(rates, [1 / 4, 1 / 7, 1 / 10])
    assert np.isnan(learning_rate(optim.lbfgs(), ()))


def test_batches_in_the_order_of_the_rows():
    """An epoch without shuffling, by hand."""
    model = nn.mlp(random.key(0), (3, 2))
    layer = model.layers[0]
    W, b = layer.kernel, layer.bias
    for rows in (slice(0, 8), slice(8, 16), slice(16, 20)):
        error = X[rows] @ W + b - Y[rows]
        W, b = (
            W - 0.1 * 2 * X[rows].T @ error / error.size,
            b - 0.1 * 2 * error.sum(axis=0) / error.size,
        )
    last = run(model=model, shuffle=False, epochs=1).last.model.layers[0]
    np.testing.assert_allclose(last.kernel, W, rtol=1e-12)
    np.testing.assert_allclose(last.bias, b, rtol=1e-12)


def test_a_run_that_goes_on_is_the_whole_run():
    whole = run(optimizer=optim.adam(0.01), epochs=5)
    first = run(optimizer=optim.adam(0.01), epochs=2)
    second = run(model=first.last, optimizer=optim.adam(0.01), epochs=3, key=None)
    for a, b in zip(cr.tree.leaves(whole.last), cr.tree.leaves(second.last), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ArgumentTypeError, match="expected a random key"):
        run(key=None)


def test_the_optimizer_may_be_adjusted_between_epochs():
    def halved(record: EpochRecord, optimizer: Any) -> Any:
        return optim.sgd(0.1 * 0.5**record.epoch)

    np.testing.assert_allclose(run(adjust=halved).history.learning_rate, [0.1, 0.05, 0.025])


def test_a_score_decides_which_weights_are_the_best():
    def negative_first_weight(output: Any, target: Any, sample_weight: Any) -> Any:
        return -np.abs(np.mean(output[:, 0]) - 5.0)

    models: list[Any] = []
    result = run(
        X_val=X,
        y_val=Y,
        epochs=6,
        score=negative_first_weight,
        callbacks=[lambda record: models.append(record.model)],
    )
    scores = [-abs(model(X)[:, 0].mean() - 5.0) for model in models]
    np.testing.assert_allclose(result.history.val_score, scores, rtol=1e-12)
    assert result.best_epoch == 1 + int(np.argmax(scores))
    assert "validation score" in result.message


def test_penalties_count_for_the_best_weights():
    model = nn.mlp(random.key(0), (3, 4, 2), l2=0.5)
    result = run(model=model, epochs=20)
    history = result.history
    layers = result.last.model.layers
    expected = 0.25 * sum(np.sum(layer.kernel**2) for layer in layers)
    np.testing.assert_allclose(history.penalty[-1], expected, rtol=1e-12)
    assert result.best_epoch == 1 + int(np.argmin(history.train_loss + history.penalty))
    assert "training loss with penalties" in result.message


# -- methods that use curvature ------------------------------------------------------------------


@pytest.mark.parametrize("method", [optim.lbfgs(), optim.bfgs(), optim.newton_cg()])
def test_curvature_finds_the_least_squares(method):
    result = run(
        model=nn.mlp(random.key(0), (3, 2)),
        optimizer=method,
        batch_size=None,
        epochs=100,
        tolerance=1e-10,
    )
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(20)]), Y)[0]
    layer = result.model.layers[0]
    np.testing.assert_allclose(np.vstack([layer.kernel, layer.bias]), expected, atol=1e-8)
    assert result.stopped == "converged"
    assert len(result.history) == result.best_epoch
    assert (np.diff(result.history.train_loss) <= 0).all()


def test_curvature_with_penalties_validation_and_limits():
    model = nn.mlp(random.key(0), (3, 4, 2), activation=nn.tanh, l2=0.1)
    arguments: dict[str, Any] = {"model": model, "optimizer": optim.lbfgs(), "batch_size": None}
    result = run(**arguments, X_val=X[:5], y_val=Y[:5], epochs=4)
    last = result.last.model
    np.testing.assert_allclose(result.history.train_loss[-1], np.mean((last(X) - Y) ** 2))
    np.testing.assert_allclose(result.history.val_loss[-1], np.mean((last(X[:5]) - Y[:5]) ** 2))
    assert result.stopped == "completed"
    assert run(**arguments, epochs=100, max_evaluations=3).history.epoch[-1] < 4
    stopped = run(**arguments, epochs=100, callbacks=[lambda record: record.epoch == 2])
    assert stopped.stopped == "callback"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 5}, "those of two mini-batches differ by chance"),
        ({"l2": 0.1, "batch_size": None}, "give the layers penalties of their own"),
        (
            {"model": nn.mlp(random.key(0), (3, 4, 2), dropout=0.1), "batch_size": None},
            "a line search needs one function",
        ),
        (
            {"model": nn.mlp(random.key(0), (3, 4, 2), normalization="batch"), "batch_size": None},
            "a line search needs one function",
        ),
    ],
    ids=["batches", "l2", "dropout", "batch norm"],
)
def test_curvature_needs_one_function(changes, message):
    with pytest.raises(InvalidArgumentError, match=message):
        run(optimizer=optim.lbfgs(), **changes)


def test_ctrl_c_keeps_what_curvature_has_found():
    def interrupt(record: EpochRecord) -> None:
        if record.epoch == 3:
            raise KeyboardInterrupt

    result = run(optimizer=optim.lbfgs(), batch_size=None, epochs=50, callbacks=[interrupt])
    assert result.stopped == "interrupted"
    assert len(result.history) == 3


@pytest.mark.parametrize("method", [optim.lbfgs(), optim.bfgs(), optim.newton_cg()])
def test_a_method_that_uses_curvature_records_the_gradient_it_began_with(method):
    """The gradient of a mean of squares and a penalty, layer by layer, worked out by hand."""
    generator = np.random.default_rng(0)
    X, y = generator.normal(size=(12, 3)), generator.normal(size=(12, 2))
    first = nn.mlp(random.key(0), (3, 4, 2), activation=nn.identity, l2=(0.3, 0.7))
    models = [first]
    result = fit(
        first,
        nn.half_squared_error,
        method,
        X,
        y,
        epochs=6,
        key=random.key(1),
        callbacks=[lambda record: models.append(record.model)],
    )
    assert len(result.history) > 3
    for model, norms in zip(models, result.history.gradient_norm, strict=False):
        inner, outer = model.layers
        hidden = X @ inner.kernel + inner.bias
        error = (hidden @ outer.kernel + outer.bias - y) / len(X)
        back = error @ outer.kernel.T
        for number, (layer, a, delta, l2) in enumerate(
            [(inner, X, back, 0.3), (outer, hidden, error, 0.7)]
        ):
            gradient = np.append(a.T @ delta + l2 * layer.kernel, delta.sum(axis=0))
            np.testing.assert_allclose(norms[number], np.linalg.norm(gradient), rtol=1e-10)
    for before, after, norms in zip(models, models[1:], result.history.update_norm, strict=False):
        for number in range(2):
            old, new = before.layers[number], after.layers[number]
            moved = np.append(new.kernel - old.kernel, new.bias - old.bias)
            np.testing.assert_allclose(norms[number], np.linalg.norm(moved), rtol=1e-10)
