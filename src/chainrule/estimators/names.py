"""The names of the estimators in files, and of what scikit-learn adds to them."""

from __future__ import annotations

from typing import Any

from sklearn.utils.metadata_routing import MetadataRequest

from chainrule.estimators.classifier import MLPClassifier
from chainrule.estimators.linear import LinearRegression
from chainrule.estimators.logistic import LogisticRegression
from chainrule.estimators.perceptron import Perceptron
from chainrule.estimators.regressor import MLPRegressor
from chainrule.saving.registry import Parts, register

__all__ = ["register_all"]


def _requests_of(request: Any) -> dict[str, Any]:
    methods = {name: part for name, part in vars(request).items() if name != "owner"}
    requests = {name: dict(part.requests) for name, part in methods.items() if part.requests}
    # The owner is shown in messages, and would be the estimator that the request is a part of.
    owner = request.owner if isinstance(request.owner, str) else type(request.owner).__name__
    return {"owner": owner, "requests": requests}


def _with_requests(cls: Any, parts: dict[str, Any]) -> Any:
    request = cls(owner=parts["owner"])
    for method, requests in parts["requests"].items():
        for param, alias in requests.items():
            getattr(request, method).add_request(param=param, alias=alias)
    return request


def register_all() -> None:
    """Enter the names."""
    register("estimators.LinearRegression")(LinearRegression)
    register("estimators.LogisticRegression")(LogisticRegression)
    register("estimators.MLPClassifier")(MLPClassifier)
    register("estimators.MLPRegressor")(MLPRegressor)
    register("estimators.MetadataRequest", Parts(_requests_of, _with_requests))(MetadataRequest)
    register("estimators.Perceptron")(Perceptron)
