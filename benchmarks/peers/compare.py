"""Rows measured: peers take turns, must agree, and are held against the limit and the targets."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from benchmarks.peers.limits import Limit, limit_of
from benchmarks.peers.process import Peer, PeerError
from benchmarks.peers.row import (
    Bandwidth,
    Faster,
    NearLimit,
    Row,
    Target,
    Within,
    library_of,
)
from benchmarks.timing import Timing, duration, show_verdict, summarize

REST_SECONDS = 0.1
"""A pause before every turn, so that the threads of whoever was before have gone to sleep."""


class Verdict(NamedTuple):
    """What must be reached, what was, and whether it is enough."""

    wanted: str
    found: str
    reached: bool


@dataclass(frozen=True)
class Measured:
    """A row in one dtype.

    Attributes
    ----------
    row : Row
    name, dtype : str
    timings : dict of str to Timing
        By peer; ratios are to the first, chainrule's.
    starts : dict of str to float
        Seconds to import the library, prepare the work, compile and do it once.
    values : dict of str to float
        The mean of what a peer came to, for the reader.
    limit : Limit
    trouble : dict of str to str
        Peers that could not do the work, or came to something else, and why.
    """

    row: Row
    name: str
    dtype: str
    timings: dict[str, Timing]
    starts: dict[str, float]
    values: dict[str, float]
    limit: Limit
    trouble: dict[str, str]

    def verdicts(self) -> list[Verdict]:
        """Return what became of the targets."""
        targets = self.row.targets.get(self.dtype, ())
        if "chainrule" not in self.timings:
            return [Verdict("a result", "none", False)] if targets else []
        return [self._verdict(target) for target in targets]

    def _verdict(self, target: Target) -> Verdict:
        median = self.timings["chainrule"].median
        match target:
            case Faster(factor, than):
                found = {name: self.ratio_to(name) for name in than}
                shown = ", ".join(f"{name} {show_ratio(ratio)}" for name, ratio in found.items())
                wanted = "ahead of" if factor == 1.0 else f"≥ {factor:g}x faster than"
                reached = all(ratio is not None and ratio >= factor for ratio in found.values())
                return Verdict(f"{wanted} {', '.join(than)}", shown, reached)
            case NearLimit(factor):
                ratio = median / self.limit.seconds
                return Verdict(f"within {factor:g}x of the limit", f"{ratio:.2f}x", ratio <= factor)
            case Bandwidth(share):
                used = self.limit.seconds / median
                return Verdict(f"≥ {share:.0%} of the bandwidth", f"{used:.0%}", used >= share)
            case Within(seconds):
                return Verdict(f"≤ {duration(seconds)}", duration(median), median <= seconds)

    def ratio_to(self, name: str) -> float | None:
        """Return how many times as long a peer takes, or the fastest peer of a library."""
        ratios = [
            timing.ratio
            for peer, timing in self.timings.items()
            if name in (peer, library_of(peer))
        ]
        return min(ratios, default=None)


def show_ratio(ratio: float | None) -> str:
    """Write a ratio, or that there is none."""
    return "not measured" if ratio is None else f"{ratio:.2f}x"


def measure(python: str, name: str, row: Row, dtype: str, rounds: int) -> Measured:
    """Let all peers of a row take turns."""
    limit = limit_of(row, np.dtype(dtype))
    peers: dict[str, Peer] = {}
    trouble: dict[str, str] = {}
    for peer in row.peers:
        try:
            peers[peer] = Peer(python, name, peer, dtype)
        except PeerError as error:
            trouble[peer] = f"could not: {error}"
    values = {peer: active.values for peer, active in peers.items()}
    starts = {peer: active.imported + active.first for peer, active in peers.items()}
    reference = next(iter(values), "")
    for peer in values:
        if complaint := disagreement(values[reference], values[peer], row.tolerance):
            trouble[peer] = f"DISAGREES with {reference}: {complaint}"
    for turn in range(min(rounds, row.most_rounds)):
        order = list(peers)
        start = turn % max(1, len(order))
        for peer in order[start:] + order[:start]:
            time.sleep(REST_SECONDS)
            try:
                peers[peer].round()
            except PeerError as error:
                trouble[peer] = f"could not: {error}"
                del peers[peer]
    for active in peers.values():
        active.close()
    seconds = {peer: active.seconds for peer, active in peers.items()}
    timings = summarize(seconds) if seconds else {}
    means = {peer: digests[0][-2] for peer, digests in values.items()}
    return Measured(row, name, dtype, timings, starts, means, limit, trouble)


def disagreement(expected: Any, got: Any, tolerance: float) -> str | None:
    """Return how two lists of digests differ, or None if they agree."""
    if list(map(len, expected)) != list(map(len, got)):
        return f"{list(map(len, got))} numbers instead of {list(map(len, expected))}"
    for one, other in zip(map(np.array, expected), map(np.array, got), strict=True):
        difference = np.abs(one - other)
        if not np.all(difference <= tolerance * np.abs(one).max()):  # not so with NaN, either
            where = int(np.argmax(difference))
            return f"{other[where]:.6g} instead of {one[where]:.6g}"
    return None


def show(measured: Measured) -> None:
    """Print a row with everything about it."""
    width = max(map(len, measured.row.peers))
    print(f"\n{measured.row.title}, {measured.dtype}  [{measured.name}]")
    for name in measured.row.peers:
        if name in measured.timings:
            timing = measured.timings[name]
            spread = f"({duration(timing.low)} to {duration(timing.high)})"
            print(
                f"  {name:<{width}}  {duration(timing.median):>9}  {spread:<22} "
                f"{timing.ratio:7.2f}x  value {measured.values[name]:<11.6g} "
                f"first call {duration(measured.starts[name])}"
            )
        if name in measured.trouble:
            print(f"  {name:<{width}}  {measured.trouble[name]}")
    limit = measured.limit
    print(f"  {'the limit':<{width}}  {duration(limit.seconds):>9}  {limit.words}")
    if "chainrule" in measured.timings:
        median = measured.timings["chainrule"].median
        at_own_shapes = f", {median / limit.seconds_at_own_shapes:.2f}x with BLAS at its shapes"
        print(
            f"  chainrule takes {median / limit.seconds:.2f}x the limit"
            f"{at_own_shapes if measured.row.products else ''}"
        )
    for wanted, found, reached in measured.verdicts():
        show_verdict(wanted, found, reached)
    if measured.row.notes:
        print(f"  {measured.row.notes}")
    print(end="", flush=True)
