"""What the docstrings of all searches have in common, written once."""

from __future__ import annotations

import inspect
import re
from typing import Any

__all__ = ["documented"]

PARAMETERS = """\
estimator : estimator
    One of `chainrule.estimators`, any other of scikit-learn's kind, or a pipeline.
space : dict of str to values, or list of such
    What is tried of each hyper-parameter: a list, a text such as ``"1e-5:10:log7"``,
    ``"0:0.5:lin6"`` or ``"relu,tanh"``, ``...`` for what its declaration says a search usually
    takes, a `Span`, or a distribution of SciPy for `RandomSearch`; see ``docs/search.md``.
scoring : str, callable, list, tuple, dict or None
    One metric or several, as in scikit-learn; None takes the estimator's ``score``.
n_jobs : int or None
    How many cells run at once: -1 or None for as many as there are cores, unless
    ``joblib.parallel_config`` says otherwise. With its backend ``"dask"``, the workers of the
    cluster run them.
refit : bool, str or callable, default=True
    Whether to fit the best candidate to all rows in the end; with several metrics the name of
    the one that decides; or a function of ``cv_results_`` that returns the best index.
cv : int, splitter, iterable or None
    The folds, as in scikit-learn; None for five.
holdout : float, optional
    In place of folds: the share of rows held out, drawn by seed 0, classes in proportion.
seeds : int, optional
    Fits of each candidate on each fold, with the random state of the estimator counted up from
    what it is (0 for None). None fits once and leaves it as it is.
halving : bool or str, default=False
    Successive halving: all candidates get a small part of ``max_iter``, the best third of them
    three times as much, and so on up to all of it. A name says what is spent instead.
store : path, optional
    A file that outcomes are written to. A search that is started again goes on with it, and
    several processes may share it.
error_score : float or "raise", default=nan
    The score of a fit that failed or diverged with nothing to keep.
return_train_score : bool, default=False
    Whether to score the rows trained with as well.
verbose : int, default=0
    Whether to print how far the search is.
callback : callable, optional
    Called with a `Progress` after every cell, in the thread that called ``fit``.
"""

ATTRIBUTES = """\
results_ : SearchResults
    All scores by candidate, fold and seed, with views for tables and plots.
cv_results_ : dict of str to ndarray
    As in scikit-learn; with several seeds, their means.
best_estimator_ : estimator
    Fitted to all rows; only with ``refit``.
best_params_ : dict
best_score_ : float
best_index_ : int
scorer_ : callable or dict
n_splits_ : int
refit_time_ : float
    Seconds.
multimetric_ : bool
classes_ : ndarray of shape (n_classes,)
n_features_in_ : int
feature_names_in_ : ndarray of shape (n_features_in_,)
"""


def documented(search: Any) -> str:
    """Return the docstring of a search with what is true of all of them.

    Parameters
    ----------
    search : type
        Its docstring has sections of its own for what it alone has.
    """
    text = inspect.cleandoc(search.__doc__ or "")
    known = inspect.signature(search).parameters
    entries = re.split(r"\n(?=\S)", PARAMETERS.strip())
    shared = "\n".join(entry for entry in entries if entry.partition(" :")[0] in known)
    heading = "Parameters\n----------\n"
    head, examples, rest = text.partition("\nExamples\n")
    head = head.rstrip()
    if heading in head:
        head = head.replace(heading, f"{heading}{shared}\n")
    else:
        head = f"{head}\n\n{heading}{shared}"
    return f"{head}\n\nAttributes\n----------\n{ATTRIBUTES}{examples}{rest}"
