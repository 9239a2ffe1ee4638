"""How long the stages of compilation take."""

from __future__ import annotations

import time


class Stopwatch:
    """Takes the time of one stage after the other.

    Attributes
    ----------
    seconds : dict
        Time by stage, in the order in which the stages ended.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Add what has passed since the latest lap to a stage."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
