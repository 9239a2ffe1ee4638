"""The commands that search for hyper-parameters, declared as those of `_app` are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chainrule.cli._app import (
    _STATUSES,
    Data,
    Drop,
    Json,
    NoColor,
    Quiet,
    Seed,
    Target,
    Task,
    TestSize,
    _failures_reported,
    app,
)
from chainrule.cli._options import with_hyperparameters
from chainrule.cli._report import Report

__all__ = ["app", "demo", "tune"]


@app.command(epilog=_STATUSES)
@with_hyperparameters
def tune(
    data: Data,
    settings: dict[str, object],
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=WHAT",
            help="A hyper-parameter to vary, by the name of its option or as eta or lambda, and "
            "what to try: a range such as 1e-5:10:log7 or 0:0.5:lin6, or values such as relu,tanh "
            "(layers as in 64-32). May be repeated.",
        ),
    ] = None,
    target: Target = None,
    drop: Drop = None,
    task: Task = None,
    test_size: TestSize = None,
    cv: Annotated[
        int | None,
        typer.Option(metavar="N", min=2, help="Score by cross-validation with so many folds."),
    ] = None,
    holdout: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            show_default="0.2",
            help="Score on this share of the samples that are not for testing.",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, help="Fits of each with other random weights.")
    ] = 1,
    random: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Try so many combinations, drawn at random."),
    ] = None,
    bayes: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Try so many combinations, proposed by what came of others (needs Optuna).",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to draw the scores, as .svg, .pdf or .png: a curve over one "
            "hyper-parameter, a heatmap over two, lines across more.",
        ),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to keep the outcome of every fit; a search started again goes on there.",
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to save the best network.")
    ] = None,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Try many settings, show which are best, and train and test a network with those.

    All other options are as for `train`, and the same for all networks.
    """
    with _failures_reported(no_color):
        from chainrule.cli._data import open_dataset
        from chainrule.cli._tune import Tuning, run

        dataset = open_dataset(data, target, tuple(drop or ()), task)
        wanted = Tuning(
            settings=settings,
            grid=tuple(grid or ()),
            test_size=test_size,
            cv=cv,
            holdout=holdout,
            seeds=seeds,
            random=random,
            bayes=bayes,
            plot=plot,
            store=store,
            save=save,
            seed=seed,
        )
        report = Report(json=json, quiet=quiet, no_color=no_color)
        status = run(dataset, wanted, report, no_color=no_color)
    raise typer.Exit(status)


@app.command(epilog=_STATUSES)
def demo(
    plot: Annotated[Path, typer.Option(metavar="FILE", help="Where to draw the heatmap.")] = Path(
        "digits.svg"
    ),
    seed: Seed = 0,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Train a network on handwritten digits, then 49 more to tune it, and draw a heatmap."""
    with _failures_reported(no_color):
        from chainrule.cli._demo import run

        status = run(plot, seed, Report(quiet=quiet, no_color=no_color), no_color=no_color)
    raise typer.Exit(status)
