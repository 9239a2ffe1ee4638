"""Body-mass index: a network learns w / h² from examples, for people like those it has seen.

The formula is known, so that the error can be measured exactly, also where there were no examples.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from chainrule.estimators import LinearRegression, MLPRegressor
from chainrule.plot import styles

# Weight in kg and height in m: the examples, and two groups outside of their range.
ADULTS = (45.0, 120.0), (1.5, 2.0)
CHILDREN = (10.0, 45.0), (0.8, 1.5)
GIANTS = (120.0, 250.0), (2.0, 2.7)


def bmi(X):
    """Return weight / height², in kg/m²."""
    return X[:, 0] / X[:, 1] ** 2


def people(group, rng, count=1000):
    """Return rows of weight and height, evenly spread over the ranges of a group."""
    return np.stack([rng.uniform(*limits, count) for limits in group], axis=1)


def draw(output, models):
    """Draw the index of people of 75 kg by their height."""
    figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
    heights = np.linspace(1.0, 2.7, 400)
    X = np.stack([np.full_like(heights, 75.0), heights], axis=1)
    curves = {"w / h²": bmi, **models}
    for (name, predict), style in zip(curves.items(), styles(len(curves)), strict=True):
        ax.plot(heights, predict(X), color=style.color, ls=style.dashes, lw=2, label=name)
    ax.axvspan(*ADULTS[1], color="gray", alpha=0.2, label="heights of the examples")
    ax.set(xlabel="height in m", ylabel="body-mass index in kg/m²", title="A weight of 75 kg")
    ax.legend()
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "bmi.png", dpi=150)


def main(output: Path, seed: int) -> None:
    """Learn the index, and say how far off it is, within the range of the examples and beyond."""
    rng = np.random.default_rng(seed)
    X = people(ADULTS, rng)

    # 80 kg and 1.8 m are numbers of different size and spread. The estimator brings them, and the
    # index, to mean 0 and variance 1 (standardize=), and its predictions back. The tanh is smooth
    # as w / h² is, and as there is no noise to be learned by heart, no penalty is needed.
    network = MLPRegressor(
        hidden_layer_sizes=(20,),
        activation="tanh",
        solver="lbfgs",
        alpha=0.0,
        tol=1e-5,
        max_iter=5000,
        random_state=seed,
    ).fit(X, bmi(X))

    # log(w / h²) = log w - 2 log h: in the logarithms, the index is linear.
    linear = LinearRegression().fit(np.log(X), np.log(bmi(X)))
    models = {
        "network": network.predict,
        "linear in the logarithms": lambda X: np.exp(linear.predict(np.log(X))),
    }
    print(f"{'largest error in kg/m²':26}" + "".join(f"{name:>28}" for name in models))
    groups = {"adults, not the examples": ADULTS, "children": CHILDREN, "giants": GIANTS}
    for name, group in groups.items():
        unseen = people(group, rng)
        errors = [np.max(np.abs(predict(unseen) - bmi(unseen))) for predict in models.values()]
        print(f"{name:26}" + "".join(f"{error:28.2g}" for error in errors))
    print(
        "\nThe network knows the index where it has seen examples, and nothing beyond."
        "\nThe logarithms know the law: "
        f"log bmi = {linear.coef_[0]:.6f} log w {linear.coef_[1]:+.6f} log h"
    )
    draw(output, models)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the picture")
    parser.add_argument("--seed", type=int, default=0, help="decides the examples and the weights")
    main(**vars(parser.parse_args()))
