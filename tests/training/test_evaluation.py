"""Outputs and losses of many samples are evaluated in blocks: the same as of all at once."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import nn, optim, random
from chainrule.training import fit
from chainrule.training.epoch import EVALUATION_ROWS, Samples, mean_loss, outputs


@pytest.mark.parametrize("extra", [-1, 0, 1, EVALUATION_ROWS + 7])
def test_blocks_give_what_all_rows_give(extra):
    n = EVALUATION_ROWS + extra
    X = np.random.default_rng(0).normal(size=(n, 2, 3))
    model = nn.mlp(random.key(0), (3, 4, 2), activation=nn.tanh)
    first, second = model.layers
    expected = np.tanh(X @ first.kernel + first.bias) @ second.kernel + second.bias
    np.testing.assert_allclose(outputs(model, X), expected, rtol=1e-12)
    loss = mean_loss(nn.half_squared_error, model, Samples(X, np.zeros_like(expected)))
    np.testing.assert_allclose(loss, 0.5 * np.sum(expected**2) / n, rtol=1e-12)


def test_score_sees_every_validation_sample_in_order():
    n = 2 * EVALUATION_ROWS + 5
    X_val = np.arange(n, dtype=np.float64)[:, None]
    model = nn.mlp(random.key(0), (1, 1))
    result = fit(
        model,
        nn.half_squared_error,
        optim.sgd(0.0),
        np.ones((4, 1)),
        np.ones((4, 1)),
        epochs=1,
        key=random.key(1),
        X_val=X_val,
        y_val=np.zeros((n, 1)),
        score=lambda output, target, weight: np.sum(output * X_val),
    )
    slope = float(model.layers[0].kernel[0, 0])
    expected = slope * np.sum(X_val**2)
    assert result.history.val_score[0] == pytest.approx(expected, rel=1e-12)
