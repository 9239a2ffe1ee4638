"""Writing is atomic: the old file or the new one, whatever goes wrong on the way."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import FileAccessError, FileError, MissingFileError

OLD, NEW = {"weights": np.arange(3.0)}, {"weights": np.arange(500.0)}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.safetensors"
    cr.save(path, OLD)
    return path


def assert_old(path: Path) -> None:
    np.testing.assert_array_equal(cr.load(path)["weights"], OLD["weights"])
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def full_after(n_bytes: int) -> Any:
    """Return `os.write` for a disk with so much room left."""
    room, write = n_bytes, os.write

    def limited(descriptor: int, data: Any) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, data[:room])
        room -= written
        return written

    return limited


def test_a_disk_that_is_full_at_any_byte_leaves_the_old_file(path, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    cr.save(tmp_path / "other" / "new", NEW)
    size = (tmp_path / "other" / "new").stat().st_size
    (tmp_path / "other" / "new").unlink()
    (tmp_path / "other").rmdir()
    for n_bytes in {*range(0, size, 97), 1, size - 1}:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full_after(n_bytes))
            with pytest.raises(FileError) as caught:
                cr.save(path, NEW)
        assert str(caught.value) == (
            f"save: {path}: there is no room to write it (No space left on device); nothing has "
            "been changed, make room or write elsewhere."
        )
        assert caught.value.errno == errno.ENOSPC
        assert_old(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_after(size))
        cr.save(path, NEW)
    np.testing.assert_array_equal(cr.load(path)["weights"], NEW["weights"])


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod"])
def test_an_error_at_any_later_moment_leaves_the_old_file(call, path, monkeypatch):
    def fail(*args: Any, **options: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(FileError) as caught:
            cr.save(path, NEW)
    assert str(caught.value) == f"save: {path}: it cannot be written (Input/output error)."
    assert_old(path)


def test_ctrl_c_leaves_the_old_file(path, monkeypatch):
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            cr.save(path, NEW)
    assert_old(path)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits of that kind")
def test_a_real_limit_leaves_the_old_file(path):
    script = (
        "import resource, signal, sys, numpy as np, chainrule as cr\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "cr.save(sys.argv[1], {'weights': np.arange(500.0)})"
    )
    run = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert run.stderr.splitlines()[-1] == (
        f"chainrule._errors.FileError: save: {path}: there is no room to write it (File too "
        "large); nothing has been changed, make room or write elsewhere."
    )
    assert_old(path)


def test_permissions_stay_or_are_those_of_new_files(path, tmp_path):
    path.chmod(0o640)
    cr.save(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    before = os.umask(0o027)
    try:
        cr.save(tmp_path / "new", NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_link_remains_one(path, tmp_path):
    link = tmp_path / "latest"
    link.symlink_to(path)
    cr.save(link, NEW)
    assert link.is_symlink()
    assert len(cr.load(path)["weights"]) == 500


def test_a_missing_folder_is_named(tmp_path):
    path = tmp_path / "no" / "model"
    with pytest.raises(MissingFileError) as caught:
        cr.save(path, NEW)
    assert str(caught.value) == f"save: {path}: there is no such folder; make it first."


def test_a_folder_is_not_written_over(tmp_path):
    with pytest.raises(FileError) as caught:
        cr.save(tmp_path, NEW)
    assert str(caught.value) == (
        f"save: {tmp_path}: expected a file to write, got a folder; give the name of a file in it."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_or_device_is_not_replaced(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(FileError) as caught:
        cr.save(path, NEW)
    assert str(caught.value) == (
        f"save: {path}: it cannot be written (it is a device or a pipe, which a file would "
        "replace)."
    )
    assert path.is_fifo()


def test_a_folder_without_permission_is_named(path, monkeypatch):
    def refuse(*args: Any) -> int:  # root, who may run the tests, is refused nothing
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(FileAccessError) as caught:
            cr.save(path, NEW)
    assert str(caught.value) == (
        f"save: {path}: permission to write it is missing; change its permissions or its place."
    )
    assert_old(path)


def test_a_path_is_a_path():
    with pytest.raises(TypeError, match=r"save: path: expected a str or a Path, got int\."):
        cr.save(3, NEW)
