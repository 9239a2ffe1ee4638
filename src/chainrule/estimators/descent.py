"""Linear models as networks of one layer, for those estimators that are fitted step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import nn, optim, random, training
from chainrule._dtypes import in_dtype_of
from chainrule.estimators import samples
from chainrule.training import EpochRecord, FitResult
from chainrule.training.epoch import Loss

__all__ = ["Affine", "affine", "descend"]


@dataclass(frozen=True)
class Affine(nn.Layer):
    r"""An affine map of scaled features, with a penalty on the weights in original units.

    .. math:: z = \frac{x - \mu}{\sigma} W + b, \qquad
              \text{penalty} = \frac{\lambda}{2} \sum_{jk} (W_{jk} / \sigma_j)^2

    So the features' units do not slow the training down, and do not change what is found either.

    Parameters
    ----------
    kernel : ndarray of shape (n_features, n_outputs)
    bias : ndarray of shape (n_outputs,) or None
    scaling : Standardize
    strength : float
        ``lambda``.
    """

    kernel: Any = field(metadata=nn.WEIGHT)
    bias: Any
    scaling: nn.Standardize = field(metadata=nn.FIXED)
    strength: Any = field(metadata=nn.FIXED)

    def __call__(self, x: Any, *, key: Any = None, training: bool = False) -> Any:
        """Return ``z``."""
        z = self.scaling(x) @ self.kernel
        return z if self.bias is None else z + self.bias

    def penalty(self) -> Any:
        """Return the penalty on the weights in original units."""
        kernel = self.kernel / in_dtype_of(self.scaling.scale, self.kernel)[:, None]
        return 0.5 * in_dtype_of(self.strength, kernel) * np.sum(kernel * kernel)

    def starting_at(self, coef: Any, intercept: Any) -> Affine:
        """Return the map with weights and biases given for raw features."""
        kernel = (coef * self.scaling.scale[:, None]).astype(self.kernel.dtype)
        bias = None if self.bias is None else (intercept + self.scaling.mean @ coef)
        return replace(self, kernel=kernel, bias=bias)

    def in_original_units(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return weights (n_features, n_outputs) and biases (n_outputs,) for raw features."""
        coef = self.kernel / self.scaling.scale[:, None]
        bias = np.zeros(coef.shape[1], coef.dtype) if self.bias is None else self.bias
        return coef, bias - self.scaling.mean @ coef


def affine(
    X: npt.NDArray[Any],
    weight: npt.NDArray[Any] | None,
    n_outputs: int,
    *,
    fit_intercept: bool,
    curvature: float,
    strength: float = 0.0,
) -> Affine:
    """Return a map that gives 0 everywhere, made for these features.

    Without an intercept their means stay in: the map goes through the origin of the features. With
    a penalty, features of little spread are not made large, as the penalty on them would become
    so too: the scales are such that the cost, whose Hessian has about ``curvature * variance +
    strength`` on its diagonal, curves alike along all weights.
    """
    scaling = samples.standardizer(X, weight, X.dtype)
    size = np.hypot(scaling.scale, np.sqrt(strength / curvature))
    scaling = replace(scaling, scale=size.astype(X.dtype))
    if not fit_intercept:
        size = np.hypot(scaling.mean, scaling.scale)
        scaling = replace(scaling, mean=np.zeros_like(size), scale=size)
    kernel = np.zeros((X.shape[1], n_outputs), X.dtype)
    bias = np.zeros(n_outputs, X.dtype) if fit_intercept else None
    return Affine(kernel, bias, scaling, float(strength))


def descend(
    X: npt.NDArray[Any],
    target: npt.NDArray[Any],
    weight: npt.NDArray[Any] | None,
    *,
    loss: Loss,
    curvature: float,
    n_outputs: int,
    fit_intercept: bool,
    rate: float | None,
    max_iter: int,
    tolerance: float,
    strength: float = 0.0,
    callbacks: tuple[Callable[[EpochRecord], bool | None], ...] = (),
) -> tuple[FitResult, Affine]:
    """Fit an affine map by gradient descent with all samples, from 0.

    Parameters
    ----------
    X, target, weight
        As `chainrule.training.fit` takes them.
    loss : callable
    curvature : float
        The largest second derivative of the loss in an output.
    n_outputs : int
    fit_intercept : bool
    rate : float or None
        None takes the inverse of the largest curvature of the cost, at which no step overshoots.
    max_iter : int
    tolerance : float
        It stops at a gradient no longer than that.
    strength : float
        Of the penalty.
    callbacks : tuple of callable

    Returns
    -------
    result : FitResult
    model : Affine
        The last, which is the best.
    """
    model = affine(
        X,
        weight,
        n_outputs,
        fit_intercept=fit_intercept,
        curvature=curvature,
        strength=strength,
    )
    if rate is None:
        rate = 1.0 / _largest_curvature(model, X, weight, curvature)

    def is_flat(record: EpochRecord) -> bool:
        return float(record.gradient_norms[0]) <= tolerance

    result = training.fit(
        model,
        loss,
        optim.sgd(float(rate)),
        X,
        target,
        epochs=max_iter,
        key=random.key(0),
        sample_weight=weight,
        callbacks=[is_flat, *callbacks],
    )
    return result, result.last.model


def _largest_curvature(
    model: Affine, X: npt.NDArray[Any], weight: npt.NDArray[Any] | None, curvature: float
) -> float:
    """Return the largest eigenvalue of the cost's Hessian, or a bound of it."""
    A = model.scaling(X)
    if model.bias is not None:
        A = np.hstack([A, np.ones((len(A), 1))])
    share = np.full(len(A), 1.0 / len(A)) if weight is None else weight / np.sum(weight)
    gram = A.T @ (share[:, None] * A)
    penalty = model.strength / float(np.min(model.scaling.scale)) ** 2
    return curvature * float(np.linalg.eigvalsh(gram)[-1]) + penalty
