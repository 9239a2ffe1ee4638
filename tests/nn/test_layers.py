"""Layers against the equations written out by hand, and the errors they raise."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, random
from chainrule._errors import DtypeError, InvalidArgumentError, ShapeError
from chainrule.training import fit


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


# -- functions as layers, and connections past blocks ---------------------------------------------


def test_apply_is_the_function():
    x = np.array([[-1.0, 2.0]])
    np.testing.assert_array_equal(nn.Apply(nn.relu)(x), [[0.0, 2.0]])
    np.testing.assert_array_equal(nn.Apply(nn.relu)([[-1.0, 2.0]], training=True), [[0.0, 2.0]])
    assert repr(nn.Apply(nn.partial(nn.elu, alpha=2.0))) == "Apply(elu(alpha=2.0))"


def test_residual_adds_the_inputs():
    block = nn.Dense(np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros(2), nn.relu)
    x = np.array([[1.0, 1.0], [-1.0, 0.0]])
    np.testing.assert_array_equal(nn.Residual(block)(x), [[5.0, 7.0], [-1.0, 0.0]])
    gradient = cr.grad(lambda x: np.sum(nn.Residual(block)(x)))(x)
    np.testing.assert_array_equal(gradient, [[4.0, 8.0], [1.0, 1.0]])  # 1 past a dead block


def test_residual_with_a_shortcut_of_another_width():
    block = nn.Dense(np.ones((2, 3)), np.zeros(3))
    shortcut = nn.Dense(np.full((2, 3), 10.0), np.zeros(3))
    layer = nn.Residual(block, shortcut)
    np.testing.assert_array_equal(layer(np.array([[1.0, 2.0]])), [[33.0, 33.0, 33.0]])
    assert repr(layer) == "Residual(Dense(2 -> 3, identity), Dense(2 -> 3, identity))"


def test_residual_does_not_broadcast():
    with pytest.raises(ShapeError) as caught:
        nn.Residual(nn.Dense(np.ones((2, 1)), np.zeros(1)))(np.ones((4, 2)))
    assert caught.value.message == (
        "Residual(Dense(2 -> 1, identity)): expected outputs of the block of the shape of the "
        "inputs, (4, 2), got (4, 1); bring the inputs to that shape with "
        "shortcut=Dense.init(key, fan_in, fan_out)."
    )


# -- what layers remember ------------------------------------------------------------------------


@dataclass(frozen=True)
class Counter(nn.Layer):
    """Counts the rows it has seen."""

    rows: Any = field(metadata=nn.FIXED)

    def __call__(self, x, *, key=None, training=False):
        return x

    def observe(self, x, *, key=None):
        return x, Counter(self.rows + len(x))


def test_what_inner_layers_remember_is_carried_through_any_block():
    count = Counter(0.0)
    model = nn.Sequential([count, nn.Residual(nn.Sequential((count, count)), count), Recorder()])
    x = np.ones((1, 2))
    output, after = model.observe(x, key=random.key(0))
    np.testing.assert_array_equal(output, model(x, key=random.key(0), training=True))
    assert cr.tree.structure(after) == cr.tree.structure(model)
    assert cr.tree.leaves(after) == [1.0] * 4
    assert cr.tree.leaves(model) == [0.0] * 4
    assert nn.observe(lambda x, *, key, training: (x, training), x)[0] == (x, True)


# -- penalties -----------------------------------------------------------------------------------


def test_penalties_of_all_layers_are_added_up():
    first = nn.Dense(np.array([[1.0, -2.0]]), np.array([9.0, 9.0]), l1=0.5)
    second = nn.Dense(np.array([[3.0], [-4.0]]), np.array([9.0]), l1=1.0, l2=0.1)
    model = {"a": [nn.Residual(nn.Sequential((first,)))], "b": second, "c": np.ones(3)}
    np.testing.assert_allclose(nn.penalty(model), 0.5 * 3 + 7 + 0.1 / 2 * 25, rtol=1e-15)
    assert nn.penalty(two_layers()) == 0.0


def test_gradient_of_a_penalty():
    kernel, bias = np.array([[3.0, -4.0, 0.0]]), np.ones(3)
    gradient = cr.grad(lambda w: nn.penalty(nn.Dense(w, bias, l1=0.5, l2=0.1)))(kernel)
    np.testing.assert_allclose(gradient, [[0.8, -0.9, 0.0]], rtol=1e-15)  # l1 sign(w) + l2 w
    layer = nn.Dense(kernel.astype(np.float32), bias, l1=np.array(0.5), l2=np.array(0.1))
    assert nn.penalty(layer).dtype == np.float32


def test_penalties_are_part_of_the_steps_of_a_run():
    X, y = np.ones((1, 1)), np.zeros((1, 1))
    layer = nn.Dense(np.array([[2.0]]), np.array([5.0]), l1=0.3, l2=0.5)
    result = fit(layer, lambda a, y: 0.0 * np.mean(a), optim.sgd(0.1), X, y, epochs=1,
                 key=random.key(0))  # fmt: skip
    np.testing.assert_allclose(result.last.model.kernel, [[2.0 - 0.1 * (0.3 + 0.5 * 2.0)]])
    assert result.last.model.bias == 5.0
    assert (result.last.model.l1, result.history.train_loss[0]) == (0.3, 0.0)


@pytest.mark.parametrize("strength", [-1.0, np.nan, np.inf])
def test_strengths_are_checked(strength):
    with pytest.raises(InvalidArgumentError) as caught:
        nn.Dense.init(random.key(0), 2, 3, l2=strength)
    assert caught.value.message == (
        f"Dense.init: l2: expected a number of at least 0, finite, got {strength}."
    )


# -- the multi-layer perceptron ------------------------------------------------------------------


def test_settings_per_layer():
    model = nn.mlp(
        random.key(0),
        (4, 3, 3, 2),
        activation=(nn.relu, nn.tanh),
        output_activation=nn.softmax,
        kernel_init=(nn.initializers.zeros, nn.initializers.he_normal, nn.initializers.zeros),
        bias_init=nn.initializers.constant(0.01),
        l2=(None, 0.1, 0.2),
        input_dropout=0.1,
        dropout=(0.5, None),
    )
    drop, first, drop_too, second, third = model.layers
    assert (drop.rate, drop_too.rate) == (0.1, 0.5)
    assert [d.activation for d in (first, second, third)] == [nn.relu, nn.tanh, nn.softmax]
    assert [d.l2 for d in (first, second, third)] == [None, 0.1, 0.2]
    assert [bool(np.any(d.kernel)) for d in (first, second, third)] == [False, True, False]
    assert all((d.bias == 0.01).all() for d in (first, second, third))


def test_normalization_stands_before_the_activation():
    model = nn.mlp(random.key(0), (4, 3, 2), normalization="batch", dtype=np.float32)
    assert repr(model) == (
        "Sequential(Dense(4 -> 3, identity), BatchNorm(3), Apply(relu), Dense(3 -> 2, identity))"
    )
    assert {leaf.dtype for leaf in cr.tree.leaves(model)} == {np.dtype(np.float32)}
    assert repr(nn.mlp(random.key(0), (4, 3, 2), normalization="layer").layers[1]) == "LayerNorm(3)"


def test_residual_blocks_where_widths_agree():
    model = nn.mlp(random.key(0), (4, 3, 3, 3, 2), residual=True, dropout=0.5)
    assert repr(model) == (
        "Sequential(Dense(4 -> 3, relu), Dropout(0.5), "
        "Residual(Sequential(Dense(3 -> 3, relu), Dropout(0.5))), "
        "Residual(Sequential(Dense(3 -> 3, relu), Dropout(0.5))), Dense(3 -> 2, identity))"
    )
    plain = nn.mlp(random.key(0), (3, 3, 2), residual=True)
    assert repr(plain.layers[0]) == "Residual(Dense(3 -> 3, relu))"


def test_the_same_key_gives_the_same_weights_whatever_is_around_them():
    plain = nn.mlp(random.key(0), (4, 3, 2))
    around = nn.mlp(random.key(0), (4, 3, 2), input_dropout=0.1, normalization="batch")
    np.testing.assert_array_equal(plain.layers[0].kernel, around.layers[1].kernel)
    np.testing.assert_array_equal(plain.layers[1].kernel, around.layers[-1].kernel)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"activation": (nn.relu,)},
            "mlp: activation: expected one value, or one for each of 2 layers, got 1.",
        ),
        (
            {"l1": (0.1, 0.2)},
            "mlp: l1: expected one value, or one for each of 3 layers, got 2.",
        ),
        (
            {"normalization": "group"},
            "mlp: normalization: expected 'batch', 'layer' or None, got 'group'.",
        ),
        (
            {"dropout": 1.0},
            "Dropout: rate: expected a number of at least 0 and below 1, got 1.0; it is the share "
            "of units that are left out.",
        ),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(InvalidArgumentError) as caught:
        nn.mlp(random.key(0), (4, 3, 3, 2), **settings)
    assert caught.value.message == message


def test_gradients_of_a_whole_network_are_exact():
    """Every layer there is, in training, against finite differences of the parameters."""
    model = nn.mlp(
        random.key(0), (3, 4, 4, 2), activation=nn.tanh, input_dropout=0.2, dropout=0.3,
        normalization="batch", residual=True, l1=0.1, l2=0.2,
    )  # fmt: skip
    model = nn.Sequential((nn.Standardize.fit(np.eye(3)), *model.layers, nn.LayerNorm.init(2)))
    x = np.random.default_rng(0).normal(size=(5, 3))

    def cost(params: Any) -> Any:
        moved = nn.with_parameters(model, params)
        output, _ = nn.observe(moved, x, key=random.key(1))
        return nn.softmax_cross_entropy(output, np.arange(5) % 2) + nn.penalty(moved)

    cr.testing.check_grads(cost, (nn.parameters(model),), order=1, rtol=1e-5)


def test_layers_without_their_arrays_can_be_shown():
    model = nn.Sequential((nn.Standardize.fit(np.eye(3)), nn.BatchNorm.init(3), nn.Dropout(0.5)))
    assert repr(nn.parameters(model)) == "Sequential(Standardize(), BatchNorm(3), Dropout(None))"


def test_weights_of_ones_own_have_to_fit():
    given = np.arange(6.0).reshape(2, 3)
    layer = nn.Dense.init(random.key(0), 2, 3, kernel_init=lambda key, shape, dtype: given)
    np.testing.assert_array_equal(layer.kernel, given)
    with pytest.raises(ShapeError) as caught:
        nn.Dense.init(random.key(0), 3, 2, kernel_init=lambda key, shape, dtype: given)
    assert caught.value.message == (
        "Dense.init: kernel_init: expected an array of shape (3, 2), got (2, 3)."
    )
    with pytest.raises(ShapeError) as caught:
        nn.Dense.init(random.key(0), 2, 3, bias_init=lambda key, shape, dtype: 0.0)
    assert caught.value.message == (
        "Dense.init: bias_init: expected an array of shape (3,), got ()."
    )
