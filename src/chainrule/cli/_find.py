"""The work of `chainrule lr-find`: which learning rate a network should be given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from chainrule.cli._data import described, split
from chainrule.cli._report import Report
from chainrule.cli._train import new_network
from chainrule.datasets import Dataset

__all__ = ["run"]

_WIDTH = 50
_LINES = 20


def run(
    dataset: Dataset,
    settings: dict[str, Any],
    report: Report,
    *,
    test_size: float | None,
    seed: int,
    save: Path | None,
) -> None:
    """Search for a learning rate on the training samples, and print what is found."""
    test_size = dataset.recipe.test_size if test_size is None else test_size
    train = split(dataset, test_size, 0.0, seed).train
    network = new_network(dataset, settings, train.n_samples, seed)
    search = network.find_learning_rate(train.features, train.target)
    columns = search.columns()
    if save is not None:
        from chainrule.cli._use import as_csv, write_text

        write_text("lr-find", save, as_csv(columns))
    report.note(
        f"{dataset.name}: {train.n_samples:,} training samples, {len(search)} steps", "bold"
    )
    for line in _curve(columns["learning_rate"], columns["smoothed_loss"]):
        report.note(line)
    report.note(search.message)
    if search.suggestion is None:
        report.result("No learning rate is suggested")
    else:
        report.result(f"--learning-rate {search.suggestion:.2g}", "bold")
    report.document(
        {
            "command": "lr-find",
            "data": described(dataset),
            "seed": seed,
            "n_samples": train.n_samples,
            "suggestion": search.suggestion,
            "message": search.message,
            "curve": columns,
            "saved": None if save is None else str(save),
        }
    )


def _curve(rates: Any, losses: Any) -> list[str]:
    """Return the loss at some of the rates, as bars of text."""
    rows = np.unique(np.linspace(0, len(rates) - 1, _LINES).round().astype(int))
    highest = float(np.max(losses[rows]))
    lines = [f"{'rate':>9}  {'loss':>9}"]
    for row in rows.tolist():
        bar = "#" * max(round(_WIDTH * float(losses[row]) / highest), 0) if highest > 0 else ""
        lines.append(f"{rates[row]:9.2e}  {losses[row]:9.4g}  {bar}")
    return lines
