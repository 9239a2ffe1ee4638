"""The multi-layer perceptron, put together from its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from chainrule import random
from chainrule._errors import InvalidArgumentError
from chainrule.nn._types import Activation, Initializer, Key
from chainrule.nn.activations import identity, relu
from chainrule.nn.initializers import glorot_uniform, zeros
from chainrule.nn.layers.composition import Residual, Sequential
from chainrule.nn.layers.dense import Apply, Dense, check_width
from chainrule.nn.layers.dropout import Dropout
from chainrule.nn.layers.layer import Layer
from chainrule.nn.layers.normalization import BatchNorm, LayerNorm

__all__ = ["mlp"]

T = TypeVar("T")
PerLayer: TypeAlias = T | Sequence[T]
"""One value for all layers, or a sequence with one for each."""

_NORMALIZATIONS: dict[str, type[BatchNorm | LayerNorm]] = {"batch": BatchNorm, "layer": LayerNorm}


def mlp(
    key: Key,
    widths: Sequence[int],
    *,
    activation: PerLayer[Activation] = relu,
    output_activation: Activation = identity,
    kernel_init: PerLayer[Initializer] = glorot_uniform,
    bias_init: PerLayer[Initializer] = zeros,
    l1: PerLayer[float | None] = None,
    l2: PerLayer[float | None] = None,
    input_dropout: float | None = None,
    dropout: PerLayer[float | None] = None,
    normalization: Literal["batch", "layer"] | None = None,
    residual: bool = False,
    dtype: Any = np.float64,
) -> Sequential:
    """Build a multi-layer perceptron: dense layers from the number of features to the outputs.

    A hidden layer is ``Dense``, with its activation; or with a normalization ``Dense``, the
    normalization, ``Apply(activation)``. What does not fit this pattern is put together from layers
    in a `Sequential`.

    Parameters
    ----------
    key : key
        From `chainrule.random.key`.
    widths : sequence of int
        Number of features, widths of the hidden layers, number of outputs: at least two numbers.
    activation : callable or sequence of callable, default=relu
        Of the hidden layers: one for all, or one for each.
    output_activation : callable, default=identity
        Of the last layer. The cross-entropies take logits, which is what ``identity`` gives.
    kernel_init, bias_init : callable or sequence of callable
        Functions ``(key, shape, dtype) -> ndarray``, as in `chainrule.nn.initializers`: one for
        all, or one for each layer with the last.
    l1, l2 : float or sequence of float, optional
        Strengths of the penalties on the weights, see `Dense`: one for all, or one for each layer
        with the last.
    input_dropout : float, optional
        Rate at which features are left out.
    dropout : float or sequence of float, optional
        Rate at which the units of hidden layers are left out: one for all, or one for each; None
        for no dropout.
    normalization : {"batch", "layer"}, optional
        Normalize before the activation of every hidden layer, see `BatchNorm` and `LayerNorm`.
    residual : bool, default=False
        Whether to connect past every hidden layer that is as wide as its inputs, see `Residual`.
    dtype : dtype, default=float64
        A float dtype.

    Returns
    -------
    Sequential

    Raises
    ------
    InvalidArgumentError
        If there are fewer than two widths, or one is not an integer of at least 1; if a sequence
        has not one value per layer; if a rate or strength is outside its range.

    Examples
    --------
    >>> mlp(random.key(0), (64, 50, 10))
    Sequential(Dense(64 -> 50, relu), Dense(50 -> 10, identity))
    >>> mlp(random.key(0), (64, 50, 10), normalization="batch", dropout=0.5)
    Sequential(Dense(64 -> 50, identity), BatchNorm(50), Apply(relu), Dropout(0.5),
    Dense(50 -> 10, identity))
    """
    widths = tuple(widths)
    if len(widths) < 2:
        raise InvalidArgumentError(
            f"mlp: expected at least two widths (features, outputs), got {widths}; "
            "for instance (64, 50, 10) for 64 features, 50 hidden units and 10 classes."
        )
    for width in widths:
        check_width("mlp: widths", width)
    if normalization not in (None, *_NORMALIZATIONS):
        raise InvalidArgumentError(
            f"mlp: normalization: expected 'batch', 'layer' or None, got {normalization!r}."
        )
    count = len(widths) - 1
    keys = random.split(key, count)
    activations = (*_per_layer("activation", activation, count - 1), output_activation)
    rates = _per_layer("dropout", dropout, count - 1)
    settings = [
        {"kernel_init": k, "bias_init": b, "l1": first, "l2": second}
        for k, b, first, second in zip(
            _per_layer("kernel_init", kernel_init, count),
            _per_layer("bias_init", bias_init, count),
            _per_layer("l1", l1, count),
            _per_layer("l2", l2, count),
            strict=True,
        )
    ]

    def dense(position: int, activation: Activation) -> Dense:
        fans = widths[position], widths[position + 1]
        return Dense.init(
            keys[position], *fans, activation=activation, dtype=dtype, **settings[position]
        )

    layers: list[Layer] = [] if input_dropout is None else [Dropout(input_dropout)]
    for position in range(count - 1):
        if normalization is None:
            hidden: list[Layer] = [dense(position, activations[position])]
        else:
            norm = _NORMALIZATIONS[normalization].init(widths[position + 1], dtype=dtype)
            hidden = [dense(position, identity), norm, Apply(activations[position])]
        rate = rates[position]
        if rate is not None:
            hidden.append(Dropout(rate))
        if residual and widths[position] == widths[position + 1]:
            hidden = [Residual(hidden[0] if len(hidden) == 1 else Sequential(tuple(hidden)))]
        layers += hidden
    layers.append(dense(count - 1, output_activation))
    return Sequential(tuple(layers))


def _per_layer(name: str, value: Any, count: int) -> tuple[Any, ...]:
    if not isinstance(value, (tuple, list)):
        return (value,) * count
    if len(value) != count:
        raise InvalidArgumentError(
            f"mlp: {name}: expected one value, or one for each of {count} layers, got {len(value)}."
        )
    return tuple(value)
