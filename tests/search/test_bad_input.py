"""What makes no sense is refused before anything is trained, in words."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import FitFailedWarning, UndefinedMetricWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, PredefinedSplit
from sklearn.neighbors import KNeighborsClassifier

import chainrule as cr
from chainrule import ChainruleError
from chainrule.estimators import LogisticRegression, MLPClassifier
from chainrule.search import GridSearch

X, Y = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)


class NeverFitted(MLPClassifier):
    """Fails a test in which it comes to training."""

    def fit(self, X, y, **params):
        raise AssertionError("this came to training")


def refusal(X=X, y=Y, estimator=None, space=None, **settings):
    estimator = estimator or NeverFitted()
    search = GridSearch(estimator, space or {"alpha": [0.1]}, error_score="raise", **settings)
    with pytest.raises(ChainruleError) as caught:
        search.fit(X, y)
    assert not hasattr(search, "results_")
    return caught.value


CORES = cr.get_threads()


@pytest.mark.parametrize(
    ("n_jobs", "message"),
    [
        ("many", "expected a number of threads, -1 for all cores or None, got 'many'."),
        (1.5, "expected a number of threads, -1 for all cores or None, got 1.5."),
        (True, "expected a number of threads, -1 for all cores or None, got True."),
        *[
            (
                n,
                f"expected 1 to 256 threads, or -1 to -{CORES} for all of the {CORES} cores, all "
                f"but one and so on, got {n}.",
            )
            for n in (0, 1000, -CORES - 1)
        ],
    ],
)
def test_numbers_of_threads(n_jobs, message):
    assert refusal(n_jobs=n_jobs).message == f"n_jobs: {message}"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"estimator": NeverFitted},
            "GridSearch: estimator: expected an estimator such as MLPClassifier(), got "
            f"{NeverFitted!r}.",
        ),
        (
            {"scoring": "acuracy"},
            "scoring: there is no metric 'acuracy'. Did you mean 'accuracy'? All are listed by "
            "sklearn.metrics.get_scorer_names().",
        ),
        (
            {"scoring": {"loss": "log_loss"}, "refit": "loss"},
            "scoring: there is no metric 'log_loss'. Did you mean 'neg_log_loss'? All are listed "
            "by sklearn.metrics.get_scorer_names().",
        ),
        ({"holdout": 1.0}, "holdout: expected a share above 0 and below 1, got 1.0."),
        ({"holdout": 2}, "holdout: expected a share above 0 and below 1, got 2."),
        ({"holdout": 0.2, "cv": 5}, "cv, holdout: expected one of both, got cv=5 and holdout=0.2."),
        ({"seeds": 0}, "seeds: expected an integer of at least 1, got 0."),
        ({"seeds": 2.0}, "seeds: expected an integer of at least 1, got 2.0."),
        (
            {"seeds": 2, "estimator": KNeighborsClassifier(), "space": {"n_neighbors": [1]}},
            "seeds: KNeighborsClassifier has no random_state, so that all seeds would give the "
            "same; leave seeds out.",
        ),
        (
            {"seeds": 2, "space": {"random_state": [1, 2]}},
            "seeds: random_state is varied by the space already; leave one of both out.",
        ),
        (
            {"callback": "print"},
            "callback: expected a function of a Progress or None, got 'print'.",
        ),
        ({"cv": iter([])}, "cv: expected at least one fold, got none of "),
    ],
)
def test_settings(settings, message):
    found = refusal(**settings).message
    assert found == message or (message.endswith("of ") and found.startswith(message))


def test_a_random_state_that_cannot_be_counted_up():
    state = np.random.RandomState(0)
    assert refusal(estimator=NeverFitted(random_state=state), seeds=2).message == (
        f"seeds: expected None or an integer as random_state to count up from, got {state!r}."
    )


def test_a_wrong_error_score():
    with pytest.raises(ChainruleError) as caught:
        GridSearch(Ridge(), {"alpha": [1.0]}, error_score="nan").fit(*DIABETES)
    assert caught.value.message == "error_score: expected 'raise' or a number, got 'nan'."


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        (
            {"scoring": "roc_auc"},
            "scoring: roc_auc_score does not fit a target that is multiclass: multi_class must be",
        ),
        (
            {"scoring": ["accuracy", "f1"], "refit": "f1"},
            "scoring: 'f1' does not fit a target that is multiclass: Target is multiclass but "
            "average='binary'.",
        ),
        (
            {"estimator": Ridge(), "X": DIABETES[0], "y": DIABETES[1] + 0.5, "scoring": "accuracy"},
            "scoring: accuracy_score does not fit a target that is continuous: ",
        ),
        (
            {
                "estimator": Ridge(),
                "X": DIABETES[0],
                "y": -DIABETES[1],
                "scoring": "neg_mean_poisson_deviance",
            },
            "scoring: mean_poisson_deviance does not fit a target that is multiclass: ",
        ),
    ],
)
def test_metrics_that_do_not_fit_the_target(settings, start):
    assert refusal(**settings).message.startswith(start)


@pytest.mark.parametrize("scoring", ["roc_auc_ovr", "neg_log_loss", "f1_macro", "top_k_accuracy"])
def test_metrics_that_do_fit_are_let_through(scoring):
    search = GridSearch(LogisticRegression(), {"C": [1.0]}, scoring=scoring, cv=2).fit(X, Y)
    assert np.isfinite(search.best_score_)


@pytest.mark.parametrize(
    ("cv", "groups", "missing"), [(KFold(3), {}, 0), (GroupKFold(3), {"groups": Y}, 2)]
)
def test_folds_that_train_without_a_class(cv, groups, missing):
    with pytest.raises(ChainruleError) as caught:
        GridSearch(NeverFitted(), {"alpha": [0.1]}, cv=cv).fit(X, Y, **groups)
    assert caught.value.message == (
        f"cv: fold 0 trains without samples of class {missing}, which it then cannot "
        "tell from others; use folds that keep classes in proportion (StratifiedKFold) or fewer of "
        "them, or leave out classes with few samples."
    )


def test_folds_with_nothing_in_them():
    folds = [(np.arange(150), np.array([], int))]
    assert refusal(cv=folds).message == "cv: fold 0 has no rows that are held out; use fewer folds."
    everything = PredefinedSplit(np.zeros(150))
    assert refusal(cv=everything).message == (
        "cv: fold 0 has no rows that are trained with; use fewer folds."
    )


def test_callbacks_of_scikit_learn_are_refused():
    from sklearn.callback import ProgressBar

    with pytest.raises(NotImplementedError) as caught:
        GridSearch(Ridge(), {"alpha": [1.0]}).set_callbacks(ProgressBar())
    assert caught.value.message == (
        "GridSearch calls no callbacks of scikit-learn; callback= is told of every fit."
    )


class Odd(BaseEstimator):
    """An estimator without a score."""

    def __init__(self, a=1):
        self.a = a

    def fit(self, X, y=None):
        return self


def test_a_metric_that_is_no_number():
    search = GridSearch(Odd(), {"a": [1]}, scoring=lambda *_: "high", cv=2, error_score="raise")
    with pytest.raises(ChainruleError) as caught:
        search.fit(X)
    assert caught.value.message == "high"
    search.set_params(scoring=lambda *_: [1.0, 2.0])
    with pytest.raises(ChainruleError) as caught:
        search.fit(X)
    assert caught.value.message == (
        "expected a number for the metric 'score', got [1.0, 2.0] (list)."
    )


def test_a_metric_without_a_value_is_a_failure_that_says_so():
    search = GridSearch(Ridge(), {"alpha": [1.0, 2.0]}, cv=LeaveOneOut())
    with pytest.warns((UndefinedMetricWarning, FitFailedWarning)):
        search.fit(DIABETES[0][:4], DIABETES[1][:4])
    assert (search.results_.status == "failed").all()
    with pytest.raises(ChainruleError) as caught:
        _ = search.best_params_
    assert caught.value.message == (
        "GridSearch has no best_params_: 0 of 8 fits done, 8 failed. The first reason: scoring: "
        "MetricError: the score of a fold is not a number."
    )
