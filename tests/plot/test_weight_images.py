"""Weights as images: each pixel is its weight, in its place."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, random
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot import WeightImagesDisplay

KERNEL = np.arange(24.0).reshape(8, 3) - 10.0


def test_images_stand_side_by_side():
    display = WeightImagesDisplay(KERNEL, shape=(2, 4)).plot()
    np.testing.assert_array_equal(display.images[1], KERNEL[:, 1].reshape(2, 4))
    mosaic = display.im_.get_array()
    # Images of 2 x 4 with a row above each for its name, a column between, two across.
    assert mosaic.shape == (6, 14) or mosaic.shape == (9, 9) or mosaic.shape == (6, 9)
    assert np.ma.count(mosaic) == KERNEL.size
    np.testing.assert_array_equal(np.sort(mosaic.compressed()), np.sort(KERNEL.ravel()))
    np.testing.assert_array_equal(mosaic[1:3, :4], KERNEL[:, 0].reshape(2, 4))
    assert [text.get_text() for text in display.texts_] == ["1", "2", "3"]
    assert (display.im_.norm.vmin, display.im_.norm.vmax) == (-13.0, 13.0)


def test_a_square_is_inferred_and_many_units_are_cut():
    model = nn.mlp(random.key(0), (784, 100, 10))
    display = WeightImagesDisplay.from_model(model, max_images=9)
    assert display.images.shape == (9, 28, 28)
    kernel = model.layers[0].kernel
    np.testing.assert_array_equal(display.images, kernel.T[:9].reshape(9, 28, 28))
    frame = display.to_frame()
    pixel = frame.query("unit == '4' and row == 3 and column == 5")["weight"].item()
    assert pixel == kernel[2 * 28 + 4, 3]
    assert display.describe().startswith("Weights of the first 9 of 100 units as images of 28 x 28")


def test_classes_name_the_images_of_a_linear_classifier():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 9)), np.array(["cat", "dog", "eel"])[np.arange(60) % 3]
    classifier = cr.LogisticRegression().fit(X, y)
    display = WeightImagesDisplay.from_estimator(classifier)
    assert display.names == ["cat", "dog", "eel"]
    np.testing.assert_array_equal(display.images.reshape(3, 9), classifier.coef_)
    network = cr.MLPClassifier((4,), solver="lbfgs", random_state=0, tol=0.1).fit(X, y)
    display = WeightImagesDisplay.from_estimator(network)
    assert display.names == ["1", "2", "3", "4"]
    np.testing.assert_array_equal(display.images.reshape(4, 9).T, network.coefs_[0])


def test_describe():
    assert WeightImagesDisplay(KERNEL, shape=(2, 4)).describe() == (
        "Weights of 3 units as images of 2 x 4, from -10 to 13. The strongest is 13, of unit 3 in "
        "row 2 and column 4. Strongest on average is unit 3, weakest unit 1."
    )
    assert WeightImagesDisplay(KERNEL[:4, :1]).describe() == (
        "Weights of 1 unit as images of 2 x 2, from -10 to -1. The strongest is -10, of unit 1 in "
        "row 1 and column 1."
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"kernel": KERNEL},
            InvalidArgumentError,
            "WeightImagesDisplay: shape: expected rows and columns of an image of 8 pixels, which "
            "are no square, got None.",
        ),
        (
            {"kernel": KERNEL, "shape": (3, 3)},
            InvalidArgumentError,
            "WeightImagesDisplay: shape: expected rows and columns of 8 pixels, got (3, 3).",
        ),
        (
            {"kernel": KERNEL[:, 0]},
            ShapeError,
            "WeightImagesDisplay: kernel: expected shape (n_pixels, n_units), got (8,).",
        ),
        (
            {"kernel": KERNEL, "shape": (2, 4), "names": ["a"]},
            InvalidArgumentError,
            "WeightImagesDisplay: names: expected 3, one for each unit, got 1.",
        ),
        (
            {"kernel": KERNEL, "shape": (2, 4), "max_images": 0},
            InvalidArgumentError,
            "WeightImagesDisplay: max_images: expected an integer of at least 1, got 0.",
        ),
    ],
)
def test_bad_input(options, error, message):
    with pytest.raises(error) as caught:
        WeightImagesDisplay(**options)
    assert caught.value.message == message
