"""Linear regression: the length of a spring under load, by gradient descent and in closed form.

Hooke's law, y = b + w x, is a network without hidden layers. Gradient descent is watched on its way
to the line that the closed form gives at once. The second derivatives tell beforehand how long its
steps may be, how many it needs, and why inputs should be centred.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import chainrule as cr
from chainrule.estimators import LinearRegression
from chainrule.plot import FittedCurveDisplay

LENGTH, COMPLIANCE, NOISE = 12.0, 3.0, 0.8  # cm, cm/N, cm
STEPS = 1000
SHOWN = (0, 1, 10, 100, STEPS)


def line(params, x):
    return params["b"] + params["w"] * x


def cost(params, x, y):
    """Return C = 1/(2n) Σ (b + w x - y)²; the ½ cancels the 2 of the derivative."""
    return np.mean((line(params, x) - y) ** 2) / 2


def curvatures(x, y):
    """Return the eigenvalues of the second derivatives of C in b and w, the smaller one first.

    Along the axis that belongs to the eigenvalue h, a step of gradient descent multiplies the
    distance from the minimum by 1 - η h. So η = 1/h arrives there at once, η > 2/h runs away, and
    the larger h sets η for both axes.
    """
    blocks = cr.hessian(cost)({"b": 0.0, "w": 0.0}, x, y)
    return np.linalg.eigvalsh([[blocks[i][j] for j in "bw"] for i in "bw"])


@cr.compile
def step(params, eta, x, y):
    """Return the parameters moved by -η times the gradient."""
    return cr.tree.map(lambda p, g: p - eta * g, params, cr.grad(cost)(params, x, y))


def draw(output, x, y, path, closed):
    """Draw the lines on the way, and the way through the plane of b and w."""
    figure = plt.figure(figsize=(12, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    ends = np.array([0.0, 5.0])
    for number in SHOWN:
        FittedCurveDisplay(ends, line(path[number], ends), label=f"step {number}").plot(left)
    left.scatter(x, y, s=18, color="gray", label="measured")
    left.legend()
    left.set(xlabel="load in N", ylabel="length in cm", title="The line on its way")

    b, w = np.meshgrid(np.linspace(-1.0, 16.0, 120), np.linspace(-0.5, 8.0, 120))
    costs = cr.vmap(lambda b, w: cost({"b": b, "w": w}, x, y))(b.ravel(), w.ravel())
    levels = [0.5, 1, 2, 5, 10, 20, 50, 100, 200]
    lines = right.contour(b, w, costs.reshape(b.shape), levels, colors="gray", linewidths=1.0)
    right.clabel(lines, fmt="%g", fontsize=8)
    right.plot([p["b"] for p in path], [p["w"] for p in path], "o-", color="black", ms=3, lw=1)
    right.plot(closed["b"], closed["w"], "*", color="#D55E00", ms=14, label="closed form")
    right.legend()
    right.set(xlabel="b in cm", ylabel="w in cm/N", title="The cost C, and every step")
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "linear_regression.png", dpi=150)


def main(output: Path, seed: int) -> None:
    """Measure, descend, and compare with the closed form."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.0, 5.0, 40)
    y = LENGTH + COMPLIANCE * x + rng.normal(0.0, NOISE, x.size)

    low, high = curvatures(x, y)
    eta = 1.0 / high
    print(f"Curvatures {low:.2f} and {high:.2f}: with a learning rate of 1/{high:.2f}, the error")
    print(f"along the slower axis shrinks to {1 - low / high:.3f} of itself in every step.")
    low, high = curvatures(x - x.mean(), y)
    print(f"Of x - mean(x), the curvatures are {low:.2f} and {high:.2f}, and it would shrink to")
    print(f"{1 - low / high:.3f} of itself.\n")

    path = [{"b": 0.0, "w": 0.0}]
    for _ in range(STEPS):
        path.append(step(path[-1], eta, x, y))

    # Where the gradient is 0, Aᵀ A (b, w)ᵀ = Aᵀ y with A = (1 x). LinearRegression solves that by
    # the singular values of A, as the condition number of Aᵀ A is the square of that of A.
    exact = LinearRegression().fit(x[:, None], y)
    closed = {"b": exact.intercept_, "w": exact.coef_[0]}
    rows = {f"step {number}": path[number] for number in SHOWN}
    rows |= {"closed form": closed, "the spring itself": {"b": LENGTH, "w": COMPLIANCE}}
    print(f"{'':20}{'b in cm':>14}{'w in cm/N':>14}{'C in cm²':>14}")
    for name, p in rows.items():
        print(f"{name:20}{p['b']:14.8f}{p['w']:14.8f}{cost(p, x, y):14.8f}")
    difference = max(abs(path[-1][name] - closed[name]) for name in "bw")
    print(f"\nAfter {STEPS} steps, the parameters differ from the closed form by {difference:.0e}")
    draw(output, x, y, path, closed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the picture")
    parser.add_argument("--seed", type=int, default=0, help="decides what is measured")
    main(**vars(parser.parse_args()))
