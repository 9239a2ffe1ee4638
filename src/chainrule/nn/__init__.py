"""Neural networks as plain data: layers, activations, initializers and losses.

>>> from chainrule import nn, random
>>> nn.mlp(random.key(0), (64, 50, 10), activation=nn.sigmoid)
Sequential(Dense(64 -> 50, sigmoid), Dense(50 -> 10, identity))
"""

from chainrule.nn import initializers
from chainrule.nn.activations import ACTIVATIONS, identity, relu, sigmoid, softmax, tanh
from chainrule.nn.initializers import INITIALIZERS
from chainrule.nn.layers import Dense, Layer, Sequential, mlp
from chainrule.nn.losses import (
    LOSSES,
    mean_squared_error,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from chainrule.nn.weights import WEIGHT, weight_mask

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "WEIGHT",
    "Dense",
    "Layer",
    "Sequential",
    "identity",
    "initializers",
    "mean_squared_error",
    "mlp",
    "relu",
    "sigmoid",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_cross_entropy",
    "tanh",
    "weight_mask",
]
