"""Which run a checkpoint is of: hashes of all that decides what training comes to.

Functions count by their names, and objects that are made of fields by these. So a loss that is
written differently under the same name is taken for the same; data, weights and numbers are
compared to the last bit.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule.training.task import Task

__all__ = ["identity"]


def identity(
    task: Task, model: Any, optimizer: Any, state: Any, callbacks: Sequence[Any], **settings: Any
) -> dict[str, str]:
    """Return, by names for messages, what one run has in common with itself alone.

    Parameters
    ----------
    task : Task
    model, optimizer : pytree
        Before the first epoch.
    state : pytree
        What else the run begins with: random key, state of the optimizer.
    callbacks : sequence of callable
        Those count that remember something, by what they remember at the beginning.
    **settings
        Numbers, strings and None.
    """
    remembering = [c for c in callbacks if hasattr(c, "get_state")]
    hashed = {
        "training samples": task.train,
        "validation samples": task.validation,
        "model": model,
        "loss": task.loss,
        "score": task.score,
        "optimizer": optimizer,
        "key or state": state,
        "callbacks and rules of stopping": [
            (type(callback).__qualname__, callback.get_state()) for callback in remembering
        ],
    }
    plain = {"shuffle": task.shuffle, "running training loss": task.running, **settings}
    return {
        **{name: _digest(value) for name, value in hashed.items()},
        **{name: repr(value) for name, value in plain.items()},
    }


def _digest(value: Any) -> str:
    leaves, structure = tree.flatten(value)
    digest = hashlib.sha256(_described(structure).encode())
    for leaf in leaves:
        if isinstance(leaf, (np.ndarray, np.generic)):
            digest.update(f"\n{leaf.dtype.str}{leaf.shape}\n".encode())
            digest.update(np.ascontiguousarray(leaf).reshape(-1).view(np.uint8).data)
        else:
            digest.update(f"\n{_described(leaf)}\n".encode())
    return digest.hexdigest()


def _described(value: Any) -> str:
    """Return what is the same in another process, without addresses of memory."""
    if isinstance(value, tree.Structure):
        inner = ", ".join(_described(child) for child in value.children)
        return f"{_described(value.kind)}{_described(value.meta)}({inner})"
    if isinstance(value, tuple):
        return f"({', '.join(_described(item) for item in value)})"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        leaves, structure = tree.flatten(value)
        return f"{_described(structure)}{_described(tuple(leaves))}"
    if isinstance(value, functools.partial):
        return _described((value.func, value.args, tuple(sorted(value.keywords.items()))))
    if callable(value):
        kind = value if hasattr(value, "__qualname__") else type(value)
        return f"{kind.__module__}.{kind.__qualname__}"
    return repr(value)
