"""Optimizers: pairs of pure functions over pytrees, joined by `chain`.

>>> from chainrule import optim
>>> optimizer = optim.chain(optim.l2(1e-4), optim.adam(1e-3))

``state = optimizer.init(params)`` before the first step, then
``params, state = optimizer.update(grads, state, params)`` for each.
"""

from chainrule.optim._chain import Chain, Optimizer, Transformation, chain
from chainrule.optim.adam_scaling import adam
from chainrule.optim.gradient_descent import momentum, sgd
from chainrule.optim.regularization import l2

__all__ = ["Chain", "Optimizer", "Transformation", "adam", "chain", "l2", "momentum", "sgd"]
