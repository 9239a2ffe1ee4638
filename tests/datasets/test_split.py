"""The split keeps samples whole, classes in proportion, and both parts apart."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule._errors import DataError, InvalidArgumentError
from chainrule.datasets import Dataset, Encoder, load, split_indices, train_test_split


def regression(n_samples):
    features = np.arange(n_samples, dtype=float).reshape(-1, 1)
    return Dataset("line", features, 2 * features[:, 0], Encoder.of_numbers(["x"], "y"))


def test_features_and_target_stay_together():
    train, test = train_test_split(regression(50), 0.3, seed=4)
    for part in (train, test):
        np.testing.assert_array_equal(part.target, 2 * part.features[:, 0])
    together = np.concatenate([train.target, test.target])
    np.testing.assert_array_equal(np.sort(together), 2.0 * np.arange(50))


def test_order_is_shuffled_in_both_parts():
    train, test = train_test_split(load("digits"), seed=0)
    # Were the classes not mixed, neighbours would nearly always be equal.
    for part in (train, test):
        assert np.mean(part.target[1:] == part.target[:-1]) < 0.2


def test_same_seed_same_parts_and_another_seed_others():
    first, again, other = (split_indices(100, 0.2, seed=seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(np.sort(first), np.sort(other))


@pytest.mark.parametrize(
    ("n_samples", "test_size", "n_test"),
    [
        (10, 0.25, 3),  # 2.5 goes up
        (10, 0.24, 2),
        (3, 0.01, 1),
        (3, 0.99, 2),
    ],
)
def test_size_of_the_test_part(n_samples, test_size, n_test):
    train, test = split_indices(n_samples, test_size)
    assert (len(train), len(test)) == (n_samples - n_test, n_test)


def test_digits_are_split_by_the_largest_remainder():
    """Worked by hand: 359 seats; the five largest of the remainders get one more.

    The classes have 178 182 177 183 181 182 181 179 174 180 samples. The quotas,
    359/1797 of each, are 35.56 36.36 35.36 36.56 36.16 36.36 36.16 35.76 34.76
    35.96; their whole parts add up to 354, so the five remainders .96 .76 .76 .56
    .56 get the five seats left.
    """
    digits = load("digits")
    _, test = train_test_split(digits, 0.2)
    assert np.bincount(test.target).tolist() == [36, 36, 35, 37, 36, 36, 36, 36, 35, 36]


@given(
    counts=st.lists(st.integers(2, 40), min_size=2, max_size=6),
    test_size=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32),
)
def test_split_is_a_partition_with_every_class_in_both_parts(counts, test_size, seed):
    classes = np.repeat(np.arange(len(counts)), counts)
    n_samples = len(classes)
    n_test = min(max(int(np.floor(test_size * n_samples + 0.5)), 1), n_samples - 1)
    if n_test < len(counts) or n_samples - n_test < len(counts):
        with pytest.raises(DataError, match="cannot hold each of"):
            split_indices(n_samples, test_size, classes=classes, seed=seed)
        return
    train, test = split_indices(n_samples, test_size, classes=classes, seed=seed)
    assert sorted([*train, *test]) == list(range(n_samples))
    assert len(test) == n_test
    in_test = np.bincount(classes[test], minlength=len(counts))
    assert (in_test >= 1).all()
    assert (in_test <= np.array(counts) - 1).all()
    quotas = [Fraction(count * n_test, n_samples) for count in counts]
    if all(1 <= quota <= count - 1 for quota, count in zip(quotas, counts, strict=True)):
        # No bound is touched: the plain method, which is never off by one or more.
        assert all(abs(n - quota) < 1 for n, quota in zip(in_test, quotas, strict=True))


def test_a_class_with_a_single_sample_is_named():
    dataset = Dataset(
        "pets",
        np.zeros((4, 1)),
        np.array([0, 1, 1, 1]),
        Encoder.of_numbers(["legs"], "pet", ["newt", "dog"]),
    )
    message = (
        "pets: class 'newt' has a single sample, and a split needs one for training and one for "
        "testing. Add samples, remove the class, or merge it with "
        "another."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        train_test_split(dataset)


def test_many_classes_with_a_single_sample_are_counted():
    message = (
        "class '0' has a single sample (as 4 of 5 classes do), and a split needs one for training "
        "and one for testing. Add samples, remove the class, or merge it with another."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        split_indices(6, 0.2, classes=np.array([0, 1, 2, 3, 4, 4]))


def test_a_test_part_too_small_for_the_classes():
    message = (
        "a test part of size 2 cannot hold each of 3 classes. "
        "Make the part larger, or use more samples."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        split_indices(9, 0.2, classes=np.repeat([0, 1, 2], 3))


def test_a_training_part_too_small_for_the_classes():
    message = (
        "a training part of size 1 cannot hold each of 2 classes. "
        "Make the part larger, or use more samples."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        split_indices(4, 0.75, classes=np.array([0, 0, 1, 1]))


def test_one_sample_cannot_be_split():
    message = "line: a split needs at least two samples, one for each part, got 1."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        train_test_split(regression(1))


@pytest.mark.parametrize("test_size", [0.0, 1.0, -0.1, 5, float("nan")])
def test_test_size_out_of_range(test_size):
    with pytest.raises(InvalidArgumentError) as raised:
        split_indices(10, test_size)
    assert raised.value.message == f"test_size must be above 0 and below 1, got {test_size}."
