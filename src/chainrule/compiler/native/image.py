"""Machine code as it is kept and run: one piece of memory, the same at whatever address.

An image is what a linker makes of object code (see `linking`): code and constants, then what is
written to, and whatever refers to something else in it does so already. What is called elsewhere
is called through a word of the image, which is filled in when it is loaded. So a program that is
known is loaded without LLVM, and in the time it takes to copy it.

Memory is written first and executable afterwards, never both at once.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import platform
import sys
import weakref
from typing import Any, NamedTuple

from chainrule._errors import UnsupportedError
from chainrule.compiler.native import symbols

ARE_MADE = sys.platform == "linux" and platform.machine() == "x86_64"
"""Whether images are made of code for this machine; of other code LLVM takes care."""

PAGE = 4096
"""Bytes that are protected together."""

WORD = 8


class Image(NamedTuple):
    """Linked machine code.

    Attributes
    ----------
    contents : bytes
        Code and constants, and the beginning of what is written to.
    fixed : int
        How many bytes are code and constants; a multiple of `PAGE`.
    nbytes : int
        Size in memory; what comes after the contents is zero.
    functions : dict
        Where functions begin, by name.
    words : list of (int, str)
        Where the words are that are to be filled in, and whose addresses with.
    """

    contents: bytes
    fixed: int
    nbytes: int
    functions: dict[str, int]
    words: list[tuple[int, str]]

    @property
    def called(self) -> list[str]:
        """The functions elsewhere that it calls."""
        return [name for _, name in self.words]


class Loaded:
    """An image in memory, where it stays as long as this object.

    Parameters
    ----------
    image : Image

    Raises
    ------
    UnsupportedError
        If a function that it calls is not there, or the system lets no memory be written and then
        run.
    """

    def __init__(self, image: Image) -> None:
        contents = _filled_in(image)
        system = _system()
        start = system.mmap(
            None,
            image.nbytes,
            mmap.PROT_READ | mmap.PROT_WRITE,
            mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
            -1,
            0,
        )
        if start == ctypes.c_void_p(-1).value:
            raise MemoryError(f"native: no memory for {image.nbytes} bytes of code.")
        # When Python ends, threads may still run what is in there; it is left to the system then.
        weakref.finalize(self, system.munmap, start, image.nbytes).atexit = False
        ctypes.memmove(start, contents, len(contents))
        if system.mprotect(start, image.fixed, mmap.PROT_READ | mmap.PROT_EXEC):
            raise UnsupportedError(
                "native: this system refuses to run code from memory that was written (error "
                f"{ctypes.get_errno()} of mprotect); run the graph with engine='interpreter'."
            )
        self._start: int = start
        self._functions = image.functions

    def address_of(self, name: str) -> int:
        """Return where a function is."""
        return self._start + self._functions[name]


def _filled_in(image: Image) -> bytes:
    """Return an image's contents with the addresses of the functions that it calls."""
    contents = bytearray(image.contents)
    for place, name in image.words:
        address = symbols.find(name)
        if address is None:
            raise UnsupportedError(f"native: there is no function {name!r} to be called.")
        contents[place : place + WORD] = address.to_bytes(WORD, "little")
    return bytes(contents)


@functools.cache
def _system() -> Any:
    """Return the C library's functions for memory."""
    system = ctypes.CDLL(None, use_errno=True)
    word, address, number = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int
    system.mmap.restype = address
    system.mmap.argtypes = (address, word, number, number, number, ctypes.c_long)
    system.mprotect.argtypes = (address, word, number)
    system.munmap.argtypes = (address, word)
    return system
