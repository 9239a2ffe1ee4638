"""What pictures of a search are made from: its results, whoever has searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from chainrule._errors import ArgumentTypeError, InvalidArgumentError
from chainrule.plot.estimator import check_fitted
from chainrule.plot.palette import GREY
from chainrule.search import SearchResults
from chainrule.search.views import scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

__all__ = [
    "caption",
    "held_text",
    "metric_label",
    "results_of",
    "rows_label",
    "split_of",
    "telling_range",
    "value_text",
]

_SPLITS: Mapping[str, Any] = {"test": "test", "val": "test", "train": "train"}
"""Names of the rows that scores are of; ``"val"`` says what those held out by a search are for."""

_FAR_BELOW = 20.0
"""Scores are told apart down to as many times the distance of best and median."""

_NOTE_SIZE = 8.0
"""Points of the letters of a caption."""


def results_of(name: str, search: Any) -> SearchResults:
    """Return the results of a search.

    Parameters
    ----------
    name : str
        Of the display, for messages.
    search : GridSearch, RandomSearch, BayesSearch, SearchResults or a search of scikit-learn
        Fitted.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the search was not fitted.
    ArgumentTypeError
        If it is no search.
    """
    if isinstance(search, SearchResults):
        return search
    check_fitted(search)
    if isinstance(getattr(search, "results_", None), SearchResults):
        return search.results_
    if hasattr(search, "cv_results_"):
        return _read(search.cv_results_, search.refit)
    raise ArgumentTypeError(
        f"{name}.from_search: expected a fitted search, such as GridSearch, got "
        f"{type(search).__name__}."
    )


def _read(table: Mapping[str, Any], refit: Any) -> SearchResults:
    """Return the results that a table of scikit-learn's holds.

    It does not tell fits that failed from those that diverged, nor how many rows each fold has; the
    comparison of folds takes them for those of k-fold cross-validation.
    """
    candidates = tuple(dict(params) for params in table["params"])
    prefix = "mean_test_"
    metrics = tuple(key.removeprefix(prefix) for key in table if key.startswith(prefix))
    test = {metric: _scores(table, "test", metric) for metric in metrics}
    has_train = f"mean_train_{metrics[0]}" in table
    n_folds = test[metrics[0]].shape[1]
    names = dict.fromkeys(name for params in candidates for name in params)
    scores = test[metrics[0]]
    shape = scores.shape
    return SearchResults(
        candidates=candidates,
        metrics=metrics,
        metric=refit if refit in metrics else metrics[0],
        test=test,
        train={m: _scores(table, "train", m) for m in metrics} if has_train else {},
        fit_seconds=np.broadcast_to(table["mean_fit_time"][:, None, None], shape),
        score_seconds=np.broadcast_to(table["mean_score_time"][:, None, None], shape),
        status=np.where(np.isfinite(scores), "done", "failed"),
        messages={},
        scales={n: scale_of([p[n] for p in candidates if n in p], None) for n in names},
        rung=np.asarray(table.get("iter", np.zeros(len(candidates), np.int64))),
        test_share=1.0 / max(n_folds - 1, 1),
        interrupted=False,
    )


def _scores(table: Mapping[str, Any], split: str, metric: str) -> npt.NDArray[Any]:
    """Return scores of shape (n_candidates, n_folds, 1)."""
    columns: list[npt.NDArray[Any]] = []
    while (key := f"split{len(columns)}_{split}_{metric}") in table:
        columns.append(table[key])
    return np.stack(columns, axis=1)[:, :, None]


def split_of(name: str, split: str) -> Any:
    """Return which scores of the results are meant.

    Raises
    ------
    InvalidArgumentError
        If there are none of that name.
    """
    if split not in _SPLITS:
        raise InvalidArgumentError(
            f"{name}: split: expected 'test', 'val' or 'train', got {split!r}."
        )
    return _SPLITS[split]


def telling_range(*scores: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the lowest and highest score that are told apart.

    A few fits that went wrong can have scores that are worse by orders of magnitude; all others
    would look alike beside them.
    """
    known = np.concatenate([part[np.isfinite(part)] for part in scores])
    if not known.size:
        return 0.0, 1.0
    highest, middle = float(known.max()), float(np.median(known))
    lowest = max(float(known.min()), middle - _FAR_BELOW * (highest - middle))
    return (lowest, highest) if lowest < highest else (lowest - 0.5, highest + 0.5)


def rows_label(split: str) -> str:
    """Return in words which rows scores are of."""
    return "training rows" if split == "train" else "rows held out"


def metric_label(metric: str) -> str:
    """Return a metric as words.

    >>> metric_label("neg_mean_squared_error")
    'neg mean squared error'
    """
    return metric.replace("_", " ")


def value_text(value: Any) -> str:
    """Return a value of a hyper-parameter in short.

    >>> value_text(0.001), value_text((64, 32)), value_text("relu"), value_text(np.tanh)
    ('0.001', '64-32', 'relu', 'tanh')
    """
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    if isinstance(value, (tuple, list)):
        return "-".join(map(value_text, value)) or "none"
    return getattr(value, "__name__", None) or str(value)


def held_text(others: Sequence[str], reduce: Any) -> str:
    """Return what is done about hyper-parameters that a picture has no axis for."""
    if not others:
        return ""
    if isinstance(reduce, Mapping):
        fixed = ", ".join(f"{name} {value_text(value)}" for name, value in reduce.items())
        rest = [name for name in others if name not in reduce]
        more = f", the best over {', '.join(rest)}" if rest else ""
        return f"with {fixed}{more}"
    return f"each the {reduce} over {', '.join(others)}"


def caption(ax: Axes, notes: Sequence[str], width: float) -> Text | None:
    """Write notes below an axes that is so many points wide."""
    if not notes:
        return None
    from textwrap import fill

    text = fill("; ".join(notes), max(24, int(width / (0.52 * _NOTE_SIZE))))
    return ax.annotate(
        text,
        (0.5, 0.0),
        (0.0, -4.0),
        xycoords=ax.xaxis.label,
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=_NOTE_SIZE,
        color=GREY,
    )
