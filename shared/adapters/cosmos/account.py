"""What the adapter is made of: where the database is, and who measures."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.metrics import REQUEST_UNITS
from shared.ports.telemetry import Attributes, Telemetry

type RequestUnits = Callable[[str, str, str, float], None]
"""Told of every answer: tenant, operation (read, query, transact, changes), container, request units."""


def metered(telemetry: Telemetry) -> RequestUnits:
    """Request units as a metric."""

    def record(tenant_id: str, operation: str, container: str, units: float) -> None:
        about: Attributes = {"tenant_id": tenant_id, "operation": operation, "container": container}
        telemetry.record(REQUEST_UNITS, units, about)

    return record


@dataclass(frozen=True, slots=True)
class Account:
    """Where the database is and who asks.

    With ``key``, the account's key; without, a managed identity: the user-assigned one of the client id
    ``identity``, or the system's.
    """

    endpoint: str
    database: str
    key: str | None = None
    identity: str | None = None
