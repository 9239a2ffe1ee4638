"""L2 regularization: gradients that also pull the weights, not the biases, towards zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule import _tree as tree
from chainrule.nn.weights import weight_mask
from chainrule.optim._chain import Transformation
from chainrule.optim._hyperparameters import check_range, in_dtype_of

__all__ = ["l2"]


@dataclass(frozen=True)
class L2:
    """The transformation that `l2` makes."""

    strength: Any
    on: Callable[[Any], Any] = tree.static_field(default=weight_mask)

    def init(self, params: Any) -> Any:
        """Return the empty state, having made sure that the weights can be told apart."""
        self.on(params)
        return ()

    def transform(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """Return ``g + strength * w`` where ``on`` says so and ``g`` elsewhere."""

        def shrink(g: Any, w: Any, is_weight: bool) -> Any:
            return g + in_dtype_of(self.strength, w) * w if is_weight else g

        return tree.map(shrink, grads, params, self.on(params)), state


def l2(strength: float, *, on: Callable[[Any], Any] = weight_mask) -> Transformation:
    r"""Add the gradient of an L2 penalty on the weights.

    .. math:: C' = C + \frac{\lambda}{2} \sum w^2, \qquad g \leftarrow g + \lambda w

    The factor ½ is in the penalty, so that none is in the gradient. ``C`` is a mean over samples
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
