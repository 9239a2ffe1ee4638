"""Machine code linked and loaded without LLVM: the same as with it, and nothing else can be run."""

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from llvmlite import binding as llvm

import chainrule as cr
from chainrule._errors import UnsupportedError
from chainrule.compiler.native import NativeProgram, image, loading, surroundings, symbols
from chainrule.compiler.native.compilation import DRIVER, object_code
from chainrule.compiler.native.image import Image, Loaded
from chainrule.compiler.native.linking import linked

pytestmark = pytest.mark.skipif(not image.ARE_MADE, reason="no images are made for this machine")

COUNTER = """
@step = internal constant [2 x i64] [i64 0, i64 7], align 64
@start = internal global i64 35, align 64
@sum = internal global [100 x i64] zeroinitializer

declare i64 @labs(i64)

define i64 @more() {
  %from = load i64, ptr @start
  %place = getelementptr [100 x i64], ptr @sum, i64 0, i64 99
  %before = load i64, ptr %place
  %other = getelementptr [2 x i64], ptr @step, i64 0, i64 1
  %step = load volatile i64, ptr %other
  %after = add i64 %before, %step
  store i64 %after, ptr %place
  %result = add i64 %from, %after
  ret i64 %result
}
"""

CALLER = """
declare i64 @more()
declare i64 @labs(i64)

define i64 @run(i64 %x) {
  %size = call i64 @labs(i64 %x)
  %more = call i64 @more()
  %result = add i64 %size, %more
  ret i64 %result
}
"""


def made(*texts):
    return linked([object_code(text, DRIVER)[0] for text in texts])


def first_line(error):
    return str(error.value).partition("\n")[0]


def run(code):
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(code.address)


def test_objects_refer_to_each_other_to_their_data_and_to_libraries():
    program = made(CALLER, COUNTER)
    assert isinstance(program, Image)
    assert program.called == ["labs"]
    assert set(program.functions) == {"run", "more"}
    code, other = loading.Code(program), loading.Code(program)
    assert [run(code)(-1000) for _ in range(3)] == [1042, 1049, 1056]
    assert run(other)(1000) == 1042  # its data are its own


def test_what_is_not_known_to_the_linker_is_left_to_llvm():
    text = COUNTER + "@place = global ptr @more\n"
    program = made(CALLER, text)
    assert isinstance(program, loading.Objects)
    code = loading.Code(program)
    assert [run(code)(-1000) for _ in range(3)] == [1042, 1049, 1056]


def test_code_for_another_cpu_is_left_to_llvm():
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple("aarch64-linux-gnu").create_target_machine()
    text = "declare void @PyThing()\ndefine void @f() {\n call void @PyThing()\n ret void\n}"
    code = target.emit_object(llvm.parse_assembly(text, llvm.create_context()))
    assert linked([code]) == loading.Objects([code], ["PyThing"])


def test_a_function_that_is_nowhere_is_named():
    program = made(
        "declare void @nowhere()\ndefine void @run() {\ncall void @nowhere()\nret void\n}"
    )
    with pytest.raises(UnsupportedError) as error:
        loading.Code(program)
    assert first_line(error) == "native: there is no function 'nowhere' to be called."


def mappings():
    """Return first and last address and mode of what is in memory."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    found = [re.match(r"(\w+)-(\w+) (\S+)", line).groups() for line in lines]
    return [(int(first, 16), int(last, 16), mode) for first, last, mode in found]


def test_what_runs_cannot_be_written():
    program = made(CALLER, COUNTER)
    code = loading.Code(program)
    modes = [
        mode
        for place in (code.address, code.address + program.fixed)
        for first, last, mode in mappings()
        if first <= place < last
    ]
    assert modes == ["r-xp", "rw-p"]


def test_memory_is_given_back():
    program = made(COUNTER)._replace(nbytes=2**24)
    code = Loaded(program)
    before = sum(last - first for first, last, _ in mappings())
    del code
    assert before - sum(last - first for first, last, _ in mappings()) >= 2**24


class OtherSystem:
    """The system, but for the answers of some functions."""

    def __init__(self, **answers):
        self.system = image._system()
        self.answers = answers

    def __getattr__(self, name):
        if name in self.answers:
            return lambda *_: self.answers[name]
        return getattr(self.system, name)


def test_a_system_that_refuses_to_run_what_was_written(monkeypatch):
    f = cr.compile(lambda x: np.sin(x) * 1.5, engine="auto")
    native = cr.compile(lambda x: np.sin(x) * 1.5, engine="native")
    refusing = OtherSystem(mprotect=-1)
    monkeypatch.setattr(image, "_system", lambda: refusing)
    ctypes.set_errno(13)
    with pytest.raises(UnsupportedError) as error:
        native(np.ones(3))
    assert first_line(error) == (
        "native: this system refuses to run code from memory that was written (error 13 of "
        "mprotect); run the graph with engine='interpreter'."
    )
    np.testing.assert_array_equal(f(np.ones(3)), np.sin(np.ones(3)) * 1.5)


def test_a_system_without_memory(monkeypatch):
    nowhere = ctypes.c_void_p(-1).value
    full = OtherSystem(mmap=nowhere)
    monkeypatch.setattr(image, "_system", lambda: full)
    program = made(COUNTER)
    with pytest.raises(MemoryError) as error:
        Loaded(program)
    assert str(error.value) == f"native: no memory for {program.nbytes} bytes of code."


def test_own_functions_are_found_before_those_of_libraries(monkeypatch):
    monkeypatch.setattr(symbols, "_own", {})
    library = symbols.find("labs")
    symbols.define("labs", 12)
    assert symbols.find("labs") == 12 != library
    assert symbols.find("surely.nowhere") is None


# -- programs in new processes ---------------------------------------------------------------------

PROGRAMS = """
import hashlib, sys
import numpy as np, chainrule as cr
from chainrule.compiler.native import image
image.ARE_MADE = {images}
rng = np.random.default_rng(0)
x, w = rng.normal(size=(300, 200)), rng.normal(size=(200, 200))

def step(x, w):
    hidden = np.tanh(x @ w)
    solved = np.linalg.solve(w @ w.T + np.eye(200), hidden.T)
    total, _ = cr.scan(lambda c, row: (np.sin(c + row), None), np.zeros(200), solved.T)
    return total, cr.special.gammaln(np.abs(x)), np.argsort(x, axis=1), x.astype(np.float16)

f = cr.compile(step, engine="native")
big = cr.compile(lambda a, b: a @ b, engine="native")
outputs = [*f(x, w), big(np.tile(x, 4).T, np.tile(x, 5))]
print(hashlib.sha256(b"".join(array.tobytes() for array in outputs)).hexdigest())
print(type(f._native('is none')._executable.code.address_of.__self__).__name__)
print("llvmlite" in sys.modules, "emit" in f.stats["seconds"])
"""


def answers(folder, images):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS.format(images=images)],
        env={**os.environ, "CHAINRULE_CACHE_DIR": str(folder), "CHAINRULE_CACHE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_known_program_is_loaded_without_llvm_and_gives_the_same_bits(tmp_path):
    """Threads, BLAS, LAPACK, special functions and the C library are called from it."""
    bits, *first = answers(tmp_path, images=True)
    assert first == ["Loaded", "True True"]
    assert answers(tmp_path, images=True) == [bits, "Loaded", "False False"]


def test_where_no_images_are_made_llvm_loads_the_same_programs(tmp_path):
    bits = answers(tmp_path / "images", images=True)[0]
    for is_compiled in (True, False):
        answer = answers(tmp_path / "objects", images=False)
        assert answer == [bits, "LoadedByLLVM", f"True {is_compiled}"]


# -- what programs depend on -----------------------------------------------------------------------

CPU = {
    "processor": "0",
    "vendor_id": "AuthenticAMD",
    "cpu family": "25",
    "model": "17",
    "model name": "AMD EPYC",
    "stepping": "1",
    "cpu MHz": "2596.1",
    "flags": "fpu avx avx2",
}


@pytest.fixture
def key(tmp_path, monkeypatch):
    """Return the key on a machine of some CPUs."""

    def key(*cpus):
        described = ["\n".join(f"{name}\t: {value}" for name, value in c.items()) for c in cpus]
        file = tmp_path / "cpuinfo"
        file.write_text("\n\n".join(described))
        monkeypatch.setattr(surroundings, "_CPUINFO", str(file))
        return surroundings.surroundings.__wrapped__()

    return key


def test_programs_depend_on_what_the_cpu_can_do(key):
    assert key(CPU) == key(CPU, {**CPU, "processor": "1"})
    assert key(CPU) == key({**CPU, "cpu MHz": "3000.0", "processor": "3"})
    for name in ("vendor_id", "cpu family", "model", "model name", "stepping", "flags"):
        assert key({**CPU, name: "another"}) != key(CPU)


def test_llvm_is_asked_about_a_cpu_that_linux_does_not_describe(key, monkeypatch):
    arm = {"processor": "0", "CPU implementer": "0x41", "Features": "fp asimd"}
    monkeypatch.setattr(surroundings, "_cpu_by_llvm", lambda: "one")
    first = key(arm)
    monkeypatch.setattr(surroundings, "_cpu_by_llvm", lambda: "another")
    assert key(arm) != first
    monkeypatch.undo()
    assert llvm.get_host_cpu_name() in surroundings._cpu_by_llvm()
    monkeypatch.setattr(surroundings, "_CPUINFO", "/nowhere/to/be/found")
    assert surroundings._cpu_by_linux() == ""


def test_programs_depend_on_what_has_made_them(tmp_path, monkeypatch):
    (tmp_path / "made_up.py").write_text("1")
    monkeypatch.syspath_prepend(str(tmp_path))
    first = surroundings._installed("made_up")
    (tmp_path / "made_up.py").write_text("12")
    assert "" != surroundings._installed("made_up") != first
    assert surroundings._installed("not_installed_at_all") == ""


def test_results_are_those_of_the_interpreter_after_many_programs_have_come_and_gone():
    x = np.linspace(-1.0, 1.0, 11)
    for number in range(20):
        graph = cr.trace(lambda x, n=number: np.cumsum(x) * (n + 0.5), x)
        np.testing.assert_array_equal(NativeProgram(graph)(x)[0], np.cumsum(x) * (number + 0.5))
