"""The work of `chainrule train`: from the name of some data to a tested network.

The network is that of `MLPClassifier` or `MLPRegressor` with the same settings, data and seed, bit
for bit: `chainrule.models` trains both.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import typer

from chainrule import _tree as tree
from chainrule import nn, random
from chainrule.cli._data import Parts, described, network_kind, split
from chainrule.cli._exit import DIVERGED, INTERRUPTED
from chainrule.cli._model import TableModel
from chainrule.cli._options import checked, option_name, shown
from chainrule.cli._progress import Progress
from chainrule.cli._report import Report
from chainrule.cli._score import class_lines, confusion_lines, scores, sentence
from chainrule.datasets import Dataset
from chainrule.models import NetworkClassifier, NetworkRegressor, building
from chainrule.models.costs import regression_cost

__all__ = ["Run", "check_writable", "new_network", "parameter_count", "run", "widths_of"]

_STATUSES = {"diverged": DIVERGED, "interrupted": INTERRUPTED}
_MOST_SEED = 2**32


@dataclass(frozen=True)
class Run:
    """What is asked for besides the data set.

    Parameters
    ----------
    settings : dict
        Hyper-parameters that replace those of the data set's recipe.
    test_size, starts : float, int or None
        None for what the recipe says.
    val_size : float
        Share of the samples that are not for testing.
    seed : int
    save, checkpoint : Path or None
    resume : bool
        Whether to go on from a checkpoint that is there.
    """

    settings: dict[str, Any]
    test_size: float | None
    val_size: float
    starts: int | None
    seed: int
    save: Path | None
    checkpoint: Path | None
    resume: bool


def run(dataset: Dataset, wanted: Run, report: Report, *, no_color: bool) -> int:
    """Train a network on a data set, test it, print what happens, and return the exit status."""
    recipe = dataset.recipe
    starts = recipe.starts if wanted.starts is None else wanted.starts
    test_size = recipe.test_size if wanted.test_size is None else wanted.test_size
    _check_files(wanted, starts)
    parts = split(dataset, test_size, wanted.val_size, wanted.seed)
    network = new_network(dataset, wanted.settings, parts.train.n_samples, wanted.seed)
    _describe(report, dataset, parts, network)
    starts = starts if isinstance(network, NetworkClassifier) else 1
    network, stopped, message = _best_of(starts, network, parts, wanted, report, no_color)
    if stopped in _STATUSES:
        report.problem(message)
    else:
        report.note(message)
    if not network.n_iter_:  # an untrained network is no result, and must replace none
        return _STATUSES[stopped]
    measured = _measured(network, parts)
    record = {
        "data": described(dataset),
        "seed": wanted.seed,
        "split": {name: part.n_samples for name, part in _named(parts).items()},
        "message": message,
        "scores": {name: _main(figures) for name, figures in measured.items()},
    }
    _print_scores(report, measured)
    saved = False
    try:
        if wanted.save is not None:
            from chainrule.saving import save

            save(wanted.save, TableModel(dataset.encoder, network, record))
            report.note(f"Saved to {wanted.save}")
            saved = True
    finally:
        # A disk that is full must not take the result with it.
        report.document(_document(network, parts, record, measured, stopped, wanted, saved))
    return _STATUSES.get(stopped, 0)


def _check_files(wanted: Run, starts: int) -> None:
    """Refuse, before training, what could not be written after it."""
    for option, path in (("--save", wanted.save), ("--checkpoint", wanted.checkpoint)):
        check_writable(option, path)
    if wanted.resume and wanted.checkpoint is None:
        raise typer.BadParameter(
            "expected --checkpoint FILE beside it, the file to go on from.", param_hint="--resume"
        )
    if wanted.checkpoint is not None and starts > 1:
        raise typer.BadParameter(
            f"expected a single start, got {starts}. Add --starts 1.", param_hint="--checkpoint"
        )
    if wanted.checkpoint is not None and wanted.checkpoint.exists() and not wanted.resume:
        raise typer.BadParameter(
            f"{wanted.checkpoint} is there already. Add --resume to go on from it, or delete it.",
            param_hint="--checkpoint",
        )


def check_writable(option: str, path: Path | None) -> None:
    """Refuse a file, if one is named, that could not be written."""
    if path is None:
        return
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise typer.BadParameter(
            f"{path} cannot be written. Expected a file in a folder that is there and may be "
            "written to.",
            param_hint=option,
        )


# -- the network ---------------------------------------------------------------------------------


def new_network(
    dataset: Dataset, given: dict[str, Any], n_samples: int, seed: int
) -> NetworkClassifier | NetworkRegressor:
    """Return the network that the recipe and what is given ask for, not trained."""
    kind = network_kind(dataset)
    checked(given, kind)
    settings = {**dataset.recipe.settings, **given}
    if dataset.features.dtype != np.float64:
        settings.setdefault("dtype", "float32")
    network = kind(**settings, random_state=seed)
    if isinstance(network.batch_size, int):
        # A recipe has batches for solvers that take steps.
        takes_all = network.takes_all_samples and "batch_size" not in given
        network.batch_size = "auto" if takes_all else min(network.batch_size, n_samples)
    return network


def widths_of(network: Any, dataset: Dataset) -> tuple[int, ...]:
    """Return the numbers of features, hidden units of each layer, and outputs."""
    classes = dataset.class_names
    if classes is None:
        outputs = regression_cost(network.loss, tuple(network.quantiles)).n_columns
    else:
        outputs = len(classes) if len(classes) > 2 else 1
    return (dataset.n_features, *building.hidden_widths(network.hidden_layer_sizes), outputs)


def parameter_count(network: Any, widths: tuple[int, ...]) -> int:
    """Return how many numbers are trained."""
    model = building.built_network(network, random.key(0), widths, None, np.float32)
    return sum(leaf.size for leaf in tree.leaves(nn.parameters(model)))


def _best_of(
    starts: int, network: Any, parts: Parts, wanted: Run, report: Report, no_color: bool
) -> tuple[Any, str, str]:
    """Train from one random start, or from several until all training samples are right.

    Returns the best network, and how the last training ended, in one word and in full.
    """
    best = None
    for start in range(1, starts + 1):
        if start > 1:
            network = replace(network, random_state=(wanted.seed + start - 1) % _MOST_SEED)
        _fit(network, parts, wanted, report, no_color)
        if best is None or _loss(network) < _loss(best):
            best = network
        if network.stopped_ in _STATUSES or starts == 1:
            break
        n_wrong = int((network.predict(parts.train.features) != parts.train.target).sum())
        if n_wrong == 0:
            break
        again = "; starting again from other random weights" if start < starts else ""
        report.note(
            f"Start {start} of {starts}: {n_wrong} of {parts.train.n_samples} training samples "
            f"are still wrong{again}."
        )
    better = "" if best is network else " An earlier start was better; its weights are used."
    return best, network.stopped_, network.message_ + better


def _loss(network: Any) -> float:
    return getattr(network, "loss_", np.inf)


def _fit(network: Any, parts: Parts, wanted: Run, report: Report, no_color: bool) -> None:
    keywords: dict[str, Any] = {}
    if parts.validation is not None:
        keywords = {"X_val": parts.validation.features, "y_val": parts.validation.target}
    if wanted.checkpoint is not None:
        from chainrule.training import Checkpoint

        checkpoint = Checkpoint(wanted.checkpoint)
        if checkpoint.exists:
            report.note(f"Going on from {wanted.checkpoint}")
        keywords["checkpoint"] = checkpoint
    progress = Progress(report, network.max_iter, no_color)
    network.callbacks = (progress,)
    try:
        with warnings.catch_warnings(record=True) as caught, progress:
            warnings.simplefilter("always")
            network.fit(parts.train.features, parts.train.target, **keywords)
    finally:
        network.callbacks = None  # what shows progress is no part of the network
    for warning in caught:
        report.note(f"Note: {warning.message}", "warning")


# -- what is said about it -----------------------------------------------------------------------


def _describe(report: Report, dataset: Dataset, parts: Parts, network: Any) -> None:
    widths = widths_of(network, dataset)
    n_parameters = parameter_count(network, widths)
    classes = dataset.class_names
    kind = "regression" if classes is None else f"{len(classes)} classes"
    report.note(
        f"{dataset.name}: {_count(dataset.n_samples, 'sample')}, "
        f"{_count(dataset.n_features, 'feature')}, {kind}",
        "bold",
    )
    how = "shuffled" if classes is None else "shuffled, classes in proportion"
    others = [
        f"{part.n_samples:,} for {what}"
        for part, what in ((parts.validation, "validation"), (parts.test, "testing"))
        if part is not None
    ]
    if others:
        samples = _count(parts.train.n_samples, "sample")
        report.note(f"{samples} for training, {', '.join(others)} ({how})")
    if parts.test is None:
        report.note("No samples are held out for testing: the result is that of training samples.")
    report.note(
        f"Network {'-'.join(map(str, widths))}, {shown(network.activation)}, "
        f"{n_parameters:,} parameters"
    )
    names = ("loss", "solver", "learning_rate_init", "alpha", "batch_size", "max_iter")
    settings = ", ".join(f"{option_name(n)[2:]} {shown(getattr(network, n))}" for n in names)
    report.note(f"Training with {settings}, seed {network.random_state}")


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _named(parts: Parts) -> dict[str, Dataset]:
    named = {"test": parts.test, "validation": parts.validation, "training": parts.train}
    return {name: part for name, part in named.items() if part is not None}


def _measured(network: Any, parts: Parts) -> dict[str, dict[str, Any]]:
    """Return the scores of each part, those of the test part first."""
    return {
        name: scores(part.target, network.predict(part.features), part.class_names)
        for name, part in _named(parts).items()
    }


def _main(figures: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in figures.items() if key not in ("classes", "confusion")}


def _print_scores(report: Report, measured: dict[str, dict[str, Any]]) -> None:
    report.note()
    for name, figures in measured.items():
        report.result(f"{name.capitalize()} {sentence(figures)}", "bold")
    first = next(iter(measured.values()))
    if "confusion" in first:
        report.note()
        for line in [*class_lines(first), "", *confusion_lines(first)]:
            report.note(line)


def _document(
    network: Any,
    parts: Parts,
    record: dict[str, Any],
    measured: dict[str, dict[str, Any]],
    stopped: str,
    wanted: Run,
    saved: bool,
) -> dict[str, Any]:
    widths = widths_of(network, parts.train)
    columns = network.history_.columns()
    return {
        "command": "train",
        **record,
        "settings": {
            name: value
            for name, value in vars(network).items()
            if name in network._declared and name != "callbacks"
        },
        "network": {
            "widths": widths,
            "n_parameters": parameter_count(network, widths),
            "standardized": isinstance(network.model_.layers[0], nn.Standardize),
        },
        "stopped": stopped,
        "n_epochs": network.n_iter_,
        "scores": measured,
        "history": {name: column for name, column in columns.items() if " of " not in name},
        "saved": str(wanted.save) if saved else None,
    }
