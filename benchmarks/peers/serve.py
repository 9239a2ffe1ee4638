"""One training run for every line that comes in: how a peer is asked for one round at a time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

EPOCHS, BATCH, ROWS = 100, 100, 1400
ETA, STRENGTH = 0.5, 1e-4
DIGITS = Path(__file__).parents[2] / "src" / "chainrule" / "datasets" / "digits.npz"


def digits(dtype: str) -> tuple[Any, Any]:
    """Return inputs between 0 and 1 and labels, as many rows as make whole batches."""
    with np.load(DIGITS) as file:
        X, y = file["pixels"] / 16, file["labels"]
    return X[:ROWS].astype(dtype), y[:ROWS].astype(np.int64)


def first_weights(dtype: str) -> list[Any]:
    """Return the weights and biases that everyone starts from."""
    rng = np.random.default_rng(0)
    w1, w2 = 0.1 * rng.normal(size=(64, 50)), 0.1 * rng.normal(size=(50, 10))
    return [a.astype(dtype) for a in (w1, np.zeros(50), w2, np.zeros(10))]


def serve(train: Callable[[str], Callable[[], float]]) -> None:
    """Prepare a run, then do it once a line, and print seconds and the loss it ended with.

    The first line printed is the cold start: preparing, compiling and the first run.
    """
    started = time.perf_counter()
    run = train(sys.argv[1])
    loss = run()
    print(time.perf_counter() - started, loss, flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        loss = run()
        print(time.perf_counter() - started, loss, flush=True)
