"""Models on plain arrays, trained from declared hyper-parameters.

All that `MLPClassifier` and `MLPRegressor` are but for scikit-learn's contract, which
`chainrule.estimators` adds: how hyper-parameters are declared, how a network and its cost are made
of them, how targets are encoded and data scaled, when training stops, and how it is explained.
Nothing here needs scikit-learn, so that the command line starts at once.
"""

from chainrule.models import names
from chainrule.models.classifier import NetworkClassifier
from chainrule.models.declaration import Declared, Hyperparameter, hyperparameters
from chainrule.models.explanation import Explanation, LayerExplanation
from chainrule.models.network import Network
from chainrule.models.regressor import NetworkRegressor

__all__ = [
    "Declared",
    "Explanation",
    "Hyperparameter",
    "LayerExplanation",
    "Network",
    "NetworkClassifier",
    "NetworkRegressor",
    "hyperparameters",
]

names.register_all()
