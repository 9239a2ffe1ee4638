"""Kernels compiled on their own: shared where they are the same, and only there."""

import ctypes
import gc
import re
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from llvmlite import ir

import chainrule as cr
from chainrule.compiler.native import NativeProgram, compilation, loading
from chainrule.compiler.native.descriptions import describe
from chainrule.compiler.native.expressions import Apply, Constant, Load
from chainrule.compiler.native.kernels import Result
from chainrule.compiler.native.linking import linked
from chainrule.compiler.native.lower import Lowered
from chainrule.compiler.native.units import Units
from chainrule.compiler.native.views import Buffer, View
from chainrule.compiler.undisturbed import undisturbed
from chainrule.control_flow import scan

FLOAT = np.dtype(np.float32)


def buffer(number=0, dtype=FLOAT):
    return Buffer(dtype, 12, "arena", number)


def result(
    target=None,
    source=None,
    op="exp",
    number=2.0,
    strides=(4, 1),
    offset=0,
    dtype=FLOAT,
    combine="",
):
    load = Load(View(source or buffer(1), (3, 4), strides, offset))
    value = Apply("multiply", (Apply(op, (load,), dtype), Constant(dtype.type(number))), dtype)
    return Result(View(target or buffer(), (3, 4), (4, 1)), value, combine)


def test_buffers_are_described_by_where_they_appear():
    a, b, c = buffer(0), buffer(1), buffer(2)
    text, order = describe(result(a, b))
    assert order == [a, b]
    assert describe(result(c, a)) == (text, [c, a])
    assert describe(result(a, a))[0] != text


CHANGES = {
    "op": {"op": "log"},
    "number": {"number": 3.0},
    "strides": {"strides": (0, 1)},
    "offset": {"offset": 1},
    "dtype": {"dtype": np.dtype(np.float64)},
    "combine": {"combine": "add"},
    "dtype in memory": {"source": buffer(1, np.dtype(np.int32))},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changes_the_code_changes_the_description(change):
    assert describe(result())[0] == describe(result())[0]
    assert describe(result(**change))[0] != describe(result())[0]


def test_the_sign_of_zero_and_nan_are_described():
    zero, negative, nan = [describe(result(number=number))[0] for number in (0.0, -0.0, np.nan)]
    assert len({zero, negative, nan}) == 3
    assert describe(result(number=np.nan))[0] == nan


def test_a_value_used_twice_is_told_from_two_values():
    load = Load(View(buffer(), (3,), (1,)))
    again = replace(load)
    shared = describe(Apply("add", (load, load), FLOAT))[0]
    assert describe(Apply("add", (load, again), FLOAT))[0] != shared


SIGNATURE = ir.FunctionType(ir.IntType(32), [])


def returning(number, asked):
    def emit(function):
        asked.append(number)
        ir.IRBuilder(function.append_basic_block()).ret(ir.IntType(32)(number))

    return emit


def test_a_unit_is_declared_once_in_a_module_and_asked_for_once():
    texts = {}
    units = Units(lambda name, text, effort: texts.setdefault(name, text()))
    asked = []
    modules = [ir.Module(), ir.Module()]
    for module in (*modules, modules[0]):
        function = units.function(module, "seven", SIGNATURE, returning(7, asked))
        assert function.is_declaration
    other = units.function(modules[0], "eight", SIGNATURE, returning(8, asked))
    assert asked == [7, 8]
    assert list(texts) == [function.name, other.name]
    assert "ret i32 7" in texts[function.name]
    assert len(list(modules[0].functions)) == 2


def test_the_type_is_part_of_the_name():
    units = Units(lambda *unit: None)
    wide = ir.FunctionType(ir.IntType(64), [])
    names = {units.function(ir.Module(), "seven", type, None).name for type in (SIGNATURE, wide)}
    assert len(names) == 2


@pytest.fixture
def written(monkeypatch, tmp_path):
    """How many units have been made in a process that knew none."""
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("CHAINRULE_CACHE", raising=False)
    monkeypatch.setattr(compilation, "_known", {})
    made = []
    make = compilation.object_code

    def counted(text, effort):
        if "unit_" in text and effort != compilation.DRIVER:
            made.append(text)
        return make(text, effort)

    monkeypatch.setattr(compilation, "object_code", counted)
    return made


def test_programs_share_their_kernels(written):
    x = np.linspace(-1.0, 1.0, 12).reshape(3, 4)
    first = NativeProgram(cr.trace(lambda x: np.sum(np.exp(x), axis=1), x))
    assert len(written) == 1
    second = NativeProgram(cr.trace(lambda x, y: (np.sum(np.exp(y), axis=1), x), x, x))
    assert len(written) == 2  # the other copies x
    np.testing.assert_array_equal(first(x)[0], second(-x, x)[0])
    np.testing.assert_allclose(second(-x, x)[0], np.exp(x).sum(axis=1), rtol=1e-15)


def test_a_kernel_used_twice_is_made_once(written):
    def f(x):
        return np.cumsum(np.cumsum(x))

    x = np.arange(12.0)
    np.testing.assert_array_equal(NativeProgram(cr.trace(f, x))(x)[0], f(x))
    assert len(written) == len(set(written))


def test_another_batch_size_needs_no_new_kernels(written):
    def f(w, b, x):
        hidden = np.exp(x * w + b)
        return hidden, hidden.sum(axis=0), hidden.max(axis=1)

    w, b = np.linspace(0.5, 1.0, 20), np.linspace(-1.0, 1.0, 20)
    for batch in (7, 64, 129):
        x = np.linspace(-1.0, 1.0, batch * 20).reshape(batch, 20)
        results = NativeProgram(cr.trace(f, w, b, x))(w, b, x)
        for result, wanted in zip(results, f(w, b, x), strict=True):
            np.testing.assert_allclose(result, wanted, rtol=1e-14)
        made = len(written)
        assert made == len(set(written))
        if batch == 7:
            first = made
    assert made == first


def test_small_transposed_copies_of_all_widths_are_one_unit(written):
    for shape in [(10, 50), (10, 37), (12, 9), (100, 8)]:
        x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        np.testing.assert_array_equal(NativeProgram(cr.trace(lambda x: x.T, x))(x)[0], x.T)
        assert len(written) == 1
    # Large ones have code of their own, whatever the length of the outermost axis.
    x = np.arange(60_000.0).reshape(200, 300)
    for rows in (250, 300):
        program = NativeProgram(cr.trace(lambda x, n=rows: x[:, :n].T, x))
        np.testing.assert_array_equal(program(x)[0], x[:, :rows].T)
        assert len(written) == 2
    program = NativeProgram(cr.trace(lambda x: x.T, x.reshape(300, 200)))
    np.testing.assert_array_equal(program(x.reshape(300, 200))[0], x.reshape(300, 200).T)
    assert len(written) == 3


FUNCTIONS = {
    "elementwise": lambda x, y: np.exp(x) * y + 1.0,
    "transposed": lambda x, y: np.exp(x).T + y.T,
    "flipped": lambda x, y: x[::-1] * y[:, ::-1],
    "broadcast": lambda x, y: x + y[0] - y[:, :1],
    "sums": lambda x, y: ((x * y).sum(axis=0), (x - y).sum(axis=1), x.sum()),
    "softmax": lambda x, y: np.exp(x - x.max(axis=1, keepdims=True)) / np.exp(y).sum(axis=0),
    "positions": lambda x, y: (x.argmax(axis=0), y.argmin(axis=1)),
    "in order": lambda x, y: np.cumsum(x, axis=0) + np.cumprod(y, axis=1),
    "product": lambda x, y: np.tanh(x @ y.T) + 1.0,
    "gather": lambda x, y: x[np.argsort(y[:, 0])],
    "loop": lambda x, y: scan(lambda c, r: (c + r * c.sum(), c), y[0], x),
}


BUFFER = re.compile(r'%"(arena|constant|input|output|pointer)\d+"')


def test_units_of_one_name_have_one_text():
    texts = {}
    known = 0
    for function in FUNCTIONS.values():
        for rows in (1, 2, 5, 64):
            for columns in (1, 3, 40):
                x = np.linspace(0.5, 1.5, rows * columns).reshape(rows, columns)
                units = []
                graph = cr.trace(function, x, x + 1.0)
                Lowered(graph).module(
                    lambda name, text, _, units=units: units.append((name, text()))
                )
                for name, text in units:
                    # A unit's arguments have the names they have in the program that made it.
                    text = BUFFER.sub("%buffer", text)
                    known += name in texts
                    assert texts.setdefault(name, text) == text
    assert known > len(texts) / 2


MODULE = """
define i32 @run() {{
  ret i32 {}
}}
"""


def made_of(modules):
    team = compilation._Team()
    for text, effort in modules:
        team.make(text, effort)
    return team.finish()


@pytest.mark.parametrize("threads", [1, 3])
def test_modules_are_made_side_by_side_in_order(monkeypatch, threads):
    monkeypatch.setattr(compilation, "get_threads", lambda: threads)
    modules = [(MODULE.format(number), compilation.LOOPS) for number in range(8)]
    made = made_of(modules)
    for number, (code, seconds) in enumerate(made):
        program = loading.Code(linked([code]))
        assert set(seconds) == {"parse", "optimize", "generate"}
        assert code == compilation.object_code(*modules[number])[0]
        assert ctypes.CFUNCTYPE(ctypes.c_int32)(program.address)() == number


def test_python_is_as_before_after_compiling():
    before = sys.getswitchinterval()
    seen = []

    def look(stop):
        with undisturbed():
            seen.append((gc.isenabled(), sys.getswitchinterval() < before))
            both.wait()
            if stop:
                raise KeyboardInterrupt

    def interrupted():
        with pytest.raises(KeyboardInterrupt):
            look(True)

    both = threading.Barrier(2)
    others = [threading.Thread(target=look, args=(False,)), threading.Thread(target=interrupted)]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join()
    assert seen == [(False, True)] * 2
    assert gc.isenabled()
    assert sys.getswitchinterval() == before
    gc.disable()
    try:
        with undisturbed():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_an_error_in_one_of_many_modules_is_raised(monkeypatch):
    monkeypatch.setattr(compilation, "get_threads", lambda: 3)
    texts = [*map(MODULE.format, range(5)), "not a module", *map(MODULE.format, range(5))]
    with pytest.raises(RuntimeError, match="parsing error"):
        made_of([(text, compilation.LOOPS) for text in texts])


def test_a_function_is_compiled_while_python_ends():
    code = """
import atexit
import numpy as np, chainrule as cr
f = cr.compile(lambda x: np.sum(np.exp(x), axis=0), engine="native")
atexit.register(lambda: print(f(np.zeros((3, 2)))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[3. 3.]"


def test_a_process_forgets_what_it_made_first(monkeypatch):
    monkeypatch.setattr(compilation, "_known", {})
    monkeypatch.setattr(compilation, "MOST_KNOWN", 2)
    for key in ("a", "b", "c"):
        compilation._remember(key, key.encode())
    assert compilation._known == {"b": b"b", "c": b"c"}
