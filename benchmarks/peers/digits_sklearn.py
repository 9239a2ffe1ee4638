"""The digits in scikit-learn, whose penalty is per sample of a batch."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from serve import BATCH, EPOCHS, ETA, STRENGTH, digits, serve
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

warnings.simplefilter("ignore", ConvergenceWarning)


def train(dtype: str) -> Callable[[], float]:
    """Return a function that does one run and returns its last loss."""
    X, y = digits(dtype)
    model = MLPClassifier(
        (50,),
        activation="logistic",
        solver="sgd",
        batch_size=BATCH,
        max_iter=EPOCHS,
        learning_rate_init=ETA,
        momentum=0.0,
        alpha=STRENGTH * BATCH,
        tol=0.0,
        n_iter_no_change=EPOCHS,
        random_state=0,
    )
    return lambda: float(model.fit(X, y).loss_)


if __name__ == "__main__":
    serve(train)
