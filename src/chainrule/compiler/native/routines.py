"""Routines of SciPy's that machine code calls by address: BLAS, LAPACK, special functions.

SciPy's extension modules put out the addresses of their C functions for Cython to use. In a
program a routine goes by its full name, ``scipy.linalg.cython_lapack.dgesv``, so that the code is
the same in every process; when it is loaded, it is given the address that the name has in this one.
A module is imported when a routine of it is needed and not before.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.machinery
import importlib.util
import os
import re
import sys
from typing import Any

PREFIX = "scipy."
BLAS = "scipy.linalg.cython_blas"
LAPACK = "scipy.linalg.cython_lapack"
SPECIAL = "scipy.special.cython_special"


@functools.cache
def address(name: str) -> int:
    """Return where the routine of a full name is."""
    module, _, routine = name.rpartition(".")
    capsules = extension(module).__pyx_capi__
    if routine not in capsules:
        routine = _for_doubles(capsules, routine)
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    capsule = capsules[routine]
    found: int = pointer_of(capsule, name_of(capsule))
    return found


def _for_doubles(capsules: dict[str, Any], routine: str) -> str:
    """Return the one variant that takes doubles of a routine that has several, by number."""
    variant = re.compile(rf"__pyx_fuse_\d+{routine}")
    doubles = re.compile(r'"double \((double, )+int __pyx_skip_dispatch\)"')
    for name, capsule in capsules.items():
        if variant.fullmatch(name) and doubles.search(str(capsule)):
            return name
    raise LookupError(f"native: SciPy has no routine {routine!r} for float64.")


def extension(name: str) -> Any:
    """Return one of SciPy's extension modules.

    It is loaded on its own: importing the package that it is a part of, but which those of linear
    algebra do not need, takes longer than compiling a network.
    """
    if name in sys.modules:
        return sys.modules[name]
    import scipy

    package = name.split(".")[1]
    folder = os.path.join(os.path.dirname(scipy.__file__), package)
    spec = importlib.machinery.PathFinder.find_spec(name, [folder])
    if spec is None or spec.loader is None:
        return importlib.import_module(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
