"""What a search may choose from: texts, lists, declarations, and what is refused."""

import numpy as np
import pytest
import scipy.stats
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chainrule import ChainruleError
from chainrule.estimators import LogisticRegression, MLPClassifier, MLPRegressor
from chainrule.models.declaration import hyperparameters
from chainrule.search import Choice, Span
from chainrule.search.space import Distribution, prepared_spaces

NETWORK = MLPClassifier()


def values(what, name="alpha", estimator=NETWORK):
    (space,) = prepared_spaces(estimator, {name: what})
    return space.dimensions[name].values()


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("1e-5:10:log7", "alpha", (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)),
        ("0:0.5:lin6", "dropout", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        ("0:0.5:6", "dropout", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        ("1e-3:1:4", "learning_rate_init", (1e-3, 1e-2, 0.1, 1.0)),
        ("1:1000:log4", "hidden_layer_sizes", (1, 10, 100, 1000)),
        ("1:3:lin7", "max_iter", (1, 2, 3)),
        ("1:2:lin3", "alpha", (1.0, 1.5, 2.0)),
        ("1e-4, 0.1,1", "alpha", (1e-4, 0.1, 1)),
        ("relu,tanh", "activation", ("relu", "tanh")),
        ("64-32, 16", "hidden_layer_sizes", ((64, 32), 16)),
        ("True,False", "shuffle", (True, False)),
        ("None,batch", "normalization", (None, "batch")),
        ("auto,32", "batch_size", ("auto", 32)),
    ],
)
def test_texts_stand_for_values(text, name, expected):
    found = values(text, name)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


def test_decades_are_the_numbers_one_writes():
    assert values("1e-5:10:log7") == tuple(float(f"1e{k}") for k in range(-5, 2))


@pytest.mark.parametrize("what", [[1e-3, 1.0], (1e-3, 1.0), np.array([1e-3, 1.0])])
def test_lists_are_taken_as_they_are(what):
    assert values(what) == (1e-3, 1.0)


def test_numbers_of_an_estimator_that_declares_nothing():
    (space,) = prepared_spaces(Ridge(), {"alpha": "0.1:10:log3", "max_iter": "1:3:3"})
    assert space.dimensions["alpha"].values() == (0.1, 1.0, 10.0)
    assert space.dimensions["max_iter"].values() == (1, 2, 3)
    assert space.scale("alpha") == "log"


def test_scales_come_from_the_declaration():
    pipeline = make_pipeline(StandardScaler(), MLPClassifier())
    given = {"mlpclassifier__alpha": "1e-3:1", "mlpclassifier__momentum": "0:0.9"}
    (space,) = prepared_spaces(pipeline, given)
    assert space.dimensions["mlpclassifier__alpha"] == Span(1e-3, 1, "log")
    assert space.dimensions["mlpclassifier__momentum"] == Span(0, 0.9, "linear")
    listed = prepared_spaces(NETWORK, {"alpha": [0.1, 0.2], "beta_1": [0.1, 0.2]})[0]
    assert (listed.scale("alpha"), listed.scale("beta_1")) == ("log", None)


def test_dots_stand_for_what_is_declared():
    assert values(...) == tuple(float(f"1e{k}") for k in range(-5, 2))
    assert values(..., "shuffle") == (False, True)
    assert values(..., "activation") == ("relu", "tanh", "logistic")


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor, LogisticRegression])
def test_all_that_is_declared_for_searches_is_allowed(estimator):
    declared = hyperparameters(estimator)
    names = [name for name, what in declared.items() if what.search is not None]
    assert names
    for name in names:
        for value in values(..., name, estimator()):
            declared[name].check(value, "")


def test_draws_are_even_on_the_scale():
    rng = np.random.RandomState(0)
    drawn = np.array([Span(1e-4, 1.0, "log").rvs(rng) for _ in range(4000)])
    assert drawn.min() >= 1e-4
    assert drawn.max() <= 1.0
    counts = np.histogram(np.log10(drawn), bins=4, range=(-4, 0))[0]
    assert scipy.stats.chisquare(counts).pvalue > 1e-3
    whole = [Span(1, 4, integer=True).rvs(rng) for _ in range(100)]
    assert set(whole) == {1, 2, 3, 4}


def test_the_grid_is_in_the_order_of_scikit_learns():
    from sklearn.model_selection import ParameterGrid

    given = {"beta_1": [0.1, 0.2], "alpha": [1.0, 0.5, 0.1]}
    (space,) = prepared_spaces(NETWORK, given)
    assert list(space.grid()) == list(ParameterGrid(given))


KNOWN = ", ".join(sorted(NETWORK.get_params()))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"learning_rate_int": [0.1]},
            "space: MLPClassifier has no hyper-parameter 'learning_rate_int'. Did you mean "
            f"'learning_rate_init'? It has {KNOWN}.",
        ),
        ({}, "space: expected at least one hyper-parameter to vary, got none."),
        ([], "space: expected at least one hyper-parameter to vary, got none."),
        (
            "alpha",
            "space: expected a mapping from names of hyper-parameters to values, or a list of "
            "such, got str; for instance {'alpha': [1e-4, 1e-2]}.",
        ),
        ({"alpha": []}, "space: alpha: expected at least one value to try, got none."),
        ({"alpha": " "}, "space: alpha: expected at least one value to try, got none."),
        (
            {"alpha": 0.1},
            "space: alpha: expected a list of values or a range such as '1e-5:10:log7', got 0.1.",
        ),
        (
            {"alpha": "0:1:log3"},
            "space: alpha: expected a logarithmic range above 0, got 0 to 1; begin at a small "
            "positive number, or list 0 with the other values.",
        ),
        (
            {"alpha": "-1:1:log3"},
            "space: alpha: expected a logarithmic range above 0, got -1 to 1; begin at a small "
            "positive number, or list 0 with the other values.",
        ),
        (
            {"alpha": "1:1:lin3"},
            "space: alpha: expected a range from a lower to a higher number, got 1 to 1.",
        ),
        (
            {"alpha": "10:1:log3"},
            "space: alpha: expected a range from a lower to a higher number, got 10 to 1.",
        ),
        (
            {"alpha": "1:inf"},
            "space: alpha: expected a range from a lower to a higher number, got 1 to inf.",
        ),
        (
            {"alpha": "1:2:log1"},
            "space: alpha: expected at least 2 values of a range, got 1; for one value write it "
            "alone.",
        ),
        (
            {"alpha": "1:2:lag7"},
            "space: alpha: expected a range such as '1e-5:10:log7' or '0:0.5:lin6', got "
            "'1:2:lag7'.",
        ),
        ({"alpha": "one:2"}, "space: alpha: expected a number, got 'one'."),
        (
            {"beta_1": ...},
            "space: beta_1: nothing is declared of what a search usually takes; list values, or "
            "give a range such as '1e-5:10:log7'.",
        ),
        (
            {"momentum": "0:1"},
            "space: momentum: The 'momentum' parameter of MLPClassifier must be a float in the "
            "range [0.0, 1.0). Got 1.0 instead.",
        ),
        (
            {"max_iter": [10, 2.5]},
            "space: max_iter: The 'max_iter' parameter of MLPClassifier must be an int in the "
            "range [1, inf). Got 2.5 instead.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(given, message):
    with pytest.raises(ChainruleError) as caught:
        prepared_spaces(NETWORK, given)
    assert caught.value.message == message


def test_a_drawn_value_that_is_not_allowed_is_refused():
    (space,) = prepared_spaces(NETWORK, {"alpha": scipy.stats.norm()})
    with pytest.raises(ChainruleError) as caught:
        space.check({"alpha": -1.0})
    assert caught.value.message == (
        "space: alpha: The 'alpha' parameter of MLPClassifier must be a float in the range "
        "[0.0, inf) or a sequence with such a value for each layer. Got -1.0 instead."
    )


def test_a_distribution_has_no_grid():
    (space,) = prepared_spaces(NETWORK, {"alpha": scipy.stats.uniform()})
    assert isinstance(space.dimensions["alpha"], Distribution)
    with pytest.raises(ChainruleError) as caught:
        list(space.grid())
    assert caught.value.message == (
        "space: alpha: a grid needs a list or a range such as '1e-5:10:log7', and a distribution "
        "has no values to list; use RandomSearch."
    )


def test_an_unknown_scale_is_refused():
    with pytest.raises(ChainruleError) as caught:
        Span(1, 2, "cubic")
    assert caught.value.message == "expected scale 'linear' or 'log', got 'cubic'."
    assert Choice((1,)).values() == (1,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", 2), "expected a range from one number to another, got 'a' to 2."),
        ((1, 9, "linear", 2.5), "expected a whole number of values of a range, got 2.5."),
        (
            (0.5, 9, "linear", 3, True),
            "expected whole numbers as the ends of a range of them, got 0.5 to 9.",
        ),
    ],
)
def test_ranges_that_make_no_sense_are_refused_when_they_are_made(arguments, message):
    with pytest.raises(ChainruleError) as caught:
        Span(*arguments)
    assert caught.value.message == message
