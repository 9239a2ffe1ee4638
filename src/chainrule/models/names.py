"""The names of models in files."""

from __future__ import annotations

from chainrule.models.building import inverse_scaling_by_samples
from chainrule.models.classifier import NetworkClassifier
from chainrule.models.regressor import NetworkRegressor
from chainrule.models.targets import Labels
from chainrule.saving import register

__all__ = ["register_all"]


def register_all() -> None:
    """Enter the names."""
    register("models.Labels")(Labels)
    register("models.NetworkClassifier")(NetworkClassifier)
    register("models.NetworkRegressor")(NetworkRegressor)
    register("models.inverse_scaling_by_samples")(inverse_scaling_by_samples)
