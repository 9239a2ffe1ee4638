"""What a network consists of, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule import nn

__all__ = ["summarized", "table"]


def summarized(model: nn.Sequential, n_features: int) -> str:
    """Return layers, shapes of outputs, and numbers of parameters.

    Parameters
    ----------
    model : Sequential
    n_features : int
    """
    rows: list[tuple[str, ...]] = []
    total = 0
    x = np.zeros((1, n_features))
    for number, (layer, _, outputs) in enumerate(model.walk(x), start=1):
        count = sum(leaf.size for leaf in tree.leaves(nn.parameters(layer)))
        total += count
        shape = f"(n, {', '.join(str(width) for width in outputs.shape[1:])})"
        rows.append((str(number), repr(layer), shape, f"{count:,}"))
    # Arrays alone: strengths of penalties and the like are settings.
    fixed = sum(np.size(leaf) for leaf in tree.leaves(model) if np.ndim(leaf)) - total
    lines = table(("", "layer", "output", "parameters"), rows)
    return f"{lines}\n{total:,} parameters, {fixed:,} numbers that are not trained"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows of text as columns of equal width."""
    cells = [head, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
