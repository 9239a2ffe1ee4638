"""The work of `chainrule train`: from the name of some data to a tested network.

The steps stand in `run` in their order: split, scale, train, test. Everything
they need to know about a kind of task (how many outputs, which loss, how outputs
become predictions) is in `_Task`.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import typer

from chainrule import datasets, nn, optim, random
from chainrule._errors import DataError
from chainrule.cli._exit import DIVERGED, INTERRUPTED
from chainrule.cli._report import Report, confusion_lines
from chainrule.datasets import Dataset, Recipe, Standardizer
from chainrule.training import EpochRecord, FitResult, fit

_INITIALIZERS = {
    "glorot": nn.initializers.glorot_uniform,
    "he": nn.initializers.he_uniform,
    "normal": nn.initializers.standard_normal,
}
_OPTIMIZERS: dict[str, Callable[[float], optim.Optimizer]] = {
    "adam": optim.adam,
    "momentum": optim.momentum,
    "sgd": optim.sgd,
}
_STATUSES = {"completed": 0, "diverged": DIVERGED, "interrupted": INTERRUPTED}


def open_dataset(
    data: str, target: str | None, drop: tuple[str, ...], task: datasets.Task | None
) -> Dataset:
    """Return the data set that the command line names.

    Parameters
    ----------
    data : str
        A built-in name, or else the path of a CSV file. A file of the same name as
        a built-in set is reached as ``./name``.
    target : str or None
        The column to predict, for a file.
    drop : tuple of str
        Columns of a file to leave out.
    task : {"classification", "regression"} or None

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        When there is no such data or it cannot be used.
    typer.BadParameter
        When a file is named without a target, or a built-in set with options that
        are for files.
    """
    if data in datasets.names():
        for option, value in (("--target", target), ("--drop", drop), ("--task", task)):
            if value:
                raise typer.BadParameter(
                    f"this option is for files; the built-in data set '{data}' needs none. For a "
                    f"file of that name write ./{data}.",
                    param_hint=option,
                )
        return datasets.load(data)
    if not Path(data).exists():
        near = difflib.get_close_matches(data, datasets.names(), n=1)
        meant = f" Did you mean '{near[0]}'?" if near else ""
        raise DataError(
            f"{data}: there is no such file, nor a built-in data set of that name.{meant} Built-in "
            f"are {', '.join(datasets.names())}."
        )
    if target is None:
        raise typer.BadParameter(
            f"it is missing. Name the column of {data} to predict, as in --target COLUMN.",
            param_hint="--target",
        )
    return datasets.read_csv(data, target, drop=drop, task=task)


def run(dataset: Dataset, given: dict[str, Any], *, seed: int, quiet: bool, no_color: bool) -> int:
    """Train a network on a data set, test it, and print what happens.

    Parameters
    ----------
    dataset : Dataset
    given : dict
        Settings that replace those of the data set's recipe.
    seed : int
        Seed of the split, the weights and the order of the samples.
    quiet, no_color : bool
        See `Report`.

    Returns
    -------
    int
        The exit status.
    """
    settings = replace(dataset.recipe, **given)
    report = Report(quiet=quiet, no_color=no_color)
    train, test = dataset, None
    if settings.test_size:
        train, test = datasets.train_test_split(dataset, settings.test_size, seed=seed)
    settings = replace(settings, batch_size=min(settings.batch_size, train.n_samples))
    task = _Task.of(train)
    inputs = Standardizer.fit(train.features)
    _describe(report, dataset, train, test, task, settings, seed)

    result = _train(report, task, inputs.transform(train.features), train, settings, seed)
    if result.stopped == "completed":
        report.note(result.message)
    else:
        report.problem(result.message)
    report.note()
    _evaluate(report, task, result.model, inputs, train, test)
    return _STATUSES[result.stopped]


@dataclass(frozen=True)
class _Task:
    """What training and testing need to know about a kind of target.

    `loss_name` and `n_outputs` describe the last layer; `scaler` holds the scale
    of a regression's target and is None for a classification.
    """

    n_outputs: int
    loss: Callable[[Any, Any], Any]
    loss_name: str
    scaler: Standardizer | None

    @classmethod
    def of(cls, train: Dataset) -> "_Task":
        if train.class_names is None:
            scaler = Standardizer.fit(train.target[:, None])
            return cls(1, nn.mean_squared_error, "squared error", scaler)
        if len(train.class_names) == 2:
            return cls(1, nn.sigmoid_cross_entropy, "sigmoid cross-entropy", None)
        n_classes = len(train.class_names)
        return cls(n_classes, nn.softmax_cross_entropy, "softmax cross-entropy", None)

    def encode(self, target: np.ndarray) -> np.ndarray:
        """Return the target as the loss wants it."""
        return target if self.scaler is None else self.scaler.transform(target[:, None])

    def predict(self, model: Any, X: np.ndarray) -> np.ndarray:
        """Return class indices, or values in the target's own unit."""
        outputs = model(X)
        if self.scaler is not None:
            return self.scaler.inverse_transform(outputs)[:, 0]
        if self.n_outputs == 1:
            return (outputs[:, 0] > 0).astype(np.int64)
        return outputs.argmax(axis=1)

    def score(self, truth: np.ndarray, predicted: np.ndarray) -> str:
        """Say how good predictions are."""
        if self.scaler is None:
            n_right, n = int((truth == predicted).sum()), truth.size
            return f"accuracy {100 * n_right / n:.1f} % ({n_right:,} of {n:,} correct)"
        mse = np.square(truth - predicted).mean()
        variance = truth.var()
        r2 = f"{1 - mse / variance:.4f}" if variance else "undefined (the target is constant)"
        return f"mean squared error {mse:.4g}, R² {r2}"


def _describe(
    report: Report,
    dataset: Dataset,
    train: Dataset,
    test: Dataset | None,
    task: _Task,
    settings: Recipe,
    seed: int,
) -> None:
    kind = "regression"
    if dataset.class_names is not None:
        kind = f"{len(dataset.class_names)} classes"
    report.note(
        f"{dataset.name}: {_count(dataset.n_samples, 'sample')}, "
        f"{_count(dataset.n_features, 'feature')}, {kind}",
        style="bold",
    )
    if test is None:
        report.note("No samples are held out: the result is that on the training samples.")
    else:
        how = "shuffled" if dataset.class_names is None else "shuffled, classes in proportion"
        report.note(
            f"{_count(train.n_samples, 'sample')} for training, {test.n_samples:,} for testing "
            f"({how})"
        )
    report.note("Each feature scaled to mean 0 and standard deviation 1 over the training samples")
    widths = (dataset.n_features, *settings.hidden, task.n_outputs)
    n_parameters = sum((n + 1) * m for n, m in pairwise(widths))
    report.note(
        f"Network {'-'.join(map(str, widths))}, {settings.activation}, {settings.init} "
        f"initialization, {n_parameters:,} parameters"
    )
    penalty = f" with L2 {settings.l2:g}" if settings.l2 else ""
    report.note(
        f"Minimizing {task.loss_name}{penalty} by {settings.optimizer}, learning rate "
        f"{settings.learning_rate:g}, {_count(settings.epochs, 'epoch')} in batches of "
        f"{settings.batch_size}, seed {seed}"
    )


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _evaluate(
    report: Report,
    task: _Task,
    model: Any,
    inputs: Standardizer,
    train: Dataset,
    test: Dataset | None,
) -> None:
    """Print the scores of both parts, and for a classification the confusions of the test."""
    parts = {"Training": train} if test is None else {"Test": test, "Training": train}
    predictions = {
        name: task.predict(model, inputs.transform(part.features)) for name, part in parts.items()
    }
    for name, part in parts.items():
        report.result(f"{name} {task.score(part.target, predictions[name])}", style="bold")
    name, part = next(iter(parts.items()))
    if part.class_names is not None:
        report.note()
        for line in confusion_lines(part.target, predictions[name], part.class_names):
            report.note(line)


class _Trained(NamedTuple):
    """The outcome of the best start, and how the last one ended."""

    model: Any
    stopped: str
    message: str


def _train(
    report: Report, task: _Task, X: np.ndarray, train: Dataset, settings: Recipe, seed: int
) -> _Trained:
    """Train from one random start, or from several until one succeeds."""
    key = random.key(seed)
    best: FitResult | None = None
    for start in range(1, settings.starts + 1):
        key, weights_key, order_key = random.split(key, 3)
        model = nn.mlp(
            weights_key,
            (X.shape[1], *settings.hidden, task.n_outputs),
            activation=nn.ACTIVATIONS[settings.activation],
            kernel_init=_INITIALIZERS[settings.init],
        )
        last = _fit(report, task, model, X, train, settings, order_key)
        if best is None or _loss(last) < _loss(best):
            best = last
        if last.stopped != "completed" or settings.starts == 1 or train.class_names is None:
            break
        n_wrong = int((task.predict(last.model, X) != train.target).sum())
        if n_wrong == 0:
            break
        again = "; starting again from other random weights" if start < settings.starts else ""
        report.note(
            f"Start {start} of {settings.starts}: {n_wrong} of {train.n_samples} training samples "
            f"are still wrong{again}."
        )
    assert best is not None
    better = "" if best is last else " An earlier start was better; its weights are used."
    return _Trained(best.model, last.stopped, last.message + better)


def _loss(result: FitResult) -> float:
    return float(np.min(result.history.train_loss, initial=np.inf))


def _fit(
    report: Report,
    task: _Task,
    model: Any,
    X: np.ndarray,
    train: Dataset,
    settings: Recipe,
    key: Any,
) -> FitResult:
    def show(record: EpochRecord) -> None:
        report.epoch(record.epoch, settings.epochs, record.train_loss)

    report.start_progress(settings.epochs)
    try:
        return fit(
            model,
            task.loss,
            _OPTIMIZERS[settings.optimizer](settings.learning_rate),
            X,
            task.encode(train.target),
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            key=key,
            l2=settings.l2,
            callbacks=[show],
        )
    finally:
        report.end_progress()
