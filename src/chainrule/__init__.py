"""chainrule: write NumPy; get derivatives, compiled functions and trained neural networks.

Import it as ``import chainrule as cr`` and write functions in plain NumPy. `grad`, `jvp`, `vjp`,
`jacobian`, `hessian` and `vmap` transform them, `compile` traces them once and runs them fast,
`nn`, `optim` and `training` build on that, and `estimators` on those.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chainrule import _tree as tree
from chainrule._errors import ChainruleError
from chainrule._threads import get_threads, set_threads
from chainrule.compiler import compile
from chainrule.control_flow import (
    checkpoint,
    cond,
    custom_derivative,
    fori_loop,
    scan,
    stop_gradient,
    while_loop,
)
from chainrule.frontend import asarray, at
from chainrule.ir import Graph
from chainrule.transforms import (
    Dual,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    linearize,
    trace,
    value_and_grad,
    vjp,
    vmap,
)

if TYPE_CHECKING:
    from chainrule import (
        datasets,
        estimators,
        linalg,
        nn,
        optim,
        plot,
        random,
        saving,
        search,
        special,
        testing,
        training,
    )
    from chainrule.estimators import (
        LinearRegression,
        LogisticRegression,
        MLPClassifier,
        MLPRegressor,
        Perceptron,
    )
    from chainrule.saving import load, save
    from chainrule.search import BayesSearch, GridSearch, RandomSearch

__version__ = "0.1.0"

_LAZY_MODULES = (
    "datasets",
    "estimators",
    "linalg",
    "nn",
    "optim",
    "plot",
    "random",
    "saving",
    "search",
    "special",
    "testing",
    "training",
)
_LAZY_NAMES = {
    "BayesSearch": "search",
    "GridSearch": "search",
    "LinearRegression": "estimators",
    "LogisticRegression": "estimators",
    "MLPClassifier": "estimators",
    "MLPRegressor": "estimators",
    "Perceptron": "estimators",
    "RandomSearch": "search",
    "load": "saving",
    "save": "saving",
}

__all__ = [
    "BayesSearch",
    "ChainruleError",
    "Dual",
    "Graph",
    "GridSearch",
    "LinearRegression",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "Perceptron",
    "RandomSearch",
    "asarray",
    "at",
    "checkpoint",
    "compile",
    "cond",
    "custom_derivative",
    "datasets",
    "estimators",
    "fori_loop",
    "get_threads",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linalg",
    "linearize",
    "load",
    "nn",
    "optim",
    "plot",
    "random",
    "save",
    "saving",
    "scan",
    "search",
    "set_threads",
    "special",
    "stop_gradient",
    "testing",
    "trace",
    "training",
    "tree",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY_MODULES:
        return importlib.import_module(f"chainrule.{name}")
    if name in _LAZY_NAMES:
        return getattr(importlib.import_module(f"chainrule.{_LAZY_NAMES[name]}"), name)
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY_MODULES, *_LAZY_NAMES})
