"""The multi-layer perceptrons: what they learn, keep and report."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split

from chainrule import nn, optim
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.models import arrays
from chainrule.optim.minimization import _iteration_compiled
from chainrule.training import epoch
from chainrule.training.curvature import _measured_compiled
from chainrule.training.stretch import run_compiled_stretch

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
WINE, VINES = load_wine(return_X_y=True)
BODY, DISEASE = load_diabetes(return_X_y=True)


def start_at(peer: Any, estimator: Any) -> None:
    """Give a fitted estimator the weights of scikit-learn's."""
    layers = [
        nn.Dense(w.copy(), b.copy(), layer.activation)
        for w, b, layer in zip(peer.coefs_, peer.intercepts_, estimator.model_.layers, strict=True)
    ]
    estimator.model_ = nn.Sequential(tuple(layers))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {"solver": "sgd", "learning_rate_init": 0.05},
        {"solver": "sgd", "learning_rate_init": 0.05, "nesterovs_momentum": False},
        {"solver": "sgd", "learning_rate_init": 0.05, "momentum": 0.0},
        # Where rates change, momentum is not the same: here they act on it, there they are in it.
        {"learning_rate": "invscaling", "learning_rate_init": 0.5, "solver": "sgd", "momentum": 0},
        # Adam's epsilon stands in different places, so it is made too small to matter.
        {"solver": "adam", "learning_rate_init": 0.01, "epsilon": 1e-14},
    ],
    ids=["nesterov", "momentum", "sgd", "invscaling", "adam"],
)
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_steps_are_those_of_scikit_learn(kind, settings, weighted):
    """From equal weights, without shuffling, with an L2 penalty."""
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 50) if weighted else None
    common = {
        "hidden_layer_sizes": (5, 4),
        "activation": "tanh",
        # With weights, scikit-learn divides the penalty by those of the batch at hand.
        "batch_size": 50 if weighted else 25,
        "shuffle": False,
        "alpha": 0.7,
        "random_state": 0,
        "n_iter_no_change": 1000,
        **settings,
    }
    inputs = (X - X.mean(axis=0))[::3]
    targets = Y[::3] if kind == "MLPClassifier" else inputs[:, :2] ** 2
    peer = getattr(sklearn.neural_network, kind)(**common, max_iter=1, warm_start=True)
    peer.fit(inputs, targets, sample_weight=weight)

    ours = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[kind]
    estimator = ours(**common, max_iter=1, warm_start=True, standardize=False, restore_best=False)
    estimator.fit(inputs, targets, sample_weight=weight)
    start_at(peer, estimator)
    peer.t_ = 0  # which scikit-learn's rates go on from
    for each in (peer, estimator):
        each.set_params(max_iter=12).fit(inputs, targets, sample_weight=weight)
    for name in ("coefs_", "intercepts_"):
        for mine, theirs in zip(getattr(estimator, name), getattr(peer, name), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(estimator.predict(inputs), peer.predict(inputs), rtol=1e-8)
    assert estimator.n_iter_ == peer.n_iter_ == 12
    assert estimator.out_activation_ == peer.out_activation_
    assert estimator.n_layers_ == peer.n_layers_
    assert estimator.n_outputs_ == peer.n_outputs_


@pytest.mark.parametrize("solver", ["lbfgs", "bfgs", "newton-cg"])
def test_curvature_reaches_the_minimum_of_a_convex_cost(solver):
    """Without hidden layers there is one minimum, which scikit-learn's estimator finds, too."""
    common = {"hidden_layer_sizes": (), "alpha": 3.0, "random_state": 0, "max_iter": 5000}
    ours = MLPClassifier(**common, solver=solver, tol=1e-9).fit(X, Y)
    theirs = sklearn.neural_network.MLPClassifier(**common, solver="lbfgs", tol=1e-9)
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.fit(X, Y).predict_proba(X), rtol=0, atol=2e-4
    )
    assert np.isnan(ours.history_.learning_rate).all()


@pytest.mark.parametrize("solver", ["adagrad", "adam", "adamw", "rmsprop", "rprop", "sgd"])
def test_every_solver_learns(solver):
    rate = {"sgd": 0.1, "adagrad": 0.1}.get(solver, 0.01)
    classifier = MLPClassifier((10,), solver=solver, learning_rate_init=rate, random_state=0)
    assert classifier.fit(WINE, VINES).score(WINE, VINES) > 0.97


@pytest.mark.parametrize(
    "settings",
    [
        {"normalization": "batch", "hidden_layer_sizes": (12, 12)},
        {"normalization": "layer"},
        {"dropout": 0.2, "input_dropout": 0.1},
        {"hidden_layer_sizes": (12, 12, 12), "residual": True},
        {"hidden_layer_sizes": (12, 8), "activation": ["tanh", "gelu"], "dropout": (0.1, 0.0)},
        {"hidden_layer_sizes": (12,), "alpha": (0.1, 0.0), "l1": (0.0, 0.1)},
        {"clip_norm": 1.0, "clip_value": 0.5, "max_norm": 3.0},
        {"learning_rate": "cosine"},
        {"learning_rate": "one_cycle"},
        {"learning_rate": optim.schedules.step(0.02, factor=0.5, every=50)},
        {"solver": optim.chain(optim.clip_by_value(1.0), optim.adam(0.01))},
        {"loss": "squared_error"},
        {"loss": "hinge"},
        {"loss": nn.softmax_cross_entropy},
        {"kernel_init": "he_normal", "bias_init": nn.initializers.constant(0.01)},
        {"activation": nn.partial(nn.leaky_relu, negative_slope=0.2)},
        {"dtype": "float32", "class_weight": "balanced"},
    ],
    ids=lambda settings: "-".join(settings),
)
def test_everything_that_goes_beyond(settings):
    settings = {"learning_rate_init": 0.01, **settings}
    classifier = MLPClassifier(**settings, random_state=0, max_iter=100).fit(WINE, VINES)
    assert classifier.score(WINE, VINES) > 0.97
    assert classifier.predict(WINE.astype(np.float32)).shape == VINES.shape


def test_penalties_of_layers_are_where_they_were_asked_for():
    common: dict[str, Any] = {"solver": "lbfgs", "random_state": 0, "max_iter": 30}
    free = MLPClassifier((6,), **common, alpha=0.0).fit(WINE, VINES)
    bound = MLPClassifier((6,), **common, alpha=(0.0, 100.0)).fit(WINE, VINES)
    lengths = [[np.linalg.norm(w) for w in each.coefs_] for each in (free, bound)]
    assert lengths[1][1] < 0.2 * lengths[0][1]
    assert lengths[1][0] > 0.5 * lengths[0][0]


def test_a_second_fit_finds_its_program_again():
    def fit(seed: int, **settings: Any) -> None:
        MLPClassifier(
            (7, 3), activation=nn.partial(nn.elu, alpha=0.7), random_state=seed, **settings
        ).fit(X, Y)

    fit(0, max_iter=2, learning_rate_init=0.1, alpha=0.5, beta_1=0.8)
    before = run_compiled_stretch.num_traces
    fit(1, max_iter=3, learning_rate_init=0.2, alpha=0.25, beta_1=0.5)
    assert run_compiled_stretch.num_traces == before

    fit(0, max_iter=2, solver="lbfgs")
    before = _measured_compiled.num_traces, _iteration_compiled.num_traces
    fit(1, max_iter=3, solver="lbfgs", alpha=3.0)
    assert (_measured_compiled.num_traces, _iteration_compiled.num_traces) == before


def test_early_stopping_keeps_the_best_score():
    classifier = MLPClassifier(
        (10,), early_stopping=True, learning_rate_init=0.01, random_state=0, max_iter=500
    ).fit(X, Y)
    history = classifier.history_
    assert classifier.n_iter_ < 500
    assert classifier.best_loss_ is None
    assert classifier.best_validation_score_ == max(classifier.validation_scores_)
    assert len(classifier.validation_scores_) == len(classifier.loss_curve_) == len(history)
    # Stopped when so many epochs had brought nothing, and one more.
    scores = np.array(classifier.validation_scores_)
    assert (scores[-11:] < np.maximum.accumulate(scores)[-12:-1] + 1e-4).all()
    best = np.lexsort((history.val_loss, -scores))[0]
    assert f"the weights of epoch {best + 1} are kept" in classifier.message_


@pytest.mark.parametrize("restore_best", [True, False])
def test_the_weights_kept_are_those_it_says(restore_best):
    """On a validation part that is unlike the training part, the last epoch is not the best."""
    X_val, y_val = X[::2], (Y[::2] + 1) % 3
    models: list[Any] = []
    classifier = MLPClassifier(
        (5,),
        max_iter=30,
        learning_rate_init=0.05,
        random_state=0,
        restore_best=restore_best,
        callbacks=[lambda record: models.append(record.model)],
    ).fit(X, Y, X_val=X_val, y_val=y_val)
    scores = [accuracy_score(y_val, model(X_val).argmax(axis=1)) for model in models]
    np.testing.assert_allclose(classifier.validation_scores_, scores, rtol=1e-12)
    best = np.lexsort((classifier.history_.val_loss, -np.array(scores)))[0]
    expected = models[best if restore_best else -1]
    np.testing.assert_array_equal(classifier.decision_function(X), expected(X))
    assert best != 29


def test_validation_scores_of_regression_are_r_squared():
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 100)
    models: list[Any] = []
    targets = np.column_stack([DISEASE, -2.0 * DISEASE + BODY[:, 0] * 500.0])
    regressor = MLPRegressor(
        hidden_layer_sizes=(5,),
        max_iter=4,
        random_state=0,
        callbacks=[lambda record: models.append(record.model)],
    ).fit(
        BODY[100:],
        targets[100:],
        X_val=BODY[:100],
        y_val=targets[:100],
        sample_weight_val=weight,
    )
    expected = []
    for model in models:
        regressor.model_ = model
        predicted = regressor.predict(BODY[:100])
        expected.append(r2_score(targets[:100], predicted, sample_weight=weight))
    np.testing.assert_allclose(regressor.validation_scores_, expected, rtol=1e-9)


def test_adaptive_rates_are_divided_by_five():
    regressor = MLPRegressor(
        hidden_layer_sizes=(),
        solver="sgd",
        learning_rate="adaptive",
        learning_rate_init=0.05,
        tol=1e-3,
        n_iter_no_change=3,
        max_iter=500,
        random_state=0,
    ).fit(BODY, DISEASE)
    rates = regressor.history_.learning_rate
    changes = rates[1:] / rates[:-1]
    assert set(np.round(changes, 12)) == {1.0, 0.2}
    assert rates[-1] < 1e-6 * 5.0
    assert regressor.n_iter_ < 500


def test_verbose_prints_what_scikit_learn_prints(capsys):
    MLPClassifier((3,), verbose=True, tol=1.0, n_iter_no_change=2, random_state=0).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Iteration 1, loss = 1.")
    assert lines[4] == (
        "Training loss did not improve more than tol=1.000000 for 2 consecutive epochs. Stopping."
    )
    assert lines[-1].startswith(
        "Stopped, as the training loss no longer improved, after epoch 4; the weights of epoch"
    )


def test_history_is_measured_alike():
    part = train_test_split(WINE, VINES, random_state=0, stratify=VINES)
    classifier = MLPClassifier((8,), dropout=0.5, max_iter=5, random_state=0, restore_best=False)
    classifier.fit(part[0], part[2], X_val=part[1], y_val=part[3])
    for samples_, labels, column in (
        (part[0], part[2], "train_loss"),
        (part[1], part[3], "val_loss"),
    ):
        log_proba = classifier.predict_log_proba(samples_)
        expected = -np.mean(log_proba[np.arange(len(labels)), labels])
        np.testing.assert_allclose(getattr(classifier.history_, column)[-1], expected, rtol=1e-12)
    penalty = 1e-4 / 2 / len(part[0]) * sum(np.sum(w**2) for w in classifier.coefs_)
    np.testing.assert_allclose(classifier.history_.penalty[-1], penalty, rtol=1e-12)
    assert classifier.loss_ == classifier.loss_curve_[-1]
    assert classifier.loss_ == classifier.history_.train_loss[-1] + classifier.history_.penalty[-1]
    table = classifier.history_.columns()
    assert {len(column) for column in table.values()} == {5}
    assert (table["gradient_norm of layer 2"] > 0).all()


def test_warm_start_goes_on():
    whole = MLPRegressor(hidden_layer_sizes=(4,), solver="sgd", momentum=0, max_iter=6)
    whole.set_params(random_state=0, batch_size=442, restore_best=False)
    parts = MLPRegressor(**{**whole.get_params(), "max_iter": 3, "warm_start": True})
    whole.fit(BODY, DISEASE)
    parts.fit(BODY, DISEASE).fit(BODY, DISEASE)
    np.testing.assert_allclose(parts.predict(BODY), whole.predict(BODY), rtol=1e-12)
    assert parts.n_iter_ == 3
    assert len(parts.loss_curve_) == 6
    assert parts.t_ == whole.t_ == 6 * 442


def test_partial_fit_is_an_epoch_that_goes_on():
    whole = MLPClassifier((4,), max_iter=3, random_state=0, batch_size=150, restore_best=False)
    whole.fit(X, Y)
    parts = MLPClassifier((4,), random_state=0, batch_size=150)
    for _ in range(3):
        parts.partial_fit(X, Y, classes=[0, 1, 2])
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), rtol=1e-12)


def test_class_weights_are_weights_of_samples():
    by_class = MLPClassifier((4,), class_weight={0: 3.0, 2: 0.5}, max_iter=5, random_state=0)
    by_sample = MLPClassifier((4,), max_iter=5, random_state=0)
    weight = np.array([3.0, 1.0, 0.5])[Y]
    np.testing.assert_array_equal(
        by_class.fit(X, Y).predict_proba(X),
        by_sample.fit(X, Y, sample_weight=weight).predict_proba(X),
    )


def test_inputs_of_any_unit_are_learned():
    units = np.array([1e-6, 1.0, 1e6, 1e3])
    scaled = MLPClassifier((8,), standardize=True, random_state=0).fit(X, Y)
    other = MLPClassifier((8,), random_state=0).fit(X * units + 7.0 * units, Y)
    np.testing.assert_allclose(
        other.predict_proba(X * units + 7.0 * units), scaled.predict_proba(X), rtol=1e-6
    )
    raw = MLPClassifier((8,), random_state=0).fit(X, Y)
    assert not isinstance(raw.model_.layers[0], nn.Standardize)
    assert isinstance(scaled.model_.layers[0], nn.Standardize)


def test_targets_of_any_unit_are_learned():
    common: dict[str, Any] = {"hidden_layer_sizes": (5,), "random_state": 0, "max_iter": 50}
    plain = MLPRegressor(**common).fit(BODY, DISEASE)
    other = MLPRegressor(**common).fit(BODY, 1e6 * DISEASE - 3e8)
    np.testing.assert_allclose(other.predict(BODY), 1e6 * plain.predict(BODY) - 3e8, rtol=1e-6)


def test_poisson_predicts_counts():
    generator = np.random.default_rng(0)
    inputs = generator.uniform(-1.0, 1.0, (400, 2))
    rate = np.exp(1.0 + inputs[:, 0])
    regressor = MLPRegressor("poisson", (10,), solver="lbfgs", alpha=1.0, random_state=0)
    predicted = regressor.fit(inputs, generator.poisson(rate)).predict(inputs)
    assert regressor.out_activation_ == "exp"
    assert np.mean(np.abs(predicted - rate) / rate) < 0.15


def test_standardizer_of_blocks_and_weights():
    generator = np.random.default_rng(0)
    n = 2 * arrays.BLOCK + 100
    data = generator.normal(3.0, 2.0, (n, 2)).astype(np.float32)
    data = np.column_stack([data, np.full(n, 0.1, np.float32)])
    weight = generator.integers(0, 3, n).astype(np.float32)
    found = arrays.standardizer(data, weight, np.float64)
    repeated = np.repeat(data.astype(np.float64), weight.astype(int), axis=0)
    np.testing.assert_allclose(found.mean, repeated.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.scale[:2], repeated.std(axis=0)[:2], rtol=1e-12)
    assert found.scale[2] == 1.0


def test_float32_data_is_not_copied(monkeypatch):
    """What is trained on is the memory that was given."""
    seen: list[Any] = []
    inputs = np.ascontiguousarray(WINE, np.float32)
    prepared = epoch.Samples
    original = run_compiled_stretch.__call__

    def watch(self: Any, *args: Any) -> Any:
        seen.extend(a.X for a in args if isinstance(a, prepared))
        return original(*args)

    monkeypatch.setattr(type(run_compiled_stretch), "__call__", watch)
    monkeypatch.setattr("chainrule.training.steps.run_compiled_stretch", run_compiled_stretch)
    MLPClassifier((3,), max_iter=1).fit(inputs, VINES)
    assert seen
    assert all(np.shares_memory(array, inputs) for array in seen)


def test_summary(capsys):
    MLPClassifier((5,), max_iter=1, standardize=True).fit(X, Y).summary()
    assert capsys.readouterr().out.splitlines() == [
        "   layer                    output  parameters",
        "1  Standardize(4)           (n, 4)  0",
        "2  Dense(4 -> 5, relu)      (n, 5)  25",
        "3  Dense(5 -> 3, identity)  (n, 3)  18",
        "43 parameters, 8 numbers that are not trained",
    ]


def test_a_run_that_diverges_is_an_error_or_a_warning():
    with pytest.warns(ConvergenceWarning, match="Diverged in epoch"):
        MLPRegressor(
            hidden_layer_sizes=(5,),
            activation="identity",
            solver="sgd",
            learning_rate_init=3.0,
            random_state=0,
            max_iter=500,
            n_iter_no_change=1000,
        ).fit(BODY, DISEASE)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        MLPRegressor(
            hidden_layer_sizes=(5,), activation="identity", solver="sgd", learning_rate_init=1e300
        ).fit(BODY, DISEASE)


def test_ctrl_c_keeps_the_best_weights():
    def interrupt(record: Any) -> None:
        if record.epoch == 4:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match=r"^Training interrupted by user\.$"):
        classifier = MLPClassifier((5,), callbacks=[interrupt], random_state=0).fit(X, Y)
    assert classifier.n_iter_ == 4
    assert classifier.message_.startswith("Interrupted after 4 of 200 epochs; the weights of")
    np.testing.assert_array_equal(classifier.predict(X), classifier.model_(X).argmax(axis=1))


def test_a_callback_may_stop():
    classifier = MLPClassifier((5,), callbacks=[lambda record: record.epoch == 2]).fit(X, Y)
    assert classifier.n_iter_ == 2
