"""What the adapter is made of: where the database is, and who measures."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from shared.domain.metrics import REQUEST_UNITS
from shared.ports.telemetry import Attributes, Telemetry

type RequestUnits = Callable[[str, str, str, float], None]
"""Told of every answer: tenant, operation (read, query, transact, changes), container, request units."""

type Transport = Callable[[], Any]
"""Makes the SDK's way to the account for a client: an ``AsyncHttpTransport`` of azure-core."""


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
    key: str | None = field(default=None, repr=False)
    identity: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be right.

        Raises:
            ValueError: the endpoint is no address, or the key is not an account's.
        """
        parts = urlsplit(self.endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                f"{self.endpoint!r} is no address of an account: https://<name>.documents.azure.com"
            )
        try:
            base64.b64decode(self.key or "", validate=True)
        except binascii.Error as error:
            raise ValueError("the key is not an account's: it is not base64") from error
