"""Networks that are laid out wider in training come to the same, and share their programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine

import chainrule as cr
from chainrule import nn
from chainrule.models import NetworkClassifier, NetworkRegressor
from chainrule.models.padding import padded
from chainrule.training.stretch import run_compiled_stretch

WINE, KINDS = load_wine(return_X_y=True)
DIABETES, PROGRESSION = load_diabetes(return_X_y=True)

SHORT: dict[str, Any] = {"max_iter": 12, "random_state": 3, "batch_size": 50, "tol": 0.0}

NETWORKS: dict[str, dict[str, Any]] = {
    "one hidden layer": {"hidden_layer_sizes": (5,)},
    "sigmoid, whose units are not silent at 0": {
        "hidden_layer_sizes": (5, 3),
        "activation": "logistic",
        "solver": "sgd",
        "momentum": 0.9,
    },
    "penalties, clipping, max-norm": {
        "hidden_layer_sizes": (9, 6),
        "alpha": (0.1, 0.2, 0.3),
        "l1": 0.05,
        "clip_norm": 0.5,
        "max_norm": 1.0,
        "solver": "rmsprop",
    },
    "batch normalization and shortcuts": {
        "hidden_layer_sizes": (7, 7, 7),
        "normalization": "batch",
        "residual": True,
        "activation": "softplus",
    },
    "Rprop on all samples": {
        "hidden_layer_sizes": (6, 2),
        "solver": "rprop",
        "batch_size": "auto",
        "activation": "tanh",
    },
    "a schedule and AdamW": {
        "hidden_layer_sizes": (4, 11),
        "solver": "adamw",
        "learning_rate": "cosine",
    },
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_padded_network_learns_what_it_learns_without(name):
    settings = {**SHORT, **NETWORKS[name]}
    wide = NetworkClassifier(**settings, pad_widths_to=8).fit(WINE, KINDS)
    plain = NetworkClassifier(**settings).fit(WINE, KINDS)
    assert repr(wide.model_) == repr(plain.model_)
    assert cr.tree.structure(wide.model_) == cr.tree.structure(plain.model_)
    for one, other in zip(cr.tree.leaves(wide.model_), cr.tree.leaves(plain.model_), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(wide.loss_curve_, plain.loss_curve_, rtol=1e-7)
    for norms in ("gradient_norm", "update_norm"):
        np.testing.assert_allclose(
            getattr(wide.history_, norms), getattr(plain.history_, norms), rtol=1e-6
        )
    np.testing.assert_allclose(
        wide.predict_proba(WINE), plain.predict_proba(WINE), rtol=1e-6, atol=1e-9
    )


def test_a_padded_regression_in_float32():
    settings = {**SHORT, "hidden_layer_sizes": (10, 3), "dtype": "float32"}
    wide = NetworkRegressor(**settings, pad_widths_to=16).fit(DIABETES, PROGRESSION)
    plain = NetworkRegressor(**settings).fit(DIABETES, PROGRESSION)
    assert [w.dtype for w in wide.coefs_] == [np.float32] * 3
    assert [w.shape for w in wide.coefs_] == [(10, 10), (10, 3), (3, 1)]
    np.testing.assert_allclose(wide.predict(DIABETES), plain.predict(DIABETES), rtol=2e-3)


def test_widths_with_the_same_multiples_share_a_program():
    def fit(*widths: int, multiple: int = 8) -> None:
        settings = {**SHORT, "activation": nn.partial(nn.elu, alpha=0.25), "max_iter": 2}
        NetworkClassifier(hidden_layer_sizes=widths, **settings, pad_widths_to=multiple).fit(
            WINE, KINDS
        )

    fit(3, 12)
    before = run_compiled_stretch.num_traces
    for widths in ((8, 9), (1, 16), (5, 13)):
        fit(*widths)
    assert run_compiled_stretch.num_traces == before
    fit(9, 9)
    assert run_compiled_stretch.num_traces == before + 1
    fit(3, 12, multiple=1)
    assert run_compiled_stretch.num_traces == before + 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_training_goes_on_from_a_padded_network():
    settings = {**SHORT, "hidden_layer_sizes": (5, 3), "solver": "adam"}
    networks = [cr.MLPClassifier(**settings, pad_widths_to=m) for m in (8, 1)]
    for network in networks:
        network.fit(WINE, KINDS).partial_fit(WINE, KINDS)
        network.set_params(warm_start=True).fit(WINE, KINDS)
    wide, plain = (network.loss_curve_ for network in networks)
    assert len(wide) == 25
    np.testing.assert_allclose(wide, plain, rtol=1e-7)


def test_dropout_leaves_out_units_of_the_wider_network_and_still_none_speak():
    settings = {**SHORT, "hidden_layer_sizes": (5, 3), "dropout": 0.3, "max_iter": 60}
    wide = NetworkClassifier(**settings, learning_rate_init=0.03, pad_widths_to=8).fit(WINE, KINDS)
    assert [w.shape for w in wide.coefs_] == [(13, 5), (5, 3), (3, 3)]
    assert np.mean(wide.predict(WINE) == KINDS) > 0.9


@pytest.mark.parametrize(
    "settings",
    [
        {"normalization": "layer"},
        {"solver": "lbfgs", "batch_size": "auto"},
        {"callbacks": (lambda record: None,)},
    ],
)
def test_what_cannot_be_padded_is_trained_as_it_is(settings):
    shared = {**SHORT, "hidden_layer_sizes": (5, 3), **settings}
    wide = NetworkClassifier(**shared, pad_widths_to=8).fit(WINE, KINDS)
    plain = NetworkClassifier(**shared).fit(WINE, KINDS)
    for one, other in zip(cr.tree.leaves(wide.model_), cr.tree.leaves(plain.model_), strict=True):
        np.testing.assert_array_equal(one, other)


def test_silent_units_are_not_read():
    """Whatever their weights are, the output is the same, and the gradient of theirs is zero."""
    model = nn.mlp(cr.random.key(0), (3, 2, 2), activation=nn.sigmoid)
    wide = padded(model, 4)
    assert [np.shape(layer.kernel) for layer in wide.layers] == [(3, 4), (4, 2)]
    noise = np.random.default_rng(0)
    first, second = wide.layers
    loud = nn.Sequential(
        (
            nn.Dense(
                np.where(first.kernel == 0, noise.normal(size=(3, 4)), first.kernel),
                np.array([0.0, 0.0, 5.0, -5.0]),
                nn.sigmoid,
            ),
            cr.tree.map(lambda leaf: leaf, second),
        )
    )
    X = noise.normal(size=(6, 3))
    np.testing.assert_allclose(loud(X), model(X), rtol=1e-14)
    gradient = cr.grad(lambda params: np.sum(nn.with_parameters(loud, params)(X) ** 2))(
        nn.parameters(loud)
    )
    assert not np.any(gradient.layers[1].kernel[2:])
    assert not np.any(gradient.layers[0].kernel[:, 2:])
    assert np.all(gradient.layers[1].kernel[:2])
