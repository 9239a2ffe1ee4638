"""compile: signatures, static arguments, closures, threads, and life inside other transforms."""

from __future__ import annotations

import functools
import threading
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import InvalidArgumentError
from chainrule.compiler import ENGINES, CompiledFunction


def counted(f: Any) -> Any:
    """Return f with a count of its calls, that is, of how often it is traced."""

    @functools.wraps(f)
    def wrapper(*args: Any, **keywords: Any) -> Any:
        wrapper.calls += 1
        return f(*args, **keywords)

    wrapper.calls = 0
    return wrapper


def test_results() -> None:
    f = cr.compile(lambda x, y: {"sum": x + y, "both": (x @ y, 3)})
    out = f(np.array([1.0, 2.0]), np.array([10.0, 20.0]))
    np.testing.assert_array_equal(out["sum"], [11.0, 22.0])
    assert out["both"] == (50.0, 3)
    assert type(out["both"][0]) is np.float64


def test_one_trace_per_signature() -> None:
    plain = counted(lambda x, y: x * y)
    f = cr.compile(plain)
    signatures = [
        (np.ones(3), np.ones(3)),
        (np.ones(4), np.ones(4)),
        (np.ones((1, 4)), np.ones(4)),
        (np.ones(3, np.float32), np.ones(3)),
        (np.ones(3), 2.0),
        (np.ones(3), np.float64(2.0)),
        (np.ones(3), 2),
        (np.ones(3), True),
        (np.ones(3), np.float32(2.0)),
    ]
    for number, args in enumerate(signatures, 1):
        for scale in (1, 3):
            scaled = tuple(type(a)(a * scale) if np.ndim(a) == 0 else a * scale for a in args)
            np.testing.assert_array_equal(f(*scaled), plain(*scaled))
            assert f(*scaled).dtype == plain(*scaled).dtype
        assert f.num_traces == number
    assert repr(f) == "<compiled <lambda>, 9 signatures>"


def test_containers_are_part_of_the_signature() -> None:
    plain = counted(lambda p: np.sum(np.stack(cr.tree.leaves(p))))
    f = cr.compile(plain)
    Named = namedtuple("Named", "a b")
    for container in ((1.0, 2.0), [1.0, 2.0], {"a": 1.0, "b": 2.0}, Named(1.0, 2.0)):
        assert f(container) == f(container) == 3.0
    assert f.num_traces == plain.calls == 4
    f({"b": 2.0, "a": 1.0})
    assert f.num_traces == 4


def test_values_arrays_and_memory_layout_are_not() -> None:
    plain = counted(np.sum)
    f = cr.compile(plain)
    x = np.arange(12.0).reshape(3, 4)
    for array in (x, np.asfortranarray(x), np.arange(24.0).reshape(3, 8)[:, ::2], x[::-1]):
        assert f(array) == array.sum()
    assert plain.calls == 1


def test_graph_is_that_of_the_latest_call() -> None:
    f = cr.compile(lambda x: x * 2)
    with pytest.raises(InvalidArgumentError, match="there is no graph yet"):
        _ = f.graph
    f(np.ones(2))
    assert f.graph.input_types[0].shape == (2,)
    f(np.ones(3))
    assert f.graph.input_types[0].shape == (3,)


def test_static_arguments() -> None:
    @counted
    def power(x: Any, n: Any, name: Any) -> Any:
        assert isinstance(n, int)
        result = x
        for _ in range(n - 1):
            result = result * x
        return result if name == "power" else -result

    f = cr.compile(power, static_argnums=(1, -1))
    assert f(2.0, 3, "power") == 8.0
    assert f(3.0, 3, "power") == 27.0
    assert power.calls == 1
    assert f(2.0, 4, "power") == 16.0
    assert f(2.0, 4, "minus") == -16.0
    assert power.calls == f.num_traces == 3


def test_static_values_that_are_equal_and_of_other_types() -> None:
    f = cr.compile(lambda x, kind: x + len(type(kind).__name__), static_argnums=1)
    assert [f(0.0, kind) for kind in (1, True, 1.0)] == [3.0, 4.0, 5.0]
    in_tuple = cr.compile(lambda x, power: x ** power[0], static_argnums=1)
    found = [in_tuple(np.array([2]), (power,)).dtype for power in (3, 3.0)]
    assert found == [np.int64, np.float64]
    over = cr.compile(lambda x, y: x / y, static_argnums=1)
    with np.errstate(divide="ignore"):
        assert [over(1.0, zero) for zero in (0.0, -0.0)] == [np.inf, -np.inf]


def test_static_first_argument_and_keywords() -> None:
    f = cr.compile(lambda shape, x, scale=1.0: np.full(shape, 2.0) * x * scale, static_argnums=0)
    np.testing.assert_array_equal(f((2,), 3.0), [6.0, 6.0])
    np.testing.assert_array_equal(f((2,), 3.0, scale=np.array([1.0, 10.0])), [6.0, 60.0])
    np.testing.assert_array_equal(f((1,), x=3.0), [6.0])
    assert f.num_traces == 3


def test_methods() -> None:
    class Model:
        def __init__(self, weight: float) -> None:
            self.weight = weight

        def __hash__(self) -> int:
            return hash(self.weight)

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Model) and other.weight == self.weight

        @functools.partial(cr.compile, static_argnums=0)
        def predict(self, x: Any) -> Any:
            return self.weight * x

    first, second = Model(2.0), Model(3.0)
    assert (first.predict(1.0), second.predict(1.0), first.predict(5.0)) == (2.0, 3.0, 10.0)
    assert isinstance(Model.predict, CompiledFunction)
    assert Model.predict.num_traces == 2


def test_name_and_doc_are_those_of_the_function() -> None:
    @cr.compile
    def step(x: Any) -> Any:
        """Take a step."""
        return x

    assert (step.__name__, step.__doc__) == ("step", "Take a step.")


def test_arrays_closed_over_are_fixed_when_traced() -> None:
    weight = np.ones(3)
    f = cr.compile(lambda x: x * weight + np.sum(weight))
    np.testing.assert_array_equal(f(1.0), [4.0, 4.0, 4.0])
    weight[:] = 100.0
    np.testing.assert_array_equal(f(1.0), [4.0, 4.0, 4.0])
    np.testing.assert_array_equal(f(np.ones(3)), 400.0)  # another signature, traced now


def test_constants_returned_are_copies() -> None:
    table = np.arange(3.0)
    f = cr.compile(lambda x: (table, x))
    first, _ = f(np.ones(2))
    first[:] = -1.0
    np.testing.assert_array_equal(f(np.ones(2))[0], [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(table, [0.0, 1.0, 2.0])


def test_results_own_their_memory() -> None:
    x = np.ones((2, 3))
    f = cr.compile(lambda a: (a, a, a.T, a[0], a.reshape(-1), np.broadcast_to(a[0], (4, 3))))
    results = f(x)
    for number, result in enumerate(results):
        assert result.flags.writeable
        for other in (x, *results[:number]):
            assert not np.shares_memory(result, other)


def test_inputs_are_not_changed() -> None:
    x = np.array([3.0, 1.0])
    x.flags.writeable = False
    np.testing.assert_array_equal(
        cr.compile(lambda a: cr.at(np.sort(a))[0].add(1.0))(x), [2.0, 3.0]
    )


def test_called_from_many_threads() -> None:
    traced = threading.Event()

    def slow(x: Any, y: Any) -> Any:
        traced.wait(0.01)
        return np.sum(np.sin(x) * y)

    f = cr.compile(slow)
    arrays = [np.full(5, float(i)) for i in range(20)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda x: f(x, 2.0), arrays))
    assert f.num_traces == 1
    np.testing.assert_allclose(results, [10.0 * np.sin(i) for i in range(20)])


def test_two_threads_may_trace_at_once() -> None:
    def work(seed: int) -> Any:
        x = np.full(3, float(seed))
        gradient = cr.compile(cr.grad(lambda v: np.sum(v**3)))
        return [gradient(x) for _ in range(3)][-1]

    with ThreadPoolExecutor(4) as pool:
        for seed, result in enumerate(pool.map(work, range(12))):
            np.testing.assert_allclose(result, np.full(3, 3.0 * seed**2))


def test_inside_other_transforms() -> None:
    inner = counted(lambda x: np.sum(x**3))
    f = cr.compile(inner)
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(cr.grad(f)(x), [3.0, 12.0])
    np.testing.assert_array_equal(cr.hessian(f)(x), np.diag([6.0, 12.0]))
    np.testing.assert_array_equal(cr.vmap(f)(np.stack([x, 2 * x])), [9.0, 72.0])
    assert cr.jvp(f, (x,), (np.ones(2),)) == (9.0, 15.0)
    total, _ = cr.scan(lambda c, row: (c + f(row), None), 0.0, np.stack([x, 2 * x]))
    assert total == 81.0
    np.testing.assert_array_equal(cr.compile(cr.grad(f))(x), [3.0, 12.0])
    assert inner.calls == 1  # of every transform the graph of one trace is used


def test_transforms_inside() -> None:
    f = cr.compile(lambda x: cr.vmap(cr.grad(lambda v: np.sin(v) * v))(x))
    x = np.array([0.0, 1.0])
    np.testing.assert_allclose(f(x), np.cos(x) * x + np.sin(x), rtol=1e-15)


def test_closing_over_arrays_of_an_enclosing_trace() -> None:
    def f(x: Any) -> Any:
        return cr.compile(lambda y: x * y**2)(3.0)

    assert f(2.0) == 18.0
    assert cr.grad(f)(2.0) == 9.0
    np.testing.assert_array_equal(cr.vmap(f)(np.array([1.0, 2.0])), [9.0, 18.0])
    assert cr.compile(f)(2.0) == 18.0


def test_what_closes_over_a_trace_is_not_kept() -> None:
    state: dict[str, Any] = {"x": 2.0}
    g = cr.compile(lambda y: state["x"] * y)

    def f(x: Any) -> Any:
        state["x"] = x
        return g(3.0)

    assert [cr.grad(lambda x, k=k: f(k * x))(1.0) for k in (1.0, 2.0)] == [3.0, 6.0]
    assert g.num_traces == 0


def test_compile_twice() -> None:
    assert cr.compile(cr.compile(lambda x: x + 1.0))(1.0) == 2.0


def test_a_function_without_arguments_or_results() -> None:
    assert cr.compile(lambda: 3.0)() == 3.0
    assert cr.compile(lambda x: None)(1.0) is None
    assert cr.compile(lambda: ())() == ()


def test_a_failing_trace_leaves_nothing_behind() -> None:
    state = {"fail": True}

    def f(x: Any) -> Any:
        if state["fail"]:
            raise KeyError("not now")
        return x + 1.0

    compiled = cr.compile(f)
    with pytest.raises(KeyError):
        compiled(1.0)
    assert compiled.num_traces == 0
    state["fail"] = False
    assert compiled(1.0) == 2.0


def test_engine_by_name_and_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cr.compile(lambda x: x + 1.0, engine="interpreter")(1.0) == 2.0
    used = []

    def recording(graph: Any, *options: Any) -> Any:
        used.append(graph)
        return ENGINES["interpreter"](graph, *options)

    monkeypatch.setitem(ENGINES, "recording", recording)
    monkeypatch.setenv("CHAINRULE_ENGINE", "recording")
    assert cr.compile(lambda x: x + 1.0)(1.0) == 2.0
    assert len(used) == 1
    assert cr.compile(lambda x: x + 1.0, engine="interpreter")(1.0) == 2.0
    assert len(used) == 1
    monkeypatch.setenv("CHAINRULE_ENGINE", "")
    assert cr.compile(lambda x: x + 1.0)(1.0) == 2.0
    assert len(used) == 1
    monkeypatch.setenv("CHAINRULE_ENGINE", "steam")
    with pytest.raises(InvalidArgumentError) as caught:
        cr.compile(lambda x: x)
    known = ", ".join(map(repr, ("auto", *ENGINES)))
    assert caught.value.message == (
        f"compile: the environment variable CHAINRULE_ENGINE must be one of {known}, got 'steam'."
    )
