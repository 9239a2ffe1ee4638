"""Object code kept on disk, so that a program compiled once is only loaded the next time.

A file is named by a hash of everything its code depends on: what it is the code of, the CPU and its
features, the versions of LLVM and of this library. It begins with a hash of its contents, so that
a truncated or changed file is known and made again. Files are written under another name and then
renamed, which makes a half-written file invisible to others. Whatever goes wrong with the cache
costs a compilation and nothing else.

The folder is private to the user. ``CHAINRULE_CACHE_DIR`` names another one, ``CHAINRULE_CACHE=0``
does without.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    from _blake2 import blake2b
except ImportError:
    # The same, but `hashlib` also loads OpenSSL, which takes longer than loading a program.
    from hashlib import blake2b

MAGIC = b"chainrule object 1\n"
DIGEST_BYTES = 32
MAX_BYTES = 256 * 2**20
"""What all files together may take; the least recently used are removed first."""

# Looking at every file takes time, so it is done once in so many stores. Processes start to count
# at different numbers, so that it is done even if each of them stores but a few.
_STORES_BETWEEN_CLEANINGS = 32
_stores = os.getpid()


def digest_of(contents: bytes) -> bytes:
    """Return a hash of some bytes."""
    return blake2b(contents, digest_size=DIGEST_BYTES).digest()


def key_of(*parts: str) -> str:
    """Return the name under which a program is kept: a hash of all it depends on."""
    digest = blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def _sources() -> str:
    """Return what tells this state of the library from any other: its files, with their times.

    Keys say what is compiled and not how, so code made by another state is of no use.
    """
    found = []
    folders = [str(Path(__file__).parents[2])]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.endswith((".py", ".ll")):
                    with contextlib.suppress(OSError):
                        status = entry.stat()
                        found.append(f"{entry.path} {status.st_size} {status.st_mtime_ns}")
                elif entry.is_dir() and entry.name != "__pycache__":
                    folders.append(entry.path)
    return "\n".join(sorted(found))


LIBRARY = _sources()
"""The state of the library; empty if it is not made of files, and then nothing is kept. Taken
before the compiler is imported: if a file is changed meanwhile, new code is kept under the name of
an old state, which no later process asks for."""


def folder() -> Path | None:
    """Return the cache's folder, made if need be, or None if there is none to be used.

    A folder that others can write to, or that belongs to somebody else, is not used: what is read
    from it would be run.
    """
    if not LIBRARY or os.environ.get("CHAINRULE_CACHE", "1") == "0":
        return None
    named = os.environ.get("CHAINRULE_CACHE_DIR")
    path = Path(named) if named else _default_folder()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except OSError:
        return None
    if hasattr(os, "getuid") and (
        found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ):
        return None
    return path


def _default_folder() -> Path:
    import platformdirs  # needed by some, and not at once

    return Path(platformdirs.user_cache_dir("chainrule")) / "native"


def load(key: str) -> bytes | None:
    """Return the object code kept under a name, or None if there is none that is whole."""
    where = folder()
    if where is None:
        return None
    path = where / key
    try:
        contents = path.read_bytes()
    except OSError:
        return None
    head, body = contents[: len(MAGIC) + DIGEST_BYTES], contents[len(MAGIC) + DIGEST_BYTES :]
    if head != MAGIC + digest_of(body):
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used now; the oldest go first when room is needed
    return body


def store(key: str, code: bytes) -> None:
    """Keep object code under a name, if there is a folder to keep it in."""
    global _stores
    where = folder()
    if where is None:
        return
    try:
        handle, temporary = tempfile.mkstemp(dir=where, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(MAGIC + digest_of(code) + code)
            os.replace(temporary, where / key)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError:
        return
    if _stores % _STORES_BETWEEN_CLEANINGS == 0:
        clean(where)
    _stores += 1


def clean(where: Path, max_bytes: int = MAX_BYTES) -> None:
    """Remove the least recently used files until the rest fits."""
    found = sorted(_files(where), reverse=True)
    total = 0
    for _, size, path in found:
        total += size
        if total > max_bytes:
            with contextlib.suppress(OSError):
                path.unlink()


def _files(where: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield time of last use, size and path of every file; one may vanish meanwhile."""
    with contextlib.suppress(OSError), os.scandir(where) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                found = entry.stat()
                if stat.S_ISREG(found.st_mode):
                    yield found.st_mtime, found.st_size, Path(entry.path)
