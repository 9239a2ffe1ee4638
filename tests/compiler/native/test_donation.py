"""Arguments that are given away: right numbers, memory used again, and errors afterwards."""

from __future__ import annotations

import gc
import re
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import ArgumentTypeError, DonatedArrayError, InvalidArgumentError

X = np.random.default_rng(0).normal(size=(6, 5))
Y = np.random.default_rng(1).normal(size=(6, 5))


def address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


# Functions of a state and a batch that return the next state, each a different place for the
# first write to be: in the loop that reads, after all reads, before one, in loops and branches.
STEPS = {
    "elementwise": lambda x, y: x - 0.1 * y * np.sin(x),
    "unused": lambda x, y: y * 2.0,
    "itself": lambda x, y: x,
    "product": lambda x, y: (x @ y.T) @ x,
    "transposed": lambda x, y: (x.reshape(5, 6).T + y) * 0.5,
    "reversed": lambda x, y: x[::-1] + y,
    "rows mixed": lambda x, y: x - np.mean(x, axis=0) + x[:1],
    "normalized": lambda x, y: x / np.sqrt(np.sum(x * x)),
    "set": lambda x, y: cr.at(x)[2].set(y[0]),
    "scattered": lambda x, y: cr.at(x)[np.array([1, 1, 4])].add(y[:3]),
    "sorted": lambda x, y: np.sort(x, axis=0),
    "running": lambda x, y: np.cumsum(x, axis=1) + y,
    "concatenated": lambda x, y: np.concatenate([x[3:], x[:3]]),
    "scan": lambda x, y: cr.scan(lambda c, row: (c * 0.9 + row, None), x, y)[0],
    "scan over it": lambda x, y: cr.scan(lambda c, row: (c, row * 2.0 + c), y[0], x)[1],
    "branch": lambda x, y: cr.cond(y[0, 0] > 0, lambda a: a * 2.0, lambda a: a[::-1] + 0.0, x),
    "while": lambda x, y: cr.while_loop(lambda a: np.max(a) < 50.0, lambda a: a * 2.0 + 1.0, x),
    "gathered": lambda x, y: x[np.argsort(y[:, 0])] + y,
}


@pytest.mark.parametrize("name", STEPS)
def test_results_are_those_without(name: str) -> None:
    step = STEPS[name]
    plain = cr.compile(step, engine="native")
    giving = cr.compile(step, donate_argnums=0, engine="native")
    state, expected = X.copy(), X.copy()
    for number in range(5):
        batch = Y * (-1.0) ** number
        expected = plain(expected, batch)
        state = giving(state, batch)
        np.testing.assert_array_equal(state, expected, strict=True)


@pytest.mark.parametrize("name", STEPS)
def test_memory_is_used_again(name: str) -> None:
    step = cr.compile(STEPS[name], donate_argnums=0, engine="native")
    state = step(X, Y)
    place = address(state)
    for _ in range(4):
        old = state
        state = step(state, Y)
        assert address(state) == place
        with pytest.raises(DonatedArrayError):
            old + 1.0


def test_states_in_trees_that_change_places() -> None:
    def step(state: Any, x: Any) -> Any:
        loss = np.sum(state["a"] ** 2) + np.sum(state["c"])
        return {"a": state["b"] + x, "b": state["a"], "c": state["c"] * 2.0}, loss

    giving = cr.compile(step, donate_argnums=0, engine="native")
    state: Any = {"a": X.copy(), "b": Y.copy(), "c": np.arange(3.0)}
    expected = state
    for _ in range(4):
        state, loss = giving(state, X)
        expected, wanted = step(expected, X)
        np.testing.assert_allclose(loss, wanted, rtol=1e-13)
        for name, array in expected.items():
            np.testing.assert_array_equal(state[name], array, strict=True)
    places = {address(array) for array in state.values()}
    state, _ = giving(state, X)
    assert {address(array) for array in state.values()} == places


def test_written_in_place_without_copies() -> None:
    step = cr.compile(lambda x, y: x - 0.1 * y, donate_argnums=0, engine="native")
    step(X, Y)
    assert step.stats["arena_bytes"] == 0
    assert step.stats["kernels"] == 1
    assert "input0" not in step.kernels  # one array under two names would be taken for two


def test_parts_are_changed_without_copies_of_the_rest() -> None:
    x, rows = np.ones((1000, 4)), np.array([3, 5, 3])
    step = cr.compile(lambda x, i: cr.at(x)[i].add(1.0), donate_argnums=0, engine="native")
    state = step(x, rows)
    np.testing.assert_array_equal(state, x + np.bincount(rows, minlength=1000)[:, None])
    assert "4000" not in step.kernels.replace("3999", "").replace("-4000", "")
    assert step.stats["arena_bytes"] < 1000
    plain = cr.compile(lambda x, i: cr.at(x)[i].add(1.0), engine="native")
    np.testing.assert_array_equal(plain(x, rows), state)
    assert plain.stats["arena_bytes"] < 1000  # no copy but the one that is returned


def test_what_somebody_else_holds_is_copied_and_left_alone() -> None:
    step = cr.compile(lambda x: x * 2.0, donate_argnums=0, engine="native")
    mine = X.copy()
    first = step(mine)
    np.testing.assert_array_equal(mine, X)  # it owns its memory, and somebody might hold it
    view = first[1:3]
    second = step(first)
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, X * 2.0)
    np.testing.assert_array_equal(view, X[1:3] * 2.0)
    np.testing.assert_array_equal(second, X * 4.0)
    del view
    third = step(first)
    np.testing.assert_array_equal(third, X * 4.0)
    with pytest.raises(DonatedArrayError):
        first.sum() + 1.0


def test_what_nobody_else_holds_is_taken_at_once() -> None:
    x = np.arange(30.0).reshape(6, 5)  # a view, of an array to which nothing else refers
    place = address(x)
    result = cr.compile(lambda x: x + 1.0, donate_argnums=0, engine="native")(x)
    assert address(result) == place
    np.testing.assert_array_equal(result, np.arange(1.0, 31.0).reshape(6, 5))
    with pytest.raises(DonatedArrayError):
        x + 1.0


def test_one_array_twice_is_not_taken() -> None:
    step = cr.compile(lambda x, y: (x + 1.0, y[::-1] * 2.0), donate_argnums=0, engine="native")
    x = step(X, Y)[0]
    one, two = step(x, x)
    np.testing.assert_array_equal(one, X + 1.0 + 1.0)
    np.testing.assert_array_equal(two, (X + 1.0)[::-1] * 2.0)
    np.testing.assert_array_equal(x, X + 1.0)
    both = cr.compile(lambda x, y: (x + y, x - y), donate_argnums=(0, 1), engine="native")
    total, difference = both(x, x)
    np.testing.assert_array_equal(total, 2.0 * x)
    np.testing.assert_array_equal(difference, 0.0 * x)


def test_read_only_and_other_layouts_are_copied() -> None:
    step = cr.compile(lambda x: x * 2.0, donate_argnums=0, engine="native")
    for arrange in (np.asfortranarray, lambda x: x[::-1], lambda x: np.repeat(x, 2, 0)[::2]):
        x = arrange(X)
        np.testing.assert_array_equal(step(x), x * 2.0)
    frozen = step(X)
    frozen.flags.writeable = False
    np.testing.assert_array_equal(step(frozen), X * 4.0)
    np.testing.assert_array_equal(frozen, X * 2.0)


USES = {
    "added": lambda x: x + 1.0,
    "added to": lambda x: 1.0 - x,
    "compared": lambda x: x > X,
    "asked for equality": lambda x: x == X,
    "taken for true": lambda x: bool(x),
    "chosen by": lambda x: np.where(x, 1, 2),
    "averaged": lambda x: np.mean(x),
    "summed": lambda x: float(np.sum(x)),
    "converted": lambda x: np.asarray(x, float),
    "rounded": lambda x: np.negative(x),
    "compiled": lambda x: cr.compile(np.sum)(x),
    "differentiated": lambda x: cr.grad(np.sum)(x),
    "given away again": lambda x: cr.compile(lambda x: x * 2.0, donate_argnums=0)(x),
    "in a tree": lambda x: cr.compile(lambda t: t["x"][0] * 2.0)({"x": (x,)}),
}


def given_away() -> np.ndarray:
    def step(x: Any) -> Any:
        return x * 2.0

    giving = cr.compile(step, donate_argnums=0, engine="native")
    old: np.ndarray = giving(X)
    giving(old)
    return old


@pytest.mark.parametrize("name", USES)
def test_an_array_that_is_used_again_says_so(name: str) -> None:
    message = (
        "compile(step): an array was used that had been given away with donate_argnums; its memory "
        "holds the result now. Use what the call returned, or pass a copy."
    )
    with pytest.raises(DonatedArrayError, match="^" + re.escape(message)):
        USES[name](given_away())


@pytest.mark.parametrize("use", [np.exp, lambda x: x[0], lambda x: x @ X.T, len, iter, np.sort])
def test_or_is_refused_by_numpy(use: Any) -> None:
    with pytest.raises((TypeError, ValueError, IndexError)):
        use(given_away())


def test_it_can_be_shown() -> None:
    assert repr(given_away()) == "array(<given away to compile(step)>, dtype=object)"


def test_memory_seen_through_the_old_array_stays_alive() -> None:
    giving = cr.compile(lambda x: x * 2.0, donate_argnums=0, engine="native")
    old = giving(np.ones(10**5))
    seen = memoryview(old)
    giving(old)  # whose result, the only array left on that memory, is dropped
    gc.collect()
    np.full(10**5, 7.0)  # would be put where memory has been given back
    assert set(seen.tolist()) == {4.0}


@pytest.mark.parametrize(
    "change",
    [
        lambda x, i: (cr.at(x)[i].add(1.0), x[0] * 2.0),
        lambda x, i: (x * 2.0, np.take(x * 2.0, i, axis=0)),
        lambda x, i: (np.sort(x) - 1.0, np.sum((np.sort(x) - 1.0)[i])),
        lambda x, i: cr.scan(lambda c, k: (c * 2.0, c[k]), x, i),
    ],
)
def test_what_fails_gives_nothing_away(change: Any) -> None:
    step = cr.compile(change, donate_argnums=0, engine="native")
    x, _ = step(X, np.array([1, 2]))
    before = x.copy()
    with pytest.raises(IndexError):
        step(x, np.array([1, 600]))
    np.testing.assert_array_equal(x, before)
    for got, expected in zip(
        step(x, np.array([0, 0])), cr.compile(change)(before, np.array([0, 0])), strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-15)


def test_the_interpreter_leaves_arguments_alone() -> None:
    step = cr.compile(lambda x: x * 2.0, donate_argnums=0, engine="interpreter")
    x = X.copy()
    for factor in (2.0, 2.0):
        np.testing.assert_array_equal(step(x), X * factor)


def test_static_arguments_and_keywords_beside() -> None:
    step = cr.compile(
        lambda n, x, *, k: x * n + k, static_argnums=0, donate_argnums=1, engine="native"
    )
    x = X
    for number in range(1, 4):
        x = step(2, x, k=1.0)
        np.testing.assert_allclose(x, X * 2.0**number + 2.0**number - 1.0, rtol=1e-13)


def test_inside_another_transform_nothing_is_given_away() -> None:
    step = cr.compile(lambda x: np.sum(x**2), donate_argnums=0, engine="native")
    x = cr.compile(lambda x: x + 0.0, donate_argnums=0, engine="native")(X)
    np.testing.assert_array_equal(cr.grad(step)(x), 2 * X)
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (
            {"donate_argnums": 2},
            InvalidArgumentError,
            "compile(f): donate_argnums names argument 2, the function was called with 2 "
            "positional arguments; pass the arguments it names by position.",
        ),
        (
            {"donate_argnums": (0, -2)},
            InvalidArgumentError,
            "compile(f): donate_argnums names an argument twice, got (0, -2) in a call with 2 "
            "positional arguments; name each once.",
        ),
        (
            {"donate_argnums": "x"},
            ArgumentTypeError,
            "compile(f): donate_argnums must be an integer or a tuple of integers, the positions "
            "of arguments, got 'x'.",
        ),
        (
            {"donate_argnums": 0, "static_argnums": 0},
            InvalidArgumentError,
            "compile(f): argument 0 is named by static_argnums and donate_argnums; a static "
            "argument has no memory to give away.",
        ),
    ],
)
def test_messages(options: Any, kind: Any, message: str) -> None:
    def f(x: Any, y: Any) -> Any:
        return x * y

    with pytest.raises(kind, match="^" + re.escape(message)):
        cr.compile(f, **options)(2.0, X)
