"""Rosenblatt's perceptron, with the rule it learns by written out.

The rule is not gradient descent on a smooth cost: a sample that is on the right side changes
nothing, and one that is not pulls the weights towards itself, by the same amount however far off it
is. With several classes there is one perceptron for each, against all others.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple, Self

import numpy as np
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import _check_partial_fit_first_call

from chainrule._errors import InvalidArgumentError
from chainrule.compiler import compile
from chainrule.control_flow import scan
from chainrule.estimators.linear_classifier import LinearClassifier
from chainrule.frontend import asarray
from chainrule.models.declaration import (
    Boolean,
    Integer,
    Nothing,
    Real,
    hyperparameter,
    random_generator,
)
from chainrule.models.held_out import validation_given
from chainrule.models.targets import Labels
from chainrule.training import Callback, EpochRecord
from chainrule.training.epoch import Measures, Samples
from chainrule.training.log import Log

__all__ = ["Perceptron", "learn"]


class Weights(NamedTuple):
    """Weights (n_features, n_outputs) and biases (n_outputs,) of perceptrons side by side."""

    kernel: Any
    bias: Any


def learn(
    weights: Weights, X: Any, signs: Any, importance: Any, order: Any, rate: Any
) -> tuple[Weights, Any]:
    r"""Show every sample once, and return the weights and how many mistakes there were on the way.

    .. math:: w \leftarrow w + \eta \, s \, y \, x, \qquad b \leftarrow b + \eta \, s \, y
              \qquad \text{if } y \, (w \cdot x + b) \le 0

    Parameters
    ----------
    weights : Weights
    X : ndarray of shape (n_samples, n_features)
    signs : ndarray of shape (n_samples, n_outputs)
        ``y``: 1 for the class of an output and -1 for all others.
    importance : ndarray of shape (n_samples,)
        ``s``, the weights of the samples; 1 is Rosenblatt's rule.
    order : ndarray of int of shape (n_samples,)
    rate : ndarray of shape (2,)
        ``eta`` for the weights, and for the biases.

    Returns
    -------
    weights : Weights
    mistakes : int
        Of all outputs together.
    """

    def show(weights: Weights, row: Any) -> tuple[Weights, Any]:
        x, y = asarray(X)[row], asarray(signs)[row]
        is_wrong = y * (x @ weights.kernel + weights.bias) <= 0
        pull = np.where(is_wrong, asarray(importance)[row] * y, 0.0)
        kernel = weights.kernel + rate[0] * x[:, None] * pull
        return Weights(kernel, weights.bias + rate[1] * pull), is_wrong

    weights, is_wrong = scan(show, weights, order)
    return weights, np.sum(is_wrong)


_learn_compiled = compile(learn)


def learn_sparse(
    weights: Weights, X: Any, signs: Any, importance: Any, order: Any, rate: Any
) -> tuple[Weights, int]:
    """Do as `learn` does with a sparse matrix by rows, whose zeros are not touched."""
    kernel, bias, mistakes = weights.kernel.copy(), weights.bias.copy(), 0
    for row in order:
        stored = slice(X.indptr[row], X.indptr[row + 1])
        columns, values, y = X.indices[stored], X.data[stored], signs[row]
        is_wrong = y * (values @ kernel[columns] + bias) <= 0
        if is_wrong.any():
            pull = np.where(is_wrong, importance[row] * y, 0.0)
            kernel[columns] += rate[0] * values[:, None] * pull
            bias += rate[1] * pull
            mistakes += int(np.count_nonzero(is_wrong))
    return Weights(kernel, bias), mistakes


def share_of_mistakes(weights: Weights, part: Samples) -> float:
    """Return which share of the outputs is wrong, by the weights of the samples."""
    is_wrong = part.y * (part.X @ weights.kernel + weights.bias) <= 0
    return float(np.average(np.mean(is_wrong, axis=1), weights=part.weight))


class Perceptron(LinearClassifier):
    r"""Rosenblatt's perceptron, for several classes one against all.

    .. math:: w \leftarrow w + \eta \, y \, x \quad \text{if } y \, (w \cdot x + b) \le 0

    If a plane separates the classes, the rule finds one after a finite number of mistakes,
    whatever ``eta``; if none does, it never comes to rest, and the weights are kept that are wrong
    least often at the end of an epoch (the pocket algorithm). A sample of weight s pulls s times as
    hard, ``w + eta s y x``, and so do all samples of a class by the weight of that.

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
        In every epoch, on the way, of all outputs together.
    history_ : chainrule.training.History
        Of the last fit: its losses are the shares of outputs that are wrong after an epoch.
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

    penalty: Any = hyperparameter(
        None,
        Nothing(),
        meaning="The rule has none; LogisticRegression has, and MLPClassifier((), loss='hinge').",
    )
    fit_intercept: bool = hyperparameter(
        True, Boolean(), meaning="Whether there is a bias; without, planes go through the origin."
    )
    max_iter: int = hyperparameter(1000, Integer(1), meaning="The largest number of epochs.")
    tol: float = hyperparameter(
        1e-3,
        Real(0.0),
        meaning=(
            "How much less the share of mistakes has to become to count as progress: of the "
            "training samples, or with early_stopping of the validation samples."
        ),
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

    def fit(self, X: Any, y: Any, *, X_val: Any = None, y_val: Any = None) -> Self:
        """Show the samples until there are no mistakes, or no fewer.

        There are weights of classes, and none of samples: what the rule finds depends on the order
        of the samples, so that a weight of 2 would not be the same as the sample twice.
        `partial_fit` takes them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Sparse matrices stay sparse.
        y : array-like of shape (n_samples,)
            Labels of at least two classes.
        X_val, y_val : array-like, optional
            Validation samples. They decide which weights are the best, and with early_stopping
            when to stop.

        Returns
        -------
        self

        Raises
        ------
        InvalidArgumentError
            If a hyper-parameter is out of its range, X is not finite, there is one class only, or
            a class weight names no class.
        """
        self._check_hyperparameters()
        goes_on = self.warm_start and hasattr(self, "coef_")
        held_out = validation_given(X_val, y_val)
        given = self._read(X, y, None, reset=not goes_on)
        labels = self._decide_labels(given.y, goes_on)
        train, validation = self._split(labels, given, held_out, "signs")
        weights = self._weights() if goes_on else _zeros(train.X, labels)
        self.mistakes_: list[int] = []
        log, orders = Log(weights, [self._is_over()]), self._orders(len(train.y))
        for _ in range(self.max_iter):
            before, weights = weights, self._show(weights, train, next(orders))
            if self._record(log, before, weights, train, validation):
                break
        else:
            warnings.warn(
                "Maximum number of iteration reached before convergence. Consider increasing "
                "max_iter to improve the fit.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.history_ = log.history()
        self.n_iter_ = len(self.mistakes_)
        self.t_ = self.n_iter_ * len(train.y) + 1
        pocket = log.best.model
        self._keep(labels, pocket.kernel.T, pocket.bias)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Show these samples once, going on from the weights there are.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), optional
            All labels there will be; needed in the first call.
        sample_weight : array-like of shape (n_samples,), optional
            ``s``, at least 0.

        Returns
        -------
        self

        Raises
        ------
        InvalidArgumentError
            If y has a label that is none of the classes.
        """
        self._check_hyperparameters()
        if self.early_stopping:
            raise InvalidArgumentError("partial_fit does not support early_stopping=True")
        first = not hasattr(self, "coef_")
        _check_partial_fit_first_call(self, classes)
        given = self._read(X, y, sample_weight, reset=first)
        labels = Labels.of(self.classes_) if first else self._labels
        train = self._encoded(labels, given, "signs", self.class_weight)
        weights = _zeros(train.X, labels) if first else self._weights()
        self.mistakes_ = [] if first else self.mistakes_
        weights = self._show(weights, train, next(self._orders(len(train.y))))
        self.n_iter_ = 1
        self.t_ = (1 if first else self.t_) + len(train.y)
        self._keep(labels, weights.kernel.T, weights.bias)
        return self

    def _show(self, weights: Weights, train: Samples, order: Any) -> Weights:
        """Return the weights after an epoch, and take down its mistakes."""
        X, signs, importance = train
        rate = np.array([self.eta0, self.eta0 if self.fit_intercept else 0.0], X.dtype)
        if importance is None:
            importance = np.ones(len(signs), X.dtype)
        rule = learn_sparse if scipy.sparse.issparse(X) else _learn_compiled
        weights, mistakes = rule(weights, X, signs, importance, order, rate)
        self.mistakes_.append(int(mistakes))
        if self.verbose:
            print(f"Epoch {len(self.mistakes_)}, mistakes = {mistakes}")
        return weights

    def _record(
        self,
        log: Log,
        before: Weights,
        weights: Weights,
        train: Samples,
        validation: Samples | None,
    ) -> bool:
        """Log an epoch, and return whether it was the last."""
        steps = [new - old for new, old in zip(weights, before, strict=True)]
        measures = Measures(
            train_loss=share_of_mistakes(weights, train),
            penalty=0.0,
            val_loss=None if validation is None else share_of_mistakes(weights, validation),
            val_score=None,
            learning_rate=self.eta0,
            gradient_norms=np.array([np.nan]),
            update_norms=np.array([math.sqrt(sum(float(np.sum(step**2)) for step in steps))]),
        )
        return log.add(measures, weights, log.lap())

    def _is_over(self) -> Callback:
        patience = self._patience(self.tol)

        def is_over(record: EpochRecord) -> bool:
            watched = record.val_loss if self.early_stopping else record.train_loss
            assert watched is not None
            return patience.is_exhausted_by(watched) or self.mistakes_[-1] == 0

        return is_over

    def _orders(self, n_samples: int) -> Any:
        generator = random_generator(self.random_state)
        while True:
            yield generator.permutation(n_samples) if self.shuffle else np.arange(n_samples)

    def _weights(self) -> Weights:
        bias = self.intercept_ if self.fit_intercept else np.zeros_like(self.intercept_)
        return Weights(np.ascontiguousarray(self.coef_.T), bias)


def _zeros(X: Any, labels: Labels) -> Weights:
    shape = X.shape[1], labels.n_outputs
    return Weights(np.zeros(shape, X.dtype), np.zeros(shape[1], X.dtype))
