"""Universal approximation: the error of one hidden layer against its width, and where it fails.

A network of one hidden layer comes as near as one likes to any continuous function on a cube,
everywhere at once, if it is wide enough (Cybenko, 1989). So its largest error goes to 0 as it
becomes wider, here for a function of one variable and one of two. Of a step, the theorem says
nothing: a network is continuous, and where the step jumps by 1, the largest error of a continuous
function cannot be below 1/2. Nor does it say how to find the weights: what training finds is not
always the best that there is, so that a wider network may do a little worse.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from chainrule import nn, optim, random
from chainrule.plot import FittedCurveDisplay, styles

WIDTHS = (1, 2, 4, 8, 16, 32)
STARTS, ITERATIONS = 3, 100


def curve(X):
    """Return exp(-3x) sin 6πx, an oscillation that dies away."""
    return np.exp(-3 * X[:, 0]) * np.sin(6 * np.pi * X[:, 0])


def surface(X):
    """Return sin 3x cos 5y."""
    return np.sin(3 * X[:, 0]) * np.cos(5 * X[:, 1])


def step(X):
    """Return 0 below x = 1/2 and 1 from there on."""
    return np.where(X[:, 0] < 0.5, 0.0, 1.0)


def grid(variables, points):
    """Return the points of a regular grid on the unit cube, one in each row."""
    axes = np.meshgrid(*[np.linspace(0.0, 1.0, points)] * variables)
    return np.stack([axis.ravel() for axis in axes], axis=1)


# Each function with the points to learn from, and those to measure the error at. Those lie far
# closer together, and two of them as close to the jump as numbers allow, on either side.
LINE, JUMP = grid(1, 200), np.array([[np.nextafter(0.5, 0.0)], [0.5]])
FINE_LINE = np.sort(np.vstack([grid(1, 2000), JUMP]), axis=0)
FUNCTIONS = {
    "curve on [0, 1]": (curve, LINE, FINE_LINE),
    "surface on [0, 1]²": (surface, grid(2, 21), grid(2, 100)),
    "step on [0, 1]": (step, LINE, FINE_LINE),
}


def residuals(network, X, y):
    return network(X)[:, 0] - y


def best_fit(X, y, width, seed):
    """Return the network of some starts that has the smallest sum of squares.

    With hundreds of parameters and a smooth function, Levenberg and Marquardt's method is far more
    accurate than gradient descent. Weights and biases of the size of 3 place the bends of the first
    layer, where x W + b = 0, all over the cube.
    """
    fits = []
    for start in range(STARTS):
        network = nn.mlp(
            random.key(100 * seed + start),
            (X.shape[1], width, 1),
            activation=nn.tanh,
            kernel_init=nn.initializers.normal(3.0),
            bias_init=nn.initializers.uniform(3.0),
        )
        fits.append(optim.least_squares(residuals, network, X, y, max_iterations=ITERATIONS))
    return min(fits, key=lambda fit: np.sum(fit.residuals**2)).params


def draw_fits(ax, function, networks):
    """Draw a function of one variable, and networks of some widths."""
    x = FINE_LINE[:, 0]
    FittedCurveDisplay(x, function(FINE_LINE), label="function").plot(ax)
    for width, network in networks.items():
        FittedCurveDisplay(x, network(FINE_LINE)[:, 0], label=f"width {width}").plot(ax)
    ax.legend()
    ax.set(xlabel="x", ylabel="value")


def main(output: Path, seed: int) -> None:
    """Fit all functions with all widths, and print and draw the largest errors."""
    figure = plt.figure(figsize=(15, 4.5), layout="constrained")
    errors_ax, curve_ax, step_ax = figure.subplots(1, 3)
    print(f"{'largest error, of width':24}" + "".join(f"{width:9}" for width in WIDTHS))
    for (name, (function, X, X_fine)), style in zip(FUNCTIONS.items(), styles(3), strict=True):
        networks = {width: best_fit(X, function(X), width, seed) for width in WIDTHS}
        errors = [
            np.max(np.abs(residuals(network, X_fine, function(X_fine))))
            for network in networks.values()
        ]
        print(f"{name:24}" + "".join(f"{error:9.1g}" for error in errors))
        errors_ax.loglog(
            WIDTHS, errors, color=style.color, ls=style.dashes, marker=style.marker, label=name
        )
        if X is LINE:
            ax = curve_ax if function is curve else step_ax
            draw_fits(ax, function, {width: networks[width] for width in (1, 2, 4)})
    errors_ax.axhline(0.5, color="gray", lw=0.8, label="1/2")
    errors_ax.set_xticks(WIDTHS, WIDTHS)
    errors_ax.minorticks_off()
    errors_ax.set(xlabel="width of the hidden layer", ylabel="largest error")
    errors_ax.legend()
    step_ax.set(xlim=(0.48, 0.52), title="The step, near the jump")
    curve_ax.set_title("The curve")
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "universal_approximation.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the picture")
    parser.add_argument("--seed", type=int, default=0, help="decides the initial weights")
    main(**vars(parser.parse_args()))
