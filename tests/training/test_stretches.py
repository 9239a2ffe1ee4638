"""Epochs run together come to what they come to one by one, and what is recorded of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.training.runs import EPOCHS, KINDS, content, run

import chainrule as cr
from chainrule import nn, optim, random
from chainrule._errors import InvalidArgumentError
from chainrule.training import EpochRecord, fit, interruption, steps
from chainrule.training.stretch import LONGEST

X = np.random.default_rng(0).normal(size=(20, 3))
Y = np.column_stack([X[:, 0] - 1.0, X.sum(axis=1)])

STEPPING = sorted(set(KINDS) - {"lbfgs", "bfgs", "newton-cg"})


class Patient:
    """A callback that does without models, and stops or interrupts."""

    def __init__(
        self,
        last: float = np.inf,
        error: type[BaseException] | None = None,
        spare: Callable[[int], float] = lambda epoch: 0,
    ) -> None:
        self.last, self.error, self.spare = last, error, spare
        self.records: list[EpochRecord] = []

    def epochs_to_spare(self) -> float:
        return self.spare(len(self.records))

    def __call__(self, record: EpochRecord) -> bool:
        self.records.append(record)
        if self.error is not None and record.epoch == self.last:
            raise self.error
        return record.epoch == self.last


@pytest.fixture
def lengths(monkeypatch):
    """The number of epochs of every call; all stretches are as long as may be."""
    asked: list[int] = []
    original = steps.run_compiled_stretch

    def watched(*arguments: Any) -> Any:
        asked.append(arguments[-1])
        return original(*arguments)

    monkeypatch.setattr(steps, "run_compiled_stretch", watched)
    monkeypatch.setattr(steps, "_SHORT", np.inf)
    return asked


def descend(**changes: Any) -> Any:
    arguments: dict[str, Any] = {
        "model": nn.mlp(random.key(0), (3, 4, 2), activation=nn.tanh, l2=0.1),
        "loss": nn.mean_squared_error,
        "optimizer": optim.momentum(0.05),
        "X": X,
        "y": Y,
        "epochs": 60,
        "batch_size": 8,
        "key": random.key(1),
        **changes,
    }
    return fit(**arguments)


@pytest.mark.parametrize("kind", STEPPING)
def test_epochs_run_together_are_those_run_one_by_one(kind, lengths):
    alone = run(kind, callbacks=(lambda record: None,))
    assert set(lengths) == {1}
    lengths.clear()
    callbacks = KINDS[kind]().get("callbacks", ())
    for callback in callbacks:
        type(callback).epochs_to_spare = lambda self: 0
    together = run(kind)
    for callback in callbacks:
        del type(callback).epochs_to_spare
    assert content(together) == content(alone)
    assert max(lengths) > 4
    if alone.stopped == "completed":
        assert sum(lengths) == EPOCHS


def test_stretches_grow_as_long_as_nothing_stops_them(lengths):
    descend(epochs=300)
    assert lengths == [1, 2, 4, 8, 16, 32, 64, 128, 45]
    assert max(lengths) == LONGEST


def test_what_may_be_for_nothing_stays_a_quarter_of_the_run(lengths):
    descend(epochs=300, callbacks=[Patient()])
    assert sum(lengths) == 300
    assert max(lengths) > 32
    done = np.cumsum([0, *lengths])[:-1]
    assert all(n <= max(1, before // 4) for n, before in zip(lengths, done, strict=True))


def test_epochs_to_spare_are_run_together(lengths):
    """One that stops in epoch 40, and says so, is stopped by it without an epoch in vain."""
    descend(epochs=300, callbacks=[Patient(40, spare=lambda epoch: 39 - epoch)])
    assert lengths == [1, 2, 4, 8, 16, 9]


def test_epochs_that_take_long_are_run_one_by_one(lengths, monkeypatch):
    monkeypatch.setattr(steps, "_SHORT", 0.0)
    descend(epochs=30)
    assert lengths == [1] * 30


@pytest.mark.parametrize("last", [1, 24, 27, 31])
def test_a_stop_within_a_stretch_is_one_at_that_epoch(last, lengths):
    stop = Patient(last)
    stopped = descend(callbacks=[stop])
    plain = descend(epochs=last, callbacks=[lambda record: None])
    assert (stopped.stopped, len(stopped.history)) == ("callback", last)
    assert [record.epoch for record in stop.records] == list(range(1, last + 1))
    for kind in ("model", "last"):
        mine, theirs = (cr.tree.leaves(getattr(result, kind)) for result in (stopped, plain))
        for one, other in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_is_raised_within_a_stretch_leaves_the_run_at_that_epoch(error, lengths):
    interrupt = Patient(27, error)
    if error is RuntimeError:
        with pytest.raises(RuntimeError):
            descend(callbacks=[interrupt])
        return
    result = descend(callbacks=[interrupt])
    plain = descend(epochs=27)
    assert (result.stopped, len(result.history)) == ("interrupted", 27)
    assert max(lengths) > 4
    for one, other in zip(
        cr.tree.leaves((result.model, result.last)),
        cr.tree.leaves((plain.model, plain.last)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_divergence_within_a_stretch_is_found_at_its_epoch(lengths):
    model = nn.mlp(random.key(0), (3, 2))

    def diverge(*callbacks: Any) -> Any:
        return descend(model=model, optimizer=optim.sgd(3.0), epochs=900, callbacks=callbacks)

    together = diverge()
    assert max(lengths) > 4
    alone = diverge(lambda record: None)
    assert together.stopped == "diverged"
    assert len(together.history) > 20
    assert together.message == alone.message
    assert together.message.startswith(f"Diverged in epoch {len(together.history) + 1}: ")
    for one, other in zip(cr.tree.leaves(together.last), cr.tree.leaves(alone.last), strict=True):
        np.testing.assert_array_equal(one, other)


def test_records_of_epochs_run_together_have_no_model(lengths):
    patient = Patient()
    result = descend(epochs=40, callbacks=[patient])
    assert {record.model is None for record in patient.records if record.epoch > 9} == {True}
    assert sum(record.is_best for record in patient.records) > 20
    assert [record.train_loss for record in patient.records] == result.history.train_loss.tolist()
    assert (result.history.seconds > 0).all()


def test_training_in_a_thread_can_be_asked_to_stop():
    request = threading.Event()
    found = []

    def ask(record: EpochRecord) -> None:
        if record.epoch == 3:
            request.set()

    def train() -> None:
        with interruption.stops_with(request):
            for optimizer in (optim.sgd(0.01), optim.lbfgs()):
                request.clear()
                found.append(
                    descend(optimizer=optimizer, batch_size=None, callbacks=[ask], epochs=50)
                )

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert [(result.stopped, len(result.history)) for result in found] == [("interrupted", 3)] * 2


# -- the loss while it runs -----------------------------------------------------------------------


def test_the_running_loss_of_one_batch_is_that_before_the_epoch():
    evaluated = descend(batch_size=None).history
    running = descend(batch_size=None, training_loss="running").history
    np.testing.assert_allclose(running.train_loss[1:], evaluated.train_loss[:-1], rtol=1e-13)
    np.testing.assert_allclose(running.penalty[1:], evaluated.penalty[:-1], rtol=1e-13)
    np.testing.assert_array_equal(running.gradient_norm, evaluated.gradient_norm)


def test_the_running_loss_is_the_mean_over_samples_of_the_batches():
    """A step of 0 leaves the weights, so that it is the loss of all; any other, batch by batch."""
    weight = np.linspace(0.5, 2.0, 20)
    still = {"optimizer": optim.sgd(0.0), "epochs": 1, "sample_weight": weight}
    running = descend(**still, training_loss="running").history
    evaluated = descend(**still).history
    np.testing.assert_allclose(running.train_loss, evaluated.train_loss, rtol=1e-14)
    np.testing.assert_allclose(running.penalty, evaluated.penalty, rtol=1e-14)

    model = nn.Sequential((nn.Dense(np.zeros((3, 2)), np.zeros(2)),))
    moving = {"model": model, "optimizer": optim.sgd(0.1), "epochs": 1, "shuffle": False}
    history = descend(**moving, training_loss="running").history
    kernel, bias, total = np.zeros((3, 2)), np.zeros(2), 0.0
    for rows in (slice(0, 8), slice(8, 16), slice(16, 20)):
        error = X[rows] @ kernel + bias - Y[rows]
        total += np.sum(error**2) / 2
        kernel = kernel - 0.1 * X[rows].T @ error / len(error)
        bias = bias - 0.1 * error.mean(axis=0)
    np.testing.assert_allclose(history.train_loss, [total / 20], rtol=1e-13)


def test_the_running_loss_changes_no_weights():
    for one, other in zip(
        cr.tree.leaves(descend(training_loss="running", restore_best=False).model),
        cr.tree.leaves(descend(restore_best=False).model),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_an_unknown_kind_of_loss_is_refused():
    with pytest.raises(InvalidArgumentError) as caught:
        descend(training_loss="exact")
    assert caught.value.message == (
        "fit: training_loss: expected 'evaluated' or 'running', got 'exact'."
    )
