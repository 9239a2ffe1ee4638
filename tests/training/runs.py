"""Training runs of many kinds, for the tests that break them off; also a program of its own.

As a program it takes the name of a run and of its checkpoint, prints a line after every epoch,
and saves what training came to: ``python runs.py lbfgs run.safetensors result.safetensors``. With
the name of a function of `os` it is killed in the fifth call of that.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import _tree as tree
from chainrule import nn, optim, random
from chainrule.training import Checkpoint, EpochRecord, FitResult, fit

EPOCHS = 30


def data() -> dict[str, Any]:
    """Noisy classes, and some more for validation."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(90, 5))
    y = np.digitize(X[:, 0] + X[:, 1] ** 2 + 0.5 * generator.normal(size=90), [0.0, 1.5])
    return {"X": X[:70], "y": y[:70], "X_val": X[70:], "y_val": y[70:]}


def network(**settings: Any) -> nn.Sequential:
    return nn.mlp(random.key(3), (5, 6, 6, 3), activation=nn.tanh, l2=1e-3, **settings)


class Halving:
    """Halves the learning rate when the loss has not become smaller for two epochs, and stops."""

    def __init__(self) -> None:
        self.best, self.waited, self.halvings = np.inf, 0, 0
        self.rates: list[float] = []

    def __call__(self, record: EpochRecord) -> bool:
        self.waited = 0 if record.val_loss < self.best - 1e-3 else self.waited + 1
        self.best = min(self.best, record.val_loss)
        if self.waited > 2:
            self.waited, self.halvings = 0, self.halvings + 1
        self.rates.append(0.3 / 2**self.halvings)
        return self.halvings > 3

    def adjust(self, record: EpochRecord, optimizer: Any) -> Any:
        return optim.momentum(self.rates[-1])

    def get_state(self) -> Any:
        return self.best, self.waited, self.halvings, self.rates

    def set_state(self, state: Any) -> None:
        self.best, self.waited, self.halvings, self.rates = state


def accuracy(output: Any, target: Any, weight: Any) -> Any:
    return np.mean((np.argmax(output, axis=1) == target).astype(output.dtype))


def run(
    kind: str,
    checkpoint: Checkpoint | None = None,
    callbacks: tuple[Callable[[EpochRecord], bool | None], ...] = (),
    **changes: Any,
) -> FitResult:
    """Train one of `KINDS`."""
    settings: dict[str, Any] = {
        "model": network(),
        "loss": nn.softmax_cross_entropy,
        "epochs": EPOCHS,
        "key": random.key(4),
        **data(),
        **KINDS[kind](),
        **changes,
    }
    settings["callbacks"] = (*settings.get("callbacks", ()), *callbacks)
    return fit(checkpoint=checkpoint, **settings)


def adapting() -> dict[str, Any]:
    halving = Halving()
    stepping = {"optimizer": optim.momentum(0.3), "batch_size": 16}
    return {**stepping, "callbacks": (halving,), "adjust": halving.adjust, "epochs": 200}


KINDS: dict[str, Callable[[], dict[str, Any]]] = {
    "sgd with momentum": lambda: {"optimizer": optim.momentum(0.05), "batch_size": 16},
    "adam with dropout and batch normalization": lambda: {
        "model": network(dropout=0.3, normalization="batch"),
        "optimizer": optim.adam(optim.schedules.cosine(0.02, steps=EPOCHS * 4)),
        "batch_size": 20,
        "score": accuracy,
    },
    "rate that adapts, and early stopping": adapting,
    "rprop in float32": lambda: {
        "model": network(dtype=np.float32),
        "optimizer": optim.rprop(0.01),
        "sample_weight": np.linspace(0.5, 2.0, 70),
    },
    "lbfgs": lambda: {"optimizer": optim.lbfgs()},
    "bfgs": lambda: {"optimizer": optim.bfgs(), "score": accuracy},
    "newton-cg": lambda: {"optimizer": optim.newton_cg(), "epochs": 12},
}


def content(result: FitResult) -> dict[str, Any]:
    """Return all of a result but for the measured seconds, with arrays as dtype and bytes."""
    columns = {k: v for k, v in result.history.columns().items() if k != "seconds"}
    leaves = [np.asarray(leaf) for leaf in tree.leaves((result.model, result.last, columns))]
    return {
        "arrays": [(leaf.dtype.str, leaf.shape, leaf.tobytes().hex()) for leaf in leaves],
        "structure": str(tree.structure((result.model, result.last))),
        "stopped": result.stopped,
        "message": result.message,
        "best_epoch": result.best_epoch,
    }


def die_in(call: str, count: int) -> None:
    """Have the process killed in the middle of a certain call of a function of `os`."""
    original, calls = getattr(os, call), iter(range(1, count + 1))

    def deadly(*args: Any) -> Any:
        if next(calls) < count:
            return original(*args)
        if call == "write":
            original(args[0], args[1][: len(args[1]) // 2])
        return os.kill(os.getpid(), signal.SIGKILL)

    setattr(os, call, deadly)


def main(kind: str, path: str, output: str, deadly_call: str | None = None) -> None:
    if deadly_call is not None:
        die_in(deadly_call, 5)

    def tell(record: EpochRecord) -> None:
        print(record.epoch, flush=True)
        time.sleep(0.005)  # so that whoever reads this can kill the process before the run is over

    result = run(kind, Checkpoint(path, every_epochs=1), (tell,))
    cr.save(Path(output), content(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
