"""What classifiers with one weight per feature and class share."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from chainrule._errors import InvalidArgumentError
from chainrule.estimators import samples
from chainrule.estimators.declaration import Declared
from chainrule.estimators.targets import Labels

__all__ = ["LinearClassifier"]


class LinearClassifier(ClassifierMixin, Declared):
    """A classifier that decides by ``x @ coef_.T + intercept_``."""

    def _read(self, X: Any, y: Any, *, reset: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        X, y = samples.inputs_and_targets(self, X, y, None, numeric=False, reset=reset)
        if y.ndim > 1:
            raise InvalidArgumentError(
                f"{type(self).__name__}: expected y of shape (n_samples,), got {y.shape} "
                f"({type_of_target(y)}); MLPClassifier learns several labels at once."
            )
        return X, y

    def _refuse_single(self, labels: Labels) -> None:
        if len(labels.classes) < 2:
            raise InvalidArgumentError(
                "This solver needs samples of at least 2 classes in the data, but the data "
                f"contains only one class: {labels.classes[0]!r}"
            )

    def _keep(self, labels: Labels, coef: npt.NDArray[Any], intercept: npt.NDArray[Any]) -> None:
        self._labels = labels
        self.classes_ = labels.classes
        self.coef_ = coef
        self.intercept_ = intercept

    def _scores(self, X: Any) -> npt.NDArray[Any]:
        """Return one column per output."""
        check_is_fitted(self)
        X = samples.inputs(self, X, self.coef_.dtype)
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
