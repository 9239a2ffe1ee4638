"""Six hyper-parameters and so many fits: a grid, draws at random, or proposals from a model?

Depth, width, activation, optimizer, η and λ of a network for the digits are chosen by three
searches with the same number of fits. A grid over so many has two values of each, and spends half
of its fits on a difference that does not matter; draws at random try another value of each in every
fit (Bergstra and Bengio, 2012); a Bayesian search proposes where it has seen good scores. The
latter two are run several times, since one run of each would tell their luck.
"""

import argparse
import importlib.util
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from chainrule import datasets
from chainrule.estimators import MLPClassifier
from chainrule.plot import ParallelCoordinatesDisplay, ParameterImportanceDisplay
from chainrule.plot.palette import styles
from chainrule.search import BayesSearch, GridSearch, RandomSearch, Span

DEPTHS, WIDTHS = (1, 2, 3), (10, 30, 100)

SPACE = {
    # Depth and width together are the widths of the layers.
    "hidden_layer_sizes": [(width,) * depth for depth in DEPTHS for width in WIDTHS],
    "activation": ["logistic", "tanh", "relu"],
    "solver": ["sgd", "adam"],
    "learning_rate_init": Span(1e-4, 1.0, "log"),
    "alpha": Span(1e-5, 10.0, "log"),
}


def grid_of(budget):
    """Return a space with so many combinations, or a few less: a power of two."""
    values = [
        ("learning_rate_init", [1e-3, 0.1]),
        ("solver", ["sgd", "adam"]),
        ("hidden_layer_sizes", [(30,), (30, 30)]),
        ("activation", ["logistic", "relu"]),
        ("alpha", [1e-4, 1.0]),
        ("hidden_layer_sizes", [(30,), (100,), (30, 30), (100, 100)]),
    ]
    chosen = {name: both[:1] for name, both in values}
    for doubling in range(int(np.log2(budget))):
        name, both = values[doubling % len(values)]
        chosen[name] = both
    return chosen


def best_so_far(search):
    """Return the best mean score after each fit, in the order in which they were tried."""
    scores = search.results_.means()
    return np.maximum.accumulate(np.nan_to_num(scores, nan=0.0))


def main(output: Path, seed: int, budget: int, epochs: int, repeats: int) -> None:
    """Run all searches, compare their best, and draw what they tried."""
    train, test = datasets.train_test_split(datasets.load("digits"), test_size=0.2, seed=seed)
    network = MLPClassifier(batch_size=100, max_iter=epochs, random_state=seed)
    ways = {
        "grid": lambda _: GridSearch(network, grid_of(budget), holdout=0.25),
        "random": lambda k: RandomSearch(
            network, SPACE, n_iter=budget, holdout=0.25, random_state=k
        ),
    }
    if importlib.util.find_spec("optuna") is None:
        print("Optuna is not installed, so there is no Bayesian search: pip install optuna\n")
    else:
        ways["Bayesian"] = lambda k: BayesSearch(
            network, SPACE, n_iter=budget, holdout=0.25, random_state=k
        )
    figure = plt.figure(figsize=(15, 9), layout="constrained")
    above, below = figure.subfigures(2, 1)
    curves_ax, importance_ax = above.subplots(1, 2)
    print(f"{'':10}{'fits':>6}{'best, held out':>16}{'lowest run':>12}{'test part':>11}")
    for (name, make), style in zip(ways.items(), styles(3), strict=False):
        searches = []
        for k in range(1 if name == "grid" else repeats):
            with warnings.catch_warnings():
                # The best one, trained on all rows in the end, may not have converged either.
                warnings.simplefilter("ignore", ConvergenceWarning)
                searches.append(make(seed + k).fit(train.features, train.target))
        scores = [search.best_score_ for search in searches]
        tested = np.mean([search.score(test.features, test.target) for search in searches])
        fits = len(searches[0].results_.candidates)
        print(f"{name:10}{fits:6}{np.mean(scores):16.1%}{np.min(scores):12.1%}{tested:11.1%}")
        runs = np.array([best_so_far(search) for search in searches])
        at = np.arange(1, fits + 1)
        curves_ax.plot(at, runs.mean(axis=0), color=style.color, ls=style.dashes, label=name)
        if len(runs) > 1:
            curves_ax.fill_between(
                at, runs.min(axis=0), runs.max(axis=0), color=style.color, alpha=0.15, lw=0
            )
        if name == "random":
            importance = ParameterImportanceDisplay.from_search(searches[0], ax=importance_ax)
        best = searches[int(np.argmax(scores))]
    print(f"\nRandom: {importance.describe()}")
    tried = ParallelCoordinatesDisplay.from_search(best, ax=below.subplots())
    print(f"\nThe last: {tried.describe()}")
    curves_ax.set(xlabel="fits", ylabel="best score so far", title="Mean, lowest and highest run")
    curves_ax.set_ylim(bottom=0.9 * max(scores))
    curves_ax.legend()
    importance_ax.set_title("What mattered in the random search")
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "search_strategies.png", dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the picture")
    parser.add_argument("--seed", type=int, default=0, help="decides the split and the draws")
    parser.add_argument("--budget", type=int, default=32, help="fits of each search")
    parser.add_argument("--epochs", type=int, default=30, help="of each fit")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each search")
    main(**vars(parser.parse_args()))
