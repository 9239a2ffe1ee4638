"""Optimizers: pairs of pure functions over pytrees, joined by `chain`.

>>> from chainrule import optim
>>> optimizer = optim.chain(optim.l2(1e-4), optim.adam(1e-3))

``state = optimizer.init(params)`` before the first step, then
``params, state = optimizer.update(grads, state, params)`` for each. Of a model with arrays that are
not trained, ``params`` is what `chainrule.nn.parameters` returns.
"""

from chainrule.optim import schedules
from chainrule.optim._chain import Chain, Optimizer, Transformation, chain, full_batch_only
from chainrule.optim.adam_scaling import adam, adamw
from chainrule.optim.adaptive import adagrad, rmsprop
from chainrule.optim.clipping import clip_by_global_norm, clip_by_value, max_norm
from chainrule.optim.gradient_descent import momentum, nesterov, sgd
from chainrule.optim.levenberg_marquardt import FitReason, LeastSquares, least_squares
from chainrule.optim.minimization import Minimum, StopReason, minimize
from chainrule.optim.quasi_newton import Method, bfgs, lbfgs, newton_cg
from chainrule.optim.regularization import l1, l2
from chainrule.optim.resilient import rprop
from chainrule.optim.schedules import SCHEDULES, Schedule

__all__ = [
    "SCHEDULES",
    "Chain",
    "FitReason",
    "LeastSquares",
    "Method",
    "Minimum",
    "Optimizer",
    "Schedule",
    "StopReason",
    "Transformation",
    "adagrad",
    "adam",
    "adamw",
    "bfgs",
    "chain",
    "clip_by_global_norm",
    "clip_by_value",
    "full_batch_only",
    "l1",
    "l2",
    "lbfgs",
    "least_squares",
    "max_norm",
    "minimize",
    "momentum",
    "nesterov",
    "newton_cg",
    "rmsprop",
    "rprop",
    "schedules",
    "sgd",
]
