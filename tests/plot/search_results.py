"""Results of searches, made by hand, whose scores are known."""

import numpy as np

from chainrule.search import SearchResults
from chainrule.search.views import scale_of


def results_of(candidates, test, *, train=None, status=None, **changed):
    """Return the results of candidates with scores of shape (n_candidates, n_folds, n_seeds)."""
    test = np.array(test, float)
    names = dict.fromkeys(name for params in candidates for name in params)
    values = {n: [params[n] for params in candidates if n in params] for n in names}
    settings = {
        "candidates": tuple(candidates),
        "metrics": ("score",),
        "metric": "score",
        "test": {"score": test},
        "train": {} if train is None else {"score": np.array(train, float)},
        "fit_seconds": np.ones(test.shape),
        "score_seconds": np.ones(test.shape),
        "status": np.full(test.shape, "done", dtype="<U8") if status is None else np.array(status),
        "messages": {},
        "scales": {name: scale_of(values[name], None) for name in names},
        "rung": np.zeros(len(candidates), int),
        "test_share": 0.25,
        "interrupted": False,
    }
    return SearchResults(**(settings | changed))


def grid(first, second):
    """Return all combinations of the values of two hyper-parameters, the last varying fastest."""
    (one, values), (other, others) = first, second
    return [{one: value, other: another} for value in values for another in others]
