"""Options of hyper-parameters are what is declared, and nothing else."""

import math

import pytest
import typer

from chainrule._errors import InvalidArgumentError
from chainrule.cli import _options
from chainrule.cli._options import DECLARED, checked, option_name, shown
from chainrule.models import NetworkClassifier, NetworkRegressor, hyperparameters


def parse(name, text):
    return _options._parser(_options._kinds(DECLARED[name]))(text)


def test_every_hyper_parameter_is_an_option_or_left_out_on_purpose():
    declared = {**hyperparameters(NetworkClassifier), **hyperparameters(NetworkRegressor)}
    assert set(declared) - set(DECLARED) == {
        *("callbacks", "random_state", "validation_fraction", "verbose", "warm_start")
    }
    assert [declared[name].default for name in DECLARED if name != "loss"] == [
        DECLARED[name][0].default for name in DECLARED if name != "loss"
    ]


def test_names_of_options():
    names = {name: option_name(name) for name in DECLARED}
    assert names["hidden_layer_sizes"] == "--hidden"
    assert names["solver"] == "--optimizer"
    assert names["learning_rate_init"] == "--learning-rate"
    assert names["alpha"] == "--l2"
    assert names["max_iter"] == "--epochs"
    assert names["batch_size"] == "--batch-size"
    assert names["kernel_init"] == "--init"
    assert len(set(names.values())) == len(names)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("hidden_layer_sizes", "50", 50),
        ("hidden_layer_sizes", "50,20", (50, 20)),
        ("hidden_layer_sizes", "50, 20", (50, 20)),
        ("hidden_layer_sizes", "none", ()),
        ("activation", "tanh", "tanh"),
        ("activation", "tanh,relu", ("tanh", "relu")),
        ("solver", "newton-cg", "newton-cg"),
        ("alpha", "1e-3", 0.001),
        ("alpha", "0,0.5", (0.0, 0.5)),
        ("batch_size", "auto", "auto"),
        ("batch_size", "32", 32),
        ("standardize", "true", True),
        ("standardize", "auto", "auto"),
        ("n_iter_no_change", "inf", math.inf),
        ("dtype", "float32", "float32"),
        ("class_weight", "balanced", "balanced"),
        ("quantiles", "0.1,0.9", (0.1, 0.9)),
        ("loss", "huber", "huber"),
    ],
)
def test_values_are_read(name, text, value):
    found = parse(name, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "hidden_layer_sizes",
            "fifty",
            "expected a whole number of 1 or more or one for each layer, with commas between, got "
            "'fifty'.",
        ),
        ("learning_rate_init", "0", "expected a number above 0, got '0'."),
        ("learning_rate_init", "inf", "expected a number above 0, got 'inf'."),
        ("learning_rate_init", "nan", "expected a number above 0, got 'nan'."),
        ("momentum", "1", "expected a number from 0 to below 1, got '1'."),
        ("max_iter", "2.5", "expected a whole number of 1 or more, got '2.5'."),
        ("max_norm", "-1", "expected a number above 0 or none, got '-1'."),
        (
            "solver",
            "adma",
            "expected adagrad, adam, adamw, rmsprop, rprop, sgd, bfgs, lbfgs or newton-cg, got "
            "'adma'. Did you mean 'adam'?",
        ),
        (
            "quantiles",
            "0.1,1",
            "expected a number above 0 and below 1 for each, with commas between, got '0.1,1'.",
        ),
    ],
)
def test_values_out_of_range_are_refused(name, text, message):
    with pytest.raises(typer.BadParameter) as raised:
        parse(name, text)
    assert raised.value.message == message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((50, 20), "50,20"),
        ((), "none"),
        (None, "none"),
        (True, "true"),
        (0.0001, "0.0001"),
        (100, "100"),
        ("adam", "adam"),
    ],
)
def test_values_are_shown_as_they_are_written(value, text):
    assert shown(value) == text


@pytest.mark.parametrize("name", list(DECLARED))
def test_defaults_are_read_back(name):
    for declared in DECLARED[name]:
        text = shown(declared.default)
        if declared.default == (100,):
            assert parse(name, text) == 100
        elif text in ("true", "false"):
            assert str(declared.default).lower() == text
        else:
            assert parse(name, text) == declared.default


@pytest.mark.parametrize(
    ("settings", "model", "message"),
    [
        (
            {"loss": "gaussian"},
            NetworkClassifier,
            "--loss: expected hinge, log_loss, perceptron or squared_error for a classification, "
            "got gaussian, which is for a regression.",
        ),
        (
            {"class_weight": "balanced"},
            NetworkRegressor,
            "--class-weight: expected a classification, got a regression.",
        ),
        (
            {"quantiles": (0.5,)},
            NetworkClassifier,
            "--quantiles: expected a regression, got a classification.",
        ),
    ],
)
def test_what_does_not_fit_the_task_is_refused(settings, model, message):
    with pytest.raises(InvalidArgumentError) as raised:
        checked(settings, model)
    assert raised.value.message == message
