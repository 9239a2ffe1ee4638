"""What a fit costs, beside scikit-learn's network of the same shape for as many epochs.

Both are given the same standardized samples and the defaults of scikit-learn (100 hidden units,
Adam, batches of 200), and neither may stop early. A warm process has fitted once before; a cold one
is a new interpreter with an empty cache of compiled programs, and what is timed is the whole
script, imports included. The large set has the shape of MNIST and random numbers in it.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from typing import Any

import numpy as np

from benchmarks.timing import process_seconds, show, summarize

EPOCHS = 200
SMALL = {
    "digits": ("load_digits", "MLPClassifier"),
    "breast cancer": ("load_breast_cancer", "MLPClassifier"),
    "wine": ("load_wine", "MLPClassifier"),
    "diabetes": ("load_diabetes", "MLPRegressor"),
}
LARGE_ROWS, LARGE_FEATURES, LARGE_EPOCHS = 60_000, 784, 2
LIBRARIES = {"chainrule": "chainrule", "scikit-learn": "sklearn.neural_network"}

_SCRIPT = """
import warnings
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from {library} import {kind}
warnings.simplefilter("ignore", ConvergenceWarning)
X, y = datasets.{load}(return_X_y=True)
X = StandardScaler().fit_transform(X)
{kind}(max_iter={epochs}, tol=0.0, n_iter_no_change={epochs}, random_state=0).fit(X, y)
"""


def run(rounds: int) -> None:
    """Time fits in this process by turns, then scripts in new ones, then the large set."""
    for name, (load, kind) in SMALL.items():
        X, y = _standardized(load)
        show(f"Fit of {name}, {EPOCHS} epochs, warm", _warm(kind, X, y, EPOCHS, rounds))
    for name, (load, kind) in SMALL.items():
        show(f"The same from the shell, {name}, cold", _cold(load, kind, rounds))
    X, y = _large()
    show(
        f"Fit of {LARGE_ROWS:,} x {LARGE_FEATURES} in float32, {LARGE_EPOCHS} epochs, warm",
        _warm("MLPClassifier", X, y, LARGE_EPOCHS, max(2, rounds // 3)),
    )


def _standardized(load: str) -> tuple[Any, Any]:
    from sklearn import datasets
    from sklearn.preprocessing import StandardScaler

    X, y = getattr(datasets, load)(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def _large() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((LARGE_ROWS, LARGE_FEATURES), np.float32)
    return X, rng.integers(10, size=LARGE_ROWS)


def _warm(kind: str, X: Any, y: Any, epochs: int, rounds: int) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    for turn in range(rounds + 1):
        for name, library in LIBRARIES.items():
            estimator = getattr(__import__(library, fromlist=[kind]), kind)(
                max_iter=epochs, tol=0.0, n_iter_no_change=epochs, random_state=0
            )
            began = time.perf_counter()
            _fit(estimator, X, y)
            if turn:  # the first turn compiles
                seconds[name].append(time.perf_counter() - began)
    return summarize(seconds)


def _fit(estimator: Any, X: Any, y: Any) -> None:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(X, y)


def _cold(load: str, kind: str, rounds: int) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    with tempfile.TemporaryDirectory() as bytecode:
        for turn in range(rounds + 1):
            for name, library in LIBRARIES.items():
                script = _SCRIPT.format(library=library, kind=kind, load=load, epochs=EPOCHS)
                command = [sys.executable, "-c", script]
                with tempfile.TemporaryDirectory() as cache:
                    took = process_seconds(command, bytecode=bytecode, cache=cache)
                if turn:  # the first turn writes the bytecode
                    seconds[name].append(took)
    return summarize(seconds)
