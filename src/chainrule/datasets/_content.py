"""The bytes of a file, unpacked if they are compressed with gzip."""

import gzip
import zlib
from pathlib import Path

from chainrule._errors import DataError

_GZIP_SIGNATURE = b"\x1f\x8b"


def content_of(path: Path) -> bytes:
    """Return the bytes of a file, unpacked if they are compressed with gzip.

    Raises
    ------
    DataError
        When there is no such file, it cannot be read, or its compression is damaged.
    """
    content = _bytes_of(path)
    if not content.startswith(_GZIP_SIGNATURE):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path.name}: the file cannot be unpacked, it is damaged or incomplete "
            f"({str(error).rstrip('.')}). Get it again."
        ) from None


def beginning_of(path: Path) -> bytes:
    """Return the first bytes of a file as they stand; raises as `content_of` does."""
    return _bytes_of(path, 16)


def _bytes_of(path: Path, count: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(count)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file. Check the path.") from None
    except IsADirectoryError:
        raise DataError(f"{path}: this is a folder. Name a file in it.") from None
    except OSError as error:
        raise DataError(
            f"{path}: the file cannot be read ({error.strerror}). Check its permissions."
        ) from None
