"""What leads from one response to the next request: OpenAPI links, made of the route table."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from functions.routes.route import Route
from functions.routes.table import ROUTES
from quantum.contract.executions import Execution, ExecutionAccepted
from quantum.contract.intents import Intent
from quantum.contract.members import Member
from quantum.contract.policies import Policy
from quantum.contract.schedules import Schedule
from quantum.contract.subscriptions import Subscription
from quantum.contract.tenants import Tenant

_PARAMETER = re.compile(r"\{(\w+)\}")
_EXECUTION = ("v1/executions/{id}", {"id": "execution_id"})
_RESOURCES: Mapping[type[BaseModel], tuple[str, Mapping[str, str]]] = {
    Intent: ("v1/intents/{", {"id": "name", "name": "name", "version": "version"}),
    Execution: _EXECUTION,
    ExecutionAccepted: _EXECUTION,
    Policy: ("v1/policies/{name}", {"name": "name"}),
    Schedule: ("v1/schedules/{name}", {"name": "name"}),
    Subscription: ("v1/subscriptions/{name}", {"name": "name"}),
    Member: ("v1/members/{user}", {"user": "user"}),
    Tenant: ("v1/tenants/{id}", {"id": "id"}),
}
"""Of a model of responses: where the paths of its resource begin, and which fields are their parameters."""


def following(route: Route) -> Sequence[Route]:
    """The routes to what a success of ``route`` has shown, as far as it shows all that their paths name."""
    resource = _RESOURCES.get(route.response) if route.response else None
    if resource is None:
        return []
    prefix, fields = resource
    return [
        other
        for other in ROUTES
        if other.path.startswith(prefix) and fields.keys() >= set(_PARAMETER.findall(other.path))
    ]


def links() -> Mapping[str, Any]:
    """Every link there is, by the name of the route it leads to."""
    return {
        other.name: _link(other, _RESOURCES[route.response][1])
        for route in ROUTES
        if route.response is not None
        for other in following(route)
    }


def _link(route: Route, fields: Mapping[str, str]) -> dict[str, Any]:
    parameters = {
        f"path.{name}": f"$response.body#/{field}"
        for name, field in fields.items()
        if f"{{{name}}}" in route.path
    }
    if 428 in route.problems:
        parameters["header.If-Match"] = "$response.header.ETag"
    return {"operationId": route.name, "parameters": parameters}
