"""Running cells: side by side in threads, or wherever an executor of another library takes them.

Fits of ours spend their time in native code, without the interpreter's lock, so threads are enough:
data are shared, nothing is pickled, and nothing has to be importable. While n cells run at once,
each has its share of the threads that compiled functions use, and other libraries' BLAS has as
many, so that together they take the cores there are.

`Crew` is handed cells and gives back outcomes in the order in which they come. It hands out only a
few ahead: what is waiting can be claimed in a store by another process, and is dropped at Ctrl-C.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
import warnings
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from typing import NamedTuple, Self, TypeAlias

from threadpoolctl import threadpool_limits

from chainrule._threads import get_threads, set_threads
from chainrule.search.cells import Cell, Outcome
from chainrule.search.store import Store
from chainrule.training import interruption

__all__ = ["Crew", "Finished", "ThreadCrew", "is_busy", "shares"]

Evaluate: TypeAlias = Callable[[Cell], Outcome]

_HEARTBEAT = 1.0
"""Seconds after which a store is told at the latest that its claims are alive."""

_AT_A_TIME = 0.01
"""Seconds that a batch of cells takes at most: those it had done are lost when it is broken off."""

_POLL = 0.1
"""Seconds between two looks at what another process has finished."""


class Finished(NamedTuple):
    """A cell with its outcome, and whether that was found in a store."""

    cell: Cell
    outcome: Outcome
    remembered: bool


class Crew(ABC):
    """Those who do the work.

    Parameters
    ----------
    n_workers : int
        How many batches run at once.
    store : Store or None
    batch_size : int, default=1
        How many cells are handed out together.
    """

    def __init__(self, n_workers: int, store: Store | None, batch_size: int = 1) -> None:
        self._n_workers = n_workers
        self._store = store
        self._batch_size = batch_size

    @property
    def batch_size(self) -> int:
        """How many cells to hand out together now."""
        return self._batch_size

    @abstractmethod
    def _submit(self, cells: list[Cell]) -> Future[list[Outcome]]:
        """Hand out cells."""

    @abstractmethod
    def _stop(self) -> None:
        """Make those who work leave off; what they have begun is dropped."""

    def _is_lost(self, cells: list[Cell], error: BaseException) -> bool:
        """Return whether cells have come back with an error because their worker is gone."""
        return False

    def run(self, cells: Iterable[Cell]) -> Iterator[Finished]:
        """Yield cells with their outcomes, as they come.

        Parameters
        ----------
        cells : iterable of Cell
            In the order in which they are begun.
        """
        waiting = deque(cells)
        if self._store is not None:
            yield from self._remembered(waiting, self._store)
        running: dict[Future[list[Outcome]], list[Cell]] = {}
        while waiting or running:
            interruption.check()  # this may be a cell of another search
            elsewhere = yield from self._hand_out(waiting, running)
            if running:
                done = wait(running, _HEARTBEAT, FIRST_COMPLETED).done
            else:
                done = set()
                time.sleep(_POLL)
            waiting.extend(elsewhere)
            for future in done:
                batch = running.pop(future)
                error = future.exception()
                if error is not None and self._is_lost(batch, error):
                    waiting.extendleft(reversed(batch))
                    continue
                for cell, outcome in zip(batch, future.result(), strict=True):
                    if self._store is not None:
                        self._store.finish(cell, outcome)
                    yield Finished(cell, outcome, False)
            if self._store is not None:
                self._store.renew()

    def _remembered(self, waiting: deque[Cell], store: Store) -> Iterator[Finished]:
        """Yield the cells that a store has the outcomes of, and leave the others waiting."""
        finished = store.finished()
        cells = list(waiting)
        waiting.clear()
        for cell in cells:
            outcome = finished.get(cell.key)
            if outcome is None:
                waiting.append(cell)
            else:
                yield Finished(cell, outcome, True)

    def _hand_out(
        self, waiting: deque[Cell], running: dict[Future[list[Outcome]], list[Cell]]
    ) -> Generator[Finished, None, list[Cell]]:
        """Hand out cells until there is a spare batch for each worker; return those of others."""
        elsewhere: list[Cell] = []
        while waiting and len(running) < 2 * self._n_workers:
            batch: list[Cell] = []
            while waiting and len(batch) < self.batch_size:
                cell = waiting.popleft()
                claim = "ours" if self._store is None else self._store.claim(cell)
                if isinstance(claim, Outcome):
                    yield Finished(cell, claim, True)
                elif claim == "elsewhere":
                    elsewhere.append(cell)
                else:
                    batch.append(cell)
            if batch:
                running[self._submit(batch)] = batch
        return elsewhere

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        if self._store is not None:
            self._store.release()


class ThreadCrew(Crew):
    """Threads of this process.

    Parameters
    ----------
    evaluate : callable
        Turns a cell into an outcome.
    n_workers : int
    store : Store or None
    ignored : tuple of type
        Warnings that say nothing a search does not say better.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        n_workers: int,
        store: Store | None,
        ignored: tuple[type[Warning], ...] = (),
    ) -> None:
        super().__init__(n_workers, store)
        self._evaluate = evaluate
        self._ignored = ignored
        self._executor: Executor = ThreadPoolExecutor(n_workers, "chainrule-search")
        self._busy: set[Future[list[Outcome]]] = set()
        self._stopping = threading.Event()
        self._seconds_of_cell = math.inf
        self._shares = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._shares.enter_context(shares(self._n_workers, self._ignored))
        return self

    def __exit__(self, *error: object) -> None:
        with self._shares:
            super().__exit__(*error)

    @property
    def batch_size(self) -> int:
        """As many as take a hundredth of a second, if they are like the last."""
        return max(1, int(_AT_A_TIME / self._seconds_of_cell))

    def _submit(self, cells: list[Cell]) -> Future[list[Outcome]]:
        future = self._executor.submit(self._work, cells)
        self._busy.add(future)
        future.add_done_callback(self._busy.discard)
        return future

    def _work(self, cells: list[Cell]) -> list[Outcome]:
        began = time.perf_counter()
        with interruption.stops_with(self._stopping):
            found = [self._evaluate(cell) for cell in cells if not self._stopping.is_set()]
        self._seconds_of_cell = (time.perf_counter() - began) / len(cells)
        return found

    def _stop(self) -> None:
        self._stopping.set()
        self._executor.shutdown(wait=False, cancel_futures=True)
        busy = tuple(self._busy)
        if busy:
            warnings.simplefilter("ignore")  # what cells say from now on is of no interest
        # A second Ctrl-C ends the waiting, and leaves the threads to themselves.
        with contextlib.suppress(KeyboardInterrupt):
            wait(busy)


class _Shares:
    """What belongs to the process and is changed while cells run.

    Threads that compiled functions and BLAS use are shared among cells, and some warnings ignored.
    The first search that begins sees to that, and the last that ends puts it back; searches within
    cells of another change nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._before = contextlib.ExitStack()

    @property
    def taken(self) -> bool:
        return self._count > 0

    @contextlib.contextmanager
    def of(self, n_workers: int, ignored: tuple[type[Warning], ...]) -> Iterator[None]:
        """Give each of some workers its share, and ignore warnings."""
        with self._lock:
            self._count += 1
            if self._count == 1:
                before = get_threads()
                share = max(1, before // n_workers)
                self._before.enter_context(threadpool_limits(share))
                self._before.callback(set_threads, before)
                set_threads(share)
                self._before.enter_context(warnings.catch_warnings())
                for category in ignored:
                    warnings.simplefilter("ignore", category)
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1
                if self._count == 0:
                    self._before.close()


_SHARES = _Shares()
shares = _SHARES.of


def is_busy() -> bool:
    """Return whether cells are being run, so that this is called from one of them perhaps."""
    return _SHARES.taken
