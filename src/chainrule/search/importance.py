"""How much hyper-parameters matter: main effects of a functional analysis of variance.

The scores of a search are a function of the hyper-parameters. Its variance over the space is the
sum of what each explains by itself, what pairs explain beyond that, and so on (Hooker, 2007;
Hutter, Hoos and Leyton-Brown, 2014, "An efficient approach for assessing hyperparameter
importance"). On a full grid the first terms are found by averaging; elsewhere a forest is fitted to
the scores first, as in the latter paper, and the terms of its trees are found from their leaves.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["main_effects"]

Array: TypeAlias = npt.NDArray[Any]

_TREES = 50
"""Trees of a forest."""


def main_effects(codes: Array, scores: Array) -> npt.NDArray[np.float64]:
    r"""Return the share of the variance that each hyper-parameter explains by itself.

    .. math:: \frac{\operatorname{Var}_{x_j} E[f \mid x_j]}{\operatorname{Var} f}

    Values of a hyper-parameter that was varied count the same each, as often as it was tried.

    Parameters
    ----------
    codes : ndarray of int of shape (n_candidates, n_names)
        Which value each candidate has, by its place in the order of values.
    scores : ndarray of shape (n_candidates,)
        Finite.

    Returns
    -------
    ndarray of shape (n_names,)
        At least 0, with a sum of at most 1 but for rounding; zeros if all scores are equal.
    """
    if len(scores) < 2 or np.ptp(scores) == 0.0:
        return np.zeros(codes.shape[1])
    effects, total = _of_grid(codes, scores) if _is_grid(codes) else _of_forest(codes, scores)
    # All effects together are no more than the variance, but for rounding.
    whole = max(total, float(effects.sum()))
    return effects / whole if whole else effects


def _is_grid(codes: Array) -> bool:
    """Return whether every combination of values was tried as often as any other."""
    sizes = [len(np.unique(column)) for column in codes.T]
    _, counts = np.unique(codes, axis=0, return_counts=True)
    return len(counts) == np.prod(sizes) and bool((counts == counts[0]).all())


def _of_grid(codes: Array, scores: Array) -> tuple[Array, float]:
    """Return the variance of the mean score over the values of each column, and the whole one."""
    effects = []
    for column in codes.T:
        _, group, counts = np.unique(column, return_inverse=True, return_counts=True)
        means = np.bincount(group, scores) / counts
        effects.append(np.average((means - scores.mean()) ** 2, weights=counts))
    return np.array(effects), float(scores.var())


def _of_forest(codes: Array, scores: Array) -> tuple[Array, float]:
    """Return the sums over trees of the same variances, where columns are independent."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(_TREES, random_state=0).fit(codes, scores)
    effects, total = np.zeros(codes.shape[1]), 0.0
    for member in forest.estimators_:
        of_tree, whole = _of_tree(member.tree_, codes)
        effects, total = effects + of_tree, total + whole
    return effects, total


def _of_tree(tree: Any, codes: Array) -> tuple[Array, float]:
    """Return the same of a tree, exactly: it is constant on boxes, whose shares are products.

    Each column keeps how often its values were tried, and loses what they were tried with.
    """
    values, lows, highs = _boxes(tree, codes.shape[1])
    ordered = np.sort(codes, axis=0)
    shares = np.column_stack(
        [
            np.searchsorted(column, high, "right") - np.searchsorted(column, low, "right")
            for column, low, high in zip(ordered.T, lows.T, highs.T, strict=True)
        ]
    ) / len(codes)
    weights = shares.prod(axis=1)
    centre = weights @ values
    effects = []
    for place, column in enumerate(codes.T):
        levels, counts = np.unique(column, return_counts=True)
        inside = (lows[:, place] < levels[:, None]) & (levels[:, None] <= highs[:, place])
        means = inside @ (values * np.delete(shares, place, axis=1).prod(axis=1))
        effects.append(np.average((means - centre) ** 2, weights=counts))
    return np.array(effects), float(weights @ (values - centre) ** 2)


def _boxes(tree: Any, n_columns: int) -> tuple[Array, Array, Array]:
    """Return the value of each leaf, and the bounds ``low < code <= high`` of its box."""
    leaves = []
    waiting = [(0, np.full(n_columns, -np.inf), np.full(n_columns, np.inf))]
    while waiting:
        node, low, high = waiting.pop()
        column, threshold = tree.feature[node], tree.threshold[node]
        if tree.children_left[node] < 0:
            leaves.append((tree.value[node, 0, 0], low, high))
            continue
        below, above = high.copy(), low.copy()
        below[column] = above[column] = threshold
        waiting.append((tree.children_left[node], low, below))
        waiting.append((tree.children_right[node], above, high))
    values, lows, highs = zip(*leaves, strict=True)
    return np.array(values), np.array(lows), np.array(highs)
