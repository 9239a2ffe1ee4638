"""What becomes of a network that is trained again: further, otherwise, or in vain."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression as PeerRegression

from chainrule import optim
from chainrule.estimators import (
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)


def test_another_solver_begins_with_nothing_remembered():
    """One step of plain descent from weights that Adam has left, against NumPy."""
    classifier = MLPClassifier((), alpha=0.0, random_state=0, standardize=False, batch_size=150)
    classifier.partial_fit(X, Y, classes=[0, 1, 2])
    W, b = classifier.coefs_[0], classifier.intercepts_[0]
    error = (classifier.predict_proba(X) - np.eye(3)[Y]) / len(X)
    classifier.set_params(solver="sgd", momentum=0.0, learning_rate_init=0.5).partial_fit(X, Y)
    np.testing.assert_allclose(classifier.coefs_[0], W - 0.5 * X.T @ error, rtol=1e-12)
    np.testing.assert_allclose(
        classifier.intercepts_[0], b - 0.5 * error.sum(axis=0), rtol=1e-12, atol=1e-15
    )


def test_curvature_leaves_nothing_that_steps_could_go_on_from():
    classifier = MLPClassifier((4,), solver="lbfgs", max_iter=5, random_state=0).fit(X, Y)
    loss = classifier.loss_
    classifier.set_params(solver="sgd").partial_fit(X, Y)
    assert classifier.n_iter_ == 1
    assert classifier.loss_ < loss


@pytest.mark.parametrize("kind", ["callback", "data"])
def test_a_fit_that_fails_changes_nothing(kind):
    def fail(record: Any) -> None:
        raise RuntimeError("no more")

    classifier = MLPClassifier((4,), max_iter=5, random_state=0).fit(X, Y)
    before = copy.deepcopy({**vars(classifier), "callbacks": None})
    if kind == "callback":
        classifier.callbacks = [fail]
        with pytest.raises(RuntimeError, match="no more"):
            classifier.fit(X[:100, :2], np.array(["a", "b"])[Y[:100]])
    else:
        with pytest.raises(ValueError, match="rows of 0 and 1"):
            classifier.fit(X[:, :2], np.column_stack([Y, Y]))
    classifier.callbacks = None
    assert vars(classifier).keys() == before.keys()
    assert classifier.n_features_in_ == 4
    np.testing.assert_array_equal(classifier.classes_, [0, 1, 2])
    np.testing.assert_array_equal(classifier.coefs_[0], before["model_"].layers[0].kernel)
    np.testing.assert_array_equal(classifier.predict(X), before["model_"](X).argmax(axis=1))


def test_a_new_fit_that_fails_leaves_nothing():
    classifier = MLPClassifier((4,))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classifier.fit(X, Y[:5])
    assert vars(classifier) == classifier.get_params()


def test_the_epoch_whose_weights_are_kept():
    models: list[Any] = []
    common: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 30, "random_state": 0}
    # With this rate the loss goes up and down.
    common |= {"learning_rate_init": 3.0, "callbacks": [lambda record: models.append(record.model)]}
    best = MLPClassifier(**common).fit(X, Y)
    epoch = 1 + int(np.argmin(best.loss_curve_))
    assert best.best_epoch_ == epoch < 30
    assert best.loss_ == best.loss_curve_[epoch - 1] == best.best_loss_
    np.testing.assert_array_equal(best.decision_function(X), models[epoch - 1](X))
    assert f"the weights of epoch {epoch} are kept (" in best.message_

    last = MLPClassifier(**common, restore_best=False).fit(X, Y)
    assert last.best_epoch_ == 30
    assert last.loss_ == last.loss_curve_[-1] != last.best_loss_
    assert last.message_ == "All 30 epochs done; the weights of epoch 30 are kept, the last."

    last.partial_fit(X, Y)
    assert last.best_epoch_ == 1
    assert last.message_ == "All 1 epochs done; the weights of epoch 1 are kept, the last."


def test_a_minimum_to_begin_with_has_a_loss():
    """All weights 0 and as many samples of each class: no gradient, and the loss is log 3."""
    classifier = MLPClassifier((4,), solver="lbfgs", kernel_init="zeros", random_state=0)
    classifier.fit(X, Y)
    assert classifier.n_iter_ == classifier.best_epoch_ == 0
    np.testing.assert_allclose(classifier.loss_, np.log(3.0), rtol=1e-12)


def test_epochs_that_were_asked_for_are_no_want_of_convergence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        regressor = MLPRegressor(
            hidden_layer_sizes=(3,), max_iter=7, n_iter_no_change=np.inf, tol=1e3, random_state=0
        )
        assert regressor.fit(X, Y).n_iter_ == 7


@pytest.mark.filterwarnings("error::UserWarning")
def test_one_sample_in_any_form_is_explained():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    named = MLPClassifier((4,), max_iter=3, random_state=0).fit(frame, Y)
    plain = MLPClassifier((4,), max_iter=3, random_state=0).fit(X, Y)
    expected = plain.explain(X[7], Y[7])
    for found in (
        named.explain(frame.iloc[7:8], Y[7]),
        plain.explain(X[7:8], Y[7]),
        plain.explain(scipy.sparse.csr_array(X[7:8]), Y[7]),
        plain.explain(X[7].tolist(), Y[7]),
    ):
        assert found.value == expected.value
        np.testing.assert_array_equal(found.output, plain.model_(X[7:8])[0])


def test_coverage_is_measured_by_the_weights_of_samples():
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(X))
    regressor = MLPRegressor("gaussian", (5,), learning_rate_init=0.05, random_state=0)
    regressor.fit(X[:, :3], X[:, 3])
    lower, upper = regressor.predict_interval(X[:, :3], 0.5).T
    inside = (lower <= X[:, 3]) & (X[:, 3] <= upper)
    assert 0.0 < inside.mean() < 1.0
    found = regressor.interval_coverage(X[:, :3], X[:, 3], weight, coverage=0.5)
    np.testing.assert_allclose(found, np.average(inside, weights=weight), rtol=1e-12)


def test_a_perceptron_through_the_origin_has_no_bias():
    perceptron = Perceptron(warm_start=True).fit(X + 3.0, Y == 0)
    assert perceptron.intercept_ != 0.0
    perceptron.set_params(fit_intercept=False).fit(X + 3.0, Y == 0)
    assert perceptron.intercept_ == 0.0


def test_what_another_solver_has_found_is_forgotten():
    regression = LinearRegression(solver="gradient_descent").fit(X, Y)
    assert hasattr(regression, "history_")
    regression.set_params(solver="svd").fit(X, Y)
    assert not hasattr(regression, "history_")
    np.testing.assert_allclose(regression.singular_, PeerRegression().fit(X, Y).singular_)
    regression.set_params(solver="lsmr").fit(X, Y)
    assert not hasattr(regression, "singular_")


@pytest.mark.parametrize("kind", [MLPClassifier, LogisticRegression])
def test_validation_samples_count_alike_whether_given_or_set_aside(kind):
    """Weights of classes are for training: scores are plain accuracies."""
    settings: dict[str, Any] = {"class_weight": {0: 100.0}, "random_state": 0}
    if kind is LogisticRegression:
        settings["solver"] = "gradient_descent"
    classifier = kind(**settings, max_iter=20, early_stopping=True, validation_fraction=0.4)
    scores = classifier.fit(X, Y).history_.val_score
    np.testing.assert_allclose(scores * 60, np.round(scores * 60), atol=1e-9)
    given = kind(**settings, max_iter=20).fit(X, Y, X_val=X[::2], y_val=Y[::2])
    scores = given.history_.val_score
    np.testing.assert_allclose(scores * 75, np.round(scores * 75), atol=1e-9)


@pytest.mark.parametrize("settings", [{"loss": "poisson"}, {"loss": "gaussian"}, {"quantiles": ()}])
@pytest.mark.parametrize("loss", ["squared_error", "quantile", "gaussian", "poisson"])
def test_predictions_are_those_that_were_learned_whatever_is_set_by_now(loss, settings):
    regressor = MLPRegressor(loss, (3,), max_iter=5, random_state=0).fit(X[:, :3], X[:, 3])
    expected = regressor.predict(X[:, :3])
    intervals = loss in ("quantile", "gaussian") and regressor.predict_interval(X[:, :3])
    regressor.set_params(**settings)
    np.testing.assert_array_equal(regressor.predict(X[:, :3]), expected)
    if loss in ("quantile", "gaussian"):
        np.testing.assert_array_equal(regressor.predict_interval(X[:, :3]), intervals)


def test_margins_become_no_probabilities():
    classifier = MLPClassifier((3,), loss="hinge", max_iter=5, random_state=0).fit(X, Y == 0)
    classifier.set_params(loss="log_loss")
    assert not hasattr(classifier, "predict_proba")
    assert not hasattr(classifier, "predict_log_proba")


def test_limits_hold_for_an_optimizer_of_ones_own():
    settings: dict[str, Any] = {"hidden_layer_sizes": (4,), "max_iter": 50, "random_state": 0}
    free = MLPClassifier(**settings, solver=optim.adam(0.1)).fit(X, Y)
    bound = MLPClassifier(**settings, solver=optim.adam(0.1), max_norm=0.5).fit(X, Y)
    lengths = [np.linalg.norm(each.coefs_[1], axis=0).max() for each in (free, bound)]
    assert lengths[1] < 0.5 + 1e-12 < lengths[0]


def test_a_warning_points_at_the_callers_line_and_takes_nothing_away():
    classifier = MLPClassifier((3,), max_iter=2, batch_size=1000, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier.fit(X, Y)
    assert [each.filename for each in caught] == [__file__] * 2
    classifier.set_params(batch_size="auto", random_state=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            classifier.fit(X, Y)
    assert classifier.random_state == 1
    expected = MLPClassifier((3,), max_iter=2, random_state=1).fit(X, Y)
    np.testing.assert_array_equal(classifier.predict_proba(X), expected.predict_proba(X))
