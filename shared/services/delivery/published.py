"""What consumers of the hub are given, as events of tenants."""

import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson

from shared.security.scope import TenantScope

SMALL: Final = 4096
"""Bytes of an event up to which it is remembered once it has been read."""
REMEMBERED: Final = 2048
"""How many of them are."""

_TEXTS: Final = ("id", "source", "type", "time")

_log = logging.getLogger(__name__)


def published(bodies: Sequence[bytes]) -> list[tuple[TenantScope, Mapping[str, Any]]]:
    """The events in ``bodies`` (CloudEvents in structured mode) that this platform published, in order.

    Whatever else is in the hub is told of in the log, and holds nobody up.
    """
    found: list[tuple[TenantScope, Mapping[str, Any]]] = []
    for body in bodies:
        try:
            found.append(_read_once(body) if len(body) <= SMALL else _read(body))
        except (ValueError, LookupError, TypeError) as error:
            _log.error("the hub has an event that is none of this platform's: %s", error)
    return found


def _read(body: bytes) -> tuple[TenantScope, Mapping[str, Any]]:
    event = orjson.loads(body)
    for field in _TEXTS:
        if not isinstance(event[field], str):
            raise TypeError(f"its {field} is not a text")
    return TenantScope(event["data"]["tenant_id"]), event


_read_once = lru_cache(REMEMBERED)(_read)
"""For the consumer groups of one process, to each of which the same events come at about the same time."""
