"""What is predicted over the plane of two features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot.display import Display, data_frame, numbered
from chainrule.plot.estimator import (
    Inputs,
    check_fitted,
    is_classifier,
    numbers,
    responses,
)
from chainrule.plot.palette import INK, shortened, styles
from chainrule.plot.plane import decided, edges, margins, reach, two_features
from chainrule.training import FitResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.contour import ContourSet
    from matplotlib.image import AxesImage

__all__ = ["DecisionBoundaryDisplay"]

_PALEST, _DARKEST = 0.15, 0.55
"""How much of its colour a region has: where classes are equal, and where one is certain."""


class DecisionBoundaryDisplay(Display):
    """The regions of the classes, or the height of a regression, over two features.

    Parameters
    ----------
    xx0, xx1 : array-like of shape (n_rows, n_columns)
        The points of a grid, as `numpy.meshgrid` makes them.
    response : array-like of shape (n_rows, n_columns) or (n_rows, n_columns, n_classes)
        What is predicted there: a number, or one for each class, the largest of which decides.
    classes : array-like of shape (n_classes,), optional
        Names of the classes; 0, 1, 2, ... by default.
    feature_names : pair of str, default=("x0", "x1")
    samples : array-like of shape (n_samples, 2), optional
        Drawn as points.
    y : array-like of shape (n_samples,), optional
        The classes, or numbers, of the samples.
    predicted : array-like of shape (n_samples,), optional
        What is predicted at the points.
    n_held : int, default=0
        How many more features there are, which are held at their means.

    Attributes
    ----------
    surface_ : matplotlib.image.AxesImage
        The colours of the plane.
    boundary_ : matplotlib.contour.ContourSet or list of them
        Lines where one class takes over from the others; for a regression, of equal height.
    points_ : list of matplotlib.collections.PathCollection
        The samples: one for each class.

    Examples
    --------
    >>> xx0, xx1 = np.meshgrid([0.0, 1.0, 2.0], [0.0, 1.0])
    >>> display = DecisionBoundaryDisplay(
    ...     xx0, xx1, np.stack([1.5 - xx0, xx0 - 1.5], axis=2), classes=["left", "right"]
    ... )
    >>> print(display.describe())
    What is predicted for x0 from 0 to 2 and x1 from 0 to 1. Share of the plane: left 67 %, right
    33 %.
    """

    def __init__(
        self,
        xx0: Any,
        xx1: Any,
        response: Any,
        *,
        classes: Any = None,
        feature_names: Sequence[str] = ("x0", "x1"),
        samples: Any = None,
        y: Any = None,
        predicted: Any = None,
        n_held: int = 0,
    ) -> None:
        self.xx0, self.xx1 = np.asarray(xx0), np.asarray(xx1)
        self.response = np.asarray(response)
        grid = self.xx0.shape
        if self.xx0.ndim != 2 or self.xx1.shape != grid or self.response.shape[:2] != grid:
            raise ShapeError(
                "DecisionBoundaryDisplay: expected xx0, xx1 and response over one grid, got shapes "
                f"{self.xx0.shape}, {self.xx1.shape} and {self.response.shape}."
            )
        if self.response.ndim == 3 and classes is None:
            classes = np.arange(self.response.shape[2])
        self.classes = None if self.response.ndim == 2 else np.asarray(classes)
        self.feature_names = tuple(feature_names)
        self.samples = None if samples is None else np.asarray(samples)
        self.y = None if y is None else self._checked(y)
        self.predicted = None if predicted is None else np.asarray(predicted)
        self.n_held = n_held

    def _checked(self, y: Any) -> npt.NDArray[Any]:
        """Return the classes or numbers of the samples."""
        y = np.asarray(y) if self.classes is not None else numbers("DecisionBoundaryDisplay: y", y)
        y = y[:, 0] if y.shape[1:] == (1,) else y
        n_samples = 0 if self.samples is None else len(self.samples)
        if y.shape != (n_samples,):
            raise ShapeError(
                f"DecisionBoundaryDisplay: y: expected one for each of {n_samples} samples, got "
                f"shape {y.shape}."
            )
        if self.classes is not None and not np.isin(y, self.classes).all():
            unknown = sorted({str(label) for label in y[~np.isin(y, self.classes)]})
            raise InvalidArgumentError(
                f"DecisionBoundaryDisplay: y: expected the classes {self.classes.tolist()}, got "
                f"also {', '.join(unknown)}."
            )
        return y

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        features: Sequence[int | str] | None = None,
        response_method: str = "auto",
        grid_resolution: int = 200,
        ax: Axes | None = None,
        legend: bool = True,
    ) -> Self:
        """Draw what a fitted classifier or regressor predicts.

        Parameters
        ----------
        estimator : classifier or regressor
        X : matrix or data frame of shape (n_samples, n_features)
            Says how far the plane goes; drawn as points.
        y : array-like of shape (n_samples,), optional
            Classes or numbers of the samples.
        features : pair of int or str, optional
            Which two features to draw, by number from 0 or by name; all others are held at their
            mean. Needed if there are more than two.
        response_method : {"auto", "predict_proba", "decision_function", "predict"}
            What classes are drawn by; ``"auto"`` is the first of these that there is.
        grid_resolution : int, default=200
            Points along each axis, at least 2.
        ax, legend
            As for `plot`.

        Returns
        -------
        DecisionBoundaryDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator was not fitted.
        InvalidArgumentError
            If ``features`` are not two of those of X, or several targets are predicted.
        """
        check_fitted(estimator)
        inputs = Inputs.of("DecisionBoundaryDisplay: X", X, estimator)
        classes = estimator.classes_ if is_classifier(estimator) else None
        if classes is not None and np.ndim(estimator.predict(X)) != 1:
            raise InvalidArgumentError(
                "DecisionBoundaryDisplay: expected one class per sample, got a classifier of "
                "several labels; draw one for each label."
            )

        def respond(table: Any) -> npt.NDArray[Any]:
            if classes is not None:
                return responses(estimator, table, response_method)
            heights = np.asarray(estimator.predict(table), np.float64)
            if heights.ndim > 1 and heights.shape[1] > 1:
                raise InvalidArgumentError(
                    f"DecisionBoundaryDisplay: expected one target, got {heights.shape[1]}; fit "
                    "one regressor for each."
                )
            return heights.ravel()

        return cls._over(inputs, respond, classes, y, features, grid_resolution).plot(
            ax, legend=legend
        )

    @classmethod
    def from_model(
        cls,
        model: Any,
        X: Any,
        y: Any = None,
        *,
        classes: Any = None,
        features: Sequence[int | str] | None = None,
        grid_resolution: int = 200,
        ax: Axes | None = None,
        legend: bool = True,
    ) -> Self:
        """Draw the classes that a model tells apart.

        Parameters
        ----------
        model : callable or FitResult
            From rows, (n_samples, n_features), to outputs, (n_samples, n_outputs): the class of
            the largest is predicted; of a single output, the second of two classes where it is
            above 0. A `chainrule.nn` model with logits, or a function.
        classes : array-like of shape (n_classes,), optional
            What ``y`` calls them; 0, 1, 2, ... by default.
        X, y, features, grid_resolution, ax, legend
            As for `from_estimator`.

        Returns
        -------
        DecisionBoundaryDisplay
        """
        function = model.model if isinstance(model, FitResult) else model
        inputs = Inputs.of("DecisionBoundaryDisplay: X", X)

        def respond(table: Any) -> npt.NDArray[Any]:
            output = np.asarray(function(np.asarray(table))).reshape(len(table), -1)
            return np.hstack([-output, output]) if output.shape[1] == 1 else output

        n_classes = respond(inputs.values[:1]).shape[1]
        classes = np.arange(n_classes) if classes is None else np.asarray(classes)
        return cls._over(inputs, respond, classes, y, features, grid_resolution).plot(
            ax, legend=legend
        )

    @classmethod
    def _over(
        cls,
        inputs: Inputs,
        respond: Callable[[Any], npt.NDArray[Any]],
        classes: npt.NDArray[Any] | None,
        y: Any,
        features: Sequence[int | str] | None,
        grid_resolution: int,
    ) -> Self:
        """Return the display of a response over the plane of two features."""
        if grid_resolution < 2:
            raise InvalidArgumentError(
                "DecisionBoundaryDisplay: grid_resolution: expected an integer of at least 2, got "
                f"{grid_resolution}."
            )
        pair = two_features(inputs, features)
        samples = inputs.values[:, pair]
        xx0, xx1 = np.meshgrid(*(reach(column, grid_resolution) for column in samples.T))
        response = respond(inputs.varied(pair, np.stack([xx0.ravel(), xx1.ravel()], axis=1)))
        there = respond(inputs.varied(pair, samples))
        return cls(
            xx0,
            xx1,
            response.reshape(*xx0.shape, *response.shape[1:]),
            classes=classes,
            feature_names=[str(inputs.names[i]) for i in pair],
            samples=samples,
            y=y,
            predicted=there if classes is None else classes[there.argmax(axis=1)],
            n_held=len(inputs.names) - 2,
        )

    def plot(self, ax: Axes | None = None, *, legend: bool = True) -> Self:
        """Draw the plane and the samples.

        Parameters
        ----------
        ax : Axes, optional
            Where; a new figure by default.
        legend : bool, default=True
            Whether to say beside it what the colours stand for: names of classes, or heights.

        Returns
        -------
        self
        """
        ax = self._begin(ax, (6.0, 4.6))
        if self.classes is None:
            self._plot_heights(ax, legend)
        else:
            self._plot_regions(ax, self.classes, legend)
        ax.set(
            xlabel=shortened(self.feature_names[0], 40),
            ylabel=shortened(self.feature_names[1], 40),
            xlim=(self.xx0.min(), self.xx0.max()),
            ylim=(self.xx1.min(), self.xx1.max()),
        )
        return self

    def _plot_regions(self, ax: Axes, classes: npt.NDArray[Any], legend: bool) -> None:
        from matplotlib.colors import to_rgb

        chosen = styles(len(classes))
        colors = np.array([to_rgb(style.color) for style in chosen])
        ahead, certainty = decided(self.response)
        strength = (_PALEST + (_DARKEST - _PALEST) * certainty)[..., None]
        image = 1.0 - strength * (1.0 - colors[ahead])
        self.surface_: AxesImage = self._draw_surface(ax, image)
        self.boundary_: list[ContourSet] = []
        for margin in margins(self.response):
            if margin.min() < 0.0 < margin.max():
                lines = ax.contour(
                    self.xx0, self.xx1, margin, levels=[0.0], colors=INK, linewidths=1.0
                )
                self.boundary_.append(lines)
        self.points_: list[PathCollection] = []
        if self.samples is None or self.y is None:
            if self.samples is not None:
                self.points_.append(self._draw_points(ax, self.samples, c=INK))
            return
        for label, style in zip(classes, chosen, strict=True):
            rows = self.samples[self.y == label]
            points = self._draw_points(
                ax, rows, color=style.color, marker=style.marker, label=shortened(label)
            )
            self.points_.append(points)
        if legend and len(classes) <= 12:
            # Beside the axes: all of it is covered with what is to be seen.
            ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)

    def _plot_heights(self, ax: Axes, legend: bool) -> None:
        from matplotlib.colors import Normalize

        heights = self.response if self.y is None else np.append(self.response, self.y)
        norm = Normalize(heights.min(), heights.max())
        self.surface_ = self._draw_surface(ax, self.response, norm=norm, cmap="cividis")
        self.boundary_ = []
        if self.response.min() < self.response.max():
            lines = ax.contour(self.xx0, self.xx1, self.response, colors="white", linewidths=0.7)
            self.boundary_.append(lines)
        if legend:
            self.figure_.colorbar(self.surface_, ax=ax, label="prediction")
        self.points_ = []
        if self.samples is not None:
            colors: dict[str, Any] = {"c": self.y, "norm": norm, "cmap": "cividis"}
            if self.y is None:
                colors = {"c": "white"}
            self.points_.append(self._draw_points(ax, self.samples, **colors))

    def _draw_surface(self, ax: Axes, image: npt.NDArray[Any], **settings: Any) -> AxesImage:
        """Draw one pixel around each point of the grid."""
        (left, right), (low, high) = (edges(axis) for axis in (self.xx0[0], self.xx1[:, 0]))
        return ax.imshow(
            image, origin="lower", extent=(left, right, low, high), aspect="auto", **settings
        )

    def _draw_points(self, ax: Axes, rows: npt.NDArray[Any], **settings: Any) -> PathCollection:
        return ax.scatter(
            rows[:, 0], rows[:, 1], s=26, edgecolors="white", linewidths=0.5, **settings
        )

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each point of the grid.

        Its columns are the two features, and the prediction; of classes, the response for each and
        the class that is predicted.
        """
        columns: dict[str, Any] = {
            self.feature_names[0]: self.xx0.ravel(),
            self.feature_names[1]: self.xx1.ravel(),
        }
        if self.classes is None:
            return data_frame(columns | {"prediction": self.response.ravel()})
        for i, label in enumerate(self.classes):
            columns[f"response for {label}"] = self.response[..., i].ravel()
        decided = self.response.argmax(axis=2).ravel()
        return data_frame(columns | {"prediction": self.classes[decided]})

    def describe(self) -> str:
        """Return what part of the plane each class has, and how many samples are outside theirs."""
        spans = " and ".join(
            f"{name} from {axis.min():.4g} to {axis.max():.4g}"
            for name, axis in zip(self.feature_names, (self.xx0, self.xx1), strict=True)
        )
        parts = [f"What is predicted for {spans}."]
        if self.n_held:
            held = "1 other feature is" if self.n_held == 1 else f"{self.n_held} others are"
            parts[0] = parts[0][:-1] + f"; {held} held at the mean."
        if self.classes is None:
            low, high = self.response.argmin(), self.response.argmax()
            ends = " to ".join(
                f"{self.response.flat[i]:.4g} at ({self.xx0.flat[i]:.4g}, {self.xx1.flat[i]:.4g})"
                for i in (low, high)
            )
            parts.append(f"The prediction goes from {ends}.")
        else:
            counts = np.bincount(self.response.argmax(axis=2).ravel(), minlength=len(self.classes))
            shares = ", ".join(
                f"{label} {100 * count / self.xx0.size:.0f} %"
                for label, count in zip(self.classes, counts, strict=True)
            )
            parts.append(f"Share of the plane: {shares}.")
        if self.y is not None and self.predicted is not None:
            parts.append(self._misses(self.y, self.predicted))
        return " ".join(parts)

    def _misses(self, y: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> str:
        if self.classes is None:
            size = float(np.sqrt(np.mean((y - predicted) ** 2)))
            return f"The samples are off by {size:.4g} (root mean square)."
        n_wrong = int(np.sum(y != predicted))
        lie = "lies" if n_wrong == 1 else "lie"
        return f"Of {numbered(len(y), 'sample')}, {n_wrong} {lie} in the region of another class."
