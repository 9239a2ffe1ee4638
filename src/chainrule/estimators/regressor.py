"""The multi-layer perceptron as a regressor."""

from __future__ import annotations

from typing import Any, Self

from sklearn.utils.metaestimators import available_if

from chainrule._errors import InvalidArgumentError
from chainrule.estimators.mlp import MultilayerPerceptron
from chainrule.estimators.scores import Regressor
from chainrule.models import NetworkRegressor

__all__ = ["MLPRegressor"]


class MLPRegressor(Regressor, NetworkRegressor, MultilayerPerceptron):
    """A multi-layer perceptron that predicts numbers.

    It takes the parameters of scikit-learn's class of this name and has its attributes, and more
    of both; where it differs, ``docs/estimators.md`` says so. Training is compiled: a second fit
    with data of the same shape starts at once.

    Attributes
    ----------
    model_ : chainrule.nn.Sequential
        The network.
    target_scaling_ : chainrule.nn.Standardize or None
        What the targets were standardized by, and predictions are brought back with.
    interval_coverage_ : dict of float to float, or None
        Which share of the validation samples is inside the intervals of some coverages.
    coefs_, intercepts_ : list of ndarray
        Weights (fan_in, fan_out) and biases (fan_out,) of each layer.
    history_ : chainrule.training.History
        What was measured epoch by epoch. Losses are of standardized targets.
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
        R² on the validation samples after every epoch, or minus the loss if it is not
        'squared_error' or 'poisson'.
    best_validation_score_ : float or None
    n_iter_ : int
        Epochs, or iterations with curvature, of the last fit.
    t_ : int
        Training samples seen.
    n_layers_, n_outputs_, n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has names that are strings.
    out_activation_ : str
        What makes predictions of the outputs: 'exp' for 'poisson', else 'identity'.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from chainrule.estimators import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = MLPRegressor(hidden_layer_sizes=(8,), alpha=10.0, max_iter=2000, random_state=0)
    >>> regressor.fit(X, y).score(X, y) > 0.5
    True
    """

    @available_if(lambda self: self._check_takes_steps())
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the network for one epoch on these samples, going on from where it is.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        if self.early_stopping:
            raise InvalidArgumentError("partial_fit does not support early_stopping=True")
        return self._fit(X, y, sample_weight, None, incremental=True)

    def __sklearn_tags__(self) -> Any:
        """Say that several targets are taken, and none below 0 by 'poisson'."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
