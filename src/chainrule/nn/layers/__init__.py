"""Layers and models are plain data: dataclasses of arrays and settings, called like functions.

Every layer is called as ``layer(x, key=..., training=...)``. What is random in training or differs
between training and evaluation is decided by these two arguments and nowhere else: a call changes
nothing, and equal arguments give equal results. What a layer remembers of its inputs is carried on
by `Layer.observe`.

In the notation of back-propagation, `Dense` number l computes
``z^l = a^(l-1) W^l + b^l`` (`Dense.preactivation`) and ``a^l = f^l(z^l)``.
"""

from __future__ import annotations

from chainrule.nn.layers.composition import Residual, Sequential
from chainrule.nn.layers.dense import Apply, Dense
from chainrule.nn.layers.dropout import Dropout
from chainrule.nn.layers.layer import Layer, observe, penalty
from chainrule.nn.layers.normalization import BatchNorm, LayerNorm, Standardize
from chainrule.nn.layers.perceptron import mlp

__all__ = [
    "Apply",
    "BatchNorm",
    "Dense",
    "Dropout",
    "Layer",
    "LayerNorm",
    "Residual",
    "Sequential",
    "Standardize",
    "mlp",
    "observe",
    "penalty",
]
