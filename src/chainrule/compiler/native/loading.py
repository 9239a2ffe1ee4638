"""Machine code loaded to be called."""

from __future__ import annotations

import pickle
import threading
from typing import NamedTuple

from chainrule.compiler.native import cache
from chainrule.compiler.native.image import Image, Loaded
from chainrule.compiler.native.surroundings import surroundings

ENTRY = "run"
"""The name of the function that is called; see `emit`."""

# Where CPython keeps the address of an array's elements: right after the head of the object.
DATA_OFFSET = object.__basicsize__

ALIGNMENT = 64
"""The arena, and every array in it, starts at a multiple of so many bytes."""


class Objects(NamedTuple):
    """Object code that LLVM links when it loads it.

    Attributes
    ----------
    contents : list of bytes
    called : list of str
        The functions elsewhere that may be called.
    """

    contents: list[bytes]
    called: list[str]


Linkable = Image | Objects


class Code:
    """Machine code that can be called.

    Parameters
    ----------
    made : Image or Objects

    Attributes
    ----------
    address_of : callable
        Returns where the function of a name is.
    """

    def __init__(self, made: Linkable) -> None:
        if isinstance(made, Image):
            self.address_of = Loaded(made).address_of
        else:
            from chainrule.compiler.native.mcjit import LoadedByLLVM

            self.address_of = LoadedByLLVM(*made).address_of

    @property
    def address(self) -> int:
        """Where the function `ENTRY` is."""
        return self.address_of(ENTRY)


_lock = threading.Lock()
_made: dict[str, Linkable] = {}


def compiled(text: str, optimized: bool = True) -> Code:
    """Return the code of a module in LLVM's assembly language that depends on nothing else."""
    return Code(made(text, optimized))


def made(text: str, optimized: bool = True) -> Linkable:
    """Return what `compiled` loads; threads that ask for it at the same time make it once."""
    key = cache.key_of("module", text, surroundings(), str(optimized))
    with _lock:
        if key not in _made:
            _made[key] = _known(key) or _new(key, text, optimized)
        return _made[key]


def _known(key: str) -> Linkable | None:
    contents = cache.load(key)
    return None if contents is None else pickle.loads(contents)


def _new(key: str, text: str, optimized: bool) -> Linkable:
    # Takes longer to import than code that is known to load.
    from chainrule.compiler.native.compilation import DRIVER, LOOPS, object_code
    from chainrule.compiler.native.linking import linked

    code = linked([object_code(text, LOOPS if optimized else DRIVER)[0]])
    cache.store(key, pickle.dumps(code))
    return code
