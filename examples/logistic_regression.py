"""Logistic regression: benign or malignant, by 30 measurements of cells, beside scikit-learn's.

The probability of a class is σ(z) = 1 / (1 + exp(-z)) with z = x w + b. The cost is convex and has
one minimum, so whoever finds it finds the same w and b. It is found three times: by minimizing the
cost as it is written, by `LogisticRegression`, and by scikit-learn's class of that name.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn import linear_model

from chainrule import datasets, optim
from chainrule.estimators import LogisticRegression
from chainrule.plot import ConfusionMatrixDisplay

LAMBDA = 1.0
TOLERANCE = 1e-8


def cost(params, X, y):
    """Return C = Σ log(1 + exp(-s z)) + λ/2 w·w, where s is 1 for class 1 and -1 for class 0.

    That is the cross-entropy -Σ [y log σ(z) + (1 - y) log(1 - σ(z))], since 1 - σ(z) = σ(-z).
    logaddexp(0, -s z) has the same terms, without overflow.
    """
    z = X @ params["w"] + params["b"]
    s = 2.0 * y - 1.0
    return np.sum(np.logaddexp(0.0, -s * z)) + LAMBDA / 2 * np.sum(params["w"] ** 2)


def minimized(X, y):
    """Return w and b by Newton's method, which follows the second derivatives to the minimum."""
    start = {"w": np.zeros(X.shape[1]), "b": 0.0}
    method = optim.newton_cg()
    found = optim.minimize(cost, start, X, y, method=method, tolerance=TOLERANCE)
    return found.params["w"], found.params["b"]


def fitted(estimator, X, y):
    """Return w and b of an estimator. C in their parameters stands for 1/λ."""
    estimator.fit(X, y)
    return estimator.coef_[0], estimator.intercept_[0]


def draw(output, coefficients, names, y_test, predicted):
    """Draw the weights of all features, and who was taken for what."""
    figure = plt.figure(figsize=(12, 6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.4, 1.0])
    ours, theirs = coefficients["chainrule"], coefficients["scikit-learn"]
    order = np.argsort(ours)
    left.barh(np.arange(len(order)), ours[order], color="#56B4E9", label="chainrule")
    left.plot(theirs[order], np.arange(len(order)), "k|", ms=9, mew=2, label="scikit-learn")
    left.set_yticks(np.arange(len(order)), np.array(names)[order], fontsize=8)
    left.axvline(0.0, color="black", lw=0.8)
    left.set(xlabel="weight, of the feature in units of its spread", title="What speaks for benign")
    left.legend(loc="lower right")
    ConfusionMatrixDisplay.from_predictions(
        y_test, predicted, display_labels=["malignant", "benign"], ax=right
    )
    right.set_title("The test part")
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "logistic_regression.png", dpi=150)


def main(output: Path, seed: int) -> None:
    """Find the minimum in three ways, and compare."""
    data = datasets.load("breast-cancer")
    train, test = datasets.train_test_split(data, test_size=0.25, seed=seed)
    # λ shrinks all weights alike, so all features must have like units: their standard deviation.
    scaler = datasets.Standardizer.fit(train.features)
    X, X_test = scaler.transform(train.features), scaler.transform(test.features)
    y, y_test = train.target, test.target

    settings = {"C": 1.0 / LAMBDA, "tol": TOLERANCE}
    ways = {
        "the cost, minimized": lambda: minimized(X, y),
        "chainrule": lambda: fitted(LogisticRegression(**settings), X, y),
        "scikit-learn": lambda: fitted(linear_model.LogisticRegression(**settings), X, y),
    }
    print(f"{'':20}{'cost':>14}{'test accuracy':>16}{'seconds':>10}")
    found = {}
    for name, find in ways.items():
        began = time.perf_counter()
        w, b = find()
        seconds = time.perf_counter() - began
        predicted = (X_test @ w + b > 0.0).astype(int)
        value, accuracy = cost({"w": w, "b": b}, X, y), np.mean(predicted == y_test)
        print(f"{name:20}{value:14.9f}{accuracy:16.1%}{seconds:10.3f}")
        found[name] = w
    largest = max(np.max(np.abs(w - found["scikit-learn"])) for w in found.values())
    print(f"\nThe weights differ from scikit-learn's by at most {largest:.0e}")
    draw(output, found, data.feature_names, y_test, predicted)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the picture")
    parser.add_argument("--seed", type=int, default=0, help="decides which samples are tested")
    main(**vars(parser.parse_args()))
