"""Runs that are broken off and go on: the same weights, history and words, bit for bit."""

from __future__ import annotations

import errno
import os
import re
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.training import runs

import chainrule as cr
from chainrule import nn, optim, random
from chainrule._errors import (
    ArgumentTypeError,
    DataError,
    FileError,
    InvalidArgumentError,
    MissingFileError,
)
from chainrule.training import Checkpoint, EpochRecord
from chainrule.training import checkpoint as module

uninterrupted = cache(lambda kind: runs.content(runs.run(kind)))


class BlackoutError(Exception):
    """Ends a run like nothing that training would catch."""


def failing_at(epoch: int, error: type[BaseException] = BlackoutError) -> Any:
    def callback(record: EpochRecord) -> None:
        if record.epoch == epoch:
            raise error

    return callback


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("kind", runs.KINDS)
def test_a_run_that_was_broken_off_ends_like_one_that_was_not(kind, every, tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.safetensors", every_epochs=every)
    for epoch in (1, 5, 6, 10):
        with pytest.raises(BlackoutError):
            runs.run(kind, checkpoint, (failing_at(epoch),))
    seen: list[int] = []
    result = runs.run(kind, checkpoint, (lambda record: seen.append(record.epoch),))
    assert runs.content(result) == uninterrupted(kind)
    assert seen == list(range(10 - (10 - 1) % every, len(result.history) + 1))
    assert [path.name for path in tmp_path.iterdir()] == ["run.safetensors"]


@pytest.mark.parametrize("kind", runs.KINDS)
def test_a_run_that_is_over_returns_its_result_again(kind, tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.safetensors", every_seconds=1000.0)
    first = runs.run(kind, checkpoint)
    written = (tmp_path / "run.safetensors").stat()
    again = runs.run(kind, checkpoint, (failing_at(1), failing_at(len(first.history))))
    assert runs.content(again) == runs.content(first) == uninterrupted(kind)
    np.testing.assert_array_equal(again.history.seconds, first.history.seconds)
    assert (tmp_path / "run.safetensors").stat().st_mtime_ns == written.st_mtime_ns


@pytest.mark.parametrize("kind", ["sgd with momentum", "lbfgs"])
def test_ctrl_c_keeps_the_latest_epoch(kind, tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.safetensors", every_epochs=1000)
    stopped = runs.run(kind, checkpoint, (failing_at(7, KeyboardInterrupt),))
    assert stopped.stopped == "interrupted"
    seen: list[int] = []
    result = runs.run(kind, checkpoint, (lambda record: seen.append(record.epoch),))
    assert runs.content(result) == uninterrupted(kind)
    assert seen[0] == 7


def test_what_callbacks_remember_is_that_of_the_epoch_that_is_kept(tmp_path):
    """Also where a callback adds to a list of its own in the epoch that is broken off."""
    checkpoint = Checkpoint(tmp_path / "run.safetensors", every_epochs=1000)

    def rates(checkpoint: Checkpoint | None, *callbacks: Any) -> list[float]:
        halving = runs.Halving()
        changes = {"adjust": halving.adjust, "batch_size": 16}
        runs.run("sgd with momentum", checkpoint, (halving, *callbacks), **changes)
        return halving.rates

    expected = rates(None)
    assert rates(checkpoint, failing_at(9, KeyboardInterrupt)) == expected[:9]
    assert rates(checkpoint) == expected


def test_a_run_that_diverges_says_so_again(tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.safetensors", every_epochs=1)
    changes = {"optimizer": optim.sgd(1e4), "loss": nn.mean_squared_error, "epochs": 500}
    for name in ("y", "y_val"):
        changes[name] = np.eye(3)[runs.data()[name]]
    changes["model"] = nn.mlp(random.key(0), (5, 3))
    first = runs.run("sgd with momentum", checkpoint, **changes)
    assert first.stopped == "diverged"
    again = runs.run("sgd with momentum", checkpoint, (failing_at(1),), **changes)
    assert runs.content(again) == runs.content(first)


def test_it_is_written_when_its_time_has_come(tmp_path, monkeypatch):
    clock = iter(np.arange(1000.0))  # a second goes by each time that somebody looks
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    epochs: list[int] = []

    def look(record: EpochRecord) -> None:
        if path.exists() and path.stat().st_mtime_ns not in found:
            found.append(path.stat().st_mtime_ns)
            epochs.append(record.epoch)

    found: list[int] = []
    path = tmp_path / "run.safetensors"
    runs.run("sgd with momentum", Checkpoint(path, every_seconds=4.0), (look,))
    # Written before the first epoch and after epochs 4, 8, ...: seen in the epoch that follows.
    assert epochs[:4] == [1, 5, 9, 13]


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "run.safetensors", every_epochs=1)
    calls, write = iter(range(100)), os.write

    def full(descriptor: int, data: Any) -> int:
        if next(calls) < 5:
            return write(descriptor, data)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(FileError) as caught:
        runs.run("sgd with momentum", checkpoint)
    assert str(caught.value) == (
        f"fit: checkpoint: {tmp_path / 'run.safetensors'}: there is no room to write it (No space "
        "left on device); nothing has been changed, make room or write elsewhere."
    )
    monkeypatch.undo()
    seen: list[int] = []
    result = runs.run("sgd with momentum", checkpoint, (lambda r: seen.append(r.epoch),))
    assert seen[0] == 5
    assert runs.content(result) == uninterrupted("sgd with momentum")


def other_samples(name: str) -> dict[str, Any]:
    array = runs.data()[name].copy()
    array.flat[3] = np.nextafter(array.flat[3], np.inf) if array.dtype.kind == "f" else 2
    return {name: array}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (other_samples("X"), "training samples"),
        (other_samples("y"), "training samples"),
        ({"sample_weight": np.ones(70)}, "training samples"),
        (other_samples("X_val"), "validation samples"),
        ({"X_val": None, "y_val": None}, "validation samples"),
        ({"model": runs.network(residual=True)}, "model, key or state"),
        ({"optimizer": optim.momentum(0.0501)}, "optimizer"),
        ({"optimizer": optim.nesterov(0.05)}, "optimizer"),
        ({"l2": 0.1}, "optimizer, key or state"),
        ({"loss": nn.partial(nn.softmax_cross_entropy, reduction="mean")}, "loss"),
        ({"score": runs.accuracy}, "score"),
        ({"key": random.key(5)}, "key or state"),
        ({"batch_size": 17, "epochs": 31}, "epochs, batch_size"),
        ({"shuffle": False}, "shuffle"),
        ({"callbacks": (runs.Halving(),)}, "callbacks and rules of stopping"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_the_checkpoint_of_another_run_is_refused(changes, what, tmp_path):
    path = tmp_path / "run.safetensors"
    with pytest.raises(BlackoutError):
        runs.run("sgd with momentum", Checkpoint(path, every_epochs=1), (failing_at(3),))
    before = path.read_bytes()
    with pytest.raises(InvalidArgumentError) as caught:
        runs.run("sgd with momentum", Checkpoint(path), **changes)
    assert caught.value.message == (
        f"fit: checkpoint: {path}: expected one of this run, got one with other {what}; delete it "
        "to begin anew, or choose another path."
    )
    assert path.read_bytes() == before


def test_another_tolerance_is_another_run(tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.safetensors")
    runs.run("lbfgs", checkpoint, tolerance=1e-2)
    with pytest.raises(InvalidArgumentError, match="got one with other tolerance; delete it"):
        runs.run("lbfgs", checkpoint, tolerance=1e-3)
    with pytest.raises(InvalidArgumentError, match="other optimizer, tolerance, max_evaluations"):
        runs.run("bfgs", checkpoint, score=None, max_evaluations=100)


def test_a_file_that_is_no_checkpoint_is_refused_and_kept(tmp_path):
    path = tmp_path / "model.safetensors"
    cr.save(path, runs.network())
    before = path.read_bytes()
    with pytest.raises(ArgumentTypeError) as caught:
        runs.run("lbfgs", Checkpoint(path))
    assert caught.value.message == (
        f"fit: checkpoint: {path}: expected a checkpoint, got a file with Sequential; choose "
        "another path."
    )
    path.write_bytes(before[:-1])
    with pytest.raises(DataError, match="expected a whole file, got one that is cut short"):
        runs.run("lbfgs", Checkpoint(path))
    assert path.read_bytes() == before[:-1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"every_epochs": 0},
            InvalidArgumentError,
            "Checkpoint: every_epochs: expected an integer of at least 1, got 0.",
        ),
        (
            {"every_epochs": 2.0},
            InvalidArgumentError,
            "Checkpoint: every_epochs: expected an integer of at least 1, got 2.0.",
        ),
        (
            {"every_seconds": -1.0},
            InvalidArgumentError,
            "Checkpoint: every_seconds: expected a number of at least 0, got -1.0.",
        ),
        (
            {"every_seconds": float("nan")},
            InvalidArgumentError,
            "Checkpoint: every_seconds: expected a number of at least 0, got nan.",
        ),
        ({"path": 3}, ArgumentTypeError, "Checkpoint: path: expected a str or a Path, got int."),
    ],
)
def test_settings_are_checked(arguments, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}") as caught:
        Checkpoint(**{"path": "run", **arguments})
    assert caught.value.message == message


def test_what_is_no_checkpoint_is_refused():
    with pytest.raises(ArgumentTypeError) as caught:
        runs.run("lbfgs", "run.safetensors")
    assert caught.value.message == (
        "fit: checkpoint: expected one such as Checkpoint('run.safetensors'), got str."
    )


def test_a_file_that_cannot_be_written_is_known_before_training(tmp_path):
    path = tmp_path / "no" / "run.safetensors"
    with pytest.raises(MissingFileError) as caught:
        runs.run("lbfgs", Checkpoint(path), (failing_at(1),))
    assert str(caught.value) == (
        f"fit: checkpoint: {path}: there is no such folder; make it first."
    )


def test_exists_says_whether_there_is_a_file(tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.safetensors")
    assert not checkpoint.exists
    runs.run("lbfgs", checkpoint)
    assert checkpoint.exists
