"""Programs on disk: found again by what their graph computes, and by nothing else."""

import os
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.native import NativeProgram, cache, compilation, programs
from chainrule.compiler.native.image import Image
from chainrule.control_flow import cond, custom_derivative, scan

X = np.linspace(0.5, 1.5, 6).reshape(2, 3)


def key(f, *args):
    return programs.key_of(cr.trace(f, *(args or (X,))), "cpu")


def test_the_same_computation_has_the_same_key():
    def one(x):
        return np.sum(np.exp(x) * 2.0, axis=0)

    def another(y):
        doubled = np.exp(y) * 2.0
        return np.sum(doubled, axis=0)

    assert key(one) == key(another)
    assert programs.key_of(cr.trace(one, X), "another cpu") != key(one)


def scanned(step):
    return lambda x: scan(step, np.zeros(3), x)


def negated(x):
    return -x


DIFFERENT = {
    "an op": (lambda x: np.sin(x), lambda x: np.cos(x)),
    "the order of arguments": (lambda x: x - x.sum(), lambda x: x.sum() - x),
    "a parameter": (lambda x: x.sum(axis=0), lambda x: x.sum(axis=1)),
    "which value is used": (
        lambda x: np.sin(x) + np.cos(x) * np.sin(x),
        lambda x: np.sin(x) + np.cos(x) * np.cos(x),
    ),
    "which value is put out": (lambda x: (np.sin(x), x), lambda x: (x, np.sin(x))),
    "a number": (lambda x: x * 2.0, lambda x: x * 3.0),
    "the sign of zero": (lambda x: x + 0.0, lambda x: x + -0.0),
    "a constant array": (lambda x: x * np.arange(3.0), lambda x: x * np.array([0.0, 1.0, 3.0])),
    "the shape of a constant": (
        lambda x: (x * np.arange(6.0).reshape(2, 3)).sum(),
        lambda x: (x.reshape(3, 2) * np.arange(6.0).reshape(3, 2)).sum(),
    ),
    "along which axis a constant repeats": (
        lambda x: x[:, :2] * np.broadcast_to([1.0, 2.0], (2, 2)),
        lambda x: x[:, :2] * np.broadcast_to([[1.0], [2.0]], (2, 2)),
    ),
    "the end of a long constant": (
        lambda x: x[0, 0] * np.arange(1000.0),
        lambda x: x[0, 0] * np.append(np.arange(999.0), 0.0),
    ),
    "a dtype": (lambda x: x.astype(np.float32), lambda x: x.astype(np.int32)),
    "the body of a loop": (
        scanned(lambda carry, row: (carry + row, row)),
        scanned(lambda carry, row: (carry - row, row)),
    ),
    "the order of branches": (
        lambda x: cond(x[0, 0] > 0.0, negated, np.exp, x),
        lambda x: cond(x[0, 0] > 0.0, np.exp, negated, x),
    ),
}


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_different_computations_have_different_keys(pair):
    first, second = map(key, pair)
    assert first is not None
    assert second is not None
    assert first != second


@pytest.mark.parametrize(
    "other",
    [X.astype(np.float32), X[:, :2], X.reshape(3, 2), X.reshape(6)],
    ids=["dtype", "extent", "shape", "rank"],
)
def test_the_types_of_inputs_are_part_of_the_key(other):
    assert key(np.exp, X) != key(np.exp, other)


def test_what_is_written_out_at_no_cost_is_in_the_key_and_what_is_not_has_none():
    assert key(lambda x: x[0, 0] * np.broadcast_to(2.0, (10**6, 10**6))) is not None
    large = np.zeros(programs.MOST_CONSTANT_BYTES // 8 + 1)
    assert key(lambda x: x[0, 0] * large) is None


def test_rules_of_differentiation_are_not_part_of_the_key():
    def f(scale):
        @custom_derivative
        def g(x):
            return np.sin(x)

        @g.def_jvp
        def _(primals, tangents):
            return np.sin(*primals), scale * tangents[0]

        return g

    assert key(f(1.0)) == key(f(2.0)) is not None


def test_the_key_is_the_same_in_every_process():
    code = """
import numpy as np, chainrule as cr
from chainrule.compiler.native import programs
f = lambda x: np.sum(np.exp(x) * np.arange(3.0), axis=0)
print(programs.key_of(cr.trace(f, np.ones((2, 3))), "cpu"))
"""
    keys = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(keys) == 1
    assert keys.pop().strip() == key(
        lambda x: np.sum(np.exp(x) * np.arange(3.0), axis=0), np.ones((2, 3))
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("CHAINRULE_CACHE", raising=False)
    return tmp_path


def computation(x):
    table = np.array([0.5, -0.0, np.nan, np.inf])
    total, rows = scan(lambda carry, row: (carry + row @ x.T, np.exp(row)), np.zeros(2), x)
    return total, rows, x[:, :1] * table, np.argsort(x, axis=1)


def test_a_program_from_disk_gives_the_same_bits_and_shows_the_same(folder):
    graph = cr.trace(computation, X)
    made, found = NativeProgram(graph), NativeProgram(graph)
    assert "emit" in made.stats["seconds"]
    assert set(found.stats["seconds"]) == {"find", "load"}
    for one, other in zip(made(X), found(X), strict=True):
        assert one.tobytes() == other.tobytes()
    without_times = [{**p.stats, "seconds": None} for p in (made, found)]
    assert without_times[0] == without_times[1]
    assert made.kernels == found.kernels
    assert made.llvm == found.llvm
    assert made.asm == found.asm


def test_time_is_kept_by_stage(folder, monkeypatch):
    monkeypatch.setattr(compilation, "_known", {})
    made, found = [cr.compile(lambda x: np.exp(x) * 2.0, engine="native") for _ in range(2)]
    for f in (made, found):
        f(X)
    assert list(made.stats["seconds"]) == [
        *("trace", "passes", "find", "schedule", "invariants", "fuse", "epilogues", "chunks"),
        *("inplace", "memory", "emit", "compile", "link", "parse", "optimize", "generate", "load"),
    ]
    assert list(found.stats["seconds"]) == ["trace", "passes", "find", "load"]
    assert all(seconds > 0.0 for f in (made, found) for seconds in f.stats["seconds"].values())


def test_what_runs_from_disk_loads_nothing_that_compiles(folder):
    code = """
import sys
import numpy as np, chainrule as cr
f = cr.compile(lambda x: np.sum(np.exp(x) * x))
print(float(f(np.ones(7))).hex())
print(*[name for name in sys.modules if name.startswith("chainrule.compiler.native.")])
"""
    environment = {**os.environ, "CHAINRULE_ENGINE": "native"}
    answers = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert answers[0][0] == answers[1][0]
    stages = {f"chainrule.compiler.native.{name}" for name in ("schedule", "emit", "scalars")}
    assert stages <= set(answers[0][1].split())
    assert not stages & set(answers[1][1].split())


def test_a_program_file_of_another_format_is_not_looked_at(folder):
    graph = cr.trace(np.exp, X)
    before = programs.key_of(graph, "cpu")
    image = Image(b"code", 0, 4, {}, [])
    program = programs.Program(image, 64, [np.arange(3.0)], {"kernels": 1})
    programs.store(before, program)
    found = programs.load(before)
    assert found is not None
    assert found[:2] == program[:2]
    np.testing.assert_array_equal(found.constants[0], program.constants[0])
    path = folder / before
    path.write_bytes(path.read_bytes().replace(cache.MAGIC, b"chainrule object 0\n"))
    assert programs.load(before) is None
    assert not path.exists()
