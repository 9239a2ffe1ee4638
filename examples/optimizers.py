"""Optimizers race, first down a curved valley of two parameters, then on handwritten digits.

Rosenbrock's valley shows what each of them is good at: its floor hardly slopes and its walls are
steep, so that the longest step the walls allow is a crawl along the floor. The digits show what is
left of the differences on 2,260 parameters, where mini-batches are cheap and curvature is not. Each
method takes the best learning rate of a grid, or searches along lines and needs none.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import chainrule as cr
from chainrule import datasets, nn, optim, random, training
from chainrule.plot import styles

STEPPING = {
    "sgd": optim.sgd,
    "momentum": optim.momentum,
    "nesterov": optim.nesterov,
    "adagrad": optim.adagrad,
    "rmsprop": optim.rmsprop,
    "adam": optim.adam,
    "adamw": optim.adamw,
    "rprop": optim.rprop,
}
CURVATURE = {"bfgs": optim.bfgs(), "l-bfgs": optim.lbfgs(), "newton-cg": optim.newton_cg()}
FULL_BATCH = ("rprop", *CURVATURE)


def line(name):
    """Return how a method is drawn: thick, if it uses all samples in every step."""
    style = styles(7)[[*STEPPING, *CURVATURE].index(name) % 7]
    width = 3.0 if name in FULL_BATCH else 1.3
    return {"color": style.color, "ls": style.dashes, "lw": width, "label": name}


# -- Rosenbrock's valley --------------------------------------------------------------------------

START, STEPS, GOAL = np.array([-1.2, 1.0]), 20_000, 1e-6
VALLEY_RATES = 10.0 ** np.arange(-4.0, 0.6, 0.25)


def residuals(p):
    return np.stack([1.0 - p[0], 10.0 * (p[1] - p[0] ** 2)])


def rosenbrock(p):
    """Return (1 - x)² + 100 (y - x²)², which is 0 at (1, 1) and nowhere else."""
    return np.sum(residuals(p) ** 2)


@cr.compile
def descend(optimizer, p):
    """Return where an optimizer comes by, and the values there; all its steps are one program.

    A learning rate is a number of the optimizer, so another one needs no new program.
    """

    def step(carry, _):
        p, state = carry
        p, state = optimizer.update(cr.grad(rosenbrock)(p), state, p)
        return (p, state), (p, rosenbrock(p))

    _, (path, values) = cr.scan(step, (p, optimizer.init(p)), np.arange(STEPS))
    return path, values


def steps_to_goal(values):
    """Return the number of the first step at the goal, infinity if there is none."""
    there = np.flatnonzero(values < GOAL)
    return there[0] + 1 if len(there) else np.inf


def best_descent(method):
    """Return rate, path and values of the learning rate that is first at the goal.

    If none is, the one that ends lowest: a method whose steps do not become shorter with the
    gradient comes near, and then goes to and fro.
    """
    runs = [(rate, *descend(method(rate), START)) for rate in VALLEY_RATES]
    return min(runs, key=lambda run: (steps_to_goal(run[2]), np.median(run[2][-100:])))


def race_in_the_valley(paths_ax, values_ax):
    print(f"Rosenbrock's valley, from (-1.2, 1) to a value below {GOAL:g}")
    print(f"{'':12}{'rate':>8}{'steps':>8}{'gradients':>11}{'lowest value':>14}")
    x, y = np.meshgrid(np.linspace(-1.6, 1.6, 200), np.linspace(-0.7, 1.7, 200))
    heights = (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2
    paths_ax.contourf(x, y, np.log10(heights + 1e-3), levels=20, cmap="Greys", alpha=0.5)

    def draw(name, path, values):
        values_ax.loglog(np.arange(1, len(values) + 1), values, **line(name))
        if name in ("sgd", "momentum", "adam", "l-bfgs"):
            paths_ax.plot(*np.vstack([START, path]).T, marker=".", **line(name) | {"lw": 1.0})

    for name, method in STEPPING.items():
        if name == "adamw":
            continue  # It is adam, where no weights are to be kept small.
        rate, path, values = best_descent(method)
        steps = steps_to_goal(values)
        reached = f"{steps:8}{steps:11}" if steps < np.inf else f"{'never':>8}{STEPS:11}"
        print(f"{name:12}{rate:8.2g}{reached}{np.nanmin(values):14.1e}")
        draw(name, path[: min(steps, STEPS)], values[: min(steps, STEPS)])
    for name, method in CURVATURE.items():
        trace = []
        found = optim.minimize(
            rosenbrock,
            START,
            method=method,
            callback=lambda number, p, value, trace=trace: trace.append((p, value)),
        )
        path, values = (np.array(part) for part in zip(*trace, strict=True))
        print(f"{name:12}{'':8}{found.n_iterations:8}{found.n_evaluations:11}{found.value:14.1e}")
        draw(name, path, values)
    found = optim.least_squares(residuals, START)
    value = np.sum(found.residuals**2)
    print(f"{'levenberg-m.':12}{'':8}{found.n_iterations:8}{found.n_evaluations:11}{value:14.1e}")


# -- The digits -----------------------------------------------------------------------------------

EPOCHS, BATCH = 30, 100
DIGITS_RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def race_on_digits(ax, seed):
    """Train one network from the same weights by every method, 30 times through the data."""
    train, test = datasets.train_test_split(datasets.load("digits"), test_size=0.2, seed=seed)
    scaler = datasets.Standardizer.fit(train.features)
    X, X_test = scaler.transform(train.features), scaler.transform(test.features)
    model = nn.mlp(random.key(seed), (X.shape[1], 30, 10), activation=nn.sigmoid)

    def fit(optimizer, batch_size):
        return training.fit(
            model,
            nn.softmax_cross_entropy,
            optimizer,
            X,
            train.target,
            epochs=EPOCHS,
            batch_size=batch_size,
            key=random.key(seed),
        )

    def run(name):
        if name in CURVATURE:
            return np.nan, fit(CURVATURE[name], None)
        # Rprop compares the signs of gradients from step to step, and those of two batches differ
        # by chance.
        batch_size = None if name == "rprop" else BATCH
        runs = [(rate, fit(STEPPING[name](rate), batch_size)) for rate in DIGITS_RATES]
        return min(runs, key=lambda run: run[1].history.train_loss.min(initial=np.inf))

    print(f"\nDigits, {EPOCHS} epochs; those below the line use all samples in every step.")
    print("The first epoch, which compiles, is not timed.")
    print(f"{'':12}{'rate':>8}{'training loss':>16}{'test accuracy':>16}{'seconds':>10}")
    for name in [*STEPPING, *CURVATURE]:
        if name == FULL_BATCH[0]:
            print("-" * 62)
        rate, result = run(name)
        losses, seconds = result.history.train_loss, result.history.seconds[1:].sum()
        accuracy = np.mean(result.model(X_test).argmax(axis=1) == test.target)
        shown = f"{rate:8.2g}" if np.isfinite(rate) else f"{'':8}"
        print(f"{name:12}{shown}{losses.min():16.1e}{accuracy:16.1%}{seconds:10.2f}")
        ax.semilogy(result.history.epoch, losses, **line(name))


def main(output: Path, seed: int) -> None:
    """Hold both races, and draw them."""
    figure = plt.figure(figsize=(15, 5.5), layout="constrained")
    paths_ax, values_ax, digits_ax = figure.subplots(1, 3)
    race_in_the_valley(paths_ax, values_ax)
    race_on_digits(digits_ax, seed)
    paths_ax.plot(1.0, 1.0, "*", color="black", ms=12)
    paths_ax.legend(fontsize=8)
    paths_ax.set(xlabel="x", ylabel="y", title="Some ways through the valley")
    values_ax.set(xlabel="step", ylabel="value", title="The valley", ylim=(1e-7, 1e3))
    digits_ax.set(xlabel="epoch", ylabel="training loss", title="The digits", ylim=(1e-6, 5.0))
    handles, labels = digits_ax.get_legend_handles_labels()
    title = "thick: all samples\nin every step"
    figure.legend(handles, labels, loc="outside right upper", handlelength=4.0, title=title)
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "optimizers.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the picture")
    parser.add_argument("--seed", type=int, default=0, help="decides the split and the weights")
    main(**vars(parser.parse_args()))
