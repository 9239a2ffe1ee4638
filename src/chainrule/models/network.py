"""Networks that are built and trained from declared hyper-parameters.

`Network` is what classifiers and regressors share. It works on plain arrays; how it reads what it
is given, and whom it tells what has happened, are methods of their own (`_inputs`, `_samples`,
`_report`), which the estimators replace to keep scikit-learn's contract.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from chainrule import _tree as tree
from chainrule import nn, random, training
from chainrule._errors import DivergenceError, InvalidArgumentError, ShapeError
from chainrule.models import arrays, building, padding
from chainrule.models.declaration import drawn_seed
from chainrule.models.held_out import HeldOut, set_aside
from chainrule.models.progress import Progress
from chainrule.models.settings import Settings
from chainrule.models.summary import summarized
from chainrule.optim import Method, Optimizer
from chainrule.training import (
    Checkpoint,
    EpochRecord,
    FitResult,
    LearningRateSearch,
    TrainingState,
)
from chainrule.training.epoch import Loss, Samples, Score, cost

__all__ = ["Network", "Problem", "check_repeatable", "refuse_divergence"]


class Problem(NamedTuple):
    """What a network is to learn, encoded as its cost wants it.

    Attributes
    ----------
    train : Samples
    validation : Samples or None
    loss : callable
    score : callable or None
    n_outputs : int
        Of the network.
    """

    train: Samples
    validation: Samples | None
    loss: Loss
    score: Score | None
    n_outputs: int


def check_repeatable(checkpoint: Checkpoint | None, random_state: Any) -> None:
    """Raise `InvalidArgumentError` for a checkpoint of a run that draws other numbers each time."""
    if checkpoint is not None and random_state is None:
        raise InvalidArgumentError(
            "fit: checkpoint: expected an int as random_state, got None; a run that goes on "
            "has to draw the same numbers again."
        )


def refuse_divergence(result: FitResult) -> None:
    """Raise `DivergenceError` for a run that left nothing to keep."""
    if result.stopped == "diverged" and not len(result.history):
        raise DivergenceError(
            "Solver produced non-finite parameter weights. The input data may contain large "
            f"values and need to be preprocessed. {result.message}"
        )


def _gone_on_with(last: TrainingState, model: Any, optimizer: Any) -> TrainingState:
    """Return the state to go on from; what another optimizer has remembered is of no use."""
    remembered = optimizer.init(nn.parameters(model))
    if tree.structure(remembered) == tree.structure(last.optimizer_state):
        remembered = last.optimizer_state
    return TrainingState(model, remembered, last.key)


class Network(Settings, ABC):
    """What `NetworkClassifier` and `NetworkRegressor` share."""

    # -- how data are read: what estimators replace -----------------------------------------------

    def _inputs(self, X: Any, dtype: Any, *, reset: bool = False) -> npt.NDArray[Any]:
        """Return X as a finite array; ``reset`` remembers its number of features."""
        X = np.asarray(X)
        if X.ndim != 2:
            raise ShapeError(f"X: expected shape (n_samples, n_features), got {X.shape}.")
        if reset:
            self.n_features_in_ = X.shape[1]
        elif X.shape[1] != self.n_features_in_:
            raise ShapeError(
                f"X: expected {self.n_features_in_} features, as in training, got {X.shape[1]}."
            )
        if dtype is None:
            dtype = np.float32 if X.dtype == np.float32 else np.float64
        return arrays.finite(X.astype(dtype, copy=False), self)

    def _samples(self, X: Any, y: Any, sample_weight: Any, dtype: Any, *, reset: bool) -> Samples:
        """Return X as `_inputs` does, y as an array, and the weights as one or None."""
        X = self._inputs(X, dtype, reset=reset)
        weight = None if sample_weight is None else np.asarray(sample_weight, X.dtype)
        return Samples(X, np.asarray(y), weight)

    def _report(self, result: FitResult) -> None:
        """Say how training has ended, if asked to."""
        if self.verbose:
            print(result.message)

    # -- training ---------------------------------------------------------------------------------

    @abstractmethod
    def _read(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        held_out: HeldOut | None,
        *,
        reset: bool,
        incremental: bool,
    ) -> Problem:
        """Read and encode what is to be learned; ``reset`` decides anew how."""

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        held_out: HeldOut | None,
        *,
        incremental: bool,
        checkpoint: Checkpoint | None = None,
    ) -> Self:
        """Train a new network, or the present one further, and keep what comes of it.

        ``incremental`` makes it a single epoch that goes on from the state of the last. If
        something is raised, all is as it was before.
        """
        self._check_hyperparameters()
        check_repeatable(checkpoint, self.random_state)
        goes_on = hasattr(self, "model_") and (incremental or self.warm_start)
        before = dict(vars(self))
        try:
            problem = self._read(
                X, y, sample_weight, held_out, reset=not goes_on, incremental=incremental
            )
            result = self._trained(problem, goes_on, incremental, checkpoint)
            self._keep(result, problem)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
        if not incremental:
            self._report(result)
        return self

    def _trained(
        self, problem: Problem, goes_on: bool, incremental: bool, checkpoint: Checkpoint | None
    ) -> FitResult:
        train, validation = problem.train, problem.validation
        n_samples = len(train.X)
        batch_size = self._rows_per_step(n_samples)
        optimizer = self._optimizer(self.learning_rate_init, batch_size, n_samples)
        build_key, run_key = self._keys()
        if goes_on:
            self._check_same_network(problem, build_key)
            model = self.model_
        else:
            model = self._new_model(problem, build_key)
            self.t_ = 0
            self.loss_curve_: list[float] = []
            self._scores: list[float] = []
        start: Any = self._with_penalties(model, train, batch_size)
        if incremental and goes_on:
            start = _gone_on_with(self._state, start, optimizer)
        progress = Progress(self, has_validation=self.early_stopping and validation is not None)
        stepping = not self._uses_curvature()

        def adjust(record: EpochRecord, optimizer: Any) -> Any:
            rate = progress.new_rate()
            return optimizer if rate is None else self._optimizer(rate, batch_size, n_samples)

        pads = not incremental and self._pads(start)
        result = training.fit(
            padding.padded(start, self.pad_widths_to) if pads else start,
            problem.loss,
            optimizer,
            train.X,
            train.y,
            epochs=1 if incremental else self.max_iter,
            batch_size=batch_size,
            key=run_key,
            sample_weight=train.weight,
            X_val=None if validation is None else validation.X,
            y_val=None if validation is None else validation.y,
            sample_weight_val=None if validation is None else validation.weight,
            shuffle=self.shuffle,
            score=None if validation is None else problem.score,
            training_loss=self.training_loss,
            adjust=adjust,
            tolerance=None if stepping else float(self.tol),
            max_evaluations=None if stepping else self.max_fun,
            callbacks=[*([progress] if stepping else []), *(self.callbacks or ())],
            checkpoint=checkpoint,
            restore_best=self.restore_best and not incremental,
        )
        if pads:
            assert isinstance(optimizer, Optimizer)
            result = padding.trimmed(result, start, optimizer)
        return replace(result, message=progress.explained(result.message))

    def find_learning_rate(self, X: Any, y: Any, sample_weight: Any = None) -> LearningRateSearch:
        """Raise the learning rate step by step, and suggest one by what becomes of the loss.

        Nothing is fitted. The network, its cost and its optimizer are those that `fit` would begin
        with; a schedule is left out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        chainrule.training.LearningRateSearch

        Raises
        ------
        InvalidArgumentError
            If the solver takes all samples in every step, or has a learning rate of its own.
        """
        self._check_hyperparameters()
        if self.takes_all_samples or not isinstance(self.solver, str):
            raise InvalidArgumentError(
                "find_learning_rate: solver: expected one that takes steps over mini-batches, "
                f"such as 'adam' or 'sgd', got {self.solver!r}."
            )
        fresh = replace(self, learning_rate="constant", early_stopping=False)
        problem = fresh._read(X, y, sample_weight, None, reset=True, incremental=False)
        train = problem.train
        n_samples = len(train.X)
        batch_size = fresh._rows_per_step(n_samples)
        build_key, run_key = fresh._keys()
        model = fresh._new_model(problem, build_key)

        def optimizer(rate: float) -> Any:
            return fresh._optimizer(rate, batch_size, n_samples)

        return training.find_learning_rate(
            fresh._with_penalties(model, train, batch_size),
            problem.loss,
            optimizer,
            train.X,
            train.y,
            key=run_key,
            batch_size=batch_size,
            sample_weight=train.weight,
        )

    def _keys(self) -> tuple[Any, Any]:
        """Return the keys of the initial weights and of the run."""
        first, second = random.split(random.key(drawn_seed(self.random_state)), 2)
        return first, second

    def _new_model(self, problem: Problem, key: Any) -> nn.Sequential:
        X, _, weight = problem.train
        hidden = building.hidden_widths(self.hidden_layer_sizes)
        widths = (X.shape[1], *hidden, problem.n_outputs)
        scaling = arrays.input_scaling(self.standardize, X, weight)
        return building.built_network(self, key, widths, scaling, X.dtype)

    def _check_same_network(self, problem: Problem, key: Any) -> None:
        """Raise if hyper-parameters have changed that the network there is was made by."""
        empty = replace(self, standardize=False, kernel_init="zeros", bias_init="zeros")
        wanted = repr(empty._new_model(problem, key))
        layers = self.model_.layers
        present = repr(nn.Sequential(layers[isinstance(layers[0], nn.Standardize) :]))
        if wanted != present:
            raise InvalidArgumentError(
                f"fit: expected hyper-parameters that make the network trained so far, {present}, "
                f"got some that make {wanted}; to begin anew, call fit with warm_start=False."
            )

    def _with_penalties(self, model: Any, train: Samples, batch_size: int) -> Any:
        # In relation to the mean loss of a batch, the penalty is divided by the weight it has.
        mean_weight = 1.0 if train.weight is None else float(np.mean(train.weight))
        return building.with_penalties(model, self, 1.0 / (batch_size * mean_weight))

    def _rows_per_step(self, n_samples: int) -> int:
        takes_all = self.takes_all_samples
        if self.batch_size == "auto":
            return n_samples if takes_all else min(200, n_samples)
        if takes_all and self.batch_size < n_samples:
            if not self._uses_curvature():
                raise InvalidArgumentError(
                    f"batch_size: expected 'auto' for solver={self.solver!r}, got "
                    f"{self.batch_size}; it "
                    "compares the signs of gradients from step to step, and those of two "
                    "mini-batches differ by chance."
                )
            warnings.warn(
                f"solver={self.solver!r} takes all samples in every step, so batch_size="
                f"{self.batch_size} is not used: its line searches need one and the same function.",
                UserWarning,
                stacklevel=5,
            )
            return n_samples
        if self.batch_size > n_samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
                UserWarning,
                stacklevel=5,
            )
        return min(self.batch_size, n_samples)

    @property
    def takes_all_samples(self) -> bool:
        """Whether every step of the solver needs all samples."""
        return (
            self.solver == "rprop"
            or self._uses_curvature()
            or getattr(self.solver, "full_batch_only", False)
        )

    def _uses_curvature(self) -> bool:
        return building.uses_curvature(self.solver)

    def _pads(self, model: Any) -> bool:
        """Return whether hidden layers are laid out wider than they are."""
        callbacks = self.callbacks or ()
        return (
            self.pad_widths_to > 1
            and not self._uses_curvature()
            and all(hasattr(callback, "epochs_to_spare") for callback in callbacks)
            and padding.can_be_padded(model)
        )

    def _optimizer(self, rate: float, batch_size: int, n_samples: int) -> Optimizer | Method:
        steps = math.ceil(n_samples / batch_size)
        return building.built_optimizer(self, rate=rate, steps_per_epoch=steps, n_samples=n_samples)

    def _keep(self, result: FitResult, problem: Problem) -> None:
        refuse_divergence(result)
        history = result.history
        self.model_ = result.model
        self.best_epoch_ = result.best_epoch
        self._state: TrainingState = result.last
        self.history_ = history
        self.message_ = result.message
        self.stopped_ = result.stopped
        self.n_iter_ = len(history)
        self.n_layers_ = len(self.coefs_) + 1
        self.t_ += len(problem.train.X) * len(history)
        losses = (history.train_loss + history.penalty).tolist()
        self.loss_curve_ = self.loss_curve_ + losses
        if history.val_loss is not None:
            scores = -history.val_loss if history.val_score is None else history.val_score
            self._scores = self._scores + scores.tolist()
        self.validation_scores_ = self._scores or None
        self.best_validation_score_ = max(self._scores) if self._scores else None
        self.best_loss_ = None if self._scores else min(self.loss_curve_, default=None)
        epoch = result.best_epoch
        self.loss_ = losses[epoch - 1] if epoch else self._cost_of(problem)

    def _cost_of(self, problem: Problem) -> float:
        """Return the training loss with penalties of weights that no epoch has ended with."""
        output = self._evaluated(problem.train.X)
        return float(cost(problem.loss, output, problem.train) + nn.penalty(self.model_))

    def _set_aside(
        self, train: Samples, strata: npt.NDArray[Any] | None
    ) -> tuple[Samples, Samples]:
        """Return a training part and a validation part, drawn by ``random_state``."""
        return set_aside(
            train, strata, fraction=self.validation_fraction, random_state=self.random_state
        )

    def _outputs(self, X: Any) -> npt.NDArray[Any]:
        """Return the outputs of the network, before any output activation."""
        return self._evaluated(self._inputs(X, self._dtype()))

    def _evaluated(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if len(X) <= arrays.BLOCK:
            return self.model_(X)
        blocks = range(0, len(X), arrays.BLOCK)
        return np.concatenate([self.model_(X[i : i + arrays.BLOCK]) for i in blocks])

    def _dtype(self) -> Any:
        return self.coefs_[0].dtype

    def _one_row(self, x: Any) -> npt.NDArray[Any]:
        row = x if np.ndim(x) == 2 else np.reshape(x, (1, -1))
        if row.shape[0] != 1:
            raise ShapeError(f"explain: x: expected one sample, got {row.shape[0]}.")
        return self._inputs(row, self._dtype())

    def summary(self) -> None:
        """Print the layers, the shapes of their outputs, and their numbers of parameters."""
        print(summarized(self.model_, self.n_features_in_))

    # -- by the names of scikit-learn's networks --------------------------------------------------

    @property
    def coefs_(self) -> list[npt.NDArray[Any]]:
        """The weights of each layer, of shape (fan_in, fan_out)."""
        return [layer.kernel for layer in self._fitted_layers("coefs_")]

    @property
    def intercepts_(self) -> list[npt.NDArray[Any]]:
        """The biases of each layer, of shape (fan_out,)."""
        return [layer.bias for layer in self._fitted_layers("intercepts_")]

    def _fitted_layers(self, name: str) -> list[nn.Dense]:
        if not hasattr(self, "model_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return list(building.dense_layers(self.model_))
