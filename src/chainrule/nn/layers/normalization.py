"""Layers that bring what passes through them to mean 0 and variance 1.

They differ in what the mean is taken over. `Standardize` uses the training data as a whole, once,
before training, and belongs in front of the first layer. `BatchNorm` takes the batch at hand, for
each feature; `LayerNorm` the features, for each sample. The latter two then scale and shift by
numbers that are trained, so that no function is out of reach.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule._dtypes import in_dtype_of
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.nn._types import Array, Key, as_array
from chainrule.nn.layers.dense import check_width, float_dtype
from chainrule.nn.layers.layer import Layer
from chainrule.nn.moments import mean_and_variance
from chainrule.nn.roles import FIXED

__all__ = ["BatchNorm", "LayerNorm", "Standardize"]


@dataclass(frozen=True, repr=False)
class BatchNorm(Layer):
    r"""Batch normalization: each feature normalized over the batch, then scaled and shifted.

    .. math:: f(x) = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta

    In training, ``mu`` and ``sigma^2`` are mean and variance of the batch (divided by n), through
    which the gradient passes; and the layer that `observe` returns has its running statistics moved
    towards them:

    .. math:: \bar\mu \leftarrow (1 - m) \bar\mu + m \mu, \qquad
              \bar\sigma^2 \leftarrow (1 - m) \bar\sigma^2 + m \frac{n}{n - 1} \sigma^2

    In evaluation the running statistics are used, so that an output does not depend on the other
    rows. As in the paper, it belongs between the affine map and the activation:
    ``Dense``, ``BatchNorm``, ``Apply(relu)``. Biases of that ``Dense`` have no effect.

    A batch of a single row has no variance: there the running statistics are used, and kept.

    Parameters
    ----------
    scale, shift : ndarray of shape (n_features,)
        ``gamma`` and ``beta``, trained; neither counts as weights.
    mean, variance : ndarray of shape (n_features,)
        The running statistics, not trained.
    momentum : float, default=0.1
        ``m``, in (0, 1]: the share of the newest batch, as in PyTorch. Keras calls ``1 - m`` by
        this name.
    epsilon : float, default=1e-5
        Above 0, inside the root.

    References
    ----------
    Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal
    covariate shift", ICML 2015.

    Examples
    --------
    >>> layer = BatchNorm.init(1)
    >>> outputs, layer = layer.observe(np.array([[0.0], [2.0]]))
    >>> outputs.round(4)
    array([[-1.],
           [ 1.]])
    >>> layer.mean, layer.variance  # 0.9 * 0 + 0.1 * 1 and 0.9 * 1 + 0.1 * 2
    (array([0.1]), array([1.1]))
    """

    scale: Array
    shift: Array
    mean: Array = field(metadata=FIXED)
    variance: Array = field(metadata=FIXED)
    momentum: float = tree.static_field(default=0.1)
    epsilon: float = tree.static_field(default=1e-5)

    @classmethod
    def init(
        cls,
        n_features: int,
        *,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
        dtype: Any = np.float64,
    ) -> BatchNorm:
        """Return a layer with scale and running variance 1, shift and running mean 0.

        Parameters
        ----------
        n_features : int
            At least 1.
        momentum : float, default=0.1
            In (0, 1].
        epsilon : float, default=1e-5
            Above 0.
        dtype : dtype, default=float64
            A float dtype.

        Returns
        -------
        BatchNorm

        Raises
        ------
        InvalidArgumentError
            If a number is outside its range.
        DtypeError
            If ``dtype`` is not a float dtype.
        """
        check_width("BatchNorm.init: n_features", n_features)
        dtype = float_dtype("BatchNorm.init", dtype)
        _check_epsilon("BatchNorm.init", epsilon)
        if not 0.0 < momentum <= 1.0:
            raise InvalidArgumentError(
                f"BatchNorm.init: momentum: expected a number above 0 and up to 1, got {momentum}; "
                "it is the share of the newest batch."
            )
        one, zero = np.ones(n_features, dtype), np.zeros(n_features, dtype)
        return cls(one, zero, zero, one, momentum, epsilon)

    def __call__(self, x: Array, *, key: Key | None = None, training: bool = False) -> Array:
        """Return the rows normalized, by the running statistics unless in training.

        Parameters
        ----------
        x : ndarray of shape (n_samples, ..., n_features)
            All axes but the last are averaged over.
        key
            Not used.
        training : bool, default=False

        Returns
        -------
        ndarray of the shape of ``x``

        Raises
        ------
        ShapeError
            If the last axis of ``x`` is not ``n_features`` long.
        """
        if training:
            return self.observe(x)[0]
        return self._normalized(_features(self, x, self.scale), self.mean, self.variance)

    def observe(self, x: Array, *, key: Key | None = None) -> tuple[Array, BatchNorm]:
        """Return the rows normalized by their own statistics, and the layer that has seen them."""
        x = _features(self, x, self.scale)
        n_rows = math.prod(x.shape[:-1])
        if n_rows == 1:
            return self(x), self
        axes = tuple(range(x.ndim - 1))
        mean = np.mean(x, axis=axes)
        variance = np.mean((x - mean) ** 2, axis=axes)
        after = replace(
            self,
            mean=self._moved(self.mean, mean),
            variance=self._moved(self.variance, variance * (n_rows / (n_rows - 1))),
        )
        return self._normalized(x, mean, variance), after

    def _moved(self, old: Array, new: Array) -> Array:
        return (1.0 - self.momentum) * old + self.momentum * new.astype(old.dtype)

    def _normalized(self, x: Array, mean: Array, variance: Array) -> Array:
        return (x - mean) * (self.scale / np.sqrt(variance + self.epsilon)) + self.shift

    def __repr__(self) -> str:
        return _named("BatchNorm", self.scale)


@dataclass(frozen=True, repr=False)
class LayerNorm(Layer):
    r"""Layer normalization: each sample normalized over its features, then scaled and shifted.

    .. math:: f(x) = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta

    ``mu`` and ``sigma^2`` are mean and variance over the last axis (divided by its length), in
    training and evaluation alike, so that a sample's output does not depend on the batch.

    Parameters
    ----------
    scale, shift : ndarray of shape (n_features,)
        ``gamma`` and ``beta``, trained; neither counts as weights.
    epsilon : float, default=1e-5
        Above 0, inside the root.

    References
    ----------
    Ba, Kiros and Hinton, "Layer normalization", 2016.

    Examples
    --------
    >>> LayerNorm.init(2)(np.array([[0.0, 2.0], [50.0, 70.0]])).round(4)
    array([[-1.,  1.],
           [-1.,  1.]])
    """

    scale: Array
    shift: Array
    epsilon: float = tree.static_field(default=1e-5)

    @classmethod
    def init(cls, n_features: int, *, epsilon: float = 1e-5, dtype: Any = np.float64) -> LayerNorm:
        """Return a layer with scale 1 and shift 0.

        Parameters
        ----------
        n_features : int
            At least 1.
        epsilon : float, default=1e-5
            Above 0.
        dtype : dtype, default=float64
            A float dtype.

        Returns
        -------
        LayerNorm

        Raises
        ------
        InvalidArgumentError
            If a number is outside its range.
        DtypeError
            If ``dtype`` is not a float dtype.
        """
        check_width("LayerNorm.init: n_features", n_features)
        dtype = float_dtype("LayerNorm.init", dtype)
        _check_epsilon("LayerNorm.init", epsilon)
        return cls(np.ones(n_features, dtype), np.zeros(n_features, dtype), epsilon)

    def __call__(self, x: Array, *, key: Key | None = None, training: bool = False) -> Array:
        """Return every row normalized.

        Parameters
        ----------
        x : ndarray of shape (n_samples, ..., n_features)
        key, training
            Not used.

        Returns
        -------
        ndarray of the shape of ``x``

        Raises
        ------
        ShapeError
            If the last axis of ``x`` is not ``n_features`` long.
        """
        x = _features(self, x, self.scale)
        centred = x - np.mean(x, axis=-1, keepdims=True)
        variance = np.mean(centred**2, axis=-1, keepdims=True)
        return centred / np.sqrt(variance + self.epsilon) * self.scale + self.shift

    def __repr__(self) -> str:
        return _named("LayerNorm", self.scale)


@dataclass(frozen=True, repr=False)
class Standardize(Layer):
    r"""The inputs' mean and spread taken out, as measured once on the training data.

    .. math:: f(x) = \frac{x - \mu}{\sigma}

    As the first layer of a model it keeps the scale of the inputs with the weights that were
    trained for it. Nothing of it is trained.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        ``mu``.
    scale : ndarray of shape (n_features,)
        ``sigma``, above 0.

    Examples
    --------
    >>> layer = Standardize.fit(np.array([[1.0, 7.0], [3.0, 7.0]]))
    >>> layer(np.array([[1.0, 7.0], [4.0, 9.0]]))
    array([[-1.,  0.],
           [ 2.,  2.]])
    """

    mean: Array = field(metadata=FIXED)
    scale: Array = field(metadata=FIXED)

    @classmethod
    def fit(cls, X: Any, *, dtype: Any = np.float64) -> Standardize:
        """Take mean and standard deviation (divided by n) of each feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, ..., n_features)
            The training part alone. A feature that is constant in it has scale 1.
        dtype : dtype, default=float64
            A float dtype, that of outputs for integers. Floats keep theirs.

        Returns
        -------
        Standardize

        Raises
        ------
        ShapeError
            If there is no sample or no feature.
        InvalidArgumentError
            If a mean or a spread is not finite in ``dtype``.
        DtypeError
            If ``dtype`` is not a float dtype.
        """
        dtype = float_dtype("Standardize.fit", dtype)
        X = np.asarray(X)
        if X.dtype.kind not in "biuf":
            X = X.astype(np.float64)
        if X.ndim < 2 or X.size == 0:
            raise ShapeError(
                "Standardize.fit: expected an array of shape (n_samples, n_features) with at least "
                f"one sample, got {X.shape}; a single feature is a column, X[:, None]."
            )
        rows = X.reshape(-1, X.shape[-1])
        with np.errstate(over="ignore", invalid="ignore"):
            mean, variance = mean_and_variance(rows)
            mean, scale = mean.astype(dtype), np.sqrt(variance).astype(dtype)
        # The squares of differences that are very small are 0, too.
        still = np.flatnonzero(variance == 0.0)
        scale[[j for j in still if (rows[:, j] == rows[0, j]).all()]] = 1.0
        wrong = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(scale) & (scale > 0)))
        if wrong.size:
            raise InvalidArgumentError(
                f"Standardize.fit: expected features whose mean and spread are finite in {dtype} "
                f"and whose spread is above 0, got {mean[wrong[0]]} and {scale[wrong[0]]} in "
                f"column {wrong[0]}; fill in what is missing and choose a sensible unit first."
            )
        return cls(mean, scale)

    def __call__(self, x: Array, *, key: Key | None = None, training: bool = False) -> Array:
        """Return ``(x - mean) / scale``.

        Parameters
        ----------
        x : ndarray of shape (..., n_features)
        key, training
            Not used.

        Returns
        -------
        ndarray of the shape of ``x``

        Raises
        ------
        ShapeError
            If the last axis of ``x`` is not ``n_features`` long.
        """
        x = _features(self, x, self.scale)
        return (x - in_dtype_of(self.mean, x)) / in_dtype_of(self.scale, x)

    def inverse(self, x: Array) -> Array:
        """Return ``x * scale + mean``, the way back to the original units.

        Parameters
        ----------
        x : ndarray of shape (..., n_features)

        Returns
        -------
        ndarray of the shape of ``x``

        Raises
        ------
        ShapeError
            If the last axis of ``x`` is not ``n_features`` long.
        """
        x = _features(self, x, self.scale)
        return x * in_dtype_of(self.scale, x) + in_dtype_of(self.mean, x)

    def __repr__(self) -> str:
        return _named("Standardize", self.scale)


def _named(name: str, scale: Any) -> str:
    # In trees of masks, or without what is fixed, there is no array to take the width from.
    return f"{name}({', '.join(str(width) for width in np.shape(scale))})"


def _features(layer: Layer, x: Array, like: Array) -> Array:
    """Return inputs as floats, having made sure that there is one for every number of a layer."""
    x, n_features = as_array(x), like.shape[-1]
    if not x.shape or x.shape[-1] != n_features:
        raise ShapeError(
            f"{layer!r}: expected an input of shape (n_samples, {n_features}), got {x.shape}; "
            f"the layer was made for {n_features} features per sample."
        )
    return x if x.dtype.kind == "f" else x.astype(like.dtype)


def _check_epsilon(what: str, epsilon: float) -> None:
    if not 0.0 < epsilon < np.inf:
        raise InvalidArgumentError(
            f"{what}: epsilon: expected a number above 0, finite, got {epsilon}."
        )
