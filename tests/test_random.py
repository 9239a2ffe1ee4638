"""Random numbers: published vectors, distributions, and sameness wherever they are drawn."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import chainrule as cr
from chainrule import random
from chainrule.compiler import ENGINES
from chainrule.ops.random_bits import threefry2x64

KEY = random.key(2024)
ONES = 2**64 - 1


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        ((0, 0), (0, 0), (0xC2B6E3A8C2C69865, 0x6F81ED42F350084D)),
        ((ONES, ONES), (ONES, ONES), (0xE02CB7C4D95D277A, 0xD06633D0893B8B68)),
        (
            (0xA4093822299F31D0, 0x082EFA98EC4E6C89),
            (0x243F6A8885A308D3, 0x13198A2E03707344),
            (0x263C7D30BB0F0AF1, 0x56BE8361D3311526),
        ),
    ],
)
def test_published_vectors(key: Any, counter: Any, expected: Any) -> None:
    """The known answers that accompany Salmon et al. 2011, for 20 rounds."""
    words = [np.array([word], np.uint64) for word in (*key, *counter)]
    found = threefry2x64((words[0], words[1]), (words[2], words[3]))
    assert (int(found[0][0]), int(found[1][0])) == expected


def test_bits_are_encrypted_counters() -> None:
    assert random.bits(random.key(0), 2).tolist() == [0xC2B6E3A8C2C69865, 0x6F81ED42F350084D]
    words = [np.uint64(KEY[0]), np.uint64(KEY[1])]
    for number in range(3):
        pair = threefry2x64(
            (np.array([words[0]]), np.array([words[1]])),
            (np.array([number], np.uint64), np.array([0], np.uint64)),
        )
        assert random.bits(KEY, 6)[2 * number : 2 * number + 2].tolist() == [
            int(word[0]) for word in pair
        ]


@pytest.mark.parametrize("key", [KEY, random.key(0), random.key(-1), ~random.key(0)])
def test_few_words_are_those_of_many(key: Any) -> None:
    counters = np.arange(20, dtype=np.uint64)
    pairs = threefry2x64((key[:1], key[1:]), (counters, np.zeros_like(counters)))
    stream = np.stack(pairs, axis=1).ravel()
    for count in range(40):
        np.testing.assert_array_equal(random.bits(key, count), stream[:count])
        assert random.bits(key, (count, 1)).shape == (count, 1)


def test_shapes_cut_one_stream() -> None:
    stream = random.bits(KEY, 24)
    np.testing.assert_array_equal(random.bits(KEY, (2, 3, 4)).ravel(), stream)
    np.testing.assert_array_equal(random.bits(KEY, 7), stream[:7])
    assert random.bits(KEY) == stream[0]
    assert random.bits(KEY, (0, 3)).shape == (0, 3)
    assert stream.dtype == np.uint64


DRAWS: dict[str, Any] = {
    "bits": lambda key: random.bits(key, (3, 5)),
    "uniform": lambda key: random.uniform(key, (3, 5)),
    "uniform_between": lambda key: random.uniform(key, 7, low=-2.0, high=np.arange(7.0) - 1),
    "normal": lambda key: random.normal(key, (3, 5)),
    "normal_single": lambda key: random.normal(key, 9, np.float32),
    "bernoulli": lambda key: random.bernoulli(key, 0.3, (4, 4)),
    "integers": lambda key: random.integers(key, -3, 40, 11),
    "permutation": lambda key: random.permutation(key, 10),
    "permutation_of_rows": lambda key: random.permutation(key, np.arange(12.0).reshape(6, 2)),
    "choice": lambda key: random.choice(key, 10, (2, 3)),
    "choice_without": lambda key: random.choice(key, 10, (2, 3), replace=False),
    "exponential": lambda key: random.exponential(key, 5),
    "gumbel": lambda key: random.gumbel(key, 5),
    "laplace": lambda key: random.laplace(key, 5),
    "categorical": lambda key: random.categorical(key, np.zeros((4, 3))),
    "split": lambda key: random.split(key, 3),
    "fold_in": lambda key: random.fold_in(key, 7),
}


# The native engine has a logarithm and a cosine of its own.
ROUNDED = {"normal", "exponential", "gumbel", "laplace"}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", DRAWS)
def test_same_numbers_compiled(name: str, engine: str) -> None:
    draw = DRAWS[name]
    keys = random.split(KEY, 3)
    alone = np.stack([draw(key) for key in keys])
    tolerance = 1e-15 if name in ROUNDED and engine == "native" else 0.0
    for compiled in (
        np.stack([cr.compile(draw, engine=engine)(key) for key in keys]),
        cr.compile(cr.vmap(draw), engine=engine)(keys),
    ):
        assert compiled.dtype == alone.dtype
        np.testing.assert_allclose(compiled, alone, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", DRAWS)
def test_same_numbers_batched_and_in_loops(name: str) -> None:
    draw = DRAWS[name]
    keys = random.split(KEY, 3)
    alone = np.stack([draw(key) for key in keys])
    np.testing.assert_array_equal(draw(keys[0]), alone[0])
    np.testing.assert_array_equal(cr.vmap(draw)(keys), alone, strict=True)
    _, looped = cr.scan(lambda c, key: (c, draw(key)), None, keys)
    np.testing.assert_array_equal(looped, alone, strict=True)


def test_keys() -> None:
    seeds = [0, 1, 2, -1, 2**63, 2**64 - 1, -(2**63), np.int64(5), np.uint64(2**64 - 2)]
    keys = {tuple(random.key(seed).tolist()) for seed in seeds}
    assert len(keys) == len(seeds)
    np.testing.assert_array_equal(random.key(5), random.key(np.int32(5)))
    for seed in (0, 7, -1, -(2**63)):
        np.testing.assert_array_equal(cr.compile(random.key)(seed), random.key(seed), strict=True)


def test_split_and_fold_in_give_distinct_keys() -> None:
    first = random.split(KEY, 500)
    second = [key for parent in first[:20] for key in random.split(parent, 20)]
    folded = [random.fold_in(KEY, number) for number in (*range(500), -1, 2**40)]
    everything = [KEY, *first, *second, *folded]
    assert len({tuple(key.tolist()) for key in everything}) == len(everything)
    a, b = random.split(KEY)
    assert not np.array_equal(a, b)
    np.testing.assert_array_equal(cr.compile(random.fold_in)(KEY, 3), random.fold_in(KEY, 3))


def test_streams_of_split_keys_are_uncorrelated() -> None:
    samples = np.stack([random.normal(key, 4000) for key in random.split(KEY, 20)])
    correlations = np.corrcoef(samples)[np.triu_indices(20, 1)]
    assert np.abs(correlations).max() < 4.5 / math.sqrt(4000)


@pytest.mark.parametrize(
    ("draw", "distribution"),
    [
        (lambda key, n: random.uniform(key, n), stats.uniform),
        (lambda key, n: random.uniform(key, n, low=-3.0, high=5.0), stats.uniform(-3, 8)),
        (lambda key, n: random.normal(key, n), stats.norm),
        (lambda key, n: random.normal(key, n + 1)[1:], stats.norm),
        (lambda key, n: random.truncated_normal(key, -1, 2, n), stats.truncnorm(-1, 2)),
        (lambda key, n: random.truncated_normal(key, 4, 9, n), stats.truncnorm(4, 9)),
        (lambda key, n: random.truncated_normal(key, -9, -4, n), stats.truncnorm(-9, -4)),
        (lambda key, n: random.truncated_normal(key, 40, 41, n), stats.truncnorm(40, 41)),
        (lambda key, n: random.exponential(key, n), stats.expon),
        (lambda key, n: random.gumbel(key, n), stats.gumbel_r),
        (lambda key, n: random.laplace(key, n), stats.laplace),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_continuous_distributions(draw: Any, distribution: Any, seed: int) -> None:
    sample = draw(random.key(seed), 20000)
    assert stats.kstest(sample, distribution.cdf).pvalue > 1e-3
    error = distribution.std() / math.sqrt(20000)
    assert abs(sample.mean() - distribution.mean()) < 4 * error


@pytest.mark.parametrize(
    ("draw", "probabilities"),
    [
        (lambda key, n: random.bernoulli(key, 0.3, n), [0.7, 0.3]),
        (lambda key, n: random.integers(key, 0, 7, n), [1 / 7] * 7),
        (lambda key, n: random.integers(key, -3, 4, n) + 3, [1 / 7] * 7),
        (lambda key, n: random.choice(key, 5, n), [0.2] * 5),
        (
            lambda key, n: random.categorical(key, np.log([[0.5, 0.3, 0.2]] * n)),
            [0.5, 0.3, 0.2],
        ),
        (
            lambda key, n: random.categorical(key, np.log([[0.5] * n, [0.25] * n, [0.25] * n]), 0),
            [0.5, 0.25, 0.25],
        ),
        (
            lambda key, n: cr.vmap(lambda k: random.permutation(k, 3))(random.split(key, n))[:, 0],
            [1 / 3] * 3,
        ),
    ],
)
def test_discrete_distributions(draw: Any, probabilities: list[float]) -> None:
    sample = np.asarray(draw(KEY, 6000)).astype(int)
    counts = np.bincount(sample, minlength=len(probabilities))
    assert len(counts) == len(probabilities)
    assert stats.chisquare(counts, 6000 * np.array(probabilities)).pvalue > 1e-3


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_uniform_numbers_stay_below_one(dtype: Any) -> None:
    sample = random.uniform(KEY, 50000, dtype=dtype)
    assert sample.dtype == dtype
    assert sample.min() >= 0
    assert sample.max() < 1
    assert sample.max() > 0.99
    assert stats.kstest(sample.astype(float), stats.uniform.cdf).statistic < 0.01
    spacing = np.finfo(dtype).epsneg  # of the numbers below one
    np.testing.assert_array_equal(sample / spacing, np.floor(sample / spacing))


def test_the_largest_and_the_smallest_word(monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule import ops

    for word, most in ((0, False), (ONES, True)):
        monkeypatch.setattr(
            ops, "random_bits", lambda key, shape, word=word: np.full(shape, word, np.uint64)
        )
        for dtype in (np.float16, np.float32, np.float64):
            edge = random.uniform(KEY, 1, dtype=dtype)[0]
            assert edge == (1 - np.finfo(dtype).epsneg if most else 0.0)
            between = random.uniform(KEY, 1, low=1.0, high=1.25, dtype=dtype)[0]
            assert 1.0 <= between < 1.25
            for draw in (random.exponential, random.gumbel, random.laplace, random.normal):
                assert np.isfinite(draw(KEY, 2, dtype)).all()
        assert random.integers(KEY, 5, 8) == (7 if most else 5)
        assert random.integers(KEY, 0, 2**53) == (2**53 - 1 if most else 0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", ["normal", "exponential", "gumbel", "laplace"])
def test_dtypes(name: str, dtype: Any) -> None:
    sample = getattr(random, name)(KEY, 1000, dtype)
    assert sample.dtype == dtype
    assert np.isfinite(sample).all()
    assert type(getattr(random, name)(KEY, (), dtype)) is dtype or sample.ndim == 1


def test_normal_moments_and_tails() -> None:
    sample = random.normal(KEY, 200_000)
    assert abs(sample.mean()) < 4 / math.sqrt(200_000)
    assert abs(sample.var() - 1) < 4 * math.sqrt(2 / 200_000)
    assert abs(stats.skew(sample)) < 4 * math.sqrt(6 / 200_000)
    assert abs(stats.kurtosis(sample)) < 4 * math.sqrt(24 / 200_000)
    assert 4.0 < np.abs(sample).max() < 6.5


@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
def test_a_permutation_is_one(count: int) -> None:
    order = random.permutation(KEY, count)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(count))
    rows = np.arange(2.0 * count).reshape(count, 2)
    np.testing.assert_array_equal(random.permutation(KEY, rows), rows[order])
    np.testing.assert_array_equal(random.permutation(KEY, list(range(count, 0, -1))), count - order)


def test_every_order_of_three_occurs_equally_often() -> None:
    keys = random.split(KEY, 6000)
    orders = cr.vmap(lambda key: random.permutation(key, 3))(keys)
    counts = [np.sum((orders == order).all(1)) for order in itertools.permutations(range(3))]
    assert stats.chisquare(counts).pvalue > 1e-3


def test_choice_without_replacement() -> None:
    for n, count in ((5, 5), (10, 3), (4, 0)):
        found = random.choice(KEY, n, count, replace=False)
        assert len(set(found.tolist())) == count
        assert all(0 <= value < n for value in found.tolist())


def test_truncated_numbers_lie_in_their_interval() -> None:
    for low, high in (
        (-1.0, 1.0),
        (0.0, math.inf),
        (-math.inf, -8.0),
        (30.0, 31.0),
        (-40.0, -38.0),
    ):
        sample = random.truncated_normal(KEY, low, high, 1000)
        assert np.isfinite(sample).all()
        assert sample.min() >= low
        assert sample.max() <= high


def test_derivatives_pass_through_the_bounds() -> None:
    u = random.uniform(KEY, 4)

    def total(low: Any, high: Any) -> Any:
        return np.sum(random.uniform(KEY, 4, low, high))

    dlow, dhigh = cr.grad(total, argnums=(0, 1))(1.0, 3.0)
    assert dlow == pytest.approx(np.sum(1 - u))
    assert dhigh == pytest.approx(np.sum(u))
    shifted = cr.grad(lambda m, s: np.sum(m + s * random.normal(KEY, 3)), argnums=(0, 1))
    mean, spread = shifted(0.0, 1.0)
    assert (mean, spread) == (3.0, pytest.approx(random.normal(KEY, 3).sum()))


def test_derivatives_pass_through_one_bound() -> None:
    u = random.uniform(KEY)
    assert cr.grad(lambda low: random.uniform(KEY, (), low, 3.0))(1.0) == pytest.approx(1 - u)
    assert cr.grad(lambda high: random.uniform(KEY, (), 1.0, high))(3.0) == pytest.approx(u)


def test_bernoulli_takes_its_shape_from_the_probabilities() -> None:
    p = np.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(random.bernoulli(KEY, p), p.astype(bool))
    assert random.bernoulli(KEY, 1.0, (3,)).all()
    assert not random.bernoulli(KEY, 0.0, (3,)).any()


def test_draws_of_one_key_start_from_one_stream() -> None:
    """Which is why every key is to be used once."""
    same = random.uniform(KEY, 3) == (random.bits(KEY, 3) >> np.uint64(11)) * 2.0**-53
    assert same.all()
