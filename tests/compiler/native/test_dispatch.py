"""Calls by the shortcut: the same results, signatures and errors as in the general way."""

from __future__ import annotations

import dataclasses
import pickle
import re
import threading
from collections import OrderedDict, defaultdict
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule import tree as trees
from chainrule._errors import ArgumentTypeError, InvalidArgumentError, UnsupportedError
from chainrule._tree import static_field
from chainrule.compiler import CompiledFunction
from chainrule.compiler.native import NativeProgram, arguments, engine

A = np.array([1.0, 2.0, 3.0])
B = np.arange(6.0).reshape(2, 3)


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclasses.dataclass(frozen=True)
class Frozen:
    kernel: Any
    bias: Any
    activation: Any = static_field()

    def __post_init__(self) -> None:
        raise AssertionError("containers are built without their constructor")


@dataclasses.dataclass
class Open:
    kernel: Any
    name: Any = static_field()


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    kernel: Any
    bias: Any


@dataclasses.dataclass
class Counted:
    """Whose field does something when it is set."""

    value: Any

    @property  # type: ignore[no-redef] - it takes the place of the field's default
    def value(self) -> Any:
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self._value = value


def frozen(*fields: Any) -> Frozen:
    return trees.unflatten(trees.structure(_bare_frozen()), fields)


def _bare_frozen() -> Frozen:
    instance = object.__new__(Frozen)
    for name, value in (("kernel", 0.0), ("bias", 0.0), ("activation", np.tanh)):
        object.__setattr__(instance, name, value)
    return instance


def ordered(**items: Any) -> Any:
    return OrderedDict(items)


def defaulting(**items: Any) -> Any:
    return defaultdict(list, items)


TREES = {
    "array": lambda a, b: a,
    "tuple": lambda a, b: (a, b),
    "one": lambda a, b: (a,),
    "list": lambda a, b: [a, [b]],
    "dict": lambda a, b: {"z": a, "y": b, 3: a},
    "ordered": lambda a, b: ordered(z=a, y=b),
    "defaulting": lambda a, b: defaulting(z=a, y=b),
    "named": lambda a, b: Pair(a, Pair(b, a)),
    "frozen": lambda a, b: frozen(a, b),
    "open": lambda a, b: Open(a, "other"),
    "slotted": lambda a, b: Slotted(a, {"b": b}),
    "property": lambda a, b: Counted(a),
    "none": lambda a, b: (None, a, (), {}, [None, b]),
    "nothing": lambda a, b: (None, ()),
    "numbers": lambda a, b: (a, 2.0, True, 3, np.float32(1.5), np.array(4.0)),
}


def called(f: CompiledFunction, *args: Any, **keywords: Any) -> Any:
    """Call in the general way twice, so that what follows goes by the shortcut."""
    f(*args, **keywords)
    return f(*args, **keywords)


def only_shortcuts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> Any:
        raise AssertionError("the general way")

    monkeypatch.setattr(CompiledFunction, "_called", refuse)


def assert_alike(one: Any, other: Any) -> None:
    """Compare container by container, in the order in which dictionaries were written."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        one, other = list(one.values()), list(other.values())
    elif dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        one, other = [[getattr(tree, name) for name in names] for tree in (one, other)]
    if isinstance(one, (tuple, list)):
        assert len(one) == len(other)
        for mine, theirs in zip(one, other, strict=True):
            assert_alike(mine, theirs)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other, strict=True)
    else:
        assert one == other


def negated(leaf: Any) -> Any:
    """Return what a compiled function returns for a leaf."""
    return np.asarray(-1.0 * np.asarray(leaf))[()]


@pytest.mark.parametrize("name", TREES)
def test_trees_of_all_kinds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    build = TREES[name]
    f = cr.compile(lambda tree: trees.map(lambda x: x * -1.0, tree), engine="native")
    called(f, build(A, B))
    only_shortcuts(monkeypatch)
    for factor in (1.0, 7.0):
        argument = build(A * factor, B * factor)
        expected = build(negated(A * factor), negated(B * factor))
        if name == "numbers":
            expected = tuple(negated(leaf) for leaf in argument)
        assert_alike(f(argument), expected)
    if name == "defaulting":
        assert f(build(A, B))["missing"] == []


def test_ten_arrays_in_and_out_by_position_and_keyword(monkeypatch: pytest.MonkeyPatch) -> None:
    f = cr.compile(
        lambda layers, *, scale, shift=0.0: [
            Pair(layer.first * scale, layer.second + shift) for layer in layers
        ],
        engine="native",
    )
    rng = np.random.default_rng(0)
    layers = [Pair(rng.normal(size=(4, k)), rng.normal(size=k)) for k in range(5)]
    called(f, layers, scale=A[0], shift=2.0)
    only_shortcuts(monkeypatch)
    for got, layer in zip(f(layers, shift=5.0, scale=A[2]), layers, strict=True):
        np.testing.assert_array_equal(got.first, layer.first * 3.0, strict=True)
        np.testing.assert_array_equal(got.second, layer.second + 5.0, strict=True)


SIGNATURES: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((A,), {}),
    ((A[:2],), {}),
    ((A.astype(np.float32),), {}),
    ((B,), {}),
    (((A,),), {}),
    (([A],), {}),
    (({"a": A},), {}),
    (({"b": A},), {}),
    ((ordered(a=A),), {}),
    ((defaulting(a=A),), {}),
    ((Pair(A, None),), {}),
    ((Pair(A, B),), {}),
    ((Open(A, "a"),), {}),
    ((Open(A, 1),), {}),
    ((Open(A, True),), {}),
    ((Open(A, 1.0),), {}),
    ((Open(A, 0.0),), {}),
    ((Open(A, -0.0),), {}),
    ((Open(A, (1, "x")),), {}),
    ((Open(A, (1.0, "x")),), {}),
    ((Open(A, frozenset({1})),), {}),
    ((2.0,), {}),
    ((2,), {}),
    ((True,), {}),
    ((np.float64(2.0),), {}),
    ((np.float32(2.0),), {}),
    ((np.int64(2),), {}),
    ((None,), {}),
    ((A, A), {}),
    ((A,), {"k": A}),
    ((A,), {"k": B}),
    ((A,), {"other": A}),
    ((), {"k": A}),
    ((), {}),
]


def test_every_signature_after_every_other() -> None:
    """Each is traced once; what a shortcut was written for never answers for another."""
    seen = []

    def f(*args: Any, **keywords: Any) -> Any:
        seen.append((args, keywords))
        total = float(len(seen)) + sum(np.sum(leaf) for leaf in trees.leaves((args, keywords)))
        return total

    compiled = cr.compile(f, engine="native")
    constants = []
    for args, keywords in SIGNATURES:
        total = called(compiled, *args, **keywords)
        leaves = trees.leaves((args, keywords))
        constants.append(total - sum(float(np.sum(leaf)) for leaf in leaves))
    assert len(seen) == compiled.num_traces
    for first in range(len(SIGNATURES)):
        args, keywords = SIGNATURES[first]
        called(compiled, *args, **keywords)
        for second in (first - 1, (first + 7) % len(SIGNATURES), (2 * first) % len(SIGNATURES)):
            args, keywords = SIGNATURES[second]
            leaves = trees.leaves((args, keywords))
            expected = constants[second] + sum(float(np.sum(leaf)) for leaf in leaves)
            assert compiled(*args, **keywords) == pytest.approx(expected, rel=1e-6)
    assert len(seen) == compiled.num_traces == len(set(constants))


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ((1, True, 1.0, 2), 4),
        ((0.0, -0.0), 2),
        (((1,), (True,)), 2),
        ((np.tanh, np.exp, np.tanh), 2),
        (("a", "b", "".join(["a"])), 2),
    ],
)
def test_static_arguments(settings: tuple[Any, ...], count: int) -> None:
    f = cr.compile(lambda x, setting: x + len(repr(setting)), static_argnums=1, engine="native")
    for _ in range(2):
        for setting in settings:
            np.testing.assert_array_equal(called(f, A, setting), A + len(repr(setting)))
    assert f.num_traces == count


class Setting:
    """Compared by value, and its value may change."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Setting) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


def test_a_setting_that_has_changed_is_another() -> None:
    f = cr.compile(lambda layer: layer.kernel * layer.name.value, engine="native")
    setting = Setting(2.0)
    np.testing.assert_array_equal(called(f, Open(A, setting)), A * 2.0)
    np.testing.assert_array_equal(f(Open(A, Setting(2.0))), A * 2.0)
    assert f.num_traces == 1
    setting.value = 3.0
    np.testing.assert_array_equal(f(Open(A, setting)), A * 3.0)


def test_errors_are_those_of_the_general_way() -> None:
    f = cr.compile(lambda x, y: x["w"] * y, engine="native")
    called(f, {"w": A}, 2.0)
    expected = re.escape("compile(<lambda>): argument 0['w']: expected a NumPy array")
    with pytest.raises(ArgumentTypeError, match=expected):
        f({"w": "text"}, 2.0)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        f({"w": A})
    with pytest.raises(KeyError):
        f({}, 2.0)
    g = cr.compile(lambda x, n: x * n, engine="native")
    called(g, A, 2)
    with pytest.raises(InvalidArgumentError, match="expected an integer of at most 64 bits"):
        g(A, 2**70)
    masked = np.ma.masked_array(A, [True, False, False])
    with pytest.raises(ArgumentTypeError, match="expected a plain NumPy array"):
        g(masked, 2)


def test_signatures_that_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    f = cr.compile(lambda x, tree: (x * 2.0, tree), engine="native")
    calls = [(A, None), (B, None), (B, (A,)), (1.0, [B])]
    for args in calls:
        called(f, *args)
    assert f.graph.input_types[0].shape == ()
    only_shortcuts(monkeypatch)
    for args in calls * 2:
        doubled, tree = f(*args)
        np.testing.assert_array_equal(doubled, np.multiply(args[0], 2.0), strict=True)
        assert_alike(tree, args[1])
        assert f.graph.input_types[0].shape == np.shape(args[0])


def test_a_defaultdict_gets_no_entries_by_being_looked_at() -> None:
    f = cr.compile(lambda d: trees.map(np.negative, d), engine="native")
    called(f, defaulting(a=A))
    other = defaulting(b=A)
    np.testing.assert_array_equal(f(other)["b"], -A)
    assert list(other) == ["b"]


def test_inside_other_transforms_after_a_shortcut() -> None:
    f = cr.compile(lambda x: np.sum(x**3), engine="native")
    assert called(f, A) == 36.0
    np.testing.assert_array_equal(cr.grad(f)(A), 3 * A**2)
    assert f(A) == 36.0
    assert cr.compile(lambda x: f(x) + f(2 * x))(A) == 36.0 * 9


ARRAYS = {
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "strided": np.arange(24.0).reshape(3, 8)[:, ::2],
    "reversed": np.arange(12.0).reshape(3, 4)[::-1],
    "swapped": np.arange(12.0).reshape(3, 4).astype(">f8"),
    "misaligned": np.frombuffer(b"\0" + np.arange(12.0).tobytes(), np.uint8)[1:]
    .view(float)
    .reshape(3, 4),
    "repeated": np.broadcast_to(np.arange(4.0), (3, 4)),
    "float32": np.arange(12, dtype=np.float32).reshape(3, 4),
    "longlong": np.arange(12, dtype=np.longlong).reshape(3, 4),
    "transposed shape": np.arange(12.0).reshape(4, 3),
    "flat": np.arange(12.0),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_are_not_as_the_code_reads_them(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHAINRULE_ENGINE")  # native where it can be
    f = cr.compile(lambda x: (x * 2, np.sum(x)))
    called(f, np.ones((3, 4)))
    doubled, total = f(ARRAYS[name])
    np.testing.assert_array_equal(doubled, np.asarray(ARRAYS[name]) * 2)
    assert total == ARRAYS[name].sum()


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(pickle.loads(pickle.dumps(B)), id="pickled"),
        pytest.param(B.astype(np.dtype(float, metadata={"unit": "m"})), id="metadata"),
    ],
)
def test_equal_dtypes_that_are_other_objects(
    array: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert array.dtype is not B.dtype
    f = cr.compile(lambda x: x + 1.0, engine="native")
    called(f, B)
    only_shortcuts(monkeypatch)
    np.testing.assert_array_equal(f(array), B + 1.0)


def test_the_layout_of_arrays_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    assert arguments.knows_arrays()
    looked_at = arguments.knows_arrays.__wrapped__
    for offset in ("_TYPE", "_RANK", "_SHAPE", "_DTYPE", "_FLAGS", "_KIND"):
        with monkeypatch.context() as patch:
            patch.setattr(arguments, offset, getattr(arguments, offset) + 8)
            assert not looked_at(), offset
    graph = cr.trace(np.negative, A)
    NativeProgram(graph)
    monkeypatch.setattr(arguments, "knows_arrays", lambda: False)
    with pytest.raises(UnsupportedError, match="native: cannot call code"):
        NativeProgram(graph)


def test_a_call_within_a_call() -> None:
    f = cr.compile(lambda tree: np.sort(tree[0]) + tree[1], engine="native")

    class Lazy(NamedTuple):
        first: Any
        second: Any

        def __iter__(self) -> Any:
            inner = [] if self.first.size == 3 else [f((A[::-1].copy(), A))]
            np.testing.assert_array_equal(inner, [2 * A] * len(inner))
            return iter((self.first, self.second))

    long = np.arange(1000.0)
    for _ in range(4):
        np.testing.assert_array_equal(f(Lazy(long[::-1].copy(), long)), 2 * long)


def test_threads_with_temporaries_of_their_own() -> None:
    f = cr.compile(lambda x: np.sort(np.sin(x))[::-1] @ np.sort(x), engine="native")
    inputs = [np.random.default_rng(i).normal(size=500) for i in range(6)]
    expected = [np.sort(np.sin(x))[::-1] @ np.sort(x) for x in inputs]
    called(f, inputs[0])
    failures = []

    def work(number: int) -> None:
        for _ in range(200):
            if not np.isclose(f(inputs[number]), expected[number], rtol=1e-12):
                failures.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_other_threads_run_meanwhile() -> None:
    f = cr.compile(lambda x: cr.fori_loop(0, 3000, lambda i, c: np.sin(c), x), engine="native")
    x = np.linspace(0.0, 1.0, 2000)
    f(x)
    counts = {"before": 0, "after": 0}
    entered = threading.Event()
    count = 0

    def work() -> None:
        entered.set()
        counts["before"] = count
        f(x)
        counts["after"] = count

    thread = threading.Thread(target=work)
    thread.start()
    entered.wait()
    while thread.is_alive():
        count += 1
    # With the lock held, the one that counts would get no further during the call.
    assert counts["after"] - counts["before"] > 1000


def test_small_arenas_are_kept_and_large_ones_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LARGEST_KEPT", 2**20)
    monkeypatch.setattr(engine, "_scratch", engine._Scratch())
    small = engine.scratch(2**10, False)
    assert engine.scratch(2**9, False) is small
    larger = engine.scratch(2**20, False)
    assert larger.nbytes >= 2**20
    assert engine.scratch(2**10, False) is larger
    huge = engine.scratch(2**20 + 1, False)
    assert huge.nbytes > 2**20
    assert engine.scratch(2**10, False) is larger
    mine = engine.scratch(2**10, True)
    assert mine is larger
    assert engine.scratch(2**10, True) is not mine  # as if a signal's handler ran a program
    engine.keep(mine)
    assert engine.scratch(2**10, False) is mine
    theirs = []
    thread = threading.Thread(target=lambda: theirs.append(engine.scratch(2**10, False)))
    thread.start()
    thread.join()
    assert not np.shares_memory(theirs[0], larger)


SEEN = {
    "graph": "is no graph",
    "kernels": "are no kernels",
    "llvm": "is no llvm",
    "asm": "is no asm",
    "stats": "are no stats",
}


def test_what_ran_can_be_seen() -> None:
    f = cr.compile(lambda x: np.exp(x) * 2.0, engine="native")
    f(A)
    assert "float64[3]" in str(f.graph)
    assert "i0<3" in f.kernels
    assert "define" in f.llvm
    assert "run:" in f.asm
    assert f.stats["kernels"] == 1
    f(B)
    assert "i0<6" in f.kernels or "i1<3" in f.kernels


@pytest.mark.parametrize("what", SEEN)
def test_before_the_first_call_there_is_nothing_to_see(what: str) -> None:
    f = cr.compile(np.negative, engine="native")
    with pytest.raises(
        InvalidArgumentError,
        match=rf"^compile\(negative\): there {SEEN[what]} yet; call the function once\.",
    ):
        getattr(f, what)


@pytest.mark.parametrize("what", [name for name in SEEN if name != "graph"])
def test_the_interpreter_has_no_code_to_show(what: str) -> None:
    f = cr.compile(np.negative, engine="interpreter")
    f(A)
    assert "negative" in str(f.graph)
    message = (
        f"compile(negative): there {SEEN[what]}, since the interpreter ran the latest call; look "
        "at graph, or compile with engine='native'."
    )
    with pytest.raises(InvalidArgumentError, match="^" + re.escape(message)):
        getattr(f, what)
