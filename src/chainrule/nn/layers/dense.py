"""The fully connected layer, and functions as layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule import random
from chainrule._dtypes import in_dtype_of
from chainrule._errors import DtypeError, InvalidArgumentError, ShapeError
from chainrule.nn._types import Activation, Array, Initializer, Key, as_array
from chainrule.nn.activations import identity
from chainrule.nn.initializers import glorot_uniform, zeros
from chainrule.nn.layers.layer import Layer
from chainrule.nn.roles import FIXED, WEIGHT

__all__ = ["Apply", "Dense"]


@dataclass(frozen=True, repr=False)
class Dense(Layer):
    r"""A fully connected layer.

    .. math:: z = a W + b, \qquad \text{output} = f(z)

    Use `Dense.init` to draw the arrays; the constructor takes them as they are.

    In training, the layer adds to the cost the penalty

    .. math:: \lambda_1 \sum |W| + \frac{\lambda_2}{2} \sum W^2

    on its weights, not its biases, if it is given strengths. They are numbers of the model that are
    not trained. For the same strength in all layers see `chainrule.optim.l2`.

    Parameters
    ----------
    kernel : ndarray of shape (fan_in, fan_out)
        ``W``, the weights.
    bias : ndarray of shape (fan_out,)
        ``b``.
    activation : callable, default=identity
        ``f``, applied to the whole array ``z``. A static field: functions defined once, in a
        module, let compiled programs be used again; a new lambda for every layer does not.
    l1, l2 : float, optional
        ``lambda_1`` and ``lambda_2``, at least 0.

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
    l1: Array | float | None = field(default=None, metadata=FIXED)
    l2: Array | float | None = field(default=None, metadata=FIXED)

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
        l1: float | None = None,
        l2: float | None = None,
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
        l1, l2 : float, optional
            Strengths of the penalties on the weights, at least 0.
        dtype : dtype, default=float64
            A float dtype, kept by calls on inputs of that dtype and by training.

        Returns
        -------
        Dense

        Raises
        ------
        InvalidArgumentError
            If a width is not an integer of at least 1, or a strength is negative or not finite.
        DtypeError
            If ``dtype`` is not a float dtype.
        ShapeError
            If an initializer returns another shape than it is asked for.
        """
        for name, width in (("fan_in", fan_in), ("fan_out", fan_out)):
            check_width(f"Dense.init: {name}", width)
        for name, strength in (("l1", l1), ("l2", l2)):
            if strength is not None and not 0.0 <= strength < np.inf:
                raise InvalidArgumentError(
                    f"Dense.init: {name}: expected a number of at least 0, finite, got {strength}."
                )
        dtype = float_dtype("Dense.init", dtype)
        kernel_key, bias_key = random.split(key, 2)
        kernel = kernel_init(kernel_key, (fan_in, fan_out), dtype)
        bias = bias_init(bias_key, (fan_out,), dtype)
        drawn = (("kernel_init", kernel, (fan_in, fan_out)), ("bias_init", bias, (fan_out,)))
        for name, array, shape in drawn:
            if np.shape(array) != shape:
                raise ShapeError(
                    f"Dense.init: {name}: expected an array of shape {shape}, got "
                    f"{np.shape(array)}."
                )
        return cls(kernel, bias, activation, l1, l2)

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

    def penalty(self) -> Array | float:
        """Return ``l1 * sum(abs(kernel)) + l2 / 2 * sum(kernel ** 2)``, 0 without strengths."""
        total: Array | float = 0.0
        if self.l1 is not None:
            total = total + in_dtype_of(self.l1, self.kernel) * np.sum(np.abs(self.kernel))
        if self.l2 is not None:
            total = total + 0.5 * in_dtype_of(self.l2, self.kernel) * np.sum(self.kernel**2)
        return total

    def __repr__(self) -> str:
        widths = " -> ".join(str(width) for width in np.shape(self.kernel))
        return f"Dense({widths}, {name_of(self.activation)})"


@dataclass(frozen=True, repr=False)
class Apply(Layer):
    """A function as a layer, such as an activation that comes after a normalization.

    Parameters
    ----------
    function : callable
        From rows to rows. A static field, as ``activation`` of `Dense` is.

    Examples
    --------
    >>> from chainrule import nn
    >>> nn.Sequential([nn.BatchNorm.init(2), nn.Apply(nn.relu)])
    Sequential(BatchNorm(2), Apply(relu))
    """

    function: Activation = tree.static_field()

    def __call__(self, x: Array, *, key: Key | None = None, training: bool = False) -> Array:
        """Return ``function(x)``."""
        return self.function(as_array(x))

    def __repr__(self) -> str:
        return f"Apply({name_of(self.function)})"


def check_width(what: str, width: Any) -> None:
    """Raise unless a width is an integer of at least 1."""
    if isinstance(width, bool) or not isinstance(width, (int, np.integer)) or width < 1:
        raise InvalidArgumentError(
            f"{what}: expected an integer of at least 1, got {width!r}; a layer needs a unit."
        )


def float_dtype(what: str, dtype: Any) -> np.dtype[Any]:
    """Return a dtype that can be trained."""
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise DtypeError(
            f"{what}: expected a float dtype such as np.float32, got {dtype}; "
            "only floats can be trained."
        )
    return dtype


def name_of(function: Any) -> str:
    """Return the name of a function as a layer shows it."""
    return getattr(function, "__name__", repr(function))
