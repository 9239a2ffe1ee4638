"""What is in the cells of a heatmap: what may have become of their fits, and their text."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BROKEN", "STATUSES", "cell_texts"]

Array = npt.NDArray[Any]

STATUSES = ("done", "diverged", "failed", "missing", "untried")
BROKEN = ("diverged", "failed")

_LETTERS = (5.5, 9.0)
"""Smallest and largest letters in cells, in points."""


def cell_texts(
    scores: Array, spread: Array, width: float, height: float
) -> tuple[list[list[str]], float] | None:
    """Return what stands in cells of so many points, and how large; None if nothing fits."""
    smallest, largest = _LETTERS
    for digits, with_spread in ((3, True), (3, False), (2, False)):
        if with_spread and not np.isfinite(spread).any():
            continue
        texts = [
            [
                _written(score, sd if with_spread else np.nan, digits, scores)
                for score, sd in zip(*both, strict=True)
            ]
            for both in zip(scores, spread, strict=True)
        ]
        lines = [line for row in texts for text in row for line in text.split("\n")]
        longest = max(map(len, lines), default=0) or 1
        n_lines = 2 if with_spread else 1
        size = min(largest, width / (0.66 * longest), height / (1.3 * n_lines))
        if size >= smallest:
            return texts, size
    return None


def _written(score: float, sd: float, digits: int, scores: Array) -> str:
    if not np.isfinite(score):
        return ""
    shares = np.nanmax(np.abs(scores)) <= 1.0
    kind = "f" if shares else "g"
    text = f"{score:.{digits}{kind}}"
    return f"{text}\n±{sd:.{digits if shares else 2}{kind}}" if np.isfinite(sd) else text
