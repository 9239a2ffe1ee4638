"""Estimators in files: equal to those that were saved, and able to go on like them."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from tests.saving.test_round_trip import same

import chainrule as cr
from chainrule import nn, optim
from chainrule._errors import InvalidArgumentError
from chainrule.estimators import (
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
    descent,
)
from chainrule.training import Checkpoint, log

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, CODES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"])
INDICATORS = np.c_[CODES > 0, CODES > 1].astype(int)
D, T = load_diabetes(return_X_y=True)
SMALL = {"max_iter": 4, "random_state": 0}

ESTIMATORS = {
    "early-stopping": (
        MLPClassifier(
            (4,),
            solver="sgd",
            learning_rate="adaptive",
            early_stopping=True,
            class_weight={"setosa": 2.0, "virginica": 0.5},
            max_iter=6,
            random_state=np.random.RandomState(5),
        ),
        X,
        NAMES[CODES],
    ),
    "frame-in-float32": (
        MLPClassifier((4, 4), normalization="batch", dropout=0.2, residual=True, **SMALL),
        FRAME.astype(np.float32),
        NAMES[CODES].astype(object),
    ),
    "several-labels": (
        MLPClassifier([5], loss="squared_error", activation=("tanh",), **SMALL),
        X,
        INDICATORS,
    ),
    "two-classes": (
        MLPClassifier((), loss="hinge", solver="lbfgs", alpha=0.1, class_weight={0: 3.0}, **SMALL),
        X,
        CODES // 2,
    ),
    "objects-of-ours": (
        MLPClassifier(
            solver=optim.chain(optim.clip_by_value(1.0), optim.adam(1e-2)),
            activation=nn.partial(nn.leaky_relu, negative_slope=0.1),
            kernel_init=nn.initializers.normal(0.1),
            dtype=np.float32,
            **SMALL,
        ),
        X,
        CODES == 1,
    ),
    "gaussian": (MLPRegressor("gaussian", (3,), early_stopping=True, **SMALL), D, T),
    "quantiles": (MLPRegressor("quantile", (3,), quantiles=[0.1, 0.9], **SMALL), D, T),
    "two-targets": (MLPRegressor(nn.huber_loss, solver="rprop", **SMALL), D, np.c_[T, -T]),
    "newton": (MLPRegressor("poisson", (2,), solver="newton-cg", **SMALL), D, T),
    "linear": (LinearRegression(), D, np.c_[T, 2 * T]),
    "linear-by-descent": (LinearRegression(solver="gradient_descent", max_iter=5), D, T),
    "logistic": (LogisticRegression(class_weight="balanced"), FRAME, NAMES[CODES]),
    "perceptron": (Perceptron(max_iter=5), X, CODES),
}
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


@pytest.fixture(autouse=True)
def no_time_goes_by(monkeypatch):
    """So that two fits may be compared whole, with the seconds in their histories."""
    monkeypatch.setattr(log, "time", SimpleNamespace(perf_counter=lambda: 0.0))


def fitted(name: str) -> tuple[Any, Any, Any]:
    estimator, features, target = ESTIMATORS[name]
    return clone(estimator).fit(features, target), features, target


def reloaded(estimator: Any, folder: Any, **options: Any) -> Any:
    path = folder / "estimator.safetensors"
    estimator.save(path, **options)
    return cr.load(path, **options)


def assert_alike(a: Any, b: Any, features: Any) -> None:
    """That two estimators have the same attributes, and give the same bits."""
    assert type(a) is type(b)
    assert vars(a).keys() == vars(b).keys()
    for name in vars(a).keys() - {"random_state"}:
        assert same(getattr(a, name), getattr(b, name)), name
    for name in METHODS:
        if hasattr(a, name):
            assert same(getattr(a, name)(features), getattr(b, name)(features)), name


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_saved_estimator_is_the_same(name, tmp_path):
    estimator, features, target = fitted(name)
    found = reloaded(estimator, tmp_path)
    assert_alike(found, estimator, features)
    assert found.score(features, target) == estimator.score(features, target)
    assert_alike(pickle.loads(pickle.dumps(found)), estimator, features)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_before_fitting_there_are_the_parameters_alone(name, tmp_path):
    estimator, features, target = ESTIMATORS[name]
    found = reloaded(clone(estimator), tmp_path)
    params, expected = found.get_params(), estimator.get_params()
    assert params.keys() == expected.keys()
    for key in params.keys() - {"random_state"}:
        assert same(params[key], expected[key]), key
    found, estimator = clone(found), clone(estimator)
    assert_alike(found.fit(features, target), estimator.fit(features, target), features)


STEPPING = [name for name, (e, _, _) in ESTIMATORS.items() if hasattr(e, "partial_fit")]


@pytest.mark.parametrize("name", STEPPING)
def test_partial_fit_goes_on_where_it_was(name, tmp_path):
    estimator, features, target = fitted(name)
    estimator.set_params(early_stopping=False)
    if isinstance(getattr(estimator, "class_weight", None), dict):
        estimator.set_params(class_weight=None)
    found = reloaded(estimator, tmp_path)
    for _ in range(2):
        found.partial_fit(features, target)
        estimator.partial_fit(features, target)
    assert_alike(found, estimator, features)


@pytest.mark.parametrize(
    "name", [name for name, (e, _, _) in ESTIMATORS.items() if "warm_start" in e.get_params()]
)
def test_a_warm_start_goes_on_where_it_was(name, tmp_path):
    estimator, features, target = fitted(name)
    found = reloaded(estimator.set_params(warm_start=True), tmp_path)
    assert_alike(found.fit(features, target), estimator.fit(features, target), features)


def test_metadata_requests_are_kept(tmp_path):
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = MLPClassifier().set_fit_request(sample_weight=True, X_val="held_out")
        estimator.set_score_request(sample_weight=False)
        found = reloaded(estimator, tmp_path)
        assert str(found.get_metadata_routing()) == str(estimator.get_metadata_routing())
        assert found.get_metadata_routing().fit.requests["X_val"] == "held_out"


def own_loss(output: Any, target: Any, sample_weight: Any = None) -> Any:
    return np.mean((output - target) ** 4)


def test_functions_of_ones_own_are_named_by_the_user(tmp_path):
    seen: list[int] = []

    def note(record: Any) -> None:
        seen.append(record.epoch)

    estimator = MLPRegressor(own_loss, (3,), callbacks=[note], **SMALL).fit(D, T)
    with pytest.raises(InvalidArgumentError) as caught:
        estimator.save(tmp_path / "estimator.safetensors")
    assert caught.value.message == (
        "save: MLPRegressor.loss: expected plain data or an object of chainrule, got the function "
        "own_loss, which is code, and files hold none; for what is yours, write save(path, ..., "
        "custom={'own_loss': own_loss}), and give the same to load."
    )
    found = reloaded(estimator, tmp_path, custom={"own_loss": own_loss, "note": note})
    assert_alike(found, estimator, D)


class Named(MLPClassifier):
    """A classifier of one's own."""


def test_classes_of_ones_own_are_saved_whole(tmp_path):
    estimator = Named((3,), **SMALL).fit(X, CODES)
    with pytest.raises(InvalidArgumentError, match=r"custom=\{'Named': Named\}\), and give"):
        estimator.save(tmp_path / "estimator.safetensors")
    assert_alike(reloaded(estimator, tmp_path, custom={"Named": Named}), estimator, X)


# -- checkpoints ---------------------------------------------------------------------------------


class BlackoutError(Exception):
    """Ends a run like nothing that training would catch."""


class FailsOnce:
    """A callback that raises in an epoch, the first time it comes."""

    def __init__(self, epoch: int) -> None:
        self.epoch: int | None = epoch

    def __call__(self, record: Any) -> None:
        if record.epoch == self.epoch:
            self.epoch = None
            raise BlackoutError


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier(
            (6,),
            solver="sgd",
            learning_rate="adaptive",
            learning_rate_init=0.3,
            early_stopping=True,
            n_iter_no_change=2,
            tol=1e-3,
            max_iter=80,
            random_state=3,
        ),
        MLPClassifier((6,), dropout=0.2, learning_rate="cosine", max_iter=30, random_state=3),
        MLPClassifier((6,), solver="lbfgs", max_iter=30, random_state=3),
    ],
    ids=["adaptive", "adam", "lbfgs"],
)
def test_a_fit_that_was_broken_off_goes_on(estimator, tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.safetensors", every_epochs=2)
    expected = clone(estimator).fit(X, CODES)
    broken = clone(estimator).set_params(callbacks=[FailsOnce(9)])
    with pytest.raises(BlackoutError):
        broken.fit(X, CODES, checkpoint=checkpoint)
    found = clone(estimator).fit(X, CODES, checkpoint=checkpoint)
    assert_alike(found, expected, X)
    again = clone(estimator).fit(X, CODES, checkpoint=checkpoint)
    assert_alike(again, expected, X)


@pytest.mark.parametrize("make", [np.asarray, scipy.sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(tol=1e-9),
        LogisticRegression(solver="lbfgs", tol=1e-9),
        LogisticRegression(
            solver="gradient_descent", early_stopping=True, max_iter=60, tol=1e-5, random_state=3
        ),
        LinearRegression(solver="gradient_descent", max_iter=50),
    ],
    ids=["newton-cg", "lbfgs", "early stopping", "least squares"],
)
def test_a_linear_fit_that_was_broken_off_goes_on(estimator, make, tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "run.safetensors", every_epochs=2)
    rows = make(X)
    expected = clone(estimator).fit(rows, CODES)
    assert np.max(expected.n_iter_) > 6
    with monkeypatch.context() as patch:
        ending, fails = descent.Ending.__call__, FailsOnce(6)
        patch.setattr(descent.Ending, "__call__", lambda self, r: fails(r) or ending(self, r))
        with pytest.raises(BlackoutError):
            clone(estimator).fit(rows, CODES, checkpoint=checkpoint)
    for _ in ("gone on with", "read"):
        found = clone(estimator).fit(rows, CODES, checkpoint=checkpoint)
        np.testing.assert_array_equal(found.coef_, expected.coef_)
        np.testing.assert_array_equal(found.intercept_, expected.intercept_)
        np.testing.assert_array_equal(found.n_iter_, expected.n_iter_)
        np.testing.assert_array_equal(found.history_.train_loss, expected.history_.train_loss)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"tol": 1e-3}, "callbacks and rules of stopping"),
        ({"n_iter_no_change": 3}, "callbacks and rules of stopping"),
        ({"C": 0.1}, "training samples, validation samples, model, optimizer"),  # they are scaled
        ({"random_state": 1}, "training samples, validation samples"),
    ],
)
def test_the_checkpoint_of_another_linear_fit_is_refused(changes, what, tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.safetensors")
    settings = {"solver": "gradient_descent", "early_stopping": True, "max_iter": 3, "C": 1e6}
    LogisticRegression(**settings).fit(X, CODES, checkpoint=checkpoint)
    with pytest.raises(InvalidArgumentError, match=f"got one with other {what}.*; delete it"):
        LogisticRegression(**{**settings, **changes}).fit(X, CODES, checkpoint=checkpoint)


def test_what_is_solved_at_once_has_no_checkpoint(tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.safetensors")
    with pytest.raises(InvalidArgumentError) as caught:
        LinearRegression().fit(X, CODES, checkpoint=checkpoint)
    assert caught.value.message == (
        "checkpoint: expected none for solver='auto', which finds the solution at once; it is for "
        "'gradient_descent'."
    )
    assert not checkpoint.exists


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"tol": 1e-3}, "callbacks and rules of stopping"),
        ({"n_iter_no_change": 3}, "callbacks and rules of stopping"),
        ({"alpha": 0.1}, "model"),
        ({"max_iter": 5}, "epochs"),
        ({"random_state": 1}, "model, key or state"),
        ({"learning_rate_init": 0.1}, "optimizer, callbacks and rules of stopping"),
    ],
)
def test_the_checkpoint_of_other_settings_is_refused(changes, what, tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.safetensors")
    MLPClassifier((3,), **SMALL).fit(X, CODES, checkpoint=checkpoint)
    with pytest.raises(InvalidArgumentError, match=f"got one with other {what}; delete it"):
        MLPClassifier((3,), **{**SMALL, **changes}).fit(X, CODES, checkpoint=checkpoint)


@pytest.mark.parametrize(
    "estimator", [MLPRegressor(), LinearRegression(solver="gradient_descent", random_state=None)]
)
def test_a_checkpoint_needs_a_seed(estimator, tmp_path):
    with pytest.raises(InvalidArgumentError) as caught:
        estimator.fit(D, T, checkpoint=Checkpoint(tmp_path / "run.safetensors"))
    assert caught.value.message == (
        "fit: checkpoint: expected an int as random_state, got None; a run that goes on has to "
        "draw the same numbers again."
    )
