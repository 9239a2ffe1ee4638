"""Commands, options, and what each kind of failure exits with.

An option that is not given is None and leaves the choice to the data set's recipe, and that to the
declared default, so that no default is written down twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from chainrule._errors import ChainruleError, DataError, DivergenceError, FileError
from chainrule.cli._exit import DIVERGED, INTERRUPTED, USAGE, WRONG_DATA
from chainrule.cli._main import begin_work
from chainrule.cli._options import with_hyperparameters
from chainrule.cli._report import Report, print_error

_STATUSES = (
    f"Exit statuses: 0 done, {USAGE} wrong usage, {WRONG_DATA} unusable data or files, {DIVERGED} "
    f"the training diverged, {INTERRUPTED} interrupted."
)

app = typer.Typer(
    name="chainrule",
    help="Train neural networks on your own data, with derivatives of plain NumPy code.",
    epilog=_STATUSES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@contextmanager
def _failures_reported(no_color: bool) -> Iterator[None]:
    """Turn what a user can put right into a message and an exit status."""
    begin_work()
    try:
        yield
    except ChainruleError as error:
        status = USAGE
        if isinstance(error, (DataError, FileError)):
            status = WRONG_DATA
        elif isinstance(error, DivergenceError):
            status = DIVERGED
        print_error(f"Error: {error.message}", no_color)
        raise typer.Exit(status) from None
    except KeyboardInterrupt:
        print_error("Interrupted.", no_color)
        raise typer.Exit(INTERRUPTED) from None


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"chainrule {version('chainrule')}")
        raise typer.Exit


@app.callback()
def _chainrule(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Stand for the program itself, which has options of its own."""


# -- what several commands have in common --------------------------------------------------------

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A built-in data set (see `chainrule datasets`) or the path of a file: CSV, TSV, "
        "Parquet, NumPy or IDX.",
    ),
]
Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="What `chainrule train --save` has written.")
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="The column to predict, for a file that does not say so itself."
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="A column to leave out. May be repeated."),
]
Task = Annotated[
    Literal["classification", "regression"] | None,
    typer.Option(help="What to make of the target, where its values leave it open."),
]
TestSize = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        min=0.0,
        max=0.99,
        show_default="0.2",
        help="Share of the samples held out for testing; 0 holds out none.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        min=0, max=2**32 - 1, help="Seed of all that is random: parts, weights, order, dropout."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print the result only.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="Print without colours.")]


# -- commands ------------------------------------------------------------------------------------


@app.command(epilog=_STATUSES)
@with_hyperparameters
def train(
    data: Data,
    settings: dict[str, object],
    target: Target = None,
    drop: Drop = None,
    task: Task = None,
    test_size: TestSize = None,
    val_size: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            min=0.0,
            max=0.99,
            help="Share of the other samples that decides which epoch is the best, and with "
            "--early-stopping when to stop.",
        ),
    ] = 0.0,
    starts: Annotated[
        int | None,
        typer.Option(
            show_default="1",
            min=1,
            help="For a classification: train again from other random weights, up to so many "
            "times in all, until every training sample is classified correctly; keep the best.",
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to save the trained network.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to keep what training has reached, every minute and at Ctrl-C.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on from the checkpoint, if it is there already."),
    ] = False,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Train a feed-forward network and test it on samples held out.

    The defaults shown are those for a file. A built-in data set brings its own.
    """
    with _failures_reported(no_color):
        from chainrule.cli._data import open_dataset
        from chainrule.cli._train import Run, run

        dataset = open_dataset(data, target, tuple(drop or ()), task)
        wanted = Run(settings, test_size, val_size, starts, seed, save, checkpoint, resume)
        report = Report(json=json, quiet=quiet, no_color=no_color)
        status = run(dataset, wanted, report, no_color=no_color)
    raise typer.Exit(status)


@app.command(epilog=_STATUSES)
def check(
    data: Data,
    target: Target = None,
    drop: Drop = None,
    task: Task = None,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Look at data before training: columns, classes, what is missing, what is suspicious."""
    with _failures_reported(no_color):
        from chainrule.cli._check import run

        report = Report(json=json, quiet=quiet, no_color=no_color)
        status = run(data, target, tuple(drop or ()), task, report)
    raise typer.Exit(status)


@app.command("lr-find", epilog=_STATUSES)
@with_hyperparameters
def lr_find(
    data: Data,
    settings: dict[str, object],
    target: Target = None,
    drop: Drop = None,
    task: Task = None,
    test_size: TestSize = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write the curve, as CSV.")
    ] = None,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Find a learning rate: raise it step by step, and see where the loss falls and rises."""
    with _failures_reported(no_color):
        from chainrule.cli._data import open_dataset
        from chainrule.cli._find import run

        dataset = open_dataset(data, target, tuple(drop or ()), task)
        report = Report(json=json, quiet=quiet, no_color=no_color)
        run(dataset, settings, report, test_size=test_size, seed=seed, save=save)


@app.command(epilog=_STATUSES)
def predict(
    model: Model,
    data: Data,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "--save", metavar="FILE", help="Where to write the CSV, if not here."
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Add the probability of each class.")
    ] = False,
    interval: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Add the bounds that should hold this share of the observations, for a network "
            "trained with --loss gaussian or quantile.",
        ),
    ] = None,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Predict the target for every row of a file, as CSV. Columns are matched by name."""
    with _failures_reported(no_color):
        from chainrule.cli import _use

        report = Report(json=json, quiet=quiet, no_color=no_color)
        _use.predict(
            model,
            data,
            report,
            output=output,
            probabilities=probabilities,
            interval=interval,
        )


@app.command(epilog=_STATUSES)
def evaluate(
    model: Model,
    data: Data,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Test a saved network on a file whose target is known."""
    with _failures_reported(no_color):
        from chainrule.cli import _use

        _use.evaluate(model, data, Report(json=json, quiet=quiet, no_color=no_color))


@app.command(epilog=_STATUSES)
def summary(
    model: Model,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Print what a saved network consists of, and how it was trained."""
    with _failures_reported(no_color):
        from chainrule.cli import _use

        _use.summarize(model, Report(json=json, quiet=quiet, no_color=no_color))


@app.command("datasets")
def list_datasets(json: Json = False, quiet: Quiet = False, no_color: NoColor = False) -> None:
    """List the built-in data sets."""
    with _failures_reported(no_color):
        from chainrule.cli._data import list_built_in

        list_built_in(Report(json=json, quiet=quiet, no_color=no_color))
