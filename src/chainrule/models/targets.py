"""Class labels and the forms in which costs want them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from chainrule import nn
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.models.costs import Form, Task

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
        """Find the classes of labels of shape (n_samples,), or of indicator rows.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        if np.ndim(y) == 2:
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
                f"`self.classes_` has {self.classes}. 'y' has {np.unique(y)}."
            )
        return codes

    def check_same(self, y: npt.NDArray[Any]) -> None:
        """Raise `InvalidArgumentError` if labels for a warm start have other classes."""
        if set(np.unique(y)) != set(self.classes):
            raise InvalidArgumentError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes}, `y` has {np.unique(y)}"
            )

    def targets(self, y: Any, form: Form, dtype: Any) -> npt.NDArray[Any]:
        """Return labels in the form a cost wants.

        Raises
        ------
        ShapeError
            If there are not as many labels per sample as in training.
        InvalidArgumentError
            If a label is none of the classes, or indicator rows have other numbers than 0 and 1.
        """
        several = (len(self.classes),) if self.task == "multilabel" else ()
        if np.shape(y)[1:] != several:
            expected = f"(n_samples, {several[0]})" if several else "(n_samples,)"
            raise ShapeError(f"y: expected shape {expected}, as in training, got {np.shape(y)}.")
        if several:
            y = np.asarray(y)
            if not np.isin(y, (0, 1)).all():
                raise InvalidArgumentError(
                    "y: expected rows of 0 and 1, a column for each label, got also "
                    f"{y[~np.isin(y, (0, 1))][0]}; for columns of several classes, fit one "
                    "classifier for each, as sklearn.multioutput.MultiOutputClassifier does."
                )
            columns = y.astype(dtype)
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
        if weight is not None:
            by_sample = weight * by_sample
        if not by_sample.any():
            raise InvalidArgumentError(
                "class_weight: expected a weight above 0 for one of the classes at least, got "
                f"{class_weight!r}, which leaves no sample that counts."
            )
        return by_sample

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
