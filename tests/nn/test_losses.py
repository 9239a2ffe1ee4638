"""Losses against scikit-learn's metrics, worked numbers and derivatives known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

import chainrule as cr
from chainrule import nn
from chainrule._errors import DtypeError, InvalidArgumentError, ShapeError


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(scale=3.0, size=(20, 4))


@pytest.fixture
def labels():
    return np.random.default_rng(1).integers(0, 4, size=20)


def probabilities(logits):
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def test_squared_error_on_worked_numbers():
    output = np.array([[1.0, 2.0], [0.0, 0.0]])
    target = np.array([[0.0, 0.0], [0.0, 4.0]])
    per_sample = nn.mean_squared_error(output, target, reduction="none")
    np.testing.assert_array_equal(per_sample, [2.5, 8.0])
    assert nn.mean_squared_error(output, target) == 5.25
    assert metrics.mean_squared_error(target, output) == 5.25


def test_squared_error_derivative():
    output, target = np.array([[1.0], [2.0]]), np.array([3.0, 5.0])
    gradient = cr.grad(nn.mean_squared_error)(output, target)
    np.testing.assert_allclose(gradient, [[-2.0], [-3.0]], rtol=1e-15)  # 2 (a - y) / n


def test_cross_entropy_is_the_log_loss(logits, labels):
    expected = metrics.log_loss(labels, probabilities(logits), labels=range(4))
    one_hot = np.eye(4)[labels]
    for targets in (labels, labels.astype(np.uint8), one_hot, one_hot.astype(int)):
        np.testing.assert_allclose(nn.softmax_cross_entropy(logits, targets), expected, rtol=1e-13)
    per_sample = nn.softmax_cross_entropy(logits, labels, reduction="none")
    expected = -np.log(probabilities(logits)[np.arange(20), labels])
    np.testing.assert_allclose(per_sample, expected, rtol=1e-12)


def test_cross_entropy_with_soft_labels():
    # Uniform logits over 4 classes cost log 4, whatever the labels.
    soft = np.array([[0.1, 0.2, 0.3, 0.4]])
    cost = nn.softmax_cross_entropy(np.zeros((1, 4)), soft)
    np.testing.assert_allclose(cost, np.log(4.0), rtol=1e-15)


@pytest.mark.parametrize("one_hot", [False, True])
def test_cross_entropy_derivative_is_probability_minus_label(logits, labels, one_hot):
    hot = np.eye(4)[labels]
    gradient = cr.grad(nn.softmax_cross_entropy)(logits, hot if one_hot else labels)
    np.testing.assert_allclose(gradient, (probabilities(logits) - hot) / 20, atol=1e-15)


def test_binary_cross_entropy_is_the_log_loss(logits):
    z = logits[:, 0]
    y = np.random.default_rng(2).integers(0, 2, size=20)
    p = 1 / (1 + np.exp(-z))
    for targets in (y, y.astype(bool), y.astype(float)):
        np.testing.assert_allclose(
            nn.sigmoid_cross_entropy(z, targets), metrics.log_loss(y, p), rtol=1e-13
        )
        np.testing.assert_allclose(
            nn.sigmoid_cross_entropy(z[:, None], targets), metrics.log_loss(y, p), rtol=1e-13
        )
    gradient = cr.grad(nn.sigmoid_cross_entropy)(z, y)
    np.testing.assert_allclose(gradient, (p - y) / 20, atol=1e-16)


def test_binary_cross_entropy_sums_over_outputs():
    costs = nn.sigmoid_cross_entropy(np.zeros((2, 3)), np.ones((2, 3)), reduction="none")
    np.testing.assert_allclose(costs, [3 * np.log(2.0)] * 2, rtol=1e-15)


def test_cross_entropies_are_exact_for_huge_logits():
    with np.errstate(all="raise", under="ignore"):
        assert nn.softmax_cross_entropy(np.array([[1e4, 0.0]]), np.array([1])) == 1e4
        assert nn.softmax_cross_entropy(np.array([[1e4, 0.0]]), np.array([0])) == 0.0
        assert nn.sigmoid_cross_entropy(np.array([-1e4]), np.array([1])) == 1e4
        assert nn.sigmoid_cross_entropy(np.array([1e4]), np.array([1])) == 0.0
        gradient = cr.grad(nn.softmax_cross_entropy)(np.array([[1e4, 0.0]]), np.array([1]))
        np.testing.assert_array_equal(gradient, [[1.0, -1.0]])


# What each loss takes as targets of an output (3, 2), as integers.
HOT = np.array([[1, 0], [0, 1], [1, 0]], np.int64)
TARGETS = {
    **dict.fromkeys(nn.LOSSES, HOT),
    "gaussian_loss": HOT[:, :1],
    "hinge_loss": 2 * HOT - 1,
    "perceptron_loss": 2 * HOT - 1,
}


@pytest.mark.parametrize("loss", sorted(nn.LOSSES))
@pytest.mark.parametrize("weight", [None, np.array([1.0, 2.0, 3.0])])
def test_float32_stays_float32_whatever_the_target(loss, weight):
    output, function = np.ones((3, 2), np.float32), nn.LOSSES[loss]

    def value(output):
        return function(output, TARGETS[loss], sample_weight=weight)

    assert value(output).dtype == np.float32
    assert cr.grad(value)(output).dtype == np.float32


@pytest.mark.parametrize("loss", sorted(nn.LOSSES))
def test_derivatives_are_those_of_finite_differences(loss):
    output = np.random.default_rng(3).normal(size=(3, 2))
    cr.testing.check_grads(lambda output: nn.LOSSES[loss](output, TARGETS[loss]), (output,))


@pytest.mark.parametrize("loss", sorted(nn.LOSSES))
def test_compiled_losses_are_the_same(loss):
    output = np.random.default_rng(4).normal(size=(3, 2))
    compiled = cr.compile(cr.value_and_grad(nn.LOSSES[loss]), engine="interpreter")
    value, gradient = compiled(output, TARGETS[loss])
    np.testing.assert_allclose(value, nn.LOSSES[loss](output, TARGETS[loss]), rtol=1e-15)
    expected = cr.grad(nn.LOSSES[loss])(output, TARGETS[loss])
    np.testing.assert_allclose(gradient, expected, rtol=1e-14, atol=1e-17)


# -- weights of samples --------------------------------------------------------------------------


@pytest.mark.parametrize("loss", sorted(nn.LOSSES))
def test_a_weight_of_two_counts_a_sample_twice(loss):
    output, target = np.random.default_rng(5).normal(size=(3, 2)), TARGETS[loss]
    function = nn.LOSSES[loss]
    twice, weight = [0, 1, 1, 2], np.array([1, 2, 1])
    expected = function(output[twice], target[twice])
    np.testing.assert_allclose(function(output, target, sample_weight=weight), expected, rtol=1e-14)
    np.testing.assert_allclose(
        function(output, target, sample_weight=[0.5, 1.0, 0.5]), expected, rtol=1e-14
    )
    costs = function(output, target, reduction="none")
    weighted = function(output, target, reduction="none", sample_weight=weight)
    np.testing.assert_allclose(weighted, weight * costs, rtol=1e-15)


def test_a_traced_batch_without_weight_costs_nothing():
    compiled = cr.compile(
        cr.value_and_grad(lambda a, w: nn.mean_squared_error(a, np.ones(2), sample_weight=w)),
        engine="interpreter",
    )
    value, gradient = compiled(np.zeros(2), np.zeros(2))
    assert value == 0.0
    np.testing.assert_array_equal(gradient, [0.0, 0.0])
    assert compiled(np.zeros(2), np.array([0.0, 3.0]))[0] == 1.0


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        (
            [1.0, -1.0],
            InvalidArgumentError,
            "mean_squared_error: sample_weight: expected weights that are finite and not negative, "
            "got -1.0 for sample 1.",
        ),
        (
            [np.nan, 1.0],
            InvalidArgumentError,
            "mean_squared_error: sample_weight: expected weights that are finite and not negative, "
            "got nan for sample 0.",
        ),
        (
            [0.0, 0.0],
            InvalidArgumentError,
            "mean_squared_error: sample_weight: expected some weight above 0, got only zeros; "
            "samples without weight count as absent.",
        ),
        (
            [1.0],
            ShapeError,
            "mean_squared_error: sample_weight: expected one weight for each of the 2 samples, got "
            "shape (1,).",
        ),
    ],
)
def test_weights_are_checked(weight, error, message):
    with pytest.raises(error) as caught:
        nn.mean_squared_error(np.zeros(2), np.zeros(2), sample_weight=weight)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("labels", "class_weight", "expected"),
    [
        ([0, 1, 1, 1], "balanced", [2.0, 2 / 3, 2 / 3, 2 / 3]),
        (["b", "a", "b"], {"b": 3.0}, [3.0, 1.0, 3.0]),
        ([7, 9, 9], [0.5, 4.0], [0.5, 4.0, 4.0]),
        ([[0, 1, 0], [1, 0, 0]], [1.0, 2.0, 3.0], [2.0, 1.0]),
        # Column 2 has no sample, so there are two classes to balance.
        ([[0, 1, 0], [1, 0, 0], [1, 0, 0]], "balanced", [1.5, 0.75, 0.75]),
        ([False, True], {True: 2.0}, [1.0, 2.0]),
    ],
)
def test_weights_by_class(labels, class_weight, expected):
    np.testing.assert_allclose(nn.weights_by_class(labels, class_weight), expected, rtol=1e-15)


def test_balanced_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_sample_weight

    labels = np.random.default_rng(6).integers(0, 5, 40)
    np.testing.assert_allclose(
        nn.weights_by_class(labels, "balanced"), compute_sample_weight("balanced", labels)
    )


@pytest.mark.parametrize(
    ("labels", "class_weight", "message"),
    [
        (
            [0, 1],
            {2: 1.0},
            "weights_by_class: class_weight: expected weights of the classes [0, 1], got one of 2, "
            "which no sample has.",
        ),
        (
            [0, 1],
            [1.0],
            "weights_by_class: class_weight: expected one weight for each of the 2 classes, got "
            "[1.0].",
        ),
        (
            [0, 1],
            {1: -1.0},
            "weights_by_class: class_weight: expected weights that are finite and not negative, "
            "got {1: -1.0}.",
        ),
        (
            [0, 1],
            "even",
            "weights_by_class: class_weight: expected 'balanced', a dictionary or a sequence, got "
            "'even'.",
        ),
        (
            [[1, 1], [0, 1]],
            "balanced",
            "weights_by_class: expected labels of shape (n_samples,) or one-hot rows, got an array "
            "of shape (2, 2); samples of several classes at once have no one weight.",
        ),
    ],
)
def test_weights_of_classes_are_checked(labels, class_weight, message):
    with pytest.raises((InvalidArgumentError, ShapeError)) as caught:
        nn.weights_by_class(labels, class_weight)
    assert caught.value.message == message


# -- quantities ----------------------------------------------------------------------------------


def test_half_squared_error_is_summed_over_outputs():
    output, target = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 4.0]])
    costs = nn.half_squared_error(output, target, reduction="none")
    np.testing.assert_array_equal(costs, [2.5, 8.0])
    gradient = cr.grad(nn.half_squared_error)(output, target)
    np.testing.assert_array_equal(gradient, (output - target) / 2)  # (a - y) / n


def test_absolute_error_is_the_metric():
    output, target = np.array([[1.0, 2.0], [0.5, 0.0]]), np.array([[0.0, 5.0], [0.5, 4.0]])
    assert nn.mean_absolute_error(output, target) == 2.0
    assert metrics.mean_absolute_error(target, output) == 2.0
    gradient = cr.grad(nn.mean_absolute_error)(output, target)
    np.testing.assert_array_equal(gradient, np.array([[1, -1], [0, -1]]) / 4)  # 0 at a = y


@pytest.mark.parametrize("delta", [0.5, 1.0, 2.0])
def test_huber_is_scipys(delta):
    import scipy.special

    error = np.array([-3.0, -delta, -0.1, 0.0, 0.4, delta, 7.0])
    costs = nn.huber_loss(error, np.zeros(7), delta=delta, reduction="none")
    np.testing.assert_allclose(costs, scipy.special.huber(delta, error), rtol=1e-14)
    gradient = cr.grad(lambda a: np.sum(nn.huber_loss(a, np.zeros(7), delta=delta)) * 7)(error)
    np.testing.assert_allclose(gradient, np.clip(error, -delta, delta), rtol=1e-14)
    curvature = cr.hessian(lambda a: nn.huber_loss(a, np.zeros(1), delta=delta))(np.zeros(1))
    assert curvature == 1.0  # at an error of 0 too, where it is smooth


def test_quantile_loss_is_the_pinball_metric():
    generator = np.random.default_rng(7)
    output, target = generator.normal(size=(9, 2)), generator.normal(size=(9, 2))
    for tau in (0.1, 0.5, 0.75):
        expected = metrics.mean_pinball_loss(target, output, alpha=tau)
        loss = nn.partial(nn.quantile_loss, quantiles=tau)
        np.testing.assert_allclose(loss(output, target), expected, rtol=1e-14)
        one = metrics.mean_pinball_loss(target[:, 0], output[:, 0], alpha=tau)
        for column in (output[:, 0], output[:, :1]):
            np.testing.assert_allclose(loss(column, target[:, 0]), one, rtol=1e-14)


def test_several_quantiles_of_several_outputs():
    generator = np.random.default_rng(8)
    target, levels = generator.normal(size=(9, 2)), (0.1, 0.5, 0.9)
    output = generator.normal(size=(9, 6))
    expected = np.mean(
        [
            metrics.mean_pinball_loss(target[:, j], output[:, 3 * j + m], alpha=tau)
            for j in range(2)
            for m, tau in enumerate(levels)
        ]
    )
    np.testing.assert_allclose(
        nn.quantile_loss(output, target, quantiles=levels), expected, rtol=1e-14
    )


def test_the_minimum_of_a_quantile_loss_is_the_quantile():
    sample = np.sort(np.random.default_rng(9).normal(size=101))
    costs = [nn.quantile_loss(np.full(101, a), sample, quantiles=0.25) for a in sample]
    assert sample[np.argmin(costs)] == np.quantile(sample, 0.25)


def test_poisson_is_half_the_deviance_but_for_a_constant():
    generator = np.random.default_rng(10)
    log_rate, count = generator.normal(size=30), generator.poisson(3.0, 30)
    count[0] = 0
    safe = np.where(count > 0, count, 1)
    constant = np.mean(count * np.log(safe) - count)
    deviance = metrics.mean_poisson_deviance(count, np.exp(log_rate))
    np.testing.assert_allclose(
        nn.poisson_loss(log_rate, count), deviance / 2 - constant, rtol=1e-12
    )
    gradient = cr.grad(nn.poisson_loss)(log_rate, count)
    np.testing.assert_allclose(gradient, (np.exp(log_rate) - count) / 30, rtol=1e-13)


def test_poisson_for_rates_far_below_one():
    with np.errstate(all="raise", under="ignore"):
        value, gradient = cr.value_and_grad(nn.poisson_loss)(np.array([-1e4, -1e4]), [0, 3])
    assert value == 1.5e4
    np.testing.assert_array_equal(gradient, [0.0, -1.5])


def test_gaussian_is_the_log_density():
    from scipy import stats

    generator = np.random.default_rng(11)
    mean, log_variance = generator.normal(size=(8, 2)), generator.normal(size=(8, 2))
    target = generator.normal(size=(8, 2))
    density = stats.norm.logpdf(target, mean, np.exp(log_variance / 2))
    output = np.concatenate([mean, log_variance], axis=1)
    np.testing.assert_allclose(
        nn.gaussian_loss(output, target, reduction="none"), -density.sum(axis=1), rtol=1e-13
    )


def test_gaussian_is_stable_for_extreme_variances():
    with np.errstate(all="raise", under="ignore"):
        for s, error in ((1e4, 1.0), (1e4, 1e6), (-600.0, 1e-100), (-1e4, 0.0)):
            output, target = np.array([[0.0, s]]), np.array([error])
            value, gradient = cr.value_and_grad(nn.gaussian_loss)(output, target)
            scaled = 0.0 if s in (1e4, -1e4) else error * np.exp(-s / 2)
            expected = 0.5 * (np.log(2 * np.pi) + s + scaled**2)
            np.testing.assert_allclose(value, expected, rtol=1e-14)
            np.testing.assert_allclose(gradient[0, 1], 0.5 - 0.5 * scaled**2, rtol=1e-12)


@pytest.mark.parametrize("loss", ["mean_absolute_error", "huber_loss", "quantile_loss"])
def test_errors_whose_squares_would_overflow(loss):
    with np.errstate(all="raise"):
        value, gradient = cr.value_and_grad(nn.LOSSES[loss])(np.array([1e200]), np.zeros(1))
    factor = 0.5 if loss == "quantile_loss" else 1.0
    assert (value, gradient[0]) == (factor * 1e200, factor)


# -- margins -------------------------------------------------------------------------------------


def test_hinge_is_the_metric():
    output = np.array([2.0, 0.25, -0.5, -3.0])
    labels = np.array([1, 1, -1, 1])
    for given in (labels, labels.astype(float), labels == 1):
        np.testing.assert_allclose(
            nn.hinge_loss(output, given), metrics.hinge_loss(labels, output), rtol=1e-15
        )
    assert nn.hinge_loss(output[:, None], labels) == nn.hinge_loss(output, labels)
    costs = nn.hinge_loss(output, labels, reduction="none")
    np.testing.assert_array_equal(costs, [0.0, 0.75, 0.5, 4.0])


def test_margin_losses_sum_over_one_against_all():
    output, labels = np.array([[2.0, -2.0], [0.5, 3.0]]), np.array([[1, -1], [1, -1]])
    np.testing.assert_array_equal(nn.hinge_loss(output, labels, reduction="none"), [0.0, 4.5])
    np.testing.assert_array_equal(nn.perceptron_loss(output, labels, reduction="none"), [0.0, 3.0])


def test_margin_losses_have_a_gradient_at_their_corners():
    labels = np.array([1.0, -1.0])
    np.testing.assert_array_equal(cr.grad(nn.hinge_loss)(labels, labels), -labels / 2)
    np.testing.assert_array_equal(cr.grad(nn.perceptron_loss)(np.zeros(2), labels), -labels / 2)


def test_perceptron_loss_is_rosenblatts_rule():
    """One sample at a time, from weights of zero, against the rule carried out in words."""
    generator = np.random.default_rng(12)
    X = generator.normal(size=(60, 3))
    y = np.where(X @ [1.0, -2.0, 0.5] > 0.1, 1, -1)
    w, b = np.zeros(3), 0.0
    model = nn.Dense(np.zeros((3, 1)), np.zeros(1))
    for x, label in zip(X, y, strict=True):
        gradient = cr.grad(lambda m, x=x, t=label: nn.perceptron_loss(m(x[None]), np.array([t])))(
            model
        )
        model = cr.tree.map(lambda w, g: w - g, model, gradient)
        if label * (x @ w + b) <= 0:
            w, b = w + label * x, b + label
    np.testing.assert_allclose(model.kernel[:, 0], w, rtol=1e-13)
    assert model.bias == b
    assert np.count_nonzero(w) == 3


# -- bad targets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: nn.poisson_loss(np.zeros(3), np.array([0, 2, -1])),
            "poisson_loss: expected counts of at least 0, got -1.0; for quantities that can be "
            "negative use mean_squared_error.",
        ),
        (
            lambda: nn.hinge_loss(np.zeros(2), np.array([0, 1])),
            "hinge_loss: expected labels -1 and 1, or booleans, got 0; labels 0 and 1 become such "
            "by labels == 1.",
        ),
        (
            lambda: nn.quantile_loss(np.zeros((2, 1)), np.zeros(2), quantiles=(0.1, 0.9)),
            "quantile_loss: expected an output of shape (2, 2), one column per target and "
            "quantile, got (2, 1) for a target of shape (2,) and 2 quantiles.",
        ),
        (
            lambda: nn.quantile_loss(np.zeros(2), np.zeros(2), quantiles=1.5),
            "quantile_loss: quantiles: expected numbers above 0 and below 1, got 1.5; the median "
            "is 0.5.",
        ),
        (
            lambda: nn.gaussian_loss(np.zeros((2, 1)), np.zeros(2)),
            "gaussian_loss: expected an output of shape (2, 2), the means and then the "
            "log-variances, got (2, 1) for a target of shape (2,).",
        ),
        (
            lambda: nn.huber_loss(np.zeros(2), np.zeros(2), delta=0.0),
            "huber_loss: delta: expected a number above 0, got 0.0.",
        ),
    ],
)
def test_bad_targets_and_settings(call, message):
    with pytest.raises((InvalidArgumentError, ShapeError)) as caught:
        call()
    assert caught.value.message == message


def test_traced_label_that_is_no_class_gives_nan():
    compiled = cr.compile(nn.softmax_cross_entropy, engine="interpreter")
    for label in (-1, 3):
        assert np.isnan(compiled(np.zeros((1, 3)), np.array([label])))
    assert compiled(np.zeros((1, 3)), np.array([2])) == np.log(3.0)


def test_targets_are_not_broadcast_against_outputs():
    with pytest.raises(ShapeError) as caught:
        nn.mean_squared_error(np.zeros((5, 2)), np.zeros(5))
    assert caught.value.message == (
        "mean_squared_error: expected a target of the shape of the output, (5, 2), got (5,); "
        "one row per sample and one column per output."
    )
    with pytest.raises(ShapeError):
        nn.sigmoid_cross_entropy(np.zeros(5), np.zeros((5, 1)))


@pytest.mark.parametrize(
    ("shape", "targets", "error", "message"),
    [
        (
            (2, 3),
            np.array([0, 3]),
            InvalidArgumentError,
            "softmax_cross_entropy: expected labels from 0 to 2, the columns of the logits, got "
            "3; renumber them with np.unique(labels, return_inverse=True)[1], or give the model "
            "more outputs.",
        ),
        (
            (2, 3),
            np.array([0.0, 1.0]),
            DtypeError,
            "softmax_cross_entropy: expected integer labels from 0 to 2, got float64; convert "
            "them with labels.astype(int), or text with np.unique(labels, "
            "return_inverse=True)[1].",
        ),
        (
            (2, 3),
            np.array([[1.0, 0.0, 0.0], [0.5, 0.0, 0.0]]),
            InvalidArgumentError,
            "softmax_cross_entropy: expected rows of class probabilities that are not negative "
            "and sum to 1, got [0.5 0.  0. ] in row 1; integer labels of shape (n_samples,) "
            "serve as well.",
        ),
        (
            (2, 3),
            np.array([0, 1, 2]),
            ShapeError,
            "softmax_cross_entropy: expected labels of shape (2,) (integers) or (2, 3) (one-hot) "
            "for logits of shape (2, 3), got (3,); give one label, or one row, per sample.",
        ),
        (
            (2, 1),
            np.array([0, 1]),
            ShapeError,
            "softmax_cross_entropy: expected logits of shape (n_samples, n_classes) with at "
            "least two classes, got (2, 1); for one output per sample use sigmoid_cross_entropy.",
        ),
    ],
)
def test_wrong_labels_are_explained(shape, targets, error, message):
    with pytest.raises(error) as caught:
        nn.softmax_cross_entropy(np.zeros(shape), targets)
    assert caught.value.message == message


def test_binary_labels_are_checked():
    with pytest.raises(InvalidArgumentError) as caught:
        nn.sigmoid_cross_entropy(np.zeros(3), np.array([0, 1, 2]))
    assert caught.value.message == (
        "sigmoid_cross_entropy: expected labels between 0 and 1, got 2; "
        "for more than two classes use softmax_cross_entropy."
    )


def test_unknown_reduction():
    with pytest.raises(InvalidArgumentError) as caught:
        nn.mean_squared_error(np.zeros(1), np.zeros(1), reduction="sum")
    assert caught.value.message == (
        "mean_squared_error: expected reduction 'mean' or 'none', got 'sum'; "
        "'none' returns one number per sample."
    )
