"""Programs that use several threads give the bits that they give on one."""

import ctypes
import math
import os
import platform
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import binding as llvm
from tests.compiler.native.comparing import assert_close

import chainrule as cr
from chainrule import _threads, nn, optim, random
from chainrule.compiler.native import NativeProgram, blas, chunks, threads
from chainrule.compiler.native.kernels import Loop
from chainrule.ir import evaluate

COUNTS = (1, 2, 3, 7)


@pytest.fixture
def set_threads():
    before = cr.get_threads()
    yield cr.set_threads
    cr.set_threads(before)


def array(*shape, dtype=np.float64, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    return (values * 2.0).astype(dtype)


def layer(x, w, b):
    return np.tanh(x @ w + b)


def gradient(x, w, b):
    return cr.grad(lambda w, b: np.mean(layer(x, w, b) ** 2), argnums=(0, 1))(w, b)


def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True), np.sum(e, axis=0)


def repeated(x, w):
    def step(carry, _):
        carry = np.tanh(carry @ w)
        return carry, np.sum(carry)

    return cr.scan(step, x, None, length=5)


def until(x):
    return cr.while_loop(lambda x: np.max(x) > 1e-2, lambda x: np.sin(x) * 0.5, x)


def either(x):
    return cr.cond(np.sum(x) > 0, lambda x: np.exp(x), lambda x: np.exp(-x), x)


PROGRAMS = {
    "elementwise": (lambda x, y: np.exp(-x * x) * y, array(700, 301), array(301)),
    "one long axis": (lambda x: np.sqrt(np.abs(x)) + 1.0, array(100_003)),
    "broadcast and strided": (lambda x: np.sin(x.T)[::-1] * x.T, array(301, 700)),
    "gather": (
        lambda x, i: np.exp(x[i]),
        array(999),
        np.random.default_rng(1).integers(0, 999, 80_000),
    ),
    "sum of all": (np.sum, array(400_000)),
    "sum of a prime number": (lambda x: np.sum(x * x), array(400_009)),
    "sum of all, float32": (lambda x: np.sum(np.exp(x)), array(977, 1013, dtype=np.float32)),
    "sums of rows": (lambda x: np.sum(x, axis=1), array(900, 401)),
    "sums of columns": (lambda x: np.sum(x, axis=0), array(9_001, 41)),
    "sums of few long rows": (lambda x: np.sum(np.cos(x), axis=1), array(3, 100_001)),
    "extrema": (lambda x: (np.max(x, axis=0), np.min(x)), array(9_001, 41)),
    "product of elements": (lambda x: np.prod(1.0 + x * 1e-6), array(400_009)),
    "position of a maximum": (lambda x: np.argmax(x, axis=1), array(900, 401)),
    "integers": (lambda x: np.sum(x * x, axis=0), np.arange(300_000).reshape(-1, 3)),
    "counting": (lambda x: np.sum(x > 0), array(400_009)),
    "softmax and column sums": (softmax, array(3_001, 65)),
    "product": (lambda x, w: x @ w, array(401, 67), array(67, 131)),
    "product, float32": (
        lambda x, w: x @ w,
        array(401, 67, dtype=np.float32),
        array(67, 131, dtype=np.float32),
    ),
    "products": (lambda x, w: x @ w, array(33, 20, 30), array(33, 30, 40)),
    "product by a library": (lambda x, w: x @ w, array(601, 700), array(700, 1100)),
    "layer": (layer, array(501, 64), array(64, 50), array(50)),
    "gradient": (gradient, array(1501, 64), array(64, 50), array(50)),
    "scan": (repeated, array(501, 64), array(64, 64) * 0.1),
    "while": (until, np.abs(array(50_000))),
    "cond": (either, array(50_000)),
    "scatter": (
        lambda x, i: cr.at(np.zeros(50))[i].add(np.exp(x)),
        array(80_000),
        np.random.default_rng(1).integers(0, 50, 80_000),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_results_do_not_depend_on_the_number_of_threads(name, set_threads):
    function, *args = PROGRAMS[name]
    graph = cr.trace(function, *args)
    program = NativeProgram(graph)
    assert name == "scatter" or threads.IN_PARALLEL in program.llvm
    flat = cr.tree.leaves(args)
    results = []
    for count in COUNTS:
        set_threads(count)
        results += [program(*flat), program(*flat)]
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)
    expected = evaluate(graph, flat)
    scale = max(float(np.max(np.abs(np.asarray(one, np.float64)))) for one in expected)
    assert_close(results[0], expected, ulp=2_000, scale=max(scale, 1.0))


def test_callers_share_the_pool_without_waiting_for_each_other(set_threads):
    set_threads(3)
    names = ["sum of a prime number", "softmax and column sums", "scan", "product by a library"]
    work = []
    for name in names:
        function, *args = PROGRAMS[name]
        program = NativeProgram(cr.trace(function, *args))
        work.append((program, args, program(*args)))
    wrong = []

    def call(number):
        for turn in range(20):
            program, args, expected = work[(number + turn) % len(work)]
            for one, two in zip(program(*args), expected, strict=True):
                if not np.array_equal(one, two):
                    wrong.append(names[(number + turn) % len(work)])

    callers = [threading.Thread(target=call, args=(number,)) for number in range(5)]
    for caller in callers:
        caller.start()
    for count in (1, 5, 2, 3):
        set_threads(count)
    for caller in callers:
        caller.join()
    assert not wrong


def test_training_does_not_depend_on_the_number_of_threads(set_threads):
    from chainrule.training import fit

    X = array(600, 20, dtype=np.float32)
    y = np.random.default_rng(2).integers(0, 5, 600)
    model = nn.mlp(random.key(0), (20, 64, 5))

    def trained(count):
        set_threads(count)
        result = fit(
            model,
            nn.softmax_cross_entropy,
            optim.adam(1e-2),
            X,
            y,
            epochs=3,
            batch_size=300,
            key=random.key(1),
        )
        return cr.tree.leaves(result.last.model)

    for one, two in zip(trained(1), trained(4), strict=True):
        np.testing.assert_array_equal(one, two)


def test_what_is_small_knows_nothing_of_threads():
    x = array(10, 10)
    program = NativeProgram(cr.trace(lambda x: np.sum(np.tanh(x @ x)), x))
    assert "chainrule.pool" not in program.llvm


# -- processes ------------------------------------------------------------------------------------

BEGINNING = """
import os, sys, time
import numpy as np
import chainrule as cr
from chainrule.compiler.native import NativeProgram
x = np.linspace(-3.0, 3.0, 300_000)
program = NativeProgram(cr.trace(lambda x: np.sum(np.tanh(x) * x), x))
cr.set_threads(4)
def run():
    return float(program(x)[0]).hex()
expected = run()
"""


def script(body, **environment):
    """Run a script in a process of its own, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + textwrap.dedent(body)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_starts_threads_of_its_own():
    body = """
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            os._exit(0 if [run() for _ in range(50)] == [expected] * 50 else 1)
        children.append(child)
    assert [run() for _ in range(50)] == [expected] * 50
    print([os.waitpid(child, 0)[1] for child in children])
    """
    assert script(body) == "[0, 0, 0, 0]\n"


def test_a_process_ends_while_threads_wait_for_work():
    assert script("print(run() == expected)") == "True\n"


def test_an_idle_pool_uses_no_time():
    body = """
    run()
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(1.0)
    print(time.process_time() - before < 0.5)
    """
    # A thread that went on spinning would use a second of each core.
    assert script(body) == "True\n"


def test_the_environment_says_how_many_threads_to_use():
    body = """
    from chainrule import _threads
    print(_threads._default())
    """
    assert script(body, CHAINRULE_THREADS="3") == "3\n"


def test_libraries_threads_do_not_change_results_and_are_left_as_they_were():
    body = """
    import ctypes, hashlib
    import scipy.linalg.cython_blas as blas
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((400, 5000)), rng.standard_normal((5000, 300)).T.copy().T
    product = NativeProgram(cr.trace(lambda a, b: a @ b, a, b))
    assert "gemm" in product.llvm
    library = ctypes.CDLL(blas.__file__)
    count = getattr(library, "scipy_openblas_get_num_threads", lambda: 0)
    before = count()
    print(hashlib.sha256(product(a, b)[0].tobytes()).hexdigest())
    square = rng.standard_normal((300, 300))
    inverse = NativeProgram(cr.trace(np.linalg.inv, square))
    print(hashlib.sha256(inverse(square)[0].tobytes()).hexdigest())
    assert count() == before
    """
    answers = {
        script(body, OPENBLAS_NUM_THREADS=one, CHAINRULE_THREADS=two)
        for one in ("1", "2", "3")
        for two in ("1", "2")
    }
    assert len(answers) == 1


# -- the number of threads ------------------------------------------------------------------------


def test_the_number_of_threads_is_what_was_set(set_threads):
    set_threads(np.int64(5))
    assert cr.get_threads() == 5


@pytest.mark.parametrize("wrong", [0, -1, 257])
def test_a_number_of_threads_has_to_make_sense(wrong):
    with pytest.raises(ValueError, match=r"^set_threads: n: expected from 1 to 256 threads, got "):
        cr.set_threads(wrong)


@pytest.mark.parametrize("wrong", [1.5, "2", None])
def test_a_number_of_threads_is_an_integer(wrong):
    with pytest.raises(TypeError, match=r"^set_threads: n: expected an integer, got "):
        cr.set_threads(wrong)


@pytest.mark.parametrize("wrong", ["0", "-1", "many", "1000", "1.5"])
def test_the_variable_has_to_make_sense(wrong, monkeypatch):
    monkeypatch.setenv("CHAINRULE_THREADS", wrong)
    with pytest.raises(ValueError, match=r"^the environment variable CHAINRULE_THREADS must be a"):
        _threads._default()


def test_the_default_is_what_the_process_may_use(monkeypatch, tmp_path):
    monkeypatch.delenv("CHAINRULE_THREADS", raising=False)
    monkeypatch.setattr(_threads, "_CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    assert _threads._default() == 6
    (tmp_path / "cpu.max").write_text("250000 100000\n")
    assert _threads._default() == 3
    (tmp_path / "cpu.max").write_text("20000 100000\n")
    assert _threads._default() == 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert _threads._default() == 6
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("200000\n")
    assert _threads._default() == 2
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert _threads._default() == 6


# -- chunks ---------------------------------------------------------------------------------------


@given(
    st.integers(1, 10**6),
    st.floats(0, 1e9),
    st.integers(1, 600),
)
def test_chunks_are_all_of_an_axis(extent, nanoseconds, grain):
    found = chunks.cut(extent, nanoseconds, grain)
    last = extent - (found.count - 1) * found.size
    assert found.extent == extent
    assert found.count >= 1
    if found.count > 1:
        assert found.size % grain == 0
        assert last >= grain
        assert last < found.size + grain
        assert nanoseconds >= found.count * chunks.SHORTEST
    else:
        assert found.size == extent


@given(st.integers(1, 10**7))
def test_blocks_of_a_product_begin_within_it(extent):
    size = blas.block_size(extent)
    assert 1 <= size <= min(extent, 2 * blas.BLOCK)
    assert (-(-extent // size) - 1) * size < extent


@pytest.mark.parametrize("extent", [400_000, 400_009])
def test_a_long_sum_is_made_of_parts(extent):
    program = NativeProgram(cr.trace(lambda x: np.sum(np.exp(x)), np.ones(extent)))
    loops = [step for step in program._executable.block.steps if isinstance(step, Loop)]
    exps = sum(math.prod(loop.shape) for loop in loops[:-1])
    assert exps == extent
    assert len(loops) == 2 + bool(extent % loops[0].shape[0])
    (ones,) = program(np.zeros(extent))
    assert ones == extent


# -- platforms ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "pause"),
    [
        ("AMD64", "sse2.pause"),
        ("x86_64", "sse2.pause"),
        ("arm64", "aarch64.isb"),
        ("aarch64", "aarch64.isb"),
        ("riscv64", "pause"),
    ],
)
@pytest.mark.parametrize("long", [ctypes.c_uint32, ctypes.c_uint64])
def test_the_pool_is_well_formed_on_other_platforms(machine, pause, long, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(ctypes, "c_ulong", long)
    module = llvm.parse_assembly(threads.assembly(), llvm.create_context())
    module.verify()
    assert pause in str(module)
