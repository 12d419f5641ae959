"""What intents look like on the wire."""

from collections.abc import Mapping
from typing import Any

from functions.wire.pages import page
from functions.wire.paths import intent_path
from shared.domain.diffs import Diff
from shared.domain.intents import Deprecation, Facet, Intent
from shared.domain.times import parse_rfc3339


def intent(value: Intent) -> dict[str, Any]:
    return {
        "id": value.id,
        "name": value.name,
        "version": value.version,
        "tenant_id": value.tenant_id,
        "description": value.description,
        "labels": value.labels,
        "status": value.status,
        "definition": value.definition,
        "content_hash": value.content_hash,
        "created_at": value.created_at,
        "created_by": value.created_by,
        "message": value.message,
        "active_version": value.active_version,
        "latest_version": value.latest_version,
        "updated_at": value.updated_at,
        "deprecated_at": value.deprecated_at,
        "successor": value.successor,
        **({"warnings": [one.to_json() for one in value.warnings]} if value.warnings else {}),
    }


def intent_page(
    items: list[dict[str, Any]], next_cursor: str | None, facets: Mapping[str, Facet]
) -> dict[str, Any]:
    """A page of intents; facets are in it only if they were asked for."""
    counted = {
        name: {
            "values": [{"value": value, "count": count} for value, count in facet.values],
            "more": facet.more,
        }
        for name, facet in facets.items()
    }
    return page(items, next_cursor) | ({"facets": counted} if counted else {})


def deprecation(value: Deprecation | None) -> dict[str, str]:
    """The headers that say so of a deprecated intent (RFC 9745; RFC 5829, section 3.2)."""
    if value is None:
        return {}
    headers = {"Deprecation": f"@{int(parse_rfc3339(value.since).timestamp())}"}
    if value.successor:
        headers["Link"] = f'<{intent_path(value.successor)}>; rel="successor-version"'
    return headers


def version(value: Intent) -> dict[str, Any]:
    """A version in its intent's history: all but the definition."""
    return {
        "id": value.id,
        "name": value.name,
        "version": value.version,
        "state": value.state,
        "content_hash": value.content_hash,
        "message": value.message,
        "created_at": value.created_at,
        "created_by": value.created_by,
    }


def diff(value: Diff) -> dict[str, Any]:
    return {
        "name": value.name,
        "from": value.old,
        "to": value.new,
        "patch": value.patch,
        "text": "\n".join(value.lines),
    }
