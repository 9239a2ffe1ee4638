"""From hyper-parameters to a network and an optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule import nn, optim
from chainrule._errors import InvalidArgumentError
from chainrule.nn._types import Initializer
from chainrule.optim import Method, Optimizer, Schedule

__all__ = [
    "ACTIVATION_NAMES",
    "CURVATURE_SOLVERS",
    "SCHEDULE_NAMES",
    "SOLVERS",
    "built_network",
    "built_optimizer",
    "dense_layers",
    "hidden_widths",
    "innermost_layers",
    "uses_curvature",
    "with_each_layer",
    "with_penalties",
]

ACTIVATION_NAMES = ("logistic", *sorted(nn.ACTIVATIONS))
"""Those of `chainrule.nn.ACTIVATIONS`, and scikit-learn's name of the sigmoid."""

STEPPING_SOLVERS = ("adagrad", "adam", "adamw", "rmsprop", "rprop", "sgd")
CURVATURE_SOLVERS: Mapping[str, Callable[[], Method]] = {
    "bfgs": optim.bfgs,
    "lbfgs": optim.lbfgs,
    "newton-cg": optim.newton_cg,
}
SOLVERS = (*STEPPING_SOLVERS, *CURVATURE_SOLVERS)

SCHEDULE_NAMES = ("adaptive", "constant", "cosine", "invscaling", "one_cycle")


def uses_curvature(solver: str | Optimizer | Method) -> bool:
    """Return whether a solver searches along lines rather than taking steps."""
    return solver in CURVATURE_SOLVERS if isinstance(solver, str) else isinstance(solver, Method)


def hidden_widths(hidden_layer_sizes: Any) -> tuple[int, ...]:
    """Return the widths of the hidden layers, given as one number or several."""
    iterable = hasattr(hidden_layer_sizes, "__iter__")
    sizes = list(hidden_layer_sizes) if iterable else [hidden_layer_sizes]
    if any(size <= 0 for size in sizes):
        raise InvalidArgumentError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return tuple(int(size) for size in sizes)


def built_network(
    settings: Any,
    key: Any,
    widths: Sequence[int],
    standardizer: nn.Standardize | None,
    dtype: Any,
) -> nn.Sequential:
    """Return the network of an estimator's settings, its weights drawn.

    Parameters
    ----------
    settings : estimator
    key : key
    widths : sequence of int
        Features, hidden layers, outputs.
    standardizer : Standardize or None
        Put in front.
    dtype : dtype
    """
    layers = nn.mlp(
        key,
        widths,
        activation=_each(_activation, settings.activation),
        kernel_init=_each(_initializer, settings.kernel_init),
        bias_init=_each(_initializer, settings.bias_init),
        input_dropout=settings.input_dropout or None,
        dropout=_each(lambda rate: float(rate) or None, settings.dropout),
        normalization=settings.normalization,
        residual=bool(settings.residual),
        dtype=dtype,
    ).layers
    return nn.Sequential((*(() if standardizer is None else (standardizer,)), *layers))


def innermost_layers(layer: Any) -> Iterator[Any]:
    """Yield the layers that have none inside themselves, from the inputs on."""
    if isinstance(layer, nn.Residual):
        yield from innermost_layers(layer.block)
    elif isinstance(layer, nn.Sequential):
        for inner in layer.layers:
            yield from innermost_layers(inner)
    else:
        yield layer


def dense_layers(layer: Any) -> Iterator[nn.Dense]:
    """Yield the layers with weights, from the inputs on, however deep inside others they are."""
    return (inner for inner in innermost_layers(layer) if isinstance(inner, nn.Dense))


def with_each_layer(layer: Any, function: Callable[[Any], Any]) -> Any:
    """Return a layer with a function applied to every layer in it that has none inside itself.

    Parameters
    ----------
    layer : Layer
    function : callable
        From layer to layer, called from the inputs on.
    """
    if isinstance(layer, nn.Residual):
        return replace(layer, block=with_each_layer(layer.block, function))
    if isinstance(layer, nn.Sequential):
        inner = tuple(with_each_layer(part, function) for part in layer.layers)
        return replace(layer, layers=inner)
    return function(layer)


def with_penalties(model: nn.Sequential, settings: Any, strength: float) -> nn.Sequential:
    """Return the network with penalties on its weights as an estimator's settings say.

    Parameters
    ----------
    model : Sequential
    settings : estimator
    strength : float
        What ``alpha`` and ``l1`` are multiplied with.
    """
    count = len(list(dense_layers(model)))
    l1 = _per_layer("l1", settings.l1, count)
    # The decay of adamw is not a part of the cost.
    alpha = 0.0 if settings.solver == "adamw" else settings.alpha
    penalties = zip(l1, _per_layer("alpha", alpha, count), strict=True)

    def penalized(layer: Any) -> Any:
        if not isinstance(layer, nn.Dense):
            return layer
        first, second = next(penalties)
        return replace(layer, l1=first * strength or None, l2=second * strength or None)

    return with_each_layer(model, penalized)


def built_optimizer(
    settings: Any, *, rate: float, steps_per_epoch: int, n_samples: int
) -> Optimizer | Method:
    """Return the optimizer of an estimator's settings.

    Parameters
    ----------
    settings : estimator
    rate : float
        The learning rate to begin with.
    steps_per_epoch, n_samples : int
        What schedules are measured in.

    Raises
    ------
    InvalidArgumentError
        If steps are to be limited that a line search chooses.
    """
    solver = settings.solver
    if uses_curvature(solver):
        for name in ("clip_value", "clip_norm", "max_norm"):
            if getattr(settings, name) is not None:
                raise InvalidArgumentError(
                    f"{name}: expected None for solver={solver!r}, whose line searches choose the "
                    f"length of every step, got {getattr(settings, name)!r}."
                )
        return CURVATURE_SOLVERS[solver]() if isinstance(solver, str) else solver
    if not isinstance(solver, str):
        return _limited(solver, settings)
    schedule = _scheduled(settings, rate, steps_per_epoch, n_samples)
    beta_1, beta_2, epsilon = settings.beta_1, settings.beta_2, settings.epsilon
    optimizer: Optimizer
    if solver == "adam":
        optimizer = optim.adam(schedule, float(beta_1), float(beta_2), float(epsilon))
    elif solver == "adamw":
        decay = float(settings.alpha)
        optimizer = optim.adamw(schedule, float(beta_1), float(beta_2), float(epsilon), decay)
    elif solver == "rmsprop":
        optimizer = optim.rmsprop(schedule, epsilon=float(epsilon))
    elif solver == "adagrad":
        optimizer = optim.adagrad(schedule, epsilon=float(epsilon))
    elif solver == "rprop":
        optimizer = optim.rprop(float(rate))
    elif settings.momentum == 0:
        optimizer = optim.sgd(schedule)
    else:
        kind = optim.nesterov if settings.nesterovs_momentum else optim.momentum
        optimizer = kind(schedule, beta=float(settings.momentum))
    return _limited(optimizer, settings)


def _limited(optimizer: Optimizer, settings: Any) -> Optimizer:
    """Return an optimizer with the limits to gradients and weights that are asked for."""
    if settings.max_norm is not None:
        optimizer = optim.max_norm(optimizer, float(settings.max_norm))
    clips = [
        clip(float(limit))
        for clip, limit in (
            (optim.clip_by_value, settings.clip_value),
            (optim.clip_by_global_norm, settings.clip_norm),
        )
        if limit is not None
    ]
    return optim.chain(*clips, optimizer) if clips else optimizer


def _scheduled(settings: Any, rate: float, steps_per_epoch: int, n_samples: int) -> Any:
    name, steps = settings.learning_rate, settings.max_iter * steps_per_epoch
    if not isinstance(name, str):
        return name
    if name == "invscaling" and settings.solver == "sgd":
        numbers = (float(rate), float(settings.power_t), steps_per_epoch, n_samples)
        return Schedule(inverse_scaling_by_samples, numbers)
    if name == "cosine":
        return optim.schedules.cosine(float(rate), steps=steps)
    if name == "one_cycle":
        return optim.schedules.one_cycle(float(rate), steps=max(2, steps))
    return float(rate)


def inverse_scaling_by_samples(
    step: Any, rate: Any, power: Any, steps_per_epoch: Any, n_samples: Any
) -> Any:
    """Return scikit-learn's ``"invscaling"``: it changes per epoch, and counts samples."""
    seen = np.floor(step / steps_per_epoch) * n_samples
    return rate / (seen + 1.0) ** power


def _each(function: Any, value: Any) -> Any:
    """Apply a function to one value for all layers, or to a sequence with one for each."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return tuple(function(item) for item in value)
    return function(value)


def _activation(name: Any) -> Any:
    return name if callable(name) else nn.ACTIVATIONS["sigmoid" if name == "logistic" else name]


def _initializer(name: Any) -> Initializer:
    return name if callable(name) else nn.INITIALIZERS[name]


def _per_layer(name: str, value: Any, count: int) -> tuple[float, ...]:
    if not isinstance(value, (list, tuple, np.ndarray)):
        return (float(value),) * count
    if len(value) != count:
        raise InvalidArgumentError(
            f"{name}: expected one value, or one for each of {count} layers, got {len(value)}."
        )
    return tuple(float(item) for item in value)
