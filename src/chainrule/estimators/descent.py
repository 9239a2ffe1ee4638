"""Linear models as networks of one layer, for those estimators that are fitted step by step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.sparse.linalg import LinearOperator, eigsh

from chainrule import nn, optim, random, training
from chainrule._dtypes import in_dtype_of
from chainrule.models import arrays
from chainrule.models.network import refuse_divergence
from chainrule.models.progress import Patience
from chainrule.nn.moments import blocks
from chainrule.optim import Method, Optimizer
from chainrule.sparse import SparseMatrix
from chainrule.training import Checkpoint, EpochRecord, FitResult
from chainrule.training.epoch import Loss, Samples, Score

__all__ = ["Affine", "affine", "gradient_descent", "trained"]

Features: TypeAlias = npt.NDArray[Any] | SparseMatrix

_LANCZOS = 1e-2
"""How exact the largest curvature has to be."""


@dataclass(frozen=True)
class Affine(nn.Layer):
    r"""An affine map of scaled features, with a penalty on the weights in original units.

    .. math:: z = \frac{x - \mu}{\sigma} W + b, \qquad
              \text{penalty} = \frac{\lambda}{2} \sum_{jk} (W_{jk} / \sigma_j)^2

    So the features' units do not slow the training down, and do not change what is found either.
    Dense features are scaled before training, by `standardized`, as every step takes all of them;
    a sparse matrix, which centering would make dense, is taken as it is.

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
        """Return ``z`` of dense features that are scaled, or of a sparse matrix that is not."""
        if isinstance(x, SparseMatrix):
            kernel = self.kernel / self.scaling.scale[:, None]
            z = x @ kernel - self.scaling.mean @ kernel
        else:
            z = x @ self.kernel
        return z if self.bias is None else z + self.bias

    def standardized(self, part: Samples) -> Samples:
        """Return samples whose features are scaled: a copy, unless they are sparse."""
        X = part.X
        if isinstance(X, SparseMatrix):
            return part
        scaled = np.empty_like(X)
        for rows in blocks(X):
            scaled[rows] = self.scaling(X[rows])
        return part._replace(X=scaled)

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
    X: Features,
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
    scaling = arrays.standardizer(X, weight, X.dtype)
    size = np.hypot(scaling.scale, np.sqrt(strength / curvature))
    scaling = replace(scaling, scale=size.astype(X.dtype))
    if not fit_intercept:
        size = np.hypot(scaling.mean, scaling.scale)
        scaling = replace(scaling, mean=np.zeros_like(size), scale=size)
    kernel = np.zeros((X.shape[1], n_outputs), X.dtype)
    bias = np.zeros(n_outputs, X.dtype) if fit_intercept else None
    return Affine(kernel, bias, scaling, float(strength))


def gradient_descent(
    model: Affine, train: Samples, *, curvature: float, rate: float | None
) -> Optimizer:
    """Return the plain method, for a loss whose second derivatives in an output are bounded.

    Parameters
    ----------
    model : Affine
    train : Samples
        Standardized by it.
    curvature : float
        The largest second derivative.
    rate : float or None
        None takes the inverse of the largest curvature of the cost, at which no step overshoots.
    """
    if rate is None:
        rate = 1.0 / _largest_curvature(model, train.X, train.weight, curvature)
    return optim.sgd(float(rate))


class Ending:
    """A callback that stops at a gradient no longer than a tolerance, or for want of progress.

    Parameters
    ----------
    tolerance : float
    patience : Patience or None
        With a better validation score, or loss without a score.
    """

    def __init__(self, tolerance: float, patience: Patience | None) -> None:
        self._tolerance = tolerance
        self._patience = patience

    def __call__(self, record: EpochRecord) -> bool:
        """Take in a step, and return whether it is the last."""
        return self._gets_no_better(record) or (float(record.gradient_norms[0]) <= self._tolerance)

    def _gets_no_better(self, record: EpochRecord) -> bool:
        if self._patience is None or record.val_loss is None:
            return False
        value = record.val_loss if record.val_score is None else -record.val_score
        return self._patience.is_exhausted_by(value)

    def get_state(self) -> Any:
        """Return what a checkpoint has to keep of it."""
        return self._tolerance, None if self._patience is None else self._patience.get_state()

    def set_state(self, state: Any) -> None:
        """Go on from what a checkpoint has kept."""
        self._tolerance, patience = state
        if self._patience is not None:
            self._patience.set_state(patience)


def trained(
    model: Affine,
    train: Samples,
    validation: Samples | None,
    *,
    loss: Loss,
    score: Score | None,
    method: Optimizer | Method,
    max_iter: int,
    tolerance: float,
    patience: Patience | None,
    restore_best: bool,
    checkpoint: Checkpoint | None,
) -> FitResult:
    """Bring the cost of an affine map down, with all samples in every step.

    Parameters
    ----------
    model : Affine
        Where to begin.
    train : Samples
        Standardized by it.
    validation : Samples or None
        Likewise, and measured alike after every step.
    loss : callable
    score : callable or None
        Of the validation samples.
    method : Optimizer or Method
    max_iter : int
    tolerance : float
        It stops at a gradient no longer than that; for a method that uses curvature, at one with
        no larger element.
    patience : Patience or None
        When to stop for want of a better validation score, or loss without a score.
    restore_best : bool
        Whether the result has the model of the best step, rather than of the last.
    checkpoint : Checkpoint or None
        What the run is kept in.
    """
    result = training.fit(
        model,
        loss,
        method,
        train.X,
        train.y,
        epochs=max_iter,
        key=random.key(0),
        sample_weight=train.weight,
        X_val=None if validation is None else validation.X,
        y_val=None if validation is None else validation.y,
        sample_weight_val=None if validation is None else validation.weight,
        score=None if validation is None else score,
        callbacks=[Ending(tolerance, patience)],
        tolerance=tolerance if isinstance(method, Method) else None,
        checkpoint=checkpoint,
        restore_best=restore_best,
    )
    refuse_divergence(result)
    return result


def _largest_curvature(
    model: Affine, X: Features, weight: npt.NDArray[Any] | None, curvature: float
) -> float:
    """Return the largest eigenvalue of the cost's Hessian, or a bound of it.

    It is found by Lanczos' method, by products with the scaled features, in the precision that
    they have, and a column of ones.
    """
    A: Any = X
    mean, scale = np.zeros(X.shape[1], X.dtype), np.ones(X.shape[1], X.dtype)
    if isinstance(X, SparseMatrix):
        A = scipy.sparse.csr_array((X.values, (X.rows, X.columns)), X.shape)
        mean, scale = model.scaling.mean, model.scaling.scale
    share = np.full(len(X), 1.0 / len(X)) if weight is None else weight / np.sum(weight)
    constant = 0.0 if model.bias is None else 1.0

    def times(v: npt.NDArray[Any]) -> npt.NDArray[Any]:
        kernel = (v[:-1] / scale).astype(X.dtype)
        z = share * (A @ kernel - mean @ kernel + constant * v[-1])
        along = (A.T @ z.astype(X.dtype) - mean * np.sum(z)) / scale
        return np.append(along, constant * np.sum(z))

    size = X.shape[1] + 1
    largest = eigsh(
        LinearOperator((size, size), times, dtype=np.float64),
        k=1,
        v0=np.random.default_rng(0).normal(size=size),
        tol=_LANCZOS,
        return_eigenvectors=False,
    )
    penalty = model.strength / float(np.min(model.scaling.scale)) ** 2
    return curvature * float(largest[0]) * (1.0 + 2.0 * _LANCZOS) + penalty
