"""Layers and models are plain data: dataclasses of arrays and settings, called like functions.

A layer is a frozen dataclass. Its arrays are ordinary fields, hence leaves of the tree that the
transforms, the optimizers and the training loop see; its settings are static fields. A model is a
layer that holds layers. So the gradient of a loss with respect to a model is a model of
gradients, and an update is arithmetic between two models of equal structure.

Every layer is called as ``layer(x, key=..., training=...)``. What is random in training or differs
between training and evaluation is decided by these two arguments and nowhere else: a call changes
nothing, and equal arguments give equal results.

In the notation of back-propagation, `Dense` number l computes
``z^l = a^(l-1) W^l + b^l`` (`Dense.preactivation`) and ``a^l = f^l(z^l)``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule import random
from chainrule._errors import ChainruleError, DtypeError, InvalidArgumentError, ShapeError
from chainrule.nn._types import Activation, Array, Initializer, Key, as_array
from chainrule.nn.activations import identity, relu
from chainrule.nn.initializers import glorot_uniform, zeros
from chainrule.nn.weights import WEIGHT

__all__ = ["Dense", "Layer", "Sequential", "mlp"]


class Layer(ABC):
    """What every layer and model is: something that maps rows to rows, given its own arrays.

    A layer of one's own is a frozen dataclass that derives from this class:

    >>> @dataclass(frozen=True)
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


@dataclass(frozen=True, repr=False)
class Dense(Layer):
    r"""A fully connected layer.

    .. math:: z = a W + b, \qquad \text{output} = f(z)

    Use `Dense.init` to draw the arrays; the constructor takes them as they are.

    Parameters
    ----------
    kernel : ndarray of shape (fan_in, fan_out)
        ``W``, the weights.
    bias : ndarray of shape (fan_out,)
        ``b``.
    activation : callable, default=identity
        ``f``, applied to the whole array ``z``. A static field: functions defined once, in a
        module, let compiled programs be used again; a new lambda for every layer does not.

    Examples
    --------
    >>> layer = Dense(kernel=np.array([[1.0], [2.0]]), bias=np.array([0.5]))
    >>> layer
    Dense(2 -> 1, identity)
    >>> layer(np.array([[10.0, 100.0]]))
    array([[210.5]])
    """

    kernel: Array = field(metadata=WEIGHT)
    bias: Array
    activation: Activation = tree.static_field(default=identity)

    @classmethod
    def init(
        cls,
        key: Key,
        fan_in: int,
        fan_out: int,
        *,
        activation: Activation = identity,
        kernel_init: Initializer = glorot_uniform,
        bias_init: Initializer = zeros,
        dtype: Any = np.float64,
    ) -> Dense:
        """Draw the arrays of a layer.

        Parameters
        ----------
        key : key
            From `chainrule.random.key`.
        fan_in, fan_out : int
            Number of inputs and of outputs, both at least 1.
        activation : callable, default=identity
        kernel_init, bias_init : callable
            Functions ``(key, shape, dtype) -> ndarray``, as in `chainrule.nn.initializers`.
        dtype : dtype, default=float64
            A float dtype, kept by calls on inputs of that dtype and by training.

        Returns
        -------
        Dense

        Raises
        ------
        InvalidArgumentError
            If a width is not an integer of at least 1.
        DtypeError
            If ``dtype`` is not a float dtype.
        """
        for name, width in (("fan_in", fan_in), ("fan_out", fan_out)):
            _check_width(f"Dense.init: {name}", width)
        dtype = np.dtype(dtype)
        if dtype.kind != "f":
            raise DtypeError(
                f"Dense.init: expected a float dtype such as np.float32, got {dtype}; "
                "only floats can be trained."
            )
        kernel_key, bias_key = random.split(key, 2)
        return cls(
            kernel=kernel_init(kernel_key, (fan_in, fan_out), dtype),
            bias=bias_init(bias_key, (fan_out,), dtype),
            activation=activation,
        )

    def preactivation(self, x: Array) -> Array:
        """Return ``z = x @ kernel + bias``.

        Parameters
        ----------
        x : ndarray of shape (..., fan_in)
            Integers and booleans are converted to the dtype of the kernel.

        Returns
        -------
        ndarray of shape (..., fan_out)

        Raises
        ------
        ShapeError
            If the last axis of ``x`` is not ``fan_in`` long.
        """
        x = as_array(x)
        shape, fan_in = x.shape, self.kernel.shape[0]
        if not shape or shape[-1] != fan_in:
            raise ShapeError(
                f"{self!r}: expected an input of shape (n_samples, {fan_in}), got {shape}; "
                f"the layer was made for {fan_in} features per sample, "
                f"so give it those or make it with fan_in={shape[-1] if shape else 1}."
            )
        if x.dtype.kind != "f":
            x = x.astype(self.kernel.dtype)
        return x @ self.kernel + self.bias

    def __call__(self, x: Array, *, key: Key | None = None, training: bool = False) -> Array:
        """Return ``activation(x @ kernel + bias)``.

        Parameters
        ----------
        x : ndarray of shape (..., fan_in)
        key, training
            Not used: the layer is neither random nor different in training.

        Returns
        -------
        ndarray of shape (..., fan_out)
        """
        return self.activation(self.preactivation(x))

    def __repr__(self) -> str:
        widths = " -> ".join(str(width) for width in np.shape(self.kernel))
        return f"Dense({widths}, {getattr(self.activation, '__name__', self.activation)})"


@dataclass(frozen=True, repr=False)
class Sequential(Layer):
    """Layers applied one after the other.

    Parameters
    ----------
    layers : sequence of Layer
        The output of each is the input of the next.

    Examples
    --------
    >>> double = Dense(np.array([[2.0]]), np.zeros(1))
    >>> model = Sequential([double, double])
    >>> model
    Sequential(Dense(1 -> 1, identity), Dense(1 -> 1, identity))
    >>> model(np.array([[3.0]]))
    array([[12.]])
    """

    layers: Sequence[Layer]

    def __call__(self, x: Array, *, key: Key | None = None, training: bool = False) -> Array:
        """Return the output of the last layer.

        Parameters
        ----------
        x : ndarray of shape (n_samples, ...)
        key : key, optional
            Every layer gets one of its own, split from this one.
        training : bool, default=False
            Passed on to every layer.

        Returns
        -------
        ndarray of shape (n_samples, ...)
        """
        keys = self._keys(key)
        for position in range(len(self.layers)):
            x = self._apply(position, x, keys[position], training)
        return x

    def walk(
        self, x: Array, *, key: Key | None = None, training: bool = False
    ) -> Iterator[tuple[Layer, Array, Array]]:
        """Apply the layers one at a time: yield each with what went in and what came out.

        Parameters
        ----------
        x, key, training
            As for a call, of which this is the long form.

        Yields
        ------
        layer : Layer
        inputs : ndarray of shape (n_samples, ...)
        outputs : ndarray of shape (n_samples, ...)

        Examples
        --------
        >>> double = Dense(np.array([[2.0]]), np.zeros(1))
        >>> for layer, a, b in Sequential([double, double]).walk(np.array([[3.0]])):
        ...     print(layer, a, b)
        Dense(1 -> 1, identity) [[3.]] [[6.]]
        Dense(1 -> 1, identity) [[6.]] [[12.]]
        """
        keys = self._keys(key)
        for position, layer in enumerate(self.layers):
            outputs = self._apply(position, x, keys[position], training)
            yield layer, x, outputs
            x = outputs

    def _keys(self, key: Key | None) -> Any:
        count = len(self.layers)
        return [None] * count if key is None else random.split(key, count)

    def _apply(self, position: int, x: Array, key: Key | None, training: bool) -> Array:
        try:
            return self.layers[position](x, key=key, training=training)
        except ChainruleError as error:
            error.args = (f"layer {position + 1} of {len(self.layers)}: {error.message}",)
            raise
        except Exception as error:  # NumPy's own, from a layer called outside any transform
            error.add_note(f"in layer {position + 1} of {self!r}")
            raise

    def __repr__(self) -> str:
        return f"Sequential({', '.join(repr(layer) for layer in self.layers)})"


def mlp(
    key: Key,
    widths: Sequence[int],
    *,
    activation: Activation = relu,
    output_activation: Activation = identity,
    kernel_init: Initializer = glorot_uniform,
    bias_init: Initializer = zeros,
    dtype: Any = np.float64,
) -> Sequential:
    """Build a multi-layer perceptron: dense layers from the number of features to the outputs.

    Parameters
    ----------
    key : key
        From `chainrule.random.key`.
    widths : sequence of int
        Number of features, widths of the hidden layers, number of outputs: at least two numbers.
    activation : callable, default=relu
        Of every hidden layer. For different ones, put `Dense` layers into a `Sequential`.
    output_activation : callable, default=identity
        Of the last layer. The cross-entropies take logits, which is what ``identity`` gives.
    kernel_init, bias_init : callable
        Functions ``(key, shape, dtype) -> ndarray``, as in `chainrule.nn.initializers`.
    dtype : dtype, default=float64
        A float dtype.

    Returns
    -------
    Sequential

    Raises
    ------
    InvalidArgumentError
        If there are fewer than two widths, or one is not an integer of at least 1.

    Examples
    --------
    >>> mlp(random.key(0), (64, 50, 10))
    Sequential(Dense(64 -> 50, relu), Dense(50 -> 10, identity))
    """
    widths = tuple(widths)
    if len(widths) < 2:
        raise InvalidArgumentError(
            f"mlp: expected at least two widths (features, outputs), got {widths}; "
            "for instance (64, 50, 10) for 64 features, 50 hidden units and 10 classes."
        )
    for width in widths:
        _check_width("mlp: widths", width)
    count = len(widths) - 1
    keys = random.split(key, count)
    layers = [
        Dense.init(
            keys[position],
            widths[position],
            widths[position + 1],
            activation=output_activation if position == count - 1 else activation,
            kernel_init=kernel_init,
            bias_init=bias_init,
            dtype=dtype,
        )
        for position in range(count)
    ]
    return Sequential(tuple(layers))


def _check_width(what: str, width: Any) -> None:
    if isinstance(width, bool) or not isinstance(width, (int, np.integer)) or width < 1:
        raise InvalidArgumentError(
            f"{what}: expected an integer of at least 1, got {width!r}; a layer needs a unit."
        )
