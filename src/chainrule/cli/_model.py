"""What `chainrule train` saves: a network, and the encoder of the columns it was trained on.

With the encoder, the network can be used on files as they come: their columns are found by name,
categories are known, and predictions are in the target's own words or units.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from chainrule.datasets import Encoder, Table, read_table
from chainrule.models import NetworkClassifier, NetworkRegressor
from chainrule.saving.registry import Parts, register

if TYPE_CHECKING:
    from chainrule.estimators import MLPClassifier, MLPRegressor

__all__ = ["TableModel"]

_PARTS = Parts(
    lambda model: {
        "encoder": model.encoder.to_dict(),
        "network": model.network,
        "training": dict(model.training),
    },
    lambda cls, parts: cls(
        Encoder.from_dict(parts["encoder"]), parts["network"], parts["training"]
    ),
)


@register("cli.TableModel", _PARTS)
@dataclass(frozen=True, eq=False)
class TableModel:
    """A network for tables.

    Parameters
    ----------
    encoder : Encoder
        Which columns it takes, and what they mean.
    network : NetworkClassifier or NetworkRegressor
        Of the encoded columns. Classes are their positions in ``encoder.class_names``.
    training : dict
        How it was trained: data, seed, parts and scores.
    """

    encoder: Encoder
    network: NetworkClassifier | NetworkRegressor
    training: dict[str, Any]

    @property
    def estimator(self) -> MLPClassifier | MLPRegressor:
        """The network as an estimator of `chainrule.estimators`, fitted."""
        from chainrule.estimators import MLPClassifier, MLPRegressor

        kind: Any = MLPRegressor if self.encoder.class_names is None else MLPClassifier
        estimator = kind()
        vars(estimator).update(vars(self.network))
        return estimator

    def predict(self, data: str | Path | Table | npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the prediction for every row.

        Parameters
        ----------
        data : str or Path, Table, or array-like of shape (n_rows, n_features)
            A file of any kind that `chainrule.datasets.read` takes, with or without the target;
            or the encoded features.

        Returns
        -------
        ndarray of shape (n_rows,)
            Names of classes, or numbers in the units of the target.

        Raises
        ------
        DataError
            When a column is missing, or a value is missing or not known.
        """
        predicted = self.network.predict(self._features(data))
        names = self.encoder.class_names
        return predicted if names is None else np.array(names)[predicted]

    def predict_proba(self, data: str | Path | Table | npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the probability of each class, in the order of ``encoder.class_names``.

        Parameters
        ----------
        data : str or Path, Table, or array-like of shape (n_rows, n_features)
            As for `predict`.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
        """
        assert isinstance(self.network, NetworkClassifier)
        return self.network.predict_proba(self._features(data))

    def _features(self, data: str | Path | Table | npt.ArrayLike) -> npt.NDArray[Any]:
        if isinstance(data, (str, Path)):
            data = read_table(data)
        return self.encoder.features(data) if isinstance(data, Table) else np.asarray(data)
