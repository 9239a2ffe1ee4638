"""The work of `chainrule demo`: a network for handwritten digits, trained and then tuned."""

from __future__ import annotations

from pathlib import Path

from chainrule.cli import _train, _tune
from chainrule.cli._report import Report
from chainrule.datasets import load

__all__ = ["run"]

GRID = ("eta=1e-5:10:log7", "lambda=1e-5:10:log7")

SETTINGS = {"solver": "sgd", "momentum": 0.0, "batch_size": 100, "max_iter": 100}
"""Plain gradient descent, whose learning rate matters most."""


def run(plot: Path, seed: int, report: Report, *, no_color: bool) -> int:
    """Train and tune, print what happens, and return the exit status."""
    digits = load("digits")
    _train.check_writable("--plot", plot)
    report.note("$ chainrule train digits", "bold")
    training = _train.Run({}, None, 0.0, None, seed, None, None, False)
    status = _train.run(digits, training, report, no_color=no_color)
    if status:
        return status
    report.note()
    options = " ".join(f"--grid {text}" for text in GRID)
    report.note(f"$ chainrule tune digits {options} --plot {plot} ...", "bold")
    tuning = _tune.Tuning(settings=dict(SETTINGS), grid=GRID, plot=plot, seed=seed)
    return _tune.run(digits, tuning, report, no_color=no_color)
