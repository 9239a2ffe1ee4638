"""What a picture of a search says in words: the best, what is missing, what may lie beyond."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.plot.display import numbered
from chainrule.plot.search_axes import SearchAxis
from chainrule.plot.search_results import metric_label, rows_label, value_text

if TYPE_CHECKING:
    from chainrule.plot.search_heatmap import SearchHeatmapDisplay

__all__ = ["border_warning", "described", "notes", "score_text"]

_HATCHED = {"diverged": "with a fit that diverged", "failed": "with a fit that failed"}
_BLANK = {"missing": "not done yet", "untried": "not tried"}


def score_text(score: float, spread: float, over: str | None) -> str:
    """Return a score with its standard deviation, if there is one.

    >>> score_text(0.9071, 0.0123, "seeds"), score_text(0.5, float("nan"), None)
    ('0.9071 ± 0.012 (over seeds)', '0.5')
    """
    if not np.isfinite(spread):
        return f"{score:.4g}"
    return f"{score:.4g} ± {spread:.2g}" + (f" (over {over})" if over else "")


def border_warning(axis: SearchAxis, places: Sequence[int]) -> str | None:
    """Return a warning if all of the best values are at one end of their scale.

    Parameters
    ----------
    axis : SearchAxis
    places : sequence of int
        Of the values that the highest score was reached with.
    """
    ends = {axis.at_border(place) for place in places}
    if len(ends) != 1 or ends == {None}:
        return None
    return (
        f"Warning: the best {axis.name}, {value_text(axis.values[places[0]])}, is the {ends.pop()} "
        "that was tried; a better one may lie beyond."
    )


def notes(heatmap: SearchHeatmapDisplay) -> list[str]:
    """Return what stands below a heatmap."""
    found = [heatmap.held] if heatmap.held else []
    for how, said in (("hatched", _HATCHED), ("blank", _BLANK)):
        counted = _counted(heatmap, said)
        if counted:
            found.append(f"{how}: {', '.join(counted)}")
    ends = [axis.name for axis, places in _best_places(heatmap) if border_warning(axis, places)]
    return found + [f"the best {name} is at the end of what was tried" for name in ends]


def described(heatmap: SearchHeatmapDisplay) -> str:
    """Return a heatmap in words."""
    head = (
        f"{metric_label(heatmap.metric).capitalize()} of the {rows_label(heatmap.split)} over "
        f"{heatmap.x_axis.described()} and {heatmap.y_axis.described()}"
    )
    parts = [f"{head}; {heatmap.held}." if heatmap.held else f"{head}."]
    parts.append(_extremes(heatmap))
    counted = _counted(heatmap, _HATCHED | _BLANK)
    if counted:
        parts.append(f"There {'is' if counted[0].startswith('1 ') else 'are'} {_listed(counted)}.")
    warnings = [border_warning(axis, places) for axis, places in _best_places(heatmap)]
    return " ".join([*parts, *(warning for warning in warnings if warning)])


def _counted(heatmap: SearchHeatmapDisplay, said: dict[str, str]) -> list[str]:
    """Return how many cells are of some kinds."""
    what = "point" if heatmap.is_scattered else "cell"
    counts = {status: int(np.sum(heatmap.status == status)) for status in said}
    if heatmap.is_scattered:
        counts["untried"] = 0
    return [f"{numbered(counts[s], what)} {text}" for s, text in said.items() if counts[s]]


def _best_places(heatmap: SearchHeatmapDisplay) -> list[tuple[SearchAxis, list[int]]]:
    """Return both axes with the places that the highest score of rows held out was reached at.

    There are none for values drawn at random, whose first and last are not the ends of a range.
    """
    if heatmap.best is None or heatmap.split == "train" or heatmap.is_scattered:
        return []
    rows, columns = np.nonzero(heatmap.scores == heatmap.scores[heatmap.best])
    return [(heatmap.x_axis, columns.tolist()), (heatmap.y_axis, rows.tolist())]


def _extremes(heatmap: SearchHeatmapDisplay) -> str:
    best, highest, scores = heatmap.best, heatmap.highest, heatmap.scores
    if best is None or highest is None:
        return "No cell has a score."
    text = f"The best is {_at(heatmap, best)}"
    if heatmap.split == "train" and highest != best:
        text = (
            f"The best on the rows held out has {_at(heatmap, best)}; the highest here is "
            f"{_at(heatmap, highest)}"
        )
    ties = int(np.sum(scores == scores[highest])) - 1
    if ties:
        text += f", and as high {'is' if ties == 1 else 'are'} {numbered(ties, 'other')}"
    row, column = np.unravel_index(np.nanargmin(scores), scores.shape)
    return f"{text}; the lowest is {_at(heatmap, (int(row), int(column)))}."


def _at(heatmap: SearchHeatmapDisplay, place: tuple[int, int]) -> str:
    score = score_text(
        float(heatmap.scores[place]), float(heatmap.spread[place]), heatmap.spread_over
    )
    x, y = heatmap.x_values[place[1]], heatmap.y_values[place[0]]
    return f"{score}, at {heatmap.x} {value_text(x)} and {heatmap.y} {value_text(y)}"


def _listed(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
