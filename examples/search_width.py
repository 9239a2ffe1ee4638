"""How many neurons? Benign or malignant by four features, over η and the width of two layers.

One neuron in each of two ReLU layers is a bottleneck, and may be dead from the start: how often it
is, the spread over seeds shows. Ten are about enough. A thousand, with a million weights for 341
samples, do no harm, and gain little on the rows that the search holds out; the test part, which
chooses nothing, need not confirm it.
"""

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from chainrule.estimators import MLPClassifier
from chainrule.plot import SearchHeatmapDisplay, ValidationCurveDisplay
from chainrule.search import GridSearch

FEATURES = ["mean texture", "mean perimeter", "mean compactness", "mean symmetry"]


def search_widths(X, y, widths, *, epochs, seeds, seed):
    network = MLPClassifier(
        activation="relu",
        solver="sgd",
        momentum=0.0,
        batch_size=50,
        max_iter=epochs,
        dtype="float32",  # the widest spends its time on going through memory
        random_state=seed,
    )
    space = {
        "learning_rate_init": "1e-3:10:log5",
        "hidden_layer_sizes": [(width, width) for width in widths],
    }
    search = GridSearch(network, space, holdout=0.25, seeds=seeds, return_train_score=True)
    with warnings.catch_warnings():
        # The best one, trained on all rows in the end, may not have converged either.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return search.fit(X, y)


def main(output: Path, seed: int, epochs: int, seeds: int, widths: list[int]) -> None:
    """Search, print the best of each width, and draw what was found."""
    data = load_breast_cancer(as_frame=True)
    y = data.target_names[data.target]
    X, X_test, y, y_test = train_test_split(
        data.data[FEATURES], y, test_size=0.2, stratify=y, random_state=seed
    )
    search = search_widths(X, y, widths, epochs=epochs, seeds=seeds, seed=seed)
    surface = search.results_.surface("learning_rate_init", "hidden_layer_sizes")
    print(f"{search.results_}\n")
    print(f"{'neurons':>8}{'weights':>11}{'best η':>9}{'held out':>11}{'±':>9}{'diverged':>10}")
    for line, sizes in enumerate(surface.y_values):
        width = sizes[0]
        weights = len(FEATURES) * width + width + width**2 + width + width + 1
        best = surface.mean[line].argmax()
        print(
            f"{width:8}{weights:11,}{surface.x_values[best]:9g}{surface.mean[line, best]:11.1%}"
            f"{surface.spread[line, best]:9.1%}{surface.diverged[line].sum():10}"
        )
    print(f"\nthe best of all on the test part: {search.score(X_test, y_test):.1%}")

    figure = plt.figure(figsize=(14, 5.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    heatmap = SearchHeatmapDisplay.from_search(
        search, x="learning_rate_init", y="hidden_layer_sizes", ax=left
    )
    left.set(xlabel="η", ylabel="neurons of the two layers")
    curve = ValidationCurveDisplay.from_search(search, x="hidden_layer_sizes", ax=right)
    right.set(xlabel="neurons of the two layers", title="each with its best η")
    print(f"\n{heatmap.describe()}\n\n{curve.describe()}")
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "search_width.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the picture")
    parser.add_argument("--seed", type=int, default=0, help="decides the split and the weights")
    parser.add_argument("--epochs", type=int, default=100, help="of each fit")
    parser.add_argument("--seeds", type=int, default=2, help="fits of each cell")
    parser.add_argument("--widths", type=int, nargs="+", default=[1, 10, 100, 1000])
    main(**vars(parser.parse_args()))
