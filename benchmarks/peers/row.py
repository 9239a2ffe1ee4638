"""What a row of the comparison is: the work, who does it and how, and what must be reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

Prepare = Callable[..., Callable[[], Any]]
"""Gets the arrays of the problem; returns the function to be timed."""

MODULES = {
    "chainrule": "chainrule",
    "JAX": "jax",
    "PyTorch": "torch",
    "NumPy": "numpy",
    "scikit-learn": "sklearn",
}
"""What each library is imported as."""


def library_of(peer: str) -> str:
    """Return the library of a peer, which its name begins with: "JAX, one scan" is JAX."""
    return peer.partition(",")[0]


class Faster(NamedTuple):
    """Peers take at least ``factor`` times as long; a library's name stands for all its peers."""

    factor: float
    than: tuple[str, ...]


class NearLimit(NamedTuple):
    """The time is at most ``factor`` times the limit."""

    factor: float


class Bandwidth(NamedTuple):
    """Memory is used at least at this share of the measured bandwidth."""

    share: float


class Within(NamedTuple):
    """The time is at most this many seconds."""

    seconds: float


Target = Faster | NearLimit | Bandwidth | Within


@dataclass(frozen=True)
class Row:
    """Work that several libraries do.

    Attributes
    ----------
    title : str
    problem : callable
        Given a dtype, returns the arrays that everybody starts from.
    peers : mapping of str to Prepare
        By name, "library, variant"; the reference first. What a prepared function returns, an array
        or a sequence of arrays, is what the peers must agree on.
    tolerance : float
        By how much they may differ, relative to the largest number of an array.
    targets : mapping of str to sequence of Target
        By dtype: these are the dtypes that are measured.
    flops : float
        Floating-point work that has to be done, an op or elementary function counted as one.
    numbers_read, numbers_written : float
        How many numbers have to come from memory and go there, being too many for the caches.
    products : sequence of (m, n, k)
        The matrix products at which BLAS is measured beside the large one.
    most_rounds : int
        Of work that takes seconds; there may be fewer.
    notes : str
        What the table does not show.
    """

    title: str
    problem: Callable[[np.dtype[Any]], tuple[Any, ...]]
    peers: Mapping[str, Prepare]
    tolerance: float
    targets: Mapping[str, tuple[Target, ...]]
    flops: float = 0.0
    numbers_read: float = 0.0
    numbers_written: float = 0.0
    products: tuple[tuple[int, int, int], ...] = ()
    most_rounds: int = 1000
    notes: str = ""

    def first_of(self, library: str) -> str | None:
        """Return the first peer of a library."""
        return next((peer for peer in self.peers if library_of(peer) == library), None)


def dense_flops(rows: int, widths: tuple[int, ...]) -> float:
    """Return the work of the matrix products of a dense network's forward pass."""
    return 2.0 * rows * sum(a * b for a, b in pairwise(widths))


def training_flops(rows: int, widths: tuple[int, ...], per_unit: int, per_parameter: int) -> float:
    """Return the work of one step of training.

    The backward pass has two products for every one of the forward pass, but for the first layer,
    whose input needs no gradient. To that come the ops ``per_unit`` (hidden or output) of every
    row, and those of the optimizer ``per_parameter``.
    """
    forward = dense_flops(rows, widths)
    products = 3.0 * forward - dense_flops(rows, widths[:2])
    parameters = forward / (2.0 * rows) + sum(widths[1:])
    return products + per_unit * rows * sum(widths[1:]) + per_parameter * parameters


def training_flops_of_epoch(
    rows: int, batch: int, widths: tuple[int, ...], per_unit: int, per_parameter: int
) -> float:
    """Return the work of an epoch, whose last batch has the rows that are left over."""
    full, rest = divmod(rows, batch)
    steps = full * training_flops(batch, widths, per_unit, per_parameter)
    return steps + (training_flops(rest, widths, per_unit, per_parameter) if rest else 0.0)


def dense_products(rows: int, widths: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """Return (m, n, k) of the products of one step of training."""
    shapes = []
    for number, (fan_in, fan_out) in enumerate(pairwise(widths)):
        shapes += [(rows, fan_out, fan_in), (fan_in, fan_out, rows)]
        if number:
            shapes.append((rows, fan_in, fan_out))
    return tuple(shapes)
