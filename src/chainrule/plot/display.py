"""What all pictures share: where they are drawn, how they are saved, and their table.

A display holds numbers, and draws them when `plot` is called; what it drew are its attributes, to
be changed with Matplotlib's own means. Without an axes of the caller's it makes a figure by
``pyplot``, as scikit-learn's displays do: that is what lets ``plt.show()`` and ``plt.savefig()``
find it and notebooks show it at the end of the cell. Nothing is shown, closed or set for other
figures here; a program that draws many, or has windows of its own, passes
``Figure(layout="compressed").subplots()`` and ``pyplot`` is not even loaded.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule._errors import InvalidArgumentError, UnsupportedError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Display", "data_frame", "numbered"]

_FORMATS: Mapping[str, tuple[str | None, str]] = {
    ".svg": ("Date", "Description"),
    ".pdf": ("CreationDate", "Subject"),
    ".png": (None, "Description"),
}
"""Formats to save in, with their names of the date, left out, and of the description."""

_TEXT_AS_TEXT: Any = {"svg.fonttype": "none", "svg.hashsalt": "chainrule", "pdf.fonttype": 42}
"""Letters stay letters that can be searched and edited, and names inside a file do not change."""

_AS_LAID_OUT: Any = {"figure.autolayout": False, "figure.constrained_layout.use": False}
"""A figure whose layout is settled is not given another."""


class Display(ABC):
    """A picture and the numbers in it.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it was drawn, once it was.
    figure_ : matplotlib.figure.Figure
    """

    ax_: Axes
    figure_: Figure

    @abstractmethod
    def plot(self, ax: Axes | None = None) -> Display:
        """Draw it."""

    @abstractmethod
    def to_frame(self) -> Any:
        """Return the numbers drawn as a `pandas.DataFrame`."""

    @abstractmethod
    def describe(self) -> str:
        """Return what is to be seen, in a few sentences."""

    def save(self, path: str | os.PathLike[str], *, dpi: float = 200.0) -> Path:
        """Write the figure to a file, with `describe` as its description.

        A picture made anew is the same file, byte for byte. Text in SVG and PDF stays text.

        Parameters
        ----------
        path : path
            Ends in ``.svg``, ``.pdf`` or ``.png``. For other formats see ``figure_.savefig``.
        dpi : float, default=200
            Of PNG: pixels per inch.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        InvalidArgumentError
            If nothing was drawn yet, or the name ends otherwise.
        """
        path = Path(path)
        if not hasattr(self, "figure_"):
            raise InvalidArgumentError(
                f"{type(self).__name__}.save: expected a display that was drawn; call plot() first."
            )
        if path.suffix.lower() not in _FORMATS:
            raise InvalidArgumentError(
                f"{type(self).__name__}.save: expected a name that ends in .svg, .pdf or .png, got "
                f"{path.name!r}; figure_.savefig knows more formats."
            )
        from matplotlib import rc_context

        date, description = _FORMATS[path.suffix.lower()]
        metadata: dict[str, str | None] = {"Title": type(self).__name__}
        metadata[description] = self.describe()
        if date is not None:
            metadata[date] = None
        with rc_context(_TEXT_AS_TEXT | _AS_LAID_OUT), self._layout_settled():
            self.figure_.savefig(path, dpi=dpi, metadata=metadata)
        return path

    def _begin(self, ax: Axes | None, size: tuple[float, float] = (6.4, 4.2)) -> Axes:
        """Return the axes to draw in: the caller's, or those of a new figure, in inches."""
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=size, layout="compressed")
        figure = ax.get_figure(root=True)
        assert figure is not None  # an axes that was removed from its figure cannot be drawn in
        self.ax_, self.figure_ = ax, figure
        return ax

    def _room(self) -> tuple[float, float]:
        """Return width and height of the axes in points, as all that is drawn so far leaves it."""
        self._lay_out()
        self.ax_.apply_aspect()
        return self._extent()

    def _lay_out(self) -> None:
        """Let the figure's layout engine, if it has one, place the axes."""
        engine = self.figure_.get_layout_engine()
        if engine is not None:
            engine.execute(self.figure_)

    @contextmanager
    def _layout_settled(self) -> Iterator[None]:
        """Lay the figure out, and leave it as it is: to save it would draw it twice otherwise."""
        engine = self.figure_.get_layout_engine()
        if engine is None:
            yield
            return
        self._lay_out()
        self.figure_.set_layout_engine(None)
        try:
            yield
        finally:
            self.figure_.set_layout_engine(engine)

    def _extent(self) -> tuple[float, float]:
        """Return width and height of the axes in points, as they are now."""
        box = self.ax_.get_window_extent()
        points = 72.0 / self.figure_.dpi
        return box.width * points, box.height * points


def data_frame(columns: Mapping[Any, Any], index: Any = None) -> Any:
    """Return columns as a `pandas.DataFrame`.

    Raises
    ------
    UnsupportedError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise UnsupportedError(
            "to_frame: expected pandas to be installed; get it with 'pip install pandas'."
        ) from error
    return pd.DataFrame(columns, index=index)


def numbered(count: int, what: str, plural: str | None = None) -> str:
    """Return a number with what it counts.

    >>> numbered(1, "sample"), numbered(1500, "sample"), numbered(2, "class", "classes")
    ('1 sample', '1,500 samples', '2 classes')
    """
    return f"{count:,} {what if count == 1 else plural or what + 's'}"
