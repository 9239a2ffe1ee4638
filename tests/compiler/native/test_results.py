"""Large results in memory that has been used before, and never in memory that is in use."""

import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.native import NativeProgram, results

N = results.SMALLEST_KEPT // 8
X = np.arange(N, dtype=float)


@pytest.fixture(scope="module")
def double():
    return NativeProgram(cr.trace(lambda x: x * 2.0, X))


def address(array):
    return array.ctypes.data


def test_memory_is_used_again_when_a_result_is_dropped(double):
    (first,) = double(X)
    place = address(first)
    del first
    (second,) = double(X + 1.0)
    assert address(second) == place
    np.testing.assert_array_equal(second, 2.0 * (X + 1.0))


@pytest.mark.parametrize(
    "keep", [lambda a: a, lambda a: a[5:9], memoryview, lambda a: a.reshape(2, -1)]
)
def test_memory_in_use_is_left_alone(double, keep):
    (first,) = double(X)
    kept = keep(first)
    expected = np.array(kept)
    del first
    for shift in range(3):
        double(X + shift)
    np.testing.assert_array_equal(np.array(kept), expected)


def test_results_that_are_all_kept_differ(double):
    arrays = [double(X + shift)[0] for shift in range(4)]
    assert len({address(array) for array in arrays}) == 4
    for shift, array in enumerate(arrays):
        np.testing.assert_array_equal(array, 2.0 * (X + shift))


def test_threads_do_not_share(double):
    wrong = []

    def work(shift):
        for _ in range(30):
            (result,) = double(X + shift)
            if not np.array_equal(result, 2.0 * (X + shift)):
                wrong.append(shift)
            del result

    threads = [threading.Thread(target=work, args=(shift,)) for shift in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_small_results_own_their_memory():
    program = NativeProgram(cr.trace(lambda x: x * 2.0, X[: N - 1]))
    assert program(X[: N - 1])[0].flags.owndata


def test_programs_with_too_much_keep_nothing(monkeypatch):
    monkeypatch.setattr(results, "LARGEST_KEPT", results.SMALLEST_KEPT)
    program = NativeProgram(cr.trace(lambda x: (x * 2.0, x * 3.0), X))
    assert all(array.flags.owndata for array in program(X))
