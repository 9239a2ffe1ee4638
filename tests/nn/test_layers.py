"""Layers against the equations written out by hand, and the errors they raise."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, random
from chainrule._errors import DtypeError, InvalidArgumentError, ShapeError


def two_layers(dtype: Any = np.float64) -> nn.Sequential:
    return nn.mlp(
        random.key(0),
        (4, 3, 2),
        activation=nn.tanh,
        kernel_init=nn.initializers.standard_normal,
        bias_init=nn.initializers.standard_normal,
        dtype=dtype,
    )


def test_dense_on_worked_numbers():
    layer = nn.Dense(
        kernel=np.array([[1.0, 2.0], [3.0, 4.0]]), bias=np.array([0.5, -20.0]), activation=nn.relu
    )
    x = np.array([[1.0, 1.0], [2.0, -1.0]])
    np.testing.assert_array_equal(layer.preactivation(x), [[4.5, -14.0], [-0.5, -20.0]])
    np.testing.assert_array_equal(layer(x), [[4.5, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(layer([[1, 1]]), [[4.5, 0.0]])


def test_gradients_are_those_of_back_propagation():
    model = two_layers()
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(7, 4)), generator.normal(size=(7, 2))

    gradient = cr.grad(lambda m: np.sum((m(x) - y) ** 2) / 2)(model)

    first, second = model.layers
    a1 = np.tanh(x @ first.kernel + first.bias)
    delta2 = a1 @ second.kernel + second.bias - y
    delta1 = (delta2 @ second.kernel.T) * (1 - a1**2)
    expected = [(x.T @ delta1, delta1.sum(0)), (a1.T @ delta2, delta2.sum(0))]
    for layer, (kernel, bias) in zip(gradient.layers, expected, strict=True):
        np.testing.assert_allclose(layer.kernel, kernel, rtol=1e-12)
        np.testing.assert_allclose(layer.bias, bias, rtol=1e-12)


def test_gradient_of_a_model_is_a_model():
    model = two_layers(np.float32)
    gradient = cr.grad(lambda m: np.sum(m(np.ones((1, 4), np.float32))))(model)
    assert cr.tree.structure(gradient) == cr.tree.structure(model)
    assert gradient.layers[0].activation is nn.tanh
    assert all(leaf.dtype == np.float32 for leaf in cr.tree.leaves(gradient))


def test_walk_gives_what_goes_in_and_out_of_every_layer():
    model, x = two_layers(), np.ones((2, 4))
    (first, x0, a1), (second, x1, a2) = model.walk(x)
    assert (first, second) == (model.layers[0], model.layers[1])
    assert x0 is x
    assert x1 is a1
    np.testing.assert_array_equal(a1, np.tanh(x @ first.kernel + first.bias))
    np.testing.assert_array_equal(a2, model(x))


@dataclass(frozen=True)
class Recorder(nn.Layer):
    """Returns its key's numbers, and whether it is training, as outputs."""

    def __call__(self, x, *, key=None, training=False):
        self_made = random.uniform(key, (1, 1)) if key is not None else np.zeros((1, 1))
        return np.concatenate([x, self_made + 10 * training], axis=1)


def test_every_layer_gets_a_key_of_its_own_and_the_mode():
    model = nn.Sequential((Recorder(), Recorder()))
    x = np.zeros((1, 1))
    np.testing.assert_array_equal(model(x), [[0.0, 0.0, 0.0]])
    out = model(x, key=random.key(3), training=True)[0]
    assert out[1] != out[2]
    assert (out[1:] >= 10).all()
    np.testing.assert_array_equal(out, model(x, key=random.key(3), training=True)[0])


def test_integer_inputs_take_the_dtype_of_the_kernel():
    model = two_layers(np.float32)
    assert model(np.ones((1, 4), np.int64)).dtype == np.float32


def test_models_can_be_pickled():
    model = two_layers()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again(np.ones((1, 4))), model(np.ones((1, 4))))


@pytest.mark.parametrize("compiled", [False, True])
def test_width_clash_names_the_layer(compiled):
    first = nn.Dense.init(random.key(0), 4, 3)
    model = nn.Sequential((first, nn.Dense.init(random.key(1), 5, 2)))

    def call(m: Any, x: Any) -> Any:
        return m(x)

    call = cr.compile(call, engine="interpreter") if compiled else call
    with pytest.raises(ShapeError) as caught:
        call(model, np.ones((6, 4)))
    assert caught.value.message.startswith(
        "layer 2 of 2: Dense(5 -> 2, identity): expected an input of shape (n_samples, 5), "
        "got (6, 3); the layer was made for 5 features per sample, so give it those or make it "
        "with fan_in=3."
    )


@dataclass(frozen=True)
class Linear(nn.Layer):
    """A layer of a user's own, which checks nothing."""

    matrix: Any

    def __call__(self, x, *, key=None, training=False):
        return x @ self.matrix


def test_clash_inside_a_layer_of_ones_own_names_the_layer():
    model = nn.Sequential((Linear(np.ones((4, 3))), Linear(np.ones((5, 2)))))
    with pytest.raises(ValueError, match="matmul") as plain:
        model(np.ones((6, 4)))
    assert plain.value.__notes__ == ["in layer 2 of Sequential(" + repr(model)[11:]]
    with pytest.raises(ShapeError, match=r"^layer 2 of 2: "):
        cr.grad(lambda m: np.sum(m(np.ones((6, 4)))))(model)


@pytest.mark.parametrize("width", [0, -3, 2.5, True, "50"])
def test_widths_are_checked(width):
    with pytest.raises(InvalidArgumentError) as caught:
        nn.mlp(random.key(0), (4, width, 2))
    assert caught.value.message == (
        f"mlp: widths: expected an integer of at least 1, got {width!r}; a layer needs a unit."
    )
    with pytest.raises(InvalidArgumentError, match=r"^Dense.init: fan_out: expected an integer"):
        nn.Dense.init(random.key(0), 4, width)


def test_one_width_is_no_network():
    with pytest.raises(InvalidArgumentError, match=r"^mlp: expected at least two widths"):
        nn.mlp(random.key(0), (4,))


def test_integer_dtype_cannot_be_trained():
    with pytest.raises(DtypeError) as caught:
        nn.Dense.init(random.key(0), 4, 3, dtype=int)
    assert caught.value.message == (
        "Dense.init: expected a float dtype such as np.float32, got int64; "
        "only floats can be trained."
    )


def test_weights_are_told_from_biases():
    mask = nn.weight_mask({"encoder": two_layers(), "rest": [np.zeros((2, 2))]})
    for layer in mask["encoder"].layers:
        assert layer.kernel is True
        assert layer.bias is False
    assert mask["rest"] == [False]


def test_a_tree_that_declares_no_weights_is_refused():
    with pytest.raises(InvalidArgumentError) as caught:
        nn.weight_mask({"w": np.zeros(2)})
    assert caught.value.message == (
        "weight_mask: expected a model whose layers declare their weights, got "
        "{'w': *}; declare them with field(metadata=nn.WEIGHT) in a dataclass, or say "
        "which leaves are weights with a function, as in "
        "optim.l2(strength, on=lambda params: {'w': True, 'b': False})."
    )
