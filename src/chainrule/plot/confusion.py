"""Which classes are taken for which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot.display import Display, data_frame, numbered
from chainrule.plot.estimator import check_fitted, is_classifier
from chainrule.plot.palette import AMOUNTS, readable_on, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from matplotlib.text import Text

__all__ = ["ConfusionMatrixDisplay"]

_SUMS = {"true": 1, "pred": 0, "all": None}
"""The axis that a normalized matrix sums to 1 along."""

_N_NAMED = 3
"""So many of the most frequent confusions are described."""


class ConfusionMatrixDisplay(Display):
    """A confusion matrix: a row for each true class, a column for each that is predicted.

    Parameters
    ----------
    confusion_matrix : array-like of shape (n_classes, n_classes)
        Numbers of samples, or sums of their weights.
    display_labels : array-like of shape (n_classes,), optional
        Names of the classes; 0, 1, 2, ... by default.
    normalize : {"true", "pred", "all"}, optional
        Draw shares of the samples of a row, of a column, or of all.

    Attributes
    ----------
    values : ndarray of shape (n_classes, n_classes)
        What is drawn: the numbers, or shares, NaN where there are no samples to have a share of.
    im_ : matplotlib.image.AxesImage
    text_ : ndarray of shape (n_classes, n_classes) of matplotlib.text.Text, or None
        None where the cells are too small for text.

    Examples
    --------
    >>> display = ConfusionMatrixDisplay([[8, 2], [1, 9]], display_labels=["cat", "dog"])
    >>> print(display.describe())
    20 samples of 2 classes, 17 of them (85.0 %) right. Most often confused: cat taken for dog (2 of
    10), dog taken for cat (1 of 10).
    """

    def __init__(
        self, confusion_matrix: Any, *, display_labels: Any = None, normalize: str | None = None
    ) -> None:
        matrix = np.asarray(confusion_matrix)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
            raise ShapeError(
                "ConfusionMatrixDisplay: expected a matrix of shape (n_classes, n_classes), got "
                f"shape {matrix.shape}."
            )
        if matrix.dtype.kind not in "iuf" or not (matrix >= 0).all() or not matrix.sum() < np.inf:
            raise InvalidArgumentError(
                "ConfusionMatrixDisplay: expected numbers of samples, none of them negative, got "
                f"{matrix.tolist()}."
            )
        if normalize not in (None, *_SUMS):
            raise InvalidArgumentError(
                "ConfusionMatrixDisplay: normalize: expected 'true', 'pred', 'all' or None, got "
                f"{normalize!r}."
            )
        labels = np.arange(len(matrix)) if display_labels is None else np.asarray(display_labels)
        if labels.shape != (len(matrix),):
            raise ShapeError(
                f"ConfusionMatrixDisplay: display_labels: expected {len(matrix)} names, one for "
                f"each class, got shape {labels.shape}."
            )
        self.confusion_matrix = matrix
        self.display_labels = labels
        self.normalize = normalize

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        normalize: str | None = None,
        display_labels: Any = None,
        ax: Axes | None = None,
        cmap: Any = AMOUNTS,
        colorbar: bool = True,
    ) -> Self:
        """Draw what a fitted classifier predicts for samples.

        Parameters
        ----------
        estimator : classifier
            All of its ``classes_`` are drawn, in ``y`` or not.
        X : matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            The true classes.
        sample_weight, normalize, display_labels, ax, cmap, colorbar
            As for `from_predictions`.

        Returns
        -------
        ConfusionMatrixDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the classifier was not fitted.
        InvalidArgumentError
            If it is no classifier.
        """
        check_fitted(estimator)
        if not is_classifier(estimator):
            raise InvalidArgumentError(
                "ConfusionMatrixDisplay.from_estimator: expected a classifier, got "
                f"{type(estimator).__name__}; for numbers there is ResidualsDisplay."
            )
        predicted = estimator.predict(X)
        return cls.from_predictions(
            y,
            predicted,
            labels=_all_labels(y, predicted, estimator.classes_),
            sample_weight=sample_weight,
            normalize=normalize,
            display_labels=display_labels,
            ax=ax,
            cmap=cmap,
            colorbar=colorbar,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        labels: Any = None,
        sample_weight: Any = None,
        normalize: str | None = None,
        display_labels: Any = None,
        ax: Axes | None = None,
        cmap: Any = AMOUNTS,
        colorbar: bool = True,
    ) -> Self:
        """Draw what was predicted against what is true.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,)
        labels : array-like of shape (n_classes,), optional
            The classes in the order to draw them; by default all that occur, sorted.
        sample_weight : array-like of shape (n_samples,), optional
        normalize : {"true", "pred", "all"}, optional
            Draw shares of the samples of a row, of a column, or of all.
        display_labels : array-like of shape (n_classes,), optional
            Other names for the classes.
        ax, cmap, colorbar
            As for `plot`.

        Returns
        -------
        ConfusionMatrixDisplay

        Raises
        ------
        InvalidArgumentError
            If samples have several labels, or one that is not among ``labels``.
        """
        from sklearn.metrics import confusion_matrix

        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        if y_true.ndim != 1 or y_true.shape != y_pred.shape or not len(y_true):
            raise ShapeError(
                "ConfusionMatrixDisplay: expected one true and one predicted class per sample, got "
                f"shapes {y_true.shape} and {y_pred.shape}; of several labels per sample, draw one "
                "column at a time."
            )
        occurring = _all_labels(y_true, y_pred)
        labels = occurring if labels is None else np.asarray(labels)
        unknown = [label for label in occurring.tolist() if label not in labels.tolist()]
        if unknown:
            raise InvalidArgumentError(
                f"ConfusionMatrixDisplay: labels: expected all classes that occur, got "
                f"{labels.tolist()} without {unknown}."
            )
        matrix = confusion_matrix(y_true, y_pred, labels=labels, sample_weight=sample_weight)
        names = labels if display_labels is None else display_labels
        display = cls(matrix, display_labels=names, normalize=normalize)
        return display.plot(ax, cmap=cmap, colorbar=colorbar)

    @property
    def values(self) -> npt.NDArray[Any]:
        """What is drawn: numbers, or shares."""
        if self.normalize is None:
            return self.confusion_matrix
        total = self.confusion_matrix.sum(axis=_SUMS[self.normalize], keepdims=True)
        return self.confusion_matrix / np.where(total > 0, total, np.nan)

    def plot(self, ax: Axes | None = None, *, cmap: Any = AMOUNTS, colorbar: bool = True) -> Self:
        """Draw the matrix.

        Parameters
        ----------
        ax : Axes, optional
            Where; a new figure by default.
        cmap : str or Colormap, default="cividis"
        colorbar : bool, default=True
            Whether to say beside it which colours stand for how many.

        Returns
        -------
        self
        """
        values = self.values
        n_classes = len(values)
        side = float(np.clip(0.5 * n_classes, 3.6, 8.0))
        ax = self._begin(ax, (side + 1.2, side))
        highest = 1.0 if self.normalize else max(float(values.max()), 1.0)
        self.im_: AxesImage = ax.imshow(
            np.ma.masked_invalid(values), cmap=cmap, vmin=0.0, vmax=highest
        )
        if colorbar:
            label = "samples" if self.normalize is None else "share of samples"
            self.figure_.colorbar(self.im_, ax=ax, label=label)
        ax.set(xlabel="predicted class", ylabel="true class")
        self._name_classes(ax, min(self._room()) / n_classes)
        self.text_ = self._write_cells(ax, min(self._room()) / n_classes)
        return self

    def _write_cells(self, ax: Axes, cell: float) -> npt.NDArray[Any] | None:
        """Write the numbers, if a cell of so many points is large enough for them."""
        labels = [[_written(value) for value in row] for row in self.values]
        longest = max(len(label) for row in labels for label in row)
        size = min(10.0, 0.75 * cell, 1.3 * cell / longest)
        if size < 4.0:
            return None
        found = np.empty(self.values.shape, object)
        for (row, column), value in np.ndenumerate(self.values):
            text: Text = ax.text(
                column,
                row,
                labels[row][column],
                ha="center",
                va="center",
                fontsize=size,
                color=readable_on(self.im_.to_rgba(np.ma.masked_invalid([value]))[0]),
                in_layout=False,  # it is inside its cell
            )
            found[row, column] = text
        return found

    def _name_classes(self, ax: Axes, cell: float) -> None:
        """Put as many names along the axes as there is room for."""
        size = 9.0
        every = max(1, int(np.ceil(1.2 * size / cell)))
        positions = np.arange(0, len(self.values), every)
        names = [shortened(self.display_labels[i]) for i in positions]
        ax.set_yticks(positions, names, fontsize=size)
        ax.set_xticks(positions, names, fontsize=size)
        if max(map(len, names)) * 0.65 * size > every * cell:
            for label in ax.get_xticklabels():
                label.set(rotation=45, ha="right", rotation_mode="anchor")

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame`: rows are true classes, columns predicted ones."""
        frame = data_frame(dict(enumerate(self.values.T)), index=self.display_labels).rename_axis(
            index="true class"
        )
        frame.columns = self.display_labels
        return frame.rename_axis(columns="predicted class")

    def describe(self) -> str:
        """Return how many are right, and which classes are confused most often."""
        matrix, labels = self.confusion_matrix, self.display_labels
        total, right = matrix.sum(), np.trace(matrix)
        if not total:
            return f"No samples of {numbered(len(matrix), 'class', 'classes')}."
        weighted = matrix.dtype.kind == "f"
        what = f"Samples of weight {total:.6g}" if weighted else numbered(int(total), "sample")
        parts = [
            f"{what} of {numbered(len(matrix), 'class', 'classes')}, {_amount(right)} of them "
            f"({100 * right / total:.1f} %) right."
        ]
        wrong = matrix - np.diag(np.diag(matrix))
        order = np.argsort(-wrong, axis=None, kind="stable")[:_N_NAMED]
        pairs = [divmod(int(i), len(matrix)) for i in order if wrong.flat[i] > 0]
        if pairs:
            confusions = ", ".join(
                f"{labels[t]} taken for {labels[p]} ({_amount(wrong[t, p])} of "
                f"{_amount(matrix[t].sum())})"
                for t, p in pairs
            )
            parts.append(f"Most often confused: {confusions}.")
        for axis, verb in ((0, "predicted"), (1, "in the samples")):
            empty = labels[matrix.sum(axis=axis) == 0]
            if len(empty):
                names = ", ".join(map(str, empty[:_N_NAMED]))
                more = f" and {len(empty) - _N_NAMED} more" if len(empty) > _N_NAMED else ""
                parts.append(f"Never {verb}: {names}{more}.")
        return " ".join(parts)


def _all_labels(*parts: Any) -> npt.NDArray[Any]:
    from sklearn.utils.multiclass import unique_labels

    try:
        return unique_labels(*parts)
    except ValueError as error:
        raise InvalidArgumentError(
            f"ConfusionMatrixDisplay: expected one class per sample, all of one type: {error}"
        ) from error


def _written(value: Any) -> str:
    """Return a number as it stands in its cell: whole ones in full, others to two digits."""
    if np.isnan(value):
        return "–"
    return f"{value}" if isinstance(value, np.integer) else f"{value:.2f}"


def _amount(value: Any) -> str:
    return f"{value:,}" if isinstance(value, np.integer) else f"{value:.6g}"
