"""Any nesting of containers can be taken apart, put together and differentiated."""

import dataclasses
from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr

Pair = namedtuple("Pair", ["first", "second"])


@dataclasses.dataclass
class Node:
    left: object
    right: object
    name: str = cr.tree.static_field(default="node")


def ordered(mapping):
    return OrderedDict(reversed(list(mapping.items())))


def with_default(mapping):
    return defaultdict(float, mapping)


leaves = st.floats(-3, 3) | st.builds(
    lambda n, seed: np.random.default_rng(seed).uniform(-2, 2, n),
    st.integers(0, 3),
    st.integers(0, 99),
)
keys = st.text("abc", max_size=2)
trees = st.recursive(
    leaves | st.none(),
    lambda children: st.one_of(
        st.lists(children, max_size=3),
        st.lists(children, max_size=3).map(tuple),
        st.dictionaries(keys, children, max_size=3),
        st.dictionaries(keys, children, max_size=2).map(ordered),
        st.dictionaries(keys, children, max_size=2).map(with_default),
        st.builds(Pair, children, children),
        st.builds(Node, children, children, st.sampled_from(["node", "other"])),
    ),
    max_leaves=6,
)


def assert_equal(a, b):
    """Compare trees without the library's own functions."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_equal(a[key], b[key])
    elif isinstance(a, (tuple, list)):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_equal(one, other)
    elif isinstance(a, Node):
        assert a.name == b.name
        assert_equal(a.left, b.left)
        assert_equal(a.right, b.right)
    else:
        np.testing.assert_array_equal(a, b)


def count_leaves(tree):
    if tree is None:
        return 0
    if isinstance(tree, Node):
        return count_leaves(tree.left) + count_leaves(tree.right)
    if isinstance(tree, dict):
        return sum(map(count_leaves, tree.values()))
    if isinstance(tree, (tuple, list)):
        return sum(map(count_leaves, tree))
    return 1


@given(trees)
def test_unflatten_undoes_flatten(tree):
    found, structure = cr.tree.flatten(tree)
    assert len(found) == structure.num_leaves == count_leaves(tree)
    assert_equal(cr.tree.unflatten(structure, found), tree)
    assert cr.tree.structure(tree) == structure
    assert hash(cr.tree.structure(tree)) == hash(structure)
    assert_equal(cr.tree.map(lambda leaf: leaf, tree), tree)


@given(trees)
def test_paths_lead_to_their_leaves(tree):
    pairs = cr.tree.leaves_with_path(tree)
    for path, leaf in pairs:
        assert eval(f"tree{path}", {"tree": tree}) is leaf
    assert len({path for path, _ in pairs}) == len(pairs)


@given(trees)
def test_functions_of_trees(tree):
    """The sum of squares of all leaves has twice the tree as its gradient."""

    def f(tree):
        return sum((np.sum(leaf * leaf) for leaf in cr.tree.leaves(tree)), 0.0 * t0)

    t0 = np.float64(1.0)
    doubled = cr.tree.map(lambda leaf: 2.0 * leaf, tree)
    if not cr.tree.leaves(tree):
        return
    for gradient in (cr.grad(f), cr.compile(cr.grad(f))):
        got = gradient(tree)
        assert cr.tree.structure(got) == cr.tree.structure(tree)
        cr.tree.map(np.testing.assert_array_equal, got, doubled)
    out, tangent = cr.jvp(lambda t: t, (tree,), (doubled,))
    assert_equal(cr.tree.map(np.asarray, out), cr.tree.map(np.asarray, tree))
    assert_equal(cr.tree.map(np.asarray, tangent), cr.tree.map(np.asarray, doubled))
