"""What a search has found, as lines of text and as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.cli._data import Parts, described
from chainrule.cli._evaluation import Fold
from chainrule.cli._options import option_name, shown
from chainrule.cli._progress import number
from chainrule.cli._report import Report
from chainrule.cli._score import sentence, table_lines
from chainrule.cli._space import Varied, written
from chainrule.plot.display import numbered
from chainrule.plot.search_axes import SearchAxis
from chainrule.plot.search_words import border_warning, score_text
from chainrule.search import Ranking, SearchResults

__all__ = ["Tuned", "document", "print_found", "print_plan", "print_tested"]

_LISTED = 10
"""So many of the best combinations are printed."""


@dataclass(frozen=True)
class Tuned:
    """The outcome of a search.

    Parameters
    ----------
    parts : Parts
        What was searched with, and what the best is tested on.
    varied : Varied
    results : SearchResults
        By the names that the user has given.
    """

    parts: Parts
    varied: Varied
    results: SearchResults

    @cached_property
    def ranking(self) -> Ranking:
        """The combinations in the order of their scores."""
        return self.results.ranking()

    @property
    def best(self) -> dict[str, Any] | None:
        """The best values by the user's names; None if nothing has a score."""
        first = self.ranking.lines[0]
        return first.params if np.isfinite(first.mean) else None

    @property
    def best_settings(self) -> dict[str, Any]:
        """The best values by their declared names."""
        best = self.best or {}
        return {name: best[label] for name, label in self.varied.labels.items() if label in best}

    @property
    def options(self) -> str:
        """The best values as options of `chainrule train`."""
        # To the last digit, so that `chainrule train` makes the same network of them.
        return " ".join(
            f"{option_name(name)} {value!r}"
            if isinstance(value, float)
            else f"{option_name(name)} {shown(value)}"
            for name, value in self.best_settings.items()
        )

    @property
    def warnings(self) -> list[str]:
        """What the best values say about the ranges they come from."""
        best = [line.params for line in self.ranking.lines if line.rank == 1]
        found = []
        for name in self.best or {}:
            if name in self._drawn:
                continue
            values = self.results.values(name)
            axis = SearchAxis.of_points(name, values, self.results.scales[name])
            found.append(border_warning(axis, [values.index(params[name]) for params in best]))
        return [warning for warning in found if warning is not None]

    @property
    def _drawn(self) -> set[str]:
        """Names whose values are any of a range: the first and last of them are not its ends."""
        dimensions = self.varied.space.dimensions
        return {
            label
            for name, label in self.varied.labels.items()
            if not set(self.results.values(label)) <= set(dimensions[name].values())
        }

    def record(
        self, seed: int, message: str, measured: Mapping[str, dict[str, Any]]
    ) -> dict[str, Any]:
        """Return how the network that is saved was trained, as `chainrule train` writes it."""
        main = ("n_samples", "n_correct", "accuracy", "r2", "mse", "mae")
        return {
            "data": described(self.parts.train),
            "seed": seed,
            "split": {name: figures["n_samples"] for name, figures in measured.items()},
            "message": message,
            "scores": {
                name: {key: value for key, value in figures.items() if key in main}
                for name, figures in measured.items()
            },
        }


def print_plan(
    report: Report, parts: Parts, folds: list[Fold], varied: Varied, n_candidates: int, total: int
) -> None:
    """Say what is about to be done."""
    data = parts.train
    report.note(f"{data.name}: {data.n_samples:,} samples to search with", "bold")
    if parts.test is None:
        report.note("No samples are held out for testing the best.")
    else:
        report.note(f"{parts.test.n_samples:,} others are held out for testing the best")
    if len(folds) > 1:
        report.note(f"Each combination is scored by {len(folds)}-fold cross-validation")
    else:
        report.note(f"Each combination is scored on {len(folds[0].test):,} of the samples")
    names = ", ".join(varied.labels.values())
    report.note(f"{numbered(n_candidates, 'combination')} of {names}: {numbered(total, 'fit')}")


def print_found(report: Report, tuned: Tuned) -> None:
    """Print the best combinations, which of them are as good, and what is missing."""
    results, ranking = tuned.results, tuned.ranking
    report.note(f"{results}")
    for (row, _, _), message in list(results.messages.items())[:1]:
        values = ", ".join(f"{n} {written(v)}" for n, v in results.candidates[row].items())
        report.note(f"  {values}: {message}")
    if tuned.best is None:
        return
    report.note()
    lines = [line for line in ranking.lines if np.isfinite(line.mean)]
    names = [*tuned.varied.labels.values()]
    noisy = ranking.noise is not None
    head = ["rank", results.metric, *(["±", "as good"] if noisy else []), *names]
    rows = [
        [
            str(line.rank),
            number(line.mean),
            *([number(line.spread), "yes" if line.within_noise else "no"] if noisy else []),
            *(written(line.params[name]) if name in line.params else "" for name in names),
        ]
        for line in lines[:_LISTED]
    ]
    for text in table_lines(head, rows):
        report.note(text)
    if len(lines) > _LISTED:
        report.note(f"... and {len(lines) - _LISTED:,} more")
    report.note(_about_noise(tuned))
    for warning in tuned.warnings:
        report.note(warning, "warning")


def _about_noise(tuned: Tuned) -> str:
    ranking = tuned.ranking
    if ranking.noise is None:
        return "One fit for each: how much chance there is in the scores is not known (--seeds 3)."
    alike = sum(bool(line.within_noise) for line in ranking.lines)
    if alike == 1:
        return f"No other is as good, judged by {ranking.noise}."
    return f"{alike:,} are as good as far as {ranking.noise} can tell."


def print_tested(report: Report, tuned: Tuned, measured: Mapping[str, dict[str, Any]]) -> None:
    """Print the best values, and how good the network is that was trained with them."""
    best = tuned.ranking.lines[0]
    score = score_text(best.mean, best.spread, tuned.ranking.noise)
    report.note()
    report.result(f"Best {tuned.options}: {tuned.results.metric} {score}", "bold")
    report.note(f"Trained with them on all {tuned.parts.train.n_samples:,} samples:")
    for name, figures in measured.items():
        report.result(f"{name.capitalize()} {sentence(figures)}", "bold")


def document(
    tuned: Tuned, wanted: Any, measured: Mapping[str, dict[str, Any]] | None, saved: bool
) -> dict[str, Any]:
    """Return the result as plain data."""
    results = tuned.results
    counts = {name: int(np.sum(results.status == name)) for name in _STATUSES}
    parts = {"search": tuned.parts.train, "test": tuned.parts.test}
    return {
        "command": "tune",
        "data": described(tuned.parts.train),
        "seed": wanted.seed,
        "split": {name: part.n_samples for name, part in parts.items() if part is not None},
        "settings": wanted.settings,
        "space": {name: list(results.values(name)) for name in results.scales},
        "metric": results.metric,
        "n_folds": results.n_folds,
        "n_seeds": results.n_seeds,
        "fits": counts,
        "interrupted": results.interrupted,
        "best": tuned.best,
        "options": tuned.options,
        "candidates": [
            {
                "rank": line.rank,
                "params": line.params,
                "score": line.mean,
                "spread": line.spread,
                "behind": line.behind,
                "within_noise": line.within_noise,
            }
            for line in tuned.ranking.lines
        ],
        "warnings": tuned.warnings,
        "scores": measured,
        "plot": None if wanted.plot is None else str(wanted.plot),
        "store": None if wanted.store is None else str(wanted.store),
        "saved": str(wanted.save) if saved else None,
    }


_STATUSES = ("done", "diverged", "failed", "missing")
