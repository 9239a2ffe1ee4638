"""A line or curve through data: the prediction over one feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot.display import Display, data_frame, numbered
from chainrule.plot.estimator import (
    Inputs,
    check_fitted,
    chosen_target,
    is_classifier,
    numbers,
)
from chainrule.plot.palette import GREY, shortened, styles
from chainrule.training import FitResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import FillBetweenPolyCollection, PathCollection
    from matplotlib.lines import Line2D

__all__ = ["FittedCurveDisplay"]

Array = npt.NDArray[np.float64]

_N_POINTS = 400
"""So many points, evenly spaced, are on the curve besides those of the samples."""


class FittedCurveDisplay(Display):
    """What is predicted over one feature, with the samples it was learned from.

    Several can be drawn on one axes, such as the line before training and after; each takes the
    next colour and dash pattern.

    Parameters
    ----------
    x, prediction : array-like of shape (n_points,)
        The curve; ``x`` ascends.
    interval : array-like of shape (n_points, 2), optional
        Lower and upper bound of what is to be observed.
    coverage : float, optional
        The share of observations the interval is meant to hold.
    samples_x, samples_y : array-like of shape (n_samples,), optional
        The data.
    label : str, default="fit"
    xlabel, ylabel : str, default="x", "y"

    Attributes
    ----------
    line_ : matplotlib.lines.Line2D
    band_ : matplotlib.collections.FillBetweenPolyCollection or None
        The interval.
    points_ : matplotlib.collections.PathCollection or None
        The samples.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0])
    >>> display = FittedCurveDisplay(x, 1.0 + 2.0 * x, samples_x=x, samples_y=[1.5, 3.0, 5.0])
    >>> print(display.describe())
    fit: a straight line y = 2 x + 1, for x from 0 to 2. 3 samples are off it by 0.2887 (root mean
    square), R² 0.959.
    """

    def __init__(
        self,
        x: Any,
        prediction: Any,
        *,
        interval: Any = None,
        coverage: float | None = None,
        samples_x: Any = None,
        samples_y: Any = None,
        label: str = "fit",
        xlabel: str = "x",
        ylabel: str = "y",
    ) -> None:
        self.x = numbers("FittedCurveDisplay: x", x)
        self.prediction = numbers("FittedCurveDisplay: prediction", prediction)
        self.interval = None if interval is None else numbers("interval", interval)
        has_samples = samples_x is not None and samples_y is not None
        self.samples_x = numbers("samples_x", samples_x) if has_samples else np.empty(0)
        self.samples_y = numbers("samples_y", samples_y) if has_samples else np.empty(0)
        fits = self.x.ndim == 1 and self.prediction.shape == self.x.shape
        fits &= self.interval is None or self.interval.shape == (len(self.x), 2)
        fits &= self.samples_x.ndim == 1 and self.samples_y.shape == self.samples_x.shape
        if not fits:
            raise ShapeError(
                "FittedCurveDisplay: expected one number per point and per sample, and two of an "
                f"interval, got x {self.x.shape}, prediction {self.prediction.shape}, interval "
                f"{np.shape(interval)}, samples {self.samples_x.shape} and {self.samples_y.shape}."
            )
        if (np.diff(self.x) < 0.0).any():
            raise InvalidArgumentError("FittedCurveDisplay: x: expected ascending numbers.")
        self.coverage = coverage
        self.label = label
        self.xlabel, self.ylabel = xlabel, ylabel

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        feature: int | str | None = None,
        target: int | None = None,
        coverage: float | None = None,
        label: str | None = None,
        ax: Axes | None = None,
        legend: bool = True,
    ) -> Self:
        """Draw what a fitted regressor predicts, or the probability that a classifier gives.

        Parameters
        ----------
        estimator : regressor, or classifier of two classes
            Of a classifier with ``predict_proba``, the probability of the second class is drawn,
            and samples of that class at 1, others at 0.
        X : matrix or data frame of shape (n_samples, n_features)
            Says how far the curve goes.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), optional
            The data; without, the curve alone is drawn.
        feature : int or str, optional
            Number from 0 or name; all others are held at their mean. Needed if there are several.
        target : int, optional
            Number of the target, needed if there are several.
        coverage : float, optional
            The share that the prediction interval is to hold. By default, a regressor that gives
            intervals has its usual one drawn.
        label : str, optional
            The name of the class by default.
        ax, legend
            As for `plot`.

        Returns
        -------
        FittedCurveDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator was not fitted.
        InvalidArgumentError
            If a feature or target has to be chosen, or there is no such interval.
        """
        check_fitted(estimator)
        inputs = Inputs.of("FittedCurveDisplay: X", X, estimator)
        position, x = _points(inputs, feature)
        table = inputs.varied([position], x[:, None])
        ylabel = str(getattr(y, "name", None) or "y")
        interval = None
        if is_classifier(estimator):
            classes = _two_classes(estimator)
            prediction = estimator.predict_proba(table)[:, 1]
            observed = None if y is None else (np.asarray(y) == classes[1]).astype(np.float64)
            ylabel = f"probability of {classes[1]}"
        else:
            name = "FittedCurveDisplay"
            prediction = chosen_target(name, np.asarray(estimator.predict(table)), target)
            observed = (
                None if y is None else chosen_target(f"{name}: y", numbers(f"{name}: y", y), target)
            )
            interval = _interval(estimator, table, target, coverage)
        display = cls(
            x,
            prediction,
            interval=interval,
            coverage=coverage,
            samples_x=inputs.values[:, position],
            samples_y=observed,
            label=type(estimator).__name__ if label is None else label,
            xlabel=str(inputs.names[position]),
            ylabel=ylabel,
        )
        return display.plot(ax, legend=legend)

    @classmethod
    def from_model(
        cls,
        model: Any,
        X: Any,
        y: Any = None,
        *,
        feature: int | str | None = None,
        target: int | None = None,
        label: str = "fit",
        ax: Axes | None = None,
        legend: bool = True,
    ) -> Self:
        """Draw the output of a model, trained or not.

        Parameters
        ----------
        model : callable or FitResult
            From rows, (n_samples, n_features), to outputs: a `chainrule.nn` model or a function.
        X, y, feature, target, ax, legend
            As for `from_estimator`.
        label : str, default="fit"

        Returns
        -------
        FittedCurveDisplay
        """
        function = model.model if isinstance(model, FitResult) else model
        inputs = Inputs.of("FittedCurveDisplay: X", X)
        position, x = _points(inputs, feature)
        output = np.asarray(function(np.asarray(inputs.varied([position], x[:, None]))))
        name = "FittedCurveDisplay"
        display = cls(
            x,
            chosen_target(name, output, target),
            samples_x=inputs.values[:, position],
            samples_y=None
            if y is None
            else chosen_target(f"{name}: y", numbers(f"{name}: y", y), target),
            label=label,
            xlabel=str(inputs.names[position]),
        )
        return display.plot(ax, legend=legend)

    def plot(self, ax: Axes | None = None, *, legend: bool = True) -> Self:
        """Draw the curve, below it the interval and the samples.

        Parameters
        ----------
        ax : Axes, optional
            Where, with other curves perhaps; a new figure by default. Labels that its axes have
            are left as they are.
        legend : bool, default=True
            Whether to name what is drawn.

        Returns
        -------
        self
        """
        ax = self._begin(ax)
        position = len(ax.lines)
        style = styles(7)[position % 7]
        self.band_: FillBetweenPolyCollection | None = None
        if self.interval is not None:
            share = "" if self.coverage is None else f"{100 * self.coverage:.4g} % "
            self.band_ = ax.fill_between(
                self.x,
                self.interval[:, 0],
                self.interval[:, 1],
                color=style.color,
                alpha=0.18,
                linewidth=0.0,
                label=f"{share}prediction interval",
            )
        self.points_: PathCollection | None = None
        if len(self.samples_x):
            self.points_ = ax.scatter(
                self.samples_x,
                self.samples_y,
                s=18,
                color=GREY,
                edgecolors="white",
                linewidths=0.5,
                label="samples",
                rasterized=len(self.samples_x) > 5000,
            )
        (self.line_,) = ax.plot(
            self.x,
            self.prediction,
            color=style.color,
            linestyle=style.dashes,
            linewidth=2.0,
            label=shortened(self.label),
        )
        ax.set(
            xlabel=ax.get_xlabel() or shortened(self.xlabel, 40),
            ylabel=ax.get_ylabel() or shortened(self.ylabel, 40),
        )
        if legend:
            ax.legend(loc="best", framealpha=0.7)
        return self

    line_: Line2D

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each point of the curve and each sample.

        The column ``part`` tells them apart; ``lower`` and ``upper`` are there with an interval.
        """
        columns: dict[str, Any] = {
            "part": np.repeat(["curve", "sample"], [len(self.x), len(self.samples_x)]),
            self.xlabel: np.append(self.x, self.samples_x),
            self.ylabel: np.append(self.prediction, self.samples_y),
        }
        if self.interval is not None:
            missing = np.full((len(self.samples_x), 2), np.nan)
            bounds = np.concatenate([self.interval, missing])
            columns |= {"lower": bounds[:, 0], "upper": bounds[:, 1]}
        return data_frame(columns)

    def describe(self) -> str:
        """Return the curve in words: a line's formula, or its course; and how it fits the data."""
        x, prediction = self.x, self.prediction
        over = f"for {self.xlabel} from {x[0]:.4g} to {x[-1]:.4g}"
        line = _straight(x, prediction)
        if line is not None:
            slope, height = line
            sign = "-" if height < 0 else "+"
            course = f"a straight line {self.ylabel} = {slope:.4g} {self.xlabel} {sign} "
            parts = [f"{self.label}: {course}{abs(height):.4g}, {over}."]
        else:
            low, high = prediction.argmin(), prediction.argmax()
            parts = [
                f"{self.label}: a curve from {prediction[0]:.4g} to {prediction[-1]:.4g}, {over}; "
                f"lowest {prediction[low]:.4g} at {x[low]:.4g}, highest {prediction[high]:.4g} at "
                f"{x[high]:.4g}."
            ]
        if len(self.samples_x):
            parts.append(self._fit())
        return " ".join(parts)

    def _fit(self) -> str:
        y = self.samples_y
        residual = y - np.interp(self.samples_x, self.x, self.prediction)
        size = float(np.sqrt(np.mean(residual**2)))
        are = "is" if len(y) == 1 else "are"
        text = f"{numbered(len(y), 'sample')} {are} off it by {size:.4g} (root mean square)"
        scatter = float(np.sum((y - y.mean()) ** 2))
        if scatter > 0.0:
            text += f", R² {1.0 - float(np.sum(residual**2)) / scatter:.3f}"
        if self.interval is not None:
            low, high = (np.interp(self.samples_x, self.x, bound) for bound in self.interval.T)
            inside = 100 * float(np.mean((low <= y) & (y <= high)))
            meant = "" if self.coverage is None else f", meant to hold {100 * self.coverage:.4g} %"
            text += f"; {inside:.1f} % of them are inside the prediction interval{meant}"
        return text + "."


def _points(inputs: Inputs, feature: int | str | None) -> tuple[int, Array]:
    """Return the column that varies, and where: evenly, and at all samples."""
    n_features = len(inputs.names)
    if feature is None and n_features > 1:
        raise InvalidArgumentError(
            f"FittedCurveDisplay: feature: expected one of the {n_features} features, got None; "
            "the others are held at their mean."
        )
    position = inputs.position(0 if feature is None else feature)
    column = inputs.values[:, position].astype(np.float64)
    return position, np.union1d(np.linspace(column.min(), column.max(), _N_POINTS), column)


def _two_classes(estimator: Any) -> Any:
    if len(estimator.classes_) != 2 or not hasattr(estimator, "predict_proba"):
        raise InvalidArgumentError(
            "FittedCurveDisplay: expected a regressor, or a classifier of two classes with "
            f"predict_proba, got {type(estimator).__name__} of {len(estimator.classes_)} classes; "
            "for regions of classes there is DecisionBoundaryDisplay."
        )
    return estimator.classes_


def _interval(
    estimator: Any, table: Any, target: int | None, coverage: float | None
) -> npt.NDArray[Any] | None:
    """Return lower and upper bounds, or None of a regressor that gives none."""
    if not hasattr(estimator, "predict_interval"):
        if coverage is None:
            return None
        raise InvalidArgumentError(
            "FittedCurveDisplay: coverage: expected None for a regressor without prediction "
            f"intervals, got {coverage}; MLPRegressor(loss='gaussian') learns them."
        )
    try:
        bounds = estimator.predict_interval(table, coverage)
    except InvalidArgumentError:
        if coverage is None:
            return None
        raise
    return bounds if bounds.ndim == 2 else bounds[:, 0 if target is None else target]


def _straight(x: Array, prediction: Array) -> tuple[float, float] | None:
    """Return slope and height at 0 if the curve is a line, to as many digits as are printed."""
    if len(x) < 3 or x[0] == x[-1]:
        return None
    slope = (prediction[-1] - prediction[0]) / (x[-1] - x[0])
    line = prediction[0] + slope * (x - x[0])
    rounding = 1e-12 * float(np.abs(prediction).max())
    if np.abs(line - prediction).max() > 1e-4 * float(np.ptp(prediction)) + rounding:
        return None
    return float(slope), float(prediction[0] - slope * x[0])
