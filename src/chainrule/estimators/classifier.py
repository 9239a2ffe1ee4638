"""The multi-layer perceptron as a classifier."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target

from chainrule._errors import InvalidArgumentError
from chainrule.estimators import costs, samples
from chainrule.estimators.declaration import (
    Function,
    InstanceOf,
    Nothing,
    OneOf,
    hyperparameter,
)
from chainrule.estimators.explanation import Explanation, explained
from chainrule.estimators.mlp import MultilayerPerceptron
from chainrule.estimators.targets import Labels
from chainrule.training.epoch import Samples

__all__ = ["MLPClassifier"]


class MLPClassifier(ClassifierMixin, MultilayerPerceptron):
    """A multi-layer perceptron that tells classes apart.

    It takes the parameters of scikit-learn's class of this name and has its attributes, and more
    of both; where it differs, ``docs/estimators.md`` says so. Training is compiled: a second fit
    with data of the same shape starts at once.

    Attributes
    ----------
    model_ : chainrule.nn.Sequential
        The network; its outputs are logits.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; for indicator rows, the numbers of their columns.
    coefs_, intercepts_ : list of ndarray
        Weights (fan_in, fan_out) and biases (fan_out,) of each layer.
    history_ : chainrule.training.History
        What was measured epoch by epoch.
    message_ : str
        Why training ended, and which epoch's weights are kept.
    loss_ : float
        The training loss, with penalties, of the weights that are kept.
    best_loss_ : float or None
        The lowest training loss; None where there are validation scores.
    loss_curve_ : list of float
        The training loss, with penalties, after every epoch.
    validation_scores_ : list of float or None
        The accuracy on the validation samples after every epoch.
    best_validation_score_ : float or None
    n_iter_ : int
        Epochs, or iterations with curvature, of the last fit.
    t_ : int
        Training samples seen.
    n_layers_, n_outputs_, n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has names that are strings.
    out_activation_ : str
        What makes probabilities of the outputs: 'softmax', 'logistic', or 'identity' if nothing.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from chainrule.estimators import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((8,), solver="newton-cg", alpha=1.0, random_state=0).fit(X, y)
    >>> classifier.predict(X[:3]), classifier.score(X, y) > 0.95
    (array([0, 0, 0]), True)
    """

    loss: Any = hyperparameter(
        "log_loss",
        OneOf(*costs.CLASSIFICATION_LOSSES),
        Function("(output, target, sample_weight) -> number"),
        meaning=(
            "What is minimized: the cross-entropy, the squared error of the probabilities, a "
            "margin loss, which gives no probabilities, or a function of the logits and of the "
            "targets as 'log_loss' has them (codes of classes, or columns of 0 and 1)."
        ),
    )
    class_weight: Any = hyperparameter(
        None,
        InstanceOf(dict),
        OneOf("balanced"),
        Nothing(),
        meaning=(
            "Weights of the classes, 1 for those not named; 'balanced' gives all classes the same "
            "influence."
        ),
    )

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Sparse matrices are made dense.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels of any kind; or rows of 0 and 1, one column per label.
        sample_weight : array-like of shape (n_samples,), optional
            At least 0.
        X_val, y_val : array-like, optional
            Validation samples. They decide which weights are the best, and with early_stopping
            when to stop.
        sample_weight_val : array-like, optional
            The weights of the validation samples.

        Returns
        -------
        self

        Raises
        ------
        InvalidArgumentError
            If a hyper-parameter is out of its range, X is not finite, or a class weight names no
            class.
        """
        self._check_hyperparameters()
        goes_on = self._goes_on(incremental=False)
        X, y = self._read(X, y, reset=not goes_on)
        if not goes_on:
            self._labels = Labels.of(y)
        elif set(np.unique(y)) != set(np.unique(self.classes_)) and y.ndim == 1:
            raise InvalidArgumentError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {np.unique(y)}"
            )
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=False)

    @available_if(lambda self: self._check_solver())
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train the network for one epoch on these samples, going on from where it is.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : array-like of shape (n_samples,), optional
        classes : array-like of shape (n_classes,), optional
            All labels there will be; needed in the first call.

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
        first = not hasattr(self, "model_")
        _check_partial_fit_first_call(self, classes)
        X, y = self._read(X, y, reset=first)
        if first:
            is_multilabel = type_of_target(y) == "multilabel-indicator"
            self._labels = Labels.of(y if is_multilabel else self.classes_)
        return self._fit(X, y, sample_weight, (None, None, None), incremental=True)

    def _read(self, X: Any, y: Any, reset: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        return samples.inputs_and_targets(self, X, y, self.dtype, numeric=False, reset=reset)

    def _fit(
        self,
        X: npt.NDArray[Any],
        y: npt.NDArray[Any],
        sample_weight: Any,
        held_out: tuple[Any, Any, Any],
        incremental: bool,
    ) -> Self:
        labels = self._labels
        cost = costs.classification_cost(self.loss, labels.task)
        target = labels.targets(y, cost.targets, X.dtype)
        weight = labels.weights(samples.weights(sample_weight, X), y, self.class_weight, X.dtype)
        validation: Samples | None = None
        if held_out[0] is not None or held_out[1] is not None:
            validation = self._read_validation(*held_out, cost, X.dtype)
        elif self.early_stopping and not incremental:
            (X, target, weight), validation = self._set_aside(X, target, weight, self._strata(y))
        self.classes_ = labels.classes
        self.n_outputs_ = labels.n_outputs
        self.out_activation_ = cost.out_activation
        among_classes = labels.task == "multiclass" and cost.targets != "codes"
        self._train(
            X,
            target,
            weight,
            validation,
            loss=cost.function,
            score=costs.accuracy_among_classes if among_classes else costs.accuracy,
            n_outputs=labels.n_outputs,
            goes_on=self._goes_on(incremental),
            incremental=incremental,
        )
        return self

    def _read_validation(
        self, X: Any, y: Any, sample_weight: Any, cost: costs.ClassificationCost, dtype: Any
    ) -> Samples:
        if X is None or y is None:
            raise InvalidArgumentError("fit: give X_val and y_val together.")
        X, y = samples.inputs_and_targets(self, X, y, dtype, numeric=False, reset=False)
        target = self._labels.targets(y, cost.targets, dtype)
        return Samples(X, target, samples.weights(sample_weight, X))

    def _strata(self, y: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        """Return the classes that a validation part is to have in proportion, if it can."""
        if self._labels.task == "multilabel":
            return None
        counts = np.bincount(self._labels.codes(y))
        n_held_out = self.validation_fraction * len(y)
        return y if counts.min() >= 2 and n_held_out >= len(counts) else None

    def decision_function(self, X: Any) -> npt.NDArray[Any]:
        """Return the outputs of the network: logits, or margins.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            One column for two classes.
        """
        output = self._outputs(X)
        return output[:, 0] if self._labels.task == "binary" else output

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the most likely class of each sample, or all that are likely.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        output = self._outputs(X)
        return self._labels.labels(output)

    def _check_probabilities(self) -> bool:
        if self.loss in ("hinge", "perceptron"):
            raise AttributeError(f"loss={self.loss!r} gives margins and no probabilities.")
        return True

    @available_if(_check_probabilities)
    def predict_proba(self, X: Any) -> npt.NDArray[Any]:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Each row sums to 1; for labels that do not exclude each other, each is a probability
            of its own.
        """
        output = self._outputs(X)
        return self._labels.probabilities(output, costs.OUT_ACTIVATIONS[self.out_activation_])

    @available_if(_check_probabilities)
    def predict_log_proba(self, X: Any) -> npt.NDArray[Any]:
        """Return the logarithms of the probabilities, exact also where these are very small.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        output = self._outputs(X)
        return self._labels.log_probabilities(output)

    def explain(self, x: Any, y: Any = None) -> Explanation:
        """Return every z, a, delta and gradient of one sample, layer by layer.

        Parameters
        ----------
        x : array-like of shape (n_features,)
        y : label, or array-like of shape (n_labels,), optional
            With it, the deltas and gradients are those of the sample's cost; without, of the
            output that decides what is predicted.

        Returns
        -------
        Explanation
        """
        row = self._one_row(x)
        if y is None:
            if self._labels.task != "multiclass":
                return explained(self.model_, row, np.sum, "sum of logits")
            chosen = int(np.argmax(self.model_(row)))
            what = f"logit of {self.classes_[chosen]}"
            return explained(self.model_, row, lambda a: a[0, chosen], what)
        cost = costs.classification_cost(self.loss, self._labels.task)
        target = self._labels.targets(np.asarray([y]), cost.targets, row.dtype)
        return explained(self.model_, row, lambda a: cost.function(a, target), "cost")

    def __sklearn_tags__(self) -> Any:
        """Say that rows of several labels are taken."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
