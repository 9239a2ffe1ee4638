"""How many threads compiled functions use.

The number stands in memory that native code reads whenever it could hand out work, so that a
change counts from then on, for functions that are compiled already and for those that run.
"""

from __future__ import annotations

import ctypes
import math
import operator
import os
from pathlib import Path
from typing import SupportsIndex

from chainrule._errors import ArgumentTypeError, InvalidArgumentError

MOST_THREADS = 256
"""More are never used."""

_VARIABLE = "CHAINRULE_THREADS"
_CGROUP = Path("/sys/fs/cgroup")

_count = ctypes.c_int64(0)  # 0 until it is asked for


def get_threads() -> int:
    """Return how many threads compiled functions use at most.

    Unless `set_threads` says otherwise, this is the value of the environment variable
    ``CHAINRULE_THREADS``, and without one the number of CPUs that the process may use: those it is
    bound to, and no more than a container's quota grants.

    Returns
    -------
    int

    Raises
    ------
    InvalidArgumentError
        If ``CHAINRULE_THREADS`` is not a number of threads.
    """
    if not _count.value:
        _count.value = _default()
    return _count.value


def set_threads(n: SupportsIndex) -> None:
    """Set how many threads compiled functions use at most.

    Results do not depend on it. It counts for the whole process, at once, and for functions that
    are compiled already.

    Parameters
    ----------
    n : int
        From 1 to 256; 1 leaves everything to the thread that calls.

    Raises
    ------
    ArgumentTypeError
        If ``n`` is not an integer.
    InvalidArgumentError
        If it is out of range.

    Examples
    --------
    >>> import chainrule as cr
    >>> before = cr.get_threads()
    >>> cr.set_threads(1)
    >>> cr.get_threads()
    1
    >>> cr.set_threads(before)
    """
    try:
        count = operator.index(n)
    except TypeError:
        raise ArgumentTypeError(f"set_threads: n: expected an integer, got {n!r}.") from None
    if not 1 <= count <= MOST_THREADS:
        raise InvalidArgumentError(
            f"set_threads: n: expected from 1 to {MOST_THREADS} threads, got {count}."
        )
    _count.value = count


def shared_count() -> ctypes.c_int64:
    """Return the memory that holds the number, for native code to read."""
    get_threads()
    return _count


def _default() -> int:
    named = os.environ.get(_VARIABLE)
    if not named:
        return min(_usable_cpus(), MOST_THREADS)
    if not named.isdecimal() or not 1 <= int(named) <= MOST_THREADS:
        raise InvalidArgumentError(
            f"the environment variable {_VARIABLE} must be a number of threads from 1 to "
            f"{MOST_THREADS}, got {named!r}."
        )
    return int(named)


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    quota = _quota()
    return count if quota is None else max(1, min(count, math.ceil(quota)))


def _quota() -> float | None:
    """Return how many CPUs' time Linux grants to the container, or None if it sets no limit."""
    try:
        granted, period = (_CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            granted = (_CGROUP / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (_CGROUP / "cpu" / "cpu.cfs_period_us").read_text()
        except OSError:
            return None
    if granted == "max" or int(granted) <= 0:
        return None
    return int(granted) / int(period)
