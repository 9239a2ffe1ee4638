"""How Python calls a program: a built-in function made of machine code.

`bind` makes a program's entry point callable. What Python then calls is a built-in function like
those of C extensions, whose code, made once for all programs, is handed the very objects of the
call: it looks whether every input is the array that the program was made for (its type, dtype,
shape, and whether its elements lie in C order), lets go of the interpreter's lock, and runs the
program on the objects where they are. A call costs a fraction of what `ctypes` takes, and checking
an array is a handful of comparisons.

The functions of the interpreter that it needs belong to its stable interface. Where NumPy keeps
what arrays are made of has not changed since NumPy 1.0; `knows_arrays` looks whether it is so.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule._errors import UnsupportedError
from chainrule.compiler.native import loading, threads
from chainrule.compiler.native.loading import ALIGNMENT, DATA_OFFSET, ENTRY
from chainrule.ir import ArrayType

Call = Callable[..., int]
"""Takes inputs, outputs and the arena, all of them arrays, and returns a status."""

GUARDED = 1
"""The status when a guard has left: arguments are as they were, and results are none."""

MISFIT = -1
"""The status when nothing has been run, since an input is not what the program was made for."""

_WORD = 8
_TYPE = DATA_OFFSET - _WORD  # the last field of an object's head
# The fields of an array, in their order, that come after the address of its elements.
_RANK = DATA_OFFSET + _WORD
_SHAPE = DATA_OFFSET + 2 * _WORD
_DTYPE = DATA_OFFSET + 5 * _WORD
_FLAGS = DATA_OFFSET + 6 * _WORD
_READABLE = 0x0001 | 0x0100  # C_CONTIGUOUS and ALIGNED, in NumPy's numbers
# What tells a dtype from others: a word with its letters, byte order and number. There are equal
# dtypes that are not the same object, such as those of arrays that have been pickled.
_KIND = DATA_OFFSET + _WORD

# A program's table: these words, then for every input the word of its dtype, its rank and its
# extents.
_HEAD = (
    "entry",
    "constants",
    "release",
    "acquire",
    "integer",
    "array_type",
    "num_inputs",
    "num_arguments",
)

CODE = f"""
define internal i64 @word(ptr %object, i64 %offset) alwaysinline {{
  %place = getelementptr i8, ptr %object, i64 %offset
  %word = load i64, ptr %place
  ret i64 %word
}}

define internal i32 @half(ptr %object, i64 %offset) alwaysinline {{
  %place = getelementptr i8, ptr %object, i64 %offset
  %half = load i32, ptr %place
  ret i32 %half
}}

define internal ptr @field(ptr %object, i64 %offset) alwaysinline {{
  %place = getelementptr i8, ptr %object, i64 %offset
  %field = load ptr, ptr %place
  ret ptr %field
}}

define ptr @{ENTRY}(ptr %self, ptr %objects, i64 %count) nounwind {{
entry:
  %table = call ptr @field(ptr %self, i64 {DATA_OFFSET})
  %integer = call ptr @field(ptr %table, i64 {_HEAD.index("integer") * _WORD})
  %array_type = call i64 @word(ptr %table, i64 {_HEAD.index("array_type") * _WORD})
  %num_inputs = call i64 @word(ptr %table, i64 {_HEAD.index("num_inputs") * _WORD})
  %wanted = call i64 @word(ptr %table, i64 {_HEAD.index("num_arguments") * _WORD})
  %first = getelementptr i8, ptr %table, i64 {len(_HEAD) * _WORD}
  %complete = icmp eq i64 %count, %wanted
  br i1 %complete, label %inputs, label %misfit

inputs:
  %i = phi i64 [ 0, %entry ], [ %i_next, %fits ]
  %expected = phi ptr [ %first, %entry ], [ %expected_next, %fits ]
  %done = icmp eq i64 %i, %num_inputs
  br i1 %done, label %run, label %type

type:
  %i_offset = mul i64 %i, {_WORD}
  %object = call ptr @field(ptr %objects, i64 %i_offset)
  %its_type = call i64 @word(ptr %object, i64 {_TYPE})
  %is_array = icmp eq i64 %its_type, %array_type
  br i1 %is_array, label %array, label %misfit

array:
  %its_dtype = call ptr @field(ptr %object, i64 {_DTYPE})
  %its_kind = call i64 @word(ptr %its_dtype, i64 {_KIND})
  %kind = call i64 @word(ptr %expected, i64 0)
  %same_dtype = icmp eq i64 %its_kind, %kind
  %its_rank = call i32 @half(ptr %object, i64 {_RANK})
  %its_long_rank = sext i32 %its_rank to i64
  %rank = call i64 @word(ptr %expected, i64 {_WORD})
  %same_rank = icmp eq i64 %its_long_rank, %rank
  %flags = call i32 @half(ptr %object, i64 {_FLAGS})
  %set = and i32 %flags, {_READABLE}
  %readable = icmp eq i32 %set, {_READABLE}
  %same_type = and i1 %same_dtype, %same_rank
  %alike = and i1 %same_type, %readable
  %extents = getelementptr i8, ptr %expected, i64 {2 * _WORD}
  %its_extents = call ptr @field(ptr %object, i64 {_SHAPE})
  br i1 %alike, label %shape, label %misfit

shape:
  %axis = phi i64 [ 0, %array ], [ %axis_next, %extent ]
  %all_axes = icmp eq i64 %axis, %rank
  %axis_offset = mul i64 %axis, {_WORD}
  br i1 %all_axes, label %fits, label %extent

extent:
  %its_extent = call i64 @word(ptr %its_extents, i64 %axis_offset)
  %wanted_extent = call i64 @word(ptr %extents, i64 %axis_offset)
  %same_extent = icmp eq i64 %its_extent, %wanted_extent
  %axis_next = add i64 %axis, 1
  br i1 %same_extent, label %shape, label %misfit

fits:
  %i_next = add i64 %i, 1
  %expected_next = getelementptr i8, ptr %extents, i64 %axis_offset
  br label %inputs

run:
  %last_offset = sub i64 %count, 1
  %arena_offset = mul i64 %last_offset, {_WORD}
  %arena_object = call ptr @field(ptr %objects, i64 %arena_offset)
  %memory = call i64 @word(ptr %arena_object, i64 {DATA_OFFSET})
  %beyond = add i64 %memory, {ALIGNMENT - 1}
  %aligned = and i64 %beyond, -{ALIGNMENT}
  %arena = inttoptr i64 %aligned to ptr
  %constants = call ptr @field(ptr %table, i64 {_HEAD.index("constants") * _WORD})
  %program = call ptr @field(ptr %table, i64 {_HEAD.index("entry") * _WORD})
  %release = call ptr @field(ptr %table, i64 {_HEAD.index("release") * _WORD})
  %acquire = call ptr @field(ptr %table, i64 {_HEAD.index("acquire") * _WORD})
  %thread = call ptr %release()
  %status = call i32 %program(ptr %objects, ptr %constants, ptr %arena)
  call void %acquire(ptr %thread)
  %is_interrupted = icmp eq i32 %status, {threads.INTERRUPTED}
  br i1 %is_interrupted, label %interrupted, label %finished

interrupted:
  ; A signal's handler has raised an exception, and Python has it.
  ret ptr null

finished:
  %long_status = sext i32 %status to i64
  %result = call ptr %integer(i64 %long_status)
  ret ptr %result

misfit:
  %refusal = call ptr %integer(i64 {MISFIT})
  ret ptr %refusal
}}
"""


class _Method(ctypes.Structure):
    """What the interpreter wants to know about a built-in function (``PyMethodDef``)."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("code", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_TAKES_ARRAY_OF_OBJECTS = 0x0080  # METH_FASTCALL


@functools.cache
def _method() -> tuple[_Method, loading.Code]:
    """Return the built-in functions' description, and the code, which has to stay loaded."""
    code = loading.compiled(CODE)
    return _Method(b"run", code.address, _TAKES_ARRAY_OF_OBJECTS, None), code


@functools.cache
def _interpreter_functions() -> tuple[int, ...]:
    functions = (
        ctypes.pythonapi.PyEval_SaveThread,
        ctypes.pythonapi.PyEval_RestoreThread,
        ctypes.pythonapi.PyLong_FromLongLong,
    )
    return tuple([ctypes.cast(f, ctypes.c_void_p).value or 0 for f in functions])


@functools.cache
def _new_function() -> Callable[..., Any]:
    arguments = ctypes.POINTER(_Method), ctypes.py_object, ctypes.c_void_p
    return ctypes.PYFUNCTYPE(ctypes.py_object, *arguments)(("PyCFunction_NewEx", ctypes.pythonapi))


def bind(entry: int, constants: int, inputs: Sequence[ArrayType], num_outputs: int) -> Call:
    """Return what calls a program.

    Parameters
    ----------
    entry : int
        Address of the program's entry point, see `emit`.
    constants : int
        Address of the table of constants.
    inputs : sequence of ArrayType
        What the inputs have to be.
    num_outputs : int

    Returns
    -------
    callable
        Called with the inputs, the outputs and an array of bytes as arena, it returns the entry
        point's status, or `MISFIT`. What a signal's handler raises meanwhile is raised. Nothing is
        known of outputs and arena but that they are arrays, so whoever calls it has to make them as
        they should be.

    Raises
    ------
    UnsupportedError
        If arrays are not laid out as the code expects.
    """
    if not knows_arrays():
        raise UnsupportedError(
            "native: cannot call code with arrays laid out as this Python's are; run the graph "
            "with engine='interpreter'."
        )
    num_arguments = len(inputs) + num_outputs + 1
    table = [entry, constants, *_interpreter_functions(), id(np.ndarray), len(inputs)]
    table.append(num_arguments)
    for type in inputs:
        table += [_word(id(type.dtype) + _KIND), len(type.shape), *type.shape]
    call: Call = _new_function()(ctypes.pointer(_method()[0]), np.array(table, np.uint64), None)
    return call


def _word(address: int) -> int:
    return ctypes.c_void_p.from_address(address).value or 0


def _knows_dtype(dtype: np.dtype[Any]) -> bool:
    word = _word(id(dtype) + _KIND).to_bytes(_WORD, sys.byteorder)
    letters = f"{dtype.kind}{dtype.char}{dtype.byteorder}".encode()
    return word[:3] == letters and int.from_bytes(word[4:], sys.byteorder) == dtype.num


@functools.cache
def knows_arrays() -> bool:
    """Whether this Python's arrays are laid out as code expects them."""
    if not hasattr(ctypes, "pythonapi") or ctypes.sizeof(ctypes.c_void_p) != _WORD:
        return False
    array = np.empty((2, 3), np.float32)
    address = id(array)
    swapped = array.dtype.newbyteorder()
    return (
        _word(address + _TYPE) == id(np.ndarray)
        and _word(address + DATA_OFFSET) == array.ctypes.data
        and ctypes.c_int32.from_address(address + _RANK).value == 2
        and tuple((ctypes.c_int64 * 2).from_address(_word(address + _SHAPE))) == (2, 3)
        and _word(address + _DTYPE) == id(array.dtype)
        and ctypes.c_int32.from_address(address + _FLAGS).value == array.flags.num
        and all(_knows_dtype(dtype) for dtype in (array.dtype, swapped, np.dtype(np.int64)))
    )
