"""Files that are whole or not there: reading and writing them, with errors that say what to do.

A file is written beside the place where it is to be, brought to the disk, and then moved there in
one step. Whoever looks, at any moment, finds the old file or the new one; so does a machine that
starts again after a power failure. If writing fails, because the disk is full for instance, the old
file is as it was.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import NoReturn, TypeAlias

from chainrule._errors import (
    ArgumentTypeError,
    FileAccessError,
    FileError,
    MissingFileError,
)

__all__ = ["FilePath", "as_path", "read_bytes", "write_bytes"]

FilePath: TypeAlias = str | os.PathLike[str]

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def as_path(what: str, path: FilePath) -> Path:
    """Return a path, or raise `ArgumentTypeError` for what is none."""
    if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes):
        raise ArgumentTypeError(
            f"{what}: path: expected a str or a Path, got {type(path).__name__}."
        )
    return Path(path)


def read_bytes(what: str, path: Path) -> bytes:
    """Return what is in a file.

    Raises
    ------
    FileError
        If it cannot be read: a `MissingFileError` or a `FileAccessError` where these fit. ``what``
        names the function for the message.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        _raise_for(error, f"{what}: {path}", writing=False)


def write_bytes(what: str, path: Path, data: bytes, *, temporary: str | None = None) -> None:
    """Write a file atomically.

    A file that is there keeps its permissions, and a symbolic link remains one; a new file has
    those that the process gives to new files.

    Parameters
    ----------
    what : str
        The function, for the message of an error.
    path : Path
    data : bytes
    temporary : str, optional
        Name of the file that is written first. By default none that is there, so that several
        processes may write the same file, and the last one wins. With a name, what a process that
        was killed has left is written over by the next.

    Raises
    ------
    FileError
        If it cannot be written. The old file is still there, the temporary one is not.
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(temporary or f".{target.name}.{os.urandom(4).hex()}.tmp")
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if target.exists() and not target.is_file():
            raise OSError(errno.EINVAL, "it is a device or a pipe, which a file would replace")
        _write_beside(beside, target, data)
        os.replace(beside, target)
        _sync_folder(target.parent)
    except OSError as error:
        _raise_for(error, f"{what}: {path}", writing=True)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def _write_beside(beside: Path, target: Path, data: bytes) -> None:
    # Opened like this, a new file has the permissions that the process gives to new files.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    descriptor = os.open(beside, flags, 0o666)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.chmod(beside, stat.S_IMODE(target.stat().st_mode))
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk, where folders can be opened for that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _raise_for(error: OSError, what: str, *, writing: bool) -> NoReturn:
    kind: type[FileError] = FileError
    doing = "write" if writing else "read"
    if isinstance(error, FileNotFoundError):
        kind = MissingFileError
        reason = "there is no such folder; make it first" if writing else "there is no such file"
    elif isinstance(error, IsADirectoryError):
        reason = f"expected a file to {doing}, got a folder; give the name of a file in it"
    elif isinstance(error, PermissionError):
        kind = FileAccessError
        reason = f"permission to {doing} it is missing; change its permissions or its place"
    elif writing and error.errno in _NO_SPACE:
        reason = (
            f"there is no room to write it ({error.strerror}); nothing has been changed, make room "
            "or write elsewhere"
        )
    else:
        reason = f"it cannot be {'written' if writing else 'read'} ({error.strerror or error})"
    raised = kind(f"{what}: {reason}.")
    raised.errno = error.errno
    raise raised from error
