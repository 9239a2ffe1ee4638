"""Stretches: a few epochs as one compiled call.

An epoch of a small network is over before Python could call it and write down what it leaves. So
the loop over epochs is compiled as well, and left after as many as were asked for. What was
measured of each comes back as a row of a table; of the models, the last and the best.

How many epochs are run together changes no number: whoever needs the state between two of them
runs the stretch again, up to there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chainrule import _tree as tree
from chainrule.compiler import compile
from chainrule.control_flow import while_loop
from chainrule.frontend import asarray, at
from chainrule.optim import Optimizer
from chainrule.training.epoch import Loss, Measures, Samples, Score, TrainingState, parts, run_epoch
from chainrule.training.rank import Rank

__all__ = ["LONGEST", "Stretch", "measures_of", "run_compiled_stretch", "run_stretch"]

LONGEST = 128
"""Epochs that are run together at most: rows of the table."""


class Stretch(NamedTuple):
    """What a stretch leaves.

    Attributes
    ----------
    n_epochs : int
        How many there were before the end or the first that was not finite.
    state : TrainingState
        After them; if there was one that was not finite, after that.
    best : pytree
        The model of the best of them, if it is better than the best before.
    rank : Rank
        Of the best so far.
    table : ndarray of float64 of shape (LONGEST, n_measures)
        See `measures_of`.
    finite : bool
        Whether all epochs were.
    """

    n_epochs: Any
    state: TrainingState
    best: Any
    rank: Rank
    table: Any
    finite: Any


def run_stretch(
    loss: Loss,
    batch_size: int,
    shuffle: bool,
    score: Score | None,
    running: bool,
    state: TrainingState,
    optimizer: Optimizer,
    train: Samples,
    validation: Samples | None,
    rank: Rank,
    n_epochs: int,
) -> Stretch:
    """Run epochs one after the other, and stop early at one that is not finite.

    Parameters
    ----------
    loss, batch_size, shuffle, score, running, state, optimizer, train, validation
        As for `run_epoch`. Of these, the first five are static.
    rank : Rank
        Of the best epoch before, as arrays.
    n_epochs : int
        From 1 to `LONGEST`; not static.

    Returns
    -------
    Stretch
    """

    def goes_on(reached: Stretch) -> Any:
        return np.logical_and(reached.n_epochs < n_epochs, reached.finite)

    def epoch(reached: Stretch) -> Stretch:
        state, measures, finite = run_epoch(
            loss, batch_size, reached.state, optimizer, train, validation, shuffle, score, running
        )
        rank = Rank.of(measures)
        is_best = np.logical_and(rank.is_ahead_of(reached.rank), finite)
        best, rank = tree.map(
            lambda new, old: np.where(is_best, new, old),
            (state.model, rank),
            (reached.best, reached.rank),
        )
        table = at(reached.table)[reached.n_epochs].set(_row(measures))
        return Stretch(reached.n_epochs + finite.astype(int), state, best, rank, table, finite)

    n_parts = len(parts(state.model))
    width = len(_scalars(validation is not None, score is not None)) + 2 * n_parts
    # Arrays, as numbers of Python's would have the body traced twice, to find their dtypes.
    begun = Stretch(
        n_epochs=np.zeros((), int),
        state=state,
        best=state.model,
        rank=rank,
        table=np.zeros((LONGEST, width)),
        finite=np.ones((), bool),
    )
    return while_loop(goes_on, epoch, begun)


run_compiled_stretch = compile(run_stretch, static_argnums=(0, 1, 2, 3, 4))


def _scalars(validated: bool, scored: bool) -> tuple[str, ...]:
    """Return the names of the measures that are one number each."""
    optional = ("val_loss",) * validated + ("val_score",) * (validated and scored)
    return ("train_loss", "penalty", *optional, "learning_rate")


def _row(measures: Measures) -> Any:
    """Return the measures that there are as one row of numbers."""
    numbers = [value for value in measures[:-2] if value is not None]
    scalars = np.stack([asarray(value).astype(np.float64) for value in numbers])
    norms = [asarray(value).astype(np.float64) for value in measures[-2:]]
    return np.concatenate([scalars, *norms])


def measures_of(table: npt.NDArray[np.float64], validated: bool, scored: bool) -> list[Measures]:
    """Return what the rows of a table mean.

    Parameters
    ----------
    table : ndarray of shape (n_epochs, n_measures)
    validated, scored : bool
        Whether there were validation samples, and a score.
    """
    names = _scalars(validated, scored)
    n_scalars = len(names)
    n_parts = (table.shape[1] - n_scalars) // 2
    # None, where there is no such column, is appended to every row, and found in last place.
    val_loss, val_score = (
        names.index(name) if name in names else n_scalars for name in ("val_loss", "val_score")
    )
    scalars = [(*row, None) for row in table[:, :n_scalars].tolist()]
    gradients, updates = table[:, n_scalars : n_scalars + n_parts], table[:, n_scalars + n_parts :]
    return [
        Measures(row[0], row[1], row[val_loss], row[val_score], row[-2], gradient, update)
        for row, gradient, update in zip(scalars, gradients, updates, strict=True)
    ]
