"""What of a model is trained, what are weights, and what is neither."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, random
from chainrule._errors import ArgumentTypeError, InvalidArgumentError, TreeError
from chainrule.training import fit


def model() -> nn.Sequential:
    return nn.Sequential(
        [
            nn.Standardize(np.array([1.0, 2.0]), np.array([3.0, 4.0])),
            nn.Dense.init(random.key(0), 2, 3, l2=0.5),
            nn.BatchNorm.init(3),
            nn.Dropout(0.5),
        ]
    )


def test_parameters_are_the_model_without_what_is_fixed():
    params = nn.parameters(model())
    standardize, dense, norm, dropout = params.layers
    assert (standardize.mean, standardize.scale, dropout.rate) == (None, None, None)
    assert (dense.l2, norm.mean, norm.variance) == (None, None, None)
    paths = [path for path, _ in cr.tree.leaves_with_path(params)]
    assert paths == [
        ".layers[1].kernel", ".layers[1].bias", ".layers[2].scale", ".layers[2].shift"
    ]  # fmt: skip
    assert params.layers[1].activation is nn.identity


def test_parameters_go_back_where_they_came_from():
    start = model()
    params = cr.tree.map(lambda w: w + 1, nn.parameters(start))
    moved = nn.with_parameters(start, params)
    assert cr.tree.structure(moved) == cr.tree.structure(start)
    np.testing.assert_array_equal(moved.layers[1].kernel, start.layers[1].kernel + 1)
    np.testing.assert_array_equal(moved.layers[0].mean, [1.0, 2.0])
    assert moved.layers[1].l2 == 0.5
    again = nn.with_parameters(start, nn.parameters(start))
    for mine, theirs in zip(cr.tree.leaves(again), cr.tree.leaves(start), strict=True):
        assert mine is theirs


def test_a_model_without_fixed_arrays_is_its_own_parameters():
    dense = nn.Dense.init(random.key(0), 2, 3)
    assert cr.tree.structure(nn.parameters(dense)) == cr.tree.structure(dense)


def test_parameters_of_another_model_are_refused():
    with pytest.raises(TreeError, match=r"^with_parameters: expected the 4 arrays that are param"):
        nn.with_parameters(model(), nn.parameters(nn.Dense.init(random.key(0), 2, 3)))


@dataclass(frozen=True)
class Frozen(nn.Layer):
    """A layer of a user's own: another, which is not trained."""

    layer: nn.Layer = field(metadata=nn.FIXED)

    def __call__(self, x: Any, *, key: Any = None, training: bool = False) -> Any:
        return self.layer(x, key=key)


def test_whole_layers_can_be_frozen():
    X, y = np.random.default_rng(0).normal(size=(10, 2)), np.ones((10, 1))
    frozen = nn.Dense.init(random.key(0), 2, 3)
    start = nn.Sequential((Frozen(frozen), nn.Dense.init(random.key(1), 3, 1)))
    optimizer = optim.chain(optim.l2(0.1), optim.adam(0.1))
    result = fit(start, nn.mean_squared_error, optimizer, X, y, epochs=3, key=random.key(2))
    first, second = result.model.layers
    np.testing.assert_array_equal(first.layer.kernel, frozen.kernel)
    assert not np.array_equal(second.kernel, start.layers[1].kernel)
    assert len(cr.tree.leaves(result.last.optimizer_state[1][0].mean)) == 2


def test_a_model_in_which_all_is_fixed_cannot_be_trained():
    X = np.ones((3, 2))
    with pytest.raises(ArgumentTypeError) as caught:
        fit(nn.Standardize.fit(X), nn.mean_squared_error, optim.sgd(0.1), X, X, epochs=1,
            key=random.key(0))  # fmt: skip
    assert caught.value.message.startswith(
        "fit: model: expected a pytree with float arrays as parameters, got none; declare settings"
    )


@pytest.mark.parametrize(
    "optimizer",
    [optim.sgd(0.1), optim.adam(), optim.rprop(), optim.max_norm(optim.momentum(0.1), 1.0)],
    ids=["sgd", "adam", "rprop", "max_norm"],
)
def test_optimizers_refuse_what_is_not_trained(optimizer):
    with pytest.raises(InvalidArgumentError) as caught:
        optimizer.init(model())
    assert caught.value.message == (
        "optimizer.init: expected parameters alone, got layers[0].mean, which is not trained; "
        "write optimizer.init(nn.parameters(model)), and take the gradient in nn.parameters(model) "
        "too."
    )
    optimizer.init(nn.parameters(model()))


def test_fixed_numbers_may_be_integers():
    X, y = np.ones((4, 2)), np.ones((4, 1))
    start = nn.Sequential((nn.Dropout(0), nn.Dense.init(random.key(0), 2, 1, l2=1)))
    last = fit(start, nn.mean_squared_error, optim.sgd(0.1), X, y, epochs=2, key=random.key(1)).last
    assert (last.model.layers[0].rate, last.model.layers[1].l2) == (0, 1)


def test_weights_are_told_from_biases():
    dense = nn.mlp(random.key(0), (4, 3, 2))
    mask = nn.weight_mask({"encoder": dense, "rest": [np.zeros((2, 2))]})
    for layer in mask["encoder"].layers:
        assert layer.kernel is True
        assert layer.bias is False
    assert mask["rest"] == [False]


def test_scales_and_statistics_are_no_weights():
    mask = nn.weight_mask(nn.parameters(model()))
    assert [leaf for _, leaf in cr.tree.leaves_with_path(mask)] == [True, False, False, False]
    assert cr.tree.leaves(nn.weight_mask(model())).count(True) == 1


def test_a_tree_that_declares_no_weights_is_refused():
    with pytest.raises(InvalidArgumentError) as caught:
        nn.weight_mask({"w": np.zeros(2)})
    assert caught.value.message == (
        "weight_mask: expected a model whose layers declare their weights, got "
        "{'w': *}; declare them with field(metadata=nn.WEIGHT) in a dataclass, or tell the "
        "optimizer which leaves are weights, as in on=lambda params: {'w': True, 'b': False}."
    )
