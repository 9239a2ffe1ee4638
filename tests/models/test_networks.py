"""Networks without scikit-learn are those of the estimators, and load none of it."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.utils import check_random_state

from chainrule import datasets
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.estimators import MLPClassifier, MLPRegressor, hyperparameters
from chainrule.models import NetworkClassifier, NetworkRegressor
from chainrule.models.declaration import RandomState, drawn_seed, random_generator

WINE = datasets.load("wine")
DIABETES = datasets.load("diabetes")

SETTINGS = [
    {"hidden_layer_sizes": (7, 5), "max_iter": 12, "random_state": 3},
    {"early_stopping": True, "max_iter": 30, "random_state": 0, "batch_size": 32},
    {"solver": "lbfgs", "max_iter": 8, "random_state": 1, "alpha": 0.5},
    {"dropout": 0.3, "normalization": "batch", "max_iter": 5, "random_state": 2},
    {"dtype": "float32", "solver": "sgd", "learning_rate": "adaptive", "max_iter": 9, "tol": 0.1}
    | {"random_state": 4},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize(
    ("network", "estimator", "data"),
    [(NetworkClassifier, MLPClassifier, WINE), (NetworkRegressor, MLPRegressor, DIABETES)],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_same_weights_bit_for_bit(network, estimator, data, settings):
    X, y = data.features, data.target
    ours = network(**settings).fit(X, y)
    theirs = estimator(**settings).fit(X, y)
    assert len(ours.history_) == len(theirs.history_)
    for mine, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.message_ == theirs.message_


def test_they_have_the_same_hyper_parameters():
    assert hyperparameters(NetworkClassifier) == hyperparameters(MLPClassifier)
    assert hyperparameters(NetworkRegressor) == hyperparameters(MLPRegressor)


def test_nothing_of_scikit_learn_is_loaded():
    code = (
        "import sys; from chainrule import datasets, models; d = datasets.load('xor'); "
        "n = models.NetworkClassifier(max_iter=2, random_state=0).fit(d.features, d.target); "
        "n.predict_proba(d.features); "
        "print(sorted({'sklearn', 'scipy.stats', 'pandas'} & {*sys.modules}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


@pytest.mark.parametrize("seed", [0, 7, np.int64(5)])
def test_seeds_are_scikit_learns(seed):
    expected = check_random_state(seed).randint(1 << 30, size=5)
    np.testing.assert_array_equal(random_generator(seed).randint(1 << 30, size=5), expected)


def test_a_generator_stands_for_itself_and_none_for_numpys():
    generator = np.random.RandomState(1)
    assert random_generator(generator) is generator
    assert random_generator(None) is check_random_state(None)


@pytest.mark.parametrize("seed", [0, 7, np.int64(5), 2**32 - 1, True])
def test_a_seed_drawn_is_the_first_number_of_scikit_learns_generator(seed):
    expected = check_random_state(int(seed)).randint(np.iinfo(np.int32).max)
    assert [drawn_seed(seed), drawn_seed(seed)] == [expected, expected]


def test_a_seed_drawn_from_a_generator_is_its_next_number():
    ours, peer = np.random.RandomState(1), np.random.RandomState(1)
    expected = peer.randint(np.iinfo(np.int32).max, size=3).tolist()
    assert [drawn_seed(ours) for _ in range(3)] == expected
    check_random_state(None).set_state(np.random.RandomState(1).get_state())
    assert drawn_seed(None) == expected[0]


def test_threads_draw_seeds_of_their_own():
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(drawn_seed, [*range(50)] * 20))
    assert found == [check_random_state(s).randint(2**31 - 1) for s in range(50)] * 20


@pytest.mark.parametrize("value", [0, 2**32 - 1, 2**32, -1, 1.0, "a", None, np.random])
def test_what_a_seed_is(value):
    try:
        check_random_state(value)
    except ValueError:
        accepted = False
    else:
        accepted = True
    assert RandomState().accepts(value) is accepted


def test_plain_arrays_are_checked():
    network = NetworkClassifier(max_iter=1, random_state=0)
    with pytest.raises(ShapeError) as raised:
        network.fit(np.zeros(4), np.zeros(4))
    assert raised.value.message == "X: expected shape (n_samples, n_features), got (4,)."
    network.fit(WINE.features, WINE.target)
    with pytest.raises(ShapeError) as raised:
        network.predict(WINE.features[:, :5])
    assert raised.value.message == "X: expected 13 features, as in training, got 5."
    X = WINE.features.copy()
    X[3, 2] = np.nan
    with pytest.raises(InvalidArgumentError, match="contains NaN, in row 3, column 2"):
        network.predict(X)


def test_the_message_says_why_training_stopped():
    settings = {"max_iter": 50, "tol": 10.0, "n_iter_no_change": 2, "random_state": 0}
    network = NetworkClassifier(**settings).fit(WINE.features, WINE.target)
    start = "Stopped, as the training loss no longer improved, after epoch 4; the weights of epoch"
    assert network.message_.startswith(start)
    network = NetworkClassifier(**settings, early_stopping=True).fit(WINE.features, WINE.target)
    assert network.message_.startswith("Stopped, as the validation score no longer improved, after")
    network = NetworkClassifier(max_iter=9, callbacks=(lambda record: record.epoch == 2,))
    network.fit(WINE.features, WINE.target)
    assert network.message_.startswith("Stopped by a callback after epoch 2;")
    assert network.stopped_ == "callback"


def test_learning_rate_search_begins_where_fit_does():
    settings = {"hidden_layer_sizes": (6,), "random_state": 0, "batch_size": 178}
    network = NetworkClassifier(**settings, alpha=0.0, learning_rate="cosine")
    search = network.find_learning_rate(WINE.features, WINE.target)
    assert not hasattr(network, "model_")
    # The first loss is that of the initial weights, before any step.
    tiny = NetworkClassifier(**settings, alpha=0.0, learning_rate_init=1e-12, max_iter=1)
    tiny.fit(WINE.features, WINE.target)
    np.testing.assert_allclose(search.losses[0], tiny.history_.train_loss[0], rtol=1e-9)


@pytest.mark.parametrize("solver", ["lbfgs", "rprop"])
def test_learning_rate_search_needs_steps_over_batches(solver):
    with pytest.raises(InvalidArgumentError) as raised:
        NetworkRegressor(solver=solver).find_learning_rate(DIABETES.features, DIABETES.target)
    assert raised.value.message == (
        "find_learning_rate: solver: expected one that takes steps over mini-batches, such as "
        f"'adam' or 'sgd', got {solver!r}."
    )


def test_validation_samples_are_set_aside_in_proportion():
    counts = []
    network = NetworkClassifier(
        early_stopping=True, validation_fraction=0.25, max_iter=1, random_state=0
    )
    problem = network._read(WINE.features, WINE.target, None, None, reset=True, incremental=False)
    for part in (problem.train, problem.validation):
        counts.append(np.bincount(part.y).tolist())
    # 59, 71 and 48 samples; a quarter of 178 is 44.5, rounded up to 45.
    assert counts == [[44, 53, 36], [15, 18, 12]]


def test_estimators_search_as_their_networks_do():
    settings = {"hidden_layer_sizes": (5,), "random_state": 1}
    X, y = DIABETES.features, DIABETES.target
    ours = NetworkRegressor(**settings).find_learning_rate(X, y)
    theirs = MLPRegressor(**settings).find_learning_rate(X.tolist(), y.tolist())
    np.testing.assert_array_equal(ours.losses, theirs.losses)
    assert ours.suggestion == theirs.suggestion
