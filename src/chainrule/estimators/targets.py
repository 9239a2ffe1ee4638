"""Class labels and the forms in which costs want them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from chainrule import nn
from chainrule._errors import InvalidArgumentError
from chainrule.estimators.costs import Task

__all__ = ["Labels"]


@dataclass(frozen=True)
class Labels:
    """The classes, and the way from labels to targets and back.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted; for indicator rows, the numbers of their columns.
    task : {"binary", "multiclass", "multilabel"}
        A single class counts as binary.
    """

    classes: npt.NDArray[Any]
    task: Task

    @classmethod
    def of(cls, y: Any) -> Labels:
        """Find the classes of labels of shape (n_samples,), or of indicator rows."""
        check_classification_targets(y)
        if type_of_target(y) == "multilabel-indicator":
            return cls(np.arange(np.shape(y)[1]), "multilabel")
        classes = np.unique(y)
        return cls(classes, "multiclass" if len(classes) > 2 else "binary")

    @property
    def n_outputs(self) -> int:
        """How many outputs tell the classes apart."""
        return 1 if self.task == "binary" else len(self.classes)

    def codes(self, y: Any) -> npt.NDArray[Any]:
        """Return the positions of labels among the classes.

        Raises
        ------
        InvalidArgumentError
            If a label is none of the classes.
        """
        codes = np.searchsorted(self.classes, y)
        if (self.classes[np.minimum(codes, len(self.classes) - 1)] != y).any():
            raise InvalidArgumentError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes}. 'y' has {unique_labels(y)}."
            )
        return codes

    def targets(
        self, y: Any, form: Literal["codes", "columns", "signs"], dtype: Any
    ) -> npt.NDArray[Any]:
        """Return labels in the form a cost wants."""
        if self.task == "multilabel":
            columns = LabelBinarizer().fit(y).transform(y).astype(dtype)
        else:
            codes = self.codes(y)
            if form == "codes":
                return codes
            if self.task == "binary":
                columns = codes[:, None].astype(dtype)
            else:
                columns = (codes[:, None] == np.arange(len(self.classes))).astype(dtype)
        return 2 * columns - 1 if form == "signs" else columns

    def weights(
        self,
        weight: npt.NDArray[Any] | None,
        y: Any,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None,
        dtype: Any,
    ) -> npt.NDArray[Any] | None:
        """Return the weights of samples, times those of their classes.

        Raises
        ------
        InvalidArgumentError
            If a weight is of an unknown class, or samples have several classes at once.
        """
        if class_weight is None:
            return weight
        if self.task == "multilabel":
            raise InvalidArgumentError(
                "class_weight: expected None for samples of several classes at once; weigh them "
                "with sample_weight."
            )
        codes = self.codes(y)
        if isinstance(class_weight, Mapping):
            by_sample = nn.weights_by_class(self.classes, class_weight)[codes]
        else:
            # By their weights, so that a weight of 2 is the same as the sample twice.
            counts = np.bincount(codes, weight, minlength=len(self.classes))
            present = counts > 0
            by_class = counts.sum() / (present.sum() * np.where(present, counts, 1.0))
            by_sample = by_class[codes]
        by_sample = by_sample.astype(dtype)
        return by_sample if weight is None else weight * by_sample

    def probabilities(
        self, output: npt.NDArray[Any], activation: Callable[[Any], Any]
    ) -> npt.NDArray[Any]:
        """Return a column of probabilities for each class, from logits."""
        if self.task != "binary":
            return np.asarray(activation(output))
        columns = np.hstack([nn.sigmoid(-output), nn.sigmoid(output)])
        return columns if len(self.classes) > 1 else np.ones_like(output)

    def log_probabilities(self, output: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the logarithms of the probabilities without computing these."""
        if self.task == "multiclass":
            return np.asarray(nn.log_softmax(output))
        if self.task == "multilabel":
            return -nn.softplus(-output)
        columns = np.hstack([-nn.softplus(output), -nn.softplus(-output)])
        return columns if len(self.classes) > 1 else np.zeros_like(output)

    def labels(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the labels that scores of shape (n_samples, n_outputs) speak for, above 0."""
        if self.task == "multilabel":
            return (scores > 0).astype(int)
        if self.task == "multiclass":
            return self.classes[scores.argmax(axis=1)]
        chosen = (scores[:, 0] > 0).astype(int)
        return self.classes[np.minimum(chosen, len(self.classes) - 1)]
