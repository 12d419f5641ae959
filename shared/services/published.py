"""What consumers of the hub are given, as events of tenants."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from shared.security.scope import TenantScope

_TEXTS = ("id", "source", "type", "time")

_log = logging.getLogger(__name__)


def published(bodies: Sequence[bytes]) -> list[tuple[TenantScope, Mapping[str, Any]]]:
    """The events in ``bodies`` (CloudEvents in structured mode) that this platform published, in order.

    Whatever else is in the hub is told of in the log, and holds nobody up.
    """
    found: list[tuple[TenantScope, Mapping[str, Any]]] = []
    for body in bodies:
        try:
            event = orjson.loads(body)
            for field in _TEXTS:
                if not isinstance(event[field], str):
                    raise TypeError(f"its {field} is not a text")  # noqa: TRY301 - one way out
            found.append((TenantScope(event["data"]["tenant_id"]), event))
        except (ValueError, LookupError, TypeError) as error:
            _log.error("the hub has an event that is none of this platform's: %s", error)
    return found
