"""The base of all estimators: declared hyper-parameters, where scikit-learn looks for them."""

from __future__ import annotations

from sklearn.base import BaseEstimator

from chainrule.models.declaration import Declared

__all__ = ["DeclaredEstimator"]


class DeclaredEstimator(Declared, BaseEstimator):
    """An estimator whose hyper-parameters are declared as its fields."""

    @classmethod
    def _get_param_names(cls) -> list[str]:
        # scikit-learn reads the signature at each call, several times for every fit of a search.
        return sorted(cls._declared)
