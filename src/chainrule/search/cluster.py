"""Cells on other machines, by Dask: data are sent to every worker once, cells in small batches.

A worker that is lost loses nothing but time: its batches are handed out again.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future
from typing import Any

from chainrule.search.cells import Cell, Outcome
from chainrule.search.evaluating import IGNORED, Evaluation
from chainrule.search.running import Crew, shares
from chainrule.search.store import Store

__all__ = ["DaskCrew"]

_LARGEST = 16
"""Cells of a batch: enough that sending them is little against running them."""

_ATTEMPTS = 5
"""How often a cell is handed out at most, should it be what brings workers down."""


class DaskCrew(Crew):
    """The workers of a Dask cluster.

    Parameters
    ----------
    client : distributed.Client
    evaluation : Evaluation
    n_cells : int
    store : Store or None
    """

    def __init__(
        self, client: Any, evaluation: Evaluation, n_cells: int, store: Store | None
    ) -> None:
        n_workers = max(1, sum(client.ncores().values()))
        batch_size = max(1, min(_LARGEST, n_cells // (4 * n_workers)))
        super().__init__(n_workers, store, batch_size)
        self._client = client
        self._evaluation = evaluation
        self._executor = client.get_executor(pure=False)
        self._lost: Counter[tuple[int, int, int]] = Counter()
        self._scatter()

    def _scatter(self) -> None:
        self._data = self._client.scatter(self._evaluation, broadcast=True, hash=False)

    def _submit(self, cells: list[Cell]) -> Future[list[Outcome]]:
        future: Future[list[Outcome]] = self._executor.submit(_evaluated, self._data, cells)
        return future

    def _is_lost(self, cells: list[Cell], error: BaseException) -> bool:
        self._lost.update(cell.place for cell in cells)
        if max(self._lost[cell.place] for cell in cells) >= _ATTEMPTS:
            return False
        if self._data.status != "finished":
            self._scatter()
        return True

    def _stop(self) -> None:
        self._executor.shutdown(wait=False)


def _evaluated(evaluation: Evaluation, cells: list[Cell]) -> list[Outcome]:
    """Evaluate cells on a worker, beside others on its other threads."""
    from distributed import get_worker

    with shares(get_worker().state.nthreads, IGNORED):
        return [evaluation(cell) for cell in cells]
