"""Optimizers, the gradient transformations in front of them, and the chain that joins the two.

There are two kinds of link, and each is a pair of pure functions over pytrees:

- a *transformation* turns gradients into other gradients: ``init(params) -> state`` and
  ``transform(grads, state, params) -> (grads, state)``. L2 regularization, momentum and the
  scaling of Adam are transformations.
- an *optimizer* turns gradients into new parameters: ``init(params) -> state`` and
  ``update(grads, state, params) -> (params, state)``. Gradient descent, ``w <- w - eta g``, is one.

`chain` puts any number of transformations in front of one optimizer, and is an optimizer again.
The two functions have different names so that one kind is never taken for the other. Every
optimizer here is a chain that ends in gradient descent: momentum is an accumulator followed by
`sgd`, Adam is a scaling followed by `sgd`.

All of them are frozen dataclasses whose numbers are ordinary fields, hence leaves. An optimizer
that is passed to a compiled function is data: its learning rate is an argument of the program, so
another learning rate needs no new program, and a stack of learning rates can be mapped over with
`vmap` to train many runs side by side. An optimizer that is closed over instead is a constant.

>>> import numpy as np
>>> from chainrule import optim
>>> optimizer = optim.chain(optim.l2(0.1, on=lambda params: True), optim.sgd(0.5))
>>> params = np.array([2.0])
>>> state = optimizer.init(params)
>>> params, state = optimizer.update(np.array([1.0]), state, params)
>>> params  # 2 - 0.5 * (1 + 0.1 * 2)
array([1.4])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

from chainrule._errors import ArgumentTypeError

__all__ = ["Chain", "Optimizer", "Transformation", "chain", "full_batch_only"]


@runtime_checkable
class Transformation(Protocol):
    """Turns gradients into other gradients."""

    def init(self, params: Any) -> Any:
        """Return the state before the first step, a pytree."""

    def transform(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """Return the new gradients, of the structure of ``params``, and the new state."""


@runtime_checkable
class Optimizer(Protocol):
    """Turns gradients into new parameters."""

    def init(self, params: Any) -> Any:
        """Return the state before the first step, a pytree."""

    def update(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """Return the new parameters, with the dtypes of the old, and the new state."""


@dataclass(frozen=True)
class Chain:
    """Transformations, applied in order, and the optimizer that has the last word."""

    transformations: tuple[Transformation, ...]
    optimizer: Optimizer

    @property
    def full_batch_only(self) -> bool:
        """Whether a link compares the gradients of two steps; see `full_batch_only`."""
        return any(full_batch_only(link) for link in (*self.transformations, self.optimizer))

    def init(self, params: Any) -> Any:
        """Return the states of all links, in order."""
        return (*(link.init(params) for link in self.transformations), self.optimizer.init(params))

    def update(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """Pass the gradients through every transformation, then update."""
        *states, last = state
        for position, link in enumerate(self.transformations):
            grads, states[position] = link.transform(grads, states[position], params)
        params, last = self.optimizer.update(grads, last, params)
        return params, (*states, last)


def full_batch_only(link: Any) -> bool:
    """Return whether a link makes sense only with gradients of all samples.

    A link says so by an attribute of this name. What it learns from the difference of two gradients
    would be the difference of two batches.
    """
    return bool(getattr(link, "full_batch_only", False))


def chain(*links: Transformation | Optimizer) -> Chain:
    """Put gradient transformations in front of an optimizer.

    Parameters
    ----------
    *links : Transformation or Optimizer
        Applied from left to right: transformations, and one optimizer at the end.

    Returns
    -------
    Optimizer

    Raises
    ------
    ArgumentTypeError
        If a link is of the wrong kind for its place.

    Examples
    --------
    >>> from chainrule import optim
    >>> optimizer = optim.chain(optim.l2(1e-4), optim.momentum(0.1, beta=0.9))
    """
    for position, link in enumerate(links, start=1):
        wanted, method = (
            ("an optimizer", "update")
            if position == len(links)
            else ("a gradient transformation", "transform")
        )
        if not callable(getattr(link, method, None)) or not callable(getattr(link, "init", None)):
            raise ArgumentTypeError(
                f"chain: expected {wanted} (with init and {method}) as link {position} of "
                f"{len(links)}, got {link!r}; transformations such as l2 come first and one "
                "optimizer such as sgd comes last."
            )
    if not links:
        raise ArgumentTypeError(
            "chain: expected an optimizer at the end, got no links; write chain(sgd(0.1))."
        )
    # The loop above has made sure of what a type checker cannot see.
    transformations = cast("tuple[Transformation, ...]", links[:-1])
    return Chain(transformations, cast("Optimizer", links[-1]))
