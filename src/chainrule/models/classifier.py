"""Networks that tell classes apart."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from chainrule.models import costs
from chainrule.models.declaration import (
    Function,
    InstanceOf,
    Nothing,
    OneOf,
    hyperparameter,
)
from chainrule.models.explanation import Explanation, explained
from chainrule.models.held_out import HeldOut, named_as_validation, validation_given
from chainrule.models.network import Network, Problem
from chainrule.models.targets import Labels
from chainrule.training import Checkpoint
from chainrule.training.epoch import Samples

__all__ = ["NetworkClassifier"]


class NetworkClassifier(Network):
    """A network that tells classes apart: what `MLPClassifier` is, on plain arrays.

    It has the hyper-parameters, the methods and the fitted attributes of that class. What it is
    given are arrays of numbers, whose rows are samples, and one array of labels.
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
            "influence. Validation samples are not weighted by it."
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
        checkpoint: Checkpoint | None = None,
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
        checkpoint : Checkpoint, optional
            A file in which training keeps what it has reached, and from which it goes on if it was
            broken off, see `chainrule.training.Checkpoint`. It needs an int as ``random_state``.

        Returns
        -------
        self

        Raises
        ------
        InvalidArgumentError
            If a hyper-parameter is out of its range, X is not finite, or a class weight names no
            class.
        """
        held_out = validation_given(X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, held_out, incremental=False, checkpoint=checkpoint)

    def _read(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        held_out: HeldOut | None,
        *,
        reset: bool,
        incremental: bool,
    ) -> Problem:
        train = self._samples(X, y, sample_weight, self.dtype, reset=reset)
        self._decide_labels(train.y, reset, incremental)
        labels = self._labels
        cost = costs.classification_cost(self.loss, labels.task)
        self.classes_ = labels.classes
        self.n_outputs_ = labels.n_outputs
        self.out_activation_ = cost.out_activation
        validation: Samples | None = None
        if held_out is not None:
            with named_as_validation():
                samples = self._samples(*held_out, train.X.dtype, reset=False)
                validation = self._encoded(samples, cost, None)
        elif self.early_stopping and not incremental:
            strata = None if labels.task == "multilabel" else labels.codes(train.y)
            train, samples = self._set_aside(train, strata)
            validation = self._encoded(samples, cost, None)
        encoded = self._encoded(train, cost, self.class_weight)
        among_classes = labels.task == "multiclass" and cost.targets != "codes"
        score = costs.accuracy_among_classes if among_classes else costs.accuracy
        return Problem(encoded, validation, cost.function, score, labels.n_outputs)

    def _decide_labels(self, y: npt.NDArray[Any], reset: bool, incremental: bool) -> None:
        """Find the classes, or make sure that they are still the same."""
        if reset:
            self._labels: Labels = Labels.of(self.classes_ if incremental and y.ndim == 1 else y)
        elif not incremental and y.ndim == 1:
            self._labels.check_same(y)

    def _encoded(
        self, samples: Samples, cost: costs.ClassificationCost, class_weight: Any
    ) -> Samples:
        X, y, weight = samples
        target = self._labels.targets(y, cost.targets, X.dtype)
        return Samples(X, target, self._labels.weights(weight, y, class_weight, X.dtype))

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
