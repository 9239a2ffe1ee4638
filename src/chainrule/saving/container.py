"""A document and arrays as the bytes of a safetensors file, and back.

safetensors is a header of JSON, which says where each array begins, followed by the arrays. The
header has room for text of the writer's own (``__metadata__``), where under the key ``chainrule``
the document stands:

    {"format": "chainrule", "version": 1, "sha256": "…", "library": "0.1.0", ...}

The checksum is over the text of the document, with zeros in the place of the checksum, and over
name, dtype, shape and bytes of every array, in the order of the names. So it stays, for all
versions; what the version counts is the rest, see ``docs/saving.md``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule._errors import DataError, InvalidArgumentError

__all__ = ["VERSION", "Tensors", "packed", "unpacked"]

VERSION = 1
"""The version of the format that is written; all up to it are read."""

Tensors: TypeAlias = Mapping[str, npt.NDArray[Any]]

_KEY = "chainrule"
_NO_DIGEST = "0" * 64
_LONGEST_HEADER = 100_000_000  # of safetensors, in bytes


def packed(document: Mapping[str, Any], tensors: Tensors) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    document : dict
        Of what JSON can write, numbers finite.
    tensors : dict of str to ndarray
        C-contiguous, little-endian, of dtypes that safetensors knows.

    Raises
    ------
    InvalidArgumentError
        If the document is too long for a header.
    """
    from safetensors.numpy import save

    head = {"format": _KEY, "version": VERSION, "sha256": _NO_DIGEST}
    text = json.dumps({**head, **document}, allow_nan=False, separators=(",", ":"))
    text = text.replace(_NO_DIGEST, _digest(text, tensors), 1)
    data = save(dict(tensors), {_KEY: text})
    if int.from_bytes(data[:8], "little") > _LONGEST_HEADER:
        raise InvalidArgumentError(
            f"save: expected less than {_LONGEST_HEADER // 10**6} MB besides the arrays, got "
            f"{len(text) // 10**6} MB; turn long lists into arrays of numbers."
        )
    return data


def unpacked(data: bytes, what: str) -> tuple[dict[str, Any], Tensors]:
    """Return document and arrays of a file's bytes.

    Parameters
    ----------
    data : bytes
    what : str
        The file, for the messages of errors.

    Raises
    ------
    DataError
        If the bytes are damaged, not those of such a file, or of a newer version.
    """
    import safetensors
    from safetensors.numpy import load

    text = _document_of(_header(data, what), what)
    try:
        tensors = load(data)
        document = json.loads(text)
        recorded = document["sha256"]
        whole = _digest(text.replace(recorded, _NO_DIGEST, 1), tensors) == recorded
        is_newer = document["version"] > VERSION
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError, RecursionError):
        whole = False
    if not whole:
        raise _damaged(what)
    if is_newer:
        raise DataError(
            f"{what}: expected version {VERSION} of the format or an older one, got "
            f"{document['version']}, written by chainrule {document.get('library')}; install that "
            "version or a newer one."
        )
    return document, tensors


def _header(data: bytes, what: str) -> Any:
    if not data:
        raise DataError(f"{what}: expected a file that chainrule has saved, got an empty one.")
    length = int.from_bytes(data[:8], "little")
    if length > _LONGEST_HEADER or data[8:9] not in (b"{", b""):
        raise DataError(
            f"{what}: expected a file that chainrule has saved, got one of another kind, which "
            f"begins with {data[:16]!r}."
        )
    try:
        return json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        raise _damaged(what) from None


def _document_of(header: Any, what: str) -> str:
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    text = metadata.get(_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise DataError(
            f"{what}: expected a file that chainrule has saved, got a safetensors file of another "
            "origin; read its arrays with safetensors.numpy.load_file."
        )
    return text


def _damaged(what: str) -> DataError:
    return DataError(
        f"{what}: expected a whole file, got one that is cut short or in which bytes have changed; "
        "take another copy of it, or save again."
    )


def _digest(text: str, tensors: Tensors) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"\n{name}\n{array.dtype.name}{array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
