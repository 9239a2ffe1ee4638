"""Searches for hyper-parameters: a grid, drawn at random, or proposed by Optuna's samplers.

>>> from chainrule.search import BayesSearch, GridSearch, RandomSearch

The three keep scikit-learn's contract. What they are made of (`space`, `cells`, `running`, `store`,
`exploring`, `results`) does without it, and is loaded by itself.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainrule.search.base import NothingFoundError
    from chainrule.search.cells import Cell, Outcome
    from chainrule.search.progress import Progress
    from chainrule.search.ranking import Ranked, Ranking
    from chainrule.search.results import SearchResults
    from chainrule.search.searchers import BayesSearch, GridSearch, RandomSearch
    from chainrule.search.space import Choice, Span
    from chainrule.search.views import Curve, Surface

_MODULES = {
    "BayesSearch": "searchers",
    "Cell": "cells",
    "Choice": "space",
    "Curve": "views",
    "GridSearch": "searchers",
    "NothingFoundError": "base",
    "Outcome": "cells",
    "Progress": "progress",
    "RandomSearch": "searchers",
    "Ranked": "ranking",
    "Ranking": "ranking",
    "SearchResults": "results",
    "Span": "space",
    "Surface": "views",
}

__all__ = [
    "BayesSearch",
    "Cell",
    "Choice",
    "Curve",
    "GridSearch",
    "NothingFoundError",
    "Outcome",
    "Progress",
    "RandomSearch",
    "Ranked",
    "Ranking",
    "SearchResults",
    "Span",
    "Surface",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"chainrule.search.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'chainrule.search' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
