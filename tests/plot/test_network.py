"""Networks drawn: what stands for which weight, and what is left out."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgba

import chainrule as cr
from chainrule import nn, optim, random, training
from chainrule._errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from chainrule.plot import NetworkDisplay, NetworkStructure

SMALL = nn.Sequential(
    (
        nn.Dense(np.array([[0.5, -2.0], [0.0, 1.0]]), np.array([1.0, -1.0]), nn.relu),
        nn.Dense(np.array([[-1.0], [0.25]]), np.array([0.5])),
    )
)


def segments(lines):
    """Return the weight drawn between each two points."""
    return {
        tuple(map(tuple, segment)): weight
        for segment, weight in zip(lines.get_segments(), lines.get_array(), strict=True)
    }


def test_lines_carry_the_weights_between_their_units():
    display = NetworkDisplay.from_model(SMALL)
    first, second = display.lines_
    # The first unit of a column is at the top.
    assert segments(first) == {
        ((0, 0.5), (1, 0.5)): 0.5,
        ((0, 0.5), (1, -0.5)): -2.0,
        ((0, -0.5), (1, 0.5)): 0.0,
        ((0, -0.5), (1, -0.5)): 1.0,
    }
    assert segments(second) == {((1, 0.5), (2, 0.0)): -1.0, ((1, -0.5), (2, 0.0)): 0.25}
    widths = dict(zip(first.get_array(), first.get_linewidths(), strict=True))
    assert widths == pytest.approx({0.0: 0.2, 0.5: 0.9, 1.0: 1.6, -2.0: 3.0})
    dashed = {
        weight: pattern is not None
        for weight, (_, pattern) in zip(first.get_array(), first.get_linestyles(), strict=True)
    }
    assert dashed == {0.0: False, 0.5: False, 1.0: False, -2.0: True}
    assert (first.norm.vmin, first.norm.vmax) == (-2.0, 2.0)
    assert second.norm.vmax == 2.0


def test_circles_carry_the_biases():
    from matplotlib import colormaps

    display = NetworkDisplay.from_model(SMALL)
    inputs, hidden, _ = display.units_
    assert inputs.get_facecolor().tolist() == [list(to_rgba("white"))]
    np.testing.assert_allclose(hidden.get_facecolor(), colormaps["PuOr"]([1.0, 0.0]))
    assert [pattern is not None for _, pattern in hidden.get_linestyles()] == [False, True]


def test_heads_and_names():
    display = NetworkDisplay.from_model(SMALL, feature_names=["a", "b"], class_names=["mass"])
    assert [text.get_text() for text in display.texts_] == [
        "2\ninputs",
        "2\nrelu",
        "1\noutput",
        "a",
        "b",
        "mass",
    ]


def test_describe_and_table():
    display = NetworkDisplay.from_model(SMALL, feature_names=["a", "b"], class_names=["mass"])
    assert display.describe() == (
        "2 inputs, 1 hidden layer of 2 units, 1 output: 9 weights and biases. Layer 1 (2 -> 2, "
        "relu): weights from -2 to 1, biases from -1 to 1; the strongest weight is -2, from a to "
        "unit 2. Layer 2 (2 -> 1): weights from -1 to 0.25, biases from 0.5 to 0.5; the strongest "
        "weight is -1, from unit 1 to mass."
    )
    frame = display.to_frame()
    assert frame.query("layer == 1 and source == 'a' and unit == 'unit 2'")["value"].item() == -2.0
    assert frame.query("layer == 1 and source == 'bias'")["value"].tolist() == [1.0, -1.0]
    assert len(frame) == 9
    assert frame["drawn"].all()


def test_wide_layers_are_elided():
    model = nn.mlp(random.key(0), (784, 30, 1, 10))
    display = NetworkDisplay.from_model(model, max_units=6)
    assert [len(units.get_offsets()) for units in display.units_] == [6, 6, 1, 6]
    drawn = np.r_[0:3, 781:784]
    expected = model.layers[0].kernel[np.ix_(drawn, np.r_[0:3, 27:30])]
    assert sorted(segments(display.lines_[0]).values()) == sorted(expected.ravel())
    # The gap for the dots is as wide as a unit.
    heights = display.units_[0].get_offsets()[:, 1]
    assert heights.tolist() == [3.0, 2.0, 1.0, -1.0, -2.0, -3.0]
    assert [text.get_text() for text in display.ax_.texts].count("⋮") == 3
    assert [text.get_text() for text in display.texts_] == [
        "784\ninputs",
        "30\nrelu",
        "1\nrelu",
        "10\noutputs",
    ]
    frame = display.to_frame()
    assert frame["drawn"].sum() == 36 + 6 + 6 * 1 + 1 + 1 * 6 + 6
    assert len(frame) == 784 * 30 + 30 + 30 + 1 + 10 + 10
    assert display.describe().endswith("At most 6 units of a layer are drawn.")


def test_notes_and_connections_past_blocks():
    model = nn.mlp(
        random.key(0), (3, 4, 4, 4, 2), normalization="batch", dropout=0.25, residual=True
    )
    structure = NetworkStructure.of_model(model)
    assert structure.widths == [3, 4, 4, 4, 2]
    assert structure.connections[1].notes == ["batch norm", "relu", "dropout 0.25"]
    assert structure.skips == [(1, 2), (2, 3)]
    display = NetworkDisplay(structure).plot()
    arrows = [text for text in display.ax_.texts if getattr(text, "arrow_patch", None)]
    assert [(arrow.xyann[0], arrow.xy[0]) for arrow in arrows] == [(1, 2), (2, 3)]
    assert "Connections lead past layers 2, 3." in display.describe()


def test_blocks_without_weights_and_shortcuts_with_some():
    wider = nn.Dense(np.ones((2, 3)), np.zeros(3))
    model = nn.Sequential(
        (nn.Residual(nn.Apply(nn.relu)), nn.Residual(wider, nn.Dense(np.ones((2, 3)), np.ones(3))))
    )
    structure = NetworkStructure.of_model(model)
    assert structure.input_notes == ["relu"]
    assert structure.skips == [(0, 1)]
    assert structure.connections[0].notes == ["shortcut Dense(2 -> 3, identity)"]


def test_deep_networks_are_summed_up():
    model = nn.mlp(random.key(0), (3, *[4] * 9, 2))
    strongest = max(
        (np.abs(layer.kernel).max(), number) for number, layer in enumerate(model.layers, 1)
    )
    text = NetworkDisplay(NetworkStructure.of_model(model)).describe()
    assert text.startswith(
        "3 inputs, 9 hidden layers of 4 units each, 2 outputs: 186 weights and biases. The "
        f"strongest weight is in the following. Layer {strongest[1]} "
    )
    assert text.count("Layer ") == 1


def test_estimators_bring_their_names():
    import pandas as pd

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(5.0, 30.0, (20, 2)), columns=["height", "weight"])
    y = np.where(frame["height"] > 5.0, "tall", "small")
    network = cr.MLPClassifier((3,), solver="lbfgs", random_state=0, tol=0.1).fit(frame, y)
    display = NetworkDisplay.from_estimator(network)
    texts = [text.get_text() for text in display.texts_]
    assert texts == [
        "2\ninputs\nstandardized",
        "3\nrelu\n",
        "1\noutput\n",
        "height",
        "weight",
        "tall",
    ]
    assert sorted(segments(display.lines_[0]).values()) == sorted(network.coefs_[0].ravel())
    assert "The inputs are first standardized." in display.describe()


def test_linear_models_are_networks_of_one_layer():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    classifier = cr.LogisticRegression().fit(X, np.arange(30) % 3)
    display = NetworkDisplay.from_estimator(classifier)
    frame = display.to_frame()
    weights = frame.query("source != 'bias'").pivot(index="unit", columns="source", values="value")
    np.testing.assert_array_equal(weights, classifier.coef_)
    assert frame.query("source == 'bias'")["value"].tolist() == classifier.intercept_.tolist()
    line = cr.LinearRegression(fit_intercept=False).fit(X, X @ [1.0, -3.0])
    display = NetworkDisplay.from_estimator(line)
    assert sorted(segments(display.lines_[0]).values()) == pytest.approx([-3.0, 1.0])


def test_the_model_of_a_result():
    result = training.fit(
        nn.mlp(random.key(0), (1, 1)),
        nn.mean_squared_error,
        optim.sgd(0.1),
        np.ones((4, 1)),
        np.ones((4, 1)),
        epochs=2,
        key=random.key(1),
    )
    display = NetworkDisplay.from_model(result)
    assert list(display.lines_[0].get_array()) == result.model.layers[0].kernel[0].tolist()


def test_texts_of_neighbours_do_not_overlap():
    model = nn.mlp(random.key(0), (3, *[4] * 12, 2), normalization="batch", dropout=0.1)
    display = NetworkDisplay.from_model(model)
    display.figure_.draw_without_rendering()
    boxes = [text.get_window_extent() for text in display.texts_]
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(boxes))
    assert boxes[0].x0 >= 0.0
    assert boxes[-1].x1 <= display.figure_.bbox.width


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: NetworkDisplay.from_model(nn.Sequential([nn.Apply(nn.relu)])),
            ArgumentTypeError,
            "expected a model with dense layers, such as nn.mlp makes, got "
            "Sequential(Apply(relu)).",
        ),
        (
            lambda: NetworkDisplay.from_model(nn.Sequential([SMALL, SMALL])),
            ShapeError,
            "expected 1 unit to go on to the next dense layer, got Dense(2 -> 2, relu); a layer "
            "between them changes their number, which cannot be drawn.",
        ),
        (
            lambda: NetworkDisplay.from_model(SMALL, feature_names=["a"]),
            InvalidArgumentError,
            "NetworkDisplay: feature_names: expected 2 names, got 1.",
        ),
        (
            lambda: NetworkDisplay.from_model(SMALL, max_units=1),
            InvalidArgumentError,
            "NetworkDisplay: max_units: expected an integer of at least 2, got 1.",
        ),
        (
            lambda: NetworkDisplay.from_model(nn.Dense(np.array([[np.nan]]), np.zeros(1))),
            InvalidArgumentError,
            "NetworkDisplay: weights of layer 1: expected finite numbers, got [nan] in row 0; "
            "leave such samples out.",
        ),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert caught.value.message == message


def test_models_without_scikit_learn():
    from chainrule.models import NetworkRegressor

    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 2))
    network = NetworkRegressor(hidden_layer_sizes=(3,), solver="lbfgs", tol=0.1, random_state=0)
    with pytest.raises(InvalidArgumentError) as caught:
        NetworkDisplay.from_estimator(network)
    assert caught.value.message == (
        f"from_estimator: expected a fitted estimator, got {network!r}; call fit first."
    )
    network.fit(X, X[:, 0])
    display = NetworkDisplay.from_estimator(network)
    assert sorted(segments(display.lines_[1]).values()) == sorted(network.coefs_[1].ravel())


def test_other_estimators_are_refused():
    from sklearn.exceptions import NotFittedError
    from sklearn.neighbors import KNeighborsClassifier

    with pytest.raises(ArgumentTypeError) as caught:
        NetworkDisplay.from_estimator(KNeighborsClassifier(1).fit([[0.0], [1.0]], [0, 1]))
    assert caught.value.message == (
        "expected a network or a linear model, with model_ or coef_, got KNeighborsClassifier."
    )
    with pytest.raises(NotFittedError, match="This MLPRegressor instance is not fitted yet"):
        NetworkDisplay.from_estimator(cr.MLPRegressor())
