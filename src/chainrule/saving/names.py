"""The names of what lies below this package: NumPy, `chainrule.nn` and `chainrule.optim`.

Layers above register theirs where they define them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule import nn
from chainrule._errors import InvalidArgumentError
from chainrule.nn import initializers
from chainrule.nn._partial import Partial
from chainrule.optim import (
    Chain,
    adam_scaling,
    adaptive,
    clipping,
    gradient_descent,
    quasi_newton,
    regularization,
    resilient,
    schedules,
)
from chainrule.saving.registry import Parts, register

__all__ = ["register_all"]

_CLASSES: Mapping[str, type] = {
    "nn.Apply": nn.Apply,
    "nn.BatchNorm": nn.BatchNorm,
    "nn.Dense": nn.Dense,
    "nn.Dropout": nn.Dropout,
    "nn.LayerNorm": nn.LayerNorm,
    "nn.Partial": Partial,
    "nn.Residual": nn.Residual,
    "nn.Sequential": nn.Sequential,
    "nn.Standardize": nn.Standardize,
    "optim.Accumulate": gradient_descent.Accumulate,
    "optim.AdamState": adam_scaling.AdamState,
    "optim.BFGS": quasi_newton.BFGS,
    "optim.Chain": Chain,
    "optim.ClipByGlobalNorm": clipping.ClipByGlobalNorm,
    "optim.ClipByValue": clipping.ClipByValue,
    "optim.GradientDescent": gradient_descent.GradientDescent,
    "optim.L1": regularization.L1,
    "optim.L2": regularization.L2,
    "optim.LBFGS": quasi_newton.LBFGS,
    "optim.MaxNorm": clipping.MaxNorm,
    "optim.NewtonCG": quasi_newton.NewtonCG,
    "optim.Resilient": resilient.Resilient,
    "optim.ResilientState": resilient.ResilientState,
    "optim.ScaleByAdam": adam_scaling.ScaleByAdam,
    "optim.ScaleByMean": adaptive.ScaleByMean,
    "optim.ScaleBySum": adaptive.ScaleBySum,
    "optim.Schedule": schedules.Schedule,
}

_FUNCTIONS: Mapping[str, Any] = {
    **{f"nn.{name}": function for name, function in nn.ACTIVATIONS.items()},
    **{f"nn.{name}": function for name, function in nn.LOSSES.items()},
    "nn.weight_mask": nn.weight_mask,
    **{
        f"nn.initializers.{name}": function
        for name, function in nn.INITIALIZERS.items()
        if not isinstance(function, Partial)
    },
    "nn.initializers.filled": initializers.filled,
    "nn.initializers.scaled_normal": initializers.scaled_normal,
    "nn.initializers.scaled_uniform": initializers.scaled_uniform,
    **{
        f"optim.schedules.{name}": getattr(schedules, f"_{name}")
        for name in (
            *("constant", "cosine", "exponential", "inverse_scaling", "one_cycle", "step"),
            "warm_up",
        )
    },
}

_NUMPY_TYPES = ("float16", "float32", "float64")


def register_all() -> None:
    """Enter the names."""
    for name, value in {**_CLASSES, **_FUNCTIONS}.items():
        register(name)(value)
    for name in _NUMPY_TYPES:
        register(f"numpy.{name}")(getattr(np, name))
    for name, function in sorted(vars(np).items()):
        if isinstance(function, np.ufunc):  # as an activation, for instance
            register(f"numpy.{name}")(function)
    register("numpy.RandomState", _RANDOM_STATE)(np.random.RandomState)


_GENERATOR = "MT19937"


def _state_of(generator: np.random.RandomState) -> dict[str, Any]:
    state: Any = generator.get_state(legacy=False)
    if state["bit_generator"] != _GENERATOR:
        raise InvalidArgumentError(
            f"save: expected a RandomState of {_GENERATOR}, got one of {state['bit_generator']}; "
            "give the estimator an int as random_state."
        )
    position = {"key": state["state"]["key"], "pos": state["state"]["pos"]}
    return {**position, "has_gauss": state["has_gauss"], "gauss": state["gauss"]}


def _with_state(cls: Any, parts: dict[str, Any]) -> np.random.RandomState:
    generator = cls(0)
    position = {"key": parts["key"], "pos": parts["pos"]}
    rest = {"has_gauss": parts["has_gauss"], "gauss": parts["gauss"]}
    generator.set_state({"bit_generator": _GENERATOR, "state": position, **rest})
    return generator


_RANDOM_STATE = Parts(_state_of, _with_state)
