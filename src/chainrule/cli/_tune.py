"""The work of `chainrule tune`: many networks, the best of which is trained on all and tested.

The test part of the data is set aside first and decides nothing: it is for the one network that is
chosen. That network is what `chainrule train` makes of the same data, seed and settings.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import typer

from chainrule._errors import InvalidArgumentError
from chainrule._threads import get_threads
from chainrule.cli._data import Parts, network_kind, split
from chainrule.cli._evaluation import Evaluation, Fold, cross_validation, held_out
from chainrule.cli._exit import DIVERGED, INTERRUPTED
from chainrule.cli._model import TableModel
from chainrule.cli._options import checked
from chainrule.cli._picture import FORMATS, Picture
from chainrule.cli._report import Report
from chainrule.cli._score import scores
from chainrule.cli._search_progress import SearchProgress
from chainrule.cli._space import Varied, read_space
from chainrule.cli._train import check_writable, new_network
from chainrule.cli._tuned import Tuned, document, print_found, print_plan, print_tested
from chainrule.datasets import Dataset
from chainrule.search import SearchResults
from chainrule.search.cells import fingerprint
from chainrule.search.exploring import Exploration
from chainrule.search.progress import ProgressCallback, Tracker
from chainrule.search.proposals import Proposals, all_at_once, by_optuna, drawn, imported_optuna
from chainrule.search.running import ThreadCrew
from chainrule.search.space import Space
from chainrule.search.store import Store

__all__ = ["Tuning", "run"]

_HOLDOUT = 0.2

_MOST_SEED = 2**32


@dataclass(frozen=True)
class Tuning:
    """What is asked for besides the data set.

    Parameters
    ----------
    settings : dict
        Hyper-parameters that all networks have, in place of those of the data set's recipe.
    grid : tuple of str
        What is varied, see `chainrule.cli._space`.
    test_size : float or None
        None for what the recipe says.
    cv : int or None
    holdout : float or None
        None, without cv, for a fifth.
    seeds, seed : int
    random, bayes : int or None
        How many combinations; None for all of the grid.
    plot, store, save : Path or None
    """

    settings: dict[str, Any]
    grid: tuple[str, ...]
    test_size: float | None = None
    cv: int | None = None
    holdout: float | None = None
    seeds: int = 1
    random: int | None = None
    bayes: int | None = None
    plot: Path | None = None
    store: Path | None = None
    save: Path | None = None
    seed: int = 0


def run(dataset: Dataset, wanted: Tuning, report: Report, *, no_color: bool) -> int:
    """Search, show what is found, train and test the best, and return the exit status."""
    _check(wanted)
    kind = network_kind(dataset)
    checked(wanted.settings, kind)
    varied = read_space(wanted.grid, wanted.settings, kind)
    test_size = dataset.recipe.test_size if wanted.test_size is None else wanted.test_size
    parts = split(dataset, test_size, 0.0, wanted.seed)
    folds = _folds(parts.train, wanted)
    proposals, n_candidates = _proposals(varied.space, wanted)
    evaluation = Evaluation(parts.train, folds, wanted.settings)
    total = n_candidates * len(folds) * wanted.seeds
    print_plan(report, parts, folds, varied, n_candidates, total)
    exploration = Exploration(
        len(folds), _seeds(wanted), (evaluation.metric,), evaluation.metric, np.nan
    )
    progress = SearchProgress(report, total, varied.labelled, no_color)
    picture = None if wanted.plot is None else Picture(wanted.plot)
    callbacks: list[ProgressCallback] = [progress]
    if picture is not None:
        callbacks.append(picture)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        store = _opened(wanted, parts.train, folds, varied.space)
        crew = ThreadCrew(evaluation, min(get_threads(), total), store)
        with progress:
            exploration.run(proposals, crew, Tracker(total, callbacks))
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        report.note(f"Note: {message}", "warning")
    if not exploration.candidates:
        report.problem("Interrupted before anything was done.")
        return INTERRUPTED
    share = len(folds[0].test) / len(folds[0].train)
    scales = {name: varied.space.scale(name) for name in varied.space}
    results = _labelled(exploration.results(scales, share), varied)
    return _finished(Tuned(parts, varied, results), wanted, picture, report)


def _finished(tuned: Tuned, wanted: Tuning, picture: Picture | None, report: Report) -> int:
    """Show what was found, draw it, train the best, and return the exit status."""
    results = tuned.results
    _refuse_failures(results)
    if picture is not None:
        picture.draw(results)
    print_found(report, tuned)
    measured, saved = None, False
    try:
        if tuned.best is not None:
            network = _trained_with_best(tuned, wanted)
            measured = _measured(network, tuned.parts)
            print_tested(report, tuned, measured)
            if wanted.save is not None:
                _save(wanted.save, network, tuned, wanted.seed, measured)
                report.note(f"Saved to {wanted.save}")
                saved = True
        if picture is not None:
            picture.finish()
            report.note(f"Picture: {picture.path}")
    finally:
        # What cannot be written must not take the result with it.
        report.document(document(tuned, wanted, measured, saved))
    if results.interrupted:
        report.problem("Interrupted: what is shown is of the fits that were done.")
        return INTERRUPTED
    if not (results.status == "done").any():
        report.problem(
            "Every fit diverged. Try smaller learning rates, --clip-norm, or another --optimizer."
        )
        return DIVERGED
    return 0


# -- before the search ---------------------------------------------------------------------------


def _check(wanted: Tuning) -> None:
    """Refuse what contradicts itself or could not be written in the end."""
    for one, other in (("cv", "holdout"), ("random", "bayes")):
        if getattr(wanted, one) is not None and getattr(wanted, other) is not None:
            raise typer.BadParameter(
                f"expected --{one} or --{other}, got both.", param_hint=f"--{one}"
            )
    if wanted.holdout is not None and not 0.0 < wanted.holdout < 1.0:
        raise typer.BadParameter(
            f"expected a share above 0 and below 1, got {wanted.holdout:g}.",
            param_hint="--holdout",
        )
    for option in ("plot", "store", "save"):
        check_writable(f"--{option}", getattr(wanted, option))
    if wanted.plot is not None and wanted.plot.suffix.lower() not in FORMATS:
        raise typer.BadParameter(
            f"expected a name that ends in {', '.join(FORMATS)}, got {wanted.plot.name}.",
            param_hint="--plot",
        )
    if wanted.bayes is not None:
        imported_optuna()


def _folds(dataset: Dataset, wanted: Tuning) -> list[Fold]:
    if wanted.cv is not None:
        return cross_validation(dataset, wanted.cv, wanted.seed)
    share = _HOLDOUT if wanted.holdout is None else wanted.holdout
    return held_out(dataset, share, wanted.seed)


def _seeds(wanted: Tuning) -> list[dict[str, int]]:
    return [{"random_state": (wanted.seed + k) % _MOST_SEED} for k in range(wanted.seeds)]


def _proposals(space: Space, wanted: Tuning) -> tuple[Proposals, int]:
    """Return what is tried, and how many combinations that are."""
    if wanted.bayes is not None:
        return by_optuna(space, wanted.bayes, wanted.seed, None), wanted.bayes
    if wanted.random is None:
        candidates = list(space.grid())
    else:
        candidates = drawn([space], wanted.random, wanted.seed)
    return all_at_once(candidates), len(candidates)


def _opened(wanted: Tuning, dataset: Dataset, folds: list[Fold], space: Space) -> Store | None:
    if wanted.store is None:
        return None
    return Store(
        wanted.store,
        {
            "data": fingerprint([dataset.features, dataset.target]),
            "space": fingerprint({name: space.dimensions[name] for name in sorted(space)}),
            "settings": fingerprint({**dataset.recipe.settings, **wanted.settings}),
            "folds": fingerprint([list(fold) for fold in folds]),
        },
    )


# -- after it ------------------------------------------------------------------------------------


def _labelled(results: SearchResults, varied: Varied) -> SearchResults:
    """Return results that call hyper-parameters what the user calls them."""
    return replace(
        results,
        candidates=tuple(varied.labelled(params) for params in results.candidates),
        scales=varied.labelled(results.scales),
    )


def _refuse_failures(results: SearchResults) -> None:
    """Raise if no fit could even begin, as settings that exclude each other make it."""
    if (results.status == "failed").all():
        raise InvalidArgumentError(next(iter(results.messages.values())))


def _trained_with_best(tuned: Tuned, wanted: Tuning) -> Any:
    """Return the best network, trained on all samples but those for testing."""
    train = tuned.parts.train
    settings = {**wanted.settings, **tuned.best_settings}
    network = new_network(train, settings, train.n_samples, wanted.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the search has told them
        network.fit(train.features, train.target)
    return network


def _measured(network: Any, parts: Parts) -> dict[str, dict[str, Any]]:
    return {
        name: scores(part.target, network.predict(part.features), part.class_names)
        for name, part in (("test", parts.test), ("training", parts.train))
        if part is not None
    }


def _save(
    path: Path, network: Any, tuned: Tuned, seed: int, measured: dict[str, dict[str, Any]]
) -> None:
    from chainrule.saving import save

    record = tuned.record(seed, network.message_, measured)
    save(path, TableModel(tuned.parts.train.encoder, network, record))
