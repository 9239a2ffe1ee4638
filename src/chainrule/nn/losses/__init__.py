r"""Losses: how far the outputs of a model are from the targets.

A loss is a function ``(output, target) -> number``, the mean over samples of what each sample
costs. With ``sample_weight=w`` it is the weighted mean, ``sum(w c) / sum(w)``, and with
``reduction="none"`` it returns the cost of each sample instead. A loss of one's own is any
function of output and target. Settings, such as the quantiles of `quantile_loss`, are decided by
`chainrule.nn.partial`.

What is summed or averaged within a sample, and every factor ½, is a convention that textbooks
differ in. Here errors are averaged over the outputs of a sample and likelihoods are summed (the
likelihood of a sample is the product of those of its independent outputs):

=======================  ===============================  ==============  =======================
loss                     of one output                    over outputs    targets
=======================  ===============================  ==============  =======================
`mean_squared_error`     (a - y)²                         mean            numbers
`half_squared_error`     ½ (a - y)²                       sum             numbers
`mean_absolute_error`    abs(a - y)                       mean            numbers
`huber_loss`             ½ r², or δ (abs(r) - ½ δ)        mean            numbers
`quantile_loss`          max(τ (y - a), (τ - 1) (y - a))  mean            numbers
`gaussian_loss`          ½ (log 2π + s + (y - μ)² e⁻ˢ)    sum             numbers
`poisson_loss`           eᶻ - y z                         sum             counts, at least 0
`softmax_cross_entropy`  -log softmax(z) of the class     (all together)  integers, or rows of
                                                                          probabilities
`sigmoid_cross_entropy`  log(1 + eᶻ) - y z                sum             from 0 to 1
`hinge_loss`             max(0, 1 - y a)                  sum             -1 and 1, or booleans
`perceptron_loss`        max(0, -y a)                     sum             -1 and 1, or booleans
=======================  ===============================  ==============  =======================

Outputs have one row per sample. Where a model has a single output, ``(n_samples, 1)``, the targets
may be given as ``(n_samples,)``. No other shapes are broadcast against each other.

The cross-entropies take *logits*, the outputs of a last layer without activation, and are exact
however large these are. Targets that can be looked at are checked, those that are being traced
cannot be: there, a label that is no class gives NaN, never the loss of another class.
"""

from __future__ import annotations

from chainrule.nn._types import Loss
from chainrule.nn.losses.classification import (
    hinge_loss,
    perceptron_loss,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from chainrule.nn.losses.regression import (
    gaussian_loss,
    half_squared_error,
    huber_loss,
    mean_absolute_error,
    mean_squared_error,
    poisson_loss,
    quantile_loss,
)
from chainrule.nn.losses.weighting import weights_by_class

__all__ = [
    "LOSSES",
    "gaussian_loss",
    "half_squared_error",
    "hinge_loss",
    "huber_loss",
    "mean_absolute_error",
    "mean_squared_error",
    "perceptron_loss",
    "poisson_loss",
    "quantile_loss",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "weights_by_class",
]

LOSSES: dict[str, Loss] = {
    "gaussian_loss": gaussian_loss,
    "half_squared_error": half_squared_error,
    "hinge_loss": hinge_loss,
    "huber_loss": huber_loss,
    "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error,
    "perceptron_loss": perceptron_loss,
    "poisson_loss": poisson_loss,
    "quantile_loss": quantile_loss,
    "sigmoid_cross_entropy": sigmoid_cross_entropy,
    "softmax_cross_entropy": softmax_cross_entropy,
}
"""The losses by name."""
