"""The network behind a picture: its units in columns, and the weights between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import nn
from chainrule._errors import ArgumentTypeError, ShapeError
from chainrule.plot.display import numbered
from chainrule.plot.estimator import fitted_core
from chainrule.training import FitResult

__all__ = ["Connection", "NetworkStructure", "drawn_units", "unit_heights"]


@dataclass
class Connection:
    """The weights from one column of units to the next.

    Attributes
    ----------
    kernel : ndarray of shape (fan_in, fan_out)
    bias : ndarray of shape (fan_out,)
    notes : list of str
        What else happens to the outputs: the activation, a normalization, dropout.
    """

    kernel: npt.NDArray[Any]
    bias: npt.NDArray[Any]
    notes: list[str] = field(default_factory=list)


@dataclass
class NetworkStructure:
    """Columns of units, from the inputs to the outputs.

    Attributes
    ----------
    connections : list of Connection
    input_notes : list of str
        What happens to the inputs before the first weights.
    skips : list of (int, int)
        From which column to which a connection leads past a block; the inputs are column 0.
    """

    connections: list[Connection] = field(default_factory=list)
    input_notes: list[str] = field(default_factory=list)
    skips: list[tuple[int, int]] = field(default_factory=list)

    @property
    def widths(self) -> list[int]:
        """Number of units in each column."""
        first = self.connections[0].kernel.shape[0]
        return [first, *(part.kernel.shape[1] for part in self.connections)]

    @classmethod
    def of_model(cls, model: Any) -> NetworkStructure:
        """Read a model of `chainrule.nn`, or the model of a `FitResult`.

        Raises
        ------
        ArgumentTypeError
            If it has no dense layer.
        ShapeError
            If a layer of another kind changes the number of units.
        """
        if isinstance(model, FitResult):
            model = model.model
        structure = cls()
        structure._read(model)
        if not structure.connections:
            raise ArgumentTypeError(
                f"expected a model with dense layers, such as nn.mlp makes, got {model!r}."
            )
        return structure

    @classmethod
    def of_estimator(cls, estimator: Any) -> NetworkStructure:
        """Read a fitted estimator, or the last step of a pipeline: a network, or a linear model."""
        core = fitted_core(estimator)
        if hasattr(core, "model_"):
            return cls.of_model(core.model_)
        if not hasattr(core, "coef_"):
            raise ArgumentTypeError(
                "expected a network or a linear model, with model_ or coef_, got "
                f"{type(core).__name__}."
            )
        kernel = np.atleast_2d(core.coef_).T
        bias = np.broadcast_to(np.asarray(core.intercept_), kernel.shape[1:])
        return cls([Connection(kernel, bias)])

    def _read(self, layer: Any) -> None:
        if isinstance(layer, nn.Sequential):
            for inner in layer.layers:
                self._read(inner)
        elif isinstance(layer, nn.Residual):
            start = len(self.connections)
            self._read(layer.block)
            if len(self.connections) > start:
                self.skips.append((start, len(self.connections)))
            if layer.shortcut is not None:
                self._note(f"shortcut {layer.shortcut}")
        elif isinstance(layer, nn.Dense):
            kernel = np.asarray(layer.kernel)
            if self.connections and self.widths[-1] != kernel.shape[0]:
                units = numbered(self.widths[-1], "unit")
                raise ShapeError(
                    f"expected {units} to go on to the next dense layer, got {layer!r}; a layer "
                    "between them changes their number, which cannot be drawn."
                )
            self.connections.append(Connection(kernel, np.asarray(layer.bias)))
            self._note(_function_name(layer.activation))
        elif isinstance(layer, nn.Apply):
            self._note(_function_name(layer.function))
        elif isinstance(layer, nn.Dropout):
            self._note(f"dropout {float(layer.rate):.4g}")
        else:
            self._note(_NAMES.get(type(layer), type(layer).__name__))

    def _note(self, note: str) -> None:
        notes = self.connections[-1].notes if self.connections else self.input_notes
        if note != "identity":
            notes.append(note)

    def described(self) -> str:
        """Return the widths in words."""
        n_inputs, *hidden, n_outputs = self.widths
        total = sum(part.kernel.size + part.bias.size for part in self.connections)
        parts = [numbered(n_inputs, "input"), _hidden(hidden), numbered(n_outputs, "output")]
        return f"{', '.join(parts)}: {total:,} weights and biases"


def _hidden(widths: list[int]) -> str:
    if not widths:
        return "no hidden layer"
    layers = numbered(len(widths), "hidden layer")
    if len(widths) > 1 and len(set(widths)) == 1:
        return f"{layers} of {numbered(widths[0], 'unit')} each"
    *first, last = map(str, widths)
    each = f"{', '.join(first)} and {last}" if first else last
    return f"{layers} of {each} unit{'s' if widths != [1] else ''}"


_NAMES: dict[type, str] = {
    nn.BatchNorm: "batch norm",
    nn.LayerNorm: "layer norm",
    nn.Standardize: "standardized",
}


def _function_name(function: Any) -> str:
    return getattr(function, "__name__", repr(function))


def drawn_units(width: int, max_units: int) -> npt.NDArray[np.int64]:
    """Return the units that are drawn: all, or the first and the last of too many."""
    if width <= max_units:
        return np.arange(width)
    first = max_units // 2
    return np.concatenate([np.arange(first), np.arange(width - (max_units - first), width)])


def unit_heights(width: int, max_units: int) -> npt.NDArray[Any]:
    """Return how high the units that are drawn stand, around 0, with room for dots if need be."""
    places = np.arange(min(width, max_units), dtype=np.float64)
    if len(places) < width:
        places[len(places) // 2 :] += 1.0
    return 0.5 * places[-1] - places
