"""Profiles, and what steps compute and move, by worked numbers; no time is asserted."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import DonatedArrayError, InvalidArgumentError
from chainrule.compiler.native import NativeProgram, clock, limits, loading, profile
from chainrule.compiler.native.counting import Count, count, precision
from chainrule.compiler.native.expressions import Apply, Load
from chainrule.compiler.native.kernels import Kernel, Loop, Product, Result
from chainrule.compiler.native.lower import Lowered
from chainrule.compiler.native.views import Buffer, View, whole

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Profile in as few runs as can be, on a machine of known limits."""
    monkeypatch.setattr(profile, "SECONDS", 0.0)
    monkeypatch.setattr(limits, "arithmetic_rate", {"float32": 2e9, "float64": 1e9}.get)
    monkeypatch.setattr(limits, "copy_rate", lambda nbytes: 8e9)


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the clock show the square of how often it has been read."""
    text = f"""
@count = internal global i64 0

define i64 @{loading.ENTRY}() {{
  %n = load i64, ptr @count
  %next = add i64 %n, 1
  store i64 %next, ptr @count
  %square = mul i64 %n, %n
  ret i64 %square
}}
"""
    monkeypatch.setattr(clock, "_of_the_system", lambda: text)
    clock.make_available.cache_clear()
    yield
    clock.make_available.cache_clear()


def steps(f: Any, *args: Any) -> list[Any]:
    """Return the steps of a function's native code."""
    return Lowered(cr.compiler.passes.optimize(cr.trace(f, *args))).block.steps


def only_count(f: Any, *args: Any) -> Count:
    """Return the count of the only step."""
    (step,) = steps(f, *args)
    return count(step)


# -- what steps compute and move -------------------------------------------------------------------


def test_product() -> None:
    x, w = np.ones((100, 64), np.float32), np.ones((64, 50), np.float32)
    expected = 2 * 100 * 64 * 50, 4 * (100 * 64 + 64 * 50 + 100 * 50)
    assert only_count(lambda x, w: x @ w, x, w) == expected


def test_stack_of_products_reads_what_they_share_once() -> None:
    x, w = np.ones((3, 10, 20)), np.ones((20, 5))
    expected = 3 * 2 * 10 * 20 * 5, 8 * (3 * 10 * 20 + 20 * 5 + 3 * 10 * 5)
    assert only_count(lambda x, w: x @ w, x, w) == expected


def test_product_with_itself() -> None:
    x = np.ones((30, 20))
    assert only_count(lambda x: x.T @ x, x) == (2 * 20 * 30 * 20, 8 * (30 * 20 + 20 * 20))


def test_product_of_integers_computes_with_no_floating_point_numbers() -> None:
    x = np.ones((4, 4), np.int64)
    assert {count(step).flops for step in steps(lambda x: x @ x + x, x)} == {0}


def test_product_with_epilogue_does_not_store_the_product() -> None:
    m, k, n = 6, 5, 4
    left, right, product, bias, out = [
        Buffer(FLOAT32, size, "arena", number)
        for number, size in enumerate((m * k, k * n, m * n, n, m * n))
    ]
    loaded = Load(whole(product, (m, n))), Load(View(bias, (m, n), (0, 1)))
    total = Result(whole(out, (m, n)), Apply("add", loaded, FLOAT32))
    epilogue = Loop((m, n), (False, False), (total,))
    views = whole(left, (1, m, k)), whole(right, (1, k, n)), whole(product, (1, m, n))
    step = Product(*views, epilogue)
    assert count(step) == (2 * m * k * n + m * n, 4 * (m * k + k * n + n + m * n))


def test_elementwise_and_sum() -> None:
    # exp, multiply and add, three times each; three numbers read, and one written.
    assert only_count(lambda x: np.sum(np.exp(x) * x), np.ones(3)) == (9, 32)


def test_what_is_repeated_is_moved_once() -> None:
    x, b = np.ones((30, 7)), np.ones(7)
    assert only_count(lambda x, b: x + b, x, b) == (210, 8 * (210 + 7 + 210))


def test_overlapping_views_are_moved_once() -> None:
    assert only_count(lambda x: x[1:] - x[:-1], np.ones(100)) == (99, 8 * (100 + 99))


def test_part_of_an_array() -> None:
    assert only_count(lambda x: -x[:10], np.ones(100)) == (10, 8 * (10 + 10))


def test_stages_of_a_nest_read_once_and_rows_do_not_count() -> None:
    x = np.ones((3, 40))
    # maximum, subtract, exp, sum, divide
    assert only_count(lambda x: cr.special.softmax(x, axis=-1), x) == (5 * 120, 8 * 2 * 120)


def test_comparisons_count_and_integers_do_not() -> None:
    assert only_count(lambda x: x < 0.5, np.ones(10)) == (10, 80 + 10)
    assert only_count(lambda x: x * 3 + 1, np.ones(10, np.int64)) == (0, 160)


def test_gather() -> None:
    x, rows = np.ones((50, 8)), np.arange(5)
    moved = [count(step) for step in steps(lambda x, r: x[r], x, rows) if isinstance(step, Kernel)]
    # Five rows of eight and the five indices are read; the other kernel checks the indices.
    assert Count(0, 8 * (40 + 5 + 40)) in moved


def test_sort() -> None:
    sort = steps(lambda x: np.argsort(x), np.ones(100))[0]
    assert count(sort) == (0, 8 * (100 + 100))


def test_precision_is_that_of_the_widest_format() -> None:
    wide, narrow = np.ones((3, 3)), np.ones((3, 3), np.float32)

    def formats(f: Any, *args: Any) -> list[np.dtype[Any]]:
        return [precision(step) for step in steps(f, *args)]

    assert formats(lambda x: x @ x, wide) == [FLOAT64]
    assert formats(lambda x: x @ x, narrow) == [FLOAT32]
    assert formats(np.exp, narrow) == [FLOAT32]
    assert formats(lambda x: np.exp(x) + 1.0, wide) == [FLOAT64]
    assert formats(lambda x, y: x + y, wide, narrow) == [FLOAT64]
    assert formats(np.exp, np.ones(3, np.float16)) == [FLOAT32]


def scanned(c: Any, x: Any) -> Any:
    """Return a loop of a product and two kernels."""
    return cr.scan(lambda c, x: (np.tanh(c @ c + x), np.sum(c)), c, x)


SQUARE, ROWS = np.ones((20, 20)), np.ones((7, 20, 20))


def test_stats() -> None:
    f = cr.compile(scanned, engine="native")
    f(SQUARE, ROWS)
    stats = f.stats
    assert stats["products"] == 1
    assert stats["calls"] == 0
    # The product, tanh and add, and the sum.
    assert stats["flops"] == 7 * (2 * 20**3 + 2 * 400 + 400)
    # Matrices: the product reads one and writes one, tanh reads two and writes one, the sum reads
    # one and writes a number.
    assert stats["bytes_moved"] == 7 * 8 * (2 * 400 + 3 * 400 + 400 + 1)
    passes = ("trace", "passes", "schedule", "invariants", "fuse", "epilogues", "chunks")
    assert {*passes, "inplace", "memory", "emit", "compile", "load"} <= set(stats["seconds"])


def test_calls_are_counted() -> None:
    f = cr.compile(np.linalg.solve, engine="native")
    f(np.eye(5), np.ones(5))
    assert f.stats["calls"] == 1


# -- profiles --------------------------------------------------------------------------------------


def test_rows_are_the_steps_in_their_order() -> None:
    f = cr.compile(lambda a, b: np.tanh(a @ b), engine="native")
    result = f.profile(np.ones((100, 64)), np.ones((64, 50)))
    product, kernel = result.rows
    assert product.step == "input0[100, 64] @ input1[64, 50]"
    assert kernel.step == "for i0<100, i1<50: tanh"
    assert (product.runs, product.depth, kernel.runs, kernel.depth) == (1, 0, 1, 0)
    assert (product.flops, product.bytes) == (640_000, 116_800)
    assert (kernel.flops, kernel.bytes) == (5_000, 80_000)
    assert product.limit == 640_000 / 1e9  # computing takes longer than copying
    assert kernel.limit == 80_000 / 8e9  # copying does
    for row in result.rows:
        assert row.ratio == row.seconds / row.limit
    assert result.seconds == math.fsum(row.seconds for row in result.rows)
    assert repr(result) == "<profile of compile(<lambda>), 2 steps>"


def test_float32_is_held_against_its_own_limit() -> None:
    f = cr.compile(np.matmul, engine="native")
    x = np.ones((64, 64), np.float32)
    (row,) = f.profile(x, x).rows
    assert row.limit == 2 * 64**3 / 2e9


def test_runs_in_loops_are_counted_and_add_up_to_stats() -> None:
    f = cr.compile(scanned, engine="native")
    rows = f.profile(SQUARE, ROWS).rows
    assert {(row.runs, row.depth) for row in rows} == {(7, 1)}
    assert sum(row.flops * row.runs for row in rows) == f.stats["flops"]
    assert sum(row.bytes * row.runs for row in rows) == f.stats["bytes_moved"]


def test_branches_and_conditions() -> None:
    def count_up(x: Any) -> Any:
        return cr.while_loop(lambda x: x[0] < 10, lambda x: x + 1, x)

    f = cr.compile(lambda x: cr.cond(x[0] > 0, np.exp, count_up, x), engine="native")
    taken = {row.step: row.runs for row in f.profile(np.ones(100)).rows if row.depth}
    assert taken == {"for i0<100: exp": 1, "once: less": 0, "for i0<100: add": 0}
    text = str(f.profile(-np.ones(100)))
    taken = {row.step: row.runs for row in f.profile(-np.ones(100)).rows if row.depth}
    assert taken == {"for i0<100: exp": 0, "once: less": 12, "for i0<100: add": 11}
    heads = [line.strip() for line in text.splitlines() if line.endswith(":")]
    assert heads[1:] == ["else:", "while:"]
    assert heads[0].startswith("if ")
    not_run = next(row for row in f.profile(-np.ones(100)).rows if row.step == "for i0<100: exp")
    assert (not_run.seconds, not_run.share) == (0.0, 0.0)
    assert math.isnan(not_run.ratio)


@pytest.mark.usefixtures("squares")
def test_every_step_has_its_own_readings() -> None:
    """The nth reading is n², so the jth pair is 4j + 1 ticks apart, of which 127 are subtracted.

    That is the mean of the first 64 pairs. The first of several runs has the least of all.
    """

    def f(x: Any) -> Any:
        return np.linalg.det(np.exp(x)), np.sort(x.ravel()), x @ x

    rows = cr.compile(f, engine="native").profile(SQUARE).rows
    assert len(rows) >= 4
    ticks = [4 * j + 1 - 127 for j in range(64, 64 + len(rows))]
    np.testing.assert_allclose([row.seconds / clock.seconds_per_tick() for row in rows], ticks)
    np.testing.assert_allclose([row.share for row in rows], np.array(ticks) / sum(ticks))


@pytest.mark.usefixtures("squares")
def test_runs_in_loops_take_turns_at_the_clock() -> None:
    rows = cr.compile(scanned, engine="native").profile(SQUARE, ROWS).rows
    count = len(rows)
    for position, row in enumerate(rows):
        ticks = [4 * j + 1 - 127 for j in range(64 + position, 64 + 7 * count, count)]
        np.testing.assert_allclose(row.seconds / clock.seconds_per_tick(), np.mean(ticks))


TABLE = """\
step                                            runs time/run  share    flop   bytes    limit  ratio
for i0<20, i1<20: exp                              1   130 ns  13.1%     400   6.4 k   800 ns    0.2
repeat 3 times:
  pointer0[20, 20] @ pointer0[20, 20]              3   142 ns  42.9%    16 k   6.4 k    16 us    0.0
  for i0<20, i1<20: tanh                           3   146 ns"""


@pytest.mark.usefixtures("squares")
def test_table() -> None:
    def f(c: Any) -> Any:
        return cr.scan(lambda c, _: (np.tanh(c @ c), None), np.exp(c), None, length=3)

    f = cr.compile(f, engine="native")
    text = str(f.profile(SQUARE))
    assert all(len(line) <= 100 for line in text.splitlines())
    assert text.startswith(TABLE)
    last = text.splitlines()[-1]
    assert last.startswith("all steps 994 ns, an ordinary call ")
    assert ", outside of the steps " in last


def test_programs_that_are_not_profiled_read_no_clock() -> None:
    f = cr.compile(scanned, engine="native")
    f.profile(SQUARE, ROWS)
    assert clock.NOW not in f.llvm


def test_timed_code_computes_the_same() -> None:
    graph = cr.trace(scanned, SQUARE, ROWS)
    clocked = NativeProgram(graph, build=profile._Clocks().build)
    for one, other in zip(clocked(SQUARE, ROWS), NativeProgram(graph)(SQUARE, ROWS), strict=True):
        np.testing.assert_array_equal(one, other)


def test_structures_static_arguments_and_keywords() -> None:
    def f(power: int, model: Any, *, x: Any) -> Any:
        return {"out": (x @ model["w"]) ** power}

    f = cr.compile(f, static_argnums=0, engine="native")
    model, x = {"w": np.ones((3, 2))}, np.ones((4, 3))
    rows = f.profile(2, model, x=x).rows
    assert sum(row.flops for row in rows) == 2 * 4 * 3 * 2 + 8
    assert f.num_traces == 1
    np.testing.assert_array_equal(f(2, model, x=x)["out"], np.full((4, 2), 9.0))


def test_arguments_given_away_are_kept() -> None:
    f = cr.compile(lambda s, x: [s[0] * x], donate_argnums=-2, engine="native")
    state = f([np.ones(50)], 3.0)  # an array whose memory a call would take
    (row,) = f.profile(state, 3.0).rows
    assert (row.flops, row.bytes) == (50, 8 * (50 + 50 + 1))
    np.testing.assert_array_equal(state[0], np.full(50, 3.0))
    f(state, 3.0)
    with pytest.raises(DonatedArrayError):
        state[0] + 1


def test_what_a_call_would_raise_is_raised() -> None:
    f = cr.compile(lambda x, i: x[i], engine="native")
    with pytest.raises(IndexError):
        f.profile(np.ones(3), np.array([7]))


def test_only_native_code_has_a_profile() -> None:
    f = cr.compile(np.exp, engine="interpreter")
    message = r"^compile\(exp\): there is no profile, since the interpreter ran the latest call; "
    with pytest.raises(InvalidArgumentError, match=message):
        f.profile(np.ones(3))


def test_not_inside_other_transforms() -> None:
    message = (
        r"^compile\(exp\): profile: expected arrays and numbers, got arrays that are being traced; "
        r"call it outside of other transforms\."
    )
    f = cr.compile(np.exp, engine="native")
    with pytest.raises(InvalidArgumentError, match=message):
        cr.grad(lambda x: f.profile(x))(1.0)


# -- the clock and the limits ----------------------------------------------------------------------


def test_the_clock_is_that_of_python() -> None:
    now = ctypes.CFUNCTYPE(ctypes.c_int64)(clock.make_available().address)
    before = time.perf_counter()
    shown = now() * clock.seconds_per_tick()
    after = time.perf_counter()
    resolution = 1e-6
    assert before - resolution <= shown <= after + resolution


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
def test_what_is_measured_is_computed(dtype: np.dtype[Any]) -> None:
    chains, lanes = 3, 4
    code = loading.compiled(limits._multiply_and_add(chains, lanes, dtype))
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(code.address)
    table = np.linspace(0.1, 0.9, chains * lanes, dtype=dtype)
    x, y = table.astype(np.float64), np.tile(table[:lanes].astype(np.float64), chains)
    run(table.ctypes.data, 5)
    for _ in range(5):
        x = x * y + y
    np.testing.assert_allclose(table, x, rtol=10 * np.finfo(dtype).eps)


def test_limits_are_measured() -> None:
    for rate in (limits._arithmetic_rate("float32", 2), limits._copy_rate(2**14, 2)):
        assert math.isfinite(rate)
        assert rate > 0.0


def test_sizes_are_rounded_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    asked = []
    monkeypatch.setattr(limits, "_copy_rate", lambda nbytes, threads: asked.append(nbytes))
    for nbytes in (0, 2**14, 2**14 + 1, 2**18, 10**12):
        limits.copy_rate(nbytes)
    assert asked == [2**14, 2**14, 2**16, 2**18, 2**26]
