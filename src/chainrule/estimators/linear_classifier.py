"""What classifiers with one weight per feature and class share."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from chainrule._errors import InvalidArgumentError
from chainrule.estimators import samples
from chainrule.estimators.declared import DeclaredEstimator
from chainrule.estimators.scores import Classifier
from chainrule.models.costs import Form
from chainrule.models.declaration import (
    Boolean,
    InstanceOf,
    Integer,
    Nothing,
    OneOf,
    RandomState,
    Real,
    hyperparameter,
)
from chainrule.models.held_out import HeldOut, named_as_validation, set_aside
from chainrule.models.progress import Patience
from chainrule.models.targets import Labels
from chainrule.training.epoch import Samples

__all__ = ["LinearClassifier"]


class LinearClassifier(Classifier, DeclaredEstimator):
    """A classifier that decides by ``x @ coef_.T + intercept_``."""

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
    random_state: Any = hyperparameter(
        0,
        RandomState(),
        meaning="Seed of what is drawn: the order of samples, and the validation part.",
    )
    early_stopping: bool = hyperparameter(
        False,
        Boolean(),
        meaning=(
            "Whether to stop when the validation samples are judged no better, and to keep the "
            "weights that did best. Without X_val, a share of the training samples is set aside."
        ),
    )
    validation_fraction: float = hyperparameter(
        0.1, Real(0.0, 1.0, "neither"), meaning="The share that early_stopping sets aside."
    )
    n_iter_no_change: int = hyperparameter(
        5, Integer(1), meaning="Training stops after so many epochs in a row without progress."
    )
    warm_start: bool = hyperparameter(
        False, Boolean(), meaning="Whether fit goes on from the weights of the last fit."
    )
    n_jobs: Any = hyperparameter(
        None, Integer(-math.inf, math.inf, "neither"), Nothing(), meaning="Accepted and not used."
    )

    def _read(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> Samples:
        X, y = samples.inputs_and_targets(
            self, X, y, None, numeric=False, reset=reset, keep_sparse=True
        )
        if y.ndim > 1:
            raise InvalidArgumentError(
                f"{type(self).__name__}: expected y of shape (n_samples,), got {y.shape} "
                f"({type_of_target(y)}); MLPClassifier learns several labels at once."
            )
        return Samples(X, y, samples.weights(sample_weight, X))

    def _decide_labels(self, y: npt.NDArray[Any], goes_on: bool) -> Labels:
        """Find the classes, or make sure that they are still the same."""
        if goes_on:
            self._labels.check_same(y)
            return self._labels
        labels = samples.labels_of(y)
        if len(labels.classes) < 2:
            raise InvalidArgumentError(
                "This solver needs samples of at least 2 classes in the data, but the data "
                f"contains only one class: {labels.classes[0]!r}"
            )
        return labels

    def _split(
        self, labels: Labels, train: Samples, held_out: HeldOut | None, form: Form
    ) -> tuple[Samples, Samples | None]:
        """Return training and validation samples with targets in a form.

        Those of validation are what the user gives, or a part set aside for early stopping. Those
        of training are weighted by class.
        """
        validation: Samples | None = None
        if held_out is not None:
            with named_as_validation():
                part = self._read(*held_out, reset=False)
                validation = self._encoded(labels, part, form, None)
        elif self.early_stopping:
            train, part = set_aside(
                train,
                labels.codes(train.y),
                fraction=self.validation_fraction,
                random_state=self.random_state,
            )
            validation = self._encoded(labels, part, form, None)
        return self._encoded(labels, train, form, self.class_weight), validation

    def _patience(self, tol: float) -> Patience:
        return Patience(tol, self.n_iter_no_change - 1)

    def _encoded(self, labels: Labels, part: Samples, form: Form, class_weight: Any) -> Samples:
        X, y, weight = part
        weight = labels.weights(weight, y, class_weight, X.dtype)
        return Samples(X, labels.targets(y, form, X.dtype), weight)

    def _keep(self, labels: Labels, coef: npt.NDArray[Any], intercept: npt.NDArray[Any]) -> None:
        self._labels = labels
        self.classes_ = labels.classes
        self.coef_ = coef
        self.intercept_ = intercept

    def _scores(self, X: Any) -> npt.NDArray[Any]:
        """Return one column per output."""
        check_is_fitted(self)
        X = samples.inputs(self, X, self.coef_.dtype, keep_sparse=True)
        return X @ self.coef_.T + self.intercept_

    def decision_function(self, X: Any) -> npt.NDArray[Any]:
        """Return what the decision is made by: above 0 for the second class, or largest.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        scores = self._scores(X)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the class of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        scores = self._scores(X)
        return self._labels.labels(scores)

    def __sklearn_tags__(self) -> Any:
        """Say that sparse matrices are taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
