"""Setting a test part aside.

Features and target are shuffled together, and for a classification each class
keeps its share in both parts. With whole samples the shares cannot all be exact;
they are rounded by the method of the largest remainder, which makes the parts'
sizes add up and leaves no class off by one or more.
"""

import numpy as np

from chainrule._errors import DataError, InvalidArgumentError
from chainrule.datasets._dataset import Dataset


def train_test_split(
    dataset: Dataset, test_size: float = 0.2, *, seed: int = 0
) -> tuple[Dataset, Dataset]:
    """Shuffle a data set and split it in a training and a test part.

    For a classification the split is stratified: see `split_indices`.

    Parameters
    ----------
    dataset : Dataset
        The samples to divide.
    test_size : float
        Share of the samples in the test part, above 0 and below 1.
    seed : int
        Seed of the shuffle, 0 or more. The same seed gives the same parts.

    Returns
    -------
    train, test : Dataset

    Raises
    ------
    InvalidArgumentError
        When `test_size` is out of range.
    DataError
        When there are fewer than two samples, or a class cannot be in both parts.

    Examples
    --------
    >>> from chainrule.datasets import load, train_test_split
    >>> train, test = train_test_split(load("digits"), test_size=0.2, seed=0)
    >>> train.n_samples, test.n_samples
    (1438, 359)
    """
    classes = None
    if dataset.class_names is not None:
        classes = np.array(dataset.class_names)[dataset.target]
    try:
        train, test = split_indices(dataset.n_samples, test_size, classes=classes, seed=seed)
    except DataError as error:
        raise DataError(f"{dataset.name}: {error}") from None
    return dataset.take(train), dataset.take(test)


def split_indices(
    n_samples: int,
    test_size: float = 0.2,
    *,
    classes: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Divide the indices `0 … n_samples - 1` in a training and a test part.

    The test part has `test_size * n_samples` samples, rounded to the nearest
    whole number (a half goes up) and kept between 1 and `n_samples - 1`.

    With `classes`, a class that makes up a share `p` of all samples has the share
    `p` of the test part as nearly as whole samples allow: the largest-remainder
    method, with every class at least once in both parts.

    Parameters
    ----------
    n_samples : int
        Number of samples.
    test_size : float
        Share of the samples in the test part, above 0 and below 1.
    classes : ndarray of shape (n_samples,), int or str, optional
        The class of each sample. Without it the samples are only shuffled.
    seed : int
        Seed of the shuffle, 0 or more.

    Returns
    -------
    train, test : ndarray of int
        Disjoint, shuffled, and together all indices.

    Raises
    ------
    InvalidArgumentError
        When `test_size` is out of range.
    DataError
        When there are fewer than two samples, a class has a single sample, or a
        part is too small to hold every class.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.datasets import split_indices
    >>> classes = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1])
    >>> train, test = split_indices(9, 1 / 3, classes=classes)
    >>> np.bincount(classes[train]), np.bincount(classes[test])
    (array([4, 2]), array([2, 1]))
    """
    if not 0 < test_size < 1:
        raise InvalidArgumentError(f"test_size must be above 0 and below 1, got {test_size}.")
    if n_samples < 2:
        raise DataError(f"a split needs at least two samples, one for each part, got {n_samples}.")
    n_test = min(max(int(np.floor(test_size * n_samples + 0.5)), 1), n_samples - 1)
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(n_samples)
    if classes is None:
        return shuffled[n_test:], shuffled[:n_test]

    labels, codes, counts = np.unique(classes, return_inverse=True, return_counts=True)
    quota = _largest_remainder(labels, counts, n_test)
    # The position of each sample among those of its class, in shuffled order: the
    # first `quota` of each class go to the test part.
    shuffled_codes = codes[shuffled]
    by_class = np.argsort(shuffled_codes, kind="stable")
    starts = np.cumsum(counts) - counts
    position = np.empty(n_samples, dtype=np.intp)
    position[by_class] = np.arange(n_samples) - np.repeat(starts, counts)
    in_test = position < quota[shuffled_codes]
    return shuffled[~in_test], shuffled[in_test]


def _largest_remainder(labels: np.ndarray, counts: np.ndarray, n_test: int) -> np.ndarray:
    """Share out `n_test` seats in proportion to `counts`, at least one to each class.

    One sample of each class must remain as well, for the training part.
    """
    single = labels[counts == 1]
    if single.size:
        others = f" (as {single.size} of {labels.size} classes do)" if single.size > 1 else ""
        raise DataError(
            f"class '{single[0]}' has a single sample{others}, and a split needs one for training "
            f"and one for testing. Add samples, remove the class, or merge it with another."
        )
    n_samples, n_classes = int(counts.sum()), len(counts)
    if n_test < n_classes or n_samples - n_test < n_classes:
        part, size = ("test", n_test) if n_test < n_classes else ("training", n_samples - n_test)
        raise DataError(
            f"a {part} part of size {size} cannot hold each of {n_classes} classes. "
            f"Make the part larger, or use more samples."
        )
    exact = counts * n_test / n_samples
    seats = np.clip(np.floor(exact).astype(np.int64), 1, counts - 1)
    while seats.sum() < n_test:
        owed = np.where(seats < counts - 1, exact - seats, -np.inf)
        seats[np.argmax(owed)] += 1
    while seats.sum() > n_test:
        excess = np.where(seats > 1, seats - exact, -np.inf)
        seats[np.argmax(excess)] -= 1
    return seats
