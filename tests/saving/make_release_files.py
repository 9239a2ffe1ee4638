"""Writes the files that this release's successors have to read: once, before it is published.

``python tests/saving/make_release_files.py`` writes a folder named by the version. Folders of
versions that have been published are never written again.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr
from chainrule import nn, optim, random
from chainrule.saving.registry import LIBRARY

FOLDER = Path(__file__).parent / "data"
METHODS = ("predict", "predict_proba", "decision_function", "predict_interval")

X = np.random.default_rng(0).integers(-9, 9, size=(24, 3)) / 4.0
CODES = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
LABELS = np.array(["low", "middle", "high"])[CODES]
TARGETS = X @ np.array([1.0, -2.0, 0.5]) + 0.25


def estimators() -> dict[str, Any]:
    """Return one fitted estimator of every class."""
    shared = {"hidden_layer_sizes": (3,), "max_iter": 3, "random_state": 0}
    fitted = {
        "mlp_classifier": cr.MLPClassifier(
            solver="sgd", early_stopping=True, class_weight={"low": 2.0}, **shared
        ).fit(X, LABELS),
        "mlp_regressor": cr.MLPRegressor(
            "gaussian", activation=nn.partial(nn.elu, alpha=0.5), dtype="float32", **shared
        ).fit(X, TARGETS),
        "logistic_regression": cr.LogisticRegression(max_iter=3).fit(X, LABELS),
        "linear_regression": cr.LinearRegression().fit(X, np.c_[TARGETS, -TARGETS]),
        "perceptron": cr.Perceptron(max_iter=3).fit(X, CODES),
    }
    return fitted


OPTIMIZER = optim.chain(
    optim.clip_by_global_norm(1.0), optim.adam(optim.schedules.cosine(0.1, steps=9))
)


def network() -> Any:
    """Return a network with layers of every kind, that has seen some samples."""
    model = nn.mlp(
        random.key(0),
        (3, 4, 4, 2),
        activation=(nn.gelu, nn.softplus),
        normalization="batch",
        dropout=0.25,
        residual=True,
        l2=0.5,
    )
    model = nn.Sequential((nn.Standardize.fit(X), *model.layers, nn.LayerNorm.init(2)))
    return nn.observe(model, X, key=random.key(1))[1]


def outputs(obj: Any) -> dict[str, Any]:
    """Return what an estimator or a network makes of X."""
    found: dict[str, Any] = {}
    for method in METHODS:
        try:
            found[method] = getattr(obj, method)(X)
        except (AttributeError, ValueError):  # it has none
            continue
    return found


def main() -> None:
    folder = FOLDER / cr.__version__
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name, estimator in estimators().items():
        recorded = {"object": estimator, "X": X, "outputs": outputs(estimator)}
        cr.save(folder / f"{name}.safetensors", recorded)
    model = network()
    outputs_of_model = {"__call__": model(X)}
    recorded = {"object": model, "X": X, "outputs": outputs_of_model, "optimizer": OPTIMIZER}
    cr.save(folder / "network.safetensors", recorded)
    names = sorted(name for name in LIBRARY if not name.startswith("numpy."))
    (folder / "names.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
