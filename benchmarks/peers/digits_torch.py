"""The digits in PyTorch, eager, with the fused optimizer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from serve import BATCH, EPOCHS, ETA, ROWS, STRENGTH, digits, first_weights, serve


def train(dtype: str) -> Callable[[], float]:
    """Return a function that does one run and returns its last loss."""
    X, y = map(torch.from_numpy, digits(dtype))
    w1, b1, w2, b2 = map(torch.from_numpy, first_weights(dtype))

    def run() -> float:
        hidden, out = torch.nn.Linear(64, 50), torch.nn.Linear(50, 10)
        model = torch.nn.Sequential(hidden, torch.nn.Sigmoid(), out).to(X.dtype)
        with torch.no_grad():
            hidden.weight.copy_(w1.T)
            hidden.bias.copy_(b1)
            out.weight.copy_(w2.T)
            out.bias.copy_(b2)
        weights = [hidden.weight, out.weight]
        optimizer = torch.optim.SGD(
            [
                {"params": weights, "weight_decay": STRENGTH},
                {"params": [hidden.bias, out.bias], "weight_decay": 0.0},
            ],
            lr=ETA,
            fused=True,
        )
        for _ in range(EPOCHS):
            for rows in torch.randperm(ROWS).view(-1, BATCH):
                optimizer.zero_grad(set_to_none=True)
                torch.nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
                optimizer.step()
        with torch.no_grad():
            penalty = STRENGTH / 2 * sum(float((w**2).sum()) for w in weights)
            return float(torch.nn.functional.cross_entropy(model(X), y)) + penalty

    return run


if __name__ == "__main__":
    serve(train)
