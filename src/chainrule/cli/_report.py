"""What the command line prints.

Results go to standard output as plain lines, the same in a terminal and in a
file; only the progress differs: a bar in a terminal, a line now and then
elsewhere. Errors go to standard error.
"""

import shutil
import textwrap
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

_PROGRESS_LINES = 10
_CONFUSIONS_LISTED = 10


def error_console(no_color: bool) -> Console:
    """Return a console that prints bold red lines on standard error."""
    return Console(stderr=True, no_color=no_color, highlight=False, markup=False, style="bold red")


class Report:
    """Prints the course and the result of one training run.

    Parameters
    ----------
    quiet : bool
        Whether to leave out everything but the result.
    no_color : bool
        Whether to print without colours, in a terminal too.
    """

    def __init__(self, *, quiet: bool, no_color: bool) -> None:
        self._console = Console(
            no_color=no_color, highlight=False, markup=False, soft_wrap=True, emoji=False
        )
        self._errors = error_console(no_color)
        self._quiet = quiet
        self._milestones: set[int] = set()
        self._progress: Progress | None = None
        self._bar = TaskID(0)

    def result(self, line: str = "", style: str | None = None) -> None:
        """Print a line of the result."""
        self._console.print(line, style=style)

    def note(self, line: str = "", style: str | None = None) -> None:
        """Print a line about the course of things, unless quiet."""
        if not self._quiet:
            self._console.print(line, style=style)

    def problem(self, line: str) -> None:
        """Print why a run did not end as it should, on standard error."""
        self._errors.print(line, soft_wrap=True)

    def start_progress(self, n_epochs: int) -> None:
        """Begin to show epochs as they pass."""
        self._milestones = _milestones(n_epochs)
        if self._quiet or not self._console.is_terminal:
            return
        self._progress = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("loss {task.fields[loss]:.4g}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._progress.start()
        self._bar = self._progress.add_task("", total=n_epochs, loss=float("nan"))

    def epoch(self, number: int, n_epochs: int, loss: float) -> None:
        """Show that an epoch, counted from 1, has passed with this training loss."""
        if self._progress is not None:
            self._progress.update(self._bar, completed=number, loss=loss)
        elif number in self._milestones:
            self.note(f"  epoch {number:>{len(str(n_epochs))}}/{n_epochs}  loss {_loss_text(loss)}")

    def end_progress(self) -> None:
        """Remove the bar, if there is one."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _milestones(n_epochs: int) -> set[int]:
    """Return the epochs that get a line: the first and about ten more up to the last."""
    return {1, *np.linspace(0, n_epochs, _PROGRESS_LINES + 1).round().astype(int)[1:].tolist()}


def _loss_text(loss: float) -> str:
    """Return a loss with four decimals, or four digits where decimals would say nothing."""
    return f"{loss:.4f}" if 1e-3 <= loss < 1e5 else f"{loss:.4g}"


def confusion_lines(
    truth: np.ndarray, predicted: np.ndarray, class_names: Sequence[str]
) -> list[str]:
    """Lay out which classes were taken for which.

    A table with a row for each true class and a column for each predicted one,
    when it fits the width of the terminal, otherwise a list of the commonest
    mistakes.

    Parameters
    ----------
    truth, predicted : ndarray of shape (n_samples,), int
        Indices into `class_names`.
    class_names : sequence of str

    Returns
    -------
    list of str
        Lines without line ends.
    """
    n_classes = len(class_names)
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (truth, predicted), 1)
    cell = max(*(len(name) for name in class_names), len(str(counts.max()))) + 2
    if cell * (n_classes + 1) <= shutil.get_terminal_size().columns:
        header = " " * cell + "".join(f"{name:>{cell}}" for name in class_names)
        rows = [
            f"{name:>{cell}}" + "".join(f"{count or '·':>{cell}}" for count in row)
            for name, row in zip(class_names, counts.tolist(), strict=True)
        ]
        return ["Confusion table (row: true class, column: predicted class)", header, *rows]
    mistakes = [
        (int(counts[i, j]), class_names[i], class_names[j])
        for i, j in zip(*np.nonzero(counts), strict=True)
        if i != j
    ]
    if not mistakes:
        return ["No class was taken for another."]
    mistakes.sort(key=lambda mistake: -mistake[0])
    return [
        "Commonest mistakes",
        *(f"  {n} × {true} taken for {taken}" for n, true, taken in mistakes[:_CONFUSIONS_LISTED]),
    ]


def describe_datasets(no_color: bool) -> None:
    """Print name, size and origin of each built-in data set."""
    from chainrule import datasets

    console = Console(no_color=no_color, highlight=False, markup=False, emoji=False)
    for name in datasets.names():
        console.print(name, style="bold")
        console.print(
            textwrap.fill(
                datasets.load(name).description,
                width=console.width,
                initial_indent="  ",
                subsequent_indent="  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
