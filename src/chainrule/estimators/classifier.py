"""The multi-layer perceptron as a classifier."""

from __future__ import annotations

from typing import Any, Self

from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call

from chainrule._errors import InvalidArgumentError
from chainrule.estimators.mlp import MultilayerPerceptron
from chainrule.estimators.scores import Classifier
from chainrule.models import NetworkClassifier

__all__ = ["MLPClassifier"]


class MLPClassifier(Classifier, NetworkClassifier, MultilayerPerceptron):
    """A multi-layer perceptron that tells classes apart.

    It takes the parameters of scikit-learn's class of this name and has its attributes, and more
    of both; where it differs, ``docs/estimators.md`` says so. Training is compiled: a second fit
    with data of the same shape starts at once.

    Attributes
    ----------
    model_ : chainrule.nn.Sequential
        The network; its outputs are logits.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; for indicator rows, the numbers of their columns.
    coefs_, intercepts_ : list of ndarray
        Weights (fan_in, fan_out) and biases (fan_out,) of each layer.
    history_ : chainrule.training.History
        What was measured epoch by epoch.
    message_ : str
        Why training ended, and which epoch's weights are kept.
    best_epoch_ : int
        The epoch of the last fit whose weights are kept, from 1; 0 for those it began with.
    loss_ : float
        The training loss, with penalties, of the weights that are kept.
    best_loss_ : float or None
        The lowest training loss; None where there are validation scores.
    loss_curve_ : list of float
        The training loss, with penalties, after every epoch.
    validation_scores_ : list of float or None
        The accuracy on the validation samples after every epoch.
    best_validation_score_ : float or None
    n_iter_ : int
        Epochs, or iterations with curvature, of the last fit.
    t_ : int
        Training samples seen.
    n_layers_, n_outputs_, n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has names that are strings.
    out_activation_ : str
        What makes probabilities of the outputs: 'softmax', 'logistic', or 'identity' if nothing.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from chainrule.estimators import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((8,), solver="newton-cg", alpha=1.0, random_state=0).fit(X, y)
    >>> classifier.predict(X[:3]), classifier.score(X, y) > 0.95
    (array([0, 0, 0]), True)
    """

    @available_if(lambda self: self._check_takes_steps())
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train the network for one epoch on these samples, going on from where it is.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : array-like of shape (n_samples,), optional
        classes : array-like of shape (n_classes,), optional
            All labels there will be; needed in the first call.

        Returns
        -------
        self

        Raises
        ------
        InvalidArgumentError
            If y has a label that is none of the classes.
        """
        if self.early_stopping:
            raise InvalidArgumentError("partial_fit does not support early_stopping=True")
        _check_partial_fit_first_call(self, classes)
        return self._fit(X, y, sample_weight, None, incremental=True)

    def _check_probabilities(self) -> bool:
        learned_margins = getattr(self, "out_activation_", None) == "identity"
        if learned_margins or self.loss in ("hinge", "perceptron"):
            raise AttributeError("A margin loss, such as 'hinge', gives no probabilities.")
        return True

    predict_proba = available_if(_check_probabilities)(NetworkClassifier.predict_proba)
    predict_log_proba = available_if(_check_probabilities)(NetworkClassifier.predict_log_proba)

    def __sklearn_tags__(self) -> Any:
        """Say that rows of several labels are taken."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
