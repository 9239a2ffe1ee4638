"""One sample on its way through a network and back, layer by layer.

The numbers are those of back-propagation, as its equations name them. None of them is computed by
formulas of their own: every layer's z is given a disturbance of zero, and the errors delta are the
derivatives in these disturbances, by the same reverse mode that trains the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import nn
from chainrule.models.summary import table
from chainrule.transforms import value_and_grad

__all__ = ["Explanation", "LayerExplanation", "explained", "leaf_layers"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class LayerExplanation:
    """What one layer does with one sample.

    Attributes
    ----------
    name : str
        Its number, from 1; inside a residual block, that of the block and that within it.
    layer : str
    inputs : ndarray of shape (fan_in,)
        The outputs ``a`` of the layer before.
    z : ndarray of shape (n_units,)
        What the activation is applied to: ``inputs @ W + b`` for a dense layer. For a layer
        without an activation, its outputs.
    a : ndarray of shape (n_units,)
        The outputs.
    delta : ndarray of shape (n_units,)
        The derivative in ``z`` of what is explained.
    gradients : dict of str to ndarray
        The derivatives in the parameters, such as ``kernel``, ``a^(l-1).T delta``, and ``bias``.
    """

    name: str
    layer: str
    inputs: Array
    z: Array
    a: Array
    delta: Array
    gradients: Mapping[str, Array]


@dataclass(frozen=True)
class Explanation:
    """One sample's way through a network and back.

    Attributes
    ----------
    layers : tuple of LayerExplanation
        From the inputs on.
    output : ndarray of shape (n_outputs,)
        Of the network.
    value : float
        What is explained, and ``delta`` and ``gradients`` are derivatives of.
    what : str
        What that is: the cost, if a target was given, or an output.
    """

    layers: tuple[LayerExplanation, ...]
    output: Array
    value: float
    what: str

    def __str__(self) -> str:
        rows = [
            (layer.name, layer.layer, *(_length(v) for v in (layer.z, layer.a, layer.delta)))
            for layer in self.layers
        ]
        head = f"{self.what} = {self.value:.6g}"
        return head + "\n" + table(("", "layer", "|z|", "|a|", "|delta|"), rows)


def leaf_layers(layer: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the layers that hold no others, with the numbers that lead to them."""
    if isinstance(layer, nn.Sequential):
        for number, inner in enumerate(layer.layers, start=1):
            yield from leaf_layers(inner, f"{name}.{number}" if name else str(number))
    elif isinstance(layer, nn.Residual):
        yield from leaf_layers(layer.block, name)
    else:
        yield name, layer


def explained(
    model: nn.Sequential, x: Array, quantity: Callable[[Any], Any], what: str
) -> Explanation:
    """Return what a network does with one sample.

    Parameters
    ----------
    model : Sequential
        As `chainrule.nn.mlp` makes them, in evaluation.
    x : ndarray of shape (1, n_features)
    quantity : callable
        From the output of the network, (1, n_outputs), to the number to be explained.
    what : str
        The name of that number.
    """
    steps: list[tuple[Any, Any, Any]] = []
    _forward(model, x, lambda z: z, steps)
    disturbances = [np.zeros_like(z) for _, z, _ in steps]

    def value(moved: tuple[Any, list[Any]]) -> Any:
        params, shifts = moved
        remaining = iter(shifts)
        disturbed = nn.with_parameters(model, params)
        return quantity(_forward(disturbed, x, lambda z: z + next(remaining), []))

    found, (gradients, deltas) = value_and_grad(value)((nn.parameters(model), disturbances))
    named = list(leaf_layers(model))
    gradient_layers = [layer for _, layer in leaf_layers(gradients)]
    layers = tuple(
        LayerExplanation(name, repr(layer), before[0], z[0], a[0], delta[0], _arrays(gradient))
        for (name, layer), gradient, (before, z, a), delta in zip(
            named, gradient_layers, steps, deltas, strict=True
        )
    )
    return Explanation(layers, steps[-1][2][0], float(found), what)


def _forward(
    layer: Any, x: Any, disturb: Callable[[Any], Any], steps: list[tuple[Any, Any, Any]]
) -> Any:
    """Return the output of a layer, z of every layer inside it disturbed, and note the steps."""
    if isinstance(layer, nn.Sequential):
        for inner in layer.layers:
            x = _forward(inner, x, disturb, steps)
        return x
    if isinstance(layer, nn.Residual):
        return _forward(layer.block, x, disturb, steps) + x
    if isinstance(layer, nn.Dense):
        z = disturb(layer.preactivation(x))
        a = layer.activation(z)
    elif isinstance(layer, nn.Apply):
        z = disturb(x)
        a = layer(z)
    else:
        z = a = disturb(layer(x))
    steps.append((x, z, a))
    return a


def _arrays(layer: Any) -> dict[str, Array]:
    return {name: value for name, value in vars(layer).items() if isinstance(value, np.ndarray)}


def _length(vector: Array) -> str:
    return f"{float(np.linalg.norm(vector)):.3g}"
