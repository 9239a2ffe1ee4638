"""The picture of a search, made while other things go on.

Loading Matplotlib takes longer than to draw with it, and both are Python's work, where training is
not. So a thread of its own loads it while networks are trained, and draws while the best one is.
"""

from __future__ import annotations

import importlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule._errors import FileError
from chainrule.plot import (
    Display,
    ParallelCoordinatesDisplay,
    SearchHeatmapDisplay,
    ValidationCurveDisplay,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chainrule.search import Progress, SearchResults

__all__ = ["FORMATS", "Picture"]

FORMATS = (".svg", ".pdf", ".png")
"""What the names of pictures end in."""


class Picture:
    """A picture in the making, and a callback of the search.

    Parameters
    ----------
    path : Path
        Where to draw to.
    """

    _drawn: Future[None]

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(1, "chainrule-picture")
        self._is_loading = False

    def __call__(self, progress: Progress) -> None:
        """Begin to load what is drawn with, when the first fit is done.

        Before that, the program that trains is made, which is Python's work as well.
        """
        if not self._is_loading:
            self._is_loading = True
            self._thread.submit(importlib.import_module, "matplotlib.figure")

    def draw(self, results: SearchResults) -> None:
        """Begin to draw the scores."""
        self._drawn = self._thread.submit(_draw, results, self.path)

    def finish(self) -> None:
        """Wait until it is drawn.

        Raises
        ------
        FileError
            If it could not be written.
        """
        try:
            self._drawn.result()
        except OSError as error:
            raise FileError(
                f"--plot: {self.path} could not be written: {error.strerror}."
            ) from None
        finally:
            self._thread.shutdown()


def _draw(results: SearchResults, path: Path) -> None:
    _display(results).save(path)


def _display(results: SearchResults) -> Display:
    """Return the picture for so many hyper-parameters, drawn."""
    n_varied = len(results.scales)
    if n_varied == 2:
        return SearchHeatmapDisplay.from_search(results, ax=_axes(7.0, 5.0))
    if n_varied == 1:
        return ValidationCurveDisplay.from_search(results, ax=_axes(6.4, 4.4))
    width = min(2.0 + 1.4 * n_varied, 14.0)
    return ParallelCoordinatesDisplay.from_search(results, ax=_axes(width, 4.4))


def _axes(width: float, height: float) -> Axes:
    """Return axes of so many inches, without a window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained").subplots()
