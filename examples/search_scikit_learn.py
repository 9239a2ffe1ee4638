"""The same grid twice: by scikit-learn's GridSearchCV with its MLP, and by ours.

Both train 64-50-10 networks of sigmoid units on the same rows, with the same η, λ, batches and
epochs, on all cores. They begin with other random weights, so that scores differ by chance; the
searches come to the same picture. scikit-learn starts processes and sends them the data; here,
cells are threads that share data and one compiled program.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit
from sklearn.neural_network import MLPClassifier as ScikitLearnMLP

from chainrule import datasets
from chainrule.estimators import MLPClassifier
from chainrule.plot import SearchHeatmapDisplay
from chainrule.search import GridSearch


def settings_of(epochs, seed):
    return {
        "hidden_layer_sizes": (50,),
        "activation": "logistic",
        "solver": "sgd",
        "momentum": 0.0,
        "batch_size": 100,
        "max_iter": epochs,
        "n_iter_no_change": epochs,  # none stops early
        "random_state": seed,
    }


def main(output: Path, seed: int, epochs: int, points: int, jobs: int) -> None:
    """Run both searches, and compare times and scores."""
    # Of processes that are started from here; fits that end with the last epoch would warn.
    os.environ["PYTHONWARNINGS"] = "ignore::UserWarning"
    train, test = datasets.train_test_split(datasets.load("digits"), test_size=0.2, seed=seed)
    X, X_test = train.features / 16.0, test.features / 16.0
    space = {
        "alpha": np.geomspace(1e-4, 10.0, points).tolist(),
        "learning_rate_init": np.geomspace(1e-3, 1.0, points).tolist(),
    }
    split = StratifiedShuffleSplit(1, test_size=0.2, random_state=seed)
    settings = settings_of(epochs, seed)
    searches = {
        "scikit-learn": GridSearchCV(ScikitLearnMLP(**settings), space, cv=split, n_jobs=jobs),
        "chainrule": GridSearch(
            MLPClassifier(**settings, standardize=False), space, cv=split, n_jobs=jobs
        ),
    }
    print(f"{points**2} fits of {epochs} epochs\n")
    print(f"{'':14}{'seconds':>9}{'best, held out':>16}{'test part':>11}{'η':>8}{'λ':>8}")
    figure = plt.figure(figsize=(13, 5.2), layout="compressed")
    axes = figure.subplots(1, 2)
    tables = []
    for (name, search), ax in zip(searches.items(), axes, strict=True):
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            search.fit(X, train.target)
        seconds = time.perf_counter() - began
        tested = search.score(X_test, test.target)
        best = search.best_params_
        print(
            f"{name:14}{seconds:9.2f}{search.best_score_:16.1%}{tested:11.1%}"
            f"{best['learning_rate_init']:8.2g}{best['alpha']:8.2g}"
        )
        display = SearchHeatmapDisplay.from_search(search, x="learning_rate_init", y="alpha", ax=ax)
        ax.set(xlabel="η", ylabel="λ", title=f"{name}: {seconds:.1f} s")
        tables.append(display.scores)
    difference = np.median(np.abs(tables[0] - tables[1]))
    print(f"\nHalf of the cells differ by no more than {difference:.3f}")
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "search_scikit_learn.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the picture")
    parser.add_argument("--seed", type=int, default=0, help="decides the split and the weights")
    parser.add_argument("--epochs", type=int, default=50, help="of each fit")
    parser.add_argument("--points", type=int, default=6, help="values of each hyper-parameter")
    parser.add_argument("--jobs", type=int, default=-1, help="fits at once, -1 for all cores")
    main(**vars(parser.parse_args()))
