"""What is saved comes back equal: kinds, dtypes, order in memory, and every bit."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from safetensors.numpy import load_file

import chainrule as cr
from chainrule import _tree as tree
from chainrule import nn, optim, random
from chainrule._errors import DataError, InvalidArgumentError
from chainrule.saving.saved import from_bytes, to_bytes


def same(a: Any, b: Any) -> bool:
    """Whether two objects are the same to the last bit: types, order of keys, NaN and -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            return False
        if a.dtype.kind == "O":
            return all(map(same, a.ravel().tolist(), b.ravel().tolist()))
        return a.tobytes() == b.tobytes()
    if isinstance(a, np.generic):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, float):
        return a.hex() == b.hex()
    if dataclasses.is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    return a == b


def passed(value: Any, **options: Any) -> Any:
    return from_bytes(to_bytes(value, **options), "load: here", **options)


VALUES = {
    "none": None,
    "true": True,
    "zero": 0,
    "long": 3**200,
    "tenth": 0.1,
    "minus-zero": -0.0,
    "tiny": 5e-324,
    "nan": math.nan,
    "infinity": math.inf,
    "minus-infinity": -math.inf,
    "text": 'é\n"\\\u2028\ud800\x00',
    "empty": [(), [], {}, ""],
    "tuple-in-list": [(1, [2, (3,)])],
    "keys": {1: "a", "1": "b", None: 0, (1, "x"): {}, 2.5: [], np.int64(3): 1, True + 2: 2},
    "order-of-keys": {"b": 1, "a": 2},
    "key-dollar": {"$": "object", "class": "nn.Dense"},
    "float32": np.float32(0.1),
    "float16": np.float16(65504),
    "bool": np.bool_(True),
    "uint64": np.uint64(2**64 - 1),
    "complex128": np.complex128(1 - 2j),
    "str_": np.str_("label"),
    "day": np.datetime64("2024-02-29"),
    "longdouble": np.longdouble(1) / 3,
    "type": [np.float32, np.float64],
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_plain_values_come_back(value):
    assert same(passed(value), value)


DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("dtype", [*DTYPES, "M8[s]", "m8[D]", "U3", "S3"])
def test_arrays_of_every_dtype_come_back(dtype, byte_order):
    raw = np.random.default_rng(0).integers(0, 256, size=24 * 16, dtype=np.uint8)
    if dtype == "?":
        raw %= 2
    if dtype == "U3":
        array = np.array([["a", "éé"], ["", "xyz"]], byte_order + dtype)
    else:
        found = np.dtype(byte_order + dtype)
        array = raw[: 24 * found.itemsize].view(found).reshape(2, 3, 4)  # NaN of all kinds
    assert same(passed(array), array)


@pytest.mark.parametrize(
    "array",
    [
        np.array(7.0),
        np.zeros((0, 3), np.float32),
        np.array([1, "one", None, 1.5, ("a", 2), math.nan], object),
        np.array("alone", object),
        np.empty((2, 0), "U5"),
    ],
    ids=["without-axes", "empty", "objects", "one-object", "no-text"],
)
def test_arrays_of_odd_shapes_and_objects_come_back(array):
    assert same(passed(array), array)


def test_arrays_lie_in_memory_as_they_did():
    """Sums of products depend on it, in their last bits."""
    rows = np.arange(12.0).reshape(3, 4)
    for array in (rows, rows.T, rows[:, ::2], rows[::-1], np.ones((5, 1))):
        found = passed(array)
        np.testing.assert_array_equal(found, array)
        assert found.flags.f_contiguous == array.flags.f_contiguous
        assert found.flags.writeable
        assert found.flags.owndata
        assert found.flags.aligned


def test_what_is_one_array_is_written_once_and_is_one_again():
    array = np.arange(1000.0)
    first, second = passed([array, {"again": array}])
    assert second["again"] is first
    assert len(to_bytes([array] * 50)) < 2 * array.nbytes


@given(
    st.recursive(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(),
            st_numpy.from_dtype(np.dtype(np.float32)),
            st_numpy.arrays(
                st.one_of(st_numpy.scalar_dtypes(), st_numpy.unicode_string_dtypes()),
                st_numpy.array_shapes(min_dims=0, min_side=0),
            ),
        ),
        lambda inner: st.one_of(
            st.lists(inner),
            st.lists(inner).map(tuple),
            st.dictionaries(st.one_of(st.text(), st.integers(), st.floats(), st.none()), inner),
        ),
        max_leaves=10,
    )
)
def test_any_nesting_comes_back(value):
    assert same(passed(value), value)


MODELS = {
    "plain": nn.mlp(random.key(0), (3, 4, 2)),
    "all": nn.mlp(
        random.key(1),
        (3, 4, 4, 2),
        activation=(nn.gelu, nn.partial(nn.leaky_relu, negative_slope=0.2)),
        output_activation=np.tanh,
        normalization="batch",
        residual=True,
        input_dropout=0.1,
        dropout=(0.2, None),
        l1=1e-3,
        l2=(0.1, 0.2, 0.3),
    ),
    "float32": nn.mlp(random.key(2), (3, 4, 2), normalization="layer", dtype=np.float32),
    "own-order": nn.Sequential([nn.Standardize(np.zeros(3), np.ones(3)), nn.Apply(nn.relu)]),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_models_come_back(model):
    found = passed(model)
    assert same(found, model)
    assert tree.structure(found) == tree.structure(model)
    x = np.random.default_rng(0).normal(size=(5, 3))
    key = random.key(7)
    assert found(x).tobytes() == model(x).tobytes()
    assert found(x, key=key, training=True).tobytes() == (
        model(x, key=key, training=True).tobytes()
    )


OPTIMIZERS = [
    optim.sgd(0.1),
    optim.momentum(np.float32(0.1), beta=0.8),
    optim.nesterov(optim.schedules.warm_up(optim.schedules.cosine(0.1, steps=9), steps=3)),
    optim.adagrad(optim.schedules.step(0.1, every=2)),
    optim.rmsprop(optim.schedules.exponential(0.1, factor=0.9)),
    optim.adam(optim.schedules.one_cycle(0.1, steps=10)),
    optim.adamw(optim.schedules.inverse_scaling(0.1)),
    optim.rprop(0.01),
    optim.chain(
        optim.l1(0.1),
        optim.l2(0.1),
        optim.clip_by_value(1.0),
        optim.clip_by_global_norm(2.0),
        optim.max_norm(optim.adam(optim.schedules.constant(0.1)), 3.0),
    ),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_optimizers_and_their_states_go_on_as_they_would(optimizer):
    def steps(optimizer: Any, state: Any, params: Any) -> Any:
        for _ in range(3):
            gradient = tree.map(np.sin, params)
            params, state = optimizer.update(gradient, state, params)
        return params, state

    params = nn.parameters(MODELS["plain"])
    params, state = steps(optimizer, optimizer.init(params), params)
    found = passed((optimizer, state, params))
    assert same(found, (optimizer, state, params))
    assert same(steps(*found), steps(optimizer, state, params))


@pytest.mark.parametrize("method", [optim.bfgs(), optim.lbfgs(7), optim.newton_cg()])
def test_methods_come_back(method):
    assert passed(method) == method


@pytest.mark.parametrize("seed", [0, [1, 2, 3]])
def test_random_states_go_on_as_they_would(seed):
    generator = np.random.RandomState(seed)
    generator.normal(size=3)  # an odd number: one more is kept for the next call
    found = passed(generator)
    assert found.normal(size=5).tobytes() == generator.normal(size=5).tobytes()
    assert found.randint(1000) == generator.randint(1000)


def test_every_function_of_the_tables_has_a_name():
    for table in (nn.ACTIVATIONS, nn.LOSSES, nn.INITIALIZERS):
        for function in table.values():
            assert passed(function) == function
    for made in (nn.initializers.constant(0.5), nn.initializers.normal(2.0)):
        assert passed(made) == made
    for name in optim.SCHEDULES:
        assert hasattr(optim.schedules, name)


def test_the_file_is_one_that_others_can_read(tmp_path):
    cr.save(tmp_path / "model.safetensors", MODELS["plain"])
    arrays = load_file(tmp_path / "model.safetensors")
    kernel = MODELS["plain"].layers[1].kernel
    np.testing.assert_array_equal(arrays["Sequential.layers[1].kernel"], kernel)
    assert len(arrays) == 4


def test_equal_objects_make_equal_files(tmp_path):
    model = MODELS["all"]
    assert to_bytes(model) == to_bytes(passed(model))


# -- what is the user's own ----------------------------------------------------------------------


def cubed(z: Any) -> Any:
    return z**3


@dataclasses.dataclass(frozen=True)
class Scale(nn.Layer):
    by: Any
    function: Any = tree.static_field(default=nn.identity)

    def __post_init__(self) -> None:
        raise AssertionError("built by its constructor")

    def __call__(self, x: Any, *, key: Any = None, training: bool = False) -> Any:
        return self.function(self.by * x)


class Pair(NamedTuple):
    first: Any
    second: Any


def test_functions_and_classes_of_ones_own_are_saved_by_name(tmp_path):
    scale = object.__new__(Scale)
    object.__setattr__(scale, "by", np.array([2.0, 3.0]))
    object.__setattr__(scale, "function", cubed)
    model, custom = nn.Sequential((scale, nn.Apply(cubed))), {"cubed": cubed, "Scale": Scale}
    path = tmp_path / "model.safetensors"
    cr.save(path, Pair(model, 1), custom={**custom, "Pair": Pair})
    found = cr.load(path, custom={**custom, "Pair": Pair, "unused": abs})
    assert same(found, Pair(model, 1))
    assert b"cubed" in path.read_bytes()
    with pytest.raises(DataError) as caught:
        cr.load(path, custom={"Scale": Scale})
    assert caught.value.message == (
        f"load: {path}: expected what it was saved with under the name 'Pair', got nothing; write "
        "load(path, custom={'Pair': Pair, 'cubed': cubed})."
    )


def test_fields_that_are_younger_than_the_file_have_their_defaults():
    @dataclasses.dataclass(frozen=True)
    class Old:
        a: int

    @dataclasses.dataclass(frozen=True)
    class New:
        b: int = 7
        a: int = 8

    class Row(NamedTuple):
        a: int
        b: int = 9

    data = to_bytes(Old(1), custom={"Thing": Old})
    assert from_bytes(data, "load: here", custom={"Thing": New}) == New(a=1, b=7)
    assert from_bytes(data, "load: here", custom={"Thing": Row}) == Row(1, 9)
    data = to_bytes(New(1, 2), custom={"Thing": New})
    with pytest.raises(DataError, match=r"Old misses nothing, has no \{'b'\}"):
        from_bytes(data, "load: here", custom={"Thing": Old})


OURS = "expected plain data or an object of chainrule, got"
CODE = "which is code, and files hold none; for what is yours, write save(path, ..., custom="


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            nn.Sequential([nn.Apply(cubed)]),
            f"Sequential.layers[0].function: {OURS} the function cubed, {CODE}{{'cubed': cubed}}), "
            "and give the same to load.",
        ),
        (
            {"a": [lambda z: z]},
            f"dict['a'][0]: {OURS} the function <lambda>, {CODE}{{'its_name': its_name}}), and "
            "give the same to load.",
        ),
        (
            Pair(1, 2),
            f"Pair: {OURS} one of class {Pair.__module__}.Pair; for what is yours, write "
            "save(path, ..., custom={'Pair': Pair}), and give the same to load.",
        ),
        (
            [{1}],
            f"list[0]: {OURS} one of class builtins.set; turn it into lists, dicts, arrays or a "
            "dataclass.",
        ),
        (
            {"x": np.zeros(2, "f8,i4")},
            "dict['x']: expected numbers, booleans, dates, text or objects, got an array of dtype "
            "[('f0', '<f8'), ('f1', '<i4')]; convert it first.",
        ),
        (
            np.ma.masked_array([1.0], [True]),
            f"MaskedArray: {OURS} one of class numpy.ma.MaskedArray; turn it into lists, dicts, "
            "arrays or a dataclass.",
        ),
        (
            np.random.RandomState(np.random.PCG64(0)),
            "expected a RandomState of MT19937, got one of PCG64; give the estimator an int as "
            "random_state.",
        ),
    ],
    ids=["activation", "lambda", "own-class", "set", "records", "masked", "generator"],
)
def test_what_cannot_be_saved_is_refused_with_its_place(value, message, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"old")
    with pytest.raises(InvalidArgumentError) as caught:
        cr.save(path, value)
    assert caught.value.message == f"save: {message}"
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_contains_itself_is_refused():
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidArgumentError, match=r"got more or one that contains itself"):
        to_bytes(loop)


@pytest.mark.parametrize("custom", [{"my loss": cubed}, {"cubed": 3}, {3: cubed}])
def test_custom_names_are_checked(custom):
    name, value = next(iter(custom.items()))
    with pytest.raises(InvalidArgumentError) as caught:
        to_bytes(1, custom=custom)
    assert caught.value.message == (
        "save: custom: expected functions and classes by names such as 'my_loss', got "
        f"{name!r}: {value!r}."
    )
