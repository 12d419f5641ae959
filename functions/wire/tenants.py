"""What tenants and their usage look like on the wire."""

from dataclasses import asdict
from typing import Any

from shared.domain.standings import Summary
from shared.domain.tenants import Tenant
from shared.domain.usage import Usage


def tenant(value: Tenant) -> dict[str, Any]:
    return {
        "id": value.id,
        "created_at": value.created_at,
        **asdict(value.standing),
        "settings": value.settings.to_json(),
        "ceiling": value.ceiling.to_json(),
    }


def usage(value: Usage) -> dict[str, Any]:
    return asdict(value)


def tenant_summary(value: Summary) -> dict[str, Any]:
    return asdict(value)
