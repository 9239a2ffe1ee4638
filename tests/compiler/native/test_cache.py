"""The cache on disk: what it keeps is whole, private and bounded, and it is never needed."""

import os
import stat
import subprocess
import sys
import tempfile

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.native import NativeProgram, cache, compilation

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


def test_the_state_of_the_library_is_that_of_its_files(folder, tmp_path, monkeypatch):
    package = tmp_path / "package" / "compiler" / "native"
    package.mkdir(parents=True)
    monkeypatch.setattr(cache, "__file__", str(package / "cache.py"))
    source = tmp_path / "package" / "ops.py"
    source.write_text("1")
    first = cache._sources()
    assert cache._sources() == first
    (tmp_path / "package" / "notes.txt").write_text("1")
    assert cache._sources() == first
    (package / "emit.py").write_text("1")
    second = cache._sources()
    assert second != first
    source.write_text("12")
    assert cache._sources() not in (first, second)
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "archive.zip" / "a" / "b" / "cache.py"))
    assert cache._sources() == ""
    monkeypatch.setattr(cache, "LIBRARY", "")
    cache.store(KEY, b"machine code")
    assert cache.folder() is None


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path, monkeypatch):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(in_the_way / "objects"))
    cache.store(KEY, b"machine code")
    assert cache.load(KEY) is None


def test_a_folder_that_cannot_be_written_to_costs_only_time(folder, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "mkstemp", refused)
    cache.store(KEY, b"machine code")
    assert cache.load(KEY) is None
    x = np.linspace(-1.0, 1.0, 7)
    np.testing.assert_allclose(program()(x)[0], np.sum(np.exp(x) * x), rtol=1e-15)
    assert not list(folder.iterdir())


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


@pytest.fixture
def forgetful(folder, monkeypatch):
    """A process that remembers nothing between two programs, as if it had just been started."""
    monkeypatch.setattr(compilation, "_known", _Nothing())
    return folder


class _Nothing(dict):
    def __setitem__(self, key, value):
        pass


def test_a_program_is_compiled_once(forgetful):
    first = program()
    written = {path.name: path.stat().st_ino for path in forgetful.iterdir()}
    assert written
    second = program()
    assert {path.name: path.stat().st_ino for path in forgetful.iterdir()} == written
    x = np.linspace(-1.0, 1.0, 7)
    assert first(x) == second(x)
    np.testing.assert_allclose(second(x)[0], np.sum(np.exp(x) * x), rtol=1e-15)
    assert "generate" in first.stats["seconds"]
    assert "generate" not in second.stats["seconds"]


def test_a_spoilt_program_is_compiled_again(forgetful):
    program()
    for path in forgetful.iterdir():
        path.write_bytes(path.read_bytes()[:-100])
    x = np.linspace(-1.0, 1.0, 7)
    np.testing.assert_allclose(program()(x)[0], np.sum(np.exp(x) * x), rtol=1e-15)
    for path in forgetful.iterdir():
        assert cache.load(path.name) is not None


def test_processes_may_start_together(folder):
    code = """
import numpy as np, chainrule as cr
f = cr.compile(lambda x: np.sum(np.exp(x) * x), engine="native")
print(float(f(np.ones(7))).hex())
"""
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(10)
    ]
    answers = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0] * 10
    assert len(set(answers)) == 1
    assert all(cache.load(path.name) for path in folder.iterdir())
    assert not list(folder.glob(".new-*"))
