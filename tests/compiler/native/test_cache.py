"""The cache on disk: what it keeps is whole, private and bounded, and it is never needed."""

import os
import stat
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.native import NativeProgram, cache

KEY = cache.key_of("program", "cpu")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "objects"
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(path))
    monkeypatch.delenv("CHAINRULE_CACHE", raising=False)
    return path


def test_what_was_stored_is_loaded(folder):
    assert cache.load(KEY) is None
    cache.store(KEY, b"machine code")
    assert cache.load(KEY) == b"machine code"


def test_keys_tell_their_parts_apart():
    assert cache.key_of("ab", "c") != cache.key_of("a", "bc")
    assert cache.key_of("ab", "c") == cache.key_of("ab", "c")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda contents: contents[:-1],
        lambda contents: contents[:10],
        lambda contents: b"",
        lambda contents: contents + b"x",
        lambda contents: contents[:-1] + bytes([contents[-1] ^ 1]),
        lambda contents: b"something else altogether",
    ],
    ids=["truncated", "only the head", "empty", "longer", "one bit", "foreign"],
)
def test_a_spoilt_file_is_not_used_and_removed(folder, spoil):
    cache.store(KEY, b"machine code")
    path = folder / KEY
    path.write_bytes(spoil(path.read_bytes()))
    assert cache.load(KEY) is None
    assert not path.exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="modes of files are those of POSIX")
def test_the_folder_is_private(folder):
    cache.store(KEY, b"machine code")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o777)
    assert cache.folder() is None
    assert cache.load(KEY) is None


def test_it_can_be_switched_off(folder, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", "0")
    cache.store(KEY, b"machine code")
    assert cache.load(KEY) is None
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path, monkeypatch):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(in_the_way / "objects"))
    cache.store(KEY, b"machine code")
    assert cache.load(KEY) is None


def test_a_full_disk_leaves_nothing_behind(folder, monkeypatch):
    cache.store(KEY, b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache.store(KEY, b"new")
    assert cache.load(KEY) == b"old"
    assert [path.name for path in folder.iterdir()] == [KEY]


def test_the_least_recently_used_go_first(folder):
    keys = [cache.key_of(str(number)) for number in range(5)]
    for age, key in enumerate(keys):
        cache.store(key, bytes(1000))
        os.utime(folder / key, (1000 - age, 1000 - age))
    cache.clean(folder, max_bytes=3500)
    assert {path.name for path in folder.iterdir()} == set(keys[:3])


def program():
    return NativeProgram(cr.trace(lambda x: np.sum(np.exp(x) * x), np.ones(7)))


def test_a_program_is_compiled_once(folder):
    first = program()
    (path,) = folder.iterdir()
    written = path.stat().st_ino
    second = program()
    assert path.stat().st_ino == written
    x = np.linspace(-1.0, 1.0, 7)
    assert first(x) == second(x)
    np.testing.assert_allclose(second(x)[0], np.sum(np.exp(x) * x), rtol=1e-15)
    assert "generate" in first.stats["seconds"]
    assert "generate" not in second.stats["seconds"]


def test_a_spoilt_program_is_compiled_again(folder):
    program()
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    x = np.linspace(-1.0, 1.0, 7)
    np.testing.assert_allclose(program()(x)[0], np.sum(np.exp(x) * x), rtol=1e-15)
    assert cache.load(path.name) is not None


def test_processes_may_start_together(folder):
    code = """
import numpy as np, chainrule as cr
f = cr.compile(lambda x: np.sum(np.exp(x) * x), engine="native")
print(float(f(np.ones(7))).hex())
"""
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    answers = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0] * 4
    assert len(set(answers)) == 1
    assert len(list(folder.iterdir())) == 1
