"""Candidates in the order of their scores, and which of them chance could have put in another.

A score is a draw: another seed gives other initial weights, another fold other rows. What is within
the noise of the best is no worse, as far as can be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Ranked", "Ranking", "noise_of", "ranked"]

Array: TypeAlias = npt.NDArray[Any]

_LEVEL = 0.05


@dataclass(frozen=True)
class Ranked:
    """A line of the table.

    Attributes
    ----------
    rank : int
        From 1; equal scores have equal ranks.
    row : int
        Which candidate of the search.
    params : dict
    mean, spread : float
        Of its scores; NaN without a score.
    behind : float
        How far the mean is behind the best.
    within_noise : bool or None
        Whether that is no more than chance makes of equals; None if there is nothing to tell it by.
    """

    rank: int
    row: int
    params: dict[str, Any]
    mean: float
    spread: float
    behind: float
    within_noise: bool | None


@dataclass(frozen=True)
class Ranking:
    """The table; ``print`` shows it.

    Attributes
    ----------
    lines : tuple of Ranked
    noise : {"seeds", "folds"} or None
        What the comparison is made by. With several seeds, by Welch's test at the level of 5 %: the
        variance of a mean over seeds is measured within folds, so that folds that are harder than
        others do not count as noise. With one seed and several folds, by the paired test of
        Nadeau and Bengio (2003), "Inference for the generalization error", whose variance allows
        for folds that share rows they train with. None with a single fit per candidate.
    """

    lines: tuple[Ranked, ...]
    noise: str | None

    def __str__(self) -> str:
        names = list(dict.fromkeys(name for line in self.lines for name in line.params))
        head = ["rank", "score", "±", "behind", *names]
        body = [
            [
                str(line.rank),
                f"{line.mean:.4f}",
                f"{line.spread:.4f}",
                f"{line.behind:.4f}" + (" (noise)" if line.within_noise and line.behind else ""),
                *(_shown(line.params[name]) if name in line.params else "" for name in names),
            ]
            for line in self.lines
        ]
        widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
        rows = [
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in (head, *body)
        ]
        return "\n".join([*rows, self._remark()])

    def _remark(self) -> str:
        if self.noise is None:
            return "One fit for each: how much chance there is in the scores is not known."
        alike = sum(bool(line.within_noise) for line in self.lines)
        return f"{alike} of {len(self.lines)} within the noise of the best, judged by {self.noise}."


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def ranked(
    params: Sequence[dict[str, Any]], scores: Array, rows: Array, test_share: float
) -> Ranking:
    """Return the ranking of candidates.

    Parameters
    ----------
    params : sequence of dict
    scores : ndarray of shape (n_candidates, n_folds, n_seeds)
    rows : ndarray of int of shape (n_candidates,)
        What the candidates are called.
    test_share : float
        Rows held out per row trained with.
    """
    means = scores.mean(axis=(1, 2))
    comparable = np.where(np.isfinite(means), means, -np.inf)
    order = np.argsort(-comparable, kind="stable")
    best = order[0]
    noise, spreads = noise_of(scores)
    lines = []
    for place in order:
        behind = float(means[best] - means[place])
        within = None
        if noise is not None:
            within = bool(place == best) or _within(scores[best], scores[place], test_share)
        lines.append(
            Ranked(
                rank=1 + int(np.sum(comparable > comparable[place])),
                row=int(rows[place]),
                params=params[place],
                mean=float(means[place]),
                spread=float(spreads[place]),
                behind=behind,
                within_noise=within,
            )
        )
    return Ranking(tuple(lines), noise)


def noise_of(scores: Array) -> tuple[str | None, Array]:
    """Return by what noise is told, and the standard deviations over that.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, n_folds, n_seeds)

    Returns
    -------
    {"seeds", "folds"} or None, ndarray of shape (n_candidates,)
        NaN with a single fit per candidate.
    """
    if scores.shape[2] > 1:
        return "seeds", scores.mean(axis=1).std(axis=1, ddof=1)
    if scores.shape[1] > 1:
        return "folds", scores.mean(axis=2).std(axis=1, ddof=1)
    return None, np.full(len(scores), np.nan)


def _within(best: Array, other: Array, test_share: float) -> bool:
    """Return whether scores of shape (n_folds, n_seeds) may differ by chance alone."""
    from scipy.special import stdtrit

    behind = best.mean() - other.mean()
    if not np.isfinite(behind):
        return False
    n_folds, n_seeds = best.shape
    if n_seeds > 1:
        variances = [
            scores.var(axis=1, ddof=1).sum() / n_seeds / n_folds**2 for scores in (best, other)
        ]
        total = sum(variances)
        # Welch and Satterthwaite's degrees of freedom.
        shares = sum(v**2 for v in variances) / (n_folds * (n_seeds - 1))
        freedom = total**2 / shares if shares else np.inf
    else:
        differences = (best - other)[:, 0]
        total = differences.var(ddof=1) * (1.0 / n_folds + test_share)
        freedom = n_folds - 1
    return bool(behind <= stdtrit(freedom, 1.0 - 0.5 * _LEVEL) * np.sqrt(total))
