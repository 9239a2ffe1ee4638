"""Object code made into an image (see `image`): what a linker does, as far as it is needed.

Code for x86-64 that may lie anywhere refers to all else by its distance, in 32 bits. What is in the
image keeps its distance wherever that is loaded. For every function elsewhere there is a jump that
goes by the word after it, and calls of the function are calls of the jump. So nothing but these
words depends on where the image lies.

Object code is in the format ELF [1]_. Whatever does not occur in what this library emits (other
kinds of references, data of threads) is left to LLVM, as is code for other machines.

References
----------
.. [1] "System V Application Binary Interface", edition 4.1, and its supplement for AMD64.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from chainrule.compiler.native import image
from chainrule.compiler.native.image import PAGE, Image
from chainrule.compiler.native.loading import Linkable, Objects

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQq")
_DISTANCE = struct.Struct("<i")

_MAGIC = b"\x7fELF\x02\x01"
_X86_64 = 62
# Kinds of sections; those that are there for exceptions only have one of their own.
_CONTENTS, _SYMBOLS, _RELOCATIONS, _ZEROS = 1, 2, 4, 8
# Flags of sections. The last ones say of constants that some may be put together.
_WRITABLE, _IN_MEMORY, _RUN, _MERGEABLE, _STRINGS = 0x1, 0x2, 0x4, 0x10, 0x20
_KNOWN_FLAGS = _WRITABLE | _IN_MEMORY | _RUN | _MERGEABLE | _STRINGS
_BY_DISTANCE = (2, 4)  # R_X86_64_PC32, R_X86_64_PLT32
_LOCAL = 0

_JUMP = b"\xff\x25\x02\x00\x00\x00\x00\x00"
"""``jmp *2(%rip)``, and two bytes that are passed over; the word comes next."""

# In formats that are not read, the names of functions stand as they are.
_NAMES = re.compile(
    rb"(?:scipy|chainrule)\.[\w.]+|Py[A-Z]\w+|clock_gettime|QueryPerformanceCounter"
)


class _UnknownError(Exception):
    """Something in object code that is left to LLVM."""


def linked(objects: Sequence[bytes]) -> Linkable:
    """Return object code as an image, or as it is if LLVM is to link it."""
    if image.ARE_MADE:
        try:
            return _image([_Object(code) for code in objects])
        except _UnknownError:
            pass
    called = {name.decode() for code in objects for name in _NAMES.findall(code)}
    return Objects(list(objects), sorted(called))


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


class _Symbol(NamedTuple):
    """A name for a place in a section; the section is 0 if that is elsewhere."""

    name: str
    is_local: bool
    section: int
    offset: int


class _Relocation(NamedTuple):
    """A place in a section where a distance is to stand."""

    section: int
    offset: int
    symbol: _Symbol
    addend: int


class _Object:
    """What is read of a piece of object code.

    Attributes
    ----------
    sections : dict
        Those that are to be in memory, by number.
    starts : dict
        Where in the image they begin, once that is known.
    symbols : list of _Symbol
    relocations : list of _Relocation
    """

    def __init__(self, code: bytes) -> None:
        header = _HEADER.unpack_from(code)
        if not header[0].startswith(_MAGIC) or header[2] != _X86_64:
            raise _UnknownError
        self._code = code
        begin, count = header[6], header[12]
        table = code[begin : begin + _SECTION.size * count]
        every = [_Section(*fields) for fields in _SECTION.iter_unpack(table)]
        self.sections = {
            number: section
            for number, section in enumerate(every)
            if section.flags & _IN_MEMORY and section.kind in (_CONTENTS, _ZEROS)
        }
        if any(section.flags & ~_KNOWN_FLAGS for section in self.sections.values()):
            raise _UnknownError
        self.starts: dict[int, int] = {}
        self.symbols = [
            symbol
            for section in every
            if section.kind == _SYMBOLS
            for symbol in self._symbols(section, self.contents(every[section.link]))
        ]
        self.relocations = [
            relocation
            for section in every
            if section.kind == _RELOCATIONS and section.info in self.sections
            for relocation in self._relocations(section)
        ]

    def exported(self) -> Iterator[_Symbol]:
        """Yield what other objects may refer to."""
        for symbol in self.symbols:
            if not symbol.is_local and symbol.section in self.sections:
                yield symbol

    def contents(self, section: _Section) -> bytes:
        return self._code[section.offset : section.offset + section.size]

    def _symbols(self, section: _Section, names: bytes) -> Iterator[_Symbol]:
        for name, info, _, number, value, _ in _SYMBOL.iter_unpack(self.contents(section)):
            text = names[name : names.index(b"\0", name)].decode()
            yield _Symbol(text, info >> 4 == _LOCAL, number, value)

    def _relocations(self, section: _Section) -> Iterator[_Relocation]:
        for offset, info, addend in _RELOCATION.iter_unpack(self.contents(section)):
            symbol = self.symbols[info >> 32]
            is_known = symbol.section in self.sections or not symbol.section
            if info & 0xFFFFFFFF not in _BY_DISTANCE or not is_known:
                raise _UnknownError
            yield _Relocation(section.info, offset, symbol, addend)


def _image(objects: Sequence[_Object]) -> Image:
    contents = bytearray()

    def pad(alignment: int) -> int:
        contents.extend(bytes(-len(contents) % alignment))
        return len(contents)

    def place(is_meant: Callable[[_Section], bool]) -> None:
        for own in objects:
            for number, section in own.sections.items():
                if is_meant(section):
                    own.starts[number] = pad(max(section.alignment, 1))
                    is_zero = section.kind == _ZEROS
                    contents.extend(bytes(section.size) if is_zero else own.contents(section))

    place(lambda section: not section.flags & _WRITABLE)
    jumps, words = {}, []
    for name in _called(objects):
        jumps[name] = pad(len(_JUMP))
        contents.extend(_JUMP)
        words.append((len(contents), name))
        contents.extend(bytes(image.WORD))
    fixed = pad(PAGE)
    place(lambda section: bool(section.flags & _WRITABLE) and section.kind != _ZEROS)
    end = len(contents)
    place(lambda section: bool(section.flags & _WRITABLE) and section.kind == _ZEROS)
    functions = _functions(objects)
    for own in objects:
        for section, offset, symbol, addend in own.relocations:
            here = own.starts[section] + offset
            if symbol.section:
                there = own.starts[symbol.section] + symbol.offset
            else:
                there = functions.get(symbol.name, jumps.get(symbol.name, 0))
            _DISTANCE.pack_into(contents, here, there + addend - here)
    return Image(bytes(contents[:end]), fixed, len(contents), functions, words)


def _called(objects: Sequence[_Object]) -> list[str]:
    """Return the functions that are in none of the objects."""
    used = [relocation.symbol for own in objects for relocation in own.relocations]
    defined = {symbol.name for own in objects for symbol in own.exported()}
    return sorted({symbol.name for symbol in used if not symbol.section} - defined)


def _functions(objects: Sequence[_Object]) -> dict[str, int]:
    """Return where that begins which can be called from elsewhere."""
    return {
        symbol.name: own.starts[symbol.section] + symbol.offset
        for own in objects
        for symbol in own.exported()
    }
