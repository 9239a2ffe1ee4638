"""Which samples each fit of a search learns from, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chainrule._errors import ChainruleError, DataError, DivergenceError
from chainrule.cli._score import scores
from chainrule.cli._train import new_network
from chainrule.datasets import Dataset, split_indices
from chainrule.search.cells import Cell, Outcome

__all__ = ["Evaluation", "Fold", "cross_validation", "held_out"]


class Fold(NamedTuple):
    """Rows to train with, and rows held out."""

    train: npt.NDArray[np.intp]
    test: npt.NDArray[np.intp]


def held_out(dataset: Dataset, share: float, seed: int) -> list[Fold]:
    """Return one fold that holds out a share of the samples, classes in proportion."""
    names = dataset.class_names
    classes = None if names is None else np.array(names)[dataset.target]
    try:
        train, test = split_indices(dataset.n_samples, share, classes=classes, seed=seed)
    except DataError as error:
        raise DataError(f"--holdout: {error.message}") from None
    return [Fold(train, test)]


def cross_validation(dataset: Dataset, count: int, seed: int) -> list[Fold]:
    """Return folds of shuffled samples, classes in proportion; each sample is held out once.

    Raises
    ------
    DataError
        If a fold would be empty, or a class has fewer samples than there are folds.
    """
    classes = np.zeros(dataset.n_samples, np.int64)
    if dataset.class_names is not None:
        classes = dataset.target
        counts = np.bincount(classes, minlength=len(dataset.class_names))
        rarest = int(np.argmin(np.where(counts > 0, counts, counts.max())))
        if counts[rarest] < count:
            raise DataError(
                f"--cv: expected at least {count} samples of each class, one for each fold, got "
                f"{counts[rarest]} of '{dataset.class_names[rarest]}'; use fewer folds or "
                "--holdout."
            )
    if dataset.n_samples < count:
        raise DataError(
            f"--cv: expected at least {count} samples, one for each fold, got {dataset.n_samples}."
        )
    shuffled = np.random.default_rng(seed).permutation(dataset.n_samples)
    # Dealt out like cards, class by class.
    fold_of = np.empty(dataset.n_samples, np.int64)
    fold_of[shuffled[np.argsort(classes[shuffled], kind="stable")]] = (
        np.arange(dataset.n_samples) % count
    )
    return [
        Fold(*(np.flatnonzero(part) for part in (fold_of != k, fold_of == k))) for k in range(count)
    ]


class Evaluation:
    """Turns cells into outcomes: accuracy, or R² for numbers. It may be called from threads.

    Parameters
    ----------
    dataset : Dataset
    folds : list of Fold
    settings : dict
        What all fits have in common.
    """

    def __init__(self, dataset: Dataset, folds: list[Fold], settings: Mapping[str, Any]) -> None:
        self.metric = "R²" if dataset.class_names is None else "accuracy"
        self._key = "r2" if dataset.class_names is None else "accuracy"
        self._settings = dict(settings)
        self._parts = [(dataset.take(train), dataset.take(test)) for train, test in folds]

    def __call__(self, cell: Cell) -> Outcome:
        """Fit and score."""
        train, test = self._parts[cell.fold]
        settings = {**self._settings, **cell.settings}
        seed = settings.pop("random_state")
        began = time.perf_counter()
        try:
            network = new_network(train, settings, train.n_samples, seed)
            network.fit(train.features, train.target)
        except DivergenceError as error:
            return Outcome("diverged", {}, {}, time.perf_counter() - began, 0.0, error.message)
        except ChainruleError as error:
            seconds = time.perf_counter() - began
            return Outcome("failed", {}, {}, seconds, 0.0, error.message, error)
        fitted = time.perf_counter()
        on_test, on_train = self._score(network, test), self._score(network, train)
        times = fitted - began, time.perf_counter() - fitted
        if not on_test:
            message = f"{self.metric} says nothing: all samples held out have the same target."
            return Outcome("failed", {}, {}, *times, message)
        diverged = network.stopped_ == "diverged"
        message = network.message_ if diverged else ""
        return Outcome("diverged" if diverged else "done", on_test, on_train, *times, message)

    def _score(self, network: Any, part: Dataset) -> dict[str, float]:
        """Return the score by its name; nothing where it is not defined."""
        measured = scores(part.target, network.predict(part.features), part.class_names)
        score = measured[self._key]
        return {} if score is None else {self.metric: float(score)}
