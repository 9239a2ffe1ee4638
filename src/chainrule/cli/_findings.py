"""What is suspicious about a table, before anything in it is refused.

Columns are compared by codes: every value is represented by the number of the first row that has
it, so that numbers and text are treated alike, and two columns that say the same under different
names have the same codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from chainrule.datasets import Dataset, Table
from chainrule.models import arrays

__all__ = ["LEVELS", "Finding", "class_counts", "counted", "findings"]

Level = Literal["problem", "warning", "note"]
LEVELS = get_args(Level)

_RARE = 10.0
"""How many times as frequent the commonest class may be as the rarest."""

_FEW_ROWS = 10
"""Fewer rows per class, or distinct values, say nothing about ids and copies."""

_SPREAD = 1e3
"""Ratio of the scales of features from which on it is worth a note."""


@dataclass(frozen=True)
class Finding:
    """Something about the data that should be known."""

    level: Level
    message: str
    columns: tuple[str, ...] = ()


def findings(
    table: Table, target: str | None, drop: tuple[str, ...], dataset: Dataset | None
) -> list[Finding]:
    """Return what should be known before a network is trained on a table."""
    if table.n_rows < 2:
        rows = counted(table.n_rows, "row")
        return [Finding("problem", f"The file has {rows} of values. Add at least two.")]
    names = [name for name in table.columns if name not in drop]
    features = [name for name in names if name != target]
    codes = {name: _codes(table[name]) for name in names}
    found = [*_missing(table, names), *_constants(features, codes)]
    found += [
        finding
        for name in features
        if (finding := _suspicion(table, name, codes, target)) is not None
    ]
    found += _twins(table, features, codes)
    found += _doubled_rows(names, features, codes, table.n_rows)
    if dataset is not None:
        found += [*_imbalance(dataset), *_few_rows(dataset), *_scales(dataset)]
    return sorted(found, key=lambda finding: LEVELS.index(finding.level))


def _codes(values: Any) -> npt.NDArray[np.int64]:
    """Return for each value the number of the first row with an equal one: what is compared."""
    array = np.asarray(values)
    _, first, inverse = np.unique(array, return_index=True, return_inverse=True)
    return first[inverse.ravel()].astype(np.int64)


def _missing(table: Table, names: list[str]) -> list[Finding]:
    missing = table.missing(names)
    if not missing:
        return []
    total = sum(len(rows) for rows in missing.values())
    each = ", ".join(f"'{name}' ({len(rows)})" for name, rows in missing.items())
    rows = len({row for found in missing.values() for row in found})
    return [
        Finding(
            "problem",
            f"{counted(total, 'value')} missing, in {counted(rows, 'row')}: {each}. Fill them in, "
            "remove the rows, or leave the columns out with --drop.",
            tuple(missing),
        )
    ]


def _constants(features: list[str], codes: dict[str, npt.NDArray[np.int64]]) -> list[Finding]:
    constant = tuple(name for name in features if not codes[name].any())
    if not constant:
        return []
    listed = ", ".join(f"'{name}'" for name in constant[:12])
    more = f" and {len(constant) - 12} more" if len(constant) > 12 else ""
    message = f"Always the same, so that they tell nothing: {listed}{more}."
    return [Finding("note", message, constant)]


def _suspicion(
    table: Table, name: str, codes: dict[str, npt.NDArray[np.int64]], target: str | None
) -> Finding | None:
    """Return why a feature should perhaps not be one."""
    n_rows, values = table.n_rows, codes[name]
    distinct = len(np.unique(values))
    if n_rows >= _FEW_ROWS and distinct == n_rows and _counts_rows(table[name]):
        return Finding(
            "warning",
            f"'{name}' is different in every row, as a number or name of the row is. Learned by "
            f"heart, it tells nothing about other rows: leave it out with --drop {quote(name)}.",
            (name,),
        )
    if target is None or target not in codes or distinct == 1:
        return None
    if _tells(values, codes[target]) and _tells(codes[target], values):
        what = "is the target under another name: every value of one stands for one of the other"
    elif distinct <= n_rows / 2 and distinct < _FEW_ROWS and _tells(values, codes[target]):
        what = "alone tells the target: all rows with the same value have the same target"
    elif _correlation(table[name], table[target]) > 1 - 1e-9:
        what = "is the target in other units: their correlation is 1"
    else:
        return None
    return Finding(
        "warning",
        f"'{name}' {what}. If it is not known when predictions are made, leave it out with "
        f"--drop {quote(name)}.",
        (name,),
    )


def _counts_rows(values: Any) -> bool:
    """Return whether a column without repetitions is text, or consecutive whole numbers."""
    if isinstance(values, list):
        return True
    low, high = float(np.min(values)), float(np.max(values))
    return bool((np.mod(values, 1) == 0).all()) and high - low == len(values) - 1


def _tells(values: npt.NDArray[np.int64], others: npt.NDArray[np.int64]) -> bool:
    """Return whether equal values always come with equal others, beyond single rows."""
    distinct = len(np.unique(values))
    return distinct <= len(values) / 2 and _distinct_rows([values, others]) == distinct


def _correlation(values: Any, others: Any) -> float:
    if isinstance(values, list) or isinstance(others, list) or len(values) < _FEW_ROWS:
        return 0.0
    a, b = np.asarray(values, np.float64), np.asarray(others, np.float64)
    if not (np.isfinite(a).all() and np.isfinite(b).all() and np.ptp(a) and np.ptp(b)):
        return 0.0
    return float(abs(np.corrcoef(a, b)[0, 1]))


def _twins(
    table: Table, features: list[str], codes: dict[str, npt.NDArray[np.int64]]
) -> list[Finding]:
    """Find features that are equal up to the names of their values."""
    seen: dict[bytes, str] = {}
    found = []
    for name in features:
        first = seen.setdefault(codes[name].tobytes(), name)
        if first == name or not codes[name].any():
            continue
        # Columns without repetitions have the same codes, whatever they say.
        repeats = len(np.unique(codes[name])) < len(codes[name])
        if repeats or np.array_equal(np.asarray(table[name]), np.asarray(table[first])):
            message = (
                f"'{name}' says the same as '{first}' in every row. One of them is enough: "
                f"--drop {quote(name)}."
            )
            found.append(Finding("note", message, (first, name)))
    return found


def _doubled_rows(
    names: list[str],
    features: list[str],
    codes: dict[str, npt.NDArray[np.int64]],
    n_rows: int,
) -> list[Finding]:
    if not features:
        return []
    whole, inputs = (_distinct_rows([codes[name] for name in group]) for group in (names, features))
    found = []
    if n_rows > whole:
        message = (
            f"{counted(n_rows - whole, 'row')} equal to another in all columns. If they are "
            "copies, remove them: a copy in the test part makes the result look better than it is."
        )
        found.append(Finding("warning", message))
    if whole > inputs:
        message = (
            f"{counted(whole - inputs, 'row')} equal to another in all features, but with another "
            "target: no network can be right about both."
        )
        found.append(Finding("note", message))
    return found


def _distinct_rows(columns: list[npt.NDArray[np.int64]]) -> int:
    """Return how many different rows there are, in memory for two columns."""
    rows = columns[0]
    for column in columns[1:]:
        rows = np.unique(rows * len(column) + column, return_inverse=True)[1]
    return len(np.unique(rows))


def _imbalance(dataset: Dataset) -> list[Finding]:
    if dataset.class_names is None:
        return []
    counts = {one["name"]: one["n_samples"] for one in class_counts(dataset)}
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    if counts[most] < _RARE * counts[least]:
        return []
    share = counts[most] / dataset.n_samples
    return [
        Finding(
            "warning",
            f"Class '{most}' has {counted(counts[most], 'sample')}, '{least}' "
            f"{counts[least]:,}: always to say '{most}' is right in {100 * share:.1f} %. Consider "
            "--class-weight balanced, and look at precision and recall of each class.",
            (dataset.target_name,),
        )
    ]


def _few_rows(dataset: Dataset) -> list[Finding]:
    if dataset.n_samples >= _FEW_ROWS * dataset.n_features or dataset.n_samples < _FEW_ROWS:
        return []
    return [
        Finding(
            "note",
            f"{counted(dataset.n_samples, 'sample')} are few for "
            f"{counted(dataset.n_features, 'feature')}: the network may learn them by heart. "
            "Consider a larger --l2, and --early-stopping.",
        )
    ]


def _scales(dataset: Dataset) -> list[Finding]:
    scale = np.asarray(arrays.standardizer(dataset.features, None, np.float64).scale)
    if scale.max() < _SPREAD * scale.min():
        return []
    small, large = (dataset.feature_names[i] for i in (int(scale.argmin()), int(scale.argmax())))
    return [
        Finding(
            "note",
            f"The scales of the features differ by a factor of {scale.max() / scale.min():.2g}, "
            f"from '{small}' to '{large}'. The network standardizes them.",
            (small, large),
        )
    ]


def class_counts(dataset: Dataset) -> list[dict[str, Any]]:
    if dataset.class_names is None:
        return []
    counts = np.bincount(dataset.target, minlength=len(dataset.class_names)).tolist()
    return [
        {"name": name, "n_samples": count}
        for name, count in zip(dataset.class_names, counts, strict=True)
    ]


def counted(n: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
