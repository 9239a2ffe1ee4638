"""What the first layer looks for: the weights of each unit as an image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot.display import Display, data_frame
from chainrule.plot.estimator import fitted_core, numbers
from chainrule.plot.palette import GREY, SIGNED, centred, shortened
from chainrule.plot.structure import NetworkStructure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from matplotlib.text import Text

__all__ = ["WeightImagesDisplay"]


class WeightImagesDisplay(Display):
    """The weights of a layer whose inputs are images, one image for each unit.

    All share one scale of colours, with 0 in the middle.

    Parameters
    ----------
    kernel : array-like of shape (n_pixels, n_units)
        The weights, pixels row by row.
    shape : pair of int, optional
        Rows and columns of an image; a square by default.
    names : sequence of str, optional
        Of the units; 1, 2, 3, ... by default.
    max_images : int, default=64
        The largest number of units that are drawn, the first of them all.

    Attributes
    ----------
    images : ndarray of shape (n_images, n_rows, n_columns)
        What is drawn.
    im_ : matplotlib.image.AxesImage
        All images side by side, NaN between them.
    texts_ : list of matplotlib.text.Text
        The names.

    Examples
    --------
    >>> display = WeightImagesDisplay([[1.0, 0.0], [0.0, -2.0], [0.0, 0.5], [0.0, 0.0]])
    >>> print(display.describe())
    Weights of 2 units as images of 2 x 2, from -2 to 1. The strongest is -2, of unit 2 in row 1 and
    column 2. Strongest on average is unit 2, weakest unit 1.
    """

    def __init__(
        self,
        kernel: Any,
        *,
        shape: tuple[int, int] | None = None,
        names: Any = None,
        max_images: int = 64,
    ) -> None:
        kernel = np.asarray(kernel)
        if kernel.ndim != 2 or not kernel.size:
            raise ShapeError(
                "WeightImagesDisplay: kernel: expected shape (n_pixels, n_units), got "
                f"{kernel.shape}."
            )
        numbers("WeightImagesDisplay: kernel", kernel)
        n_pixels, n_units = kernel.shape
        side = math.isqrt(n_pixels)
        if shape is None and side**2 != n_pixels:
            raise InvalidArgumentError(
                f"WeightImagesDisplay: shape: expected rows and columns of an image of {n_pixels} "
                "pixels, which are no square, got None."
            )
        rows, columns = (side, side) if shape is None else shape
        if rows < 1 or rows * columns != n_pixels:
            raise InvalidArgumentError(
                f"WeightImagesDisplay: shape: expected rows and columns of {n_pixels} pixels, got "
                f"{shape}."
            )
        if max_images < 1:
            raise InvalidArgumentError(
                f"WeightImagesDisplay: max_images: expected an integer of at least 1, got "
                f"{max_images}."
            )
        labels = [str(i + 1) for i in range(n_units)] if names is None else list(map(str, names))
        if len(labels) != n_units:
            raise InvalidArgumentError(
                f"WeightImagesDisplay: names: expected {n_units}, one for each unit, got "
                f"{len(labels)}."
            )
        self.kernel = kernel
        self.names = labels[:max_images]
        self.images = kernel.T.reshape(n_units, rows, columns)[:max_images]

    @classmethod
    def from_model(
        cls,
        model: Any,
        *,
        shape: tuple[int, int] | None = None,
        max_images: int = 64,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the first dense layer of a model of `chainrule.nn`, or of a `FitResult`.

        Parameters
        ----------
        model : Layer or FitResult
        shape : pair of int, optional
            Rows and columns of an image; a square by default.
        max_images : int, default=64
        ax : Axes, optional

        Returns
        -------
        WeightImagesDisplay

        Raises
        ------
        InvalidArgumentError
            If the inputs do not make images of that shape, or no squares.
        """
        kernel = NetworkStructure.of_model(model).connections[0].kernel
        return cls(kernel, shape=shape, max_images=max_images).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        shape: tuple[int, int] | None = None,
        max_images: int = 64,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the first layer of a fitted network, or the coefficients of a linear model.

        Parameters
        ----------
        estimator : estimator
            Of a linear classifier, an image is named by its class.
        shape, max_images, ax
            As for `from_model`.

        Returns
        -------
        WeightImagesDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator was not fitted.
        InvalidArgumentError
            If the features do not make images of that shape, or no squares.
        """
        first, *others = NetworkStructure.of_estimator(estimator).connections
        classes = getattr(fitted_core(estimator), "classes_", ())
        names = classes if not others and len(classes) == first.kernel.shape[1] else None
        return cls(first.kernel, shape=shape, names=names, max_images=max_images).plot(ax)

    def plot(self, ax: Axes | None = None, *, cmap: Any = SIGNED, colorbar: bool = True) -> Self:
        """Draw the images side by side.

        Parameters
        ----------
        ax : Axes, optional
            Where; a new figure by default.
        cmap : str or Colormap, default="PuOr"
            0 is in its middle.
        colorbar : bool, default=True

        Returns
        -------
        self
        """
        count, rows, columns = self.images.shape
        across = math.ceil(math.sqrt(count * rows / columns))
        down = math.ceil(count / across)
        gap_x, gap_y = max(1, columns // 8), max(1, rows // 4)  # above each, room for its name
        mosaic = np.full((down * (rows + gap_y), across * (columns + gap_x) - gap_x), np.nan)
        corners = [
            (i // across * (rows + gap_y) + gap_y, i % across * (columns + gap_x))
            for i in range(count)
        ]
        for (top, left), image in zip(corners, self.images, strict=True):
            mosaic[top : top + rows, left : left + columns] = image
        ax = self._begin(ax, _size(mosaic.shape))
        self.im_: AxesImage = ax.imshow(
            np.ma.masked_invalid(mosaic), cmap=cmap, norm=centred(self.images)
        )
        ax.set_axis_off()
        if colorbar:
            self.figure_.colorbar(self.im_, ax=ax, label="weight", shrink=0.8, aspect=25)
        size = float(np.clip(0.9 * gap_y * self._room()[0] / mosaic.shape[1], 4.0, 9.0))
        self.texts_: list[Text] = [
            self._frame(corner, name, size)
            for corner, name in zip(corners, self.names, strict=True)
        ]
        return self

    def _frame(self, corner: tuple[int, int], name: str, size: float) -> Text:
        """Draw a frame around the image with that corner, and its name above."""
        from matplotlib.patches import Rectangle

        top, left = corner
        _, rows, columns = self.images.shape
        frame = Rectangle(
            (left - 0.5, top - 0.5),
            columns,
            rows,
            fill=False,
            edgecolor=GREY,
            linewidth=0.5,
            clip_on=False,
        )
        self.ax_.add_patch(frame)
        return self.ax_.text(
            left + 0.5 * (columns - 1),
            top - 0.7,
            shortened(name, 12),
            ha="center",
            va="bottom",
            fontsize=size,
        )

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each pixel that is drawn."""
        count, rows, columns = self.images.shape
        row, column = np.divmod(np.arange(rows * columns), columns)
        return data_frame(
            {
                "unit": np.repeat(self.names, rows * columns),
                "row": np.tile(row + 1, count),
                "column": np.tile(column + 1, count),
                "weight": self.images.ravel(),
            }
        )

    def describe(self) -> str:
        """Return the range of the weights, and the strongest of them."""
        images, n_units = self.images, self.kernel.shape[1]
        count, rows, columns = images.shape
        of = f"{count}" if count == n_units else f"the first {count} of {n_units}"
        unit, row, column = np.unravel_index(np.abs(images).argmax(), images.shape)
        text = (
            f"Weights of {of} {'unit' if n_units == 1 else 'units'} as images of {rows} x "
            f"{columns}, from {images.min():.4g} to {images.max():.4g}. The strongest is "
            f"{images[unit, row, column]:.4g}, of unit {self.names[unit]} in row {row + 1} and "
            f"column {column + 1}."
        )
        if count == 1:
            return text
        strengths: npt.NDArray[Any] = np.sqrt(np.mean(images**2, axis=(1, 2)))
        return (
            f"{text} Strongest on average is unit {self.names[strengths.argmax()]}, weakest unit "
            f"{self.names[strengths.argmin()]}."
        )


def _size(shape: tuple[int, int]) -> tuple[float, float]:
    """Return the inches of a figure for a mosaic of that shape and its scale of colours."""
    width = 6.0 * min(1.0, math.sqrt(shape[1] / shape[0]))
    return width + 1.0, float(np.clip(width * shape[0] / shape[1], 1.5, 8.0))
