"""Confusion matrices, against scikit-learn's and against counting by hand."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

import chainrule as cr
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot import ConfusionMatrixDisplay

TRUE = np.array(["ant", "ant", "bee", "bee", "bee", "cow"])
PREDICTED = np.array(["ant", "bee", "bee", "bee", "ant", "ant"])


def test_counts_and_texts():
    display = ConfusionMatrixDisplay.from_predictions(TRUE, PREDICTED)
    counts = [[1, 1, 0], [1, 2, 0], [1, 0, 0]]
    assert display.confusion_matrix.tolist() == counts
    assert display.im_.get_array().tolist() == counts
    assert [[text.get_text() for text in row] for row in display.text_] == [
        [str(count) for count in row] for row in counts
    ]
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["ant", "bee", "cow"]
    assert display.ax_.get_xlabel() == "predicted class"
    frame = display.to_frame()
    assert frame.loc["cow", "ant"] == 1
    assert frame.to_numpy().tolist() == counts
    assert display.describe() == (
        "6 samples of 3 classes, 3 of them (50.0 %) right. Most often confused: ant taken for bee "
        "(1 of 2), bee taken for ant (1 of 3), cow taken for ant (1 of 1). Never predicted: cow."
    )


@pytest.mark.parametrize("normalize", ["true", "pred", "all"])
def test_shares_agree_with_scikit_learn(normalize):
    rng = np.random.default_rng(0)
    y, found, weight = rng.integers(0, 4, 200), rng.integers(0, 4, 200), rng.random(200)
    display = ConfusionMatrixDisplay.from_predictions(
        y, found, sample_weight=weight, normalize=normalize
    )
    expected = confusion_matrix(y, found, sample_weight=weight, normalize=normalize)
    np.testing.assert_allclose(display.values, expected, rtol=1e-14)
    assert display.text_[1, 2].get_text() == f"{expected[1, 2]:.2f}"


def test_a_share_of_nothing_is_left_open():
    display = ConfusionMatrixDisplay([[5, 0], [0, 0]], normalize="true").plot()
    np.testing.assert_array_equal(display.values, [[1.0, 0.0], [np.nan, np.nan]])
    assert display.text_[1, 0].get_text() == "–"
    assert display.describe() == (
        "5 samples of 2 classes, 5 of them (100.0 %) right. Never predicted: 1. Never in the "
        "samples: 1."
    )


def test_a_classifier_shows_all_its_classes():
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    model = cr.LogisticRegression().fit(X, y)
    display = ConfusionMatrixDisplay.from_estimator(model, X[:100], y[:100])
    expected = confusion_matrix(y[:100], model.predict(X[:100]), labels=[0, 1, 2])
    np.testing.assert_array_equal(display.confusion_matrix, expected)
    assert display.display_labels.tolist() == [0, 1, 2]


def test_a_hundred_classes_have_no_text_and_few_ticks():
    y = np.arange(1000) % 100
    display = ConfusionMatrixDisplay.from_predictions(y, np.where(y == 7, 8, y))
    assert display.text_ is None
    assert 5 <= len(display.ax_.get_xticks()) <= 50
    assert display.describe() == (
        "1,000 samples of 100 classes, 990 of them (99.0 %) right. Most often confused: 7 taken "
        "for 8 (10 of 10). Never predicted: 7."
    )


def test_text_can_be_read_on_its_colour():
    display = ConfusionMatrixDisplay([[9, 0], [0, 9]]).plot()
    assert [text.get_color() for text in display.text_.ravel()] == [
        "black",
        "white",
        "white",
        "black",
    ]


def test_long_names_do_not_overlap():
    names = [f"a rather long name of class {i}" for i in range(6)]
    display = ConfusionMatrixDisplay(np.eye(6, dtype=int), display_labels=names).plot()
    display.figure_.draw_without_rendering()
    labels = display.ax_.get_yticklabels()
    assert len({label.get_text() for label in labels}) == 6
    boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 for low, high in itertools.pairwise(boxes))
    assert all(box.x0 >= 0 for box in boxes)


def test_weighted_counts_are_described_as_weights():
    display = ConfusionMatrixDisplay([[1.5, 0.5], [0.0, 2.0]])
    assert display.describe() == (
        "Samples of weight 4 of 2 classes, 3.5 of them (87.5 %) right. Most often confused: 0 "
        "taken for 1 (0.5 of 2)."
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: ConfusionMatrixDisplay([[1, 2]]),
            ShapeError,
            "ConfusionMatrixDisplay: expected a matrix of shape (n_classes, n_classes), got shape "
            "(1, 2).",
        ),
        (
            lambda: ConfusionMatrixDisplay([[1, -2], [0, 1]]),
            InvalidArgumentError,
            "ConfusionMatrixDisplay: expected numbers of samples, none of them negative, got "
            "[[1, -2], [0, 1]].",
        ),
        (
            lambda: ConfusionMatrixDisplay([[1]], normalize="rows"),
            InvalidArgumentError,
            "ConfusionMatrixDisplay: normalize: expected 'true', 'pred', 'all' or None, got "
            "'rows'.",
        ),
        (
            lambda: ConfusionMatrixDisplay([[1]], display_labels=["a", "b"]),
            ShapeError,
            "ConfusionMatrixDisplay: display_labels: expected 1 names, one for each class, got "
            "shape (2,).",
        ),
        (
            lambda: ConfusionMatrixDisplay.from_predictions([[0, 1]], [[0, 1]]),
            ShapeError,
            "ConfusionMatrixDisplay: expected one true and one predicted class per sample, got "
            "shapes (1, 2) and (1, 2); of several labels per sample, draw one column at a time.",
        ),
        (
            lambda: ConfusionMatrixDisplay.from_predictions([0, 1], [0, 2], labels=[0, 1]),
            InvalidArgumentError,
            "ConfusionMatrixDisplay: labels: expected all classes that occur, got [0, 1] without "
            "[2].",
        ),
        (
            lambda: ConfusionMatrixDisplay.from_predictions([0, 1], ["a", "b"]),
            InvalidArgumentError,
            "ConfusionMatrixDisplay: expected one class per sample, all of one type: Mix of label "
            "input types (string and number); Got [0 1] and ['a' 'b'].",
        ),
        (
            lambda: ConfusionMatrixDisplay.from_estimator(
                cr.LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]), [[0.0]], [0.0]
            ),
            InvalidArgumentError,
            "ConfusionMatrixDisplay.from_estimator: expected a classifier, got LinearRegression; "
            "for numbers there is ResidualsDisplay.",
        ),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert caught.value.message == message


def test_colours_and_their_bar_are_chosen_where_it_is_made():
    labels = np.array([0, 0, 1])
    bare = ConfusionMatrixDisplay.from_predictions(labels, labels, cmap="Greys", colorbar=False)
    assert bare.im_.get_cmap().name == "Greys"
    assert bare.figure_.axes == [bare.ax_]
    model = cr.LogisticRegression().fit(labels[:, None], labels)
    for colorbar in (True, False):
        display = ConfusionMatrixDisplay.from_estimator(
            model, labels[:, None], labels, colorbar=colorbar
        )
        assert len(display.figure_.axes) == 1 + colorbar
