"""Two classes in the plane, against scikit-learn's and worked points."""

from __future__ import annotations

import re

import numpy as np
import pytest

from chainrule._errors import InvalidArgumentError
from chainrule.datasets import load


@pytest.mark.parametrize("n", [4, 7, 200])
def test_moons_and_circles_are_scikit_learns(n):
    from sklearn.datasets import make_circles, make_moons

    # Of an odd number, they give the second class one more.
    sizes = (n - n // 2, n // 2)
    points, classes = make_moons(sizes, shuffle=False)
    moons = load("moons", n=n, noise=0)
    np.testing.assert_allclose(moons.features, points, atol=1e-15)
    np.testing.assert_array_equal(moons.target, classes)
    points, classes = make_circles(sizes, shuffle=False, factor=0.5)
    circles = load("circles", n=n, noise=0)
    np.testing.assert_allclose(circles.features, points, atol=1e-15)
    np.testing.assert_array_equal(circles.target, classes)


def test_spirals_are_two_arms_of_one_and_a_half_turns():
    spirals = load("spirals", n=14, noise=0)
    first, second = spirals.features[:7], spirals.features[7:]
    np.testing.assert_allclose(second, -first, atol=1e-15)
    # t = 0, 1/6, 1/3, ...: half a turn is two steps.
    radii = [0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0]
    directions = [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 0), (0, 1), (-1, 0)]
    np.testing.assert_allclose(first, np.c_[radii] * directions, atol=1e-14)


@pytest.mark.parametrize("name", ["moons", "circles", "spirals"])
def test_noise_has_the_spread_asked_for_and_is_seeded(name):
    plain = load(name, n=4000, noise=0).features
    errors = load(name, n=4000, noise=0.3).features - plain
    assert errors.std() == pytest.approx(0.3, rel=0.05)
    assert abs(errors.mean()) < 0.02
    np.testing.assert_array_equal(load(name).features, load(name, seed=0).features)
    assert not np.array_equal(load(name).features, load(name, seed=1).features)
    assert f"standard deviation {np.round(usual_noise(name), 2)}" in load(name).description


def usual_noise(name):
    return np.std(load(name, n=4000).features - load(name, n=4000, noise=0).features)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("moons", {"n": 3}, "load: n: expected at least 4 samples, got 3."),
        ("moons", {"noise": -1}, "load: noise: expected a number of at least 0, got -1.0."),
        ("moons", {"seed": -1}, "load: seed: expected an integer of at least 0, got -1."),
        (
            "moons",
            {"samples": 3},
            "load: the data set 'moons' has no option 'samples'; it takes n, noise, seed.",
        ),
        ("iris", {"n": 3}, "load: the data set 'iris' has no option 'n'; it takes none."),
        ("mnist", {"n": 3}, "load: the data set 'mnist' has no option 'n'; it takes part."),
    ],
)
def test_options_that_make_no_sense(name, options, message):
    with pytest.raises(InvalidArgumentError, match=f"^{re.escape(message)}") as caught:
        load(name, **options)
    assert caught.value.message == message
