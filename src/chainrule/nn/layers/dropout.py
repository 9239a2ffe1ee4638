"""Dropout: units left out at random while a network is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import random
from chainrule._dtypes import in_dtype_of
from chainrule._errors import InvalidArgumentError
from chainrule.nn._types import Array, Key, as_array
from chainrule.nn.layers.layer import Layer
from chainrule.nn.roles import FIXED

__all__ = ["Dropout"]


@dataclass(frozen=True, repr=False)
class Dropout(Layer):
    r"""Sets units to zero at random in training, others for every sample and every step.

    .. math:: f(x) = \frac{m \circ x}{1 - r}, \qquad m_{ij} = 0 \text{ with probability } r
              \text{ and } 1 \text{ otherwise}

    The division keeps the expected value ("inverted" dropout), so that evaluation is the identity;
    in the paper the weights are multiplied by ``1 - r`` for evaluation instead, which is the same.
    In front of the first layer it drops features, after a hidden layer its units.

    Parameters
    ----------
    rate : float
        ``r``, in [0, 1). A number of the model that is not trained, so another needs no new
        program.

    Raises
    ------
    InvalidArgumentError
        If the rate is outside its range.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to prevent
    neural networks from overfitting", 2014.

    Examples
    --------
    >>> layer, x = Dropout(0.5), np.ones((2, 4))
    >>> layer(x)
    array([[1., 1., 1., 1.],
           [1., 1., 1., 1.]])
    >>> set(layer(x, key=random.key(0), training=True).flat) <= {0.0, 2.0}
    True
    """

    rate: Any = field(metadata=FIXED)

    def __post_init__(self) -> None:
        known = isinstance(self.rate, (int, float, np.ndarray, np.generic))
        if known and not np.all((np.asarray(self.rate) >= 0.0) & (np.asarray(self.rate) < 1.0)):
            raise InvalidArgumentError(
                f"Dropout: rate: expected a number of at least 0 and below 1, got {self.rate}; "
                "it is the share of units that are left out."
            )

    def __call__(self, x: Array, *, key: Key | None = None, training: bool = False) -> Array:
        """Return ``x`` in evaluation, and ``x`` with units left out in training.

        Parameters
        ----------
        x : ndarray of shape (n_samples, ...)
        key : key
            Needed in training.
        training : bool, default=False

        Returns
        -------
        ndarray of the shape of ``x``

        Raises
        ------
        InvalidArgumentError
            If the key is missing in training.
        """
        x = as_array(x)
        if not training:
            return x
        if key is None:
            raise InvalidArgumentError(
                f"{self!r}: expected a random key in training, got None; call the model with one, "
                "as in model(x, key=random.key(0), training=True)."
            )
        keep = random.uniform(key, x.shape) >= self.rate
        return np.where(keep, x / in_dtype_of(1.0 - self.rate, x), 0.0)

    def __repr__(self) -> str:
        return f"Dropout({self.rate})"
