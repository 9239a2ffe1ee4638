"""Networks that are laid out wider than they are, so that other widths find the same program.

A compiled program is made for the shapes of its arrays. If the hidden layers of a network have a
few units more, up to a multiple of some number, all networks with the same multiples share one.
The units that are too many are silent: whatever they compute, the next layer reads zeros. So
nothing comes back to them either, and outputs and gradients are those of the network as it was, up
to the order in which sums are rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import _tree as tree
from chainrule import nn
from chainrule.models.building import dense_layers, innermost_layers, with_each_layer
from chainrule.optim import Optimizer
from chainrule.training import FitResult, TrainingState

__all__ = ["can_be_padded", "padded", "trimmed"]


@dataclass(frozen=True, repr=False)
class Reader(nn.Dense):
    """A dense layer that reads its first inputs alone, and zeros for the others.

    Attributes
    ----------
    n_inputs : int
        How many it reads. An array like the others, so that a program is for any number.
    """

    n_inputs: Any = field(default=0, metadata=nn.FIXED)

    def preactivation(self, x: Any) -> Any:
        """Return ``z``, of the inputs it reads."""
        return super().preactivation(np.where(np.arange(x.shape[-1]) < self.n_inputs, x, 0))


def can_be_padded(model: nn.Sequential) -> bool:
    """Return whether all layers treat each unit by itself, so that some may be silent."""
    kinds = (nn.Standardize, nn.Dense, nn.BatchNorm, nn.Apply, nn.Dropout)
    return all(isinstance(layer, kinds) for layer in innermost_layers(model))


def padded(model: nn.Sequential, multiple: int) -> nn.Sequential:
    """Return the network with hidden widths rounded up to a multiple.

    Parameters
    ----------
    model : Sequential
        One that `can_be_padded`.
    multiple : int
        At least 1.
    """
    last = len(list(dense_layers(model))) - 1
    position = -1

    def widened(layer: Any) -> Any:
        nonlocal position
        if isinstance(layer, nn.BatchNorm):
            return tree.map(lambda array: _extended(array, [_up(np.size(array), multiple)]), layer)
        if not isinstance(layer, nn.Dense):
            return layer
        position += 1
        n_inputs, n_outputs = layer.kernel.shape
        fan_in = n_inputs if position == 0 else _up(n_inputs, multiple)
        fan_out = n_outputs if position == last else _up(n_outputs, multiple)
        arrays = _extended(layer.kernel, [fan_in, fan_out]), _extended(layer.bias, [fan_out])
        if position == 0:
            return replace(layer, kernel=arrays[0], bias=arrays[1])
        return Reader(*arrays, layer.activation, layer.l1, layer.l2, np.array(n_inputs))

    return with_each_layer(model, widened)


def trimmed(result: FitResult, model: nn.Sequential, optimizer: Optimizer) -> FitResult:
    """Return what the training of a padded network came to, in the shapes of the network.

    Parameters
    ----------
    result : FitResult
    model : Sequential
        The network before it was padded.
    optimizer : Optimizer
        That it was trained by.
    """
    state = result.last
    last = TrainingState(
        _cut(with_each_layer(state.model, _plain), model),
        _cut(state.optimizer_state, optimizer.init(nn.parameters(model))),
        state.key,
    )
    return replace(result, model=_cut(with_each_layer(result.model, _plain), model), last=last)


def _plain(layer: Any) -> Any:
    """Return a reader as the dense layer it is."""
    if not isinstance(layer, Reader):
        return layer
    return nn.Dense(layer.kernel, layer.bias, layer.activation, layer.l1, layer.l2)


def _cut(value: Any, like: Any) -> Any:
    """Return a tree with its arrays cut to the shapes of those of another."""
    leaves = [
        np.ascontiguousarray(leaf[tuple(map(slice, np.shape(target)))])
        if np.shape(leaf) != np.shape(target)
        else leaf
        for leaf, target in zip(tree.leaves(value), tree.leaves(like), strict=True)
    ]
    return tree.unflatten(tree.structure(like), leaves)


def _up(width: int, multiple: int) -> int:
    return -(-width // multiple) * multiple


def _extended(array: npt.NDArray[Any], shape: Sequence[int]) -> npt.NDArray[Any]:
    """Return an array with zeros behind, up to a shape."""
    extended = np.zeros(shape, array.dtype)
    extended[tuple(map(slice, array.shape))] = array
    return extended
