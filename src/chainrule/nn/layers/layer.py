"""What a layer is, and how what it remembers is carried on.

A layer is a frozen dataclass. Its arrays are ordinary fields, hence leaves of the tree that the
transforms, the optimizers and the training loop see; its settings are static fields. A model is a
layer that holds layers. So the gradient of a loss with respect to a model is a model of
gradients, and an update is arithmetic between two models of equal structure.

Nothing is changed in place. A layer that remembers something of its inputs, as batch normalization
does, is asked for its outputs in training by `Layer.observe`, which returns with them the layer
that has seen these inputs:

    output, model = model.observe(x, key=key)

The training loop keeps that model; what of it is remembered and what is trained, the roles of the
fields say (`chainrule.nn.roles`).
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from chainrule.nn._types import Array, Key

__all__ = ["Layer", "observe", "penalty"]


class Layer(ABC):
    """What every layer and model is: something that maps rows to rows, given its own arrays.

    A layer of one's own is a frozen dataclass that derives from this class:

    >>> import numpy as np
    >>> @dataclasses.dataclass(frozen=True)
    ... class Scale(Layer):
    ...     factor: Array
    ...
    ...     def __call__(self, x, *, key=None, training=False):
    ...         return x * self.factor
    >>> Scale(np.array([1.0, 10.0]))(np.ones((1, 2)))
    array([[ 1., 10.]])
    """

    @abstractmethod
    def __call__(self, x: Array, *, key: Key | None = None, training: bool = False) -> Array:
        """Return the outputs for the rows of ``x``.

        Parameters
        ----------
        x : ndarray of shape (n_samples, ...)
            One sample per row.
        key : key, optional
            For layers that are random; they say so when it is missing.
        training : bool, default=False
            Whether the call belongs to training rather than evaluation, for layers that differ.

        Returns
        -------
        ndarray of shape (n_samples, ...)
        """

    def observe(self, x: Array, *, key: Key | None = None) -> tuple[Array, Layer]:
        """Return the outputs in training, and the layer that has seen these rows.

        A layer of one's own that remembers something of its inputs overrides this; one that holds
        other layers calls `chainrule.nn.observe` for each of them.

        Parameters
        ----------
        x : ndarray of shape (n_samples, ...)
        key : key, optional

        Returns
        -------
        outputs : ndarray of shape (n_samples, ...)
            Those of a call with ``training=True``.
        layer : Layer
            Of the same structure. Only what is declared `chainrule.nn.FIXED` may differ.
        """
        return self(x, key=key, training=True), self

    def penalty(self) -> Array | float:
        """Return what the layer's own weights add to the cost of training, 0 by default.

        Layers inside this one are not counted; see `chainrule.nn.penalty`.
        """
        return 0.0


def observe(model: Any, x: Array, *, key: Key | None = None) -> tuple[Array, Any]:
    """Return the outputs of a model in training, and the model that has seen these rows.

    Parameters
    ----------
    model : Layer or callable
        A callable that is no `Layer` remembers nothing.
    x : ndarray of shape (n_samples, ...)
    key : key, optional

    Returns
    -------
    outputs : ndarray of shape (n_samples, ...)
    model : as ``model``

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import nn
    >>> outputs, layer = nn.observe(nn.BatchNorm.init(1), np.array([[0.0], [2.0]]))
    >>> outputs.round(3), layer.mean
    (array([[-1.],
           [ 1.]]), array([0.1]))
    """
    if isinstance(model, Layer):
        return model.observe(x, key=key)
    return model(x, key=key, training=True), model


def run(model: Any, x: Array, key: Key | None, training: bool) -> tuple[Array, Any]:
    """Return the outputs of a model in either mode, and the model that goes on."""
    return observe(model, x, key=key) if training else (model(x, key=key, training=False), model)


def penalty(model: Any) -> Array | float:
    """Return what the weights of all layers of a model add to the cost of training.

    Parameters
    ----------
    model : pytree
        A layer, or any tree that holds layers.

    Returns
    -------
    ndarray of shape () or float
        The sum of `Layer.penalty` over all layers, however deep inside others they are.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import nn
    >>> layer = nn.Dense(np.array([[3.0, -1.0]]), np.zeros(2), l2=0.1)
    >>> nn.penalty(nn.Sequential([layer, nn.Apply(nn.relu)])).round(12)  # 0.1 / 2 * (9 + 1)
    np.float64(0.5)
    """
    return sum((layer.penalty() for layer in _layers(model)), 0.0)


def _layers(node: Any) -> Iterator[Layer]:
    if isinstance(node, Layer):
        yield node
    children: Any = ()
    if dataclasses.is_dataclass(node):
        fields = dataclasses.fields(node)
        children = [getattr(node, f.name) for f in fields if not f.metadata.get("static")]
    elif isinstance(node, Mapping):
        children = node.values()
    elif isinstance(node, (tuple, list)):
        children = node
    for child in children:
        yield from _layers(child)
