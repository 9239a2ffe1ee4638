"""Pytrees, against containers taken apart by hand."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict
from typing import Any, NamedTuple

import numpy as np
import pytest

from chainrule import tree
from chainrule._errors import TreeError


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Layer:
    weight: Any
    bias: Any = None
    name: str = tree.static_field(default="layer")


@dataclasses.dataclass(frozen=True)
class Frozen:
    value: Any

    def __post_init__(self) -> None:
        if isinstance(self.value, str):
            raise TypeError("numbers only")


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    value: Any
    name: str = tree.static_field(default="slotted")


class Doubled:
    """A descriptor that keeps twice what it is given."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return instance.__dict__["kept"] if instance is not None else 0.0

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__["kept"] = 2 * value


@dataclasses.dataclass
class Described:
    value: Any = Doubled()


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (3.0, [3.0]),
        (None, []),
        ((), []),
        ([], []),
        ({}, []),
        ((1, 2), [1, 2]),
        ([1, [2, (3,)]], [1, 2, 3]),
        ({"b": 1, "a": 2}, [2, 1]),
        ({2: "x", 1: "y"}, ["y", "x"]),
        (Point(1, [2, 3]), [1, 2, 3]),
        (Layer(1, 2), [1, 2]),
        (Layer(1), [1]),
        (Frozen({"k": (4,)}), [4]),
        ([None, 1, None], [1]),
        (OrderedDict(b=1, a=2), [2, 1]),
        ("text", ["text"]),
        ({1, 2}, [{1, 2}]),
    ],
)
def test_flatten_and_unflatten(container: Any, expected: list[Any]) -> None:
    leaves, structure = tree.flatten(container)
    assert leaves == expected
    assert tree.leaves(container) == expected
    assert structure.num_leaves == len(expected)
    rebuilt = tree.unflatten(structure, leaves)
    assert rebuilt == container
    assert type(rebuilt) is type(container)


def test_arrays_are_leaves_and_are_not_copied() -> None:
    array = np.arange(6.0)
    (leaf,), structure = tree.flatten({"a": array})
    assert leaf is array
    assert tree.unflatten(structure, [leaf])["a"] is array


def test_a_dictionary_comes_back_in_the_order_in_which_it_was_written() -> None:
    doubled = tree.map(lambda v: 2 * v, {"b": 1, "a": 2})
    assert list(doubled.items()) == [("b", 2), ("a", 4)]
    ordered = tree.map(lambda v: 2 * v, OrderedDict(b=1, a=2))
    assert isinstance(ordered, OrderedDict)
    assert list(ordered.items()) == [("b", 2), ("a", 4)]


def test_order_of_writing_is_not_part_of_the_structure() -> None:
    first, second = tree.structure({"a": 1, "b": 2}), tree.structure({"b": 1, "a": 2})
    assert first == second
    assert hash(first) == hash(second)
    assert tree.map(lambda u, v: u - v, {"a": 5, "b": 7}, {"b": 1, "a": 2}) == {"a": 3, "b": 6}


def test_defaultdict_keeps_its_factory() -> None:
    counts: defaultdict[str, list[int]] = defaultdict(list, a=[1])
    rebuilt = tree.map(lambda v: v + 1, counts)
    assert isinstance(rebuilt, defaultdict)
    assert rebuilt["missing"] == []
    assert rebuilt["a"] == [2]


def test_keys_of_mixed_types() -> None:
    mixed = {1: "a", "b": "c", (2, 3): "d"}
    leaves, structure = tree.flatten(mixed)
    assert sorted(leaves) == ["a", "c", "d"]
    assert tree.unflatten(structure, leaves) == mixed


def test_static_fields_belong_to_the_structure() -> None:
    layer = Layer(1.0, name="first")
    assert tree.leaves(layer) == [1.0]
    assert tree.map(lambda v: v + 1, layer) == Layer(2.0, name="first")
    assert tree.structure(layer) != tree.structure(Layer(1.0, name="second"))
    assert tree.structure(layer) == tree.structure(Layer(5.0, name="first"))


def test_dataclasses_are_rebuilt_without_their_constructor() -> None:
    assert tree.map(lambda v: "text", Frozen(1.0)).value == "text"


@pytest.mark.parametrize(
    "other",
    [(1, 2), [1], [1, 2, 3], Point(1, 2), {"a": 1, "b": 2}, [1, [2]], [1, None], 1, None],
)
def test_different_containers_have_different_structure(other: Any) -> None:
    assert tree.structure([1, 2]) != tree.structure(other)


def test_equal_containers_have_equal_structure_whatever_their_leaves() -> None:
    first = tree.structure({"a": [1, (2.0, None)], "b": Point(np.ones(3), "x")})
    second = tree.structure({"a": [0, ("y", None)], "b": Point(1, 2)})
    assert first == second
    assert hash(first) == hash(second)


def test_map_over_several_trees() -> None:
    assert tree.map(lambda a, b, c: a + b * c, [1, (2,)], [10, (20,)], [3, (4,)]) == [31, (82,)]


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"w": [1.0, 2.0], "b": 3.0}, ["['b']", "['w'][0]", "['w'][1]"]),
        (Point(1, (2,)), [".x", ".y[0]"]),
        ([Layer(1.0, 2.0)], ["[0].weight", "[0].bias"]),
        (3.0, [""]),
        (None, []),
        ([None, 1], ["[1]"]),
    ],
)
def test_paths_are_written_as_python_would(container: Any, expected: list[str]) -> None:
    assert [path for path, _ in tree.leaves_with_path(container)] == expected
    assert [leaf for _, leaf in tree.leaves_with_path(container)] == tree.leaves(container)


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (1, "Structure(*)"),
        ((1,), "Structure((*,))"),
        ([1, (2, None)], "Structure([*, (*, None)])"),
        ({"b": 1, "a": [2]}, "Structure({'a': [*], 'b': *})"),
        (Point(1, 2), "Structure(Point(x=*, y=*))"),
        (Layer(1), "Structure(Layer(weight=*, bias=None))"),
    ],
)
def test_structures_can_be_read(container: Any, expected: str) -> None:
    assert repr(tree.structure(container)) == expected


def test_dataclasses_without_a_dict_are_rebuilt() -> None:
    assert tree.map(lambda x: x + 1, Slotted(2.0, "a")) == Slotted(3.0, "a")


def test_descriptors_are_assigned_to() -> None:
    assert tree.map(lambda x: x + 1.0, Described(2.0)).value == 10.0  # 2 (2 * 2 + 1)


def test_unhashable_static_fields_are_refused() -> None:
    with pytest.raises(
        TreeError,
        match=r"^static fields of Layer must be hashable, got .*'name'.*'first'.*; declare arrays "
        r"and lists as ordinary fields\.\n",
    ):
        hash(tree.structure(Layer(1.0, name=["first"])))


def test_static_fields_of_equal_values_and_other_types_differ() -> None:
    names = (1, 1.0, True, (1,), (1.0,), ((1,),), ((True,),), 0.0, -0.0)
    structures = [tree.structure(Layer(1.0, name=name)) for name in names]
    assert len(set(structures)) == len(names)


def test_wrong_number_of_leaves_is_refused() -> None:
    with pytest.raises(TreeError, match=r"^tree\.unflatten: \(\*, \*\) holds 2 leaves, got 3;"):
        tree.unflatten(tree.structure((1, 2)), [1, 2, 3])
