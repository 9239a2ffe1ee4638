"""L1 and L2 regularization: gradients that also pull the weights, not the biases, towards zero."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule._dtypes import in_dtype_of
from chainrule.nn.roles import weight_mask
from chainrule.optim._chain import Transformation
from chainrule.optim._hyperparameters import check_range

__all__ = ["l1", "l2"]


@dataclass(frozen=True)
class Penalty(ABC):
    """A transformation that adds the gradient of a penalty on some of the parameters."""

    strength: Any
    on: Callable[[Any], Any] = tree.static_field(default=weight_mask)

    @abstractmethod
    def slope(self, w: Any) -> Any:
        """Return the derivative of the penalty of strength 1 in a parameter."""

    def init(self, params: Any) -> Any:
        """Return the empty state, having made sure that the weights can be told apart."""
        self.on(params)
        return ()

    def transform(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """Return ``g + strength * slope(w)`` where ``on`` says so and ``g`` elsewhere."""

        def shrink(g: Any, w: Any, is_weight: bool) -> Any:
            return g + in_dtype_of(self.strength, w) * self.slope(w) if is_weight else g

        return tree.map(shrink, grads, params, self.on(params)), state


class L1(Penalty):
    """The transformation that `l1` makes."""

    def slope(self, w: Any) -> Any:
        """Return the sign of ``w``, 0 at 0."""
        return np.sign(w)


class L2(Penalty):
    """The transformation that `l2` makes."""

    def slope(self, w: Any) -> Any:
        """Return ``w``."""
        return w


def l1(strength: float, *, on: Callable[[Any], Any] = weight_mask) -> Transformation:
    r"""Add the gradient of an L1 penalty on the weights.

    .. math:: C' = C + \lambda \sum |w|, \qquad g \leftarrow g + \lambda \, \mathrm{sign}(w)

    It draws all weights towards zero with equal force, so that few are left that are not small. At
    0 the derivative is 0, the subgradient nearest to no force. Steps of finite length carry a
    weight past 0 and back; weights that are exactly 0, as from proximal methods (soft
    thresholding), do not come out of this.

    Parameters
    ----------
    strength : float
        ``lambda``, at least 0.
    on : callable, default=`chainrule.nn.weight_mask`
        Which parameters the penalty is on, see `l2`.

    Returns
    -------
    Transformation
        Its state is empty.

    Raises
    ------
    InvalidArgumentError
        If the strength is negative or not finite.

    References
    ----------
    Tibshirani, "Regression shrinkage and selection via the lasso", 1996.

    Examples
    --------
    >>> from chainrule import nn, optim
    >>> layer = nn.Dense(kernel=np.array([[2.0, -3.0]]), bias=np.array([2.0, 2.0]))
    >>> optimizer = optim.chain(optim.l1(0.5), optim.sgd(0.1))
    >>> zero = nn.Dense(kernel=np.zeros((1, 2)), bias=np.zeros(2))
    >>> layer, state = optimizer.update(zero, optimizer.init(layer), layer)
    >>> layer.kernel, layer.bias
    (array([[ 1.95, -2.95]]), array([2., 2.]))
    """
    check_range("l1: strength", strength, 0.0)
    return L1(strength, on)


def l2(strength: float, *, on: Callable[[Any], Any] = weight_mask) -> Transformation:
    r"""Add the gradient of an L2 penalty on the weights.

    .. math:: C' = C + \frac{\lambda}{2} \sum w^2, \qquad g \leftarrow g + \lambda w

    The factor ½ is in the penalty, so that none is in the gradient; where the penalty is written
    ``lambda sum w^2``, its ``lambda`` is half of this one. ``C`` is a mean over samples
    and the penalty is not divided by their number: scikit-learn's ``alpha`` corresponds to
    ``strength * batch_size``.

    Where it stands in a `chain` matters. In front of `sgd` it is the same as weight decay, with
    rate ``learning_rate * strength``; in front of `momentum` or `adam` the penalty goes through
    the accumulation or scaling like any part of the gradient (it is *coupled*).

    Parameters
    ----------
    strength : float
        ``lambda``, at least 0.
    on : callable, default=`chainrule.nn.weight_mask`
        Called with the parameters, returns a tree of bool of equal structure: which of them the
        penalty is on. The default knows the layers of `chainrule.nn` and all that declare their
        weights with `chainrule.nn.WEIGHT`.

    Returns
    -------
    Transformation
        Its state is empty.

    Raises
    ------
    InvalidArgumentError
        If the strength is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import nn, optim
    >>> layer = nn.Dense(kernel=np.array([[2.0]]), bias=np.array([2.0]))
    >>> optimizer = optim.chain(optim.l2(0.5), optim.sgd(0.1))
    >>> zero = nn.Dense(kernel=np.array([[0.0]]), bias=np.array([0.0]))
    >>> layer, state = optimizer.update(zero, optimizer.init(layer), layer)
    >>> layer.kernel, layer.bias
    (array([[1.9]]), array([2.]))
    """
    check_range("l2: strength", strength, 0.0)
    return L2(strength, on)
