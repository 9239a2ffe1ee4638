"""A network trained by the recipe of a data set learns it well, on samples held out."""

from __future__ import annotations

import warnings

import pytest

import chainrule as cr
from chainrule import datasets

# What a straight line or plane reaches at best is below each of these, but for the measured sets,
# where it is about as good.
REACHED = {
    "digits": 0.95,
    "breast-cancer": 0.95,
    "wine": 0.94,
    "iris": 0.93,
    "diabetes": 0.45,
    "moons": 0.95,
    "circles": 0.95,
    "spirals": 0.9,
}


@pytest.mark.parametrize("name", REACHED)
def test_recipe_reaches_a_good_result(name):
    dataset = datasets.load(name)
    train, test = datasets.train_test_split(dataset, dataset.recipe.test_size, seed=0)
    kind = cr.MLPRegressor if dataset.class_names is None else cr.MLPClassifier
    network = kind(**dataset.recipe.settings, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that so many epochs are not all there could be
        network.fit(train.features, train.target)
    assert network.score(test.features, test.target) >= REACHED[name]
