"""Time the digits run in this library and in others, side by side.

``python -m benchmarks.peers PYTHON``, where PYTHON has the packages of `requirements.txt`;
``make bench-peers`` makes such an environment and runs this. Each library trains the same network
(64-50-10, sigmoid, softmax cross-entropy, L2, batches of 100, 100 epochs of 1,400 rows) in a
process of its own; rounds alternate between them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
PEERS = {
    "chainrule": "digits_chainrule.py",
    "JAX, one jitted scan": "digits_jax.py",
    "PyTorch, eager, fused SGD": "digits_torch.py",
    "scikit-learn": "digits_sklearn.py",
}


class Peer:
    """A library at work in a process of its own."""

    def __init__(self, python: str, script: str, dtype: str) -> None:
        self._process = subprocess.Popen(
            [python, str(HERE / script), dtype],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "CHAINRULE_CACHE": "0"},
        )
        self.cold, self.loss = self._answer()
        self.seconds: list[float] = []

    def _answer(self) -> tuple[float, float]:
        assert self._process.stdout is not None
        seconds, loss = map(float, self._process.stdout.readline().split())
        return seconds, loss

    def round(self) -> None:
        """Let it train once."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.seconds.append(self._answer()[0])

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def main() -> None:
    """Print medians, spread, ratios, cold starts and the losses reached."""
    if len(sys.argv) < 2:
        sys.exit("Usage: python -m benchmarks.peers PYTHON [ROUNDS]")
    other, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 9
    for dtype in ("float32", "float64"):
        print(f"Digits, the whole run of 100 epochs, {dtype}")
        peers = {
            name: Peer(sys.executable if name == "chainrule" else other, script, dtype)
            for name, script in PEERS.items()
        }
        for _ in range(rounds):
            for peer in peers.values():
                peer.round()
        base = np.median(peers["chainrule"].seconds)
        for name, peer in peers.items():
            low, middle, high = np.percentile(peer.seconds, [25, 50, 75])
            print(
                f"  {name:<26} {1e3 * middle:8.1f} ms  ({1e3 * low:.1f} to {1e3 * high:.1f})"
                f"  {middle / base:6.2f}x   cold {peer.cold:5.2f} s   loss {peer.loss:.3f}"
            )
            peer.close()
        print()


if __name__ == "__main__":
    main()
