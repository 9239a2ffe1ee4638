"""The network drawn: units as circles in columns, weights as lines between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from chainrule._errors import InvalidArgumentError
from chainrule.plot.display import Display, data_frame
from chainrule.plot.estimator import fitted_core, numbers
from chainrule.plot.palette import GREY, INK, SIGNED, centred, shortened
from chainrule.plot.structure import NetworkStructure, drawn_units, unit_heights

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection, PathCollection
    from matplotlib.text import Text

__all__ = ["NetworkDisplay"]

_THINNEST, _WIDEST = 0.2, 3.0
"""Of the lines, in points."""

_N_DESCRIBED = 5
"""So many layers are described one by one; of more, the one of the strongest weight."""


class NetworkDisplay(Display):
    """A network, from the inputs on the left to the outputs on the right.

    A line is a weight: its colour says sign and size, its width the size, and negative ones are
    dashed. The colour inside a circle is the bias of the unit, on a scale of its own; the edge of
    one with a negative bias is dotted. Where a layer is wider than what there is room for, its
    middle is left out, dots in its place, and its width stands above.

    Parameters
    ----------
    structure : NetworkStructure
        What `from_model` and `from_estimator` read.
    feature_names, class_names : sequence of str, optional
        Names of the inputs and of the outputs.
    max_units : int, default=12
        The largest number of units of a layer that are drawn, at least 2.

    Attributes
    ----------
    lines_ : list of matplotlib.collections.LineCollection
        The weights from each column to the next, of the units that are drawn.
    units_ : list of matplotlib.collections.PathCollection
        The circles of each column.
    texts_ : list of matplotlib.text.Text
        What stands above the columns, and the names.

    Examples
    --------
    >>> from chainrule import nn
    >>> layer = nn.Dense(np.array([[0.5], [-2.0]]), np.array([1.0]), nn.relu)
    >>> structure = NetworkStructure.of_model(layer)
    >>> display = NetworkDisplay(structure, feature_names=["height", "weight"])
    >>> print(display.describe())
    2 inputs, no hidden layer, 1 output: 3 weights and biases. Layer 1 (2 -> 1, relu): weights from
    -2 to 0.5, biases from 1 to 1; the strongest weight is -2, from weight to output 1.
    """

    def __init__(
        self,
        structure: NetworkStructure,
        *,
        feature_names: Sequence[Any] | None = None,
        class_names: Sequence[Any] | None = None,
        max_units: int = 12,
    ) -> None:
        if max_units < 2:
            raise InvalidArgumentError(
                f"NetworkDisplay: max_units: expected an integer of at least 2, got {max_units}."
            )
        for number, part in enumerate(structure.connections, start=1):
            numbers(f"NetworkDisplay: weights of layer {number}", part.kernel)
            numbers(f"NetworkDisplay: biases of layer {number}", part.bias)
        self.structure = structure
        self.max_units = max_units
        widths = structure.widths
        last = len(widths) - 1
        kinds = ["input", *["unit"] * (last - 1), "output"]
        self.names = [
            [f"{kind} {i + 1}" for i in range(width)]
            for kind, width in zip(kinds, widths, strict=True)
        ]
        given = {0: ("feature_names", feature_names), last: ("class_names", class_names)}
        self.named = {column for column, (_, names) in given.items() if names is not None}
        for column, (what, names) in given.items():
            if names is not None and len(names) != widths[column]:
                raise InvalidArgumentError(
                    f"NetworkDisplay: {what}: expected {widths[column]} names, got {len(names)}."
                )
            if names is not None:
                self.names[column] = [str(name) for name in names]

    @classmethod
    def from_model(
        cls,
        model: Any,
        *,
        feature_names: Sequence[Any] | None = None,
        class_names: Sequence[Any] | None = None,
        max_units: int = 12,
        ax: Axes | None = None,
    ) -> Self:
        """Draw a model of `chainrule.nn`, or that of a `FitResult`.

        Parameters
        ----------
        model : Layer or FitResult
        feature_names, class_names : sequence of str, optional
            Names of the inputs and of the outputs.
        max_units : int, default=12
            The largest number of units of a layer that are drawn.
        ax : Axes, optional

        Returns
        -------
        NetworkDisplay

        Raises
        ------
        ArgumentTypeError
            If the model has no dense layer.
        """
        display = cls(
            NetworkStructure.of_model(model),
            feature_names=feature_names,
            class_names=class_names,
            max_units=max_units,
        )
        return display.plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        feature_names: Sequence[Any] | None = None,
        class_names: Sequence[Any] | None = None,
        max_units: int = 12,
        ax: Axes | None = None,
    ) -> Self:
        """Draw a fitted network or linear model, or the last step of a pipeline.

        Parameters
        ----------
        estimator : estimator
        feature_names, class_names : sequence of str, optional
            By default those the estimator was fitted with, ``feature_names_in_`` and ``classes_``.
        max_units, ax
            As for `from_model`.

        Returns
        -------
        NetworkDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator was not fitted.
        """
        structure = NetworkStructure.of_estimator(estimator)
        core = fitted_core(estimator)
        if feature_names is None:
            feature_names = getattr(core, "feature_names_in_", None)
        if class_names is None:
            class_names = _outputs_of(core, structure.widths[-1])
        display = cls(
            structure, feature_names=feature_names, class_names=class_names, max_units=max_units
        )
        return display.plot(ax)

    def plot(self, ax: Axes | None = None, *, cmap: Any = SIGNED, colorbar: bool = True) -> Self:
        """Draw the network.

        Parameters
        ----------
        ax : Axes, optional
            Where; a new figure by default.
        cmap : str or Colormap, default="PuOr"
            0 is in its middle.
        colorbar : bool, default=True

        Returns
        -------
        self
        """
        from matplotlib.cm import ScalarMappable

        widths, parts = self.structure.widths, self.structure.connections
        heights = [unit_heights(width, self.max_units) for width in widths]
        top = max(float(column[0]) for column in heights) + 0.5
        ax = self._begin(ax, (min(3.0 + 1.5 * len(widths), 15.0), min(1.6 + 0.72 * top, 7.0)))
        weights = ScalarMappable(centred(*(part.kernel for part in parts)), cmap)
        biases = ScalarMappable(centred(*(part.bias for part in parts)), cmap)
        self.lines_: list[LineCollection] = [
            self._draw_weights(ax, column, heights, weights) for column in range(len(parts))
        ]
        heads = self._write_heads(ax, top)
        self.texts_: list[Text] = [*heads, *self._write_names(ax, heights)]
        ax.set(xlim=(-0.4, len(widths) - 0.6), ylim=(-top - 0.4, top + 0.4))
        ax.set_axis_off()
        if colorbar:
            self._draw_scale(ax, weights, biases)
        # What the texts leave of the axes says how large the circles can be.
        width, height = self._room()
        step = width / (len(widths) - 0.2), height / (2.0 * top + 0.8)
        self.units_: list[PathCollection] = [
            self._draw_units(ax, column, heights[column], biases, min(step))
            for column in range(len(widths))
        ]
        for start, end in self.structure.skips:
            _draw_skip(ax, start, end, top, step)
        longest = max(len(line) for head in heads for line in head.get_text().split("\n"))
        for head in heads:
            head.set_fontsize(float(np.clip(step[0] / (0.65 * longest), 3.5, 9.0)))
        return self

    def _draw_scale(self, ax: Axes, weights: Any, biases: Any) -> None:
        """Draw the scale of colours: of weights on its right, of biases on its left."""
        bar = self.figure_.colorbar(weights, ax=ax, label="weight", shrink=0.8, aspect=25, pad=0.02)
        ratio = biases.norm.vmax / weights.norm.vmax
        if any(part.bias.any() for part in self.structure.connections):
            left = bar.ax.secondary_yaxis(
                "left", functions=(lambda w: w * ratio, lambda b: b / ratio)
            )
            left.set_ylabel("bias")

    def _draw_weights(
        self, ax: Axes, column: int, heights: list[npt.NDArray[Any]], colors: Any
    ) -> LineCollection:
        from matplotlib.collections import LineCollection

        kernel = self.structure.connections[column].kernel
        weights = kernel[np.ix_(self._units(column), self._units(column + 1))].ravel()
        ends = [
            ((column, start), (column + 1, end))
            for start in heights[column]
            for end in heights[column + 1]
        ]
        size = np.abs(weights) / colors.norm.vmax
        order = np.argsort(size, kind="stable")  # the strongest on top
        lines = LineCollection(
            [ends[i] for i in order],
            linewidths=(_THINNEST + (_WIDEST - _THINNEST) * size[order]).tolist(),
            linestyles=["--" if weight < 0.0 else "-" for weight in weights[order]],
            cmap=colors.cmap,
            norm=colors.norm,
            zorder=1,
        )
        lines.set_array(weights[order])
        ax.add_collection(lines)
        return lines

    def _draw_units(
        self, ax: Axes, column: int, heights: npt.NDArray[Any], colors: Any, room: float
    ) -> PathCollection:
        """Draw a column of circles, dots in the place of those left out; ``room`` is in points."""
        units = self._units(column)
        size = float(np.clip(0.6 * room, 3.0, 16.0))
        fill: Any = "white"
        edges = ["-"]
        if column:
            bias = self.structure.connections[column - 1].bias[units]
            fill = colors.to_rgba(bias)
            edges = [":" if value < 0.0 else "-" for value in bias]
        if len(units) < self.structure.widths[column]:
            gap = 0.5 * (heights[len(units) // 2 - 1] + heights[len(units) // 2])
            ax.text(column, gap, "⋮", ha="center", va="center", fontsize=max(size, 6.0), color=INK)
        return ax.scatter(
            np.full(len(heights), column),
            heights,
            s=size**2,
            c=fill,
            edgecolors=INK,
            linewidths=min(1.0, 0.1 * size),
            linestyles=edges,
            zorder=2,
        )

    def _write_heads(self, ax: Axes, top: float) -> list[Text]:
        """Write the width of every layer above it, and below the width what else happens there."""
        widths = self.structure.widths
        notes = [self.structure.input_notes, *(p.notes for p in self.structure.connections)]
        heads = [[f"{width:,}", *lines] for width, lines in zip(widths, notes, strict=True)]
        for head, width, kind in (
            (heads[0], widths[0], "input"),
            (heads[-1], widths[-1], "output"),
        ):
            head.insert(1, kind if width == 1 else f"{kind}s")
        longest = max(map(len, heads))
        above = 0.9 if self.structure.skips else 0.3
        return [
            ax.text(
                column,
                top + above,
                "\n".join([*head, *[""] * (longest - len(head))]),
                ha="center",
                va="bottom",
                fontsize=9,
            )
            for column, head in enumerate(heads)
        ]

    def _write_names(self, ax: Axes, heights: list[npt.NDArray[Any]]) -> list[Text]:
        last = len(heights) - 1
        shown = {
            column: [shortened(self.names[column][unit]) for unit in self._units(column)]
            for column in (0, last)
            if column in self.named
        }
        # No more than about a quarter of the width for the names of either side.
        width = ax.get_window_extent().width * 72.0 / self.figure_.dpi
        longest = max((len(name) for names in shown.values() for name in names), default=1)
        size = float(np.clip(0.25 * width / (0.6 * longest), 4.0, 9.0))
        return [
            ax.annotate(
                name,
                (column, height),
                (-10 if column == 0 else 10, 0),
                textcoords="offset points",
                ha="right" if column == 0 else "left",
                va="center",
                fontsize=size,
                annotation_clip=False,
            )
            for column, names in shown.items()
            for name, height in zip(names, heights[column], strict=True)
        ]

    def _units(self, column: int) -> npt.NDArray[np.int64]:
        """Return the units of a column that are drawn."""
        return drawn_units(self.structure.widths[column], self.max_units)

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each weight and each bias.

        Of units that are left out as well; the column ``drawn`` tells.
        """
        columns: dict[str, list[Any]] = {
            name: [] for name in ("layer", "source", "unit", "value", "drawn")
        }
        for column, part in enumerate(self.structure.connections):
            fan_in, fan_out = part.kernel.shape
            shown_in = np.isin(np.arange(fan_in), self._units(column))
            shown_out = np.isin(np.arange(fan_out), self._units(column + 1))
            targets = self.names[column + 1]
            columns["layer"] += [column + 1] * (part.kernel.size + fan_out)
            columns["source"] += [name for name in self.names[column] for _ in targets]
            columns["source"] += ["bias"] * fan_out
            columns["unit"] += targets * (fan_in + 1)
            columns["value"] += [*part.kernel.ravel().tolist(), *part.bias.tolist()]
            columns["drawn"] += [*np.outer(shown_in, shown_out).ravel(), *shown_out]
        return data_frame(columns)

    def describe(self) -> str:
        """Return the widths, the range of each layer's weights, and the strongest of them."""
        parts = [f"{self.structure.described()}."]
        n_layers = len(self.structure.connections)
        strongest = max(
            range(n_layers), key=lambda i: np.abs(self.structure.connections[i].kernel).max()
        )
        parts += [
            self._described(i)
            for i in (range(n_layers) if n_layers <= _N_DESCRIBED else [strongest])
        ]
        if n_layers > _N_DESCRIBED:
            parts[-1] = "The strongest weight is in the following. " + parts[-1]
        if self.structure.input_notes:
            parts.append(f"The inputs are first {', '.join(self.structure.input_notes)}.")
        if self.structure.skips:
            past = ", ".join(
                f"{start + 1}" if end == start + 1 else f"{start + 1} to {end}"
                for start, end in self.structure.skips
            )
            parts.append(f"Connections lead past layers {past}.")
        if max(self.structure.widths) > self.max_units:
            parts.append(f"At most {self.max_units} units of a layer are drawn.")
        return " ".join(parts)

    def _described(self, column: int) -> str:
        part = self.structure.connections[column]
        fan_in, fan_out = part.kernel.shape
        source, unit = divmod(int(np.abs(part.kernel).argmax()), fan_out)
        head = ", ".join([f"{fan_in} -> {fan_out}", *part.notes])
        return (
            f"Layer {column + 1} ({head}): weights {_span(part.kernel)}, biases "
            f"{_span(part.bias)}; the strongest weight is {part.kernel[source, unit]:.4g}, from "
            f"{self.names[column][source]} to {self.names[column + 1][unit]}."
        )


def _outputs_of(estimator: Any, n_outputs: int) -> Sequence[Any] | None:
    """Return the names of the outputs of a classifier: one stands for the second of two classes."""
    classes = getattr(estimator, "classes_", None)
    if classes is None or (n_outputs == 1 and len(classes) != 2):
        return None
    return classes[1:] if n_outputs == 1 else classes


def _draw_skip(ax: Axes, start: int, end: int, top: float, step: tuple[float, float]) -> None:
    """Draw an arc above the columns, as high as a unit has room; ``step`` is in points."""
    bend = 1.0 * step[1] / (step[0] * (end - start))
    ax.annotate(
        "",
        (end, top),
        (start, top),
        arrowprops={
            "arrowstyle": "->",
            "color": GREY,
            "linewidth": 1.0,
            "connectionstyle": f"arc3,rad={-bend:.6f}",
        },
        annotation_clip=False,
    )


def _span(values: npt.NDArray[Any]) -> str:
    return f"from {values.min():.4g} to {values.max():.4g}"
