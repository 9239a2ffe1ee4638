"""One sample's way through a network and back, against the equations written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification

from chainrule.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)


def test_back_propagation_written_out():
    classifier = MLPClassifier(
        (5, 4), "logistic", standardize=True, max_iter=5, random_state=0
    ).fit(X, Y)
    found = classifier.explain(X[70], Y[70])
    scaling = classifier.model_.layers[0]
    a: list[Any] = [(X[70] - scaling.mean) / scaling.scale]
    z: list[Any] = []
    for W, b in zip(classifier.coefs_, classifier.intercepts_, strict=True):
        z.append(a[-1] @ W + b)
        a.append(expit(z[-1]))
    delta = softmax(z[-1]) - np.eye(3)[Y[70]]
    for number in (2, 1, 0):
        layer = found.layers[number + 1]
        assert layer.name == str(number + 2)
        np.testing.assert_allclose(layer.inputs, a[number], rtol=1e-12)
        np.testing.assert_allclose(layer.z, z[number], rtol=1e-12)
        np.testing.assert_allclose(layer.delta, delta, rtol=1e-10)
        np.testing.assert_allclose(
            layer.gradients["kernel"], np.outer(a[number], delta), rtol=1e-10
        )
        np.testing.assert_allclose(layer.gradients["bias"], delta, rtol=1e-10)
        delta = (classifier.coefs_[number] @ delta) * a[number] * (1 - a[number])
    np.testing.assert_allclose(found.output, z[-1], rtol=1e-12)
    np.testing.assert_allclose(found.value, -np.log(softmax(z[-1])[Y[70]]), rtol=1e-12)
    assert str(found).splitlines()[0] == f"cost = {found.value:.6g}"


def test_without_a_target_it_is_what_decides():
    classifier = MLPClassifier((5,), max_iter=5, random_state=0).fit(X, Y)
    found = classifier.explain(X[0])
    chosen = classifier.predict(X[:1])[0]
    assert found.what == f"logit of {chosen}"
    np.testing.assert_array_equal(found.layers[-1].delta, np.eye(3)[chosen])
    np.testing.assert_allclose(found.value, classifier.decision_function(X[:1])[0, chosen])


@pytest.mark.parametrize("y", [None, 100.0])
@pytest.mark.parametrize("loss", ["squared_error", "gaussian", "quantile"])
def test_deltas_are_derivatives(loss, y):
    """Of any network: by finite differences in the biases, which z moves with."""
    body, disease = load_diabetes(return_X_y=True)
    regressor = MLPRegressor(
        loss, (6, 6), "tanh", residual=True, normalization="layer", max_iter=3, random_state=0
    ).fit(body, disease)
    found = regressor.explain(body[3], y)
    dense = [layer for layer in found.layers if layer.layer.startswith("Dense")]
    assert [layer.name for layer in dense] == ["2", "5.1", "6"]
    for layer, bias in zip(dense, regressor.intercepts_, strict=True):
        for unit in range(len(bias)):
            values = []
            for step in (1e-6, -2e-6):
                bias[unit] += step
                values.append(regressor.explain(body[3], y).value)
            bias[unit] += 1e-6
            slope = (values[0] - values[1]) / 2e-6
            np.testing.assert_allclose(layer.delta[unit], slope, rtol=1e-5, atol=1e-8)


def test_several_labels_and_margins():
    inputs, labels = make_multilabel_classification(n_samples=30, random_state=0)
    several = MLPClassifier((4,), max_iter=2, random_state=0).fit(inputs, labels)
    expected = several.predict_proba(inputs[:1])[0] - labels[0]
    found = several.explain(inputs[0], labels[0])
    np.testing.assert_allclose(found.layers[-1].delta, expected, rtol=1e-10)
    np.testing.assert_array_equal(several.explain(inputs[0]).layers[-1].delta, np.ones(5))
    margins = MLPClassifier((4,), loss="hinge", max_iter=2, random_state=0).fit(X, Y)
    assert set(margins.explain(X[0], Y[0]).layers[-1].delta) <= {-1.0, 0.0, 1.0}
