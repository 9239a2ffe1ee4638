"""How a search goes on: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chainrule.cli._progress import Course, number
from chainrule.cli._report import Report
from chainrule.cli._space import written

if TYPE_CHECKING:
    from chainrule.search import Progress

__all__ = ["SearchProgress"]

_N_LINES = 10


class SearchProgress(Course):
    """A callback of searches that shows how many fits are done, and the best so far.

    Parameters
    ----------
    report : Report
    total : int
        Fits in all.
    labelled : callable
        Gives hyper-parameters the names that the user knows them by.
    no_color : bool
    """

    def __init__(
        self,
        report: Report,
        total: int,
        labelled: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        no_color: bool,
    ) -> None:
        super().__init__(report, "fits", total, no_color)
        self._labelled = labelled

    def __call__(self, progress: Progress) -> None:
        """Show a fit."""
        if not self._report.shows_course:
            return
        if self._bar is not None:
            self._bar.update(
                self._bar.task_ids[0], completed=progress.done, state=self._state(progress)
            )
        elif (
            progress.done * _N_LINES // self._total > (progress.done - 1) * _N_LINES // self._total
        ):
            width = len(str(self._total))
            left = f"  {progress.seconds_left:.1f} s left" if progress.done < self._total else ""
            line = f"  fit {progress.done:>{width}}/{self._total}  {self._state(progress)}{left}"
            self._report.note(line.rstrip())

    def _state(self, progress: Progress) -> str:
        parts = [f"{progress.diverged} diverged"] if progress.diverged else []
        if progress.best_params is not None and progress.best_score is not None:
            values = self._labelled(progress.best_params).items()
            settings = ", ".join(f"{name} {written(value)}" for name, value in values)
            parts.append(f"best {number(progress.best_score)} ({settings})")
        return "  ".join(parts)
