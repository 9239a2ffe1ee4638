"""Colours and marks that can be told apart without seeing colours, and in grey.

Lines and classes take the colours that Okabe and Ito chose for colour-blind readers ("Color
universal design", 2008), each with a dash pattern and a marker of its own; more of them than that
take evenly spaced colours of *viridis*, whose lightness grows steadily. Numbers of one sign are
drawn in *cividis*, signed numbers in *PuOr*, with 0 in the middle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.colors import Normalize

__all__ = [
    "AMOUNTS",
    "GREY",
    "INK",
    "SIGNED",
    "Style",
    "centred",
    "readable_on",
    "shortened",
    "styles",
]

INK = "#000000"
GREY = "#767676"
AMOUNTS = "cividis"
SIGNED = "PuOr"

_OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (7, 3)), (0, (1, 2)))
_MARKERS = ("o", "^", "s", "D", "v", "P", "X")


class Style(NamedTuple):
    """How one line or class is drawn.

    Attributes
    ----------
    color : str or tuple
    dashes : str or tuple
        What Matplotlib takes as ``linestyle``.
    marker : str
    """

    color: Any
    dashes: Any
    marker: str


def styles(count: int) -> list[Style]:
    """Return styles for so many lines or classes, for panels of one's own beside the displays.

    Parameters
    ----------
    count : int

    Returns
    -------
    list of Style
        All different, to colour-blind readers too, and in grey up to seven.

    Examples
    --------
    >>> first, second = styles(2)
    >>> second
    Style(color='#D55E00', dashes='--', marker='^')
    """
    if count <= len(_OKABE_ITO):
        colors: Any = _OKABE_ITO
    else:
        from matplotlib import colormaps

        colors = colormaps["viridis"](np.linspace(0.0, 0.95, count))
    return [
        Style(colors[i], _DASHES[i % len(_DASHES)], _MARKERS[i % len(_MARKERS)])
        for i in range(count)
    ]


def centred(*values: npt.NDArray[Any]) -> Normalize:
    """Return the map from numbers to colours that has 0 in the middle and all of them inside."""
    from matplotlib.colors import Normalize

    largest = max((float(np.abs(part).max()) for part in values if part.size), default=0.0)
    limit = largest or 1.0
    return Normalize(-limit, limit)


def shortened(label: Any, length: int = 24) -> str:
    """Return a label as text, its middle left out if it is long.

    >>> shortened("mean area of the nuclei in picture 7")
    'mean area of…n picture 7'
    """
    text = str(label)
    half = length // 2
    return text if len(text) <= length else f"{text[:half].rstrip()}…{text[1 - half :].lstrip()}"


def readable_on(rgba: npt.NDArray[Any]) -> str:
    """Return black or white, whichever has the greater contrast with a colour (WCAG 2.1)."""
    linear = np.where(rgba[:3] <= 0.04045, rgba[:3] / 12.92, ((rgba[:3] + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722)) if rgba[3] > 0 else 1.0
    return "black" if luminance > 0.179 else "white"
