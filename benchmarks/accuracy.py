"""Accuracy of the estimators next to scikit-learn's, on data that neither has seen.

``python -m benchmarks.accuracy [--seeds N]`` cuts each data set in five folds anew for every seed,
fits both networks with the same settings to four of them, and prints mean and standard error of
their scores on the fifth: the share of samples classified correctly, or R². A third column has
scikit-learn's network behind a StandardScaler, which the estimators here have built in.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from typing import Any

import numpy as np
import sklearn.neural_network
from sklearn import datasets
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr

SEEDS = 5

TASKS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("digits", "MLPClassifier", {}),
    ("breast_cancer", "MLPClassifier", {}),
    ("wine", "MLPClassifier", {}),
    ("iris", "MLPClassifier", {}),
    ("diabetes", "MLPRegressor", {}),
)


def contestants(kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the estimators to be compared, by the heads of their columns."""
    ours, theirs = getattr(cr, kind)(**settings), getattr(sklearn.neural_network, kind)(**settings)
    return {
        "chainrule": ours,
        "scikit-learn": theirs,
        "scikit-learn, scaled": make_pipeline(StandardScaler(), theirs),
    }


def scores(estimator: Any, X: Any, y: Any, classes: bool, seeds: int) -> np.ndarray:
    """Return, for every seed, the mean score on the parts held out in five folds."""
    found = []
    for seed in range(seeds):
        fresh = clone(estimator)
        names = [name for name in fresh.get_params() if name.endswith("random_state")]
        fresh.set_params(**dict.fromkeys(names, seed))
        folds = (StratifiedKFold if classes else KFold)(5, shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found.append(cross_val_score(fresh, X, y, cv=folds, error_score="raise").mean())
    return np.array(found)


def run(seeds: int) -> None:
    """Print one line per data set."""
    print(f"Mean score on five folds held out in turn ± standard error, over {seeds} seeds")
    for name, kind, settings in TASKS:
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        cells = []
        for head, estimator in contestants(kind, settings).items():
            began = time.perf_counter()
            found = scores(estimator, X, y, kind == "MLPClassifier", seeds)
            seconds = (time.perf_counter() - began) / (5 * seeds)
            error = found.std(ddof=1) / math.sqrt(seeds)
            cells.append(f"{head} {found.mean():.4f} ± {error:.4f} ({seconds:.2f} s a fit)")
        print(f"{name:>14}  " + "   ".join(cells))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    run(parser.parse_args().seeds)
