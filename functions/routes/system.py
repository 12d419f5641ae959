"""The HTTP routes of the platform itself; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.health import Health

HEALTH = Route(
    name="health",
    method="GET",
    path="v1/health",
    summary="Is the platform alive?",
    operation=None,
    response=Health,
)
READY = Route(
    name="health_ready",
    method="GET",
    path="v1/health/ready",
    summary="Can the platform work? With each dependency",
    operation=None,
    response=Health,
    durable=True,
)
OPENAPI = Route(
    name="openapi",
    method="GET",
    path="v1/openapi.json",
    summary="This contract, as OpenAPI 3.1",
    operation=None,
    response=None,
)
DOCS = Route(
    name="docs",
    method="GET",
    path="v1/docs",
    summary="This contract, as a page to read",
    operation=None,
    response=None,
)

UNKNOWN = Route(
    name="unknown_route",
    method="*",
    path="{*rest}",
    summary="What no other route answers",
    operation=None,
    response=None,
)
"""Not of the contract: it says 404 or 405 where the Functions host would answer without a body."""
