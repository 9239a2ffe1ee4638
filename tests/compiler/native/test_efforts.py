"""How hard LLVM is to try on kernels, and that it changes no bit."""

import threading

import numpy as np
import pytest
import scipy.special

import chainrule as cr
from chainrule.compiler.native import NativeProgram, compilation, efforts, loading
from chainrule.compiler.native.compilation import LOOPS, WRITTEN
from chainrule.compiler.native.efforts import Efforts
from chainrule.compiler.native.lower import Lowered

SMALL = np.linspace(0.1, 0.9, 5)
LARGE = np.linspace(0.1, 0.9, 20_000)


def efforts_of(function, *arguments):
    """Return what is computed in each kernel, and how hard LLVM is to try on it."""
    block = Lowered(cr.trace(function, *arguments)).block
    found = Efforts(block, has_fma=True)
    kernels = [step for step in block.all_steps() if isinstance(step, efforts.Loop | efforts.Nest)]
    units = [found.unit(kernel) for kernel in kernels]
    return {
        op: found.of(unit)
        for kernel, unit in zip(kernels, units, strict=True)
        for stage in kernel.stages
        for op in (*stage.ops, *[result.combine for result in stage.results])
    }


def test_a_loop_that_takes_next_to_nothing_runs_as_it_is_written():
    tried = efforts_of(lambda x, y: (np.exp(x), np.sin(y)), SMALL, LARGE)
    assert tried["exp"] == WRITTEN
    assert tried["sin"] == LOOPS


def test_a_small_loop_alone_is_what_takes_the_time():
    assert efforts_of(np.exp, SMALL)["exp"] == LOOPS


def test_a_unit_is_made_for_all_loops_that_it_serves():
    tried = efforts_of(lambda x, y, z: (np.exp(x), np.exp(y)), SMALL, LARGE, LARGE)
    assert tried["exp"] == LOOPS


def test_sums_are_left_to_llvm():
    tried = efforts_of(lambda x, y: (np.exp(x).sum(), np.sin(y), np.tanh(x).max()), SMALL, LARGE)
    assert set(tried.values()) == {LOOPS}


def test_repetitions_count():
    def often(x, y):
        return cr.fori_loop(0, 10_000, lambda i, c: np.exp(c), x), np.sin(y)

    def once(x, y):
        return cr.fori_loop(0, 1, lambda i, c: np.exp(c), x), np.sin(y)

    assert efforts_of(often, SMALL, LARGE)["exp"] == LOOPS
    assert efforts_of(once, SMALL, LARGE)["exp"] == WRITTEN


def test_what_may_run_any_number_of_times_is_held_against_one_round():
    def outside_is_large(x, y):
        return cr.while_loop(lambda c: c[0] < 3.0, np.exp, x), np.sin(y)

    def inside_is_large(x, y):
        def body(carry):
            return np.exp(carry[0]), np.sin(carry[1])

        return cr.while_loop(lambda c: c[0][0] < 3.0, body, (x, y)), np.tanh(x)

    assert efforts_of(outside_is_large, SMALL, LARGE)["exp"] == LOOPS
    tried = efforts_of(inside_is_large, SMALL, LARGE)
    assert tried["exp"] == WRITTEN
    assert tried["sin"] == tried["tanh"] == LOOPS


def test_a_branch_may_be_the_short_one():
    def both_long(flag, x, y):
        return cr.cond(flag, np.sin, np.cos, y), np.exp(x)

    def one_short(flag, x, y):
        return cr.cond(flag, lambda y: np.sin(y).sum(), lambda y: y[0] * 2.0, y), np.exp(x)

    assert efforts_of(both_long, True, SMALL, LARGE)["exp"] == WRITTEN
    assert efforts_of(one_short, True, SMALL, LARGE)["exp"] == LOOPS


FUNCTIONS = {
    "polynomials": lambda x, y: (np.exp(x), np.log1p(y), np.sin(x), np.tanh(y), np.sqrt(y)),
    "two arguments": lambda x, y: (y**x, np.arctan2(x, y), np.hypot(x, y), np.maximum(x, y)),
    "special": lambda x, y: (scipy.special.erf(x), scipy.special.gammaln(y)),
    "arithmetic": lambda x, y: (x * y + 1.0, (x - y) / 3.0, x * x * x - y * x, np.floor(9.0 * x)),
    "choices": lambda x, y: (np.where(x > y, x, -y), np.sign(x), (x < y) & (y < 0.5)),
    "layout": lambda x, y: (x[::-1] * y, np.concatenate([x, y]).T, x[np.array([2, 0, 1])]),
    "whole numbers": lambda x, y: ((9.0 * x).astype(int) // 2, (9.0 * y).astype(np.int8) % 3),
    "random": lambda x, y: cr.random.uniform(cr.random.key(3), x.shape) * x,
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_efforts_change_no_bit(monkeypatch, name, dtype):
    monkeypatch.setenv("CHAINRULE_CACHE", "0")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 37)).astype(dtype)
    y = np.abs(rng.normal(size=(5, 37))).astype(dtype) + dtype(0.1)
    x[0, :4] = 0.0, -0.0, np.inf, np.nan
    graph = cr.trace(FUNCTIONS[name], x, y)
    results = []
    for share in (0.0, np.inf):
        monkeypatch.setattr(efforts, "SMALL_SHARE", share)
        tried = set(Lowered(graph).modules().values())
        assert (LOOPS in tried) == (share == 0.0)
        with np.errstate(all="ignore"):
            results.append(NativeProgram(graph)(x, y))
    for quick, thorough in zip(*results, strict=True):
        np.testing.assert_array_equal(quick, thorough)
        np.testing.assert_array_equal(np.signbit(quick), np.signbit(thorough))


def test_a_module_that_all_programs_need_is_made_once(monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", "0")
    made = []
    make = compilation.object_code

    def counted(*module):
        made.append(module)
        return make(*module)

    monkeypatch.setattr(compilation, "object_code", counted)
    text = "define i32 @made_once() { ret i32 7 }"
    threads = [threading.Thread(target=loading.made, args=(text,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
