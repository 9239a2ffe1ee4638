"""How a training run has ended, told as scikit-learn tells it."""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning

from chainrule.training import FitResult

__all__ = ["warn_of_ending"]


def warn_of_ending(result: FitResult, not_converged: str | None, stacklevel: int) -> None:
    """Warn of a run that did not end by itself.

    Parameters
    ----------
    result : FitResult
    not_converged : str or None
        What to say if the largest number of epochs was reached; None if that was asked for.
    stacklevel : int
        As `warnings.warn` takes it, from the caller's point of view.
    """
    stacklevel += 1
    if result.stopped == "interrupted":
        warnings.warn("Training interrupted by user.", UserWarning, stacklevel=stacklevel)
    elif result.stopped == "diverged":
        warnings.warn(result.message, ConvergenceWarning, stacklevel=stacklevel)
    elif result.stopped == "completed" and not_converged is not None:
        warnings.warn(not_converged, ConvergenceWarning, stacklevel=stacklevel)
