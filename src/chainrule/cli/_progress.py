"""How training goes on: a bar in a terminal, a line for every epoch elsewhere."""

from __future__ import annotations

import math
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from chainrule.cli._report import Report

if TYPE_CHECKING:
    from chainrule.training import EpochRecord

__all__ = ["Course", "Progress", "number", "progress_bar"]


class Course:
    """What shows how something goes on: in a terminal by a bar, for as long as it is entered.

    Parameters
    ----------
    report : Report
    what : str
        What is counted.
    total : int
        To how many at most.
    no_color : bool
    """

    def __init__(self, report: Report, what: str, total: int, no_color: bool) -> None:
        self._report = report
        self._what = what
        self._total = total
        self._no_color = no_color
        self._bar: Any = None

    def __enter__(self) -> Self:
        """Show the bar, in a terminal."""
        if self._report.shows_course and sys.stdout.isatty():
            self._bar = progress_bar(self._what, self._total, self._no_color)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove the bar, if there is one."""
        if self._bar is not None:
            self._bar.stop()


class Progress(Course):
    """A callback of training that shows each epoch, and the best so far.

    Parameters
    ----------
    report : Report
    n_epochs : int
        How many there will be at most.
    no_color : bool
    """

    def __init__(self, report: Report, n_epochs: int, no_color: bool) -> None:
        super().__init__(report, "epoch", n_epochs, no_color)
        self._best = ""

    def epochs_to_spare(self) -> float:
        """Return that it never stops a run."""
        return math.inf

    def __call__(self, record: EpochRecord) -> None:
        """Show an epoch."""
        if not self._report.shows_course:
            return
        value = record.train_loss if record.val_loss is None else record.val_loss
        score = value if record.val_score is None else record.val_score
        if record.is_best:
            self._best = f"{number(score)} (epoch {record.epoch})"
        state = f"loss {number(record.train_loss)}"
        if record.val_loss is not None:
            state += f"  val_loss {number(record.val_loss)}"
        if record.val_score is not None:
            state += f"  val_score {number(record.val_score)}"
        state += f"  best {self._best}"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=record.epoch, state=state)
        else:
            width = len(str(self._total))
            self._report.note(f"  epoch {record.epoch:>{width}}/{self._total}  {state}")


def progress_bar(what: str, total: int, no_color: bool) -> Any:
    """Return a bar that counts to a total, with room for a line on the state of things."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn(what),
        MofNCompleteColumn(),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}"),
        console=Console(no_color=no_color, highlight=False, markup=False, emoji=False),
        transient=True,
    )
    bar.add_task("", total=total, state="")
    return bar


def number(value: float) -> str:
    """Return a number with four decimals, or four digits where decimals would say nothing."""
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e5 else f"{value:.4g}"
