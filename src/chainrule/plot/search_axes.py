"""An axis of a picture for each hyper-parameter: where its values stand, and what is written there.

Numbers stand where their scale has them, with decades as ticks on a logarithmic one. Categories,
and for cells also numbers at very uneven distances, stand side by side, each with its own name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from chainrule.plot.palette import shortened
from chainrule.plot.search_results import value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SearchAxis", "power_of_ten"]

_UNEVEN = 2.0
"""Cells on a scale may differ in width by this factor."""

_MOST_TICKS = 12

_TICK_SIZE = 9.0
"""Points of the letters at ticks."""

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class SearchAxis:
    """The values of a hyper-parameter along an axis.

    Attributes
    ----------
    name : str
    values : tuple
        In the order in which they stand.
    scale : {"linear", "log", "categories"}
        Of the hyper-parameter.
    on_scale : bool
        Whether values stand where the scale has them, not one beside the other.
    """

    name: str
    values: tuple[Any, ...]
    scale: str
    on_scale: bool

    @classmethod
    def of_points(cls, name: str, values: Sequence[Any], scale: str) -> SearchAxis:
        """Return an axis for points or a line."""
        return cls(name, tuple(values), scale, scale != "categories")

    @classmethod
    def of_cells(cls, name: str, values: Sequence[Any], scale: str) -> SearchAxis:
        """Return an axis for cells, none of which is to be much narrower than another."""
        axis = cls.of_points(name, values, scale)
        steps = np.diff(axis._on_scale(axis.positions)) if axis.on_scale else np.empty(0)
        even = len(steps) > 0 and steps.max() <= _UNEVEN * steps.min()
        return cls(axis.name, axis.values, scale, bool(even))

    @property
    def positions(self) -> npt.NDArray[np.float64]:
        """Where the values stand."""
        if self.on_scale:
            return np.array(self.values, np.float64)
        return np.arange(len(self.values), dtype=np.float64)

    @property
    def edges(self) -> npt.NDArray[np.float64]:
        """Where cells begin and end, of shape (n_values + 1,)."""
        at = self._on_scale(self.positions)
        if len(at) == 1:
            return self._from_scale(np.array([at[0] - 0.5, at[0] + 0.5]))
        between = 0.5 * (at[1:] + at[:-1])
        ends = [1.5 * at[0] - 0.5 * at[1]], [1.5 * at[-1] - 0.5 * at[-2]]
        return self._from_scale(np.concatenate([ends[0], between, ends[1]]))

    @property
    def middles(self) -> npt.NDArray[np.float64]:
        """Where the middles of cells are, beside the values if those are spread unevenly."""
        edges = self._on_scale(self.edges)
        return self._from_scale(0.5 * (edges[1:] + edges[:-1]))

    def _on_scale(self, at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.log10(at) if self.on_scale and self.scale == "log" else at

    def _from_scale(self, at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return 10.0**at if self.on_scale and self.scale == "log" else at

    @property
    def longest(self) -> int:
        """How many letters the longest name at a tick has."""
        on_scale = self.on_scale and self.scale == "log"
        return 4 if on_scale else max(len(shortened(_written(value))) for value in self.values)

    def at_border(self, position: int) -> str | None:
        """Return "lowest" or "highest" for the first or last value of a scale that goes on."""
        if self.scale == "categories" or len(self.values) < 2:
            return None
        return {0: "lowest", len(self.values) - 1: "highest"}.get(position)

    def described(self) -> str:
        """Return name and values in words."""
        texts = [value_text(value) for value in self.values]
        if self.scale == "categories" or len(texts) < 3:
            return f"{self.name} ({', '.join(texts)})"
        return f"{self.name} ({len(texts)} values from {texts[0]} to {texts[-1]})"

    def draw(self, ax: Axes, side: Literal["x", "y"], room: float) -> None:
        """Set scale, ticks and label of one side of an axes that is so many points long."""
        from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

        axis = ax.xaxis if side == "x" else ax.yaxis
        ticks, texts = self._ticks(room if side == "y" else room / 3.0)
        if self.on_scale and self.scale == "log":
            (ax.set_xscale if side == "x" else ax.set_yscale)("log")
            axis.set_minor_locator(NullLocator())
        if ticks is not None:
            names = dict(zip(ticks, texts, strict=True))
            axis.set_major_locator(FixedLocator(ticks))
            axis.set_major_formatter(FuncFormatter(lambda at, _: names.get(at, "")))
        axis.set_tick_params(labelsize=_TICK_SIZE)
        axis.set_label_text(shortened(self.name, 40))

    @staticmethod
    def slanted(ax: Axes, room: float) -> bool:
        """Slant the names below an axes that is so many points wide, if they need it."""
        labels = ax.get_xticklabels()
        longest = max((len(label.get_text()) for label in labels), default=0)
        if longest * 0.65 * _TICK_SIZE * len(labels) <= room:
            return False
        for label in labels:
            label.set(rotation=45, ha="right", rotation_mode="anchor")
        return True

    def _ticks(self, room: float) -> tuple[list[float] | None, list[str]]:
        """Return where ticks stand and what they say; None leaves that to Matplotlib."""
        if self.on_scale:
            decades = self.decades()
            if decades is not None:
                return [10.0**k for k in decades], [power_of_ten(k) for k in decades]
            if len(self.values) > _MOST_TICKS:
                return None, []
        most = max(1, int(room / (1.2 * _TICK_SIZE)))
        every = -(-len(self.values) // most)
        texts = [shortened(_written(v)) for v in self.values[::every]]
        return self.positions[::every].tolist(), texts

    def decades(self) -> list[int] | None:
        """Return the powers of ten between the edges, if they are enough to read others by."""
        if self.scale != "log":
            return None
        low, high = np.log10(self.edges[[0, -1]])
        decades = list(range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1))
        if len(decades) < 2:
            return None
        return decades[:: -(-len(decades) // _MOST_TICKS)]


def _written(value: Any) -> str:
    """Return a value as it stands at its tick: far from 1, powers of ten as such."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0.0:
        exponent = math.log10(value)
        if abs(exponent) > 3.5 and abs(exponent - round(exponent)) < 1e-9:
            return power_of_ten(round(exponent))
    return value_text(value)


def power_of_ten(exponent: int) -> str:
    """Return a power of ten as it is written.

    >>> power_of_ten(-5), power_of_ten(0)
    ('10⁻⁵', '10⁰')
    """
    return f"10{str(exponent).translate(_RAISED)}"
