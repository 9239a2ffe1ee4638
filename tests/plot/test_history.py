"""Histories: what is drawn is what was recorded."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, random, training
from chainrule._errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from chainrule.plot import HistoryDisplay

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), RNG.normal(size=(40, 1))


@pytest.fixture(scope="module", name="result")
def fixture_result():
    return training.fit(
        nn.mlp(random.key(0), (3, 5, 1)),
        nn.mean_squared_error,
        optim.adam(0.05),
        X[:30],
        Y[:30],
        X_val=X[30:],
        y_val=Y[30:],
        epochs=30,
        key=random.key(1),
    )


def test_losses_of_a_result(result):
    display = HistoryDisplay.from_history(result)
    assert [line.get_label() for line in display.lines_] == ["training", "validation"]
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), result.history.train_loss)
    np.testing.assert_array_equal(display.lines_[1].get_ydata(), result.history.val_loss)
    np.testing.assert_array_equal(display.lines_[1].get_xdata(), np.arange(1, 31))
    assert list(display.best_line_.get_xdata()) == [result.best_epoch, result.best_epoch]
    assert result.best_epoch == np.argmin(result.history.val_loss) + 1
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["training", "validation", f"weights kept: epoch {result.best_epoch}"]
    assert display.ax_.get_xlabel() == "epoch"
    assert display.ax_.get_ylabel() == "loss"
    frame = display.to_frame()
    assert list(frame.columns) == ["epoch", "training", "validation"]
    np.testing.assert_array_equal(frame["validation"], result.history.val_loss)


def test_norms_have_a_line_for_each_layer(result):
    display = HistoryDisplay.from_history(result.history, quantity="gradient_norm", log=True)
    assert display.best_line_ is None
    assert display.ax_.get_yscale() == "log"
    drawn = np.stack([line.get_ydata() for line in display.lines_], axis=1)
    np.testing.assert_array_equal(drawn, result.history.gradient_norm)
    assert list(display.curves) == list(result.history.layers)


def test_a_classifier_has_losses_and_scores():
    labels = np.where(X[:, 0] > 0.0, "b", "a")
    network = cr.MLPClassifier((4,), max_iter=5, random_state=0, solver="lbfgs", tol=1e-30)
    with pytest.warns(UserWarning, match="STOP"):
        network.fit(X[:30], labels[:30], X_val=X[30:], y_val=labels[30:])
    losses = HistoryDisplay.from_estimator(network)
    np.testing.assert_array_equal(losses.lines_[0].get_ydata(), network.history_.train_loss)
    scores = HistoryDisplay.from_estimator(network, quantity="score")
    (line,) = scores.lines_
    np.testing.assert_array_equal(line.get_ydata(), network.validation_scores_)
    assert "highest" in scores.describe()
    for display in (losses, scores):
        assert list(display.best_line_.get_xdata()) == [network.best_epoch_] * 2
    assert scores.describe().endswith(f"The weights of epoch {network.best_epoch_} are kept.")


def test_pipelines_searches_and_linear_models():
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    line = cr.LinearRegression(solver="gradient_descent")
    pipeline = make_pipeline(StandardScaler(), line).fit(X, Y[:, 0])
    display = HistoryDisplay.from_estimator(pipeline)
    np.testing.assert_array_equal(display.curves["training"], pipeline[-1].history_.train_loss)
    assert display.best_line_ is None
    search = GridSearchCV(line, {"tol": [1e-3]}, cv=2).fit(X, Y[:, 0])
    display = HistoryDisplay.from_estimator(search)
    best = search.best_estimator_
    np.testing.assert_array_equal(display.curves["training"], best.history_.train_loss)


def test_a_perceptron_has_a_share_of_mistakes():
    gate = cr.Perceptron(shuffle=False)
    gate.fit(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), [0, 0, 0, 1])
    display = HistoryDisplay.from_estimator(gate)
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), gate.history_.train_loss)
    assert display.describe().startswith(f"The loss over {gate.n_iter_} epochs. training: from ")


def test_describe_says_where_the_curves_part():
    curves = {"training": [0.8, 0.4, 0.3, 0.2], "validation": [0.9, 0.5, 0.6, 0.75]}
    assert HistoryDisplay(curves, best_epoch=2).describe() == (
        "The loss over 4 epochs. training: from 0.8 to 0.2, lowest 0.2 at epoch 4. validation: "
        "from 0.9 to 0.75, lowest 0.5 at epoch 2. The curves part after epoch 2: until the last "
        "epoch, validation rises by 50 % and training falls by 50 %. The weights of epoch 2 are "
        "kept."
    )


@pytest.mark.parametrize(
    ("curves", "expected"),
    [
        (
            {"training": [0.8, 0.4], "validation": [0.9, 0.5]},
            "The validation loss is lowest at the end: it still falls.",
        ),
        (
            {"training": [0.4, 0.8], "validation": [0.5, 1.0]},
            "Both losses are higher after epoch 1: until the last epoch, validation rises by "
            "100 % and training rises by 100 %.",
        ),
        (
            {"training": [-1.0, -2.0], "validation": [-1.0, -0.5]},
            "The curves part after epoch 1: until the last epoch, validation rises by 0.5 and "
            "training falls by 1.",
        ),
    ],
)
def test_describe_tells_other_courses_apart(curves, expected):
    assert HistoryDisplay(curves).describe().endswith(expected)


def test_one_epoch_is_seen():
    display = HistoryDisplay({"training": [0.5]}).plot()
    (line,) = display.lines_
    assert line.get_markevery() == [0]
    display.figure_.draw_without_rendering()
    ticks = display.ax_.get_xticks()
    low, high = display.ax_.get_xlim()
    assert [tick for tick in ticks if low <= tick <= high] == [1.0]
    assert display.describe() == (
        "The loss over 1 epoch. training: from 0.5 to 0.5, lowest 0.5 at epoch 1."
    )


def test_nan_is_a_gap_and_what_stands_alone_has_a_marker():
    curve = np.full(50, 1.0)
    curve[[20, 22]] = np.nan
    display = HistoryDisplay({"training": curve}).plot()
    assert np.isnan(display.lines_[0].get_ydata()[[20, 22]]).all()
    assert 21 in display.lines_[0].get_markevery()
    assert "(no number in 2 epochs)" in display.describe()
    assert np.isnan(display.to_frame()["training"][20])


def test_of_many_lines_some_are_named():
    curves = {f"layer {i}": np.full(4, float(i)) for i in range(1, 21)}
    display = HistoryDisplay(curves, quantity="norm of the gradient").plot(log=True)
    named = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert named[0] == "layer 1"
    assert named[-1] == "layer 20"
    assert len(named) == 8
    assert display.describe() == (
        "The norm of the gradient over 4 epochs. 20 curves: lowest at the end is layer 1 at 1, "
        "highest layer 20 at 20."
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: HistoryDisplay({"training": []}),
            InvalidArgumentError,
            "HistoryDisplay: expected a number of loss for some epoch, got no epochs.",
        ),
        (
            lambda: HistoryDisplay({"training": [np.nan, np.nan]}),
            InvalidArgumentError,
            "HistoryDisplay: expected a number of loss for some epoch, got NaN for all.",
        ),
        (
            lambda: HistoryDisplay({"training": [1.0], "validation": [1.0, 2.0]}),
            ShapeError,
            "HistoryDisplay: expected curves of one number per epoch, got shapes [(1,), (2,)] for "
            "epochs of shape (1,).",
        ),
        (
            lambda: HistoryDisplay({"training": [1.0, 0.0]}).plot(log=True),
            InvalidArgumentError,
            "HistoryDisplay.plot: log: expected False where the loss is not always positive, got "
            "True with a lowest of 0.",
        ),
        (
            lambda: HistoryDisplay.from_history({"loss": [1.0]}),
            ArgumentTypeError,
            "HistoryDisplay.from_history: expected a History or a FitResult, got dict; for an "
            "estimator there is from_estimator.",
        ),
        (
            lambda: HistoryDisplay.from_estimator(cr.LinearRegression().fit(X, Y[:, 0])),
            InvalidArgumentError,
            "HistoryDisplay.from_estimator: expected an estimator that keeps a history_ of its "
            "training, got LinearRegression, which has none.",
        ),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert caught.value.message == message


def test_unknown_quantities(result):
    with pytest.raises(InvalidArgumentError) as caught:
        HistoryDisplay.from_history(result, quantity="accuracy")
    assert caught.value.message == (
        "HistoryDisplay: quantity: expected one of loss, score, learning_rate, gradient_norm, "
        "update_norm, got 'accuracy'."
    )
    with pytest.raises(InvalidArgumentError) as caught:
        HistoryDisplay.from_history(result, quantity="score")
    assert caught.value.message == (
        "HistoryDisplay: quantity: expected 'loss' for training without a score of validation "
        "samples, got 'score'."
    )


def test_unfitted_estimators():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError, match="This MLPClassifier instance is not fitted yet"):
        HistoryDisplay.from_estimator(cr.MLPClassifier())
