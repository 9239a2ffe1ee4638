"""What both multi-layer perceptrons share: their hyper-parameters, and how they are fitted."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from chainrule import nn, random, training
from chainrule._errors import InvalidArgumentError
from chainrule.estimators import network, samples
from chainrule.estimators.declaration import (
    Boolean,
    Declared,
    Function,
    InstanceOf,
    Integer,
    Nothing,
    OneOf,
    PerLayer,
    RandomState,
    Real,
    hyperparameter,
)
from chainrule.estimators.progress import Progress
from chainrule.estimators.summary import summarized
from chainrule.optim import Method, Optimizer, Schedule
from chainrule.training import EpochRecord, FitResult, TrainingState
from chainrule.training.epoch import Loss, Samples, Score

__all__ = ["MultilayerPerceptron"]

_SUITABLE = (0.1, 10.0)
"""Between which root mean squares features are left as they are."""

_POSITIVE = Real(0.0, math.inf, "neither")
_NOT_NEGATIVE = Real(0.0, math.inf, "left")
_SHARE = Real(0.0, 1.0, "left")
_ACTIVATION = (OneOf(*network.ACTIVATION_NAMES), Function("(z) -> a"))
_INITIALIZER = (OneOf(*sorted(nn.INITIALIZERS)), Function("(key, shape, dtype) -> ndarray"))


class MultilayerPerceptron(Declared):
    """What `MLPClassifier` and `MLPRegressor` share."""

    loss: Any = hyperparameter(
        "squared_error", Function(), meaning="What is minimized.", kw_only=False
    )
    hidden_layer_sizes: Any = hyperparameter(
        (100,),
        PerLayer((Integer(-math.inf, math.inf, "neither"),)),
        Integer(1),
        meaning="Number of units of each hidden layer, from the inputs on; () for none.",
        kw_only=False,
    )
    activation: Any = hyperparameter(
        "relu",
        *_ACTIVATION,
        PerLayer(_ACTIVATION),
        meaning="Of the hidden layers: one for all, or one for each.",
        kw_only=False,
    )
    solver: Any = hyperparameter(
        "adam",
        OneOf(*network.SOLVERS),
        InstanceOf(Optimizer),
        InstanceOf(Method),
        meaning=(
            "How the cost is minimized: by steps over mini-batches, by Rprop, which needs all "
            "samples in one batch, or by 'bfgs', 'lbfgs' or 'newton-cg', which use curvature and "
            "all samples. An optimizer of chainrule.optim brings its own learning rate."
        ),
    )
    alpha: Any = hyperparameter(
        0.0001,
        _NOT_NEGATIVE,
        PerLayer((_NOT_NEGATIVE,)),
        meaning=(
            "Strength of the L2 penalty alpha / (2 n) * sum(W ** 2), where n is the number of "
            "samples of a batch: one for all layers, or one for each with the last. With 'adamw', "
            "the decoupled decay."
        ),
    )
    batch_size: Any = hyperparameter(
        "auto",
        OneOf("auto"),
        Integer(1),
        meaning=(
            "Samples per step; 'auto' is min(200, n_samples), or all for a solver that needs them."
        ),
    )
    learning_rate: Any = hyperparameter(
        "constant",
        OneOf(*network.SCHEDULE_NAMES),
        InstanceOf(Schedule),
        Function("(step) -> rate"),
        meaning=(
            "How the learning rate changes. With 'sgd' alone, 'invscaling' divides it by (t + 1) "
            "** power_t, where t is the number of samples seen, and 'adaptive' divides it by 5 "
            "each time training would stop. 'cosine' and 'one_cycle' span max_iter epochs; a "
            "schedule has its own rate and counts steps."
        ),
    )
    learning_rate_init: float = hyperparameter(
        0.001, _POSITIVE, meaning="The learning rate; for 'rprop', the first step length."
    )
    power_t: float = hyperparameter(
        0.5, _NOT_NEGATIVE, meaning="The exponent of learning_rate='invscaling'."
    )
    max_iter: int = hyperparameter(
        200, Integer(1), meaning="The largest number of epochs, or of iterations with curvature."
    )
    shuffle: bool = hyperparameter(
        True, Boolean(), meaning="Whether every epoch takes the samples in a new order."
    )
    random_state: Any = hyperparameter(
        None,
        RandomState(),
        meaning=(
            "Seed of the initial weights, the order of the samples, dropout and the validation "
            "part. Pass an int to get the same network again."
        ),
    )
    tol: float = hyperparameter(
        1e-4,
        _NOT_NEGATIVE,
        meaning=(
            "By how much the training loss, or the validation score with early_stopping, has to "
            "improve for an epoch to count as better. With curvature, the largest gradient that "
            "is small enough."
        ),
    )
    verbose: Any = hyperparameter(
        False, Boolean(), Integer(0), meaning="Whether to print the loss of every epoch."
    )
    warm_start: bool = hyperparameter(
        False, Boolean(), meaning="Whether fit goes on from the network of the last fit."
    )
    momentum: float = hyperparameter(
        0.9, Real(0.0, 1.0, "left"), meaning="Of 'sgd': how much of the last step is kept."
    )
    nesterovs_momentum: bool = hyperparameter(
        True, Boolean(), meaning="Of 'sgd': whether the momentum is Nesterov's."
    )
    early_stopping: bool = hyperparameter(
        False,
        Boolean(),
        meaning=(
            "Whether to stop when the validation score does not improve. Without X_val, a share "
            "of the training samples is set aside for it."
        ),
    )
    validation_fraction: float = hyperparameter(
        0.1, _SHARE, meaning="The share that early_stopping sets aside."
    )
    beta_1: float = hyperparameter(0.9, _SHARE, meaning="Of 'adam': decay of the mean gradient.")
    beta_2: float = hyperparameter(0.999, _SHARE, meaning="Of 'adam': decay of the mean square.")
    epsilon: float = hyperparameter(
        1e-8, _POSITIVE, meaning="Added to the roots that 'adam' and its kin divide by."
    )
    n_iter_no_change: Any = hyperparameter(
        10,
        Integer(1),
        OneOf(math.inf),
        meaning="Training stops after more than so many epochs in a row without improvement.",
    )
    max_fun: int = hyperparameter(
        15000, Integer(1), meaning="With curvature: the largest number of evaluations of the cost."
    )
    dropout: Any = hyperparameter(
        0.0,
        _SHARE,
        PerLayer((_SHARE,)),
        meaning="Share of the hidden units left out at random in training, one or one per layer.",
    )
    input_dropout: float = hyperparameter(
        0.0, _SHARE, meaning="Share of the features left out at random in training."
    )
    normalization: Any = hyperparameter(
        None,
        OneOf("batch", "layer"),
        Nothing(),
        meaning="What to normalize over before the activation of every hidden layer.",
    )
    residual: bool = hyperparameter(
        False,
        Boolean(),
        meaning="Whether to connect past every hidden layer that is as wide as its inputs.",
    )
    kernel_init: Any = hyperparameter(
        "glorot_uniform",
        *_INITIALIZER,
        PerLayer(_INITIALIZER),
        meaning="What draws the weights: one for all layers, or one for each with the last.",
    )
    bias_init: Any = hyperparameter(
        "zeros",
        *_INITIALIZER,
        PerLayer(_INITIALIZER),
        meaning="What draws the biases: one for all layers, or one for each with the last.",
    )
    l1: Any = hyperparameter(
        0.0,
        _NOT_NEGATIVE,
        PerLayer((_NOT_NEGATIVE,)),
        meaning="Strength of the L1 penalty l1 / n * sum(abs(W)), as alpha is of the L2 penalty.",
    )
    max_norm: Any = hyperparameter(
        None, _POSITIVE, Nothing(), meaning="Longest the incoming weights of a unit may become."
    )
    clip_value: Any = hyperparameter(
        None, _POSITIVE, Nothing(), meaning="Largest any number of the gradient may be."
    )
    clip_norm: Any = hyperparameter(
        None, _POSITIVE, Nothing(), meaning="Longest the gradient of all parameters may be."
    )
    standardize: Any = hyperparameter(
        "auto",
        Boolean(),
        OneOf("auto"),
        meaning=(
            "Whether the network begins by bringing the features to mean 0 and variance 1, as "
            "measured when it is first fitted. 'auto' does so unless the root mean square of every "
            "feature is between 0.1 and 10 already. In regression, 'auto' and True bring the "
            "targets there too, and predictions back, unless the loss is 'poisson' or a function."
        ),
    )
    restore_best: bool = hyperparameter(
        True,
        Boolean(),
        meaning=(
            "Whether to keep the weights of the best epoch rather than the last: that of the "
            "highest validation score, or without validation of the lowest training loss."
        ),
    )
    dtype: Any = hyperparameter(
        None,
        OneOf("float32", "float64", np.float32, np.float64),
        Nothing(),
        meaning="In what numbers to compute; None keeps float32 and takes float64 for the rest.",
    )
    callbacks: Any = hyperparameter(
        None,
        PerLayer((Function(),)),
        Nothing(),
        meaning="Functions called with an EpochRecord after every epoch; True stops training.",
    )

    # -- what a network of either kind is fitted with ---------------------------------------------

    def _train(
        self,
        X: npt.NDArray[Any],
        target: npt.NDArray[Any],
        weight: npt.NDArray[Any] | None,
        validation: Samples | None,
        *,
        loss: Loss,
        score: Score | None,
        n_outputs: int,
        goes_on: bool,
        incremental: bool,
    ) -> FitResult:
        """Train a new network, or the present one further, and keep what comes of it.

        ``incremental`` makes it a single epoch that goes on from the state of the last.
        """
        widths = (X.shape[1], *network.hidden_widths(self.hidden_layer_sizes), n_outputs)
        batch_size = self._rows_per_step(len(X))
        # In relation to the mean loss of a batch, the penalty is divided by the weight it has.
        strength = 1.0 / (batch_size if weight is None else batch_size * float(np.mean(weight)))
        optimizer = self._optimizer(self.learning_rate_init, batch_size, len(X))
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        build_key, run_key = random.split(random.key(seed), 2)
        if not goes_on:
            scaling = self._input_scaling(X, weight)
            model = network.built_network(self, build_key, widths, scaling, X.dtype)
            self.t_ = 0
            self.loss_curve_: list[float] = []
            self._scores: list[float] = []
        else:
            model = self.model_
        start: Any = network.with_penalties(model, self, strength)
        if incremental and goes_on:
            start = self._state._replace(model=start)
        progress = Progress(self, has_validation=self.early_stopping and validation is not None)
        stepping = isinstance(optimizer, Optimizer)

        def adjust(record: EpochRecord, optimizer: Any) -> Any:
            rate = progress.new_rate()
            return optimizer if rate is None else self._optimizer(rate, batch_size, len(X))

        result = training.fit(
            start,
            loss,
            optimizer,
            X,
            target,
            epochs=1 if incremental else self.max_iter,
            batch_size=batch_size,
            key=run_key,
            sample_weight=weight,
            X_val=None if validation is None else validation.X,
            y_val=None if validation is None else validation.y,
            sample_weight_val=None if validation is None else validation.weight,
            shuffle=self.shuffle,
            score=None if validation is None else score,
            adjust=adjust,
            tolerance=None if stepping else float(self.tol),
            max_evaluations=None if stepping else self.max_fun,
            callbacks=[*([progress] if stepping else []), *(self.callbacks or ())],
        )
        self._keep(result, len(X), incremental)
        if not incremental:
            self._report(result, stepping)
        return result

    def _input_scaling(
        self, X: npt.NDArray[Any], weight: npt.NDArray[Any] | None
    ) -> nn.Standardize | None:
        if not self.standardize:
            return None
        scaling = samples.standardizer(X, weight, X.dtype)
        # Features of the order of 1 are in units that suit them, whose relations may matter.
        size = np.hypot(scaling.mean, scaling.scale)
        fits = ((size >= _SUITABLE[0]) & (size <= _SUITABLE[1])).all()
        return None if self.standardize == "auto" and fits else scaling

    def _rows_per_step(self, n_samples: int) -> int:
        takes_all = self._needs_all_samples()
        if self.batch_size == "auto":
            return n_samples if takes_all else min(200, n_samples)
        if takes_all and self.batch_size < n_samples:
            if self.solver == "rprop":
                raise InvalidArgumentError(
                    f"batch_size: expected 'auto' for solver='rprop', got {self.batch_size}; it "
                    "compares the signs of gradients from step to step, and those of two "
                    "mini-batches differ by chance."
                )
            warnings.warn(
                f"solver={self.solver!r} takes all samples in every step, so batch_size="
                f"{self.batch_size} is not used: its line searches need one and the same function.",
                UserWarning,
                stacklevel=2,
            )
            return n_samples
        if self.batch_size > n_samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
                UserWarning,
                stacklevel=2,
            )
        return min(self.batch_size, n_samples)

    def _needs_all_samples(self) -> bool:
        return (
            self.solver in ("rprop", *network.CURVATURE_SOLVERS)
            or isinstance(self.solver, Method)
            or getattr(self.solver, "full_batch_only", False)
        )

    def _optimizer(self, rate: float, batch_size: int, n_samples: int) -> Optimizer | Method:
        steps = math.ceil(n_samples / batch_size)
        return network.built_optimizer(self, rate=rate, steps_per_epoch=steps, n_samples=n_samples)

    def _keep(self, result: FitResult, n_samples: int, incremental: bool) -> None:
        if result.stopped == "diverged" and not len(result.history):
            raise InvalidArgumentError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                f"values and need to be preprocessed. {result.message}"
            )
        history = result.history
        best = self.restore_best and not incremental
        self.model_ = result.model if best else result.last.model
        self._state: TrainingState = result.last
        self.history_ = history
        self.message_ = result.message
        self.n_iter_ = len(history)
        self.n_layers_ = len(self.coefs_) + 1
        self.t_ += n_samples * len(history)
        losses = (history.train_loss + history.penalty).tolist()
        self.loss_curve_ += losses
        if history.val_loss is not None:
            scores = -history.val_loss if history.val_score is None else history.val_score
            self._scores += scores.tolist()
        self.validation_scores_ = self._scores or None
        self.best_validation_score_ = max(self._scores) if self._scores else None
        self.best_loss_ = None if self._scores else min(self.loss_curve_, default=None)
        if len(history):
            self.loss_ = losses[result.best_epoch - 1 if best else -1]

    def _report(self, result: FitResult, stepping: bool) -> None:
        if self.verbose:
            print(result.message)
        if result.stopped == "interrupted":
            warnings.warn("Training interrupted by user.", UserWarning, stacklevel=4)
        elif result.stopped == "diverged":
            warnings.warn(result.message, ConvergenceWarning, stacklevel=4)
        elif result.stopped == "completed" and stepping:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=4,
            )
        elif result.stopped == "completed":
            what = "ITERATIONS" if self.n_iter_ >= self.max_iter else "F,G EVALUATIONS"
            warnings.warn(
                f"{self.solver} failed to converge after {self.n_iter_} iteration(s) (status=1):\n"
                f"STOP: TOTAL NO. OF {what} REACHED LIMIT\n\nIncrease the number of iterations to "
                f"improve the convergence (max_iter={self.max_iter}).",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _set_aside(
        self,
        X: npt.NDArray[Any],
        target: npt.NDArray[Any],
        weight: npt.NDArray[Any] | None,
        strata: npt.NDArray[Any] | None,
    ) -> tuple[Samples, Samples]:
        """Return a training part and a validation part, drawn by ``random_state``."""
        train, held_out = train_test_split(
            np.arange(len(X)),
            random_state=check_random_state(self.random_state),
            test_size=self.validation_fraction,
            stratify=strata,
        )
        if len(held_out) < 2:
            raise InvalidArgumentError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        first, second = (
            Samples(X[rows], target[rows], None if weight is None else weight[rows])
            for rows in (train, held_out)
        )
        return first, second

    def _goes_on(self, incremental: bool) -> bool:
        return hasattr(self, "model_") and (incremental or self.warm_start)

    def _check_solver(self) -> bool:
        if self.solver in network.CURVATURE_SOLVERS or isinstance(self.solver, Method):
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. "
                f"{self.solver} is not stochastic."
            )
        return True

    def _outputs(self, X: Any) -> npt.NDArray[Any]:
        """Return the outputs of the network, before any output activation."""
        check_is_fitted(self)
        X = samples.inputs(self, X, self.coefs_[0].dtype)
        if len(X) <= samples.BLOCK:
            return self.model_(X)
        blocks = range(0, len(X), samples.BLOCK)
        return np.concatenate([self.model_(X[i : i + samples.BLOCK]) for i in blocks])

    def _one_row(self, x: Any) -> npt.NDArray[Any]:
        check_is_fitted(self)
        return samples.inputs(self, np.reshape(x, (1, -1)), self.coefs_[0].dtype)

    def summary(self) -> None:
        """Print the layers, the shapes of their outputs, and their numbers of parameters."""
        check_is_fitted(self)
        print(summarized(self.model_, self.n_features_in_))

    # -- scikit-learn's fitted attributes ---------------------------------------------------------

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
        return list(network.dense_layers(self.model_))

    def __sklearn_tags__(self) -> Any:
        """Say that sparse matrices are taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
