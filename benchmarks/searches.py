"""What the measurements of searches search: problems, the same for this library and scikit-learn.

Both get the same samples, rows held out and settings, and no network stops early. Libraries are
imported inside, so that importing this costs nothing.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.peers.row import training_flops_of_epoch

EPOCHS = 100
DECADES = np.geomspace(1e-5, 10.0, 7).tolist()
WIDTHS = (1, 10, 100, 1000)
FEATURES = ["mean texture", "mean perimeter", "mean compactness", "mean symmetry"]


@dataclass(frozen=True)
class Problem:
    """What is searched.

    Attributes
    ----------
    X, y : ndarray
    space : dict of str to list
    settings : dict
        Of the network, in both libraries.
    split : splitter
        What is held out.
    flops : float
        Of all training, see `benchmarks.peers.row.training_flops_of_epoch`.
    """

    X: Any
    y: Any
    space: dict[str, Any]
    settings: dict[str, Any]
    split: Any
    flops: float = 0.0


def digits(dtype: Any) -> Problem:
    """Return learning rates and penalties of a 64-50-10 network for handwritten digits."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import ShuffleSplit

    X, y = load_digits(return_X_y=True)
    settings = {
        "hidden_layer_sizes": (50,),
        "activation": "logistic",
        "solver": "sgd",
        "momentum": 0.0,
        "batch_size": 100,
    }
    space = {"learning_rate_init": DECADES, "alpha": DECADES}
    rows = len(X) - math.ceil(0.2 * len(X))
    flops = training_flops_of_epoch(rows, 100, (64, 50, 10), 8, 4)
    return Problem(
        (X / 16).astype(dtype),
        y,
        space,
        settings,
        ShuffleSplit(1, test_size=0.2, random_state=0),
        len(DECADES) ** 2 * EPOCHS * flops,
    )


def breast_cancer() -> Problem:
    """Return learning rates and widths of two ReLU layers for four features of tumours."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import StratifiedShuffleSplit
    from sklearn.preprocessing import StandardScaler

    data = load_breast_cancer(as_frame=True)
    X = StandardScaler().fit_transform(data.data[FEATURES].to_numpy())
    settings = {"activation": "relu", "solver": "sgd", "momentum": 0.0, "batch_size": 50}
    rates = np.geomspace(1e-3, 10.0, 5).tolist()
    space = {"learning_rate_init": rates, "hidden_layer_sizes": [(w, w) for w in WIDTHS]}
    rows = len(X) - math.ceil(0.25 * len(X))
    flops = sum(training_flops_of_epoch(rows, 50, (len(FEATURES), w, w, 1), 3, 4) for w in WIDTHS)
    return Problem(
        X.astype(np.float32),
        data.target.to_numpy(),
        space,
        settings,
        StratifiedShuffleSplit(1, test_size=0.25, random_state=0),
        len(rates) * EPOCHS * flops,
    )


def iris() -> Problem:
    """Return depths, widths, activations and learning rates of networks for irises, to draw."""
    from scipy.stats import loguniform
    from sklearn.datasets import load_iris
    from sklearn.model_selection import StratifiedShuffleSplit
    from sklearn.preprocessing import StandardScaler

    X, y = load_iris(return_X_y=True)
    space = {
        "hidden_layer_sizes": [(w,) * depth for depth in (1, 2, 3) for w in range(2, 65)],
        "activation": ["relu", "tanh"],
        "learning_rate_init": loguniform(1e-4, 1e-1),
    }
    return Problem(
        StandardScaler().fit_transform(X),
        y,
        space,
        {},
        StratifiedShuffleSplit(1, test_size=0.2, random_state=0),
    )


def network(problem: Problem, **settings: Any) -> Any:
    """Return this library's network."""
    from chainrule import MLPClassifier

    return MLPClassifier(
        **{**problem.settings, **_no_early_end(EPOCHS), "standardize": False, **settings}
    )


def ours(problem: Problem, settings: Mapping[str, Any], **options: Any) -> Any:
    """Return this library's search of a grid."""
    from chainrule import GridSearch

    options = {"cv": problem.split, "refit": False, **options}
    return GridSearch(network(problem, **settings), problem.space, **options)


def theirs(problem: Problem, epochs: int = EPOCHS) -> Any:
    """Return scikit-learn's search of a grid."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier

    estimator = MLPClassifier(**problem.settings, **_no_early_end(epochs))
    return GridSearchCV(estimator, problem.space, cv=problem.split, refit=False, n_jobs=2)


def _no_early_end(epochs: int) -> dict[str, Any]:
    return {"max_iter": epochs, "tol": 0.0, "n_iter_no_change": epochs, "random_state": 0}


def our_draws(problem: Problem, settings: Mapping[str, Any], count: int) -> Any:
    """Return this library's search of combinations drawn at random."""
    from chainrule import RandomSearch

    return RandomSearch(
        network(problem, **settings),
        problem.space,
        n_iter=count,
        cv=problem.split,
        refit=False,
        random_state=0,
    )


def their_draws(problem: Problem, count: int, epochs: int = EPOCHS) -> Any:
    """Return scikit-learn's search of the first of the same combinations."""
    from sklearn.model_selection import RandomizedSearchCV
    from sklearn.neural_network import MLPClassifier

    return RandomizedSearchCV(
        MLPClassifier(**problem.settings, **_no_early_end(epochs)),
        problem.space,
        n_iter=count,
        cv=problem.split,
        refit=False,
        n_jobs=2,
        random_state=0,
    )


def seconds_of(search: Any, problem: Problem) -> float:
    """Return how long a search takes.

    Raises
    ------
    RuntimeError
        If fits of ours fail, which takes no time.
    """
    with without_warnings():
        began = time.perf_counter()
        search.fit(problem.X, problem.y)
        seconds = time.perf_counter() - began
    results = getattr(search, "results_", None)
    if results is not None and (results.status == "failed").any():
        raise RuntimeError(f"{results}: {next(iter(results.messages.values()))}")
    return seconds


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Ignore that fits have not converged, or have diverged, also in processes begun meanwhile."""
    with warnings.catch_warnings(), mock.patch.dict(os.environ, PYTHONWARNINGS="ignore"):
        warnings.simplefilter("ignore")
        yield
