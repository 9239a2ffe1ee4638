"""What a network needs, besides being one, to keep scikit-learn's contract."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from chainrule.estimators import samples
from chainrule.estimators.declared import DeclaredEstimator
from chainrule.estimators.endings import warn_of_ending
from chainrule.models import Network
from chainrule.training import FitResult
from chainrule.training.epoch import Samples

__all__ = ["MultilayerPerceptron"]


class MultilayerPerceptron(Network, DeclaredEstimator):
    """What `MLPClassifier` and `MLPRegressor` share: how they read data, and their warnings."""

    def _inputs(self, X: Any, dtype: Any, *, reset: bool = False) -> npt.NDArray[Any]:
        return samples.inputs(self, X, dtype, reset=reset)

    def _samples(self, X: Any, y: Any, sample_weight: Any, dtype: Any, *, reset: bool) -> Samples:
        of_classes = isinstance(self, ClassifierMixin)
        X, y = samples.inputs_and_targets(self, X, y, dtype, numeric=not of_classes, reset=reset)
        if of_classes:
            samples.check_labels(y)
        return Samples(X, y, samples.weights(sample_weight, X))

    def _dtype(self) -> Any:
        if not hasattr(self, "model_"):
            check_is_fitted(self)
        return super()._dtype()

    def _report(self, result: FitResult) -> None:
        super()._report(result)
        warn_of_ending(result, self._not_converged(), stacklevel=4)

    def _not_converged(self) -> str | None:
        if not self._uses_curvature():
            if self.n_iter_no_change == math.inf:
                return None
            return (
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
                "optimization hasn't converged yet."
            )
        what = "ITERATIONS" if self.n_iter_ >= self.max_iter else "F,G EVALUATIONS"
        return (
            f"{self.solver} failed to converge after {self.n_iter_} iteration(s) (status=1):\n"
            f"STOP: TOTAL NO. OF {what} REACHED LIMIT\n\nIncrease the number of iterations to "
            f"improve the convergence (max_iter={self.max_iter})."
        )

    def _check_takes_steps(self) -> bool:
        if self._uses_curvature():
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. "
                f"{self.solver} is not stochastic."
            )
        return True

    def summary(self) -> None:
        """Print the layers, the shapes of their outputs, and their numbers of parameters."""
        check_is_fitted(self)
        super().summary()

    def __sklearn_tags__(self) -> Any:
        """Say that sparse matrices are taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
