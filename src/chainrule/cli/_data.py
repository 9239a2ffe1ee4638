"""From the words of the command line to data."""

from __future__ import annotations

import difflib
import shutil
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import typer

from chainrule import datasets
from chainrule._errors import DataError
from chainrule.cli._report import Report
from chainrule.datasets import Dataset, Table
from chainrule.models import NetworkClassifier, NetworkRegressor

__all__ = [
    "Parts",
    "described",
    "list_built_in",
    "network_kind",
    "open_dataset",
    "open_table",
    "split",
]


def open_dataset(
    data: str, target: str | None, drop: tuple[str, ...], task: datasets.Task | None
) -> Dataset:
    """Return the data set that the command line names.

    Parameters
    ----------
    data : str
        A built-in name, or else the path of a file. A file of the same name as a built-in set is
        reached as ``./name``.
    target : str or None
        The column to predict, for a file that does not say so itself.
    drop : tuple of str
        Columns of a file to leave out.
    task : {"classification", "regression"} or None

    Raises
    ------
    DataError
        When there is no such data or it cannot be used.
    typer.BadParameter
        When a file needs a target, or a built-in set is named with options that are for files.
    """
    if data in datasets.names():
        for option, value in (("--target", target), ("--drop", drop), ("--task", task)):
            if value:
                raise typer.BadParameter(
                    f"this option is for files; the built-in data set '{data}' needs none. For a "
                    f"file of that name write ./{data}.",
                    param_hint=option,
                )
        return datasets.load(data)
    check_exists(data)
    try:
        return datasets.read(data, target, drop=drop, task=task)
    except DataError:
        # Without a target, most files cannot be read: then the usage was wrong, not the data.
        if target is None and datasets.read_table(data).target is None:
            raise typer.BadParameter(
                f"it is missing. Name the column of {data} to predict, as in --target COLUMN.",
                param_hint="--target",
            ) from None
        raise


def open_table(data: str) -> Table:
    """Return the columns of a file, or of a built-in data set, as they are."""
    if data not in datasets.names():
        check_exists(data)
        return datasets.read_table(data)
    dataset = datasets.load(data)
    target: Any = dataset.target
    if dataset.class_names is not None:
        target = np.array(dataset.class_names)[target].tolist()
    return Table(
        name=dataset.name,
        columns=(*dataset.feature_names, dataset.target_name),
        values=(*dataset.features.T, target),
        matrix=dataset.features,
        target=dataset.target_name,
    )


def check_exists(data: str) -> None:
    """Refuse what is neither a built-in name nor a file, and offer the nearest name."""
    if Path(data).exists():
        return
    near = difflib.get_close_matches(data, datasets.names(), n=1)
    meant = f" Did you mean '{near[0]}'?" if near else ""
    raise DataError(
        f"{data}: there is no such file, nor a built-in data set of that name.{meant} Built-in "
        f"are {', '.join(datasets.names())}."
    )


class Parts(NamedTuple):
    """What is trained with, what decides when to stop, and what the result is tested on."""

    train: Dataset
    validation: Dataset | None
    test: Dataset | None


def split(dataset: Dataset, test_size: float, val_size: float, seed: int) -> Parts:
    """Set samples aside for testing, and of the rest for validation."""
    train, test, validation = dataset, None, None
    if test_size:
        train, test = datasets.train_test_split(train, test_size, seed=seed)
    if val_size:
        try:
            train, validation = datasets.train_test_split(train, val_size, seed=seed)
        except DataError as error:
            raise DataError(f"--val-size: {error.message}") from None
    return Parts(train, validation, test)


def network_kind(dataset: Dataset) -> type[NetworkClassifier] | type[NetworkRegressor]:
    """Return the class of networks for a data set."""
    return NetworkRegressor if dataset.class_names is None else NetworkClassifier


def described(dataset: Dataset) -> dict[str, Any]:
    """Return what a data set is, as plain data."""
    return {
        "name": dataset.name,
        "n_samples": dataset.n_samples,
        "n_features": dataset.n_features,
        "task": "regression" if dataset.class_names is None else "classification",
        "target": dataset.target_name,
        "classes": None if dataset.class_names is None else list(dataset.class_names),
    }


def list_built_in(report: Report) -> None:
    """Print name, size and origin of each built-in data set."""
    width = shutil.get_terminal_size().columns
    for name in datasets.names():
        report.result(name, "bold")
        for line in textwrap.wrap(
            datasets.describe(name),
            width,
            initial_indent="  ",
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        ):
            report.note(line)
    described = [{"name": n, "description": datasets.describe(n)} for n in datasets.names()]
    report.document({"command": "datasets", "datasets": described})
