"""How good predictions are: figures as plain data, and in lines of text."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["class_lines", "confusion_lines", "scores", "sentence", "table_lines"]

Array = npt.NDArray[Any]

_CONFUSIONS_LISTED = 10


def scores(truth: Array, predicted: Array, class_names: Sequence[str] | None) -> dict[str, Any]:
    """Return what is measured of predictions.

    Parameters
    ----------
    truth, predicted : ndarray of shape (n_samples,)
        Positions of classes, or numbers.
    class_names : sequence of str or None
        None for a regression.

    Returns
    -------
    dict
        For classes ``n_samples``, ``n_correct``, ``accuracy``, ``confusion`` (rows: true classes,
        columns: predicted ones) and ``classes`` with name, number of samples, precision, recall and
        F1 of each, None where nothing is divided by nothing. For numbers ``n_samples``, ``r2``
        (None for a constant target), ``mse`` and ``mae``.
    """
    if class_names is None:
        return _regression_scores(truth, predicted)
    n_classes = len(class_names)
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (truth, predicted), 1)
    right = int(np.trace(counts))
    return {
        "n_samples": len(truth),
        "n_correct": right,
        "accuracy": _share(right, len(truth)),
        "classes": [_class_scores(counts, i, name) for i, name in enumerate(class_names)],
        "confusion": counts.tolist(),
    }


def _class_scores(counts: Array, position: int, name: str) -> dict[str, Any]:
    right = int(counts[position, position])
    actual, predicted = int(counts[position].sum()), int(counts[:, position].sum())
    return {
        "name": name,
        "n_samples": actual,
        "precision": _share(right, predicted),
        "recall": _share(right, actual),
        "f1": _share(2 * right, actual + predicted),
    }


def _regression_scores(truth: Array, predicted: Array) -> dict[str, Any]:
    error = truth - predicted
    mse, variance = float(np.mean(error**2)), float(np.var(truth))
    return {
        "n_samples": len(truth),
        "r2": 1.0 - mse / variance if variance else None,
        "mse": mse,
        "mae": float(np.mean(np.abs(error))),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def sentence(measured: dict[str, Any]) -> str:
    """Return the main figures in words."""
    if "accuracy" in measured:
        return (
            f"accuracy {100 * measured['accuracy']:.1f} % "
            f"({measured['n_correct']:,} of {measured['n_samples']:,} correct)"
        )
    r2 = measured["r2"]
    shown = "undefined (the target is constant)" if r2 is None else f"{r2:.4f}"
    return (
        f"mean squared error {measured['mse']:.4g}, mean absolute error {measured['mae']:.4g}, "
        f"R² {shown}"
    )


def class_lines(measured: dict[str, Any]) -> list[str]:
    """Return a table of the figures of each class."""
    rows = [
        (
            one["name"],
            f"{one['n_samples']:,}",
            *("-" if one[key] is None else f"{one[key]:.3f}" for key in _OF_CLASS),
        )
        for one in measured["classes"]
    ]
    return table_lines(("class", "samples", *_OF_CLASS), rows)


_OF_CLASS = ("precision", "recall", "f1")


def table_lines(
    head: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)
) -> list[str]:
    """Return rows of text as columns, some of them to the left and the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    ]


def confusion_lines(measured: dict[str, Any]) -> list[str]:
    """Lay out which classes were taken for which.

    A table with a row for each true class and a column for each predicted one, when it fits the
    width of the terminal, otherwise a list of the commonest mistakes.
    """
    names = [one["name"] for one in measured["classes"]]
    counts = np.array(measured["confusion"])
    cell = max(*(len(name) for name in names), len(str(counts.max()))) + 2
    if cell * (len(names) + 1) <= shutil.get_terminal_size().columns:
        header = " " * cell + "".join(f"{name:>{cell}}" for name in names)
        rows = [
            f"{name:>{cell}}" + "".join(f"{count or '·':>{cell}}" for count in row)
            for name, row in zip(names, counts.tolist(), strict=True)
        ]
        return ["Confusion table (row: true class, column: predicted class)", header, *rows]
    mistakes = [
        (int(counts[i, j]), names[i], names[j])
        for i, j in zip(*np.nonzero(counts), strict=True)
        if i != j
    ]
    if not mistakes:
        return ["No class was taken for another."]
    mistakes.sort(key=lambda mistake: -mistake[0])
    return [
        "Commonest mistakes",
        *(f"  {n} × {true} taken for {taken}" for n, true, taken in mistakes[:_CONFUSIONS_LISTED]),
    ]
