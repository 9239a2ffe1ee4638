"""Files that are not what they should be: no byte of them can change unnoticed, and none runs."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import chainrule as cr
from chainrule import nn, random
from chainrule._errors import (
    ArgumentTypeError,
    DataError,
    FileAccessError,
    FileError,
    MissingFileError,
)
from chainrule.saving import container
from chainrule.saving.saved import from_bytes, to_bytes

WHAT = "load: here"
CUT = (
    f"{WHAT}: expected a whole file, got one that is cut short or in which bytes have changed; "
    "take another copy of it, or save again."
)
WHOLE = to_bytes([nn.mlp(random.key(0), (2, 2)), np.arange(3), "text", 1e-05])


def message_of(data: bytes) -> str:
    with pytest.raises(DataError) as caught:
        from_bytes(data, WHAT)
    return caught.value.message


def test_no_bit_can_change_unnoticed():
    begin = 8 + int.from_bytes(WHOLE[:8], "little")
    for position in range(len(WHOLE)):
        for flip in (0x01, 0x20, 0x80):
            data = bytearray(WHOLE)
            data[position] ^= flip
            message = message_of(bytes(data))
            assert message == CUT or position < begin


def test_no_part_is_taken_for_the_whole():
    for length in range(1, len(WHOLE)):
        message_of(WHOLE[:length])
    assert message_of(WHOLE[:-1]) == CUT
    assert message_of(WHOLE[:500]) == CUT
    assert message_of(WHOLE + b"\0") == CUT


def test_arrays_that_have_changed_places_are_noticed():
    data = to_bytes({"a": np.ones(4), "b": np.zeros(4)})
    swapped = data.replace(b"dict['a']\":{\"dtype", b"dict['c']\":{\"dtype")
    swapped = swapped.replace(b"dict['b']\":{\"dtype", b"dict['a']\":{\"dtype")
    swapped = swapped.replace(b"dict['c']\":{\"dtype", b"dict['b']\":{\"dtype")
    assert swapped != data
    assert message_of(swapped) == CUT


def test_an_empty_file_is_named():
    assert message_of(b"") == (
        f"{WHAT}: expected a file that chainrule has saved, got an empty one."
    )


@pytest.mark.parametrize(
    "data",
    [b"a,b,c\n1,2,3\n4,5,6\n", b"\x80\x04\x95" + bytes(30), b"PK\x03\x04" + bytes(30), b"{}" * 20],
    ids=["text", "pickle", "zip", "json"],
)
def test_files_of_other_kinds_are_named(data):
    assert message_of(data) == (
        f"{WHAT}: expected a file that chainrule has saved, got one of another kind, which begins "
        f"with {data[:16]!r}."
    )


def test_safetensors_files_of_others_are_named(tmp_path):
    save_file({"weight": np.ones(3)}, tmp_path / "a", metadata={"format": "pt"})
    save_file({"weight": np.ones(3)}, tmp_path / "b")
    for name in "ab":
        assert message_of((tmp_path / name).read_bytes()) == (
            f"{WHAT}: expected a file that chainrule has saved, got a safetensors file of another "
            "origin; read its arrays with safetensors.numpy.load_file."
        )


def test_newer_files_are_named(monkeypatch):
    monkeypatch.setattr(container, "VERSION", 2)
    data = to_bytes([1])
    monkeypatch.undo()
    assert message_of(data) == (
        f"{WHAT}: expected version 1 of the format or an older one, got 2, written by chainrule "
        f"{cr.__version__}; install that version or a newer one."
    )


def made(obj: Any, tensors: Any = None, custom: Any = ()) -> bytes:
    """A file with a right checksum, and whatever one likes in it."""
    return container.packed({"library": "9", "custom": list(custom), "object": obj}, tensors or {})


@pytest.mark.parametrize(
    "name",
    [
        *("os.system", "builtins.eval", "nn.os", "nn.__class__", "custom.cubed", "nothing"),
        *("numpy.frompyfunc", "estimators.nothing", "antigravity.fly", "", "."),
    ],
)
def test_names_outside_of_the_table_are_refused(name):
    wanted = (
        f"{WHAT}: expected names that this version of chainrule knows, got {name!r}; install the "
        "version that wrote the file, or a newer one."
    )
    assert message_of(made({"$": "name", "name": name})) == wanted
    assert message_of(made({"$": "object", "class": name, "parts": {}})) == wanted
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    "node",
    [
        {"$": "eval", "value": "1"},
        {"value": 1},
        {"$": "float", "value": "1.0"},
        {"$": "tuple"},
        {"$": "dict", "items": [[[1], 2]]},
        {"$": "object", "class": "nn.relu", "parts": {}},
        {"$": "object", "class": "nn.Dense", "parts": {"kernel": 1}},
        {"$": "object", "class": "nn.Dropout", "parts": {"rate": 1, "__class__": 2}},
        {"$": "object", "class": "optim.AdamState", "parts": {"step": 1}},
        {"$": "object", "class": ["nn.Dense"], "parts": {}},
        {"$": "array", "dtype": "<f8", "shape": [2], "tensor": "missing", "order": "C"},
        {"$": "array", "dtype": "<f8", "shape": [3], "tensor": "two", "order": "C"},
        {"$": "array", "dtype": "|O", "shape": [2], "tensor": "two", "order": "C"},
        {"$": "array", "dtype": "|V8", "shape": [2], "tensor": "two", "order": "C"},
        {"$": "array", "dtype": "<f8", "shape": [2], "items": [1, 2]},
        {"$": "array", "dtype": "|O", "shape": [3], "items": [1, 2]},
        {"$": "array", "dtype": "<U999999999999", "shape": [1], "items": ["a"]},
        {"$": "scalar", "array": [1]},
        {"$": "scalar", "dtype": "|O", "value": 1},
        {"$": "scalar", "dtype": "|u1", "value": 256},
    ],
    ids=str,
)
def test_parts_that_do_not_fit_are_refused(node):
    message = message_of(made([node], {"two": np.ones(2)}))
    start = f"{WHAT}: expected a file that chainrule has saved, got one whose parts do not fit "
    assert re.fullmatch(re.escape(start) + r"each other \(.+\); save it again\.", message)


@pytest.mark.parametrize(
    "document",
    [{}, {"object": 1}, {"custom": 3, "object": 1}, {"custom": [[]], "object": 1}],
    ids=str,
)
def test_documents_that_miss_something_are_refused(document):
    assert "whose parts do not fit each other" in message_of(container.packed(document, {}))


def test_a_version_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setattr(container, "VERSION", "1")
    data = to_bytes(1)
    monkeypatch.undo()
    assert message_of(data) == CUT


def test_deep_nesting_is_refused():
    node: Any = 1
    for _ in range(200):
        node = [node]
    text = made(None).decode("latin-1")
    assert from_bytes(made(node), WHAT)
    deep = "[" * 100_000
    message_of(text.replace("null", deep).encode("latin-1"))


def test_loading_calls_no_constructor_and_imports_nothing_new(tmp_path):
    """Of a class with a constructor that complains, an instance is read all the same."""
    path = tmp_path / "model.safetensors"
    cr.save(path, nn.mlp(random.key(0), (2, 3, 1), dropout=0.5))
    script = (
        "import sys, chainrule as cr; from chainrule import nn\n"
        "def refuse(*args): raise SystemExit('a constructor was called')\n"
        "nn.Dropout.__post_init__ = nn.Dense.__init__ = nn.Sequential.__init__ = refuse\n"
        "print(cr.load(sys.argv[1]), 'sklearn' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, path], check=True, capture_output=True, text=True
    )
    assert found.stdout == (
        "Sequential(Dense(2 -> 3, relu), Dropout(0.5), Dense(3 -> 1, identity)) False\n"
    )


# -- the file system -----------------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFileError) as caught:
        cr.load(tmp_path / "no.safetensors")
    assert str(caught.value) == f"load: {tmp_path / 'no.safetensors'}: there is no such file."
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.errno == 2


def test_a_folder_is_named(tmp_path):
    with pytest.raises(FileError) as caught:
        cr.load(tmp_path)
    assert str(caught.value) == (
        f"load: {tmp_path}: expected a file to read, got a folder; give the name of a file in it."
    )


def test_a_file_without_permission_is_named(tmp_path, monkeypatch):
    def refuse(path: Path) -> bytes:  # root, who may run the tests, is refused nothing
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    path = tmp_path / "model.safetensors"
    with pytest.raises(FileAccessError) as caught:
        cr.load(path)
    assert str(caught.value) == (
        f"load: {path}: permission to read it is missing; change its permissions or its place."
    )
    assert isinstance(caught.value, PermissionError)


@pytest.mark.parametrize("path", [3, None, b"bytes"])
def test_a_path_is_a_path(path):
    with pytest.raises(ArgumentTypeError) as caught:
        cr.load(path)
    assert caught.value.message == (
        f"load: path: expected a str or a Path, got {type(path).__name__}."
    )
