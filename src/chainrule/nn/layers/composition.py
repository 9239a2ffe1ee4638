"""Layers made of layers: one after the other, and around a block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainrule import random
from chainrule._errors import ChainruleError, ShapeError
from chainrule.nn._types import Array, Key, as_array
from chainrule.nn.layers.layer import Layer, run

__all__ = ["Residual", "Sequential"]


@dataclass(frozen=True, repr=False)
class Sequential(Layer):
    """Layers applied one after the other.

    Parameters
    ----------
    layers : sequence of Layer
        The output of each is the input of the next.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import nn
    >>> double = nn.Dense(np.array([[2.0]]), np.zeros(1))
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
        return self._run(x, key, training)[0]

    def observe(self, x: Array, *, key: Key | None = None) -> tuple[Array, Sequential]:
        """Return the output of the last layer in training, and the layers that have seen it."""
        return self._run(x, key, True)

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
        >>> import numpy as np
        >>> from chainrule import nn
        >>> double = nn.Dense(np.array([[2.0]]), np.zeros(1))
        >>> for layer, a, b in Sequential([double, double]).walk(np.array([[3.0]])):
        ...     print(layer, a, b)
        Dense(1 -> 1, identity) [[3.]] [[6.]]
        Dense(1 -> 1, identity) [[6.]] [[12.]]
        """
        keys = self._keys(key)
        for position, layer in enumerate(self.layers):
            outputs, _ = self._apply(position, x, keys[position], training)
            yield layer, x, outputs
            x = outputs

    def _run(self, x: Array, key: Key | None, training: bool) -> tuple[Array, Sequential]:
        keys = self._keys(key)
        after = []
        for position in range(len(self.layers)):
            x, layer = self._apply(position, x, keys[position], training)
            after.append(layer)
        # Of the same kind as before, lest the tree change its structure.
        return x, replace(self, layers=after if isinstance(self.layers, list) else tuple(after))

    def _keys(self, key: Key | None) -> Any:
        count = len(self.layers)
        return [None] * count if key is None else random.split(key, count)

    def _apply(
        self, position: int, x: Array, key: Key | None, training: bool
    ) -> tuple[Array, Layer]:
        try:
            return run(self.layers[position], x, key, training)
        except ChainruleError as error:
            error.args = (f"layer {position + 1} of {len(self.layers)}: {error.message}",)
            raise
        except Exception as error:  # NumPy's own, from a layer called outside any transform
            error.add_note(f"in layer {position + 1} of {self!r}")
            raise

    def __repr__(self) -> str:
        return f"Sequential({', '.join(repr(layer) for layer in self.layers)})"


@dataclass(frozen=True, repr=False)
class Residual(Layer):
    r"""A block with a connection past it.

    .. math:: \text{output} = f(x) + x

    The identity carries errors back unchanged, so that a stack of many blocks can be trained.

    Parameters
    ----------
    block : Layer
        ``f``: any layer whose outputs are as wide as its inputs.
    shortcut : Layer, optional
        What the inputs pass through instead of the identity, such as a linear `Dense` where the
        block changes the width.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import nn
    >>> block = Residual(nn.Dense(np.array([[2.0]]), np.zeros(1)))
    >>> block
    Residual(Dense(1 -> 1, identity))
    >>> block(np.array([[3.0]]))
    array([[9.]])
    """

    block: Layer
    shortcut: Layer | None = None

    def __call__(self, x: Array, *, key: Key | None = None, training: bool = False) -> Array:
        """Return ``block(x) + x``, or ``block(x) + shortcut(x)``.

        Parameters
        ----------
        x : ndarray of shape (n_samples, ...)
        key : key, optional
            Block and shortcut get one each, split from this one.
        training : bool, default=False
            Passed on.

        Returns
        -------
        ndarray of shape (n_samples, ...)

        Raises
        ------
        ShapeError
            If the two terms differ in shape.
        """
        return self._run(x, key, training)[0]

    def observe(self, x: Array, *, key: Key | None = None) -> tuple[Array, Residual]:
        """Return the sum in training, and the layers that have seen the rows."""
        return self._run(x, key, True)

    def _run(self, x: Array, key: Key | None, training: bool) -> tuple[Array, Residual]:
        x = as_array(x)
        keys = (None, None) if key is None else random.split(key, 2)
        outputs, block = run(self.block, x, keys[0], training)
        past, shortcut = x, None
        if self.shortcut is not None:
            past, shortcut = run(self.shortcut, x, keys[1], training)
        if outputs.shape != past.shape:
            what = "the inputs" if shortcut is None else "the outputs of the shortcut"
            raise ShapeError(
                f"{self!r}: expected outputs of the block of the shape of {what}, {past.shape}, "
                f"got {outputs.shape}; bring the inputs to that shape with "
                "shortcut=Dense.init(key, fan_in, fan_out)."
            )
        return outputs + past, replace(self, block=block, shortcut=shortcut)

    def __repr__(self) -> str:
        inside = [repr(layer) for layer in (self.block, self.shortcut) if layer is not None]
        return f"Residual({', '.join(inside)})"
