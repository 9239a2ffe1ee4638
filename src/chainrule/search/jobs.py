"""How many cells run at once, and where."""

from __future__ import annotations

from typing import Any

import numpy as np
from joblib.parallel import get_active_backend

from chainrule._errors import ArgumentTypeError, InvalidArgumentError
from chainrule._threads import MOST_THREADS, get_threads
from chainrule.search.evaluating import IGNORED, Evaluation
from chainrule.search.running import Crew, ThreadCrew, is_busy
from chainrule.search.store import Store

__all__ = ["crew_for", "worker_count"]


def worker_count(n_jobs: Any) -> int:
    """Return how many cells run at once in this process.

    Parameters
    ----------
    n_jobs : int or None
        As in joblib, -1 stands for all cores and -2 for all but one. None takes what
        ``joblib.parallel_config`` says, else all cores, or one for a search inside a cell of
        another or inside a worker of joblib.

    Raises
    ------
    ArgumentTypeError
        If it is no integer.
    InvalidArgumentError
        If it is 0, or there are not so many.
    """
    if n_jobs is None:
        backend, n_jobs = get_active_backend()
        if n_jobs is None:
            nested = is_busy() or (getattr(backend, "nesting_level", 0) or 0) > 0
            return 1 if nested else get_threads()
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, (int, np.integer)):
        raise ArgumentTypeError(
            f"n_jobs: expected a number of threads, -1 for all cores or None, got {n_jobs!r}."
        )
    cores = get_threads()
    if n_jobs == 0 or n_jobs > MOST_THREADS or n_jobs < -cores:
        raise InvalidArgumentError(
            f"n_jobs: expected 1 to {MOST_THREADS} threads, or -1 to -{cores} for all of the "
            f"{cores} cores, all but one and so on, got {n_jobs}."
        )
    return int(n_jobs) if n_jobs > 0 else cores + 1 + int(n_jobs)


def crew_for(n_jobs: Any, evaluation: Evaluation, n_cells: int, store: Store | None) -> Crew:
    """Return those who run cells: threads, or the cluster that joblib is configured to use."""
    workers = min(worker_count(n_jobs), n_cells)
    backend: Any = get_active_backend()[0]
    if type(backend).__name__ == "DaskDistributedBackend":
        from chainrule.search.cluster import DaskCrew

        return DaskCrew(backend.client, evaluation, n_cells, store)
    return ThreadCrew(evaluation, workers, store, IGNORED)
