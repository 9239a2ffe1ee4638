"""What a compiled program promises whoever calls it."""

import threading

import numpy as np
import pytest
from tests.compiler.native.comparing import check

import chainrule as cr
from chainrule._errors import UnsupportedError
from chainrule.compiler.native import NativeProgram, supports, unsupported
from chainrule.ops.family import Unary

X = np.random.default_rng(0).normal(size=(12, 8))


def function(x, y):
    return np.tanh(x @ y) * 2.0, x, np.sum(x), y.T


@pytest.fixture(scope="module")
def program():
    return NativeProgram(cr.trace(function, X, X.T.copy()))


def arrangements():
    frozen = X.copy()
    frozen.flags.writeable = False
    shifted = np.frombuffer(b"\0" + X.tobytes(), np.uint8)[1:].view(np.float64).reshape(X.shape)
    return {
        "contiguous": X,
        "fortran": np.asfortranarray(X),
        "transposed": X.T.copy().T,
        "strided": np.repeat(np.repeat(X, 2, 0), 3, 1)[::2, ::3],
        "reversed": X[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": frozen,
        "misaligned": shifted,
        "broadcast": np.broadcast_to(X[0], X.shape),
        "list": X.tolist(),
        "subclass": X.view(type("Sub", (np.ndarray,), {})),
    }


@pytest.mark.parametrize("name", arrangements())
def test_arguments_of_any_layout(program, name):
    x = arrangements()[name]
    y = np.ascontiguousarray(np.asarray(x).T)
    for got, expected in zip(program(x, y), function(np.asarray(x), y), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-13)


def test_one_array_as_all_arguments():
    x = X[:8].copy()
    check(lambda x, y: (x + y, x @ y, x), x, x, ulp=16, scale=1.0)


def test_results_are_their_own(program):
    first = program(X, X.T.copy())
    kept = [np.array(out) for out in first]
    second = program(2 * X, X.T.copy())
    for out, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(out, copy)
    first[1][...] = 0.0
    assert not np.any(second[1] == 0.0)
    assert isinstance(first[2], np.float64)


def test_arguments_are_left_alone(program):
    x, y = X.copy(), X.T.copy()
    program(x, y)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, X.T)


@pytest.mark.parametrize(
    "wrong", [X[:5], X.astype(np.float32), X.astype(np.int64), X.reshape(8, 12), 1.0, X[None]]
)
def test_arguments_of_another_type_are_refused(program, wrong):
    with pytest.raises(TypeError, match=r"native: expected an array of type float64\[12, 8\]"):
        program(wrong, X.T.copy())


def test_numbers_as_arguments():
    program = NativeProgram(cr.trace(lambda x, n: x * n, np.float64(2.0), np.int64(3)))
    assert program(np.float64(2.0), np.int64(4)) == (8.0,)
    assert program(np.array(2.0), np.array(4)) == (8.0,)


def test_no_arguments_no_results_no_elements():
    check(lambda: (np.ones(3), 2.5))
    check(lambda x: (), X)
    check(lambda x: (x * 2, np.sum(x, 1), x @ x.T, x.reshape(-1)), np.ones((0, 4)))
    check(lambda x: (x * 2, np.sum(x), x @ x.T, np.max(x)), np.ones((1, 1)))


def test_threads_get_the_same_bits(program):
    y = X.T.copy()
    inputs = [X * factor for factor in range(1, 9)]
    expected = [program(x, y)[0] for x in inputs]
    failures = []

    def work(number):
        for _ in range(50):
            if not np.array_equal(program(inputs[number], y)[0], expected[number]):
                failures.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_compiling_in_several_threads():
    results = {}

    def work(number):
        graph = cr.trace(lambda x: np.exp(x) * number, X)
        results[number] = NativeProgram(graph)(X)[0]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, result in results.items():
        np.testing.assert_allclose(result, np.exp(X) * number, rtol=1e-15)


def test_constants_are_copied():
    table = np.arange(8.0)
    program = NativeProgram(cr.trace(lambda x: x + table, X))
    table[:] = 0.0
    np.testing.assert_array_equal(program(X)[0], X + np.arange(8.0))


def test_what_cannot_be_compiled_is_refused():
    positive = Unary("positive", np.positive, None)
    graph = cr.trace(positive, np.eye(3))
    assert not supports(graph)
    message = r"^native: cannot compile op positive; run the graph"
    with pytest.raises(UnsupportedError, match=message):
        NativeProgram(graph)
    inside = cr.trace(lambda x: cr.cond(x[0] > 0, positive, np.sin, x), np.ones(2))
    assert unsupported(inside) == ["op positive"]


def test_everything_can_be_seen(program):
    assert "input0[1, 12, 8] @ input1[1, 8, 12]" in program.kernels or "for i0<" in program.kernels
    assert "define i32" in program.llvm
    assert "run:" in program.asm
    counts = {"kernels", "products", "calls", "arena_bytes", "bytes_moved", "flops"}
    assert set(program.stats) == counts | {"seconds"}
    assert "kernels:" in str(program.stats)


def test_memory_is_used_again():
    x = np.ones((100, 100))

    def chain(x):
        for _ in range(10):
            x = np.tanh(x @ x)
        return x

    program = NativeProgram(cr.trace(chain, x))
    assert program.stats["arena_bytes"] <= 3 * x.nbytes
