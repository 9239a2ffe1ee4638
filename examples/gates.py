"""Gates: networks that compute OR, AND and XOR, designed by hand and learned.

A unit that steps from 0 to 1 where x W + b reaches 0 says on which side of a line its two inputs
lie. OR and AND each are one such line; XOR takes two of them and a third unit that joins their
answers. That is McCulloch and Pitts' construction of 1943. Rosenblatt's rule of 1958 finds the line
from the examples, if there is one; gradient descent through the chain rule finds all lines of XOR
at once.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from chainrule import datasets, nn, optim, random, training
from chainrule.estimators import Perceptron
from chainrule.plot import DecisionBoundaryDisplay

# -- Designed by hand -----------------------------------------------------------------------------


def units(weights, biases):
    """Return a layer of step units, a = 1 if x W + b ≥ 0, else 0; a column of W for each unit."""
    return nn.Dense(np.array(weights, float), np.array(biases, float), nn.step)


# x1 + x2 is 0, 1 or 2: OR draws the line between 0 and 1, AND between 1 and 2.
OR = units([[1], [1]], [-0.5])
AND = units([[1], [1]], [-1.5])
# XOR is "x1 or x2, and not both": the first hidden unit is OR, the second the opposite of AND.
XOR = nn.Sequential([units([[1, -1], [1, -1]], [-0.5, 1.5]), AND])
BY_HAND = {"or": OR, "and": AND, "xor": XOR}


# -- Learned --------------------------------------------------------------------------------------


def rosenblatt(X, y):
    """Return a perceptron that has been shown the four samples again and again.

    Where it is wrong, and only there, w ← w + η s x and b ← b + η s, with s = 1 for class 1 and -1
    for class 0. For XOR that cannot end. It asks for b < 0, w1 + b > 0, w2 + b > 0 and
    w1 + w2 + b < 0; but the middle two add up to w1 + w2 + b > -b > 0.
    """
    return Perceptron(shuffle=False, n_iter_no_change=50).fit(X, y)


def descent(X, y, seed):
    """Return a network of 2, 4 and 1 units that minimizes the cross-entropy, and its last loss.

    The step is made smooth: its derivative is 0 wherever it has one, and would tell no weight where
    to go. The hidden units are tanh; the last is the sigmoid σ(z) = 1 / (1 + exp(-z)), which the
    loss applies, so that the model itself returns z. Two hidden units are enough for XOR, but from
    some starts they end in a local minimum; four found it from each of a hundred.
    """
    result = training.fit(
        nn.mlp(random.key(seed), (2, 4, 1), activation=nn.tanh),
        nn.sigmoid_cross_entropy,
        optim.momentum(0.3),
        X,
        y,
        epochs=500,
        key=random.key(seed),
    )
    return result.model, result.history.train_loss[-1]


def draw(ax, network, X, y):
    """Draw which class a network with one output gives to every point of the plane."""
    x1, x2 = np.meshgrid(*[np.linspace(-0.5, 1.5, 200)] * 2)
    z = network(np.stack([x1.ravel(), x2.ravel()], axis=1)).reshape(x1.shape)
    # Two classes have the logits -z and z, up to a common factor.
    DecisionBoundaryDisplay(
        x1, x2, np.stack([-z, z], axis=2), feature_names=("x1", "x2"), samples=X, y=y
    ).plot(ax)
    ax.get_legend().remove()
    ax.set_aspect("equal")


def row(name, outputs, *remarks):
    print(f"  {name:20}", *(f"{output:7.3f}" for output in np.ravel(outputs)), *remarks)


def main(output: Path, seed: int) -> None:
    """Print the outputs of all networks for all inputs, and draw where they change."""
    figure = plt.figure(figsize=(8, 8), layout="constrained")
    axes = figure.subplots(3, 3, sharex=True, sharey=True)
    print(f"{'inputs x1 x2':22}", *(f"{pair:>7}" for pair in ("0 0", "0 1", "1 0", "1 1")))
    for column, (name, by_hand) in zip(axes.T, BY_HAND.items(), strict=True):
        gate = datasets.load(name)
        X, y = gate.features, gate.target
        perceptron = rosenblatt(X, y)
        network, loss = descent(X, y, seed)
        mistakes, epochs = perceptron.mistakes_[-1], perceptron.n_iter_
        print(name.upper())
        row("designed by hand", by_hand(X))
        row("perceptron", perceptron.predict(X), f"  {mistakes} mistakes in epoch {epochs}")
        row("gradient descent", nn.sigmoid(network(X)), f"  cross-entropy {loss:.4f}")
        drawn = (lambda X, f=by_hand: f(X) - 0.5, perceptron.decision_function, network)
        for ax, function in zip(column, drawn, strict=True):
            draw(ax, function, X, y)
            ax.label_outer()
        column[0].set_title(name.upper())
    for ax, way in zip(
        axes[:, 0], ("designed by hand", "perceptron", "gradient descent"), strict=True
    ):
        ax.set_ylabel(f"{way}\nx2")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, [f"class {label}" for label in labels], loc="outside lower center", ncols=2
    )
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "gates.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the picture")
    parser.add_argument("--seed", type=int, default=0, help="decides the initial weights")
    main(**vars(parser.parse_args()))
