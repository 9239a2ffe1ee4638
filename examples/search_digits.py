"""Learning rate η and penalty λ of the digits' network: a grid seen as a heatmap.

The same network, 64-50-10 with sigmoid units, is trained by plain gradient descent for each of
seven η and seven λ, three times each from other weights. What the heatmaps show is typical: a ridge
of η, below which too little is learned in time, and along it a wide range of λ that makes no
difference, until the penalty is so strong that it forbids the solution.
"""

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.exceptions import ConvergenceWarning

from chainrule import datasets
from chainrule.estimators import MLPClassifier
from chainrule.plot import SearchHeatmapDisplay
from chainrule.search import GridSearch

SPACE = {"learning_rate_init": "1e-5:10:log7", "alpha": "1e-5:10:log7"}


def search_grid(train, *, epochs, seeds, seed):
    network = MLPClassifier(
        (50,),
        activation="logistic",
        solver="sgd",
        momentum=0.0,
        batch_size=100,
        max_iter=epochs,
        random_state=seed,
    )
    search = GridSearch(network, SPACE, holdout=0.2, seeds=seeds, return_train_score=True)
    with warnings.catch_warnings():
        # The best one, trained on all rows in the end, may not have converged either.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return search.fit(train.features, train.target)


def main(output: Path, seed: int, epochs: int, seeds: int) -> None:
    """Search, print the best, and draw what was found."""
    train, test = datasets.train_test_split(datasets.load("digits"), test_size=0.2, seed=seed)
    search = search_grid(train, epochs=epochs, seeds=seeds, seed=seed)
    results = search.results_
    print(f"{results}, {results.fit_seconds.sum():.1f} seconds of fitting\n")
    print("\n".join(str(results.ranking()).splitlines()[:8]))
    print("...")
    print(str(results.ranking()).splitlines()[-1])
    best = search.best_params_
    print(f"\nη = {best['learning_rate_init']:g}, λ = {best['alpha']:g}")
    print(f"rows held out by the search {search.best_score_:11.1%}")
    print(f"the test part               {search.score(test.features, test.target):11.1%}")
    shares = results.importance()
    told = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    print(f"share of the differences explained: {told}")

    figure = plt.figure(figsize=(13, 5.4), layout="compressed")
    axes = figure.subplots(1, 2)
    pair = SearchHeatmapDisplay.side_by_side(search, x="learning_rate_init", y="alpha", axes=axes)
    for display in pair:
        display.ax_.set(xlabel="η", ylabel="λ")
    print(f"\n{pair[1].describe()}")
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "search_digits.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the picture")
    parser.add_argument("--seed", type=int, default=0, help="decides the split and the weights")
    parser.add_argument("--epochs", type=int, default=100, help="of each fit")
    parser.add_argument("--seeds", type=int, default=3, help="fits of each cell")
    main(**vars(parser.parse_args()))
