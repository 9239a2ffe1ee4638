"""`save` and `load`: an object in a file, and out of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from chainrule._errors import DataError, InvalidArgumentError
from chainrule.saving.container import packed, unpacked
from chainrule.saving.encoding import Decoder, Encoder
from chainrule.saving.files import FilePath, as_path, read_bytes, write_bytes
from chainrule.saving.registry import with_custom

__all__ = ["from_bytes", "load", "save", "to_bytes"]

_MISFITS = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError)
"""What is raised when parts are put together that were not taken apart by `save`."""


def save(path: FilePath, obj: Any, *, custom: Mapping[str, Any] | None = None) -> None:
    """Write an object to a file, from which `load` brings it back as it was.

    The file is a safetensors file. It holds data and no code, and it is written atomically: if it
    cannot be written, an older one of that name is still there. ``docs/saving.md`` describes it.

    Parameters
    ----------
    path : str or Path
        Any name; ``.safetensors`` tells other programs that they can read the arrays.
    obj : object
        An estimator, a model, an optimizer or its state; arrays and numbers; or any nesting of
        tuple, list, dict and the like around such.
    custom : dict of str to callable, optional
        Names for functions and dataclasses that are not this library's, such as a loss or a layer
        of one's own. In the file they stand by these names, and `load` has to be given the same.

    Raises
    ------
    InvalidArgumentError
        If something in the object cannot be saved. The message says where it is.
    FileError
        If the file cannot be written: no folder, no permission, no room.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "numbers.safetensors"
    ...     save(path, {"weights": np.array([0.5, 1.5]), 7: (None, "seven")})
    ...     load(path)
    {'weights': array([0.5, 1.5]), 7: (None, 'seven')}
    """
    target = as_path("save", path)
    write_bytes("save", target, to_bytes(obj, custom=custom))


def load(path: FilePath, *, custom: Mapping[str, Any] | None = None) -> Any:
    """Return what `save` has written to a file.

    No code is run that the file could choose, so a file may come from anywhere. Arrays, numbers
    and containers are equal to those that were saved, bit for bit; so are predictions, with the
    same versions of libraries on the same machine.

    Parameters
    ----------
    path : str or Path
    custom : dict of str to callable, optional
        What the names that were given to `save` stand for.

    Returns
    -------
    object

    Raises
    ------
    FileError
        If the file cannot be read; a `FileNotFoundError` or `PermissionError` where these fit.
    DataError
        If it is damaged, not a file that `save` has written, or of a newer version; or if it needs
        names that ``custom`` does not have.

    Examples
    --------
    See `save`.
    """
    source = as_path("load", path)
    return from_bytes(read_bytes("load", source), f"load: {source}", custom=custom)


def to_bytes(obj: Any, *, custom: Mapping[str, Any] | None = None) -> bytes:
    """Return the bytes of the file that `save` writes."""
    encoder = Encoder(with_custom("save", custom))
    try:
        encoded = encoder.encode(obj, type(obj).__name__)
    except RecursionError:
        raise InvalidArgumentError(
            f"save: {type(obj).__name__}: expected containers in containers, up to some hundred, "
            "got more or one that contains itself; make it flatter."
        ) from None
    document = {
        "library": sys.modules["chainrule"].__version__,
        "custom": sorted(encoder.custom),
        "object": encoded,
    }
    return packed(document, encoder.tensors)


def from_bytes(data: bytes, what: str, *, custom: Mapping[str, Any] | None = None) -> Any:
    """Return the object in a file's bytes; ``what`` names the file for messages."""
    names = with_custom("load", custom)
    document, tensors = unpacked(data, what)
    try:
        _check_custom(document["custom"], custom, what)
        return Decoder(tensors, names, what).decode(document["object"])
    except DataError:
        raise
    except _MISFITS as error:
        raise DataError(
            f"{what}: expected a file that chainrule has saved, got one whose parts do not fit "
            f"each other ({type(error).__name__}: {error}); save it again."
        ) from error


def _check_custom(needed: list[str], custom: Mapping[str, Any] | None, what: str) -> None:
    missing = [name for name in needed if name not in (custom or {})]
    if missing:
        given = ", ".join(f"{name!r}: {name}" for name in missing)
        raise DataError(
            f"{what}: expected what it was saved with under the name {missing[0]!r}, got nothing; "
            f"write load(path, custom={{{given}}})."
        )
