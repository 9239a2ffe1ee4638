"""The hyper-parameters that all networks have.

Names, defaults and meanings are those of scikit-learn's networks as far as these go.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from chainrule import nn
from chainrule.models import building
from chainrule.models.declaration import (
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
from chainrule.optim import Method, Optimizer, Schedule

__all__ = ["Settings"]

_POSITIVE = Real(0.0, math.inf, "neither")
_NOT_NEGATIVE = Real(0.0, math.inf, "left")
_SHARE = Real(0.0, 1.0, "left")
_ACTIVATION = (OneOf(*building.ACTIVATION_NAMES), Function("(z) -> a"))
_INITIALIZER = (OneOf(*sorted(nn.INITIALIZERS)), Function("(key, shape, dtype) -> ndarray"))


class Settings(Declared):
    """What is declared of every network."""

    loss: Any = hyperparameter(
        "squared_error", Function(), meaning="What is minimized.", kw_only=False
    )
    hidden_layer_sizes: Any = hyperparameter(
        (100,),
        PerLayer((Integer(-math.inf, math.inf, "neither"),), "a sequence of ints"),
        Integer(1),
        meaning="Number of units of each hidden layer, from the inputs on; () for none.",
        search="10:300:log",
        kw_only=False,
    )
    activation: Any = hyperparameter(
        "relu",
        *_ACTIVATION,
        PerLayer(_ACTIVATION),
        meaning="Of the hidden layers: one for all, or one for each.",
        search="relu,tanh,logistic",
        kw_only=False,
    )
    solver: Any = hyperparameter(
        "adam",
        OneOf(*building.SOLVERS),
        InstanceOf(Optimizer),
        InstanceOf(Method),
        meaning=(
            "How the cost is minimized: by steps over mini-batches, by Rprop, which needs all "
            "samples in one batch, or by 'bfgs', 'lbfgs' or 'newton-cg', which use curvature and "
            "all samples. An optimizer of chainrule.optim brings its own learning rate."
        ),
        search="sgd,adam",
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
        search="1e-5:10:log",
    )
    batch_size: Any = hyperparameter(
        "auto",
        OneOf("auto"),
        Integer(1),
        meaning=(
            "Samples per step; 'auto' is min(200, n_samples), or all for a solver that needs them."
        ),
        search="16:256:log",
    )
    learning_rate: Any = hyperparameter(
        "constant",
        OneOf(*building.SCHEDULE_NAMES),
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
        0.001,
        _POSITIVE,
        meaning="The learning rate; for 'rprop', the first step length.",
        search="1e-5:10:log",
    )
    power_t: float = hyperparameter(
        0.5, _NOT_NEGATIVE, meaning="The exponent of learning_rate='invscaling'."
    )
    max_iter: int = hyperparameter(
        200,
        Integer(1),
        meaning="The largest number of epochs, or of iterations with curvature.",
        search="10:1000:log",
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
        0.9,
        Real(0.0, 1.0, "left"),
        meaning="Of 'sgd': how much of the last step is kept.",
        search="0:0.99:lin",
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
        search="0:0.5:lin",
    )
    input_dropout: float = hyperparameter(
        0.0,
        _SHARE,
        meaning="Share of the features left out at random in training.",
        search="0:0.5:lin",
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
        search="1e-6:1:log",
    )
    max_norm: Any = hyperparameter(
        None,
        _POSITIVE,
        Nothing(),
        meaning="Longest the incoming weights of a unit may become; not with curvature.",
    )
    clip_value: Any = hyperparameter(
        None,
        _POSITIVE,
        Nothing(),
        meaning="Largest any number of the gradient may be; not with curvature.",
    )
    clip_norm: Any = hyperparameter(
        None,
        _POSITIVE,
        Nothing(),
        meaning="Longest the gradient of all parameters may be; not with curvature.",
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
    training_loss: Literal["evaluated", "running"] = hyperparameter(
        "evaluated",
        OneOf("evaluated", "running"),
        meaning=(
            "What is recorded as the loss of an epoch: 'evaluated' goes through all training "
            "samples once more with the weights it ended with, as for validation samples; "
            "'running' is the mean over its batches as they came, which takes no time and lags "
            "behind."
        ),
    )
    pad_widths_to: int = hyperparameter(
        1,
        Integer(1),
        meaning=(
            "Hidden layers are laid out in multiples of so many units in training; units that are "
            "too many stay silent. In a search over widths, networks with the same multiples share "
            "one compiled program. Not with curvature, layer normalization, partial_fit, or "
            "callbacks that see the network."
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
        PerLayer((Function(),), "a sequence of callables"),
        Nothing(),
        meaning="Functions called with an EpochRecord after every epoch; True stops training.",
    )
