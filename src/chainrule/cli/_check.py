"""The work of `chainrule check`: what a file holds, and what a network would get of it.

The columns are looked at as they stand in the file, before anything is refused, so that all that
is to be put right is found at once. Each finding is of a level: a ``problem`` keeps a network from
being trained, a ``warning`` makes the result worse, or look better than it is, a ``note`` is good
to know.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule._errors import DataError
from chainrule.cli._data import described, open_dataset, open_table
from chainrule.cli._exit import WRONG_DATA
from chainrule.cli._findings import Finding, class_counts, counted, findings
from chainrule.cli._report import Report
from chainrule.cli._score import table_lines
from chainrule.cli._train import new_network, parameter_count, widths_of
from chainrule.datasets import Dataset, Table, Task
from chainrule.models import arrays

__all__ = ["column_of", "run"]


def run(
    data: str, target: str | None, drop: tuple[str, ...], task: Task | None, report: Report
) -> int:
    """Print what the data hold, and return the exit status."""
    table = open_table(data)
    dataset, problem = None, None
    says_target = target is not None or table.target is not None
    try:
        dataset = open_dataset(data, target, drop, task) if says_target else None
    except DataError as error:
        problem = error.message
    name = dataset.target_name if dataset is not None else target or table.target
    columns = [column_of(table, column) for column in table.columns if column not in drop]
    found = findings(table, name, drop, dataset)
    if problem is not None and not _is_told(problem, found):
        found.insert(0, Finding("problem", problem))
    if not says_target:
        found.append(Finding("note", "To see what a network would get, add --target COLUMN."))
    _print_columns(report, table, columns, name)
    if dataset is not None:
        _print_target(report, dataset)
        _print_network(report, dataset)
    _print_findings(report, found)
    report.document(
        {
            "command": "check",
            "data": table.name if dataset is None else described(dataset),
            "n_rows": table.n_rows,
            "columns": columns,
            "target": name,
            "classes": None if dataset is None else class_counts(dataset),
            "findings": [vars(finding) for finding in found],
            "network": None if dataset is None else _network(dataset),
        }
    )
    return WRONG_DATA if any(finding.level == "problem" for finding in found) else 0


def _is_told(problem: str, found: list[Finding]) -> bool:
    """Return whether what keeps a file from being read is among the findings already."""
    problems = [finding for finding in found if finding.level == "problem"]
    return any(
        not finding.columns or any(f"'{name}'" in problem for name in finding.columns)
        for finding in problems
    )


# -- columns -------------------------------------------------------------------------------------


def column_of(table: Table, name: str) -> dict[str, Any]:
    """Return what a column of a table holds.

    Returns
    -------
    dict
        ``name``, ``kind`` ("numbers", "categories" or "mixed"), ``missing``, ``distinct``; for
        numbers ``min``, ``max``, ``mean``, ``std``, otherwise ``commonest``, pairs of text and
        count.
    """
    values = table[name]
    missing = len(table.missing([name]).get(name, ()))
    numbers = _as_numbers(table, name)
    what: dict[str, Any] = {"name": name, "kind": "categories", "missing": missing}
    if numbers is not None and numbers.size:
        mean = float(np.mean(numbers))
        return {
            **what,
            "kind": "numbers",
            "distinct": len(np.unique(numbers)),
            "min": float(numbers.min()),
            "max": float(numbers.max()),
            "mean": mean,
            "std": float(np.std(numbers)),
        }
    gone = set(table.missing([name]).get(name, ()))
    texts = [text for row, text in enumerate(values) if row not in gone]
    n_numbers = sum(_is_number(text) for text in texts)
    counts = Counter(texts)
    return {
        **what,
        "kind": "mixed" if 0 < n_numbers < len(texts) else "categories",
        "distinct": len(counts),
        "commonest": [list(pair) for pair in counts.most_common(3)],
    }


def _as_numbers(table: Table, name: str) -> npt.NDArray[np.float64] | None:
    """Return the numbers of a column without those that are missing, or None if there is text."""
    values = table[name]
    if not isinstance(values, list):
        numbers = np.asarray(values, np.float64)
        return numbers[~np.isnan(numbers)]
    gone = set(table.missing([name]).get(name, ()))
    texts = [text for row, text in enumerate(values) if row not in gone]
    if not all(_is_number(text) for text in texts):
        return None
    return np.array([float(text) for text in texts])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


# -- output --------------------------------------------------------------------------------------


def _network(dataset: Dataset) -> dict[str, Any]:
    network = new_network(dataset, {}, dataset.n_samples, 0)
    widths = widths_of(network, dataset)
    return {
        "widths": widths,
        "n_parameters": parameter_count(network, widths),
        "standardized": arrays.input_scaling(network.standardize, dataset.features) is not None,
        "test_size": dataset.recipe.test_size,
    }


def _print_columns(
    report: Report, table: Table, columns: list[dict[str, Any]], target: str | None
) -> None:
    report.result(f"{table.name}: {table.n_rows:,} rows, {len(columns):,} columns", "bold")
    shown = columns if len(columns) <= 40 else [*columns[:20], *columns[-5:]]
    rows = [_column_row(column, target) for column in shown]
    head = ("column", "kind", "missing", "distinct", "values")
    for line in table_lines(head, rows, left=(0, 1, 4)):
        report.result(line)
    if len(shown) < len(columns):
        report.result(f"({len(columns) - len(shown)} columns between the 20th and the last 5)")


def _column_row(column: dict[str, Any], target: str | None) -> tuple[str, ...]:
    if column["kind"] == "numbers":
        values = (
            f"{column['min']:.4g} to {column['max']:.4g}, mean {column['mean']:.4g}, "
            f"std {column['std']:.4g}"
        )
    else:
        values = ", ".join(f"{text} ({count:,})" for text, count in column["commonest"])
        values += ", ..." if column["distinct"] > len(column["commonest"]) else ""
    name = column["name"] + (" (target)" if column["name"] == target else "")
    counts = (f"{column['missing'] or '-'}", f"{column['distinct']:,}")
    return name, column["kind"], *counts, values


def _print_target(report: Report, dataset: Dataset) -> None:
    report.result()
    counts = class_counts(dataset)
    if not counts:
        report.result(f"Target '{dataset.target_name}': regression")
        return
    report.result(f"Target '{dataset.target_name}': classification, {len(counts)} classes")
    for one in counts:
        share = 100 * one["n_samples"] / dataset.n_samples
        report.result(f"  {one['name']}: {one['n_samples']:,} ({share:.1f} %)")


def _print_network(report: Report, dataset: Dataset) -> None:
    network = _network(dataset)
    scaled = "standardized" if network["standardized"] else "as they are, of suitable size already"
    held_out = network["test_size"]
    report.result()
    report.result(
        f"A network gets {counted(dataset.n_features, 'feature')}, {scaled}; "
        f"{'-'.join(map(str, network['widths']))} by default, with "
        f"{network['n_parameters']:,} parameters; "
        f"{100 * held_out:g} % of the samples are held out for testing."
    )


def _print_findings(report: Report, found: list[Finding]) -> None:
    report.result()
    if not found:
        report.result("Nothing suspicious was found.")
    for finding in found:
        style = {"problem": "error", "warning": "warning", "note": None}[finding.level]
        report.result(f"{finding.level.capitalize()}: {finding.message}", style)
