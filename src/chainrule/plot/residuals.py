"""How far predictions are off, and whether that depends on what is predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot.display import Display, data_frame, numbered
from chainrule.plot.estimator import check_fitted, is_classifier, numbers
from chainrule.plot.palette import INK, shortened, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.lines import Line2D

__all__ = ["ResidualsDisplay"]

_N_FOR_HALVES = 20
"""From so many samples on, the spread of one half of them is worth comparing with the other's."""


class ResidualsDisplay(Display):
    """Residuals, what is observed minus what is predicted, over predictions.

    A good model leaves a band without shape around 0. A bend says that something is not in the
    model, a funnel that the noise is not the same everywhere.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_targets)
    target_names : sequence of str, optional
        One for each target; y0, y1, ... by default.

    Attributes
    ----------
    residuals : ndarray of shape (n_samples, n_targets)
    points_ : list of matplotlib.collections.PathCollection
        One for each target.
    zero_line_ : matplotlib.lines.Line2D

    Examples
    --------
    >>> display = ResidualsDisplay([1.0, 2.0, 4.0], [1.5, 2.0, 3.0])
    >>> print(display.describe())
    Residuals of 3 samples: mean 0.1667, standard deviation 0.6236, the largest 1 where 3 was
    predicted; R² 0.732.
    """

    def __init__(self, y_true: Any, y_pred: Any, *, target_names: Sequence[str] = ()) -> None:
        observed = numbers("ResidualsDisplay: y_true", y_true)
        predicted = numbers("ResidualsDisplay: y_pred", y_pred)
        columns = [part.reshape(len(part), -1) for part in (observed, predicted)]
        if columns[0].shape != columns[1].shape:
            raise ShapeError(
                "ResidualsDisplay: expected y_true and y_pred of one shape, got "
                f"{observed.shape} and {predicted.shape}."
            )
        self.y_true, self.y_pred = columns
        self.residuals = self.y_true - self.y_pred
        n_targets = self.residuals.shape[1]
        names = [str(name) for name in target_names] or [f"y{i}" for i in range(n_targets)]
        if len(names) != n_targets:
            raise ShapeError(
                f"ResidualsDisplay: target_names: expected {n_targets} names, one for each "
                f"target, got {names}."
            )
        self.target_names = names

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any, *, ax: Axes | None = None) -> Self:
        """Draw the residuals that a fitted regressor leaves.

        Parameters
        ----------
        estimator : regressor
        X : matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The columns of a data frame give their names.
        ax : Axes, optional

        Returns
        -------
        ResidualsDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the regressor was not fitted.
        InvalidArgumentError
            If it is a classifier.
        """
        check_fitted(estimator)
        if is_classifier(estimator):
            raise InvalidArgumentError(
                f"ResidualsDisplay.from_estimator: expected a regressor, got "
                f"{type(estimator).__name__}; for classes there is ConfusionMatrixDisplay."
            )
        names = list(getattr(y, "columns", ()))
        return cls.from_predictions(y, estimator.predict(X), target_names=names, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        target_names: Sequence[str] = (),
        ax: Axes | None = None,
    ) -> Self:
        """Draw what was predicted against what was observed.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_targets)
        target_names : sequence of str, optional
        ax : Axes, optional

        Returns
        -------
        ResidualsDisplay
        """
        return cls(y_true, y_pred, target_names=target_names).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the residuals.

        Parameters
        ----------
        ax : Axes, optional
            Where; a new figure by default.

        Returns
        -------
        self
        """
        ax = self._begin(ax)
        n_samples, n_targets = self.residuals.shape
        self.zero_line_: Line2D = ax.axhline(0.0, color=INK, linewidth=1.0)
        self.points_: list[PathCollection] = []
        for i, style in enumerate(styles(n_targets)):
            points = ax.scatter(
                self.y_pred[:, i],
                self.residuals[:, i],
                s=20,
                alpha=0.7,
                color=style.color,
                marker=style.marker,
                edgecolors="white",
                linewidths=0.5,
                label=shortened(self.target_names[i]),
                rasterized=n_samples > 5000,
            )
            self.points_.append(points)
        ax.set(xlabel="prediction", ylabel="observed - predicted")
        if n_targets > 1:
            ax.legend(loc="best", framealpha=0.7)
        return self

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each sample and target."""
        n_samples = len(self.residuals)
        return data_frame(
            {
                "target": np.repeat(self.target_names, n_samples),
                "observed": self.y_true.T.ravel(),
                "predicted": self.y_pred.T.ravel(),
                "residual": self.residuals.T.ravel(),
            }
        )

    def describe(self) -> str:
        """Return mean, spread and the largest of the residuals, and whether they grow."""
        n_samples, n_targets = self.residuals.shape
        if n_targets == 1:
            return f"Residuals of {numbered(n_samples, 'sample')}: {self._described(0)}."
        each = "; ".join(
            f"{name}: {self._described(i)}" for i, name in enumerate(self.target_names)
        )
        return f"Residuals of {numbered(n_samples, 'sample')} and {n_targets} targets. {each}."

    def _described(self, i: int) -> str:
        residual, predicted, observed = self.residuals[:, i], self.y_pred[:, i], self.y_true[:, i]
        largest = np.argmax(np.abs(residual))
        text = (
            f"mean {residual.mean():.4g}, standard deviation {residual.std():.4g}, the largest "
            f"{residual[largest]:.4g} where {predicted[largest]:.4g} was predicted"
        )
        scatter = float(np.sum((observed - observed.mean()) ** 2))
        if scatter > 0.0:
            text += f"; R² {1.0 - float(np.sum(residual**2)) / scatter:.3f}"
        if len(residual) >= _N_FOR_HALVES:
            order = np.argsort(predicted, kind="stable")
            lower, upper = np.array_split(residual[order], 2)
            text += (
                f"; the spread is {lower.std():.4g} in the lower half of the predictions and "
                f"{upper.std():.4g} in the upper"
            )
        return text
