"""Overfitting, and what helps: dropout, a penalty on the weights, and stopping early.

A network of 2,751 parameters and 100 samples of two classes that overlap: it can learn every sample
by heart, noise included, and then knows less about new ones than it did before. The loss of
validation samples tells when that begins.
"""

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from chainrule import datasets
from chainrule.estimators import MLPClassifier
from chainrule.plot import DecisionBoundaryDisplay, HistoryDisplay

SAMPLES, NOISE = 100, 0.4
EPOCHS, REPEATS = 400, 3

# The network as it is: no penalty (alpha), the weights of the last epoch, all epochs in full.
PLAIN = {
    "hidden_layer_sizes": (50, 50),
    "batch_size": SAMPLES,
    "learning_rate_init": 0.01,
    "alpha": 0.0,
    "max_iter": EPOCHS,
    "n_iter_no_change": EPOCHS,
    "restore_best": False,
}
REMEDIES = {
    "nothing": {},
    # Each unit is left out with probability ½ in every step, so that none can rely on another.
    "dropout": {"dropout": 0.5},
    # C + λ/2 Σ W² with λ = alpha / n: large weights, which steep boundaries need, have to pay.
    "L2 penalty": {"alpha": 0.6},
    # The weights are those of the best validation score, and training ends 50 epochs after it.
    "early stopping": {"early_stopping": True, "n_iter_no_change": 50, "restore_best": True},
}


def moons(count, seed):
    data = datasets.load("moons", n=count, noise=NOISE, seed=seed)
    return data.features, data.target


def train(remedy, seed):
    """Return a network, and the samples that it was trained with."""
    X, y = moons(SAMPLES, 3 * seed)
    X_val, y_val = moons(SAMPLES, 3 * seed + 1)
    network = MLPClassifier(**PLAIN | remedy, random_state=seed)
    with warnings.catch_warnings():
        # It warns that it has not converged. That is the point.
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(X, y, X_val=X_val, y_val=y_val)
    return network, X, y


def cross_entropy(network, X, y):
    return -np.mean(network.predict_log_proba(X)[np.arange(len(y)), y])


def draw(above, below, network, X, y):
    """Draw the losses over the epochs, and below them the samples and what became of the plane."""
    HistoryDisplay.from_estimator(network, ax=above)
    DecisionBoundaryDisplay.from_estimator(network, X, y, ax=below)
    below.get_legend().remove()
    above.locator_params(axis="x", nbins=5)
    below.label_outer()
    if not above.get_subplotspec().is_first_col():
        above.set_ylabel("")


def main(output: Path, seed: int) -> None:
    """Train with each remedy on several sets of samples, print the means, and draw the first."""
    figure = plt.figure(figsize=(14, 6.5), layout="constrained")
    columns = figure.subplots(2, len(REMEDIES), sharex="row", sharey="row").T
    print(f"Means of {REPEATS} repetitions with new samples and new weights")
    print(f"{'':16}{'accuracy: training':>20}{'test':>8}{'cross-entropy: training':>26}{'test':>8}")
    for (name, remedy), (above, below) in zip(REMEDIES.items(), columns, strict=True):
        rows = []
        for repeat in range(seed, seed + REPEATS):
            network, X, y = train(remedy, repeat)
            X_test, y_test = moons(5000, 3 * repeat + 2)
            rows.append(
                (
                    network.score(X, y),
                    network.score(X_test, y_test),
                    cross_entropy(network, X, y),
                    cross_entropy(network, X_test, y_test),
                )
            )
            if repeat == seed:
                draw(above, below, network, X, y)
        accuracy, accuracy_test, loss, loss_test = np.mean(rows, axis=0)
        print(f"{name:16}{accuracy:20.1%}{accuracy_test:8.1%}{loss:26.3f}{loss_test:8.3f}")
        above.set_title(name)
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "overfitting.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the picture")
    parser.add_argument("--seed", type=int, default=0, help="decides the samples and the weights")
    main(**vars(parser.parse_args()))
