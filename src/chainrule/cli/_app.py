"""Commands, options, and what each kind of failure exits with.

Options are checked here, before any data are read. An option that is not given is
None and leaves the choice to the data set's recipe, so that no default is written
down twice.
"""

import io
import math
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import typer

from chainrule._errors import DataError, InvalidArgumentError
from chainrule.cli._exit import DIVERGED, INTERRUPTED, USAGE, WRONG_DATA
from chainrule.datasets import Recipe

app = typer.Typer(
    name="chainrule",
    help="Train neural networks on your own data, with derivatives of plain NumPy code.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


_FOR_A_FILE = Recipe()


def main() -> None:
    """Run the command line with the arguments of this process."""
    # A name that the terminal cannot show must not stop a training run.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not where a test has put its own
            stream.reconfigure(errors="replace")
    # Batch schedulers end a job this way; it deserves the same care as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()


@contextmanager
def _failures_reported(no_color: bool) -> Iterator[None]:
    """Turn what a user can put right into a message and an exit status."""
    from chainrule.cli._report import error_console

    try:
        yield
    except (DataError, InvalidArgumentError) as error:
        error_console(no_color).print(f"Error: {error.message}", soft_wrap=True)
        raise typer.Exit(WRONG_DATA if isinstance(error, DataError) else USAGE) from None
    except KeyboardInterrupt:
        error_console(no_color).print("Interrupted.")
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


def _widths(text: str | None) -> tuple[int, ...] | None:
    """Read the widths of the hidden layers, as in ``50`` or ``50,20``."""
    if text is None:
        return None
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(
            f"'{text}' is not a list of widths. Write one whole number above 0 for each hidden "
            f"layer, as in 50 or 50,20.",
            param_hint="--hidden",
        )
    return tuple(int(part) for part in parts)


def _above_zero(value: float | None) -> float | None:
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise typer.BadParameter(f"{value} is not a number above 0.")
    return value


def _zero_or_more(value: float | None) -> float | None:
    if value is not None and not (value >= 0 and math.isfinite(value)):
        raise typer.BadParameter(f"{value} is not a number of 0 or more.")
    return value


def _share(value: float | None) -> float | None:
    if value is not None and not 0 <= value < 1:
        raise typer.BadParameter(f"{value} is not a share: 0 or more and below 1.")
    return value


@app.command(
    epilog=(
        f"Exit statuses: 0 done, {USAGE} wrong usage, {WRONG_DATA} unusable data, {DIVERGED} the "
        f"training diverged, {INTERRUPTED} interrupted."
    )
)
def train(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A built-in data set (see `chainrule datasets`) or the path of a CSV file.",
        ),
    ],
    target: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The column to predict; needed for a file."),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column to leave out. May be repeated."),
    ] = None,
    task: Annotated[
        Literal["classification", "regression"] | None,
        typer.Option(help="What to make of the target, where its values leave it open."),
    ] = None,
    hidden: Annotated[
        str | None,
        typer.Option(
            show_default=",".join(map(str, _FOR_A_FILE.hidden)),
            metavar="WIDTHS",
            help="Widths of the hidden layers, as in 50 or 50,20.",
        ),
    ] = None,
    activation: Annotated[
        Literal[
            "elu",
            "gelu",
            "gelu_tanh",
            "identity",
            "leaky_relu",
            "relu",
            "selu",
            "sigmoid",
            "silu",
            "softplus",
            "tanh",
        ]
        | None,
        typer.Option(
            show_default=str(_FOR_A_FILE.activation), help="Activation of the hidden layers."
        ),
    ] = None,
    init: Annotated[
        Literal["glorot", "he", "normal"] | None,
        typer.Option(
            show_default=str(_FOR_A_FILE.init),
            help="How the weights are drawn: Glorot's or He's uniform distribution, or the "
            "standard normal one.",
        ),
    ] = None,
    optimizer: Annotated[
        Literal["adam", "momentum", "sgd"] | None,
        typer.Option(
            show_default=str(_FOR_A_FILE.optimizer), help="Rule by which the weights are changed."
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            show_default=str(_FOR_A_FILE.learning_rate),
            callback=_above_zero,
            help="Step size of the optimizer.",
        ),
    ] = None,
    l2: Annotated[
        float | None,
        typer.Option(
            "--l2",
            show_default=str(_FOR_A_FILE.l2),
            callback=_zero_or_more,
            help="L2 penalty on the weights.",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            show_default=str(_FOR_A_FILE.epochs), min=1, help="Passes over the training part."
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(show_default=str(_FOR_A_FILE.batch_size), min=1, help="Samples per step."),
    ] = None,
    starts: Annotated[
        int | None,
        typer.Option(
            show_default=str(_FOR_A_FILE.starts),
            min=1,
            help="For a classification: train again from other random weights, up to so many "
            "times in all, until every training sample is classified correctly; keep the best.",
        ),
    ] = None,
    test_size: Annotated[
        float | None,
        typer.Option(
            show_default=str(_FOR_A_FILE.test_size),
            callback=_share,
            help="Share of the samples held out; 0 holds out none.",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(min=0, max=2**32 - 1, help="Seed of the split, the weights and the shuffles."),
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the result only.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="Print without colours.")] = False,
) -> None:
    """Train a feed-forward network and test it on samples held out.

    The defaults shown are those for a file. A built-in data set brings its own.
    """
    given = {
        "hidden": _widths(hidden),
        "activation": activation,
        "init": init,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "l2": l2,
        "epochs": epochs,
        "batch_size": batch_size,
        "starts": starts,
        "test_size": test_size,
    }
    with _failures_reported(no_color):
        from chainrule.cli._train import open_dataset, run

        dataset = open_dataset(data, target, tuple(drop or ()), task)
        status = run(
            dataset,
            {name: value for name, value in given.items() if value is not None},
            seed=seed,
            quiet=quiet,
            no_color=no_color,
        )
    raise typer.Exit(status)


@app.command("datasets")
def list_datasets(
    no_color: Annotated[bool, typer.Option("--no-color", help="Print without colours.")] = False,
) -> None:
    """List the built-in data sets."""
    with _failures_reported(no_color):
        from chainrule.cli._report import describe_datasets

        describe_datasets(no_color)
