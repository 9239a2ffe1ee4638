"""Rosenblatt's perceptron, with the rule it learns by written out.

The rule is not gradient descent on a smooth cost: a sample that is on the right side changes
nothing, and one that is not pulls the weights towards itself, by the same amount however far off it
is. With several classes there is one perceptron for each, against all others.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import _check_partial_fit_first_call

from chainrule.compiler import compile
from chainrule.control_flow import scan
from chainrule.estimators.declaration import (
    Boolean,
    Integer,
    RandomState,
    Real,
    hyperparameter,
)
from chainrule.estimators.linear_classifier import LinearClassifier
from chainrule.estimators.targets import Labels
from chainrule.frontend import asarray

__all__ = ["Perceptron", "learn"]


class Weights(NamedTuple):
    """Weights (n_features, n_outputs) and biases (n_outputs,) of perceptrons side by side."""

    kernel: Any
    bias: Any


def learn(weights: Weights, X: Any, signs: Any, order: Any, rate: Any) -> tuple[Weights, Any, Any]:
    r"""Show every sample once, and return the weights and how many mistakes there were.

    .. math:: w \leftarrow w + \eta \, y \, x, \qquad b \leftarrow b + \eta \, y
              \qquad \text{if } y \, (w \cdot x + b) \le 0

    Parameters
    ----------
    weights : Weights
    X : ndarray of shape (n_samples, n_features)
    signs : ndarray of shape (n_samples, n_outputs)
        ``y``: 1 for the class of an output and -1 for all others.
    order : ndarray of int of shape (n_samples,)
    rate : ndarray of shape (2,)
        ``eta`` for the weights, and for the biases.

    Returns
    -------
    weights : Weights
    mistakes : int
        On the way, of all outputs together.
    left : int
        Mistakes that the weights make at the end.
    """

    def show(weights: Weights, row: Any) -> tuple[Weights, Any]:
        x, y = asarray(X)[row], asarray(signs)[row]
        is_wrong = y * (x @ weights.kernel + weights.bias) <= 0
        pull = np.where(is_wrong, y, 0.0)
        kernel = weights.kernel + rate[0] * x[:, None] * pull
        return Weights(kernel, weights.bias + rate[1] * pull), is_wrong

    weights, is_wrong = scan(show, weights, order)
    left = signs * (X @ weights.kernel + weights.bias) <= 0
    return weights, np.sum(is_wrong), np.sum(left)


_learn_compiled = compile(learn)


class Perceptron(LinearClassifier):
    r"""Rosenblatt's perceptron, for several classes one against all.

    .. math:: w \leftarrow w + \eta \, y \, x \quad \text{if } y \, (w \cdot x + b) \le 0

    If a plane separates the classes, the rule finds one after a finite number of mistakes,
    whatever ``eta``; if none does, it never comes to rest, and the weights are kept that are wrong
    least often at the end of an epoch (the pocket algorithm).

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        One row for two classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
    classes_ : ndarray of shape (n_classes,)
    n_iter_ : int
        Epochs of the last fit.
    t_ : int
        Samples shown.
    mistakes_ : list of int
        In every epoch, of all outputs together.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has names that are strings.

    References
    ----------
    Rosenblatt, "The perceptron: a probabilistic model for information storage and organization in
    the brain", 1958; Gallant, "Perceptron-based learning algorithms", 1990, for the pocket.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.estimators import Perceptron
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> gate = Perceptron(shuffle=False).fit(X, np.array(["off", "off", "off", "on"]))
    >>> gate.predict(X), gate.mistakes_[-1]
    (array(['off', 'off', 'off', 'on'], dtype='<U3'), 0)
    """

    fit_intercept: bool = hyperparameter(
        True, Boolean(), meaning="Whether there is a bias; without, planes go through the origin."
    )
    max_iter: int = hyperparameter(1000, Integer(1), meaning="The largest number of epochs.")
    tol: float = hyperparameter(
        1e-3,
        Real(0.0),
        meaning="By what share of the samples mistakes have to become fewer to count as progress.",
    )
    shuffle: bool = hyperparameter(
        True, Boolean(), meaning="Whether every epoch shows the samples in a new order."
    )
    verbose: Any = hyperparameter(
        False, Boolean(), Integer(0), meaning="Whether to print the mistakes of every epoch."
    )
    eta0: float = hyperparameter(
        1.0,
        Real(0.0, closed="neither"),
        meaning="The learning rate: the size of the weights, and not what they decide.",
    )
    random_state: Any = hyperparameter(
        0, RandomState(), meaning="Seed of the order of the samples."
    )
    n_iter_no_change: int = hyperparameter(
        5, Integer(1), meaning="Training stops after so many epochs in a row without progress."
    )
    warm_start: bool = hyperparameter(
        False, Boolean(), meaning="Whether fit goes on from the weights of the last fit."
    )

    def fit(self, X: Any, y: Any) -> Self:
        """Show the samples until there are no mistakes, or no fewer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Sparse matrices are made dense.
        y : array-like of shape (n_samples,)
            Labels of at least two classes.

        Returns
        -------
        self
        """
        self._check_hyperparameters()
        goes_on = self.warm_start and hasattr(self, "coef_")
        X, y = self._read(X, y, reset=not goes_on)
        labels = self._labels if goes_on else Labels.of(y)
        self._refuse_single(labels)
        weights = self._weights() if goes_on else _zeros(X, labels)
        pocket, fewest, without_progress = weights, np.inf, 0
        self.mistakes_: list[int] = []
        signs, orders = labels.targets(y, "signs", X.dtype), self._orders(len(X))
        for _ in range(self.max_iter):
            weights, mistakes, left = self._show(weights, X, signs, next(orders))
            progress = left < fewest - self.tol * signs.size
            without_progress = 0 if progress else without_progress + 1
            if left < fewest:
                pocket, fewest = weights, left
            if mistakes == 0 or without_progress >= self.n_iter_no_change:
                break
        else:
            warnings.warn(
                "Maximum number of iteration reached before convergence. Consider increasing "
                "max_iter to improve the fit.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.n_iter_ = len(self.mistakes_)
        self.t_ = self.n_iter_ * len(X) + 1
        self._keep(labels, pocket.kernel.T, pocket.bias)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Show these samples once, going on from the weights there are.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), optional
            All labels there will be; needed in the first call.

        Returns
        -------
        self
        """
        self._check_hyperparameters()
        first = not hasattr(self, "coef_")
        _check_partial_fit_first_call(self, classes)
        X, y = self._read(X, y, reset=first)
        labels = Labels.of(self.classes_) if first else self._labels
        weights = _zeros(X, labels) if first else self._weights()
        signs = labels.targets(y, "signs", X.dtype)
        self.mistakes_ = [] if first else self.mistakes_
        weights, _, _ = self._show(weights, X, signs, next(self._orders(len(X))))
        self.n_iter_ = 1
        self.t_ = (1 if first else self.t_) + len(X)
        self._keep(labels, weights.kernel.T, weights.bias)
        return self

    def _show(self, weights: Weights, X: Any, signs: Any, order: Any) -> tuple[Weights, int, int]:
        rate = np.array([self.eta0, self.eta0 if self.fit_intercept else 0.0], X.dtype)
        weights, mistakes, left = _learn_compiled(weights, X, signs, order, rate)
        self.mistakes_.append(int(mistakes))
        if self.verbose:
            print(f"Epoch {len(self.mistakes_)}, mistakes = {mistakes}")
        return weights, int(mistakes), int(left)

    def _orders(self, n_samples: int) -> Any:
        generator = check_random_state(self.random_state)
        while True:
            yield generator.permutation(n_samples) if self.shuffle else np.arange(n_samples)

    def _weights(self) -> Weights:
        return Weights(np.ascontiguousarray(self.coef_.T), self.intercept_)


def _zeros(X: npt.NDArray[Any], labels: Labels) -> Weights:
    shape = X.shape[1], labels.n_outputs
    return Weights(np.zeros(shape, X.dtype), np.zeros(shape[1], X.dtype))
