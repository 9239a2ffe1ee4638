"""Data that is float32 and contiguous is copied by no network, and once by linear methods.

These take all samples in every step, scaled, or factorize a matrix in place, in float64. Samples
that are set aside for validation are drawn at random, and both parts are copies.

NumPy tells `tracemalloc` of every array it makes, and what a compiled program computes in is such
an array, too. So the highest total while a method runs, less that before, is what it has taken.
"""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

N_SAMPLES, N_FEATURES = 20_000, 600


@pytest.fixture(scope="module", autouse=True)
def native():
    """What is measured is how programs run as machine code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAINRULE_ENGINE", "native")
        yield


@pytest.fixture(scope="module")
def data():
    # What is imported at the first fit is no copy of data.
    fit_quietly(network(), np.eye(4, dtype=np.float32), [0, 1, 0, 1])
    generator = np.random.default_rng(0)
    X = generator.standard_normal((N_SAMPLES, N_FEATURES), dtype=np.float32)
    return X, (X[:, :3] @ [1.0, -2.0, 0.5] > 0).astype(int) + (X[:, 3] > 0)


def highest_extra(function, *args, **keywords):
    """Return by how many bytes memory rises at most while a function runs."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        function(*args, **keywords)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def network(**settings):
    return cr.MLPClassifier((20,), max_iter=1, random_state=0, **settings)


def fit_quietly(model, *args, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that one epoch is not enough
        return model.fit(*args, **keywords)


def test_a_copy_would_be_seen(data):
    assert highest_extra(data[0].copy) >= data[0].nbytes


@pytest.mark.parametrize("standardize", [True, False])
def test_fit_copies_no_data(data, standardize):
    X, y = data
    extra = highest_extra(fit_quietly, network(standardize=standardize), X, y)
    assert extra < X.nbytes / 3


def test_fit_copies_no_validation_data(data):
    X, y = data
    model = network(standardize=True)
    extra = highest_extra(fit_quietly, model, X[:2000], y[:2000], X_val=X, y_val=y)
    assert extra < X.nbytes / 3


def test_fit_with_weights_copies_no_data(data):
    X, y = data
    weight = np.linspace(0.5, 1.5, len(X))
    assert highest_extra(fit_quietly, network(), X, y, sample_weight=weight) < X.nbytes / 3


def test_partial_fit_copies_no_data(data):
    X, y = data
    model = network()
    assert highest_extra(model.partial_fit, X, y, classes=[0, 1, 2]) < X.nbytes / 3
    assert highest_extra(model.partial_fit, X, y) < X.nbytes / 3


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_predictions_copy_no_data(data, method):
    X, y = data
    model = fit_quietly(network(standardize=True), X[:2000], y[:2000])
    assert highest_extra(getattr(model, method), X) < X.nbytes / 3


def test_score_copies_no_data(data):
    X, y = data
    model = fit_quietly(network(standardize=True), X[:2000], y[:2000])
    assert highest_extra(model.score, X, y) < X.nbytes / 3


def test_regression_copies_no_data(data):
    X, y = data
    model = cr.MLPRegressor(hidden_layer_sizes=(20,), max_iter=1, random_state=0)
    assert highest_extra(fit_quietly, model, X, y.astype(np.float32)) < X.nbytes / 3
    assert highest_extra(model.predict, X) < X.nbytes / 3


def test_standardizing_copies_no_data(data):
    X = data[0]
    assert highest_extra(nn.Standardize.fit, X) < X.nbytes / 3


@pytest.mark.parametrize("solver", ["newton-cg", "lbfgs", "gradient_descent"])
@pytest.mark.parametrize("weighted", [False, True])
def test_logistic_regression_copies_data_once(data, solver, weighted):
    X, y = data
    model = cr.LogisticRegression(solver=solver, max_iter=2)
    weight = np.linspace(0.5, 1.5, len(X)) if weighted else None
    assert highest_extra(fit_quietly, model, X, y, weight) < 1.4 * X.nbytes


def test_linear_predictions_copy_no_data(data):
    X, y = data
    model = fit_quietly(cr.LogisticRegression(max_iter=2), X[:2000], y[:2000])
    assert highest_extra(model.predict_proba, X) < X.nbytes / 3


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("settings", "copies"),
    [
        ({"solver": "svd"}, 2.0),  # in float64
        ({"solver": "qr"}, 2.0),
        ({"solver": "lsmr"}, 2.0),
        ({"positive": True}, 2.0),
        ({"solver": "gradient_descent", "max_iter": 2}, 1.0),
    ],
)
def test_linear_regression_copies_data_once(data, settings, copies, weighted):
    X = np.ascontiguousarray(data[0][:, :150])
    y = X[:, 0] - 2.0 * X[:, 1]
    model = cr.LinearRegression(**settings)
    weight = np.linspace(0.5, 1.5, len(X)) if weighted else None
    extra = highest_extra(fit_quietly, model, X, y.astype(np.float32), weight)
    assert extra < (copies + 0.5) * X.nbytes


@pytest.mark.parametrize(
    "model", [network(early_stopping=True), cr.Perceptron(early_stopping=True, max_iter=1)]
)
def test_early_stopping_copies_data_once(data, model):
    X, y = data
    assert highest_extra(fit_quietly, model, X, y) < 1.4 * X.nbytes


def test_learning_rate_finder_copies_no_data(data):
    X, y = data
    model = nn.mlp(cr.random.key(0), (N_FEATURES, 20, 3), dtype=np.float32)
    extra = highest_extra(
        cr.training.find_learning_rate,
        model,
        nn.softmax_cross_entropy,
        cr.optim.adam,
        X,
        y,
        key=cr.random.key(1),
        steps=20,
    )
    assert extra < X.nbytes / 3


def test_images_of_bytes_are_trained_on_as_they_are(data):
    """The first layer turns each batch into floats; twice the data take no more."""
    X = (np.clip(data[0], -1, 1) * 127 + 128).astype(np.uint8)
    layers = nn.mlp(cr.random.key(0), (N_FEATURES, 20, 3), dtype=np.float32).layers
    model = nn.Sequential((nn.Standardize.fit(X, dtype=np.float32), *layers))

    def extra(n_samples):
        return highest_extra(
            cr.training.fit,
            model,
            nn.softmax_cross_entropy,
            cr.optim.adam(),
            X[:n_samples],
            data[1][:n_samples],
            epochs=1,
            batch_size=200,
            key=cr.random.key(1),
        )

    half, whole = N_SAMPLES // 2, N_SAMPLES
    for n_samples in (half, whole):
        extra(n_samples)  # what the compiler takes for a new program is no copy of data
    assert extra(whole) - extra(half) < X.nbytes / 10
